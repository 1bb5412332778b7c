//! PostgreSQL, shared by many replicas. Every method is one transaction; whatever two replicas could decide
//! differently is decided by a row lock or a condition of the write itself.

mod canvas;
mod lead;
mod profile;
mod receipt;
mod rule_set;
mod schema;
mod score;
#[cfg(test)]
pub mod testing;

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Transaction,
};
use serde::de::DeserializeOwned;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, IsolationLevel, NoTls, Row};

use super::rows::{self, Columns};
use super::select::{self, Dialect, List, Param, Statement};
use super::{Load, Receipt, Result, Store, StoreError, Upgrade};
use crate::domain::listing::Query;

/// How many connections a replica keeps.
const CONNECTIONS: usize = 16;
/// How long a call waits for one of them before it is told that the store is busy.
const WAIT: Duration = Duration::from_secs(2);

/// A write that waits for another's lock gives up in the end: its caller may have gone, and the connection is wanted.
const SET_UP: &str = "SET lock_timeout = '5s'";

/// A PostgreSQL database. Share it behind an `Arc`.
pub struct PostgresStore {
    pool: Pool,
}

/// Why a database could not be opened. The messages name no password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database URL is not valid: {0}")]
    Url(tokio_postgres::Error),
    #[error("the database can't be reached: {0}")]
    Connect(#[from] PoolError),
    #[error("the database can't be used: {0}")]
    Store(#[from] StoreError),
    #[error("the connections can't be set up: {0}")]
    Pool(#[from] deadpool_postgres::BuildError),
    #[error("the database has schema {found}, this version needs {known}: run `assay migrate` first")]
    Older { found: i32, known: i32 },
    #[error("the database was written by a newer version (schema {found}, this one knows {known})")]
    Newer { found: i32, known: i32 },
}

impl PostgresStore {
    /// Connects to `postgres://user@host/database`. Its schema is up to date then; one replica at a time brings it there.
    /// Where it is already, no more is needed than to read and write rows.
    pub async fn open(url: &str, upgrade: Upgrade) -> std::result::Result<Self, OpenError> {
        let pool = connect(url)?;
        let mut connection = pool.get().await?;
        let known = schema::VERSION;
        match schema::version(&connection).await? {
            found if found > known => return Err(OpenError::Newer { found, known }),
            found if found == known => {}
            found if upgrade == Upgrade::Refused => return Err(OpenError::Older { found, known }),
            _ => schema::migrate(&mut connection).await?,
        }
        drop(connection);
        Ok(Self { pool })
    }

    async fn attended(&self) -> Result<Attended> {
        let connection = self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => StoreError::Busy,
            other => StoreError::failed(other),
        })?;
        Ok(Attended(Some(connection)))
    }

    /// Runs a write as a transaction, together with its receipt.
    async fn write<T>(
        &self,
        receipt: Option<Receipt<T>>,
        work: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut attended = self.attended().await?;
        let written = async {
            let mut transaction = attended.connection()?.transaction().await?;
            let outcome = work(&mut transaction).await?;
            if let Some(receipt) = receipt {
                receipt::keep(&transaction, receipt, &outcome).await?;
            }
            transaction.commit().await?;
            Ok(outcome)
        };
        let written = written.await;
        attended.done();
        written
    }

    /// Reads the rows of a query that is prepared once for each connection.
    async fn all(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let mut attended = self.attended().await?;
        let found = async {
            let connection = attended.connection()?;
            let statement = connection.prepare_cached(sql).await?;
            Ok(connection.query(&statement, params).await?)
        };
        let found = found.await;
        attended.done();
        found
    }

    /// The same for a query that gives a row, or none.
    async fn one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }

    /// Reads a page of a list, from one state of the database.
    async fn page<T>(
        &self,
        list: List<'_>,
        query: &Query,
        row: impl Fn(&dyn Columns) -> Result<T>,
    ) -> Result<Vec<T>> {
        let statements = select::statements(Dialect::Postgres, &list, query);
        let mut attended = self.attended().await?;
        let found = pages(attended.connection()?, statements, query, row).await;
        attended.done();
        found
    }
}

/// Makes a database as the first version did.
#[cfg(test)]
pub async fn make_first(url: &str, sql: &str) {
    schema::make_first(&mut connect(url).unwrap().get().await.unwrap(), sql).await;
}

fn connect(url: &str) -> std::result::Result<Pool, OpenError> {
    let config: Config = url.parse().map_err(OpenError::Url)?;
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Ok(Pool::builder(Manager::from_config(config, NoTls, manager))
        .max_size(CONNECTIONS)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(SET_UP).await.map_err(HookError::Backend) })
        }))
        .runtime(Runtime::Tokio1)
        .build()?)
}

impl Store for PostgresStore {
    fn system(&self) -> &'static str {
        "postgresql"
    }

    fn load(&self) -> Load {
        let status = self.pool.status();
        Load {
            queued: 0,
            pending: status.waiting,
            used: status.size.saturating_sub(status.available),
            idle: status.available,
            most: status.max_size,
        }
    }
}

/// Runs a statement that this connection will run again: it is prepared once.
async fn run(
    transaction: &Transaction<'_>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> std::result::Result<u64, tokio_postgres::Error> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, params).await
}

/// The same for a statement that gives a row, or none.
async fn row(
    transaction: &Transaction<'_>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> std::result::Result<Option<Row>, tokio_postgres::Error> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.query_opt(&statement, params).await
}

/// A connection that is at work for a caller who may go away: then the query is cancelled, and the connection, of which
/// nobody knows how far it is, is closed instead of being used again.
struct Attended(Option<Object>);

impl Attended {
    fn connection(&mut self) -> Result<&mut Object> {
        self.0.as_mut().ok_or_else(|| StoreError::failed("the connection was given back"))
    }

    /// The work has ended, well or not: the connection goes back.
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        let Some(object) = self.0.take() else { return };
        let client = Object::take(object);
        let token = client.cancel_token();
        tokio::spawn(async move {
            if let Err(error) = token.cancel_query(NoTls).await {
                tracing::debug!(%error, "a query that nobody waits for can't be cancelled");
            }
            drop(client);
        });
    }
}

async fn pages<T>(
    connection: &mut Object,
    statements: Vec<Statement>,
    query: &Query,
    row: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<Vec<T>> {
    let snapshot =
        connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = snapshot.start().await?;
    let mut found = Vec::new();
    for Statement { sql, params } in statements {
        if found.len() < query.limit {
            let params: Vec<&(dyn ToSql + Sync)> = params
                .iter()
                .map(|param| match param {
                    Param::Text(text) => text as &(dyn ToSql + Sync),
                    Param::Integer(n) => n,
                    Param::Float(n) => n,
                })
                .collect();
            for found_row in transaction.query(&sql, &params).await? {
                found.push(row(&found_row)?);
            }
        }
    }
    transaction.commit().await?;
    found.truncate(query.limit);
    Ok(found)
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::DISK_FULL) => StoreError::Full,
            // Nothing was done, and it can be tried again at once.
            Some(
                &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::LOCK_NOT_AVAILABLE,
            ) => StoreError::Busy,
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => StoreError::ReadOnly,
            _ => StoreError::failed(error),
        }
    }
}

/// Whether an insert met a row with the same key.
fn is_taken(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

impl Columns for Row {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        Ok(self.try_get(column)?)
    }

    fn integer(&self, column: usize) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn float(&self, column: usize) -> Result<Option<f64>> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.try_get(column)?)
    }
}

/// Decodes the bodies of all rows.
fn bodies<T: DeserializeOwned>(rows: &[Row]) -> Result<Vec<T>> {
    rows.iter().map(|row| rows::body(row)).collect()
}

/// A limit as SQL takes it.
fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
