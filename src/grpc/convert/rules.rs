//! Rule sets, their status, and what is wrong with them.

use super::score::small;
use super::timestamp;
use crate::app::Settings;
use crate::grpc::pb;
use crate::rules::diagnostics::{Diagnostic, Related, Severity};
use crate::rules::live::Status;
use crate::rules::set::RuleSet;
use crate::rules::{Entry, Script};
use crate::storage::StoredRuleSet;

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
        source: settings.rules_source.clone(),
        since: status.since.map(timestamp),
        scripts: set.scripts().map(|script| script.path.to_string()).collect(),
    });
    let pending = status.pending.as_ref().map(|pending| pb::PendingRules {
        found_time: Some(timestamp(pending.found)),
        diagnostics: pending.diagnostics.iter().map(diagnostic).collect(),
    });
    pb::RuleStatus {
        replica: settings.replica.clone(),
        mode: pb::RuleMode::Folder as i32,
        active,
        pending,
        last_attempt_time: status.last_attempt.map(timestamp),
        last_success_time: status.last_success.map(timestamp),
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
