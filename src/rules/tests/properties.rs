//! Any script compiles or says why; any points add up.

use super::*;
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    let words = [
        "rule \"a\" when",
        "then",
        "because \"x\";",
        "group \"g\" on fit {",
        "}",
        "employees",
        ">",
        "5",
        "and",
        "not",
        "activity(\"page_visit\")",
        ".count",
        "(",
        ")",
        "grade \"D\" otherwise;",
        "define x as",
        ";",
        "fn f(a) {",
        "x",
        "if",
        "else",
        "switch",
        "=>",
        "_",
        ",",
        "[",
        "]",
        "\"now\"",
        "in",
        "urgency",
        "-",
        "/",
        "0",
        "let y =",
        "y",
        "axis fit from",
        "to",
        "cap",
        "import \"lib/a\";",
        "return",
        "known(",
        "1e400",
        "'",
        "\"",
        "/*",
        "//",
        "`",
        "\u{feff}",
        "é",
        "\n",
    ];
    proptest::sample::select(words.to_vec()).prop_map(String::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn script_compiles_or_says_why(words in prop::collection::vec(word(), 0..40), text in "\\PC{0,40}") {
        for script in [words.join(" "), text] {
            let sources = sources(&[("lead_scoring/t.rhai", &script)]);
            match compile(sources) {
                Ok((set, _)) => prop_assert!(set.script(ScriptKind::LeadScoring, "t").is_ok()),
                Err(found) => prop_assert!(found.iter().any(Diagnostic::is_error)),
            }
        }
    }

    #[test]
    fn points_add_up(
        points in prop::collection::vec(-2000i32..2000, 1..8),
        cap in 0i32..1000, floor in -1000i32..=0, to in 0i32..3000,
    ) {
        let mut script = format!("axis fit from -5 to {to}; group \"g\" on fit cap {} floor {} {{", cap, floor);
        for (i, p) in points.iter().enumerate() {
            script += &format!("rule \"r{i}\" when true then {} because \"x\";", f64::from(*p) / 16.0);
        }
        script += "}";
        let result = assess(&script, &lead(company()), &[]).unwrap();
        prop_assert_eq!(result.contributions.iter().map(|c| c.points).sum::<Points>(), result.total);
        prop_assert_eq!(result.fit + result.engagement, result.total);
        prop_assert!(result.fit.0 >= -500 && result.fit.0 <= i64::from(to) * 100);
    }
}
