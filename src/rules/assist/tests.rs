use super::*;

const FACTS: &str = "\
[attributes.urgency]
type = \"choice\"
choices = [\"now\", \"later\"]
meaning = \"How soon\"
[activities.page_visit]
meaning = \"A page was looked at\"
[activities.page_visit.properties.page]
type = \"text\"
meaning = \"The page's path\"
[roles.champion]
meaning = \"Wants it\"
[aliases.country]
DE = [\"Germany\"]
";
const LIB: &str = "// Rising evenly.\nfn rising(x, low, high) { clamp((x - low) / (high - low), 0, 1) }\n";

/// A script in which `|` stands where it is asked; and what knows it.
fn asked(script: &str) -> (Assist, usize) {
    let byte = script.find('|').unwrap();
    let script = script.replacen('|', "", 1);
    let files = [
        ("facts.toml", FACTS),
        ("lib/shapes.rhai", LIB),
        ("tables/points.csv", "key,points\na,1\n"),
        (PATH, &script),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    (Assist::new(Sources::new(files.into())), byte)
}

const PATH: &str = "lead_scoring/a.rhai";

fn labels(script: &str) -> Vec<String> {
    let (assist, byte) = asked(script);
    assist.proposals(PATH, byte).into_iter().map(|proposal| proposal.label.to_string()).collect()
}

fn meaning(script: &str) -> Option<(String, String)> {
    let (assist, byte) = asked(script);
    assist.meaning(PATH, byte).map(|meaning| (meaning.written, meaning.told))
}

fn origin(script: &str) -> Option<(String, String)> {
    let (assist, byte) = asked(script);
    let origin = assist.origin(PATH, byte)?;
    let text = assist.sources.get(&origin.path).unwrap();
    Some((origin.path, origin.at.of(text).to_owned()))
}

#[test]
fn what_could_stand_at_a_place_is_proposed() {
    for (script, expected, not) in [
        ("|", &["rule", "group", "grade", "fn", "import"][..], &["factor", "employees"][..]),
        ("define a as 1;\nru|", &["rule", "define"], &["employees"]),
        ("group \"a\" on fit {\n    |\n}", &["rule", "criteria"], &["grade", "fn"]),
        (
            "rule \"a\" when em|",
            &["employees", "urgency", "then", "because", "known", "icp"],
            &["when", "rule"],
        ),
        ("define big as employees > 5;\nrule \"a\" when b|", &["big"], &[]),
        ("rule \"a\" when activity(\"|\")", &["page_visit"], &["champion"]),
        ("rule \"a\" when activity(\"page_visit\").|", &["count", "within", "where"], &["engaged", "length"]),
        ("rule \"a\" when contacts.|", &["engaged_role", "where", "count"], &["last"]),
        ("rule \"a\" when contacts.engaged_role(\"|", &["champion"], &["page_visit"]),
        ("rule \"a\" when icp.|", &["industries", "capacity"], &["count"]),
        ("rule \"a\" when urgency == \"|\"", &["now", "later"], &[]),
        ("rule \"a\" when country in [\"AT\", \"|\"]", &["DE"], &["AT"]),
        ("rule \"a\" when tech.|", &["count_in", "contains"], &["starts_with"]),
        ("rule \"a\" when industry.|", &["starts_with", "has_word"], &["count_in"]),
        ("rule \"a\" when activity(\"page_visit\").where(p|", &["page", "days_ago"], &["title"]),
        ("rule \"a\" when contacts.where(s|", &["seniority", "title"], &["page"]),
        ("import \"lib/shapes\" as shape;\nrule \"a\" when true then shape::|", &["rising"], &["employees"]),
        ("import \"|", &["lib/shapes"], &["lead_scoring/a"]),
        ("rule \"a\" when lookup(\"|", &["points"], &[]),
        ("grade \"A\" when |\n", &["total", "fit", "engagement"], &[]),
        ("grade \"A\" when total > 5;\ncap_grade \"|\"", &["A"], &[]),
        ("group \"who\" on fit {\n}\ngrade \"A\" when points_of(\"|\")", &["who"], &[]),
        ("cap_grade \"A\"|", &[], &["A"]),
        ("// em|", &[], &["employees", "rule"]),
    ] {
        let found = labels(script);
        let has = |word: &&&str| found.iter().any(|label| label == **word);
        let missing: Vec<_> = expected.iter().filter(|word| !has(word)).collect();
        let wrong: Vec<_> = not.iter().filter(has).collect();
        assert!(
            missing.is_empty() && wrong.is_empty(),
            "{script}\nmissing {missing:?}, wrong {wrong:?}\n{found:?}"
        );
    }
}

/// What is proposed for a statement is one: filled in, it can be read.
#[test]
fn proposed_statements_can_be_read() {
    let (assist, byte) = asked("|");
    for proposal in
        assist.proposals(PATH, byte).iter().filter(|proposal| proposal.kind == ProposalKind::Statement)
    {
        let mut text = proposal.snippet.clone();
        for (from, to) in [
            ("\"${1}\"", "\"A\""),
            ("${1:name}", "name"),
            ("${2:x}", "x"),
            ("$0", ""),
            ("lib/$1", "lib/shapes"),
        ] {
            text = text.replace(from, to);
        }
        for number in 1..5 {
            text = text
                .replace(&format!("\"${{{number}}}\""), "\"x\"")
                .replace(&format!("${{{number}}}"), "fit");
        }
        let text = text.replace("${1:NAME}", "NAME").replace("${2:1}", "1").replace("${2:name}", "name");
        let read = crate::rules::syntax::Parser::new().read("a", &text);
        assert!(read.findings.is_empty(), "{text}: {:?}", read.findings);
    }
}

#[test]
fn words_say_what_they_mean() {
    let told = |script: &str| meaning(script).unwrap_or_else(|| panic!("{script}"));
    assert_eq!(told("rule \"a\" when emp|loyees > 5").0, "employees: number");
    assert_eq!(
        told("rule \"a\" when urg|ency == \"now\""),
        ("urgency: now | later".into(), "How soon; of company or person".into())
    );
    assert_eq!(told("ru|le \"a\"").0, crate::rules::language::statements::statement("rule").unwrap().example);
    assert_eq!(told("x = cla|mp(1, 2, 3)").1, "x, kept within low and high");
    assert_eq!(told("activity(\"page_|visit\")").1, "A page was looked at");
    assert_eq!(told("contacts.engaged_ro|le(\"x\")").1, "whether a contact in the role has answered");
    assert!(told("activities.cou|nt").1.contains("how often it happened"));
    assert_eq!(told("icp.indus|tries").1, "the profile's target industries");
    assert_eq!(
        told("// Why.\n// More.\ndefine big as employees > 5;\nrule \"a\" when bi|g"),
        ("define big as employees > 5".into(), "Why. More.".into())
    );
    assert_eq!(
        told("import \"lib/shapes\" as shape;\nx = shape::ris|ing(1)"),
        ("fn rising(x, low, high)".into(), "Rising evenly.".into())
    );
    for nothing in ["// emp|loyees", "x = nob|ody", "rule \"emplo|yees\"", "5|"] {
        assert_eq!(meaning(nothing), None, "{nothing}");
    }
}

#[test]
fn words_lead_to_where_they_are_declared() {
    let at = |script: &str| origin(script).unwrap_or_else(|| panic!("{script}"));
    let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    assert_eq!(at("define big as 1;\nrule \"a\" when bi|g > 0"), pair(PATH, "big"));
    assert_eq!(at("fn f(x) { x }\nrule \"a\" when f|(1)"), pair(PATH, "f"));
    assert_eq!(
        at("import \"lib/shapes\" as shape;\nx = shape::ris|ing(1)"),
        pair("lib/shapes.rhai", "rising")
    );
    assert_eq!(at("import \"lib/shapes\";\nx = ris|ing(1)"), pair("lib/shapes.rhai", "rising"));
    assert_eq!(at("import \"lib/sha|pes\" as shape;"), pair("lib/shapes.rhai", ""));
    assert_eq!(at("rule \"a\" when urg|ency == \"now\""), pair("facts.toml", "[attributes.urgency]"));
    assert_eq!(at("activity(\"page_|visit\")"), pair("facts.toml", "[activities.page_visit]"));
    assert_eq!(at("lookup(\"poi|nts\", 1)"), pair("tables/points.csv", ""));
    assert_eq!(at("group \"who\" {}\ngrade \"A\" when points_of(\"wh|o\") > 1"), pair(PATH, "\"who\""));
    assert_eq!(origin("emplo|yees"), None);
}

/// What an editor colours is what the language has.
#[test]
fn the_grammar_of_the_editor_has_every_word() {
    let grammar = include_str!("../../../editors/vscode/rules.tmLanguage.json");
    let words: std::collections::BTreeSet<&str> =
        grammar.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    // In the text of a pattern the first word of a group stands behind `\\b`.
    let has = |word: &str| words.contains(word) || words.contains(format!("b{word}").as_str());
    use crate::rules::language::{functions::FUNCTIONS, statements::SHAPES};
    let statements = SHAPES
        .iter()
        .flat_map(|shape| shape.clauses.iter().map(|(clause, _)| *clause).chain([shape.keyword]));
    let missing: Vec<&str> =
        statements.chain(FUNCTIONS.iter().map(|function| function.name)).filter(|word| !has(word)).collect();
    assert!(missing.is_empty(), "editors/vscode/rules.tmLanguage.json lacks {missing:?}");
}

proptest::proptest! {
    /// Whatever stands there, and wherever it is asked.
    #[test]
    fn no_place_is_too_odd(text in "(rule|group|import|activity|when|[a-z0-9\"'`$(){}/*.;:,\\[\\]= \\né|-]){0,40}", at in 0_usize..60) {
        let byte = text.char_indices().map(|(byte, _)| byte).nth(at).unwrap_or(text.len());
        let assist = Assist::new(Sources::new([(PATH.to_owned(), text.clone())].into()));
        assist.proposals(PATH, byte);
        assist.meaning(PATH, byte);
        assist.origin(PATH, byte);
    }
}
