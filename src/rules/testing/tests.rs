use super::*;
use crate::rules::source::Sources;
use crate::rules::{compile, compile_watched};
use proptest::prelude::*;

const FACTS: &str = "[activities.visit]\nmeaning = \"A visit\"\n[attributes.urgent]\ntype = \"yes_no\"\nmeaning = \"Hurry\"\n\
                     [roles.champion]\nmeaning = \"Wants it\"\n";
const SCRIPT: &str = "\
rule \"large\" when employees >= 100 then 60 because \"x\";
rule \"urgent\" when urgent then 10 because \"x\";
rule \"seen\" when activity(\"visit\").count > 0 then 5 because \"x\";
rule \"share\" when employees >= 0 then 100 / (employees - 7) because \"x\";
grade \"A\" when total >= 60;
grade \"D\" otherwise;
";

fn rules() -> RuleSet {
    let files = [("facts.toml", FACTS), ("lead_scoring/default.rhai", SCRIPT)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    compile(Sources::new(files.into())).unwrap().0
}

fn suite(text: &str) -> Result<Suite, Vec<Problem>> {
    let rules = rules();
    read("default", text, Reading { vocabulary: &rules.vocabulary, currency: "EUR" })
}

fn ran(text: &str) -> Report {
    suite(text).unwrap().run(&rules(), "EUR", "").unwrap()
}

#[test]
fn cases_pass_or_tell_exactly_what_differs() {
    let report = ran("\
as_of = \"2026-06-01\"
[[case]]
name = \"large\"
facts = { employees = 107, urgent = true }
activities = [{ type = \"visit\", time = \"2026-05-01\" }]
contacts = [{ role = \"champion\", inbound = 1 }]
expect = { grade = \"A\", total = 76, fired = [\"large\", \"seen\"], not_fired = [], status = \"scored\" }

[[case]]
name = \"sizes\"
expect = { grade = \"D\" }
each = [
  { facts = { employees = 57 }, expect = { total = 2, unknown = [\"urgent\"] } },
  { facts = { employees = 107 }, expect = { total = { at_most = 5 }, fired = [\"urgent\", \"lrge\", \"seen\"], not_fired = [\"large\"] } },
]

[[case]]
name = \"fails\"
facts = { employees = 7 }
expect = { error = \"zero\" }

[[case]]
name = \"does not fail\"
expect = { error = \"zero\" }
");
    let told: Vec<(&str, usize, usize)> =
        report.cases.iter().map(|case| (case.name.as_str(), case.line, case.differences.len())).collect();
    assert_eq!(
        told,
        [
            ("large", 2, 0),
            ("sizes [1]", 9, 0),
            ("sizes [2]", 9, 6),
            ("fails", 17, 0),
            ("does not fail", 22, 1)
        ]
    );
    let expected = [
        "grade: expected D, found A",
        "total: expected … to 5, found 61",
        "\"urgent\" was to fire, and could not be judged: urgent is not known",
        "\"lrge\" was to fire, and there is no such rule; did you mean \"large\"?",
        "\"seen\" was to fire, and did not",
        "\"large\" was not to fire, and gave 60 points",
    ];
    assert_eq!(report.cases[2].differences, expected);
    let covered: Vec<(&str, usize, usize, usize)> =
        report.coverage.iter().map(|(rule, of)| (rule.as_str(), of.fired, of.unknown, of.silent)).collect();
    assert_eq!(covered, [("large", 2, 1, 1), ("urgent", 1, 3, 0), ("seen", 1, 0, 3), ("share", 3, 1, 0)]);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let problems = suite(
        "\
[[case]]
name = \"a\"
facts = { employes = 7, urgent = \"yes\" }
as_of = \"2026-06-01\"

[[case]]
name = \"b\"

[[case]]
name = \"c\"
as_of = 2026-06-01
facts = { city = \"Rome\" }
activities = [{ type = \"vsit\", time = 2026-05-01 }]
",
    )
    .unwrap_err();
    let told: Vec<(usize, &str)> =
        problems.iter().map(|problem| (problem.line, problem.message.as_str())).collect();
    assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 1, 6, 9]);
    assert!(told[0].1.contains("employes is no fact") && told[0].1.contains("employees"), "{told:?}");
    assert!(told[1].1.contains("urgent must be true or false"), "{told:?}");
    assert!(told[2].1.contains("needs an as_of"), "{told:?}");
    assert!(told[3].1.contains("companies and persons"), "{told:?}");
    let problems = suite("[[case]]\nname = \"a\"\nexpct = {}\n").unwrap_err();
    assert!(problems[0].line == 3 && problems[0].message.contains("expct"), "{problems:?}");
    assert_eq!(suite("").unwrap_err()[0].message, "there is no [[case]]");
}

#[test]
fn the_tests_of_a_set_are_checked_with_it() {
    let failing = "[profile]\nsize_bands = [{ min = 10, points_hundredths = 500 }]\n\n[[case]]\nname = \"a\"\nas_of = \"2026-06-01\"\nexpect = { grade = \"A\" }\n";
    let files = [
        ("facts.toml", FACTS),
        ("lead_scoring/default.rhai", SCRIPT),
        ("lead_scoring/default.test.toml", failing),
        ("lead_scoring/other.test.toml", "[profile]\ncriteria = [{ id = \"x\", fact = \"employees\" }]\n"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let (set, _) = compile(Sources::new(files.into())).unwrap();
    assert_eq!(set.id, rules().id, "tests are no part of the set");
    let found = check(&set, "EUR");
    let told: Vec<(&str, u32, &str)> =
        found.iter().map(|finding| (finding.file.as_str(), finding.line, finding.message.as_str())).collect();
    let expected = [
        ("lead_scoring/default.test.toml", 4, "case \"a\": grade: expected A, found D"),
        (
            "lead_scoring/other.test.toml",
            1,
            "profile: criteria: \"x\" needs one of in, not_in, at_least, at_most, between and equals",
        ),
    ];
    assert_eq!(told, expected);
    assert!(check(&rules(), "EUR").is_empty());
}

proptest! {
    #[test]
    fn any_text_is_a_suite_or_a_problem(text in "\\PC{0,80}|(\\[\\[case\\]\\]\n(name|facts|each|expect|as_of) ?= ?[\"\\{\\[0-9a-z\\]\\}-]{0,12}\n){1,3}") {
        if let Err(problems) = suite(&text) {
            prop_assert!(problems.iter().all(|problem| problem.line >= 1 && !problem.message.is_empty()));
        }
    }
}

#[test]
fn branches_that_no_case_tries_are_told() {
    let script = "\
fn steps(n) {
    if n > 100 { 3 } else { switch n { 1 => 1, _ => 2 } }
}
rule \"a\" when (employees > 10 and urgent) or employees == 1 then steps(employees) because \"x\";
rule \"b\" when known(revenue) and revenue > 5 then steps(revenue) because \"x\";
grade \"D\" otherwise;
";
    let files = [("facts.toml", FACTS), ("lead_scoring/default.rhai", script)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let rules = compile_watched(Sources::new(files.into())).unwrap().0;
    let text = "\
[[case]]
name = \"of each\"
as_of = \"2026-06-01\"
expect = {}
each = [
  { facts = { employees = 50, urgent = true }, expect = { total = 2 } },
  { facts = { employees = 50 }, expect = { total = 0, unknown = [\"urgent\"] } },
  { facts = { employees = 1 }, expect = { total = 1 } },
]
";
    let suite = read("default", text, Reading { vocabulary: &rules.vocabulary, currency: "EUR" }).unwrap();
    let report = suite.run(&rules, "EUR", "").unwrap();
    assert!(report.cases.iter().all(|case| case.differences.is_empty()), "{report:?}");
    let missing = |branch: &CoveredBranch| {
        let Covered { fired, unknown, silent } = branch.of;
        (branch.position.line, branch.written.to_string(), [fired, unknown, silent], branch.missing())
    };
    let found: Vec<_> = report.branches.iter().map(missing).collect();
    let expected = [
        (2, "3", [0, 0, 0], Some("is never gone")),
        (2, "switch", [2, 0, 0], None),
        (2, "1", [1, 0, 0], None),
        (2, "2", [1, 0, 0], None),
        (4, "employees > 10", [2, 0, 1], None),
        (4, "employees > 10 and urgent", [1, 1, 1], None),
        (4, "urgent", [1, 1, 0], Some("never fails")),
        (4, "employees == 1", [1, 0, 1], None),
        (5, "known(revenue)", [0, 0, 3], Some("never holds")),
        (5, "revenue > 5", [0, 0, 0], Some("is never looked at")),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(line, written, counts, missing)| (line, written.to_owned(), counts, missing))
        .collect();
    assert_eq!(found, expected);
}
