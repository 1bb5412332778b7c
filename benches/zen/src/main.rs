//! The rule engine against GoRules' zen-engine: the same conditions, points, reasons and grades over the same leads, on
//! one thread. Both give the entries that held with their reasons, the total and the grade, and all three are compared
//! for every lead before anything is timed. Ours gives more with it: axes, inputs and positions of every entry.
//!
//! `cargo run --release --manifest-path benches/zen/Cargo.toml`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use assay::domain::lead::{Company, LeadContent, Subject};
use assay::domain::profile::ProfileContent;
use assay::domain::time::Time;
use assay::rules::source::Sources;
use assay::rules::{LeadFacts, ScriptKind, compile};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use zen_engine::model::GraphContent;
use zen_engine::{Decision, Variable};

const LEADS: usize = 1_000;
const ROUNDS: usize = 31;

/// A condition that both languages write alike, and its points.
const RULES: [(&str, i64); 25] = [
    ("employees >= 50", 6),
    ("employees >= 500", -4),
    ("employees >= 10 and employees < 50", 4),
    ("employees >= 50 and employees < 500", 14),
    ("industry in ['heating', 'telecom']", 8),
    ("industry == 'retail'", -3),
    ("country in ['DE', 'IT']", 4),
    ("country == 'US'", 1),
    ("founded_year < 2000", 2),
    ("founded_year >= 2015 and employees > 100", 3),
    ("region == 'south'", 1),
    ("region == 'north' or region == 'west'", 2),
    ("source in ['webinar', 'referral']", 3),
    ("source == 'cold'", -2),
    ("owner == 'an'", 1),
    ("employees * 2 > 300", 1),
    ("employees / 10 < 20", 1),
    ("2026 - founded_year > 10", 2),
    ("industry != 'retail' and country != 'US'", 2),
    ("region in ['south', 'east'] and employees > 20", 1),
    ("country == 'DE' and industry == 'heating'", 5),
    ("founded_year > 1990 and founded_year <= 2010", 1),
    ("employees > 1000", -6),
    ("source == 'webinar' and country == 'IT'", 2),
    ("owner in ['bo', 'cy']", 1),
];

fn script() -> String {
    let mut text = String::new();
    for (i, (condition, points)) in RULES.iter().enumerate() {
        let condition = condition.replace('\'', "\"");
        text += &format!("rule \"r{i}\" when {condition} then {points} because \"reason {i}\";\n");
    }
    text + "grade \"A\" when total >= 30; grade \"B\" when total >= 20; grade \"C\" when total >= 10; grade \"D\" otherwise;"
}

/// A decision table that collects every row whose condition holds, and expressions over what it collected.
fn model() -> Value {
    let row = |(i, (condition, points)): (usize, &(&str, i64))| {
        json!({"_id": format!("r{i}"), "in": condition, "points": points.to_string(), "reason": format!("'reason {i}'")})
    };
    let output = |field: &str| json!({"id": field, "name": field, "field": field});
    let table = json!({
        "hitPolicy": "collect",
        "inputs": [{"id": "in", "name": "in"}],
        "outputs": [output("points"), output("reason")],
        "rules": RULES.iter().enumerate().map(row).collect::<Vec<_>>(),
        "outputPath": "entries",
    });
    let grade = "$.total >= 30 ? 'A' : ($.total >= 20 ? 'B' : ($.total >= 10 ? 'C' : 'D'))";
    let expressions = json!({
        "expressions": [
            {"id": "e1", "key": "total", "value": "sum(map(entries, #.points))"},
            {"id": "e2", "key": "grade", "value": grade},
        ],
        "passThrough": true,
    });
    let node = |id: &str, kind: &str, content: Value| json!({"id": id, "name": id, "type": kind, "content": content});
    let edge = |from: &str, to: &str| json!({"id": format!("{from}-{to}"), "sourceId": from, "targetId": to});
    json!({
        "nodes": [
            node("input", "inputNode", json!({})),
            node("table", "decisionTableNode", table),
            node("sums", "expressionNode", expressions),
            node("output", "outputNode", json!({})),
        ],
        "edges": [edge("input", "table"), edge("table", "sums"), edge("sums", "output")],
    })
}

/// A lead, and the same facts as a JSON object.
fn lead(random: &mut SmallRng) -> (LeadContent, Value) {
    let mut pick = |words: &[&str]| words[random.random_range(0..words.len())].to_owned();
    let (industry, country) = (pick(&["heating", "telecom", "retail", "food"]), pick(&["DE", "IT", "US", "VN"]));
    let (region, source) = (pick(&["south", "north", "west", "east"]), pick(&["webinar", "referral", "cold", "fair"]));
    let owner = pick(&["an", "bo", "cy", "di"]);
    let (employees, year) = (random.random_range(1..2_000), random.random_range(1950..2026));
    let facts = json!({
        "industry": industry, "country": country, "region": region, "source": source, "owner": owner,
        "employees": employees, "founded_year": year,
    });
    let company = Company {
        display_name: "Acme".into(),
        industry,
        country,
        region,
        employees: Some(employees),
        founded_year: Some(year),
        ..Company::default()
    };
    let content = LeadContent { owner, source, ..LeadContent::of(Subject::Company(company)) };
    (content, facts)
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() {
    let sources = Sources::new([("lead_scoring/default.rhai".to_owned(), script())].into());
    let (set, _) = compile(sources).unwrap_or_else(|found| panic!("{found:?}"));
    let script = set.script(ScriptKind::LeadScoring, "default").unwrap();
    let (profile, as_of): (_, Time) = (ProfileContent::default(), "2026-06-01T00:00:00Z".parse().unwrap());
    let assess = |lead: &LeadContent| {
        let facts =
            LeadFacts { lead, activities: &[], profile: &profile, as_of, currency: "EUR", vocabulary: &set.vocabulary };
        set.assess(script, facts).unwrap()
    };

    let content: GraphContent = serde_json::from_value(model()).unwrap();
    let mut decision = Decision::from(Arc::new(content));
    decision.compile();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let decide = |facts: &Variable| runtime.block_on(decision.evaluate(facts.clone())).unwrap().result;

    let mut random = SmallRng::seed_from_u64(7);
    let leads: Vec<(LeadContent, Value)> = (0..LEADS).map(|_| lead(&mut random)).collect();
    let mut entries = 0;
    for (lead, facts) in &leads {
        let ours = assess(lead);
        let theirs = decide(&Variable::from(facts.clone())).to_value();
        let reasons: Vec<&str> = ours.contributions.iter().map(|entry| &*entry.reason).collect();
        let their_reasons: Vec<&str> =
            theirs["entries"].as_array().unwrap().iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
        assert_eq!(reasons, their_reasons, "{facts}");
        assert_eq!(ours.total.0 as f64 / 100.0, theirs["total"].as_f64().unwrap(), "{facts}");
        assert_eq!(ours.grade.as_deref(), theirs["grade"].as_str(), "{facts}");
        entries += reasons.len();
    }
    println!("{LEADS} leads, {} rules, {entries} entries: every lead's reasons, total and grade agree", RULES.len());

    // What each engine takes in is made beforehand: only the evaluation is timed.
    let facts: Vec<Variable> = leads.iter().map(|(_, facts)| Variable::from(facts.clone())).collect();
    let time = |work: &dyn Fn()| {
        let begin = Instant::now();
        work();
        begin.elapsed().as_nanos() as f64 / LEADS as f64
    };
    let ours = || leads.iter().for_each(|(lead, _)| drop(black_box(assess(lead))));
    let theirs = || facts.iter().for_each(|facts| drop(black_box(decide(facts))));
    let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (assay, zen) = (time(&ours), time(&theirs));
        // The first round warms both up.
        if round > 0 {
            a.push(assay);
            b.push(zen);
            ratios.push(zen / assay);
        }
    }
    println!("assay       {:>8.0} ns a lead", median(&mut a));
    println!("zen-engine  {:>8.0} ns a lead", median(&mut b));
    println!("ratio       {:>8.1} times as fast", median(&mut ratios));
}
