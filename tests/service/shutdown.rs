//! The real process: signals, the lock on its file, and its log.

use std::time::{Duration, Instant};

use assay::grpc::pb;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::process::{Served, refused_as_in_use};
use crate::support::{eventually, http_get, inline, made, shipped, within};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served::start(&dir.path().join("a.db"), &shipped(), &["--drain-delay", "1500ms"]);
    let request = HealthCheckRequest { service: String::new() };
    let channel = Channel::from_shared(served.url()).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel);
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(within(watch.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);

    // A stream that is open when the signal comes is answered to its end.
    let (requests, outgoing) = tokio::sync::mpsc::channel(8);
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
    let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
    let item = |id: &str| pb::ScoreLeadsRequest {
        id: id.into(),
        request: Some(inline(made::company("Acme", None))),
    };
    requests.send(item("before")).await.unwrap();
    let mut answers = scoring.score_leads(outgoing).await.unwrap().into_inner();
    assert_eq!(within(answers.message()).await.unwrap().unwrap().id, "before");

    served.signal("-TERM");
    assert_eq!(within(watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(http_get(&served.admin, "/readyz").await, (503, "not ready: draining\n".into()));
    assert_eq!(http_get(&served.admin, "/livez").await.0, 200);
    // Within the delay, calls of callers who have not noticed yet are still answered.
    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
    eventually(async || tokio::net::TcpStream::connect(&served.address).await.err()).await;
    requests.send(item("after")).await.unwrap();
    assert_eq!(within(answers.message()).await.unwrap().unwrap().id, "after");
    drop(requests);
    assert!(within(answers.message()).await.unwrap().is_none());
    let status = served.wait();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_cuts_off_what_does_not_end() {
    let dir = tempfile::tempdir().unwrap();
    let more = ["--drain-delay", "0s", "--drain-deadline", "300ms"];
    let mut served = Served::start(&dir.path().join("a.db"), &shipped(), &more);
    let (_requests, outgoing) = tokio::sync::mpsc::channel::<pb::ScoreLeadsRequest>(8);
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
    let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
    let mut answers = scoring.score_leads(outgoing).await.unwrap().into_inner();
    let begin = Instant::now();
    served.signal("-TERM");
    // Its caller is told to go on elsewhere, and not cut off without a word.
    let status = within(answers.message()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    assert_eq!(served.wait().code(), Some(0));
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(250), "the stream was given its time: {took:?}");
}

#[test]
fn a_second_process_on_the_same_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let _served = Served::start(&database, &shipped(), &[]);
    refused_as_in_use(&database);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_of_rules_and_of_calls_by_their_request_id() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    crate::support::copy_dir(&shipped(), &scripts);
    let served = Served::start(&dir.path().join("a.db"), &scripts, &["--log", "assay=debug"]);
    let mut request = tonic::Request::new(inline(made::company("Acme", None)));
    request.metadata_mut().insert("x-request-id", "find-me".parse().unwrap());
    ScoringServiceClient::connect(served.url()).await.unwrap().score_lead(request).await.unwrap();
    let call =
        ["call ended", "assay.v1.ScoringService/ScoreLead", "\"request_id\":\"find-me\"", "\"code\":\"OK\""];
    eventually(async || served.logged(&call)).await;

    std::fs::write(scripts.join("lead_scoring/default.rhai"), "rule \"x\" when employes > 5").unwrap();
    let refused = ["rules refused", "lead_scoring/default.rhai:1:27", "\"level\":\"ERROR\""];
    eventually(async || served.logged(&refused)).await;
    std::fs::write(scripts.join("lead_scoring/default.rhai"), made::script(5)).unwrap();
    eventually(async || served.logged(&["rules loaded", "rule_set"])).await;
}
