//! What is doubtful about a canvas: gaps, contradictions, what is founded on nothing. Nothing of this makes a canvas invalid.

mod code;
mod graph;
mod items;
mod notes;
mod segments;
mod texts;

use std::collections::BTreeMap;

pub use code::{Code, Severity};
use graph::Graph;
pub use items::{Item, NoteFacts};

use super::Canvas;
use super::edit::Edit;
use crate::domain::name::Id;
use crate::domain::segment::LeadTally;
use crate::domain::time::Time;

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// What it is about, such as `notes["routes"]`; empty for the whole canvas.
    pub path: String,
    /// What the text names, in the order of its places.
    pub names: Vec<String>,
    /// Edits that would mend it; none where people must decide.
    pub fix: Vec<Edit>,
}

impl Diagnostic {
    /// A finding of a script of one's own, by its name and with what it says.
    pub fn own(name: &str, severity: Severity, path: &str, text: &str) -> Self {
        let names = vec![text.to_owned(), name.to_owned()];
        Self { code: Code::Own, severity, path: path.to_owned(), names, fix: Vec::new() }
    }

    /// A script of one's own fails, by its name and why.
    pub fn script_fails(script: &str, why: &str) -> Self {
        let names = vec![script.to_owned(), why.to_owned()];
        let (code, severity) = (Code::OwnScriptFails, Severity::Warning);
        Self { code, severity, path: String::new(), names, fix: Vec::new() }
    }

    /// The word for programs: one of ours, or the name that a script gave.
    pub fn name(&self) -> &str {
        match (self.code, self.names.get(1)) {
            (Code::Own, Some(name)) => name,
            (code, _) => code.as_str(),
        }
    }

    /// What is wrong, in one of the five languages; in English for any other. What scripts say is said as it is written.
    pub fn text(&self, language: &str) -> String {
        match (self.code, self.names.first()) {
            (Code::Own, Some(text)) => text.clone(),
            (code, _) => texts::text(code, language, &self.names),
        }
    }
}

/// What is known of a segment beside its canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// The stored leads that were last scored for it.
    pub leads: LeadTally,
    /// Its place by priority, from 1.
    pub rank: Option<u32>,
}

/// Collects findings, each with the severity that it has for a business of this maturity.
struct Findings<'a> {
    graph: Graph<'a>,
    found: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn note(&mut self, code: Code, path: String, names: &[&str], fix: Vec<Edit>) {
        let Some(severity) = code.severity(self.graph.canvas.content.maturity) else { return };
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.found.push(Diagnostic { code, severity, path, names, fix });
    }
}

impl Canvas {
    /// All findings of a time, the gravest first, then in the order of the canvas. What leads say is judged for the segments
    /// of which something is known.
    pub fn lint(&self, now: Time, live: &BTreeMap<Id, Live>) -> Vec<Diagnostic> {
        let mut findings = Findings { graph: Graph::of(self), found: Vec::new() };
        notes::check(&mut findings, now);
        segments::check(&mut findings, now);
        segments::check_live(&mut findings, live);
        findings.found.sort_by_key(|found| std::cmp::Reverse(found.severity));
        findings.found
    }
}

/// The findings of `after` that `before` has not, and those of `before` that `after` has no more. One that only names its items
/// by another text is the same, unless several of its kind may stand at one path.
pub fn gained_and_lost<'a>(
    before: &'a [Diagnostic],
    after: &'a [Diagnostic],
) -> (Vec<&'a Diagnostic>, Vec<&'a Diagnostic>) {
    let (mut lost, mut gained): (Vec<_>, Vec<_>) = (before.iter().collect(), after.iter().collect());
    let alike: [fn(&Diagnostic, &Diagnostic) -> bool; 2] = [
        |a, b| (a.name(), &a.path, &a.names) == (b.name(), &b.path, &b.names),
        |a, b| {
            let once = a.code.is_found_once_at_a_path() && !a.path.is_empty();
            once && (a.name(), &a.path) == (b.name(), &b.path)
        },
    ];
    for same in alike {
        gained.retain(|new| match lost.iter().position(|old| same(old, new)) {
            Some(at) => {
                lost.remove(at);
                false
            }
            None => true,
        });
    }
    (gained, lost)
}

#[cfg(test)]
mod tests;
