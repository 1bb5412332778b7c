//! The way of leads from marketing through sales: steps with their reasons, the funnel, where grades and outcomes disagree, and
//! the leads that are handed over to learn from.

use assay::grpc::pb;
use tonic::Code;

use crate::support::process::assay;
use crate::support::{TestServer, failure, made};

/// Large companies are graded A, all others D; a second rule fires on farms alone.
const SCRIPT: &str = "\
rule \"large\" when employees >= 100 then 60 because \"{employees} people\";
rule \"farm\" when industry == \"Farming\" then 5 because \"a farm\";
grade \"A\" when total >= 50;
grade \"D\" otherwise;
";

async fn started() -> TestServer {
    let server = TestServer::with_script(SCRIPT).await;
    let profile = pb::Profile { scoring_script: "default".into(), ..made::profile() };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();
    server
}

/// Creates a lead and scores it.
async fn scored(server: &TestServer, id: &str, lead: pb::Lead) {
    let lead = pb::Lead { profile: "profiles/main".into(), ..lead };
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: id.into(), ..Default::default() };
    server.leads().create_lead(request).await.unwrap();
    let subject = Some(pb::score_lead_request::Subject::Lead(format!("leads/{id}")));
    let request = pb::ScoreLeadRequest { subject, record: true, ..Default::default() };
    server.scoring().score_lead(request).await.unwrap();
}

fn step(id: &str, stage: pb::LeadStage, reason: &str) -> pb::TransitionLeadRequest {
    pb::TransitionLeadRequest {
        name: format!("leads/{id}"),
        stage: stage as i32,
        reason: reason.into(),
        change: Some(pb::Change { author: "bo".into(), ..Default::default() }),
        ..Default::default()
    }
}

async fn go(server: &TestServer, id: &str, steps: &[(pb::LeadStage, &str)]) -> pb::Lead {
    let mut lead = pb::Lead::default();
    for (stage, reason) in steps {
        lead = server.leads().transition_lead(step(id, *stage, reason)).await.unwrap().into_inner();
    }
    lead
}

/// Runs the command line against the server.
fn told(server: &TestServer, arguments: &[&str]) -> String {
    let output = assay().args(arguments).args(["--server", &server.address]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_goes_its_way_with_reasons_and_who_and_when() {
    use pb::LeadStage::{Customer, Lost, Mql, New, Recycled, Rejected, Sal, Sql};
    let server = started().await;
    scored(&server, "acme", made::company("Acme", Some(120))).await;
    let refused = server.leads().transition_lead(step("acme", Sql, "")).await.unwrap_err();
    let told_of = "new can't become sql; it can become mql, rejected, recycled";
    assert!(refused.message().contains(told_of), "{refused:?}");
    let (code, reason, _) = failure::<()>(Err(refused));
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "ILLEGAL_STEP"));

    let lead = go(&server, "acme", &[(Mql, ""), (Sal, ""), (Sql, ""), (Lost, "no_budget")]).await;
    let outcome = lead.outcome.clone().unwrap();
    assert_eq!((outcome.kind(), outcome.reason.as_str()), (pb::OutcomeKind::Lost, "no_budget"));
    let last = lead.stage_changes.last().unwrap();
    assert_eq!(
        (last.from(), last.to(), last.actor.as_str(), last.reason.as_str()),
        (Sql, Lost, "bo", "no_budget")
    );
    // The history tells by which score the lead was judged.
    assert_eq!(
        (last.grade.as_str(), last.score.as_str()),
        ("A", lead.latest_score.as_ref().unwrap().score.as_str())
    );
    let lead =
        go(&server, "acme", &[(Recycled, "later"), (Mql, ""), (Sal, ""), (Sql, ""), (Customer, "")]).await;
    assert_eq!(lead.outcome.unwrap().kind(), pb::OutcomeKind::Won);
    assert_eq!(lead.customer.unwrap().status(), pb::CustomerStatus::Active);

    // A lead leaves its way for a reason that facts.toml declares for it, however it is told.
    scored(&server, "beta", made::company("Beta", Some(5))).await;
    go(&server, "beta", &[(Mql, "")]).await;
    for (wrong, hint) in [("", "one of"), ("no-budget", "\"no_budget\""), ("not_used", "no reason")] {
        let refused = server.leads().transition_lead(step("beta", Rejected, wrong)).await.unwrap_err();
        assert!(refused.message().contains(hint), "{refused:?}");
        assert_eq!(failure::<()>(Err(refused)).2, ["reason"]);
    }
    let update = async |stage: pb::LeadStage, reason: &str| {
        let lead = pb::Lead {
            name: "leads/beta".into(),
            stage: stage as i32,
            stage_reason: reason.into(),
            ..Default::default()
        };
        let request = pb::UpdateLeadRequest { lead: Some(lead), ..Default::default() };
        server.leads().update_lead(request).await
    };
    assert_eq!(failure(update(Customer, "").await).1, "ILLEGAL_STEP");
    assert_eq!(failure(update(Rejected, "").await).2, ["lead.stage_reason"]);
    let lead = update(Rejected, "no_need").await.unwrap().into_inner();
    assert_eq!(lead.stage_changes.last().unwrap().grade, "D");
    let back = failure(update(New, "").await);
    assert_eq!(back.1, "ILLEGAL_STEP");

    // Repeated under its id, a step is taken once.
    let again = pb::TransitionLeadRequest { request_id: "r1".into(), ..step("beta", Recycled, "later") };
    let first = server.leads().transition_lead(again.clone()).await.unwrap().into_inner();
    assert_eq!(server.leads().transition_lead(again).await.unwrap().into_inner(), first);
    let stale = pb::TransitionLeadRequest { etag: lead.etag, ..step("beta", Mql, "") };
    assert_eq!(failure(server.leads().transition_lead(stale).await).1, "ETAG_MISMATCH");
    let said = told(&server, &["leads", "move", "leads/beta", "rejected", "--reason", "no_need"]);
    assert_eq!(said, "leads/beta is rejected now: no_need\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_funnel_and_the_disagreements_of_stored_leads() {
    use pb::LeadStage::{Customer, Lost, Mql, Rejected, Sal, Sql};
    let server = started().await;
    let lead = |i: usize, employees: i64, industry: &str, source: &str| {
        let company = pb::Company {
            display_name: format!("Company {i:02}"),
            employees: Some(employees),
            industry: industry.into(),
            ..Default::default()
        };
        let subject = Some(pb::lead::Subject::Company(company));
        pb::Lead { subject, source: source.into(), ..Default::default() }
    };
    for i in 0..12 {
        // Of the large ones, farms are refused and the others come far; of the small ones one becomes a customer.
        let (id, is_large) = (format!("l{i:02}"), i % 2 == 0);
        let industry = if i % 4 == 0 { "Farming" } else { "Trades" };
        let source = if i < 6 { "fair" } else { "webinar" };
        scored(&server, &id, lead(i, if is_large { 200 } else { 8 }, industry, source)).await;
        match i {
            _ if i % 4 == 0 => go(&server, &id, &[(Mql, ""), (Rejected, "no_need")]).await,
            2 => go(&server, &id, &[(Mql, ""), (Sal, ""), (Sql, ""), (Customer, "")]).await,
            _ if is_large => go(&server, &id, &[(Mql, ""), (Sal, ""), (Lost, "competitor")]).await,
            3 => go(&server, &id, &[(Mql, ""), (Sal, ""), (Sql, ""), (Customer, "")]).await,
            5 => go(&server, &id, &[(Mql, ""), (Rejected, "too_small")]).await,
            _ => pb::Lead::default(),
        };
    }
    let request = pb::GetFunnelRequest {
        filter: String::new(),
        group_by: vec![pb::FunnelGroupBy::Grade as i32, pb::FunnelGroupBy::Source as i32],
    };
    let funnel = server.leads().get_funnel(request).await.unwrap().into_inner();
    let total = funnel.total.unwrap();
    assert_eq!(total.stages.iter().map(|stage| stage.reached_count).collect::<Vec<_>>(), [12, 8, 4, 2, 2]);
    let accepted = total.accepted.unwrap();
    assert_eq!((accepted.count, accepted.of, accepted.ratio), (4, 8, 0.5));
    assert!(accepted.low > 0.2 && accepted.high < 0.8);
    let keys: Vec<_> = funnel.groups.iter().map(|group| group.key.as_str()).collect();
    assert_eq!(keys, ["A", "D", "fair", "webinar"]);
    // What is told of some leads is what is told of a funnel of them alone.
    let only = pb::GetFunnelRequest { filter: "source = webinar".into(), group_by: Vec::new() };
    let alone = server.leads().get_funnel(only).await.unwrap().into_inner().total;
    assert_eq!(alone, funnel.groups[3].figures);

    let request = pb::ReportDisagreementsRequest { limit: 2, ..Default::default() };
    let report = server.leads().report_disagreements(request).await.unwrap().into_inner();
    let counts: Vec<_> =
        report.counts.iter().filter_map(|count| count.share).map(|s| (s.count, s.of)).collect();
    assert_eq!(counts, [(3, 6), (1, 2)]);
    let leads: Vec<_> =
        report.disagreements.iter().map(|found| (found.lead.as_str(), found.reason.as_str())).collect();
    assert_eq!(leads, [("leads/l08", "no_need"), ("leads/l04", "no_need"), ("leads/l03", "")]);
    // The rule that misleads stands first: it fired on all that were refused and on none that were taken.
    let rule = &report.rules[0];
    let shares = [rule.wrong.unwrap(), rule.right.unwrap()].map(|share| (share.count, share.of));
    assert_eq!((rule.rule.as_str(), shares), ("farm", [(3, 3), (0, 3)]));
    assert!(rule.lift > 6.0);

    let days = told(&server, &["leads", "funnel", "--by", "grade,source"]);
    insta::assert_snapshot!("funnel", days);
    insta::assert_snapshot!("disagreements", told(&server, &["leads", "disagreements"]));
    // However many there are, all are counted.
    let many = (0..2_500).map(|i| pb::UpsertLead {
        id: i.to_string(),
        lead: Some(made::with_id(made::company("Many", None), "many", &i.to_string())),
        ..Default::default()
    });
    let many: Vec<pb::UpsertLead> = many.collect();
    for items in many.chunks(1_000) {
        let request = pb::BatchUpsertLeadsRequest {
            system: "many".into(),
            items: items.to_vec(),
            ..Default::default()
        };
        server.leads().batch_upsert_leads(request).await.unwrap();
    }
    let all = server.leads().get_funnel(pb::GetFunnelRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.total.unwrap().lead_count, 2_512);
    let wrong = pb::ReportDisagreementsRequest { low_grades: vec!["A".into()], ..Default::default() };
    assert_eq!(failure(server.leads().report_disagreements(wrong).await).2, ["low_grades"]);
    let wrong = pb::GetFunnelRequest { filter: "gard = A".into(), group_by: vec![9] };
    assert_eq!(failure(server.leads().get_funnel(wrong).await).2, ["filter", "group_by[0]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_leads_of_low_grades_are_handed_over_with_their_odds() {
    let server = started().await;
    for i in 0..150 {
        scored(&server, &format!("s{i}"), made::company("Small", Some(3))).await;
    }
    scored(&server, "large", made::company("Large", Some(300))).await;
    let request = pb::ExploreLeadsRequest { share: 0.05, seed: "one".into(), limit: 3, ..Default::default() };
    let dry = pb::ExploreLeadsRequest { validate_only: true, limit: 0, ..request.clone() };
    let all = server.leads().explore_leads(dry).await.unwrap().into_inner();
    assert_eq!((all.considered_count, all.remaining_count, all.odds), (150, 0, 0.05));
    assert!((2..20).contains(&all.leads.len()), "{}", all.leads.len());
    // One call after another hands over just those, and then nobody.
    let mut drawn = Vec::new();
    for _ in 0..10 {
        drawn.append(&mut server.leads().explore_leads(request.clone()).await.unwrap().into_inner().leads);
    }
    assert_eq!(drawn, all.leads);
    let get = pb::GetLeadRequest { name: drawn[0].lead.clone(), revision: 0 };
    let lead = server.leads().get_lead(get).await.unwrap().into_inner();
    let change = lead.stage_changes.last().unwrap();
    assert_eq!(
        (lead.stage(), change.reason.as_str(), change.odds),
        (pb::LeadStage::Mql, "exploration", Some(0.05))
    );
    let funnel = server.leads().get_funnel(pb::GetFunnelRequest::default()).await.unwrap().into_inner();
    assert_eq!(funnel.total.unwrap().explored_count, drawn.len() as i64);
    let much = pb::ExploreLeadsRequest { share: 0.2, ..Default::default() };
    assert_eq!(failure(server.leads().explore_leads(much).await).2, ["share"]);
    let said = told(&server, &["leads", "explore", "--dry-run", "--seed", "one", "--share", "0.05"]);
    assert!(said.starts_with("0 of "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_told_its_best_profile_and_what_to_do_next() {
    let server = TestServer::start().await;
    let role = |role: &str, required| pb::DecisionRole { role: role.into(), required, ..Default::default() };
    let band = |min: i64, max: Option<i64>, served: pb::Served| pb::SizeBand {
        min,
        max,
        points_hundredths: 1_400,
        served: served as i32,
        ..Default::default()
    };
    let profiles = [
        ("large", vec![band(500, None, pb::Served::Now)], "FR"),
        (
            "trades",
            vec![band(20, Some(400), pb::Served::Now), band(400, Some(900), pb::Served::Costly)],
            "DE",
        ),
        ("tiny", vec![band(1, Some(20), pb::Served::Now)], "DE"),
    ];
    for (id, size_bands, country) in profiles {
        let profile = pb::Profile {
            display_name: id.to_uppercase(),
            scoring_script: "default".into(),
            size_bands,
            countries: vec![country.into()],
            decision_roles: vec![role("champion", false), role("budget_holder", true)],
            ..Default::default()
        };
        let request =
            pb::CreateProfileRequest { profile: Some(profile), profile_id: id.into(), ..Default::default() };
        server.profiles().create_profile(request).await.unwrap();
    }
    let an = pb::Contact {
        display_name: "An".into(),
        title: "CEO".into(),
        decision_role: "champion".into(),
        inbound: 2,
        ..Default::default()
    };
    let company = pb::Company {
        display_name: "Acme".into(),
        country: "DE".into(),
        employees: Some(120),
        ..Default::default()
    };
    let lead = pb::Lead {
        subject: Some(pb::lead::Subject::Company(company)),
        contacts: Some(pb::ContactList { contacts: vec![an] }),
        ..Default::default()
    };
    let request =
        pb::CreateLeadRequest { lead: Some(lead.clone()), lead_id: "acme".into(), ..Default::default() };
    server.leads().create_lead(request).await.unwrap();

    let subject = Some(pb::advise_lead_request::Subject::Lead("leads/acme".into()));
    let request = pb::AdviseLeadRequest { subject, ..Default::default() };
    let advice = server.scoring().advise_lead(request.clone()).await.unwrap().into_inner();
    let fits: Vec<_> = advice.fits.iter().map(|fit| fit.profile.as_str()).collect();
    assert_eq!(fits[0], "profiles/trades");
    assert_eq!(fits.len(), 3);
    // What scoring says of the best is what advice says of it.
    let score = pb::ScoreLeadRequest {
        subject: Some(pb::score_lead_request::Subject::Lead("leads/acme".into())),
        profile_choice: Some(pb::score_lead_request::ProfileChoice::Profile("profiles/trades".into())),
        as_of_time: advice.as_of_time,
        ..Default::default()
    };
    let score = server.scoring().score_lead(score).await.unwrap().into_inner();
    assert_eq!(
        (&advice.fits[0].grade, advice.fits[0].total_hundredths),
        (&score.grade, score.total_hundredths)
    );
    assert_eq!(advice.next_questions, score.next_questions);
    let codes: Vec<_> = advice.doubts.iter().map(|doubt| doubt.code.as_str()).collect();
    assert_eq!(codes, ["CEO_ONLY", "SINGLE_THREADED", "NO_BUDGET_HOLDER"]);
    let next = advice.next_role.unwrap();
    assert_eq!(
        (next.role.as_str(), next.required, next.meaning.as_str()),
        ("budget_holder", true, "Pays for it")
    );
    // By a profile for small firms alone, the lead is too large.
    let tiny =
        pb::AdviseLeadRequest { profiles: vec!["profiles/tiny".into()], language: "it".into(), ..request };
    let advice = server.scoring().advise_lead(tiny).await.unwrap().into_inner();
    assert_eq!((advice.fits.len(), advice.doubts[0].code.as_str()), (1, "OVERSIZED"));
    assert!(advice.doubts[0].text.starts_with("con 120 dipendenti"));
    // Facts that are not stored are judged alike.
    let inline = pb::InlineLead { lead: Some(lead), ..Default::default() };
    let subject = Some(pb::advise_lead_request::Subject::Inline(inline));
    let request = pb::AdviseLeadRequest { subject, ..Default::default() };
    let inline = server.scoring().advise_lead(request).await.unwrap().into_inner();
    assert_eq!(inline.fits.iter().map(|fit| fit.profile.as_str()).collect::<Vec<_>>(), fits);
    insta::assert_snapshot!("advice", told(&server, &["leads", "advise", "leads/acme"]));

    let nothing = pb::AdviseLeadRequest { profiles: vec!["p".into()], ..Default::default() };
    assert_eq!(failure(server.scoring().advise_lead(nothing).await).2, ["subject", "profiles[0]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pains_are_ranked_and_customers_get_their_tiers() {
    let server = started().await;
    let note = |id: &str, text: &str| pb::Note {
        id: id.into(),
        block: pb::Block::ValuePropositions as i32,
        text: text.into(),
        ..Default::default()
    };
    let canvas = pb::Canvas { notes: vec![note("routes", "Routes planned overnight")], ..made::canvas() };
    let request =
        pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id: "c".into(), ..Default::default() };
    server.canvases().create_canvas(request).await.unwrap();
    let fact = |words: &[&str]| pb::FactValue {
        value: Some(pb::Value {
            kind: Some(pb::value::Kind::List(pb::TextList {
                values: words.iter().map(ToString::to_string).collect(),
            })),
        }),
        ..Default::default()
    };
    let lead = |name: &str, employees: i64, words: &[&str]| {
        let mut lead = made::company(name, Some(employees));
        lead.attributes.insert("interests".into(), fact(words));
        lead
    };
    scored(&server, "a", lead("Large", 200, &["Planning routes", "Paper"])).await;
    scored(&server, "b", lead("Small", 3, &["Cheap", "paper"])).await;
    let renewal = pb::Renewal { time: made::ago(86_400), renewed: true };
    let money = |units| assay::grpc::pb::Money { currency_code: "EUR".into(), units, nanos: 0 };
    let customer = |value, renewed| pb::Customer {
        contract_value: Some(money(value)),
        renewals: vec![pb::Renewal { renewed, ..renewal }],
        ..Default::default()
    };
    for (id, value, renewed) in [("c", 9_000, true), ("d", 1_000, true), ("e", 500, false)] {
        let stage = pb::LeadStage::Customer as i32;
        let of = lead(&format!("Customer {id}"), 150, &["Planning routes"]);
        scored(&server, id, pb::Lead { stage, customer: Some(customer(value, renewed)), ..of }).await;
    }
    let request = pb::RankPainsRequest { canvas: "canvases/c".into(), ..Default::default() };
    let found = server.leads().rank_pains(request).await.unwrap().into_inner();
    assert_eq!((found.attributes, found.lead_count), (vec!["interests".to_owned()], 5));
    let pains: Vec<_> = found
        .pains
        .iter()
        .map(|p| (p.pain.as_str(), p.lead_count, p.fitting_count, p.answers.len()))
        .collect();
    assert_eq!(pains, [("Planning routes", 4, 4, 1), ("Paper", 2, 1, 0), ("Cheap", 1, 0, 0)]);
    let wrong = pb::RankPainsRequest { attributes: vec!["intrests".into()], ..Default::default() };
    assert_eq!(failure(server.leads().rank_pains(wrong).await).2, ["attributes[0]"]);
    insta::assert_snapshot!("pains", told(&server, &["leads", "pains", "--canvas", "canvases/c"]));

    let tier = |name: &str, capacity| pb::ServiceTier { name: name.into(), capacity };
    let tiers = vec![tier("personal", Some(1)), tier("team", Some(1))];
    let request = pb::AssignServiceTiersRequest { tiers, ..Default::default() };
    let found = server.leads().assign_service_tiers(request).await.unwrap().into_inner();
    let customers: Vec<_> = found.customers.iter().map(|of| (of.lead.as_str(), of.tier.as_str())).collect();
    assert_eq!(customers, [("leads/c", "personal"), ("leads/d", "team"), ("leads/e", "")]);
    assert_eq!((found.customer_count, found.unserved_count), (3, 1));
    let wrong = pb::AssignServiceTiersRequest { golden_weight: -1.0, ..Default::default() };
    assert_eq!(failure(server.leads().assign_service_tiers(wrong).await).2, ["tiers", "golden_weight"]);
    let said = told(&server, &["leads", "tiers", "--tier", "personal=1", "--tier", "self-service"]);
    assert!(said.ends_with("3 customers, 0 of them without a tier\n"), "{said}");
}
