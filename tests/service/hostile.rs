//! Scripts that mean harm: each is refused with a typed error, or scores, or fails with a typed error, and soon.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use assay::cli::csv_leads::Mapping;
use assay::domain::check::Checker;
use assay::domain::profile::ProfileContent;
use assay::domain::time::Time;
use assay::grpc::pb;
use assay::rules::source::Sources;
use assay::rules::{LeadFacts, ScriptKind, compile, smoke};

use crate::support::{TestServer, hostile};

/// What checking or scoring one script may take, in a build without optimisation on a busy machine.
const BUDGET: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_script_is_judged_by_the_service_as_expected_and_soon() {
    let server = TestServer::start().await;
    let expected = hostile::expectations();
    assert!(expected.len() >= 100);
    let kept: BTreeSet<String> = std::fs::read_dir(hostile::folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rhai"))
        .collect();
    assert_eq!(kept, expected.keys().cloned().collect(), "each script has its expectation");
    let mut wrong = Vec::new();
    for (name, expected) in &expected {
        let files =
            hostile::set(name).into_iter().map(|(path, text)| pb::RuleFile { path, content: text }).collect();
        let begin = Instant::now();
        let answer = server.rules().check_rules(pb::CheckRulesRequest { files }).await;
        let took = begin.elapsed();
        let answer = answer.unwrap_or_else(|status| panic!("{name}: {status:?}")).into_inner();
        let loads = matches!(expected[0].as_str(), "scores" | "run-time");
        let errors = answer.diagnostics.iter().filter(|d| d.severity() == pb::DiagnosticSeverity::Error);
        let codes: BTreeSet<String> = errors.map(|finding| finding.code.clone()).collect();
        let wanted: BTreeSet<String> =
            if loads { BTreeSet::new() } else { expected.iter().cloned().collect() };
        if codes != wanted || answer.valid != loads || took > BUDGET {
            wrong.push(format!("{name}: {codes:?} in {took:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_scripts_that_load_score_or_fail_with_a_typed_error_and_soon() {
    let rows_text = std::fs::read_to_string(hostile::folder().join("lead.csv")).unwrap();
    let profile = ProfileContent { display_name: "Main".into(), ..ProfileContent::default() };
    let as_of: Time = "2026-06-01T00:00:00Z".parse().unwrap();
    let mut wrong = Vec::new();
    for (name, expected) in hostile::expectations() {
        if !matches!(expected[0].as_str(), "scores" | "run-time") || name.starts_with("segment") {
            continue;
        }
        let (set, _) =
            compile(Sources::new(hostile::set(&name))).unwrap_or_else(|found| panic!("{name}: {found:?}"));
        assert_eq!(smoke(&set, "EUR"), Ok(()), "{name}");
        let mut rows = csv::Reader::from_reader(rows_text.as_bytes());
        let header = rows.headers().unwrap().clone();
        let record = rows.records().next().unwrap().unwrap();
        let row = Mapping::new(&set.vocabulary, &header, "EUR").row(1, &record).unwrap();
        let mut c = Checker::at("");
        let lead = assay::grpc::convert::lead::content(&mut c, row.lead);
        assert!(c.is_clean());
        let facts = LeadFacts {
            lead: &lead,
            activities: &[],
            profile: &profile,
            as_of,
            currency: "EUR",
            vocabulary: &set.vocabulary,
        };
        let begin = Instant::now();
        let result = set.assess(set.script(ScriptKind::LeadScoring, "hostile").unwrap(), facts);
        let took = begin.elapsed();
        let ended = if result.is_ok() { "scores" } else { "run-time" };
        if ended != expected[0] || took > BUDGET {
            wrong.push(format!("{name}: {ended} in {took:?}, expected {}: {:?}", expected[0], result.err()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
