//! Tests beside scripts: `lead_scoring/default.test.toml` says what `lead_scoring/default.rhai` is to make of made-up leads.

mod facts;
mod profile;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::check::Checker;
use crate::domain::lead::{Activity, Contact, LeadContent};
use crate::domain::profile::ProfileContent;
use crate::domain::score::{Assessment, Points, Position};
use crate::domain::text::suggestion;
use crate::domain::time::Time;
use crate::domain::vocabulary::Vocabulary;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::evaluate::facts::LeadFacts;
use crate::rules::language::ScriptKind;
use crate::rules::program::{BranchKind, BranchSeen, Entry, Script};
use crate::rules::set::RuleSet;
use profile::ProfileSection;

pub use crate::rules::source::TESTS as ENDING;
pub use facts::set_fact;

/// The most cases that the tests of a set may have together: they are run before it comes into force.
const MAX_CASES: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: Option<toml::Value>,
    #[serde(default)]
    subject: SubjectKind,
    #[serde(default)]
    profile: ProfileSection,
    #[serde(default, rename = "case")]
    cases: Vec<Spanned<CaseSection>>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum SubjectKind {
    #[default]
    Company,
    Person,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseSection {
    name: String,
    as_of: Option<toml::Value>,
    subject: Option<SubjectKind>,
    #[serde(default)]
    facts: toml::Table,
    contacts: Option<Vec<ContactSection>>,
    #[serde(default)]
    activities: Vec<ActivitySection>,
    #[serde(default)]
    expect: ExpectSection,
    /// A table: each line is a case of its own, with its facts beside those above.
    #[serde(default)]
    each: Vec<EachSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EachSection {
    #[serde(default)]
    facts: toml::Table,
    #[serde(default)]
    expect: ExpectSection,
}

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
struct ContactSection {
    name: String,
    title: String,
    department: String,
    seniority: String,
    role: String,
    inbound: i32,
    outbound: i32,
    last_engaged: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivitySection {
    #[serde(rename = "type")]
    kind: String,
    time: toml::Value,
    amount: Option<f64>,
}

/// What a case expects; what is left out may be anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectSection {
    grade: Option<String>,
    status: Option<String>,
    total: Option<PointsSection>,
    fit: Option<PointsSection>,
    engagement: Option<PointsSection>,
    /// Rules that have to fire, that must not, and facts that have to be unknown.
    fired: Vec<String>,
    not_fired: Vec<String>,
    unknown: Vec<String>,
    /// A part of the message with which scoring is to fail.
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "points such as 42.5, or { at_least = 40, at_most = 60 }")]
enum PointsSection {
    Just(f64),
    Range { at_least: Option<f64>, at_most: Option<f64> },
}

/// A case to run.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    /// Where it stands, from 1.
    pub line: usize,
    lead: LeadContent,
    activities: Vec<Activity>,
    as_of: Time,
    expect: ExpectSection,
}

/// The tests of a script.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The script's name.
    pub script: String,
    pub profile: ProfileContent,
    pub cases: Vec<Case>,
}

/// Something that is wrong with a file of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    pub message: String,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub name: String,
    pub line: usize,
    /// What is not as it was expected; nothing if all is.
    pub differences: Vec<String>,
}

/// How often a rule fired, was unknown, and did neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Covered {
    pub fired: usize,
    pub unknown: usize,
    pub silent: usize,
}

/// What a suite came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub cases: Vec<Ran>,
    /// By the script's rules, in their order; verdicts by their statement too, as in `cap_grade B`.
    pub coverage: Vec<(String, Covered)>,
    /// Sides of `and` and `or`, and ways of `if` and `switch`, by place; none unless the rules were compiled for it.
    pub branches: Vec<CoveredBranch>,
}

/// A part of a script, and what it came to: a side held, was unknown or did not hold; a way was gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredBranch {
    pub kind: BranchKind,
    pub position: Position,
    pub written: Arc<str>,
    pub of: Covered,
}

impl CoveredBranch {
    /// What no case has shown of it; `None` if nothing is left.
    pub fn missing(&self) -> Option<&'static str> {
        let Covered { fired, unknown, silent } = self.of;
        match self.kind {
            BranchKind::Way if fired + unknown > 0 => None,
            BranchKind::Way => Some("is never gone"),
            BranchKind::Side if fired + unknown + silent == 0 => Some("is never looked at"),
            BranchKind::Side if fired == 0 => Some("never holds"),
            BranchKind::Side if silent == 0 => Some("never fails"),
            BranchKind::Side => None,
        }
    }
}

/// By what the cases of a file are read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub vocabulary: &'a Vocabulary,
    pub currency: &'a str,
}

/// Reads the tests of a script; all problems at once.
pub fn read(script: &str, text: &str, reading: Reading) -> Result<Suite, Vec<Problem>> {
    let line_of = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        vec![Problem { line, message: error.message().to_owned() }]
    })?;
    let mut problems = Vec::new();
    let profile = file.profile.content(script).unwrap_or_else(|message| {
        problems.push(Problem { line: 1, message: format!("profile: {message}") });
        ProfileContent::default()
    });
    let usual = file.as_of.as_ref().map(facts::day).transpose().unwrap_or_else(|message| {
        problems.push(Problem { line: 1, message: format!("as_of {message}") });
        None
    });
    let mut cases = Vec::new();
    for section in file.cases {
        let line = line_of(section.span().start);
        match expanded(section.into_inner(), line, (usual, file.subject), reading) {
            Ok(mut read) => cases.append(&mut read),
            Err(messages) => problems.extend(messages.into_iter().map(|message| Problem { line, message })),
        }
    }
    if cases.is_empty() && problems.is_empty() {
        problems.push(Problem { line: 1, message: "there is no [[case]]".into() });
    }
    if problems.is_empty() { Ok(Suite { script: script.to_owned(), profile, cases }) } else { Err(problems) }
}

/// A case, or one for each line of its table.
fn expanded(
    section: CaseSection,
    line: usize,
    (usual, kind): (Option<Time>, SubjectKind),
    reading: Reading,
) -> Result<Vec<Case>, Vec<String>> {
    let CaseSection { name, as_of, subject, facts, contacts, activities, expect, each } = section;
    let of_case = |message: String| format!("case \"{name}\": {message}");
    let as_of = match as_of.as_ref().map(facts::day).transpose() {
        Ok(own) => own.or(usual),
        Err(message) => return Err(vec![of_case(format!("as_of {message}"))]),
    };
    let Some(as_of) = as_of else {
        let told =
            "needs an as_of, such as as_of = \"2026-06-01\", of its own or at the beginning of the file";
        return Err(vec![of_case(told.into())]);
    };
    let is_person = subject.unwrap_or(kind) == SubjectKind::Person;
    let lines = match each.is_empty() {
        true => vec![(name.clone(), toml::Table::new(), expect)],
        false => each
            .into_iter()
            .enumerate()
            .map(|(at, line)| (format!("{name} [{}]", at + 1), line.facts, merged(&expect, line.expect)))
            .collect(),
    };
    let mut cases = Vec::new();
    let mut wrong = Vec::new();
    for (name, own, expect) in lines {
        let mut all = facts.clone();
        all.extend(own);
        let read = || -> Result<Case, Vec<String>> {
            let mut lead = facts::lead(&all, is_person, reading.currency, reading.vocabulary)?;
            lead.contacts =
                contacts.as_ref().map(|list| contacts_of(list)).transpose().map_err(|told| vec![told])?;
            let activities = activities_of(&activities).map_err(|told| vec![told])?;
            let mut c = Checker::at("");
            lead.check(&mut c, reading.vocabulary);
            c.each("activities", &activities, |c, activity| activity.check(c, reading.vocabulary, Time::MAX));
            let (lead, activities) = c
                .finish((lead, activities))
                .map_err(|invalid| invalid.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
            Ok(Case { name: name.clone(), line, lead, activities, as_of, expect: expect.clone() })
        };
        match read() {
            Ok(case) => cases.push(case),
            Err(messages) => {
                wrong.extend(messages.into_iter().map(|told| format!("case \"{name}\": {told}")))
            }
        }
    }
    if wrong.is_empty() { Ok(cases) } else { Err(wrong) }
}

/// What a line expects, and what all lines expect where it says nothing.
fn merged(all: &ExpectSection, own: ExpectSection) -> ExpectSection {
    let list = |own: Vec<String>, all: &[String]| if own.is_empty() { all.to_vec() } else { own };
    ExpectSection {
        grade: own.grade.or_else(|| all.grade.clone()),
        status: own.status.or_else(|| all.status.clone()),
        total: own.total.or(all.total),
        fit: own.fit.or(all.fit),
        engagement: own.engagement.or(all.engagement),
        fired: list(own.fired, &all.fired),
        not_fired: list(own.not_fired, &all.not_fired),
        unknown: list(own.unknown, &all.unknown),
        error: own.error.or_else(|| all.error.clone()),
    }
}

fn contacts_of(sections: &[ContactSection]) -> Result<Vec<Contact>, String> {
    let contact = |(at, section): (usize, &ContactSection)| {
        let ContactSection { name, title, department, seniority, role, inbound, outbound, last_engaged } =
            section.clone();
        let last_engaged_time = last_engaged.as_ref().map(facts::day).transpose();
        Ok(Contact {
            id: format!("contact-{}", at + 1).parse().map_err(|error| format!("{error}"))?,
            display_name: name,
            title,
            department,
            seniority,
            decision_role: role,
            inbound,
            outbound,
            last_engaged_time: last_engaged_time.map_err(|told| format!("last_engaged {told}"))?,
            attributes: BTreeMap::new(),
        })
    };
    sections.iter().enumerate().map(contact).collect()
}

fn activities_of(sections: &[ActivitySection]) -> Result<Vec<Activity>, String> {
    let activity = |section: &ActivitySection| {
        let time = facts::day(&section.time).map_err(|told| format!("an activity's time {told}"))?;
        Ok(Activity {
            id: None,
            kind: section.kind.clone(),
            time,
            known_time: time,
            amount: section.amount.unwrap_or(1.0),
            contact: None,
            properties: BTreeMap::new(),
        })
    };
    sections.iter().map(activity).collect()
}

/// Runs all tests of a set: what fails, and what can't be read.
pub fn check(rules: &RuleSet, currency: &str) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut cases = 0;
    for (path, text) in rules.sources.tests() {
        let mut tell = |line: usize, message: String| {
            findings.push(Diagnostic::at(path, text, line, 1, Code::TestFailed, message));
        };
        let reading = Reading { vocabulary: &rules.vocabulary, currency };
        let suite = match read(script_of(path), text, reading) {
            Ok(suite) => suite,
            Err(problems) => {
                problems.into_iter().for_each(|problem| tell(problem.line, problem.message));
                continue;
            }
        };
        cases += suite.cases.len();
        if cases > MAX_CASES {
            tell(1, format!("there are more than {MAX_CASES} cases"));
            break;
        }
        match suite.run(rules, currency, "") {
            Ok(report) => {
                for case in report.cases.iter().filter(|case| !case.differences.is_empty()) {
                    tell(case.line, format!("case \"{}\": {}", case.name, case.differences.join("; ")));
                }
            }
            Err(message) => tell(1, message),
        }
    }
    findings
}

/// The name of the script that a file of tests is about.
pub fn script_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(ENDING).unwrap_or(name)
}

impl Suite {
    /// Runs all cases whose names have a part.
    pub fn run(&self, rules: &RuleSet, currency: &str, filter: &str) -> Result<Report, String> {
        let script =
            rules.script(ScriptKind::LeadScoring, &self.script).map_err(|missing| missing.to_string())?;
        let mut c = Checker::at("profile");
        rules.check_profile(&mut c, &self.profile);
        c.finish(()).map_err(|invalid| invalid.to_string())?;
        let entries = script.entries().into_iter().filter(|entry| entry.statement != "grade");
        let entries: Vec<Entry> = entries.collect();
        let mut covered = vec![Covered::default(); entries.len()];
        let chosen = self.cases.iter().filter(|case| case.name.contains(filter));
        let cases = chosen
            .map(|case| self.run_case(case, rules, script, currency, (&entries, &mut covered)))
            .collect();
        let label = |entry: Entry| match entry.statement {
            "rule" => entry.id.to_string(),
            statement => format!("{statement} {}", entry.id),
        };
        let coverage = entries.into_iter().map(label).zip(covered).collect();
        Ok(Report { cases, coverage, branches: covered_branches(script) })
    }

    fn run_case(
        &self,
        case: &Case,
        rules: &RuleSet,
        script: &Script,
        currency: &str,
        (entries, covered): (&[Entry], &mut [Covered]),
    ) -> Ran {
        let facts = LeadFacts {
            lead: &case.lead,
            activities: &case.activities,
            profile: &self.profile,
            created: None,
            as_of: case.as_of,
            currency,
            vocabulary: &rules.vocabulary,
        };
        let differences = match rules.assess(script, facts) {
            Ok(assessment) => {
                for (entry, covered) in entries.iter().zip(covered) {
                    let fired = assessment.contributions.iter().any(|found| found.rule == entry.id);
                    let unknown = assessment.unknowns.iter().any(|found| found.rule == entry.id);
                    covered.fired += usize::from(fired);
                    covered.unknown += usize::from(unknown && !fired);
                    covered.silent += usize::from(!fired && !unknown);
                }
                match &case.expect.error {
                    Some(expected) => vec![format!("it was to fail with \"{expected}\", and did not")],
                    None => case.expect.differences(&assessment, entries),
                }
            }
            Err(error) => match &case.expect.error {
                Some(expected) if error.to_string().contains(expected.as_str()) => Vec::new(),
                Some(expected) => {
                    vec![format!("it was to fail with \"{expected}\", and failed with: {error}")]
                }
                None => vec![format!("scoring failed: {error}")],
            },
        };
        Ran { name: case.name.clone(), line: case.line, differences }
    }
}

/// What was seen of a script's parts. A function stands in it once for each kind of arguments, and is told once.
fn covered_branches(script: &Script) -> Vec<CoveredBranch> {
    let mut by_place = BTreeMap::<(Arc<str>, u32, u32, usize, BranchKind), CoveredBranch>::new();
    for branch in &script.branches {
        let position = branch.position.clone();
        let place = (position.file.clone(), position.line, position.column, branch.length, branch.kind);
        let covered = by_place.entry(place).or_insert_with(|| CoveredBranch {
            kind: branch.kind,
            written: branch.written.clone(),
            of: Covered::default(),
            position,
        });
        covered.of.fired += branch.count(BranchSeen::Held);
        covered.of.unknown += branch.count(BranchSeen::Unknown);
        covered.of.silent += branch.count(BranchSeen::Failed);
    }
    by_place.into_values().collect()
}

impl ExpectSection {
    fn differences(&self, found: &Assessment, entries: &[Entry]) -> Vec<String> {
        let mut differences = Vec::new();
        let grade = found.grade.as_deref().unwrap_or("none");
        if let Some(expected) = self.grade.as_deref().filter(|expected| *expected != grade) {
            differences.push(format!("grade: expected {expected}, found {grade}"));
        }
        if let Some(expected) = self.status.as_deref().filter(|expected| *expected != found.status.as_str()) {
            differences.push(format!("status: expected {expected}, found {}", found.status.as_str()));
        }
        for (what, expected, points) in [
            ("total", self.total, found.total),
            ("fit", self.fit, found.fit),
            ("engagement", self.engagement, found.engagement),
        ] {
            differences.extend(expected.and_then(|expected| expected.difference(what, points)));
        }
        let has_fired = |rule: &str| found.contributions.iter().any(|entry| &*entry.rule == rule);
        for rule in &self.fired {
            if has_fired(rule) {
                continue;
            }
            let unknown: Vec<&str> = found
                .unknowns
                .iter()
                .filter(|entry| &*entry.rule == rule.as_str())
                .map(|entry| &*entry.fact)
                .collect();
            let known = || entries.iter().map(|entry| &*entry.id);
            differences.push(if !unknown.is_empty() {
                format!(
                    "\"{rule}\" was to fire, and could not be judged: {} is not known",
                    unknown.join(", ")
                )
            } else if known().any(|known| known == rule) {
                format!("\"{rule}\" was to fire, and did not")
            } else {
                format!(
                    "\"{rule}\" was to fire, and there is no such rule; {}",
                    suggestion(rule, known().collect::<Vec<_>>())
                )
            });
        }
        for rule in self.not_fired.iter().filter(|rule| has_fired(rule)) {
            let points: Points = found
                .contributions
                .iter()
                .filter(|entry| &*entry.rule == rule.as_str())
                .map(|entry| entry.points)
                .sum();
            differences.push(format!("\"{rule}\" was not to fire, and gave {points} points"));
        }
        for fact in &self.unknown {
            if !found.unknowns.iter().any(|entry| *entry.fact == **fact) {
                differences.push(format!("\"{fact}\" was to be unknown, and no rule missed it"));
            }
        }
        differences
    }
}

impl PointsSection {
    fn difference(self, what: &str, found: Points) -> Option<String> {
        let number = found.number();
        match self {
            PointsSection::Just(expected) if Points::from_number(expected) == Some(found) => None,
            PointsSection::Just(expected) => Some(format!("{what}: expected {expected}, found {found}")),
            PointsSection::Range { at_least, at_most } => {
                let is_low = at_least.is_some_and(|least| number < least);
                let is_high = at_most.is_some_and(|most| number > most);
                let bound = |bound: Option<f64>| bound.map_or("…".to_owned(), |bound| bound.to_string());
                (is_low || is_high).then(|| {
                    format!("{what}: expected {} to {}, found {found}", bound(at_least), bound(at_most))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
