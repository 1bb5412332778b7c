//! A model out of a canvas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::{FITS, Fit, Joins, META, NEEDS, ORDER, RELATIONS, SECTIONS, maturity_at, prefix_of};
use crate::domain::canvas::{
    Block, Canvas, CanvasContent, Link, LinkEnd, LinkKind, Maturity, NeedRef, Note, Offer, OfferItem,
};
use crate::domain::name::Id;
use crate::domain::segment::{NeedKind, Segment, SegmentContent};

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
