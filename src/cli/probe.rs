use anyhow::Context as _;
use clap::Args;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::Done;
use super::connect::{ServerArg, with_scheme};
use crate::cli::output::outln;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay probe
  assay probe --server http://127.0.0.1:50051 --service assay.v1.ScoringService")]
pub struct Probe {
    #[command(flatten)]
    server: ServerArg,
    /// The service to ask for; empty asks for the server as a whole
    #[arg(long, default_value = "", value_name = "NAME")]
    service: String,
    /// How long to wait
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    timeout: crate::config::Span,
}

impl Probe {
    pub async fn run(self) -> anyhow::Result<Done> {
        let ask = async {
            let url = with_scheme(&self.server.server);
            let channel = Channel::from_shared(url.clone())?.connect().await;
            let channel = channel.with_context(|| format!("no server answers at {url}"))?;
            let request = HealthCheckRequest { service: self.service.clone() };
            anyhow::Ok(HealthClient::new(channel).check(request).await?.into_inner().status())
        };
        let status = tokio::time::timeout(self.timeout.0, ask).await;
        let status = status.with_context(|| format!("no answer within {:?}", self.timeout.0))??;
        outln!("{}", status.as_str_name());
        Ok(if status == ServingStatus::Serving { Done::Well } else { Done::No })
    }
}
