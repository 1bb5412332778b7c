//! `assay profile derive`: what sets won accounts apart, out of a file alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use super::accounts::{OutcomeColumn, Reading, Source, column_of};
use super::{html, report};
use crate::app::derive_profile::{self, Accounts, Collector, Derived, Learning, script};
use crate::app::{Clock as _, SystemClock};
use crate::cli::Done;
use crate::cli::infer::Inferred;
use crate::cli::output::{out, outln, spinner};
use crate::cli::rows::FileArg;
use crate::cli::score::moment;
use crate::cli::table::counted;
use crate::config::currency;
use crate::domain::canonical::same_word;
use crate::domain::check::Checker;
use crate::domain::profile::{Profile, ProfileContent};
use crate::domain::scorecard::learn::{MOST_SCALE, MOST_TO_DOUBLE, Wanted};
use crate::domain::text::suggestion;
use crate::domain::time::Time;
use crate::domain::version::Version;
use crate::grpc::{convert, dynamic};
use crate::priority::Nice;
use crate::rules::set::RuleSet;
use crate::rules::source::{Sources, facts_toml};
use crate::rules::testing;
use crate::rules::{ScriptKind, compile_and_try};

#[derive(Args)]
#[command(after_help = "\
It writes a folder with rules and a profile that a person reads and edits: scripts/facts.toml, scripts/lead_scoring/default.rhai,
profile.json, and report.html with the evidence. `assay score` runs it at once. Columns that may know the answer, because they are
filled in after the contact, are held back and named; --trust takes them in. What has no effect gets no points.

Examples:
  assay profile derive leads.csv --outcome Converted
  assay profile derive deals.xlsx --outcome Stage --won \"Closed won\" --out my-icp
  assay profile derive leads.csv --ignore Tags,\"Lead Quality\" --trust Rating
  assay profile derive leads.csv --scripts scripts --format json")]
pub struct Derive {
    /// The file: delimited text with a header line, JSON Lines, Parquet, or a spreadsheet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The column that tells whether an account was won [default: one that is known to]
    #[arg(long, value_name = "COLUMN")]
    outcome: Option<String>,
    /// Cells of it that mean won; all others that are filled mean lost [default: won, yes, true, 1]
    #[arg(long, value_delimiter = ',', value_name = "WORD,…")]
    won: Vec<String>,
    /// Columns that are left out
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    ignore: Vec<String>,
    /// Columns that don't know the answer, whatever they look like
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    trust: Vec<String>,
    /// A folder whose facts.toml says what the columns are [default: what they look like]
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// The folder to make [default: FILE without its ending, with -icp]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace what a former run wrote there
    #[arg(long)]
    force: bool,
    /// The points of an account that has the best of everything
    #[arg(long, default_value_t = 100, value_name = "N")]
    points: i64,
    /// How many points double the odds of being won, 1 to 50, instead of a scale up to --points
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=MOST_TO_DOUBLE), conflicts_with = "points", value_name = "N")]
    pdo: Option<i64>,
    /// Over how many folds it is measured; 0 for not at all
    #[arg(long, default_value_t = 5, value_name = "N")]
    folds: usize,
    /// What the folds are drawn by
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The time that days are counted to, such as 2026-06-01 [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// The currency of plain amounts [default: the file's, else EUR]
    #[arg(long, value_parser = currency, value_name = "ISO4217")]
    currency: Option<String>,
    #[command(flatten)]
    input: FileArg,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// A script that says nothing, to read a file by.
const NOTHING: &str = "axis fit from 0 to 1;\naxis engagement from 0 to 1;\ngrade \"D\" otherwise;\n";
const SCORING: &str = "lead_scoring/default.rhai";
const CASES: &str = "lead_scoring/default.test.toml";
const EUR: &str = "EUR";

/// Everything that was learnt, with what it was learnt from.
pub struct Lesson {
    pub shown: String,
    facts: String,
    currency: String,
    as_of: Time,
    pub accounts: Accounts,
    pub derived: Derived,
    /// Rows without an outcome, and rows that can't be read.
    pub undecided: usize,
    pub unread: usize,
}

impl Derive {
    pub fn run(self) -> anyhow::Result<Done> {
        if !(5..=MOST_SCALE).contains(&self.points) {
            bail!("--points must be 5 to {MOST_SCALE}");
        }
        if self.folds == 1 || self.folds > 100 {
            bail!("--folds must be 2 to 100, or 0 for not at all");
        }
        let folder = self.out.clone().unwrap_or_else(|| {
            let stem = self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            PathBuf::from(format!("{stem}-icp"))
        });
        let taken = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken && !self.force {
            bail!(
                "{} is not empty: name another folder with --out, or replace it with --force",
                folder.display()
            );
        }
        let lesson = self.learn()?;
        let Some(text) = script(&lesson.accounts, &lesson.derived, &lesson.shown) else {
            self.print(&lesson, None)?;
            return Ok(Done::No);
        };
        let mut sources = BTreeMap::from([(facts_toml::PATH.to_owned(), lesson.facts.clone())]);
        sources.insert(SCORING.to_owned(), text.clone());
        let rules = compiled(sources, &lesson.currency)?;
        let profile = derive_profile::profile(&lesson.accounts, &lesson.derived, &lesson.shown, lesson.as_of);
        self.prove(&lesson, &rules, &profile)?;
        let is_person = rules.vocabulary.import.person;
        let cases =
            derive_profile::cases(&lesson.accounts, &lesson.derived, &lesson.shown, lesson.as_of, is_person);
        let cases = cases.filter(|cases| passes(cases, &rules, &lesson.currency));

        write(&folder.join("scripts").join(facts_toml::PATH), &lesson.facts)?;
        write(&folder.join("scripts").join(SCORING), &text)?;
        if let Some(cases) = cases {
            write(&folder.join("scripts").join(CASES), &cases)?;
        }
        write(&folder.join("profile.json"), &json(&profile)?)?;
        write(&folder.join("report.html"), &html::page(&lesson.accounts, &lesson.derived, &lesson.shown))?;
        self.print(&lesson, Some(&folder))?;
        Ok(Done::Well)
    }

    fn print(&self, lesson: &Lesson, folder: Option<&Path>) -> anyhow::Result<()> {
        if self.format == Format::Json {
            let report = derive_profile::report::json(&lesson.accounts, &lesson.derived);
            outln!("{}", serde_json::to_string_pretty(&report)?);
            return Ok(());
        }
        out!("{}", report::text(lesson));
        let Some(folder) = folder else {
            outln!(
                "Nothing was written: no column has an effect that is not chance, so any points would be made up."
            );
            return Ok(());
        };
        let (shown, file) = (folder.display(), self.file.display());
        outln!(
            "\n{shown} is made: read {shown}/scripts/{SCORING} and correct it; {shown}/report.html has the evidence."
        );
        let currency =
            if lesson.currency == EUR { String::new() } else { format!(" --currency {}", lesson.currency) };
        outln!(
            "  assay score {file} --scripts {shown}/scripts --profile-file {shown}/profile.json{currency} --out scored.csv"
        );
        outln!(
            "  assay explain {file} --row 1 --scripts {shown}/scripts --profile-file {shown}/profile.json{currency}"
        );
        Ok(())
    }

    /// Reads the file and learns from it.
    fn learn(&self) -> anyhow::Result<Lesson> {
        let progress = spinner();
        progress.set_message("looking at the columns");
        let as_of = self.as_of.as_deref().map(moment).transpose().context("--as-of")?;
        let as_of = as_of.unwrap_or_else(|| SystemClock.now());
        let shown = self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (facts, found_currency) = match &self.scripts {
            Some(folder) => {
                let path = folder.join(facts_toml::PATH);
                (std::fs::read_to_string(&path).with_context(|| path.display().to_string())?, None)
            }
            None => {
                let inferred = Inferred::of(&self.file, &self.input)?
                    .for_learning(self.outcome.as_deref(), &self.won)?;
                let text = format!(
                    "# Made of the columns of {shown} by `assay profile derive`: read it, correct it, and learn anew with --scripts.\n\n{}",
                    inferred.text()
                );
                (text, inferred.currency())
            }
        };
        let currency = self.currency.clone().unwrap_or_else(|| found_currency.unwrap_or(EUR).to_owned());
        let sources =
            [(facts_toml::PATH.to_owned(), facts.clone()), (SCORING.to_owned(), NOTHING.to_owned())];
        let rules = compiled(sources.into(), &currency)?;
        let (accounts, reading) = self.gather(&self.source(&currency, as_of), &rules, &progress)?;
        let rows = accounts.sample.rows();
        if rows == 0 {
            bail!(
                "no row of {shown} tells an outcome: name the column with --outcome, and what means won with --won, such as --won \"Closed won\""
            );
        }
        let (won, lost) = (accounts.sample.count_won(), rows - accounts.sample.count_won());
        if won == 0 || lost == 0 {
            bail!(
                "of {} with an outcome, {won} are won and {lost} are lost: it takes both to see what sets them apart; \
                 --won says which words mean won",
                counted(rows, "row")
            );
        }

        progress.set_message("learning");
        let learning = Learning {
            trusted: self.places(&accounts, &self.trust, "--trust")?,
            folds: self.folds,
            seed: self.seed,
            wanted: Wanted { scale: self.points, to_double_odds: self.pdo },
        };
        let mut turn = 0;
        let derived = derive_profile::derive(&accounts, &learning, || {
            turn += 1;
            progress.set_message(format!("measuring: {turn} of {} folds", self.folds));
            true
        });
        progress.finish_and_clear();
        let Reading { undecided, unread } = reading;
        Ok(Lesson { shown, facts, currency, as_of, accounts, derived, undecided, unread })
    }

    /// Gathers the accounts of the file that tell an outcome.
    fn gather(
        &self,
        source: &Source,
        rules: &RuleSet,
        progress: &ProgressBar,
    ) -> anyhow::Result<(Accounts, Reading)> {
        let mut file = source.open(rules)?;
        let ignored = file.columns(&self.ignore).context("--ignore")?;
        let ignored: Vec<&str> = ignored.iter().map(|place| file.header[*place].trim()).collect();
        let named = rules.observed().into_iter().map(|fact| {
            let name = column_of(&rules.vocabulary, &fact.fact).unwrap_or_else(|| fact.fact.clone());
            (fact, name)
        });
        let named = named.filter(|(_, name)| !ignored.iter().any(|ignored| same_word(ignored, name)));
        let mut collector = Collector::of(named.collect());
        let reading = source.each(&mut file, rules, |number, facts, won| {
            if number % 10_000 == 0 {
                progress.set_message(format!("{number} rows read"));
            }
            collector.see(facts, won);
            Ok(true)
        })?;
        file.tell();
        Ok((collector.finish(), reading))
    }

    /// The places of named columns among the questions.
    fn places(&self, accounts: &Accounts, names: &[String], flag: &str) -> anyhow::Result<Vec<usize>> {
        let mut places = Vec::new();
        for name in names {
            let found =
                accounts.questions.iter().enumerate().filter(|(_, question)| {
                    same_word(&question.name, name) || same_word(&question.fact, name)
                });
            let before = places.len();
            places.extend(found.map(|(place, _)| place));
            if places.len() == before {
                let names = accounts.questions.iter().map(|question| question.name.as_str());
                bail!(
                    "{flag}: no column that can be learnt from is called \"{name}\"; {}",
                    suggestion(name, names)
                );
            }
        }
        Ok(places)
    }

    /// Runs the script that was written over the accounts: it has to give what was learnt, point by point.
    fn prove(&self, lesson: &Lesson, rules: &RuleSet, profile: &ProfileContent) -> anyhow::Result<()> {
        let mut c = Checker::at("profile");
        rules.check_profile(&mut c, profile);
        c.finish(()).context("the profile that was written is wrong, which should not happen")?;
        let Some(card) = &lesson.derived.card else { return Ok(()) };
        let script = rules.script(ScriptKind::LeadScoring, "default")?;
        let totals = card.totals(&lesson.accounts.sample);
        let mut expected = totals.iter().take(MOST_PROVEN);
        let source = self.source(&lesson.currency, lesson.as_of);
        source.each(&mut source.open(rules)?, rules, |number, facts, _| {
            let Some(expected) = expected.next() else { return Ok(false) };
            let total = rules.assess(script, *facts)?.total.0;
            if total != expected * 100 {
                bail!(
                    "row {number}: the script gives {} points, and {expected} were learnt, which should not happen",
                    total / 100
                );
            }
            Ok(true)
        })?;
        Ok(())
    }

    fn source<'a>(&'a self, currency: &'a str, as_of: Time) -> Source<'a> {
        // What is inferred says itself what the outcome is.
        let says = self.scripts.is_some() && (self.outcome.is_some() || !self.won.is_empty());
        let outcome = says.then_some(OutcomeColumn { name: self.outcome.as_deref(), won: &self.won });
        Source { file: &self.file, input: &self.input, currency, as_of, outcome }
    }
}

/// Whether all cases pass: one that does not says something of the case, since the accounts have proved the rules.
fn passes(cases: &str, rules: &RuleSet, currency: &str) -> bool {
    let reading = testing::Reading { vocabulary: &rules.vocabulary, currency };
    let report =
        testing::read("default", cases, reading).ok().and_then(|suite| suite.run(rules, currency, "").ok());
    let passed = report.is_some_and(|report| report.cases.iter().all(|case| case.differences.is_empty()));
    if !passed {
        eprintln!("no tests were written, since one of them would fail: please report this with the file");
    }
    passed
}

/// So many accounts prove that the script says what was learnt.
const MOST_PROVEN: usize = 20_000;

fn compiled(files: BTreeMap<String, String>, currency: &str) -> anyhow::Result<RuleSet> {
    let sources = Sources::new(files);
    match compile_and_try(sources.clone(), currency, Nice::Back) {
        Ok((rules, _)) => Ok(rules),
        Err(findings) => {
            let first = findings.iter().find(|finding| finding.is_error()).or(findings.first());
            let told = first.map(|finding| finding.render("", &sources)).unwrap_or_default();
            bail!("the rules that were made of the columns can't be loaded: {told}")
        }
    }
}

fn json(profile: &ProfileContent) -> anyhow::Result<String> {
    let name = "profiles/derived".parse().map_err(|error| anyhow::anyhow!("{error}"))?;
    let stored = Profile { name, version: Version::default(), content: profile.clone() };
    let message =
        dynamic::of(&convert::profile::outward(&stored), "Profile").context("there is no such message")?;
    let mut json = dynamic::to_json(&message);
    if let Some(fields) = json.as_object_mut() {
        for field in ["revision", "etag", "create_time", "update_time", "change"] {
            fields.remove(field);
        }
    }
    Ok(format!("{json:#}\n"))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    written.with_context(|| format!("{} can't be written", path.display()))
}
