//! What was done to the rules, by whom and why: the log that tells which set was in force when.

use serde::{Deserialize, Serialize};

use super::time::Time;
use super::version::Change;

/// What was done to a rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleChangeKind {
    /// It was kept, and is not in force by that.
    Published,
    /// It came into force on all replicas.
    Activated,
    /// It came into force again, in place of one that was activated later.
    RolledBack,
    /// A replica found it in its folder and put it in force.
    Loaded,
    /// Somebody let it in although more leads move by it than the guard lets pass.
    Accepted,
    /// It is evaluated beside the set in force, without being in force.
    ShadowStarted,
    /// It is not any more.
    ShadowStopped,
}

impl RuleChangeKind {
    /// What decides for all replicas what is in force.
    pub const ACTIVATIONS: [Self; 2] = [Self::Activated, Self::RolledBack];
    /// What decides for all replicas what is evaluated beside that.
    pub const SHADOWS: [Self; 2] = [Self::ShadowStarted, Self::ShadowStopped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Activated => "activated",
            Self::RolledBack => "rolled_back",
            Self::Loaded => "loaded",
            Self::Accepted => "accepted",
            Self::ShadowStarted => "shadow_started",
            Self::ShadowStopped => "shadow_stopped",
        }
    }

    /// Whether it decides for all replicas what is in force.
    pub fn is_activation(self) -> bool {
        Self::ACTIVATIONS.contains(&self)
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleChange {
    /// Its place in the log, from 1; 0 before it is written.
    #[serde(skip)]
    pub number: i64,
    pub time: Time,
    pub kind: RuleChangeKind,
    /// The digest of the set.
    pub rule_set: String,
    /// The digest of the set that was in force before, where this one came into force; empty for the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub former: String,
    pub change: Change,
    /// The replica that did it.
    pub replica: String,
    /// What the guard went by, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarded: Option<Guarded>,
    /// How it is evaluated beside the set in force, where that begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowTerms>,
}

/// How a set is evaluated beside the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShadowTerms {
    /// The share of scores that are computed by it too, 0 to 1.
    pub share: f64,
    pub until: Time,
}

/// What the guard of an activation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guarded {
    /// The analysis, operations/{id}; empty if there was none and the guard was overridden.
    pub analysis: String,
    /// The share of all leads that change their grade, 0 to 1, if that is known.
    pub moved: Option<f64>,
    /// Whether the set was let in although the guard says no, or could not say.
    pub is_overridden: bool,
}
