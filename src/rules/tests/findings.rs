//! What is wrong with scripts is told at once, with its place.

use super::*;

#[test]
fn everything_wrong_is_told_at_once_with_place_and_nearest_name() {
    let script = r#"import "lib/shape" as s;
define twice as employes * 2;
rule "typo" when employes > 5 then 1 because "x";
rule "icp" when "x" in icp.industris then 1 because "x";
rule "words" when industry > 5 then 1 because "x";
rule "quotes" when employees == "12" then 1 because "x";
rule "texts" when "5" > 3 then 1 because "x";
rule "activity" when activity("page_vist").count > 1 then 1 because "x";
rule "bare" when activity("page_visit") > 1 then 1 because "x";
rule "role" when contacts.engaged_role("champoin") then 1 because "x";
rule "choice" when urgency == "noww" then 1 because "x";
rule "choices" when urgency in ["now", "latter"] then 1 because "x";
rule "number" when employees then 1 because "x";
rule "points" when flag then "five" because "x";
rule "member" when contacts.engagd > 1 then 1 because "x";
rule "points" when total > 5 then 1 because "x";
rule "growth" when growth_stage == "matur" then 1 because "x";
rule "call" when rato(1, 2) > 0 then 1 because "x";
rule "segment" when segment_size > 0 then 1 because "x";
let y = 5;
group "g" on fti cap employees { rule "loop" when { do { } while true; true } then 1 because "x"; }
cap_grade "E" when total > 5 because "x";
grade "A" when total > 5;
"#;
    insta::assert_snapshot!(rendered(&[
        ("lead_scoring/t.rhai", script),
        ("lib/shapes.rhai", "fn f(x) { x }")
    ]));
}

#[test]
fn what_can_t_be_read_is_left_out_and_the_rest_is_told_all_the_same() {
    let script = r#"define odd as employees > > 5;
const LEAST = 5 5;
rule "ö" when industry == “x” and (employees > 1 then 1 because "x";
rule "typo" when employes > 5 and odd and LEAST > 1 then 1 because "x";
rule "no end" when employees > 5 then 1 because "x"
group "g" on fit cap 40 {
    rule "in" when industri == "x" then 1 because "x";
    rule "in too" when employees = 5 then 1 because "x";
    rule "after" when regon == "x" then 1 because "x";
}
group "h" cap on fit {
    rule "within" when twice(employes) > 1 then 1 because "x";
}
fn twice(x) { x * }
fn half(x) { y / 2 }
rule "half" when half(employees) > 1 then 1 because "x";
cap_grade "B" when total > 5 because "x";
grade "B" wen total > 5;
grade "D" otherwise;
"#;
    let unclosed =
        "group \"g\" on fit {\n rule \"r\" when employes > 5 then 1 because \"x\";\ngrade \"D\" otherwise;\n";
    insta::assert_snapshot!(rendered(&[("lead_scoring/t.rhai", script), ("lead_scoring/u.rhai", unclosed),]));
}

#[test]
fn functions_are_checked_for_the_arguments_they_get() {
    let script = r#"
fn size_points(x) { x }
fn add(a, b) { a + b }
fn peek() { employees }
fn again(x) { other(x) }
fn other(x) { again(x) }
fn half(x) { if x > 5 { 1 } }
fn loops(x) { for c in contacts { } for i in x { } x }
fn lists(x) { let l = [1, "a"]; l.push(true); l.add(1); #{ a: 1 }.b + x[0] + [1].map(2)[0] }
fn parts(x) { let m = #{ a: 1 }; m.b = 2; m.a = "x"; x = true; let l = [1]; l += 1; l[0][1] = 2; m.a }
fn closed(x) { [1].filter(|y| return true); [1].reduce(|a| a, 0); let f = |y| y; x }
rule "mixed" when add(1, "2") > 1 then 1 because "x";
rule "peek" when peek() > 1 then 1 because "x";
rule "again" when again(1) > 1 then 1 because "x";
rule "half" when half(1) > 1 then 1 because "x";
rule "loops" when loops(1) > 1 then 1 because "x";
rule "lists" when lists(1) > 1 then 1 because "x";
rule "parts" when parts(1) > 1 then 1 because "x";
rule "closed" when closed(1) > 1 then 1 because "x";
rule "collection" when activities.filter(|a| a).count > 1 and activities.map(|a| a.amount) then 1 because "x";
rule "arity" when add(1) > 1 then 1 because "x";
grade "A" otherwise;
"#;
    insta::assert_snapshot!(rendered(&[("lead_scoring/t.rhai", script)]));
}

#[test]
fn what_is_outside_the_language_is_refused() {
    let expressions = [
        "eval(\"1\")",
        "sleep(1)",
        "print(\"x\")",
        "|x| x",
        "'c'",
        "`${1}`",
        "this",
        "()",
        "1 & 2",
        "try { 1 } catch { 2 }",
        "loop { break 1; }",
        "Fn(\"x\")",
        "employees.foo",
        "rule",
        "x = 5",
        "[[1]]",
        "exit()",
        "throw 5",
        "do { } while true",
        "a?.b",
        "fn x() {}",
        "import \"x\"",
        "1..5",
        "9999999999999999999",
        "9007199254740993",
        "debug(1)",
        "call(1)",
        "is_def_var(\"x\")",
        "switch 1 { 1 => 2 }",
    ];
    for expression in expressions {
        let script = format!("rule \"r\" when {expression} then 1 because \"x\"; grade \"D\" otherwise;");
        let sources = sources(&[("lead_scoring/t.rhai", &script)]);
        let found = compile(sources).expect_err(expression);
        assert!(found.iter().all(|d| d.line == 1 && d.column > 0), "{expression}: {found:?}");
    }
}

#[test]
fn what_would_overflow_the_stack_is_refused() {
    let grade = "grade \"D\" otherwise;";
    let defines: String = (1..400).map(|i| format!("define a{i} as a{} + 1;\n", i - 1)).collect();
    let cases = [
        ("const A = A + 1; rule \"r\" when A > 1 then 1 because \"x\";".to_owned(), Code::Recursion),
        ("const A = B; const B = A;".to_owned(), Code::Recursion),
        (format!("define a0 as 1;\n{defines}rule \"r\" when a399 > 1 then 1 because \"x\";"), Code::TooLarge),
        ("x;".repeat(20_000), Code::Misplaced),
    ];
    for (script, code) in cases {
        let found = compile(sources(&[("lead_scoring/t.rhai", &format!("{script}\n{grade}"))])).unwrap_err();
        assert!(found.iter().any(|d| d.code == code), "{:?}", found.first());
        assert!(found.len() <= 500);
    }
}

#[test]
fn constants_belong_to_their_file_and_hide_nothing() {
    let lib = ("lib/own.rhai", "const A = 1; const B = A * 2;");
    let script = "import \"lib/own\" as own; const A = 100;\
                  rule \"r\" when own::B == 2 and A == 100 then 1 because \"x\"; grade \"D\" otherwise;";
    let (set, _) = compile(sources(&[lib, ("lead_scoring/t.rhai", script)])).unwrap();
    assert!(set.script(ScriptKind::LeadScoring, "t").is_ok());
    let refused = [
        "const budget = 1;",
        "define lim as 1; const lim = 2; rule \"r\" when lim > 0 then 1 because \"x\";",
        "const X = { return 5; }; rule \"r\" when X > 0 then 1 because \"x\";",
        "const X = employes + 1;",
        "fn f(x) { 1 } fn int.f(x) { 2 } rule \"r\" when f(1) > 0 then 1 because \"x\";",
        "fn f(known) { 1 }",
        "rule \"r\" when own::other::f(1) > 0 then 1 because \"x\";",
        "rule \"r\" when contacts?.count > 0 then 1 because \"x\";",
        "rule \"r\" when 1e400 > 0 then 1 because \"x\"; import \"lib/own\" as o;",
    ];
    for script in refused {
        let script = format!("{script} grade \"D\" otherwise;");
        assert!(compile(sources(&[lib, ("lead_scoring/t.rhai", &script)])).is_err(), "{script}");
    }
}

#[test]
fn the_shipped_scripts_compile_without_findings() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let sources = Sources::read(&folder).unwrap();
    let found = match compile(sources.clone()) {
        Ok((set, found)) => {
            assert_eq!(set.scripts().count(), 6);
            found
        }
        Err(found) => found,
    };
    let shown: String = found.iter().map(|d| d.render("scripts", &sources)).collect();
    assert_eq!(shown, "");
}

#[test]
fn no_amount_of_warnings_hides_an_error() {
    let unused: String = (0..520).map(|i| format!("define d{i} as employees;\n")).collect();
    let warned = format!("{unused}rule \"r\" when true then 1 because \"x\"; grade \"D\" otherwise;");
    let broken = "rule \"r\" when employe > 5 then 1 because \"x\"; grade \"D\" otherwise;";
    let files = [("lead_scoring/a.rhai", warned.as_str()), ("lead_scoring/t.rhai", broken)];
    let found = compile(sources(&files)).unwrap_err();
    let errors: Vec<_> = found.iter().filter(|finding| finding.is_error()).collect();
    assert_eq!(
        (errors.len(), errors[0].file.as_str(), errors[0].code),
        (1, "lead_scoring/t.rhai", Code::UnknownName)
    );
}

#[test]
fn what_rhai_takes_without_a_word_is_told() {
    let script = r#"rule "twice" when switch employees { 1 => true, 1 => false, _ => false } then 1 because "x";
rule "guarded" when switch employees { 1 if flag => true, 1 => false, _ => false } then 1 because "x";
rule "backwards" when switch employees { 9..0 => true, 3..3 => true, 3..=3 => true, _ => false } then 1 because "x";
grade "A" otherwise;
"#;
    let wrapped = "rule \"r\" when 0xFFFFFFFFFFFFFFFF > -5 then 1 because \"é\";\ngrade \"A\" otherwise;\n";
    let comment = "rule \"r\" when true then 1 because \"/* x\"; // /*\n /* a */ grade \"A\" otherwise; /* /* b */\nrule";
    let unfinished = "rule \"r\" /* when true then 1 because \"x\";\ngrade \"A\" otherwise;\n";
    insta::assert_snapshot!(rendered(&[
        ("lead_scoring/a.rhai", script),
        ("lead_scoring/b.rhai", wrapped),
        ("lead_scoring/c.rhai", comment),
        ("lead_scoring/d.rhai", unfinished),
        ("lead_scoring/e.rhai", "/* all of it"),
    ]));
}

#[test]
fn a_name_means_one_thing() {
    let script = r#"import "lib/one";
import "lib/two";
define limit as employees;
rule "let" when { let budget = 5; budget > 1 } then 1 because "x";
rule "define" when limit > 100 then 1 because "x";
rule "called" when both(employes) then 1 because "x";
grade "A" otherwise;
"#;
    let one = "const limit = 2;\nconst half = 0.5;\nfn both(x) { x > half }\n";
    let two = "const half = 0.4;\nfn both(x) { x > 1 }\nfn both(x, y) { x > y }\n";
    insta::assert_snapshot!(rendered(&[
        ("lead_scoring/t.rhai", script),
        ("lib/one.rhai", one),
        ("lib/two.rhai", two),
        ("lead_scoring/mark.rhai", "\u{feff}grade \"A\" when employes > 1;\ngrade \"B\" otherwise;\n"),
    ]));
}

#[test]
fn steps_of_all_kinds_of_scripts_are_counted_together() {
    let item = |i: usize| format!("factor \"f{i}\" weight 1 is many(1) because \"x\";\n");
    let many = format!("fn many(x) {{ max({}) }}\n", vec!["x"; 95].join(", "));
    let script: String = std::iter::once(many).chain((0..900).map(item)).collect();
    let files: Vec<_> = (0..60).map(|i| (format!("segment_priority/s{i}.rhai"), script.clone())).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (set, _) = compile(sources(&files)).unwrap();
    let found = smoke(&set, "EUR").unwrap_err();
    assert!(found.iter().any(|finding| finding.code == Code::TooLarge), "{found:?}");
}

#[test]
fn the_readmes_example_is_good() {
    let readme = include_str!("../../../README.md");
    let example = readme.split("```").find(|part| part.trim_start().starts_with("group ")).unwrap();
    let facts = include_str!("../../../scripts/facts.toml");
    let files = [("lead_scoring/t.rhai", example), ("facts.toml", facts)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let compiled = compile_and_try(Sources::new(files.into()), "EUR", crate::priority::Nice::Back);
    assert!(compiled.is_ok(), "{:?}", compiled.err());
}

#[test]
fn slips_in_conditions_on_items_are_told_with_what_to_write() {
    let script = r#"
        define title as employees > 5;
        rule "a" when contacts.where(senority == "head").count > 0 then 1 because "x";
        rule "b" when contacts.where(seniority == "heads").count > 0 then 1 because "x";
        rule "c" when contacts.where(title.contains("vp")).count > 0 then 1 because "x";
        rule "d" when contacts.where(contact.titel == "x" and lead.title).count > 0 then 1 because "x";
        rule "e" when activity("page_visit").where(amount).count > 0 then 1 because "x";
        rule "f" when contacts.within(5) > 1 and contacts.latest.inbound > 1 then 1 because "x";
        rule "g" when activities.latest > 5 and activities.wher(true).count > 1 then 1 because "x";
        rule "h" when activities.within(0) > 1 and activities.where() and contacts.any then 1 because "x";
        rule "i" when activities.where(amount > 1) and contacts.distinct(inbound > 1) > 1 then 1 because "x";
        rule "k" when activity("page_visit").where(pagge == "x" and seconds == "x").count > 0 then 1 because "x";
        rule "l" when activity("demo_request").where(page == "x").after(activities).count > 0 then 1 because "x";
        rule "m" when activity("demo_request").after(activity("page_visit")).within(employees) > 0 then 1 because "x";
        rule "j" when amount > 1 and activity("page_visit").latest.title == "x" then 1 because "x";
        grade "D" otherwise;
    "#;
    insta::assert_snapshot!(rendered(&[("lead_scoring/t.rhai", script)]));
}

#[test]
fn slips_in_lookups_and_tables_are_told_at_their_place() {
    let conditions = [
        r#"lookup("indstry", industry) > 1"#,
        r#"lookup("industry", employees) > 1"#,
        r#"lookup("industry", industry, country) > 1"#,
        r#"lookup("industry") > 1"#,
        r#"lookup("industry.pionts", industry) > 1"#,
        r#"lookup("terms", country) > 1"#,
        r#"lookup("terms.rep", country) > 1"#,
        "lookup(industry, industry) > 1",
        r#"lookup("wrong", industry) > 1"#,
    ];
    let rules = conditions.iter().enumerate();
    let script: String = rules
        .map(|(i, condition)| format!("rule \"{i}\" when {condition} then 1 because \"x\";\n"))
        .collect();
    let script = script + "grade \"A\" otherwise;";
    insta::assert_snapshot!(rendered(&[
        ("lead_scoring/t.rhai", &script),
        ("tables/industry.csv", "industry,points\nheating,12\n"),
        ("tables/terms.csv", "country,points,rep\nDE,1,an\n"),
        ("tables/wrong.csv", "industry,points (number)\nheating,12\nIT,many\nHeating,5\n"),
    ]));
}

#[test]
fn slips_in_patterns_are_told_with_what_to_write() {
    let conditions = [
        r#"industry.matches("(a")"#,
        r#"industry.matches("a{1000}{1000}")"#,
        "industry.matches(region)",
        r#"industry.has_word(["a"])"#,
        r#"industry.one_of_words("a")"#,
        "industry.has_word()",
        r#"industry.has_wrod("a")"#,
        "industry.length > \"a\"",
        "is_free_mail(employees)",
    ];
    let rules = conditions.iter().enumerate();
    let script: String = rules
        .map(|(i, condition)| format!("rule \"{i}\" when {condition} then 1 because \"x\";\n"))
        .collect();
    insta::assert_snapshot!(rendered(&[("lead_scoring/t.rhai", &(script + "grade \"A\" otherwise;"))]));
}
