//! What a change of one rule would do to a million stored leads: seconds, the share of leads that had to be scored by both sets,
//! and the server's memory; on SQLite.
//!
//! `cargo bench --bench impact` takes some minutes. `ASSAY_BENCH_LEADS=50000` makes it shorter.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::operations_client::OperationsClient;
use assay::grpc::pb::profile_service_client::ProfileServiceClient;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::rules::source::Sources;
use common::connect;
use common::support::process::{self, Served};
use common::support::{made, shipped};
use prost::Message as _;
use tonic::transport::Channel;

fn main() {
    let leads = std::env::var("ASSAY_BENCH_LEADS").ok().map_or(1_000_000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(leads));
}

/// A word of the rules that ship, and what stands there instead.
const CHANGES: [(&str, &str, &str); 4] = [
    ("nothing", "", ""),
    ("a rule that asks for a fact of few", "when budget >= 20000 ", "when budget >= 30000 "),
    ("a rule that asks for a fact of all", "when country in icp.countries ", "when country == \"DE\" "),
    ("a limit of a grade", "grade \"C\" when total >= 20", "grade \"C\" when total >= 18"),
];

async fn run(leads: usize) {
    let dir = tempfile::tempdir().unwrap();
    let more: &[&str] = &["--log", "warn,assay=info", "--default-profile", "profiles/main"];
    let served = Served::start(&dir.path().join("a.db"), &shipped(), more);
    let channel = connect(&served.url()).await;
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    ProfileServiceClient::new(channel.clone()).create_profile(request).await.unwrap();
    let begin = Instant::now();
    store_all(&channel, leads).await;
    println!("{leads} leads stored in {:.0} s", begin.elapsed().as_secs_f64());
    println!("resident: {:.0} MiB", resident(&served));

    for (what, from, to) in CHANGES {
        let files = changed(from, to);
        let mut rules = RuleServiceClient::new(channel.clone());
        let request = pb::AnalyzeImpactRequest { files, ..Default::default() };
        let begin = Instant::now();
        let mut operation = rules.analyze_impact(request).await.unwrap().into_inner();
        let mut most = 0.0_f64;
        while !operation.done {
            most = most.max(resident(&served));
            let timeout = Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 });
            let request = pb::WaitOperationRequest { name: operation.name, timeout };
            operation =
                OperationsClient::new(channel.clone()).wait_operation(request).await.unwrap().into_inner();
        }
        let seconds = begin.elapsed().as_secs_f64();
        let report = match operation.result {
            Some(pb::operation::Result::Response(any)) => {
                pb::ImpactReport::decode(any.value.as_slice()).unwrap()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(report.lead_count as usize, leads);
        println!(
            "{what}: {seconds:.1} s, {:.1} % had to be scored by both sets, {} change their grade, at most {most:.0} MiB resident",
            100.0 * report.scored_twice_count as f64 / leads as f64,
            report.changed_grade_count
        );
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("resident afterwards: {:.0} MiB", resident(&served));
}

/// The resident memory of the server in MiB.
fn resident(served: &Served) -> f64 {
    process::resident(served.child.id()) as f64 / f64::from(1 << 20)
}

/// The rules that ship, all of them, with one thing changed.
fn changed(from: &str, to: &str) -> Vec<pb::RuleFile> {
    let mut files = Sources::read(&shipped()).unwrap().with_tests();
    let script = files.get_mut("lead_scoring/default.rhai").unwrap();
    assert!(script.contains(from), "{from}");
    *script = script.replacen(from, to, 1);
    files.into_iter().map(|(path, content)| pb::RuleFile { path, content }).collect()
}

async fn store_all(channel: &Channel, count: usize) {
    let mut leads = LeadServiceClient::new(channel.clone());
    let item = |i: usize| {
        let text = |word: &str| pb::FactValue {
            value: Some(pb::Value { kind: Some(pb::value::Kind::Text(word.into())) }),
            ..Default::default()
        };
        let number = |number: f64| pb::FactValue {
            value: Some(pb::Value { kind: Some(pb::value::Kind::Number(number)) }),
            ..Default::default()
        };
        let company = pb::Company {
            display_name: format!("Company {i}"),
            domain: format!("c{i}.example"),
            country: ["DE", "AT", "IT", "US"][i % 4].into(),
            industry: ["heating", "retail", "software"][i % 3].into(),
            employees: Some((i % 1_000) as i64),
            technologies: Some(pb::TextList { values: vec!["sap".into(), "excel".into()] }),
            ..Default::default()
        };
        let mut attributes = std::collections::BTreeMap::new();
        if i.is_multiple_of(2) {
            attributes.insert("urgency".to_owned(), text(["now", "this_quarter", "none"][i % 3]));
        }
        if i.is_multiple_of(3) {
            attributes.insert("pain_intensity".to_owned(), number((i % 10) as f64 / 10.0));
        }
        if i.is_multiple_of(20) {
            let money = pb::Money { currency_code: "EUR".into(), units: (i % 50_000) as i64, nanos: 0 };
            let value = Some(pb::Value { kind: Some(pb::value::Kind::Money(money)) });
            attributes.insert("budget".to_owned(), pb::FactValue { value, ..Default::default() });
        }
        let lead = pb::Lead {
            subject: Some(pb::lead::Subject::Company(company)),
            owner: format!("o{}", i % 100),
            source: "web".into(),
            external_ids: [("crm".to_owned(), i.to_string())].into(),
            attributes,
            ..Default::default()
        };
        pb::UpsertLead { id: i.to_string(), lead: Some(lead), ..Default::default() }
    };
    for batch in (0..count).collect::<Vec<_>>().chunks(1_000) {
        let items = batch.iter().map(|i| item(*i)).collect();
        let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
        let results = leads.batch_upsert_leads(request).await.unwrap().into_inner().results;
        // One in twenty has done something.
        for result in results.into_iter().step_by(20) {
            let Some(pb::upsert_lead_result::Result::Lead(lead)) = result.result else {
                panic!("{result:?}")
            };
            let activity = |days: i64| pb::Activity {
                r#type: "page_visit".into(),
                time: made::ago(days * 86_400),
                ..Default::default()
            };
            let activities = [1, 8, 40].map(activity).to_vec();
            let request = pb::RecordActivitiesRequest { lead: lead.name, activities, ..Default::default() };
            leads.record_activities(request).await.unwrap();
        }
    }
}
