//! The guard: a set by which too many leads would change their grade comes into force only if somebody says so.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::analyze_impact::{ImpactFound, ImpactWanted};
use super::jobs::{Ended, JobView, Outcome, Work};
use super::once::Once;
use super::rule_log::Note;
use super::{App, Error, Result};
use crate::domain::job::JobState;
use crate::domain::name::Id;
use crate::domain::rule_change::{Guarded, RuleChange, RuleChangeKind};
use crate::domain::text::{hex, with_causes};
use crate::domain::time::DAY;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::set::RuleSet;
use crate::storage::StoreError;

/// Where the rules in force come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RulesMode {
    /// This replica's folder, which is watched.
    #[default]
    Directory,
    /// The store: what was activated there is in force on every replica.
    Store,
}

/// Why the guard does not let a set in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GuardSays {
    #[error(
        "{:.1} % of the leads would change their grade, and {:.1} % are allowed without somebody's word",
        100.0 * moved, 100.0 * limit
    )]
    TooManyMove { moved: f64, limit: f64 },
    #[error(
        "it is not known how many leads would change their grade: analyze the impact first, and name the operation"
    )]
    NotAnalyzed,
    #[error("{analysis} does not tell how many leads would change their grade: {why}")]
    NotAnAnalysis { analysis: String, why: String },
}

/// How old an analysis may be that the guard goes by, in microseconds.
const FRESH: i64 = DAY;

/// The share of all leads that change their grade between the set in force and another, if an analysis tells that.
fn moved(found: &ImpactFound, current: &RuleSet, wanted: &RuleSet) -> std::result::Result<f64, String> {
    if found.after != wanted.id {
        return Err(format!("it is about ruleSets/{}", found.after));
    }
    if found.before != current.id {
        return Err(format!("it compares with ruleSets/{}, which is not in force any more", found.before));
    }
    if !found.is_of_all {
        return Err("it looked at some leads only, or at another time than now".to_owned());
    }
    // Who can't be scored any more has lost a grade.
    let report = &found.report;
    let moved = report.changed_grade + report.newly_failing;
    Ok(moved as f64 / (report.leads + report.newly_failing).max(1) as f64)
}

impl App {
    /// Whether a set may be activated by call, and by what that was decided; with the digest of the set that it was held against,
    /// which must be what is replaced. Where there is no guard, nothing is asked.
    pub(super) async fn guard(
        &self,
        set: &RuleSet,
        analysis: Option<&Id>,
        is_overridden: bool,
    ) -> Result<(Option<Guarded>, Option<String>)> {
        let (Some(limit), Some(current)) = (self.settings.rules_guard, self.rules.current()) else {
            return Ok((None, None));
        };
        let replaced = Some(current.id.clone());
        if current.id == set.id {
            return Ok((None, replaced));
        }
        let found = match analysis {
            None => Err(GuardSays::NotAnalyzed),
            Some(id) => {
                let view = self.job(id).await?;
                let (analysis, ended) = (view.job.name(), view.job.end_time);
                let told = match &view.ended {
                    Some(Ended::Done(Outcome::Impact(found))) => moved(found, &current, set),
                    _ => Err("it is no analysis, has not ended, or was erased with a lead that it told of"
                        .to_owned()),
                };
                let is_fresh = ended.is_some_and(|ended| self.now().micros() - ended.micros() <= FRESH);
                match told {
                    Ok(_) if !is_fresh => Err("it is older than a day".to_owned()),
                    other => other,
                }
                .map_err(|why| GuardSays::NotAnAnalysis { analysis, why })
            }
        };
        let analysis = analysis.map(crate::domain::job::name).unwrap_or_default();
        let guarded = |moved| Guarded { analysis, moved, is_overridden };
        match found {
            Ok(moved) if moved <= limit => {
                Ok((Some(Guarded { is_overridden: false, ..guarded(Some(moved)) }), replaced))
            }
            Ok(moved) if is_overridden => Ok((Some(guarded(Some(moved))), None)),
            Ok(moved) => Err(GuardSays::TooManyMove { moved, limit }.into()),
            Err(_) if is_overridden => Ok((Some(guarded(None)), None)),
            Err(says) => Err(says.into()),
        }
    }

    /// Why a set that was found in the folder may not come into force yet; nothing if it may. The analysis that the guard goes by
    /// is started here, once for all replicas.
    pub(super) async fn held_back(&self, set: &RuleSet) -> Vec<Diagnostic> {
        let (Some(limit), Some(current)) = (self.settings.rules_guard, self.rules.current()) else {
            return Vec::new();
        };
        if current.id == set.id {
            return Vec::new();
        }
        let held = |message: String, help: &str| {
            vec![Diagnostic::of_file("", Code::HeldBack, message).with_help(help)]
        };
        match self.measured(&current, set).await {
            Err(error) => held(
                format!("which leads would move is not known: {}", with_causes(&error)),
                "it is tried again by itself",
            ),
            Ok(Measured::Accepted) => Vec::new(),
            Ok(Measured::Moved(moved, _)) if moved <= limit => Vec::new(),
            Ok(Measured::Moved(moved, analysis)) => {
                let help = format!(
                    "look at {analysis}; `assay rules accept {}` lets it in, or take the change back",
                    &set.id[..12]
                );
                held(GuardSays::TooManyMove { moved, limit }.to_string(), &help)
            }
            Ok(Measured::NotYet(analysis)) => {
                held(format!("{analysis} finds out which leads would move"), "it goes on by itself")
            }
            Ok(Measured::Failed(why)) => {
                let help = format!("`assay rules accept {}` lets it in all the same", &set.id[..12]);
                held(format!("which leads would move could not be found out: {why}"), &help)
            }
        }
    }

    async fn measured(&self, current: &RuleSet, set: &RuleSet) -> Result<Measured> {
        if self.store.is_accepted(&set.id).await? {
            return Ok(Measured::Accepted);
        }
        // All replicas that find the same change on a day go by the same analysis.
        let day = (self.now().micros() / DAY).to_string();
        let digest = hex(&Sha256::digest([current.id.as_str(), &set.id, &day].join("\n")));
        let id: Id = format!("guard-{}", &digest[..16]).parse().map_err(StoreError::failed)?;
        let view: JobView = match self.job(&id).await {
            Err(Error::Store(StoreError::NotFound(_))) => {
                let wanted = ImpactWanted {
                    files: set.sources.with_tests(),
                    filter: String::new(),
                    profile: None,
                    qualifying: ["A", "B"].map(String::from).to_vec(),
                    as_of: self.now(),
                    is_of_now: true,
                };
                match self.start_job_as(id.clone(), &Work::AnalyzeImpact(wanted), Once::unkept()).await {
                    Ok(job) => job.into(),
                    Err(Error::Store(StoreError::AlreadyExists(_))) => self.job(&id).await?,
                    Err(other) => return Err(other),
                }
            }
            other => other?,
        };
        let analysis = view.job.name();
        Ok(match (view.job.state, &view.ended) {
            (_, Some(Ended::Done(Outcome::Impact(found)))) => match moved(found, current, set) {
                Ok(moved) => Measured::Moved(moved, analysis),
                Err(why) => Measured::Failed(why),
            },
            (JobState::Waiting | JobState::Running, _) => Measured::NotYet(analysis),
            (_, Some(Ended::Failed(failure))) => Measured::Failed(failure.message.clone()),
            _ => Measured::Failed(
                "the analysis was cancelled, or erased with a lead that it told of".to_owned(),
            ),
        })
    }

    /// Lets a set in that the guard holds back, wherever it is found.
    pub async fn accept_rules(&self, id: &str, once: Once<RuleChange>) -> Result<RuleChange> {
        let pending = self.rules.status().pending;
        let held = pending.filter(|pending| {
            pending.diagnostics.iter().any(|finding| finding.code == Code::HeldBack)
                && pending.sources.id() == id
        });
        let Some(held) = held else { return Err(Error::NothingHeld(format!("ruleSets/{id}"))) };
        let set = match super::load_rules::try_out(
            held.sources,
            self.settings.currency.clone(),
            crate::priority::Nice::Back,
        )
        .await
        {
            Ok((set, _)) => set,
            Err(_) => return Err(Error::NothingHeld(format!("ruleSets/{id}"))),
        };
        let moved = match self.rules.current() {
            Some(current) => match self.measured(&current, &set).await? {
                Measured::Moved(moved, analysis) => Some((moved, analysis)),
                _ => None,
            },
            None => None,
        };
        let (moved, analysis) =
            moved.map_or((None, String::new()), |(moved, analysis)| (Some(moved), analysis));
        let guarded = Some(Guarded { analysis, moved, is_overridden: true });
        let change = once.stamp(self.now()).change;
        let note = Note { guarded, ..Note::of(RuleChangeKind::Accepted, change) };
        let noted = self.note_rules(&set, note, Some(&once)).await?;
        self.rules_wanted.notify_one();
        Ok(noted)
    }
}

/// What is known of how many leads a set would move.
enum Measured {
    Accepted,
    /// The share of all, and the operation that tells.
    Moved(f64, String),
    NotYet(String),
    Failed(String),
}
