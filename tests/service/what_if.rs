//! What a lead would score if facts were others, and how it reaches a grade.

use assay::grpc::pb;
use tonic::Code;

use crate::support::process::assay;
use crate::support::{TestServer, failure, made};

const SCRIPT: &str = "\
rule \"large\" when employees >= 100 then 30 because \"{employees} people\";
rule \"urgent\" when urgency == \"now\" then 20 because \"wants it now\";
rule \"met\" when activity(\"meeting\").count > 0 then 10 because \"there was a meeting\";
rule \"far\" when country == \"AU\" then -5 because \"far away\";
grade \"A\" when total >= 50;
grade \"B\" when total >= 25;
grade \"D\" otherwise;
";

fn number(number: f64) -> Option<pb::Value> {
    Some(pb::Value { kind: Some(pb::value::Kind::Number(number)) })
}

fn text(text: &str) -> Option<pb::Value> {
    Some(pb::Value { kind: Some(pb::value::Kind::Text(text.into())) })
}

fn of(lead: &str) -> Option<pb::ScoreLeadRequest> {
    let subject = Some(pb::score_lead_request::Subject::Lead(lead.into()));
    Some(pb::ScoreLeadRequest { subject, ..Default::default() })
}

async fn server_with_a_lead() -> TestServer {
    let server = TestServer::with_script(SCRIPT).await;
    let profile = Some(made::profile());
    let request = pb::CreateProfileRequest { profile, profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();
    let mut lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", Some(120)) };
    if let Some(pb::lead::Subject::Company(company)) = &mut lead.subject {
        company.country = "AU".into();
    }
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: "acme".into(), ..Default::default() };
    server.leads().create_lead(request).await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_scored_as_it_would_be_and_nothing_is_kept() {
    let server = server_with_a_lead().await;
    let facts = [("country", text("DE")), ("urgency", text("now"))];
    let facts = facts.map(|(fact, value)| pb::FactChange { fact: fact.into(), value });
    let meeting = pb::Activity { r#type: "meeting".into(), time: made::ago(60), ..Default::default() };
    let request = pb::WhatIfRequest {
        score: of("leads/acme"),
        facts: facts.into(),
        activities: vec![meeting],
        ..Default::default()
    };
    let answer = server.scoring().what_if(request.clone()).await.unwrap().into_inner();
    let (before, after) = (answer.before.unwrap(), answer.after.unwrap());
    assert_eq!((before.total_hundredths, before.grade.as_str()), (2_500, "B"));
    assert_eq!((after.total_hundredths, after.grade.as_str()), (6_000, "A"));
    let lead = pb::GetLeadRequest { name: "leads/acme".into(), revision: 0 };
    let lead = server.leads().get_lead(lead).await.unwrap().into_inner();
    assert!(lead.revision == 1 && lead.latest_score.is_none());

    // Everything that is wrong is told, by the place in the request.
    let wrong = [("employes", number(3.0)), ("urgency", text("soon")), ("employees", text("many"))];
    let facts = wrong.map(|(fact, value)| pb::FactChange { fact: fact.into(), value }).into();
    let request = pb::WhatIfRequest { facts, ..request };
    let (code, reason, fields) = failure(server.scoring().what_if(request.clone()).await);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    assert_eq!(fields, ["facts[employes]", "facts[employees]"]);
    let recorded = pb::ScoreLeadRequest { record: true, ..of("leads/acme").unwrap() };
    let request = pb::WhatIfRequest { score: Some(recorded), ..Default::default() };
    assert_eq!(failure(server.scoring().what_if(request).await).2, ["score.record"]);
    assert_eq!(failure(server.scoring().what_if(pb::WhatIfRequest::default()).await).2, ["score"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ways_to_a_grade_are_told_and_each_leads_there() {
    let server = server_with_a_lead().await;
    let request = pb::FindWaysToGradeRequest { score: of("leads/acme"), grade: "A".into() };
    let found = server.scoring().find_ways_to_grade(request.clone()).await.unwrap().into_inner();
    assert!(found.is_complete && !found.is_reached);
    assert_eq!(found.holding_back[0].rule, "far");
    // What is proposed, asked of WhatIf, leads there.
    let way = &found.ways[0];
    let mut facts = Vec::new();
    let mut activities = Vec::new();
    for step in &way.steps {
        match step.kind.clone().unwrap() {
            pb::step::Kind::Fact(change) => facts.push(change),
            pb::step::Kind::Activities(more) => activities.extend((0..more.count).map(|_| pb::Activity {
                r#type: more.r#type.clone(),
                time: made::ago(0),
                ..Default::default()
            })),
            pb::step::Kind::ReachedRole(role) => panic!("no rule asks who is reached: {role}"),
        }
    }
    assert_eq!((facts.len(), activities.len()), (1, 1), "{way:?}");
    let asked = pb::WhatIfRequest { score: of("leads/acme"), facts, activities, ..Default::default() };
    let after = server.scoring().what_if(asked).await.unwrap().into_inner().after.unwrap();
    assert_eq!((after.grade, after.total_hundredths), (way.grade.clone(), way.total_hundredths));

    let unknown = pb::FindWaysToGradeRequest { grade: "Z".into(), ..request };
    assert_eq!(failure(server.scoring().find_ways_to_grade(unknown).await).2, ["grade"]);

    // As a person asks.
    let url = format!("http://{}", server.address);
    let asked = |args: &[&str]| {
        let output = assay().args(["leads"]).args(args).args(["--server", &url]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (ok, told) = asked(&["ways", "leads/acme"]);
    assert!(ok && told.contains("1. urgency is now, and one more meeting"), "{told}");
    let (ok, told) = asked(&["ways", "leads/acme", "--to", "B"]);
    assert!(ok && told.contains("That is B or better already."), "{told}");
    let (ok, told) = asked(&["whatif", "leads/acme", "--set", "urgency=now", "--set", "country=DE"]);
    assert!(ok && told.contains("B (25 points) → A (50 points)"), "{told}");
    assert!(told.contains("urgent") && told.contains("+20") && !told.contains("large"), "{told}");
}
