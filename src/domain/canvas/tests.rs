//! A small business for the tests of canvases, edits and their differences by chance.

use proptest::prelude::*;

use super::edit::{Edit, Place, Properties};
use super::hypothesis::Hypothesis;
use super::*;
use crate::domain::check::Checker;
use crate::domain::segment::{PersonaContent, SegmentContent};
use crate::domain::time::Time;
use crate::domain::value::Money;
use crate::domain::version::Stamp;

pub fn now() -> Time {
    Time::from_micros(20_000 * crate::domain::time::DAY).unwrap()
}

/// A startup with two segments whose canvas has no gap.
pub fn acme() -> Canvas {
    serde_json::from_str(include_str!("acme.json")).unwrap()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// Of a canvas, its segments and their personas.
type Content = (CanvasContent, Vec<(Id, SegmentContent, Personas)>);
type Personas = Vec<(Id, crate::domain::segment::PersonaContent)>;

/// The content alone: edits leave versions to whoever stamps them.
pub fn content(canvas: &Canvas) -> Content {
    let segments = canvas.segments.iter().map(|(id, segment)| {
        let personas = segment.personas.iter().map(|(id, persona)| (id.clone(), persona.content.clone()));
        (id.clone(), segment.content.clone(), personas.collect())
    });
    (canvas.content.clone(), segments.collect())
}

fn apply(canvas: &mut Canvas, edits: Vec<Edit>) -> Vec<Edit> {
    let mut c = Checker::at("");
    let undo = canvas.apply(&mut c, edits.into_iter().map(|edit| |_: &mut Checker, _: &Canvas| Some(edit)));
    c.finish(undo).unwrap()
}

/// An edit of the canvas as it stands, chosen by numbers.
fn some_edit(canvas: &Canvas, (which, a, b): (u8, usize, usize)) -> Edit {
    let notes = &canvas.content.notes;
    let note = |n: usize| notes.get(n % notes.len().max(1)).cloned();
    let links = &canvas.content.links;
    let link = links.get(a % links.len().max(1)).cloned();
    let segments: Vec<&Id> = canvas.segments.keys().collect();
    let segment = segments.get(a % segments.len().max(1)).map(|id| (*id).clone());
    let place = match b % 3 {
        0 => Place::First,
        1 => Place::Last,
        _ => note(b).map_or(Place::Last, |note| Place::After(note.id)),
    };
    let new = Note {
        id: id(&format!("new-{a}-{b}")),
        block: Block::Channels,
        text: format!("note {a}"),
        color: String::new(),
        tags: Vec::new(),
        amount: None,
        hypothesis: None,
        offer: None,
    };
    let free = notes.iter().all(|note| note.id != new.id);
    // Texts that YAML reads as something else, or that run from the right, if they are not quoted.
    const TEXTS: [&str; 8] =
        ["no", "a: b", "- 1", "line\nbreak", "\"quoted\" #", "خدمة العملاء", "12:30", " spaces "];
    let text = TEXTS[b % TEXTS.len()].to_owned();
    match (which % 18, note(a), link, segment) {
        (1, Some(note), ..) => {
            Edit::ChangeNote(Note { text: format!("changed {b}"), tags: vec!["t".into()], ..note })
        }
        (2, Some(note), ..) if place != Place::After(note.id.clone()) => {
            Edit::MoveNote { id: note.id, block: note.block, place }
        }
        (3, Some(note), ..) => Edit::RemoveNote(note.id),
        (4, _, Some(link), Some(segment)) if matches!(link.to, LinkEnd::Segment(_)) => {
            let to = LinkEnd::Segment(SegmentName { canvas: canvas.name.canvas.clone(), segment });
            Edit::ChangeLink(Link { to, ..link })
        }
        (5, _, Some(link), _) => Edit::RemoveLink(link.id),
        (6, _, _, Some(segment)) => Edit::RemoveSegment(segment),
        (7, _, _, Some(segment)) => {
            let content = SegmentContent {
                fit: Some((b % 10) as f64 / 10.0),
                ..canvas.segments[&segment].content.clone()
            };
            Edit::ChangeSegment { id: segment, content }
        }
        (8, ..) if !canvas.segments.contains_key(&id(&format!("s-{a}"))) => {
            Edit::AddSegment { id: id(&format!("s-{a}")), content: SegmentContent::default() }
        }
        (9, Some(note), Some(link), _) => {
            let free = links.iter().all(|link| link.id != id(&format!("l-{a}-{b}")));
            match free {
                true => Edit::AddLink {
                    link: Link { id: id(&format!("l-{a}-{b}")), from: note.id, ..link },
                    place: Place::First,
                },
                false => Edit::RemoveLink(link.id),
            }
        }
        (10, Some(note), ..) => {
            Edit::MoveNote { id: note.id, block: Block::KeyActivities, place: Place::Last }
        }
        (11, _, _, Some(segment)) if canvas.segments[&segment].personas.contains_key(&id("p")) => {
            Edit::RemovePersona { segment, id: id("p") }
        }
        (11, _, _, Some(segment)) => Edit::AddPersona { segment, id: id("p"), content: Default::default() },
        (12, ..) => Edit::SetProperties(Properties {
            display_name: format!("Name {a}"),
            size_unit: text.trim().to_owned(),
            ..Properties::of(&canvas.content)
        }),
        (13, _, Some(link), _) => {
            let place = links.get(b % links.len()).filter(|other| other.id != link.id);
            let place = place.map_or(Place::First, |other| Place::After(other.id.clone()));
            Edit::MoveLink { id: link.id, place }
        }
        (14, _, _, Some(segment)) if canvas.segments[&segment].personas.contains_key(&id("p")) => {
            let content =
                PersonaContent { quote: text, traits: vec![format!("trait {a}")], ..Default::default() };
            Edit::ChangePersona { segment, id: id("p"), content }
        }
        (15, Some(note), ..) => {
            let statement = format!("statement {a}");
            let hypothesis =
                Some(Hypothesis { statement, metric: text, risk: Some(0.3), ..Default::default() });
            Edit::ChangeNote(Note { hypothesis, ..note })
        }
        (16, Some(note), ..) => {
            let money = |units| Money { currency: "EUR".into(), units, nanos: 0 };
            let amount = AmountRange {
                low: money(b as i64 % 90),
                high: money(90 + b as i64 % 9),
                period: text.clone(),
            };
            Edit::ChangeNote(Note { amount: Some(amount), text: text.trim().to_owned(), ..note })
        }
        (17, Some(note), ..) => {
            let offer = note.offer.clone().map(|offer| Offer { message: text, ..offer });
            Edit::ChangeNote(Note { offer, ..note })
        }
        _ if free => Edit::AddNote { note: new, place },
        _ => Edit::RemoveNote(new.id),
    }
}

pub fn edited(choices: &[(u8, usize, usize)]) -> (Canvas, Vec<Edit>) {
    let mut canvas = acme();
    let mut undo = Vec::new();
    for choice in choices {
        let mut back = canvas.apply_one(some_edit(&canvas, *choice)).unwrap();
        back.append(&mut undo);
        undo = back;
    }
    (canvas, undo)
}

proptest! {
    #[test]
    fn edits_and_their_inverses_give_the_same_canvas(choices in prop::collection::vec((any::<u8>(), 0..40usize, 0..40usize), 0..25)) {
        let (mut canvas, undo) = edited(&choices);
        apply(&mut canvas, undo);
        prop_assert_eq!(content(&canvas), content(&acme()));
    }

    #[test]
    fn what_differs_makes_of_the_one_the_other(
        one in prop::collection::vec((any::<u8>(), 0..40usize, 0..40usize), 0..25),
        other in prop::collection::vec((any::<u8>(), 0..40usize, 0..40usize), 0..25),
    ) {
        let (mut a, b) = (edited(&one).0, edited(&other).0);
        let diff = a.diff(&b);
        prop_assert_eq!(diff.edits.is_empty(), content(&a) == content(&b));
        let before = a.clone();
        let undo = apply(&mut a, diff.edits);
        prop_assert_eq!(content(&a), content(&b));
        apply(&mut a, undo);
        prop_assert_eq!(content(&a), content(&before));
    }
}

#[test]
fn only_what_changed_gets_a_revision() {
    let before = acme();
    let mut after = before.clone();
    let small = after.segments[&id("small")].content.clone();
    apply(
        &mut after,
        vec![
            Edit::ChangeSegment { id: id("small"), content: SegmentContent { size: Some(1.0), ..small } },
            Edit::AddPersona { segment: id("medium"), id: id("new"), content: Default::default() },
            Edit::AddSegment { id: id("large"), content: SegmentContent::default() },
        ],
    );
    after.stamp_what_changed(&before, &Stamp::from(now()));
    let revision = |canvas: &Canvas, segment: &str| canvas.segments[&id(segment)].version.revision;
    let grown = |segment: &str| revision(&after, segment) - revision(&before, segment);
    assert_eq!((grown("small"), grown("medium"), revision(&after, "large")), (1, 1, 1));
    let persona = |canvas: &Canvas, persona: &str| {
        canvas.segments[&id("medium")].personas[&id(persona)].version.revision
    };
    assert_eq!((persona(&after, "new"), persona(&after, "dana") - persona(&before, "dana")), (1, 0));
}

#[test]
fn what_can_t_be_applied_is_told_by_its_place() {
    let mut c = Checker::at("");
    let edits = [
        Edit::RemoveNote(id("nobody")),
        Edit::MoveNote {
            id: id("routes"),
            block: Block::ValuePropositions,
            place: Place::After(id("nowhere")),
        },
        Edit::AddPersona { segment: id("nobody"), id: id("p"), content: Default::default() },
    ];
    acme().apply(&mut c, edits.map(|edit| |_: &mut Checker, _: &Canvas| Some(edit)));
    let found = c.finish(()).unwrap_err().0;
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "edits[0].id: there is no note \"nobody\"",
            "edits[1].after: there is no note \"nowhere\"",
            "edits[2].segment: there is no segment \"nobody\"",
        ]
    );
}

#[test]
fn a_diff_says_what_moved_and_what_leads_elsewhere() {
    let (a, mut b) = (acme(), acme());
    b.content.notes.iter_mut().find(|note| note.id.as_str() == "planner").unwrap().block =
        Block::KeyActivities;
    b.content.notes.iter_mut().find(|note| note.id.as_str() == "routes").unwrap().text =
        "Half the driving".into();
    let link = b.content.links.iter_mut().find(|link| link.id.as_str() == "fairs-small").unwrap();
    link.to = LinkEnd::Segment("canvases/acme/segments/medium".parse().unwrap());
    b.segments
        .get_mut(&id("small"))
        .unwrap()
        .content
        .relationship_plan
        .remove(&crate::domain::segment::FacetKind::Support);
    let told: Vec<String> = a
        .diff(&b)
        .changes
        .iter()
        .map(|change| {
            let fields: Vec<_> = change
                .fields
                .iter()
                .filter(|f| f.after.len() + f.before.len() < 90)
                .map(|f| format!("{}: {} → {}", f.field, f.before, f.after))
                .collect();
            format!("{} {} {}", change.kind.title(), change.item.path(), fields.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "removed segments[\"small\"].relationship_plan[Support] content: A ticket line → , response_time: 14400 → ",
            "changed notes[\"routes\"] text: A third less driving by routes that plan themselves → Half the driving",
            "moved notes[\"planner\"] block: Key Resources → Key Activities",
            "retargeted links[\"fairs-small\"] to: Small workshops → Medium companies",
        ]
    );
}
