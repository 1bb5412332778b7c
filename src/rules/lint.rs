//! What is doubtful about a set that can be loaded: warnings, each with a code.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::score::Position;
use crate::rules::diagnostics::{Code, Diagnostic, Severity};
use crate::rules::diff::{Conditioned, conditions};
use crate::rules::evaluate::outlook::{OutOfReach, out_of_reach};
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::FactSource;
use crate::rules::program::Script;
use crate::rules::set::RuleSet;

/// Everything doubtful, by script and place.
pub fn lint(set: &RuleSet) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for script in set.scripts().filter(|script| script.kind == ScriptKind::LeadScoring) {
        found.extend(out_of_reach(script, &set.catalogue, &set.vocabulary).into_iter().map(told));
    }
    for script in set.scripts() {
        let text = set.sources.get(&script.path).unwrap_or_default();
        let mut known: BTreeMap<String, Conditioned> = BTreeMap::new();
        for statement in conditions(&script.path, text) {
            match known.get(&statement.condition) {
                Some(other) => found.push(alike(script, other, &statement)),
                None => _ = known.insert(statement.condition.clone(), statement),
            }
        }
    }
    found
}

/// What is doubtful about two statements that ask the same.
fn alike(script: &Script, first: &Conditioned, second: &Conditioned) -> Diagnostic {
    let points = |of: &Conditioned| script.rule(&of.name).and_then(|rule| rule.then.expr.constant());
    let opposed = points(first).zip(points(second)).filter(|(a, b)| a * b < 0.0);
    let label = |of: &Conditioned| format!("{} \"{}\"", of.keyword, of.name);
    let (one, other) = (label(second), format!("{} in line {}", label(first), first.line));
    let (code, message, help) = match (first.keyword, second.keyword) {
        ("rule", "rule") => match opposed {
            Some((gives, takes)) => (
                Code::Contradiction,
                format!(
                    "{one} asks the same as {other}, and they contradict each other: {gives} points and {takes}"
                ),
                "make one of them, with the points that are meant",
            ),
            None => (
                Code::SameCondition,
                format!("{one} asks the same as {other}: both fire together"),
                "make one of them, or say in its reason what the second is for",
            ),
        },
        ("disqualify", "disqualify") => (
            Code::SameCondition,
            format!("{one} asks the same as {other}: both fire together"),
            "leave one of them out",
        ),
        _ => (
            Code::Contradiction,
            format!("{one} asks the same as {other}: whoever gets the points is disqualified"),
            "leave one of them out, or ask for less in the disqualifier",
        ),
    };
    at_line(&script.path, second.line, code, message).with_help(help)
}

fn told(found: OutOfReach) -> Diagnostic {
    match found {
        OutOfReach::NeverFires { statement, name, position } => {
            let message = format!("{statement} \"{name}\" can't fire: no lead can meet its condition");
            at(&position, Code::NeverFires, message)
                .with_help("see what its facts can be: `assay rules facts`")
        }
        OutOfReach::Grade { name, position, most } => {
            let message =
                format!("grade \"{name}\" is out of reach: all rules together give {most} points at most");
            at(&position, Code::GradeOutOfReach, message).with_help("lower its limit, or raise a cap")
        }
    }
}

fn at(position: &Position, code: Code, message: String) -> Diagnostic {
    Diagnostic {
        line: position.line,
        column: position.column,
        length: 1,
        severity: Severity::Warning,
        ..Diagnostic::of_file(&position.file, code, message)
    }
}

fn at_line(file: &str, line: u32, code: Code, message: String) -> Diagnostic {
    at(&Position { file: file.into(), line, column: 1 }, code, message)
}

/// Attributes that no script asks for. Told to whoever checks a set; to load one it does not matter, since profiles may ask for them.
pub fn unused_facts(set: &RuleSet) -> Vec<Diagnostic> {
    let asked: BTreeSet<usize> = set.scripts().flat_map(|script| script.named.iter().copied()).collect();
    let text = set.sources.get("facts.toml").unwrap_or_default();
    let declared = set.catalogue.facts.iter().enumerate().filter_map(|(index, fact)| match &fact.source {
        FactSource::Attribute(name) if !asked.contains(&index) => Some(name),
        _ => None,
    });
    declared
        .map(|name| {
            let head = format!("[attributes.{name}]");
            let line =
                text.lines().position(|line| line.trim_start().starts_with(&head)).map_or(1, |at| at + 1);
            let line = u32::try_from(line).unwrap_or(1);
            let message = format!("no rule asks for the attribute \"{name}\"");
            at_line("facts.toml", line, Code::UnusedFact, message)
                .with_help("a profile's criteria may still do; else it need not be declared")
        })
        .collect()
}

/// How many steps a script takes on a made-up lead of which everything is known.
pub fn cost(set: &RuleSet, currency: &str) -> Vec<(String, u32)> {
    crate::rules::compile::smoke::costs(set, currency)
}
