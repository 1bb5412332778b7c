//! SQLite, embedded: one writer that commits in groups, several readers, one process per file.

mod canvas;
mod lead;
mod profile;
mod receipt;
mod rule_set;
pub(super) mod schema;
mod score;
mod worker;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::rows::Columns;
use super::select::{self, Dialect, List, Param, Statement};
use super::{Load, Receipt, Result, Store, StoreError, Upgrade};
use crate::domain::listing::Query;
use worker::{Readers, Writer};

/// A SQLite database. Clones are not needed: share it behind an `Arc`.
pub struct SqliteStore {
    /// Dropped in this order: the writer closes last.
    readers: Readers,
    writer: Writer,
    /// Held for as long as the store is open, so that no second process writes to the file.
    _lock: File,
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
/// How many threads read at the same time.
const READERS: usize = 4;

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
        // What is deleted is overwritten: erasing a lead means it.
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
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let reader = Connection::open_with_flags(path, flags).map_err(sqlite)?;
            tune(&reader).map_err(sqlite)?;
            readers.push(reader);
        }
        Ok(Self {
            readers: Readers::start(readers).map_err(io)?,
            writer: Writer::start(writer).map_err(io)?,
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
}

/// Takes the lock of a database file, for as long as the returned file is open.
fn lock(path: &Path) -> std::result::Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let io = |source| OpenError::Io { path: PathBuf::from(&lock_path), source };
    let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(io)?;
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

impl Store for SqliteStore {
    fn system(&self) -> &'static str {
        "sqlite"
    }

    fn load(&self) -> Load {
        let used = self.readers.used();
        Load {
            queued: self.writer.waiting(),
            pending: self.readers.waiting().saturating_sub(used),
            used,
            idle: READERS.saturating_sub(used),
            most: READERS,
        }
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
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    for Statement { sql, params } in select::statements(Dialect::Sqlite, list, query) {
        if found.len() < query.limit {
            let params = params.into_iter().map(|param| match param {
                Param::Text(text) => rusqlite::types::Value::Text(text),
                Param::Integer(n) => rusqlite::types::Value::Integer(n),
                Param::Float(n) => rusqlite::types::Value::Real(n),
            });
            let params = rusqlite::params_from_iter(params.collect::<Vec<_>>());
            found.extend(collect(connection, &sql, params, &mut row)?);
        }
    }
    found.truncate(query.limit);
    Ok(found)
}

/// Whether an insert met a row with the same key.
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

impl Columns for Row<'_> {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        Ok(self.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?)
    }

    fn integer(&self, column: usize) -> Result<Option<i64>> {
        Ok(self.get(column)?)
    }

    fn float(&self, column: usize) -> Result<Option<f64>> {
        Ok(self.get(column)?)
    }

    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.get(column)?)
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
