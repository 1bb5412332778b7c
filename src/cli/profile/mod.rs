//! Work with ideal customer profiles.

mod accounts;
mod check;
mod derive;
mod derive_stored;
mod html;
mod report;
mod review;
mod review_html;

use clap::Subcommand;

use super::Done;

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  assay profile derive leads.csv --outcome Converted     rules and a profile out of won and lost accounts
  assay profile derive-stored --out icp                   the same from the leads that a server holds
  assay profile review profiles/main                      what has drifted since, and what to change
  assay profile check leads-icp/profile.json --lang vi    how it may mislead, and what helps")]
pub enum ProfileVerb {
    /// Learn from a file of won and lost accounts what sets the won ones apart
    Derive(Box<derive::Derive>),
    /// Learn from the leads that a server holds, or from its golden customers
    DeriveStored(derive_stored::DeriveStored),
    /// Look at a profile again: what has drifted, which criteria still hold, what to change
    Review(review::ReviewVerb),
    /// List the profiles whose review is due
    Overdue(review::OverdueVerb),
    /// Tell how a profile may mislead: sizes, decision chain, age, detail
    Check(check::Check),
}

impl ProfileVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            ProfileVerb::Derive(verb) => verb.run(),
            ProfileVerb::DeriveStored(verb) => verb.run().await,
            ProfileVerb::Review(verb) => verb.run().await,
            ProfileVerb::Overdue(verb) => verb.run().await,
            ProfileVerb::Check(verb) => verb.run().await,
        }
    }
}
