//! What the application counts. The names are documented in `docs/operations.md`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ScoreLabels {
    pub script: String,
    pub status: String,
    pub grade: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ScriptLabels {
    pub script: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    pub outcome: ReloadOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReloadOutcome {
    Loaded,
    Unchanged,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RuleSetLabels {
    pub rule_set: String,
}

#[derive(Debug, Default)]
pub struct Metrics {
    pub scores: Family<ScoreLabels, Counter>,
    pub rule_errors: Family<ScriptLabels, Counter>,
    pub unknowns: Family<ScriptLabels, Counter>,
    pub reloads: Family<ReloadLabels, Counter>,
    pub active: Family<RuleSetLabels, Gauge>,
    pub active_since: Gauge,
    pub pending: Gauge,
}

impl Metrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("assay_scores", "Leads scored, by script, status and grade", self.scores.clone());
        registry.register(
            "assay_rule_errors",
            "Scores that failed in a rule, by script",
            self.rule_errors.clone(),
        );
        registry.register(
            "assay_rule_unknowns",
            "Rules that met an unknown fact, by script",
            self.unknowns.clone(),
        );
        registry.register("assay_rule_reloads", "Attempts to load rules, by outcome", self.reloads.clone());
        registry.register("assay_rule_set_active", "1 for the rule set in force", self.active.clone());
        registry.register(
            "assay_rule_set_since_seconds",
            "When the rule set in force was loaded, in seconds since 1970",
            self.active_since.clone(),
        );
        registry.register("assay_rules_pending", "1 while a change can't be loaded", self.pending.clone());
    }
}
