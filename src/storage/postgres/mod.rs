//! PostgreSQL, shared by many replicas. Every method is one transaction; whatever two replicas could decide
//! differently is decided by a row lock or a condition of the write itself.

mod canvas;
mod examine;
mod interview;
mod job;
mod lead;
mod profile;
mod receipt;
mod rule_set;
mod schema;
mod score;
#[cfg(test)]
pub mod testing;

pub use examine::examine;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{
    GenericClient, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod,
    Runtime, TimeoutType, Transaction,
};
use futures::TryStreamExt as _;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Config, IsolationLevel, NoTls, Row};

use super::rows::{self, Columns, Gathered};
use super::select::{self, Dialect, List, Param, Statement};
use super::{Load, Part, Receipt, Result, Store, StoreError, Upgrade};
use crate::domain::listing::Query;

/// How a replica uses its database.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// How many connections a replica has at most.
    pub connections: usize,
    /// How long a call waits for one of them before it is told that the store is busy.
    pub wait: Duration,
    /// How long a statement may take, and how long the database may not answer at all.
    pub timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { connections: 16, wait: Duration::from_secs(2), timeout: Duration::from_secs(15) }
    }
}

/// How long what nobody waits for any more is given to end, before its connection is given up.
const CANCEL_TIME: Duration = Duration::from_secs(2);
/// How long the database may take to say that it is there.
const PULSE: Duration = Duration::from_secs(2);
/// How long to wait before a refused connection is asked for again.
const CONNECT_AGAIN: Duration = Duration::from_millis(50);

/// A PostgreSQL database. Share it behind an `Arc`.
pub struct PostgresStore {
    pool: Pool,
    /// One connection that only asks whether the database answers: it never waits behind the others.
    pulse: Pool,
    settings: PoolSettings,
    /// Lists may read much: only some of the connections, so that the database has time for lookups by name.
    lists: Arc<Semaphore>,
    address: Option<Arc<Address>>,
}

/// One list at a time for so many connections.
const LISTS: usize = 8;

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
    pub async fn open(
        url: &str,
        settings: PoolSettings,
        upgrade: Upgrade,
    ) -> std::result::Result<Self, OpenError> {
        let pool = connect(url, settings)?;
        let mut connection = pool.get().await?;
        let known = schema::VERSION;
        match schema::version(&connection).await? {
            found if found > known => return Err(OpenError::Newer { found, known }),
            found if found == known => {}
            found if upgrade == Upgrade::Refused => return Err(OpenError::Older { found, known }),
            _ => schema::migrate(&mut connection).await?,
        }
        drop(connection);
        let pulse = connect(url, PoolSettings { connections: 1, wait: PULSE, timeout: PULSE })?;
        let lists = Arc::new(Semaphore::new((settings.connections / LISTS).max(1)));
        let address = url.parse().ok().as_ref().and_then(Address::of).map(Arc::new);
        Ok(Self { pool, pulse, settings, lists, address })
    }

    /// A connection. One that the server refuses means waiting for one of those there are.
    async fn attended(&self) -> Result<Attended> {
        let end = Instant::now() + self.settings.wait;
        loop {
            match self.pool.get().await {
                Ok(connection) => {
                    let (address, turn) = (self.address.clone(), None);
                    return Ok(Attended { connection: Some(connection), address, turn });
                }
                Err(PoolError::Timeout(TimeoutType::Wait)) => return Err(StoreError::Busy),
                Err(error) if Instant::now() >= end => {
                    return Err(match is_full(&error) {
                        true => StoreError::Busy,
                        false => StoreError::failed(error),
                    });
                }
                Err(error) if is_full(&error) || self.pool.status().size > 0 => {
                    tokio::time::sleep(CONNECT_AGAIN).await;
                }
                Err(error) => return Err(StoreError::failed(error)),
            }
        }
    }

    /// Does some work with a connection. A database that does not answer in time is given up, with its connection.
    async fn attend<T>(&self, work: impl AsyncFnOnce(&mut Object) -> Result<T>) -> Result<T> {
        self.attend_in_turn(None, work).await
    }

    /// The same for work that waited for its turn: the next one's comes when the connection is at rest.
    async fn attend_in_turn<T>(
        &self,
        turn: Option<OwnedSemaphorePermit>,
        work: impl AsyncFnOnce(&mut Object) -> Result<T>,
    ) -> Result<T> {
        let mut attended = self.attended().await?;
        attended.turn = turn;
        let Some(connection) = attended.connection.as_mut() else { return Err(StoreError::Busy) };
        // The server ends a statement by itself after that time: whoever hears nothing a little later never will.
        let patience = self.settings.timeout + self.settings.timeout / 4;
        match tokio::time::timeout(patience, work(connection)).await {
            Ok(done) => {
                attended.done();
                done
            }
            Err(_) => {
                attended.give_up();
                Err(StoreError::failed("the database does not answer"))
            }
        }
    }

    /// Runs a write as a transaction, together with its receipt.
    async fn write<T>(
        &self,
        receipt: Option<Receipt<T>>,
        work: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let committing = AtomicBool::new(false);
        let written = self.attend(async |connection: &mut Object| {
            let mut transaction = connection.transaction().await?;
            let outcome = work(&mut transaction).await?;
            if let Some(receipt) = receipt {
                receipt::keep(&transaction, receipt, &outcome).await?;
            }
            committing.store(true, Ordering::Relaxed);
            transaction.commit().await.map_err(|error| match is_told(&error) {
                true => StoreError::from(error),
                false => StoreError::OutcomeUnknown,
            })?;
            Ok(outcome)
        });
        match written.await {
            Err(StoreError::Failed(_)) if committing.load(Ordering::Relaxed) => {
                Err(StoreError::OutcomeUnknown)
            }
            written => written,
        }
    }

    /// Reads the rows of a query that is prepared once for each connection.
    async fn all(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.attend(async |connection: &mut Object| {
            let statement = connection.prepare_cached(sql).await?;
            Ok(connection.query(&statement, params).await?)
        })
        .await
    }

    /// The same for a query that gives a row, or none.
    async fn one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }

    /// Reads a part of a list that is ordered by a number.
    async fn part<T>(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        limit: usize,
        row: impl Fn(&dyn Columns) -> Result<T>,
    ) -> Result<Part<T>> {
        self.attend(async |connection: &mut Object| {
            let mut found = Gathered::new(limit);
            gather(connection, sql, params, &mut found, row).await?;
            found.finish()
        })
        .await
    }

    /// Reads a page of a list, from one state of the database.
    async fn page<T>(
        &self,
        list: List<'_>,
        query: &Query,
        row: impl Fn(&dyn Columns) -> Result<T>,
    ) -> Result<Part<T>> {
        let turn = self.lists.clone().acquire_owned().await.map_err(StoreError::failed)?;
        let statements = select::statements(Dialect::Postgres, &list, query);
        let read = async |connection: &mut Object| pages(connection, statements, query, row).await;
        self.attend_in_turn(Some(turn), read).await
    }
}

/// Makes a database as the first version did.
#[cfg(test)]
pub async fn make_first(url: &str, sql: &str) {
    schema::make_first(&mut connect(url, PoolSettings::default()).unwrap().get().await.unwrap(), sql).await;
}

fn connect(url: &str, settings: PoolSettings) -> std::result::Result<Pool, OpenError> {
    let PoolSettings { connections, wait, timeout } = settings;
    let mut config: Config = url.parse().map_err(OpenError::Url)?;
    // A network that swallows packets must be noticed: by the kernel where something was sent, and by asking where not.
    config.keepalives(true).keepalives_idle(timeout).keepalives_interval(timeout / 3).keepalives_retries(3);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(timeout);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(wait);
    }
    // A write that waits for another's lock gives up in the end: its caller may have gone, and the connection is wanted.
    let lock = timeout.min(Duration::from_secs(5));
    // No list occupies more than one processor of the database, nor compiles what it reads once: others wait for neither.
    let set_up = format!(
        "SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
         SET max_parallel_workers_per_gather = 0; SET jit = off",
        lock.as_millis(),
        timeout.as_millis(),
        2 * timeout.as_millis()
    );
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Ok(Pool::builder(Manager::from_config(config, NoTls, manager))
        .max_size(connections)
        .wait_timeout(Some(wait))
        .create_timeout(Some(wait))
        .post_create(Hook::async_fn(move |client, _| {
            let set_up = set_up.clone();
            Box::pin(async move { client.batch_execute(&set_up).await.map_err(HookError::Backend) })
        }))
        .runtime(Runtime::Tokio1)
        .build()?)
}

/// Whether the server has no connection left for us.
fn is_full(error: &PoolError) -> bool {
    matches!(error, PoolError::Backend(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS))
}

/// Whether an error of a commit says that nothing was committed. The others say only that its answer was lost: the
/// connection broke, or the server was stopped.
fn is_told(error: &tokio_postgres::Error) -> bool {
    let stopped = [&SqlState::ADMIN_SHUTDOWN, &SqlState::CRASH_SHUTDOWN, &SqlState::CANNOT_CONNECT_NOW];
    error.code().is_some_and(|code| !stopped.contains(&code))
}

#[async_trait]
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

    async fn pulse(&self) -> Result<()> {
        let connection = self.pulse.get().await.map_err(StoreError::failed)?;
        let answered = tokio::time::timeout(PULSE, connection.batch_execute("SELECT 1")).await;
        match answered {
            Ok(answered) => Ok(answered?),
            Err(_) => {
                drop(Object::take(connection));
                Err(StoreError::failed("the database does not answer"))
            }
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

/// A connection that is at work for a caller who may go away: then the query is cancelled, and the connection goes back
/// when it is at rest. Opening others in its place would cost everybody more than the caller has paid.
struct Attended {
    connection: Option<Object>,
    address: Option<Arc<Address>>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Attended {
    /// The work has ended, well or not: the connection goes back.
    fn done(mut self) {
        self.connection = None;
    }

    /// The database does not answer on this connection: it is closed.
    fn give_up(mut self) {
        drop(self.connection.take().map(Object::take));
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let (address, turn) = (self.address.take(), self.turn.take());
        tokio::spawn(async move {
            let token = connection.cancel_token();
            let rested = tokio::time::timeout(CANCEL_TIME, async {
                match &address {
                    Some(address) => address.cancel(&token).await?,
                    None => return Err(StoreError::failed("there are several servers")),
                }
                come_to_rest(&connection).await
            });
            if !matches!(rested.await, Ok(Ok(()))) {
                tracing::debug!("a query that nobody waits for can't be cancelled: its connection is closed");
                drop(Object::take(connection));
            }
            drop(turn);
        });
    }
}

/// Waits until everything that was asked on a connection before has ended, and no transaction is left open. The
/// cancellation may have met the query, or what came after it: the end of its transaction, or what is asked here.
async fn come_to_rest(connection: &Object) -> Result<()> {
    loop {
        match connection.batch_execute("SELECT 1").await {
            Ok(()) => return Ok(()),
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {}
            Err(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
                connection.batch_execute("ROLLBACK").await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where the one server of a URL is.
enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Address {
    /// Nothing if there are several: which of them a connection is to is not told.
    fn of(config: &Config) -> Option<Self> {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts() {
            [Host::Tcp(host)] => Some(Address::Tcp(host.clone(), port)),
            [Host::Unix(folder)] => Some(Address::Unix(folder.join(format!(".s.PGSQL.{port}")))),
            _ => None,
        }
    }

    /// Cancels a query, and waits until the server has done so: a cancellation that comes late would meet whatever is
    /// asked on the connection next.
    async fn cancel(&self, token: &CancelToken) -> Result<()> {
        match self {
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                cancel_over(token, stream.map_err(StoreError::failed)?).await
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                cancel_over(token, stream.map_err(StoreError::failed)?).await
            }
        }
    }
}

async fn cancel_over<S>(token: &CancelToken, mut stream: S) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    token.cancel_query_raw(&mut stream, NoTls).await?;
    // The server closes it when the query's process has been told.
    let mut nothing = [0; 1];
    while stream.read(&mut nothing).await.map_err(StoreError::failed)? > 0 {}
    Ok(())
}

async fn pages<T>(
    connection: &mut Object,
    statements: Vec<Statement>,
    query: &Query,
    row: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<Part<T>> {
    let snapshot =
        connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = snapshot.start().await?;
    let mut found = Gathered::new(query.limit);
    for Statement { sql, params } in statements {
        if found.wants_more() {
            let params: Vec<&(dyn ToSql + Sync)> = params
                .iter()
                .map(|param| match param {
                    Param::Text(text) => text as &(dyn ToSql + Sync),
                    Param::Integer(n) => n,
                    Param::Float(n) => n,
                })
                .collect();
            gather(&transaction, &sql, &params, &mut found, &row).await?;
        }
    }
    transaction.commit().await?;
    found.finish()
}

/// Adds the rows of a query to what was gathered, as they come: they may be large.
async fn gather<T>(
    client: &impl GenericClient,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
    found: &mut Gathered<T>,
    row: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<()> {
    let mut rows = std::pin::pin!(client.query_raw(sql, params.iter().copied()).await?);
    while found.wants_more()
        && let Some(next) = rows.try_next().await?
    {
        found.take(&next, &row)?;
    }
    Ok(())
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
        self.try_get(column).map_err(rows::corrupt)
    }

    fn integer(&self, column: usize) -> Result<Option<i64>> {
        self.try_get(column).map_err(rows::corrupt)
    }

    fn float(&self, column: usize) -> Result<Option<f64>> {
        self.try_get(column).map_err(rows::corrupt)
    }

    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        self.try_get(column).map_err(rows::corrupt)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cancellation leaves that met the end of a transaction, instead of the query before it.
    #[tokio::test]
    async fn a_connection_that_rests_has_no_transaction_open() {
        let pool = connect(&testing::schema("rest").await, PoolSettings::default()).unwrap();
        let connection = pool.get().await.unwrap();
        connection.batch_execute("BEGIN").await.unwrap();
        connection.batch_execute("SELECT 1 / 0").await.unwrap_err();
        come_to_rest(&connection).await.unwrap();
        connection.batch_execute("SELECT 1").await.unwrap();
    }
}
