//! Changes of a canvas as a list of edits that together make one revision. Each has an inverse, so that what was done can be
//! undone, and what differs between two canvases can be written as what would make one of the other.

use std::collections::BTreeMap;

use super::{Block, Canvas, CanvasContent, Link, Maturity, Note};
use crate::domain::check::Checker;
use crate::domain::name::Id;
use crate::domain::segment::{Persona, PersonaContent, Segment, SegmentContent};
use crate::domain::version::{Stamp, Version};

/// Where an entry goes among those of its list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    First,
    After(Id),
    #[default]
    Last,
}

/// What a canvas has beside its notes, links and segments. Its kind can't change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    pub display_name: String,
    pub language: String,
    pub maturity: Maturity,
    pub priority_script: String,
    pub size_unit: String,
    pub annotations: BTreeMap<String, String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    SetProperties(Properties),
    AddNote {
        note: Note,
        place: Place,
    },
    /// Replaces a note, its block included.
    ChangeNote(Note),
    MoveNote {
        id: Id,
        block: Block,
        place: Place,
    },
    /// The links from and to it go too.
    RemoveNote(Id),
    AddLink {
        link: Link,
        place: Place,
    },
    ChangeLink(Link),
    MoveLink {
        id: Id,
        place: Place,
    },
    RemoveLink(Id),
    AddSegment {
        id: Id,
        content: SegmentContent,
    },
    ChangeSegment {
        id: Id,
        content: SegmentContent,
    },
    /// Its personas, the links to it and the answers to its needs go too.
    RemoveSegment(Id),
    AddPersona {
        segment: Id,
        id: Id,
        content: PersonaContent,
    },
    ChangePersona {
        segment: Id,
        id: Id,
        content: PersonaContent,
    },
    RemovePersona {
        segment: Id,
        id: Id,
    },
}

/// An entry of an ordered list that is known by its id.
pub(super) trait Entry: Clone + PartialEq {
    fn id(&self) -> &Id;
}

impl Entry for Note {
    fn id(&self) -> &Id {
        &self.id
    }
}

impl Entry for Link {
    fn id(&self) -> &Id {
        &self.id
    }
}

fn find<T: Entry>(list: &[T], id: &Id) -> Option<usize> {
    list.iter().position(|entry| entry.id() == id)
}

/// Where the entry at an index stands.
fn place_of<T: Entry>(list: &[T], index: usize) -> Place {
    match index.checked_sub(1) {
        None => Place::First,
        Some(before) => Place::After(list[before].id().clone()),
    }
}

fn index_of<T: Entry>(list: &[T], place: &Place) -> Option<usize> {
    match place {
        Place::First => Some(0),
        Place::Last => Some(list.len()),
        Place::After(id) => find(list, id).map(|index| index + 1),
    }
}

/// What keeps an edit from being applied: the field of the edit, and what is wrong with it.
type Problem = (&'static str, String);

fn nothing(kind: &str, id: &Id) -> Problem {
    ("id", format!("there is no {kind} \"{id}\""))
}

fn taken(kind: &str, id: &Id) -> Problem {
    ("id", format!("there is a {kind} \"{id}\" already"))
}

fn add<T: Entry>(list: &mut Vec<T>, entry: T, place: &Place, kind: &str) -> Result<(), Problem> {
    if find(list, entry.id()).is_some() {
        return Err(taken(kind, entry.id()));
    }
    let Some(index) = index_of(list, place) else { return Err(nowhere(place, kind)) };
    list.insert(index, entry);
    Ok(())
}

fn nowhere(place: &Place, kind: &str) -> Problem {
    let after = if let Place::After(id) = place { id.as_str() } else { "" };
    ("after", format!("there is no {kind} \"{after}\""))
}

fn replace<T: Entry>(list: &mut [T], entry: T, kind: &str) -> Result<T, Problem> {
    match find(list, entry.id()) {
        Some(index) => Ok(std::mem::replace(&mut list[index], entry)),
        None => Err(nothing(kind, entry.id())),
    }
}

/// Moves an entry; gives where it stood.
fn shift<T: Entry>(list: &mut Vec<T>, id: &Id, place: &Place, kind: &str) -> Result<Place, Problem> {
    let Some(from) = find(list, id) else { return Err(nothing(kind, id)) };
    let stood = place_of(list, from);
    let entry = list.remove(from);
    match index_of(list, place) {
        Some(to) => {
            list.insert(to, entry);
            Ok(stood)
        }
        None => {
            list.insert(from, entry);
            Err(nowhere(place, kind))
        }
    }
}

/// Takes entries out; gives the edits that put them back, in the order to be applied.
fn take<T: Entry>(
    list: &mut Vec<T>,
    goes: impl Fn(&T) -> bool,
    put_back: impl Fn(T, Place) -> Edit,
) -> Vec<Edit> {
    let mut undo = Vec::new();
    while let Some(last) = list.iter().rposition(&goes) {
        let place = place_of(list, last);
        undo.push(put_back(list.remove(last), place));
    }
    undo.reverse();
    undo
}

impl Properties {
    pub fn of(content: &CanvasContent) -> Self {
        Self {
            display_name: content.display_name.clone(),
            language: content.language.clone(),
            maturity: content.maturity,
            priority_script: content.priority_script.clone(),
            size_unit: content.size_unit.clone(),
            annotations: content.annotations.clone(),
        }
    }

    fn set(self, content: &mut CanvasContent) {
        let Self { display_name, language, maturity, priority_script, size_unit, annotations } = self;
        *content = CanvasContent {
            display_name,
            language,
            maturity,
            priority_script,
            size_unit,
            annotations,
            kind: content.kind,
            notes: std::mem::take(&mut content.notes),
            links: std::mem::take(&mut content.links),
        };
    }
}

impl Canvas {
    /// Applies edits one after the other, each made of the canvas as it then stands; gives those that undo them, in the order
    /// to be applied. What can't be read or applied is noted as a violation of `edits[i]`, and the others go on: the canvas
    /// is then of no use. Whether the whole is well-formed is to be checked afterwards, since edits may depend on later ones.
    pub fn apply(
        &mut self,
        c: &mut Checker,
        edits: impl IntoIterator<Item = impl FnOnce(&mut Checker, &Canvas) -> Option<Edit>>,
    ) -> Vec<Edit> {
        let undo = c.each("edits", edits, |c, edit| {
            let Some(edit) = edit(c, self) else { return Vec::new() };
            self.apply_one(edit).unwrap_or_else(|(field, problem)| {
                c.wrong_field(field, problem);
                Vec::new()
            })
        });
        undo.into_iter().rev().flatten().collect()
    }

    /// Applies an edit; gives those that undo it.
    pub fn apply_one(&mut self, edit: Edit) -> Result<Vec<Edit>, Problem> {
        let Self { content, segments, .. } = self;
        Ok(match edit {
            Edit::SetProperties(properties) => {
                let undo = Edit::SetProperties(Properties::of(content));
                properties.set(content);
                vec![undo]
            }
            Edit::AddNote { note, place } => {
                let undo = Edit::RemoveNote(note.id.clone());
                add(&mut content.notes, note, &place, "note")?;
                vec![undo]
            }
            Edit::ChangeNote(note) => vec![Edit::ChangeNote(replace(&mut content.notes, note, "note")?)],
            Edit::MoveNote { id, block, place } => {
                let place = shift(&mut content.notes, &id, &place, "note")?;
                let note = content
                    .notes
                    .iter_mut()
                    .find(|note| note.id == id)
                    .ok_or_else(|| nothing("note", &id))?;
                let block = std::mem::replace(&mut note.block, block);
                vec![Edit::MoveNote { id, block, place }]
            }
            Edit::RemoveNote(id) => {
                find(&content.notes, &id).ok_or_else(|| nothing("note", &id))?;
                let links = take(
                    &mut content.links,
                    |link| link.from == id || link.to.is_note(&id),
                    |link, place| Edit::AddLink { link, place },
                );
                let mut undo = take(
                    &mut content.notes,
                    |note| note.id == id,
                    |note, place| Edit::AddNote { note, place },
                );
                undo.extend(links);
                undo
            }
            Edit::AddLink { link, place } => {
                let undo = Edit::RemoveLink(link.id.clone());
                add(&mut content.links, link, &place, "link")?;
                vec![undo]
            }
            Edit::ChangeLink(link) => vec![Edit::ChangeLink(replace(&mut content.links, link, "link")?)],
            Edit::MoveLink { id, place } => {
                let place = shift(&mut content.links, &id, &place, "link")?;
                vec![Edit::MoveLink { id, place }]
            }
            Edit::RemoveLink(id) => {
                find(&content.links, &id).ok_or_else(|| nothing("link", &id))?;
                take(&mut content.links, |link| link.id == id, |link, place| Edit::AddLink { link, place })
            }
            Edit::AddSegment { id, content } => {
                if segments.contains_key(&id) {
                    return Err(taken("segment", &id));
                }
                segments.insert(id.clone(), new_segment(content));
                vec![Edit::RemoveSegment(id)]
            }
            Edit::ChangeSegment { id, content } => {
                let segment = segments.get_mut(&id).ok_or_else(|| nothing("segment", &id))?;
                let content = std::mem::replace(&mut segment.content, content);
                vec![Edit::ChangeSegment { id, content }]
            }
            Edit::RemoveSegment(id) => self.remove_segment(id)?,
            Edit::AddPersona { segment, id, content } => {
                let personas = personas(self, &segment)?;
                if personas.contains_key(&id) {
                    return Err(taken("persona", &id));
                }
                personas.insert(id.clone(), Persona { version: Version::default(), content });
                vec![Edit::RemovePersona { segment, id }]
            }
            Edit::ChangePersona { segment, id, content } => {
                let persona =
                    personas(self, &segment)?.get_mut(&id).ok_or_else(|| nothing("persona", &id))?;
                let content = std::mem::replace(&mut persona.content, content);
                vec![Edit::ChangePersona { segment, id, content }]
            }
            Edit::RemovePersona { segment, id } => {
                let removed = personas(self, &segment)?.remove(&id).ok_or_else(|| nothing("persona", &id))?;
                vec![Edit::AddPersona { segment, id, content: removed.content }]
            }
        })
    }

    fn remove_segment(&mut self, id: Id) -> Result<Vec<Edit>, Problem> {
        let removed = self.segments.remove(&id).ok_or_else(|| nothing("segment", &id))?;
        let mut undo = vec![Edit::AddSegment { id: id.clone(), content: removed.content }];
        undo.extend(removed.personas.into_iter().map(|(persona, Persona { content, .. })| {
            Edit::AddPersona { segment: id.clone(), id: persona, content }
        }));
        for note in &mut self.content.notes {
            let before = note.clone();
            if note.offer.as_mut().is_some_and(|offer| offer.forget_segment(&id)) {
                undo.push(Edit::ChangeNote(before));
            }
        }
        undo.extend(take(
            &mut self.content.links,
            |link| link.to.is_segment(&id),
            |link, place| Edit::AddLink { link, place },
        ));
        Ok(undo)
    }

    /// Marks segments and personas that differ from those before with the revision that this makes of them.
    pub fn stamp_what_changed(&mut self, before: &Canvas, stamp: &Stamp) {
        for (id, segment) in &mut self.segments {
            let former = before.segments.get(id);
            let mut changed = former.is_none_or(|former| former.content != segment.content);
            for (id, persona) in &mut segment.personas {
                let former = former.and_then(|former| former.personas.get(id));
                let same = former.is_some_and(|former| former.content == persona.content);
                persona.version = next_version(former.map(|former| &former.version), same, stamp);
                changed |= !same;
            }
            changed |= former.is_some_and(|former| former.personas.len() != segment.personas.len());
            segment.version = next_version(former.map(|former| &former.version), !changed, stamp);
        }
    }
}

fn next_version(former: Option<&Version>, same: bool, stamp: &Stamp) -> Version {
    match former {
        None => Version::first(stamp.clone()),
        Some(former) if same => former.clone(),
        Some(former) => former.next(stamp.clone()),
    }
}

pub(super) fn new_segment(content: SegmentContent) -> Segment {
    let (version, personas, proposition_notes) = Default::default();
    Segment { version, content, personas, proposition_notes }
}

fn personas<'a>(canvas: &'a mut Canvas, segment: &Id) -> Result<&'a mut BTreeMap<Id, Persona>, Problem> {
    let found = canvas.segments.get_mut(segment).map(|segment| &mut segment.personas);
    found.ok_or_else(|| ("segment", format!("there is no segment \"{segment}\"")))
}
