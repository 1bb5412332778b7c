//! From what stands in the folder to the rules in force: compile aside, try out, keep, swap once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::metrics::ReloadOutcome;
use super::rule_log::Note;
use super::{App, Error, Result};
use crate::domain::filter::{Filter, Operand};
use crate::domain::listing::{self, Cursor, Query};
use crate::domain::rule_change::RuleChangeKind;
use crate::domain::text::with_causes;
use crate::domain::version::Change;
use crate::priority::Nice;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::lint::unused_facts;
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::rules::source::watch::Found;
use crate::rules::{Compiled, ScriptKind, compile_and_test};

/// How many times as long as a check took the next one waits, and for how long at most.
const CHECK_REST: u32 = 8;
const MOST_REST: Duration = Duration::from_secs(4);
/// How many of those are named that use a script.
const USERS_SHOWN: usize = 3;

/// What came of what was found in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    Good,
    Refused,
    /// Good by itself, but the store could not keep it, profiles still name a script that is gone, or the guard holds it back:
    /// to be tried again, since the folder does not change by itself.
    NotYet,
}

/// Compiles sources, tries them on made-up examples and runs their tests, off the async runtime.
pub(super) async fn try_out(sources: Sources, currency: String, nice: Nice) -> Compiled {
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
            let checked = try_out(sources, currency, Nice::Last).await.map(|(set, mut warnings)| {
                warnings.extend(unused_facts(&set));
                (set, warnings)
            });
            _ = answer.send(checked);
            tokio::time::sleep((begin.elapsed() * CHECK_REST).min(MOST_REST)).await;
            drop(turn);
        });
        Ok(checked.await.unwrap_or_else(|_| failed()))
    }

    /// Puts what was found in force, or keeps what is and notes why.
    pub async fn load_rules(&self, found: Found) -> Loaded {
        let begin = Instant::now();
        self.go_on_by_the_former(&found).await;
        let (sources, compiled) = match found {
            Ok(sources) => {
                let same = self.rules.current().is_some_and(|set| set.sources == sources);
                if same {
                    return self.load_again();
                }
                (sources.clone(), try_out(sources, self.settings.currency.clone(), Nice::Back).await)
            }
            Err(problems) => (Sources::default(), Err(problems)),
        };
        let kept = match compiled {
            Ok((set, warnings)) => {
                let mut against = self.cut_off(&set);
                against.extend(self.missed(&set).await);
                if against.is_empty() {
                    against.extend(self.held_back(&set).await);
                }
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
                Loaded::Good
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
                let passing = |finding: &Diagnostic| {
                    matches!(finding.code, Code::NotKept | Code::InUse | Code::HeldBack)
                };
                let again = diagnostics.iter().any(passing);
                self.metrics.count_reload(ReloadOutcome::Refused, true, begin.elapsed());
                if let Some(former) = self.former_rules().await {
                    tracing::warn!(rule_set = former.id, "the rules that were in force last go on");
                    self.rules.activate(former, self.now());
                }
                self.rules.refuse(diagnostics, sources, self.now());
                if again { Loaded::NotYet } else { Loaded::Refused }
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

    /// What stored profiles and canvases name of the set in force and miss in a new one.
    pub(super) async fn missed(&self, new: &RuleSet) -> Vec<Diagnostic> {
        let mut missed = Vec::new();
        let Some(current) = self.rules.current() else { return missed };
        for script in current.scripts().filter(|script| new.script(script.kind, &script.name).is_err()) {
            let users = match script.kind {
                ScriptKind::LeadScoring => self.profiles_scored_by(&script.name).await,
                ScriptKind::SegmentPriority => self.canvases_ranked_by(&script.name).await,
                // Nobody names them: all are asked.
                ScriptKind::CanvasLint => Ok(Vec::new()),
            };
            match users {
                Ok(users) if users.is_empty() => {}
                Ok(users) => {
                    let message = format!("the script is gone, but {} would go by it", users.join(", "));
                    let help = "put it back, or give them another script first";
                    missed.push(Diagnostic::of_file(&script.path, Code::InUse, message).with_help(help));
                }
                // Who is not known to use it may use it: tried again when the store answers.
                Err(error) => {
                    let message = format!("whether the script is used is not known: {}", with_causes(&error));
                    missed.push(Diagnostic::of_file(&script.path, Code::NotKept, message));
                }
            }
        }
        missed
    }

    /// Some of the profiles that a script scores leads for.
    async fn profiles_scored_by(&self, script: &str) -> Result<Vec<String>> {
        let filter = Filter::equal(&listing::PROFILE, "scoring_script", Operand::Text(script.to_owned()));
        let query = Query { filter, limit: USERS_SHOWN, ..Query::default() };
        let users = self.store.profiles(query, false).await?;
        Ok(users.iter().map(|profile| profile.name.to_string()).collect())
    }

    /// Some of the canvases whose segments a script ranks. All are looked at: it is rare that such a script goes.
    async fn canvases_ranked_by(&self, script: &str) -> Result<Vec<String>> {
        const PAGE: usize = 50;
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let part = self
                .store
                .canvases(Query { after: after.take(), limit: PAGE, ..Query::default() }, false)
                .await?;
            let used = part.iter().filter(|canvas| canvas.content.priority_script == script);
            users.extend(used.map(|canvas| canvas.name.to_string()));
            users.truncate(USERS_SHOWN);
            match part.last() {
                Some(last) if part.more || part.len() == PAGE => {
                    after = Some(Cursor::of_name(last.name.to_string()))
                }
                _ => return Ok(users),
            }
        }
    }

    /// At the start of a process, the set that was in force last goes on, so that what is found in the folder is held against it:
    /// a restart lets nothing in that a save would not. Where they are the same, or nothing ever was in force, nothing is done.
    async fn go_on_by_the_former(&self, found: &Found) {
        let Ok(sources) = found else { return };
        if self.rules.current().is_some() {
            return;
        }
        if let Some(former) = self.former_rules().await.filter(|former| former.id != sources.id()) {
            tracing::info!(
                rule_set = former.id,
                "the rules that were in force last go on until the folder's are looked at"
            );
            self.rules.activate(former, self.now());
        }
    }

    /// What is in force was found again: a change was taken back.
    fn load_again(&self) -> Loaded {
        if let Some(set) = self.rules.current() {
            tracing::info!(rule_set = set.id, "the rules in force were found again");
            self.metrics.count_reload(ReloadOutcome::Unchanged, false, Duration::ZERO);
            self.rules.activate(set, self.now());
        }
        Loaded::Good
    }

    /// Keeps a set before anything can be scored by it, so that every recorded score can be replayed.
    async fn keep(&self, set: Arc<RuleSet>) -> std::result::Result<Arc<RuleSet>, Vec<Diagnostic>> {
        let note = Note::of(RuleChangeKind::Loaded, Change::default());
        match self.note_rules(&set, note, None).await {
            Ok(_) => Ok(set),
            Err(error) => {
                let message = format!("the set is good but can't be kept: {}", with_causes(&error));
                Err(vec![Diagnostic::of_file("", Code::NotKept, message)])
            }
        }
    }
}
