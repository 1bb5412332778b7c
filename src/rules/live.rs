//! The rule set in force, and what is wrong with the newest change.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use crate::domain::time::Time;
use crate::rules::diagnostics::Diagnostic;
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;

/// The rules of a replica. Reading is a pointer load; a call keeps the set that it began with.
#[derive(Default)]
pub struct Rules {
    current: ArcSwapOption<RuleSet>,
    status: Mutex<Status>,
}

/// A change that could not be loaded.
#[derive(Debug, Clone)]
pub struct Pending {
    pub found: Time,
    pub diagnostics: Vec<Diagnostic>,
    /// What was read, for showing source lines; empty if it could not be read.
    pub sources: Sources,
}

/// What is loaded, since when, and what is wrong with the newest change.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub active: Option<Arc<RuleSet>>,
    pub since: Option<Time>,
    pub pending: Option<Pending>,
    pub last_attempt: Option<Time>,
    pub last_success: Option<Time>,
}

impl Rules {
    /// The set in force; `None` until a first good one was loaded.
    pub fn current(&self) -> Option<Arc<RuleSet>> {
        self.current.load_full()
    }

    /// Puts a set in force. All calls that begin from now on use it. Loading the set that is in force
    /// already only clears what was pending.
    pub fn activate(&self, set: Arc<RuleSet>, now: Time) {
        self.record(|status| {
            let same = status.active.as_ref().is_some_and(|active| active.id == set.id);
            if !same {
                self.current.store(Some(set.clone()));
                status.active = Some(set);
                status.since = Some(now);
            }
            status.pending = None;
            status.last_attempt = Some(now);
            status.last_success = Some(now);
        });
    }

    /// Notes a change that can't be loaded; what is in force stays.
    pub fn refuse(&self, diagnostics: Vec<Diagnostic>, sources: Sources, now: Time) {
        self.record(|status| {
            status.pending = Some(Pending { found: now, diagnostics, sources });
            status.last_attempt = Some(now);
        });
    }

    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
