//! Field masks: which fields of a resource an update changes.

use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};
use prost_types::FieldMask;

use super::pb::POOL;
use crate::domain::check::{Checker, Draft, Invalid};
use crate::domain::text::suggestion;

/// The descriptor of a message of `assay.v1`.
fn descriptor(message: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(&format!("assay.v1.{message}"))
}

/// The most paths that a mask may have.
const MAX_PATHS: usize = 1_000;

/// Checks that every path of a mask names a field of `message`.
pub fn check(c: &mut Checker, message: &str, mask: Option<&FieldMask>) {
    let Some(descriptor) = descriptor(message) else { return };
    let paths = mask.map_or(&[][..], |mask| &mask.paths);
    c.count("update_mask.paths", paths.len(), MAX_PATHS);
    c.each("update_mask.paths", paths.iter().take(MAX_PATHS), |c, path| {
        if path != "*"
            && let Err(problem) = walk(&descriptor, path)
        {
            c.wrong(problem);
        }
    });
}

fn walk(descriptor: &MessageDescriptor, path: &str) -> Result<(), String> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(field) = descriptor.get_field_by_name(name) else {
        let names: Vec<String> = descriptor.fields().map(|field| field.name().to_owned()).collect();
        let help = suggestion(name, names.iter().map(String::as_str));
        return Err(format!("\"{name}\" is not a field of {}; {help}", descriptor.name()));
    };
    match (rest, field.kind()) {
        (None, _) => Ok(()),
        (Some(key), Kind::Message(entry)) if field.is_map() && !key.is_empty() => {
            let plain = !matches!(entry.map_entry_value_field().kind(), Kind::Message(_));
            match plain || !key.contains('.') {
                true => Ok(()),
                false => Err(format!("\"{name}\" can be masked by its keys, not below them")),
            }
        }
        (Some(rest), Kind::Message(inner)) if !field.is_list() && !field.is_map() => walk(&inner, rest),
        _ => Err(format!("\"{name}\" has no parts that a mask can name")),
    }
}

/// The fields that are set in a message, as the paths of a mask: entries of maps one by one, and the parts of the fields
/// in `taken_apart`.
pub fn known_paths<M: prost::Message>(of: &M, message: &str, taken_apart: &[&str]) -> Vec<String> {
    let bytes = of.encode_to_vec();
    let decoded = descriptor(message).and_then(|known| DynamicMessage::decode(known, bytes.as_slice()).ok());
    let mut paths = Vec::new();
    for (field, value) in decoded.iter().flat_map(DynamicMessage::fields) {
        let name = field.name();
        match value {
            Value::Map(entries) => {
                paths.extend(entries.keys().filter_map(|key| Some(format!("{name}.{}", key.as_str()?))));
            }
            Value::Message(inner) if taken_apart.contains(&name) => {
                paths.extend(inner.fields().map(|(part, _)| format!("{name}.{}", part.name())));
            }
            _ => paths.push(name.to_owned()),
        }
    }
    paths
}

/// What an update makes of a resource: its message with the fields of the mask replaced, read by `read`.
pub fn edit<M, T>(
    message: &str,
    root: &str,
    current: M,
    update: &M,
    mask: Option<&FieldMask>,
    read: impl FnOnce(&mut Checker, M) -> T,
) -> Draft<T>
where
    M: prost::Message + Default + Clone,
{
    let mut c = Checker::at(root);
    let merged = apply(message, &current, update, mask).unwrap_or_else(|invalid| {
        invalid.0.into_iter().for_each(|violation| c.wrong(violation.description));
        current
    });
    let content = read(&mut c, merged);
    c.draft(content)
}

/// `current` with the fields of the mask taken from `update`. `*` takes all of them; without a mask, those that are set
/// (AIP-134).
pub fn apply<M>(message: &str, current: &M, update: &M, mask: Option<&FieldMask>) -> Result<M, Invalid>
where
    M: prost::Message + Default + Clone,
{
    let paths = mask.map_or(&[][..], |mask| &mask.paths);
    if paths.iter().any(|path| path == "*") {
        return Ok(update.clone());
    }
    let fail =
        |error: &dyn std::fmt::Display| Invalid::one("update_mask", format!("can't be applied: {error}"));
    let descriptor = descriptor(message).ok_or_else(|| fail(&"the message is unknown"))?;
    let dynamic = |message: &M| {
        DynamicMessage::decode(descriptor.clone(), message.encode_to_vec().as_slice())
            .map_err(|error| fail(&error))
    };
    let (mut merged, update) = (dynamic(current)?, dynamic(update)?);
    for path in paths {
        copy(&mut merged, &update, path);
    }
    if paths.is_empty() {
        let has_etag = update
            .get_field_by_name("etag")
            .is_some_and(|etag| !etag.as_str().unwrap_or_default().is_empty());
        let mut lost = Vec::new();
        take_what_is_set(&mut merged, &update, &mut lost, "", has_etag);
        if !lost.is_empty() {
            let message = format!(
                "is needed to replace {}, which may have grown since it was read: name it in the mask, or send the etag",
                lost.join(" and ")
            );
            return Err(Invalid::one("update_mask", message));
        }
    }
    merged.transcode_to().map_err(|error| fail(&error))
}

/// Takes the fields that are set in `from`: parts of messages and entries of maps one by one. A list that would be replaced
/// is noted in `lost` instead, unless whoever sends it has shown that they know what is there.
fn take_what_is_set(
    into: &mut DynamicMessage,
    from: &DynamicMessage,
    lost: &mut Vec<String>,
    path: &str,
    has_etag: bool,
) {
    for (field, value) in from.fields() {
        let path = if path.is_empty() { field.name().to_owned() } else { format!("{path}.{}", field.name()) };
        match value {
            Value::Map(entries) => {
                if let Some(map) = into.get_field_mut(&field).as_map_mut() {
                    map.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
            }
            Value::List(list) => {
                let before = into.get_field(&field).as_list().map_or(0, <[Value]>::len);
                let same = into.get_field(&field).as_list() == Some(list);
                match before > 0 && !same && !has_etag {
                    true => lost.push(path),
                    false => into.set_field(&field, value.clone()),
                }
            }
            Value::Message(inner) if into.has_field(&field) && !is_one_value(&inner.descriptor()) => {
                if let Some(into) = into.get_field_mut(&field).as_message_mut() {
                    take_what_is_set(into, inner, lost, &path, has_etag);
                }
            }
            value => into.set_field(&field, value.clone()),
        }
    }
}

/// Whether a message is one value, such as a time or an amount.
fn is_one_value(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.") || message.oneofs().any(|oneof| !oneof.is_synthetic())
}

fn copy(into: &mut DynamicMessage, from: &DynamicMessage, path: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(field) = into.descriptor().get_field_by_name(name) else { return };
    match rest {
        None if from.has_field(&field) => into.set_field(&field, from.get_field(&field).into_owned()),
        None => into.clear_field(&field),
        Some(key) if field.is_map() => {
            let key = MapKey::String(key.to_owned());
            let value = from.get_field(&field).as_map().and_then(|map| map.get(&key).cloned());
            if let Some(map) = into.get_field_mut(&field).as_map_mut() {
                match value {
                    Some(value) => _ = map.insert(key, value),
                    None => _ = map.remove(&key),
                }
            }
        }
        // Clearing a part of what is absent must not make it present.
        Some(_) if !from.has_field(&field) && !into.has_field(&field) => {}
        Some(rest) => {
            let inner = from.get_field(&field);
            if let (Some(into), Value::Message(from)) = (into.get_field_mut(&field).as_message_mut(), &*inner)
            {
                copy(into, from, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::pb;

    fn mask(paths: &[&str]) -> Option<FieldMask> {
        Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
    }

    fn company(name: &str, employees: Option<i64>) -> pb::Lead {
        let company = pb::Company { display_name: name.into(), employees, ..Default::default() };
        pb::Lead {
            owner: name.into(),
            subject: Some(pb::lead::Subject::Company(company)),
            ..Default::default()
        }
    }

    #[test]
    fn only_the_named_fields_change() {
        let (current, update) = (company("old", Some(5)), company("new", None));
        let merged = apply("Lead", &current, &update, mask(&["company.employees"]).as_ref()).unwrap();
        assert_eq!(merged, company("old", None));
        let merged = apply("Lead", &current, &update, mask(&["owner"]).as_ref()).unwrap();
        assert_eq!(merged.owner, "new");
        assert_eq!(merged.subject, current.subject);
        assert_eq!(apply("Lead", &current, &update, mask(&["*"]).as_ref()).unwrap(), update);
    }

    #[test]
    fn without_a_mask_what_is_set_changes_and_nothing_else() {
        let contacts = |ids: &[&str]| {
            let contact = |id: &&str| pb::Contact { id: (*id).to_owned(), ..Default::default() };
            Some(pb::ContactList { contacts: ids.iter().map(contact).collect() })
        };
        let mut current = pb::Lead { contacts: contacts(&["a"]), ..company("old", Some(5)) };
        current.external_ids.insert("crm".into(), "1".into());
        let mut update = company("new", None);
        update.owner.clear();
        update.external_ids.insert("shop".into(), "2".into());
        let merged = apply("Lead", &current, &update, None).unwrap();
        assert_eq!((merged.owner.as_str(), merged.external_ids.len()), ("old", 2));
        assert_eq!(
            (&merged.subject, &merged.contacts),
            (&company("new", Some(5)).subject, &current.contacts)
        );
        // A list may have grown: whoever replaces it shows that they know it.
        let list = pb::Lead { contacts: contacts(&["b"]), ..Default::default() };
        let refused = apply("Lead", &current, &list, None).unwrap_err();
        assert!(refused.0[0].description.contains("contacts.contacts"), "{refused}");
        let known = pb::Lead { etag: "e".into(), ..list };
        assert_eq!(apply("Lead", &current, &known, None).unwrap().contacts, contacts(&["b"]));
    }

    #[test]
    fn one_entry_of_a_map_can_be_named() {
        let mut current = pb::Lead::default();
        current.external_ids.insert("crm".into(), "1".into());
        current.external_ids.insert("shop".into(), "2".into());
        let mut update = pb::Lead::default();
        update.external_ids.insert("crm".into(), "9".into());
        let merged =
            apply("Lead", &current, &update, mask(&["external_ids.crm", "external_ids.shop"]).as_ref());
        assert_eq!(merged.unwrap(), update);
    }

    #[test]
    fn clearing_a_part_of_what_is_absent_leaves_it_absent() {
        let (current, update) = (pb::Lead::default(), pb::Lead::default());
        let merged =
            apply("Lead", &current, &update, mask(&["contacts.contacts", "company.employees"]).as_ref());
        assert_eq!(merged.unwrap(), current);
    }

    #[test]
    fn unknown_paths_are_refused_with_the_nearest_name() {
        let mut c = Checker::at("");
        check(
            &mut c,
            "Lead",
            mask(&["owner", "company.employes", "contacts.contacts.id", "x", "attributes.a.value"]).as_ref(),
        );
        let found = c.finish(()).unwrap_err().0;
        let shown: Vec<_> = found.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            shown,
            ["update_mask.paths[1]", "update_mask.paths[2]", "update_mask.paths[3]", "update_mask.paths[4]"]
        );
        assert!(found[0].description.contains("did you mean \"employees\"?"), "{}", found[0].description);
    }
}
