//! A scorecard learnt from the real leads: its script, run by the engine on leads that it has not seen, and what it holds back.

use std::path::Path;

use assay::domain::scorecard::measure::Quality;

use crate::support::process::assay;

/// What sales fills in after the contact.
const AFTERWARDS: &str = "Tags,Lead Quality,Lead Profile,Asymmetrique Activity Index,Asymmetrique Profile Index,\
Asymmetrique Activity Score,Asymmetrique Profile Score,Last Activity,Last Notable Activity";
const FOLDS: usize = 5;

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = assay().args(arguments).current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Learns from four fifths, writes the rules, and scores the last fifth by them: five times.
pub fn written_rules_foretell_leads_that_they_have_not_seen(data: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = csv::Reader::from_path(data).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let outcome = header.iter().position(|name| name == "Converted").unwrap();
    let part = |name: &str, wanted: &dyn Fn(usize) -> bool| {
        let mut writer = csv::Writer::from_path(dir.path().join(name)).unwrap();
        writer.write_record(&header).unwrap();
        let chosen = rows.iter().enumerate().filter(|(row, _)| wanted(*row));
        chosen.for_each(|(_, row)| writer.write_record(row).unwrap());
        writer.flush().unwrap();
    };
    let (mut chances, mut won) = (Vec::new(), Vec::new());
    for fold in 0..FOLDS {
        part("learnt.csv", &|row| row % FOLDS != fold);
        part("asked.csv", &|row| row % FOLDS == fold);
        let report = run(
            dir.path(),
            &[
                "profile",
                "derive",
                "learnt.csv",
                "--outcome",
                "Converted",
                "--ignore",
                AFTERWARDS,
                "--folds",
                "0",
                "--out",
                "icp",
                "--force",
                "--format",
                "json",
            ],
        );
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let of = |field: &str| report["chance"][field].as_f64().unwrap();
        let (intercept, slope) = (of("intercept"), of("slope"));
        let scored =
            run(dir.path(), &["score", "asked.csv", "--scripts", "icp/scripts", "--keep", "Converted"]);
        let mut reader = csv::Reader::from_reader(scored.as_bytes());
        let place =
            |name: &str, header: &csv::StringRecord| header.iter().position(|known| known == name).unwrap();
        let (total, converted) = {
            let header = reader.headers().unwrap();
            (place("total", header), place("Converted", header))
        };
        for row in reader.records().map(Result::unwrap) {
            let points: f64 = row[total].parse().unwrap();
            assert_eq!(points.fract(), 0.0, "points are whole");
            chances.push(1.0 / (1.0 + (-(intercept + slope * points)).exp()));
            won.push(&row[converted] == "1");
        }
    }
    assert_eq!(
        won.iter().filter(|won| **won).count(),
        rows.iter().filter(|row| &row[outcome] == "1").count()
    );
    let quality = Quality::of(&chances, &won);
    println!(
        "ok: the written rules, on leads that they had not seen: AUC {:.4} (± {:.4}), Brier {:.4}",
        quality.auc,
        1.96 * quality.auc_error,
        quality.brier
    );
    assert!(quality.auc >= 0.870 && quality.brier <= 0.140, "{quality:?}");
}

/// What was filled in after the contact is held back; what is plainly strong and honest is used.
pub fn what_knows_the_answer_is_held_back(data: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let data = data.to_str().unwrap();
    let report = run(
        dir.path(),
        &[
            "profile",
            "derive",
            data,
            "--outcome",
            "Converted",
            "--folds",
            "0",
            "--out",
            "icp",
            "--format",
            "json",
        ],
    );
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let columns = report["columns"].as_array().unwrap();
    let verdict = |name: &str| {
        columns.iter().find(|column| column["column"] == name).unwrap()["verdict"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for name in ["Tags", "Lead Quality", "Lead Profile"] {
        assert_eq!(verdict(name), "held_back", "{name}");
    }
    for name in ["What is your current occupation", "Lead Source", "Total Time Spent on Website"] {
        assert_eq!(verdict(name), "used", "{name}");
    }
    println!("ok: what knows the answer is held back, and what is honest is used");
}
