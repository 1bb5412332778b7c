//! `assay leads move`

use clap::{Args, ValueEnum};

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::outln;
use crate::cli::table::plain;
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
    #[arg(value_name = "STAGE")]
    stage: Stage,
    /// Why, where it leaves its way: a code of facts.toml
    #[arg(long, default_value = "", value_name = "CODE")]
    reason: String,
    /// Who takes the step
    #[arg(long, default_value = "", value_name = "NAME")]
    author: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stage {
    Mql,
    Sal,
    Sql,
    Customer,
    Lost,
    Churned,
    Rejected,
    Recycled,
}

impl Stage {
    fn wire(self) -> pb::LeadStage {
        match self {
            Stage::Mql => pb::LeadStage::Mql,
            Stage::Sal => pb::LeadStage::Sal,
            Stage::Sql => pb::LeadStage::Sql,
            Stage::Customer => pb::LeadStage::Customer,
            Stage::Lost => pb::LeadStage::Lost,
            Stage::Churned => pb::LeadStage::Churned,
            Stage::Rejected => pb::LeadStage::Rejected,
            Stage::Recycled => pb::LeadStage::Recycled,
        }
    }
}

impl MoveVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::TransitionLeadRequest {
            name: self.lead,
            stage: self.stage.wire() as i32,
            reason: self.reason,
            change: Some(pb::Change { author: self.author, ..Default::default() }),
            ..Default::default()
        };
        let lead = clients.leads().transition_lead(request).await?.into_inner();
        let stage =
            self.stage.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let because =
            if lead.stage_reason.is_empty() { String::new() } else { format!(": {}", lead.stage_reason) };
        outln!("{} is {stage} now{}", lead.name, plain(&because));
        Ok(Done::Well)
    }
}
