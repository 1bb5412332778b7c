//! The rule sets that are kept, and the log of what was done to them.

use std::collections::BTreeMap;

use super::once::Once;
use super::{App, Error, Result};
use crate::domain::check::Invalid;
use crate::domain::rule_change::{Guarded, RuleChange, RuleChangeKind, ShadowTerms};
use crate::domain::version::Change;
use crate::priority::aside;
use crate::rules::diff::{RuleSetDifference, difference};
use crate::rules::set::RuleSet;
use crate::rules::source::{self, Sources, most_bytes};
use crate::storage::{ListedRuleSet, RuleChangeWanted, StoreError, StoredRuleSet, Window};

/// What is to be written into the log about a set.
pub(super) struct Note {
    pub kind: RuleChangeKind,
    pub change: Change,
    /// The digest of the set that must be active; empty for none.
    pub expected: Option<String>,
    pub guarded: Option<Guarded>,
    pub shadow: Option<ShadowTerms>,
    /// Whether the set is kept with the tests that it has here. What is kept already may have newer ones.
    pub brings_set: bool,
}

impl Note {
    pub fn of(kind: RuleChangeKind, change: Change) -> Self {
        let is_kept = kind.is_activation() || kind == RuleChangeKind::ShadowStopped;
        Self { kind, change, expected: None, guarded: None, shadow: None, brings_set: !is_kept }
    }
}

impl App {
    /// Writes into the log what is done to a set, and keeps the set, in one transaction.
    pub(super) async fn note_rules(
        &self,
        set: &RuleSet,
        note: Note,
        once: Option<&Once<RuleChange>>,
    ) -> Result<RuleChange> {
        let now = self.now();
        let Note { kind, change, expected, guarded, shadow, brings_set } = note;
        let change = RuleChange {
            number: 0,
            time: now,
            kind,
            rule_set: set.id.clone(),
            former: String::new(),
            change,
            replica: self.settings.replica.clone(),
            guarded,
            shadow,
        };
        let files = set.sources.with_tests();
        let kept = StoredRuleSet { id: set.id.clone(), create_time: now, files };
        let wanted = RuleChangeWanted { change, set: brings_set.then_some(kept), expected };
        let receipt = once.and_then(|once| once.after(RuleChange::clone));
        self.store.change_rules(wanted, receipt).await.map_err(|error| match error {
            StoreError::Conflict(what) => Error::EtagMismatch(what),
            other => other.into(),
        })
    }

    /// The sets that are kept, the newest first.
    pub async fn rule_sets(&self, window: Window) -> Result<Vec<ListedRuleSet>> {
        Ok(self.store.rule_sets(window).await?)
    }

    /// What was done to the rules, the newest first.
    pub async fn rule_changes(&self, window: Window) -> Result<Vec<RuleChange>> {
        Ok(self.store.rule_changes(window).await?)
    }

    /// What differs between two sets. The one before is the one in force if none is named; so is the one after, if there are no
    /// files of it either.
    pub async fn diff_rule_sets(
        &self,
        before: Option<String>,
        after: Option<String>,
        files: Option<BTreeMap<String, String>>,
    ) -> Result<RuleSetDifference> {
        let before = self.sources_of(before).await?;
        let after = match files {
            Some(files) => Sources::new(files),
            None => self.sources_of(after).await?,
        };
        let too_large = after.iter().find(|(path, text)| text.len() > most_bytes(path));
        if let Some((path, text)) = too_large {
            return Err(Invalid::one("files", source::too_large(path, text.len() as u64).message).into());
        }
        // Parsing a large set takes its time: one at a time, behind the calls, as sets are checked.
        let place = self.checks_waiting.try_acquire().map_err(|_| Error::Overloaded)?;
        let turn = self.checking.clone().acquire_owned().await;
        drop(place);
        let found = tokio::task::spawn_blocking(move || {
            let found = aside(|| difference(&before, &after));
            drop(turn);
            found
        });
        Ok(found.await.map_err(StoreError::failed)?)
    }

    async fn sources_of(&self, id: Option<String>) -> Result<Sources> {
        match id {
            None => Ok(self.rule_set()?.sources.clone()),
            Some(id) => Ok(Sources::new(self.store.rule_set(&id).await?.files)),
        }
    }

    /// The latest change that made a set active which is active now, not counting that it was rolled back to.
    pub(super) async fn how_it_became_active(&self, rule_set: &str) -> Result<Option<RuleChange>> {
        const PAGE: usize = 100;
        let mut after = None;
        loop {
            let page = self.store.rule_changes(Window { after, limit: PAGE }).await?;
            let found = page
                .iter()
                // One that was in force already did not become so again.
                .find(|change| {
                    let is_activation = change.kind == RuleChangeKind::Activated;
                    is_activation && change.rule_set == rule_set && change.former != rule_set
                });
            if found.is_some() || page.len() < PAGE {
                return Ok(found.cloned());
            }
            after = page.last().map(|last| last.number);
        }
    }
}
