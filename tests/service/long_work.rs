//! Long work as operations: profiles learnt from and reviewed by stored leads, retention; cancelled, taken over when a process
//! dies, and erased leads leave nothing in it.

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::operations_client::OperationsClient;
use assay::grpc::pb::profile_service_client::ProfileServiceClient;
use prost::Message as _;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::process::{Served, assay};
use crate::support::{TestServer, eventually, failure, made, postgres, sample, shipped};

/// A number that looks drawn, the same on every run.
fn drawn(row: u64, what: u64) -> f64 {
    let mut bits = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ what.wrapping_mul(0xD1B5_4A32_D192_ED03);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

const DAY: i64 = 86_400;

/// Leads of the last fifteen months with an outcome. Trades and middle sizes are won oftener; solar comes up in the last quarter,
/// in which a country no longer matters that did before.
fn lead(row: u64) -> pb::Lead {
    let age = (drawn(row, 1) * 440.0) as i64;
    let is_recent = age < 90;
    let industry = match drawn(row, 2) {
        part if part < if is_recent { 0.3 } else { 0.02 } => "Solar",
        part if part < 0.65 => "Trades",
        _ => "Retail",
    };
    let country = if drawn(row, 3) < 0.5 { "DE" } else { "FR" };
    let employees = libm::exp(drawn(row, 4) * 6.0 + 1.5) as i64;
    let odds = if industry == "Retail" { -1.3 } else { 0.9 }
        + if (50..600).contains(&employees) { 0.9 } else { -0.7 }
        + if country == "DE" && !is_recent { 0.9 } else { -0.4 };
    let won = drawn(row, 5) < 1.0 / (1.0 + libm::exp(-odds));
    let company = pb::Company {
        display_name: format!("Company {row}"),
        industry: industry.into(),
        country: country.into(),
        employees: Some(employees),
        ..Default::default()
    };
    let kind = if won { pb::OutcomeKind::Won } else { pb::OutcomeKind::Lost };
    let first_seen_time = made::ago(age * DAY + 3_600);
    let outcome = pb::Outcome { kind: kind as i32, time: first_seen_time, ..Default::default() };
    pb::Lead {
        subject: Some(pb::lead::Subject::Company(company)),
        profile: "profiles/main".into(),
        first_seen_time,
        outcome: Some(outcome),
        ..Default::default()
    }
}

fn criterion(id: &str, fact: &str, words: &[&str]) -> pb::Criterion {
    let words = pb::TextList { values: words.iter().map(ToString::to_string).collect() };
    pb::Criterion {
        id: id.into(),
        fact: fact.into(),
        expectation: Some(pb::criterion::Expectation::In(words)),
        points_hundredths: 1_000,
        because: format!("{id} counts"),
        ..Default::default()
    }
}

async fn filled(
    leads: &mut LeadServiceClient<Channel>,
    profiles: &mut ProfileServiceClient<Channel>,
    rows: u64,
) {
    let profile = pb::Profile {
        display_name: "Main".into(),
        scoring_script: "default".into(),
        industries: vec!["Trades".into()],
        criteria: vec![
            criterion("trades", "industry", &["Trades"]),
            criterion("germany", "country", &["DE"]),
        ],
        review: Some(pb::Review { cadence_days: 90, last_time: made::ago(120 * DAY), ..Default::default() }),
        ..Default::default()
    };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    profiles.create_profile(request).await.unwrap();
    for batch in 0..rows.div_ceil(500) {
        let items = (batch * 500..rows.min(batch * 500 + 500)).map(|row| {
            let id = row.to_string();
            pb::UpsertLead {
                id: id.clone(),
                lead: Some(made::with_id(lead(row), "crm", &id)),
                ..Default::default()
            }
        });
        let request = pb::BatchUpsertLeadsRequest {
            system: "crm".into(),
            items: items.collect(),
            ..Default::default()
        };
        leads.batch_upsert_leads(request).await.unwrap();
    }
}

fn metadata(operation: &pb::Operation) -> pb::OperationMetadata {
    pb::OperationMetadata::decode(operation.metadata.as_ref().unwrap().value.as_slice()).unwrap()
}

async fn ended(operations: &mut OperationsClient<Channel>, name: &str) -> pb::Operation {
    for _ in 0..12 {
        let request = pb::WaitOperationRequest { name: name.into(), timeout: None };
        let operation = operations.wait_operation(request).await.unwrap().into_inner();
        if operation.done {
            return operation;
        }
    }
    panic!("{name} does not end");
}

fn response<M: prost::Message + prost::Name + Default>(operation: &pb::Operation) -> M {
    match &operation.result {
        Some(pb::operation::Result::Response(any)) => {
            assert_eq!(any.type_url, format!("type.googleapis.com/{}", M::full_name()));
            M::decode(any.value.as_slice()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn told(server: &TestServer, arguments: &[&str]) -> (Option<i32>, String) {
    let output = assay().args(arguments).args(["--server", &server.address]).output().unwrap();
    let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), format!("{out}{errors}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_learnt_from_stored_leads_and_scores_them() {
    let server = TestServer::start().await;
    filled(&mut server.leads(), &mut server.profiles(), 1_500).await;
    let request = pb::DeriveProfileRequest { request_id: "r1".into(), seed: 1, ..Default::default() };
    let started = server.profiles().derive_profile(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        server.profiles().derive_profile(request).await.unwrap().into_inner().name,
        started.name,
        "done once"
    );
    let operation = ended(&mut server.operations(), &started.name).await;
    let derived: pb::DerivedProfile = response(&operation);
    let report = derived.report.clone().unwrap();
    assert_eq!(report.won + report.lost, 1_500);
    // It comes with tests of its own, which it passes.
    let facts = std::fs::read_to_string(server.scripts.join("facts.toml")).unwrap();
    let files = [
        ("facts.toml", &facts),
        ("lead_scoring/default.rhai", &derived.script),
        ("lead_scoring/default.test.toml", &derived.tests),
    ];
    let files = files.map(|(path, content)| pb::RuleFile { path: path.into(), content: content.clone() });
    assert!(derived.tests.matches("expect = ").count() > 10, "{}", derived.tests);
    let checked =
        server.rules().check_rules(pb::CheckRulesRequest { files: files.into() }).await.unwrap().into_inner();
    assert!(checked.valid, "{checked:?}");
    let verdict =
        |fact: &str| report.columns.iter().find(|column| column.fact == fact).map(|c| c.verdict.as_str());
    assert_eq!([verdict("industry"), verdict("employees"), verdict("country")], [Some("used"); 3]);
    assert!(report.unseen.unwrap().scorecard.unwrap().auc > 0.7);
    let metadata = metadata(&operation);
    assert_eq!(
        (metadata.kind.as_str(), metadata.state.as_str(), metadata.attempts),
        ("derive_profile", "done", 1)
    );

    // What was learnt is published and stored, and scores.
    server.write("lead_scoring/default.rhai", &derived.script);
    server.wait_for_rules(|status| status.pending.is_none()).await;
    let profile = pb::Profile { display_name: "Learnt".into(), ..derived.profile.unwrap() };
    assert!(!profile.size_bands.is_empty() || !profile.criteria.is_empty() || !profile.industries.is_empty());
    let request = pb::CreateProfileRequest {
        profile: Some(profile),
        profile_id: "learnt".into(),
        ..Default::default()
    };
    server.profiles().create_profile(request).await.unwrap();
    let score = async |industry: &str, employees: i64, country: &str| {
        let company = pb::Company {
            display_name: "New".into(),
            industry: industry.into(),
            country: country.into(),
            employees: Some(employees),
            ..Default::default()
        };
        let lead = pb::Lead { subject: Some(pb::lead::Subject::Company(company)), ..Default::default() };
        let inline = pb::InlineLead { lead: Some(lead), ..Default::default() };
        let request = pb::ScoreLeadRequest {
            subject: Some(pb::score_lead_request::Subject::Inline(inline)),
            profile_choice: Some(pb::score_lead_request::ProfileChoice::Profile("profiles/learnt".into())),
            ..Default::default()
        };
        server.scoring().score_lead(request).await.unwrap().into_inner().total_hundredths
    };
    assert!(score("Trades", 200, "DE").await > score("Retail", 5, "FR").await + 4_000);

    // Operations are listed, the newest first, and removed when they have ended.
    let listed =
        server.operations().list_operations(pb::ListOperationsRequest::default()).await.unwrap().into_inner();
    let listed = listed.operations.iter().find(|operation| operation.name == started.name).unwrap();
    assert_eq!((listed.done, &listed.result), (true, &None), "lists don't carry what came of it");
    let (code, body) = crate::support::http_get(&server.address, &format!("/v1/{}", started.name)).await;
    assert!(code == 200 && body.contains("type.googleapis.com/assay.v1.DerivedProfile"), "{code} {body}");
    server
        .operations()
        .delete_operation(pb::DeleteOperationRequest { name: started.name.clone() })
        .await
        .unwrap();
    let gone = server.operations().get_operation(pb::GetOperationRequest { name: started.name }).await;
    assert_eq!(failure(gone).0, Code::NotFound);
    let wrong = server.operations().get_operation(pb::GetOperationRequest { name: "leads/a".into() }).await;
    assert_eq!(failure(wrong).2, ["name"]);
    let wrong = pb::DeriveProfileRequest {
        filter: "gard = A".into(),
        points: 3,
        trusted_facts: vec!["staf".into()],
        ..Default::default()
    };
    assert_eq!(
        failure(server.profiles().derive_profile(wrong).await).2,
        ["filter", "points", "trusted_facts[0]"]
    );
    // Where nothing can be learnt, the operation says so.
    let nobody = pb::DeriveProfileRequest { filter: "country = XX".into(), ..Default::default() };
    let started = server.profiles().derive_profile(nobody).await.unwrap().into_inner();
    let failed = ended(&mut server.operations(), &started.name).await;
    match failed.result {
        Some(pb::operation::Result::Error(error)) => {
            assert_eq!(error.code, Code::FailedPrecondition as i32);
            assert!(error.message.contains("it takes both"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }

    let folder = server.scripts.parent().unwrap().join("icp");
    let out = folder.display().to_string();
    let (code, said) = told(&server, &["profile", "derive-stored", "--out", &out]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("industry") && folder.join("lead_scoring/default.rhai").exists(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_customers_are_told_from_ordinary_and_churned_ones() {
    let server = TestServer::start().await;
    let customer = |row: u64| {
        let is_trade = drawn(row, 2) < 0.5;
        // Trades renew, buy more and leave margin; others do so now and then.
        let is_golden = drawn(row, 3) < if is_trade { 0.75 } else { 0.2 };
        let renewal = |renewed| pb::Renewal { time: made::ago(30 * DAY), renewed };
        let purchase = pb::Purchase { time: made::ago(20 * DAY), amount: None };
        let status = if !is_golden && drawn(row, 4) < 0.5 {
            pb::CustomerStatus::Churned
        } else {
            pb::CustomerStatus::Active
        };
        let company = pb::Company {
            display_name: format!("Customer {row}"),
            industry: if is_trade { "Trades" } else { "Retail" }.into(),
            employees: Some(50 + (drawn(row, 5) * 500.0) as i64),
            ..Default::default()
        };
        let customer = pb::Customer {
            status: status as i32,
            renewals: vec![renewal(is_golden), renewal(true)],
            purchases: if is_golden { vec![purchase; 2] } else { Vec::new() },
            margin: Some(if is_golden { 0.4 } else { 0.1 }),
            paid_on_time: Some(if is_golden { 1.0 } else { 0.6 }),
            ..Default::default()
        };
        pb::Lead {
            subject: Some(pb::lead::Subject::Company(company)),
            customer: Some(customer),
            stage: pb::LeadStage::Customer as i32,
            contacts: Some(pb::ContactList {
                contacts: vec![pb::Contact {
                    id: "one".into(),
                    // Champions are reached where customers are golden; users anywhere.
                    decision_role: if drawn(row, 6) < if is_golden { 0.8 } else { 0.1 } {
                        "champion"
                    } else {
                        "user"
                    }
                    .into(),
                    inbound: 1,
                    ..Default::default()
                }],
            }),
            ..Default::default()
        }
    };
    let items = (0..400).map(|row| {
        let id = row.to_string();
        pb::UpsertLead {
            id: id.clone(),
            lead: Some(made::with_id(customer(row), "crm", &id)),
            ..Default::default()
        }
    });
    let request =
        pb::BatchUpsertLeadsRequest { system: "crm".into(), items: items.collect(), ..Default::default() };
    let results = server.leads().batch_upsert_leads(request).await.unwrap().into_inner().results;
    assert!(results.iter().all(|result| result.created), "{:?}", results[0]);
    let request =
        pb::DeriveProfileRequest { golden: Some(pb::GoldenWeights::default()), ..Default::default() };
    let started = server.profiles().derive_profile(request).await.unwrap().into_inner();
    let derived: pb::DerivedProfile = response(&ended(&mut server.operations(), &started.name).await);
    let report = derived.report.unwrap();
    assert_eq!(report.golden + report.ordinary + report.churned, 400);
    assert!(report.golden > 120 && report.ordinary > 50 && report.churned > 50, "{report:?}");
    assert_eq!(report.won, report.golden);
    let used: Vec<_> =
        report.columns.iter().filter(|column| column.verdict == "used").map(|c| c.fact.as_str()).collect();
    assert_eq!(used, ["industry"], "size has no effect");
    let roles: Vec<_> = report.roles.iter().map(|role| (role.role.as_str(), role.required)).collect();
    assert_eq!(roles, [("champion", true)]);
    let chain = &derived.profile.as_ref().unwrap().decision_roles;
    assert!(chain.len() == 1 && chain[0].role == "champion" && chain[0].required, "{chain:?}");
    assert!(derived.script.contains("Trades"), "{}", derived.script);
    let wrong = pb::GoldenWeights { renewals: -1.0, least: 2.0, ..Default::default() };
    let wrong = pb::DeriveProfileRequest { golden: Some(wrong), ..Default::default() };
    assert_eq!(
        failure(server.profiles().derive_profile(wrong).await).2,
        ["golden.renewals", "golden.renewals", "golden.least"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_reviewed_and_signed_off() {
    let server = TestServer::start().await;
    filled(&mut server.leads(), &mut server.profiles(), 3_000).await;
    let overdue =
        server.profiles().list_overdue_reviews(pb::ListOverdueReviewsRequest {}).await.unwrap().into_inner();
    assert_eq!((overdue.reviews[0].profile.as_str(), overdue.reviews[0].overdue_days), ("profiles/main", 30));

    let request = pb::ReviewProfileRequest { name: "profiles/main".into(), ..Default::default() };
    let started = server.profiles().review_profile(request.clone()).await.unwrap().into_inner();
    let review: pb::ProfileReview = response(&ended(&mut server.operations(), &started.name).await);
    assert_eq!(review.reference_count + review.recent_count, 3_000);
    assert!((400..900).contains(&review.recent_count), "{}", review.recent_count);
    let separation: Vec<_> =
        review.criteria.iter().map(|of| (of.criterion.as_str(), of.separation())).collect();
    assert_eq!(separation, [("trades", pb::Separation::Separates), ("germany", pb::Separation::NoLonger)]);
    assert_eq!((review.industries[0].industry.as_str(), review.industries[0].targeted), ("Solar", false));
    let proposed: Vec<_> =
        review.proposals.iter().map(|p| (p.id.as_str(), p.path.as_str(), p.after.as_str())).collect();
    assert_eq!(proposed, [("p1", "industries", "Solar"), ("p2", "criteria[\"germany\"]", "")]);

    // The same as a page, with the drift as pictures.
    let page = server.scripts.parent().unwrap().join("review.html");
    let args =
        ["profile", "review", "profiles/main", "--server", &server.address, "--html", page.to_str().unwrap()];
    let output = crate::support::process::assay().args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<td class=\"down\">no longer</td>") && page.contains("Solar"), "{page}");
    assert!(page.contains("</svg>") && !page.contains("http"), "{page}");

    let sign_off = pb::CompleteReviewRequest {
        name: "profiles/main".into(),
        operation: started.name.clone(),
        accepted: vec!["p1".into()],
        change: Some(pb::Change { author: "an".into(), reason: "autumn".into() }),
        ..Default::default()
    };
    let wrong = pb::CompleteReviewRequest { accepted: vec!["p1".into(), "p9".into()], ..sign_off.clone() };
    assert_eq!(failure(server.profiles().complete_review(wrong).await).2, ["accepted[1]"]);
    let wrong = pb::CompleteReviewRequest { operation: "operations/none".into(), ..sign_off.clone() };
    assert_eq!(failure(server.profiles().complete_review(wrong).await).0, Code::NotFound);
    let profile = server.profiles().complete_review(sign_off.clone()).await.unwrap().into_inner();
    assert_eq!(
        (profile.revision, &profile.industries[..]),
        (2, &["Trades".to_owned(), "Solar".to_owned()][..])
    );
    assert_eq!((profile.criteria.len(), profile.change.unwrap().author.as_str()), (2, "an"));
    let reviewed = profile.review.and_then(|review| review.last_time).unwrap();
    assert!(reviewed.seconds > made::ago(60).unwrap().seconds);
    // What it proposed was about the revision before.
    let again = failure(server.profiles().complete_review(sign_off).await);
    assert_eq!((again.0, again.1.as_str()), (Code::FailedPrecondition, "REVIEW_OUTDATED"));
    let overdue =
        server.profiles().list_overdue_reviews(pb::ListOverdueReviewsRequest {}).await.unwrap().into_inner();
    assert_eq!(overdue.reviews, []);

    let check = pb::CheckProfileRequest { name: "profiles/main".into(), ..Default::default() };
    let checked = server.profiles().check_profile(check).await.unwrap().into_inner();
    assert_eq!(checked.lead_count, 3_000);
    let trades = &checked.criteria[0];
    assert_eq!((trades.known.unwrap().ratio, trades.holds.unwrap().of), (1.0, 3_000));
    assert!(trades.won_where_holds.unwrap().low > trades.won_where_fails.unwrap().high);
    assert!(checked.doubts.iter().any(|doubt| doubt.code == "NO_SIZE_BANDS" && !doubt.remedy.is_empty()));
    let (code, said) = told(&server, &["profile", "check", "profiles/main"]);
    assert!(code == Some(1) && said.contains("NO_SIZE_BANDS") && said.contains("Of 3000 leads"), "{said}");
    let (code, said) = told(&server, &["profile", "overdue"]);
    assert_eq!((code, said.as_str()), (Some(0), "No review is due.\n"));
    let (code, said) = told(&server, &["profile", "review", "profiles/main"]);
    assert!(code == Some(0) && said.contains("germany") && said.contains("no longer"), "{said}");
    let operation = said.split_whitespace().find(|word| word.starts_with("operations/")).unwrap().to_owned();
    let sign_off =
        ["profile", "review", "profiles/main", "--sign-off", &operation, "--accept", "p1", "--author", "bo"];
    let (code, said) = told(&server, &sign_off);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "profiles/main is reviewed: revision 3, 1 proposal carried out\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_whose_time_is_over_are_erased() {
    let server = TestServer::start_with(
        |scripts| crate::support::copy_dir(&shipped(), scripts),
        assay::config::Settings { retention_days: Some(700), ..Default::default() },
    )
    .await;
    server.wait_for_health("", tonic_health::pb::health_check_response::ServingStatus::Serving).await;
    // It goes by itself every day, and once.
    let daily = async || {
        let listed = server.operations().list_operations(pb::ListOperationsRequest::default()).await.unwrap();
        let found = listed.into_inner().operations.into_iter();
        found.filter(|operation| operation.name.starts_with("operations/retention-")).collect::<Vec<_>>()
    };
    let is_done = |found: &Vec<pb::Operation>| found.iter().any(|operation| operation.done);
    eventually(async || Some(daily().await).filter(is_done)).await;
    let create = async |id: &str, lead: pb::Lead| {
        let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: id.into(), ..Default::default() };
        server.leads().create_lead(request).await.unwrap();
    };
    create("expired", pb::Lead { erase_after_time: made::ago(DAY), ..made::company("Old", None) }).await;
    create("kept", pb::Lead { erase_after_time: made::ago(-DAY), ..made::company("New", None) }).await;
    create("open", made::company("Open", None)).await;
    let run = async |validate_only| {
        let request = pb::ApplyRetentionRequest { validate_only, ..Default::default() };
        let started = server.leads().apply_retention(request).await.unwrap().into_inner();
        response::<pb::RetentionReport>(&ended(&mut server.operations(), &started.name).await)
    };
    let counted = run(true).await;
    assert_eq!((counted.considered_count, counted.expired_count, counted.silent_count), (3, 1, 0));
    assert_eq!(run(false).await.expired_count, 1);
    let left = server.leads().list_leads(pb::ListLeadsRequest::default()).await.unwrap().into_inner().leads;
    assert_eq!(left.iter().map(|lead| lead.name.as_str()).collect::<Vec<_>>(), ["leads/kept", "leads/open"]);
    assert_eq!(daily().await.len(), 1);
}

/// Work that takes its time: a hundred folds.
async fn started(profiles: &mut ProfileServiceClient<Channel>) -> String {
    let request = pb::DeriveProfileRequest { folds: 100, ..Default::default() };
    profiles.derive_profile(request).await.unwrap().into_inner().name
}

async fn clients(
    served: &Served,
) -> (LeadServiceClient<Channel>, ProfileServiceClient<Channel>, OperationsClient<Channel>) {
    let channel = Channel::from_shared(served.url()).unwrap().connect().await.unwrap();
    let (leads, profiles) =
        (LeadServiceClient::new(channel.clone()), ProfileServiceClient::new(channel.clone()));
    (leads, profiles, OperationsClient::new(channel))
}

/// Waits until somebody works on it, and has come some way.
async fn under_way(operations: &mut OperationsClient<Channel>, name: &str) {
    eventually(async || {
        let request = pb::GetOperationRequest { name: name.into() };
        let operation = operations.get_operation(request).await.unwrap().into_inner();
        assert!(!operation.done, "it was too quick for this test: {operation:?}");
        (metadata(&operation).state == "running").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_cancelled_and_taken_over_by_another_replica() {
    let database = postgres::database("long_work");
    let serve =
        || Served::start(database.as_ref(), &shipped(), &["--job-lease", "2s", "--drain-delay", "0s"]);
    let mut first = serve();
    let (mut leads, mut profiles, mut operations) = clients(&first).await;
    filled(&mut leads, &mut profiles, 4_000).await;

    let cancelled = started(&mut profiles).await;
    under_way(&mut operations, &cancelled).await;
    let early = operations.delete_operation(pb::DeleteOperationRequest { name: cancelled.clone() }).await;
    assert_eq!(failure(early).1, "STILL_RUNNING");
    operations.cancel_operation(pb::CancelOperationRequest { name: cancelled.clone() }).await.unwrap();
    match ended(&mut operations, &cancelled).await.result {
        Some(pb::operation::Result::Error(error)) => assert_eq!(error.code, Code::Cancelled as i32),
        other => panic!("{other:?}"),
    }

    // Killed in the middle of it: the other replica goes on when the lease has run out, and the answer is the same.
    let killed = started(&mut profiles).await;
    under_way(&mut operations, &killed).await;
    let mut second = serve();
    first.signal("-KILL");
    first.wait();
    let (_, mut profiles, mut operations) = clients(&second).await;
    let operation = ended(&mut operations, &killed).await;
    assert_eq!(metadata(&operation).attempts, 2);
    let derived: pb::DerivedProfile = response(&operation);
    assert_eq!(derived.report.unwrap().won + derived.undecided_count, derived_won());

    // Ended in order: it is left to others at once, without waiting for the lease.
    let left = started(&mut profiles).await;
    under_way(&mut operations, &left).await;
    let third = serve();
    second.signal("-TERM");
    assert!(second.wait().success());
    let (_, _, mut operations) = clients(&third).await;
    let operation = ended(&mut operations, &left).await;
    assert_eq!(metadata(&operation).attempts, 2);
    let metrics = crate::support::http_get(&third.admin, "/metrics").await.1;
    assert_eq!(sample(&metrics, "assay_jobs_ended_total{state=\"done\"}"), Some(1.0), "{metrics}");
    assert_eq!(sample(&metrics, "assay_reviews_overdue"), Some(1.0));
}

/// How many of the four thousand leads are won.
fn derived_won() -> i64 {
    let won = |row: &u64| lead(*row).outcome.unwrap().kind() == pb::OutcomeKind::Won;
    (0..4_000).filter(won).count() as i64
}
