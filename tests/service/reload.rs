//! A save counts, whichever way it is made; no call fails and none mixes two sets.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use assay::config::Settings;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use assay::grpc::pb::{GetRuleStatusRequest, RuleStatus};
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::process::{Served, cpu};
use crate::support::{TestServer, eventually, http_get, inline, made, sample, shipped};

const FILE: &str = "lead_scoring/default.rhai";

async fn points(server: &TestServer) -> i64 {
    let score = server.scoring().score_lead(inline(made::company("Acme", None))).await.unwrap();
    score.into_inner().total_hundredths / 100
}

fn other_than(rule_set: String) -> impl Fn(&RuleStatus) -> bool {
    move |status| status.active.as_ref().is_some_and(|active| active.rule_set != rule_set)
}

/// Makes a change and waits until it counts; how soon that is, a bench tells.
async fn takes_effect(server: &TestServer, expected: i64, change: impl FnOnce(&Path)) {
    change(&server.scripts);
    eventually(async || (points(server).await == expected).then_some(())).await;
    assert!(server.status().await.pending.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_place_rename_and_editors_ways_of_saving() {
    let server = TestServer::with_script(&made::script(10)).await;
    takes_effect(&server, 11, |scripts| std::fs::write(scripts.join(FILE), made::script(11)).unwrap()).await;
    takes_effect(&server, 12, |scripts| {
        let aside = scripts.join("lead_scoring/.tmp123");
        std::fs::write(&aside, made::script(12)).unwrap();
        std::fs::rename(aside, scripts.join(FILE)).unwrap();
    })
    .await;
    // vim with a backup: tries a file 4913, renames the original away, writes anew, removes the backup.
    takes_effect(&server, 13, |scripts| {
        let (file, backup) = (scripts.join(FILE), scripts.join("lead_scoring/default.rhai~"));
        std::fs::write(scripts.join("lead_scoring/4913"), "").unwrap();
        std::fs::remove_file(scripts.join("lead_scoring/4913")).unwrap();
        std::fs::rename(&file, &backup).unwrap();
        std::fs::write(&file, made::script(13)).unwrap();
        std::fs::remove_file(backup).unwrap();
    })
    .await;
    let vim = |set: &str, to: i32| {
        let (set, substitute) = (set.to_owned(), format!("%s/then \\d\\+/then {to}/"));
        move |scripts: &Path| {
            let vim = Command::new("vim")
                .args(["-es", "-u", "NONE", "-c", &set, "-c", &substitute, "-c", "wq"])
                .arg(scripts.join(FILE))
                .status();
            assert!(vim.expect("vim is needed: `make deps` installs it").success());
        }
    };
    takes_effect(&server, 14, vim("set backup writebackup backupcopy=no", 14)).await;
    takes_effect(&server, 15, vim("set backup writebackup backupcopy=yes", 15)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_reloaded_and_a_wrong_cell_never_replaces_a_good_one() {
    let server = TestServer::with_script(&made::script(10)).await;
    let table = |scripts: &Path, points: &str| {
        std::fs::create_dir_all(scripts.join("tables")).unwrap();
        std::fs::write(scripts.join("tables/sizes.csv"), format!("size,points (number)\nany,{points}\n"))
            .unwrap();
    };
    takes_effect(&server, 21, |scripts| {
        table(scripts, "21");
        let rule =
            "rule \"x\" when true then lookup(\"sizes\", \"any\") because \"x\";\ngrade \"A\" otherwise;";
        std::fs::write(scripts.join(FILE), rule).unwrap();
    })
    .await;
    takes_effect(&server, 22, |scripts| table(scripts, "22")).await;
    table(&server.scripts, "many");
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    let finding = &status.pending.unwrap().diagnostics[0];
    assert_eq!((finding.file.as_str(), finding.line, finding.column), ("tables/sizes.csv", 2, 5));
    assert_eq!(points(&server).await, 22);
    takes_effect(&server, 23, |scripts| table(scripts, "23")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_swapped_by_its_data_link() {
    use std::os::unix::fs::symlink;
    let version = |scripts: &Path, number: i32| {
        let data = scripts.join(format!("..2026_{number}"));
        std::fs::create_dir_all(data.join("lead_scoring")).unwrap();
        std::fs::copy(shipped().join("facts.toml"), data.join("facts.toml")).unwrap();
        std::fs::write(data.join(FILE), made::script(number)).unwrap();
        symlink(data.file_name().unwrap(), scripts.join("..data_tmp")).unwrap();
        std::fs::rename(scripts.join("..data_tmp"), scripts.join("..data")).unwrap();
    };
    let first = |scripts: &Path| {
        version(scripts, 20);
        symlink("..data/facts.toml", scripts.join("facts.toml")).unwrap();
        symlink("..data/lead_scoring", scripts.join("lead_scoring")).unwrap();
    };
    let server = TestServer::start_with(first, Settings::default()).await;
    server.wait_for_health("", ServingStatus::Serving).await;
    assert_eq!(points(&server).await, 20);
    takes_effect(&server, 21, |scripts| {
        version(scripts, 21);
        std::fs::remove_dir_all(scripts.join("..2026_20")).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_or_half_written_set_never_replaces_a_good_one_and_the_next_good_one_loads() {
    let server = TestServer::with_script(&made::script(30)).await;
    let good = server.status().await.active.unwrap();
    let half = made::script(31);
    server.write(FILE, &half[..half.len() / 2]);
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    assert_eq!(status.active.as_ref(), Some(&good));
    let finding = &status.pending.unwrap().diagnostics[0];
    assert_eq!((finding.code.as_str(), finding.file.as_str()), ("syntax", FILE));
    assert_eq!(points(&server).await, 30);
    server.wait_for_health("", ServingStatus::Serving).await;

    let wrong = made::script(31).replace("subject_is_company", "employes > 1");
    server.write(FILE, &wrong);
    server
        .wait_for_rules(|s| s.pending.as_ref().is_some_and(|p| p.diagnostics[0].code == "unknown-name"))
        .await;
    takes_effect(&server, 31, |scripts| std::fs::write(scripts.join(FILE), &half).unwrap()).await;

    // Taking a bad change back clears what is pending without a new set.
    let active = server.status().await.active;
    server.write(FILE, "nonsense");
    server.wait_for_rules(|status| status.pending.is_some()).await;
    server.write(FILE, &half);
    let (status, _) = server.wait_for_rules(|status| status.pending.is_none()).await;
    assert_eq!(status.active, active);
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_of_everything_keeps_the_last_good_set() {
    let server = TestServer::with_script(&made::script(40)).await;
    std::fs::remove_dir_all(server.scripts.join("lead_scoring")).unwrap();
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    assert_eq!(status.pending.unwrap().diagnostics[0].code, "empty-set");
    assert_eq!(points(&server).await, 40);
    std::fs::remove_dir_all(&server.scripts).unwrap();
    let unreadable =
        |s: &RuleStatus| s.pending.as_ref().is_some_and(|p| p.diagnostics[0].code == "unreadable");
    server.wait_for_rules(unreadable).await;
    assert_eq!(points(&server).await, 40);
    // The folder is made anew: its watch is gone with the old one, looking by the clock is not.
    takes_effect(&server, 41, |scripts| {
        std::fs::create_dir_all(scripts.join("lead_scoring")).unwrap();
        std::fs::write(scripts.join(FILE), made::script(41)).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_change_at_once() {
    let server = TestServer::with_script(&made::script(50)).await;
    let with_lib = |points: i32| {
        (
            format!("fn points() {{ {points} }}"),
            "import \"lib/own\" as own; rule \"all\" when true then own::points() because \"x\"; grade \"A\" otherwise;",
        )
    };
    for number in 51..56 {
        let before = server.rule_set().await;
        takes_effect(&server, number.into(), |scripts| {
            let (lib, script) = with_lib(number);
            std::fs::create_dir_all(scripts.join("lib")).unwrap();
            std::fs::write(scripts.join("lib/own.rhai"), lib).unwrap();
            std::fs::write(scripts.join(FILE), script).unwrap();
        })
        .await;
        assert_ne!(server.rule_set().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_or_mixes_two_sets_while_rules_change() {
    // Both rules always give the same points, so a mixed set would show.
    let script = |n: i32| {
        format!(
            "rule \"a\" when true then {n} because \"x\"; rule \"b\" when true then {n} because \"x\"; grade \"A\" otherwise;"
        )
    };
    let server = TestServer::with_script(&script(1)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers = (0..4).map(|_| {
        let (mut scoring, stop) = (server.scoring(), stop.clone());
        tokio::spawn(async move {
            let mut seen = std::collections::BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                let score =
                    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap().into_inner();
                let points: Vec<_> = score.contributions.iter().map(|c| c.points_hundredths).collect();
                assert_eq!(points[0], points[1]);
                assert_eq!(*seen.entry(score.rule_set).or_insert(points[0]), points[0]);
            }
            seen.len()
        })
    });
    let callers: Vec<_> = callers.collect();
    for n in 2..12 {
        let before = server.rule_set().await;
        server.write(FILE, &script(n));
        server.wait_for_rules(other_than(before)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 1, "a caller saw no change at all");
    }
}

/// Asserts that a process which has nothing to do does next to nothing.
async fn rests(served: &Served) {
    let before = cpu(served.child.id());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = cpu(served.child.id()) - before;
    assert!(used < Duration::from_millis(400), "{used:?} of CPU time within 2 s, with nothing to do");
}

/// A server process with one script beside the facts that ship.
struct Process {
    served: Served,
    scripts: std::path::PathBuf,
    rules: RuleServiceClient<Channel>,
    scoring: ScoringServiceClient<Channel>,
    _dir: tempfile::TempDir,
}

impl Process {
    async fn start(points: i32, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scripts = dir.path().join("scripts");
        std::fs::create_dir_all(scripts.join("lead_scoring")).unwrap();
        std::fs::copy(shipped().join("facts.toml"), scripts.join("facts.toml")).unwrap();
        std::fs::write(scripts.join(FILE), made::script(points)).unwrap();
        let served = Served::start(&dir.path().join("a.db"), &scripts, more);
        let rules = RuleServiceClient::connect(served.url()).await.unwrap();
        let scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
        Self { served, scripts, rules, scoring, _dir: dir }
    }

    async fn points(&self) -> i64 {
        let score = self.scoring.clone().score_lead(inline(made::company("Acme", None))).await.unwrap();
        score.into_inner().total_hundredths / 100
    }

    /// Waits until scores have these points; gives how long that took.
    async fn counts(&self, points: i64) -> Duration {
        let begin = Instant::now();
        eventually(async || (self.points().await == points).then_some(())).await;
        begin.elapsed()
    }

    fn write(&self, points: i32) {
        std::fs::write(self.scripts.join(FILE), made::script(points)).unwrap();
    }

    async fn pending(&self, code: &str) {
        eventually(async || {
            let status =
                self.rules.clone().get_rule_status(GetRuleStatusRequest {}).await.unwrap().into_inner();
            status.pending.filter(|pending| pending.diagnostics[0].code == code)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_looking_alone_a_save_counts_too() {
    let process = Process::start(10, &["--watch", "poll"]).await;
    for points in [11, 12, 13] {
        process.write(points);
        process.counts(points.into()).await;
    }
    rests(&process.served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_jump_hide_no_change() {
    for mode in ["auto", "poll"] {
        let process = Process::start(10, &["--watch", mode]).await;
        // The clock jumps back and forth between saves of the same size; then time seems to stand still.
        let at = |seconds| std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (points, time) in [(11, 4_000_000_000), (12, 1), (13, 1), (14, 4_000_000_000)] {
            process.write(points);
            let file = std::fs::File::options().write(true).open(process.scripts.join(FILE)).unwrap();
            file.set_modified(at(time)).unwrap();
            process.counts(points.into()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_overflow_lose_no_change() {
    let process = Process::start(10, &[]).await;
    let most: usize =
        std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    // While the process stands still, more happens than the kernel keeps for it; the last save is among the lost.
    process.served.signal("-STOP");
    let noise = [process.scripts.join("lead_scoring/a.txt"), process.scripts.join("lead_scoring/b.txt")];
    // Each of these writes is at least two events.
    for i in 0..most / 2 + 1_000 {
        std::fs::write(&noise[i % 2], "x").unwrap();
    }
    process.write(11);
    process.served.signal("-CONT");
    process.counts(11).await;
    process.write(12);
    process.counts(12).await;
    rests(&process.served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_has_died_is_replaced() {
    let process = Process::start(10, &[]).await;
    // The folder is replaced by another of its name, twice: the watch is on one that is gone.
    for points in [11, 12] {
        std::fs::rename(&process.scripts, process.scripts.with_extension("old")).unwrap();
        process.pending("unreadable").await;
        assert_eq!(process.points().await, i64::from(points) - 1, "the last good set stays");
        crate::support::copy_dir(&process.scripts.with_extension("old"), &process.scripts);
        std::fs::remove_dir_all(process.scripts.with_extension("old")).unwrap();
        process.write(points);
        process.counts(points.into()).await;
    }
    // Neither a file in its place nor a folder that is empty does any harm, nor keeps the process busy.
    std::fs::rename(&process.scripts, process.scripts.with_extension("old")).unwrap();
    std::fs::write(&process.scripts, "no folder").unwrap();
    process.pending("unreadable").await;
    rests(&process.served).await;
    std::fs::remove_file(&process.scripts).unwrap();
    std::fs::create_dir(&process.scripts).unwrap();
    process.pending("empty-set").await;
    assert_eq!(process.points().await, 12);
    rests(&process.served).await;
    std::fs::remove_dir(&process.scripts).unwrap();
    std::fs::rename(process.scripts.with_extension("old"), &process.scripts).unwrap();
    process.write(13);
    process.counts(13).await;
    process.write(14);
    process.counts(14).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_deleted_is_gone_and_the_others_stay() {
    let process = Process::start(10, &[]).await;
    let other = process.scripts.join("lead_scoring/other.rhai");
    let score = async |script: &str| {
        let profile = assay::grpc::pb::Profile { scoring_script: script.into(), ..made::profile() };
        let choice = assay::grpc::pb::score_lead_request::ProfileChoice::InlineProfile(profile);
        let request = assay::grpc::pb::ScoreLeadRequest {
            profile_choice: Some(choice),
            ..inline(made::company("Acme", None))
        };
        process.scoring.clone().score_lead(request).await
    };
    std::fs::write(&other, made::script(20)).unwrap();
    eventually(async || score("other").await.ok()).await;
    std::fs::remove_file(&other).unwrap();
    let (code, _, fields) = eventually(async || {
        let result = score("other").await;
        result.is_err().then(|| crate::support::failure(result))
    })
    .await;
    assert_eq!(
        (code, fields),
        (tonic::Code::InvalidArgument, vec!["inline_profile.scoring_script".to_owned()])
    );
    assert_eq!(process.points().await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_files_are_watched_without_much_ado() {
    let process = Process::start(10, &[]).await;
    // With facts.toml and the script there already, a thousand files: the most that a set may have.
    for i in 0..998 {
        let text = format!("// Script {i}\n{}", made::script(20 + i % 10));
        std::fs::write(process.scripts.join(format!("lead_scoring/s{i}.rhai")), text).unwrap();
    }
    process.write(11);
    process.counts(11).await;
    for points in [12, 13] {
        process.write(points);
        let took = process.counts(points.into()).await;
        println!("with 1,000 files a save counts after {took:?}");
    }
    rests(&process.served).await;
    std::fs::write(process.scripts.join("lead_scoring/one-too-many.rhai"), made::script(1)).unwrap();
    process.pending("too-large").await;
    assert_eq!(process.points().await, 13);
}

/// A script with a great many rules, which takes long to compile.
fn long_script(points: i32, rules: usize) -> String {
    use std::fmt::Write as _;
    let mut text = made::script(points);
    for i in 0..rules {
        writeln!(text, "rule \"r{i}\" when employees > {i} and employees < 0 then 1 because \"x\";").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_long_set_compiles_calls_go_on_and_the_newest_save_wins() {
    let process = Process::start(10, &[]).await;
    for i in 0..60 {
        std::fs::write(process.scripts.join(format!("lead_scoring/long{i}.rhai")), long_script(1, 800))
            .unwrap();
    }
    let begin = Instant::now();
    process.write(11);
    let stop = Arc::new(AtomicBool::new(false));
    let caller = {
        let (mut scoring, stop) = (process.scoring.clone(), stop.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            while !stop.load(Ordering::Relaxed) {
                scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
                calls += 1;
            }
            calls
        })
    };
    // Saved while the set before compiles: only the last of these has to count.
    for points in 12..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        process.write(points);
    }
    let patience = tokio::time::timeout(Duration::from_secs(60), async {
        while process.points().await != 19 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    patience.await.expect("the last save counts");
    stop.store(true, Ordering::Relaxed);
    let calls = caller.await.unwrap();
    println!("{calls} calls were answered in {:?} while long sets compiled", begin.elapsed());
    assert!(calls > 100);
    assert_eq!(process.points().await, 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_of_saves_no_call_fails_and_the_last_counts() {
    let process = Process::start(10, &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (mut scoring, stop) = (process.scoring.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
                }
            })
        })
        .collect();
    for i in 0..500 {
        // Every third save is broken.
        match i % 3 {
            0 => std::fs::write(process.scripts.join(FILE), "rule \"half").unwrap(),
            _ => process.write(20 + i % 50),
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    process.write(99);
    process.counts(99).await;
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let (_, metrics) = crate::support::http_get(&process.served.admin, "/metrics").await;
    let attempts: f64 = ["loaded", "unchanged", "refused"]
        .iter()
        .filter_map(|outcome| sample(&metrics, &format!("assay_rule_reloads_total{{outcome=\"{outcome}\"}}")))
        .sum();
    // One for the start, and no more than the quiet that is waited for allows.
    println!("{attempts} attempts to load in a storm of 501 saves");
    assert!((2.0..=100.0).contains(&attempts), "{attempts}");
    rests(&process.served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_a_priority_script_does_not_count_while_it_is_written() {
    let server = TestServer::start().await;
    let before = server.rule_set().await;
    let path = "segment_priority/default.rhai";
    let whole = std::fs::read_to_string(shipped().join(path)).unwrap();
    let (first, rest) = whole.split_at(whole.find("factor \"growth\"").unwrap());
    // The beginning is valid by itself; the rest follows as from a slow disk, with a change in it.
    server.write(path, first);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(server.rule_set().await, before);
    }
    server.write(path, &format!("{first}{rest}// changed\n"));
    server.wait_for_rules(other_than(before.clone())).await;
    // What stays cut off, as on a full disk, never counts: neither within a line nor between two factors.
    let good = server.rule_set().await;
    for cut in [first.trim_end().trim_end_matches(';').trim_end().trim_end_matches('"'), first] {
        server.write(path, cut);
        let told = |status: &assay::grpc::pb::RuleStatus| {
            let pending = status.pending.as_ref();
            pending.is_some_and(|pending| {
                pending.diagnostics.iter().any(|d| d.code == "cut-off" || d.code == "syntax")
            })
        };
        server.wait_for_rules(told).await;
        assert_eq!(server.rule_set().await, good);
        server.write(path, &format!("{first}{rest}// changed\n"));
        server.wait_for_rules(|status| status.pending.is_none()).await;
    }
    // One without any statement never counts.
    let good = server.rule_set().await;
    server.write(path, "// nothing\n");
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    assert_eq!(status.pending.unwrap().diagnostics[0].code, "empty-set");
    assert_eq!(server.rule_set().await, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_place_of_a_script_stops_nothing() {
    let server = TestServer::with_script(&made::script(10)).await;
    let pipe = server.scripts.join("lead_scoring/.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::rename(&pipe, server.scripts.join(FILE)).unwrap();
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    assert_eq!(status.pending.unwrap().diagnostics[0].code, "unreadable");
    std::fs::remove_file(server.scripts.join(FILE)).unwrap();
    takes_effect(&server, 14, |scripts| std::fs::write(scripts.join(FILE), made::script(14)).unwrap()).await;
    let look = "assay_rule_look_age_seconds";
    assert!(sample(&server.get("/metrics").await.1, look).unwrap() < 5.0);
}

/// Stops one thread of a process, as a file system that hangs would, until it is dropped. A debugger's means do that:
/// PTRACE_SEIZE and PTRACE_INTERRUPT.
struct Stopped(Child);

impl Stopped {
    fn thread(process: u32, name: &str) -> Self {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let named = |thread: &std::path::PathBuf| {
            std::fs::read_to_string(thread.join("comm")).unwrap().trim() == name
        };
        let thread = threads.map(|entry| entry.unwrap().path()).find(named).expect("there is such a thread");
        let script = "import ctypes, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for request in (0x4206, 0x4207):
    assert ptrace(request, int(sys.argv[1]), None, None) == 0, ctypes.get_errno()
print('stopped', flush=True)
sys.stdin.read()";
        let mut python = Command::new("python3")
            .args(["-c", script, thread.file_name().unwrap().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(python.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "stopped\n");
        Self(python)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watching_thread_that_hangs_is_replaced() {
    let process = Process::start(10, &[]).await;
    let stopped = Stopped::thread(process.served.child.id(), "rules-watch");
    process.write(14);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(process.points().await, 10, "nobody looks");
    let age = sample(&http_get(&process.served.admin, "/metrics").await.1, "assay_rule_look_age_seconds");
    assert!(age.unwrap() > 1.5, "{age:?}");
    let begin = Instant::now();
    while process.points().await != 14 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody looks any more");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("another thread looked after {:?}", begin.elapsed());
    assert!(process.served.logged(&["were not looked at", "another thread begins"]).is_some());
    // The one that hung wakes up, sees that it was replaced, and gets into nobody's way.
    drop(stopped);
    process.write(15);
    assert!(process.counts(15).await < Duration::from_secs(10));
    let watching = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", process.served.child.id())).unwrap();
        let names =
            threads.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("comm")).ok());
        names.filter(|name| name.trim() == "rules-watch").count()
    };
    eventually(async || (watching() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_full_of_what_is_not_ours_costs_little() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    crate::support::copy_dir(&shipped(), &scripts);
    for i in 0..100_000 {
        let junk = scripts.join(format!("junk-{i}"));
        // Some are no files: links to nowhere, and folders.
        match i % 1000 {
            0..10 => std::os::unix::fs::symlink("nowhere", junk).unwrap(),
            10 => std::fs::create_dir(junk).unwrap(),
            _ => std::fs::write(junk.with_extension("bin"), "").unwrap(),
        }
    }
    let served = Served::start(&dir.path().join("a.db"), &scripts, &[]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, begin) = (cpu(served.child.id()), Instant::now());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let share = (cpu(served.child.id()) - before).as_secs_f64() / begin.elapsed().as_secs_f64();
    println!("100,000 other files cost {:.1} % of a processor", share * 100.0);
    assert!(share < 0.2, "{share}");
}
