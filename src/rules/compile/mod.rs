//! Sources → [`RuleSet`], or everything that is wrong with them.
//!
//! Rhai parses a file; its syntax tree is lowered to a typed [`Script`]. Names, words and types are all
//! checked on the way, so that what remains to fail at run time is arithmetic.

mod aside;
mod call;
mod collection;
mod context;
mod control;
mod expression;
mod list;
mod member;
pub mod smoke;
mod statement;
mod unit;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::domain::vocabulary::Vocabulary;
use crate::priority::Nice;
use crate::rules::compile::smoke::smoke;
use crate::rules::diagnostics::{Code, Diagnostic, Findings, Fix, Help, Severity};
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::Catalogue;
use crate::rules::lint::lint;
use crate::rules::set::RuleSet;
use crate::rules::source::{self, Sources};
use crate::rules::source::{facts_toml, table};
use crate::rules::syntax::Parser;
use crate::rules::syntax::tree::Span;
use aside::aside;
use context::Context;
use unit::Unit;

/// The folder of shared functions and constants.
const LIB: &str = "lib/";

/// A compiled set with its warnings, or all errors and warnings. Findings are ordered by place.
pub type Compiled = Result<(RuleSet, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Compiles a whole set.
pub fn compile(sources: Sources) -> Compiled {
    aside(Nice::Back, move || compile_here(sources))
}

/// Compiles a set that was in force once, so that what was scored by it can be scored again: what only admits sets to
/// come into force is not asked.
pub fn compile_kept(sources: Sources) -> Compiled {
    aside(Nice::Back, move || compile_by(sources, Findings::of_kept_set(), false))
}

/// Compiles a set so that what its scripts come to is counted part by part.
pub fn compile_watched(sources: Sources) -> Compiled {
    aside(Nice::Back, move || compile_by(sources, Findings::default(), true))
}

/// Compiles a whole set and tries it on made-up examples.
pub fn compile_and_try(sources: Sources, currency: &str, nice: Nice) -> Compiled {
    let currency = currency.to_owned();
    aside(nice, move || {
        let (set, warnings) = compile_here(sources)?;
        match smoke(&set, &currency) {
            Ok(()) => {
                let warnings = warnings.into_iter().chain(lint(&set)).collect();
                Ok((set, warnings))
            }
            Err(failures) => Err(warnings.into_iter().chain(failures).collect()),
        }
    })
}

fn compile_here(sources: Sources) -> Compiled {
    let mut findings = Findings::default();
    findings.extend(source::too_large_together(sources.files().values()));
    findings.extend(source::too_many(sources.files().len()));
    compile_by(sources, findings, false)
}

fn compile_by(sources: Sources, mut findings: Findings, are_watched: bool) -> Compiled {
    findings.extend(check_paths(&sources));
    let vocabulary = match sources.get(facts_toml::PATH).map(facts_toml::parse) {
        None => Vocabulary::default(),
        Some(Ok(vocabulary)) => vocabulary,
        Some(Err(problems)) => {
            // Without its words every script would be full of errors that are not its own.
            findings.extend(problems);
            return Err(findings.sorted());
        }
    };
    let (tables, wrong) = table::read_all(&sources, &vocabulary);
    findings.extend(wrong);
    let catalogue = Catalogue::new(&vocabulary);
    let parser = Parser::new();
    let mut libs = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.starts_with(LIB)) {
        let unit = Unit::parse(&parser, path, text, &BTreeMap::new(), &mut findings);
        libs.extend(unit.map(|unit| (path.to_owned(), Rc::new(unit))));
    }
    let mut scripts = BTreeMap::new();
    for kind in ScriptKind::ALL {
        for (path, text) in sources.iter() {
            let Some(name) = script_name(path, kind) else { continue };
            let Some(unit) = Unit::parse(&parser, path, text, &libs, &mut findings) else { continue };
            let mut context =
                Context::new(kind, Rc::new(unit), &catalogue, &vocabulary, &tables, &mut findings);
            context.branches = are_watched.then(Vec::new);
            if let Some(script) = context.script(name) {
                scripts.insert((kind.folder(), name.to_owned()), Arc::new(script));
            }
        }
    }
    for unit in libs.values() {
        Context::new(ScriptKind::LeadScoring, unit.clone(), &catalogue, &vocabulary, &tables, &mut findings)
            .library();
    }
    if findings.has_unknown() && sources.get(facts_toml::PATH).is_none() {
        let message = "there is no facts.toml, so no attributes, activities or roles are declared";
        let finding =
            Diagnostic::of_file("", Code::BadFactsToml, message).with_help("it stands beside lead_scoring/");
        findings.push(Diagnostic { severity: Severity::Warning, ..finding });
    }
    match findings.has_errors() {
        true => Err(findings.sorted()),
        false => Ok((RuleSet::new(sources, vocabulary, catalogue, scripts), findings.sorted())),
    }
}

/// The name of a script of a kind, from its path.
fn script_name(path: &str, kind: ScriptKind) -> Option<&str> {
    path.strip_prefix(kind.folder())?.strip_prefix('/')?.strip_suffix(".rhai")
}

fn check_paths(sources: &Sources) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let is_other = |path: &str| path == facts_toml::PATH || table::table_name(path).is_some();
    let is_script = |path: &str| ScriptKind::ALL.iter().any(|kind| script_name(path, *kind).is_some());
    for (path, text) in sources.iter() {
        let script = is_script(path);
        if text.len() > source::most_bytes(path) {
            findings.push(source::too_large(path, text.len() as u64));
        } else if script && path.matches('/').count() > 1 {
            let message = "scripts stand directly in their folder";
            findings.push(Diagnostic::of_file(path, Code::Misplaced, message));
        } else if !script && !path.starts_with(LIB) && !is_other(path) {
            let message = "this file belongs to no folder that is used";
            let help = "scripts stand in lead_scoring/, segment_priority/ or canvas_lint/, shared functions in lib/, tables in tables/";
            findings.push(Diagnostic::of_file(path, Code::Misplaced, message).with_help(help));
        }
    }
    if !sources.iter().any(|(path, _)| is_script(path)) {
        let message = "there is no script";
        let deeper = sources.iter().find_map(|(path, _)| {
            let (folder, rest) = path.split_once('/')?;
            is_script(rest).then_some(folder)
        });
        let help = match deeper {
            Some(folder) => format!("there are some one folder deeper, in {folder}/: name that one"),
            None => "put one at lead_scoring/default.rhai".into(),
        };
        findings.push(Diagnostic::of_file("", Code::EmptySet, message).with_help(help));
    }
    findings
}

/// A finding at a place of a file.
fn at_position(
    unit: &Unit,
    at: Span,
    severity: Severity,
    code: Code,
    message: String,
    help: Help,
) -> Diagnostic {
    let (line, column) = unit.lines.place(at.start);
    let written = at.of(unit.lines.text());
    let fix = help.meant.filter(|(word, _)| written.trim_matches('"') == word).map(|(_, meant)| Fix {
        column: column as u32,
        length: written.chars().count() as u32,
        replacement: if written.starts_with('"') { format!("\"{meant}\"") } else { meant },
    });
    let finding = Diagnostic::at(&unit.path, &unit.text, line, column, code, message);
    Diagnostic { severity, help: help.text, fix, ..finding }
}
