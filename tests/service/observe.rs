//! What operators see: metrics by their documented names and labels, traces, logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use assay::grpc::pb;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use tonic::{Request, Response, Status};

use crate::support::process::Served;
use crate::support::{TestServer, eventually, inline, made, sample, shipped};

/// Gives points to companies, fails for huge ones, and asks for something unknown.
const SCRIPT: &str = "
rule \"all\" when subject_is_company then 60 because \"x\";
rule \"asks\" when founded_year > 1900 then 1 because \"x\";
rule \"fails\" when 1 / (employees - 13) > 100 then 1 because \"x\";
grade \"A\" when total >= 50;
grade \"D\" otherwise;
";

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_calls_scores_and_rules() {
    let server = TestServer::with_script(SCRIPT).await;
    server.scoring().score_lead(inline(made::company("Acme", Some(80)))).await.unwrap();
    let failed = server.scoring().score_lead(inline(made::company("Acme", Some(13)))).await;
    assert_eq!(failed.unwrap_err().code(), tonic::Code::FailedPrecondition);
    server.write("lead_scoring/default.rhai", "broken");
    server.wait_for_rules(|status| status.pending.is_some()).await;
    let (code, body) = server.get("/metrics").await;
    assert_eq!(code, 200);
    let active = server.rule_set().await;
    let set = &active.trim_start_matches("ruleSets/")[..12];
    let call = |code: &str| {
        format!(
            "rpc_server_call_duration_seconds_count{{rpc_system_name=\"grpc\",\
             rpc_method=\"assay.v1.ScoringService/ScoreLead\",rpc_response_status_code=\"{code}\"}}"
        )
    };
    for (series, expected) in [
        (call("OK"), 1.0),
        (call("FAILED_PRECONDITION"), 1.0),
        (
            format!(
                "assay_scores_total{{rule_set=\"{set}\",script=\"default\",status=\"scored\",grade=\"A\"}}"
            ),
            1.0,
        ),
        (format!("assay_rule_errors_total{{rule_set=\"{set}\",script=\"default\"}}"), 1.0),
        (format!("assay_rule_unknowns_total{{rule_set=\"{set}\",script=\"default\"}}"), 1.0),
        (format!("assay_rule_set_active{{rule_set=\"{set}\"}}"), 1.0),
        ("assay_rule_reloads_total{outcome=\"loaded\"}".into(), 1.0),
        ("assay_rule_reloads_total{outcome=\"refused\"}".into(), 1.0),
        ("assay_rule_reload_duration_seconds_count".into(), 2.0),
        ("assay_rules_pending".into(), 1.0),
        ("assay_calls_in_flight".into(), 0.0),
        ("assay_store_writes_queued".into(), 0.0),
        ("db_client_connection_max{db_client_connection_pool_name=\"sqlite\"}".into(), 5.0),
    ] {
        assert_eq!(sample(&body, &series), Some(expected), "{series} in\n{body}");
    }
    let ages = ["assay_rule_set_age_seconds", "assay_rule_reload_age_seconds"]
        .map(|age| sample(&body, age).unwrap());
    assert!(ages[0] >= ages[1] && ages[1] >= 0.0, "{ages:?}");
}

/// The metrics of a scrape with the labels of their series.
fn scraped(body: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut name = String::new();
    for line in body.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (base, kind) = kind.split_once(' ').unwrap();
            name = if kind == "counter" { format!("{base}_total") } else { base.into() };
            found.insert(name.clone(), BTreeSet::new());
        } else if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let labels = labels.rsplit_once('}').unwrap().0;
            let names = labels.split(',').map(|label| label.split('=').next().unwrap().to_owned());
            found.get_mut(&name).unwrap().extend(names.filter(|name| name != "le"));
        }
    }
    found
}

/// The metrics of the table in docs/operations.md with their labels.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let rows = include_str!("../../docs/operations.md").lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let labels = cells[2].split(", ").filter(|label| !label.is_empty());
        let bare = |name: &str| name.trim_matches('`').to_owned();
        (bare(cells[1]), labels.map(bare).collect())
    };
    rows.map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented_with_its_labels_and_the_reverse() {
    let server = TestServer::with_script(SCRIPT).await;
    for employees in [80, 13] {
        _ = server.scoring().score_lead(inline(made::company("Acme", Some(employees)))).await;
    }
    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<pb::GetRuleStatusRequest, pb::RuleStatus>::default();
    let path = "/assay.v1.RuleService/None".parse().unwrap();
    let failed = client.unary(Request::new(pb::GetRuleStatusRequest {}), path, codec).await;
    assert_eq!(failed.unwrap_err().code(), tonic::Code::Unimplemented);
    let (_, body) = server.get("/metrics").await;
    assert_eq!(scraped(&body), documented());
    assert!(body.ends_with("# EOF\n"));
}

/// Receives traces as a collector does.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.clone()?.value? {
        any_value::Value::StringValue(text) => Some((pair.key.clone(), text)),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_sent_by_otlp_as_children_of_the_callers() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));

    let dir = tempfile::tempdir().unwrap();
    let more = ["--otlp-endpoint", &endpoint, "--replica", "r1", "--drain-delay", "0s"];
    let mut served = Served::start(&dir.path().join("a.db"), &shipped(), &more);
    let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = Request::new(inline(made::company("Acme", None)));
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    scoring.score_lead(request).await.unwrap();
    scoring.score_lead(pb::ScoreLeadRequest::default()).await.unwrap_err();
    drop(scoring);
    // What was not sent yet is sent at the end.
    served.signal("-TERM");
    assert_eq!(served.wait().code(), Some(0));

    let exports =
        eventually(async || Some(collector.0.lock().unwrap().clone()).filter(|all| !all.is_empty())).await;
    let resources: Vec<_> = exports.into_iter().flat_map(|export| export.resource_spans).collect();
    let resource = texts(&resources[0].resource.as_ref().unwrap().attributes);
    assert_eq!(
        (resource["service.name"].as_str(), resource["service.instance.id"].as_str()),
        ("assay", "r1")
    );
    let spans: Vec<_> =
        resources.into_iter().flat_map(|r| r.scope_spans).flat_map(|scope| scope.spans).collect();
    let codes: Vec<_> =
        spans.iter().map(|span| texts(&span.attributes)["rpc.response.status_code"].clone()).collect();
    assert_eq!(codes, ["OK", "INVALID_ARGUMENT"]);
    let span = &spans[0];
    assert_eq!((span.name.as_str(), span.kind), ("assay.v1.ScoringService/ScoreLead", 2));
    let hex: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((hex.as_str(), span.parent_span_id.len()), (trace, 8));
    let attributes = texts(&span.attributes);
    assert_eq!(attributes["rpc.system.name"], "grpc");
    assert_eq!(attributes["rpc.method"], "assay.v1.ScoringService/ScoreLead");
}

#[test]
fn a_collector_that_is_not_there_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let more = ["--otlp-endpoint", "http://127.0.0.1:1", "--drain-delay", "0s"];
    let mut served = Served::start(&dir.path().join("a.db"), &shipped(), &more);
    served.signal("-TERM");
    assert_eq!(served.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_log_is_json() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &["--log", "assay=debug"]);
    let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
    scoring.score_lead(inline(made::company("Acme \"\n\"", None))).await.unwrap();
    let line = eventually(async || served.logged(&["call ended"])).await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    for (field, expected) in [("level", "DEBUG"), ("message", "call ended"), ("code", "OK")] {
        assert_eq!(line[field], expected, "{line}");
    }
    assert_eq!(line["span"]["method"], "assay.v1.ScoringService/ScoreLead", "{line}");
    assert!(line["timestamp"].is_string() && line["milliseconds"].is_number(), "{line}");
    for line in served.log() {
        serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
