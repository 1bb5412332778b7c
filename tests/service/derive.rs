//! Rules and a profile learnt from a file: what sets won ones apart is found, written as rules that score at once, and what is chance
//! or knows the answer is not taken for an effect.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::process::assay;

/// Runs the command line in a folder; gives its exit code and what it said.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = assay().args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A number that looks drawn, the same on every run.
fn drawn(row: u64, what: u64) -> f64 {
    let mut bits = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ what.wrapping_mul(0xD1B5_4A32_D192_ED03);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Companies of which the industry, the size (neither too small nor too big) and the technologies matter, and the colour of the
/// logo does not; `Verdict` is written down when the deal is over.
fn companies(rows: u64) -> String {
    let mut text = String::from("ID;Company;Industry;Employees;Tech;Logo colour;Verdict;Created;Deal\n");
    for row in 0..rows {
        let industry = ["Trades", "Software", "Retail", "Farming"][(drawn(row, 1) * 4.0) as usize];
        let employees = (libm::exp(drawn(row, 2) * 6.0 + 1.5)) as u64;
        let has_crm = drawn(row, 3) < 0.4;
        let odds = match industry {
            "Trades" => 1.2,
            "Farming" => -1.4,
            _ => 0.0,
        } + if (50..600).contains(&employees) { 1.1 } else { -0.7 }
            + if has_crm { 0.9 } else { -0.4 }
            - 0.8;
        let won = drawn(row, 4) < 1.0 / (1.0 + libm::exp(-odds));
        let colour = ["red", "green", "blue", ""][(drawn(row, 5) * 4.0) as usize];
        let verdict = match (won, drawn(row, 6) < 0.7) {
            (_, false) => "open",
            (true, _) => "a happy end",
            (false, _) => "went silent",
        };
        let shown = if drawn(row, 7) < 0.1 { String::new() } else { employees.to_string() };
        let tech = if has_crm { "CRM, Excel" } else { "Excel" };
        let deal = if won { "Closed won" } else { "Closed lost" };
        let day = 1 + row % 28;
        let (month, year) = (1 + (row * 24 / rows) % 12, 2024 + (row * 24 / rows) / 12);
        _ = writeln!(
            text,
            "c{row};Company {row};{industry};{shown};{tech};{colour};{verdict};{year}-{month:02}-{day:02};{deal}"
        );
    }
    text
}

#[test]
fn a_file_becomes_rules_that_score_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("deals.csv"), companies(1_600)).unwrap();
    let derive = [
        "profile",
        "derive",
        "deals.csv",
        "--outcome",
        "Deal",
        "--won",
        "Closed won",
        "--as-of",
        "2026-06-01",
    ];
    let (code, told, error) = run(dir.path(), &derive);
    assert_eq!(code, Some(0), "{told}{error}");
    insta::assert_snapshot!("derived", told);
    let script =
        std::fs::read_to_string(dir.path().join("deals-icp/scripts/lead_scoring/default.rhai")).unwrap();
    insta::assert_snapshot!("derived_script", script);
    let (code, told, error) = run(dir.path(), &["rules", "test", "deals-icp/scripts"]);
    assert_eq!(code, Some(0), "{told}{error}");
    let cases =
        std::fs::read_to_string(dir.path().join("deals-icp/scripts/lead_scoring/default.test.toml")).unwrap();
    insta::assert_snapshot!("derived_cases", cases);
    let page = std::fs::read_to_string(dir.path().join("deals-icp/report.html")).unwrap();
    assert!(page.contains("won of 100, with 95 % interval") && !page.contains("http"), "{page}");

    // The rules are such as a person writes: they are checked, formatted and score the file.
    let (code, told, error) = run(dir.path(), &["rules", "check", "deals-icp/scripts"]);
    assert_eq!(code, Some(0), "{told}{error}");
    let score =
        ["score", "deals.csv", "--scripts", "deals-icp/scripts", "--profile-file", "deals-icp/profile.json"];
    let (code, scored, error) =
        run(dir.path(), &[&score[..], &["--keep", "Deal", "--as-of", "2026-06-01"]].concat());
    assert_eq!(code, Some(0), "{error}");
    let mut reader = csv::Reader::from_reader(scored.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|known| known == name).unwrap();
    let (mut won, mut all) = ([0; 2], [0; 2]);
    for row in reader.records().map(Result::unwrap) {
        let which = match &row[place("grade")] {
            "A" => 0,
            "D" => 1,
            _ => continue,
        };
        all[which] += 1;
        won[which] += usize::from(&row[place("Deal")] == "Closed won");
    }
    assert!(won[0] * 100 > all[0] * 60 && won[1] * 100 < all[1] * 25, "{won:?} of {all:?}");

    // The same file gives the same rules; a folder that is there is not overwritten.
    let (code, _, error) = run(dir.path(), &derive);
    assert!(code == Some(1) && error.contains("deals-icp is not empty"), "{error}");
    run(dir.path(), &[&derive[..], &["--force"]].concat());
    let again =
        std::fs::read_to_string(dir.path().join("deals-icp/scripts/lead_scoring/default.rhai")).unwrap();
    assert_eq!(script, again);
}

#[test]
fn what_is_chance_or_knows_the_answer_is_no_effect() {
    let dir = tempfile::tempdir().unwrap();
    let file = companies(1_600);
    std::fs::write(dir.path().join("deals.csv"), &file).unwrap();
    let json = ["--outcome", "Deal", "--won", "Closed won", "--format", "json", "--force"];
    let report = |name: &str, more: &[&str]| -> (Option<i32>, serde_json::Value) {
        let (code, told, error) = run(dir.path(), &[&["profile", "derive", name][..], &json, more].concat());
        (code, serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{error}")))
    };
    let verdict = |report: &serde_json::Value, name: &str| {
        let columns = report["columns"].as_array().unwrap();
        // A list has a column for each of its words: what one of them says counts.
        let own = columns.iter().filter(|column| column["column"] == name && column["verdict"] != "alike");
        own.map(|column| column["verdict"].as_str().unwrap().to_owned()).next().unwrap()
    };
    let (code, found) = report("deals.csv", &[]);
    assert_eq!(code, Some(0));
    for (name, expected) in [
        ("Industry", "used"),
        ("Employees", "used"),
        ("Tech", "used"),
        ("Logo colour", "no_effect"),
        ("Verdict", "held_back"),
    ] {
        assert_eq!(verdict(&found, name), expected, "{name}: {found:#}");
    }
    let of = |quality: &str, measure: &str| found["unseen"][quality][measure].as_f64().unwrap();
    assert!(of("scorecard", "auc") > of("naive_bayes", "auc") && of("scorecard", "brier") < 0.2, "{found:#}");
    assert!(found["later"]["scorecard"]["auc"].as_f64().unwrap() > 0.7, "{found:#}");
    let trusted = report("deals.csv", &["--trust", "Verdict"]).1;
    assert_eq!(verdict(&trusted, "Verdict"), "used");

    // The same companies with outcomes dealt out anew: nothing is found, and nothing is written.
    let lines: Vec<&str> = file.lines().collect();
    let mut shuffled = vec![lines[0].to_owned()];
    for row in 1..lines.len() {
        let (facts, _) = lines[row].rsplit_once(';').unwrap();
        let (_, deal) = lines[1 + row * 7 % 1_600].rsplit_once(';').unwrap();
        let (facts, verdict) = (facts.replace("a happy end", "open").replace("went silent", "open"), deal);
        shuffled.push(format!("{facts};{verdict}"));
    }
    std::fs::write(dir.path().join("chance.csv"), shuffled.join("\n")).unwrap();
    let (code, found) = report("chance.csv", &["--out", "none"]);
    assert_eq!(code, Some(1), "{found:#}");
    assert!(!dir.path().join("none").exists());
    for name in ["Industry", "Employees", "Tech", "Logo colour"] {
        assert_eq!(verdict(&found, name), "no_effect", "{found:#}");
    }
}

#[test]
fn what_can_t_be_learnt_from_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = companies(1_600);
    std::fs::write(dir.path().join("deals.csv"), &file).unwrap();
    let few: Vec<&str> = file.lines().take(61).collect();
    std::fs::write(dir.path().join("few.csv"), few.join("\n")).unwrap();
    for (arguments, expected) in [
        (&["deals.csv"][..], "name it with --outcome; its columns are ID, Company"),
        (&["deals.csv", "--outcome", "Dael"], "deals.csv has no column \"Dael\"; did you mean \"Deal\"?"),
        (&["deals.csv", "--outcome", "Deal"], "--won \"Closed won\""),
        (&["deals.csv", "--outcome", "Deal", "--won", "Sold"], "--won says which words mean won"),
        (
            &["deals.csv", "--outcome", "Deal", "--won", "Closed won", "--trust", "Verdikt"],
            "did you mean \"Verdict\"?",
        ),
        (&["none.csv", "--outcome", "Deal"], "none.csv"),
        (&["deals.csv", "--outcome", "Deal", "--folds", "1"], "--folds must be 2 to 100"),
    ] {
        let (code, told, error) = run(dir.path(), &[&["profile", "derive"][..], arguments].concat());
        assert!(code == Some(1) && error.contains(expected), "{arguments:?}: {told}{error}");
    }
    // With few accounts there is no model, and it says so by numbers.
    let (_, told, error) =
        run(dir.path(), &["profile", "derive", "few.csv", "--outcome", "Deal", "--won", "Closed won"]);
    assert!(
        told.contains("Too little data for a model") && told.contains("it takes 40 of each"),
        "{told}{error}"
    );
}

/// What is learnt is checked like any other profile: it says what it does not know, in the reader's language.
#[test]
fn a_profile_is_told_how_it_may_mislead() {
    let dir = tempfile::tempdir().unwrap();
    let profile = r#"{"display_name": "Big ones", "size_bands": [
        {"min": 10, "max": 5000, "points_hundredths": 100, "served": "SERVED_NOW"},
        {"min": 6000, "points_hundredths": 900, "served": "SERVED_NOW"}],
        "decision_roles": [{"role": "owner", "min_contacts": 1}]}"#;
    std::fs::write(dir.path().join("big.json"), profile).unwrap();
    let (code, told, error) = run(dir.path(), &["profile", "check", "big.json"]);
    assert_eq!(code, Some(1), "{error}");
    insta::assert_snapshot!("doubts", told);
    let (_, told, _) = run(dir.path(), &["profile", "check", "big.json", "--lang", "zh"]);
    assert!(
        told.contains("一味追逐大客户") && told.contains("忽视决策链") && told.contains("画像一成不变"),
        "{told}"
    );
    let (code, _, error) = run(dir.path(), &["profile", "check", "none.json"]);
    assert!(code == Some(1) && error.contains("none.json"), "{error}");
}
