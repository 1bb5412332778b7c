use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::Done;
use super::connect::Clients;
use super::table::counted;
use crate::cli::output::outln;
use crate::config::{Database, Settings};
use crate::domain::text::with_causes;
use crate::grpc::pb;
use crate::storage::examine::{Examination, Finding};
use crate::storage::postgres::{PoolSettings, examine as examine_postgres};
use crate::storage::sqlite::examine as examine_sqlite;

#[derive(Args)]
#[command(after_help = "\
Nothing is changed; a database may be served meanwhile. Exit code 1 if anything is wrong.

Examples:
  assay doctor                                         the database of the configuration
  assay doctor --database /var/lib/assay/assay.db
  assay doctor --server http://127.0.0.1:50051         a running server, from anywhere
  assay doctor --server http://127.0.0.1:50051 --database postgres://assay@db/assay
                                                       both")]
pub struct Doctor {
    /// A TOML file that may name the database; docs/configuration.md is the reference
    #[arg(long, env = "ASSAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A SQLite file, or postgres://user@host/name [default: assay-data/assay.db, unless only a server is named]
    #[arg(long, env = "ASSAY_DATABASE", value_name = "FILE|URL")]
    database: Option<String>,
    /// A running server to examine
    #[arg(long, env = "ASSAY_SERVER", value_name = "URL")]
    server: Option<String>,
}

/// How long a single query may take: reading everything takes its time.
const PATIENCE: Duration = Duration::from_secs(86_400);
/// How far two clocks may be apart.
const CLOCKS: i64 = 5;
/// What should be free on a disk, even beside a small database.
const LEAST_FREE: u64 = 256 << 20;

impl Doctor {
    pub async fn run(self) -> anyhow::Result<Done> {
        let file = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        let database = self.database.clone().or(file.database);
        let mut findings = Vec::new();
        // Whoever names a server and nothing else may be far away from its database.
        if database.is_some() || self.server.is_none() {
            let config = Settings { database, ..Settings::default() }.build()?;
            findings.extend(self.examine(&config.database, config.pool).await);
        }
        if let Some(url) = &self.server {
            let found = server(url).await;
            outln!("{url}: {}", counted(found.len(), "finding"));
            findings.extend(found);
        }
        findings.iter().for_each(|finding| outln!("{finding}"));
        Ok(if findings.is_empty() { Done::Well } else { Done::No })
    }

    async fn examine(&self, database: &Database, pool: PoolSettings) -> Vec<Finding> {
        let shown = format!("{database:?}");
        let mut findings = match self.read(database, pool).await {
            Ok(Examination { mut findings, bodies, more }) => {
                outln!(
                    "{shown}: {} read, {}",
                    counted(bodies as usize, "body").replace("bodys", "bodies"),
                    counted(findings.len(), "finding")
                );
                if more > 0 {
                    findings.push(Finding { what: format!("and {more} more"), remedy: "restore a backup" });
                }
                findings
            }
            Err(error) => vec![Finding {
                what: format!("{shown} can't be examined: {}", with_causes(error.as_ref())),
                remedy: "check that it is there and may be read",
            }],
        };
        if let Database::Sqlite(path) = database {
            let size = std::fs::metadata(path).map_or(0, |file| file.len());
            findings.extend(free_bytes(path).and_then(|free| nearly_full(path, free, size)));
        }
        findings
    }

    async fn read(&self, database: &Database, pool: PoolSettings) -> anyhow::Result<Examination> {
        match database {
            Database::Sqlite(path) => {
                std::fs::metadata(path).with_context(|| format!("there is no file {}", path.display()))?;
                let path = path.clone();
                Ok(tokio::task::spawn_blocking(move || examine_sqlite(&path)).await??)
            }
            Database::Postgres(url) => {
                Ok(examine_postgres(url, PoolSettings { timeout: PATIENCE, ..pool }).await?)
            }
        }
    }
}

/// How many bytes are free on the disk of a file, if that can be told.
fn free_bytes(path: &Path) -> Option<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes count, not a share of the disk: 4 % of a large one is plenty, and 20 % of a small one may not be enough for a copy
/// of the database, which a backup or a migration makes.
fn nearly_full(path: &Path, free: u64, size: u64) -> Option<Finding> {
    (free < size.max(LEAST_FREE)).then(|| Finding {
        what: format!(
            "the disk of {} has {} MiB left, the database takes {} MiB",
            path.display(),
            free >> 20,
            size >> 20
        ),
        remedy: "free space, also for a copy of the database: a full disk is told as STORE_FULL, and writes go on by themselves afterwards",
    })
}

/// How many seconds a server's clock goes before ours (behind, if negative), if that is worth telling. `date` is what it
/// says in its headers.
fn clocks_apart(date: &str, now: i64) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
    Some(theirs - now).filter(|apart| apart.abs() > CLOCKS)
}

/// What a running server says of itself.
async fn server(url: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut note = |what: String, remedy| findings.push(Finding { what, remedy });
    let status = async {
        let clients = Clients::connect(url).await?;
        let answer = clients.rules().get_rule_status(pb::GetRuleStatusRequest {}).await?;
        // One that does not exist: only the store can tell.
        let name = pb::GetLeadRequest { name: "leads/assay-doctor".into(), revision: 0 };
        let store = clients.leads().get_lead(name).await.err();
        anyhow::Ok((answer, store))
    };
    let (answer, store) = match status.await {
        Ok(told) => told,
        Err(error) => {
            note(
                format!("the server does not answer: {}", super::connect::describe(&error)),
                "see its log and /readyz",
            );
            return findings;
        }
    };
    if let Some(error) = store.filter(|error| error.code() != tonic::Code::NotFound) {
        note(
            format!("its store does not answer: {}", error.message()),
            "see its log; inline leads are scored all the same",
        );
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs() as i64);
    let date = answer.metadata().get("date").and_then(|date| date.to_str().ok());
    if let Some(apart) = date.and_then(|date| clocks_apart(date, now)) {
        note(
            format!("its clock is {apart} seconds away from this one"),
            "set both by NTP: scores are as of a time",
        );
    }
    let status = answer.into_inner();
    if status.active.is_none() {
        note("no rules are loaded".into(), "see /readyz, or `assay rules check`");
    }
    for diagnostic in status.pending.iter().flat_map(|pending| &pending.diagnostics).take(5) {
        let what = format!(
            "a change of its rules can't be loaded: {}:{}: {}",
            diagnostic.file, diagnostic.line, diagnostic.message
        );
        note(what, "mend it; the former rules stay in force");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_disks_are_told_when_they_are_far_from_well() {
        let date = "Thu, 26 Nov 2026 18:57:09 GMT";
        let now: jiff::Timestamp = "2026-11-26T18:57:09Z".parse().unwrap();
        let apart = |later: i64| clocks_apart(date, now.as_second() + later);
        assert_eq!([0, 5, 6, -3600].map(apart), [None, None, Some(-6), Some(3600)]);
        assert_eq!(clocks_apart("yesterday", now.as_second()), None);

        let path = Path::new("/data/assay.db");
        assert_eq!(nearly_full(path, 300 << 20, 1 << 20), None);
        assert_eq!(
            [nearly_full(path, 200 << 20, 1 << 20), nearly_full(path, 900 << 20, 1 << 30)]
                .map(|found| found.unwrap().what),
            [
                "the disk of /data/assay.db has 200 MiB left, the database takes 1 MiB",
                "the disk of /data/assay.db has 900 MiB left, the database takes 1024 MiB",
            ]
        );
        assert!(free_bytes(Path::new("Cargo.toml")).unwrap() > 0);
    }
}
