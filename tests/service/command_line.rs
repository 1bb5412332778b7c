//! The program as its user runs it.

use std::path::Path;
use std::process::Output;

use crate::support::process::{Served, assay, free_address};
use crate::support::{copy_dir, made, shipped};

fn run(args: &[&str]) -> Output {
    assay().args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn broken_scripts(dir: &Path) {
    copy_dir(&shipped(), dir);
    let path = dir.join("lead_scoring/default.rhai");
    let script = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, script.replace("when size_points(employees) > 0", "when employes > 5")).unwrap();
}

#[test]
fn rules_check_shows_place_line_and_caret() {
    let dir = tempfile::tempdir().unwrap();
    broken_scripts(dir.path());
    let output = assay().args(["rules", "check"]).arg(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout).replace(&dir.path().display().to_string(), "scripts");
    insta::assert_snapshot!(shown);
    let good = run(&["rules", "check", "scripts"]);
    assert_eq!(good.status.code(), Some(0));
    assert!(text(&good.stdout).contains("scripts: good, 6 scripts"), "{}", text(&good.stdout));
    assert_eq!(run(&["rules", "check", "no/such/folder"]).status.code(), Some(1));
    // The folder around the scripts, which is what one names first.
    let around = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(around.path().join("scripts/lead_scoring")).unwrap();
    std::fs::write(around.path().join("scripts/lead_scoring/default.rhai"), "grade \"A\" otherwise;")
        .unwrap();
    let output = assay().args(["rules", "check"]).arg(around.path()).output().unwrap();
    assert!(text(&output.stdout).contains("in scripts/: name that one"), "{}", text(&output.stdout));
}

#[test]
fn scripts_are_written_in_one_way() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("lead_scoring");
    std::fs::create_dir(&folder).unwrap();
    let loose = "\u{feff}rule \"a\"   when employees>5 then 1 because \"x\" ; // why\ngrade \"A\" otherwise;";
    let tidy = "\u{feff}rule \"a\" when employees > 5 then 1 because \"x\"; // why\ngrade \"A\" otherwise;\n";
    let script = folder.join("default.rhai");
    std::fs::write(&script, loose).unwrap();
    let fmt = |more: &[&str]| assay().args(["rules", "fmt"]).args(more).arg(dir.path()).output().unwrap();

    // To check changes nothing.
    let checked = fmt(&["--check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        text(&checked.stdout).contains("default.rhai\n1 of 1 script would be written anew"),
        "{checked:?}"
    );
    assert_eq!(std::fs::read_to_string(&script).unwrap(), loose);
    let written = fmt(&[]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert_eq!(std::fs::read_to_string(&script).unwrap(), tidy);
    assert_eq!(fmt(&["--check"]).status.code(), Some(0));

    // What can't be read stays, and the others are written all the same.
    std::fs::write(folder.join("broken.rhai"), "rule \"a").unwrap();
    std::fs::write(&script, loose).unwrap();
    let written = fmt(&[]);
    assert_eq!(written.status.code(), Some(1));
    assert!(text(&written.stderr).contains("broken.rhai is left as it is"), "{written:?}");
    assert_eq!(std::fs::read_to_string(&script).unwrap(), tidy);
    assert_eq!(std::fs::read_to_string(folder.join("broken.rhai")).unwrap(), "rule \"a");

    let mut piped = assay()
        .args(["rules", "fmt", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut piped.stdin.take().unwrap(), loose.as_bytes()).unwrap();
    assert_eq!(text(&piped.wait_with_output().unwrap().stdout), tidy);
}

#[test]
fn a_code_is_explained_or_its_nearest_is_named() {
    let shown = run(&["rules", "explain", "never-fires"]);
    assert!(text(&shown.stdout).contains("no lead can meet the condition"), "{shown:?}");
    let unknown = run(&["rules", "explain", "never-fire"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean \"never-fires\"?"), "{unknown:?}");
}

#[test]
fn names_that_were_probably_meant_are_written_into_the_files() {
    let dir = tempfile::tempdir().unwrap();
    broken_scripts(dir.path());
    let path = dir.path().join("lead_scoring/default.rhai");
    let script = std::fs::read_to_string(&path).unwrap();
    let more =
        "rule \"ü\" when activity(\"page_vist\").count > 1 and industri == \"x\" then 1 because \"x\";\n";
    std::fs::write(&path, format!("{script}{more}")).unwrap();
    let output = assay().args(["rules", "check", "--fix"]).arg(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("3 names written"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("\"page_vist\" → \"page_visit\""), "{}", text(&output.stdout));
    let meant = more.replace("page_vist", "page_visit").replace("industri ", "industry ");
    let fixed = script.replace("employes", "employees");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{fixed}{meant}"));
}

#[test]
fn serve_check_tells_good_from_bad_without_serving() {
    let dir = tempfile::tempdir().unwrap();
    broken_scripts(dir.path());
    let good = run(&["serve", "--check"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    let bad = assay().args(["serve", "--check", "--scripts"]).arg(dir.path()).output().unwrap();
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        text(&bad.stderr).contains("lead_scoring/default.rhai:16:25: error[unknown-name]"),
        "{}",
        text(&bad.stderr)
    );
    let open = run(&["serve", "--check", "--listen", "0.0.0.0:50051"]);
    assert_eq!(open.status.code(), Some(1));
    assert!(text(&open.stderr).contains("--insecure"));
    assert_eq!(run(&["serve", "--lisen", "x"]).status.code(), Some(2));
}

#[test]
fn facts_lists_every_word_that_rules_may_use() {
    let output = run(&["rules", "facts", "scripts"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output.stdout));
}

const LEADS: &str = "\
id,name,industry,country,staff,tech,urgency,budget,note
1,Acme,heating,DE,120,datev;sap,now,50000,hello
2,Beta,retail,FR,,excel,none,n/a,
3,Gamma,heating,DE,many,,noww,,
4,Delta
,Epsilon,heating,DE,90,,,,
";

#[test]
fn a_file_is_scored_and_its_bad_rows_get_a_file_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leads.csv");
    std::fs::write(&file, LEADS).unwrap();
    let score = |more: &[&str]| {
        let mut command = assay();
        command.args(["score"]).arg(&file).args(["--as-of", "2026-06-01T00:00:00Z"]).args(more);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
    };
    let csv = score(&[]);
    assert_eq!(csv.status.code(), Some(3), "some rows failed: {}", text(&csv.stderr));
    let jsonl = score(&["--format", "jsonl", "--top", "1"]);
    let lines = text(&jsonl.stdout);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["id"], "1");
    assert_eq!(first["reasons"].as_array().unwrap().len(), 1);
    let errors = std::fs::read_to_string(dir.path().join("leads.errors.csv")).unwrap();
    let stderr = text(&csv.stderr).replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(format!("{}\n--- errors\n{errors}\n--- stderr\n{stderr}", text(&csv.stdout)));
}

#[test]
fn one_row_is_explained_as_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (file, profile) = (dir.path().join("leads.csv"), dir.path().join("icp.json"));
    std::fs::write(&file, LEADS).unwrap();
    let icp = r#"{"displayName": "Main", "technologies": ["datev"], "countries": ["DE"],
        "criteria": [{"fact": "industry", "in": {"values": ["heating"]}, "pointsHundredths": "1600", "because": "A trade with technicians"}],
        "disqualifiers": [{"fact": "domain", "in": {"values": ["rival.example"]}, "because": "A rival"}]}"#;
    std::fs::write(&profile, icp).unwrap();
    let output = assay()
        .arg("explain")
        .arg(&file)
        .args(["--id", "1", "--as-of", "2026-06-01T00:00:00Z", "--profile-file"])
        .arg(&profile)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout));
    let missing = assay()
        .arg("explain")
        .arg(&file)
        .args(["--id", "99"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let missing = missing.unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("has no row with the id 99"));
}

#[test]
fn the_demo_shows_the_main_job() {
    let output = run(&["demo", "--once", "--leads", "200"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for part in [
        "Serving gRPC on 127.0.0.1:",
        "200 leads, scored over gRPC",
        "Grade A",
        "Medium service companies",
        "in all",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_against_a_running_server() {
    use assay::grpc::pb;
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &[]);
    let url = served.url();
    let probe = run(&["probe", "--server", &url]);
    assert_eq!((probe.status.code(), text(&probe.stdout)), (Some(0), "SERVING\n".into()));
    assert_eq!(run(&["probe", "--server", &served.address]).status.code(), Some(0), "an address will do");
    let nobody = run(&["probe", "--server", &format!("http://{}", free_address())]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("no server answers"), "{}", text(&nobody.stderr));

    let mut canvases = pb::canvas_service_client::CanvasServiceClient::connect(url.clone()).await.unwrap();
    let note = pb::Note { block: pb::Block::Channels as i32, text: "Fairs".into(), ..Default::default() };
    let canvas = pb::Canvas { notes: vec![note], size_unit: "companies".into(), ..made::canvas() };
    let request =
        pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id: "main".into(), ..Default::default() };
    canvases.create_canvas(request).await.unwrap();
    let mut segments = pb::segment_service_client::SegmentServiceClient::connect(url.clone()).await.unwrap();
    let segment = pb::Segment { size: Some(10_000.0), fit: Some(0.5), ..made::segment("Medium") };
    let request = pb::CreateSegmentRequest {
        parent: "canvases/main".into(),
        segment: Some(segment),
        segment_id: "medium".into(),
        ..Default::default()
    };
    segments.create_segment(request).await.unwrap();
    let show = run(&["canvas", "show", "canvases/main", "--server", &url]);
    let rank = run(&["segments", "rank", "canvases/main", "--why", "--server", &url]);
    insta::assert_snapshot!(format!("{}\n{}", text(&show.stdout), text(&rank.stdout)));
    let mut profiles = pb::profile_service_client::ProfileServiceClient::connect(url.clone()).await.unwrap();
    let profile = pb::Profile { countries: vec!["DE".into()], ..made::profile() };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    profiles.create_profile(request).await.unwrap();
    let file = dir.path().join("leads.csv");
    std::fs::write(&file, LEADS).unwrap();
    let file = file.display().to_string();
    let scored = run(&["score", &file, "--server", &url, "--profile", "profiles/main"]);
    assert_eq!(scored.status.code(), Some(3));
    let first = text(&scored.stdout).lines().nth(1).unwrap().to_owned();
    assert!(first.starts_with("1,Acme,scored,") && first.contains("In a country that we serve"), "{first}");
    let mut leads = pb::lead_service_client::LeadServiceClient::connect(url.clone()).await.unwrap();
    let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", Some(80)) };
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: "acme".into(), ..Default::default() };
    leads.create_lead(request).await.unwrap();
    let explained = run(&["explain", "leads/acme", "--server", &url]);
    assert!(text(&explained.stdout).starts_with("Acme (leads/acme): "), "{}", text(&explained.stdout));

    let none = run(&["canvas", "show", "canvases/none", "--server", &url]);
    assert_eq!(
        (none.status.code(), text(&none.stderr)),
        (Some(1), "error: canvases/none does not exist [NOT_FOUND]\n".into())
    );
}

#[test]
fn every_verb_has_help_with_examples() {
    let mut to_see = vec![Vec::<String>::new()];
    let mut seen = Vec::new();
    while let Some(verb) = to_see.pop() {
        let mut arguments: Vec<&str> = verb.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{verb:?}");
        let help = text(&output.stdout);
        // A verb with verbs of its own shows theirs.
        let Some((_, inner)) = help.split_once("Commands:\n") else {
            assert!(help.contains("Examples:"), "{verb:?}");
            seen.push(verb.join(" "));
            continue;
        };
        let names = inner.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty() && name != "help").then_some(name)
        });
        to_see.extend(names.map(|name| verb.iter().cloned().chain([name.to_owned()]).collect()));
    }
    for verb in ["serve", "score", "canvas show", "facts infer", "import"] {
        assert!(seen.iter().any(|seen| seen == verb), "{verb} is not among {seen:?}");
    }
}

#[test]
fn the_demo_shows_grades_move_when_rules_are_saved() {
    use std::io::{BufRead as _, BufReader};
    let dir = tempfile::tempdir().unwrap();
    // The folder does not exist yet: the demo writes the shipped rules to it.
    let scripts = dir.path().join("scripts");
    let mut demo = assay()
        .args(["demo", "--leads", "100", "--scripts"])
        .arg(&scripts)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until =
        |part: &str| lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("no line with {part}"));
    until("Ctrl-C ends it.");
    let script = scripts.join("lead_scoring/default.rhai");
    let shipped = std::fs::read_to_string(&script).unwrap();
    let everyone = shipped
        .replace("grade \"A\" when fit >= 32 and engagement >= 14;", "grade \"A\" when total >= -1000;");
    assert_ne!(everyone, shipped);
    std::fs::write(&script, everyone).unwrap();
    until("New rules are in force.");
    let moved = until("  A: ");
    let (before, after) = moved.trim_start_matches("  A: ").split_once(" → ").unwrap();
    assert!(before.parse::<usize>().unwrap() < after.parse().unwrap(), "{moved}");
    std::fs::write(&script, shipped.replace("employees", "employes")).unwrap();
    until("That change can't be loaded");
    assert!(until("error[unknown-name]").contains("did you mean \"employees\"?"));
    let pid = demo.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("assay.toml");
    let check = |file_says: &str, environment: Option<&str>, flag: Option<&str>| {
        std::fs::write(&file, format!("listen = \"{file_says}\"")).unwrap();
        let mut command = assay();
        command.args(["serve", "--check", "--config"]).arg(&file).current_dir(env!("CARGO_MANIFEST_DIR"));
        if let Some(address) = environment {
            command.env("ASSAY_LISTEN", address);
        }
        if let Some(address) = flag {
            command.args(["--listen", address]);
        }
        command.output().unwrap().status.code()
    };
    // What counts shows by whether it is refused: only loopback addresses are accepted.
    let (open, local) = ("0.0.0.0:50051", "127.0.0.1:50051");
    assert_eq!(check(local, None, None), Some(0));
    assert_eq!(check(open, None, None), Some(1));
    assert_eq!(check(open, Some(local), None), Some(0));
    assert_eq!(check(local, Some(open), None), Some(1));
    assert_eq!(check(open, Some(open), Some(local)), Some(0));
    assert_eq!(check(local, Some(local), Some(open)), Some(1));
}

#[test]
fn files_that_would_be_lost_or_mean_nothing_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leads.csv");
    std::fs::write(&file, LEADS).unwrap();
    let score = |file: &Path, more: &[&str]| {
        let mut command = assay();
        command.arg("score").arg(file).args(more).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let name = file.display().to_string();
    for flag in ["--out", "--errors"] {
        let (code, message) = score(&file, &[flag, &name]);
        assert_eq!(code, Some(1));
        assert!(message.contains("would overwrite the file that is read"), "{message}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), LEADS);
    let cases = [
        ("id,name,staff,staff\n1,a,1,2\n", "stands twice"),
        ("", "is empty"),
        ("foo,bar\n1,2\n", "no column of"),
    ];
    for (content, expected) in cases {
        let odd = dir.path().join("odd.csv");
        std::fs::write(&odd, content).unwrap();
        let (code, message) = score(&odd, &[]);
        assert_eq!(code, Some(1), "{content:?}");
        assert!(message.contains(expected), "{message}");
    }
    let semicolons = dir.path().join("semicolons.csv");
    std::fs::write(&semicolons, "id;name;industry\n1;Acme;heating\n").unwrap();
    assert_eq!(score(&semicolons, &[]).0, Some(0), "the first line shows the delimiter");
    assert_eq!(score(&semicolons, &["--delimiter", ";"]).0, Some(0));
    let (code, message) = score(&file, &["--scripts", "no/such/folder"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("there is no folder no/such/folder with rules"), "{message}");
}

#[test]
fn output_that_nobody_reads_on_is_no_failure() {
    use std::io::Read as _;
    let mut child = assay()
        .args(["rules", "facts", "scripts"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!((child.wait().unwrap().code(), message.as_str()), (Some(0), ""));
}
