//! Rules that are kept in the store: published, activated for all replicas, rolled back, and followed by each replica.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::guard::RulesMode;
use super::load_rules::{Loaded, try_out};
use super::metrics::ReloadOutcome;
use super::once::Once;
use super::rule_log::Note;
use super::{App, Error, Result};
use crate::domain::check::Invalid;
use crate::domain::name::Id;
use crate::domain::rule_change::{RuleChange, RuleChangeKind};
use crate::domain::text::with_causes;
use crate::domain::version::Change;
use crate::priority::Nice;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;

/// What is asked of an activation.
pub struct Activation {
    /// The digest of the set.
    pub rule_set: String,
    /// The digest of the set that must be active; `None` for whichever is.
    pub expected: Option<String>,
    /// The analysis that the guard may go by.
    pub analysis: Option<Id>,
    pub overrides_guard: bool,
}

/// What is wrong with rules, as text for a status: the first error, with its place and line.
pub fn first_error(findings: &[Diagnostic], sources: &Sources) -> String {
    let first = findings.iter().find(|finding| finding.is_error()).or(findings.first());
    first.map(|finding| finding.render("", sources)).unwrap_or_default()
}

impl App {
    /// Keeps a set whose tests pass, for all replicas and for ever. It does not come into force by that.
    pub async fn publish_rules(&self, sources: Sources, once: Once<RuleChange>) -> Result<RuleChange> {
        self.require_store_mode()?;
        let set = self.good_rules(sources).await?;
        let change = once.stamp(self.now()).change;
        let note = Note::of(RuleChangeKind::Published, change);
        self.note_rules(&set, note, Some(&once)).await
    }

    /// Puts a set in force on all replicas: on this one before it answers, on the others within about a second.
    pub async fn activate_rules(&self, activation: Activation, once: Once<RuleChange>) -> Result<RuleChange> {
        self.require_store_mode()?;
        let _turn = self.turn(&"rules").await;
        let set = self.proven(&activation.rule_set).await?;
        let (guarded, replaced) =
            self.guard(&set, activation.analysis.as_ref(), activation.overrides_guard).await?;
        let change = once.stamp(self.now()).change;
        let expected = activation.expected.or(replaced);
        let note = Note { expected, guarded, ..Note::of(RuleChangeKind::Activated, change) };
        self.put_in_force(set, note, &once).await
    }

    /// Puts the set in force again that was active before the one that is, or another that was activated once. The guard is not
    /// asked: whoever rolls back is in a hurry.
    pub async fn roll_back_rules(
        &self,
        to: Option<String>,
        expected: Option<String>,
        once: Once<RuleChange>,
    ) -> Result<RuleChange> {
        self.require_store_mode()?;
        let _turn = self.turn(&"rules").await;
        let to = match to {
            Some(to) => match self.how_it_became_active(&to).await? {
                Some(_) => to,
                None => return Err(Error::NothingToRollBack),
            },
            None => {
                let active = self
                    .store
                    .last_rule_change(&RuleChangeKind::ACTIVATIONS)
                    .await?
                    .ok_or(Error::NothingToRollBack)?;
                let came = self.how_it_became_active(&active.rule_set).await?;
                let former = came.map(|came| came.former).unwrap_or_default();
                if former.is_empty() {
                    return Err(Error::NothingToRollBack);
                }
                former
            }
        };
        let set = self.proven(&to).await?;
        let change = once.stamp(self.now()).change;
        let note = Note { expected, ..Note::of(RuleChangeKind::RolledBack, change) };
        self.put_in_force(set, note, &once).await
    }

    /// Rules of a request, if they could come into force by themselves: they compile, don't fail on made-up leads, and pass their tests.
    pub(super) async fn good_rules(&self, sources: Sources) -> Result<RuleSet> {
        match self.check_rules(sources.clone()).await? {
            Ok((set, _)) => Ok(set),
            Err(findings) => {
                let told = first_error(&findings, &sources);
                let message = format!("can't be loaded (CheckRules tells everything): {told}");
                Err(Invalid::one("files", message).into())
            }
        }
    }

    fn require_store_mode(&self) -> Result<()> {
        match self.settings.rules_mode {
            RulesMode::Store => Ok(()),
            RulesMode::Directory => Err(Error::RulesFromDirectory(self.settings.rules_source.clone())),
        }
    }

    /// A kept set that may come into force: it compiles, passes the tests that were published last, and has all scripts that are in
    /// use.
    async fn proven(&self, id: &str) -> Result<Arc<RuleSet>> {
        let sources = Sources::new(self.store.rule_set(id).await?.files);
        let current = self.rules.current().filter(|current| current.sources == sources);
        let set = match current.or_else(|| self.former_sets.proven(&sources)) {
            Some(set) => set,
            None => match try_out(sources.clone(), self.settings.currency.clone(), Nice::Back).await {
                Ok((set, _)) => {
                    let set = Arc::new(set);
                    self.former_sets.put_proven(set.clone());
                    set
                }
                Err(findings) => {
                    let told = first_error(&findings, &sources);
                    return Err(Error::RulesBroken { rule_set: format!("ruleSets/{id}"), told });
                }
            },
        };
        match self.missed(&set).await.first() {
            None => Ok(set),
            Some(missing) if missing.code == Code::InUse => {
                Err(Error::ScriptInUse { script: missing.file.clone(), told: missing.message.clone() })
            }
            Some(unknown) => Err(crate::storage::StoreError::failed(unknown.message.clone()).into()),
        }
    }

    async fn put_in_force(
        &self,
        set: Arc<RuleSet>,
        note: Note,
        once: &Once<RuleChange>,
    ) -> Result<RuleChange> {
        let begin = Instant::now();
        let noted = self.note_rules(&set, note, Some(once)).await?;
        self.rules.activate(set, self.now());
        self.followed.store(noted.number, Ordering::Relaxed);
        self.metrics.count_reload(ReloadOutcome::Loaded, false, begin.elapsed());
        tracing::info!(
            rule_set = noted.rule_set,
            kind = noted.kind.as_str(),
            "rules came into force by call"
        );
        Ok(noted)
    }

    /// Puts in force what is active in the store, if this replica has not seen it yet. Where nothing was ever activated, what
    /// stands in the folder is, as the first.
    pub async fn follow_rules(&self, folder: &Path) -> Loaded {
        let active = match self.store.last_rule_change(&RuleChangeKind::ACTIVATIONS).await {
            Ok(active) => active,
            Err(error) => {
                tracing::debug!(%error, "which rules are active is not known now");
                // At the start, the store must tell.
                return Loaded::NotYet;
            }
        };
        let Some(active) = active else { return self.begin_with(folder).await };
        if active.number == self.followed.load(Ordering::Relaxed) {
            return Loaded::Good;
        }
        let _turn = self.turn(&"rules").await;
        if active.number <= self.followed.load(Ordering::Relaxed) {
            return Loaded::Good;
        }
        let begin = Instant::now();
        match self.follow(&active).await {
            Ok(()) => {
                self.followed.store(active.number, Ordering::Relaxed);
                self.metrics.count_reload(ReloadOutcome::Loaded, false, begin.elapsed());
                tracing::info!(rule_set = active.rule_set, "rules came into force by the store");
                Loaded::Good
            }
            Err((findings, sources)) => {
                self.metrics.count_reload(ReloadOutcome::Refused, true, begin.elapsed());
                let shown = first_error(&findings, &sources);
                tracing::error!(
                    rule_set = active.rule_set,
                    "rules that are active can't be loaded here: {shown}"
                );
                let is_passing = findings.iter().any(|finding| finding.code == Code::NotKept);
                self.rules.refuse(findings, sources, self.now());
                if is_passing {
                    return Loaded::NotYet;
                }
                // This program will not learn to read it by trying again.
                self.followed.store(active.number, Ordering::Relaxed);
                Loaded::Refused
            }
        }
    }

    async fn follow(&self, active: &RuleChange) -> std::result::Result<(), (Vec<Diagnostic>, Sources)> {
        let not_read = |error: crate::storage::StoreError| {
            let message = format!("the active set can't be read: {error}");
            (vec![Diagnostic::of_file("", Code::NotKept, message)], Sources::default())
        };
        let sources = Sources::new(self.store.rule_set(&active.rule_set).await.map_err(not_read)?.files);
        let set = match self.former_sets.proven(&sources) {
            Some(set) => set,
            None => {
                let tried = try_out(sources.clone(), self.settings.currency.clone(), Nice::Back).await;
                let (set, _) = tried.map_err(|findings| (findings, sources))?;
                let set = Arc::new(set);
                self.former_sets.put_proven(set.clone());
                set
            }
        };
        self.rules.activate(set, self.now());
        Ok(())
    }

    /// The first rules of a store are those of the folder.
    async fn begin_with(&self, folder: &Path) -> Loaded {
        let _turn = self.turn(&"rules").await;
        let folder = folder.to_owned();
        let found = tokio::task::spawn_blocking(move || Sources::read(&folder)).await;
        let (sources, tried) = match found.unwrap_or_else(|_| Err(Vec::new())) {
            Ok(sources) => {
                (sources.clone(), try_out(sources, self.settings.currency.clone(), Nice::Back).await)
            }
            Err(findings) => (Sources::default(), Err(findings)),
        };
        let begun = match tried {
            Err(findings) => Err(findings),
            Ok((set, _)) => {
                let change =
                    Change { reason: "the first rules, as the folder has them".into(), ..Change::default() };
                let expected = Some(String::new());
                let kind = RuleChangeKind::Activated;
                let note = Note { expected, brings_set: true, ..Note::of(kind, change) };
                match self.put_in_force(Arc::new(set), note, &Once::unkept()).await {
                    Ok(_) => Ok(()),
                    // Another replica was first: that one is followed.
                    Err(Error::EtagMismatch(_)) => Ok(()),
                    Err(error) => {
                        let message = format!("the first rules can't be kept: {}", with_causes(&error));
                        Err(vec![Diagnostic::of_file("", Code::NotKept, message)])
                    }
                }
            }
        };
        match begun {
            Ok(()) => Loaded::Good,
            Err(findings) => {
                let told = self.rules.status().pending.is_some_and(|pending| pending.diagnostics == findings);
                if !told {
                    tracing::error!("there are no rules to begin with: {}", first_error(&findings, &sources));
                    self.metrics.count_reload(ReloadOutcome::Refused, true, Duration::ZERO);
                }
                self.rules.refuse(findings, sources, self.now());
                Loaded::NotYet
            }
        }
    }
}

/// How often a replica looks which rules are active in the store.
pub const FOLLOW: Duration = Duration::from_millis(500);
