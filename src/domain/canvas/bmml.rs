//! BMML 2, a published YAML format for business models (bmclang-v2.schema.json): read, and written again unchanged as far as it
//! can hold a canvas.
//!
//! Jobs, pains and gains are needs, pains and desires; products are features, relievers and creators are benefits; fits are
//! the answers of features and benefits to needs. A fit's name, and what it joins, stay in an annotation, as does what `meta`
//! has and a canvas has not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::edit::new_segment;
use super::{
    Block, Canvas, CanvasContent, CanvasKind, Link, LinkEnd, LinkKind, Maturity, NeedRef, Note, Offer,
    OfferItem,
};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::{Need, NeedKind, Segment, SegmentContent};
use crate::domain::version::Version;

/// Fields of `meta` that a canvas has no place for.
const META: [&str; 6] = ["tagline", "created", "updated", "portfolio", "stage", "derived_from"];
const FITS: &str = "bmml.fits";
/// The ids of the segments as they stood in the file, where that is not their order by name.
const ORDER: &str = "bmml.segments";

/// A section of notes: its key, the prefix of its ids, and the block.
const SECTIONS: [(&str, &str, Block); 8] = [
    ("value_propositions", "vp-", Block::ValuePropositions),
    ("channels", "ch-", Block::Channels),
    ("customer_relationships", "cr-", Block::CustomerRelationships),
    ("revenue_streams", "rs-", Block::RevenueStreams),
    ("key_resources", "kr-", Block::KeyResources),
    ("key_activities", "ka-", Block::KeyActivities),
    ("key_partnerships", "kp-", Block::KeyPartnerships),
    ("costs", "cost-", Block::CostStructure),
];

/// Where relations of a section lead, and the link that says so; `true` where the link runs the other way.
const RELATIONS: [(&str, &str, &str, LinkKind, bool); 11] = [
    ("channels", "for", "value_propositions", LinkKind::Delivers, false),
    ("channels", "for", "customer_segments", LinkKind::Reaches, false),
    ("customer_relationships", "for", "customer_segments", LinkKind::Relates, false),
    ("revenue_streams", "from", "customer_segments", LinkKind::PaidBy, false),
    ("revenue_streams", "for", "value_propositions", LinkKind::PaidFor, false),
    ("key_resources", "for", "value_propositions", LinkKind::Needs, true),
    ("key_activities", "for", "value_propositions", LinkKind::Needs, true),
    ("key_partnerships", "for", "key_resources", LinkKind::Supplies, false),
    ("key_partnerships", "for", "key_activities", LinkKind::Supplies, false),
    ("costs", "for", "key_resources", LinkKind::Costs, true),
    ("costs", "for", "key_activities", LinkKind::Costs, true),
];

/// A fit as it stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fit {
    id: String,
    #[serde(rename = "for")]
    joins: Joins,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mappings: Vec<[String; 2]>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Joins {
    value_propositions: Vec<String>,
    customer_segments: Vec<String>,
}

/// Reads a model; notes everything that is wrong with it.
pub fn read(c: &mut Checker, name: &CanvasName, model: &Json) -> Canvas {
    let mut reader = Reader::default();
    let Some(model) = model.as_object() else {
        c.wrong("is no BMML model: it has no version and meta");
        return canvas(name, String::new());
    };
    let version =
        model.get("version").map(|version| version.as_str().map_or(version.to_string(), str::to_owned));
    c.require(version.as_deref() == Some("2.0"), "version", "must be \"2.0\"");
    let known: Vec<&str> = SECTIONS.iter().map(|(key, ..)| *key).collect();
    reader.told(c, model, &[&["version", "meta", "customer_segments", "fits"][..], &known].concat());
    let mut canvas = canvas(name, String::new());
    c.within("meta", |c| reader.meta(c, model.get("meta"), &mut canvas.content));
    reader.segments(c, model.get("customer_segments"), &mut canvas);
    for (key, prefix, block) in SECTIONS {
        reader.notes(c, key, prefix, block, model.get(key), &mut canvas);
    }
    reader.relations(c, model, &mut canvas);
    reader.fits(c, model.get("fits"), &mut canvas);
    canvas
}

/// An empty canvas of a business model.
pub(super) fn canvas(name: &CanvasName, display_name: String) -> Canvas {
    Canvas {
        name: name.clone(),
        version: Version::default(),
        content: CanvasContent {
            display_name,
            kind: CanvasKind::BusinessModel,
            language: "en".into(),
            maturity: Maturity::Unstated,
            notes: Vec::new(),
            links: Vec::new(),
            priority_script: "default".into(),
            size_unit: String::new(),
            annotations: BTreeMap::new(),
        },
        forked_from: None,
        forked_from_revision: 0,
        segments: BTreeMap::new(),
    }
}

#[derive(Default)]
struct Reader {
    /// All ids that were read, with what they name.
    ids: BTreeMap<String, &'static str>,
}

impl Reader {
    /// Tells of fields that the format does not have.
    fn told(&mut self, c: &mut Checker, object: &Map<String, Json>, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let help = c.suggestion(key, known.iter().copied());
            c.wrong_field(key, format!("there is no such field; {help}"));
        }
    }

    fn meta(&mut self, c: &mut Checker, meta: Option<&Json>, content: &mut CanvasContent) {
        let Some(meta) = meta.and_then(Json::as_object) else {
            c.wrong("is required");
            return;
        };
        self.told(c, meta, &[&["name"][..], &META].concat());
        content.display_name = required(c, meta, "name");
        for field in META {
            if let Some(value) = meta.get(field).filter(|value| !value.is_null()) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                content.annotations.insert(format!("bmml.{field}"), text);
            }
        }
        let (portfolio, stage) = (required(c, meta, "portfolio"), required(c, meta, "stage"));
        let stages: &[&str] = match portfolio.as_str() {
            "explore" => &["ideation", "discovery", "validation", "acceleration", "transfer"],
            "exploit" => &["improve", "grow", "sustain", "retire", "transfer"],
            "" => return,
            _ => return c.wrong_field("portfolio", "must be explore or exploit"),
        };
        if !stage.is_empty() && !stages.contains(&stage.as_str()) {
            c.wrong_field("stage", format!("is none of a model to {portfolio}: {}", stages.join(", ")));
        }
        content.maturity = maturity_at(&portfolio, &stage);
    }

    /// An id with its prefix, once in the file; nothing if that can't be read.
    fn id(
        &mut self,
        c: &mut Checker,
        object: &Map<String, Json>,
        prefix: &str,
        what: &'static str,
    ) -> Option<Id> {
        let text = required(c, object, "id");
        if text.is_empty() {
            return None;
        }
        if !text.starts_with(prefix) {
            c.wrong_field("id", format!("\"{text}\" must begin with {prefix}"));
            return None;
        }
        if let Some(other) = self.ids.insert(text.clone(), what) {
            c.wrong_field("id", format!("\"{text}\" is taken by an earlier {other}"));
            return None;
        }
        text.parse().map_err(|error| c.wrong_field("id", format!("\"{text}\" {error}"))).ok()
    }

    fn segments(&mut self, c: &mut Checker, list: Option<&Json>, canvas: &mut Canvas) {
        let mut order = Vec::new();
        each(c, "customer_segments", list, |c, object| {
            self.told(c, object, &["id", "name", "description", "jobs", "pains", "gains"]);
            let id = self.id(c, object, "cs-", "customer segment");
            let mut content = SegmentContent {
                display_name: required(c, object, "name"),
                description: optional(c, object, "description"),
                ..Default::default()
            };
            for (key, prefix, kind) in NEEDS {
                each(c, key, object.get(key), |c, object| {
                    self.told(c, object, &["id", "description"]);
                    let (id, text) = (self.id(c, object, prefix, key), required(c, object, "description"));
                    content.needs.extend(id.map(|id| Need { id, kind, text, intensity: None }));
                });
            }
            if let Some(id) = id {
                order.push(id.to_string());
                canvas.segments.insert(id, new_segment(content));
            }
        });
        if !order.is_sorted() {
            canvas.content.annotations.insert(ORDER.into(), order.join(" "));
        }
    }

    fn notes(
        &mut self,
        c: &mut Checker,
        key: &'static str,
        prefix: &str,
        block: Block,
        list: Option<&Json>,
        canvas: &mut Canvas,
    ) {
        each(c, key, list, |c, object| {
            let parts = ["description", "products_services", "pain_relievers", "gain_creators"];
            let own: &[&str] = if block == Block::ValuePropositions { &parts } else { &["for", "from"] };
            self.told(c, object, &[&["id", "name"][..], own].concat());
            let (id, text) = (self.id(c, object, prefix, key), required(c, object, "name"));
            let offer = (block == Block::ValuePropositions).then(|| self.offer(c, object));
            let offer = offer.filter(|offer| *offer != Offer::default());
            canvas.content.notes.extend(id.map(|id| Note { offer, ..note(id, block, text) }));
        });
    }

    fn offer(&mut self, c: &mut Checker, object: &Map<String, Json>) -> Offer {
        let mut offer = Offer { message: optional(c, object, "description"), ..Default::default() };
        for (key, prefix) in
            [("products_services", "ps-"), ("pain_relievers", "pr-"), ("gain_creators", "gc-")]
        {
            each(c, key, object.get(key), |c, object| {
                self.told(c, object, &["id", "name"]);
                let (id, text) = (self.id(c, object, prefix, key), required(c, object, "name"));
                let list = if prefix == "ps-" { &mut offer.features } else { &mut offer.benefits };
                list.extend(id.map(|id| OfferItem { id, text, answers: Vec::new() }));
            });
        }
        offer
    }

    fn relations(&mut self, c: &mut Checker, model: &Map<String, Json>, canvas: &mut Canvas) {
        for (section, ..) in SECTIONS {
            each(c, section, model.get(section), |c, object| {
                let Ok(own) = object.get("id").and_then(Json::as_str).unwrap_or_default().parse::<Id>()
                else {
                    return;
                };
                for preposition in ["for", "from"] {
                    let Some(relation) = object.get(preposition).and_then(Json::as_object) else { continue };
                    c.within(preposition, |c| self.relation(c, section, preposition, &own, relation, canvas));
                }
            });
        }
    }

    fn relation(
        &mut self,
        c: &mut Checker,
        section: &str,
        preposition: &str,
        own: &Id,
        relation: &Map<String, Json>,
        canvas: &mut Canvas,
    ) {
        let of_this =
            |(of, with, ..): &&(&str, &str, &str, LinkKind, bool)| *of == section && *with == preposition;
        let known: Vec<&str> = RELATIONS.iter().filter(of_this).map(|(_, _, target, ..)| *target).collect();
        self.told(c, relation, &known);
        for (_, _, target, kind, reversed) in RELATIONS.iter().filter(of_this) {
            let Some(ids) = relation.get(*target) else { continue };
            for id in self.known(c, target, ids, target) {
                let (from, to) = match (*target == "customer_segments", reversed) {
                    (true, _) => {
                        let canvas = canvas.name.canvas.clone();
                        (own.clone(), LinkEnd::Segment(SegmentName { canvas, segment: id }))
                    }
                    (false, true) => (id, LinkEnd::Note(own.clone())),
                    (false, false) => (own.clone(), LinkEnd::Note(id)),
                };
                add_link(&mut canvas.content.links, *kind, from, to);
            }
        }
    }

    /// The ids of a list that name something of a section.
    fn known(&mut self, c: &mut Checker, field: &str, list: &Json, section: &str) -> Vec<Id> {
        let Some(items) = list.as_array() else {
            c.wrong_field(field, "must be a list of ids");
            return Vec::new();
        };
        let what = if section == "customer_segments" { "customer segment" } else { section };
        let found = c.each(field, items, |c, item| {
            let id = item.as_str().unwrap_or_default();
            if self.ids.get(id) != Some(&what) {
                c.wrong(format!("there is no \"{id}\" in {section}"));
                return None;
            }
            id.parse().ok()
        });
        found.into_iter().flatten().collect()
    }

    fn fits(&mut self, c: &mut Checker, list: Option<&Json>, canvas: &mut Canvas) {
        let mut kept: Vec<Fit> = Vec::new();
        each(c, "fits", list, |c, object| {
            self.told(c, object, &["id", "for", "mappings"]);
            let id = self.id(c, object, "fit-", "fit");
            let empty = Map::new();
            let joins = object.get("for").and_then(Json::as_object).unwrap_or(&empty);
            let (offers, segments) = c.within("for", |c| {
                self.told(c, joins, &["value_propositions", "customer_segments"]);
                let mut ids = |c: &mut Checker, section: &str| match joins.get(section) {
                    Some(list) => self.known(c, section, list, section),
                    None => {
                        c.wrong_field(section, "is required");
                        Vec::new()
                    }
                };
                (ids(c, "value_propositions"), ids(c, "customer_segments"))
            });
            let mut mappings = Vec::new();
            each_value(c, "mappings", object.get("mappings"), |c, pair| {
                let ids: Vec<&str> = pair.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
                let [item, need] = ids[..] else {
                    return c.wrong("must be a pair such as [pr-time, pain-time]");
                };
                let fitting = matches!(
                    (prefix_of(item), prefix_of(need)),
                    ("pr", "pain") | ("gc", "gain") | ("ps", "job")
                );
                if !fitting {
                    return c.wrong("must join a pain reliever to a pain, a gain creator to a gain, or a product to a job");
                }
                match answer(canvas, &offers, &segments, item, need) {
                    Ok(()) => mappings.push([item.to_owned(), need.to_owned()]),
                    Err(problem) => c.wrong(problem),
                }
            });
            for (offer, segment) in
                offers.iter().flat_map(|offer| segments.iter().map(move |segment| (offer, segment)))
            {
                let to = SegmentName { canvas: canvas.name.canvas.clone(), segment: segment.clone() };
                add_link(&mut canvas.content.links, LinkKind::Serves, offer.clone(), LinkEnd::Segment(to));
            }
            let texts = |ids: &[Id]| ids.iter().map(Id::to_string).collect();
            let joins = Joins { value_propositions: texts(&offers), customer_segments: texts(&segments) };
            kept.extend(id.map(|id| Fit { id: id.to_string(), joins, mappings }));
        });
        if !kept.is_empty()
            && let Ok(text) = serde_json::to_string(&kept)
        {
            canvas.content.annotations.insert(FITS.into(), text);
        }
    }
}

const NEEDS: [(&str, &str, NeedKind); 3] = [
    ("jobs", "job-", NeedKind::Need),
    ("pains", "pain-", NeedKind::Pain),
    ("gains", "gain-", NeedKind::Desire),
];

fn prefix_of(id: &str) -> &str {
    id.split('-').next().unwrap_or_default()
}

/// Notes that an item of one of the offers answers a need of one of the segments.
fn answer(canvas: &mut Canvas, offers: &[Id], segments: &[Id], item: &str, need: &str) -> Result<(), String> {
    let has = |segment: &&Id| {
        let content = canvas.segments.get(*segment).map(|segment| &segment.content);
        content.is_some_and(|content| content.needs.iter().any(|known| known.id.as_str() == need))
    };
    let segment = segments.iter().find(has).cloned();
    let segment = segment.ok_or_else(|| format!("\"{need}\" is in none of the fit's customer segments"))?;
    let notes = canvas.content.notes.iter_mut().filter(|note| offers.contains(&note.id));
    let items = notes
        .filter_map(|note| note.offer.as_mut())
        .flat_map(|offer| offer.features.iter_mut().chain(&mut offer.benefits));
    let mut items = items.filter(|known| known.id.as_str() == item);
    let item =
        items.next().ok_or_else(|| format!("\"{item}\" is in none of the fit's value propositions"))?;
    let need = need.parse().map_err(|error| format!("\"{need}\" {error}"))?;
    let answer = NeedRef { segment: SegmentName { canvas: canvas.name.canvas.clone(), segment }, need };
    if !item.answers.contains(&answer) {
        item.answers.push(answer);
    }
    Ok(())
}

fn add_link(links: &mut Vec<Link>, kind: LinkKind, from: Id, to: LinkEnd) {
    if links.iter().any(|link| (link.kind, &link.from, &link.to) == (kind, &from, &to)) {
        return;
    }
    if let Ok(id) = format!("link-{}", links.len() + 1).parse() {
        links.push(Link { id, kind, from, to });
    }
}

/// A note that only says something.
pub(super) fn note(id: Id, block: Block, text: String) -> Note {
    let (color, tags, amount, hypothesis, offer) = Default::default();
    Note { id, block, text, color, tags, amount, hypothesis, offer }
}

fn required(c: &mut Checker, object: &Map<String, Json>, field: &str) -> String {
    let text = optional(c, object, field);
    c.require(
        !text.trim().is_empty() || object.get(field).is_some_and(|v| !v.is_string()),
        field,
        "is required",
    );
    text
}

fn optional(c: &mut Checker, object: &Map<String, Json>, field: &str) -> String {
    match object.get(field) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        // YAML takes 2024 for a number, which as a name is as good as its text.
        Some(Json::Number(number)) => number.to_string(),
        Some(_) => {
            c.wrong_field(field, "must be a text");
            String::new()
        }
    }
}

fn each_value(c: &mut Checker, field: &str, list: Option<&Json>, walk: impl FnMut(&mut Checker, &Json)) {
    match list {
        None | Some(Json::Null) => {}
        Some(Json::Array(items)) => _ = c.each(field, items, walk),
        Some(_) => c.wrong_field(field, "must be a list"),
    }
}

fn each(
    c: &mut Checker,
    field: &str,
    list: Option<&Json>,
    mut walk: impl FnMut(&mut Checker, &Map<String, Json>),
) {
    each_value(c, field, list, |c, item| match item.as_object() {
        Some(object) => walk(c, object),
        None => c.wrong("must have fields, such as id and name"),
    });
}

/// A canvas as a model. What the format can't hold is told in `dropped`, once for each kind of thing.
pub fn write(canvas: &Canvas, dropped: &mut Vec<String>) -> Json {
    let mut lost = BTreeSet::new();
    let names = Names::of(canvas);
    let content = &canvas.content;
    let mut model = Map::new();
    model.insert("version".into(), "2.0".into());
    model.insert("meta".into(), meta(content));
    let mut put = |key: &str, entries: Vec<Json>| {
        if !entries.is_empty() {
            model.insert(key.into(), Json::Array(entries));
        }
    };
    let segments = segments_in_order(canvas).map(|(id, segment)| {
        lost.extend(lost_of_segment(&segment.content, !segment.personas.is_empty()));
        segment_entry(&names, id, &segment.content)
    });
    put("customer_segments", segments.collect());
    for (key, prefix, block) in SECTIONS {
        let notes = content.notes.iter().filter(|note| note.block == block).map(|note| {
            lost.extend(lost_of_note(note));
            let mut entry = entry(with_prefix(&note.id, prefix), &note.text);
            if let Some(offer) = offer_of(note) {
                write_offer(&mut entry, note, offer, &names);
            }
            for (preposition, relation) in relations(content, note, key, &names) {
                entry.insert(preposition.into(), Json::Object(relation));
            }
            Json::Object(entry)
        });
        put(key, notes.collect());
    }
    let fits = fits(canvas, &names, &mut lost);
    put("fits", fits.iter().filter_map(|fit| serde_json::to_value(fit).ok()).collect());
    lost.extend(lost_of_canvas(content).map(str::to_owned));
    let lean = content.notes.iter().filter(|note| !SECTIONS.iter().any(|(_, _, block)| *block == note.block));
    lost.extend(lean.map(|note| format!("notes in {}", note.block.title())));
    dropped.extend(lost);
    Json::Object(model)
}

/// The segments as they stood in the file that was read, then all others.
fn segments_in_order(canvas: &Canvas) -> impl Iterator<Item = (&Id, &Segment)> {
    let order: Vec<&str> =
        canvas.content.annotations.get(ORDER).map(|order| order.split(' ').collect()).unwrap_or_default();
    let mut segments: Vec<(&Id, &Segment)> = canvas.segments.iter().collect();
    segments
        .sort_by_key(|(id, _)| order.iter().position(|known| *known == id.as_str()).unwrap_or(usize::MAX));
    segments.into_iter()
}

fn entry(id: String, name: &str) -> Map<String, Json> {
    Map::from_iter([("id".to_owned(), id.into()), ("name".to_owned(), name.into())])
}

fn segment_entry(names: &Names, id: &Id, content: &SegmentContent) -> Json {
    let mut entry = entry(names.segment(id), &content.display_name);
    text(&mut entry, "description", &content.description);
    for (key, _, kind) in NEEDS {
        let needs = content.needs.iter().filter(|need| need.kind == kind);
        let needs: Vec<Json> = needs
            .map(|need| serde_json::json!({ "id": names.needs.get(&(id, &need.id)), "description": need.text }))
            .collect();
        if !needs.is_empty() {
            entry.insert(key.into(), Json::Array(needs));
        }
    }
    Json::Object(entry)
}

/// How mature a business is that is explored or exploited at a stage.
fn maturity_at(portfolio: &str, stage: &str) -> Maturity {
    match (portfolio, stage) {
        ("explore", "acceleration" | "transfer") => Maturity::Growth,
        ("explore", _) => Maturity::Startup,
        (_, "sustain" | "retire") => Maturity::Mature,
        _ => Maturity::Growth,
    }
}

fn meta(content: &CanvasContent) -> Json {
    let mut meta = Map::new();
    meta.insert("name".into(), content.display_name.clone().into());
    let (portfolio, stage) = match content.maturity {
        Maturity::Startup | Maturity::Unstated => ("explore", "validation"),
        Maturity::Growth => ("exploit", "grow"),
        Maturity::Mature => ("exploit", "sustain"),
    };
    meta.insert("portfolio".into(), portfolio.into());
    meta.insert("stage".into(), stage.into());
    // Where a model stood in its file holds as long as nobody changed how mature the business is.
    let read = |field: &str| content.annotations.get(&format!("bmml.{field}"));
    let holds = match (read("portfolio"), read("stage")) {
        (Some(portfolio), Some(stage)) => maturity_at(portfolio, stage) == content.maturity,
        _ => false,
    };
    for field in META.into_iter().filter(|field| holds || !["portfolio", "stage"].contains(field)) {
        if let Some(text) = read(field) {
            meta.insert(field.into(), text.clone().into());
        }
    }
    Json::Object(meta)
}

fn text(entry: &mut Map<String, Json>, field: &str, text: &str) {
    if !text.is_empty() {
        entry.insert(field.into(), text.into());
    }
}

fn with_prefix(id: &Id, prefix: &str) -> String {
    if id.as_str().starts_with(prefix) { id.to_string() } else { format!("{prefix}{id}") }
}

/// A benefit that is neither named a reliever nor a creator is taken for what it answers.
fn item_prefix(canvas: &Canvas, item: &OfferItem, is_feature: bool) -> &'static str {
    let is_desire = |answer: &NeedRef| {
        let segment = canvas.segments.get(&answer.segment.segment);
        segment.is_some_and(|segment| {
            segment.content.needs.iter().any(|need| need.id == answer.need && need.kind == NeedKind::Desire)
        })
    };
    match prefix_of(item.id.as_str()) {
        _ if is_feature => "ps-",
        "gc" => "gc-",
        "pr" => "pr-",
        _ if item.answers.iter().any(is_desire) => "gc-",
        _ => "pr-",
    }
}

/// What a value proposition offers: the format has it of no other.
fn offer_of(note: &Note) -> Option<&Offer> {
    note.offer.as_ref().filter(|_| note.block == Block::ValuePropositions)
}

fn write_offer(entry: &mut Map<String, Json>, note: &Note, offer: &Offer, names: &Names) {
    text(entry, "description", &offer.message);
    for (key, wanted) in [("products_services", "ps-"), ("pain_relievers", "pr-"), ("gain_creators", "gc-")] {
        let named = offer.items().filter_map(|item| Some((names.items.get(&(&note.id, &item.id))?, item)));
        let items: Vec<Json> = named
            .filter(|((prefix, _), _)| *prefix == wanted)
            .map(|((_, name), item)| serde_json::json!({ "id": name, "name": item.text }))
            .collect();
        if !items.is_empty() {
            entry.insert(key.into(), Json::Array(items));
        }
    }
}

/// How everything is called in the file: by its id, with the prefix of its kind. What another one of the file is called already is
/// called by what it belongs to as well, since ids of needs and items are unique only there.
struct Names<'a> {
    notes: BTreeMap<&'a Id, (&'static str, String)>,
    needs: BTreeMap<(&'a Id, &'a Id), String>,
    items: BTreeMap<(&'a Id, &'a Id), (&'static str, String)>,
}

impl<'a> Names<'a> {
    fn of(canvas: &'a Canvas) -> Self {
        let mut taken = BTreeSet::new();
        let mut name = |prefix: &str, id: &Id, of: &Id| {
            let plain = with_prefix(id, prefix);
            let name = match taken.contains(&plain) {
                true => format!("{prefix}{of}-{}", id.as_str().trim_start_matches(prefix)),
                false => plain,
            };
            taken.insert(name.clone());
            name
        };
        let notes = canvas.content.notes.iter().filter_map(|note| {
            let (key, prefix, _) = SECTIONS.iter().find(|(_, _, block)| *block == note.block)?;
            Some((&note.id, (*key, with_prefix(&note.id, prefix))))
        });
        let mut needs = BTreeMap::new();
        for (id, segment) in segments_in_order(canvas) {
            for need in &segment.content.needs {
                let prefix =
                    NEEDS.iter().find(|(_, _, kind)| *kind == need.kind).map_or("job-", |found| found.1);
                needs.insert((id, &need.id), name(prefix, &need.id, id));
            }
        }
        let mut items = BTreeMap::new();
        for note in &canvas.content.notes {
            let Some(offer) = offer_of(note) else { continue };
            let features = offer.features.iter().map(|item| (item, true));
            for (item, is_feature) in features.chain(offer.benefits.iter().map(|item| (item, false))) {
                let prefix = item_prefix(canvas, item, is_feature);
                items.insert((&note.id, &item.id), (prefix, name(prefix, &item.id, &note.id)));
            }
        }
        Self { notes: notes.collect(), needs, items }
    }

    fn segment(&self, id: &Id) -> String {
        with_prefix(id, "cs-")
    }

    /// The section and the name of a link's end.
    fn end(&self, end: &LinkEnd) -> Option<(&'static str, String)> {
        match end {
            LinkEnd::Segment(name) => Some(("customer_segments", self.segment(&name.segment))),
            LinkEnd::Note(id) => self.notes.get(id).cloned(),
        }
    }
}

fn relations(
    content: &CanvasContent,
    note: &Note,
    section: &str,
    names: &Names,
) -> Vec<(&'static str, Map<String, Json>)> {
    let mut found: Vec<(&'static str, Map<String, Json>)> = Vec::new();
    for (of, preposition, target, kind, reversed) in RELATIONS {
        if of != section {
            continue;
        }
        let ends = content.links.iter().filter(|link| link.kind == kind).filter_map(|link| match reversed {
            true if link.to.is_note(&note.id) => names.notes.get(&link.from).cloned(),
            false if link.from == note.id => names.end(&link.to),
            _ => None,
        });
        let mut ids: Vec<String> = Vec::new();
        for (_, id) in ends.filter(|(section, _)| *section == target) {
            // Two links may say the same.
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if ids.is_empty() {
            continue;
        }
        if !found.iter().any(|(known, _)| *known == preposition) {
            found.push((preposition, Map::new()));
        }
        if let Some((_, relation)) = found.iter_mut().find(|(known, _)| *known == preposition) {
            relation.insert(target.into(), ids.into());
        }
    }
    found
}

/// The letters of a fit's id that we make, with room for a number.
const MOST_OF_A_FIT: usize = 56;

/// The fits as they were read, as far as they still hold, and those that came since: one for each proposition and segment.
fn fits(canvas: &Canvas, names: &Names, lost: &mut BTreeSet<String>) -> Vec<Fit> {
    type Pair = (String, String, String, String);
    let mut pairs: Vec<Pair> = Vec::new();
    for note in &canvas.content.notes {
        let Some(offer) = offer_of(note) else { continue };
        let Some((_, own)) = names.notes.get(&note.id) else { continue };
        for item in offer.items() {
            let Some((prefix, item_name)) = names.items.get(&(&note.id, &item.id)) else { continue };
            for answer in &item.answers {
                let Some(need) = names.needs.get(&(&answer.segment.segment, &answer.need)) else { continue };
                if !matches!((*prefix, prefix_of(need)), ("pr-", "pain") | ("gc-", "gain") | ("ps-", "job")) {
                    lost.insert(
                        "answers of products to pains and gains, and of benefits to needs of another kind"
                            .into(),
                    );
                    continue;
                }
                let segment = names.segment(&answer.segment.segment);
                pairs.push((own.clone(), segment, item_name.clone(), need.clone()));
            }
        }
    }
    let kept =
        canvas.content.annotations.get(FITS).and_then(|text| serde_json::from_str::<Vec<Fit>>(text).ok());
    let mut found = kept.unwrap_or_default();
    let mut covered: BTreeSet<Pair> = BTreeSet::new();
    let serves: BTreeSet<(String, String)> = canvas
        .content
        .links
        .iter()
        .filter(|link| link.kind == LinkKind::Serves)
        .filter_map(|link| {
            let (section, offer) = names.notes.get(&link.from)?;
            let (_, segment) = names.end(&link.to)?;
            (*section == "value_propositions").then(|| (offer.clone(), segment))
        })
        .collect();
    let mut joined: BTreeSet<(String, String)> = BTreeSet::new();
    for fit in &mut found {
        let Joins { value_propositions, customer_segments } = &mut fit.joins;
        // A fit joins all of its propositions to all of its segments: what serves just some of them would come back as serving all.
        let has = |offer: &String, segment: &String| serves.contains(&(offer.clone(), segment.clone()));
        customer_segments.retain(|segment| value_propositions.iter().any(|offer| has(offer, segment)));
        value_propositions.retain(|offer| customer_segments.iter().all(|segment| has(offer, segment)));
        let joins: Vec<(String, String)> = value_propositions
            .iter()
            .flat_map(|offer| customer_segments.iter().map(|segment| (offer.clone(), segment.clone())))
            .collect();
        fit.mappings.retain(|[item, need]| {
            let holds = pairs.iter().filter(|(offer, segment, i, n)| {
                i == item && n == need && joins.contains(&(offer.clone(), segment.clone()))
            });
            let before = covered.len();
            let all: Vec<Pair> = holds.cloned().collect();
            covered.extend(all.iter().cloned());
            covered.len() > before || !all.is_empty()
        });
        joined.extend(joins);
    }
    found.retain(|fit| !fit.joins.value_propositions.is_empty() && !fit.joins.customer_segments.is_empty());
    let wanted: BTreeSet<(String, String)> = pairs
        .iter()
        .filter(|pair| !covered.contains(pair))
        .map(|(offer, segment, ..)| (offer.clone(), segment.clone()))
        .chain(serves.difference(&joined).cloned())
        .collect();
    let mut taken: BTreeSet<String> = found.iter().map(|fit| fit.id.clone()).collect();
    for (offer, segment) in wanted {
        let plain = format!("fit-{}-{}", offer.trim_start_matches("vp-"), segment.trim_start_matches("cs-"));
        // As short as our ids are, and none that is taken.
        let stem: String = plain.chars().take(MOST_OF_A_FIT).collect();
        let numbered = (2..).map(|number| format!("{}-{number}", stem.trim_end_matches('-')));
        let whole = [plain].into_iter().filter(|plain| plain.len() <= MOST_OF_A_FIT);
        let Some(id) = whole.chain(numbered).find(|id| !taken.contains(id)) else { continue };
        taken.insert(id.clone());
        let new =
            pairs.iter().filter(|pair| !covered.contains(pair) && (&pair.0, &pair.1) == (&offer, &segment));
        let mappings = new.map(|(_, _, item, need)| [item.clone(), need.clone()]).collect();
        let joins =
            Joins { value_propositions: vec![offer.clone()], customer_segments: vec![segment.clone()] };
        found.push(Fit { id, joins, mappings });
    }
    found
}

fn lost_of_segment(content: &SegmentContent, has_personas: bool) -> Vec<String> {
    let data = [&content.demographic, &content.psychographic, &content.behavioural];
    let figures = [content.size, content.growth_rate, content.fit, content.capacity];
    let lost = [
        (has_personas, "personas"),
        (!content.relationship_plan.is_empty(), "relationship plans"),
        (data.iter().any(|data| !data.is_empty()), "data points of segments"),
        (figures.iter().any(Option::is_some) || !content.custom_factors.is_empty(), "figures of segments"),
        (content.needs.iter().any(|need| need.intensity.is_some()), "intensities of needs"),
    ];
    lost.into_iter().filter(|(is_lost, _)| *is_lost).map(|(_, what)| what.to_owned()).collect()
}

fn lost_of_canvas(content: &CanvasContent) -> impl Iterator<Item = &'static str> {
    let notes: BTreeMap<&Id, &Note> = content.notes.iter().map(|note| (&note.id, note)).collect();
    let block = |id: &Id| notes.get(id).map(|note| note.block);
    let of_partners =
        |link: &Link| link.kind == LinkKind::Costs && block(&link.from) == Some(Block::KeyPartnerships);
    let lost = [
        (content.links.iter().any(of_partners), "costs of partners"),
        (content.language != "en", "the language"),
        (!content.size_unit.is_empty(), "the unit of segment sizes"),
        (content.priority_script != "default", "the priority script"),
    ];
    lost.into_iter().filter(|(is_lost, _)| *is_lost).map(|(_, what)| what)
}

fn lost_of_note(note: &Note) -> Vec<String> {
    let lost = [
        (!note.color.is_empty(), "colours of notes"),
        (!note.tags.is_empty(), "tags of notes"),
        (note.amount.is_some(), "amounts"),
        (note.hypothesis.is_some(), "hypotheses"),
    ];
    lost.into_iter().filter(|(is_lost, _)| *is_lost).map(|(_, what)| what.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canvas::tests::acme;

    fn name() -> CanvasName {
        "canvases/acme".parse().unwrap()
    }

    fn read_text(text: &str) -> (Canvas, Result<(), crate::domain::check::Invalid>) {
        let model: Json = serde_saphyr::from_str(text).unwrap();
        let mut c = Checker::at("");
        let canvas = read(&mut c, &name(), &model);
        (canvas, c.finish(()))
    }

    const MODEL: &str = include_str!("../../../tests/service/model.bmml");

    #[test]
    fn what_the_format_can_hold_survives_unchanged() {
        let (canvas, found) = read_text(MODEL);
        found.unwrap();
        let mut dropped = Vec::new();
        let written = write(&canvas, &mut dropped);
        let model: Json = serde_saphyr::from_str(MODEL).unwrap();
        assert_eq!(written, model);
        assert!(dropped.is_empty(), "{dropped:?}");
        let mut c = Checker::at("");
        canvas.content.check(&mut c);
        canvas.check_references(&mut c);
        c.finish(()).unwrap();
        assert_eq!(canvas.content.maturity, Maturity::Growth);
    }

    #[test]
    fn a_fit_that_holds_no_more_is_not_written_and_a_new_one_is() {
        let (mut canvas, _) = read_text(MODEL);
        let offer = canvas.content.notes[0].offer.as_mut().unwrap();
        offer.benefits[0].answers.clear();
        canvas.content.links.retain(|link| {
            !(link.kind == LinkKind::Serves && link.to.is_segment(&"cs-day".parse().unwrap()))
        });
        let written = write(&canvas, &mut Vec::new());
        let fits = written["fits"].as_array().unwrap();
        assert_eq!(fits.len(), 1);
        assert_eq!(fits[0]["mappings"].as_array().unwrap().len(), 3);
    }

    /// What is edited after an import is written so that it reads back as it was edited, with ids that are no other's.
    #[test]
    fn edits_after_an_import_survive() {
        let mut written = write(&acme(), &mut Vec::new());
        let mut c = Checker::at("");
        let mut canvas = read(&mut c, &name(), &written);
        // One more answer to a pair that has a fit already.
        let (segment, need) = canvas
            .segments
            .iter()
            .flat_map(|(id, segment)| {
                segment.content.needs.iter().map(move |need| (id.clone(), need.id.clone()))
            })
            .next()
            .unwrap();
        let kind = prefix_of(need.as_str()).to_owned();
        let item: Id = match kind.as_str() {
            "gain" => "gc-new",
            "pain" => "pr-new",
            _ => "ps-new",
        }
        .parse()
        .unwrap();
        let to = SegmentName { canvas: canvas.name.canvas.clone(), segment: segment.clone() };
        let answers = vec![NeedRef { segment: to, need }];
        let serving = canvas
            .content
            .links
            .iter()
            .find(|link| link.kind == LinkKind::Serves && link.to.is_segment(&segment));
        let offer = serving.unwrap().from.clone();
        let note = canvas.content.notes.iter_mut().find(|note| note.id == offer).unwrap();
        let offer = note.offer.get_or_insert_default();
        let list = if kind == "job" { &mut offer.features } else { &mut offer.benefits };
        list.push(OfferItem { id: item, text: "something new".into(), answers });
        canvas.content.maturity = Maturity::Mature;
        for _ in 0..2 {
            written = write(&canvas, &mut Vec::new());
            let again = read(&mut c, &name(), &written);
            assert_eq!(again.content.maturity, Maturity::Mature);
            assert_eq!(write(&again, &mut Vec::new()), written);
            canvas = again;
        }
        c.finish(()).unwrap();
    }

    /// A link that is removed does not come back with the fit that it came from.
    #[test]
    fn who_serves_some_segments_of_a_fit_is_not_written_as_serving_all() {
        let (mut canvas, _) = read_text(MODEL);
        let links = || canvas.content.links.iter().filter(|link| link.kind == LinkKind::Serves);
        let gone = links().next_back().unwrap().id.clone();
        let left = links().count() - 1;
        canvas.content.links.retain(|link| link.id != gone);
        let written = write(&canvas, &mut Vec::new());
        let mut c = Checker::at("");
        let again = read(&mut c, &name(), &written);
        assert_eq!(again.content.links.iter().filter(|link| link.kind == LinkKind::Serves).count(), left);
    }

    #[test]
    fn a_canvas_of_ours_becomes_a_model_that_reads_back_and_says_what_it_lost() {
        let mut dropped = Vec::new();
        let written = write(&acme(), &mut dropped);
        assert_eq!(
            dropped,
            [
                "answers of products to pains and gains, and of benefits to needs of another kind",
                "figures of segments",
                "personas",
                "relationship plans",
                "the unit of segment sizes",
            ]
        );
        let mut c = Checker::at("");
        let canvas = read(&mut c, &name(), &written);
        c.finish(()).unwrap();
        assert_eq!(write(&canvas, &mut Vec::new()), written);
    }

    /// Ids of needs and items are unique only within their segment and offer; in a model, in all of it.
    #[test]
    fn what_is_named_alike_is_told_apart() {
        let mut canvas = acme();
        let need = canvas.segments[&"small".parse::<Id>().unwrap()].content.needs[0].clone();
        let medium = canvas.segments.get_mut(&"medium".parse().unwrap()).unwrap();
        medium.content.needs.push(need);
        let written = write(&canvas, &mut Vec::new());
        let mut c = Checker::at("");
        let again = read(&mut c, &name(), &written);
        c.finish(()).unwrap();
        assert_eq!(write(&again, &mut Vec::new()), written);
    }

    #[test]
    fn all_broken_references_are_told_at_once() {
        let broken = MODEL
            .replace("customer_segments: [cs-day, cs-night]", "customer_segments: [cs-moon]")
            .replace("[pr-lit, pain-wait]", "[pr-lit, gain-calm], [pr-none, pain-wait], [pr-lit, pain-none]")
            .replace("id: kr-fleet\n    name: Cars", "id: fleet\n    nam: Cars")
            .replace("stage: grow", "stage: validation");
        let found = read_text(&broken).1.unwrap_err();
        let told: Vec<String> = found.0.iter().map(ToString::to_string).collect();
        let expected = [
            "meta.stage: is none of a model to exploit: improve, grow, sustain, retire, transfer",
            "key_resources[0].nam: there is no such field; did you mean \"name\"?",
            "key_resources[0].id: \"fleet\" must begin with kr-",
            "key_resources[0].name: is required",
            "customer_relationships[0].for.customer_segments[0]: there is no \"cs-moon\" in customer_segments",
            "key_partnerships[0].for.key_resources[0]: there is no \"kr-fleet\" in key_resources",
            "costs[0].for.key_resources[0]: there is no \"kr-fleet\" in key_resources",
            "fits[0].mappings[1]: must join a pain reliever to a pain, a gain creator to a gain, or a product to a job",
            "fits[0].mappings[2]: \"pr-none\" is in none of the fit's value propositions",
            "fits[0].mappings[3]: \"pain-none\" is in none of the fit's customer segments",
        ];
        assert_eq!(told, expected);
    }
}
