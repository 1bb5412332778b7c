//! `assay rules test`: what scripts are to make of made-up leads.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::examine;
use crate::cli::Done;
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, coloured, counted, plain};
use crate::config::currency;
use crate::rules::compile_watched;
use crate::rules::language::ScriptKind;
use crate::rules::set::RuleSet;
use crate::rules::testing::{self, Covered, CoveredBranch, ENDING, Reading, Report};

#[derive(Args)]
#[command(after_help = "\
Tests stand beside scripts: lead_scoring/default.test.toml has the cases of lead_scoring/default.rhai.

  as_of = \"2026-06-01\"
  [[case]]
  name = \"a warm one is an A\"
  facts = { employees = 120, country = \"DE\", urgency = \"now\" }
  contacts = [{ role = \"champion\", inbound = 2 }]
  activities = [{ type = \"demo_request\", time = \"2026-05-30\" }]
  expect = { grade = \"A\", total = { at_least = 50 }, fired = [\"size\"], not_fired = [\"budget\"] }

Exit code 1 if a case fails, or if there is none.

Examples:
  assay rules test scripts
  assay rules test scripts --filter warm --coverage
  assay rules test scripts --format junit > rules.xml")]
pub struct Test {
    /// The folder with the rules and their tests
    #[arg(env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    folder: PathBuf,
    /// Only cases whose names have this part
    #[arg(long, default_value = "", value_name = "TEXT")]
    filter: String,
    /// How the result looks
    #[arg(long, default_value = "text")]
    format: Format,
    /// Tell for each rule in how many cases it fired, was unknown, or neither; and which sides of `and` and `or`, and ways of
    /// `if` and `switch`, no case tries
    #[arg(long)]
    coverage: bool,
    /// The deployment's currency
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    currency: String,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
    Junit,
}

/// The tests of a file, run.
struct Tested {
    file: String,
    report: Report,
}

impl Test {
    pub fn run(self) -> anyhow::Result<Done> {
        let (sources, compiled) = examine(&self.folder, &self.currency);
        let compiled = if self.coverage { compiled.and_then(|_| compile_watched(sources)) } else { compiled };
        let Ok((rules, _)) = compiled else {
            bail!("the rules can't be loaded: `assay rules check {}` tells why", self.folder.display());
        };
        let folder = self.folder.join(ScriptKind::LeadScoring.folder());
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(ENDING))
            .collect();
        files.sort();
        let mut tested = Vec::new();
        let mut is_broken = false;
        for path in files {
            match self.test(&rules, &path)? {
                Some(report) => tested.push(Tested { file: path.display().to_string(), report }),
                None => is_broken = true,
            }
        }
        let cases = tested.iter().flat_map(|tested| &tested.report.cases);
        let (all, failed) = cases.fold((0, 0), |(all, failed), case| {
            (all + 1, failed + usize::from(!case.differences.is_empty()))
        });
        match self.format {
            Format::Text => self.print(&tested, all, failed),
            Format::Json => outln!("{:#}", as_json(&tested)),
            Format::Junit => out!("{}", as_junit(&tested)),
        }
        if all == 0 && !is_broken {
            eprintln!(
                "there is no case to run: write {}/default{ENDING}, as `assay rules test --help` shows",
                folder.display()
            );
        }
        Ok(if failed > 0 || all == 0 || is_broken { Done::No } else { Done::Well })
    }

    /// Runs the cases of a file; tells what is wrong with it, if it can't be read.
    fn test(&self, rules: &RuleSet, path: &Path) -> anyhow::Result<Option<Report>> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let script = testing::script_of(&name);
        let reading = Reading { vocabulary: &rules.vocabulary, currency: &self.currency };
        let suite = match testing::read(script, &text, reading) {
            Ok(suite) => suite,
            Err(problems) => {
                for problem in problems {
                    eprintln!("{}:{}: {}", path.display(), problem.line, problem.message);
                }
                return Ok(None);
            }
        };
        let report = suite.run(rules, &self.currency, &self.filter);
        Ok(Some(report.map_err(|told| anyhow::anyhow!(told)).with_context(|| path.display().to_string())?))
    }

    fn print(&self, tested: &[Tested], all: usize, failed: usize) {
        for Tested { file, report } in tested {
            for case in report.cases.iter().filter(|case| !case.differences.is_empty()) {
                outln!("{}", coloured("31", &format!("{file}:{}: {}", case.line, plain(&case.name))));
                case.differences.iter().for_each(|difference| outln!("  {}", plain(difference)));
            }
            let seen = |covered: &Covered| covered.fired > 0;
            if self.coverage {
                let mut table = Table::new(&["rule", "fired", "unknown", "neither"], &[1, 2, 3]);
                for (rule, covered) in &report.coverage {
                    let counts =
                        [covered.fired, covered.unknown, covered.silent].map(|count| count.to_string());
                    table.row([rule.to_string()].into_iter().chain(counts));
                }
                outln!("\n{file}");
                out!("{}", table.render());
                self.print_branches(report);
            }
            let fired = report.coverage.iter().filter(|(_, covered)| seen(covered)).count();
            outln!(
                "{file}: {}, {fired} of {} fired",
                counted(report.cases.len(), "case"),
                counted(report.coverage.len(), "rule")
            );
            let never: Vec<&str> = report
                .coverage
                .iter()
                .filter(|(_, covered)| !seen(covered))
                .map(|(rule, _)| &**rule)
                .collect();
            if !never.is_empty() && self.filter.is_empty() {
                outln!("  never fired: {}", plain(&never.join(", ")));
            }
        }
        match failed {
            0 if all > 0 => outln!("{}", coloured("32", &format!("{} passed", counted(all, "case")))),
            0 => {}
            failed => outln!("{}", coloured("31", &format!("{failed} of {} failed", counted(all, "case")))),
        }
    }
}

impl Test {
    fn print_branches(&self, report: &Report) {
        let missing: Vec<_> =
            report.branches.iter().filter_map(|branch| Some((branch, branch.missing()?))).collect();
        let tried = report.branches.len() - missing.len();
        outln!("branches: {tried} of {} tried", report.branches.len());
        for (CoveredBranch { position, written, .. }, why) in missing {
            let (folder, line, column) = (self.folder.display(), position.line, position.column);
            let first_line = written.lines().next().unwrap_or_default();
            outln!("  {folder}/{}:{line}:{column}: `{}` {why}", position.file, plain(first_line));
        }
    }
}

fn as_json(tested: &[Tested]) -> serde_json::Value {
    let file = |Tested { file, report }: &Tested| {
        let case = |case: &testing::Ran| {
            json!({
                "name": case.name,
                "line": case.line,
                "passed": case.differences.is_empty(),
                "differences": case.differences,
            })
        };
        let rule = |(rule, covered): &(String, Covered)| json!({ "rule": rule, "fired": covered.fired, "unknown": covered.unknown, "neither": covered.silent });
        let branch = |branch: &CoveredBranch| {
            json!({
                "file": &*branch.position.file,
                "line": branch.position.line,
                "column": branch.position.column,
                "written": &*branch.written,
                "fired": branch.of.fired,
                "unknown": branch.of.unknown,
                "neither": branch.of.silent,
                "missing": branch.missing(),
            })
        };
        json!({
            "file": file,
            "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
            "coverage": report.coverage.iter().map(rule).collect::<Vec<_>>(),
            "branches": report.branches.iter().map(branch).collect::<Vec<_>>(),
        })
    };
    json!({ "files": tested.iter().map(file).collect::<Vec<_>>() })
}

/// As test runners and build servers read it.
fn as_junit(tested: &[Tested]) -> String {
    let escape = |text: &str| {
        let text = plain(text);
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for Tested { file, report } in tested {
        let failed = report.cases.iter().filter(|case| !case.differences.is_empty()).count();
        let (file, all) = (escape(file), report.cases.len());
        _ = writeln!(out, "  <testsuite name=\"{file}\" tests=\"{all}\" failures=\"{failed}\">");
        for case in &report.cases {
            let name = escape(&case.name);
            match case.differences.as_slice() {
                [] => _ = writeln!(out, "    <testcase name=\"{name}\" classname=\"{file}\"/>"),
                differences => {
                    let told = escape(&differences.join("; "));
                    _ = writeln!(
                        out,
                        "    <testcase name=\"{name}\" classname=\"{file}\"><failure message=\"{told}\">line {}</failure></testcase>",
                        case.line
                    );
                }
            }
        }
        out += "  </testsuite>\n";
    }
    out += "</testsuites>\n";
    out
}
