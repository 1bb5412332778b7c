//! What was acknowledged is there once, whatever happens: the process is killed, the disk is full, the files can't be
//! written.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::profile_service_client::ProfileServiceClient;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::support::postgres::{self, sql};
use crate::support::process::{Served, assay, free_address};
use crate::support::{copy_dir, eventually, failure, made, shipped};

const ROUNDS: u64 = 50;
const WRITERS: u64 = 6;

/// How far a writer came with a lead, as far as it knows.
#[derive(Debug, Clone)]
struct Written {
    id: String,
    /// Acknowledged of: created, changed, visited.
    acknowledged: usize,
    /// Whether the next of these was under way when the server died.
    unknown: bool,
}

impl Written {
    fn request_id(&self, step: usize) -> String {
        format!("{}-{step}", self.id)
    }

    /// One step: to create, to change, to note a visit.
    async fn step(
        &self,
        leads: &mut LeadServiceClient<Channel>,
        source: &str,
        step: usize,
    ) -> Result<(), tonic::Status> {
        let name = format!("leads/{}", self.id);
        let request_id = self.request_id(step);
        match step {
            0 => {
                let lead = pb::Lead {
                    source: source.into(),
                    ..made::with_id(made::company("Acme", Some(10)), "crm", &self.id)
                };
                let request = pb::CreateLeadRequest {
                    lead: Some(lead),
                    lead_id: self.id.clone(),
                    request_id,
                    ..Default::default()
                };
                leads.create_lead(request).await.map(drop)
            }
            1 => {
                let request = pb::UpdateLeadRequest {
                    lead: Some(pb::Lead { name, owner: "an".into(), ..Default::default() }),
                    update_mask: Some(prost_types::FieldMask { paths: vec!["owner".into()] }),
                    request_id,
                    ..Default::default()
                };
                leads.update_lead(request).await.map(drop)
            }
            _ => {
                let visit = pb::Activity {
                    r#type: "page_visit".into(),
                    time: made::seconds(1_780_000_000),
                    ..Default::default()
                };
                let request = pb::RecordActivitiesRequest { lead: name, activities: vec![visit], request_id };
                leads.record_activities(request).await.map(drop)
            }
        }
    }
}

/// Writes lead after lead until the server is gone.
async fn write_on(mut leads: LeadServiceClient<Channel>, round: u64, writer: u64) -> Vec<Written> {
    let mut all = Vec::new();
    for i in 0.. {
        let mut lead = Written { id: format!("r{round}-w{writer}-{i}"), acknowledged: 0, unknown: false };
        for step in 0..3 {
            match lead.step(&mut leads, &format!("round-{round}"), step).await {
                Ok(()) => lead.acknowledged += 1,
                Err(_) => {
                    lead.unknown = true;
                    all.push(lead);
                    return all;
                }
            }
        }
        all.push(lead);
    }
    all
}

/// Everything of a round, page by page.
async fn stored(leads: &mut LeadServiceClient<Channel>, round: u64) -> Vec<pb::Lead> {
    let mut found = Vec::new();
    let mut request = pb::ListLeadsRequest {
        filter: format!("source = round-{round}"),
        page_size: 1_000,
        ..Default::default()
    };
    loop {
        let list = leads.list_leads(request.clone()).await.unwrap().into_inner();
        found.extend(list.leads);
        if list.next_page_token.is_empty() {
            return found;
        }
        request.page_token = list.next_page_token;
    }
}

/// Compares what a round left with what its writers know, and repeats what they don't know.
async fn verify(leads: &mut LeadServiceClient<Channel>, round: u64, written: &[Written]) {
    let found = stored(leads, round).await;
    let known = written.iter().filter(|lead| lead.acknowledged > 0).count();
    let unknown = written.iter().filter(|lead| lead.unknown && lead.acknowledged == 0).count();
    assert!((known..=known + unknown).contains(&found.len()), "{known} and {unknown}: {}", found.len());
    for lead in written {
        let name = format!("leads/{}", lead.id);
        let of_id: Vec<_> = found.iter().filter(|found| found.external_ids["crm"] == lead.id).collect();
        let state = match of_id.as_slice() {
            [] => 0,
            [one] => {
                assert_eq!(
                    (one.name == name, one.revision - 1),
                    (true, i64::from(one.owner == "an")),
                    "{one:?}"
                );
                assert!(
                    one.last_activity_time.is_none() || one.owner == "an",
                    "a later write without the former"
                );
                1 + usize::from(one.owner == "an") + usize::from(one.last_activity_time.is_some())
            }
            many => panic!("{many:?}"),
        };
        let most = lead.acknowledged + usize::from(lead.unknown);
        assert!((lead.acknowledged..=most).contains(&state), "{lead:?} is in state {state}");
        if lead.unknown {
            // Repeated under its request id, it is done once, whether it was done before or not.
            lead.step(leads, &format!("round-{round}"), lead.acknowledged).await.unwrap();
            let read = pb::GetLeadRequest { name: name.clone(), revision: 0 };
            let now = leads.get_lead(read).await.unwrap().into_inner();
            assert_eq!(now.revision, if lead.acknowledged > 0 { 2 } else { 1 });
            let visits = pb::ListActivitiesRequest { parent: name, ..Default::default() };
            let visits = leads.list_activities(visits).await.unwrap().into_inner().activities.len();
            assert_eq!(visits, usize::from(lead.acknowledged == 2));
        }
    }
}

/// Kills a server again and again while it is written to. `check` looks at what it left on the disk.
async fn killed_again_and_again(database: &Path, check: impl Fn()) {
    let mut before: Option<(u64, Vec<Written>)> = None;
    let (mut acknowledged, mut unknown) = (0, 0);
    for round in 0..=ROUNDS {
        let mut served = Served::start(database, &shipped(), &[]);
        let mut leads = LeadServiceClient::connect(served.url()).await.unwrap();
        if let Some((round, written)) = &before {
            verify(&mut leads, *round, written).await;
        }
        if round == ROUNDS {
            break;
        }
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(write_on(leads.clone(), round, writer))).collect();
        eventually(async || (!stored(&mut leads, round).await.is_empty()).then_some(())).await;
        let mut random = SmallRng::seed_from_u64(round);
        tokio::time::sleep(Duration::from_micros(random.random_range(0..60_000))).await;
        served.signal("-KILL");
        served.wait();
        let mut written = Vec::new();
        for writer in writers {
            written.extend(writer.await.unwrap());
        }
        acknowledged += written.iter().map(|lead| lead.acknowledged).sum::<usize>();
        unknown += written.iter().filter(|lead| lead.unknown).count();
        if round % 10 == 9 {
            check();
        }
        before = Some((round, written));
    }
    println!("{ROUNDS} kills: {acknowledged} writes were acknowledged, of {unknown} it was unknown");
    assert!(acknowledged > ROUNDS as usize && unknown > ROUNDS as usize);
}

/// Checks a copy of a SQLite database as a kill left it: file, log and all.
fn check_sqlite(database: &Path) {
    let aside = tempfile::tempdir().unwrap();
    for ending in ["", "-wal"] {
        let name = format!("{}{ending}", database.display());
        std::fs::copy(&name, aside.path().join(Path::new(&name).file_name().unwrap())).unwrap();
    }
    let copy = rusqlite::Connection::open(aside.path().join(database.file_name().unwrap())).unwrap();
    let whole: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    let dangling: i64 =
        copy.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(dangling, 0);
    let torn: i64 = copy.query_row(TORN, [], |row| row.get(0)).unwrap();
    assert_eq!(torn, 0);
}

/// Counts leads of which a part is missing: a body for each revision, the activities that were counted.
const TORN: &str = "SELECT count(*) FROM leads l WHERE
    (SELECT count(*) FROM lead_revisions r WHERE r.name = l.name AND r.revision <= l.revision) <> l.revision
    OR (SELECT count(*) FROM lead_revisions r WHERE r.name = l.name) <> l.revision
    OR (SELECT count(*) FROM activities a WHERE a.lead = l.name) <> l.activity_count
    OR NOT EXISTS (SELECT 1 FROM lead_external_ids e WHERE e.lead = l.name)";

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kills_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    killed_again_and_again(&database, || check_sqlite(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kills_on_postgres() {
    let database = postgres::database("killed");
    killed_again_and_again(Path::new(&database), || {
        assert_eq!(sql(&format!("SET search_path = killed; {TORN}")), "0");
    })
    .await;
    sql("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public");
    let checked = sql("SELECT count(public.bt_index_check(i.indexrelid, true)) FROM pg_index i
                       JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = 'killed' AND c.relkind = 'i'");
    assert!(checked.parse::<i64>().unwrap() > 10, "{checked}");
}

/// A small disk of its own: a file system in memory, in a mount namespace that a sleeping process holds.
struct SmallDisk {
    holder: Child,
    mount: PathBuf,
    _dir: tempfile::TempDir,
}

impl SmallDisk {
    fn make(megabytes: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mount = dir.path().to_owned();
        let script =
            format!("mount -t tmpfs -o size={megabytes}m none {} && echo && exec sleep 600", mount.display());
        let mut holder = Command::new("unshare")
            .args(if root() { ["-m"].as_slice() } else { &["-r", "-m"] })
            .args(["sh", "-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let stdout = holder.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut ready).unwrap();
        assert_eq!(
            ready, "\n",
            "a mount namespace is needed: run as root, or where user namespaces are allowed"
        );
        Self { holder, mount, _dir: dir }
    }

    /// A command that sees the disk.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let user: &[&str] = if root() { &[] } else { &["--preserve-credentials", "-U"] };
        command.args(user).args(["-m", "-t", &self.holder.id().to_string(), program]);
        command
    }

    fn assay(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_assay"))
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.command(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
    }

    /// A path on the disk as others see it.
    fn outside(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), path.display()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = self.holder.kill();
        _ = self.holder.wait();
    }
}

fn root() -> bool {
    String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout).unwrap().trim() == "0"
}

/// A lead of some size that can't be compressed.
fn large(i: usize) -> pb::CreateLeadRequest {
    let mut random = SmallRng::seed_from_u64(i as u64);
    let mut text = |length| -> String { (0..length).map(|_| random.random_range('!'..='z')).collect() };
    let lead = pb::Lead {
        source: text(200),
        ..made::with_id(made::company(&text(200), None), "crm", &i.to_string())
    };
    let mut contact = |n| pb::Contact { id: format!("c{n}"), title: text(400), ..Default::default() };
    let contacts = Some(pb::ContactList { contacts: (0..200).map(&mut contact).collect() });
    pb::CreateLeadRequest {
        lead: Some(pb::Lead { contacts, ..lead }),
        lead_id: format!("l{i}"),
        ..Default::default()
    }
}

async fn leads_of(served: &Served) -> LeadServiceClient<Channel> {
    LeadServiceClient::connect(served.url()).await.unwrap()
}

/// Takes room on a disk, to be given back.
fn fill(disk: &SmallDisk, megabytes: u32) -> PathBuf {
    let filler = disk.mount.join("filler");
    let (to, count) = (format!("of={}", filler.display()), format!("count={megabytes}"));
    disk.run("dd", &["if=/dev/zero", &to, "bs=1M", &count, "status=none"]);
    disk.outside(&filler)
}

/// Writes until the disk of the store is full, makes room, writes on; gives everything that was acknowledged.
async fn written_over_a_full_disk(served: &Served, filler: &Path) -> Vec<pb::Lead> {
    let mut leads = leads_of(served).await;
    let mut written = Vec::new();
    let refused = loop {
        match leads.create_lead(large(written.len())).await {
            Ok(lead) => written.push(lead.into_inner()),
            Err(refused) => break refused,
        }
        assert!(written.len() < 1_000, "the disk is not full yet");
    };
    assert!(refused.get_error_details().retry_info().is_some());
    let (code, reason, _) = failure(Err::<(), _>(refused));
    assert_eq!((code, reason.as_str()), (tonic::Code::Unavailable, "STORE_FULL"));
    // Reads go on.
    all_are_read(&mut leads, &[written[0].clone(), written[written.len() - 1].clone()]).await;
    // With room again, writes go on by themselves.
    std::fs::remove_file(filler).unwrap();
    let again = eventually(async || leads.create_lead(large(written.len())).await.ok()).await;
    written.push(again.into_inner());
    written
}

async fn all_are_read(leads: &mut LeadServiceClient<Channel>, written: &[pb::Lead]) {
    for lead in written {
        let request = pb::GetLeadRequest { name: lead.name.clone(), revision: 0 };
        assert_eq!(&leads.get_lead(request).await.unwrap().into_inner(), lead);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_costs_nothing_that_was_acknowledged() {
    let disk = SmallDisk::make(24);
    let database = disk.mount.join("a.db");
    let filler = fill(&disk, 10);
    let mut served = Served::start_by(disk.assay(), &database, &shipped(), &[]);
    let written = written_over_a_full_disk(&served, &filler).await;
    served.signal("-KILL");
    served.wait();
    check_sqlite(&disk.outside(&database));
    let served = Served::start_by(disk.assay(), &database, &shipped(), &[]);
    all_are_read(&mut leads_of(&served).await, &written).await;
}

/// A PostgreSQL of its own that keeps its tables on a small disk, until its standard input is closed.
struct Cluster {
    process: Child,
    url: String,
}

impl Cluster {
    fn start(disk: &SmallDisk) -> Self {
        let tables = disk.mount.join("tables").display().to_string();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/with-postgres");
        // A cluster does not run as root, also not as the one of a namespace of users.
        let mut command = if root() {
            disk.run("install", &["-d", "-o", "postgres", &tables]);
            disk.command(script)
        } else {
            disk.run("mkdir", &[&tables]);
            let mut command = disk.command("unshare");
            command.args(["--user", "--map-user=1000", script]);
            command
        };
        command.args(["sh", "-c", "echo $ASSAY_TEST_POSTGRES; exec cat"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(process.stdout.as_mut().unwrap()), &mut url)
            .unwrap();
        let url = url.trim().to_owned();
        postgres::sql_at(&url, &format!("CREATE TABLESPACE small LOCATION '{tables}'"));
        postgres::sql_at(&url, "ALTER ROLE assay SET default_tablespace = small");
        Self { process, url }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_postgres_is_told_and_costs_nothing_that_was_acknowledged() {
    let disk = SmallDisk::make(24);
    let cluster = Cluster::start(&disk);
    let filler = fill(&disk, 10);
    let mut served = Served::start(Path::new(&cluster.url), &shipped(), &[]);
    let written = written_over_a_full_disk(&served, &filler).await;
    served.signal("-KILL");
    served.wait();
    let served = Served::start(Path::new(&cluster.url), &shipped(), &[]);
    all_are_read(&mut leads_of(&served).await, &written).await;
    drop(served);
}

const SECRET: &str = "to-be-erased";

/// Thousands of leads with revisions, scores and kept answers, every other one with the secret in it; then those are
/// deleted.
async fn write_and_erase(leads: &mut LeadServiceClient<Channel>, url: String, wrote: impl FnOnce()) {
    let secret = |i: usize| i.is_multiple_of(2);
    for round in 0..3 {
        for batch in 0..3 {
            let item = |i: usize| {
                let owner = if secret(i) { SECRET } else { "stays" };
                // Names in no order, and texts that grow, so that rows move between pages.
                let id = format!("{:04x}", i * 40_503 % 65_536);
                let owner = format!("{owner} {}", owner.repeat((i * 7 + round) % 12));
                let lead = pb::Lead { owner, ..made::company("Acme", Some(80)) };
                pb::UpsertLead {
                    id: id.clone(),
                    lead: Some(made::with_id(lead, "crm", &id)),
                    ..Default::default()
                }
            };
            let items = (batch * 1_000..(batch + 1) * 1_000).map(item).collect();
            let request_id = format!("{round}-{batch}");
            let request =
                pb::BatchUpsertLeadsRequest { system: "crm".into(), items, request_id, ..Default::default() };
            leads.batch_upsert_leads(request).await.unwrap();
        }
    }
    let names = all_names(leads, &format!("owner:\"{SECRET}\"")).await;
    assert_eq!(names.len(), 1_500);
    let mut profiles = ProfileServiceClient::connect(url.clone()).await.unwrap();
    let profile = Some(made::profile());
    let request = pb::CreateProfileRequest { profile, profile_id: "main".into(), ..Default::default() };
    profiles.create_profile(request).await.unwrap();
    let mut scoring = ScoringServiceClient::connect(url).await.unwrap();
    for name in &names[..50] {
        let request = pb::ScoreLeadRequest {
            subject: Some(pb::score_lead_request::Subject::Lead(name.clone())),
            profile_choice: Some(pb::score_lead_request::ProfileChoice::Profile("profiles/main".into())),
            record: true,
            ..Default::default()
        };
        scoring.score_lead(request).await.unwrap();
    }
    wrote();
    for name in names {
        leads.delete_lead(pb::DeleteLeadRequest { name, ..Default::default() }).await.unwrap();
    }
    assert_eq!(all_names(leads, "").await.len(), 1_500);
}

async fn all_names(leads: &mut LeadServiceClient<Channel>, filter: &str) -> Vec<String> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListLeadsRequest {
            page_size: 1_000,
            filter: filter.into(),
            page_token,
            ..Default::default()
        };
        let page = leads.list_leads(request).await.unwrap().into_inner();
        names.extend(page.leads.into_iter().map(|lead| lead.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

/// In how many files of a folder, and of those in it, the secret stands.
fn files_with_the_secret(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
    };
    entries
        .map(|path| if path.is_dir() { files_with_the_secret(&path) } else { usize::from(holds(&path)) })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_stands_in_no_file_of_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &["--log", "info"]);
    let mut leads = leads_of(&served).await;
    write_and_erase(&mut leads, served.url(), || assert!(files_with_the_secret(dir.path()) > 0)).await;
    let begin = Instant::now();
    eventually(async || (files_with_the_secret(dir.path()) == 0).then_some(())).await;
    println!("1,500 of 3,000 leads were erased from all files after {:?}", begin.elapsed());
    let sound = assay().args(["doctor", "--database"]).arg(dir.path().join("a.db")).output().unwrap();
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stdout));
}

/// As docs/operations.md says of PostgreSQL: no table holds it after VACUUM FULL of the tables and of the planner's
/// samples, and a checkpoint, as soon as no transaction of other tests can still see the former rows.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_stands_in_no_table_of_postgres_after_a_full_vacuum() {
    let served = Served::start(Path::new(&postgres::database("erased")), &shipped(), &[]);
    let mut leads = leads_of(&served).await;
    let data = PathBuf::from(sql("SHOW data_directory")).join("base");
    let in_tables = || {
        sql("CHECKPOINT");
        files_with_the_secret(&data)
    };
    write_and_erase(&mut leads, served.url(), || assert!(in_tables() > 0)).await;
    let tables = sql("SELECT tablename FROM pg_tables WHERE schemaname = 'erased'");
    let vacuum = || {
        for table in tables.lines() {
            sql(&format!("VACUUM FULL ANALYZE erased.{table}"));
        }
        sql("VACUUM FULL pg_statistic");
        in_tables()
    };
    let is_gone = (0..20).any(|_| vacuum() == 0);
    assert!(is_gone, "{} files still hold it", in_tables());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_written_are_refused_at_the_start() {
    let disk = SmallDisk::make(16);
    let database = disk.mount.join("a.db");
    let mut served = Served::start_by(disk.assay(), &database, &shipped(), &["--drain-delay", "0s"]);
    leads_of(&served).await.create_lead(large(0)).await.unwrap();
    served.signal("-TERM");
    served.wait();
    disk.run("mount", &["-o", "remount,ro", &disk.mount.display().to_string()]);
    let mut command = disk.assay();
    command.args(["serve", "--listen", &free_address(), "--admin-listen", &free_address()]);
    let output = command.arg("--database").arg(&database).arg("--scripts").arg(shipped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("a.db") && message.contains("Read-only file system"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_becomes_read_only_is_told_and_read_on() {
    let database = postgres::database("standby");
    sql("DROP ROLE IF EXISTS standby; CREATE ROLE standby LOGIN; GRANT ALL ON SCHEMA standby TO standby");
    let url = database.replacen("assay@", "standby@", 1);
    let scripts = tempfile::tempdir().unwrap();
    copy_dir(&shipped(), scripts.path());
    let served = Served::start(Path::new(&url), scripts.path(), &[]);
    let mut leads = leads_of(&served).await;
    leads.create_lead(large(0)).await.unwrap();
    // As after a failover to a replica: the connections end, and the new ones can only read.
    sql("ALTER ROLE standby SET default_transaction_read_only = on");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'standby'");
    let reason = eventually(async || {
        let (code, reason, _) = failure(leads.create_lead(large(1)).await);
        assert_eq!(code, tonic::Code::Unavailable, "{reason}");
        Some(reason).filter(|reason| reason == "STORE_READ_ONLY")
    })
    .await;
    assert_eq!(reason, "STORE_READ_ONLY");
    let request = pb::GetLeadRequest { name: "leads/l0".into(), revision: 0 };
    assert_eq!(leads.get_lead(request).await.unwrap().into_inner().revision, 1);
    // Rules that can't be kept don't come into force, but are not given up either.
    let mut rules = RuleServiceClient::connect(served.url()).await.unwrap();
    let mut status = async || rules.get_rule_status(pb::GetRuleStatusRequest {}).await.unwrap().into_inner();
    let before = status().await.active.unwrap().rule_set;
    let script = scripts.path().join("lead_scoring/default.rhai");
    let text = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, format!("{text}// changed\n")).unwrap();
    let pending = eventually(async || status().await.pending).await;
    assert_eq!(pending.diagnostics[0].code, "not-kept");
    sql("ALTER ROLE standby RESET default_transaction_read_only");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'standby'");
    eventually(async || leads.create_lead(large(1)).await.ok()).await;
    let changed =
        async || Some(status().await).filter(|status| status.active.as_ref().unwrap().rule_set != before);
    eventually(changed).await;
    drop(served);
    sql("DROP SCHEMA standby CASCADE; DROP ROLE standby");
}

#[test]
fn a_database_that_cannot_be_reached_is_told_at_the_start() {
    let output = assay()
        .args(["serve", "--listen", &free_address(), "--admin-listen", &free_address()])
        .args(["--database", "postgres://nobody@127.0.0.1:1/none"])
        .arg("--scripts")
        .arg(shipped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("the database can't be reached"), "{message}");
}
