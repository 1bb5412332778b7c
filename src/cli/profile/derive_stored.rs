//! `assay profile derive-stored`: the same as `derive`, from the leads that a server holds.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, plain};
use crate::cli::{Done, operation};
use crate::grpc::{dynamic, pb};

#[derive(Args)]
#[command(after_help = "\
It learns from stored leads with an outcome what sets the won ones apart, or with --golden from customers what sets golden ones
apart: those that renew, buy more, pay on time and leave margin. Nothing changes on the server: it writes rules and a profile to
read, correct and publish.

Examples:
  assay profile derive-stored --out icp
  assay profile derive-stored --lost-reason no_need --lost-reason too_small --filter 'country = DE' --out icp
  assay profile derive-stored --golden --out golden")]
pub struct DeriveStored {
    /// Which leads are learnt from
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// Learn what sets golden customers apart from ordinary and churned ones
    #[arg(long)]
    golden: bool,
    /// Leads that sales rejected for this reason count as lost
    #[arg(long, value_name = "CODE", conflicts_with = "golden")]
    lost_reason: Vec<String>,
    /// A fact that you vouch for: it does not know the answer, however well it foretells it
    #[arg(long, value_name = "FACT")]
    trust: Vec<String>,
    /// A fact that is not looked at
    #[arg(long, value_name = "FACT")]
    ignore: Vec<String>,
    /// Over how many folds it is measured, 2 to 100, or 0 for not at all
    #[arg(long, default_value_t = 5, value_name = "N")]
    folds: i32,
    /// The points of the best account, 5 to 200
    #[arg(long, default_value_t = 100, value_name = "N")]
    points: i32,
    /// How many points double the odds of being good, 1 to 50, instead of a scale up to --points
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=50), conflicts_with = "points", value_name = "N")]
    pdo: Option<i32>,
    /// Where the random numbers of the folds begin
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: i64,
    /// The folder that is made
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    server: ServerArg,
}

impl DeriveStored {
    pub async fn run(self) -> anyhow::Result<Done> {
        if std::fs::read_dir(&self.out).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: name another folder with --out", self.out.display());
        }
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::DeriveProfileRequest {
            filter: self.filter,
            golden: self.golden.then(pb::GoldenWeights::default),
            lost_reasons: self.lost_reason,
            trusted_facts: self.trust,
            ignored_facts: self.ignore,
            folds: if self.folds == 0 { -1 } else { self.folds },
            seed: self.seed,
            points: self.points,
            points_to_double_odds: self.pdo.unwrap_or_default(),
            request_id: String::new(),
        };
        let started = clients.profiles().derive_profile(request).await?.into_inner();
        let found: pb::DerivedProfile = operation::response(&clients, started).await?;
        let report = found.report.unwrap_or_default();
        out!("{}", text(&report, found.undecided_count));
        let Some(profile) = found.profile.filter(|_| !found.script.is_empty()) else {
            outln!(
                "Nothing was written: no fact has an effect that is not chance, so any points would be made up."
            );
            return Ok(Done::No);
        };
        let scripts = self.out.join("lead_scoring");
        std::fs::create_dir_all(&scripts).with_context(|| scripts.display().to_string())?;
        let message = dynamic::of(&profile, "Profile").context("there is no such message")?;
        let mut files = vec![
            (scripts.join("default.rhai"), found.script),
            (self.out.join("profile.json"), format!("{:#}\n", dynamic::to_json(&message))),
        ];
        if !found.tests.is_empty() {
            files.push((scripts.join("default.test.toml"), found.tests));
        }
        for (path, text) in files {
            std::fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
        }
        let out = self.out.display();
        outln!(
            "\n{out} is made: read {out}/lead_scoring/default.rhai and {out}/profile.json, correct them, and put the rules into the server's scripts folder."
        );
        Ok(Done::Well)
    }
}

fn text(report: &pb::DerivedReport, undecided: i64) -> String {
    let mut out = format!(
        "{} good accounts, {} others; {undecided} told no outcome and were left out.\n",
        report.won, report.lost
    );
    if report.golden + report.ordinary + report.churned > 0 {
        out += &format!(
            "Customers: {} golden, {} ordinary, {} churned.\n",
            report.golden, report.ordinary, report.churned
        );
    }
    if report.too_little_data {
        out += "Too little data for a model: it takes 40 of each. The points are first hints, at half of what the counts say.\n";
    }
    let used = |column: &&pb::DerivedColumn| column.verdict == "used";
    let mut table = Table::new(&["fact", "most points", "best", "good there"], &[1]);
    for column in report.columns.iter().filter(used) {
        let best = column.bins.iter().max_by(|a, b| a.won_share.total_cmp(&b.won_share));
        let Some(best) = best else { continue };
        let most = column.bins.iter().filter_map(|bin| bin.points).max().unwrap_or_default();
        let share = format!("{:.0} of 100", best.won_share * 100.0);
        table.row([column.column.clone(), most.to_string(), best.is.clone(), share]);
    }
    if report.columns.iter().any(|column| used(&column)) {
        out += &format!("\n{}", table.render());
    }
    for role in &report.roles {
        out += &format!(
            "Decides with: {}{}, reached at {} of {} good accounts and {} of {} others.\n",
            plain(&role.role),
            if role.required { " (required)" } else { "" },
            role.won,
            role.won_known,
            role.lost,
            role.lost_known
        );
    }
    for column in report.columns.iter().filter(|column| column.verdict == "held_back") {
        out +=
            &format!("Held back: {} ({}); --trust takes it in\n", plain(&column.fact), plain(&column.reason));
    }
    if let Some(unseen) = &report.unseen
        && let (Some(own), Some(other)) = (&unseen.scorecard, &unseen.naive_bayes)
    {
        let beats = if unseen.beats_naive_bayes { "better than" } else { "NOT better than" };
        out += &format!(
            "On accounts that it had not seen: AUC {:.3}, Brier {:.3}; {beats} naive Bayes (AUC {:.3}).\n",
            own.auc, own.brier, other.auc
        );
    }
    out
}
