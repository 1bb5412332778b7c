//! A server in the test's own process, started and stopped as production does it.

pub mod attacks;
pub mod hostile;
pub mod made;
pub mod postgres;
pub mod process;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assay::config::{Settings, Span};
use assay::grpc::pb::canvas_service_client::CanvasServiceClient;
use assay::grpc::pb::interview_service_client::InterviewServiceClient;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::operations_client::OperationsClient;
use assay::grpc::pb::profile_service_client::ProfileServiceClient;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use assay::grpc::pb::segment_service_client::SegmentServiceClient;
use assay::grpc::pb::{self, GetRuleStatusRequest, RuleStatus};
use assay::server::{self, Listeners};
use tokio::sync::oneshot;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct TestServer {
    pub channel: Channel,
    /// Of the gRPC port.
    pub address: String,
    pub admin: String,
    pub scripts: PathBuf,
    _dir: tempfile::TempDir,
    /// Dropped with the test: the server ends.
    _stop: oneshot::Sender<()>,
}

/// The scripts that ship.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl TestServer {
    /// Serves with the scripts that ship, and waits until it is SERVING.
    pub async fn start() -> Self {
        let server = Self::start_with(|scripts| copy_dir(&shipped(), scripts), Settings::default()).await;
        server.wait_for_health("", ServingStatus::Serving).await;
        server
    }

    /// Serves with one lead-scoring script beside the facts that ship, and waits until it is SERVING.
    pub async fn with_script(script: &str) -> Self {
        let write = |scripts: &Path| {
            std::fs::create_dir_all(scripts.join("lead_scoring")).unwrap();
            std::fs::copy(shipped().join("facts.toml"), scripts.join("facts.toml")).unwrap();
            std::fs::write(scripts.join("lead_scoring/default.rhai"), script).unwrap();
        };
        let server = Self::start_with(write, Settings::default()).await;
        server.wait_for_health("", ServingStatus::Serving).await;
        server
    }

    /// Serves with whatever `write` puts into the scripts folder, and does not wait.
    pub async fn start_with(write: impl FnOnce(&Path), settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scripts = dir.path().join("scripts");
        std::fs::create_dir_all(&scripts).unwrap();
        write(&scripts);
        let any_port = "127.0.0.1:0".parse().ok();
        let own = Settings {
            listen: any_port,
            admin_listen: any_port,
            database: Some(dir.path().join("assay.db").display().to_string()),
            scripts: Some(scripts.clone()),
            drain_delay: Some(Span(Duration::ZERO)),
            drain_deadline: Some(Span(Duration::from_secs(5))),
            ..Settings::default()
        };
        let config = settings.over(own).build().unwrap();
        let listeners = Listeners::bind(&config).await.unwrap();
        let url = format!("http://{}", listeners.grpc.local_addr().unwrap());
        let admin = format!("{}", listeners.admin.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server::serve(config, listeners, async move { _ = stopped.await }));
        let address = url.trim_start_matches("http://").to_owned();
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Self { channel, address, admin, scripts, _dir: dir, _stop: stop }
    }

    pub fn canvases(&self) -> CanvasServiceClient<Channel> {
        CanvasServiceClient::new(self.channel.clone())
    }

    pub fn segments(&self) -> SegmentServiceClient<Channel> {
        SegmentServiceClient::new(self.channel.clone())
    }

    pub fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.channel.clone())
    }

    pub fn leads(&self) -> LeadServiceClient<Channel> {
        LeadServiceClient::new(self.channel.clone())
    }

    pub fn scoring(&self) -> ScoringServiceClient<Channel> {
        ScoringServiceClient::new(self.channel.clone())
    }

    pub fn interviews(&self) -> InterviewServiceClient<Channel> {
        InterviewServiceClient::new(self.channel.clone())
    }

    pub fn rules(&self) -> RuleServiceClient<Channel> {
        RuleServiceClient::new(self.channel.clone())
    }

    pub fn operations(&self) -> OperationsClient<Channel> {
        OperationsClient::new(self.channel.clone())
    }

    pub fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }

    pub async fn status(&self) -> RuleStatus {
        self.rules().get_rule_status(GetRuleStatusRequest {}).await.unwrap().into_inner()
    }

    pub async fn rule_set(&self) -> String {
        self.status().await.active.map(|active| active.rule_set).unwrap_or_default()
    }

    /// Waits for a health state by watching it.
    pub async fn wait_for_health(&self, service: &str, wanted: ServingStatus) {
        let request = HealthCheckRequest { service: service.into() };
        let mut watch = self.health().watch(request).await.unwrap().into_inner();
        let waited = tokio::time::timeout(PATIENCE, async {
            while let Some(update) = watch.message().await.unwrap() {
                if update.status() == wanted {
                    return;
                }
            }
            panic!("the watch ended before {wanted:?}");
        });
        waited.await.unwrap_or_else(|_| panic!("not {wanted:?} within {PATIENCE:?}"));
    }

    /// Waits until the rule status is as wanted; gives it and how long that took.
    pub async fn wait_for_rules(&self, wanted: impl Fn(&RuleStatus) -> bool) -> (RuleStatus, Duration) {
        let begin = Instant::now();
        let status = eventually(async || Some(self.status().await).filter(&wanted)).await;
        (status, begin.elapsed())
    }

    /// A GET on the admin port: status line and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        http_get(&self.admin, path).await
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.scripts.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Tries again until there is a result.
pub async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            ticks.tick().await;
            if let Some(result) = attempt().await {
                return result;
            }
        }
    });
    waited.await.unwrap_or_else(|_| panic!("nothing within {PATIENCE:?}"))
}

/// A plain HTTP GET: status code and body.
pub async fn http_get(address: &str, path: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let code = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (code, body)
}

/// The value of a series in a scrape.
pub fn sample(metrics: &str, series: &str) -> Option<f64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    value.parse().ok()
}

/// What a failed call says: code, reason, and the fields of its violations.
pub fn failure<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String, Vec<String>) {
    let status = result.unwrap_err();
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "assay");
    let fields = details
        .bad_request()
        .map(|request| request.field_violations.iter().map(|violation| violation.field.clone()).collect());
    (status.code(), info.reason.clone(), fields.unwrap_or_default())
}

/// Runs a call within the test's patience.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not done within {PATIENCE:?}"))
}

/// A request to score inline facts by a blank profile.
pub fn inline(lead: pb::Lead) -> pb::ScoreLeadRequest {
    pb::ScoreLeadRequest {
        subject: Some(pb::score_lead_request::Subject::Inline(pb::InlineLead {
            lead: Some(lead),
            activities: Vec::new(),
        })),
        profile_choice: Some(pb::score_lead_request::ProfileChoice::InlineProfile(made::profile())),
        ..Default::default()
    }
}
