//! The only place where an error becomes a gRPC status. `docs/errors.md` is its catalogue.

mod reason;

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};

use crate::app::Error;
use crate::app::guard::GuardSays;
use crate::domain::check::{Invalid, Violation};
use crate::domain::text::with_causes;
use crate::storage::StoreError;
pub use reason::Reason;

/// The domain of every ErrorInfo.
pub const DOMAIN: &str = "assay";

/// A code as gRPC and OpenTelemetry write it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A status with its ErrorInfo.
pub fn status(
    reason: Reason,
    message: impl Into<String>,
    mut details: ErrorDetails,
    metadata: &[(&str, String)],
) -> Status {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    details.set_error_info(reason.as_str(), DOMAIN, metadata);
    Status::with_error_details(reason.code(), message, details)
}

/// A status for a failure that has no more to say than its reason.
pub fn plain(reason: Reason, message: impl Into<String>) -> Status {
    status(reason, message, ErrorDetails::new(), &[])
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let message = error.to_string();
        let none = ErrorDetails::new;
        match error {
            Error::Invalid(invalid) => invalid.into(),
            Error::EtagMismatch(name) => status(Reason::EtagMismatch, message, none(), &[("resource", name)]),
            Error::Deleted(name) => precondition(Reason::Deleted, message, &name),
            Error::InUse { resource, .. } => precondition(Reason::InUse, message, &resource),
            Error::NoProfile => precondition(Reason::NoProfile, message, "profile"),
            Error::NoScript(missing) => {
                let path = format!("{}/{}.rhai", missing.folder, missing.name);
                precondition(Reason::NoScript, message, &path)
            }
            Error::RuleFailed(failed) => {
                let place = failed.position;
                let metadata = [
                    ("rule", failed.rule.to_string()),
                    ("file", place.file.to_string()),
                    ("line", place.line.to_string()),
                    ("column", place.column.to_string()),
                    ("cause", failed.message),
                ];
                status(Reason::RuleFailed, message, none(), &metadata)
            }
            Error::NotKnownThen { lead, .. } => precondition(Reason::NotKnownThen, message, &lead),
            Error::IllegalStep { lead, step } => {
                let allowed: Vec<&str> = step.from.may_become().iter().map(|stage| stage.as_str()).collect();
                let metadata = [
                    ("resource", lead.clone()),
                    ("from", step.from.as_str().into()),
                    ("to", step.to.as_str().into()),
                    ("allowed", allowed.join(",")),
                ];
                let violation =
                    PreconditionViolation::new(Reason::IllegalStep.as_str(), lead, message.clone());
                let details = ErrorDetails::with_precondition_failure(vec![violation]);
                status(Reason::IllegalStep, message, details, &metadata)
            }
            Error::StillRunning(job) => precondition(Reason::StillRunning, message, &job),
            Error::NotAReview { job, .. } => precondition(Reason::NotAReview, message, &job),
            Error::ReviewOutdated { profile, .. } => precondition(Reason::ReviewOutdated, message, &profile),
            Error::RulesFromDirectory(_) => precondition(Reason::RulesFromDirectory, message, "rules_mode"),
            Error::RulesBroken { rule_set, .. } => precondition(Reason::RulesBroken, message, &rule_set),
            Error::ScriptInUse { script, .. } => precondition(Reason::ScriptInUse, message, &script),
            Error::Guarded(says) => {
                let metadata = match says {
                    GuardSays::TooManyMove { moved, limit } => {
                        vec![("moved", moved.to_string()), ("limit", limit.to_string())]
                    }
                    GuardSays::NotAnalyzed | GuardSays::NotAnAnalysis { .. } => Vec::new(),
                };
                let violation =
                    PreconditionViolation::new(Reason::Guarded.as_str(), "rules_guard", message.clone());
                let details = ErrorDetails::with_precondition_failure(vec![violation]);
                status(Reason::Guarded, message, details, &metadata)
            }
            Error::NothingHeld(rule_set) => precondition(Reason::NothingHeld, message, &rule_set),
            Error::NothingToRollBack => precondition(Reason::NothingToRollBack, message, "rules"),
            Error::NoAssistant => precondition(Reason::NoAssistant, message, "assistant_url"),
            Error::Assistant(_) => status(Reason::AssistantFailed, message, none(), &[]),
            Error::NoShadow => precondition(Reason::NoShadow, message, "shadow"),
            Error::NoRules => status(Reason::NoRules, message, retry(), &[]),
            Error::Overloaded => status(Reason::Overloaded, message, retry(), &[]),
            Error::Store(store) => store.into(),
        }
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Status {
        let message = error.to_string();
        let none = ErrorDetails::new;
        match error {
            StoreError::NotFound(name) => status(Reason::NotFound, message, none(), &[("resource", name)]),
            StoreError::AlreadyExists(name) => {
                status(Reason::AlreadyExists, message, none(), &[("resource", name)])
            }
            StoreError::Conflict(name) | StoreError::Dangling(name) => {
                status(Reason::EtagMismatch, message, none(), &[("resource", name)])
            }
            StoreError::ExternalIdTaken { system, id, lead } => {
                let metadata = [("system", system), ("id", id), ("resource", lead)];
                status(Reason::ExternalIdTaken, message, none(), &metadata)
            }
            StoreError::Invalid(invalid) => Error::Invalid(invalid).into(),
            StoreError::Erased(_) => status(Reason::NotFound, message, none(), &[]),
            StoreError::Busy | StoreError::Answered(_) => status(Reason::StoreBusy, message, retry(), &[]),
            StoreError::RequestIdReused(id) => {
                let mut details = none();
                details.set_bad_request([FieldViolation::new("request_id", &message)]);
                status(Reason::RequestIdReused, message, details, &[("request_id", id)])
            }
            StoreError::Full => {
                tracing::error!("the store's disk is full");
                let message = "the store's disk is full; nothing was acknowledged; reads go on";
                status(Reason::StoreFull, message, retry(), &[])
            }
            StoreError::ReadOnly => {
                tracing::error!("the store can't be written");
                let message = "the store is read-only; nothing was acknowledged; reads go on";
                status(Reason::StoreReadOnly, message, retry(), &[])
            }
            StoreError::OutcomeUnknown => {
                tracing::error!("the answer to a commit was lost");
                let message = "the connection to the store broke while this was written: it may have been done or not; \
                               repeat it under the same request_id, or read before repeating";
                status(Reason::OutcomeUnknown, message, none(), &[])
            }
            StoreError::Damaged(name) => {
                tracing::error!(resource = name, "what is stored can't be read");
                status(Reason::DataLoss, message, none(), &[("resource", name)])
            }
            StoreError::Failed(cause) => {
                // The cause may name files or hosts: it goes to the log, not to the caller.
                tracing::error!(cause = with_causes(&*cause), "the store failed");
                status(Reason::StoreFailed, "the store failed; nothing was acknowledged", retry(), &[])
            }
        }
    }
}

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Status {
        let message = match invalid.0.as_slice() {
            [only] => only.to_string(),
            all => format!("the request has {} violations, the first: {}", all.len(), all[0]),
        };
        let violations = fitting(invalid.0);
        status(
            Reason::InvalidFields,
            shortened(&message, 300),
            ErrorDetails::with_bad_request(violations),
            &[],
        )
    }
}

/// As many violations as fit: details travel in a header, of which common clients accept 8 KiB.
fn fitting(all: Vec<Violation>) -> Vec<FieldViolation> {
    const ROOM: usize = 4_500;
    let count = all.len();
    let mut used = 0;
    let mut shown = Vec::new();
    for violation in all {
        let (field, text) = (shortened(&violation.field, 200), shortened(&violation.description, 300));
        used += field.len() + text.len() + 10;
        if used > ROOM {
            let more = format!("and {} more", count - shown.len());
            shown.push(FieldViolation::new("", more));
            break;
        }
        shown.push(FieldViolation::new(field, text));
    }
    shown
}

/// At most so many characters.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn precondition(reason: Reason, message: String, subject: &str) -> Status {
    let message = shortened(&message, 1_000);
    let violation = PreconditionViolation::new(reason.as_str(), subject, message.clone());
    status(reason, message, ErrorDetails::with_precondition_failure(vec![violation]), &[])
}

fn retry() -> ErrorDetails {
    ErrorDetails::with_retry_info(Some(Duration::from_millis(500)))
}

/// The answer to a call that came when too many were in flight.
pub fn overloaded() -> Status {
    let mut refused =
        status(Reason::Overloaded, "too many calls are in flight; nothing was done", retry(), &[]);
    // gRPC libraries that repeat by themselves heed this.
    refused.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from_static("500"));
    refused
}

/// Whether a status is that answer.
pub fn is_overload(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|info| info.reason == Reason::Overloaded.as_str())
}

/// The answer to a call that came before the rules were looked at.
pub fn starting() -> Status {
    status(Reason::Starting, "the service has not started yet; nothing was done", retry(), &[])
}

/// The end of a stream, or of a call that takes too long, when the server stops or its connection is old.
pub fn draining() -> Status {
    let message = "the server or this connection comes to its end; go on with a new call";
    status(Reason::Draining, message, retry(), &[])
}

/// The end of an answer that nobody read.
pub fn unread() -> Status {
    plain(Reason::AnswerNotRead, "the answer was not read in time, and is gone")
}

/// Writes `?` and `#` in a message as they are. The official Node client decodes with `decodeURI`, which leaves both as
/// `%3F` and `%23`; the protocol asks only for what is no printable ASCII, and `%`, to be encoded.
pub fn spell_out(headers: &mut HeaderMap) {
    const MESSAGE: &str = "grpc-message";
    let Some(message) = headers.get(MESSAGE).and_then(|message| message.to_str().ok()) else { return };
    if message.contains("%3F") || message.contains("%23") {
        // A `%` of the message itself is written as %25, so that no such sequence can be its own.
        let plain = message.replace("%3F", "?").replace("%23", "#");
        if let Ok(plain) = HeaderValue::from_str(&plain) {
            headers.insert(MESSAGE, plain);
        }
    }
}

/// Gives a status that tonic made by itself the reason that our catalogue has for it.
pub fn catalogued(status: &Status) -> Status {
    let reason = match status.code() {
        // Its codec says OUT_OF_RANGE where the gRPC specification says RESOURCE_EXHAUSTED.
        Code::OutOfRange | Code::ResourceExhausted => Reason::MessageTooLarge,
        Code::NotFound => Reason::NotFound,
        Code::Unimplemented => Reason::Unimplemented,
        // Its own timer, which says CANCELLED, runs a little longer than ours.
        Code::Cancelled if status.message() == "Timeout expired" => Reason::DeadlineExceeded,
        Code::Cancelled => Reason::Cancelled,
        // The health service asks for a name that nobody registered.
        Code::Internal if status.message() == "service not registered" => Reason::NotFound,
        // Our own failures carry details, so this one is the decoder's: the body is no such message.
        Code::Internal | Code::InvalidArgument => Reason::MalformedRequest,
        _ => Reason::Internal,
    };
    plain(reason, status.message())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::score::WarningCode;

    #[test]
    fn the_catalogue_lists_every_reason_with_its_code_and_every_warning() {
        let catalogue = include_str!("../../docs/errors.md");
        for reason in Reason::ALL {
            let code = serde_json::to_string(&format!("{:?}", reason.code())).unwrap();
            let row = catalogue.lines().find(|line| line.starts_with(&format!("| `{}` |", reason.as_str())));
            let row = row.unwrap_or_else(|| panic!("{} is not in docs/errors.md", reason.as_str()));
            let squeezed = row.replace('_', "").to_lowercase();
            assert!(squeezed.contains(&code.trim_matches('"').to_lowercase()), "{row}: {code}");
        }
        for warning in WarningCode::ALL {
            let row = format!("| `{}` |", warning.as_str());
            assert!(catalogue.lines().any(|line| line.starts_with(&row)), "{row}");
        }
    }
}
