//! The threads that touch the database: one writes, several read. Nothing blocks the async runtime.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::super::{Result, StoreError};
use super::scrub::Pass;
use crate::priority::Nice;

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
    /// Whether something was erased of which copies may still stand in the files.
    erased: Arc<AtomicBool>,
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
    /// `log` is the log's file; `lists_rest` asks the readers of lists to rest while it is cut off.
    pub fn start(connection: Connection, log: PathBuf, lists_rest: Arc<AtomicBool>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("sqlite-writer".into());
        // A pass that the end of an earlier process cut off is made up for.
        let erased = Arc::new(AtomicBool::new(true));
        let upkeep = Upkeep {
            erased: erased.clone(),
            pass: None,
            log,
            log_holds_erased: false,
            lists_rest,
            log_due_since: None,
        };
        let thread = thread.spawn(move || write_all(&connection, &jobs, upkeep))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), waiting: Arc::default(), erased })
    }

    /// How many jobs were not acknowledged yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// To be set by a job that erases: after it, what is left of it in the file is overwritten, and then the log is cut
    /// off as soon as nobody reads from it.
    pub fn erased(&self) -> Arc<AtomicBool> {
        self.erased.clone()
    }

    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = oneshot::channel();
        let counted = Counted::new(&self.waiting);
        let job: WriteJob = Box::new(move |connection| {
            let outcome = connection.map(|connection| unharmed(|| job(connection)));
            let keep = matches!(outcome, Some(Ok(_)));
            let acknowledge: Acknowledge = Box::new(move |commit| {
                let outcome = match (commit, outcome) {
                    (Ok(()), Some(outcome)) => outcome,
                    (Err(_), Some(Err(own))) if own.is_passing() => Err(own),
                    // What it met may have been written by others of the same commit, and is gone with it.
                    (Err(error), _) => Err(failed(error)),
                    (Ok(()), None) => Err(gone()),
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

/// Runs a job whose panic is its own: the thread goes on for all others.
fn unharmed<T>(job: impl FnOnce() -> Result<T>) -> Result<T> {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(job));
    outcome.unwrap_or_else(|_| Err(StoreError::failed("the job panicked; this is a defect of the service")))
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

/// How long to wait for readers before the log is tried to be cut off again.
const CUT_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait after an error before what was erased is looked for again.
const SCRUB_AGAIN: Duration = Duration::from_secs(60);

/// How large the log may grow before it is cut off. SQLite begins it anew by itself only at a moment when nobody reads.
const LOG_BYTES: u64 = 64 << 20;
/// How long readers of lists are not asked to rest for that.
const LISTS_GO_ON: Duration = Duration::from_secs(1);

/// What the writer does beside its jobs: it overwrites what was erased, and cuts off the log.
struct Upkeep {
    erased: Arc<AtomicBool>,
    pass: Option<Pass>,
    log: PathBuf,
    log_holds_erased: bool,
    lists_rest: Arc<AtomicBool>,
    log_due_since: Option<Instant>,
}

impl Upkeep {
    /// Does a little of what there is to do. Gives how long to wait for a job before there is more to do.
    fn tend(&mut self, connection: &Connection) -> Duration {
        let scrub_again = self.scrub(connection);
        let cut_again = self.tend_log(connection);
        scrub_again.min(cut_again)
    }

    fn scrub(&mut self, connection: &Connection) -> Duration {
        // A pass that is under way has perhaps been where something is erased now: another one follows.
        if self.pass.is_none() && self.erased.swap(false, Ordering::Relaxed) {
            self.pass = Some(Pass::begin());
        }
        let Some(pass) = &mut self.pass else { return Duration::MAX };
        match pass.advance(connection) {
            Ok(Some(wait)) => wait,
            Ok(None) => {
                self.pass = None;
                self.log_holds_erased = true;
                // Perhaps there is another one to begin.
                if self.erased.load(Ordering::Relaxed) { Duration::ZERO } else { Duration::MAX }
            }
            Err(error) => {
                tracing::warn!(%error, "what was erased can't be overwritten yet");
                pass.rest(SCRUB_AGAIN);
                SCRUB_AGAIN
            }
        }
    }

    /// Cuts the log off if it has to be: what was erased still stands in it, and what is large takes the disk. One list
    /// after the other could keep that from ever happening; so, after a while, new ones wait.
    fn tend_log(&mut self, connection: &Connection) -> Duration {
        let large = || std::fs::metadata(&self.log).is_ok_and(|meta| meta.len() > LOG_BYTES);
        if !self.log_holds_erased && !large() {
            self.log_due_since = None;
        } else if cut_log(connection) {
            self.log_holds_erased = false;
            self.log_due_since = None;
        } else {
            self.log_due_since.get_or_insert_with(Instant::now);
        }
        let rest = self.log_due_since.is_some_and(|since| since.elapsed() > LISTS_GO_ON);
        self.lists_rest.store(rest, Ordering::Relaxed);
        if self.log_due_since.is_some() { CUT_AGAIN } else { Duration::MAX }
    }
}

fn write_all(connection: &Connection, jobs: &Receiver<WriteJob>, mut upkeep: Upkeep) {
    loop {
        let first = match jobs.recv_timeout(upkeep.tend(connection)) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut acknowledgements = Vec::new();
        let mut next = Some(first);
        let committed = (|next: &mut Option<WriteJob>| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            while next.is_some() {
                connection.execute_batch("SAVEPOINT job")?;
                let Some(job) = next.take() else { break };
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
        // What could not begin has run nothing: whoever waits learns why.
        acknowledgements.extend(next.map(|job| job(None).1));
        for acknowledge in acknowledgements {
            acknowledge(outcome.clone());
        }
    }
}

/// Writes the log into the file and cuts it off; not while somebody reads from it.
fn cut_log(connection: &Connection) -> bool {
    let usual = connection.busy_timeout(Duration::ZERO);
    let busy: rusqlite::Result<i64> =
        usual.and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)));
    _ = connection.busy_timeout(super::BUSY_TIMEOUT);
    match busy {
        Ok(busy) => busy == 0,
        Err(error) => {
            tracing::warn!(%error, "the log can't be cut off");
            false
        }
    }
}

/// How often a reader that rests looks whether to go on.
const REST_LOOK: Duration = Duration::from_millis(5);

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
    /// New jobs wait while `rest` is set.
    pub fn start(
        name: &str,
        connections: Vec<Connection>,
        rest: Arc<AtomicBool>,
        nice: Option<Nice>,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel::<ReadJob>(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let used = Arc::<AtomicUsize>::default();
        let mut threads = Vec::new();
        for (i, mut connection) in connections.into_iter().enumerate() {
            let (jobs, used, rest) = (jobs.clone(), used.clone(), rest.clone());
            let builder = thread::Builder::new().name(format!("sqlite-{name}-{i}"));
            threads.push(builder.spawn(move || {
                if let Some(nice) = nice {
                    nice.apply();
                }
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
                    while rest.load(Ordering::Relaxed) {
                        thread::sleep(REST_LOOK);
                    }
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
    let result = unharmed(|| job(connection));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "PRAGMA foreign_keys = ON; CREATE TABLE a (id INTEGER PRIMARY KEY);
                   CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)";
        connection.execute_batch(sql).unwrap();
        Writer::start(connection, "no-log".into(), Arc::default()).unwrap()
    }

    fn count(connection: &Connection) -> Result<i64> {
        Ok(connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?)
    }

    /// Has jobs wait together, so that they share a commit.
    async fn together<T>(writer: &Writer, jobs: impl Future<Output = T>) -> T {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = writer.run(move |_| {
            _ = wait.recv();
            Ok(())
        });
        let release = async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            go.send(()).unwrap();
        };
        let (first, jobs, ()) = tokio::join!(first, jobs, release);
        _ = first;
        jobs
    }

    #[tokio::test]
    async fn whoever_saw_what_a_failed_commit_wrote_is_told_of_the_failure() {
        let writer = writer();
        let insert = writer.run(|db| Ok(db.execute("INSERT INTO a VALUES (1)", [])?));
        let taken = writer.run(|db| match count(db)? {
            0 => Ok(()),
            _ => Err(StoreError::AlreadyExists("1".into())),
        });
        let dangling = writer.run(|db| Ok(db.execute("INSERT INTO b VALUES (9)", [])?));
        let (insert, taken, dangling) =
            together(&writer, async { tokio::join!(insert, taken, dangling) }).await;
        assert!(matches!(insert, Err(StoreError::Failed(_))), "{insert:?}");
        assert!(matches!(taken, Err(StoreError::Failed(_))), "{taken:?}");
        assert!(matches!(dangling, Err(StoreError::Failed(_))), "{dangling:?}");
        assert_eq!(writer.run(count).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_harms_no_other() {
        let writer = writer();
        let insert = writer.run(|db| Ok(db.execute("INSERT INTO a VALUES (1)", [])?));
        let panics = writer.run(|db| {
            db.execute("INSERT INTO a VALUES (2)", [])?;
            if count(db)? == 2 { panic!("as a test") } else { Ok(()) }
        });
        let (insert, panics) = together(&writer, async { tokio::join!(insert, panics) }).await;
        assert_eq!(insert.unwrap(), 1);
        assert!(matches!(panics, Err(StoreError::Failed(_))), "{panics:?}");
        assert_eq!(writer.run(count).await.unwrap(), 1);
    }
}
