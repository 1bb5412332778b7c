//! A set that is evaluated beside the one in force, on a share of the leads that are scored: what it would say is counted, and
//! never answered. One lead at a time, behind the calls: while it is at it, others are passed over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt as _;

use super::load_rules::try_out;
use super::once::Once;
use super::rule_log::Note;
use super::score_lead::ChosenLead;
use super::{App, Error, Result};
use crate::domain::impact::grade;
use crate::domain::profile::ProfileContent;
use crate::domain::rule_change::{RuleChange, RuleChangeKind, ShadowTerms};
use crate::domain::score::{Assessment, ContributionKind};
use crate::domain::time::Time;
use crate::priority::Nice;
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::rules::{LeadFacts, ScriptKind};
use crate::storage::{Counts, StoreError};

/// The most different errors that are told of a shadow.
const MAX_ERRORS: usize = 20;
/// The most characters of one.
const MAX_ERROR: usize = 300;

/// The set that is evaluated beside the one in force, on this replica.
pub struct Shadow {
    /// The entry of the log that began it.
    number: i64,
    terms: ShadowTerms,
    rules: Arc<RuleSet>,
}

/// What was counted here and is not in the store yet, with the shadow that it is of.
#[derive(Default)]
pub struct ShadowCounts(Mutex<(i64, Counts)>);

impl ShadowCounts {
    fn add(&self, number: i64, counted: impl IntoIterator<Item = (String, i64)>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is of a shadow that is over comes too late, and must not take the place of what is counted of the next.
        if number < counts.0 {
            return;
        }
        if counts.0 != number {
            *counts = (number, Counts::new());
        }
        for (name, count) in counted {
            *counts.1.entry(name).or_default() += count;
        }
    }
}

/// What was found of a shadow on all replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowReport {
    pub started: RuleChange,
    /// Whether it goes on.
    pub is_running: bool,
    pub compared: i64,
    pub passed_over: i64,
    pub changed_grade: i64,
    pub changed_total: i64,
    pub failed: i64,
    /// Why it failed, and how often; at most twenty reasons.
    pub errors: BTreeMap<String, i64>,
    /// How many go from a grade to a grade.
    pub migration: BTreeMap<(String, String), i64>,
    /// On how many leads each rule fired in the set in force, and in this one.
    pub fired: BTreeMap<String, (i64, i64)>,
}

fn subject(number: i64) -> String {
    format!("shadow/{number}")
}

/// What differs between what is in force and a shadow, as counts.
fn compared(active: &Assessment, shadow: &std::result::Result<Assessment, String>) -> Vec<(String, i64)> {
    let mut counted = vec![("compared".to_owned(), 1)];
    let fired = |assessment: &Assessment, side: &str| -> Vec<(String, i64)> {
        let kinds = [ContributionKind::Rule, ContributionKind::Disqualify, ContributionKind::GradeCap];
        let entries = assessment.contributions.iter().filter(|entry| kinds.contains(&entry.kind));
        entries.map(|entry| (format!("{side}/{}", entry.rule), 1)).collect()
    };
    counted.extend(fired(active, "before"));
    match shadow {
        Err(message) => {
            counted.push(("failed".to_owned(), 1));
            // Numbers may be a lead's own, and would make each error another.
            let message: String =
                message.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).take(MAX_ERROR).collect();
            counted.push((format!("error/{message}"), 1));
        }
        Ok(shadow) => {
            let (was, is) = (grade(active), grade(shadow));
            counted.push(("changed_grade".to_owned(), i64::from(was != is)));
            counted.push(("changed_total".to_owned(), i64::from(active.total != shadow.total)));
            counted.push((format!("grade/{was}/{is}"), 1));
            counted.extend(fired(shadow, "after"));
        }
    }
    counted
}

impl App {
    /// Begins to evaluate a set beside the one in force, on all replicas; in place of another that is.
    pub async fn start_shadow(
        &self,
        sources: Sources,
        share: f64,
        days: i64,
        once: Once<RuleChange>,
    ) -> Result<RuleChange> {
        let set = self.good_rules(sources).await?;
        let change = once.stamp(self.now()).change;
        let shadow = Some(ShadowTerms { share, until: self.now().plus_days(days) });
        let note = Note { shadow, ..Note::of(RuleChangeKind::ShadowStarted, change) };
        let started = self.note_rules(&set, note, Some(&once)).await?;
        self.follow_shadow().await?;
        Ok(started)
    }

    /// Ends the shadow that goes on.
    pub async fn stop_shadow(&self, once: Once<RuleChange>) -> Result<RuleChange> {
        let running = self.running_shadow().await?.ok_or(Error::NoShadow)?;
        let (_, set) = self.stored_rule_set(Some(&running.rule_set)).await?;
        let change = once.stamp(self.now()).change;
        let stopped =
            self.note_rules(&set, Note::of(RuleChangeKind::ShadowStopped, change), Some(&once)).await?;
        self.follow_shadow().await?;
        Ok(stopped)
    }

    /// What was found of the newest shadow.
    pub async fn shadow_report(self: &Arc<Self>) -> Result<ShadowReport> {
        let started =
            self.store.last_rule_change(&[RuleChangeKind::ShadowStarted]).await?.ok_or(Error::NoShadow)?;
        self.add_counts_up().await?;
        let is_running = self.running_shadow().await?.is_some();
        let counts = self.store.counts(&subject(started.number)).await?;
        let whole = |name: &str| counts.get(name).copied().unwrap_or_default();
        let mut report = ShadowReport {
            is_running,
            compared: whole("compared"),
            passed_over: whole("passed_over"),
            changed_grade: whole("changed_grade"),
            changed_total: whole("changed_total"),
            failed: whole("failed"),
            errors: BTreeMap::new(),
            migration: BTreeMap::new(),
            fired: BTreeMap::new(),
            started,
        };
        for (name, count) in counts {
            match name.split_once('/') {
                Some(("error", message)) if report.errors.len() < MAX_ERRORS => {
                    report.errors.insert(message.to_owned(), count);
                }
                Some(("before", rule)) => report.fired.entry(rule.to_owned()).or_default().0 = count,
                Some(("after", rule)) => report.fired.entry(rule.to_owned()).or_default().1 = count,
                Some(("grade", both)) => {
                    let (was, is) = both.split_once('/').unwrap_or((both, ""));
                    report.migration.insert((was.to_owned(), is.to_owned()), count);
                }
                _ => {}
            }
        }
        Ok(report)
    }

    async fn running_shadow(&self) -> Result<Option<RuleChange>> {
        let last = self.store.last_rule_change(&RuleChangeKind::SHADOWS).await?;
        Ok(last.filter(|last| last.shadow.is_some_and(|terms| terms.until > self.now())))
    }

    /// Has this replica evaluate what is to be evaluated.
    pub(super) async fn follow_shadow(&self) -> Result<()> {
        let Some(running) = self.running_shadow().await? else {
            self.shadow.store(None);
            return Ok(());
        };
        let (Some(terms), number) = (running.shadow, running.number) else { return Ok(()) };
        if self.shadow.load().as_ref().is_some_and(|shadow| shadow.number == number) {
            return Ok(());
        }
        let sources = Sources::new(self.store.rule_set(&running.rule_set).await?.files);
        let tried = try_out(sources, self.settings.currency.clone(), Nice::Back).await;
        let (rules, _) = tried.map_err(|_| StoreError::failed("a shadow can't be loaded by this version"))?;
        tracing::info!(
            rule_set = running.rule_set,
            share = terms.share,
            "rules are evaluated beside those in force"
        );
        self.shadow.store(Some(Arc::new(Shadow { number, terms, rules: Arc::new(rules) })));
        Ok(())
    }

    pub(super) fn shadow_counts(&self) -> Vec<(String, Counts)> {
        let (number, counts) =
            std::mem::take(&mut *self.shadowed.0.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() { Vec::new() } else { vec![(subject(number), counts)] }
    }

    /// Evaluates the shadow on a lead that was scored, if it is its turn; returns at once.
    pub(super) fn shadow_score(
        &self,
        lead: &ChosenLead,
        profile: &ProfileContent,
        as_of: Time,
        active: &Assessment,
    ) {
        let Some(shadow) = self.shadow.load_full() else { return };
        if shadow.terms.until <= self.now() || !self.is_drawn(shadow.terms.share) {
            return;
        }
        let Ok(place) = self.shadowing.clone().try_acquire_owned() else {
            self.shadowed.add(shadow.number, [("passed_over".to_owned(), 1)]);
            return;
        };
        let (content, activities, created) = (lead.content.clone(), lead.looked_at().to_vec(), lead.created);
        let (profile, active, counts) = (profile.clone(), active.clone(), self.shadowed.clone());
        let currency = self.settings.currency.clone();
        tokio::task::spawn_blocking(move || {
            let scored = shadow
                .rules
                .script(ScriptKind::LeadScoring, &profile.scoring_script)
                .map_err(|missing| missing.to_string())
                .and_then(|script| {
                    let facts = LeadFacts {
                        lead: &content,
                        activities: &activities,
                        profile: &profile,
                        created,
                        as_of,
                        currency: &currency,
                        vocabulary: &shadow.rules.vocabulary,
                    };
                    shadow.rules.assess(script, facts).map_err(|error| error.to_string())
                });
            counts.add(shadow.number, compared(&active, &scored));
            drop(place);
        });
    }

    fn is_drawn(&self, share: f64) -> bool {
        share >= 1.0 || self.random.lock().unwrap_or_else(PoisonError::into_inner).random_bool(share.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::score::{Points, ScoreStatus};

    #[test]
    fn what_comes_late_of_a_former_shadow_takes_nothing_from_the_next() {
        let counts = ShadowCounts::default();
        let one = || [("compared".to_owned(), 1)];
        counts.add(3, one());
        counts.add(7, one());
        counts.add(3, one());
        counts.add(7, one());
        let kept = counts.0.lock().unwrap().clone();
        assert_eq!(kept, (7, Counts::from([("compared".to_owned(), 2)])));
    }

    #[test]
    fn an_error_is_counted_without_the_numbers_of_the_lead() {
        let active = Assessment {
            status: ScoreStatus::Scored,
            total: Points(0),
            fit: Points(0),
            engagement: Points(0),
            grade: Some("A".into()),
            completeness: 1.0,
            role_coverage: None,
            contributions: Vec::new(),
            unknowns: Vec::new(),
            warnings: Vec::new(),
            outlook: None,
        };
        let failed = |told: &str| compared(&active, &Err(told.to_owned()));
        assert_eq!(failed("2500000 points are more than 1000"), failed("3700000 points are more than 1000"));
        assert!(failed("x").contains(&("error/x".to_owned(), 1)));
    }
}
