//! Tests beside scripts, run as their author runs them.

use std::path::Path;

use assay::grpc::pb;

use crate::support::process::assay;
use crate::support::{TestServer, copy_dir, shipped};

/// The tests of the shipped rules, as `examples/` has them.
const TESTS: &str = include_str!("../../examples/default.test.toml");

/// Runs `assay rules test`; gives its exit code and what it said.
fn test(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let output = assay().current_dir(folder).args(["rules", "test", "scripts"]).args(more).output().unwrap();
    let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), out, errors)
}

#[test]
fn the_tests_that_ship_pass_and_a_changed_rule_is_told_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    copy_dir(&shipped(), &scripts);
    std::fs::write(scripts.join("lead_scoring/default.test.toml"), TESTS).unwrap();
    let (code, told, errors) = test(dir.path(), &["--coverage"]);
    assert_eq!(code, Some(0), "{told}{errors}");
    insta::assert_snapshot!("shipped_rules_tested", told);

    // A rule that gives less, and a grade that is harder to reach.
    let script = scripts.join("lead_scoring/default.rhai");
    let text = std::fs::read_to_string(&script).unwrap();
    let changed = text
        .replace("when employees >= 50 and", "when employees >= 500 and")
        .replace("fit >= 32", "fit >= 99");
    std::fs::write(&script, changed).unwrap();
    let (code, told, _) = test(dir.path(), &[]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!("changed_rules_tested", told);
    let (code, junit, _) = test(dir.path(), &["--format", "junit"]);
    assert_eq!((code, junit.matches("<failure").count()), (Some(1), 2), "{junit}");
    let (_, json, _) = test(dir.path(), &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["files"][0]["cases"][0]["passed"], serde_json::json!(false));
    let (code, told, _) = test(dir.path(), &["--filter", "competitor"]);
    assert!(code == Some(0) && told.contains("1 case passed"), "{told}");

    // What can't be read, what matches nothing, and what is not there fail too.
    let (code, _, errors) = test(dir.path(), &["--filter", "no such case"]);
    assert!(code == Some(1) && errors.contains("no case to run"), "{errors}");
    let tests = scripts.join("lead_scoring/default.test.toml");
    std::fs::write(&tests, "[[case]]\nname = \"a\"\nas_of = \"2026-06-01\"\nfacts = { employes = 3 }\n")
        .unwrap();
    let (code, _, errors) = test(dir.path(), &[]);
    assert!(
        code == Some(1) && errors.contains("default.test.toml:1:") && errors.contains("\"employees\""),
        "{errors}"
    );
    std::fs::remove_file(tests).unwrap();
    let (code, _, errors) = test(dir.path(), &[]);
    assert!(code == Some(1) && errors.contains("no case to run"), "{errors}");
}

/// A change that breaks a test beside its script does not come into force until either is mended.
#[tokio::test(flavor = "multi_thread")]
async fn rules_whose_tests_fail_don_t_come_into_force() {
    let server = TestServer::start().await;
    let before = server.rule_set().await;
    // Tests that pass change nothing.
    server.write("lead_scoring/default.test.toml", TESTS);
    let script = std::fs::read_to_string(server.scripts.join("lead_scoring/default.rhai")).unwrap();
    server.write("lead_scoring/default.rhai", &script.replace("fit >= 32", "fit >= 99"));
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    let finding = status.pending.unwrap().diagnostics.remove(0);
    assert_eq!(
        (finding.code.as_str(), finding.file.as_str()),
        ("test-failed", "lead_scoring/default.test.toml")
    );
    assert!(finding.message.contains("expected A, found B"), "{finding:?}");
    assert_eq!(server.rule_set().await, before);

    // What is meant so is said in the test too: then the change counts.
    server.write("lead_scoring/default.test.toml", &TESTS.replace("grade = \"A\"", "grade = \"B\""));
    server.wait_for_rules(|status| status.pending.is_none()).await;
    assert_ne!(server.rule_set().await, before);

    // Whoever checks rules over the API has their tests run with them.
    let file = |path: &str, content: &str| pb::RuleFile { path: path.into(), content: content.into() };
    let failing = "[[case]]\nname = \"a\"\nas_of = \"2026-06-01\"\nexpect = { grade = \"A\" }\n";
    let files = vec![
        file("lead_scoring/x.rhai", "grade \"D\" otherwise;"),
        file("lead_scoring/x.test.toml", failing),
    ];
    let checked = server.rules().check_rules(pb::CheckRulesRequest { files }).await.unwrap().into_inner();
    assert_eq!((checked.valid, checked.diagnostics[0].code.as_str()), (false, "test-failed"));
}
