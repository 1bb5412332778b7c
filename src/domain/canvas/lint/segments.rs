//! What is doubtful about segments, their personas and relationship plans, and about what their leads say.

use std::collections::{BTreeMap, BTreeSet};

use super::notes::segment_name;
use super::{Code, Findings, Live};
use crate::domain::canvas::{Block, LinkKind};
use crate::domain::name::Id;
use crate::domain::segment::{FacetKind, FacetStatus, LifecycleStage, Segment, SegmentContent};
use crate::domain::time::Time;

/// From how many graded leads on their grades say something of a segment.
const ENOUGH_LEADS: u64 = 10;

pub fn check(f: &mut Findings, now: Time) {
    let canvas = f.graph.canvas;
    if canvas.segments.is_empty() {
        f.note(Code::NoSegment, String::new(), &[], Vec::new());
    }
    let answered: BTreeSet<_> = canvas.content.notes.iter().flat_map(|note| note.answers()).collect();
    for (id, segment) in &canvas.segments {
        let (path, content) = (path(id), &segment.content);
        check_links(f, id, content);
        if segment.personas.is_empty() {
            f.note(Code::SegmentWithoutPersona, path.clone(), &[&content.display_name], Vec::new());
        }
        if content.needs.is_empty() {
            f.note(Code::SegmentWithoutNeeds, path.clone(), &[&content.display_name], Vec::new());
        }
        for need in &content.needs {
            if !answered.iter().any(|answer| answer.segment.segment == *id && answer.need == need.id) {
                let path = format!("{path}.needs[\"{}\"]", need.id);
                f.note(Code::NeedUnanswered, path, &[&content.display_name, &need.text], Vec::new());
            }
        }
        let figures = [("size", content.size), ("growth a year", content.growth_rate), ("fit", content.fit)];
        let missing: Vec<_> =
            figures.iter().filter(|(_, figure)| figure.is_none()).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            f.note(Code::PriorityDataMissing, path, &[&content.display_name, &missing], Vec::new());
        }
        check_plan(f, id, segment, now);
    }
    check_one_for_all(f);
    check_same_plans(f);
}

fn path(segment: &Id) -> String {
    format!("segments[\"{segment}\"]")
}

fn check_links(f: &mut Findings, id: &Id, content: &SegmentContent) {
    let wanted: [(LinkKind, Code, &[Block]); 4] = [
        (LinkKind::Serves, Code::SegmentWithoutProposition, &Block::OFFERS),
        (LinkKind::Reaches, Code::SegmentWithoutChannel, &[Block::Channels]),
        (LinkKind::Relates, Code::SegmentWithoutRelationship, &[Block::CustomerRelationships]),
        (LinkKind::PaidBy, Code::SegmentWithoutRevenue, &[Block::RevenueStreams]),
    ];
    let blocks = f.graph.canvas.content.kind.blocks();
    for (kind, code, sources) in wanted {
        let possible = sources.iter().any(|source| blocks.contains(source));
        if possible && f.graph.leading_to(id, kind).is_empty() {
            // With a single note there is only one way to mend it.
            let only = f.graph.only(sources);
            let fix = only.map(|note| f.graph.link_to_segment(kind, &note.id, id)).into_iter().collect();
            f.note(code, path(id), &[&content.display_name], fix);
        }
    }
}

fn check_plan(f: &mut Findings, id: &Id, segment: &Segment, now: Time) {
    let (name, plan) = (&segment.content.display_name, &segment.content.relationship_plan);
    for kind in FacetKind::ALL {
        let status = plan.get(&kind).map_or(FacetStatus::Missing, |facet| facet.status(now));
        let code = match (kind, status) {
            // Told of by codes of their own.
            (FacetKind::Lifecycle, FacetStatus::Missing) => Code::PlanWithoutLifecycle,
            (FacetKind::PrivacyAndSecurity, FacetStatus::Missing) if holds_data(segment) => {
                Code::PrivacyMissing
            }
            (_, FacetStatus::Missing) => Code::FacetMissing,
            (_, FacetStatus::Assumed) => Code::FacetAssumed,
            (_, FacetStatus::Stale) => Code::FacetStale,
            (_, FacetStatus::Evidenced) => continue,
        };
        f.note(code, facet_path(id, kind), &[name, kind.title()], Vec::new());
    }
    if let Some(facet) = plan.get(&FacetKind::Lifecycle)
        && facet.status(now) != FacetStatus::Missing
    {
        if facet.lifecycle.is_empty() {
            f.note(
                Code::PlanWithoutLifecycle,
                facet_path(id, FacetKind::Lifecycle),
                &[name, FacetKind::Lifecycle.title()],
                Vec::new(),
            );
        } else {
            for stage in LifecycleStage::ALL.iter().filter(|stage| !facet.lifecycle.contains_key(stage)) {
                f.note(
                    Code::LifecycleGap,
                    facet_path(id, FacetKind::Lifecycle),
                    &[name, stage.title()],
                    Vec::new(),
                );
            }
        }
    }
    if let Some(facet) = plan.get(&FacetKind::PrivacyAndSecurity)
        && facet.status(now) != FacetStatus::Missing
        && facet.lawful_bases.is_empty()
        && (holds_data(segment) || facet.attributes.contains_key("data_held"))
    {
        let (path, title) =
            (facet_path(id, FacetKind::PrivacyAndSecurity), FacetKind::PrivacyAndSecurity.title());
        f.note(Code::PrivacyMissing, path, &[name, title], Vec::new());
    }
    check_touchpoints(f, id, segment);
}

fn facet_path(segment: &Id, kind: FacetKind) -> String {
    format!("{}.relationship_plan[{kind:?}]", path(segment))
}

/// Whether anything is recorded of what the people of a segment are like or do.
fn holds_data(segment: &Segment) -> bool {
    let content = &segment.content;
    let told = |kind, attribute: &str| {
        content.relationship_plan.get(&kind).is_some_and(|facet| facet.attributes.contains_key(attribute))
    };
    !content.demographic.is_empty()
        || !content.psychographic.is_empty()
        || !content.behavioural.is_empty()
        || told(FacetKind::FeedbackAndData, "collection")
        || told(FacetKind::PrivacyAndSecurity, "data_held")
}

fn check_touchpoints(f: &mut Findings, id: &Id, segment: &Segment) {
    let reaching = f.graph.leading_to(id, LinkKind::Reaches);
    let touchpoints = segment.content.relationship_plan.values().flat_map(|facet| &facet.touchpoints);
    for (index, touchpoint) in touchpoints.enumerate() {
        let path = format!("{}.touchpoints[{index}]", facet_path(id, FacetKind::Touchpoints));
        if touchpoint.owner.trim().is_empty() {
            let names = [touchpoint.description.as_str(), &segment.content.display_name];
            f.note(Code::TouchpointWithoutOwner, path.clone(), &names, Vec::new());
        }
        let Some(channel) = &touchpoint.channel_note else { continue };
        if !reaching.contains(channel) {
            let text = f.graph.note(channel).map_or("", |note| &note.text);
            let names = [touchpoint.description.as_str(), text, &segment.content.display_name];
            let fix = vec![f.graph.link_to_segment(LinkKind::Reaches, channel, id)];
            f.note(Code::TouchpointChannelElsewhere, path, &names, fix);
        }
    }
}

/// Several segments and just one proposition that serves them all.
fn check_one_for_all(f: &mut Findings) {
    let segments = &f.graph.canvas.segments;
    if segments.len() < 2 {
        return;
    }
    let serving: Vec<BTreeSet<&Id>> =
        segments.keys().map(|segment| f.graph.leading_to(segment, LinkKind::Serves)).collect();
    let first = &serving[0];
    if !first.is_empty() && serving.iter().all(|notes| notes == first) {
        let text = first.iter().next().and_then(|id| f.graph.note(id)).map_or("", |note| &note.text);
        f.note(Code::OnePropositionForAll, String::new(), &[text], Vec::new());
    }
}

fn check_same_plans(f: &mut Findings) {
    let canvas = f.graph.canvas;
    let mut seen: Vec<(&Id, String)> = Vec::new();
    for (id, segment) in &canvas.segments {
        let plan = &segment.content.relationship_plan;
        // Who owns what, and what it rests on, makes no other plan of it.
        let mut told = plan.clone();
        for facet in told.values_mut() {
            facet.evidence.clear();
            facet.touchpoints.iter_mut().for_each(|touchpoint| touchpoint.owner.clear());
        }
        let Ok(text) = serde_json::to_string(&told) else { continue };
        if plan.is_empty() {
            continue;
        }
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == text) {
            let (name, other) = (segment.content.display_name.clone(), segment_name(f, other));
            f.note(Code::SamePlan, format!("{}.relationship_plan", path(id)), &[&name, &other], Vec::new());
        }
        seen.push((id, text));
    }
}

/// Where the canvas and the stored leads disagree.
pub fn check_live(f: &mut Findings, live: &BTreeMap<Id, Live>) {
    let ranked = live.values().filter_map(|live| live.rank).max().unwrap_or(0);
    let share = |live: &Live| live.leads.graded_a as f64 / live.leads.graded.max(1) as f64;
    let first = live.values().find(|live| live.rank == Some(1)).map_or(0.0, share);
    for (id, live) in live {
        let name = segment_name(f, id);
        let capacity = f.graph.canvas.segments.get(id).and_then(|segment| segment.content.capacity);
        if let Some(capacity) = capacity.filter(|capacity| live.leads.won as f64 > *capacity) {
            let (won, capacity) = (live.leads.won.to_string(), capacity.to_string());
            f.note(Code::CapacityExceeded, path(id), &[&name, &won, &capacity], Vec::new());
        }
        let Some(rank) = live.rank.filter(|_| ranked > 1 && live.leads.graded >= ENOUGH_LEADS) else {
            continue;
        };
        let (place, graded) = (rank.to_string(), live.leads.graded.to_string());
        if rank == 1 && live.leads.graded_a == 0 {
            f.note(Code::TopSegmentWithoutGoodLeads, path(id), &[&name, &graded], Vec::new());
        }
        if rank * 2 > ranked + 1 && share(live) > first {
            let good = live.leads.graded_a.to_string();
            f.note(Code::LowSegmentWithGoodLeads, path(id), &[&name, &place, &good, &graded], Vec::new());
        }
    }
}
