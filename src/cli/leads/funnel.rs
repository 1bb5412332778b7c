//! `assay leads funnel`

use clap::{Args, ValueEnum};

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bar, bold, plain};
use crate::domain::lead::LeadStage;
use crate::grpc::convert::WireEnum as _;
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
A lead counts for every stage up to the farthest that it came to. Sales decides on a lead that is marketing-qualified: it takes
it or rejects it. Grades are those that leads had then.

Examples:
  assay leads funnel
  assay leads funnel --by grade,source,quarter
  assay leads funnel --filter 'create_time >= \"2026-07-01T00:00:00Z\" AND country = DE' --by owner")]
pub struct FunnelVerb {
    /// Which leads count, such as: country = DE AND source = webinar
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// By what they are told apart, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "WHAT,…")]
    by: Vec<By>,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Grade,
    Segment,
    Source,
    Owner,
    Month,
    Quarter,
}

impl By {
    fn wire(self) -> pb::FunnelGroupBy {
        match self {
            By::Grade => pb::FunnelGroupBy::Grade,
            By::Segment => pb::FunnelGroupBy::Segment,
            By::Source => pb::FunnelGroupBy::Source,
            By::Owner => pb::FunnelGroupBy::Owner,
            By::Month => pb::FunnelGroupBy::Month,
            By::Quarter => pb::FunnelGroupBy::Quarter,
        }
    }
}

impl FunnelVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let group_by = self.by.iter().map(|by| by.wire() as i32).collect();
        let request = pb::GetFunnelRequest { filter: self.filter, group_by };
        let found = clients.leads().get_funnel(request).await?.into_inner();
        let total = found.total.unwrap_or_default();
        if total.lead_count == 0 {
            outln!("No leads yet: `assay import leads.csv` stores those of a file.");
            return Ok(Done::Well);
        }
        out!("{}", whole(&total));
        for by in self.by {
            let groups = found.groups.iter().filter(|group| group.by() == by.wire());
            let title = by.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            outln!("\n{}", bold(&format!("By {title}")));
            out!("{}", side_by_side(&title, groups));
        }
        Ok(Done::Well)
    }
}

/// The stage as people write it.
fn title(stage: i32) -> &'static str {
    match LeadStage::inward(stage).ok().flatten().unwrap_or_default() {
        LeadStage::Mql => "MQL",
        LeadStage::Sal => "SAL",
        LeadStage::Sql => "SQL",
        other => other.as_str(),
    }
}

fn percent(share: &pb::Share) -> String {
    if share.of == 0 { String::new() } else { format!("{:.1} %", share.ratio * 100.0) }
}

fn interval(share: &pb::Share) -> String {
    if share.of == 0 {
        String::new()
    } else {
        format!("{:.1} to {:.1} %", share.low * 100.0, share.high * 100.0)
    }
}

fn days(days: Option<f64>) -> String {
    days.map(|days| format!("{days:.1}")).unwrap_or_default()
}

fn whole(total: &pb::FunnelFigures) -> String {
    let head =
        ["stage", "came to it", "", "are there", "went on", "95 % interval", "days: half", "nine in ten"];
    let mut table = Table::new(&head, &[1, 3, 4, 5, 6, 7]);
    for stage in &total.stages {
        let passed = stage.passed.unwrap_or_default();
        let part = |n: i64| usize::try_from(n).unwrap_or(0);
        table.row([
            title(stage.stage).to_owned(),
            stage.reached_count.to_string(),
            bar(part(stage.reached_count), part(total.lead_count), 24),
            stage.present_count.to_string(),
            percent(&passed),
            interval(&passed),
            days(stage.median_days),
            days(stage.ninth_decile_days),
        ]);
    }
    let mut out = table.render();
    let accepted = total.accepted.unwrap_or_default();
    if accepted.of > 0 {
        out += &format!("\nSales took {} of {} leads that it decided on", accepted.count, accepted.of);
        out += &format!(": {} ({})\n", percent(&accepted), interval(&accepted));
    }
    if total.explored_count > 0 {
        out += &format!("{} were drawn to learn whether low grades are right\n", total.explored_count);
    }
    if !total.reasons.is_empty() {
        let mut table = Table::new(&["left", "reason", "leads", "meaning"], &[2]);
        for reason in total.reasons.iter().take(15) {
            let code = if reason.reason.is_empty() { "not told" } else { reason.reason.as_str() };
            let (stage, count) = (title(reason.stage).to_owned(), reason.count.to_string());
            table.row([stage, code.to_owned(), count, reason.meaning.clone()]);
        }
        out += &format!("\n{}", table.render());
    }
    out
}

fn side_by_side<'a>(title: &str, groups: impl Iterator<Item = &'a pb::FunnelGroup>) -> String {
    let head =
        [title, "leads", "MQL", "SAL", "SQL", "customers", "won of all", "95 % interval", "sales took"];
    let mut table = Table::new(&head, &[1, 2, 3, 4, 5, 6, 7, 8]);
    for group in groups {
        let figures = group.figures.clone().unwrap_or_default();
        let key = match (group.other_count, group.key.as_str()) {
            (0, "") => "none".to_owned(),
            (0, key) => plain(key),
            (others, _) => format!("{others} others"),
        };
        let reached = |at: usize| figures.stages.get(at).map_or(0, |stage| stage.reached_count);
        let won = crate::domain::scorecard::evidence::Tally {
            won: usize::try_from(reached(4)).unwrap_or(0),
            lost: usize::try_from(figures.lead_count - reached(4)).unwrap_or(0),
        };
        let (low, high) = won.interval();
        let mut row = vec![key, figures.lead_count.to_string()];
        row.extend((1..5).map(|at| reached(at).to_string()));
        row.push(format!("{:.1} %", won.share() * 100.0));
        row.push(format!("{:.1} to {:.1} %", low * 100.0, high * 100.0));
        row.push(percent(&figures.accepted.unwrap_or_default()));
        table.row(row);
    }
    table.render()
}
