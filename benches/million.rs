//! A million leads: the server's resident memory when idle, after a million inline scores, and with a million stored
//! leads; and how long pages of lists over them take, by name, by other orders and filtered.
//!
//! `cargo bench --bench million` takes some minutes. `ASSAY_BENCH_LEADS=50000` makes it shorter.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Instant;

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::profile_service_client::ProfileServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use common::support::process::{self, Served};
use common::support::{made, shipped};
use common::{connect, median, typical};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

const PAGES: usize = 21;

fn main() {
    let leads = std::env::var("ASSAY_BENCH_LEADS").ok().map_or(1_000_000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(leads));
}

/// The resident memory of the server in MiB.
fn resident(served: &Served) -> f64 {
    process::resident(served.child.id()) as f64 / f64::from(1 << 20)
}

async fn run(leads: usize) {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let served = Served::start(&database, &shipped(), &["--log", "warn,assay=info"]);
    let channel = connect(&served.url()).await;
    println!("resident, idle: {:.0} MiB", resident(&served));
    let begin = Instant::now();
    let item = |i: usize| pb::ScoreLeadsRequest { id: i.to_string(), request: Some(typical()) };
    score_all(&channel, leads, item).await;
    let rate = leads as f64 / begin.elapsed().as_secs_f64();
    println!(
        "resident after {leads} inline scores: {:.0} MiB ({rate:.0} scores a second in one stream)",
        resident(&served)
    );

    let begin = Instant::now();
    let names = store_all(&channel, leads).await;
    let rate = leads as f64 / begin.elapsed().as_secs_f64();
    println!("{leads} leads stored in batches of 1,000: {rate:.0} a second");
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    ProfileServiceClient::new(channel.clone()).create_profile(request).await.unwrap();
    let scored = leads / 10;
    let begin = Instant::now();
    let item = |i: usize| {
        let request = pb::ScoreLeadRequest {
            subject: Some(pb::score_lead_request::Subject::Lead(names[i].clone())),
            profile_choice: Some(pb::score_lead_request::ProfileChoice::Profile("profiles/main".into())),
            record: true,
            ..Default::default()
        };
        pb::ScoreLeadsRequest { id: i.to_string(), request: Some(request) }
    };
    score_all(&channel, scored, item).await;
    let rate = scored as f64 / begin.elapsed().as_secs_f64();
    println!("{scored} scores recorded: {rate:.0} a second");
    println!("resident with {leads} stored leads: {:.0} MiB", resident(&served));
    drop((channel, served));

    let served = Served::start(&database, &shipped(), &["--log", "warn,assay=info"]);
    let channel = connect(&served.url()).await;
    println!("the same after a new start: {:.0} MiB", resident(&served));
    for (what, filter, order_by) in [
        ("the first pages by name", "", ""),
        ("by update_time desc", "", "update_time desc"),
        ("by total desc", "", "total desc"),
        ("owner = o7 (one in a hundred)", "owner = o7", ""),
        ("external_ids.crm = 77777", "external_ids.crm = 77777", ""),
        ("country = DE AND employees >= 500 (one in eight)", "country = DE AND employees >= 500", ""),
        ("grade = C, by total desc", "grade = C", "total desc"),
        ("stale = true, by update_time desc", "stale = true", "update_time desc"),
        ("source:nowhere (none: every row is read)", "source:nowhere", ""),
    ] {
        let (mut times, mut found) = (Vec::new(), 0);
        let mut page_token = String::new();
        for page in 0..PAGES {
            let request = pb::ListLeadsRequest {
                filter: filter.into(),
                order_by: order_by.into(),
                page_token: page_token.clone(),
                ..Default::default()
            };
            let begin = Instant::now();
            let list =
                LeadServiceClient::new(channel.clone()).list_leads(request).await.unwrap().into_inner();
            // The first page warms up.
            if page > 0 {
                times.push(begin.elapsed().as_secs_f64() * 1e3);
                found = found.max(list.leads.len());
            }
            page_token = list.next_page_token;
        }
        println!("  a page of 50 {what}: {:.1} ms, up to {found} leads", median(&mut times));
    }
    println!("resident after the lists: {:.0} MiB", resident(&served));
}

async fn score_all(channel: &Channel, count: usize, item: impl Fn(usize) -> pb::ScoreLeadsRequest) {
    let (requests, outgoing) = tokio::sync::mpsc::channel(64);
    let mut scoring = ScoringServiceClient::new(channel.clone());
    let answers = tokio::spawn(async move {
        let mut answers = scoring.score_leads(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        let mut scored = 0;
        while let Some(answer) = answers.message().await.unwrap() {
            assert!(matches!(answer.result, Some(pb::score_leads_response::Result::Score(_))), "{answer:?}");
            scored += 1;
        }
        scored
    });
    for i in 0..count {
        requests.send(item(i)).await.unwrap();
    }
    drop(requests);
    assert_eq!(answers.await.unwrap(), count);
}

async fn store_all(channel: &Channel, count: usize) -> Vec<String> {
    let mut leads = LeadServiceClient::new(channel.clone());
    let item = |i: usize| {
        let company = pb::Company {
            display_name: format!("Company {i}"),
            country: ["DE", "AT", "IT", "US"][i % 4].into(),
            industry: ["heating", "retail"][i % 2].into(),
            employees: Some((i % 1_000) as i64),
            ..Default::default()
        };
        let lead = pb::Lead {
            subject: Some(pb::lead::Subject::Company(company)),
            owner: format!("o{}", i % 100),
            source: "web".into(),
            external_ids: [("crm".to_owned(), i.to_string())].into(),
            ..Default::default()
        };
        pb::UpsertLead { id: i.to_string(), lead: Some(lead), ..Default::default() }
    };
    // The names of the first, which will be scored.
    let mut names = Vec::new();
    for batch in (0..count).collect::<Vec<_>>().chunks(1_000) {
        let items = batch.iter().map(|i| item(*i)).collect();
        let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
        let results = leads.batch_upsert_leads(request).await.unwrap().into_inner().results;
        for result in results.into_iter().take(count / 10 - names.len().min(count / 10)) {
            match result.result {
                Some(pb::upsert_lead_result::Result::Lead(lead)) => names.push(lead.name),
                other => panic!("{other:?}"),
            }
        }
    }
    names
}
