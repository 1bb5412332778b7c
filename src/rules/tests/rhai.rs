//! The page *Rhai and these rules* says what is so.

use super::*;

const PAGE: &str = include_str!("../../../docs/rhai.md");

fn section(heading: &str) -> &'static str {
    let from = PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    from.split_once("\n## ").map_or(from, |(section, _)| section)
}

/// The cells of a section's table, without its head.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let lines = section(heading).lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = |line: &str| {
        let line = line.replace("\\|", "\u{1}");
        let cells = line.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().replace('\u{1}', "|")).collect()
    };
    lines.map(cells).collect()
}

fn code(cell: &str) -> &str {
    match cell.strip_prefix("`` ").and_then(|cell| cell.split_once(" ``")) {
        Some((code, _)) => code,
        None => cell.trim_matches('`'),
    }
}

fn holds(functions: &str, condition: &str) -> bool {
    let script = format!("{functions}\nrule \"r\" when {{ {condition} }} then 1 because \"x\";");
    assess(&script, &lead(company()), &[]).unwrap().total.number() == 1.0
}

#[test]
fn what_is_the_same_runs() {
    let blocks: Vec<&str> = section("The same").split("```rhai\n").skip(1).collect();
    assert!(blocks.len() >= 9);
    for block in blocks {
        let block = block.split_once("```").unwrap().0.trim();
        let (functions, condition) = block.rsplit_once('\n').unwrap_or(("", block));
        assert!(holds(functions, condition), "{block}");
    }
}

#[test]
fn what_is_different_is_so() {
    let rows = rows("Different");
    assert!(rows.len() >= 10);
    for row in rows {
        let here = row[2].split([':', ',', ' ']).next().unwrap();
        let condition = match here {
            "true" => code(&row[0]).to_owned(),
            number => format!("({}) == {number}", code(&row[0])),
        };
        assert!(holds("", &condition), "{row:?}");
    }
}

#[test]
fn what_is_refused_says_what_to_write() {
    let rows = rows("Refused");
    assert!(rows.len() >= 18);
    for row in rows {
        let script = format!(
            "fn mean(x) {{ x }}\nrule \"r\" when {{ {}; true }} then 1 because \"x\"; grade \"D\" otherwise;",
            code(&row[0])
        );
        let found = compile(sources(&[("lead_scoring/t.rhai", &script)])).expect_err(&script);
        let told = found.iter().filter(|finding| finding.is_error() && finding.line == 2).count();
        assert!(told > 0 && !row[1].is_empty(), "{script}: {found:?}");
    }
}
