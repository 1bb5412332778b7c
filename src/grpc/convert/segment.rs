//! Segments, personas, relationship plans, priorities.

use std::collections::BTreeMap;

use super::score::{contribution, unknown};
use super::value::{evidence, evidence_out, value, value_out};
use super::{PartIds, WireEnum, change_out, choice, optional, stated, stated_or_zero, time, timestamp};
use crate::domain::check::Checker;
use crate::domain::name::{PersonaName, SegmentName};
use crate::domain::score::Priority;
use crate::domain::segment::{
    DataPoint, Facet, FacetKind, FacetStatus, LawfulBasis, LifecycleStage, Need, NeedKind, Persona,
    PersonaContent, Provenance, RelationshipType, Segment, SegmentContent, Touchpoint,
};
use crate::domain::time::Time;
use crate::domain::version::Version;
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
super::wire_enum!(
    RelationshipType,
    RelationshipType,
    PersonalAssistance,
    DedicatedPersonal,
    SelfService,
    Automated,
    Community,
    CoCreation
);
super::wire_enum!(
    LifecycleStage,
    LifecycleStage,
    Awareness,
    Consideration,
    FirstPurchase,
    Onboarding,
    Use,
    Renewal,
    Advocacy
);
super::wire_enum!(
    LawfulBasis,
    LawfulBasis,
    Consent,
    Contract,
    LegalObligation,
    VitalInterests,
    PublicTask,
    LegitimateInterests
);
super::wire_enum!(FacetStatus, FacetStatus, Missing, Assumed, Evidenced, Stale);

pub fn content(c: &mut Checker, segment: pb::Segment) -> SegmentContent {
    let mut need_ids = PartIds::new("need", segment.needs.iter().map(|need| need.id.as_str()));
    SegmentContent {
        display_name: segment.display_name,
        description: segment.description,
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
        provenance: provenance(c, segment.provenance),
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

pub fn plan(c: &mut Checker, plan: pb::RelationshipPlan) -> BTreeMap<FacetKind, Facet> {
    let mut facets = BTreeMap::new();
    c.each("relationship_plan.facets", plan.facets, |c, facet| {
        let kind = stated(c, "kind", facet.kind, FacetKind::Segments);
        let types = facet.relationship_types;
        let read = Facet {
            content: facet.content,
            attributes: facet.attributes,
            evidence: evidence(c, facet.evidence),
            review_period_days: facet.review_period_days,
            relationship_types: c.each("relationship_types", types, |c, kind| {
                stated(c, "", kind, RelationshipType::PersonalAssistance)
            }),
            touchpoints: c.each("touchpoints", facet.touchpoints, |c, touchpoint| Touchpoint {
                description: touchpoint.description,
                stage: choice(c, "stage", touchpoint.stage),
                channel_note: optional(c, "channel_note", &touchpoint.channel_note),
                owner: touchpoint.owner,
            }),
            lifecycle: lifecycle(c, facet.lifecycle),
            response_time: seconds(c, "response_time", facet.response_time),
            resolution_time: seconds(c, "resolution_time", facet.resolution_time),
            lawful_bases: c.each("lawful_bases", facet.lawful_bases, |c, basis| {
                stated(c, "", basis, LawfulBasis::Consent)
            }),
        };
        // Reading gives all eleven facets, so an untouched one that comes back says nothing.
        let says_something = read != Facet::default();
        if says_something && facets.insert(kind, read).is_some() {
            c.wrong_field("kind", "this facet stands twice");
        }
    });
    facets
}

fn lifecycle(c: &mut Checker, stages: Vec<pb::LifecycleApproach>) -> BTreeMap<LifecycleStage, String> {
    let mut approaches = BTreeMap::new();
    c.each("lifecycle", stages, |c, pb::LifecycleApproach { stage, approach }| {
        let stage = stated(c, "stage", stage, LifecycleStage::Awareness);
        if approaches.insert(stage, approach).is_some() {
            c.wrong_field("stage", "this stage stands twice");
        }
    });
    approaches
}

/// A duration in whole seconds.
fn seconds(c: &mut Checker, field: &str, duration: Option<prost_types::Duration>) -> Option<i64> {
    let duration = duration?;
    c.require(duration.nanos == 0, field, "must be whole seconds");
    Some(duration.seconds)
}

fn provenance(c: &mut Checker, stated: BTreeMap<String, pb::Provenance>) -> BTreeMap<String, Provenance> {
    let read = |(field, p): (String, pb::Provenance)| {
        let recorded =
            c.within(format!("provenance[\"{field}\"]"), |c| time(c, "recorded_time", p.recorded_time));
        (field, Provenance { source: p.source, confidence: p.confidence, recorded_time: recorded })
    };
    stated.into_iter().map(read).collect()
}

fn provenance_out(stated: &BTreeMap<String, Provenance>) -> BTreeMap<String, pb::Provenance> {
    let out = |(field, p): (&String, &Provenance)| {
        let recorded_time = p.recorded_time.map(timestamp);
        (field.clone(), pb::Provenance { source: p.source.clone(), confidence: p.confidence, recorded_time })
    };
    stated.iter().map(out).collect()
}

/// Content as it would be read under a name.
pub fn shown(name: SegmentName, content: SegmentContent) -> pb::Segment {
    let (version, personas, proposition_notes) = (Version::default(), BTreeMap::new(), Vec::new());
    outward(&name, &Segment { version, content, personas, proposition_notes }, Time::default())
}

/// The same for a persona.
pub fn persona_shown(name: PersonaName, content: PersonaContent) -> pb::Persona {
    persona_out(&name, &Persona { version: Version::default(), content })
}

pub fn facet_out(kind: FacetKind, facet: Facet, status: FacetStatus) -> pb::Facet {
    let duration = |seconds| prost_types::Duration { seconds, nanos: 0 };
    pb::Facet {
        kind: kind.outward(),
        status: status.outward(),
        content: facet.content,
        attributes: facet.attributes,
        evidence: evidence_out(&facet.evidence),
        review_period_days: facet.review_period_days,
        relationship_types: facet.relationship_types.into_iter().map(WireEnum::outward).collect(),
        touchpoints: facet.touchpoints.into_iter().map(touchpoint_out).collect(),
        lifecycle: facet
            .lifecycle
            .into_iter()
            .map(|(stage, approach)| pb::LifecycleApproach { stage: stage.outward(), approach })
            .collect(),
        response_time: facet.response_time.map(duration),
        resolution_time: facet.resolution_time.map(duration),
        lawful_bases: facet.lawful_bases.into_iter().map(WireEnum::outward).collect(),
    }
}

pub fn outward(name: &SegmentName, segment: &Segment, now: Time) -> pb::Segment {
    let Segment { version, content, personas: _, proposition_notes } = segment;
    let facets = FacetKind::ALL.iter().map(|kind| {
        let facet = content.relationship_plan.get(kind).cloned().unwrap_or_default();
        let status = facet.status(now);
        facet_out(*kind, facet, status)
    });
    pb::Segment {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        description: content.description.clone(),
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
        proposition_notes: proposition_notes.iter().map(ToString::to_string).collect(),
        provenance: provenance_out(&content.provenance),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
        change: change_out(&version.change),
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

pub fn touchpoint_out(touchpoint: Touchpoint) -> pb::Touchpoint {
    let Touchpoint { description, stage, channel_note, owner } = touchpoint;
    pb::Touchpoint {
        description,
        stage: stated_or_zero(stage),
        channel_note: channel_note.map(|id| id.to_string()).unwrap_or_default(),
        owner,
    }
}

pub fn persona_content(c: &mut Checker, persona: pb::Persona) -> PersonaContent {
    let provenance = provenance(c, persona.provenance);
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
    pb::Persona {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        traits: content.traits.clone(),
        goals: content.goals.clone(),
        pains: content.pains.clone(),
        preferred_channels: content.preferred_channels.clone(),
        decision_role: content.decision_role.clone(),
        quote: content.quote.clone(),
        provenance: provenance_out(&content.provenance),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
        change: change_out(&version.change),
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
