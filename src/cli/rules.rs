use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Done;
use super::impact::ImpactVerb;
use super::rules_test;
use super::table::{Table, counted};
use crate::cli::output::{out, outln};
use crate::config::currency;
use crate::domain::vocabulary::{Term, Vocabulary};
use crate::priority::Nice;
use crate::rules::diagnostics::{Diagnostic, Fix};
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::Catalogue;
use crate::rules::language::functions::FUNCTIONS;
use crate::rules::language::items::ITEM_NAMES;
use crate::rules::language::members::{ICP_FIELDS, MEMBERS, Member, Of};
use crate::rules::language::types::Type;
use crate::rules::source::{Sources, without_mark};
use crate::rules::{Compiled, compile_and_test, compile_and_try};

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  assay rules check scripts
  assay rules test scripts --coverage
  assay rules impact new-rules --capacity 200
  assay rules facts scripts")]
pub enum Rules {
    /// Check a folder of rules: everything that is wrong, with its place; exit code 1 if anything is
    Check(Check),
    /// Run the tests beside scripts: what they are to make of made-up leads
    Test(rules_test::Test),
    /// Tell what rules would do before they are in force: which leads move, and why
    Impact(Box<ImpactVerb>),
    /// List every word that rules may use, with types and meanings
    Facts(Facts),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules check scripts
  assay rules check scripts --fix
  assay rules check /etc/assay/scripts --currency USD")]
pub struct Check {
    /// The folder with the rules
    #[arg(env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    folder: PathBuf,
    /// The deployment's currency, in which made-up examples are scored
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    currency: String,
    /// Write the names that were probably meant into the files, where a name is not known and another is near
    #[arg(long)]
    fix: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules facts
  assay rules facts /etc/assay/scripts")]
pub struct Facts {
    /// The folder with the rules, for what its facts.toml declares
    #[arg(env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    folder: PathBuf,
}

impl Rules {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            Rules::Check(check) => check.run(),
            Rules::Test(test) => test.run(),
            Rules::Impact(impact) => impact.run().await,
            Rules::Facts(facts) => facts.run(),
        }
    }
}

/// Reads a folder, compiles what is there and tries it on made-up examples.
pub fn examine(folder: &Path, currency: &str) -> (Sources, Compiled) {
    match Sources::read(folder) {
        Err(problems) => (Sources::default(), Err(problems)),
        Ok(sources) => (sources.clone(), compile_and_try(sources, currency, Nice::Back)),
    }
}

impl Check {
    fn run(self) -> anyhow::Result<Done> {
        let root = self.folder.display().to_string();
        if self.fix {
            let (sources, checked) = examine(&self.folder, &self.currency);
            let fixed = fix(&self.folder, &sources, checked.err().unwrap_or_default())?;
            fixed.iter().for_each(|fixed| outln!("{root}/{fixed}"));
            outln!("{root}: {} written", counted(fixed.len(), "name"));
        }
        let (sources, checked) = match Sources::read(&self.folder) {
            Err(problems) => (Sources::default(), Err(problems)),
            Ok(sources) => (sources.clone(), compile_and_test(sources, &self.currency, Nice::Back)),
        };
        let findings = checked.as_ref().map_or_else(|findings| findings, |(_, warnings)| warnings);
        for finding in findings {
            outln!("{}", finding.render(&root, &sources));
        }
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        let warnings = counted(findings.len() - errors, "warning");
        Ok(match &checked {
            Ok((set, _)) => {
                let rules: usize = set.scripts().map(|script| script.entries().len()).sum();
                let (rules, scripts) = (counted(rules, "rule"), counted(set.scripts().count(), "script"));
                outln!("{root}: good, {scripts} with {rules}, {warnings}, {}", set.name());
                Done::Well
            }
            Err(_) => {
                outln!("{root}: {}, {warnings}; nothing would be loaded", counted(errors, "error"));
                Done::No
            }
        })
    }
}

/// Writes what was probably meant into the files; tells what it wrote, from the end to the beginning.
fn fix(folder: &Path, sources: &Sources, findings: Vec<Diagnostic>) -> anyhow::Result<Vec<String>> {
    let mut fixed = Vec::new();
    for (path, text) in sources.iter() {
        let (whole, text) = (text, without_mark(text));
        let mark = &whole[..whole.len() - text.len()];
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        // What is found twice at a place is written once.
        let fixes: BTreeMap<(u32, u32), &Fix> = findings
            .iter()
            .filter(|finding| finding.file == path)
            .filter_map(|finding| Some(((finding.line, finding.fix.as_ref()?.column), finding.fix.as_ref()?)))
            .collect();
        // From the end of each line to its beginning, so that the places before stay where they are.
        for ((number, column), fix) in fixes.iter().rev() {
            let Some(line) = lines.get_mut((*number as usize).saturating_sub(1)) else { continue };
            let (start, length) = (column.saturating_sub(1) as usize, fix.length as usize);
            let part = |from: usize, count: usize| line.chars().skip(from).take(count).collect::<String>();
            let (before, there, after) =
                (part(0, start), part(start, length), part(start + length, usize::MAX));
            fixed.push(format!("{path}:{number}:{column}: {there} → {}", fix.replacement));
            *line = format!("{before}{}{after}", fix.replacement);
        }
        if !fixes.is_empty() {
            replace(&folder.join(path), &format!("{mark}{}", lines.join("\n")))?;
        }
    }
    Ok(fixed)
}

/// Puts another text into a file at once, so that a server that watches it never reads a part of it.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let wrong = || format!("{} can't be written", file.display());
    // Where the file is a link, what it leads to is replaced.
    let file = &file.canonicalize().with_context(wrong)?;
    // No script ends so, and a server does not look at it.
    let new = file.with_extension("rhai.new");
    std::fs::write(&new, text).with_context(wrong)?;
    std::fs::set_permissions(&new, std::fs::metadata(file).with_context(wrong)?.permissions())
        .with_context(wrong)?;
    std::fs::rename(&new, file).with_context(wrong)
}

impl Facts {
    fn run(self) -> anyhow::Result<Done> {
        let path = self.folder.join("facts.toml");
        let vocabulary = match Sources::read(&self.folder) {
            Ok(sources) if sources.get("facts.toml").is_none() => Vocabulary::default(),
            Ok(sources) => crate::rules::vocabulary(&sources).map_err(|findings| {
                let shown: String = findings.iter().map(|f| f.render("", &sources)).collect();
                anyhow::anyhow!("{} is broken:\n{shown}", path.display())
            })?,
            Err(problems) => {
                let first = problems.into_iter().next().map(|problem| problem.message);
                return Err(anyhow::anyhow!(first.unwrap_or_default())).context("the folder can't be read");
            }
        };
        out!("{}", reference(&vocabulary));
        Ok(Done::Well)
    }
}

/// The reference of every word that rules may use.
fn reference(vocabulary: &Vocabulary) -> String {
    let catalogue = Catalogue::new(vocabulary);
    let mut out = String::from("Facts of leads (lead_scoring/)\n\n");
    let facts = |kind: ScriptKind| {
        let mut table = Table::new(&["fact", "type", "of", "unit", "meaning"], &[]);
        for fact in catalogue.facts.iter().filter(|fact| fact.scope.kinds()[0] == kind) {
            let ty = type_label(&fact.ty);
            let cells = [
                fact.name.to_string(),
                ty,
                fact.scope.as_str().into(),
                fact.unit.clone(),
                fact.meaning.clone(),
            ];
            table.row(cells);
        }
        table.render()
    };
    out += &facts(ScriptKind::LeadScoring);
    out += "\nParts of facts\n\n";
    let mut table = Table::new(&["written", "type", "meaning"], &[]);
    let parts = |of: &[Of]| {
        MEMBERS.iter().filter(|member| of.contains(&member.of)).map(member_row).collect::<Vec<_>>()
    };
    for row in parts(&[Of::Activity, Of::Contacts, Of::Items]) {
        table.row(row);
    }
    for (field, _, meaning) in ICP_FIELDS {
        table.row([format!("icp.{field}"), "list".into(), format!("the profile's {meaning}")]);
    }
    let more = [
        ("total, fit, engagement", "number", "the points that were counted; in `grade` and `cap_grade` only"),
        ("word in list", "yes_no", "whether a word is in a list; turned round by not (word in list)"),
    ];
    for row in more.map(|row| <[&str; 3]>::from(row).map(String::from)).into_iter().chain(parts(&[
        Of::List,
        Of::Words,
        Of::Text,
    ])) {
        table.row(row);
    }
    out += &table.render();
    out += "\nNames in conditions on items\n\n";
    let mut table = Table::new(&["name", "of", "type", "meaning"], &[]);
    for part in &ITEM_NAMES {
        table.row([part.name, part.of.as_str(), part.ty, part.meaning].map(String::from));
    }
    let declared = vocabulary.properties.iter().map(|(kind, of)| (format!("activity(\"{kind}\")"), of));
    for (of, parts) in declared.chain([("contact".to_owned(), &vocabulary.contact_attributes)]) {
        for (name, part) in parts {
            let label = part.kind.label().to_owned();
            table.row([name.clone(), of.clone(), label, part.meaning.clone()]);
        }
    }
    out += &table.render();
    out += "\nFacts of segments (segment_priority/)\n\n";
    out += &facts(ScriptKind::SegmentPriority);
    out += "\nFacts of notes and segments (canvas_lint/), beside those of segments\n\n";
    out += &facts(ScriptKind::CanvasLint);
    out += "\nFunctions\n\n";
    let mut table = Table::new(&["written", "meaning"], &[]);
    for function in &FUNCTIONS {
        table.row([function.written, function.meaning].map(String::from));
    }
    out += &table.render();
    let words = [
        ("Activity types", &vocabulary.activities),
        ("Roles", &vocabulary.roles),
        ("Seniorities", &vocabulary.seniorities),
    ];
    for (title, terms) in words {
        out += &format!("\n{title}\n\n{}", terms_table(terms));
    }
    out += "\nReasons why leads leave their way\n\n";
    let mut table = Table::new(&["reason", "stages", "meaning"], &[]);
    for (code, reason) in &vocabulary.reasons {
        let stages: Vec<&str> = reason.stages.iter().map(|stage| stage.as_str()).collect();
        let stages = if stages.is_empty() { "any".to_owned() } else { stages.join(", ") };
        table.row([code.clone(), stages, reason.meaning.clone()]);
    }
    out += &table.render();
    out
}

fn member_row(member: &Member) -> [String; 3] {
    [member.written, member.ty, member.meaning].map(String::from)
}

fn terms_table(terms: &std::collections::BTreeMap<String, Term>) -> String {
    let mut table = Table::new(&["word", "unit", "meaning"], &[]);
    for (word, term) in terms {
        table.row([word.clone(), term.unit.clone(), term.meaning.clone()]);
    }
    table.render()
}

fn type_label(ty: &Type) -> String {
    match ty {
        Type::Number => "number".into(),
        Type::YesNo => "yes_no".into(),
        Type::Text => "text".into(),
        Type::Choice(choices) => choices.words.join(" | "),
        Type::Words => "list".into(),
        Type::Contacts => "contacts".into(),
        other => other.to_string(),
    }
}
