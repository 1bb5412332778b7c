//! Work with ideal customer profiles.

mod accounts;
mod check;
mod derive;
mod html;
mod report;

use clap::Subcommand;

use super::Done;

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  assay profile derive leads.csv --outcome Converted     rules and a profile out of won and lost accounts
  assay profile check leads-icp/profile.json --lang vi    how it may mislead, and what helps")]
pub enum ProfileVerb {
    /// Learn from a file of won and lost accounts what sets the won ones apart
    Derive(Box<derive::Derive>),
    /// Tell how a profile may mislead: sizes, decision chain, age, detail
    Check(check::Check),
}

impl ProfileVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            ProfileVerb::Derive(verb) => verb.run(),
            ProfileVerb::Check(verb) => verb.run().await,
        }
    }
}
