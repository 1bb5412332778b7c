//! Long work as `google.longrunning` has it, and what comes of it.

use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use prost_types::Any;

use super::funnel::{counts, share};
use super::{WireEnum as _, profile, timestamp};
use crate::app::derive_profile::stored::DerivedProfile;
use crate::app::jobs::{Ended, JobView, Outcome, kept_until};
use crate::app::retain::Retained;
use crate::app::review_profile::Overdue;
use crate::domain::job::JobState;
use crate::domain::profile::ProfileContent;
use crate::domain::profile::portrait::{Both, Portrait, Standing};
use crate::domain::profile::review::{
    CriterionReview, Drift, DriftBin, DriftVerdict, IndustryShift, Proposal, Review, Separation,
};
use crate::domain::time::Time;
use crate::grpc::{dynamic, pb};

super::wire_enum!(DriftVerdict, DriftVerdict, Stable, Moderate, Large, TooFew);
super::wire_enum!(Separation, Separation, Separates, Reverses, NoEffect, NoLonger, TooFew);

/// What an operation can respond with.
pub trait Response: Message + Name + Default {}

impl<M: Message + Name + Default> Response for M {}

/// What an operation responded with; `None` if that is something else.
pub fn read<M: Response>(response: &Any) -> Option<M> {
    M::decode(response.value.as_slice()).ok().filter(|_| response.type_url.ends_with(&M::full_name()))
}

pub fn outward(view: JobView) -> pb::Operation {
    let JobView { job, ended, is_listed } = view;
    let metadata = pb::OperationMetadata {
        kind: job.kind.clone(),
        state: job.state.as_str().into(),
        progress: job.progress,
        doing: job.doing.clone(),
        attempts: i32::try_from(job.fence).unwrap_or(i32::MAX),
        create_time: Some(timestamp(job.create_time)),
        end_time: job.end_time.map(timestamp),
        expire_time: job.end_time.map(|end| timestamp(kept_until(end))),
    };
    let status = |code: tonic::Code, message: String| {
        let (code, details) = (code as i32, Vec::new());
        pb::operation::Result::Error(tonic_types::Status { code, message, details })
    };
    let result = match (job.state, ended) {
        (JobState::Waiting | JobState::Running, _) => None,
        (JobState::Done | JobState::Failed, None) if is_listed => None,
        (JobState::Cancelled, _) => Some(status(tonic::Code::Cancelled, "it was cancelled".into())),
        (_, Some(Ended::Done(outcome))) => Some(pb::operation::Result::Response(response(outcome))),
        (_, Some(Ended::Failed(failure))) => {
            let code =
                if failure.is_passing { tonic::Code::Unavailable } else { tonic::Code::FailedPrecondition };
            Some(status(code, failure.message))
        }
        (JobState::Done, None) if job.outcome.is_empty() => {
            let told = "what came of it was erased with a lead that it told of: ask for it again";
            Some(status(tonic::Code::NotFound, told.into()))
        }
        (_, None) => Some(status(tonic::Code::DataLoss, "what came of it can't be read".into())),
    };
    pb::Operation { name: job.name(), metadata: Some(any(&metadata)), done: job.state.has_ended(), result }
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: message.encode_to_vec() }
}

fn response(outcome: Outcome) -> Any {
    match outcome {
        Outcome::DerivedProfile(derived) => any(&derived_out(*derived)),
        Outcome::Reviewed(review) => any(&review_out(&review)),
        Outcome::Retained(retained) => any(&retained_out(retained)),
        Outcome::Impact(found) => any(&super::impact::found_out(&found)),
    }
}

fn derived_out(derived: DerivedProfile) -> pb::DerivedProfile {
    let DerivedProfile { report, script, profile, undecided } = derived;
    // The report has more for those who read it on the command line.
    let lenient = DeserializeOptions::new().deny_unknown_fields(false);
    let report = dynamic::message("DerivedReport").and_then(|descriptor| {
        DynamicMessage::deserialize_with_options(descriptor, report, &lenient).ok()?.transcode_to().ok()
    });
    pb::DerivedProfile {
        profile: profile.and_then(|content| {
            // It has no name yet, and no revision: whoever creates it gives it one.
            let shown = profile::shown("profiles/derived".parse().ok()?, content);
            Some(pb::Profile {
                name: String::new(),
                etag: String::new(),
                create_time: None,
                update_time: None,
                ..shown
            })
        }),
        script: script.unwrap_or_default(),
        report,
        undecided_count: undecided as i64,
    }
}

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

fn review_out(review: &Review) -> pb::ProfileReview {
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

fn retained_out(retained: Retained) -> pb::RetentionReport {
    pb::RetentionReport {
        considered_count: retained.considered as i64,
        expired_count: retained.expired as i64,
        silent_count: retained.silent as i64,
        validate_only: retained.is_dry,
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
