//! `assay rules impact`: what rules would do before they are in force.

mod html;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::connect::{Clients, ServerArg};
use super::leads_file::{LeadRow, LeadsFile};
use super::local::Local;
use super::rows::FileArg;
use super::score::moment;
use super::{Done, documents, operation};
use crate::app::{Clock as _, SystemClock};
use crate::cli::output::{out, outln};
use crate::config::currency;
use crate::domain::impact::{Impact, Pair};
use crate::domain::score::Assessment;
use crate::domain::time::Time;
use crate::grpc::{convert, dynamic, pb};
use crate::rules::source::Sources;

#[derive(Args)]
#[command(after_help = "\
Every lead is scored by the rules in force and by those of the folder; nothing is changed or recorded. With --leads, the leads of a
file are scored in this process, by --scripts and by the folder. Exit code 1 if more leads change their grade than --max-moved allows,
or if the new rules fail on more leads.

Examples:
  assay rules impact new-rules                                 all leads that a server holds, against its rules
  assay rules impact new-rules --filter 'country = DE' --capacity 200 --html impact.html
  assay rules impact new-rules --leads leads.csv --scripts scripts --profile-file icp.json
  assay rules impact new-rules --max-moved 5                   for a check of changes: fails if more than 5 % move")]
pub struct ImpactVerb {
    /// The folder with the rules that are tried
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Leads of a file instead of those that a server holds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["filter", "profile"])]
    leads: Option<PathBuf>,
    /// The rules in force, for leads of a file
    #[arg(long, env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    scripts: PathBuf,
    /// The profile, for leads of a file
    #[arg(long, value_name = "FILE", requires = "leads")]
    profile_file: Option<PathBuf>,
    /// The script for leads of a file that have no profile
    #[arg(long, default_value = "default", value_name = "NAME")]
    script: String,
    /// The currency of plain amounts, for leads of a file
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    currency: String,
    #[command(flatten)]
    input: FileArg,
    /// Which leads of the server, such as: country = DE
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// The profile to score by [default: each lead's own]
    #[arg(long, default_value = "", value_name = "NAME")]
    profile: String,
    /// The grades that are handed to sales
    #[arg(long, value_delimiter = ',', default_value = "A,B", value_name = "GRADE,…")]
    qualifying: Vec<String>,
    /// How many leads sales can take
    #[arg(long, value_name = "N")]
    capacity: Option<i64>,
    /// As of which time leads are scored, by what was known then [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Fail if more leads than this change their grade, in per cent
    #[arg(long, value_name = "PERCENT")]
    max_moved: Option<f64>,
    /// Write a page with everything, to attach to a request for the change
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write everything as JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

/// What stands for a profile where there is none: it names a script, and nothing else.
pub fn no_profile(script: &str) -> pb::Profile {
    let (display_name, scoring_script) = ("No profile".to_owned(), script.to_owned());
    pb::Profile { display_name, scoring_script, ..Default::default() }
}

/// What an analysis found, as text.
pub fn summary(report: &pb::ImpactReport, qualifying: &[String]) -> String {
    text::text(report, qualifying, None)
}

impl ImpactVerb {
    async fn report(&self) -> anyhow::Result<pb::ImpactReport> {
        match &self.leads {
            Some(file) => self.of_file(file),
            None => self.of_server().await,
        }
    }

    /// Tells which of both sets foretells outcomes better, and nothing else.
    pub async fn backtest(self) -> anyhow::Result<Done> {
        let report = self.report().await?;
        let sides = [&report.backtest_before, &report.backtest_after];
        if self.json {
            let side = |side: &Option<pb::Foretelling>| {
                let message = side.as_ref().and_then(|side| dynamic::of(side, "Foretelling"));
                message.map_or(serde_json::Value::Null, |message| dynamic::to_json(&message))
            };
            let [before, after] = sides.map(side);
            outln!("{:#}", serde_json::json!({ "before": before, "after": after }));
        } else {
            out!("{}", text::outcomes(&report).trim_start());
        }
        let [Some(before), Some(after)] = sides else {
            eprintln!("ten won and ten lost leads are needed at least: nothing can be said");
            return Ok(Done::No);
        };
        // Worse only if it is by more than chance does.
        let by_chance = before.auc_standard_error.hypot(after.auc_standard_error);
        Ok(if before.auc - after.auc > by_chance { Done::No } else { Done::Well })
    }

    pub async fn run(self) -> anyhow::Result<Done> {
        let report = self.report().await?;
        if let Some(path) = &self.html {
            let title = format!("What {} would do", self.folder.display());
            let page = html::page(&report, &title, &self.qualifying, self.capacity);
            std::fs::write(path, page).with_context(|| format!("{} can't be written", path.display()))?;
        }
        if self.json {
            let message = dynamic::of(&report, "ImpactReport").context("there is no such message")?;
            outln!("{:#}", dynamic::to_json(&message));
        } else {
            out!("{}", text::text(&report, &self.qualifying, self.capacity));
            self.html.iter().for_each(|path| outln!("\n{} has everything.", path.display()));
        }
        let moved = 100.0 * report.changed_grade_count as f64 / report.lead_count.max(1) as f64;
        if report.error_count_after > report.error_count_before {
            eprintln!("{} leads can't be scored by the new rules", report.error_count_after);
            return Ok(Done::No);
        }
        match self.max_moved {
            Some(most) if moved > most => {
                eprintln!("{moved:.1} % of the leads change their grade, and --max-moved allows {most} %");
                Ok(Done::No)
            }
            _ => Ok(Done::Well),
        }
    }

    async fn of_server(&self) -> anyhow::Result<pb::ImpactReport> {
        let sources = Sources::read(&self.folder).map_err(|findings| {
            let first = findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
            anyhow::anyhow!("{} can't be read: {first}", self.folder.display())
        })?;
        let file =
            |(path, content): (&str, &str)| pb::RuleFile { path: path.into(), content: content.into() };
        let as_of = self.as_of.as_deref().map(moment).transpose().context("--as-of")?;
        let request = pb::AnalyzeImpactRequest {
            files: sources.iter().map(file).collect(),
            filter: self.filter.clone(),
            profile: self.profile.clone(),
            qualifying_grades: self.qualifying.clone(),
            as_of_time: as_of.map(convert::timestamp),
            request_id: String::new(),
        };
        let clients = Clients::connect(&self.server.server).await?;
        let started = clients.rules().analyze_impact(request).await?.into_inner();
        operation::response(&clients, started).await
    }

    /// Scores the leads of a file in this process.
    fn of_file(&self, file: &Path) -> anyhow::Result<pb::ImpactReport> {
        let as_of = self.as_of.as_deref().map(moment).transpose().context("--as-of")?;
        let as_of = as_of.unwrap_or_else(|| SystemClock.now());
        let profile = match &self.profile_file {
            Some(path) => documents::profile(path)?,
            None => no_profile(&self.script),
        };
        let local = |folder: &Path| {
            let local = Local::new(folder, profile.clone(), &self.currency, as_of);
            local.with_context(|| folder.display().to_string())
        };
        let (before, after) = (local(&self.scripts)?, local(&self.folder)?);
        let (input, currency, qualifying) = (&self.input, &self.currency, &self.qualifying);
        LeadsOfFile { file, input, currency, as_of, qualifying }.compare(&before, &after)
    }
}

/// Leads of a file that are scored in this process.
pub struct LeadsOfFile<'a> {
    pub file: &'a Path,
    pub input: &'a FileArg,
    pub currency: &'a str,
    pub as_of: Time,
    pub qualifying: &'a [String],
}

impl LeadsOfFile<'_> {
    /// What differs between two sets for them.
    pub fn compare(&self, before: &Local, after: &Local) -> anyhow::Result<pb::ImpactReport> {
        let qualifying: BTreeSet<String> = self.qualifying.iter().cloned().collect();
        let mut impact = Impact::of(&before.grades(), &after.grades(), qualifying);
        let vocabulary = &before.rules.vocabulary;
        let mut rows = LeadsFile::open(self.file, self.input, vocabulary, self.currency, self.as_of)?;
        let mut unread = 0;
        while let Some(LeadRow { lead, .. }) = rows.read()? {
            let Ok(mapped) = lead else {
                unread += 1;
                continue;
            };
            let won = mapped.lead.outcome.as_ref().map(|outcome| outcome.kind() == pb::OutcomeKind::Won);
            let (owner, source) = (mapped.lead.owner.clone(), mapped.lead.source.clone());
            let title = super::explain::title(&mapped.lead);
            let assess = |local: &Local| local.assess(mapped.lead.clone(), mapped.activities.clone());
            let (old, new): (Result<Assessment, String>, Result<Assessment, String>) =
                (assess(before), assess(after));
            impact.see(Pair {
                lead: &mapped.id,
                display_name: &title,
                before: old.as_ref().map_err(String::as_str),
                after: new.as_ref().map_err(String::as_str),
                segment: "",
                owner: &owner,
                source: &source,
                won,
            });
        }
        rows.tell();
        let report = convert::impact::report_out(&impact.report());
        if report.lead_count == 0 {
            bail!("no row of {} could be read", self.file.display());
        }
        if unread > 0 {
            eprintln!("{unread} rows could not be read");
        }
        Ok(pb::ImpactReport {
            rule_set_before: before.rules.name(),
            rule_set_after: after.rules.name(),
            ..report
        })
    }
}
