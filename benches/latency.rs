//! Promises of how long a call takes, each as a ratio within one run:
//!
//! - ScoreLead at half load against an echo at the same rate;
//! - its 99th percentile during reloads against the steady one: at most 1.5 times;
//! - its 99th percentile beside callers with hostile scripts: less than 2 times.
//!
//! `cargo bench --bench latency`. Calls begin at a fixed rate whether or not former ones have ended, and each is timed
//! from the moment it was due: a stall is seen by all calls that it delays. Both sides of a ratio run in turns.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use common::support::process::Served;
use common::support::{self, shipped};
use common::{AttackProcess, EchoProcess, Figures, Load, connect, typical};
use tonic::transport::Channel;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(4);
const CALLERS: usize = 16;
/// How many hostile callers there are at a time.
const ATTACKERS: usize = 8;
/// How often the rules change while they are changed: a hundred times and more over all rounds.
const SAVE: Duration = Duration::from_millis(250);

fn main() {
    if std::env::args().any(|argument| argument == "--echo") {
        return common::echo_process();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(url) = std::env::args().skip_while(|argument| argument != "--attack").nth(1) {
        return runtime.block_on(attack(&url));
    }
    runtime.block_on(run());
}

async fn run() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    support::copy_dir(&shipped(), &scripts);
    let served = Served::start(&dir.path().join("a.db"), &scripts, &["--log", "warn,assay=info"]);
    let (service, request) = (connect(&served.url()).await, typical());
    let most = throughput(&service, &request).await;
    let rate = most / 2.0;
    println!("the service answers {most:.0} calls a second with {CALLERS} callers; half of it: {rate:.0}");
    let steady = Load { service, request, rate };

    // Words on the command line choose parts.
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if wanted("echo") {
        against_the_echo(&steady).await;
    }
    if wanted("reloads") {
        during_reloads(&steady, &scripts.join("lead_scoring/default.rhai"), &served.admin).await;
    }
    if wanted("hostile") {
        beside_hostile_scripts(&steady, &served).await;
    }
}

async fn against_the_echo(load: &Load) {
    let score =
        ScoringServiceClient::new(load.service.clone()).score_lead(load.request.clone()).await.unwrap();
    let echo = EchoProcess::start(&score.into_inner());
    let echoed = Load { service: connect(&echo.url).await, request: load.request.clone(), rate: load.rate };
    let mut figures = Figures::default();
    for round in 0..=ROUNDS {
        let ours = load.percentiles(ROUND).await;
        let theirs = echoed.percentiles(ROUND).await;
        figures.add(round, ours, theirs);
    }
    figures.print("ScoreLead at half load", "the echo at the same rate");
}

async fn during_reloads(load: &Load, script: &Path, admin: &str) {
    let text = std::fs::read_to_string(script).unwrap();
    let saves = Arc::new(AtomicUsize::new(0));
    let mut figures = Figures::default();
    for round in 0..=ROUNDS {
        let steady = load.percentiles(ROUND).await;
        let stop = Arc::new(AtomicBool::new(false));
        let saving = {
            let (stop, saves, script, text) = (stop.clone(), saves.clone(), script.to_owned(), text.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = saves.fetch_add(1, Ordering::Relaxed);
                    std::fs::write(&script, format!("{text}// save {number}\n")).unwrap();
                    std::thread::sleep(SAVE);
                }
            })
        };
        let reloading = load.percentiles(ROUND).await;
        stop.store(true, Ordering::Relaxed);
        saving.join().unwrap();
        figures.add(round, reloading, steady);
    }
    let (_, metrics) = support::http_get(admin, "/metrics").await;
    let loaded = support::sample(&metrics, "assay_rule_reloads_total{outcome=\"loaded\"}").unwrap();
    println!("{loaded:.0} reloads of {} saves", saves.load(Ordering::Relaxed));
    assert!(loaded > 100.0);
    figures.print("ScoreLead during reloads", "without");
}

async fn beside_hostile_scripts(load: &Load, served: &Served) {
    // It stands still while the other side of the ratio is measured.
    let attacker = AttackProcess::start(&[&served.url()]);
    let mut figures = Figures::default();
    for round in 0..=ROUNDS {
        attacker.signal("-STOP");
        let steady = load.percentiles(ROUND).await;
        attacker.signal("-CONT");
        let attacked = load.percentiles(ROUND).await;
        figures.add(round, attacked, steady);
    }
    drop(attacker);
    let (_, metrics) = support::http_get(&served.admin, "/metrics").await;
    let of_checks = |line: &&str| {
        line.starts_with("rpc_server_call_duration_seconds_count") && line.contains("CheckRules")
    };
    let calls = metrics.lines().filter(of_checks).map(|line| line.rsplit(' ').next().unwrap());
    let calls: f64 = calls.map(|calls| calls.parse::<f64>().unwrap()).sum();
    println!("{calls:.0} calls to check hostile sets by {ATTACKERS} callers, half of whom gave up early");
    assert!(calls > 100.0);
    figures.print("ScoreLead beside callers with hostile scripts", "without");
}

/// Calls a second of several callers, each calling again as soon as it is answered.
async fn throughput(channel: &Channel, request: &pb::ScoreLeadRequest) -> f64 {
    let begin = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (mut scoring, request) = (ScoringServiceClient::new(channel.clone()), request.clone());
            tokio::spawn(async move {
                let mut calls = 0;
                while begin.elapsed() < ROUND {
                    scoring.score_lead(request.clone()).await.unwrap();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    f64::from(calls) / begin.elapsed().as_secs_f64()
}

/// Sets with the scripts that the tests keep for attacks.
fn hostile_sets() -> Vec<Vec<pb::RuleFile>> {
    let files = |name: &String| {
        let files = support::hostile::set(name).into_iter();
        files.map(|(path, content)| pb::RuleFile { path, content }).collect()
    };
    support::hostile::expectations().keys().map(files).collect()
}

/// Has hostile sets checked without end, several at a time. Every other attacker gives up soon and asks again, as if that
/// could make the service do more.
async fn attack(url: &str) {
    let rules = RuleServiceClient::new(connect(url).await);
    let sets = Arc::new(hostile_sets());
    println!("ready");
    let attackers: Vec<_> = (0..ATTACKERS)
        .map(|i| {
            let (mut rules, sets) = (rules.clone(), sets.clone());
            tokio::spawn(async move {
                for files in sets.iter().cycle().skip(i * 50) {
                    let mut request = tonic::Request::new(pb::CheckRulesRequest { files: files.clone() });
                    if i % 2 == 1 {
                        request.set_timeout(Duration::from_millis(50));
                    }
                    _ = rules.check_rules(request).await;
                }
            })
        })
        .collect();
    futures::future::join_all(attackers).await;
}
