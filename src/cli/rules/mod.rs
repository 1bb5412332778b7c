//! `assay rules`: for whoever edits rules, from a folder to what is in force and back.

mod activate;
mod diff;
mod explain;
mod facts;
mod fmt;
mod log;
mod production;
mod test;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Done;
use super::impact::ImpactVerb;
use super::table::counted;
use crate::cli::output::outln;
use crate::config::currency;
use crate::grpc::pb;
use crate::priority::Nice;
use crate::rules::diagnostics::{Diagnostic, Fix};
use crate::rules::source::{Sources, without_mark};
use crate::rules::{Compiled, MAX_STEPS, compile_and_test, compile_and_try, lint};

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  assay rules check scripts
  assay rules test scripts --coverage
  assay rules impact new-rules --capacity 200
  assay rules diff new-rules
  assay rules publish new-rules --activate --reason \"employees count less\"
  assay rules rollback --reason \"too many C leads\"
  assay rules facts scripts")]
pub enum Rules {
    /// Check a folder of rules: everything that is wrong, with its place; exit code 1 if anything is
    Check(Check),
    /// Tell what a finding's code means, with an example
    Explain(explain::Explain),
    /// Write scripts in one way: indentation, spaces and blank lines
    Fmt(fmt::Fmt),
    /// Run the tests beside scripts: what they are to make of made-up leads
    Test(test::Test),
    /// Tell what rules would do before they are in force: which leads move, and why
    Impact(Box<ImpactVerb>),
    /// Tell which rules foretell outcomes better: those in force, or others; exit code 1 if the others are worse
    Backtest(Box<ImpactVerb>),
    /// Check, test and compare a folder at every save
    Watch(Box<watch::Watch>),
    /// Tell what differs between two sets, rule by rule
    Diff(diff::Diff),
    /// Keep a set in the store, and put it in force on all replicas
    Publish(activate::Publish),
    /// Put a kept set in force on all replicas
    Activate(activate::Activate),
    /// Put the set in force again that was active before
    Rollback(activate::Rollback),
    /// Let in what the guard holds back
    Accept(activate::Accept),
    /// Score by other rules beside those in force, and tell what would differ
    Shadow(production::ShadowVerb),
    /// Tell what each rule did to the leads that were scored
    Counts(production::Counts),
    /// Tell what a replica has loaded, and what is wrong with the newest change
    Status(log::Status),
    /// List the sets that were loaded or published
    List(log::List),
    /// List what was done to the rules, by whom and why
    Log(log::Log),
    /// List every word that rules may use, with types and meanings
    Facts(facts::Facts),
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

impl Rules {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            Rules::Check(check) => check.run(),
            Rules::Explain(explain) => explain.run(),
            Rules::Fmt(fmt) => fmt.run(),
            Rules::Test(test) => test.run(),
            Rules::Impact(impact) => impact.run().await,
            Rules::Backtest(impact) => impact.backtest().await,
            Rules::Watch(watch) => watch.run().await,
            Rules::Diff(diff) => diff.run().await,
            Rules::Publish(publish) => publish.run().await,
            Rules::Activate(activate) => activate.run().await,
            Rules::Rollback(rollback) => rollback.run().await,
            Rules::Accept(accept) => accept.run().await,
            Rules::Shadow(shadow) => shadow.run().await,
            Rules::Counts(counts) => counts.run().await,
            Rules::Status(status) => status.run().await,
            Rules::List(list) => list.run().await,
            Rules::Log(log) => log.run().await,
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

/// Reads a folder of rules that need not be good.
fn read_folder(folder: &Path) -> anyhow::Result<Sources> {
    Sources::read(folder).map_err(|problems| first_problem(folder, problems))
}

fn first_problem(folder: &Path, problems: Vec<Diagnostic>) -> anyhow::Error {
    let first = problems.into_iter().next().map(|problem| problem.message).unwrap_or_default();
    anyhow::anyhow!("{} can't be read: {first}", folder.display())
}

/// The files of a folder, with the tests beside the scripts, as a request carries them.
fn files_of(sources: &Sources) -> Vec<pb::RuleFile> {
    sources.with_tests().into_iter().map(|(path, content)| pb::RuleFile { path, content }).collect()
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
                let unused = lint::unused_facts(set);
                let names: Vec<&str> =
                    unused.iter().filter_map(|finding| finding.message.split('"').nth(1)).collect();
                if let Some(first) = unused.first() {
                    let (names, code) = (names.join(", "), first.code.as_str());
                    outln!("{root}/{}: no rule asks for {names} [{code}]", first.file);
                }
                for (path, steps) in lint::cost(set, &self.currency) {
                    outln!(
                        "{root}/{path}: about {steps} of {MAX_STEPS} steps for a lead of which everything is known"
                    );
                }
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
