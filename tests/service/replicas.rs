//! Two replicas on one PostgreSQL: what one acknowledges the other knows.

use assay::config::Settings;
use assay::grpc::pb;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::postgres::{database, sql};
use crate::support::process::assay;
use crate::support::{TestServer, copy_dir, eventually, failure, made, shipped};

async fn replica(database: &str) -> TestServer {
    let settings = Settings { database: Some(database.into()), ..Settings::default() };
    let server = TestServer::start_with(|scripts| copy_dir(&shipped(), scripts), settings).await;
    server.wait_for_health("", ServingStatus::Serving).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_what_they_acknowledge() {
    let database = database("replicas");
    let (a, b) = (replica(&database).await, replica(&database).await);
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    a.profiles().create_profile(request).await.unwrap();
    let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", Some(80)) };
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: "acme".into(), ..Default::default() };
    let lead = b.leads().create_lead(request).await.unwrap().into_inner();

    let subject = Some(pb::score_lead_request::Subject::Lead(lead.name.clone()));
    let request = pb::ScoreLeadRequest { subject, record: true, ..Default::default() };
    let score = a.scoring().score_lead(request).await.unwrap().into_inner();
    let replayed =
        b.scoring().replay_score(pb::ReplayScoreRequest { name: score.name.clone() }).await.unwrap();
    assert_eq!(replayed.into_inner(), score);
    let request = pb::GetLeadRequest { name: lead.name.clone(), revision: 0 };
    let read = b.leads().get_lead(request).await.unwrap().into_inner();
    assert_eq!(read.latest_score.unwrap().score, score.name);

    // A replica with other rules may lack the script that a profile names.
    a.write("lead_scoring/other.rhai", &made::script(1));
    let profile = pb::Profile { scoring_script: "other".into(), ..made::profile() };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "other".into(), ..Default::default() };
    eventually(async || a.profiles().create_profile(request.clone()).await.ok()).await;
    let subject = Some(pb::score_lead_request::Subject::Lead(lead.name.clone()));
    let profile_choice = Some(pb::score_lead_request::ProfileChoice::Profile("profiles/other".into()));
    let request = pb::ScoreLeadRequest { subject, profile_choice, ..Default::default() };
    a.scoring().score_lead(request.clone()).await.unwrap();
    let (code, reason, _) = failure(b.scoring().score_lead(request).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "NO_SCRIPT"));

    // A call that is repeated on another replica is answered as it was by the first.
    let visit = pb::Activity { r#type: "page_visit".into(), time: made::ago(60), ..Default::default() };
    let record = pb::RecordActivitiesRequest {
        lead: lead.name.clone(),
        activities: vec![visit],
        request_id: "visit-1".into(),
    };
    for replica in [&a, &b, &a] {
        let recorded = replica.leads().record_activities(record.clone()).await.unwrap().into_inner();
        assert_eq!(recorded.activity_count, 1);
    }
    let change = |owner: &str| pb::UpdateLeadRequest {
        lead: Some(pb::Lead { owner: owner.into(), ..lead.clone() }),
        ..Default::default()
    };
    a.leads().update_lead(change("an")).await.unwrap();
    assert_eq!(failure(b.leads().update_lead(change("bruno")).await).0, Code::Aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_and_write_rows_serves_a_schema_that_is_up_to_date() {
    let database = database("clerk");
    sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA clerk TO clerk");
    let url = database.replacen("assay@", "clerk@", 1);
    let refused = assay().args(["migrate", "--database", &url]).output().unwrap();
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(message.contains("permission denied"), "{message}");
    let migrated = assay().args(["migrate", "--database", &database]).status().unwrap();
    assert!(migrated.success());
    sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clerk TO clerk");
    let settings = Settings { database: Some(url), migrate_at_start: Some(false), ..Settings::default() };
    let server = TestServer::start_with(|scripts| copy_dir(&shipped(), scripts), settings).await;
    server.wait_for_health("", ServingStatus::Serving).await;
    let lead = Some(made::company("Acme", None));
    let request = pb::CreateLeadRequest { lead, request_id: "1".into(), ..Default::default() };
    let name = server.leads().create_lead(request).await.unwrap().into_inner().name;
    server.leads().delete_lead(pb::DeleteLeadRequest { name, ..Default::default() }).await.unwrap();
    drop(server);
    sql("DROP SCHEMA clerk CASCADE; DROP ROLE clerk");
}

#[test]
fn migrate_brings_either_database_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    for database in [dir.path().join("a.db").display().to_string(), database("migrated")] {
        for _ in 0..2 {
            let output = assay().args(["migrate", "--database", &database]).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(String::from_utf8_lossy(&output.stdout).contains("is up to date"));
        }
    }
    let nowhere = assay()
        .args(["migrate", "--database", "postgres://nobody:secret@127.0.0.1:1/none"])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(message.contains("can't be reached") && !message.contains("secret"), "{message}");
}
