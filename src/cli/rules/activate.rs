//! Rules that the store keeps: published, put in force, rolled back; and what the guard holds back let in.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::diff::{activated, text};
use super::log::{resolve, short};
use super::{files_of, read_folder};
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::{impact, operation};
use crate::grpc::pb;

/// Who changes the rules, and why.
#[derive(Args)]
pub struct By {
    /// Who does it, kept in the log
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why, kept in the log
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

impl By {
    pub fn change(&self) -> Option<pb::Change> {
        Some(pb::Change { author: self.author.clone(), reason: self.reason.clone() })
    }
}

#[derive(Args)]
#[command(after_help = "\
The set is kept for all replicas of a server that takes its rules from the store (--rules-mode store). With --activate it also
comes into force: the leads that would move are looked at first if there is a guard, and shown.

Examples:
  assay rules publish new-rules --reason \"employees count less\"
  assay rules publish new-rules --activate --reason \"employees count less\"")]
pub struct Publish {
    /// The folder with the rules and the tests beside them
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Put it in force on all replicas
    #[arg(long)]
    activate: bool,
    /// Put it in force whatever the guard says
    #[arg(long, requires = "activate")]
    override_guard: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    server: ServerArg,
}

impl Publish {
    pub async fn run(self) -> anyhow::Result<Done> {
        let sources = read_folder(&self.folder)?;
        let clients = Clients::connect(&self.server.server).await?;
        let files = files_of(&sources);
        let difference = pb::DiffRuleSetsRequest { files: files.clone(), ..Default::default() };
        // Nothing is in force before the first set.
        if let Ok(found) = clients.rules().diff_rule_sets(difference).await {
            out!("{}", text(&found.into_inner()));
        }
        let request = pb::PublishRulesRequest { files, change: self.by.change(), request_id: String::new() };
        let published = clients.rules().publish_rules(request).await?.into_inner();
        outln!("{} is kept.", short(&published.rule_set));
        match self.activate {
            true => activate(&clients, published.rule_set, None, self.override_guard, &self.by).await,
            false => {
                outln!("`assay rules activate {}` puts it in force.", short(&published.rule_set));
                Ok(Done::Well)
            }
        }
    }
}

#[derive(Args)]
#[command(after_help = "\
Where there is a guard, the leads that would move are looked at first, and shown.

Examples:
  assay rules activate 3fa9c1 --reason \"agreed with sales\"
  assay rules activate 3fa9c1 --expected 77b0e2     only if nobody was faster")]
pub struct Activate {
    /// The set, by the beginning of its name
    #[arg(value_name = "SET")]
    set: String,
    /// The set that must be in force now
    #[arg(long, value_name = "SET")]
    expected: Option<String>,
    /// Put it in force whatever the guard says
    #[arg(long)]
    override_guard: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    server: ServerArg,
}

impl Activate {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let set = resolve(&clients, &self.set).await?;
        let expected = match &self.expected {
            Some(expected) => Some(resolve(&clients, expected).await?),
            None => None,
        };
        activate(&clients, set, expected, self.override_guard, &self.by).await
    }
}

async fn activate(
    clients: &Clients,
    name: String,
    expected: Option<String>,
    override_guard: bool,
    by: &By,
) -> anyhow::Result<Done> {
    let status = clients.rules().get_rule_status(pb::GetRuleStatusRequest {}).await?.into_inner();
    let in_force = status.active.map(|active| active.rule_set).unwrap_or_default();
    // What was looked at is what is replaced.
    let expected_rule_set = expected.unwrap_or_else(|| in_force.clone());
    let mut analysis = String::new();
    if status.guard.is_some() && !override_guard && in_force != name {
        let set = clients.rules().get_rule_set(pb::GetRuleSetRequest { name: name.clone() }).await?;
        let request = pb::AnalyzeImpactRequest { files: set.into_inner().files, ..Default::default() };
        let started = clients.rules().analyze_impact(request).await?.into_inner();
        analysis.clone_from(&started.name);
        let report: pb::ImpactReport = operation::response(clients, started).await?;
        let qualifying = ["A", "B"].map(String::from);
        out!("{}\n", impact::summary(&report, &qualifying));
    }
    let request = pb::ActivateRuleSetRequest {
        name,
        expected_rule_set,
        analysis,
        override_guard,
        change: by.change(),
        request_id: String::new(),
    };
    let change = clients.rules().activate_rule_set(request).await?.into_inner();
    outln!("{}", activated(&change));
    Ok(Done::Well)
}

#[derive(Args)]
#[command(after_help = "\
The guard is not asked: whoever rolls back is in a hurry. The set that is rolled back from stays kept.

Examples:
  assay rules rollback --reason \"too many C leads\"
  assay rules rollback 77b0e2                       to a certain set that was active once")]
pub struct Rollback {
    /// The set to go back to, by the beginning of its name [default: the one that was active before]
    #[arg(value_name = "SET")]
    set: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    server: ServerArg,
}

impl Rollback {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let name = match &self.set {
            Some(set) => resolve(&clients, set).await?,
            None => String::new(),
        };
        let request = pb::RollbackRulesRequest { name, change: self.by.change(), ..Default::default() };
        let change = clients.rules().rollback_rules(request).await?.into_inner();
        outln!("{}", activated(&change));
        Ok(Done::Well)
    }
}

#[derive(Args)]
#[command(after_help = "\
A server that takes its rules from a folder holds a save back by which more leads change their grade than its guard allows
(--rules-guard). `assay rules status` tells which, and names the analysis.

Examples:
  assay rules accept --reason \"agreed with sales\"
  assay rules accept 3fa9c1")]
pub struct Accept {
    /// The set, by the beginning of its name [default: the one that is held back]
    #[arg(value_name = "SET")]
    set: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    server: ServerArg,
}

impl Accept {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let status = clients.rules().get_rule_status(pb::GetRuleStatusRequest {}).await?.into_inner();
        let held = status
            .pending
            .filter(|pending| pending.diagnostics.iter().any(|found| found.code == "held-back"));
        let Some(held) = held else {
            bail!("nothing is held back; `assay rules status` tells what is in force")
        };
        let given = self.set.as_deref().unwrap_or_default().trim_start_matches("ruleSets/");
        if !held.rule_set.trim_start_matches("ruleSets/").starts_with(given) {
            bail!("{} is held back, not {given}", short(&held.rule_set));
        }
        let request = pb::AcceptRulesRequest {
            name: held.rule_set,
            change: self.by.change(),
            request_id: String::new(),
        };
        let change = clients.rules().accept_rules(request).await?.into_inner();
        outln!("{} may come into force.", short(&change.rule_set));
        Ok(Done::Well)
    }
}
