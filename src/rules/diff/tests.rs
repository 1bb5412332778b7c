use proptest::prelude::*;

use super::*;

const BEFORE: &str = r#"import "lib/shapes" as shape;
define visits as activity("page_visit");
group "company" on fit cap 25 {
    rule "size" when employees > 10 then 5 because "big";
    rule "tech" when employees > 20 then 3 because "it";
}
group "activity" on engagement {
    rule "visits" when visits.count > 0 then 2 because "came";
    rule "demo" when shape::falling(1, 2, 3) > 0 then 1 because "asked";
}
cap_grade "B" when fit < 3 because "little";
grade "A" when total >= 10;
grade "D" otherwise;
"#;
const SHAPES: &str = "fn falling(x, from, to) { x * half(to) }\nfn half(x) { x / 2 }\n";

fn set(script: &str, shapes: &str) -> Sources {
    let files = [("lead_scoring/default.rhai", script), ("lib/shapes.rhai", shapes)];
    Sources::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
}

fn told(before: &Sources, after: &Sources) -> Vec<String> {
    let tell = |difference: &StatementDifference| {
        let parts =
            difference.parts.iter().map(|part| format!("{}: {} → {}", part.part, part.before, part.after));
        let (kind, parts) = (difference.kind.as_str(), parts.collect::<Vec<_>>().join("; "));
        let StatementDifference { statement, name, lines, .. } = difference;
        format!("{}:{} {kind} {statement} {name} [{parts}]", lines.0, lines.1)
    };
    difference(before, after).statements.iter().map(tell).collect()
}

#[test]
fn what_differs_is_told_by_statement_and_part() {
    let before = set(BEFORE, SHAPES);
    let after = BEFORE
            .replace("employees > 10 then 5", "employees >= 15 then 6")
            .replace("    rule \"tech\" when employees > 20 then 3 because \"it\";\n", "")
            .replace("group \"activity\" on engagement {\n", "group \"activity\" on engagement {\n    rule \"tech\" when employees > 20 then 3 because \"it\";\n")
            .replace("cap 25", "cap 20")
            .replace("cap_grade \"B\" when fit < 3 because \"little\";\n", "disqualify \"tiny\" when employees < 2 because \"one\";\n");
    assert_eq!(
        told(&before, &set(&after, SHAPES)),
        [
            "3:3 changed group company [cap: 25 → 20]",
            "4:4 changed rule size [then: 5 → 6; when: employees > 10 → employees >= 15]",
            "5:7 changed rule tech [group: company → activity]",
            "11:0 removed cap_grade B [because: \"little\" → ; when: fit < 3 → ]",
            "0:11 added disqualify tiny [because:  → \"one\"; when:  → employees < 2]",
        ]
    );
}

#[test]
fn what_is_imported_from_elsewhere_or_without_a_name_is_followed() {
    let script = |import: &str, call: &str| {
        format!(
            "{import};\nrule \"a\" when employees > 1 then {call} because \"x\";\ngrade \"D\" otherwise;\n"
        )
    };
    let set = |script: &str, shapes: &str| {
        let more = ("lib/others.rhai".to_owned(), "fn falling(x, from, to) { 7 }\n".to_owned());
        let files = set(script, shapes).files().clone().into_iter().chain([more]).collect();
        Sources::new(files)
    };
    let named = script("import \"lib/shapes\" as shape", "shape::falling(1, 2, 3)");
    let elsewhere = script("import \"lib/others\" as shape", "shape::falling(1, 2, 3)");
    assert_eq!(
        told(&set(&named, SHAPES), &set(&elsewhere, SHAPES)),
        ["2:2 follows rule a [shape::falling:  → ]"]
    );
    let plain = script("import \"lib/shapes\"", "falling(1, 2, 3)");
    let changed = SHAPES.replace("x / 2", "x / 3");
    let found = told(&set(&plain, SHAPES), &set(&plain, &changed));
    assert!(found.contains(&"2:2 follows rule a [falling:  → ]".to_owned()), "{found:?}");
    let other = script("import \"lib/others\"", "falling(1, 2, 3)");
    assert_eq!(told(&set(&plain, SHAPES), &set(&other, SHAPES)), ["2:2 follows rule a [falling:  → ]"]);
}

#[test]
fn blocks_texts_and_comments_are_read_as_the_parser_reads_them() {
    let script = |condition: &str, then: &str| {
        set(
            &format!(
                "const P = \"a\";\nrule \"r\" when {condition} then {then} because \"x\";\ngrade \"D\" otherwise;\n"
            ),
            SHAPES,
        )
    };
    for (before, after) in [
        (script("employees > 1", "#{a: 1}.a"), script("employees > 1", "#{a: 7}.a")),
        (script("employees > 1", "1 + { 2 }"), script("employees > 1", "1 + { 3 }")),
        (
            script("employees > 1 and { let x = 3; employees > x }", "1"),
            script("employees > 1 and { let x = 4; employees > x }", "1"),
        ),
        (
            script("employees > 1 // c\r and employees > 5", "1"),
            script("employees > 1 // c\r and employees > 6", "1"),
        ),
        (script("domain == #\"a \"b\"#", "1"), script("domain == #\"a \" b\"#", "1")),
    ] {
        let found = told(&before, &after);
        assert!(found.len() == 1 && found[0].contains("changed rule r"), "{found:?}");
    }
    let asks = script("domain == `${P}.com`", "1");
    let other = Sources::new(
        asks.files()
            .iter()
            .map(|(path, text)| (path.clone(), text.replace("P = \"a\"", "P = \"b\"")))
            .collect(),
    );
    let found = told(&asks, &other);
    assert!(found.contains(&"2:2 follows rule r [P:  → ]".to_owned()), "{found:?}");
}

#[test]
fn the_order_of_grades_counts() {
    let graded =
        |grades: &str| set(&format!("rule \"a\" when employees > 1 then 1 because \"x\";\n{grades}"), SHAPES);
    let before = graded("grade \"A\" when total >= 1;\ngrade \"B\" when fit >= 1;\ngrade \"D\" otherwise;\n");
    let turned = graded("grade \"B\" when fit >= 1; grade \"A\" when total >= 1;\ngrade \"D\" otherwise;\n");
    assert_eq!(
        told(&before, &turned),
        ["2:2 changed grade A [place: 1 → 2]", "3:2 changed grade B [place: 2 → 1]"]
    );
    // One more between them moves no other.
    let more = graded(
        "grade \"A\" when total >= 1;\ngrade \"AB\" when total > 0;\ngrade \"B\" when fit >= 1;\ngrade \"D\" otherwise;\n",
    );
    assert_eq!(told(&before, &more), ["0:3 added grade AB [when:  → total > 0]"]);
}

#[test]
fn every_part_of_a_value_counts() {
    for (before, after, part) in [
        ("then -5 because", "then -6 because", "then: -5 → -6"),
        (
            "then if x > 1 { 2 } else { 3 } because",
            "then if x > 1 { 2 } else { 4 } because",
            "then: if x > 1 { 2 } else { 3 } → if x > 1 { 2 } else { 4 }",
        ),
        ("then 1 because", "then 1 + a.count because", "then: 1 → 1 + a.count"),
        ("then (1) * 2 because", "then (2) * 2 because", "then: (1) * 2 → (2) * 2"),
    ] {
        let rule = |value: &str| {
            set(&format!("rule \"r\" when x > 0 {value} \"w\";\ngrade \"D\" otherwise;\n"), SHAPES)
        };
        assert_eq!(told(&rule(before), &rule(after)), [format!("1:1 changed rule r [{part}]")]);
    }
    let group = |head: &str| {
        set(&format!("group \"g\" on {head} {{ rule \"r\" when x > 0 then 1 because \"w\"; }}\n"), SHAPES)
    };
    assert_eq!(
        told(&group("fit floor -10 cap 20"), &group("fit floor -20 cap 20")),
        ["1:1 changed group g [floor: -10 → -20]"]
    );
    assert_eq!(told(&group("fit cap 20"), &group("fit")), ["1:1 changed group g [cap: 20 → ]"]);
    let axis = |ends: &str| set(&format!("axis fit {ends};\n"), SHAPES);
    assert_eq!(
        told(&axis("from -5 to 60"), &axis("from -6 to 60")),
        ["1:1 changed axis fit [from: -5 → -6]"]
    );
}

#[test]
fn what_goes_by_something_else_is_told_too() {
    let before = set(BEFORE, SHAPES);
    let other_define = set(&BEFORE.replace("page_visit", "pricing_visit"), SHAPES);
    assert_eq!(
        told(&before, &other_define),
        [
            "2:2 changed define visits [as: activity(\"page_visit\") → activity(\"pricing_visit\")]",
            "8:8 follows rule visits [visits:  → ]",
        ]
    );
    // `falling` itself is as it was, and goes by `half`.
    let other_half = set(BEFORE, &SHAPES.replace("x / 2", "x / 3"));
    assert_eq!(
        told(&before, &other_half),
        [
            "9:9 follows rule demo [shape::falling:  → ]",
            "1:1 follows fn falling [half:  → ]",
            "2:2 changed fn half [body: { x / 2 } → { x / 3 }]",
        ]
    );
    let files = difference(&before, &other_half).files;
    assert_eq!(files.len(), 1);
    assert!(files[0].1.contains("-fn half(x) { x / 2 }\n+fn half(x) { x / 3 }"));
}

proptest! {
    #[test]
    fn spaces_and_comments_differ_in_files_only(places in prop::collection::vec(0..BEFORE.len(), 1..6)) {
        let mut spaced = BEFORE.to_owned();
        let mut places: Vec<usize> = places.into_iter().filter(|at| BEFORE[..*at].ends_with(['\n', '{', ';'])).collect();
        places.sort_unstable();
        places.dedup();
        for at in places.iter().rev() {
            spaced.insert_str(*at, "  /* said */ // more\n");
        }
        let found = difference(&set(BEFORE, SHAPES), &set(&spaced, SHAPES));
        prop_assert_eq!(found.statements, []);
        prop_assert_eq!(found.files.len(), usize::from(!places.is_empty()));
    }

    #[test]
    fn backwards_it_is_the_same_turned_round(gone in prop::collection::btree_set(0_usize..13, 0..5)) {
        let script: String = BEFORE.lines().enumerate()
            .filter(|(number, line)| !(gone.contains(number) && line.trim_start().starts_with("rule")))
            .map(|(_, line)| format!("{line}\n")).collect();
        let (before, after) = (set(BEFORE, SHAPES), set(&script, SHAPES));
        let (there, back) = (difference(&before, &after).statements, difference(&after, &before).statements);
        let key = |difference: &StatementDifference| (difference.statement, difference.name.clone());
        let mut there: Vec<_> = there.iter().map(|difference| (key(difference), difference.lines)).collect();
        let mut back: Vec<_> = back.iter().map(|difference| (key(difference), (difference.lines.1, difference.lines.0))).collect();
        there.sort();
        back.sort();
        prop_assert_eq!(there, back);
    }
}
