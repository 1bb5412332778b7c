//! Rule sets as revisions: published, put in force on all replicas, rolled back; the guard, and the log of what was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use assay::app::guard::RulesMode;
use assay::config::Settings;
use assay::grpc::pb;
use prost::Message as _;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::postgres::database;
use crate::support::process::assay;
use crate::support::{TestServer, eventually, failure, inline, made, shipped};

fn files(script: &str) -> Vec<pb::RuleFile> {
    let facts = std::fs::read_to_string(shipped().join("facts.toml")).unwrap();
    let file = |path: &str, content: &str| pb::RuleFile { path: path.into(), content: content.into() };
    vec![file("facts.toml", &facts), file("lead_scoring/default.rhai", script)]
}

/// A server with one script that gives points to everyone.
async fn server(points: i32, settings: Settings) -> TestServer {
    let write = |scripts: &std::path::Path| {
        for file in files(&made::script(points)) {
            std::fs::create_dir_all(scripts.join(&file.path).parent().unwrap()).unwrap();
            std::fs::write(scripts.join(file.path), file.content).unwrap();
        }
    };
    let server = TestServer::start_with(write, settings).await;
    server.wait_for_health("", ServingStatus::Serving).await;
    server
}

fn store_mode() -> Settings {
    Settings { rules_mode: Some(RulesMode::Store), ..Settings::default() }
}

async fn publish(server: &TestServer, points: i32) -> String {
    let change = Some(pb::Change { author: "ann".into(), reason: format!("{points} points") });
    let request =
        pb::PublishRulesRequest { files: files(&made::script(points)), change, ..Default::default() };
    server.rules().publish_rules(request).await.unwrap().into_inner().rule_set
}

fn activation(name: &str) -> pb::ActivateRuleSetRequest {
    pb::ActivateRuleSetRequest { name: name.into(), ..Default::default() }
}

async fn points(server: &TestServer) -> (String, i64) {
    let score = server.scoring().score_lead(inline(made::company("Acme", None))).await.unwrap().into_inner();
    (score.rule_set, score.total_hundredths / 100)
}

async fn log(server: &TestServer) -> Vec<pb::RuleChange> {
    let page = server.rules().list_rule_changes(pb::ListRuleChangesRequest::default()).await.unwrap();
    page.into_inner().rule_changes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_activated_on_one_replica_is_in_force_on_all_and_can_be_rolled_back() {
    let database = database("rule_sets");
    let settings = || Settings { database: Some(database.clone()), ..store_mode() };
    // The first rules are those of whichever replica is first; the other's folder says something else.
    let a = server(10, settings()).await;
    let b = server(99, settings()).await;
    let first = points(&a).await;
    assert_eq!((first.1, points(&b).await), (10, first.clone()));

    let set = publish(&a, 20).await;
    assert_eq!(points(&b).await.1, 10, "publishing puts nothing in force");
    let expected = pb::ActivateRuleSetRequest { expected_rule_set: set.clone(), ..activation(&set) };
    assert_eq!(failure(b.rules().activate_rule_set(expected).await).1, "ETAG_MISMATCH");
    let request = pb::ActivateRuleSetRequest {
        expected_rule_set: first.0.clone(),
        change: Some(pb::Change { author: "bo".into(), reason: "agreed".into() }),
        request_id: "activate-1".into(),
        ..activation(&set)
    };
    let change = b.rules().activate_rule_set(request.clone()).await.unwrap().into_inner();
    assert_eq!((&change.rule_set, &change.former_rule_set), (&set, &first.0));
    assert_eq!(points(&b).await, (set.clone(), 20), "in force where it was asked for before it is answered");
    eventually(async || (points(&a).await.1 == 20).then_some(())).await;
    // Repeated on another replica, it is done once.
    assert_eq!(a.rules().activate_rule_set(request).await.unwrap().into_inner(), change);

    let third = publish(&b, 30).await;
    a.rules().activate_rule_set(activation(&third)).await.unwrap();
    let back = a.rules().rollback_rules(pb::RollbackRulesRequest::default()).await.unwrap().into_inner();
    assert_eq!((back.kind(), &back.rule_set), (pb::RuleChangeKind::RolledBack, &set));
    // Further back, and no further than the first.
    let back = a.rules().rollback_rules(pb::RollbackRulesRequest::default()).await.unwrap().into_inner();
    assert_eq!(back.rule_set, first.0);
    let (code, reason, _) = failure(a.rules().rollback_rules(pb::RollbackRulesRequest::default()).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "NOTHING_TO_ROLL_BACK"));
    eventually(async || (points(&b).await.1 == 10).then_some(())).await;
    // To a certain one, but only to one that was active once.
    let never = publish(&a, 40).await;
    let to = |name: &str| pb::RollbackRulesRequest { name: name.into(), ..Default::default() };
    assert_eq!(failure(a.rules().rollback_rules(to(&never)).await).1, "NOTHING_TO_ROLL_BACK");
    a.rules().rollback_rules(to(&third)).await.unwrap();

    // A replica that comes later goes by the store, whatever its folder says.
    let c = server(77, settings()).await;
    assert_eq!(points(&c).await, (third.clone(), 30));
    let kinds: Vec<i32> = log(&c).await.iter().rev().map(|change| change.kind).collect();
    use pb::RuleChangeKind::{Activated, Published, RolledBack};
    let done = [
        Activated, Published, Activated, Published, Activated, RolledBack, RolledBack, Published, RolledBack,
    ];
    assert_eq!(kinds, done.map(i32::from));
    let by = log(&c).await.into_iter().rev().nth(2).unwrap().change.unwrap();
    assert_eq!((by.author.as_str(), by.reason.as_str()), ("bo", "agreed"));

    // All sets are there, page by page, and each whole by its name.
    let mut request = pb::ListRuleSetsRequest { page_size: 3, ..Default::default() };
    let page = c.rules().list_rule_sets(request.clone()).await.unwrap().into_inner();
    request.page_token = page.next_page_token;
    let rest = c.rules().list_rule_sets(request).await.unwrap().into_inner();
    let names: Vec<&String> = page.rule_sets.iter().chain(&rest.rule_sets).map(|set| &set.name).collect();
    assert_eq!(names, [&never, &third, &set, &first.0]);
    assert!(page.rule_sets[0].last_in_force_time.is_none() && page.rule_sets[0].files.is_empty());
    assert_eq!(page.rule_sets[0].change.as_ref().unwrap().reason, "40 points");
    let whole = c.rules().get_rule_set(pb::GetRuleSetRequest { name: never.clone() }).await.unwrap();
    assert_eq!(whole.into_inner().files, files(&made::script(40)));
    let request = pb::DiffRuleSetsRequest { after: never, ..Default::default() };
    let differs = c.rules().diff_rule_sets(request).await.unwrap().into_inner();
    let part = &differs.statements[0].parts[0];
    assert_eq!((part.part.as_str(), part.before.as_str(), part.after.as_str()), ("then", "30", "40"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_come_into_force_is_refused_by_name() {
    let server = server(10, store_mode()).await;
    // A script that is broken, and one whose test fails.
    let broken = pb::PublishRulesRequest { files: files("rule \"x\" when"), ..Default::default() };
    let (code, reason, fields) = failure(server.rules().publish_rules(broken).await);
    assert_eq!(
        (code, reason.as_str(), fields.join(",")),
        (Code::InvalidArgument, "INVALID_FIELDS", "files".into())
    );
    let mut failing = files(&made::script(20));
    let test = "as_of = \"2026-06-01\"\n[[case]]\nname = \"all\"\nfacts = { employees = 3 }\nexpect = { total = 21 }\n";
    failing.push(pb::RuleFile { path: "lead_scoring/default.test.toml".into(), content: test.into() });
    let request = pb::PublishRulesRequest { files: failing.clone(), ..Default::default() };
    let refused = server.rules().publish_rules(request).await.unwrap_err();
    assert!(refused.message().contains("test-failed"), "{}", refused.message());
    // With the right one it is kept, together with its test.
    failing[2].content = test.replace("21", "20");
    let request = pb::PublishRulesRequest { files: failing.clone(), ..Default::default() };
    let name = server.rules().publish_rules(request).await.unwrap().into_inner().rule_set;
    let kept = server.rules().get_rule_set(pb::GetRuleSetRequest { name }).await.unwrap().into_inner();
    assert_eq!(kept.files, failing);

    let missing = format!("ruleSets/{}", "0".repeat(64));
    assert_eq!(failure(server.rules().activate_rule_set(activation(&missing)).await).0, Code::NotFound);
    let (_, reason, fields) = failure(server.rules().activate_rule_set(activation("ruleSets/x")).await);
    assert_eq!((reason.as_str(), fields.join(",")), ("INVALID_FIELDS", "name".into()));

    // A script that a profile names, or a canvas, can't vanish.
    let mut more = files(&made::script(30));
    let file = |path: &str, content: String| pb::RuleFile { path: path.into(), content };
    more.push(file("lead_scoring/other.rhai", made::script(1)));
    let factor = "factor \"size\" weight 100 is 1 because \"x\";\n";
    more.push(file("segment_priority/ranked.rhai", factor.into()));
    let request = pb::PublishRulesRequest { files: more, ..Default::default() };
    let with_more = server.rules().publish_rules(request).await.unwrap().into_inner().rule_set;
    server.rules().activate_rule_set(activation(&with_more)).await.unwrap();
    let without = publish(&server, 40).await;
    let canvas = pb::Canvas { priority_script: "ranked".into(), ..made::canvas() };
    let request =
        pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id: "main".into(), ..Default::default() };
    let canvas = server.canvases().create_canvas(request).await.unwrap().into_inner();
    let (code, reason, _) = failure(server.rules().activate_rule_set(activation(&without)).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "SCRIPT_IN_USE"));
    let request = pb::DeleteCanvasRequest { name: canvas.name, ..Default::default() };
    server.canvases().delete_canvas(request).await.unwrap();
    let profile = pb::Profile { scoring_script: "other".into(), ..made::profile() };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();
    let refused = server.rules().activate_rule_set(activation(&without)).await.unwrap_err();
    assert!(refused.message().contains("profiles/main"), "{}", refused.message());
    assert_eq!(points(&server).await.1, 30);

    // Where the folder decides, calls don't; what was loaded is written down all the same.
    let directory = TestServer::with_script(&made::script(10)).await;
    let request = pb::PublishRulesRequest { files: files(&made::script(20)), ..Default::default() };
    let (code, reason, _) = failure(directory.rules().publish_rules(request).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "RULES_FROM_DIRECTORY"));
    directory.write("lead_scoring/default.rhai", &made::script(11));
    eventually(async || (points(&directory).await.1 == 11).then_some(())).await;
    let loaded = log(&directory).await;
    assert!(loaded.len() == 2 && loaded.iter().all(|change| change.kind() == pb::RuleChangeKind::Loaded));
    let request = pb::ListRuleSetsRequest::default();
    assert_eq!(directory.rules().list_rule_sets(request).await.unwrap().into_inner().rule_sets.len(), 2);
}

async fn ended(server: &TestServer, started: pb::Operation) -> pb::Operation {
    let request = pb::WaitOperationRequest { name: started.name, timeout: None };
    let operation = server.operations().wait_operation(request).await.unwrap().into_inner();
    assert!(operation.done, "{operation:?}");
    operation
}

/// Ten leads that all get the same points.
async fn with_leads(server: &TestServer) {
    let profile = Some(made::profile());
    let request = pb::CreateProfileRequest { profile, profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();
    for i in 0..10 {
        let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", Some(i)) };
        let request = pb::CreateLeadRequest { lead: Some(lead), ..Default::default() };
        server.leads().create_lead(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_lets_an_activation_in_by_an_analysis_or_by_somebodys_word() {
    let settings = Settings { rules_guard: Some(5.0), ..store_mode() };
    let server = server(10, settings).await;
    with_leads(&server).await;
    assert_eq!(server.status().await.guard, Some(0.05));
    // From D to A for all: nobody knows, and then everybody does.
    let large = publish(&server, 90).await;
    let (code, reason, _) = failure(server.rules().activate_rule_set(activation(&large)).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "GUARDED"));
    let analyze = async |points: i32, filter: &str| {
        let files = files(&made::script(points));
        let request = pb::AnalyzeImpactRequest { files, filter: filter.into(), ..Default::default() };
        let started = server.rules().analyze_impact(request).await.unwrap().into_inner();
        ended(&server, started).await.name
    };
    let analysis = analyze(90, "").await;
    let request = pb::ActivateRuleSetRequest { analysis: analysis.clone(), ..activation(&large) };
    let refused = server.rules().activate_rule_set(request.clone()).await.unwrap_err();
    assert!(refused.message().contains("100.0 % of the leads"), "{}", refused.message());
    // An analysis of something else says nothing.
    let small = publish(&server, 11).await;
    for other in [analysis.clone(), analyze(11, "owner = nobody").await, "operations/nothing".into()] {
        let request = pb::ActivateRuleSetRequest { analysis: other, ..activation(&small) };
        server.rules().activate_rule_set(request).await.unwrap_err();
    }
    let analysis_of_small = analyze(11, "").await;
    let request = pb::ActivateRuleSetRequest { analysis: analysis_of_small, ..activation(&small) };
    let change = server.rules().activate_rule_set(request.clone()).await.unwrap().into_inner();
    assert_eq!(change.guard.unwrap().moved, Some(0.0));
    // It compared with what is not in force any more.
    let request = pb::ActivateRuleSetRequest { analysis, ..activation(&large) };
    assert_eq!(failure(server.rules().activate_rule_set(request).await).1, "GUARDED");
    let request = pb::ActivateRuleSetRequest { override_guard: true, ..activation(&large) };
    let change = server.rules().activate_rule_set(request).await.unwrap().into_inner();
    let guard = change.guard.unwrap();
    assert!(guard.is_overridden && guard.moved.is_none());
    // Back in a hurry: nobody is asked.
    server.rules().rollback_rules(pb::RollbackRulesRequest::default()).await.unwrap();
    assert_eq!(points(&server).await.1, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_the_guard_holds_back_waits_with_its_analysis_until_it_is_accepted() {
    let server = server(10, Settings { rules_guard: Some(5.0), ..Settings::default() }).await;
    with_leads(&server).await;
    server.write("lead_scoring/default.rhai", &made::script(11));
    eventually(async || (points(&server).await.1 == 11).then_some(())).await;

    server.write("lead_scoring/default.rhai", &made::script(90));
    let held = |status: &pb::RuleStatus| {
        status
            .pending
            .as_ref()
            .is_some_and(|pending| pending.diagnostics[0].message.contains("100.0 % of the leads"))
    };
    let (status, _) = server.wait_for_rules(held).await;
    assert_eq!(points(&server).await.1, 11, "what was in force goes on");
    let pending = status.pending.unwrap();
    let finding = &pending.diagnostics[0];
    assert_eq!(finding.code, "held-back");
    let operation = finding.help.split([' ', ';']).find(|word| word.starts_with("operations/")).unwrap();
    let request = pb::GetOperationRequest { name: operation.into() };
    let analysis = server.operations().get_operation(request).await.unwrap().into_inner();
    let Some(pb::operation::Result::Response(any)) = analysis.result else { panic!("{analysis:?}") };
    assert_eq!(pb::ImpactReport::decode(any.value.as_slice()).unwrap().changed_grade_count, 10);

    // As whoever edits would do it.
    let url = format!("http://{}", server.address);
    let asked = |args: &[&str]| assay().args(args).args(["--server", &url]).output().unwrap();
    let status = asked(&["rules", "status"]);
    let told = String::from_utf8(status.stdout).unwrap();
    assert!(!status.status.success() && told.contains("[held-back] 100.0 % of the leads"), "{told}");
    let other = pb::AcceptRulesRequest { name: format!("ruleSets/{}", "0".repeat(64)), ..Default::default() };
    assert_eq!(failure(server.rules().accept_rules(other).await).1, "NOTHING_HELD");
    let accepted = asked(&["rules", "accept", "--author", "ann", "--reason", "agreed"]);
    assert!(accepted.status.success(), "{accepted:?}");
    eventually(async || (points(&server).await.1 == 90).then_some(())).await;
    let log = log(&server).await;
    assert_eq!((log[0].kind(), log[1].kind()), (pb::RuleChangeKind::Loaded, pb::RuleChangeKind::Accepted));
    let guard = log[1].guard.as_ref().unwrap();
    assert!(guard.is_overridden && guard.moved == Some(1.0) && guard.analysis == operation);

    // Taken back, it comes into force by itself: nobody moves from what is found in force again.
    server.write("lead_scoring/default.rhai", &made::script(20));
    server.wait_for_rules(|status| status.pending.is_some()).await;
    server.write("lead_scoring/default.rhai", &made::script(90));
    server.wait_for_rules(|status| status.pending.is_none()).await;
}

/// How often rules are activated; ASSAY_TEST_ACTIVATIONS=10000 for the whole proof.
fn activations() -> u64 {
    let set = std::env::var("ASSAY_TEST_ACTIVATIONS").ok();
    set.map_or(200, |text| text.parse().expect("ASSAY_TEST_ACTIVATIONS is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_score_is_of_exactly_one_set_however_often_rules_change() {
    let server = Arc::new(server(10, store_mode()).await);
    let first = points(&server).await.0;
    let mut sets = vec![(first, 10)];
    for points in [20, 30] {
        sets.push((publish(&server, points).await, i64::from(points)));
    }
    let (stop, scored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (server, sets, stop, scored) = (server.clone(), sets.clone(), stop.clone(), scored.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let found = points(&server).await;
                    assert!(sets.contains(&found), "{found:?}");
                    scored.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 0..activations() {
        let (name, wanted) = &sets[usize::try_from(number % 3).unwrap()];
        server.rules().activate_rule_set(activation(name)).await.unwrap();
        assert_eq!(points(&server).await.1, *wanted);
    }
    stop.store(true, Ordering::Relaxed);
    tokio::time::timeout(Duration::from_secs(10), futures::future::join_all(callers))
        .await
        .unwrap()
        .into_iter()
        .for_each(|caller| caller.unwrap());
    println!("{} scores during {} activations", scored.load(Ordering::Relaxed), activations());
    assert!(scored.load(Ordering::Relaxed) > activations());
}

/// Scores a company of a size; of the even ones it is known that they were won, of others that they were lost.
async fn score_some(server: &TestServer, count: i64) {
    for employees in 0..count {
        let kind = if employees % 2 == 0 { pb::OutcomeKind::Won } else { pb::OutcomeKind::Lost };
        let outcome = Some(pb::Outcome { kind: kind as i32, ..Default::default() });
        let lead = pb::Lead { outcome, ..made::company("Acme", Some(employees)) };
        server.scoring().score_lead(inline(lead)).await.unwrap();
    }
}

const COUNTED: &str = "\
rule \"large\" when employees >= 50 then 20 because \"x\";
rule \"known\" when employees >= 0 then 10 because \"x\";
rule \"never\" when employees < 0 then 10 because \"x\";
rule \"budget\" when budget > 5 then 10 because \"x\";
grade \"A\" when total >= 30;
grade \"D\" otherwise;
";

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_evaluated_on_all_replicas_and_never_answered() {
    let database = database("shadow");
    let settings = || Settings { database: Some(database.clone()), ..Settings::default() };
    let (a, b) = (server(10, settings()).await, server(10, settings()).await);
    let (code, reason, _) = failure(a.rules().get_shadow(pb::GetShadowRequest {}).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "NO_SHADOW"));
    let start =
        |script: &str| pb::StartShadowRequest { files: files(script), share: 1.0, ..Default::default() };
    let broken = failure(a.rules().start_shadow(start("rule \"x\" when")).await);
    assert_eq!(broken.2, ["files"]);
    // It fails where the number is not known, and grades the large ones an A.
    let shadow = "rule \"all\" when subject_is_company then 12 because \"x\";\nrule \"large\" when employees >= 50 then 40 because \"x\";\n\
                  grade \"A\" when total >= 50;\ngrade \"D\" otherwise;\n";
    let started = a.rules().start_shadow(start(shadow)).await.unwrap().into_inner();
    assert_eq!(started.kind(), pb::RuleChangeKind::ShadowStarted);
    // The other replica follows; until both have compared something, leads are scored on both.
    let report = async || b.rules().get_shadow(pb::GetShadowRequest {}).await.unwrap().into_inner();
    eventually(async || {
        for server in [&a, &b] {
            let score = server.scoring().score_lead(inline(made::company("Acme", Some(60)))).await.unwrap();
            assert_eq!(score.into_inner().total_hundredths, 1_000, "what is answered is what is in force");
        }
        let found = report().await;
        (found.compared_count > 20).then_some(())
    })
    .await;
    let found = report().await;
    assert!(found.is_running && found.failed_count == 0, "{found:?}");
    assert_eq!(found.changed_grade_count, found.compared_count);
    let moved = &found.migration[0];
    assert_eq!((moved.before.as_str(), moved.after.as_str(), moved.count), ("D", "A", found.compared_count));
    let large = found.rules.iter().find(|rule| rule.rule == "large").unwrap();
    assert_eq!((large.fired_before, large.fired_after), (0, found.compared_count));

    let url = format!("http://{}", a.address);
    let asked = |args: &[&str]| {
        let output = assay().args(["rules", "shadow"]).args(args).args(["--server", &url]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (ok, told) = asked(&[]);
    assert!(ok && told.contains("goes on until") && told.contains("D      A"), "{told}");
    a.rules().stop_shadow(pb::StopShadowRequest::default()).await.unwrap();
    assert_eq!(failure(a.rules().stop_shadow(pb::StopShadowRequest::default()).await).1, "NO_SHADOW");
    assert!(asked(&[]).1.contains("has ended"));
    assert_eq!(
        a.rules().get_shadow(pb::GetShadowRequest {}).await.unwrap().into_inner().started,
        Some(started)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_did_is_counted_on_all_replicas_and_over_restarts() {
    let database = database("rule_counts");
    let write = |scripts: &std::path::Path| {
        for file in files(COUNTED) {
            std::fs::create_dir_all(scripts.join(&file.path).parent().unwrap()).unwrap();
            std::fs::write(scripts.join(file.path), file.content).unwrap();
        }
    };
    let replica = async || {
        let settings = Settings { database: Some(database.clone()), ..Settings::default() };
        let server = TestServer::start_with(write, settings).await;
        server.wait_for_health("", ServingStatus::Serving).await;
        server
    };
    let (a, b) = (replica().await, replica().await);
    score_some(&a, 100).await;
    score_some(&b, 50).await;
    // Whoever is stopped adds up what it counted.
    let count = async |server: &TestServer| {
        let found = server.rules().get_rule_counts(pb::GetRuleCountsRequest::default()).await.unwrap();
        found.into_inner().scripts.remove(0)
    };
    drop(b);
    let c = replica().await;
    eventually(async || Some(count(&c).await).filter(|found| found.scored_count >= 50)).await;
    count(&a).await;
    let found = count(&c).await;
    assert_eq!((found.scored_count, found.won_count, found.lost_count), (150, 75, 75));
    let told: Vec<_> = found
        .rules
        .iter()
        .map(|rule| (rule.rule.as_str(), rule.fired_count, rule.unknown_count, rule.verdict.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("budget", 0, 150, "never fires"),
            ("known", 150, 0, "always fires"),
            ("large", 50, 0, "carries no lift"),
            ("never", 0, 0, "never fires")
        ]
    );
    assert_eq!(found.rules[2].points_hundredths, 100_000);
    let output =
        assay().args(["rules", "counts", "--server", &format!("http://{}", c.address)]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("always fires"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_lets_nothing_in_that_a_save_would_not() {
    let database = database("guarded_start");
    let settings =
        || Settings { rules_guard: Some(5.0), database: Some(database.clone()), ..Settings::default() };
    let first = server(10, settings()).await;
    with_leads(&first).await;
    drop(first);
    // A process that starts with a folder by which all leads would move goes on by what was in force last.
    let second = server(90, settings()).await;
    let held = |status: &pb::RuleStatus| {
        status.pending.as_ref().is_some_and(|pending| pending.diagnostics[0].code == "held-back")
    };
    second.wait_for_rules(held).await;
    assert_eq!(points(&second).await.1, 10);
    // What moves nobody comes into force by itself.
    second.write("lead_scoring/default.rhai", &made::script(12));
    eventually(async || (points(&second).await.1 == 12).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_repeated_or_published_anew_loses_nothing() {
    let server = server(10, store_mode()).await;
    let first = points(&server).await.0;
    let with_test = |total: i32| {
        let mut files = files(&made::script(20));
        let test = format!(
            "as_of = \"2026-06-01\"\n[[case]]\nname = \"case {total}\"\nfacts = {{ employees = 3 }}\nexpect = {{ total = 20 }}\n"
        );
        files.push(pb::RuleFile { path: "lead_scoring/default.test.toml".into(), content: test });
        pb::PublishRulesRequest { files, ..Default::default() }
    };
    let set = server.rules().publish_rules(with_test(1)).await.unwrap().into_inner().rule_set;
    // Activated twice, as by a caller who did not hear the answer, it still goes back to what was before.
    server.rules().activate_rule_set(activation(&set)).await.unwrap();
    server.rules().activate_rule_set(activation(&set)).await.unwrap();
    let newer = with_test(2);
    server.rules().publish_rules(newer.clone()).await.unwrap();
    let back = server.rules().rollback_rules(pb::RollbackRulesRequest::default()).await.unwrap().into_inner();
    assert_eq!(back.rule_set, first);
    // The tests that were published last stay, whatever was compiled with the former ones.
    server.rules().activate_rule_set(activation(&set)).await.unwrap();
    let kept = server.rules().get_rule_set(pb::GetRuleSetRequest { name: set }).await.unwrap().into_inner();
    assert_eq!(kept.files, newer.files);
}
