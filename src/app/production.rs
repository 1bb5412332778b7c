//! What rules did to the leads that were scored: counted on each replica, and added up in the store every few seconds. A process
//! that is killed takes the counts of its last seconds with it; where a commit's outcome is not known, they are counted once or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{App, Result};
use crate::domain::score::{Assessment, ContributionKind, ScoreStatus};
use crate::rules::ScriptKind;
use crate::rules::set::RuleSet;
use crate::storage::{Counts, StoreError};

/// How often counts are added up in the store.
const ADD_UP: Duration = Duration::from_secs(5);
/// So many counts of scripts wait for a store that does not answer.
const MAX_WAITING: usize = 1_000;
/// With fewer scores, nothing is said of a rule.
pub const ENOUGH_SCORES: i64 = 100;
/// With fewer won or lost leads, nothing is said of a rule's lift.
pub const ENOUGH_OUTCOMES: i64 = 40;
/// The share of the normal distribution's draws that lie further out is one in twenty.
const CRITICAL: f64 = 1.96;

/// What a rule did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// On how many scores it fired, and on how many an unknown fact kept it from being judged.
    pub fired: i64,
    pub unknown: i64,
    /// The points that it gave to all of them together, in hundredths.
    pub points: i64,
    /// Of the scores on which it fired, how many are of leads that are known to be won and lost.
    pub won: i64,
    pub lost: i64,
}

/// What a script did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptCounts {
    pub scored: i64,
    pub disqualified: i64,
    pub insufficient: i64,
    pub failed: i64,
    pub won: i64,
    pub lost: i64,
    pub rules: BTreeMap<Arc<str>, RuleCounts>,
}

/// What there is to say of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    TooFewScores,
    Never,
    Always,
    /// Won and lost leads meet it alike, as far as can be told.
    NoLift,
    Works,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFewScores => "too few scores",
            Self::Never => "never fires",
            Self::Always => "always fires",
            Self::NoLift => "carries no lift",
            Self::Works => "works",
        }
    }
}

impl ScriptCounts {
    /// The won share of the leads that meet a rule, as a part of the won share of all; `None` if too few are known to tell.
    pub fn lift(&self, rule: &RuleCounts) -> Option<f64> {
        let (all, met) = (self.won + self.lost, rule.won + rule.lost);
        let is_enough = self.won >= ENOUGH_OUTCOMES && self.lost >= ENOUGH_OUTCOMES && met > 0;
        is_enough.then(|| (rule.won as f64 / met as f64) / (self.won as f64 / all as f64))
    }

    /// Whether won leads meet a rule more often than lost ones, or less often, than chance would have it: the usual test of two
    /// shares (pooled, two-sided, one in twenty).
    fn tells_apart(&self, rule: &RuleCounts) -> bool {
        let (won, lost) = (self.won as f64, self.lost as f64);
        let (share_won, share_lost) = (rule.won as f64 / won, rule.lost as f64 / lost);
        let pooled = (rule.won + rule.lost) as f64 / (won + lost);
        let error = (pooled * (1.0 - pooled) * (1.0 / won + 1.0 / lost)).sqrt();
        error > 0.0 && ((share_won - share_lost) / error).abs() > CRITICAL
    }

    pub fn verdict(&self, rule: &RuleCounts) -> Verdict {
        let judged = self.scored + self.disqualified + self.insufficient;
        match rule.fired {
            _ if judged < ENOUGH_SCORES => Verdict::TooFewScores,
            0 => Verdict::Never,
            fired if fired >= judged => Verdict::Always,
            _ if self.lift(rule).is_some() && !self.tells_apart(rule) => Verdict::NoLift,
            _ => Verdict::Works,
        }
    }

    fn count(&mut self, assessment: &Assessment, won: Option<bool>) {
        match assessment.status {
            ScoreStatus::Scored => self.scored += 1,
            ScoreStatus::Disqualified => self.disqualified += 1,
            ScoreStatus::InsufficientData => self.insufficient += 1,
        }
        let (is_won, is_lost) = (i64::from(won == Some(true)), i64::from(won == Some(false)));
        self.won += is_won;
        self.lost += is_lost;
        let counted = [ContributionKind::Rule, ContributionKind::Disqualify, ContributionKind::GradeCap];
        for entry in assessment.contributions.iter().filter(|entry| counted.contains(&entry.kind)) {
            let rule = self.of(&entry.rule);
            rule.fired += 1;
            rule.points += entry.points.0;
            rule.won += is_won;
            rule.lost += is_lost;
        }
        let mut last: Option<&Arc<str>> = None;
        for unknown in &assessment.unknowns {
            if last != Some(&unknown.rule) {
                self.of(&unknown.rule).unknown += 1;
                last = Some(&unknown.rule);
            }
        }
    }

    fn of(&mut self, rule: &Arc<str>) -> &mut RuleCounts {
        if !self.rules.contains_key(rule) {
            self.rules.insert(rule.clone(), RuleCounts::default());
        }
        self.rules.entry(rule.clone()).or_default()
    }

    /// What is counted of the whole, by the names that the store has.
    fn counts(&mut self) -> [(&'static str, &mut i64); 6] {
        [
            ("scored", &mut self.scored),
            ("disqualified", &mut self.disqualified),
            ("insufficient", &mut self.insufficient),
            ("failed", &mut self.failed),
            ("won", &mut self.won),
            ("lost", &mut self.lost),
        ]
    }

    /// As the store keeps them: the counts that are not 0.
    fn named(mut self) -> Counts {
        let mut named: Counts = self.counts().map(|(name, count)| (name.to_owned(), *count)).into();
        for (rule, counts) in &mut self.rules {
            named.extend(counts.counts().map(|(name, count)| (format!("{name}/{rule}"), *count)));
        }
        named.retain(|_, count| *count != 0);
        named
    }

    /// What [`ScriptCounts::named`] gave.
    fn read(named: Counts) -> Self {
        let mut counts = Self::default();
        for (name, count) in named {
            let place = match name.split_once('/') {
                None => counts.counts().into_iter().find(|(known, _)| *known == name),
                Some((what, rule)) => {
                    counts.of(&rule.into()).counts().into_iter().find(|(known, _)| *known == what)
                }
            };
            if let Some((_, place)) = place {
                *place = count;
            }
        }
        counts
    }
}

impl RuleCounts {
    /// What is counted of a rule, by the names that the store has.
    fn counts(&mut self) -> [(&'static str, &mut i64); 5] {
        [
            ("fired", &mut self.fired),
            ("unknown", &mut self.unknown),
            ("points", &mut self.points),
            ("won", &mut self.won),
            ("lost", &mut self.lost),
        ]
    }
}

/// What was counted here and is not in the store yet.
#[derive(Default)]
pub struct Production {
    /// By set and script. They are few: those in force, and for a moment those before.
    scripts: Mutex<Vec<(String, Arc<str>, ScriptCounts)>>,
}

impl Production {
    fn with(&self, rule_set: &str, script: &Arc<str>, count: impl FnOnce(&mut ScriptCounts)) {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = scripts.iter().position(|(set, name, _)| set == rule_set && name == script);
        let at = known.unwrap_or_else(|| {
            scripts.push((rule_set.to_owned(), script.clone(), ScriptCounts::default()));
            scripts.len() - 1
        });
        if let Some((.., counts)) = scripts.get_mut(at) {
            count(counts);
        }
    }

    pub fn count(&self, rule_set: &str, script: &Arc<str>, assessment: &Assessment, won: Option<bool>) {
        self.with(rule_set, script, |counts| counts.count(assessment, won));
    }

    pub fn count_failure(&self, rule_set: &str, script: &Arc<str>) {
        self.with(rule_set, script, |counts| counts.failed += 1);
    }

    fn take(&self) -> Vec<(String, Counts)> {
        let taken = std::mem::take(&mut *self.scripts.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_iter().map(|(set, script, counts)| (subject(&set, &script), counts.named())).collect()
    }
}

fn subject(rule_set: &str, script: &str) -> String {
    format!("rules/{rule_set}/{script}")
}

impl App {
    /// What the lead-scoring scripts of a set did, on all replicas, each rule of them; also those that never fired.
    pub async fn rule_counts(
        self: &Arc<Self>,
        rule_set: Option<&str>,
    ) -> Result<(Arc<RuleSet>, Vec<(Arc<str>, ScriptCounts)>)> {
        // What was counted here is told too, without waiting.
        self.add_counts_up().await?;
        let (_, set) = self.stored_rule_set(rule_set).await?;
        let mut found = Vec::new();
        for script in set.scripts().filter(|script| script.kind == ScriptKind::LeadScoring) {
            let mut counts = ScriptCounts::read(self.store.counts(&subject(&set.id, &script.name)).await?);
            let entries = script.entries();
            for entry in entries.iter().filter(|entry| entry.statement != "grade") {
                counts.of(&entry.id);
            }
            found.push((script.name.clone(), counts));
        }
        Ok((set, found))
    }

    /// Writes what was counted here to the store. Whoever asks may go away; what was begun is finished.
    pub(super) async fn add_counts_up(self: &Arc<Self>) -> Result<()> {
        let app = self.clone();
        let added = tokio::spawn(async move {
            let mut waiting = app.waiting_counts.lock().await;
            waiting.extend(app.production.take().into_iter().chain(app.shadow_counts()));
            while let Some((subject, counts)) = waiting.front().cloned() {
                match app.store.add_counts(&subject, counts).await {
                    // Whether it was written is not known: counted once or not at all is better than twice.
                    Ok(()) | Err(StoreError::OutcomeUnknown) => _ = waiting.pop_front(),
                    Err(error) => {
                        // A store that is gone for long must not fill the memory.
                        while waiting.len() > MAX_WAITING {
                            waiting.pop_front();
                        }
                        return Err(error);
                    }
                }
            }
            Ok(())
        });
        Ok(added.await.map_err(StoreError::failed)??)
    }

    /// Adds counts up in the store and follows which set is evaluated beside the one in force, until `stop` comes true.
    pub async fn keep_counts(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut goes_on = true;
        while goes_on {
            tokio::select! {
                () = &mut stop => goes_on = false,
                () = tokio::time::sleep(ADD_UP) => {}
            }
            if let Err(error) = self.add_counts_up().await {
                tracing::debug!(%error, "what rules did can't be counted now");
            }
            if let Err(error) = self.follow_shadow().await {
                tracing::debug!(%error, "which rules are a shadow is not known now");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(judged: i64, won: i64, lost: i64) -> ScriptCounts {
        ScriptCounts { scored: judged, won, lost, ..ScriptCounts::default() }
    }

    #[test]
    fn a_rule_is_judged_by_what_it_did() {
        let fired = |fired, won, lost| RuleCounts { fired, won, lost, ..RuleCounts::default() };
        for (of, rule, verdict) in [
            (counts(99, 0, 0), fired(0, 0, 0), Verdict::TooFewScores),
            (counts(100, 0, 0), fired(0, 0, 0), Verdict::Never),
            (counts(100, 0, 0), fired(100, 0, 0), Verdict::Always),
            (counts(1_000, 100, 100), fired(500, 50, 50), Verdict::NoLift),
            (counts(1_000, 100, 100), fired(500, 55, 48), Verdict::NoLift),
            (counts(1_000, 100, 100), fired(500, 70, 40), Verdict::Works),
            // Too few are known to say that it does nothing.
            (counts(1_000, 100, 39), fired(500, 50, 20), Verdict::Works),
        ] {
            assert_eq!(of.verdict(&rule), verdict, "{of:?} {rule:?}");
        }
        let lift = counts(1_000, 100, 100).lift(&fired(500, 75, 25));
        assert_eq!(lift, Some(1.5));
    }

    #[test]
    fn counts_are_read_as_they_were_named() {
        let mut of = counts(7, 2, 1);
        of.failed = 3;
        of.rules.insert("a/b".into(), RuleCounts { fired: 4, unknown: 1, points: -300, won: 2, lost: 0 });
        assert_eq!(ScriptCounts::read(of.clone().named()), of);
        assert_eq!(ScriptCounts::default().named(), Counts::new());
    }
}
