//! `assay leads disagreements`

use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, plain, signed};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
A rule's lift tells how much oftener it fires where the grade was wrong than where it was right: above 1 it misleads.

Examples:
  assay leads disagreements
  assay leads disagreements --high A,B --low D --filter 'source = webinar' --limit 20")]
pub struct DisagreementsVerb {
    /// Which leads count
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// The grades that promise much
    #[arg(long, value_delimiter = ',', default_value = "A", value_name = "GRADE,…")]
    high: Vec<String>,
    /// The grades that promise little
    #[arg(long, value_delimiter = ',', default_value = "C,D", value_name = "GRADE,…")]
    low: Vec<String>,
    /// How many leads of each kind are told, the newest first
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=1_000), value_name = "N")]
    limit: i32,
    #[command(flatten)]
    server: ServerArg,
}

impl DisagreementsVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let (high, low) = (self.high.join(" or "), self.low.join(" or "));
        let request = pb::ReportDisagreementsRequest {
            filter: self.filter,
            high_grades: self.high,
            low_grades: self.low,
            limit: self.limit,
        };
        let found = clients.leads().report_disagreements(request).await?.into_inner();
        for kind in [pb::DisagreementKind::RefusedHigh, pb::DisagreementKind::WonLow] {
            let counted = found.counts.iter().find(|count| count.kind() == kind);
            let share = counted.and_then(|count| count.share).unwrap_or_default();
            let title = match kind {
                pb::DisagreementKind::WonLow => {
                    format!("Customers of grade {low}: {} of {}", share.count, share.of)
                }
                _ => format!("Leads of grade {high} that sales refused: {} of {}", share.count, share.of),
            };
            outln!("{}", bold(&title));
            let leads = found.disagreements.iter().filter(|lead| lead.kind() == kind).collect::<Vec<_>>();
            if leads.is_empty() {
                outln!();
                continue;
            }
            out!("{}", leads_table(&leads));
            let rules = found.rules.iter().filter(|rule| rule.kind() == kind).take(8).collect::<Vec<_>>();
            if !rules.is_empty() {
                out!("\n{}", rules_table(&rules));
            }
            outln!();
        }
        Ok(Done::Well)
    }
}

fn leads_table(leads: &[&pb::Disagreement]) -> String {
    let mut table = Table::new(&["lead", "name", "grade", "reason", "by", "rules that fired"], &[]);
    for lead in leads {
        // The strongest say most.
        let mut rules: Vec<&pb::FiredRule> = lead.rules.iter().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.points_hundredths.abs()));
        let told =
            rules.iter().take(3).map(|rule| format!("{} {}", rule.rule, signed(rule.points_hundredths)));
        let told = told.collect::<Vec<_>>().join(", ");
        let of =
            [&lead.lead, &lead.display_name, &lead.grade, &lead.reason, &lead.actor].map(|text| plain(text));
        table.row(of.into_iter().chain([told]));
    }
    table.render()
}

fn rules_table(rules: &[&pb::RuleDisagreement]) -> String {
    let mut table = Table::new(&["rule", "where wrong", "where right", "lift"], &[1, 2, 3]);
    let share = |share: Option<pb::Share>| {
        let share = share.unwrap_or_default();
        format!("{} of {}", share.count, share.of)
    };
    for rule in rules {
        table.row([rule.rule.clone(), share(rule.wrong), share(rule.right), format!("{:.2}", rule.lift)]);
    }
    table.render()
}
