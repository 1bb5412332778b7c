//! Gives the customers of most potential the most service, as far as there is capacity.

use super::{App, Invalid, Result};
use crate::domain::check::Checker;
use crate::domain::filter::Filter;
use crate::domain::lead::{CustomerStatus, LeadStage};
use crate::domain::listing::LEAD;
use crate::domain::service_tier::{Assigned, Candidate, PotentialWeights, Tier, assign};

/// The most customers that are shared out by one call.
const MAX_CUSTOMERS: usize = 100_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct TiersWanted {
    /// Which customers, as leads are listed; only those in the stage "customer" that have not churned count.
    pub filter: String,
    pub tiers: Vec<Tier>,
    pub weights: PotentialWeights,
}

impl App {
    pub async fn assign_service_tiers(&self, wanted: TiersWanted) -> Result<Vec<Assigned>> {
        let mut c = Checker::at("");
        let filter = Filter::read(&mut c, &wanted.filter, &LEAD);
        let filter = c.finish(filter)?;
        let mut candidates = Vec::new();
        let mut count = 0;
        self.walk_leads(filter, |record| {
            let content = &record.lead.content;
            let has_churned = content
                .customer
                .as_ref()
                .is_some_and(|customer| customer.status == Some(CustomerStatus::Churned));
            if content.stage == LeadStage::Customer && !has_churned {
                count += 1;
                if candidates.len() < MAX_CUSTOMERS {
                    candidates.push(Candidate::of(&record, &self.settings.currency));
                }
            }
        })
        .await?;
        if count > MAX_CUSTOMERS {
            let told = format!(
                "lets {count} customers pass: more than the {MAX_CUSTOMERS} that are shared out at once"
            );
            return Err(Invalid::one("filter", told).into());
        }
        Ok(assign(candidates, wanted.weights, &wanted.tiers))
    }
}
