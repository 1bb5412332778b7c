//! `assay leads tiers`

use anyhow::Context as _;
use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, counted};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
Potential is the mean of fit, contract value and how golden a customer is (renewals, purchases, payment, margin), as far as known.

Examples:
  assay leads tiers --tier personal=20 --tier team=200 --tier self-service
  assay leads tiers --tier personal=20 --tier team --golden-weight 3 --filter 'country = DE'")]
pub struct TiersVerb {
    /// A tier with its capacity, the one of most service first
    #[arg(long, required = true, value_name = "NAME[=N]")]
    tier: Vec<String>,
    /// Which customers count
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// How much the fit counts, relative to the others
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    fit_weight: f64,
    /// How much the contract's value counts
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    value_weight: f64,
    /// How much renewals, purchases, payment and margin count
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    golden_weight: f64,
    /// How many customers are shown
    #[arg(long, default_value_t = 30, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    server: ServerArg,
}

impl TiersVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let tiers = self.tier.iter().map(|text| tier(text)).collect::<anyhow::Result<Vec<_>>>()?;
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::AssignServiceTiersRequest {
            filter: self.filter,
            tiers,
            fit_weight: self.fit_weight,
            value_weight: self.value_weight,
            golden_weight: self.golden_weight,
        };
        let found = clients.leads().assign_service_tiers(request).await?.into_inner();
        let mut table =
            Table::new(&["customer", "tier", "potential", "grade", "fit", "a year", "golden"], &[2, 4, 5, 6]);
        let number = |n: Option<f64>, digits: usize| n.map(|n| format!("{n:.digits$}")).unwrap_or_default();
        for customer in found.customers.iter().take(self.limit) {
            let tier = if customer.tier.is_empty() { "none" } else { &customer.tier };
            table.row([
                customer.display_name.clone(),
                tier.to_owned(),
                format!("{:.2}", customer.potential),
                customer.grade.clone(),
                number(customer.fit, 0),
                number(customer.value, 0),
                number(customer.golden, 2),
            ]);
        }
        out!("{}", table.render());
        let all = usize::try_from(found.customer_count).unwrap_or(0);
        outln!("{}, {} of them without a tier", counted(all, "customer"), found.unserved_count);
        Ok(Done::Well)
    }
}

/// Reads `personal=20` or `self-service`.
fn tier(text: &str) -> anyhow::Result<pb::ServiceTier> {
    let Some((name, capacity)) = text.split_once('=') else {
        return Ok(pb::ServiceTier { name: text.to_owned(), capacity: None });
    };
    let capacity = capacity.parse().with_context(|| format!("--tier {text}: write it as personal=20"))?;
    Ok(pb::ServiceTier { name: name.to_owned(), capacity: Some(capacity) })
}
