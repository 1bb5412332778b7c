//! Where a verb finds its server: one that runs, or one of its own for as long as it takes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::config::{Config, Settings, Span};
use crate::domain::text::with_causes;
use crate::domain::vocabulary::Vocabulary;
use crate::grpc::MAX_RESPONSE;
use crate::grpc::pb::canvas_service_client::CanvasServiceClient;
use crate::grpc::pb::interview_service_client::InterviewServiceClient;
use crate::grpc::pb::lead_service_client::LeadServiceClient;
use crate::grpc::pb::operations_client::OperationsClient;
use crate::grpc::pb::profile_service_client::ProfileServiceClient;
use crate::grpc::pb::rule_service_client::RuleServiceClient;
use crate::grpc::pb::scoring_service_client::ScoringServiceClient;
use crate::grpc::pb::segment_service_client::SegmentServiceClient;
use crate::grpc::{dynamic, pb};
use crate::rules::source::Sources;
use crate::server::{self, Listeners};

/// Which server to ask.
#[derive(Args, Clone)]
pub struct ServerArg {
    /// The server to ask
    #[arg(long, env = "ASSAY_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    pub server: String,
}

/// Clients of all services on one connection.
#[derive(Clone)]
pub struct Clients {
    channel: Channel,
}

macro_rules! client {
    ($method:ident, $client:ident) => {
        pub fn $method(&self) -> $client<Channel> {
            $client::new(self.channel.clone()).max_decoding_message_size(MAX_RESPONSE)
        }
    };
}

/// A whole list, page by page.
macro_rules! every {
    ($client:expr, $method:ident, $request:expr, $field:ident) => {{
        let (mut request, mut found) = ($request, Vec::new());
        if request.page_size == 0 {
            request.page_size = 1_000;
        }
        loop {
            let page = $client.$method(request.clone()).await?.into_inner();
            found.extend(page.$field);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(found);
            }
        }
    }};
}

impl Clients {
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let endpoint =
            Channel::from_shared(with_scheme(url)).with_context(|| format!("\"{url}\" is not a URL"))?;
        let channel = endpoint.connect_timeout(Duration::from_secs(5)).connect().await;
        let channel = channel.with_context(|| {
            format!("no server answers at {url}; start one with `assay serve`, or name it with --server")
        })?;
        Ok(Self { channel })
    }

    /// The words that the server's rules declare.
    pub async fn vocabulary(&self) -> anyhow::Result<Vocabulary> {
        let set = self.rules().get_rule_set(pb::GetRuleSetRequest::default()).await?.into_inner();
        let files = set.files.into_iter().map(|file| (file.path, file.content)).collect();
        let vocabulary = crate::rules::vocabulary(&Sources::new(files));
        vocabulary.map_err(|_| anyhow::anyhow!("the server's facts.toml can't be read"))
    }

    /// Calls a method that is known by its descriptor.
    pub async fn call(
        &self,
        method: &MethodDescriptor,
        request: DynamicMessage,
    ) -> Result<DynamicMessage, tonic::Status> {
        dynamic::call(self.channel.clone(), method, request).await
    }

    /// All leads of a list.
    pub async fn every_lead(&self, request: pb::ListLeadsRequest) -> anyhow::Result<Vec<pb::Lead>> {
        every!(self.leads(), list_leads, request, leads)
    }

    client!(canvases, CanvasServiceClient);
    client!(segments, SegmentServiceClient);
    client!(profiles, ProfileServiceClient);
    client!(leads, LeadServiceClient);
    client!(scoring, ScoringServiceClient);
    client!(rules, RuleServiceClient);
    client!(interviews, InterviewServiceClient);
    client!(operations, OperationsClient);
}

/// A server's URL, which may be given as an address.
pub fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// A server within this process, on ports of its own and with storage that vanishes with it.
pub struct OwnServer {
    pub url: String,
    pub clients: Clients,
    stop: oneshot::Sender<()>,
    served: JoinHandle<anyhow::Result<()>>,
    _data: TempDir,
}

impl OwnServer {
    /// Starts and waits until a good rule set is loaded; fails with the diagnostics if the rules are bad.
    pub async fn start(scripts: PathBuf, settings: Settings) -> anyhow::Result<Self> {
        let data = TempDir::new()?;
        let any_port = "127.0.0.1:0".parse().ok();
        let own = Settings {
            listen: settings.listen.or(any_port),
            admin_listen: any_port,
            database: Some(data.path.join("assay.db").display().to_string()),
            scripts: Some(scripts),
            drain_delay: Some(Span(Duration::ZERO)),
            drain_deadline: Some(Span(Duration::from_secs(5))),
            ..Settings::default()
        };
        let config: Config = own.over(settings).build()?;
        let listeners = Listeners::bind(&config).await?;
        let url = format!("http://{}", listeners.grpc.local_addr()?);
        let scripts = config.scripts.clone();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server::serve(config, listeners, async move { _ = stopped.await }));
        let clients = Clients::connect(&url).await?;
        let server = Self { url, clients, stop, served, _data: data };
        server.wait_for_rules(&scripts).await?;
        Ok(server)
    }

    async fn wait_for_rules(&self, scripts: &std::path::Path) -> anyhow::Result<()> {
        for _ in 0..1_000 {
            let status =
                self.clients.rules().get_rule_status(crate::grpc::pb::GetRuleStatusRequest {}).await?;
            let status = status.into_inner();
            if status.active.is_some() {
                return Ok(());
            }
            if let Some(pending) = status.pending {
                let first =
                    pending.diagnostics.first().map(|finding| finding.message.as_str()).unwrap_or_default();
                bail!(
                    "the rules can't be loaded: {first}; `assay rules check {}` shows all",
                    scripts.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the rules were not loaded within ten seconds")
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        _ = self.stop.send(());
        self.served.await?
    }
}

/// A folder that vanishes when dropped.
struct TempDir {
    path: PathBuf,
}

impl TempDir {
    fn new() -> anyhow::Result<Self> {
        let path =
            std::env::temp_dir().join(format!("assay-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("the folder {} can't be made", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.path);
    }
}

/// An error as a person reads it: a server's answer with its violations, or the chain of causes.
pub fn describe(error: &anyhow::Error) -> String {
    let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<tonic::Status>()) else {
        return with_causes(error.as_ref());
    };
    // What was being done, then what the server says.
    let told = error.chain().take_while(|cause| cause.downcast_ref::<tonic::Status>().is_none());
    let told = told.map(|cause| format!("{cause}: ")).collect::<String>();
    let mut text = told + status.message();
    let details = status.get_error_details();
    if let Some(request) = details.bad_request().filter(|request| request.field_violations.len() > 1) {
        for violation in &request.field_violations {
            text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
        }
    }
    match details.error_info() {
        Some(info) => format!("{text} [{}]", info.reason),
        None => format!("{text} [{:?}]", status.code()),
    }
}
