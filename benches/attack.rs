//! What one caller who costs more than it pays costs everybody else: the time of their calls beside the attack against
//! without it, the most memory that the server takes, and how soon all is as before. Aims: below twice the 99th percentile,
//! below 300 MiB.
//!
//! `tests/with-postgres cargo bench --bench attack`; words after `--` choose attacks. Both sides of a ratio run in turns.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use common::support::process::{Served, resident};
use common::support::{attacks, made, postgres, shipped};
use common::{AttackProcess, Load, Ratios, median, percentiles, typical};
use tokio::task::JoinHandle;
use tonic::transport::Channel;

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
/// Calls of others a second: an eighth of what the machine can do, so that they need not wait for each other.
const RATE: f64 = 500.0;
/// Leads that lists look through.
const THOUSANDS: i32 = 100;

/// The attacks: what they are called, whether the database is PostgreSQL, and whether the others look up leads by name,
/// rather than score. The first is none: it shows what any work at all beside the calls costs on this machine.
const ATTACKS: [(&str, &str, bool, bool); 13] = [
    ("none", "none, but two threads that spin at the lowest priority", false, false),
    ("no-body", "1,024 calls without a body on one connection", false, false),
    ("never-ends", "200 requests of 15 MiB that never end", false, false),
    ("unread", "400 answers of 4 MB that nobody reads", false, false),
    ("items", "512 streams with items of 4 MiB that never end", false, false),
    ("small", "2,500 requests of 16 KiB of which a byte comes each second", false, false),
    ("health", "800 unfinished health checks and watches", false, false),
    ("gzip", "16 callers with 16 KB of gzip that become 15 MiB", false, false),
    ("gzip-items", "16 streams of items of 4 KB of gzip that become 4 MiB", false, false),
    ("resets", "2 connections with 20 calls each, given up after 1 ms, again and again", false, false),
    ("lists", "8 callers who list 100,000 leads by 99 searches", false, true),
    ("queue", "1,400 such lists at a time, while others score", false, false),
    ("give-up", "8 callers who give such lists up after 20 ms, on PostgreSQL", true, true),
];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut attack = std::env::args().skip_while(|argument| argument != "--attack").skip(1);
    if let (Some(name), Some(url)) = (attack.next(), attack.next()) {
        // Calls that are cut off are what such a caller must expect.
        std::panic::set_hook(Box::new(|_| {}));
        println!("ready");
        return runtime.block_on(go_on(&name, &url));
    }
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("| attack | p50 ms | without | p99 ms | without | ratio | most MiB | as before after ms |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for (name, told, on_postgres, lookups) in ATTACKS {
        if words.is_empty() || words.iter().any(|word| word == name) {
            let dir = tempfile::tempdir().unwrap();
            let database = match on_postgres {
                true => postgres::database("attacked").into(),
                false => dir.path().join("a.db"),
            };
            runtime.block_on(suffer(name, told, &database, lookups));
        }
    }
}

async fn suffer(attack: &str, told: &str, database: &Path, lookups: bool) {
    let served = Served::start(database, &shipped(), &["--log", "warn,assay=info"]);
    let service = attacks::connect(&served.url()).await;
    let mut leads = LeadServiceClient::new(service.clone());
    if matches!(attack, "lists" | "queue" | "give-up") {
        made::heavy_leads(&mut leads, THOUSANDS).await;
    } else {
        attacks::large_leads(&served.url()).await;
    }
    let name =
        leads.list_leads(pb::ListLeadsRequest::default()).await.unwrap().into_inner().leads[0].name.clone();
    let others = if lookups { Others::Lookups(leads, name) } else { Others::Scores(service) };
    let (memory, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let watch = {
        let (memory, stop, process) = (memory.clone(), stop.clone(), served.child.id());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                memory.fetch_max(resident(process), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        })
    };
    let (mut p50, mut p99, mut recoveries) = (Ratios::default(), Ratios::default(), Vec::new());
    for round in 0..=ROUNDS {
        let alone = others.percentiles().await;
        let attacker = AttackProcess::start(&[attack, &served.url()]);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let beside = others.percentiles().await;
        drop(attacker);
        recoveries.push(others.as_before(alone.1).await.as_secs_f64() * 1e3);
        p50.add(round, beside.0, alone.0);
        p99.add(round, beside.1, alone.1);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.store(true, Ordering::Relaxed);
    watch.join().unwrap();
    let ((ours, alone, _), (ours99, alone99, ratio)) = (p50.medians(), p99.medians());
    let (most, recovery) = (memory.load(Ordering::Relaxed) >> 20, median(&mut recoveries));
    println!(
        "| {told} | {ours:.2} | {alone:.2} | {ours99:.2} | {alone99:.2} | {ratio:.2} | {most} | {recovery:.0} |"
    );
}

/// What the others do: they score, or they look up a lead by its name.
enum Others {
    Scores(Channel),
    Lookups(LeadServiceClient<Channel>, String),
}

impl Others {
    async fn call(&self) {
        match self {
            Self::Scores(channel) => {
                ScoringServiceClient::new(channel.clone()).score_lead(typical()).await.map(drop).unwrap();
            }
            Self::Lookups(leads, name) => {
                let request = pb::GetLeadRequest { name: name.clone(), revision: 0 };
                leads.clone().get_lead(request).await.map(drop).unwrap();
            }
        }
    }

    /// The 50th and 99th percentile of a round, in milliseconds.
    async fn percentiles(&self) -> (f64, f64) {
        match self {
            Self::Scores(channel) => {
                let (service, request) = (channel.clone(), typical());
                Load { service, request, rate: RATE }.percentiles(ROUND).await
            }
            Self::Lookups(leads, name) => {
                let (leads, name) = (leads.clone(), name.clone());
                let lookup = move || {
                    let (mut leads, name) = (leads.clone(), name.clone());
                    async move { leads.get_lead(pb::GetLeadRequest { name, revision: 0 }).await.map(drop) }
                };
                percentiles(RATE, ROUND, lookup).await
            }
        }
    }

    /// How long it takes until twenty calls in a row take no longer than twice the usual.
    async fn as_before(&self, usual: f64) -> Duration {
        let begin = Instant::now();
        let (mut since, mut good) = (begin, 0);
        while good < 20 {
            let called = Instant::now();
            self.call().await;
            if called.elapsed().as_secs_f64() * 1e3 > 2.0 * usual {
                (since, good) = (Instant::now(), 0);
            } else {
                good += 1;
            }
        }
        since - begin
    }
}

/// An attack that goes on until its process is killed.
async fn go_on(attack: &str, url: &str) {
    match attack {
        "none" => {
            for _ in 0..2 {
                std::thread::spawn(|| {
                    loop {
                        std::hint::spin_loop();
                    }
                });
            }
            std::future::pending().await
        }
        "no-body" => again(|| attacks::calls_without_a_body(url)).await,
        "never-ends" => again(|| attacks::large_requests_that_never_end(url)).await,
        "unread" => loop {
            let _unread = attacks::answers_that_nobody_reads(url).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        },
        "items" => again(|| attacks::items_that_never_end(url)).await,
        "small" => again(|| attacks::small_requests_that_never_end(url)).await,
        "health" => again(|| attacks::health_checks_and_watches(url)).await,
        "gzip" => {
            let bomb = attacks::gzip_bomb();
            callers(16, url, async |channel| drop(attacks::send_bomb(&channel, &bomb).await)).await;
        }
        "gzip-items" => {
            callers(16, url, async |channel| drop(attacks::stream_of_bombs(&channel, 1).await)).await;
        }
        "queue" => {
            let filter = made::heavy_filter();
            let channels = futures::future::join_all((0..6).map(|_| attacks::connect(url))).await;
            let caller = async |channel: &Channel| loop {
                let request = pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() };
                _ = LeadServiceClient::new(channel.clone()).list_leads(request).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            futures::future::join_all((0..1_400).map(|i| caller(&channels[i % 6]))).await;
        }
        "resets" => {
            callers(2, url, async |channel| drop(attacks::given_up_at_once(&channel, 20).await)).await
        }
        "lists" => {
            let filter = made::heavy_filter();
            callers(8, url, async |channel| {
                let request = pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() };
                _ = LeadServiceClient::new(channel).list_leads(request).await;
            })
            .await;
        }
        "give-up" => {
            let filter = made::heavy_filter();
            callers(8, url, async |channel| {
                let request = pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() };
                let mut leads = LeadServiceClient::new(channel);
                _ = tokio::time::timeout(Duration::from_millis(20), leads.list_leads(request)).await;
            })
            .await;
        }
        _ => panic!("no such attack: {attack}"),
    }
}

/// Begins anew when all has ended.
async fn again<T>(attack: impl AsyncFn() -> Vec<JoinHandle<T>>) {
    loop {
        futures::future::join_all(attack().await).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Several callers, each with a connection of its own, who call again as soon as they are answered.
async fn callers(count: usize, url: &str, call: impl AsyncFn(Channel)) {
    let caller = async || {
        let channel = attacks::connect(url).await;
        loop {
            call(channel.clone()).await;
        }
    };
    futures::future::join_all((0..count).map(|_| caller())).await;
}
