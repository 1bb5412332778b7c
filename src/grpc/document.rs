//! Resources as documents: as people write them into files, without what only the server sets. A canvas as a text is the
//! documents of the canvas, its segments and its personas, or a format of other tools.

use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::convert::{self, WireEnum as _};
use super::{dynamic, limits, pb};
use crate::domain::canvas::{Block, Canvas, bmml, outline};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, PersonaName, SegmentName};
use crate::domain::segment::{Persona, Segment};
use crate::domain::time::Time;
use crate::domain::version::Version;

/// What the server sets: of no use in a file that is applied again.
const OUTPUT_ONLY: [&str; 15] = [
    "revision",
    "etag",
    "create_time",
    "update_time",
    "delete_time",
    "change",
    "forked_from",
    "forked_from_revision",
    "proposition_notes",
    "latest_score",
    "segment",
    "last_activity_time",
    "stage_changes",
    "next_time",
    "status",
];

/// A resource as a document that `assay apply` takes: without what only the server sets, its name first.
pub struct Document(Vec<(String, Json)>);

impl Document {
    pub fn of(resource: &DynamicMessage) -> Self {
        let descriptor = resource.descriptor();
        let kind = descriptor.name();
        let mut fields: BTreeMap<String, Json> = BTreeMap::new();
        if let Json::Object(all) = dynamic::to_json(resource) {
            fields.extend(all.into_iter().filter(|(name, _)| is_input(kind, name)));
        }
        clear_nested(kind, &mut fields);
        let first = ["name", "display_name", "kind"].into_iter();
        let mut ordered: Vec<_> =
            first.filter_map(|name| Some((name.to_owned(), fields.remove(name)?))).collect();
        ordered.extend(fields);
        Self(ordered)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Whether a field of a kind of resource is set by whoever writes it.
pub fn is_input(kind: &str, field: &str) -> bool {
    // A profile's segment is set by its author, a lead's by its score.
    !OUTPUT_ONLY.contains(&field) || (kind == "Profile" && field == "segment")
}

fn clear_nested(kind: &str, fields: &mut BTreeMap<String, Json>) {
    match kind {
        "Canvas" => {
            for note in fields.get_mut("notes").and_then(Json::as_array_mut).into_iter().flatten() {
                let Some(note) = note.as_object_mut() else { continue };
                note.remove("segments");
                if let Some(hypothesis) = note.get_mut("hypothesis").and_then(Json::as_object_mut) {
                    ["status", "support", "doubt"].iter().for_each(|field| _ = hypothesis.remove(*field));
                }
            }
        }
        "Segment" => {
            let plan = fields.get_mut("relationship_plan").and_then(|plan| plan.get_mut("facets"));
            let facets = plan.and_then(Json::as_array_mut);
            if let Some(facets) = facets {
                for facet in facets.iter_mut().filter_map(Json::as_object_mut) {
                    facet.remove("status");
                }
                // Reading gives all eleven facets, also those of which nothing is said.
                facets.retain(|facet| facet.as_object().is_some_and(|facet| facet.len() > 1));
                if facets.is_empty() {
                    fields.remove("relationship_plan");
                }
            }
        }
        "Profile" => {
            fields.get_mut("review").and_then(Json::as_object_mut).map(|review| review.remove("next_time"));
        }
        _ => {}
    }
}

/// How a canvas is written as a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Yaml,
    Json,
    Bmml,
    /// Only read.
    Outline,
}

super::convert::wire_enum!(CanvasFormat, Format, Yaml, Json, Bmml, Outline);

impl Format {
    /// Whether a text of this format says how the canvas is called among resources.
    pub fn has_name(self) -> bool {
        matches!(self, Format::Yaml | Format::Json)
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Yaml | Format::Bmml => "application/yaml",
            Format::Json => "application/json",
            Format::Outline => "text/markdown",
        }
    }
}

/// A canvas as a text; what the format can't hold is told in `dropped`.
pub fn write(
    canvas: &Canvas,
    format: Format,
    dropped: &mut Vec<String>,
) -> Result<String, serde_saphyr::ser_error::Error> {
    Ok(match format {
        Format::Bmml => serde_saphyr::to_string(&InOrder(&bmml::write(canvas, dropped)))?,
        Format::Json => {
            let text = serde_json::to_string_pretty(&documents(canvas)).unwrap_or_default();
            text + "\n"
        }
        Format::Yaml | Format::Outline => {
            let texts =
                documents(canvas).iter().map(serde_saphyr::to_string).collect::<Result<Vec<_>, _>>()?;
            texts.join("---\n")
        }
    })
}

/// The documents of a canvas: itself, its segments, their personas.
pub fn documents(canvas: &Canvas) -> Vec<Document> {
    let mut found = Vec::new();
    let mut note = |message: Option<DynamicMessage>| found.extend(message.as_ref().map(Document::of));
    note(dynamic::of(&convert::canvas::outward(canvas, Time::default()), "Canvas"));
    let name = |segment: &Id| SegmentName { canvas: canvas.name.canvas.clone(), segment: segment.clone() };
    for (id, segment) in &canvas.segments {
        note(dynamic::of(&convert::segment::outward(&name(id), segment, Time::default()), "Segment"));
    }
    for (segment, id, persona) in canvas
        .segments
        .iter()
        .flat_map(|(segment, found)| found.personas.iter().map(move |(id, persona)| (segment, id, persona)))
    {
        let SegmentName { canvas, segment } = name(segment);
        let name = PersonaName { canvas, segment, persona: id.clone() };
        note(dynamic::of(&convert::segment::persona_out(&name, persona), "Persona"));
    }
    found
}

/// A BMML model with its fields in the order of the schema, and names before what they have.
struct InOrder<'a>(&'a Json);

const ORDER: [&str; 30] = [
    "version",
    "meta",
    "id",
    "name",
    "tagline",
    "created",
    "updated",
    "portfolio",
    "stage",
    "derived_from",
    "description",
    "for",
    "from",
    "customer_segments",
    "jobs",
    "pains",
    "gains",
    "value_propositions",
    "products_services",
    "pain_relievers",
    "gain_creators",
    "fits",
    "mappings",
    "channels",
    "customer_relationships",
    "revenue_streams",
    "key_resources",
    "key_activities",
    "key_partnerships",
    "costs",
];

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Object(fields) => {
                let mut fields: Vec<(&String, &Json)> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name));
                serializer.collect_map(fields.into_iter().map(|(name, value)| (name, InOrder(value))))
            }
            Json::Array(items) => serializer.collect_seq(items.iter().map(InOrder)),
            other => other.serialize(serializer),
        }
    }
}

/// Reads a canvas of a text, under a name if one is given; nothing if that can't be done. Everything that is wrong is noted as
/// a part of `content`; which names were taken for others is told in `remarks`.
pub fn read(
    c: &mut Checker,
    text: &str,
    format: Option<Format>,
    name: Option<&CanvasName>,
    remarks: &mut Vec<String>,
) -> Option<Canvas> {
    let format = format.unwrap_or_else(|| guess(text));
    let unnamed = || CanvasName { canvas: Id::unreadable() };
    let canvas = match format {
        Format::Outline => {
            c.within("content", |c| outline::read(c, name.unwrap_or(&unnamed()), text, remarks))
        }
        Format::Bmml => {
            let model = parsed(c, serde_saphyr::from_str::<Json>(text).map_err(|error| error.to_string()))?;
            c.within("content", |c| bmml::read(c, name.unwrap_or(&unnamed()), &model))
        }
        Format::Json | Format::Yaml => {
            let documents = match format {
                Format::Json => {
                    serde_json::from_str(text).map(|json| vec![json]).map_err(|error| error.to_string())
                }
                _ => serde_saphyr::from_multiple::<Json>(text).map_err(|error| error.to_string()),
            };
            let documents = parsed(c, documents)?.into_iter().flat_map(|json| match json {
                Json::Array(items) => items,
                other => vec![other],
            });
            let documents = documents.filter(|json| !json.is_null()).collect();
            c.within("content", |c| of_documents(c, documents, remarks))?
        }
    };
    Some(match name {
        Some(name) => canvas.renamed(name),
        None => canvas,
    })
}

fn parsed<T>(c: &mut Checker, read: Result<T, String>) -> Option<T> {
    read.map_err(|problem| c.wrong_field("content", format!("can't be read: {problem}"))).ok()
}

/// The format that a text has by its looks.
fn guess(text: &str) -> Format {
    let begins = |mark: &str| text.lines().any(|line| line.starts_with(mark));
    match text.trim_start().chars().next() {
        Some('{' | '[') => Format::Json,
        _ if begins("version:") && begins("meta:") => Format::Bmml,
        _ if begins("name:") => Format::Yaml,
        _ => Format::Outline,
    }
}

/// A canvas of its documents, in any order.
fn of_documents(c: &mut Checker, documents: Vec<Json>, remarks: &mut Vec<String>) -> Option<Canvas> {
    let mut canvas: Option<Canvas> = None;
    let mut segments: Vec<(SegmentName, Segment)> = Vec::new();
    let mut personas: Vec<(PersonaName, Persona)> = Vec::new();
    for (number, mut document) in documents.into_iter().enumerate() {
        let name = document.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        c.within(format!("document {}", number + 1), |c| {
            if let Ok(name) = name.parse::<CanvasName>() {
                name_blocks(c, &mut document, remarks);
                if let Some(read) = message::<pb::Canvas>(c, "Canvas", document) {
                    let content = convert::canvas::content(c, read);
                    c.require(canvas.is_none(), "name", "is a second canvas: one text holds one");
                    let (version, segments) = Default::default();
                    let (forked_from, forked_from_revision) = (None, 0);
                    canvas =
                        Some(Canvas { name, version, content, forked_from, forked_from_revision, segments });
                }
            } else if let Ok(name) = name.parse::<SegmentName>() {
                if let Some(read) = message::<pb::Segment>(c, "Segment", document) {
                    let content = convert::segment::content(c, read);
                    let (version, personas, proposition_notes) = Default::default();
                    segments.push((name, Segment { version, content, personas, proposition_notes }));
                }
            } else if let Ok(name) = name.parse::<PersonaName>() {
                if let Some(read) = message::<pb::Persona>(c, "Persona", document) {
                    let content = convert::segment::persona_content(c, read);
                    personas.push((name, Persona { version: Version::default(), content }));
                }
            } else {
                c.wrong_field(
                    "name",
                    "must be that of a canvas, a segment or a persona, such as canvases/acme",
                );
            }
        });
    }
    let Some(mut canvas) = canvas else {
        c.wrong("holds no canvas: a document whose name is like canvases/acme");
        return None;
    };
    for (name, segment) in segments {
        let own = name.canvas == canvas.name.canvas;
        c.require(own, "name", format!("{name} is on another canvas than {}", canvas.name));
        let taken = canvas.segments.insert(name.segment.clone(), segment).is_some();
        c.require(!taken, "name", format!("{name} stands twice"));
    }
    for (name, persona) in personas {
        match canvas.segments.get_mut(&name.segment).filter(|_| name.canvas == canvas.name.canvas) {
            Some(segment) => {
                let taken = segment.personas.insert(name.persona.clone(), persona).is_some();
                c.require(!taken, "name", format!("{name} stands twice"));
            }
            None => c.wrong_field("name", format!("{name} belongs to no segment of this text")),
        }
    }
    Some(canvas)
}

/// A message of a document, within all limits of a request.
fn message<M>(c: &mut Checker, name: &str, document: Json) -> Option<M>
where
    M: prost::Message + prost::Name + Default + 'static,
{
    let read = match dynamic::from_json(dynamic::message(name)?, document) {
        Ok(read) => read,
        Err(invalid) => {
            invalid.0.into_iter().for_each(|violation| c.wrong_field(violation.field, violation.description));
            return None;
        }
    };
    let read: M = read.transcode_to().ok()?;
    limits::check_item(c, &read);
    Some(read)
}

/// Notes may name their block as people do, in any of the five languages.
fn name_blocks(c: &mut Checker, document: &mut Json, remarks: &mut Vec<String>) {
    let notes = document.get_mut("notes").and_then(Json::as_array_mut).into_iter().flatten();
    for (number, note) in notes.enumerate() {
        let Some(Json::String(block)) = note.get_mut("block") else { continue };
        if block.starts_with("BLOCK_") {
            continue;
        }
        if outline::is_ambiguous(block) {
            c.wrong_field(format!("notes[{number}].block"), format!("\"{block}\" {}", outline::WHICH));
            *block = Block::Channels.wire_word();
            continue;
        }
        let Some(named) = outline::block_named(block) else { continue };
        if let Some(instead) = named.instead {
            remarks.push(format!(
                "notes[{number}]: \"{block}\" is understood as {} (\"{instead}\")",
                named.block.title()
            ));
        }
        *block = named.block.wire_word();
    }
}

impl Block {
    /// The word of the wire, such as `BLOCK_CHANNELS`.
    fn wire_word(self) -> String {
        pb::Block::try_from(self.outward()).map(|block| block.as_str_name().to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::canvas::tests::{acme, content, edited};

    fn back(text: &str, format: Option<Format>) -> Canvas {
        let mut c = Checker::at("");
        let read = read(&mut c, text, format, None, &mut Vec::new());
        c.finish(read).unwrap().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read_back(choices in prop::collection::vec((any::<u8>(), 0..40usize, 0..40usize), 0..20)) {
            let canvas = edited(&choices).0;
            for format in [Format::Yaml, Format::Json] {
                let text = write(&canvas, format, &mut Vec::new()).unwrap();
                // The text itself tells its format.
                let again = back(&text, None);
                prop_assert_eq!(content(&again), content(&canvas));
                prop_assert_eq!(write(&again, format, &mut Vec::new()).unwrap(), text);
            }
        }

        #[test]
        fn what_bmml_can_hold_is_read_back(choices in prop::collection::vec((any::<u8>(), 0..40usize, 0..40usize), 0..20)) {
            let canvas = edited(&choices).0;
            let model = write(&canvas, Format::Bmml, &mut Vec::new()).unwrap();
            // An empty name is nothing that a model may have.
            prop_assume!(canvas.segments.values().all(|segment| !segment.content.display_name.is_empty()));
            let mut dropped = Vec::new();
            let again = write(&back(&model, None), Format::Bmml, &mut dropped).unwrap();
            prop_assert_eq!(again, model);
            prop_assert!(dropped.is_empty(), "{:?}", dropped);
        }
    }

    #[test]
    fn blocks_may_be_named_as_people_do_and_names_that_mean_two_things_are_asked_about() {
        let text = "name: canvases/a\ndisplay_name: A\nkind: CANVAS_KIND_BUSINESS_MODEL\nnotes:\n- {text: Một, block: Kênh truyền hình}\n- {text: Hai, block: 渠道通路}\n";
        let (mut c, mut remarks) = (Checker::at(""), Vec::new());
        let canvas = read(&mut c, text, None, None, &mut remarks).unwrap();
        c.finish(()).unwrap();
        assert!(canvas.content.notes.iter().all(|note| note.block == Block::Channels));
        assert_eq!(remarks, ["notes[0]: \"Kênh truyền hình\" is understood as Channels (\"Kênh\")"]);
        let mut c = Checker::at("");
        read(&mut c, &text.replace("渠道通路", "Chân dung khách hàng"), None, None, &mut Vec::new());
        let told = c.finish(()).unwrap_err().to_string();
        assert!(told.contains("notes[1].block") && told.contains("persona"), "{told}");
    }

    #[test]
    fn everything_wrong_with_a_text_is_told_at_once() {
        let mut documents: Vec<Json> =
            serde_json::from_str(&write(&acme(), Format::Json, &mut Vec::new()).unwrap()).unwrap();
        documents[0]["notes"][0]["txt"] = "x".into();
        documents[1]["name"] = "canvases/other/segments/medium".into();
        documents.push(serde_json::json!({"name": "leads/a"}));
        let mut c = Checker::at("");
        read(&mut c, &Json::Array(documents).to_string(), None, None, &mut Vec::new());
        let found = c.finish(()).unwrap_err().0;
        let told: Vec<&str> = found.iter().map(|one| one.field.as_str()).collect();
        assert!(told.contains(&"content.document 1.notes[0].txt"), "{told:?}");
        assert!(told.iter().any(|field| field.starts_with("content.document 6")), "{told:?}");
    }
}
