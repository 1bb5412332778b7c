//! What the unknown could still make of a score: exact on small spaces, never too narrow on any.

use proptest::prelude::*;

use super::*;
use crate::domain::score::Outlook;

/// The values that a fact is tried with: nothing, and one of each kind that the conditions tell apart.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tried {
    Nothing,
    Yes(bool),
    Number(f64),
    Word(&'static str),
}

const NUMBERS: [f64; 13] = [-50.0, 3.0, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 9.0, 10.0, 900.0];
const FACTS: [&str; 5] = ["flag", "score", "urgency", "country", "employees"];

fn values(fact: &str) -> Vec<Tried> {
    let some: Vec<Tried> = match fact {
        "flag" => [true, false].map(Tried::Yes).into(),
        "score" => NUMBERS.map(Tried::Number).into(),
        "employees" => [0.0, 9.0, 10.0, 11.0, 50.0, 5_000_000.0].map(Tried::Number).into(),
        "urgency" => ["now", "later"].map(Tried::Word).into(),
        _ => ["DE", "VN", "XX"].map(Tried::Word).into(),
    };
    std::iter::once(Tried::Nothing).chain(some).collect()
}

fn lead_of(values: &[Tried]) -> LeadContent {
    let mut company = company();
    let mut attributes = Vec::new();
    for (fact, value) in FACTS.iter().zip(values) {
        match (*fact, value) {
            (_, Tried::Nothing) => {}
            ("country", Tried::Word(word)) => company.country = (*word).into(),
            ("employees", Tried::Number(number)) => company.employees = Some(*number as i64),
            (fact, Tried::Yes(yes)) => attributes.push((fact, Value::YesNo(*yes))),
            (fact, Tried::Number(number)) => attributes.push((fact, Value::Number(*number))),
            (fact, Tried::Word(word)) => attributes.push((fact, Value::Text((*word).into()))),
        }
    }
    let mut lead = lead(company);
    for (name, value) in attributes {
        lead.attributes.insert(name.into(), FactValue::of(value));
    }
    lead
}

fn scored(set: &RuleSet, lead: &LeadContent) -> (Assessment, Outlook) {
    try_scored(set, lead).unwrap()
}

/// Nothing where a rule fails.
fn try_scored(set: &RuleSet, lead: &LeadContent) -> Option<(Assessment, Outlook)> {
    let script = set.script(ScriptKind::LeadScoring, "t").unwrap();
    let profile = ProfileContent::default();
    let facts = LeadFacts {
        lead,
        activities: &[],
        profile: &profile,
        created: None,
        as_of: now(),
        currency: "EUR",
        vocabulary: &set.vocabulary,
    };
    let assessment = set.assess(script, facts).ok()?;
    let outlook = set.outlook(script, facts, &assessment);
    Some((assessment, outlook))
}

fn condition() -> impl Strategy<Value = String> {
    let simple = prop::sample::select(vec![
        "flag",
        "not flag",
        "score > 3",
        "score <= 7",
        "score == 5",
        "score in [3, 10]",
        "band(score) == 2",
        "(score ?? 6) > 5",
        "known(flag)",
        "not known(score)",
        "urgency == \"now\"",
        "urgency != \"now\"",
        "country in [\"DE\", \"VN\"]",
        "country == \"DE\"",
        "employees >= 10",
        "employees < 11",
        "switch country { \"DE\" => flag, \"VN\" => true, _ => false }",
        "if flag { score > 3 } else { urgency == \"now\" }",
    ]);
    simple.prop_map(str::to_owned).prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), inner, prop::bool::ANY)
            .prop_map(|(a, b, and)| format!("({a} {} {b})", if and { "and" } else { "or" }))
    })
}

fn script(points: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let rule = (condition(), points);
    (prop::collection::vec(rule, 1..6), -5..5_i32, 5..20_i32, 0..40_i32).prop_map(
        |(rules, floor, cap, to)| {
            let mut script = String::from("fn band(n) { switch n { 3..6 => 1, 6..=8 => 2, _ => 0 } }\n");
            script += &format!("axis fit from -10 to {to};\n");
            for (i, (when, then)) in rules.iter().enumerate() {
                let rule = format!("rule \"{i}\" when {when} then {then} because \"x\";\n");
                script += &match i % 3 {
                    0 => format!("group \"g{i}\" on fit cap {cap} floor {floor} {{ {rule} }}\n"),
                    1 => format!("group \"g{i}\" on engagement {{ {rule} }}\n"),
                    _ => rule,
                };
            }
            script + "grade \"A\" when total >= 15;\ngrade \"B\" when total >= 5;\ngrade \"C\" otherwise;\n"
        },
    )
}

fn known() -> impl Strategy<Value = Vec<Tried>> {
    let of_fact = |fact: &&str| prop::sample::select([vec![Tried::Nothing; 6], values(fact)].concat());
    FACTS.iter().map(of_fact).collect::<Vec<_>>()
}

/// All ways in which what is unknown could turn out.
fn all_ways(known: &[Tried]) -> Vec<Vec<Tried>> {
    known.iter().zip(FACTS).fold(vec![Vec::new()], |ways, (value, fact)| {
        let open = if *value == Tried::Nothing { values(fact) } else { vec![*value] };
        ways.iter().flat_map(|way| open.iter().map(|value| [way.clone(), vec![*value]].concat())).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_exact_where_all_ways_can_be_tried(
        script in script((-20..20_i32).prop_map(|n| n.to_string())),
        known in known().prop_filter("a small space", |known| {
            known.iter().filter(|value| **value == Tried::Nothing).count() <= 3
        }),
    ) {
        let set = compiled(&script);
        let (assessment, outlook) = scored(&set, &lead_of(&known));
        let totals: Vec<Points> = all_ways(&known).iter().map(|way| scored(&set, &lead_of(way)).0.total).collect();
        let range = (*totals.iter().min().unwrap(), *totals.iter().max().unwrap());
        prop_assert_eq!((outlook.low, outlook.high), range, "{}", script);
        prop_assert!(outlook.low <= assessment.total && assessment.total <= outlook.high);

        for (place, fact) in FACTS.iter().enumerate().filter(|(place, _)| known[*place] == Tried::Nothing) {
            let tried: Vec<Assessment> = values(fact)[1..]
                .iter()
                .map(|value| {
                    let mut way = known.clone();
                    way[place] = *value;
                    scored(&set, &lead_of(&way)).0
                })
                .collect();
            let totals = tried.iter().map(|assessment| assessment.total);
            let range = (totals.clone().min().unwrap(), totals.max().unwrap());
            let grades: std::collections::BTreeSet<_> =
                tried.iter().map(|assessment| assessment.grade.clone().unwrap()).collect();
            let moves = range != (assessment.total, assessment.total);
            match outlook.questions.iter().find(|question| *question.fact == **fact) {
                Some(question) => {
                    prop_assert_eq!((question.low, question.high), range, "{} {}", fact, script);
                    prop_assert_eq!(question.best.as_ref(), grades.first(), "{} {}", fact, script);
                    prop_assert_eq!(question.worst.as_ref(), grades.last(), "{} {}", fact, script);
                }
                None => prop_assert!(!moves, "{fact} moves the total of {script}"),
            }
        }
    }

    #[test]
    fn it_is_never_too_narrow(
        script in script(prop::sample::select(vec![
            "score * 2", "score - employees", "clamp(score, 0, 10)", "band(score) * 3", "min(employees / 10, 20)",
            "ratio(score, employees + 1) * 20", "if score > 3 { score } else { -score }", "abs(score) / 4",
            "sqrt(employees)", "round(ln(employees + 1))", "score % 4", "2 ** min(score, 4)",
            "{ let x = score; if x > 5 { x -= 4; } x * 2 }", "[score, 3].filter(|x| x > 3).len()",
            "score - score", "score * score",
        ]).prop_map(str::to_owned)),
        known in known(),
    ) {
        let set = compiled(&script);
        let Some((_, outlook)) = try_scored(&set, &lead_of(&known)) else { return Ok(()) };
        for way in all_ways(&known) {
            let Some((Assessment { total, .. }, _)) = try_scored(&set, &lead_of(&way)) else { continue };
            prop_assert!(outlook.low <= total && total <= outlook.high, "{:?} in {:?} to {:?}: {}", total, outlook.low, outlook.high, script);
        }
    }
}

#[test]
fn questions_begin_with_what_could_move_most() {
    let script = r#"
        rule "size" when employees >= 50 then 20 because "x";
        rule "hurts" when urgency == "now" then 5 because "x";
        rule "small" when flag then 1 because "x";
        rule "people" when contacts.any(title.has_word("VP")) then 2 because "x";
        disqualify "rival" when domain in ["rival.example"] because "x";
        require completeness 0.1;
        grade "A" when total >= 20;
        grade "B" when total >= 5;
        grade "C" otherwise;
    "#;
    let set = compiled(script);
    let mut known = company();
    known.country = "DE".into();
    let mut lead = lead(known);
    lead.attributes.insert("flag".into(), FactValue::of(Value::YesNo(false)));
    let (assessment, outlook) = scored(&set, &lead);
    assert_eq!((assessment.total, outlook.low, outlook.high), (Points(0), Points(0), Points(2_700)));
    let shown: Vec<String> = outlook.questions.iter().map(|q| format!("{q:?}")).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn contacts_that_are_known_in_part_leave_it_open_how_many_count() {
    let set = compiled(
        r#"
        rule "heads" when contacts.where(department == "IT").count >= 2 then 10 because "x";
        rule "each" when true then contacts.where(department == "IT").count because "x";
        rule "some" when contacts.any(title.has_word("VP")) then 100 because "x";
    "#,
    );
    let contact = |id: &str, department: &str| Contact {
        id: id.parse().unwrap(),
        display_name: String::new(),
        title: "Clerk".into(),
        department: department.into(),
        seniority: "head".into(),
        decision_role: String::new(),
        inbound: 0,
        outbound: 0,
        last_engaged_time: None,
        attributes: Default::default(),
    };
    let mut lead = lead(company());
    lead.contacts = Some(vec![contact("a", "IT"), contact("b", ""), contact("c", "sales")]);
    let (assessment, outlook) = scored(&set, &lead);
    assert_eq!((assessment.total, outlook.low, outlook.high), (Points(100), Points(100), Points(1_200)));
}

/// It runs on the threads that score, which have two MiB.
#[test]
fn the_deepest_scripts_that_load_fit_on_the_stack_of_a_thread() {
    let steps = ["-(@ + 1)", "if @ > 1 { max(@, 1) } else { switch @ { 0..5 => abs(@), _ => @ } }"];
    for step in steps {
        let chain = |depth: usize| {
            let define =
                |i: usize| format!("define a{i} as {};\n", step.replace('@', &format!("a{}", i - 1)));
            let defines: String = (1..depth).map(define).collect();
            let last = depth - 1;
            format!(
                "define a0 as score;\n{defines}rule \"r\" when a{last} > 1 then 1 because \"x\";\ngrade \"D\" otherwise;\n"
            )
        };
        let loads = |depth: &usize| compile(sources(&[("lead_scoring/t.rhai", &chain(*depth))])).is_ok();
        let depth = (2..250).rev().find(loads).unwrap();
        assert!(depth > 20, "{depth}");
        let script = chain(depth);
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let outlook =
            thread.spawn(move || scored(&compiled(&script), &lead(company())).1).unwrap().join().unwrap();
        assert_eq!((outlook.low, outlook.high), (Points(0), Points(100)), "{step}");
    }
}

/// What a caller sends costs bounded work: words beyond those that are told apart are not compared with each other, and
/// once there is no time left everything could be.
#[test]
fn criteria_with_very_many_words_leave_the_range_wide_and_the_work_bounded() {
    let set = compiled("criteria on fit;");
    let script = set.script(ScriptKind::LeadScoring, "t").unwrap();
    let criterion = |i: usize| Criterion {
        id: format!("c-{i}").parse().unwrap(),
        dimension: None,
        indicator: None,
        fact: "country".into(),
        expectation: Expectation::In((0..1_000).map(|word| format!("w{i}-{word}")).collect()),
        points: Points(100),
        because: "x".into(),
        evidence: Vec::new(),
    };
    let profile = ProfileContent { criteria: (0..200).map(criterion).collect(), ..ProfileContent::default() };
    let lead = lead(company());
    let facts = LeadFacts {
        lead: &lead,
        activities: &[],
        profile: &profile,
        created: None,
        as_of: now(),
        currency: "EUR",
        vocabulary: &set.vocabulary,
    };
    let assessment = set.assess(script, facts).unwrap();
    let outlook = set.outlook(script, facts, &assessment);
    assert_eq!((outlook.low, outlook.high), (Points(0), Points(20_000)));
}
