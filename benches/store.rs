//! Durable upserts a second, with 1 and with 64 callers, against raw transactions of the same store that write the same
//! rows: one transaction a lead, committed to the disk.
//!
//! `tests/with-postgres cargo bench --bench store`. Both sides run in turns; the ratio is the median over the rounds.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assay::domain::lead::{Company, Lead, LeadContent, Subject};
use assay::domain::name::LeadName;
use assay::domain::time::Time;
use assay::storage::postgres::PostgresStore;
use assay::storage::sqlite::SqliteStore;
use assay::storage::{Store, Upgrade, UpsertItem};
use common::Ratios;
use common::support::postgres;

const ROUNDS: u64 = 7;
const ROUND: Duration = Duration::from_secs(2);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for callers in [1, 64] {
            sqlite(callers).await;
        }
        for callers in [1, 64] {
            on_postgres(callers).await;
        }
    });
}

fn now() -> Time {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn content(id: &str) -> LeadContent {
    let company = Company {
        display_name: format!("Company {id}"),
        country: "DE".into(),
        industry: "heating".into(),
        employees: Some(120),
        ..Company::default()
    };
    LeadContent {
        external_ids: [("crm".to_owned(), id.to_owned())].into(),
        owner: "an".into(),
        source: "web".into(),
        ..LeadContent::of(Subject::Company(company))
    }
}

/// Names that don't come in order, as new leads get them.
fn name(id: &str) -> LeadName {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    LeadName { lead: format!("l{:016x}", hasher.finish()).parse().unwrap() }
}

/// Upserts a second of several callers, each writing its next lead when the one before is durable.
async fn upserts(store: &Arc<dyn Store>, callers: u64, round: u64) -> f64 {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut written = 0;
                while begin.elapsed() < ROUND {
                    let id = format!("{round}-{caller}-{written}");
                    let content = content(&id);
                    let make = move |_: Option<&Lead>| Ok(content.clone().into());
                    let item =
                        UpsertItem { new_name: name(&id), id, make: Arc::new(make), etag: String::new() };
                    store.upsert_leads("crm", vec![item], now().into(), None).await.unwrap()[0]
                        .as_ref()
                        .unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        written += task.await.unwrap();
    }
    f64::from(written) / begin.elapsed().as_secs_f64()
}

/// The rows that a new lead is, in the tables of a store of its own.
const RAW: [&str; 4] = [
    "SELECT lead FROM lead_external_ids WHERE system = 'crm' AND id = $1",
    "INSERT INTO leads (name, revision, create_micros, update_micros, stage, owner, source, country, industry, employees)
     VALUES ($1, 1, 0, 0, 'new', 'an', 'web', 'DE', 'heating', 120)",
    "INSERT INTO lead_revisions (name, revision, update_micros, body) VALUES ($1, 1, 0, $2)",
    "INSERT INTO lead_external_ids (system, id, lead) VALUES ('crm', $1, $2)",
];

fn body(id: &str) -> (String, String) {
    let lead = Lead::create(name(id), content(id), now());
    (lead.name.to_string(), serde_json::to_string(&lead).unwrap())
}

fn raw_sqlite(path: &Path, callers: u64, round: u64) -> f64 {
    let begin = Instant::now();
    let writers: Vec<_> = (0..callers)
        .map(|caller| {
            let path = path.to_owned();
            std::thread::spawn(move || {
                let mut connection = rusqlite::Connection::open(path).unwrap();
                connection.busy_timeout(Duration::from_secs(60)).unwrap();
                connection.pragma_update(None, "synchronous", "FULL").unwrap();
                connection.pragma_update(None, "foreign_keys", true).unwrap();
                let mut written = 0;
                while begin.elapsed() < ROUND {
                    let id = format!("raw-{round}-{caller}-{written}");
                    let (name, body) = body(&id);
                    let transaction = connection
                        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                        .unwrap();
                    let [owner, lead, revision, external] =
                        RAW.map(|sql| transaction.prepare_cached(sql).unwrap());
                    let [mut owner, mut lead, mut revision, mut external] = [owner, lead, revision, external];
                    assert!(!owner.exists([&id]).unwrap());
                    lead.execute([&name]).unwrap();
                    revision.execute([&name, &body]).unwrap();
                    external.execute([&id, &name]).unwrap();
                    drop((owner, lead, revision, external));
                    transaction.commit().unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    let written: i32 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    f64::from(written) / begin.elapsed().as_secs_f64()
}

async fn sqlite(callers: u64) {
    // A file for each side, so that each grows with its own writes only.
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("raw.db");
    drop(SqliteStore::open(&raw, Upgrade::Allowed).unwrap());
    rusqlite::Connection::open(&raw).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&dir.path().join("a.db"), Upgrade::Allowed).unwrap());
    let mut figures = Ratios::default();
    for round in 0..=ROUNDS {
        let ours = upserts(&store, callers, round).await;
        let theirs = tokio::task::block_in_place(|| raw_sqlite(&raw, callers, round));
        figures.add(round as usize, ours, theirs);
    }
    print("SQLite", callers, figures.medians());
}

async fn raw_postgres(url: &str, callers: u64, round: u64) -> f64 {
    let mut clients = Vec::new();
    for _ in 0..callers {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        clients.push(client);
    }
    let begin = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .zip(clients)
        .map(|(caller, mut client)| {
            tokio::spawn(async move {
                let mut statements = Vec::new();
                for sql in RAW {
                    statements.push(client.prepare(sql).await.unwrap());
                }
                let mut written = 0;
                while begin.elapsed() < ROUND {
                    let id = format!("raw-{round}-{caller}-{written}");
                    let (name, body) = body(&id);
                    let transaction = client.transaction().await.unwrap();
                    assert!(transaction.query_opt(&statements[0], &[&id]).await.unwrap().is_none());
                    transaction.execute(&statements[1], &[&name]).await.unwrap();
                    transaction.execute(&statements[2], &[&name, &body]).await.unwrap();
                    transaction.execute(&statements[3], &[&id, &name]).await.unwrap();
                    transaction.commit().await.unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        written += task.await.unwrap();
    }
    f64::from(written) / begin.elapsed().as_secs_f64()
}

async fn on_postgres(callers: u64) {
    let (ours, theirs) = (postgres::database("bench_ours"), postgres::database("bench_raw"));
    drop(PostgresStore::open(&theirs, Default::default(), Upgrade::Allowed).await.unwrap());
    let store: Arc<dyn Store> =
        Arc::new(PostgresStore::open(&ours, Default::default(), Upgrade::Allowed).await.unwrap());
    let mut figures = Ratios::default();
    for round in 0..=ROUNDS {
        let ours = upserts(&store, callers, round).await;
        figures.add(round as usize, ours, raw_postgres(&theirs, callers, round).await);
    }
    print("PostgreSQL", callers, figures.medians());
}

fn print(store: &str, callers: u64, (ours, theirs, ratio): (f64, f64, f64)) {
    println!(
        "{store}, {callers} callers: {ours:.0} durable upserts a second, raw transactions {theirs:.0}, ratio {ratio:.2}"
    );
}
