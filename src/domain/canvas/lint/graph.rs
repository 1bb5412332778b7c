//! A canvas by who leads to whom.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::canvas::edit::{Edit, Place};
use crate::domain::canvas::{Block, Canvas, Link, LinkEnd, LinkKind, Note};
use crate::domain::name::{Id, SegmentName};

pub struct Graph<'a> {
    pub canvas: &'a Canvas,
    notes: BTreeMap<&'a Id, &'a Note>,
    from: BTreeMap<&'a Id, Vec<&'a Link>>,
    to_note: BTreeMap<&'a Id, Vec<&'a Link>>,
    to_segment: BTreeMap<&'a Id, Vec<&'a Link>>,
    /// The ids of links that are there, and of those that fixes would make: fixes of several findings go together in one list.
    taken: RefCell<BTreeSet<String>>,
}

impl<'a> Graph<'a> {
    pub fn of(canvas: &'a Canvas) -> Self {
        let notes = canvas.content.notes.iter().map(|note| (&note.id, note)).collect();
        let (from, to_note, to_segment) = Default::default();
        let taken = canvas.content.links.iter().map(|link| link.id.to_string()).collect();
        let mut graph = Self { canvas, notes, from, to_note, to_segment, taken: RefCell::new(taken) };
        for link in &canvas.content.links {
            graph.from.entry(&link.from).or_default().push(link);
            match &link.to {
                LinkEnd::Note(id) => graph.to_note.entry(id).or_default().push(link),
                LinkEnd::Segment(name) => graph.to_segment.entry(&name.segment).or_default().push(link),
            }
        }
        graph
    }

    pub fn note(&self, id: &Id) -> Option<&'a Note> {
        self.notes.get(id).copied()
    }

    pub fn notes_in(&self, block: Block) -> impl Iterator<Item = &'a Note> {
        self.canvas.content.notes.iter().filter(move |note| note.block == block)
    }

    /// The links of a kind that leave a note.
    pub fn leaving(&self, note: &Id, kind: LinkKind) -> impl Iterator<Item = &'a Link> {
        self.from.get(note).into_iter().flatten().copied().filter(move |link| link.kind == kind)
    }

    /// The links of a kind that enter a note.
    pub fn entering(&self, note: &Id, kind: LinkKind) -> impl Iterator<Item = &'a Link> {
        self.to_note.get(note).into_iter().flatten().copied().filter(move |link| link.kind == kind)
    }

    /// The notes from which links of a kind lead to a segment.
    pub fn leading_to(&self, segment: &Id, kind: LinkKind) -> BTreeSet<&'a Id> {
        let links = self.to_segment.get(segment).into_iter().flatten();
        links.filter(|link| link.kind == kind).map(|link| &link.from).collect()
    }

    /// The segments to which links of a kind lead from a note.
    pub fn reached(&self, note: &Id, kind: LinkKind) -> BTreeSet<&'a Id> {
        let ends = self.leaving(note, kind).filter_map(|link| match &link.to {
            LinkEnd::Segment(name) => Some(&name.segment),
            LinkEnd::Note(_) => None,
        });
        ends.collect()
    }

    /// How many links leave a note, and how many enter it.
    pub fn degree(&self, note: &Id) -> (usize, usize) {
        let count = |links: &BTreeMap<&Id, Vec<&Link>>| links.get(note).map_or(0, Vec::len);
        (count(&self.from), count(&self.to_note))
    }

    /// How many links enter a segment.
    pub fn entering_segment(&self, segment: &Id) -> usize {
        self.to_segment.get(segment).map_or(0, Vec::len)
    }

    pub fn is_orphan(&self, note: &Id) -> bool {
        !self.from.contains_key(note) && !self.to_note.contains_key(note)
    }

    /// The edit that would link a note to a segment.
    pub fn link_to_segment(&self, kind: LinkKind, from: &Id, segment: &Id) -> Edit {
        let name = SegmentName { canvas: self.canvas.name.canvas.clone(), segment: segment.clone() };
        self.link(kind, from, LinkEnd::Segment(name))
    }

    pub fn link(&self, kind: LinkKind, from: &Id, to: LinkEnd) -> Edit {
        let mut taken = self.taken.borrow_mut();
        let first = self.canvas.content.links.len() + 1;
        let free = (first..).map(|number| format!("link-{number}")).find(|id| taken.insert(id.clone()));
        let id = free.and_then(|id| id.parse().ok()).unwrap_or_else(Id::unreadable);
        Edit::AddLink { link: Link { id, kind, from: from.clone(), to }, place: Place::Last }
    }

    /// The only note of a block, if there is just one.
    pub fn only(&self, blocks: &[Block]) -> Option<&'a Note> {
        let mut notes = self.canvas.content.notes.iter().filter(|note| blocks.contains(&note.block));
        notes.next().filter(|_| notes.next().is_none())
    }
}
