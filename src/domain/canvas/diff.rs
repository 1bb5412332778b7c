//! What differs between two canvases, by meaning: which edits would make one of the other, and how people say that.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::edit::{Edit, Entry, Place, Properties};
use super::{Canvas, Link, LinkEnd, Note};
use crate::domain::labels;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::{FacetKind, Persona, Segment, SegmentContent};

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
    /// A note stands in another block, or at another place in its own.
    Moved,
    /// A link starts or ends elsewhere.
    Retargeted,
}

impl ChangeKind {
    /// Its English name, by which [`labels`](crate::domain::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
            ChangeKind::Moved => "moved",
            ChangeKind::Retargeted => "retargeted",
        }
    }
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    Canvas,
    Note(Id),
    Link(Id),
    Segment(Id),
    Facet(Id, FacetKind),
    Persona(Id, Id),
}

impl Item {
    /// The English name of its kind, by which [`labels`](crate::domain::labels) has those of other languages.
    pub fn title(&self) -> &'static str {
        match self {
            Item::Canvas => "canvas",
            Item::Note(_) => "note",
            Item::Link(_) => "link",
            Item::Segment(_) => "segment",
            Item::Facet(..) => "facet",
            Item::Persona(..) => "persona",
        }
    }

    /// Where it stands on its canvas, such as `notes["routes"]`.
    pub fn path(&self) -> String {
        match self {
            Item::Canvas => String::new(),
            Item::Note(id) => format!("notes[\"{id}\"]"),
            Item::Link(id) => format!("links[\"{id}\"]"),
            Item::Segment(id) => format!("segments[\"{id}\"]"),
            Item::Facet(segment, kind) => format!("segments[\"{segment}\"].relationship_plan[{kind:?}]"),
            Item::Persona(segment, id) => format!("segments[\"{segment}\"].personas[\"{id}\"]"),
        }
    }
}

/// A field with what it was and is; empty where it was or is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    pub field: String,
    pub before: String,
    pub after: String,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub kind: ChangeKind,
    pub item: Item,
    /// What people call the item: a note's text, a segment's name.
    pub text: String,
    /// What people call the segment of a facet or persona; empty for all else.
    pub of: String,
    pub fields: Vec<FieldChange>,
}

impl Change {
    /// The change in words, such as `note “Half the driving” moved: block “Channels” → “Key Activities”`.
    pub fn words(&self, language: &str) -> String {
        let of = |text: &str| labels::label(language, text).to_owned();
        let segment = if self.of.is_empty() { String::new() } else { format!(" ({})", short(&self.of, 0)) };
        let mut words = format!(
            "{} “{}”{segment}: {}",
            of(self.item.title()),
            short(&of(&self.text), 0),
            of(self.kind.title())
        );
        let told: Vec<String> = self
            .fields
            .iter()
            .map(|field| {
                let (before, after) = (of(&field.before), of(&field.after));
                let alike = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
                format!("{}: “{}” → “{}”", of(&field.field), short(&before, alike), short(&after, alike))
            })
            .collect();
        if !told.is_empty() && !matches!(self.kind, ChangeKind::Added | ChangeKind::Removed) {
            words += &format!(" ({})", told.join("; "));
        }
        words
    }
}

/// A text of a length that can be read over, with what comes after so many letters in sight.
fn short(text: &str, wanted: usize) -> String {
    const MOST: usize = 120;
    const BEFORE: usize = 30;
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= MOST {
        return text.to_owned();
    }
    let begin = if wanted < MOST - BEFORE { 0 } else { wanted - BEFORE };
    let end = (begin + MOST).min(letters.len());
    let part: String = letters[begin..end].iter().collect();
    let (before, after) = (if begin > 0 { "…" } else { "" }, if end < letters.len() { "…" } else { "" });
    format!("{before}{part}{after}")
}

/// All that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    pub changes: Vec<Change>,
    /// What makes of the first canvas the content of the second; nothing if they are of different kinds.
    pub edits: Vec<Edit>,
}

impl Canvas {
    /// The same content under another name: what points to its own segments points to those of that name.
    pub fn renamed(mut self, name: &CanvasName) -> Self {
        for link in &mut self.content.links {
            if let LinkEnd::Segment(segment) = &mut link.to {
                segment.canvas = name.canvas.clone();
            }
        }
        for note in &mut self.content.notes {
            for item in
                note.offer.iter_mut().flat_map(|offer| offer.features.iter_mut().chain(&mut offer.benefits))
            {
                item.answers.iter_mut().for_each(|answer| answer.segment.canvas = name.canvas.clone());
            }
        }
        self.name = name.clone();
        self
    }

    /// What would make of this canvas the content of `other`. Items are the same if their ids are; names of segments count
    /// as those of this canvas.
    pub fn diff(&self, other: &Canvas) -> Diff {
        let other = other.clone().renamed(&self.name);
        let mut out = Diff { changes: Vec::new(), edits: Vec::new() };
        let (before, after) = (Properties::of(&self.content), Properties::of(&other.content));
        let is_of_one_kind = self.content.kind == other.content.kind;
        if before != after || !is_of_one_kind {
            let fields = [
                "kind",
                "display_name",
                "language",
                "maturity",
                "priority_script",
                "size_unit",
                "annotations",
            ];
            let of = |canvas: &Canvas| json(&canvas.content, |field| fields.contains(&field));
            out.note(ChangeKind::Changed, Item::Canvas, &after.display_name, fields_of(of(self), of(&other)));
            out.edits.push(Edit::SetProperties(after));
        }
        // Links come after what they join and go before it; a note that goes would take along those that still lead to it.
        let links = Order::of(&self.content.links, &other.content.links);
        let notes = Order::of(&self.content.notes, &other.content.notes);
        let texts = Texts::of(self);
        for link in self.content.links.iter().filter(|link| links.gone.contains(&link.id)) {
            out.note(ChangeKind::Removed, Item::Link(link.id.clone()), &texts.link(link), Vec::new());
            out.edits.push(Edit::RemoveLink(link.id.clone()));
        }
        self.diff_segments(&other, &mut out);
        self.diff_notes(&other, &notes, &mut out);
        self.diff_links(&other, &links, &mut out);
        for note in self.content.notes.iter().filter(|note| notes.gone.contains(&note.id)) {
            out.note(
                ChangeKind::Removed,
                Item::Note(note.id.clone()),
                &note.text,
                block_of(Some(note), None),
            );
            out.edits.push(Edit::RemoveNote(note.id.clone()));
        }
        for (id, segment) in self.segments.iter().filter(|(id, _)| !other.segments.contains_key(id)) {
            let name = &segment.content.display_name;
            out.note(ChangeKind::Removed, Item::Segment(id.clone()), name, Vec::new());
            out.edits.push(Edit::RemoveSegment(id.clone()));
        }
        // What stands in the blocks of one kind can't stand in those of another, and edits don't change the kind.
        if !is_of_one_kind {
            out.edits.clear();
        }
        out
    }

    fn diff_notes(&self, other: &Canvas, order: &Order, out: &mut Diff) {
        let (before, after) = (by_id(&self.content.notes), &other.content.notes);
        for (index, note) in after.iter().enumerate() {
            let place = place(after, index);
            let item = Item::Note(note.id.clone());
            let Some(former) = before.get(&note.id) else {
                out.note(ChangeKind::Added, item, &note.text, block_of(None, Some(note)));
                out.edits.push(Edit::AddNote { note: note.clone(), place });
                continue;
            };
            let moved = former.block != note.block;
            if moved || order.moved.contains(&note.id) {
                let (id, block) = (note.id.clone(), note.block);
                out.edits.push(Edit::MoveNote { id, block, place });
                let fields = if moved { block_of(Some(former), Some(note)) } else { Vec::new() };
                out.note(ChangeKind::Moved, item.clone(), &note.text, fields);
            }
            if (Note { block: note.block, ..(*former).clone() }) != *note {
                let of = |note: &Note| json(note, |field| field != "block" && field != "id");
                out.note(ChangeKind::Changed, item, &note.text, fields_of(of(former), of(note)));
                out.edits.push(Edit::ChangeNote(note.clone()));
            }
        }
    }

    fn diff_links(&self, other: &Canvas, order: &Order, out: &mut Diff) {
        let (before, after) = (by_id(&self.content.links), &other.content.links);
        let (old_texts, texts) = (Texts::of(self), Texts::of(other));
        for (index, link) in after.iter().enumerate() {
            let place = place(after, index);
            let item = Item::Link(link.id.clone());
            let text = texts.link(link);
            let Some(former) = before.get(&link.id) else {
                out.note(ChangeKind::Added, item, &text, Vec::new());
                out.edits.push(Edit::AddLink { link: link.clone(), place });
                continue;
            };
            if order.moved.contains(&link.id) {
                out.edits.push(Edit::MoveLink { id: link.id.clone(), place });
            }
            if *former != link {
                let kind = match former.kind == link.kind {
                    true => ChangeKind::Retargeted,
                    false => ChangeKind::Changed,
                };
                let of = |texts: &Texts, link: &Link| {
                    BTreeMap::from([
                        ("kind".to_owned(), link.kind.title().to_owned()),
                        ("from".to_owned(), texts.note(&link.from)),
                        ("to".to_owned(), texts.end(&link.to)),
                    ])
                };
                out.note(kind, item, &text, fields_of(of(&old_texts, former), of(&texts, link)));
                out.edits.push(Edit::ChangeLink(link.clone()));
            }
        }
    }

    fn diff_segments(&self, other: &Canvas, out: &mut Diff) {
        for (id, segment) in &other.segments {
            let former = self.segments.get(id);
            let name = &segment.content.display_name;
            match former {
                None => {
                    out.note(ChangeKind::Added, Item::Segment(id.clone()), name, Vec::new());
                    out.edits.push(Edit::AddSegment { id: id.clone(), content: segment.content.clone() });
                }
                Some(former) if former.content != segment.content => {
                    diff_content(id, &former.content, &segment.content, out);
                    out.edits.push(Edit::ChangeSegment { id: id.clone(), content: segment.content.clone() });
                }
                Some(_) => {}
            }
            diff_personas(id, former, segment, out);
        }
    }
}

/// What people call the notes and segments of a canvas.
struct Texts<'a> {
    notes: BTreeMap<&'a Id, &'a Note>,
    segments: &'a BTreeMap<Id, Segment>,
}

impl<'a> Texts<'a> {
    fn of(canvas: &'a Canvas) -> Self {
        Self { notes: by_id(&canvas.content.notes), segments: &canvas.segments }
    }

    fn note(&self, id: &Id) -> String {
        self.notes.get(id).map_or_else(|| id.to_string(), |note| note.text.clone())
    }

    fn end(&self, end: &LinkEnd) -> String {
        match end {
            LinkEnd::Note(id) => self.note(id),
            LinkEnd::Segment(SegmentName { segment, .. }) => match self.segments.get(segment) {
                Some(found) => found.content.display_name.clone(),
                None => segment.to_string(),
            },
        }
    }

    /// A link as people read it: what it starts from and where it leads.
    fn link(&self, link: &Link) -> String {
        format!("{} → {}", self.note(&link.from), self.end(&link.to))
    }
}

fn by_id<T: Entry>(list: &[T]) -> BTreeMap<&Id, &T> {
    list.iter().map(|entry| (entry.id(), entry)).collect()
}

impl Diff {
    fn note(&mut self, kind: ChangeKind, item: Item, text: &str, fields: Vec<FieldChange>) {
        self.changes.push(Change { kind, item, text: text.to_owned(), of: String::new(), fields });
    }

    /// The same for what belongs to a segment that people call `of`.
    fn note_of(&mut self, of: &str, kind: ChangeKind, item: Item, text: &str, fields: Vec<FieldChange>) {
        self.changes.push(Change { kind, item, text: text.to_owned(), of: of.to_owned(), fields });
    }
}

fn block_of(before: Option<&Note>, after: Option<&Note>) -> Vec<FieldChange> {
    let title = |note: Option<&Note>| note.map_or("", |note| note.block.title()).to_owned();
    vec![FieldChange { field: "block".into(), before: title(before), after: title(after) }]
}

fn diff_personas(segment: &Id, former: Option<&Segment>, now: &Segment, out: &mut Diff) {
    let name = &now.content.display_name;
    let item = |id: &Id| Item::Persona(segment.clone(), id.clone());
    for (id, Persona { content, .. }) in former.iter().flat_map(|former| &former.personas) {
        if !now.personas.contains_key(id) {
            out.note_of(name, ChangeKind::Removed, item(id), &content.display_name, Vec::new());
            out.edits.push(Edit::RemovePersona { segment: segment.clone(), id: id.clone() });
        }
    }
    for (id, Persona { content, .. }) in &now.personas {
        let (segment, persona) = (segment.clone(), id.clone());
        match former.and_then(|former| former.personas.get(id)) {
            None => {
                out.note_of(name, ChangeKind::Added, item(id), &content.display_name, Vec::new());
                out.edits.push(Edit::AddPersona { segment, id: persona, content: content.clone() });
            }
            Some(former) if former.content != *content => {
                let fields = fields_of(json(&former.content, |_| true), json(content, |_| true));
                out.note_of(name, ChangeKind::Changed, item(id), &content.display_name, fields);
                out.edits.push(Edit::ChangePersona { segment, id: persona, content: content.clone() });
            }
            Some(_) => {}
        }
    }
}

/// What changed in a segment: facets one by one, all else by its fields.
fn diff_content(id: &Id, before: &SegmentContent, after: &SegmentContent, out: &mut Diff) {
    let of = |content: &SegmentContent| json(content, |field| field != "relationship_plan");
    let fields = fields_of(of(before), of(after));
    if !fields.is_empty() {
        out.note(ChangeKind::Changed, Item::Segment(id.clone()), &after.display_name, fields);
    }
    for kind in FacetKind::ALL {
        let (old, new) = (before.relationship_plan.get(&kind), after.relationship_plan.get(&kind));
        let change = match (old, new) {
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Removed,
            (old, new) if old != new => ChangeKind::Changed,
            _ => continue,
        };
        let of = |facet: Option<&_>| facet.map(|facet| json(facet, |_| true)).unwrap_or_default();
        let item = Item::Facet(id.clone(), kind);
        out.note_of(&after.display_name, change, item, kind.title(), fields_of(of(old), of(new)));
    }
}

/// A value's fields, as people read them.
fn json(value: &impl Serialize, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let Ok(Json::Object(fields)) = serde_json::to_value(value) else { return BTreeMap::new() };
    fields
        .into_iter()
        .filter(|(field, _)| wanted(field))
        .map(|(field, value)| (field, plain(&value)))
        .collect()
}

fn plain(value: &Json) -> String {
    let joined = |parts: Vec<String>, by: &str| {
        let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        told.join(by)
    };
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => joined(items.iter().map(plain).collect(), "; "),
        // What an entry says stands for it; all else of it follows.
        Json::Object(fields) => {
            let says =
                |name: &&String| matches!(name.as_str(), "text" | "statement" | "description" | "source");
            let first = fields.keys().filter(says).map(|name| plain(&fields[name]));
            let others =
                fields.iter().filter(|(name, _)| !says(name) && *name != "id").map(|(name, value)| {
                    let told = plain(value);
                    if told.is_empty() { told } else { format!("{name}: {told}") }
                });
            joined(first.chain(others).collect(), ", ")
        }
        other => other.to_string(),
    }
}

fn fields_of(before: BTreeMap<String, String>, after: BTreeMap<String, String>) -> Vec<FieldChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |fields: &BTreeMap<String, String>, name: &String| fields.get(name).cloned().unwrap_or_default();
    let change = |name: &String| FieldChange {
        field: name.clone(),
        before: of(&before, name),
        after: of(&after, name),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// The place of the entry at an index, behind the one before it.
fn place<T: Entry>(list: &[T], index: usize) -> Place {
    match index.checked_sub(1) {
        None => Place::First,
        Some(before) => Place::After(list[before].id().clone()),
    }
}

/// Which entries of a list are gone and which have moved: the fewest that must, so that the others stay as they stand.
struct Order {
    gone: BTreeSet<Id>,
    moved: BTreeSet<Id>,
}

impl Order {
    fn of<T: Entry>(before: &[T], after: &[T]) -> Self {
        let ids = |list: &[T]| list.iter().map(|entry| entry.id().clone()).collect::<Vec<Id>>();
        let (before, after) = (ids(before), ids(after));
        let (old, new): (BTreeSet<&Id>, BTreeSet<&Id>) = (before.iter().collect(), after.iter().collect());
        let common = |list: &[Id]| {
            list.iter().filter(|id| old.contains(id) && new.contains(id)).cloned().collect::<Vec<Id>>()
        };
        let gone = before.iter().filter(|id| !new.contains(id)).cloned().collect();
        let (old, new) = (common(&before), common(&after));
        let mut moved: BTreeSet<Id> = new.iter().cloned().collect();
        for run in similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new) {
            if let similar::DiffOp::Equal { old_index, len, .. } = run {
                old[old_index..old_index + len].iter().for_each(|id| _ = moved.remove(id));
            }
        }
        Self { gone, moved }
    }
}
