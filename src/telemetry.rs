//! Logs and the registry of metrics.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::app::metrics::Metrics;
use crate::config::LogFormat;
use crate::grpc::observe::RpcMetrics;

/// Starts logging to standard error, once a process.
pub fn start_logging(filter: &str, format: Option<LogFormat>) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("the log filter \"{filter}\" is not valid"))?;
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(terminal).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging can't start: {error}"))
}

/// Everything that `/metrics` shows.
pub fn registry(app: &Metrics, rpc: &RpcMetrics) -> Registry {
    let mut registry = Registry::default();
    app.register(&mut registry);
    rpc.register(&mut registry);
    registry
}
