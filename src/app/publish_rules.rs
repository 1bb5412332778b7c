//! From what stands in the folder to the rules in force: compile aside, try out, keep, swap once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::metrics::ReloadOutcome;
use super::{App, Error, Result};
use crate::domain::filter::{Filter, Operand};
use crate::domain::listing::{self, Query};
use crate::domain::text::with_causes;
use crate::priority::Nice;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::rules::source::watch::Found;
use crate::rules::{Compiled, ScriptKind, compile_and_test};
use crate::storage::StoredRuleSet;

/// How many times as long as a check took the next one waits, and for how long at most.
const CHECK_REST: u32 = 8;
const MOST_REST: Duration = Duration::from_secs(4);

/// What came of what was found in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    Good,
    Refused,
    /// Good by itself, but the store could not keep it, or profiles still name a script that is gone: to be tried again,
    /// since the folder does not change by itself.
    NotYet,
}

/// Compiles sources, tries them on made-up examples and runs their tests, off the async runtime.
async fn try_out(sources: Sources, currency: String, nice: Nice) -> Compiled {
    let tried = tokio::task::spawn_blocking(move || compile_and_test(sources, &currency, nice));
    tried.await.unwrap_or_else(|_| failed())
}

fn failed() -> Compiled {
    let message = "the compiler failed; this is a defect of the service";
    Err(vec![Diagnostic::of_file("", Code::Syntax, message)])
}

impl App {
    /// Compiles sources and tries them on made-up examples for somebody who asks, without touching what is in force.
    /// One at a time, with a rest after each: what callers want checked must not take the processors from the others.
    /// [`Error::Overloaded`] if too many wait already.
    pub async fn check_rules(&self, sources: Sources) -> Result<Compiled> {
        let place = self.checks_waiting.try_acquire().map_err(|_| Error::Overloaded)?;
        let turn = self.checking.clone().acquire_owned().await;
        drop(place);
        let currency = self.settings.currency.clone();
        let (answer, checked) = oneshot::channel();
        // Whoever asked may go away; the compiler goes on, and the next one waits for it all the same.
        tokio::spawn(async move {
            let begin = Instant::now();
            _ = answer.send(try_out(sources, currency, Nice::Last).await);
            tokio::time::sleep((begin.elapsed() * CHECK_REST).min(MOST_REST)).await;
            drop(turn);
        });
        Ok(checked.await.unwrap_or_else(|_| failed()))
    }

    /// Puts what was found in force, or keeps what is and notes why.
    pub async fn publish_rules(&self, found: Found) -> Published {
        let begin = Instant::now();
        let (sources, compiled) = match found {
            Ok(sources) => {
                let same = self.rules.current().is_some_and(|set| set.sources == sources);
                if same {
                    return self.republish();
                }
                (sources.clone(), try_out(sources, self.settings.currency.clone(), Nice::Back).await)
            }
            Err(problems) => (Sources::default(), Err(problems)),
        };
        let kept = match compiled {
            Ok((set, warnings)) => {
                let mut against = self.cut_off(&set);
                against.extend(self.missed(&set).await);
                match against.is_empty() {
                    true => self.keep(Arc::new(set)).await.map(|set| (set, warnings)),
                    false => Err(against.into_iter().chain(warnings).collect()),
                }
            }
            Err(diagnostics) => Err(diagnostics),
        };
        match kept {
            Ok((set, warnings)) => {
                for warning in &warnings {
                    tracing::warn!(file = warning.file, line = warning.line, "{}", warning.message);
                }
                let now = self.now();
                tracing::info!(rule_set = set.id, "rules loaded");
                self.metrics.count_reload(ReloadOutcome::Loaded, false, begin.elapsed());
                self.rules.activate(set.clone(), now);
                Published::Good
            }
            Err(diagnostics) => {
                let told =
                    self.rules.status().pending.is_some_and(|pending| pending.diagnostics == diagnostics);
                let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error() && !told);
                for diagnostic in errors {
                    let source = &self.settings.rules_source;
                    let shown = diagnostic.render(source, &sources);
                    tracing::error!(code = diagnostic.code.as_str(), "rules refused: {shown}");
                }
                let passing = |finding: &Diagnostic| matches!(finding.code, Code::NotKept | Code::InUse);
                let again = diagnostics.iter().any(passing);
                self.metrics.count_reload(ReloadOutcome::Refused, true, begin.elapsed());
                if let Some(former) = self.former_rules().await {
                    tracing::warn!(rule_set = former.id, "the rules that were in force last go on");
                    self.rules.activate(former, self.now());
                }
                self.rules.refuse(diagnostics, sources, self.now());
                if again { Published::NotYet } else { Published::Refused }
            }
        }
    }

    /// Scripts that end where they went on before, and can't be meant so: a full disk writes no more, and half a script may
    /// be valid by itself.
    fn cut_off(&self, new: &RuleSet) -> Vec<Diagnostic> {
        let Some(current) = self.rules.current() else { return Vec::new() };
        let told = new.scripts().filter_map(|script| {
            let (before, now) = (current.sources.get(&script.path)?, new.sources.get(&script.path)?);
            if now.len() >= before.len() || !before.starts_with(now) {
                return None;
            }
            let former = current.script(script.kind, &script.name).ok()?.weights();
            let weights = script.weights();
            let message = if before.ends_with('\n') && !now.ends_with('\n') {
                "the file ends within a line, where it went on before".to_owned()
            } else if let (Some(former), Some(weights)) = (former, weights)
                && (former - 100.0).abs() < 1e-6
                && (weights - 100.0).abs() >= 1e-6
            {
                format!("the file ends where it went on before, and its weights sum to {weights}, not to 100")
            } else {
                return None;
            };
            let help = "save it whole; a factor that is meant to go leaves its weight to others";
            Some(Diagnostic::of_file(&script.path, Code::CutOff, message).with_help(help))
        });
        told.collect()
    }

    /// What stored profiles name of the set in force and miss in a new one.
    async fn missed(&self, new: &RuleSet) -> Vec<Diagnostic> {
        let mut missed = Vec::new();
        let Some(current) = self.rules.current() else { return missed };
        let scripts = current.scripts().filter(|script| script.kind == ScriptKind::LeadScoring);
        for script in scripts.filter(|script| new.script(script.kind, &script.name).is_err()) {
            let name = Operand::Text(script.name.to_string());
            let filter = Filter::equal(&listing::PROFILE, "scoring_script", name);
            let query = Query { filter, limit: 3, ..Query::default() };
            let users = match self.store.profiles(query, false).await {
                Ok(users) => users,
                // Who is not known to use it may use it: tried again when the store answers.
                Err(error) => {
                    let message =
                        format!("whether profiles use the script is not known: {}", with_causes(&error));
                    missed.push(Diagnostic::of_file(&script.path, Code::NotKept, message));
                    continue;
                }
            };
            if !users.is_empty() {
                let users: Vec<_> = users.iter().map(|profile| profile.name.to_string()).collect();
                let message = format!("the script is gone, but {} would be scored by it", users.join(", "));
                let help = "put it back, or give the profiles another script first";
                missed.push(Diagnostic::of_file(&script.path, Code::InUse, message).with_help(help));
            }
        }
        missed
    }

    /// What is in force was found again: a change was taken back.
    fn republish(&self) -> Published {
        if let Some(set) = self.rules.current() {
            tracing::info!(rule_set = set.id, "the rules in force were found again");
            self.metrics.count_reload(ReloadOutcome::Unchanged, false, Duration::ZERO);
            self.rules.activate(set, self.now());
        }
        Published::Good
    }

    /// Keeps a set before anything can be scored by it, so that every recorded score can be replayed.
    async fn keep(&self, set: Arc<RuleSet>) -> std::result::Result<Arc<RuleSet>, Vec<Diagnostic>> {
        let stored =
            StoredRuleSet { id: set.id.clone(), create_time: self.now(), files: set.sources.files().clone() };
        match self.store.keep_rule_set(stored).await {
            Ok(()) => Ok(set),
            Err(error) => {
                let message = format!("the set is good but can't be kept: {}", with_causes(&error));
                Err(vec![Diagnostic::of_file("", Code::NotKept, message)])
            }
        }
    }
}
