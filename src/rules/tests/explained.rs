//! The sections of docs/diagnostics.md: each code has one, and its examples are what they say.

use super::*;
use crate::rules::compile_and_test;
use crate::rules::diagnostics::section;

/// The code blocks of a section with what they begin with, such as `rhai`.
fn blocks(section: &str) -> Vec<(&str, &str)> {
    let parts = section.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.split_once('\n')).collect()
}

/// Everything that is found with an example in its place.
fn found(kind: &str, text: &str) -> Vec<Diagnostic> {
    let named = text.lines().next().and_then(|line| line.strip_prefix("# "));
    let path = match (kind, named) {
        (_, Some(path)) if path.ends_with(".toml") => path,
        ("toml", _) => "facts.toml",
        _ => "lead_scoring/t.rhai",
    };
    let graded = "rule \"size\" when employees > 50 then 60 because \"Large enough\";\ngrade \"A\" when total >= 50;\ngrade \"B\" otherwise;\n";
    let text = if path.ends_with(".rhai") && !text.contains("grade ") {
        format!("{text}grade \"A\" otherwise;\n")
    } else {
        text.to_owned()
    };
    let shapes = include_str!("../../../scripts/lib/shapes.rhai");
    let facts = include_str!("../../../scripts/facts.toml");
    let mut files = std::collections::BTreeMap::from(
        [("facts.toml", facts), ("lib/shapes.rhai", shapes), ("lead_scoring/t.rhai", graded)]
            .map(|(path, text)| (path.to_owned(), text.to_owned())),
    );
    files.insert(path.to_owned(), text);
    match compile_and_test(Sources::new(files), "EUR", crate::priority::Nice::Back) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    }
}

/// What comes of the database, the disk or the rules in force, and not of a text.
const WITHOUT_EXAMPLE: [Code; 8] = [
    Code::TooLarge,
    Code::EmptySet,
    Code::Unreadable,
    Code::InUse,
    Code::HeldBack,
    Code::NotKept,
    Code::CutOff,
    Code::UnusedFact,
];

#[test]
fn every_code_has_a_section_whose_examples_are_what_they_say() {
    for code in Code::ALL {
        let section =
            section(code).unwrap_or_else(|| panic!("docs/diagnostics.md has no section `{}`", code.as_str()));
        let blocks = blocks(section);
        if WITHOUT_EXAMPLE.contains(&code) {
            assert!(blocks.is_empty(), "{}: it has an example after all", code.as_str());
            continue;
        }
        let [wrong, right] = blocks.as_slice() else {
            panic!("{}: two examples belong there", code.as_str())
        };
        let first = found(wrong.0, wrong.1);
        assert!(first.iter().any(|finding| finding.code == code), "{}: {first:#?}", code.as_str());
        let second = found(right.0, right.1);
        let is_good = second.iter().all(|finding| finding.code != code && !finding.is_error());
        assert!(is_good, "{}: {second:#?}", code.as_str());
    }
}
