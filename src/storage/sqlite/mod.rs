//! SQLite, embedded: one writer that commits in groups, several readers, one process per file.

mod canvas;
mod examine;
mod interview;
mod job;
mod lead;
mod profile;
mod receipt;
mod rule_set;
pub(super) mod schema;
mod score;
mod scrub;
mod worker;

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::rows::{self, Columns, Gathered};
use super::select::{self, Dialect, List, Param, Statement};
use super::{Load, Part, Receipt, Result, Store, StoreError, Upgrade};
use crate::domain::listing::Query;
use crate::priority::Nice;
pub use examine::examine;
use worker::{Readers, Writer};

/// A SQLite database. Clones are not needed: share it behind an `Arc`.
pub struct SqliteStore {
    /// Dropped in this order: the writer closes last.
    readers: Readers,
    /// Lists may read much: they have readers of their own, so that lookups by name never wait behind them.
    list_readers: Readers,
    writer: Writer,
    /// Held for as long as the store is open, so that no second process writes to the file.
    _lock: File,
    path: PathBuf,
    /// The file itself, by its device and number.
    identity: (u64, u64),
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another process; one process at a time may serve a SQLite file", .0.display())]
    InUse(PathBuf),
    #[error("{} can't be opened: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} can't be used: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("{} can't be brought up to date: {source}", path.display())]
    Migration { path: PathBuf, source: StoreError },
    #[error("{} has schema {found}, this version needs {known}: run `assay migrate` first", path.display())]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error("{} was written by a newer version (schema {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
}

/// How long a connection waits for another's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many threads look up by name at the same time, and how many list.
const READERS: usize = 3;
const LIST_READERS: usize = 2;

impl SqliteStore {
    /// Opens a file, or makes it where it is missing. Its schema is up to date then.
    pub fn open(path: &Path, upgrade: Upgrade) -> std::result::Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let lock = lock(path)?;
        let mut writer = Connection::open(path).map_err(sqlite)?;
        tune(&writer).map_err(sqlite)?;
        // FULL: a commit is on the disk before it is acknowledged. NORMAL could lose it with the power.
        writer.pragma_update(None, "journal_mode", "WAL").map_err(sqlite)?;
        writer.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
        // What is deleted is overwritten: erasing a lead means it. `scrub` does the rest.
        writer.pragma_update(None, "secure_delete", true).map_err(sqlite)?;
        let store = |source| OpenError::Migration { path: path.to_owned(), source };
        let (path, known) = (path.to_owned(), schema::VERSION);
        match schema::version(&writer).map_err(sqlite)? {
            found if found > known => return Err(OpenError::Newer { path, found, known }),
            // A file that was just made is not an old one.
            found if found > 0 && found < known && upgrade == Upgrade::Refused => {
                return Err(OpenError::Older { path, found, known });
            }
            found => schema::migrate(&mut writer, found).map_err(store)?,
        }
        let path = path.as_path();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = || {
            let reader = Connection::open_with_flags(path, flags)?;
            tune(&reader)?;
            Ok(reader)
        };
        let readers = |count| (0..count).map(|_| reader()).collect::<rusqlite::Result<Vec<_>>>();
        let lists_rest = Arc::<AtomicBool>::default();
        let log = log_of(path);
        Ok(Self {
            readers: Readers::start("reader", readers(READERS).map_err(sqlite)?, Arc::default(), None)
                .map_err(io)?,
            list_readers: Readers::start(
                "list",
                readers(LIST_READERS).map_err(sqlite)?,
                lists_rest.clone(),
                Some(Nice::Back),
            )
            .map_err(io)?,
            writer: Writer::start(writer, log, lists_rest).map_err(io)?,
            identity: lock.metadata().map(|meta| (meta.dev(), meta.ino())).map_err(io)?,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Runs a transaction on the writer; it is durable when this returns.
    async fn write<T: Send + 'static>(
        &self,
        receipt: Option<Receipt<T>>,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let whole = move |db: &Connection| {
            if let Some(receipt) = &receipt {
                receipt::refuse_repetition(db, &receipt.key)?;
            }
            let outcome = job(db)?;
            if let Some(receipt) = receipt {
                receipt::keep(db, receipt, &outcome)?;
            }
            Ok(outcome)
        };
        self.writer.run(whole).await
    }

    /// Runs a read on one of the readers, on one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.run(job).await
    }

    /// The same for lists and counts.
    async fn list<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.list_readers.run(job).await
    }
}

/// The file of the log beside a database.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Takes the lock of a database file, for as long as the returned file is open. It is of the file itself, whatever names
/// and links lead to it; SQLite's own locks are of another kind.
fn lock(path: &Path) -> std::result::Result<File, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Not mapped into memory: a disk that fails must be an error and not a signal.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -16_384)
}

#[async_trait]
impl Store for SqliteStore {
    fn system(&self) -> &'static str {
        "sqlite"
    }

    fn load(&self) -> Load {
        let used = self.readers.used() + self.list_readers.used();
        let waiting = self.readers.waiting() + self.list_readers.waiting();
        let most = READERS + LIST_READERS;
        Load {
            queued: self.writer.waiting(),
            pending: waiting.saturating_sub(used),
            used,
            idle: most.saturating_sub(used),
            most,
        }
    }

    async fn pulse(&self) -> Result<()> {
        // What is written to a file that has lost its name is gone with the process.
        let stands = std::fs::metadata(&self.path).ok().map(|meta| (meta.dev(), meta.ino()));
        if stands != Some(self.identity) {
            let path = self.path.display();
            return Err(StoreError::failed(format!(
                "the file {path} was removed or replaced while it is served"
            )));
        }
        self.read(|db| Ok(db.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
            _ => StoreError::failed(error),
        }
    }
}

/// Reads a page of a list.
fn page<T>(
    connection: &Connection,
    list: &List,
    query: &Query,
    mut row: impl FnMut(&dyn Columns) -> Result<T>,
) -> Result<Part<T>> {
    let mut found = Gathered::new(query.limit);
    for Statement { sql, params } in select::statements(Dialect::Sqlite, list, query) {
        let params = params.into_iter().map(|param| match param {
            Param::Text(text) => rusqlite::types::Value::Text(text),
            Param::Integer(n) => rusqlite::types::Value::Integer(n),
            Param::Float(n) => rusqlite::types::Value::Real(n),
        });
        let params = rusqlite::params_from_iter(params.collect::<Vec<_>>());
        if found.wants_more() {
            gather(connection, &sql, params, &mut found, &mut row)?;
        }
    }
    found.finish()
}

/// Adds the rows of a query to what was gathered.
fn gather<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    found: &mut Gathered<T>,
    mut row: impl FnMut(&dyn Columns) -> Result<T>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while found.wants_more()
        && let Some(next) = rows.next()?
    {
        found.take(next, &mut row)?;
    }
    Ok(())
}

/// Reads a part of a list that is ordered by a number.
fn part<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    limit: usize,
    row: impl FnMut(&dyn Columns) -> Result<T>,
) -> Result<Part<T>> {
    let mut found = Gathered::new(limit);
    gather(connection, sql, params, &mut found, row)?;
    found.finish()
}

/// Whether an insert met a row with the same key.
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// A value of a type that this program can't have written there, or a failure of the database.
fn unreadable(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    match error {
        FromSqlConversionFailure(..)
        | IntegralValueOutOfRange(..)
        | InvalidColumnType(..)
        | Utf8Error(..) => rows::corrupt(error),
        other => other.into(),
    }
}

impl Columns for Row<'_> {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        self.get_ref(column)?.as_str_or_null().map_err(rows::corrupt)
    }

    fn integer(&self, column: usize) -> Result<Option<i64>> {
        self.get(column).map_err(unreadable)
    }

    fn float(&self, column: usize) -> Result<Option<f64>> {
        self.get(column).map_err(unreadable)
    }

    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        self.get(column).map_err(unreadable)
    }
}

/// Reads all rows of a query, each by `row`.
fn collect<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut row: impl FnMut(&dyn Columns) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(next) = rows.next()? {
        found.push(row(next)?);
    }
    Ok(found)
}

/// Reads the first row of a query, if there is one.
fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    row: impl FnOnce(&dyn Columns) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(|found| row(found)).transpose()
}

/// Runs a statement that changes rows; gives how many.
fn execute(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no kill of the process can show: a commit is on the disk before it is acknowledged, and what is deleted is
    /// overwritten.
    #[tokio::test]
    async fn the_writer_is_set_up_to_lose_nothing_and_to_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("a.db"), Upgrade::Allowed).unwrap();
        let pragmas = store.write(None, |db| {
            let value = |name| Ok::<i64, StoreError>(db.pragma_query_value(None, name, |row| row.get(0))?);
            Ok([value("synchronous")?, value("secure_delete")?, value("foreign_keys")?])
        });
        // 2 is FULL.
        assert_eq!(pragmas.await.unwrap(), [2, 1, 1]);
    }
}
