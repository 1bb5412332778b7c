//! How relationships stand, what matches what, and how budgets are split.

use std::collections::BTreeMap;

use super::segment::{facet_out, touchpoint_out};
use super::{WireEnum as _, parsed};
use crate::app::allocate::Budget;
use crate::domain::canvas::matching::{Item, MatchedNeed, ValueMatch};
use crate::domain::canvas::relationship::RelationshipAssessment;
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::{LeadCounts, Need};
use crate::grpc::pb;

fn segment_name(canvas: &CanvasName, segment: &Id) -> String {
    SegmentName { canvas: canvas.canvas.clone(), segment: segment.clone() }.to_string()
}

pub fn assessment_out(
    canvas: &CanvasName,
    assessment: RelationshipAssessment,
    language: &str,
) -> pb::RelationshipAssessment {
    let next = assessment.next(language);
    let facets = assessment.facets.iter().map(|facet| pb::FacetAssessment {
        kind: facet.kind.outward(),
        status: facet.status.outward(),
        told: facet.told,
        missing: facet.missing.iter().map(|name| (*name).to_owned()).collect(),
        evidence_age_days: facet.evidence_age_days,
        facet: Some(facet_out(facet.kind, facet.facet.clone(), facet.status)),
    });
    let stages = assessment.stages.iter().map(|stage| pb::StageAssessment {
        stage: stage.stage.outward(),
        approach: stage.approach.clone(),
        touchpoints: stage.touchpoints.iter().cloned().map(touchpoint_out).collect(),
    });
    pb::RelationshipAssessment {
        segment: segment_name(canvas, &assessment.segment),
        display_name: assessment.display_name.clone(),
        facets: facets.collect(),
        completeness: assessment.completeness,
        stages: stages.collect(),
        next: next
            .into_iter()
            .map(|(kind, text)| pb::RelationshipStep { kind: kind.outward(), text })
            .collect(),
    }
}

fn item_out(item: &Item, likeness: f64) -> pb::MatchedItem {
    pb::MatchedItem {
        note: item.note.to_string(),
        item: item.item.map(|item| item.id.to_string()).unwrap_or_default(),
        text: item.text.to_owned(),
        benefit: item.is_benefit,
        likeness,
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

pub fn match_out(canvas: &CanvasName, found: &ValueMatch) -> pb::ValueMatch {
    let need = |matched: &MatchedNeed| pb::MatchedNeed {
        need: Some(need_out(matched.need)),
        answers: matched.answers.iter().map(|item| item_out(item, 0.0)).collect(),
        suggestions: matched.suggestions.iter().map(|(item, likeness)| item_out(item, *likeness)).collect(),
    };
    pb::ValueMatch {
        segment: segment_name(canvas, found.segment),
        display_name: found.display_name.to_owned(),
        needs: found.needs.iter().map(need).collect(),
        unmatched: found.unmatched.iter().map(|item| item_out(item, 0.0)).collect(),
        coverage: found.coverage,
    }
}

/// What is to be split over the segments of a canvas.
pub fn budget(
    c: &mut Checker,
    request: &pb::AllocateResourcesRequest,
    canvas: Option<&CanvasName>,
) -> Budget {
    c.require(request.budget >= 0, "budget", "must be 0 or more");
    let per_customer = request.units_per_customer;
    c.require(per_customer.is_finite() && per_customer >= 0.0, "units_per_customer", "must be 0 or more");
    let mut bounds = BTreeMap::new();
    c.each("bounds", &request.bounds, |c, bound| {
        let segment: Option<SegmentName> = parsed(c, "segment", &bound.segment);
        c.require(bound.floor >= 0, "floor", "must be 0 or more");
        c.require(bound.cap.is_none_or(|cap| cap >= bound.floor), "cap", "must not be below the floor");
        let Some(segment) = segment else { return };
        let own = canvas.is_none_or(|canvas| canvas.canvas == segment.canvas);
        c.require(own, "segment", "is on another canvas");
        if bounds.insert(segment.segment, (bound.floor, bound.cap)).is_some() {
            c.wrong_field("segment", "has bounds already");
        }
    });
    Budget { amount: request.budget, unit: request.unit.clone(), bounds, units_per_customer: per_customer }
}

pub fn leads_out(name: &SegmentName, display_name: String, leads: &LeadCounts) -> pb::SegmentLeads {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let by =
        |counts: &BTreeMap<String, u64>| counts.iter().map(|(word, n)| (word.clone(), count(*n))).collect();
    pb::SegmentLeads {
        segment: name.to_string(),
        display_name,
        leads: count(leads.leads),
        by_grade: by(&leads.by_grade),
        by_stage: by(&leads.by_stage),
        won: count(leads.won),
        lost: count(leads.lost),
        conversion: leads.conversion(),
    }
}
