use std::path::PathBuf;

use clap::Args;

use super::Done;
use crate::cli::output::outln;
use crate::config::Settings;
use crate::server;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay migrate --database /var/lib/assay/assay.db
  assay migrate --database postgres://assay@db/assay")]
pub struct Migrate {
    /// A TOML file with settings; docs/configuration.md is the reference
    #[arg(long, env = "ASSAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Migrate {
    pub async fn run(self) -> anyhow::Result<Done> {
        let file = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        let config = self.settings.over(file).build()?;
        server::open(&config.database).await?;
        outln!("{:?} is up to date", config.database);
        Ok(Done::Well)
    }
}
