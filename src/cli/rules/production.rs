//! What rules do to the leads that are scored: those in force, and a set that is evaluated beside them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::activate::By;
use super::log::short;
use super::{files_of, read_folder};
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, coloured, moment, plain, points};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
A shadow is scored by beside the rules in force, on a share of the leads that are scored, on all replicas. What it says is
counted and never answered.

Examples:
  assay rules shadow start new-rules --share 20 --days 3
  assay rules shadow
  assay rules shadow stop")]
pub struct ShadowVerb {
    #[command(subcommand)]
    what: Option<ShadowWhat>,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Subcommand)]
enum ShadowWhat {
    /// Begin to score by a folder's rules too
    Start(ShadowStart),
    /// End it; what was found stays
    Stop(ShadowStop),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules shadow start new-rules --share 20 --days 3")]
struct ShadowStart {
    /// The folder with the rules
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The share of scores that are computed by it too, in per cent
    #[arg(long, default_value_t = 10.0, value_name = "PERCENT")]
    share: f64,
    /// For how many days
    #[arg(long, default_value_t = 1, value_name = "DAYS")]
    days: i32,
    #[command(flatten)]
    by: By,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules shadow stop --reason \"seen enough\"")]
struct ShadowStop {
    #[command(flatten)]
    by: By,
}

impl ShadowVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        match self.what {
            None => {
                let shadow = clients.rules().get_shadow(pb::GetShadowRequest {}).await?.into_inner();
                out!("{}", report(&shadow));
            }
            Some(ShadowWhat::Start(start)) => {
                let request = pb::StartShadowRequest {
                    files: files_of(&read_folder(&start.folder)?),
                    share: start.share / 100.0,
                    days: start.days,
                    change: start.by.change(),
                    request_id: String::new(),
                };
                let started = clients.rules().start_shadow(request).await?.into_inner();
                outln!("{} is evaluated beside the rules in force.", short(&started.rule_set));
            }
            Some(ShadowWhat::Stop(stop)) => {
                let request = pb::StopShadowRequest { change: stop.by.change(), request_id: String::new() };
                let stopped = clients.rules().stop_shadow(request).await?.into_inner();
                outln!(
                    "{} is not evaluated any more; `assay rules shadow` tells what was found.",
                    short(&stopped.rule_set)
                );
            }
        }
        Ok(Done::Well)
    }
}

fn report(shadow: &pb::Shadow) -> String {
    let started = shadow.started.clone().unwrap_or_default();
    let standing = match shadow.is_running {
        true => format!("goes on until {}", moment(shadow.end_time)),
        false => "has ended".to_owned(),
    };
    let mut out = format!(
        "{} {standing}, on {:.0} % of the scores.\n{} leads were scored by both, {} passed over: {} get another grade, {} other points.\n",
        bold(&short(&started.rule_set)),
        100.0 * shadow.share,
        shadow.compared_count,
        shadow.passed_over_count,
        shadow.changed_grade_count,
        shadow.changed_total_count,
    );
    if shadow.failed_count > 0 {
        out += &coloured("31", &format!("{} could not be scored by it:\n", shadow.failed_count));
        for error in &shadow.errors {
            out += &format!("  {} times: {}\n", error.count, plain(&error.message));
        }
    }
    let moved: Vec<_> = shadow.migration.iter().filter(|of| of.before != of.after).collect();
    if !moved.is_empty() {
        let mut table = Table::new(&["grade", "would be", "leads"], &[2]);
        for of in moved {
            table.row([of.before.clone(), of.after.clone(), of.count.to_string()]);
        }
        out += &format!("\n{}", table.render());
    }
    let differs: Vec<_> = shadow.rules.iter().filter(|rule| rule.fired_before != rule.fired_after).collect();
    if !differs.is_empty() {
        let mut table = Table::new(&["rule", "fires", "would fire"], &[1, 2]);
        for rule in differs {
            table.row([rule.rule.clone(), rule.fired_before.to_string(), rule.fired_after.to_string()]);
        }
        out += &format!("\n{}", table.render());
    }
    out
}

#[derive(Args)]
#[command(after_help = "\
Counted on all replicas, over restarts, since the set came into force first. A rule carries no lift if won and lost leads meet it
alike, as far as 40 of each can tell. Exit code 1 if there is a rule that never or always fires, or that carries no lift.

Examples:
  assay rules counts
  assay rules counts 3fa9c1")]
pub struct Counts {
    /// The set, by the beginning of its name [default: the one in force]
    #[arg(value_name = "SET")]
    set: Option<String>,
    #[command(flatten)]
    server: ServerArg,
}

impl Counts {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let rule_set = match &self.set {
            Some(set) => super::log::resolve(&clients, set).await?,
            None => String::new(),
        };
        let found =
            clients.rules().get_rule_counts(pb::GetRuleCountsRequest { rule_set }).await?.into_inner();
        let mut is_doubtful = false;
        for script in &found.scripts {
            let judged = script.scored_count + script.disqualified_count + script.insufficient_data_count;
            outln!(
                "{} of {}: {judged} scores, {} of them of won and {} of lost leads; {} failed",
                bold(&script.script),
                short(&found.rule_set),
                script.won_count,
                script.lost_count,
                script.failed_count
            );
            let head = ["rule", "fired", "unknown", "points", "lift", ""];
            let mut table = Table::new(&head, &[1, 2, 3, 4]);
            for rule in &script.rules {
                let is_well = matches!(rule.verdict.as_str(), "works" | "too few scores");
                is_doubtful |= !is_well;
                let lift = rule.lift.map(|lift| format!("{lift:.2}")).unwrap_or_default();
                table.row([
                    rule.rule.clone(),
                    rule.fired_count.to_string(),
                    rule.unknown_count.to_string(),
                    points(rule.points_hundredths),
                    lift,
                    if is_well { String::new() } else { rule.verdict.clone() },
                ]);
            }
            out!("{}\n", table.render());
        }
        Ok(if is_doubtful { Done::No } else { Done::Well })
    }
}
