//! The threads that touch the database: one writes, several read. Nothing blocks the async runtime.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::super::{Result, StoreError};

/// How many jobs may wait; more are refused with [`StoreError::Busy`].
const QUEUE: usize = 4_096;
/// How many jobs share a commit at most.
const GROUP: usize = 256;

/// Tells the caller what a job came to, once it is known whether the commit succeeded.
type Acknowledge = Box<dyn FnOnce(std::result::Result<(), Arc<rusqlite::Error>>) + Send>;
/// Runs in a transaction of the writer, or learns that there is none; says whether to keep what it wrote.
type WriteJob = Box<dyn FnOnce(Option<&Connection>) -> (bool, Acknowledge) + Send>;
type ReadJob = Box<dyn FnOnce(&Connection, &Asking) + Send>;
/// Whether whoever asked for what a reader is doing has gone.
type Asking = Arc<Mutex<Arc<AtomicBool>>>;

/// How many steps of SQLite's machine a query runs between looks at whether anybody still waits for it.
const LOOK_EVERY: i32 = 20_000;

/// The only connection that writes. Jobs that wait together share one commit, and each is acknowledged
/// only after it.
pub struct Writer {
    /// Dropped first, so that the thread ends and can be waited for.
    queue: Option<SyncSender<WriteJob>>,
    thread: Option<JoinHandle<()>>,
    /// Jobs that were not acknowledged yet.
    waiting: Arc<AtomicUsize>,
}

/// A commit that failed, for each of the jobs that shared it.
#[derive(Debug, thiserror::Error)]
#[error("the commit failed: {0}")]
struct CommitFailed(Arc<rusqlite::Error>);

/// What a job comes to whose commit failed.
fn failed(error: Arc<rusqlite::Error>) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
        _ => StoreError::failed(CommitFailed(error)),
    }
}

impl Writer {
    pub fn start(connection: Connection) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("sqlite-writer".into());
        let thread = thread.spawn(move || write_all(&connection, &jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), waiting: Arc::default() })
    }

    /// How many jobs were not acknowledged yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = oneshot::channel();
        let counted = Counted::new(&self.waiting);
        let job: WriteJob = Box::new(move |connection| {
            let outcome = connection.map_or(Err(StoreError::Busy), job);
            let keep = outcome.is_ok();
            let connection_missing = matches!(outcome, Err(StoreError::Busy));
            let acknowledge: Acknowledge = Box::new(move |commit| {
                let outcome = match commit {
                    Ok(()) => outcome,
                    Err(error) if keep || connection_missing => Err(failed(error)),
                    Err(_) => outcome,
                };
                drop(counted);
                // A caller that has gone does not change what was written.
                _ = answer.send(outcome);
            });
            (keep, acknowledge)
        });
        enqueue(self.queue.as_ref(), job)?;
        result.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// One more, for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The last connection that closes writes the log back into the file, so the file alone is whole.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writing thread failed");
        }
    }
}

fn write_all(connection: &Connection, jobs: &Receiver<WriteJob>) {
    while let Ok(first) = jobs.recv() {
        let mut acknowledgements = Vec::new();
        let mut next = Some(first);
        let committed = (|next: &mut Option<WriteJob>| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            while let Some(job) = next.take() {
                connection.execute_batch("SAVEPOINT job")?;
                let (keep, acknowledge) = job(Some(connection));
                acknowledgements.push(acknowledge);
                let end = if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
                connection.execute_batch(end)?;
                *next = if acknowledgements.len() < GROUP { jobs.try_recv().ok() } else { None };
            }
            connection.execute_batch("COMMIT")
        })(&mut next);
        let outcome = committed.map_err(|error: rusqlite::Error| {
            tracing::error!(%error, "a commit failed");
            if !connection.is_autocommit() {
                _ = connection.execute_batch("ROLLBACK");
            }
            Arc::new(error)
        });
        // A transaction that could not begin has run nothing: whoever waits learns why.
        acknowledgements.extend(next.map(|job| job(None).1));
        for acknowledge in acknowledgements {
            acknowledge(outcome.clone());
        }
    }
}

/// Several connections that read.
pub struct Readers {
    queue: Option<SyncSender<ReadJob>>,
    threads: Vec<JoinHandle<()>>,
    /// Those at work.
    used: Arc<AtomicUsize>,
    /// Jobs that were not answered yet.
    waiting: Arc<AtomicUsize>,
}

impl Readers {
    pub fn start(connections: Vec<Connection>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel::<ReadJob>(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let used = Arc::<AtomicUsize>::default();
        let mut threads = Vec::new();
        for (i, mut connection) in connections.into_iter().enumerate() {
            let (jobs, used) = (jobs.clone(), used.clone());
            let builder = thread::Builder::new().name(format!("sqlite-reader-{i}"));
            threads.push(builder.spawn(move || {
                let asking = Asking::default();
                let watched = asking.clone();
                let gone =
                    move || watched.lock().unwrap_or_else(PoisonError::into_inner).load(Ordering::Relaxed);
                if let Err(error) = connection.progress_handler(LOOK_EVERY, Some(gone)) {
                    tracing::warn!(%error, "queries that nobody waits for any more will run to their end");
                }
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    let _at_work = Counted::new(&used);
                    job(&connection, &asking);
                }
            })?);
        }
        Ok(Self { queue: Some(queue), threads, used, waiting: Arc::default() })
    }

    /// How many jobs were not answered yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many of them are at work.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = oneshot::channel();
        let counted = Counted::new(&self.waiting);
        let waits = Gone::default();
        let asked = waits.0.clone();
        let job: ReadJob = Box::new(move |connection, asking| {
            let _waited_for = counted;
            // Whoever asked has gone: spare the work, or the rest of it.
            if !asked.load(Ordering::Relaxed) {
                *asking.lock().unwrap_or_else(PoisonError::into_inner) = asked;
                _ = answer.send(snapshot(connection, job));
                *asking.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
            }
        });
        enqueue(self.queue.as_ref(), job)?;
        result.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Tells, when dropped with the call, that nobody waits any more.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reading thread failed");
            }
        }
    }
}

/// Runs several queries on one state of the database.
fn snapshot<T>(connection: &Connection, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.execute_batch("BEGIN DEFERRED")?;
    let result = job(connection);
    if !connection.is_autocommit() {
        // A query that was interrupted leaves its transaction open; nothing is written, so either end is right.
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

fn enqueue<T>(queue: Option<&SyncSender<T>>, job: T) -> Result<()> {
    let queue = queue.ok_or_else(gone)?;
    queue.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) => StoreError::Busy,
        TrySendError::Disconnected(_) => gone(),
    })
}

fn gone() -> StoreError {
    StoreError::failed("the database thread has ended")
}
