//! Bad days of what stands below: a database that falls silent, a file that is damaged, removed or linked, a log that would
//! tell too much.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::support::postgres::sql;
use crate::support::process::{Served, assay, refused_as_in_use};
use crate::support::{eventually, failure, http_get, inline, made, postgres, sample, shipped, within};

async fn connect(served: &Served) -> Channel {
    Channel::from_shared(served.url()).unwrap().connect().await.unwrap()
}

async fn create(leads: &mut LeadServiceClient<Channel>, id: &str) {
    let lead = Some(made::company("Acme", Some(80)));
    leads
        .create_lead(pb::CreateLeadRequest { lead, lead_id: id.into(), ..Default::default() })
        .await
        .unwrap();
}

fn get(id: &str) -> pb::GetLeadRequest {
    pb::GetLeadRequest { name: format!("leads/{id}"), revision: 0 }
}

/// A network before PostgreSQL that can swallow everything, or break just when something is committed.
struct Network {
    url: String,
    trouble: Arc<Trouble>,
    _dir: tempfile::TempDir,
}

#[derive(Default)]
struct Trouble {
    /// Bytes are held back, and connections stay open.
    silent: AtomicBool,
    /// The next COMMIT gets through; its answer does not, and its connection breaks.
    breaks_at_commit: AtomicBool,
}

impl Network {
    fn before(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = url.split_once('@').unwrap().1.split_once('/').unwrap();
        let socket = PathBuf::from(from.replace("%2F", "/")).join(".s.PGSQL.5432");
        let url = url.replace(from, &dir.path().display().to_string().replace('/', "%2F"));
        assert!(!to.is_empty() && socket.exists(), "{}", socket.display());
        let trouble: Arc<Trouble> = Arc::default();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let made = trouble.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                let trouble = made.clone();
                let broken = Arc::new(AtomicBool::new(false));
                tokio::spawn(carry(client_read, server_write, trouble.clone(), broken.clone()));
                tokio::spawn(carry(server_read, client_write, trouble, broken));
            }
        });
        Self { url, trouble, _dir: dir }
    }
}

/// Carries bytes one way, with whatever trouble there is; a broken connection carries no more.
async fn carry(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    trouble: Arc<Trouble>,
    broken: Arc<AtomicBool>,
) {
    let mut bytes = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        while trouble.silent.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if broken.load(Ordering::Relaxed) {
            return;
        }
        let commits = bytes[..read].windows(6).any(|part| part == b"COMMIT");
        // The answer to it must not overtake the news that the connection is broken.
        if commits && trouble.breaks_at_commit.swap(false, Ordering::Relaxed) {
            broken.store(true, Ordering::Relaxed);
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_silent_is_told_and_what_needs_none_goes_on() {
    let network = Network::before(&postgres::database("silent"));
    let served = Served::start(Path::new(&network.url), &shipped(), &["--database-timeout", "2s"]);
    let channel = connect(&served).await;
    let mut leads = LeadServiceClient::new(channel.clone());
    create(&mut leads, "a").await;

    // A moment of silence is no reason to send callers away.
    network.trouble.silent.store(true, Ordering::Relaxed);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(http_get(&served.admin, "/readyz").await.0, 200);
    }
    network.trouble.silent.store(false, Ordering::Relaxed);
    leads.get_lead(get("a")).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(http_get(&served.admin, "/readyz").await.0, 200);
    }
    let is_up = async || sample(&http_get(&served.admin, "/metrics").await.1, "assay_store_up");
    assert_eq!(is_up().await, Some(1.0));

    network.trouble.silent.store(true, Ordering::Relaxed);
    let begin = Instant::now();
    let calls = (0..16).map(|_| {
        let mut leads = leads.clone();
        async move { leads.get_lead(get("a")).await }
    });
    for ended in within(futures::future::join_all(calls)).await {
        assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    }
    println!("sixteen calls were told after {:?}", begin.elapsed());
    let health = async |service: &str| {
        let request = HealthCheckRequest { service: service.into() };
        HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
    };
    eventually(async || (http_get(&served.admin, "/readyz").await.0 == 503).then_some(())).await;
    println!("not ready after {:?}", begin.elapsed());
    assert!(http_get(&served.admin, "/readyz").await.1.contains("the store does not answer"));
    assert_eq!(is_up().await, Some(0.0));
    assert_eq!(health("").await, ServingStatus::NotServing);
    assert_eq!(health("assay.v1.LeadService").await, ServingStatus::NotServing);
    assert_eq!(health("assay.v1.ScoringService").await, ServingStatus::Serving);
    let mut scoring = ScoringServiceClient::new(channel.clone());
    within(scoring.score_lead(inline(made::company("Acme", Some(80))))).await.unwrap();

    network.trouble.silent.store(false, Ordering::Relaxed);
    let begin = Instant::now();
    eventually(async || (http_get(&served.admin, "/readyz").await.0 == 200).then_some(())).await;
    println!("ready again after {:?}", begin.elapsed());
    eventually(async || leads.get_lead(get("a")).await.ok()).await;
    assert_eq!(is_up().await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_database_refuses_are_waited_for() {
    let url = postgres::database("few");
    // Whoever may have three connections only, of which one asks whether the database answers.
    sql("DROP ROLE IF EXISTS few");
    sql("CREATE ROLE few LOGIN CONNECTION LIMIT 3; GRANT ALL ON SCHEMA few TO few");
    let (scheme, rest) = url.split_once("://").unwrap();
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let served = Served::start(Path::new(&format!("{scheme}://few@{rest}")), &shipped(), &[]);
    let channel = connect(&served).await;
    let mut leads = LeadServiceClient::new(channel.clone());
    create(&mut leads, "a").await;
    let calls = (0..200).map(|_| {
        let mut leads = leads.clone();
        async move { leads.get_lead(get("a")).await }
    });
    for ended in within(futures::future::join_all(calls)).await {
        ended.unwrap();
    }
    let open: usize = sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'few'").parse().unwrap();
    assert!(open <= 3, "{open}");
    // One that is told to have a single connection uses no other.
    drop(served);
    let few = &["--database-connections", "1", "--database-wait", "5s"];
    let served = Served::start(Path::new(&postgres::database("single")), &shipped(), few);
    let mut leads = LeadServiceClient::new(connect(&served).await);
    create(&mut leads, "a").await;
    let calls = (0..50).map(|_| {
        let mut leads = leads.clone();
        async move { leads.get_lead(get("a")).await }
    });
    for ended in within(futures::future::join_all(calls)).await {
        ended.unwrap();
    }
    let metrics = http_get(&served.admin, "/metrics").await.1;
    assert_eq!(
        sample(&metrics, "db_client_connection_max{db_client_connection_pool_name=\"postgresql\"}"),
        Some(1.0),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_told_as_unknown_and_can_be_repeated() {
    let network = Network::before(&postgres::database("lost_answer"));
    let served = Served::start(Path::new(&network.url), &shipped(), &["--database-timeout", "2s"]);
    let mut leads = LeadServiceClient::new(connect(&served).await);
    create(&mut leads, "before").await;
    let request = |id: &str, request_id: &str| pb::CreateLeadRequest {
        lead: Some(made::company("Acme", Some(80))),
        lead_id: id.into(),
        request_id: request_id.into(),
        ..Default::default()
    };
    let breaks = || network.trouble.breaks_at_commit.store(true, Ordering::Relaxed);
    // Without a request id nobody can tell: it was written, and would be written twice under a name of the server's.
    breaks();
    let (code, reason, _) = failure(within(leads.create_lead(request("a", ""))).await);
    assert_eq!((code, reason.as_str()), (Code::Unknown, "OUTCOME_UNKNOWN"));
    assert_eq!(leads.get_lead(get("a")).await.unwrap().into_inner().revision, 1);
    assert_eq!(failure(leads.create_lead(request("a", "")).await).1, "ALREADY_EXISTS");
    // With one, the server finds out by itself.
    breaks();
    let created = within(leads.create_lead(request("b", "create-b"))).await.unwrap().into_inner();
    assert_eq!((created.name.as_str(), created.revision), ("leads/b", 1));
    assert!(!network.trouble.breaks_at_commit.load(Ordering::Relaxed), "nothing was lost");
    assert_eq!(leads.create_lead(request("b", "create-b")).await.unwrap().into_inner(), created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_named_and_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let served = Served::start(&database, &shipped(), &[]);
    let mut leads = LeadServiceClient::new(connect(&served).await);
    for id in ["a", "b", "b-blob", "b-bytes", "b-column", "c", "d"] {
        create(&mut leads, id).await;
    }
    drop((leads, served));
    let db = rusqlite::Connection::open(&database).unwrap();
    for damage in [
        "UPDATE lead_revisions SET body = '{\"name\":' WHERE name IN ('leads/b', 'leads/d')",
        "UPDATE lead_revisions SET body = x'00ff' WHERE name = 'leads/b-blob'",
        "UPDATE lead_revisions SET body = CAST(x'7bff' AS TEXT) WHERE name = 'leads/b-bytes'",
        "UPDATE leads SET last_activity_micros = 'soon' WHERE name = 'leads/b-column'",
    ] {
        assert!(db.execute(damage, []).unwrap() > 0, "{damage}");
    }
    drop(db);
    let served = Served::start(&database, &shipped(), &[]);
    let mut leads = LeadServiceClient::new(connect(&served).await);
    for id in ["b", "b-blob", "b-bytes", "b-column", "d"] {
        let status = leads.get_lead(get(id)).await.unwrap_err();
        assert_eq!(status.code(), Code::DataLoss, "{id}");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["resource"], format!("leads/{id}"));
    }
    let listed = leads.list_leads(pb::ListLeadsRequest::default()).await.unwrap().into_inner();
    let names: Vec<_> = listed.leads.iter().map(|lead| lead.name.as_str()).collect();
    assert_eq!((names, listed.next_page_token.as_str()), (vec!["leads/a", "leads/c"], ""));
    // A page that begins before it goes on behind it.
    let mut names = Vec::new();
    let mut request = pb::ListLeadsRequest { page_size: 1, ..Default::default() };
    loop {
        let page = leads.list_leads(request.clone()).await.unwrap().into_inner();
        names.extend(page.leads.into_iter().map(|lead| lead.name));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["leads/a", "leads/c"]);
    // The doctor names it, in a database that is served.
    let doctor =
        assay().args(["doctor", "--server", &served.url(), "--database"]).arg(&database).output().unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(1), "{told}");
    assert!(
        told.contains("lead_revisions: leads/b@1 can't be read") && told.contains(": 0 findings"),
        "{told}"
    );
    assert!(served.logged(&["can't be read", "leads/b"]).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_removed_under_the_service_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let served = Served::start(&database, &shipped(), &[]);
    std::fs::remove_file(&database).unwrap();
    eventually(async || (http_get(&served.admin, "/readyz").await.0 == 503).then_some(())).await;
    let (_, why) = http_get(&served.admin, "/readyz").await;
    assert!(why.contains("was removed or replaced"), "{why}");
}

#[test]
fn the_lock_of_a_file_holds_through_links() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let _served = Served::start(&database, &shipped(), &[]);
    let (soft, hard) = (dir.path().join("soft.db"), dir.path().join("hard.db"));
    std::os::unix::fs::symlink(&database, &soft).unwrap();
    std::fs::hard_link(&database, &hard).unwrap();
    for other in [soft, hard] {
        refused_as_in_use(&other);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_at_any_level_tells_of_a_person() {
    for database in [None, Some(postgres::database("quiet"))] {
        let dir = tempfile::tempdir().unwrap();
        let path = database.map_or_else(|| dir.path().join("a.db"), PathBuf::from);
        let served = Served::start(&path, &shipped(), &["--log", "trace"]);
        let mut leads = LeadServiceClient::new(connect(&served).await);
        let contact = pb::Contact { display_name: "Zebedee Quux".into(), ..Default::default() };
        let contacts = Some(pb::ContactList { contacts: vec![contact] });
        let lead =
            pb::Lead { contacts, owner: "zebedee@quux.example".into(), ..made::company("Quux & Co", None) };
        let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: "q".into(), ..Default::default() };
        leads.create_lead(request).await.unwrap();
        leads.get_lead(get("q")).await.unwrap();
        let filter = "owner = \"zebedee@quux.example\"".to_owned();
        leads.list_leads(pb::ListLeadsRequest { filter, ..Default::default() }).await.unwrap();
        // What is refused tells no more: an owner that is too long, a word that no filter knows, an id that is taken, JSON.
        let long =
            pb::Lead { owner: "zebedee@quux.example ".repeat(400), ..made::company("Quux & Co", None) };
        for lead_id in ["q", "quux/zebedee", "r"] {
            let request = pb::CreateLeadRequest {
                lead: Some(long.clone()),
                lead_id: lead_id.into(),
                ..Default::default()
            };
            leads.create_lead(request).await.unwrap_err();
        }
        let filter = "owner = \"zebedee@quux.example".to_owned();
        leads.list_leads(pb::ListLeadsRequest { filter, ..Default::default() }).await.unwrap_err();
        let body =
            r#"{"company": {"displayName": "Quux & Co", "emploees": 1}, "owner": "zebedee@quux.example"}"#;
        let post = format!(
            "POST /v1/leads HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = tokio::net::TcpStream::connect(&served.address).await.unwrap();
        connection.write_all(post.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        eventually(async || served.logged(&["call ended", "INVALID_ARGUMENT"])).await;
        eventually(async || served.logged(&["call ended", "ListLeads"])).await;
        let telling: Vec<_> =
            served.log().into_iter().filter(|line| line.to_lowercase().contains("quux")).collect();
        assert!(telling.is_empty(), "{telling:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_lists_keep_no_lookup_waiting_and_the_log_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let served = Served::start(&database, &shipped(), &["--list-timeout", "3s"]);
    let channel = connect(&served).await;
    let mut leads = LeadServiceClient::new(channel.clone());
    create(&mut leads, "a").await;
    let filter = made::heavy_leads(&mut leads, 10).await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (mut leads, filter, stop) = (leads.clone(), filter.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() };
                    _ = leads.list_leads(request).await;
                }
            })
        })
        .collect();
    // Leads of most of a megabyte, so that the log grows beyond what it may have, and more than twice as much is written.
    let contact = |n| pb::Contact { id: format!("c{n}"), title: "t".repeat(900), ..Default::default() };
    let contacts = Some(pb::ContactList { contacts: (0..900).map(contact).collect() });
    let log_size = || std::fs::metadata(dir.path().join("a.db-wal")).unwrap().len();
    let (mut slowest, mut written, mut largest_log, begin) = (Duration::ZERO, 0, 0, Instant::now());
    while written < 130 << 20 {
        let lookup = Instant::now();
        leads.get_lead(get("a")).await.unwrap();
        slowest = slowest.max(lookup.elapsed());
        let owner = format!("{:?}", begin.elapsed());
        let lead =
            pb::Lead { name: "leads/a".into(), owner, contacts: contacts.clone(), ..Default::default() };
        written += prost::Message::encoded_len(&lead);
        leads.update_lead(pb::UpdateLeadRequest { lead: Some(lead), ..Default::default() }).await.unwrap();
        largest_log = largest_log.max(log_size());
    }
    stop.store(true, Ordering::Relaxed);
    println!(
        "beside eight callers with heavy lists, the slowest lookup took {slowest:?}; {} MiB were written in {:?}, the log had {} MiB at most and has {}",
        written >> 20,
        begin.elapsed(),
        largest_log >> 20,
        log_size() >> 20
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!((64 << 20..150 << 20).contains(&largest_log), "{largest_log}");
    for caller in callers {
        within(caller).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_takes_too_long_is_ended_by_the_server() {
    let server = crate::support::TestServer::start_with(
        |scripts| crate::support::copy_dir(&shipped(), scripts),
        assay::config::Settings {
            list_timeout: Some(assay::config::Span(Duration::from_millis(100))),
            ..Default::default()
        },
    )
    .await;
    server.wait_for_health("", ServingStatus::Serving).await;
    let mut leads = server.leads();
    let filter = made::heavy_leads(&mut leads, 3).await;
    let ended = leads.list_leads(pb::ListLeadsRequest { filter, ..Default::default() }).await;
    assert_eq!(failure(ended).1, "DEADLINE_EXCEEDED");
}

#[test]
fn the_doctor_finds_nothing_wrong_with_a_good_database() {
    for database in [None, Some(postgres::database("healthy"))] {
        let dir = tempfile::tempdir().unwrap();
        let path = database.map_or_else(|| dir.path().join("a.db"), PathBuf::from);
        let served = Served::start(&path, &shipped(), &[]);
        let doctor =
            assay().args(["doctor", "--server", &served.url(), "--database"]).arg(&path).output().unwrap();
        let told = String::from_utf8_lossy(&doctor.stdout);
        assert_eq!(doctor.status.code(), Some(0), "{told}");
    }
    let nothing = assay().args(["doctor", "--database", "no/such/file.db"]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(1));
}

/// What a doctor tells of a database that is not served, with its exit code.
fn examined(database: &Path) -> (Option<i32>, String) {
    let doctor = assay().args(["doctor", "--database"]).arg(database).output().unwrap();
    (doctor.status.code(), String::from_utf8_lossy(&doctor.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_what_is_torn_or_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let served = Served::start(&database, &shipped(), &[]);
    let mut leads = LeadServiceClient::new(connect(&served).await);
    for id in ["a", "b", "c", "d"] {
        create(&mut leads, id).await;
    }
    drop((leads, served));

    let db = rusqlite::Connection::open(&database).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = off;
         DELETE FROM leads WHERE name = 'leads/a';
         DELETE FROM lead_revisions WHERE name = 'leads/b';
         UPDATE leads SET activity_count = 7 WHERE name = 'leads/c';
         INSERT INTO lead_external_ids (system, id, lead) VALUES ('crm', '1', 'leads/nobody');",
    )
    .unwrap();
    let (code, told) = examined(&database);
    assert_eq!(code, Some(1), "{told}");
    for what in [
        "revisions of a lead that does not exist: leads/a",
        "the lead has no body of its revision: leads/b",
        "the lead's log of activities has gaps, or another length than it counts: leads/c",
        "an external id of a lead that does not exist: leads/nobody",
        "restore a backup, or report it",
    ] {
        assert!(told.contains(what), "{what}: {told}");
    }

    // A page of an index, as a failing disk returns it.
    let index =
        "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'leads' ORDER BY name";
    let page: u32 = db.query_row(index, [], |row| row.get(0)).unwrap();
    let size: u32 = db.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    let file = std::fs::OpenOptions::new().write(true).open(&database).unwrap();
    std::os::unix::fs::FileExt::write_all_at(
        &file,
        &vec![0xff; size as usize],
        u64::from(page - 1) * u64::from(size),
    )
    .unwrap();
    let (code, told) = examined(&database);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("integrity: ") && told.contains("the disk may be failing"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_asks_a_server_alone_for_its_rules() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    crate::support::copy_dir(&shipped(), &scripts);
    let served = Served::start(&dir.path().join("a.db"), &scripts, &[]);
    let doctor = || {
        // Where no database is: none is asked for.
        let ran =
            assay().current_dir(dir.path()).args(["doctor", "--server", &served.url()]).output().unwrap();
        (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    assert_eq!(doctor(), (Some(0), format!("{}: 0 findings\n", served.url())));
    std::fs::write(scripts.join("lead_scoring/default.rhai"), "rule \"x\" when employes > 5").unwrap();
    let pending = "a change of its rules can't be loaded: lead_scoring/default.rhai:1";
    eventually(async || (doctor().0 == Some(1) && doctor().1.contains(pending)).then_some(())).await;
}

/// Eight callers who give their lists up soon after they have asked: what the database does for nobody must not cost those
/// who look a lead up by its name.
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_given_up_leave_the_database_to_others() {
    let database = postgres::database("given_up");
    let served = Served::start(Path::new(&database), &shipped(), &[]);
    let channel = connect(&served).await;
    let mut leads = LeadServiceClient::new(channel.clone());
    create(&mut leads, "a").await;
    let filter = made::heavy_leads(&mut leads, 10).await;
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (filter, url) = (filter.clone(), served.url());
            tokio::spawn(async move {
                let mut leads = LeadServiceClient::connect(url).await.unwrap();
                loop {
                    let request = pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() };
                    _ = tokio::time::timeout(Duration::from_millis(20), leads.list_leads(request)).await;
                }
            })
        })
        .collect();
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        let found = leads.get_lead(get("a")).await;
        assert!(
            found.is_ok(),
            "{found:?}: {:#?}",
            served.log().iter().filter(|line| line.contains("ERROR")).take(3).collect::<Vec<_>>()
        );
        times.push(asked.elapsed());
    }
    callers.iter().for_each(tokio::task::JoinHandle::abort);
    times.sort();
    println!(
        "beside lists that are given up: {} lookups, the median {:?}, the slowest {:?}",
        times.len(),
        times[times.len() / 2],
        times.last().unwrap()
    );
    // 2 s each before.
    assert!(times[times.len() / 2] < Duration::from_millis(500));
    assert!(leads.list_leads(pb::ListLeadsRequest::default()).await.is_ok());
}
