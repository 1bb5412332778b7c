//! Scores a company that is not stored, and prints why.
//!
//! `cargo run --example score -- http://127.0.0.1:50051`

use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use assay::grpc::pb::{self, score_lead_request};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:50051".into());
    let mut scoring = ScoringServiceClient::connect(url).await?;
    let company = pb::Company {
        display_name: "Acme".into(),
        industry: "heating".into(),
        employees: Some(120),
        ..Default::default()
    };
    let lead = pb::Lead { subject: Some(pb::lead::Subject::Company(company)), ..Default::default() };
    let inline = pb::InlineLead { lead: Some(lead), activities: vec![] };
    let profile = pb::Profile {
        display_name: "Mid-market".into(),
        size_bands: vec![pb::SizeBand {
            min: 50,
            max: Some(500),
            points_hundredths: 1_400,
            ..Default::default()
        }],
        ..Default::default()
    };
    let request = pb::ScoreLeadRequest {
        subject: Some(score_lead_request::Subject::Inline(inline)),
        profile_choice: Some(score_lead_request::ProfileChoice::InlineProfile(profile)),
        ..Default::default()
    };
    let score = scoring.score_lead(request).await?.into_inner();
    println!("{} points, {:?}", score.total_hundredths as f64 / 100.0, score.status());
    for entry in score.contributions {
        println!("{:+.2} {}", entry.points_hundredths as f64 / 100.0, entry.reason);
    }
    Ok(())
}
