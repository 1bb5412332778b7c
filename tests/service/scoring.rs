use assay::grpc::pb::{self, ContributionKind, score_lead_request, score_leads_response};
use prost::Message as _;
use tonic::Code;

use crate::support::{TestServer, failure, inline, made, within};

fn stored(name: &str, record: bool) -> pb::ScoreLeadRequest {
    let subject = Some(score_lead_request::Subject::Lead(name.into()));
    pb::ScoreLeadRequest { subject, record, ..Default::default() }
}

async fn create_lead(server: &TestServer, id: &str, lead: pb::Lead) -> pb::Lead {
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: id.into(), ..Default::default() };
    server.leads().create_lead(request).await.unwrap().into_inner()
}

async fn create_profile(server: &TestServer, profile: pb::Profile) {
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_says_why_and_adds_up() {
    let server = TestServer::start().await;
    let criterion = |fact: &str, expectation, points| pb::Criterion {
        fact: fact.into(),
        because: "It matters".into(),
        points_hundredths: points,
        expectation: Some(expectation),
        ..Default::default()
    };
    use pb::criterion::Expectation;
    let words = |word: &str| pb::TextList { values: vec![word.into()] };
    let profile = pb::Profile {
        criteria: vec![
            criterion("industry", Expectation::In(words("heating")), 2_000),
            criterion("employees", Expectation::AtLeast(50.0), 1_500),
            criterion("revenue", Expectation::AtLeast(1.0), 500),
        ],
        size_bands: vec![pb::SizeBand { min: 50, points_hundredths: 1_000, ..Default::default() }],
        ..made::profile()
    };
    let company = pb::Company {
        display_name: "Acme".into(),
        industry: "heating".into(),
        employees: Some(80),
        ..Default::default()
    };
    let lead = pb::Lead { subject: Some(pb::lead::Subject::Company(company)), ..Default::default() };
    let request = pb::ScoreLeadRequest {
        profile_choice: Some(score_lead_request::ProfileChoice::InlineProfile(profile)),
        ..inline(lead)
    };
    let answer = server.scoring().score_lead(request.clone()).await.unwrap();
    let pinned = answer.metadata().get("assay-rule-set").unwrap().to_str().unwrap().to_owned();
    let score = answer.into_inner();
    assert_eq!(score.rule_set, pinned);
    let total: i64 = score.contributions.iter().map(|c| c.points_hundredths).sum();
    assert_eq!(score.total_hundredths, total);
    let entries: Vec<_> =
        score.contributions.iter().map(|c| (c.kind(), c.rule.as_str(), c.points_hundredths)).collect();
    assert_eq!(
        entries[..4],
        [
            (ContributionKind::Criterion, "criterion-1", 2_000),
            (ContributionKind::Criterion, "criterion-2", 1_500),
            (ContributionKind::Cap, "criteria", -500),
            (ContributionKind::Rule, "size", 1_000),
        ]
    );
    let size = &score.contributions[3];
    assert_eq!(size.inputs["employees"].kind, Some(pb::value::Kind::Number(80.0)));
    let place = size.position.clone().unwrap();
    let script = std::fs::read_to_string(server.scripts.join(&place.file)).unwrap();
    assert!(script.lines().nth(place.line as usize - 1).unwrap().contains("rule \"size\""));
    assert!(score.unknowns.iter().any(|u| (u.rule.as_str(), u.fact.as_str()) == ("criterion-3", "revenue")));

    // Same facts, profile, rules and time: same bytes.
    let request = pb::ScoreLeadRequest { as_of_time: score.as_of_time, ..request };
    let again = server.scoring().score_lead(request).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), score.encode_to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_score_replays_the_same_bytes_for_ever() {
    let server = TestServer::start().await;
    create_profile(&server, made::profile()).await;
    let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", Some(80)) };
    let lead = create_lead(&server, "acme", lead).await;
    let visit =
        |ago| pb::Activity { r#type: "page_visit".into(), time: made::ago(ago), ..Default::default() };
    let record = async |activities| {
        let request =
            pb::RecordActivitiesRequest { lead: "leads/acme".into(), activities, ..Default::default() };
        server.leads().record_activities(request).await.unwrap();
    };
    record(vec![visit(86_400), visit(3_600)]).await;
    let score = server.scoring().score_lead(stored("leads/acme", true)).await.unwrap().into_inner();
    assert_eq!(score.name, "leads/acme/scores/1");
    let read = async || {
        let request = pb::GetLeadRequest { name: "leads/acme".into(), revision: 0 };
        server.leads().get_lead(request).await.unwrap().into_inner()
    };
    let latest = read().await.latest_score.unwrap();
    assert_eq!((latest.score.as_str(), latest.stale), ("leads/acme/scores/1", false));

    // Everything it depended on moves on.
    record(vec![pb::Activity { known_time: made::ago(7_200), ..visit(7_200) }]).await;
    assert!(read().await.latest_score.unwrap().stale);
    let mut changed = lead.clone();
    changed.owner = "an".into();
    changed.subject = made::company("Acme", Some(9_000)).subject;
    server
        .leads()
        .update_lead(pb::UpdateLeadRequest { lead: Some(changed), update_mask: None, ..Default::default() })
        .await
        .unwrap();
    let profile = pb::Profile {
        name: "profiles/main".into(),
        size_bands: vec![pb::SizeBand { min: 0, points_hundredths: 900, ..Default::default() }],
        ..made::profile()
    };
    server
        .profiles()
        .update_profile(pb::UpdateProfileRequest {
            profile: Some(profile),
            update_mask: None,
            ..Default::default()
        })
        .await
        .unwrap();
    server.write("lead_scoring/default.rhai", &made::script(99));
    server.wait_for_rules(|status| status.active.as_ref().unwrap().rule_set != score.rule_set).await;

    let request = pb::ReplayScoreRequest { name: score.name.clone() };
    let replayed = server.scoring().replay_score(request).await.unwrap().into_inner();
    assert_eq!(replayed.encode_to_vec(), score.encode_to_vec());
    let list = pb::ListScoresRequest { parent: "leads/acme".into(), ..Default::default() };
    let list = server.scoring().list_scores(list).await.unwrap().into_inner();
    assert_eq!(list.scores.as_slice(), std::slice::from_ref(&score));
    let set = pb::GetRuleSetRequest { name: score.rule_set.clone() };
    let set = server.rules().get_rule_set(set).await.unwrap().into_inner();
    assert_eq!(set.name, score.rule_set);
    assert!(set.scripts.iter().any(|script| script.rules.iter().any(|rule| rule.rule == "champion")));
    let now = server.scoring().score_lead(stored("leads/acme", false)).await.unwrap().into_inner();
    assert_ne!(now.total_hundredths, score.total_hundredths);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_says_what_the_unknown_could_still_make_of_it_unless_asked_not_to() {
    let script = "rule \"size\" when employees >= 50 then 20 because \"x\";\
                  rule \"known\" when country == \"DE\" then 5 because \"x\";\
                  grade \"A\" when total >= 20; grade \"B\" otherwise;";
    let server = TestServer::with_script(script).await;
    create_profile(&server, made::profile()).await;
    let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", None) };
    create_lead(&server, "acme", lead).await;
    let recorded = |view| pb::ScoreLeadRequest { view: view as i32, ..stored("leads/acme", true) };
    for view in [pb::ScoreView::Full, pb::ScoreView::Basic] {
        let score = server.scoring().score_lead(recorded(view)).await.unwrap().into_inner();
        let range = (score.low_hundredths, score.high_hundredths);
        let asked: Vec<&str> = score.next_questions.iter().map(|question| question.fact.as_str()).collect();
        match view {
            pb::ScoreView::Basic => assert_eq!((range, asked.len()), ((None, None), 0)),
            _ => {
                let country = made::company("Acme", None).subject.unwrap();
                let pb::lead::Subject::Company(company) = country else { unreachable!() };
                let least = if company.country == "DE" { 500 } else { 0 };
                assert_eq!(range.0, Some(least), "{score:?}");
                assert_eq!(asked[0], "employees");
                let question = &score.next_questions[0];
                assert_eq!((question.best_grade.as_str(), question.worst_grade.as_str()), ("A", "B"));
            }
        }
        let request = pb::ReplayScoreRequest { name: score.name.clone() };
        let replayed = server.scoring().replay_score(request).await.unwrap().into_inner();
        assert_eq!(replayed.encode_to_vec(), score.encode_to_vec());
    }
    let refused = pb::ScoreLeadRequest { view: 9, ..stored("leads/acme", false) };
    let (code, _, fields) = failure(server.scoring().score_lead(refused).await);
    assert_eq!((code, fields), (Code::InvalidArgument, vec!["view".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_known_at_a_time_are_scored() {
    let script = "rule \"size\" when employees > 0 then employees because \"x\";\
                  rule \"visits\" when true then activity(\"page_visit\").count * 1000 because \"x\";\
                  grade \"A\" otherwise;";
    let server = TestServer::with_script(script).await;
    create_profile(&server, made::profile()).await;
    let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", Some(1)) };
    let first = create_lead(&server, "acme", lead.clone()).await;
    let grown = pb::Lead { subject: made::company("Acme", Some(2)).subject, ..first.clone() };
    let request = pb::UpdateLeadRequest { lead: Some(grown), update_mask: None, ..Default::default() };
    let second = server.leads().update_lead(request).await.unwrap().into_inner();
    let visit = pb::Activity { r#type: "page_visit".into(), time: made::ago(86_400), ..Default::default() };
    let request = pb::RecordActivitiesRequest {
        lead: "leads/acme".into(),
        activities: vec![visit],
        ..Default::default()
    };
    server.leads().record_activities(request).await.unwrap();
    let at = async |time| {
        let request = pb::ScoreLeadRequest { as_of_time: time, ..stored("leads/acme", false) };
        server.scoring().score_lead(request).await.map(|answer| answer.into_inner().total_hundredths)
    };
    assert_eq!(at(None).await.unwrap(), 100_200);
    assert_eq!(at(second.update_time).await.unwrap(), 200, "the visit was not known yet");
    assert_eq!(at(first.update_time).await.unwrap(), 100);
    let (code, reason, _) = failure(at(made::ago(86_400)).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "NOT_KNOWN_THEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn customer_and_outcome_do_not_leak_into_a_score() {
    let server = TestServer::start().await;
    let mut lead = made::company("Acme", Some(80));
    let request = pb::ScoreLeadRequest { as_of_time: made::ago(0), ..inline(lead.clone()) };
    let plain = server.scoring().score_lead(request).await.unwrap().into_inner();
    lead.outcome = Some(pb::Outcome { kind: pb::OutcomeKind::Won as i32, ..Default::default() });
    lead.customer = Some(pb::Customer { margin: Some(0.9), ..Default::default() });
    let request = pb::ScoreLeadRequest { as_of_time: plain.as_of_time, ..inline(lead) };
    assert_eq!(server.scoring().score_lead(request).await.unwrap().into_inner(), plain);
    for name in ["outcome", "customer", "margin", "contract_value"] {
        let files = vec![pb::RuleFile {
            path: "lead_scoring/default.rhai".into(),
            content: format!("rule \"x\" when known({name}) then 1 because \"x\"; grade \"A\" otherwise;"),
        }];
        let checked = server.rules().check_rules(pb::CheckRulesRequest { files }).await.unwrap().into_inner();
        let codes: Vec<_> = checked.diagnostics.iter().map(|finding| finding.code.as_str()).collect();
        assert!(codes.contains(&"unknown-name"), "{name}: {codes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_in_order_with_errors_per_item_by_one_rule_set() {
    let script =
        "rule \"share\" when employees > 0 then 100 / (employees - 13) because \"x\"; grade \"A\" otherwise;";
    let server = TestServer::with_script(script).await;
    let (requests, outgoing) = tokio::sync::mpsc::channel(100);
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
    let item = |id: usize, request| pb::ScoreLeadsRequest { id: format!("{id}"), request: Some(request) };
    requests.send(item(0, inline(made::company("Acme", Some(14))))).await.unwrap();
    let answer = within(server.scoring().score_leads(outgoing)).await.unwrap();
    let pinned = answer.metadata().get("assay-rule-set").unwrap().to_str().unwrap().to_owned();
    let mut answers = answer.into_inner();
    assert_eq!(within(answers.message()).await.unwrap().unwrap().id, "0");

    // The rules change while the stream is open.
    server.write("lead_scoring/default.rhai", &made::script(1));
    server.wait_for_rules(|status| status.active.as_ref().unwrap().rule_set != pinned).await;
    requests.send(item(1, inline(made::company("Acme", Some(13))))).await.unwrap();
    requests.send(item(2, stored("leads/nobody", false))).await.unwrap();
    requests.send(item(3, pb::ScoreLeadRequest::default())).await.unwrap();
    requests.send(item(4, inline(made::company("Acme", Some(15))))).await.unwrap();
    drop(requests);
    let mut found = Vec::new();
    while let Some(answer) = within(answers.message()).await.unwrap() {
        found.push(match answer.result.unwrap() {
            score_leads_response::Result::Score(score) => {
                assert_eq!(score.rule_set, pinned);
                format!("{} {}", answer.id, score.total_hundredths)
            }
            score_leads_response::Result::Error(error) => format!("{} {}", answer.id, error.message),
        });
    }
    let failed = "rule \"share\" failed at lead_scoring/default.rhai:1:42: division by zero";
    assert_eq!(found[0], format!("1 {failed}"));
    assert_eq!(found[1], "2 leads/nobody does not exist");
    assert_eq!(found[2], "3 subject: is required: a lead or inline facts");
    assert_eq!(found[3], "4 5000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scored_says_why() {
    let server = TestServer::start().await;
    let lead = create_lead(&server, "acme", made::company("Acme", None)).await;
    let scored = async |request| failure(server.scoring().score_lead(request).await);
    let (code, reason, _) = scored(stored(&lead.name, false)).await;
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "NO_PROFILE"));
    let by = |profile: &str| pb::ScoreLeadRequest {
        profile_choice: Some(score_lead_request::ProfileChoice::Profile(profile.into())),
        ..stored("leads/acme", false)
    };
    assert_eq!(scored(by("profiles/none")).await.0, Code::NotFound);
    assert_eq!(scored(by("profile/x")).await.2, ["profile"]);
    let (_, reason, fields) =
        scored(pb::ScoreLeadRequest { record: true, ..inline(made::company("", None)) }).await;
    assert_eq!((reason.as_str(), fields.len()), ("INVALID_FIELDS", 3));

    // A script that a profile names can't be taken away.
    let rule_set = server.rule_set().await;
    server.write("lead_scoring/other.rhai", &made::script(1));
    server.wait_for_rules(|status| status.active.as_ref().unwrap().rule_set != rule_set).await;
    create_profile(&server, pb::Profile { scoring_script: "other".into(), ..made::profile() }).await;
    std::fs::remove_file(server.scripts.join("lead_scoring/other.rhai")).unwrap();
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    let finding = &status.pending.unwrap().diagnostics[0];
    assert_eq!((finding.code.as_str(), finding.file.as_str()), ("in-use", "lead_scoring/other.rhai"));
    assert!(finding.message.contains("profiles/main"), "{}", finding.message);
    server.scoring().score_lead(by("profiles/main")).await.unwrap();
    // Once no profile names it, the folder is good as it stands.
    let request = pb::DeleteProfileRequest { name: "profiles/main".into(), ..Default::default() };
    server.profiles().delete_profile(request).await.unwrap();
    server.wait_for_rules(|status| status.pending.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployments_profile_is_used_last() {
    let settings =
        assay::config::Settings { default_profile: Some("profiles/main".into()), ..Default::default() };
    let write = |scripts: &std::path::Path| crate::support::copy_dir(&crate::support::shipped(), scripts);
    let server = TestServer::start_with(write, settings).await;
    server.wait_for_health("", tonic_health::pb::health_check_response::ServingStatus::Serving).await;
    create_profile(&server, made::profile()).await;
    create_lead(&server, "acme", made::company("Acme", None)).await;
    let score = server.scoring().score_lead(stored("leads/acme", false)).await.unwrap().into_inner();
    assert_eq!((score.profile.as_str(), score.profile_revision), ("profiles/main", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_checked_without_being_loaded() {
    let server = TestServer::start().await;
    let before = server.rule_set().await;
    let file = |path: &str, content: String| pb::RuleFile { path: path.into(), content };
    let check = async |files| {
        server.rules().check_rules(pb::CheckRulesRequest { files }).await.map(|a| a.into_inner())
    };
    let good = check(vec![file("lead_scoring/default.rhai", made::script(5))]).await.unwrap();
    assert!(good.valid && good.rule_set.starts_with("ruleSets/"));
    let bad = check(vec![file(
        "lead_scoring/default.rhai",
        "rule \"x\" when employes > 1 then 1 because \"x\";".into(),
    )])
    .await;
    let bad = bad.unwrap();
    assert!(!bad.valid);
    let found: Vec<_> =
        bad.diagnostics.iter().map(|d| (d.code.as_str(), d.line, d.column, d.length)).collect();
    // That facts.toml is missing is told first.
    assert_eq!(
        found,
        [("bad-facts-toml", 0, 0, 0), ("missing-otherwise", 1, 1, 4), ("unknown-name", 1, 15, 8)]
    );
    assert_eq!(bad.diagnostics[2].help, "did you mean \"employees\"?");
    assert_eq!(failure(check(vec![]).await).2, ["files"]);
    assert_eq!(server.rule_set().await, before);
}
