use std::path::PathBuf;

use clap::Args;

use super::Done;
use super::rules::examine;
use crate::cli::output::outln;
use crate::config::{Config, Settings};
use crate::server::{self, Listeners};
use crate::{shutdown, telemetry};

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay serve
  assay serve --scripts /etc/assay/scripts --database /var/lib/assay/assay.db
  ASSAY_LISTEN=127.0.0.1:6000 assay serve --config assay.toml
  assay serve --check                            check configuration and rules, then exit")]
pub struct Serve {
    /// A TOML file with settings; docs/configuration.md is the reference
    #[arg(long, env = "ASSAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration and the rules and exit: 0 if both are good, else 1
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub async fn run(self) -> anyhow::Result<Done> {
        let file = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        let config = self.settings.over(file).build()?;
        if self.check {
            return Ok(check(&config));
        }
        let telemetry = telemetry::start(&config)?;
        // Every connection is an open file, and the usual limit of 1,024 is soon met.
        if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
        let listeners = Listeners::bind(&config).await?;
        let shutdown = async {
            if let Err(error) = shutdown::requested().await {
                tracing::error!(%error, "signals can't be received");
                std::future::pending::<()>().await;
            }
            // Whoever asks twice does not want to wait.
            tokio::spawn(async {
                if shutdown::requested().await.is_ok() {
                    tracing::warn!("asked twice: calls in flight are cut off");
                    std::process::exit(1);
                }
            });
        };
        let served = server::serve(config, listeners, shutdown).await;
        telemetry.end().await;
        served?;
        Ok(Done::Well)
    }
}

fn check(config: &Config) -> Done {
    let (sources, checked) = examine(&config.scripts, &config.currency);
    let findings = checked.as_ref().map_or_else(|findings| findings, |(_, warnings)| warnings);
    let folder = config.scripts.display().to_string();
    for finding in findings {
        eprint!("{}", finding.render(&folder, &sources));
    }
    match checked {
        Ok((set, _)) => {
            outln!("configuration and rules are good: {}", set.name());
            Done::Well
        }
        Err(_) => Done::No,
    }
}
