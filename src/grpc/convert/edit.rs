//! Edits of canvases, what they changed, and findings.

use super::canvas::{link, link_out, note, note_out};
use super::segment::{content as segment_content, persona_content, persona_out, plan};
use super::{PartIds, WireEnum, choice, optional, parsed, segment, stated};
use crate::domain::canvas::diff::{Change, ChangeKind};
use crate::domain::canvas::edit::{Edit, Place, Properties};
use crate::domain::canvas::lint::{Diagnostic, Severity};
use crate::domain::canvas::{Block, Canvas};
use crate::domain::check::Checker;
use crate::domain::name::{Id, PersonaName, SegmentName};
use crate::domain::segment::{FacetKind, Persona, Segment};
use crate::domain::time::Time;
use crate::domain::version::Version;
use crate::grpc::{mask, pb};

super::wire_enum!(CanvasChangeKind, ChangeKind, Added, Removed, Changed, Moved, Retargeted);
super::wire_enum!(CanvasSeverity, Severity, Hint, Warning, Error);

/// Reads an edit of a canvas as it stands; nothing if that can't be done, which is then noted.
pub fn edit(
    c: &mut Checker,
    canvas: &Canvas,
    edit: &pb::CanvasEdit,
    new_id: &dyn Fn() -> Id,
) -> Option<Edit> {
    use pb::canvas_edit::Edit as Wire;
    let Some(edit) = edit.edit.clone() else {
        c.wrong("is empty: say what to do, such as add_note");
        return None;
    };
    let before = c.is_clean();
    let read = match edit {
        Wire::ChangeProperties(change) => c.within("change_properties", |c| properties(c, canvas, change)),
        Wire::AddNote(add) => c.within("add_note", |c| {
            let new = given(c, "note", add.note)?;
            let mut ids = PartIds::new("note", canvas.content.notes.iter().map(|note| note.id.as_str()));
            let note = c.within("note", |c| note(c, new, &mut ids));
            Some(Edit::AddNote { note, place: place(c, add.place)? })
        }),
        Wire::ChangeNote(change) => c.within("change_note", |c| {
            let update = given(c, "note", change.note)?;
            let id: Id = c.within("note", |c| parsed(c, "id", &update.id))?;
            let Some(current) = canvas.content.notes.iter().find(|note| note.id == id) else {
                c.wrong_field("note.id", format!("there is no note \"{id}\""));
                return None;
            };
            let current = note_out(current, &canvas.content.links, Time::default());
            let merged = merged(c, "Note", current, &update, change.update_mask)?;
            let merged = pb::Note { id: id.to_string(), ..merged };
            Some(Edit::ChangeNote(c.within("note", |c| note(c, merged, &mut PartIds::new("note", [])))))
        }),
        Wire::MoveNote(shift) => c.within("move_note", |c| {
            let id: Id = parsed(c, "id", &shift.id)?;
            let own = canvas.content.notes.iter().find(|note| note.id == id).map(|note| note.block);
            let block: Block = choice(c, "block", shift.block).or(own).unwrap_or(Block::Channels);
            Some(Edit::MoveNote { id, block, place: place(c, shift.place)? })
        }),
        Wire::RemoveNote(remove) => {
            c.within("remove_note", |c| Some(Edit::RemoveNote(parsed(c, "id", &remove.id)?)))
        }
        Wire::AddLink(add) => c.within("add_link", |c| {
            let new = given(c, "link", add.link)?;
            let mut ids = PartIds::new("link", canvas.content.links.iter().map(|link| link.id.as_str()));
            let link = c.within("link", |c| link(c, new, &mut ids));
            Some(Edit::AddLink { link, place: place(c, add.place)? })
        }),
        Wire::ChangeLink(change) => c.within("change_link", |c| {
            let update = given(c, "link", change.link)?;
            let id: Id = c.within("link", |c| parsed(c, "id", &update.id))?;
            let Some(current) = canvas.content.links.iter().find(|link| link.id == id) else {
                c.wrong_field("link.id", format!("there is no link \"{id}\""));
                return None;
            };
            let merged = merged(c, "Link", link_out(current), &update, change.update_mask)?;
            let merged = pb::Link { id: id.to_string(), ..merged };
            Some(Edit::ChangeLink(c.within("link", |c| link(c, merged, &mut PartIds::new("link", [])))))
        }),
        Wire::MoveLink(shift) => c.within("move_link", |c| {
            Some(Edit::MoveLink { id: parsed(c, "id", &shift.id)?, place: place(c, shift.place)? })
        }),
        Wire::RemoveLink(remove) => {
            c.within("remove_link", |c| Some(Edit::RemoveLink(parsed(c, "id", &remove.id)?)))
        }
        Wire::AddSegment(add) => c.within("add_segment", |c| {
            let id = optional(c, "segment_id", &add.segment_id).unwrap_or_else(new_id);
            let new = given(c, "segment", add.segment)?;
            let content = c.within("segment", |c| segment_content(c, new));
            Some(Edit::AddSegment { id, content })
        }),
        Wire::ChangeSegment(change) => c.within("change_segment", |c| {
            let update = given(c, "segment", change.segment)?;
            let name = own_segment(c, canvas, "segment.name", &update.name)?;
            let current = existing(c, canvas, "segment.name", &name)?;
            let current = segment::outward(&name, current, Time::default());
            let merged = merged(c, "Segment", current, &update, change.update_mask)?;
            let content = c.within("segment", |c| segment_content(c, merged));
            Some(Edit::ChangeSegment { id: name.segment, content })
        }),
        Wire::SetFacet(set) => c.within("set_facet", |c| {
            let name = own_segment(c, canvas, "segment", &set.segment)?;
            let mut content = existing(c, canvas, "segment", &name)?.content.clone();
            let facet = given(c, "facet", set.facet)?;
            let kind = stated(c, "facet.kind", facet.kind, FacetKind::Segments);
            let read = c.within("facet", |c| plan(c, pb::RelationshipPlan { facets: vec![facet] }));
            content.relationship_plan.remove(&kind);
            content.relationship_plan.extend(read);
            Some(Edit::ChangeSegment { id: name.segment, content })
        }),
        Wire::RemoveSegment(remove) => c.within("remove_segment", |c| {
            Some(Edit::RemoveSegment(own_segment(c, canvas, "name", &remove.name)?.segment))
        }),
        Wire::AddPersona(add) => c.within("add_persona", |c| {
            let segment = own_segment(c, canvas, "parent", &add.parent)?.segment;
            let id = optional(c, "persona_id", &add.persona_id).unwrap_or_else(new_id);
            let new = given(c, "persona", add.persona)?;
            let content = c.within("persona", |c| persona_content(c, new));
            Some(Edit::AddPersona { segment, id, content })
        }),
        Wire::ChangePersona(change) => c.within("change_persona", |c| {
            let update = given(c, "persona", change.persona)?;
            let name = own_persona(c, canvas, "persona.name", &update.name)?;
            let segment = existing(c, canvas, "persona.name", &name.segment_name())?;
            let Some(current) = segment.personas.get(&name.persona) else {
                c.wrong_field("persona.name", format!("there is no {name}"));
                return None;
            };
            let merged = merged(c, "Persona", persona_out(&name, current), &update, change.update_mask)?;
            let content = c.within("persona", |c| persona_content(c, merged));
            Some(Edit::ChangePersona { segment: name.segment, id: name.persona, content })
        }),
        Wire::RemovePersona(remove) => c.within("remove_persona", |c| {
            let name = own_persona(c, canvas, "name", &remove.name)?;
            Some(Edit::RemovePersona { segment: name.segment, id: name.persona })
        }),
    };
    // What could not be read stands in for something harmless, which must not be applied as if it were meant.
    read.filter(|_| c.is_clean() == before)
}

fn given<T>(c: &mut Checker, field: &str, message: Option<T>) -> Option<T> {
    c.require(message.is_some(), field, "is required");
    message
}

fn place(c: &mut Checker, place: Option<pb::Place>) -> Option<Place> {
    let Some(pb::Place { first, after }) = place else { return Some(Place::Last) };
    if first && !after.is_empty() {
        c.wrong_field("place", "is either first or after another one");
        return None;
    }
    match (first, after.is_empty()) {
        (true, _) => Some(Place::First),
        (false, true) => Some(Place::Last),
        (false, false) => c.within("place", |c| parsed(c, "after", &after)).map(Place::After),
    }
}

fn merged<M>(
    c: &mut Checker,
    message: &str,
    current: M,
    update: &M,
    update_mask: Option<prost_types::FieldMask>,
) -> Option<M>
where
    M: prost::Message + Default + Clone,
{
    mask::check(c, message, update_mask.as_ref());
    match mask::apply(message, &current, update, update_mask.as_ref()) {
        Ok(merged) => Some(merged),
        Err(invalid) => {
            invalid.0.into_iter().for_each(|violation| c.wrong_field("update_mask", violation.description));
            None
        }
    }
}

fn properties(c: &mut Checker, canvas: &Canvas, change: pb::ChangeProperties) -> Option<Edit> {
    let update = given(c, "properties", change.properties)?;
    let Canvas { content, .. } = canvas;
    let current = pb::Canvas {
        display_name: content.display_name.clone(),
        language: content.language.clone(),
        maturity: content.maturity.outward(),
        priority_script: content.priority_script.clone(),
        size_unit: content.size_unit.clone(),
        annotations: content.annotations.clone(),
        ..Default::default()
    };
    let merged = merged(c, "Canvas", current, &update, change.update_mask)?;
    let others = merged.kind != 0 || !merged.notes.is_empty() || !merged.links.is_empty();
    c.require(
        !others,
        "properties",
        "has only display_name, language, maturity, priority_script, size_unit and annotations",
    );
    let or_default = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    Some(Edit::SetProperties(Properties {
        display_name: merged.display_name,
        language: or_default(merged.language, "en"),
        maturity: choice(c, "properties.maturity", merged.maturity).unwrap_or_default(),
        priority_script: or_default(merged.priority_script, "default"),
        size_unit: merged.size_unit,
        annotations: merged.annotations,
    }))
}

/// The name of a segment of this canvas.
fn own_segment(c: &mut Checker, canvas: &Canvas, field: &str, name: &str) -> Option<SegmentName> {
    let read: SegmentName = parsed(c, field, name)?;
    let own = read.canvas == canvas.name.canvas;
    c.require(own, field, format!("is on another canvas than {}", canvas.name));
    own.then_some(read)
}

fn own_persona(c: &mut Checker, canvas: &Canvas, field: &str, name: &str) -> Option<PersonaName> {
    let read: PersonaName = parsed(c, field, name)?;
    let own = read.canvas == canvas.name.canvas;
    c.require(own, field, format!("is on another canvas than {}", canvas.name));
    own.then_some(read)
}

fn existing<'a>(c: &mut Checker, canvas: &'a Canvas, field: &str, name: &SegmentName) -> Option<&'a Segment> {
    let found = canvas.segments.get(&name.segment);
    c.require(found.is_some(), field, format!("there is no {name}"));
    found
}

/// An edit of a canvas, whole: the fields that it does not name become empty.
pub fn edit_out(canvas: &Canvas, edit: &Edit) -> pb::CanvasEdit {
    use pb::canvas_edit::Edit as Wire;
    let all = || Some(prost_types::FieldMask { paths: vec!["*".into()] });
    let note = |note| Some(note_out(note, &[], Time::default()));
    let segment_name =
        |segment: &Id| SegmentName { canvas: canvas.name.canvas.clone(), segment: segment.clone() };
    let persona_name = |segment: &Id, persona: &Id| PersonaName {
        canvas: canvas.name.canvas.clone(),
        segment: segment.clone(),
        persona: persona.clone(),
    };
    let segment = |id: &Id, content: &_| Some(segment::shown(segment_name(id), Clone::clone(content)));
    let persona = |segment: &Id, id: &Id, content: &_| {
        let persona = Persona { version: Version::default(), content: Clone::clone(content) };
        Some(persona_out(&persona_name(segment, id), &persona))
    };
    let wire = match edit {
        Edit::SetProperties(properties) => Wire::ChangeProperties(pb::ChangeProperties {
            properties: Some(pb::Canvas {
                display_name: properties.display_name.clone(),
                language: properties.language.clone(),
                maturity: properties.maturity.outward(),
                priority_script: properties.priority_script.clone(),
                size_unit: properties.size_unit.clone(),
                annotations: properties.annotations.clone(),
                ..Default::default()
            }),
            update_mask: all(),
        }),
        Edit::AddNote { note: new, place } => {
            Wire::AddNote(pb::AddNote { note: note(new), place: place_out(place) })
        }
        Edit::ChangeNote(new) => Wire::ChangeNote(pb::ChangeNote { note: note(new), update_mask: all() }),
        Edit::MoveNote { id, block, place } => Wire::MoveNote(pb::MoveNote {
            id: id.to_string(),
            block: block.outward(),
            place: place_out(place),
        }),
        Edit::RemoveNote(id) => Wire::RemoveNote(pb::RemoveNote { id: id.to_string() }),
        Edit::AddLink { link, place } => {
            Wire::AddLink(pb::AddLink { link: Some(link_out(link)), place: place_out(place) })
        }
        Edit::ChangeLink(link) => {
            Wire::ChangeLink(pb::ChangeLink { link: Some(link_out(link)), update_mask: all() })
        }
        Edit::MoveLink { id, place } => {
            Wire::MoveLink(pb::MoveLink { id: id.to_string(), place: place_out(place) })
        }
        Edit::RemoveLink(id) => Wire::RemoveLink(pb::RemoveLink { id: id.to_string() }),
        Edit::AddSegment { id, content } => {
            Wire::AddSegment(pb::AddSegment { segment: segment(id, content), segment_id: id.to_string() })
        }
        Edit::ChangeSegment { id, content } => {
            Wire::ChangeSegment(pb::ChangeSegment { segment: segment(id, content), update_mask: all() })
        }
        Edit::RemoveSegment(id) => {
            Wire::RemoveSegment(pb::RemoveSegment { name: segment_name(id).to_string() })
        }
        Edit::AddPersona { segment, id, content } => Wire::AddPersona(pb::AddPersona {
            parent: segment_name(segment).to_string(),
            persona: persona(segment, id, content),
            persona_id: id.to_string(),
        }),
        Edit::ChangePersona { segment, id, content } => Wire::ChangePersona(pb::ChangePersona {
            persona: persona(segment, id, content),
            update_mask: all(),
        }),
        Edit::RemovePersona { segment, id } => {
            Wire::RemovePersona(pb::RemovePersona { name: persona_name(segment, id).to_string() })
        }
    };
    pb::CanvasEdit { edit: Some(wire) }
}

pub fn edits_out(canvas: &Canvas, edits: &[Edit]) -> Vec<pb::CanvasEdit> {
    edits.iter().map(|edit| edit_out(canvas, edit)).collect()
}

fn place_out(place: &Place) -> Option<pb::Place> {
    match place {
        Place::First => Some(pb::Place { first: true, after: String::new() }),
        Place::After(id) => Some(pb::Place { first: false, after: id.to_string() }),
        Place::Last => None,
    }
}

/// A change, with its words in a language.
pub fn change_out(change: &Change, language: &str) -> pb::CanvasChange {
    let fields = change.fields.iter().map(|field| pb::FieldChange {
        field: field.field.clone(),
        before: field.before.clone(),
        after: field.after.clone(),
    });
    pb::CanvasChange {
        kind: change.kind.outward(),
        path: change.item.path(),
        text: change.text.clone(),
        fields: fields.collect(),
        words: change.words(language),
    }
}

pub fn changes_out(changes: &[Change], language: &str) -> Vec<pb::CanvasChange> {
    changes.iter().map(|change| change_out(change, language)).collect()
}

/// A finding of a canvas, in a language.
pub fn diagnostic_out(canvas: &Canvas, found: &Diagnostic, language: &str) -> pb::CanvasDiagnostic {
    pb::CanvasDiagnostic {
        code: found.name().to_owned(),
        severity: found.severity.outward(),
        path: found.path.clone(),
        text: found.text(language),
        fix: edits_out(canvas, &found.fix),
    }
}
