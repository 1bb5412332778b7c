//! Segments, personas, relationship plans, priorities.

use std::collections::BTreeMap;

use super::score::{contribution, unknown};
use super::value::{evidence, evidence_out, value, value_out};
use super::{PartIds, WireEnum, parsed, stated, time, timestamp};
use crate::domain::check::Checker;
use crate::domain::name::{Id, PersonaName, SegmentName};
use crate::domain::score::Priority;
use crate::domain::segment::{
    DataPoint, Facet, FacetKind, FacetStatus, Need, NeedKind, Persona, PersonaContent, Provenance, Segment,
    SegmentContent,
};
use crate::domain::time::Time;
use crate::grpc::pb;

super::wire_enum!(NeedKind, NeedKind, Need, Pain, Desire);
super::wire_enum!(
    FacetKind,
    FacetKind,
    Segments,
    RelationshipType,
    Customization,
    Channels,
    Touchpoints,
    Lifecycle,
    FeedbackAndData,
    Support,
    RetentionAndLoyalty,
    ComplaintHandling,
    PrivacyAndSecurity
);
super::wire_enum!(FacetStatus, FacetStatus, Missing, Assumed, Evidenced, Stale);

pub fn content(c: &mut Checker, segment: pb::Segment) -> SegmentContent {
    let mut need_ids = PartIds::new("need", segment.needs.iter().map(|need| need.id.as_str()));

    let notes = c.each("proposition_notes", segment.proposition_notes, |c, id| {
        parsed(c, "", &id).unwrap_or_else(Id::unreadable)
    });
    SegmentContent {
        display_name: segment.display_name,
        demographic: data(c, "demographic", segment.demographic),
        psychographic: data(c, "psychographic", segment.psychographic),
        behavioural: data(c, "behavioural", segment.behavioural),
        needs: c.each("needs", segment.needs, |c, need| Need {
            id: need_ids.read(c, &need.id),
            kind: stated(c, "kind", need.kind, NeedKind::Need),
            text: need.text,
            intensity: need.intensity,
        }),
        size: segment.size,
        growth_rate: segment.growth_rate,
        fit: segment.fit,
        capacity: segment.capacity,
        custom_factors: segment.custom_factors,
        relationship_plan: segment.relationship_plan.map(|p| plan(c, p)).unwrap_or_default(),
        proposition_notes: notes,
    }
}

fn data(
    c: &mut Checker,
    field: &str,
    points: BTreeMap<String, pb::DataPoint>,
) -> BTreeMap<String, DataPoint> {
    let read = |c: &mut Checker, point: pb::DataPoint| DataPoint {
        value: value(c, "value", point.value),
        unit: point.unit,
        source: point.source,
        confidence: point.confidence,
        verified_time: time(c, "verified_time", point.verified_time),
    };
    let points = points.into_iter();
    points.map(|(key, p)| (key.clone(), c.within(format!("{field}[\"{key}\"]"), |c| read(c, p)))).collect()
}

fn plan(c: &mut Checker, plan: pb::RelationshipPlan) -> BTreeMap<FacetKind, Facet> {
    let mut facets = BTreeMap::new();
    c.each("relationship_plan.facets", plan.facets, |c, facet| {
        let kind = stated(c, "kind", facet.kind, FacetKind::Segments);
        let read = Facet {
            content: facet.content,
            attributes: facet.attributes,
            evidence: evidence(c, facet.evidence),
            review_period_days: facet.review_period_days,
        };
        // Reading gives all eleven facets, so an untouched one that comes back says nothing.
        let says_something = read != Facet::default();
        if says_something && facets.insert(kind, read).is_some() {
            c.wrong_field("kind", "this facet stands twice");
        }
    });
    facets
}

pub fn outward(name: &SegmentName, segment: &Segment, now: Time) -> pb::Segment {
    let Segment { version, content, personas: _ } = segment;
    let facets = FacetKind::ALL.iter().map(|kind| {
        let facet = content.relationship_plan.get(kind).cloned().unwrap_or_default();
        pb::Facet {
            kind: kind.outward(),
            status: facet.status(now).outward(),
            content: facet.content,
            attributes: facet.attributes,
            evidence: evidence_out(&facet.evidence),
            review_period_days: facet.review_period_days,
        }
    });
    pb::Segment {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        demographic: data_out(&content.demographic),
        psychographic: data_out(&content.psychographic),
        behavioural: data_out(&content.behavioural),
        needs: content.needs.iter().map(need_out).collect(),
        size: content.size,
        growth_rate: content.growth_rate,
        fit: content.fit,
        capacity: content.capacity,
        custom_factors: content.custom_factors.clone(),
        relationship_plan: Some(pb::RelationshipPlan { facets: facets.collect() }),
        proposition_notes: content.proposition_notes.iter().map(ToString::to_string).collect(),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
    }
}

fn need_out(need: &Need) -> pb::Need {
    pb::Need {
        id: need.id.to_string(),
        kind: need.kind.outward(),
        text: need.text.clone(),
        intensity: need.intensity,
    }
}

fn data_out(points: &BTreeMap<String, DataPoint>) -> BTreeMap<String, pb::DataPoint> {
    let out = |point: &DataPoint| pb::DataPoint {
        value: Some(value_out(&point.value)),
        unit: point.unit.clone(),
        source: point.source.clone(),
        confidence: point.confidence,
        verified_time: point.verified_time.map(timestamp),
    };
    points.iter().map(|(key, point)| (key.clone(), out(point))).collect()
}

pub fn persona_content(c: &mut Checker, persona: pb::Persona) -> PersonaContent {
    let provenance = persona.provenance.into_iter().map(|(field, p)| {
        let recorded =
            c.within(format!("provenance[\"{field}\"]"), |c| time(c, "recorded_time", p.recorded_time));
        (field, Provenance { source: p.source, confidence: p.confidence, recorded_time: recorded })
    });
    let provenance = provenance.collect();
    PersonaContent {
        display_name: persona.display_name,
        traits: persona.traits,
        goals: persona.goals,
        pains: persona.pains,
        preferred_channels: persona.preferred_channels,
        decision_role: persona.decision_role,
        quote: persona.quote,
        provenance,
    }
}

pub fn persona_out(name: &PersonaName, persona: &Persona) -> pb::Persona {
    let Persona { version, content } = persona;
    let provenance = content.provenance.iter().map(|(field, p)| {
        let recorded_time = p.recorded_time.map(timestamp);
        (field.clone(), pb::Provenance { source: p.source.clone(), confidence: p.confidence, recorded_time })
    });
    pb::Persona {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        traits: content.traits.clone(),
        goals: content.goals.clone(),
        pains: content.pains.clone(),
        preferred_channels: content.preferred_channels.clone(),
        decision_role: content.decision_role.clone(),
        quote: content.quote.clone(),
        provenance: provenance.collect(),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
    }
}

pub fn priority_out(priority: Priority) -> pb::Priority {
    let assessment = priority.assessment;
    pb::Priority {
        segment: priority.segment.to_string(),
        display_name: priority.display_name,
        rank: i32::try_from(priority.rank).unwrap_or(i32::MAX),
        priority_hundredths: assessment.priority.0,
        low_hundredths: assessment.low.0,
        high_hundredths: assessment.high.0,
        contributions: assessment.contributions.iter().map(contribution).collect(),
        missing: assessment.missing.iter().map(unknown).collect(),
    }
}
