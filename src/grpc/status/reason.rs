//! The closed list of reasons, each with its code.

use tonic::Code;

/// The closed list of reasons. Callers may rely on them; texts may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    InvalidFields,
    NotFound,
    AlreadyExists,
    ExternalIdTaken,
    EtagMismatch,
    Deleted,
    InUse,
    NoProfile,
    NoScript,
    RuleFailed,
    NotKnownThen,
    IllegalStep,
    StillRunning,
    NotAReview,
    ReviewOutdated,
    RulesFromDirectory,
    RulesBroken,
    ScriptInUse,
    Guarded,
    NothingHeld,
    NothingToRollBack,
    NoShadow,
    NoAssistant,
    AssistantFailed,
    NoRules,
    StoreBusy,
    StoreFull,
    StoreReadOnly,
    StoreFailed,
    RequestIdReused,
    MessageTooLarge,
    Unimplemented,
    MalformedRequest,
    Cancelled,
    DeadlineExceeded,
    Overloaded,
    Starting,
    Draining,
    AnswerNotRead,
    OutcomeUnknown,
    DataLoss,
    OriginRefused,
    Internal,
}

impl Reason {
    pub const ALL: [Reason; 43] = [
        Reason::InvalidFields,
        Reason::NotFound,
        Reason::AlreadyExists,
        Reason::ExternalIdTaken,
        Reason::EtagMismatch,
        Reason::Deleted,
        Reason::InUse,
        Reason::NoProfile,
        Reason::NoScript,
        Reason::RuleFailed,
        Reason::NotKnownThen,
        Reason::IllegalStep,
        Reason::StillRunning,
        Reason::NotAReview,
        Reason::ReviewOutdated,
        Reason::RulesFromDirectory,
        Reason::RulesBroken,
        Reason::ScriptInUse,
        Reason::Guarded,
        Reason::NothingHeld,
        Reason::NothingToRollBack,
        Reason::NoShadow,
        Reason::NoAssistant,
        Reason::AssistantFailed,
        Reason::NoRules,
        Reason::StoreBusy,
        Reason::StoreFull,
        Reason::StoreReadOnly,
        Reason::StoreFailed,
        Reason::RequestIdReused,
        Reason::MessageTooLarge,
        Reason::Unimplemented,
        Reason::MalformedRequest,
        Reason::Cancelled,
        Reason::DeadlineExceeded,
        Reason::Overloaded,
        Reason::Starting,
        Reason::Draining,
        Reason::AnswerNotRead,
        Reason::OutcomeUnknown,
        Reason::DataLoss,
        Reason::OriginRefused,
        Reason::Internal,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Reason::InvalidFields => "INVALID_FIELDS",
            Reason::NotFound => "NOT_FOUND",
            Reason::AlreadyExists => "ALREADY_EXISTS",
            Reason::ExternalIdTaken => "EXTERNAL_ID_TAKEN",
            Reason::EtagMismatch => "ETAG_MISMATCH",
            Reason::Deleted => "DELETED",
            Reason::InUse => "IN_USE",
            Reason::NoProfile => "NO_PROFILE",
            Reason::NoScript => "NO_SCRIPT",
            Reason::RuleFailed => "RULE_FAILED",
            Reason::NotKnownThen => "NOT_KNOWN_THEN",
            Reason::IllegalStep => "ILLEGAL_STEP",
            Reason::StillRunning => "STILL_RUNNING",
            Reason::NotAReview => "NOT_A_REVIEW",
            Reason::ReviewOutdated => "REVIEW_OUTDATED",
            Reason::RulesFromDirectory => "RULES_FROM_DIRECTORY",
            Reason::RulesBroken => "RULES_BROKEN",
            Reason::ScriptInUse => "SCRIPT_IN_USE",
            Reason::Guarded => "GUARDED",
            Reason::NothingHeld => "NOTHING_HELD",
            Reason::NothingToRollBack => "NOTHING_TO_ROLL_BACK",
            Reason::NoShadow => "NO_SHADOW",
            Reason::NoAssistant => "NO_ASSISTANT",
            Reason::AssistantFailed => "ASSISTANT_FAILED",
            Reason::NoRules => "NO_RULES",
            Reason::StoreBusy => "STORE_BUSY",
            Reason::StoreFull => "STORE_FULL",
            Reason::StoreReadOnly => "STORE_READ_ONLY",
            Reason::StoreFailed => "STORE_FAILED",
            Reason::RequestIdReused => "REQUEST_ID_REUSED",
            Reason::MessageTooLarge => "MESSAGE_TOO_LARGE",
            Reason::Unimplemented => "UNIMPLEMENTED",
            Reason::MalformedRequest => "MALFORMED_REQUEST",
            Reason::Cancelled => "CANCELLED",
            Reason::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Reason::Overloaded => "OVERLOADED",
            Reason::Starting => "STARTING",
            Reason::Draining => "DRAINING",
            Reason::AnswerNotRead => "ANSWER_NOT_READ",
            Reason::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Reason::DataLoss => "DATA_LOSS",
            Reason::OriginRefused => "ORIGIN_REFUSED",
            Reason::Internal => "INTERNAL",
        }
    }

    pub fn code(self) -> Code {
        match self {
            Reason::InvalidFields | Reason::MalformedRequest | Reason::RequestIdReused => {
                Code::InvalidArgument
            }
            Reason::OriginRefused => Code::PermissionDenied,
            Reason::NotFound => Code::NotFound,
            Reason::AlreadyExists | Reason::ExternalIdTaken => Code::AlreadyExists,
            Reason::EtagMismatch => Code::Aborted,
            Reason::Deleted
            | Reason::InUse
            | Reason::NoProfile
            | Reason::NoScript
            | Reason::RuleFailed
            | Reason::NotKnownThen
            | Reason::IllegalStep
            | Reason::StillRunning
            | Reason::NotAReview
            | Reason::ReviewOutdated
            | Reason::RulesFromDirectory
            | Reason::RulesBroken
            | Reason::ScriptInUse
            | Reason::Guarded
            | Reason::NothingHeld
            | Reason::NothingToRollBack
            | Reason::NoShadow
            | Reason::NoAssistant => Code::FailedPrecondition,
            Reason::NoRules
            | Reason::AssistantFailed
            | Reason::Starting
            | Reason::Draining
            | Reason::StoreBusy
            | Reason::StoreFull
            | Reason::StoreReadOnly
            | Reason::StoreFailed => Code::Unavailable,
            Reason::MessageTooLarge | Reason::Overloaded => Code::ResourceExhausted,
            Reason::DeadlineExceeded | Reason::AnswerNotRead => Code::DeadlineExceeded,
            // Not UNAVAILABLE, which libraries repeat by themselves.
            Reason::OutcomeUnknown => Code::Unknown,
            Reason::DataLoss => Code::DataLoss,
            Reason::Unimplemented => Code::Unimplemented,
            Reason::Cancelled => Code::Cancelled,
            Reason::Internal => Code::Internal,
        }
    }
}
