//! Scripts that mean harm: each is refused with a typed error, or scores, or fails with a typed error, and soon.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use assay::cli::leads_file::LeadsFile;
use assay::cli::rows::FileArg;
use assay::domain::check::Checker;
use assay::domain::profile::ProfileContent;
use assay::domain::time::Time;
use assay::grpc::pb;
use assay::priority::Nice;
use assay::rules::source::Sources;
use assay::rules::{LeadFacts, ScriptKind, compile, compile_and_try, smoke};

use crate::support::{TestServer, hostile};

/// What checking or scoring one script may take, in a build without optimisation on a busy machine.
const BUDGET: Duration = Duration::from_secs(8);
/// Of how many scripts one is judged by the service too, which rests after each.
const SAMPLE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_script_is_judged_as_expected_and_soon() {
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
    for (i, (name, expected)) in expected.iter().enumerate() {
        let set = hostile::set(name);
        let begin = Instant::now();
        let judged = compile_and_try(Sources::new(set.clone()), "EUR", Nice::Back);
        let took = begin.elapsed();
        let loads = matches!(expected[0].as_str(), "scores" | "run-time");
        let findings = judged.as_ref().map_or_else(|findings| findings, |(_, warnings)| warnings);
        let errors = findings.iter().filter(|finding| finding.is_error());
        let codes: BTreeSet<&str> = errors.map(|finding| finding.code.as_str()).collect();
        let wanted: BTreeSet<&str> =
            if loads { BTreeSet::new() } else { expected.iter().map(String::as_str).collect() };
        if codes != wanted || judged.is_ok() != loads || took > BUDGET {
            wrong.push(format!("{name}: {codes:?} in {took:?}, expected {wanted:?}"));
        }
        if i % SAMPLE == 0 {
            let files = set.into_iter().map(|(path, content)| pb::RuleFile { path, content }).collect();
            let answer = server.rules().check_rules(pb::CheckRulesRequest { files }).await;
            let answer = answer.unwrap_or_else(|status| panic!("{name}: {status:?}")).into_inner();
            let told = answer.diagnostics.iter().map(|d| d.code.as_str());
            let answered: Vec<&str> = told.filter(|code| *code != "unused-fact").collect();
            let found: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!((answer.valid, answered), (judged.is_ok(), found), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_scripts_that_load_score_or_fail_with_a_typed_error_and_soon() {
    let rows = hostile::folder().join("lead.csv");
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
        let mut file = LeadsFile::open(&rows, &FileArg::default(), &set.vocabulary, "EUR", as_of).unwrap();
        let row = file.read().unwrap().unwrap().lead.unwrap();
        let mut c = Checker::at("");
        let lead = assay::grpc::convert::lead::content(&mut c, row.lead);
        assert!(c.is_clean());
        let facts = LeadFacts {
            lead: &lead,
            activities: &[],
            profile: &profile,
            created: None,
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
