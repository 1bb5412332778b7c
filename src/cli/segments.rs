use clap::{Args, Subcommand};

use super::Done;
use super::connect::{Clients, ServerArg};
use super::table::{Table, points, signed};
use crate::cli::output::out;
use crate::grpc::pb;

#[derive(Subcommand)]
pub enum Segments {
    /// Rank a canvas's segments by its priority script
    Rank(Rank),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay segments rank canvases/acme
  assay segments rank canvases/acme --script ecommerce --why")]
pub struct Rank {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    #[command(flatten)]
    server: ServerArg,
    /// The script under segment_priority/ [default: the canvas's]
    #[arg(long, default_value = "", value_name = "NAME")]
    script: String,
    /// Show what each priority is made of
    #[arg(long)]
    why: bool,
}

impl Segments {
    pub async fn run(self) -> anyhow::Result<Done> {
        let Segments::Rank(rank) = self;
        let clients = Clients::connect(&rank.server.server).await?;
        let request = pb::PrioritizeSegmentsRequest { parent: rank.canvas, script: rank.script };
        let ranking = clients.segments().prioritize_segments(request).await?.into_inner();
        out!("{}", render(&ranking.priorities, rank.why));
        Ok(Done::Well)
    }
}

/// The ranking, with the reasons of each place if they are asked for.
pub fn render(priorities: &[pb::Priority], why: bool) -> String {
    if priorities.is_empty() {
        return "The canvas has no segments yet.\n".into();
    }
    let mut table = Table::new(&["rank", "segment", "priority", "could be", "missing"], &[0, 2]);
    for priority in priorities {
        let (low, high) = (priority.low_hundredths, priority.high_hundredths);
        let range = if low == high { String::new() } else { format!("{} to {}", points(low), points(high)) };
        let mut missing: Vec<&str> = priority.missing.iter().map(|unknown| unknown.fact.as_str()).collect();
        missing.dedup();
        let name = priority.display_name.clone();
        let total = points(priority.priority_hundredths);
        table.row([priority.rank.to_string(), name, total, range, missing.join(", ")]);
    }
    let mut out = table.render();
    for priority in priorities.iter().filter(|_| why) {
        out += &format!("\n{}\n", priority.display_name);
        let mut table = Table::new(&["points", "why", "rule"], &[0]);
        for entry in &priority.contributions {
            table.row([signed(entry.points_hundredths), entry.reason.clone(), entry.rule.clone()]);
        }
        out += &table.render();
    }
    out
}
