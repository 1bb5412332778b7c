//! Work with the stored leads as a whole: their funnel, where grades and outcomes disagree, and their way.

mod advise;
mod disagreements;
mod explore;
mod funnel;
mod pains;
mod step;
mod tiers;
mod what_if;

use clap::Subcommand;

use super::{Done, export, import};

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  assay leads funnel --by grade,source                     how many come how far, how fast, and why others leave
  assay leads disagreements                                refused leads of grade A, customers of grade C, and the rules involved
  assay leads advise leads/acme                            its best profile, and what to do next
  assay leads whatif leads/acme --set urgency=now           what it would score
  assay leads ways leads/acme --to A                       how it would become an A
  assay leads move leads/acme rejected --reason no_budget  a step along the way, with its reason
  assay leads explore --dry-run                            which leads of low grades would be handed over to learn from")]
pub enum Leads {
    /// Tell how many leads come how far, how fast, what sales accepts, and why leads leave
    Funnel(funnel::FunnelVerb),
    /// Tell where marketing's grades and sales' experience disagree, and the rules involved
    Disagreements(disagreements::DisagreementsVerb),
    /// Tell which profile fits a lead best, what to ask and whom to reach next, and what is doubtful
    Advise(advise::AdviseVerb),
    /// Tell what a lead would score if some of its facts were others
    #[command(name = "whatif")]
    WhatIf(what_if::WhatIfVerb),
    /// Tell how a lead would reach a grade by the fewest changes, and what holds it back
    Ways(what_if::WaysVerb),
    /// Tell what leads that fit and golden customers need, what answers it, and what to write about
    Pains(pains::PainsVerb),
    /// Give the customers of most potential the most service, as far as there is capacity
    Tiers(tiers::TiersVerb),
    /// Take a lead a step along its way
    Move(step::MoveVerb),
    /// Hand over some new leads of low grades, drawn by chance, to learn whether such grades are right
    Explore(explore::ExploreVerb),
    /// Store the leads of a file in a server: the same as `assay import`
    Import(import::Import),
    /// Write stored leads, with their scores, into a file: the same as `assay export`
    Export(export::Export),
}

impl Leads {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            Leads::Funnel(verb) => verb.run().await,
            Leads::Disagreements(verb) => verb.run().await,
            Leads::Advise(verb) => verb.run().await,
            Leads::WhatIf(verb) => verb.run().await,
            Leads::Ways(verb) => verb.run().await,
            Leads::Pains(verb) => verb.run().await,
            Leads::Tiers(verb) => verb.run().await,
            Leads::Move(verb) => verb.run().await,
            Leads::Explore(verb) => verb.run().await,
            Leads::Import(verb) => verb.run().await,
            Leads::Export(verb) => verb.run().await,
        }
    }
}
