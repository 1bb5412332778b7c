use std::path::PathBuf;

use assay::config::Settings;
use assay::grpc::pb;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::support::process::Served;
use crate::support::{TestServer, copy_dir, inline, made, postgres, shipped};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_set_at_start_is_told_and_serves_when_it_is_mended() {
    let broken = |scripts: &std::path::Path| {
        copy_dir(&shipped(), scripts);
        std::fs::write(scripts.join("lead_scoring/default.rhai"), "rule \"x\" when employes > 5").unwrap();
    };
    let server = TestServer::start_with(broken, Settings::default()).await;
    server.wait_for_rules(|status| status.pending.is_some()).await;
    for service in ["", "assay.v1.ScoringService"] {
        let request = HealthCheckRequest { service: service.into() };
        let health = server.health().check(request).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::NotServing);
    }
    assert_eq!(server.get("/livez").await.0, 200);
    let (code, body) = server.get("/readyz").await;
    assert_eq!(code, 503);
    assert!(body.contains("lead_scoring/default.rhai:1:27: error[syntax]"), "{body}");
    let score = server.scoring().score_lead(crate::support::inline(made::company("Acme", None))).await;
    let (code, reason, _) = crate::support::failure(score);
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "NO_RULES"));

    server.write("lead_scoring/default.rhai", &made::script(10));
    server.wait_for_health("assay.v1.ScoringService", ServingStatus::Serving).await;
    assert_eq!(server.get("/readyz").await, (200, "ready\n".into()));
    let score = server.scoring().score_lead(crate::support::inline(made::company("Acme", None))).await;
    assert_eq!(score.unwrap().into_inner().total_hundredths, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_or_missing_folder_does_not_serve() {
    for write in [|_: &std::path::Path| {}, |scripts: &std::path::Path| std::fs::remove_dir(scripts).unwrap()]
    {
        let server = TestServer::start_with(write, Settings::default()).await;
        let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
        assert!(status.active.is_none());
        assert_eq!(server.get("/readyz").await.0, 503);
        copy_dir(&shipped(), &server.scripts);
        server.wait_for_health("", ServingStatus::Serving).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_names_our_services_in_both_versions() {
    let server = TestServer::start().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer: ServerReflectionResponse = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in assay::grpc::SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(names.iter().any(|name| name == service), "{service} is not among {names:?}");
    }

    use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient as OldClient;
    use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest as OldRequest;
    // The details of errors are named by no message of ours, but whoever decodes an error asks for them.
    for symbol in ["assay.v1.Score", "google.rpc.ErrorInfo", "google.rpc.BadRequest"] {
        let request = tonic_reflection::pb::v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(OldRequest::FileContainingSymbol(symbol.into())),
        };
        let answers =
            OldClient::new(server.channel.clone()).server_reflection_info(tokio_stream::once(request)).await;
        let answer = answers.unwrap().into_inner().message().await.unwrap().unwrap();
        let found = format!("{:?}", answer.message_response);
        assert!(found.contains("FileDescriptorResponse"), "{symbol}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_comes_back_and_a_new_one_is_given() {
    let server = TestServer::start().await;
    let mut request = tonic::Request::new(assay::grpc::pb::GetRuleStatusRequest {});
    request.metadata_mut().insert("x-request-id", "my-id-1".parse().unwrap());
    let answer = server.rules().get_rule_status(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "my-id-1");
    let answer = server.rules().get_rule_status(assay::grpc::pb::GetRuleStatusRequest {}).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap().len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_an_unknown_service_says_so_and_goes_on() {
    let server = TestServer::start().await;
    let request = HealthCheckRequest { service: "no.such.Service".into() };
    let mut watch = server.health().watch(request.clone()).await.unwrap().into_inner();
    let first = crate::support::within(watch.message()).await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    let more = tokio::time::timeout(std::time::Duration::from_millis(100), watch.message()).await;
    assert!(more.is_err(), "the watch stays open");
    assert_eq!(server.health().check(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_take_compressed_requests() {
    use tonic::codec::CompressionEncoding::Gzip;
    let server = TestServer::start().await;
    let mut health =
        tonic_health::pb::health_client::HealthClient::new(server.channel.clone()).send_compressed(Gzip);
    let request = HealthCheckRequest { service: "assay.v1.ScoringService".into() };
    assert_eq!(health.check(request).await.unwrap().into_inner().status(), ServingStatus::Serving);
    let mut reflection = ServerReflectionClient::new(server.channel.clone()).send_compressed(Gzip);
    let symbol = MessageRequest::FileContainingSymbol("google.rpc.BadRequest".into());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(symbol) };
    let mut answers =
        reflection.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer: ServerReflectionResponse = answers.message().await.unwrap().unwrap();
    assert!(
        matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_were_broken_while_nothing_ran_cost_nobody_the_former_rules() {
    for on_postgres in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let database: PathBuf = match on_postgres {
            true => postgres::database("former_rules").into(),
            false => dir.path().join("a.db"),
        };
        let scripts = dir.path().join("scripts");
        copy_dir(&shipped(), &scripts);
        let mut served = Served::start(&database, &scripts, &["--drain-delay", "0s"]);
        served.signal("-TERM");
        served.wait();
        std::fs::write(scripts.join("lead_scoring/default.rhai"), "rule \"x\" when").unwrap();
        let served = Served::start(&database, &scripts, &["--drain-delay", "0s"]);
        let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
        let score = scoring.score_lead(inline(made::company("Acme", Some(80)))).await.unwrap().into_inner();
        let mut rules = RuleServiceClient::connect(served.url()).await.unwrap();
        let status = rules.get_rule_status(pb::GetRuleStatusRequest {}).await.unwrap().into_inner();
        assert_eq!(status.pending.as_ref().unwrap().diagnostics[0].code, "syntax");
        assert_eq!(status.active.unwrap().rule_set, score.rule_set);
    }
}
