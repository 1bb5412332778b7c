//! How long every text and how many items every list of a request may be: one table, read off the wire before anything is
//! made of the message. `docs/limits.md` shows it; a test walks the descriptors, so that no field can be without one.

mod table;

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use prost::encoding::{WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{Kind, MessageDescriptor};

use super::pb::POOL;
use crate::domain::check::{Checker, Invalid, Violation};
pub use table::{BODIES, LIMITS};

/// The most characters of a text, or of each text of a list, and the most items of a list; 0 where there is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub chars: u32,
    pub items: u32,
}

/// The most characters of a key of a map.
const KEY: u32 = 200;
/// What is shorter on the wire than every limit needs no look.
const HARMLESS: usize = 40;
/// As deep as messages are decoded.
const MAX_DEPTH: usize = 100;
/// The most violations that are told of one request.
const MOST: usize = 100;
/// The most lists that one message has.
const MAX_LISTS: usize = 16;

/// A message as the check sees it.
struct Shape {
    /// The most bytes of the whole.
    bytes: usize,
    /// By number; few, so that looking through them is fastest.
    fields: Vec<Field>,
}

struct Field {
    number: u32,
    name: String,
    limit: Limit,
    /// The place of its count, for a list or map.
    list: Option<usize>,
    /// Whether it is a list of numbers, which stand in one piece or each by itself.
    numbers: bool,
    /// The place of the shape of what it holds.
    inner: Option<usize>,
    /// Whether its items are looked at one by one, elsewhere: each has its own answer.
    apart: bool,
}

/// The requests whose items are answered one by one, with the field that holds them.
const APART: [(&str, &str); 2] = [("ScoreLeadsRequest", "request"), ("BatchUpsertLeadsRequest", "items")];

struct Shapes {
    all: Vec<Shape>,
    by_name: HashMap<String, usize>,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let limits: HashMap<&str, Limit> = LIMITS.iter().copied().collect();
    let mut shapes = Shapes { all: Vec::new(), by_name: HashMap::new() };
    for service in POOL.services() {
        for method in service.methods() {
            shapes.note(&method.input(), &limits);
        }
    }
    shapes
});

impl Shapes {
    fn note(&mut self, message: &MessageDescriptor, limits: &HashMap<&str, Limit>) -> usize {
        let name = message.full_name().to_owned();
        if let Some(known) = self.by_name.get(&name) {
            return *known;
        }
        let place = self.all.len();
        self.by_name.insert(name, place);
        let body = BODIES.iter().find(|(name, _)| *name == message.name());
        self.all.push(Shape { bytes: body.map_or(usize::MAX, |(_, bytes)| *bytes), fields: Vec::new() });
        let mut lists = 0;
        let mut fields = Vec::new();
        for field in message.fields() {
            let is_list = field.is_list() || field.is_map();
            let list = is_list.then(|| {
                lists += 1;
                lists - 1
            });
            let inner = match field.kind() {
                Kind::Message(inner) => Some(self.note(&inner, limits)),
                _ => None,
            };
            let key = is_map_text(message, field.name());
            let own = limits.get(key_of(message, field.name()).as_str());
            let limit = own.or_else(|| limits.get(format!("*.{}", field.name()).as_str())).copied();
            fields.push(Field {
                number: field.number(),
                name: field.name().to_owned(),
                limit: limit.unwrap_or(if key {
                    Limit { chars: KEY, items: 0 }
                } else {
                    Limit { chars: 0, items: 0 }
                }),
                list: list.filter(|list| *list < MAX_LISTS),
                numbers: field.is_list() && field.is_packed(),
                inner,
                apart: APART.contains(&(message.name(), field.name())),
            });
        }
        self.all[place].fields = fields;
        place
    }
}

/// How the table calls a field.
fn key_of(message: &MessageDescriptor, field: &str) -> String {
    // The entries of a map are called like the map.
    format!("{}.{field}", message.full_name().trim_start_matches("assay.v1."))
}

/// Whether a field is the key or the plain value of a map's entry.
fn is_map_text(message: &MessageDescriptor, field: &str) -> bool {
    message.is_map_entry() && matches!(field, "key" | "value")
}

/// A step of a path, told only when something is wrong.
#[derive(Clone, Copy)]
struct Step<'s> {
    field: &'s Field,
    item: Option<u32>,
}

struct Walk<'s> {
    path: Vec<Step<'s>>,
    found: Vec<Violation>,
}

/// Refuses a request in which a text or a list is too long: all violations, with their fields.
pub fn check_request<M: prost::Name + 'static>(bytes: &[u8]) -> Result<(), Invalid> {
    let found = if bytes.len() > HARMLESS { violations_of(shape_of::<M>(), bytes) } else { Vec::new() };
    if found.is_empty() { Ok(()) } else { Err(Invalid(found)) }
}

/// The place of a message's shape. By its type, since finding it by its name would cost more than the check.
fn shape_of<M: prost::Name + 'static>() -> Option<usize> {
    thread_local! {
        static KNOWN: RefCell<HashMap<TypeId, Option<usize>>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        let find = || SHAPES.by_name.get(&M::full_name()).copied();
        *known.entry(TypeId::of::<M>()).or_insert_with(find)
    })
}

/// Notes what is too long in a part of a request that is answered by itself.
pub fn check_item<M: prost::Name + 'static>(c: &mut Checker, message: &M) {
    if message.encoded_len() > HARMLESS {
        for Violation { field, description } in violations_of(shape_of::<M>(), &message.encode_to_vec()) {
            c.wrong_field(field, description);
        }
    }
}

fn violations_of(shape: Option<usize>, bytes: &[u8]) -> Vec<Violation> {
    let shapes = &*SHAPES;
    let Some(shape) = shape else { return Vec::new() };
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    walk.message(shapes, &shapes.all[shape], bytes);
    walk.found
}

impl<'s> Walk<'s> {
    /// Looks through a message. What can't be read is left to the decoder.
    fn message(&mut self, shapes: &'s Shapes, shape: &'s Shape, mut bytes: &[u8]) {
        let mut counts = [0u32; MAX_LISTS];
        if bytes.len() > shape.bytes {
            let description = format!("takes {} bytes, at most {} are allowed", bytes.len(), shape.bytes);
            self.found.push(Violation { field: self.path_to(None), description });
            return;
        }
        while !bytes.is_empty() && self.path.len() < MAX_DEPTH && self.found.len() < MOST {
            let Ok((number, wire)) = decode_key(&mut bytes) else { return };
            if wire != WireType::LengthDelimited {
                let Ok(()) = skip_field(wire, number, &mut bytes, Default::default()) else { return };
                if let Some(field) = shape.fields.iter().find(|field| field.number == number && field.numbers)
                {
                    self.count(field, &mut counts, 1);
                }
                continue;
            }
            let length = decode_varint(&mut bytes).ok().and_then(|length| usize::try_from(length).ok());
            let Some((content, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else {
                return;
            };
            bytes = rest;
            let Some(field) = shape.fields.iter().find(|field| field.number == number) else { continue };
            if field.numbers {
                // Each number ends with a byte whose highest bit is not set.
                self.count(field, &mut counts, content.iter().filter(|byte| **byte < 0x80).count());
                continue;
            }
            let item = self.count(field, &mut counts, 1);
            match field.inner {
                Some(inner) if !field.apart => {
                    self.path.push(Step { field, item });
                    self.message(shapes, &shapes.all[inner], content);
                    self.path.pop();
                }
                Some(_) => {}
                None => self.text(field, item, content),
            }
        }
    }

    /// Counts items of a list; gives the place of the first of them.
    fn count(&mut self, field: &'s Field, counts: &mut [u32; MAX_LISTS], items: usize) -> Option<u32> {
        let (before, most) = (counts[field.list?], field.limit.items);
        let now = before.saturating_add(u32::try_from(items).unwrap_or(u32::MAX));
        counts[field.list?] = now;
        if most > 0 && before <= most && now > most {
            self.wrong(field, None, format!("has more than {most} items"));
        }
        Some(before)
    }

    fn text(&mut self, field: &'s Field, item: Option<u32>, content: &[u8]) {
        let most = field.limit.chars as usize;
        if most == 0 || content.len() <= most {
            return;
        }
        // Characters begin with every byte that does not go on with one.
        let chars = content.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
        if chars > most {
            self.wrong(field, item, format!("has {chars} characters, at most {most} are allowed"));
        }
    }

    fn wrong(&mut self, field: &'s Field, item: Option<u32>, description: String) {
        let field = self.path_to(Some(Step { field, item }));
        self.found.push(Violation { field, description });
    }

    fn path_to(&self, last: Option<Step>) -> String {
        let mut path = String::new();
        for step in self.path.iter().copied().chain(last) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&step.field.name);
            if let Some(item) = step.item {
                path.push_str(&format!("[{item}]"));
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_reflect::{Cardinality, DynamicMessage, Value};

    use super::*;
    use crate::grpc::pb;

    fn violations(name: &str, bytes: &[u8]) -> Vec<Violation> {
        violations_of(SHAPES.by_name.get(name).copied(), bytes)
    }

    /// The texts and lists of all requests, as the table calls them.
    fn fields() -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut found = BTreeSet::new();
        let mut left: Vec<MessageDescriptor> = POOL
            .services()
            .flat_map(|service| service.methods().map(|m| m.input()).collect::<Vec<_>>())
            .collect();
        while let Some(message) = left.pop() {
            if !seen.insert(message.full_name().to_owned()) {
                continue;
            }
            for field in message.fields() {
                if let Kind::Message(inner) = field.kind() {
                    left.push(inner);
                }
                let is_text = matches!(field.kind(), Kind::String | Kind::Bytes);
                let is_list = field.cardinality() == Cardinality::Repeated;
                if (is_text || is_list) && !message.is_map_entry() {
                    found.insert(key_of(&message, field.name()));
                }
            }
        }
        found
    }

    #[test]
    fn every_text_and_list_of_every_request_has_a_limit() {
        let known: BTreeSet<String> = LIMITS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known.len(), LIMITS.len(), "a field stands twice");
        let anywhere = |field: &str| format!("*.{}", field.rsplit('.').next().unwrap());
        let fields = fields();
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !known.contains(*field) && !known.contains(&anywhere(field)))
            .collect();
        let used: BTreeSet<String> =
            fields.iter().map(|field| anywhere(field)).chain(fields.clone()).collect();
        // The values of a map that are longer than its keys may be.
        let of_map = |name: &&String| name.ends_with("Entry.value");
        let stale: Vec<_> = known.difference(&used).filter(|name| !of_map(name)).collect();
        assert!(
            missing.is_empty() && stale.is_empty(),
            "without a limit: {missing:#?}, no fields: {stale:#?}"
        );
    }

    /// Each limit is met: a message with one text or list beyond it is refused, and one at the limit is not.
    #[test]
    fn every_limit_is_kept() {
        for (name, limit) in LIMITS {
            let (message, field) = name.rsplit_once('.').unwrap();
            // A row for every message is tried on one that has such a field.
            let fields = fields();
            let of_any =
                fields.iter().filter_map(|name| name.rsplit_once('.')).find(|(_, known)| *known == field);
            let message = if message == "*" { of_any.unwrap().0 } else { message };
            let full = if message.starts_with("google.") {
                message.to_owned()
            } else {
                format!("assay.v1.{message}")
            };
            let descriptor = POOL.get_message_by_name(&full).unwrap_or_else(|| panic!("{full}"));
            let field = descriptor.get_field_by_name(field).unwrap();
            let text = |chars: u32| Value::String("é".repeat(chars as usize));
            let made = |value: Value| {
                let mut message = DynamicMessage::new(descriptor.clone());
                message.set_field(&field, value);
                violations(&full, &message.encode_to_vec())
            };
            let element = |chars| match field.kind() {
                Kind::Message(inner) => Value::Message(DynamicMessage::new(inner)),
                Kind::Enum(_) => Value::EnumNumber(1),
                _ => text(chars),
            };
            if APART.contains(&(descriptor.name(), field.name())) {
                continue;
            }
            if field.is_map() {
                let entries = |count: u32| {
                    let Kind::Message(entry) = field.kind() else { panic!("{name}") };
                    let value = |i: u32| match entry.map_entry_value_field().kind() {
                        Kind::Message(inner) => Value::Message(DynamicMessage::new(inner)),
                        Kind::Double => Value::F64(f64::from(i)),
                        _ => Value::String("x".into()),
                    };
                    Value::Map(
                        (0..count)
                            .map(|i| (prost_reflect::MapKey::String(i.to_string()), value(i)))
                            .collect(),
                    )
                };
                assert_eq!(made(entries(limit.items)), [], "{name}");
                assert_eq!(made(entries(limit.items + 1)).len(), 1, "{name}");
            } else if field.is_list() {
                let list = |count: u32, chars| Value::List(vec![element(chars); count as usize]);
                assert_eq!(made(list(limit.items, 1)), [], "{name}");
                assert_eq!(made(list(limit.items + 1, 1)).len(), 1, "{name}");
                if limit.chars > 0 {
                    assert_eq!(made(list(1, limit.chars + 1)).len(), 1, "{name}");
                }
            } else {
                assert_eq!(made(text(limit.chars)), [], "{name}");
                assert_eq!(made(text(limit.chars + 1)).len(), 1, "{name}");
            }
        }
    }

    #[test]
    fn a_violation_names_its_place() {
        let contact = |title: &str| pb::Contact { title: title.into(), ..Default::default() };
        let contacts = pb::ContactList { contacts: vec![contact("x"), contact(&"x".repeat(5_000))] };
        let lead = pb::Lead { contacts: Some(contacts), ..Default::default() };
        let request = pb::CreateLeadRequest { lead: Some(lead), ..Default::default() };
        let found = violations("assay.v1.CreateLeadRequest", &request.encode_to_vec());
        assert_eq!(found[0].field, "lead.contacts.contacts[1].title");
        let contacts = pb::ContactList { contacts: vec![contact(&"x".repeat(900)); 1_000] };
        let value = pb::TextList { values: vec!["x".repeat(3_000); 100] };
        let value = Some(pb::Value { kind: Some(pb::value::Kind::List(value)) });
        let mut lead = pb::Lead { contacts: Some(contacts), ..Default::default() };
        lead.attributes.insert("a".into(), pb::FactValue { value, ..Default::default() });
        let request = pb::CreateLeadRequest { lead: Some(lead), ..Default::default() };
        let found = violations("assay.v1.CreateLeadRequest", &request.encode_to_vec());
        assert_eq!(found.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["lead"]);
    }

    /// The page shows the table as it is; write it anew with `UPDATE_DOCS=1 cargo test limits`.
    #[test]
    fn the_page_of_limits_shows_the_table() {
        let mut page = String::from(
            "# Limits\n\nEvery text and list of every request has a limit; what is longer is refused with INVALID_FIELDS and the field's path.\n\
             Keys of maps have 200 characters at most. A request has 16 MiB at most, a lead to score 4 MiB, and 64 MiB when it is decoded.\n\n\
             | message | field | items | characters each |\n|---|---|--:|--:|\n",
        );
        for (name, bytes) in BODIES {
            page += &format!("| {name} | the whole: {bytes} bytes | | |\n");
        }
        for (name, Limit { chars, items }) in LIMITS {
            let (message, field) = name.rsplit_once('.').unwrap();
            let shown = |n: u32| if n == 0 { String::new() } else { n.to_string() };
            page += &format!("| {message} | `{field}` | {} | {} |\n", shown(*items), shown(*chars));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/limits.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            page,
            "run UPDATE_DOCS=1 cargo test limits"
        );
    }
}
