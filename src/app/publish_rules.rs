//! From what stands in the folder to the rules in force: compile aside, try out, keep, swap once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::metrics::ReloadOutcome;
use super::{App, Error, Result};
use crate::domain::listing::Query;
use crate::rules::diagnostic::{Code, Diagnostic};
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::rules::watch::Found;
use crate::rules::{Compiled, Nice, ScriptKind, compile_and_try, compile_kept};
use crate::storage::{StoreError, StoredRuleSet};

/// How often to try again to keep a set, at growing intervals: half a minute in all.
const KEEP_ATTEMPTS: usize = 8;

/// How many times as long as a check took the next one waits, and for how long at most.
const CHECK_REST: u32 = 8;
const MOST_REST: Duration = Duration::from_millis(500);

impl App {
    /// Compiles sources and tries them on made-up examples for somebody who asks, without touching what is in force.
    /// One at a time, with a rest after each: what callers want checked must not take the processors from the others.
    pub async fn check_rules(&self, sources: Sources) -> Compiled {
        let turn = self.checking.clone().acquire_owned().await;
        let begin = Instant::now();
        let checked = self.try_out(sources, Nice::Check).await;
        let rest = (begin.elapsed() * CHECK_REST).min(MOST_REST);
        tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            drop(turn);
        });
        checked
    }

    async fn try_out(&self, sources: Sources, nice: Nice) -> Compiled {
        let currency = self.settings.currency.clone();
        let tried = tokio::task::spawn_blocking(move || compile_and_try(sources, &currency, nice));
        tried.await.unwrap_or_else(|_| {
            Err(vec![Diagnostic::of_file(
                "",
                Code::Syntax,
                "the compiler failed; this is a defect of the service",
            )])
        })
    }

    /// Puts what was found in force, or keeps what is and notes why. Says whether it is good.
    pub async fn publish_rules(&self, found: Found) -> bool {
        let begin = Instant::now();
        let (sources, compiled) = match found {
            Ok(sources) => {
                let same = self.rules.current().is_some_and(|set| set.sources == sources);
                if same {
                    return self.republish();
                }
                (sources.clone(), self.try_out(sources, Nice::Reload).await)
            }
            Err(problems) => (Sources::default(), Err(problems)),
        };
        let kept = match compiled {
            Ok((set, warnings)) => self.keep(Arc::new(set)).await.map(|set| (set, warnings)),
            Err(diagnostics) => Err(diagnostics),
        };
        match kept {
            Ok((set, warnings)) => {
                for warning in &warnings {
                    tracing::warn!(file = warning.file, line = warning.line, "{}", warning.message);
                }
                let now = self.now();
                tracing::info!(rule_set = set.id, "rules loaded");
                self.rules.activate(set.clone(), now);
                self.metrics.count_reload(ReloadOutcome::Loaded, false, begin.elapsed());
                self.warn_of_missing_scripts(&set).await;
                true
            }
            Err(diagnostics) => {
                for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
                    let source = &self.settings.rules_source;
                    let shown = diagnostic.render(source, &sources);
                    tracing::error!(code = diagnostic.code.as_str(), "rules refused: {shown}");
                }
                self.rules.refuse(diagnostics, sources, self.now());
                self.metrics.count_reload(ReloadOutcome::Refused, true, begin.elapsed());
                false
            }
        }
    }

    /// Says which stored profiles name a script that the new set does not have.
    async fn warn_of_missing_scripts(&self, set: &RuleSet) {
        let query = Query { limit: 1_000, ..Query::default() };
        for profile in self.store.profiles(query, false).await.unwrap_or_default() {
            if let Err(missing) = set.script(ScriptKind::LeadScoring, &profile.content.scoring_script) {
                tracing::warn!(profile = %profile.name, "its leads can't be scored: {missing}");
            }
        }
    }

    /// What is in force was found again: a change was taken back.
    fn republish(&self) -> bool {
        if let Some(set) = self.rules.current() {
            tracing::info!(rule_set = set.id, "the rules in force were found again");
            self.rules.activate(set, self.now());
            self.metrics.count_reload(ReloadOutcome::Unchanged, false, Duration::ZERO);
        }
        true
    }

    /// Keeps a set before anything can be scored by it, so that every recorded score can be replayed.
    async fn keep(&self, set: Arc<RuleSet>) -> std::result::Result<Arc<RuleSet>, Vec<Diagnostic>> {
        let stored =
            StoredRuleSet { id: set.id.clone(), create_time: self.now(), files: set.sources.files().clone() };
        // Nothing else would try again: the folder does not change by itself.
        let mut pause = Duration::from_millis(100);
        let mut result = self.store.keep_rule_set(stored.clone()).await;
        for _ in 0..KEEP_ATTEMPTS {
            let Err(error) = &result else { break };
            tracing::warn!(%error, "the rule set can't be kept yet");
            tokio::time::sleep(pause).await;
            pause *= 2;
            result = self.store.keep_rule_set(stored.clone()).await;
        }
        match result {
            Ok(()) => Ok(set),
            Err(error) => {
                let message = format!("the set is good but can't be kept: {error}");
                Err(vec![Diagnostic::of_file("", Code::NotKept, message)])
            }
        }
    }

    /// A set that was loaded at some time; the one in force if no id is given.
    pub async fn stored_rule_set(&self, id: Option<&str>) -> Result<(StoredRuleSet, Arc<RuleSet>)> {
        let current = self.rules.current();
        let id = match (id, &current) {
            (Some(id), _) => id.to_owned(),
            (None, Some(set)) => set.id.clone(),
            (None, None) => return Err(Error::NoRules),
        };
        let stored = self.store.rule_set(&id).await?;
        let set = match current {
            Some(set) if set.id == id => set,
            _ => self.compile_stored(&stored).await?,
        };
        Ok((stored, set))
    }

    /// Compiles a set that was once in force.
    async fn compile_stored(&self, stored: &StoredRuleSet) -> Result<Arc<RuleSet>> {
        let sources = Sources::new(stored.files.clone());
        let compiled = tokio::task::spawn_blocking(move || compile_kept(sources)).await;
        match compiled {
            Ok(Ok((set, _))) => Ok(Arc::new(set)),
            _ => {
                let message = format!("ruleSets/{} no longer compiles", stored.id);
                Err(Error::Store(StoreError::failed(message)))
            }
        }
    }
}
