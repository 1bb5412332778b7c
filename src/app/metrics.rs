//! What the application counts. The names are documented in `docs/operations.md`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::App;
use crate::domain::job::JobState;
use crate::domain::score::ScoreStatus;
use crate::rules::source::watch::LastLook;

/// How many rule sets are counted apart: with every save of a script there is a new one.
const RULE_SETS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct ScoreLabels {
    rule_set: String,
    script: String,
    status: &'static str,
    grade: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct ScriptLabels {
    rule_set: String,
    script: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    pub outcome: ReloadOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReloadOutcome {
    Loaded,
    Unchanged,
    Refused,
}

impl EncodeLabelValue for ReloadOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        let word = match self {
            ReloadOutcome::Loaded => "loaded",
            ReloadOutcome::Unchanged => "unchanged",
            ReloadOutcome::Refused => "refused",
        };
        EncodeLabelValue::encode(&word, encoder)
    }
}

/// What was scored by one rule set.
#[derive(Debug, Default)]
struct OfRuleSet {
    rule_set: String,
    scores: BTreeMap<ScoreLabels, u64>,
    errors: BTreeMap<ScriptLabels, u64>,
    unknowns: BTreeMap<ScriptLabels, u64>,
}

#[derive(Debug)]
pub struct Metrics {
    /// The last ones, the newest at the end.
    rule_sets: Mutex<VecDeque<OfRuleSet>>,
    pub reloads: Family<ReloadLabels, Counter>,
    reload_duration: Histogram,
    pub pending: Gauge,
    /// 1 unless the store has stopped answering.
    pub store_up: Gauge,
    /// When the folder with the rules was last looked at.
    pub last_look: LastLook,
    jobs: Family<JobLabels, Counter>,
    overdue_reviews: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    state: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            rule_sets: Mutex::default(),
            reloads: Family::default(),
            reload_duration: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            pending: Gauge::default(),
            store_up: Gauge::default(),
            last_look: LastLook::default(),
            jobs: Family::default(),
            overdue_reviews: Gauge::default(),
        }
    }
}

impl Metrics {
    pub fn register(&self, registry: &mut Registry) {
        let help = "Attempts to load rules, by outcome";
        registry.register("assay_rule_reloads", help, self.reloads.clone());
        let help = "How long it took to compile, try and keep a rule set";
        registry.register_with_unit(
            "assay_rule_reload_duration",
            help,
            Unit::Seconds,
            self.reload_duration.clone(),
        );
        self.store_up.set(1);
        registry.register("assay_store_up", "1 unless the store does not answer", self.store_up.clone());
        // A series that is missing is not one that is nothing.
        for state in [JobState::Done, JobState::Failed, JobState::Cancelled] {
            _ = self.jobs.get_or_create(&JobLabels { state: state.as_str() });
        }
        registry.register(
            "assay_jobs_ended",
            "Long work that ended here, by how it ended",
            self.jobs.clone(),
        );
        let help = "Profiles whose review is due";
        registry.register("assay_reviews_overdue", help, self.overdue_reviews.clone());
        registry.register("assay_rules_pending", "1 while a change can't be loaded", self.pending.clone());
    }

    pub fn count_score(
        &self,
        rule_set: &str,
        script: &str,
        status: ScoreStatus,
        grade: Option<&str>,
        unknowns: u64,
    ) {
        self.of(rule_set, |of, rule_set| {
            let grade = grade.unwrap_or_default().to_owned();
            let labels = ScoreLabels {
                rule_set: rule_set.clone(),
                script: script.to_owned(),
                status: status.as_str(),
                grade,
            };
            *of.scores.entry(labels).or_default() += 1;
            if unknowns > 0 {
                let labels = ScriptLabels { rule_set, script: script.to_owned() };
                *of.unknowns.entry(labels).or_default() += unknowns;
            }
        });
    }

    pub fn count_job(&self, state: JobState) {
        self.jobs.get_or_create(&JobLabels { state: state.as_str() }).inc();
    }

    pub fn set_overdue_reviews(&self, count: usize) {
        self.overdue_reviews.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub fn count_rule_error(&self, rule_set: &str, script: &str) {
        self.of(rule_set, |of, rule_set| {
            *of.errors.entry(ScriptLabels { rule_set, script: script.to_owned() }).or_default() += 1;
        });
    }

    pub fn count_reload(&self, outcome: ReloadOutcome, pending: bool, took: Duration) {
        self.reloads.get_or_create(&ReloadLabels { outcome }).inc();
        self.reload_duration.observe(took.as_secs_f64());
        self.pending.set(pending.into());
    }

    /// Changes the counts of a rule set; the one that was new longest ago makes room for a new one.
    fn of(&self, rule_set: &str, change: impl FnOnce(&mut OfRuleSet, String)) {
        let mut all = self.rule_sets.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().rposition(|of| of.rule_set == rule_set).unwrap_or_else(|| {
            if all.len() == RULE_SETS {
                all.pop_front();
            }
            all.push_back(OfRuleSet { rule_set: rule_set.to_owned(), ..OfRuleSet::default() });
            all.len() - 1
        });
        change(&mut all[place], short(rule_set));
    }
}

/// A rule set in a label: the first twelve digits tell it from the others.
fn short(rule_set: &str) -> String {
    rule_set.chars().take(12).collect()
}

impl App {
    /// Writes what is read at the moment of a scrape: counts by rule set, the age of the rules, the store's load.
    pub fn scrape(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let all = self.metrics.rule_sets.lock().unwrap_or_else(PoisonError::into_inner);
        let scores = all.iter().flat_map(|of| &of.scores);
        counters(
            &mut encoder,
            "assay_scores",
            "Leads scored, by rule set, script, status and grade",
            scores,
        )?;
        let errors = all.iter().flat_map(|of| &of.errors);
        counters(&mut encoder, "assay_rule_errors", "Scores that failed in a rule", errors)?;
        let unknowns = all.iter().flat_map(|of| &of.unknowns);
        counters(&mut encoder, "assay_rule_unknowns", "Rules that met an unknown fact", unknowns)?;
        drop(all);

        let status = self.rules.status();
        let seconds = |since: crate::domain::time::Time| (self.now().micros() - since.micros()) as f64 / 1e6;
        if let (Some(active), Some(since)) = (&status.active, status.since) {
            let labels = [("rule_set", short(&active.id))];
            gauges(&mut encoder, "assay_rule_set_active", "1 for the rule set in force", [(&labels, 1.0)])?;
            let help = "How long the rule set has been in force";
            gauge(&mut encoder, "assay_rule_set_age", help, Some(&Unit::Seconds), seconds(since))?;
        }
        if let Some(attempt) = status.last_attempt {
            let help = "How long ago rules were last loaded or refused";
            gauge(&mut encoder, "assay_rule_reload_age", help, Some(&Unit::Seconds), seconds(attempt))?;
        }

        let looked = self.metrics.last_look.load(Ordering::Relaxed);
        if let Some(looked) = crate::domain::time::Time::from_micros(looked).filter(|_| looked > 0) {
            let help = "How long ago the folder with the rules was last looked at";
            gauge(&mut encoder, "assay_rule_look_age", help, Some(&Unit::Seconds), seconds(looked))?;
        }

        let load = self.store.load();
        let pool = ("db_client_connection_pool_name", self.store.system());
        let state = |state, count: usize| ([pool, ("db_client_connection_state", state)], count as f64);
        let (used, idle) = (state("used", load.used), state("idle", load.idle));
        let help = "Connections of the store";
        gauges(&mut encoder, "db_client_connection_count", help, [(&used.0, used.1), (&idle.0, idle.1)])?;
        let help = "How many connections of the store there can be";
        gauges(&mut encoder, "db_client_connection_max", help, [(&[pool], load.most as f64)])?;
        let help = "Calls that wait for a connection of the store";
        gauges(
            &mut encoder,
            "db_client_connection_pending_requests",
            help,
            [(&[pool], load.pending as f64)],
        )?;
        let help = "Writes that were not acknowledged yet, where the store has one writer";
        gauge(&mut encoder, "assay_store_writes_queued", help, None, load.queued as f64)
    }
}

fn counters<'a, L: EncodeLabelSet + 'a>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    counts: impl Iterator<Item = (&'a L, &'a u64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in counts {
        ConstCounter::new(*count).encode(metric.encode_family(labels)?)?;
    }
    Ok(())
}

fn gauges<'a, L: EncodeLabelSet + 'a>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (&'a L, f64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(labels)?)?;
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: f64,
) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rule_set_makes_room() {
        let metrics = Metrics::default();
        for set in 0..20 {
            metrics.count_score(&format!("{set:064}"), "default", ScoreStatus::Scored, Some("A"), 2);
            metrics.count_rule_error(&format!("{set:064}"), "default");
        }
        let kept = metrics.rule_sets.lock().unwrap();
        assert_eq!((kept.len(), kept[0].rule_set.trim_start_matches('0')), (RULE_SETS, "12"));
        assert_eq!(kept[7].unknowns.values().copied().collect::<Vec<_>>(), [2]);
    }
}
