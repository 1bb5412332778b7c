//! Promises of the service, each as a figure of one run:
//!
//! - ScoreLead costs little more than an echo that decodes the same request and answers with a fixed message of
//!   equal size: server CPU a call, and calls a second;
//! - a save counts within a second;
//! - a server with 100,000 stored leads is SERVING soon after its start.
//!
//! `cargo bench --bench service`; `ASSAY_OTHER_BUILD` names the program of another build, to
//! compare with, and `ASSAY_OTHER_SCRIPTS` a folder of scripts that both understand. The echo and the service run as processes of their own, in turns; CPU is read
//! from the kernel's account of each process.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use common::support::process::{Served, cpu};
use common::support::{self, made, shipped};
use common::{EchoProcess, Ratios, connect, median, typical};
use tonic::transport::Channel;

const ROUNDS: usize = 9;
const CALLS: usize = 6_000;
const CALLERS: usize = 16;
const STORED: usize = 100_000;
const SAVES: usize = 15;

fn main() {
    if std::env::args().any(|argument| argument == "--echo") {
        return common::echo_process();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        against_echo().await;
        if let Some(program) = std::env::var_os("ASSAY_OTHER_BUILD") {
            against_other_build(&program).await;
        }
        save_to_effect().await;
        start_with_stored_leads().await;
    });
}

/// Many calls by several callers; gives how long they took.
async fn drive(channel: &Channel, request: &pb::ScoreLeadRequest) -> Duration {
    let begin = Instant::now();
    let callers = (0..CALLERS).map(|_| {
        let (mut scoring, request) = (ScoringServiceClient::new(channel.clone()), request.clone());
        tokio::spawn(async move {
            for _ in 0..CALLS / CALLERS {
                scoring.score_lead(request.clone()).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    begin.elapsed()
}

async fn against_echo() {
    for view in [pb::ScoreView::Basic, pb::ScoreView::Full] {
        score_against_echo(view).await;
    }
}

async fn score_against_echo(view: pb::ScoreView) {
    use prost::Message as _;
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &["--log", "warn,assay=info"]);
    let service = connect(&served.url()).await;
    let request = pb::ScoreLeadRequest { view: view as i32, ..typical() };
    let score =
        ScoringServiceClient::new(service.clone()).score_lead(request.clone()).await.unwrap().into_inner();
    let echo = EchoProcess::start(&score);
    let echoed = connect(&echo.url).await;
    println!(
        "ScoreLead ({}) against an echo: request {} bytes, answer {} bytes with {} entries; {CALLERS} callers",
        view.as_str_name(),
        request.encoded_len(),
        score.encoded_len(),
        score.contributions.len()
    );
    let (mut cpus, mut rates) = (Vec::new(), Vec::new());
    let (mut scored, mut plain) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let before = (cpu(served.child.id()), cpu(echo.child.id()));
        let took = (drive(&service, &request).await, drive(&echoed, &request).await);
        let used = (cpu(served.child.id()) - before.0, cpu(echo.child.id()) - before.1);
        // The first round warms both up.
        if round > 0 {
            scored.push(used.0.as_secs_f64() * 1e6 / CALLS as f64);
            plain.push(used.1.as_secs_f64() * 1e6 / CALLS as f64);
            cpus.push(used.0.as_secs_f64() / used.1.as_secs_f64());
            rates.push(took.1.as_secs_f64() / took.0.as_secs_f64());
        }
    }
    println!(
        "  server CPU a call: {:.1} µs, echo {:.1} µs, ratio {:.2}",
        median(&mut scored),
        median(&mut plain),
        median(&mut cpus)
    );
    println!("  throughput: {:.2} of the echo's", median(&mut rates));
}

/// What a call costs this build against another one, each in a process of its own, in turns.
async fn against_other_build(program: &OsStr) {
    let dir = tempfile::tempdir().unwrap();
    let quiet = ["--log", "warn,assay=info"];
    let scripts = std::env::var_os("ASSAY_OTHER_SCRIPTS").map_or_else(shipped, Into::into);
    let ours = Served::start(&dir.path().join("ours.db"), &scripts, &quiet);
    let theirs = Served::start_by(Command::new(program), &dir.path().join("theirs.db"), &scripts, &quiet);
    let (ours_at, theirs_at) = (connect(&ours.url()).await, connect(&theirs.url()).await);
    let (request, mut ratios) = (typical(), Ratios::default());
    for round in 0..=ROUNDS {
        let before = (cpu(ours.child.id()), cpu(theirs.child.id()));
        drive(&ours_at, &request).await;
        drive(&theirs_at, &request).await;
        let micros = |used: Duration| used.as_secs_f64() * 1e6 / CALLS as f64;
        let (ours, theirs) = (cpu(ours.child.id()) - before.0, cpu(theirs.child.id()) - before.1);
        ratios.add(round, micros(ours), micros(theirs));
    }
    let (ours, theirs, ratio) = ratios.medians();
    println!("  server CPU a call: {ours:.1} µs, the other build {theirs:.1} µs, ratio {ratio:.2}");
}

async fn save_to_effect() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    support::copy_dir(&shipped(), &scripts);
    let served = Served::start(&dir.path().join("a.db"), &scripts, &[]);
    let mut scoring = ScoringServiceClient::new(connect(&served.url()).await);
    let path = scripts.join("lead_scoring/default.rhai");
    let text = std::fs::read_to_string(&path).unwrap();
    let request = typical();
    let mut took = Vec::new();
    for save in 0..SAVES {
        let before = scoring.score_lead(request.clone()).await.unwrap().into_inner().rule_set;
        std::fs::write(&path, format!("{text}// save {save}\n")).unwrap();
        let begin = Instant::now();
        while scoring.score_lead(request.clone()).await.unwrap().into_inner().rule_set == before {}
        took.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let most = took.iter().copied().fold(0.0, f64::max);
    println!("A save counts after {:.0} ms (median of {SAVES}), {most:.0} ms at most", median(&mut took));
}

async fn start_with_stored_leads() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let empty = start(&database).await;
    {
        let served = Served::start(&database, &shipped(), &[]);
        let mut leads = LeadServiceClient::new(connect(&served.url()).await);
        let begin = Instant::now();
        for batch in (0..STORED).collect::<Vec<_>>().chunks(1_000) {
            let item = |i: &usize| pb::UpsertLead {
                id: i.to_string(),
                lead: Some(made::with_id(
                    made::company(&format!("Company {i}"), Some(50)),
                    "crm",
                    &i.to_string(),
                )),
                ..Default::default()
            };
            let request = pb::BatchUpsertLeadsRequest {
                system: "crm".into(),
                items: batch.iter().map(item).collect(),
                ..Default::default()
            };
            leads.batch_upsert_leads(request).await.unwrap();
        }
        let rate = STORED as f64 / begin.elapsed().as_secs_f64();
        println!("{STORED} leads were stored in batches of 1,000 at {rate:.0} a second");
    }
    let full = start(&database).await;
    println!("From start to SERVING: {full:.0} ms with {STORED} stored leads, {empty:.0} ms with none");
}

/// How long a process takes until it is SERVING, in milliseconds: the median of several starts.
async fn start(database: &Path) -> f64 {
    let mut took = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let served = Served::start(database, &shipped(), &[]);
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(served);
    }
    median(&mut took)
}
