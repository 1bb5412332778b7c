//! `assay rules watch`: at every save, what is wrong, which tests fail, what differs, and which leads of a sample move.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::diff::text as difference_text;
use super::first_problem;
use crate::app::{Clock as _, SystemClock};
use crate::cli::impact::{self, LeadsOfFile};
use crate::cli::local::Local;
use crate::cli::output::{out, outln};
use crate::cli::rows::FileArg;
use crate::cli::table::{bold, coloured, counted};
use crate::cli::{Done, documents};
use crate::config::currency;
use crate::grpc::{convert, pb};
use crate::priority::Nice;
use crate::rules::compile_and_test;
use crate::rules::diff::difference;
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::rules::source::watch::{Found, watch};

#[derive(Args)]
#[command(after_help = "\
Nothing is put in force. What is compared with is what stood in the folder when the watching began. Ctrl-C ends it.

Examples:
  assay rules watch new-rules
  assay rules watch new-rules --leads leads.csv --profile-file icp.json")]
pub struct Watch {
    /// The folder with the rules
    #[arg(env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    folder: PathBuf,
    /// Leads of a file: which of them move is shown
    #[arg(long, value_name = "FILE")]
    leads: Option<PathBuf>,
    /// The profile that they are scored by
    #[arg(long, value_name = "FILE", requires = "leads")]
    profile_file: Option<PathBuf>,
    /// The script for leads without a profile
    #[arg(long, default_value = "default", value_name = "NAME")]
    script: String,
    /// The grades that are handed to sales
    #[arg(long, value_delimiter = ',', default_value = "A,B", value_name = "GRADE,…")]
    qualifying: Vec<String>,
    /// The deployment's currency
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    currency: String,
    #[command(flatten)]
    input: FileArg,
}

impl Watch {
    pub async fn run(self) -> anyhow::Result<Done> {
        let first = Sources::read(&self.folder).map_err(|problems| first_problem(&self.folder, problems))?;
        let (found, mut changes) = tokio::sync::watch::channel(None);
        watch(self.folder.clone(), true, found, Default::default()).context("the folder can't be watched")?;
        // Listened for all the time: one that comes while a save is looked at must not be lost.
        let mut interrupted = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                changed = changes.changed() => changed.context("the folder is not watched any more")?,
                _ = interrupted.recv() => return Ok(Done::Well),
            }
            let Some(found) = changes.borrow_and_update().clone() else { continue };
            outln!("{}", bold(&format!("── {} ──", SystemClock.now())));
            self.tell(&first, found);
        }
    }

    fn tell(&self, first: &Sources, found: Found) {
        let root = self.folder.display().to_string();
        let (sources, compiled) = match found {
            Err(problems) => (Sources::default(), Err(problems)),
            Ok(sources) => (sources.clone(), compile_and_test(sources, &self.currency, Nice::Back)),
        };
        let findings = compiled.as_ref().map_or_else(|findings| findings, |(_, warnings)| warnings);
        findings.iter().for_each(|finding| outln!("{}", finding.render(&root, &sources)));
        let Ok((rules, _)) = compiled else {
            let errors = findings.iter().filter(|finding| finding.is_error()).count();
            outln!("{}", coloured("31", &format!("{}; nothing would be loaded", counted(errors, "error"))));
            return;
        };
        let tests = match sources.tests().len() {
            0 => "there are no tests beside the scripts".to_owned(),
            files => format!("the tests of {} pass", counted(files, "file")),
        };
        outln!("{}", coloured("32", &format!("good, {tests}")));
        out!("{}", difference_text(&convert::rules::difference(difference(first, &sources))));
        if let Some(file) = &self.leads {
            match self.moved(file, first, rules) {
                Ok(report) => out!("{}", impact::summary(&report, &self.qualifying)),
                Err(error) => {
                    outln!("{}", coloured("31", &format!("which leads move is not known: {error:#}")))
                }
            }
        }
    }

    fn moved(
        &self,
        file: &std::path::Path,
        first: &Sources,
        rules: RuleSet,
    ) -> anyhow::Result<pb::ImpactReport> {
        let as_of = SystemClock.now();
        let profile = match &self.profile_file {
            Some(path) => documents::profile(path)?,
            None => impact::no_profile(&self.script),
        };
        let before = crate::rules::compile_kept(first.clone())
            .map_err(|_| anyhow::anyhow!("what stood in the folder at first can't be loaded"))?;
        let local = |rules: RuleSet| Local::of(rules, profile.clone(), &self.currency, as_of);
        let (before, after) = (local(before.0)?, local(rules)?);
        let (input, currency, qualifying) = (&self.input, &self.currency, &self.qualifying);
        LeadsOfFile { file, input, currency, as_of, qualifying }.compare(&before, &after)
    }
}
