//! A save counts within a second, whichever way it is made; no call fails and none mixes two sets.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use assay::config::Settings;
use assay::grpc::pb::RuleStatus;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{TestServer, inline, made, shipped};

const FILE: &str = "lead_scoring/default.rhai";

/// What a save promises to take at most.
const PROMISE: Duration = Duration::from_secs(1);

async fn points(server: &TestServer) -> i64 {
    let score = server.scoring().score_lead(inline(made::company("Acme", None))).await.unwrap();
    score.into_inner().total_hundredths / 100
}

fn other_than(rule_set: String) -> impl Fn(&RuleStatus) -> bool {
    move |status| status.active.as_ref().is_some_and(|active| active.rule_set != rule_set)
}

/// Makes a change and waits until it counts.
async fn takes_effect(server: &TestServer, expected: i64, change: impl FnOnce(&Path)) {
    let before = server.rule_set().await;
    change(&server.scripts);
    let (status, took) = server.wait_for_rules(other_than(before)).await;
    assert!(took < PROMISE, "it took {took:?}");
    assert!(status.pending.is_none());
    assert_eq!(points(server).await, expected);
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
