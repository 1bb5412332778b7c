//! A canvas out of a model.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{FITS, Fit, Joins, META, NEEDS, ORDER, RELATIONS, SECTIONS, maturity_at, prefix_of};
use crate::domain::canvas::edit::new_segment;
use crate::domain::canvas::{
    Block, Canvas, CanvasContent, CanvasKind, Link, LinkEnd, LinkKind, Maturity, NeedRef, Note, Offer,
    OfferItem,
};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::{Need, SegmentContent};
use crate::domain::version::Version;

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
pub(in crate::domain::canvas) fn canvas(name: &CanvasName, display_name: String) -> Canvas {
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
pub(in crate::domain::canvas) fn note(id: Id, block: Block, text: String) -> Note {
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
