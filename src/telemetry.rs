//! Logs, traces, and the registry of metrics.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::app::App;
use crate::config::{Config, LogFormat};
use crate::grpc::middleware::observe::RpcMetrics;

/// What has to be ended so that nothing is lost of it.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Libraries whose debug messages show what is sent and stored: whole leads, and so personal data. They are held at info,
/// whatever the filter says.
const LIBRARIES_THAT_TELL_DATA: [&str; 6] =
    ["tokio_postgres", "postgres_protocol", "h2", "hyper", "hyper_util", "tonic"];

/// Starts logging to standard error and, where an endpoint is configured, sending traces there: once a process,
/// within the runtime.
pub fn start(config: &Config) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&config.log)
        .with_context(|| format!("the log filter \"{}\" is not valid", config.log))?;
    let filter = LIBRARIES_THAT_TELL_DATA.iter().try_fold(filter, |filter, library| {
        let directive = format!("{library}=info").parse().context("a directive of the log filter")?;
        Ok::<_, anyhow::Error>(filter.add_directive(directive))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = match format {
        LogFormat::Text => {
            let coloured = terminal && std::env::var_os("NO_COLOR").is_none();
            logs.with_ansi(coloured).with_filter(filter).boxed()
        }
        LogFormat::Json => logs.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let traces = config.otlp_endpoint.as_deref().map(|endpoint| provider(endpoint, config)).transpose()?;
    let spans = traces.as_ref().map(|provider| {
        // Spans of ours only: those of libraries are about their own insides.
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("assay"))
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(|meta| meta.is_span() && meta.target().starts_with("assay")))
    });
    tracing_subscriber::registry()
        .with(logs)
        .with(spans)
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging can't start: {error}"))?;
    Ok(Telemetry { traces })
}

/// Sends spans in batches by OTLP over gRPC. What can't be sent is dropped: no call waits for it.
fn provider(endpoint: &str, config: &Config) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("traces can't be sent to {endpoint}"))?;
    let resource = Resource::builder()
        .with_service_name("assay")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(opentelemetry::KeyValue::new("service.instance.id", config.replica.clone()))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

impl Telemetry {
    /// Sends what was not sent yet.
    pub async fn end(self) {
        if let Some(traces) = self.traces {
            let ended = tokio::task::spawn_blocking(move || traces.shutdown()).await;
            if let Ok(Err(error)) = ended {
                tracing::warn!(%error, "the last traces can't be sent");
            }
        }
    }
}

/// What the application tells at the moment of a scrape.
struct Scraped(Arc<App>);

impl fmt::Debug for Scraped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scraped")
    }
}

impl Collector for Scraped {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        self.0.scrape(encoder)
    }
}

/// Everything that `/metrics` shows.
pub fn registry(app: Arc<App>, rpc: &RpcMetrics) -> Registry {
    let mut registry = Registry::default();
    app.metrics.register(&mut registry);
    rpc.register(&mut registry);
    registry.register_collector(Box::new(Scraped(app)));
    registry
}
