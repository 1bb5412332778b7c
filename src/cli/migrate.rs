use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Done;
use crate::cli::output::outln;
use crate::config::Settings;
use crate::server;
use crate::storage::Upgrade;
use crate::storage::postgres::PoolSettings;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay migrate --database /var/lib/assay/assay.db
  assay migrate --database postgres://assay@db/assay")]
pub struct Migrate {
    /// A TOML file that may name the database; docs/configuration.md is the reference
    #[arg(long, env = "ASSAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A SQLite file, made where it is missing, or postgres://user@host/name [default: assay-data/assay.db]
    #[arg(long, env = "ASSAY_DATABASE", value_name = "FILE|URL")]
    database: Option<String>,
}

/// How long a single step of a migration may take.
const MIGRATION: Duration = Duration::from_secs(86_400);

impl Migrate {
    pub async fn run(self) -> anyhow::Result<Done> {
        let file = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        let database = Settings { database: self.database.or(file.database), ..Settings::default() };
        let config = database.build()?;
        let database = config.database;
        // Bringing a large database up to date takes as long as it takes.
        let pool = PoolSettings { timeout: MIGRATION, ..config.pool };
        server::open(&database, pool, Upgrade::Allowed).await?;
        outln!("{database:?} is up to date");
        Ok(Done::Well)
    }
}
