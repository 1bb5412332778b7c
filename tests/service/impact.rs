//! What rules would do before they are in force: on stored leads as an operation, and on a file alone.

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::operations_client::OperationsClient;
use assay::grpc::pb::profile_service_client::ProfileServiceClient;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use prost::Message as _;
use tonic::transport::Channel;

use crate::support::process::{Served, assay};
use crate::support::{TestServer, eventually, failure, made, postgres, shipped};

/// Companies of a hundred and more are graded A.
const BEFORE: &str = "\
rule \"large\" when employees >= 100 then 60 because \"{employees} people\";
rule \"german\" when country == \"DE\" then 10 because \"in Germany\";
grade \"A\" when total >= 50;
grade \"D\" otherwise;
";

/// Middle-sized ones are graded A too, farms are out, and the country does not count any more.
const AFTER: &str = "\
rule \"large\" when employees >= 40 then 60 because \"{employees} people\";
disqualify \"farm\" when industry == \"Farming\" because \"farms are not served\";
grade \"A\" when total >= 50;
grade \"D\" otherwise;
";

fn files(script: &str) -> Vec<pb::RuleFile> {
    let facts = std::fs::read_to_string(shipped().join("facts.toml")).unwrap();
    let file = |path: &str, content: &str| pb::RuleFile { path: path.into(), content: content.into() };
    vec![file("facts.toml", &facts), file("lead_scoring/default.rhai", script)]
}

fn company(i: i64) -> pb::Lead {
    let company = pb::Company {
        display_name: format!("Company {i:02}"),
        employees: Some(i * 10),
        country: if i % 2 == 0 { "DE" } else { "AT" }.into(),
        industry: if i == 15 { "Farming" } else { "Trades" }.into(),
        ..Default::default()
    };
    // Those of forty and more are won.
    let kind = if i >= 4 { pb::OutcomeKind::Won } else { pb::OutcomeKind::Lost };
    pb::Lead {
        subject: Some(pb::lead::Subject::Company(company)),
        owner: if i < 10 { "an" } else { "bo" }.into(),
        profile: "profiles/main".into(),
        outcome: Some(pb::Outcome { kind: kind as i32, ..Default::default() }),
        ..Default::default()
    }
}

async fn filled() -> TestServer {
    let server = TestServer::with_script(BEFORE).await;
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    server.profiles().create_profile(request).await.unwrap();
    for i in 1..=20 {
        let request = pb::CreateLeadRequest {
            lead: Some(company(i)),
            lead_id: format!("l{i:02}"),
            ..Default::default()
        };
        server.leads().create_lead(request).await.unwrap();
    }
    server
}

async fn ended(server: &TestServer, started: pb::Operation) -> pb::Operation {
    let request = pb::WaitOperationRequest { name: started.name, timeout: None };
    let operation = server.operations().wait_operation(request).await.unwrap().into_inner();
    assert!(operation.done, "{operation:?}");
    operation
}

fn report(operation: &pb::Operation) -> pb::ImpactReport {
    match &operation.result {
        Some(pb::operation::Result::Response(any)) => pb::ImpactReport::decode(any.value.as_slice()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_would_do_is_told_before_they_are_in_force() {
    let server = filled().await;
    let request = pb::AnalyzeImpactRequest { files: files(AFTER), ..Default::default() };
    let started = server.rules().analyze_impact(request.clone()).await.unwrap().into_inner();
    let operation = ended(&server, started.clone()).await;
    let found = report(&operation);
    // 4 to 9 rise; 15 is out. The points of Germany fall away from ten.
    assert_eq!((found.lead_count, found.changed_grade_count), (20, 7));
    let migration: Vec<_> =
        found.migration.iter().map(|of| (of.before.as_str(), of.after.as_str(), of.count)).collect();
    assert_eq!(migration, [("A", "A", 10), ("A", "disqualified", 1), ("D", "A", 6), ("D", "D", 3)]);
    assert_eq!((found.qualified_before, found.qualified_after), (11, 16));
    let rule = |name: &str| {
        found.rules.iter().find(|rule| rule.rule == name).map(|r| (r.fired_before, r.fired_after))
    };
    assert_eq!([rule("large"), rule("german")], [Some((11, 17)), Some((10, 0))]);
    assert_eq!(found.movers[0].lead, "leads/l15");
    let owner = found.groups.iter().find(|group| group.by == "owner" && group.key == "an").unwrap();
    assert_eq!((owner.lead_count, owner.better_count, owner.worse_count), (9, 6, 0));
    // With three lost ones there is too little to say which foretells better.
    assert_eq!(found.backtest_before, None);
    // The rules in force are still those.
    let lead = pb::score_lead_request::Subject::Lead("leads/l05".into());
    let score = pb::ScoreLeadRequest { subject: Some(lead), ..Default::default() };
    assert_eq!(server.scoring().score_lead(score).await.unwrap().into_inner().grade, "D");

    // Where only a rule differs, only those are scored twice on which it comes to something else: 10 to 18.
    let one_rule = BEFORE.replace("employees >= 100", "employees >= 190");
    let request_one = pb::AnalyzeImpactRequest { files: files(&one_rule), ..Default::default() };
    let started_one = server.rules().analyze_impact(request_one).await.unwrap().into_inner();
    let one = report(&ended(&server, started_one).await);
    assert_eq!((one.lead_count, one.changed_grade_count, one.scored_twice_count), (20, 9, 9));
    assert_eq!(found.scored_twice_count, 20);

    // Only some leads, and as they were known then: none of them existed a year ago.
    let some = pb::AnalyzeImpactRequest { filter: "owner = bo".into(), ..request.clone() };
    let started_some = server.rules().analyze_impact(some).await.unwrap().into_inner();
    assert_eq!(report(&ended(&server, started_some).await).lead_count, 11);
    let then = pb::AnalyzeImpactRequest { as_of_time: made::ago(365 * 86_400), ..request.clone() };
    let started_then = server.rules().analyze_impact(then).await.unwrap().into_inner();
    let then = report(&ended(&server, started_then).await);
    assert_eq!((then.lead_count, then.not_known_then_count), (0, 20));

    // Rules that can't be loaded, or that some lead makes fail.
    let broken = pb::AnalyzeImpactRequest {
        files: files("rule \"x\" when employes > 1 then 1 because \"x\";"),
        ..request.clone()
    };
    let refused = server.rules().analyze_impact(broken).await.unwrap_err();
    assert!(refused.message().contains("employes"), "{refused:?}");
    assert_eq!(failure::<()>(Err(refused)).2, ["files"]);
    let wrong = pb::AnalyzeImpactRequest { filter: "gard = A".into(), ..request };
    assert_eq!(failure(server.rules().analyze_impact(wrong).await).2, ["filter"]);

    // What tells of a lead is erased with it.
    let delete = pb::DeleteLeadRequest { name: "leads/l15".into(), ..Default::default() };
    server.leads().delete_lead(delete).await.unwrap();
    let get = pb::GetOperationRequest { name: started.name };
    match server.operations().get_operation(get).await.unwrap().into_inner().result {
        Some(pb::operation::Result::Error(error)) => assert!(error.message.contains("erased"), "{error:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_which_leads_would_move_and_why() {
    let server = filled().await;
    let folder = server.scripts.parent().unwrap().join("new");
    std::fs::create_dir_all(folder.join("lead_scoring")).unwrap();
    for file in files(AFTER) {
        std::fs::write(folder.join(&file.path), file.content).unwrap();
    }
    let run = |more: &[&str]| {
        let output = assay()
            .current_dir(server.scripts.parent().unwrap())
            .args(["rules", "impact", "new", "--capacity", "12"])
            .args(more)
            .output()
            .unwrap();
        let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), out, errors)
    };
    let (code, told, errors) =
        run(&["--server", &server.address, "--html", "impact.html", "--max-moved", "5"]);
    assert_eq!((code, errors.contains("35.0 %")), (Some(1), true), "{told}{errors}");
    insta::assert_snapshot!("impact", told);
    let page = std::fs::read_to_string(server.scripts.parent().unwrap().join("impact.html")).unwrap();
    assert!(page.contains("Company 15") && page.contains("</svg>") && !page.contains("http"), "{page}");

    // The same of a file, without a server: by its outcomes the new rules foretell better.
    let mut rows = String::from("id,name,staff,country,industry,outcome,owner\n");
    for i in 0..120 {
        let outcome = if i % 12 >= 4 { "won" } else { "lost" };
        rows += &format!("{i},Company {i},{},DE,Trades,{outcome},an\n", (i % 12) * 10);
    }
    std::fs::write(server.scripts.parent().unwrap().join("leads.csv"), rows).unwrap();
    let (code, told, errors) = run(&["--leads", "leads.csv", "--scripts", "scripts", "--max-moved", "90"]);
    assert_eq!(code, Some(0), "{told}{errors}");
    assert!(told.contains("120 leads: 60 change their grade") && told.contains("order better"), "{told}");
    let (code, told, _) = run(&["--leads", "leads.csv", "--scripts", "new", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&told).unwrap();
    // What is nothing stands in no JSON of a message: the same rules move nobody.
    let moved = json.get("changed_grade_count");
    assert_eq!((code, &json["lead_count"], moved), (Some(0), &serde_json::json!(120), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_of_a_time_nothing_counts_that_was_known_later() {
    let server = filled().await;
    // Enough of both outcomes for a backtest.
    for i in 1..=20 {
        let mut lead = company(i);
        lead.outcome = Some(pb::Outcome { kind: pb::OutcomeKind::Lost as i32, ..Default::default() });
        let request =
            pb::CreateLeadRequest { lead: Some(lead), lead_id: format!("k{i:02}"), ..Default::default() };
        server.leads().create_lead(request).await.unwrap();
    }
    let then = pb::ListLeadsRequest { page_size: 1_000, ..Default::default() };
    let leads = server.leads().list_leads(then).await.unwrap().into_inner().leads;
    let newest =
        leads.iter().map(|lead| lead.update_time.unwrap()).max_by_key(|time| (time.seconds, time.nanos));
    let request = pb::AnalyzeImpactRequest { files: files(AFTER), as_of_time: newest, ..Default::default() };
    let analyze = async || {
        let started = server.rules().analyze_impact(request.clone()).await.unwrap().into_inner();
        report(&ended(&server, started).await)
    };
    let before = analyze().await;
    assert!(before.backtest_before.is_some());
    // Every lead becomes another one, and much happens; another is heard of for the first time.
    for lead in leads {
        let mut other = pb::Lead { etag: String::new(), ..lead.clone() };
        if let Some(pb::lead::Subject::Company(company)) = &mut other.subject {
            company.employees = company.employees.map(|employees| 1_000 - employees);
            company.country = "DE".into();
        }
        let request = pb::UpdateLeadRequest { lead: Some(other), ..Default::default() };
        server.leads().update_lead(request).await.unwrap();
        let visit = pb::Activity { r#type: "page_visit".into(), time: made::ago(0), ..Default::default() };
        let request =
            pb::RecordActivitiesRequest { lead: lead.name, activities: vec![visit], ..Default::default() };
        server.leads().record_activities(request).await.unwrap();
    }
    let late = pb::CreateLeadRequest { lead: Some(company(7)), lead_id: "late".into(), ..Default::default() };
    server.leads().create_lead(late).await.unwrap();
    let after = analyze().await;
    assert_eq!(after.not_known_then_count, 1);
    assert_eq!(pb::ImpactReport { not_known_then_count: 0, ..after }, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_checked_tested_and_compared_at_every_save() {
    use std::io::BufRead as _;
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    files(BEFORE).iter().for_each(|file| write(&format!("rules/{}", file.path), &file.content));
    let mut rows = String::from("id,name,staff,country,outcome\n");
    for i in 0..100 {
        let outcome = if i % 10 >= 2 { "won" } else { "lost" };
        rows += &format!("{i},Company {i},{},DE,{outcome}\n", (i % 10) * 20);
    }
    write("leads.csv", &rows);
    let mut watching = assay()
        .current_dir(dir.path())
        .args(["rules", "watch", "rules", "--leads", "leads.csv"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut wait_for = |wanted: &str| {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.contains(wanted)) {
            seen.push(lines.next().unwrap_or_else(|| panic!("{wanted} is not in {seen:?}")).unwrap());
        }
        seen.join("\n")
    };
    wait_for("Nothing differs.");
    write("rules/lead_scoring/default.rhai", &BEFORE.replace("employees >= 100", "employes >= 40"));
    let told = wait_for("nothing would be loaded");
    assert!(told.contains("did you mean \"employees\"") || told.contains("employees"), "{told}");
    write("rules/lead_scoring/default.rhai", &BEFORE.replace(">= 100", ">= 40"));
    let told = wait_for("Handed to sales");
    assert!(told.contains("when: employees >= 100 → employees >= 40"), "{told}");
    assert!(told.contains("100 leads: 30 change their grade"), "{told}");
    let killed =
        std::process::Command::new("kill").args(["-INT", &watching.id().to_string()]).status().unwrap();
    assert!(killed.success() && watching.wait().unwrap().success());

    // Which foretells better, alone: the folder as it is now, against what it was.
    files(BEFORE).iter().for_each(|file| write(&format!("old/{}", file.path), &file.content));
    let backtest = |old: &str, new: &str| {
        let args = ["rules", "backtest", new, "--leads", "leads.csv", "--scripts", old];
        let output = assay().current_dir(dir.path()).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = backtest("old", "rules");
    assert!(code == Some(0) && told.starts_with("Where outcomes are known"), "{told}");
    assert_eq!(backtest("rules", "old").0, Some(1), "it is worse the other way round");
}

/// Killed in the middle, it goes on in another replica where it was left, and comes to the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_goes_on_where_it_was_killed() {
    const LEADS: i64 = 12_000;
    let database = postgres::database("impact_killed");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("lead_scoring")).unwrap();
    std::fs::copy(shipped().join("facts.toml"), dir.path().join("facts.toml")).unwrap();
    std::fs::write(dir.path().join("lead_scoring/default.rhai"), BEFORE).unwrap();
    let serve = || {
        Served::start(
            database.as_ref(),
            dir.path(),
            &["--job-lease", "2s", "--default-profile", "profiles/main"],
        )
    };
    let mut first = serve();
    let channel = Channel::from_shared(first.url()).unwrap().connect().await.unwrap();
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    ProfileServiceClient::new(channel.clone()).create_profile(request).await.unwrap();
    let mut leads = LeadServiceClient::new(channel.clone());
    for batch in (0..LEADS).collect::<Vec<_>>().chunks(1_000) {
        let item = |i: &i64| {
            let external_ids = [("crm".to_owned(), i.to_string())].into();
            let lead = Some(pb::Lead { external_ids, ..company(i % 40) });
            pb::UpsertLead { id: i.to_string(), lead, ..Default::default() }
        };
        let items = batch.iter().map(item).collect();
        let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
        let results = leads.batch_upsert_leads(request).await.unwrap().into_inner().results;
        assert!(results.iter().all(|result| result.created), "{:?}", results[0]);
    }
    let request = pb::AnalyzeImpactRequest {
        files: files(AFTER),
        as_of_time: Some(std::time::SystemTime::now().into()),
        ..Default::default()
    };
    let started = async |channel: &Channel| {
        let rules = RuleServiceClient::new(channel.clone()).analyze_impact(request.clone()).await;
        rules.unwrap().into_inner().name
    };
    let report_of = async |channel: &Channel, name: &str| {
        let request = pb::WaitOperationRequest { name: name.into(), timeout: None };
        let operation =
            OperationsClient::new(channel.clone()).wait_operation(request).await.unwrap().into_inner();
        assert!(operation.done, "{operation:?}");
        report(&operation)
    };
    let whole = started(&channel).await;
    let whole = report_of(&channel, &whole).await;
    assert_eq!(whole.lead_count, LEADS, "{whole:?}");

    let killed = started(&channel).await;
    let far = eventually(async || {
        let request = pb::GetOperationRequest { name: killed.clone() };
        let operation =
            OperationsClient::new(channel.clone()).get_operation(request).await.unwrap().into_inner();
        assert!(!operation.done, "it was too quick for this test");
        let metadata = pb::OperationMetadata::decode(operation.metadata.unwrap().value.as_slice()).unwrap();
        let leads: i64 = metadata.doing.split(' ').next()?.parse().ok()?;
        (leads >= 2_000).then_some(leads)
    })
    .await;
    first.signal("-KILL");
    first.wait();
    let second = serve();
    let channel = Channel::from_shared(second.url()).unwrap().connect().await.unwrap();
    let resumed = report_of(&channel, &killed).await;
    assert_eq!(resumed, whole);
    let log = second.log();
    let said = log
        .iter()
        .find(|line| line.contains("goes on where it was left"))
        .unwrap_or_else(|| panic!("{log:#?}"));
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    let from = said["leads"].as_i64().unwrap();
    assert!((1_000..=LEADS).contains(&from), "{from}, of {far} that were told");
}
