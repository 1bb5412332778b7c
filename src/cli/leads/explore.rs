//! `assay leads explore`

use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, counted};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
What sales never sees can't become a customer: without a few leads of low grades, nobody would ever learn that such a grade is
wrong. Those that are drawn become MQL for the reason \"exploration\", with the odds of the draw in their history. The same seed
draws nobody twice.

Examples:
  assay leads explore --dry-run
  assay leads explore --share 0.05 --grades D --author an
  assay leads explore --filter 'country = DE' --seed 2026-Q4")]
pub struct ExploreVerb {
    /// Which leads may be drawn
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// Their grades
    #[arg(long, value_delimiter = ',', default_value = "C,D", value_name = "GRADE,…")]
    grades: Vec<String>,
    /// With which probability each is drawn, 0.02 to 0.05
    #[arg(long, default_value_t = 0.03, value_name = "RATIO")]
    share: f64,
    /// What the draw depends on [default: the present quarter]
    #[arg(long, default_value = "", value_name = "TEXT")]
    seed: String,
    /// At most so many are handed over now
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(i32).range(1..=1_000), value_name = "N")]
    limit: i32,
    /// Only tell whom it would draw
    #[arg(long)]
    dry_run: bool,
    /// Who draws
    #[arg(long, default_value = "", value_name = "NAME")]
    author: String,
    #[command(flatten)]
    server: ServerArg,
}

impl ExploreVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::ExploreLeadsRequest {
            filter: self.filter,
            grades: self.grades,
            share: self.share,
            seed: self.seed,
            limit: self.limit,
            validate_only: self.dry_run,
            change: Some(pb::Change { author: self.author, ..Default::default() }),
        };
        let found = clients.leads().explore_leads(request).await?.into_inner();
        let mut table = Table::new(&["lead", "name", "grade"], &[]);
        for lead in &found.leads {
            table.row([lead.lead.clone(), lead.display_name.clone(), lead.grade.clone()]);
        }
        if !found.leads.is_empty() {
            out!("{}", table.render());
        }
        let what = if self.dry_run { "would be MQL" } else { "are MQL now" };
        outln!(
            "{} of {} {what}, drawn with a probability of {} by the seed {}",
            found.leads.len(),
            counted(usize::try_from(found.considered_count).unwrap_or(0), "new lead"),
            found.odds,
            found.seed
        );
        if found.remaining_count > 0 {
            outln!("{} more are drawn: call it again for them", found.remaining_count);
        }
        Ok(Done::Well)
    }
}
