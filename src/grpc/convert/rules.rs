//! Rule sets, their status, and what is wrong with them.

use super::score::small;
use super::{change_out, timestamp};
use crate::app::Settings;
use crate::app::guard::RulesMode;
use crate::app::production::{RuleCounts, ScriptCounts};
use crate::app::shadow::ShadowReport;
use crate::domain::rule_change::{RuleChange, RuleChangeKind};
use crate::grpc::pb;
use crate::rules::diagnostics::{Diagnostic, Related, Severity};
use crate::rules::diff::{RuleSetDifference, StatementDifference};
use crate::rules::live::Status;
use crate::rules::set::RuleSet;
use crate::rules::{Entry, Script};
use crate::storage::{ListedRuleSet, StoredRuleSet};

pub fn diagnostic(diagnostic: &Diagnostic) -> pb::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => pb::DiagnosticSeverity::Error,
        Severity::Warning => pb::DiagnosticSeverity::Warning,
    };
    let related = |related: &Related| pb::RelatedPlace {
        file: related.file.clone(),
        line: small(related.line),
        column: small(related.column),
        message: related.message.clone(),
    };
    pb::Diagnostic {
        code: diagnostic.code.as_str().into(),
        severity: severity as i32,
        message: diagnostic.message.clone(),
        file: diagnostic.file.clone(),
        line: small(diagnostic.line),
        column: small(diagnostic.column),
        length: small(diagnostic.length),
        help: diagnostic.help.clone(),
        related: diagnostic.related.iter().map(related).collect(),
        fix: diagnostic.fix.as_ref().map(|fix| pb::Fix {
            column: small(fix.column),
            length: small(fix.length),
            replacement: fix.replacement.clone(),
        }),
    }
}

pub fn status(status: &Status, settings: &Settings) -> pb::RuleStatus {
    let active = status.active.as_ref().map(|set| pb::ActiveRules {
        rule_set: set.name(),
        source: match settings.rules_mode {
            RulesMode::Directory => settings.rules_source.clone(),
            RulesMode::Store => "the store".into(),
        },
        since: status.since.map(timestamp),
        scripts: set.scripts().map(|script| script.path.to_string()).collect(),
    });
    let pending = status.pending.as_ref().map(|pending| pb::PendingRules {
        found_time: Some(timestamp(pending.found)),
        diagnostics: pending.diagnostics.iter().map(diagnostic).collect(),
        rule_set: match pending.sources.files().is_empty() {
            true => String::new(),
            false => set_name(&pending.sources.id()),
        },
    });
    let mode = match settings.rules_mode {
        RulesMode::Directory => pb::RuleMode::Directory,
        RulesMode::Store => pb::RuleMode::Store,
    };
    pb::RuleStatus {
        replica: settings.replica.clone(),
        mode: mode as i32,
        active,
        pending,
        last_attempt_time: status.last_attempt.map(timestamp),
        last_success_time: status.last_success.map(timestamp),
        guard: settings.rules_guard,
    }
}

pub fn rule_set(stored: &StoredRuleSet, set: &RuleSet) -> pb::RuleSet {
    let file =
        |(path, content): (&String, &String)| pb::RuleFile { path: path.clone(), content: content.clone() };
    pb::RuleSet {
        name: set.name(),
        create_time: Some(timestamp(stored.create_time)),
        files: stored.files.iter().map(file).collect(),
        scripts: set.scripts().map(|s| script(s)).collect(),
        change: None,
        last_in_force_time: None,
    }
}

pub fn shadow(report: &ShadowReport) -> pb::Shadow {
    let terms = report.started.shadow;
    let migration = |((before, after), count): (&(String, String), &i64)| pb::GradeMigration {
        before: before.clone(),
        after: after.clone(),
        count: *count,
    };
    let rule = |(rule, (before, after)): (&String, &(i64, i64))| pb::ShadowRule {
        rule: rule.clone(),
        fired_before: *before,
        fired_after: *after,
    };
    let error =
        |(message, count): (&String, &i64)| pb::ShadowError { message: message.clone(), count: *count };
    pb::Shadow {
        started: Some(rule_change(&report.started)),
        is_running: report.is_running,
        share: terms.map(|terms| terms.share).unwrap_or_default(),
        end_time: terms.map(|terms| timestamp(terms.until)),
        compared_count: report.compared,
        passed_over_count: report.passed_over,
        changed_grade_count: report.changed_grade,
        changed_total_count: report.changed_total,
        failed_count: report.failed,
        errors: report.errors.iter().map(error).collect(),
        migration: report.migration.iter().map(migration).collect(),
        rules: report.fired.iter().map(rule).collect(),
    }
}

pub fn script_counts(script: &str, counts: &ScriptCounts) -> pb::ScriptCounts {
    let rule = |(rule, did): (&std::sync::Arc<str>, &RuleCounts)| pb::RuleCounts {
        rule: rule.to_string(),
        fired_count: did.fired,
        unknown_count: did.unknown,
        points_hundredths: did.points,
        won_count: did.won,
        lost_count: did.lost,
        lift: counts.lift(did),
        verdict: counts.verdict(did).as_str().into(),
    };
    pb::ScriptCounts {
        script: script.to_owned(),
        scored_count: counts.scored,
        disqualified_count: counts.disqualified,
        insufficient_data_count: counts.insufficient,
        failed_count: counts.failed,
        won_count: counts.won,
        lost_count: counts.lost,
        rules: counts.rules.iter().map(rule).collect(),
    }
}

/// The resource name of a set.
fn set_name(digest: &str) -> String {
    match digest.is_empty() {
        true => String::new(),
        false => format!("ruleSets/{digest}"),
    }
}

pub fn listed_rule_set(listed: &ListedRuleSet) -> pb::RuleSet {
    pb::RuleSet {
        name: set_name(&listed.id),
        create_time: Some(timestamp(listed.create_time)),
        change: change_out(&listed.change),
        last_in_force_time: listed.in_force.map(timestamp),
        ..pb::RuleSet::default()
    }
}

pub fn rule_change(change: &RuleChange) -> pb::RuleChange {
    let kind = match change.kind {
        RuleChangeKind::Published => pb::RuleChangeKind::Published,
        RuleChangeKind::Activated => pb::RuleChangeKind::Activated,
        RuleChangeKind::RolledBack => pb::RuleChangeKind::RolledBack,
        RuleChangeKind::Loaded => pb::RuleChangeKind::Loaded,
        RuleChangeKind::Accepted => pb::RuleChangeKind::Accepted,
        RuleChangeKind::ShadowStarted => pb::RuleChangeKind::ShadowStarted,
        RuleChangeKind::ShadowStopped => pb::RuleChangeKind::ShadowStopped,
    };
    pb::RuleChange {
        number: change.number,
        time: Some(timestamp(change.time)),
        kind: kind as i32,
        rule_set: set_name(&change.rule_set),
        former_rule_set: set_name(&change.former),
        change: change_out(&change.change),
        replica: change.replica.clone(),
        guard: change.guarded.as_ref().map(|guarded| pb::GuardFinding {
            analysis: guarded.analysis.clone(),
            moved: guarded.moved,
            is_overridden: guarded.is_overridden,
        }),
    }
}

pub fn difference(found: RuleSetDifference) -> pb::DiffRuleSetsResponse {
    let statement = |differs: StatementDifference| pb::StatementDifference {
        file: differs.file,
        statement: differs.statement.into(),
        name: differs.name,
        kind: differs.kind.as_str().into(),
        parts: differs
            .parts
            .into_iter()
            .map(|part| pb::PartDifference { part: part.part, before: part.before, after: part.after })
            .collect(),
        line_before: small(differs.lines.0),
        line_after: small(differs.lines.1),
    };
    pb::DiffRuleSetsResponse {
        statements: found.statements.into_iter().map(statement).collect(),
        files: found.files.into_iter().map(|(path, diff)| pb::FileDifference { path, diff }).collect(),
    }
}

fn script(script: &Script) -> pb::RuleScript {
    pb::RuleScript {
        path: script.path.to_string(),
        script: script.name.to_string(),
        rules: script.entries().iter().map(entry).collect(),
    }
}

fn entry(entry: &Entry) -> pb::RuleEntry {
    pb::RuleEntry {
        rule: entry.id.to_string(),
        group: entry.group.to_string(),
        axis: entry.axis.map_or("", |axis| axis.as_str()).into(),
        statement: entry.statement.into(),
        because: entry.because.to_string(),
        line: small(entry.position.line),
        column: small(entry.position.column),
        facts: entry.facts.iter().map(ToString::to_string).collect(),
    }
}
