//! `assay leads pains`

use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, counted, plain};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
Golden customers weigh 3, other customers and leads of grade A 2, of grade B 1; what does not fit weighs nothing. A pain that nothing
on the canvas answers is for the product team.

Examples:
  assay leads pains --canvas canvases/acme
  assay leads pains --attribute pains --attribute challenges --filter 'industry = heating' --lang it")]
pub struct PainsVerb {
    /// Which leads count
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// An attribute that tells of pains [default: all that are called so]
    #[arg(long, value_name = "NAME")]
    attribute: Vec<String>,
    /// What the pains are matched with
    #[arg(long, default_value = "", value_name = "CANVAS")]
    canvas: String,
    /// The language of the topics: en, vi, zh, ar or it
    #[arg(long, default_value = "en", value_name = "LANG")]
    lang: String,
    /// How many pains are shown
    #[arg(long, default_value_t = 15, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    server: ServerArg,
}

impl PainsVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let has_canvas = !self.canvas.is_empty();
        let request = pb::RankPainsRequest {
            filter: self.filter,
            attributes: self.attribute,
            canvas: self.canvas,
            language: self.lang,
        };
        let found = clients.leads().rank_pains(request).await?.into_inner();
        let leads = usize::try_from(found.lead_count).unwrap_or(0);
        outln!("{} of {}", counted(leads, "lead"), found.attributes.join(", "));
        if found.pains.is_empty() {
            return Ok(Done::Well);
        }
        let mut table =
            Table::new(&["pain", "weight", "leads", "fitting", "golden", "answered by"], &[1, 2, 3, 4]);
        for pain in found.pains.iter().take(self.limit) {
            let answer = match pain.answers.first() {
                Some(answer) => answer.text.clone(),
                None if has_canvas => "nothing".to_owned(),
                None => String::new(),
            };
            table.row([
                pain.pain.clone(),
                format!("{:.0} %", pain.share * 100.0),
                pain.lead_count.to_string(),
                pain.fitting_count.to_string(),
                pain.golden_count.to_string(),
                answer,
            ]);
        }
        out!("{}", table.render());
        outln!("\n{}", bold("What to write about"));
        for topic in found.pains.iter().take(3).flat_map(|pain| pain.topics.first()) {
            outln!("  {}", plain(topic));
        }
        Ok(Done::Well)
    }
}
