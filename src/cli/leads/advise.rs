//! `assay leads advise`

use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::explain::could_find;
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, plain, points};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay leads advise leads/acme
  assay leads advise leads/acme --profile profiles/trades --profile profiles/clinics --lang vi")]
pub struct AdviseVerb {
    /// The lead
    #[arg(value_name = "LEAD")]
    lead: String,
    /// The profiles to compare [default: all there are]
    #[arg(long, value_name = "PROFILE")]
    profile: Vec<String>,
    /// The language of the texts: en, vi, zh, ar or it
    #[arg(long, default_value = "en", value_name = "LANG")]
    lang: String,
    #[command(flatten)]
    server: ServerArg,
}

impl AdviseVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::AdviseLeadRequest {
            subject: Some(pb::advise_lead_request::Subject::Lead(self.lead)),
            profiles: self.profile,
            language: self.lang,
            as_of_time: None,
        };
        let advice = clients.scoring().advise_lead(request).await?.into_inner();
        let mut table =
            Table::new(&["profile", "grade", "points", "fit", "engagement", "mostly because"], &[2, 3, 4]);
        for fit in &advice.fits {
            let grade = match fit.status() {
                pb::ScoreStatus::Scored => fit.grade.clone(),
                pb::ScoreStatus::Disqualified => "out".into(),
                pb::ScoreStatus::InsufficientData => "too little known".into(),
                pb::ScoreStatus::Unspecified => "failed".into(),
            };
            let figures = [fit.total_hundredths, fit.fit_hundredths, fit.engagement_hundredths].map(points);
            let why = if fit.failure.is_empty() { fit.reasons.join("; ") } else { fit.failure.clone() };
            table.row([fit.display_name.clone(), grade].into_iter().chain(figures).chain([why]));
        }
        out!("{}", table.render());
        if let Some(next) = &advice.next_role {
            let meaning =
                if next.meaning.is_empty() { String::new() } else { format!(" ({})", next.meaning) };
            outln!(
                "\n{} {}{}: {}",
                bold("Whom to reach next:"),
                next.role,
                plain(&meaning),
                plain(&next.text)
            );
        }
        if !advice.next_questions.is_empty() {
            outln!("\n{}", bold("What to ask next"));
            out!("{}", could_find(&advice.next_questions));
        }
        if !advice.doubts.is_empty() {
            outln!("\n{}", bold("What is doubtful"));
            for doubt in &advice.doubts {
                outln!("  {}  [{}]\n  → {}", plain(&doubt.text), doubt.code, doubt.remedy);
            }
        }
        Ok(Done::Well)
    }
}
