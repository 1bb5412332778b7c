//! What is doubtful about a set that can be loaded.

use super::*;
use crate::priority::Nice;

/// Warnings about a script, as code, line and the words in quotes.
fn warned(script: &str) -> Vec<String> {
    let files = [("facts.toml", FACTS), ("lead_scoring/default.rhai", script)];
    let sources = Sources::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let (_, warnings) = compile_and_try(sources, "EUR", Nice::Back).unwrap();
    let told = |finding: &Diagnostic| {
        let named: Vec<&str> = finding.message.split('"').skip(1).step_by(2).collect();
        format!("{}:{} {}", finding.code.as_str(), finding.line, named.join(" "))
    };
    warnings.iter().map(told).collect()
}

const FACTS: &str = r#"
[attributes.pain]
type = "number"
min = 0
max = 1
meaning = "How much it hurts"
[attributes.urgency]
type = "choice"
choices = ["now", "later"]
closed = true
meaning = "When"
[attributes.unasked]
type = "yes_no"
meaning = "Nobody asks for it"
[activities.visit]
meaning = "A visit"
[roles.champion]
meaning = "Wants it"
"#;

const GRADES: &str = "grade \"A\" when total >= 5;\ngrade \"D\" otherwise;\n";

#[test]
fn what_no_lead_can_meet_is_told() {
    for (condition, can) in [
        ("pain > 0.5", true),
        ("pain > 1", false),
        ("pain >= 1", true),
        ("pain < 0", false),
        ("employees < 0", false),
        ("employees > 10 and employees < 5", false),
        ("employees > 10 and employees < 12", true),
        ("urgency == \"now\" and urgency == \"later\"", false),
        ("urgency == \"now\" or urgency == \"later\"", true),
        ("pain > 0.5 and employees < 0", false),
        ("not (pain <= 1)", false),
        ("activity(\"visit\").count > 3", true),
        ("contacts.engaged_role(\"champion\")", true),
        ("country in icp.countries", true),
        ("role_coverage > 1", false),
        ("role_coverage >= 0.5", true),
        ("days_since_activity > 90", true),
        ("contacts.where(department == \"IT\").count >= 2", true),
        ("name.contains(\"x\")", true),
        ("weekday(as_of) == 3 and hour(as_of) > 99", true),
    ] {
        let script = format!("rule \"r\" when {condition} then 5 because \"x\";\n{GRADES}");
        let files = [("facts.toml", FACTS), ("lead_scoring/default.rhai", &script)];
        let sources = Sources::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
        // Not all of these words need exist.
        if compile(sources).is_err() {
            continue;
        }
        let expected: Vec<&str> =
            if can { vec![] } else { vec!["never-fires:1 r", "grade-out-of-reach:2 A"] };
        assert_eq!(warned(&script), expected, "{condition}");
    }
}

#[test]
fn a_grade_is_out_of_reach_whatever_bounds_the_points() {
    let group = |head: &str, limit: i32| {
        format!(
            "{head} {{ rule \"a\" when pain > 0.5 then 30 because \"x\"; rule \"b\" when employees > 5 then 30 because \"y\"; }}\ngrade \"A\" when total >= {limit};\ngrade \"D\" otherwise;\n"
        )
    };
    assert_eq!(warned(&group("group \"g\" on fit cap 40", 40)), Vec::<String>::new());
    assert_eq!(warned(&group("group \"g\" on fit cap 40", 41)), ["grade-out-of-reach:2 A"]);
    assert_eq!(
        warned(&format!("axis fit from 0 to 20;\n{}", group("group \"g\" on fit", 21))),
        ["grade-out-of-reach:3 A"]
    );
    // Any profile may have any criteria.
    assert_eq!(
        warned("criteria on fit;\ngrade \"A\" when total >= 900;\ngrade \"D\" otherwise;\n"),
        Vec::<String>::new()
    );
    let engaged = "rule \"a\" when pain > 0.5 then 30 * pain because \"x\";\ngrade \"A\" when fit >= 10 and engagement >= 1;\ngrade \"D\" otherwise;\n";
    assert_eq!(warned(engaged), ["grade-out-of-reach:2 A"]);
}

#[test]
fn rules_that_ask_the_same_and_facts_that_nobody_asks_for_are_told() {
    let script = format!(
        "rule \"a\" when pain > 0.5 then 5 because \"x\";\nrule \"b\" when urgency == \"now\" then 5 because \"x\";\n\
         rule \"c\" when  pain >0.5 /* the same */ then -2 because \"y\";\n{GRADES}"
    );
    assert_eq!(warned(&script), ["contradiction:3 c a"]);
    let twice = script.replace("then -2", "then 2");
    assert_eq!(warned(&twice), ["same-condition:3 c a"]);
    let disqualified = format!("{script}disqualify \"d\" when urgency == \"now\" because \"z\";\n");
    assert_eq!(warned(&disqualified), ["contradiction:3 c a", "contradiction:6 d b"]);
    let files = [("facts.toml", FACTS), ("lead_scoring/default.rhai", script.as_str())];
    let sources = Sources::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let (set, _) = compile_and_try(sources, "EUR", Nice::Back).unwrap();
    let unused = lint::unused_facts(&set);
    assert_eq!((unused.len(), unused[0].file.as_str(), unused[0].line), (1, "facts.toml", 12));
    let costs = lint::cost(&set, "EUR");
    assert!(costs.len() == 1 && (10..1_000).contains(&costs[0].1), "{costs:?}");
}

#[test]
fn what_ships_has_nothing_doubtful() {
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let (_, warnings) = compile_and_try(Sources::read(&shipped).unwrap(), "EUR", Nice::Back).unwrap();
    let told: Vec<String> =
        warnings.iter().map(|finding| format!("{} {}", finding.code.as_str(), finding.message)).collect();
    assert_eq!(told, Vec::<String>::new());
}
