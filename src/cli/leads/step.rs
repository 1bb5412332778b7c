//! `assay leads move`

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::outln;
use crate::cli::table::plain;
use crate::domain::lead::LeadStage;
use crate::grpc::convert::WireEnum;
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
The way: new → mql → sal → sql → customer → churned. Sales rejects what it was given, or gives it back (recycled); from sal on a
lead can be lost. `assay rules facts` lists the reasons that facts.toml declares.

Examples:
  assay leads move leads/acme sal --author bo
  assay leads move leads/acme rejected --reason no_budget --author bo")]
pub struct MoveVerb {
    /// The lead
    #[arg(value_name = "LEAD")]
    lead: String,
    /// The stage that it comes to
    #[arg(value_name = "STAGE", value_parser = stage_words())]
    stage: String,
    /// Why, where it leaves its way: a code of facts.toml
    #[arg(long, default_value = "", value_name = "CODE")]
    reason: String,
    /// Who takes the step
    #[arg(long, default_value = "", value_name = "NAME")]
    author: String,
    #[command(flatten)]
    server: ServerArg,
}

/// The stages that a lead can come to: all but the first.
fn stage_words() -> PossibleValuesParser {
    let stages = LeadStage::ALL.into_iter().filter(|stage| *stage != LeadStage::New);
    PossibleValuesParser::new(stages.map(LeadStage::as_str).collect::<Vec<_>>())
}

impl MoveVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let stage = LeadStage::ALL.into_iter().find(|stage| stage.as_str() == self.stage);
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::TransitionLeadRequest {
            name: self.lead,
            stage: stage.map_or(0, WireEnum::outward),
            reason: self.reason,
            change: Some(pb::Change { author: self.author, ..Default::default() }),
            ..Default::default()
        };
        let lead = clients.leads().transition_lead(request).await?.into_inner();
        let because =
            if lead.stage_reason.is_empty() { String::new() } else { format!(": {}", lead.stage_reason) };
        outln!("{} is {} now{}", lead.name, self.stage, plain(&because));
        Ok(Done::Well)
    }
}
