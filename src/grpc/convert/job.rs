//! Long work as `google.longrunning` has it, and what comes of it.

use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use prost_types::Any;

use super::{profile, timestamp};
use crate::app::derive_profile::stored::DerivedProfile;
use crate::app::jobs::{Ended, JobView, Outcome, kept_until};
use crate::app::retain::Retained;
use crate::domain::job::JobState;
use crate::grpc::{dynamic, pb};

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
        Outcome::Reviewed(review) => any(&super::review::review_out(&review)),
        Outcome::Retained(retained) => any(&retained_out(retained)),
        Outcome::Impact(found) => any(&super::impact::found_out(&found)),
        Outcome::Proposals(found) => any(&super::interview::proposals_out(&found)),
    }
}

fn derived_out(derived: DerivedProfile) -> pb::DerivedProfile {
    let DerivedProfile { report, script, tests, profile, undecided } = derived;
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
        tests: tests.unwrap_or_default(),
        report,
        undecided_count: undecided as i64,
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
