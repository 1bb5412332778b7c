//! Profiles looked at again: what leads say of them, what has drifted, what to change.

use super::funnel::{counts, share};
use super::{WireEnum as _, timestamp};
use crate::app::review_profile::Overdue;
use crate::domain::profile::ProfileContent;
use crate::domain::profile::portrait::{Both, Portrait, Standing};
use crate::domain::profile::review::{
    CriterionReview, Drift, DriftBin, DriftVerdict, IndustryShift, Proposal, Review, Separation,
};
use crate::domain::time::Time;
use crate::grpc::pb;

super::wire_enum!(DriftVerdict, DriftVerdict, Stable, Moderate, Large, TooFew);
super::wire_enum!(Separation, Separation, Separates, Reverses, NoEffect, NoLonger, TooFew);

fn drift_out(drift: &Drift) -> pb::Drift {
    let bin = |bin: &DriftBin| pb::DriftBin {
        label: bin.label.clone(),
        reference_count: bin.reference as i64,
        recent_count: bin.recent as i64,
    };
    pb::Drift {
        psi: drift.psi,
        expected_psi: drift.expected,
        chance: drift.chance,
        verdict: drift.verdict.outward(),
        bins: drift.bins.iter().map(bin).collect(),
    }
}

pub fn review_out(review: &Review) -> pb::ProfileReview {
    let criterion = |of: &CriterionReview| {
        let all = of.standing.reference.with(&of.standing.recent);
        pb::CriterionReview {
            criterion: of.id.clone(),
            disqualifier: of.is_disqualifier,
            drift: Some(drift_out(&of.drift)),
            separation: of.separation.outward(),
            chance: of.chance,
            won_where_holds: Some(share(all.of_holding)),
            won_where_fails: Some(share(all.of_failing)),
        }
    };
    let industry = |shift: &IndustryShift| pb::IndustryShift {
        industry: shift.industry.clone(),
        reference: Some(counts(shift.leads.reference, review.leads.reference)),
        recent: Some(counts(shift.leads.recent, review.leads.recent)),
        won: Some(share(shift.outcomes.reference.with(shift.outcomes.recent))),
        targeted: shift.is_targeted,
        chance: shift.chance,
    };
    let proposal = |proposal: &Proposal| pb::ProfileProposal {
        id: proposal.id.clone(),
        path: proposal.path.clone(),
        before: proposal.before.clone(),
        after: proposal.after.clone(),
        evidence: proposal.evidence.clone(),
    };
    pb::ProfileReview {
        profile: review.profile.to_string(),
        revision: review.revision,
        as_of_time: Some(timestamp(review.as_of)),
        recent_from_time: Some(timestamp(review.recent_from)),
        reference_from_time: Some(timestamp(review.reference_from)),
        reference_count: review.leads.reference as i64,
        recent_count: review.leads.recent as i64,
        score: Some(drift_out(&review.score)),
        reference_won: Some(share(review.outcomes.reference)),
        recent_won: Some(share(review.outcomes.recent)),
        outcome_chance: review.outcome_chance,
        criteria: review.criteria.iter().map(criterion).collect(),
        industries: review.industries.iter().map(industry).collect(),
        proposals: review.proposals.iter().map(proposal).collect(),
    }
}

pub fn overdue_out(overdue: &Overdue, now: Time) -> pb::OverdueReview {
    pb::OverdueReview {
        profile: overdue.profile.name.to_string(),
        display_name: overdue.profile.content.display_name.clone(),
        due_time: Some(timestamp(overdue.due)),
        overdue_days: now.days_since(overdue.due) as i64,
    }
}

/// What leads say of a profile, without the doubts.
pub fn coverage_out(portrait: &Portrait, profile: &ProfileContent) -> pb::CheckProfileResponse {
    let criteria = profile.criteria.iter().map(|criterion| (criterion, false));
    let criteria = criteria.chain(profile.disqualifiers.iter().map(|criterion| (criterion, true)));
    let criterion =
        |((criterion, disqualifier), of): ((&crate::domain::profile::Criterion, bool), &Both<Standing>)| {
            let all = of.reference.with(&of.recent);
            let known = all.holds + all.fails;
            pb::CriterionCoverage {
                criterion: criterion.id.to_string(),
                disqualifier,
                known: Some(counts(known, all.all())),
                holds: Some(counts(all.holds, known)),
                won_where_holds: Some(share(all.of_holding)),
                won_where_fails: Some(share(all.of_failing)),
            }
        };
    let bands = profile.size_bands.iter().zip(&portrait.bands);
    let band = |(band, (leads, served, outcomes)): (&crate::domain::profile::SizeBand, &(u64, u64, _))| {
        pb::BandCoverage {
            min: band.min,
            max: band.max,
            lead_count: *leads as i64,
            served_count: *served as i64,
            capacity: band.capacity,
            won: Some(share(*outcomes)),
        }
    };
    pb::CheckProfileResponse {
        doubts: Vec::new(),
        lead_count: (portrait.leads.reference + portrait.leads.recent) as i64,
        criteria: criteria.zip(&portrait.criteria).map(criterion).collect(),
        bands: bands.map(band).collect(),
        outside_count: portrait.outside as i64,
    }
}
