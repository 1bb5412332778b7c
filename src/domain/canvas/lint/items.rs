//! What scripts of one's own look at: a note or a segment of a canvas, with what its links say.

use std::collections::BTreeMap;

use super::Live;
use super::graph::Graph;
use super::notes::path;
use crate::domain::canvas::{Canvas, LinkKind, Maturity, Note};
use crate::domain::name::Id;
use crate::domain::segment::{FacetKind, FacetStatus, LeadTally, Segment, SegmentContent};
use crate::domain::time::Time;

/// A note or a segment, with what is counted of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<'a> {
    /// Such as `notes["routes"]`.
    pub path: String,
    /// A note's text, a segment's name.
    pub name: &'a str,
    pub note: Option<NoteFacts<'a>>,
    pub segment: Option<SegmentFacts<'a>>,
    pub links_out: usize,
    pub links_in: usize,
    pub maturity: Maturity,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NoteFacts<'a> {
    pub note: &'a Note,
    /// How its hypothesis stands, if it has one.
    pub hypothesis: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SegmentFacts<'a> {
    pub content: &'a SegmentContent,
    pub leads: LeadTally,
    pub personas: usize,
    pub propositions: usize,
    pub channels: usize,
    pub relationships: usize,
    pub revenues: usize,
    pub facets_missing: usize,
    pub facets_stale: usize,
}

impl Canvas {
    /// All notes, then all segments.
    pub fn lint_items(&self, now: Time, live: &BTreeMap<Id, Live>) -> Vec<Item<'_>> {
        let graph = Graph::of(self);
        let maturity = self.content.maturity;
        let notes = self.content.notes.iter().map(|note| Item {
            path: path(note),
            name: &note.text,
            note: Some(NoteFacts {
                note,
                hypothesis: note
                    .hypothesis
                    .as_ref()
                    .map(|hypothesis| hypothesis.standing(now).status.as_str()),
            }),
            segment: None,
            links_out: graph.degree(&note.id).0,
            links_in: graph.degree(&note.id).1,
            maturity,
        });
        let segments = self.segments.iter().map(|(id, segment)| Item {
            path: format!("segments[\"{id}\"]"),
            name: &segment.content.display_name,
            note: None,
            segment: Some(SegmentFacts::of(
                &graph,
                id,
                segment,
                live.get(id).copied().unwrap_or_default(),
                now,
            )),
            links_out: 0,
            links_in: graph.entering_segment(id),
            maturity,
        });
        notes.chain(segments).collect()
    }
}

impl<'a> SegmentFacts<'a> {
    fn of(graph: &Graph, id: &Id, segment: &'a Segment, live: Live, now: Time) -> Self {
        let leading = |kind| graph.leading_to(id, kind).len();
        let plan = &segment.content.relationship_plan;
        let status =
            |kind: &FacetKind| plan.get(kind).map_or(FacetStatus::Missing, |facet| facet.status(now));
        let of_status = |wanted| FacetKind::ALL.iter().filter(|kind| status(kind) == wanted).count();
        Self {
            content: &segment.content,
            leads: live.leads,
            personas: segment.personas.len(),
            propositions: leading(LinkKind::Serves),
            channels: leading(LinkKind::Reaches),
            relationships: leading(LinkKind::Relates),
            revenues: leading(LinkKind::PaidBy),
            facets_missing: of_status(FacetStatus::Missing),
            facets_stale: of_status(FacetStatus::Stale),
        }
    }
}
