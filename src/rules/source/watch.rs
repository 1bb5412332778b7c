//! Watches a folder of scripts and hands over what stands there whenever it has changed and come to rest.
//!
//! The folder is watched, not its files: that survives rename-saves and the `..data` swap of a Kubernetes
//! ConfigMap. Every event only means "look again"; the folder is also looked at now and then, because
//! events overflow and network file systems send none.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::watch;

use crate::rules::diagnostics::Diagnostic;
use crate::rules::source::{Manifest, Sources, manifest};

/// How often the folder is looked at without an event.
const POLL: Duration = Duration::from_millis(250);
/// How often everything is read without any sign of a change: file systems keep times as coarse as a second or two,
/// and a file of the same size may have been written within one.
const REREAD: Duration = Duration::from_secs(2);
/// Of the watching thread's time, at most one part in this many goes to that.
const REREAD_SHARE: u32 = 50;
/// The same for reading at events, which may come without end.
const EVENT_SHARE: u32 = 10;
/// How long the folder must have been quiet.
const QUIET: Duration = Duration::from_millis(40);
/// How long a file that has become a beginning of what it was must rest: it may be half written, and half a script may
/// well be valid.
const HALF_WRITTEN: Duration = Duration::from_secs(3);
/// Of the watching thread's time, at most one part in this many goes to looking: the folder may hold much that is not ours.
const LOOK_SHARE: u32 = 20;
/// After how long without a sign of life the watching thread is given up and another begins.
const STUCK: Duration = Duration::from_secs(30);
/// How long to wait for quiet at most: a folder that never rests is read all the same.
const IMPATIENT: Duration = Duration::from_millis(500);

/// What a folder holds, or why it can't be read.
pub type Found = Result<Sources, Vec<Diagnostic>>;

/// What a folder held last; nothing before it was read for the first time.
pub type Latest = Option<Found>;

/// When the folder was last looked at, in microseconds since 1970; 0 before the first time.
pub type LastLook = Arc<AtomicI64>;

/// Starts to watch a folder, by events where `events` allows it. `found` gets its contents after every change, the
/// first time at once; what nobody has taken yet is replaced. The threads end when nobody listens any more.
pub fn watch(
    folder: PathBuf,
    events: bool,
    found: watch::Sender<Latest>,
    last_look: LastLook,
) -> std::io::Result<()> {
    let found = Arc::new(found);
    let mut turn = Turn::begin(&folder, events, &found, &last_look)?;
    // A file system that hangs, or a defect of ours, must not end the watching for good.
    thread::Builder::new().name("rules-watchdog".into()).spawn(move || {
        while !found.is_closed() {
            thread::sleep(POLL);
            if turn.is_alive() {
                continue;
            }
            tracing::error!(folder = %folder.display(), "the scripts were not looked at for {STUCK:?}: another thread begins");
            turn.over.store(true, Ordering::Relaxed);
            match Turn::begin(&folder, events, &found, &last_look) {
                Ok(next) => turn = next,
                Err(error) => tracing::error!(%error, "no thread can be started to watch the scripts"),
            }
        }
    })?;
    Ok(())
}

/// A thread that watches, until it is over.
struct Turn {
    over: Arc<AtomicBool>,
    /// How long after `begin` it last showed a sign of life, in milliseconds.
    alive: Arc<AtomicU64>,
    begin: Instant,
}

impl Turn {
    fn begin(
        folder: &Path,
        events: bool,
        found: &Arc<watch::Sender<Latest>>,
        last_look: &LastLook,
    ) -> std::io::Result<Self> {
        let turn = Self { over: Arc::default(), alive: Arc::default(), begin: Instant::now() };
        let life = Life { over: turn.over.clone(), alive: turn.alive.clone(), begin: turn.begin };
        let (folder, found, last_look) = (folder.to_owned(), found.clone(), last_look.clone());
        thread::Builder::new().name("rules-watch".into()).spawn(move || {
            let events = Events::new(events);
            Follower { events, folder, found, seen: None, last: None, last_look, life }.follow();
        })?;
        Ok(turn)
    }

    fn is_alive(&self) -> bool {
        let alive = Duration::from_millis(self.alive.load(Ordering::Relaxed));
        self.begin.elapsed().saturating_sub(alive) < STUCK
    }
}

/// What a watching thread knows of its turn.
struct Life {
    over: Arc<AtomicBool>,
    alive: Arc<AtomicU64>,
    begin: Instant,
}

impl Life {
    /// A sign of life; says whether to go on.
    fn goes_on(&self) -> bool {
        let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.alive.store(now, Ordering::Relaxed);
        !self.over.load(Ordering::Relaxed)
    }
}

/// Events by the operating system, if it sends any.
struct Events {
    wanted: bool,
    watcher: Option<notify::RecommendedWatcher>,
    events: Receiver<()>,
    wake: SyncSender<()>,
    /// The folder that is watched, by its device and number: another of the same name needs a watch of its own.
    watched: Option<(u64, u64)>,
}

impl Events {
    fn new(wanted: bool) -> Self {
        let (wake, events) = sync_channel(1);
        Self { wanted, watcher: None, events, wake, watched: None }
    }

    /// Watches the folder that bears the name now.
    fn renew(&mut self, folder: &Path) {
        let stands = std::fs::metadata(folder).ok().map(|meta| (meta.dev(), meta.ino()));
        if !self.wanted || stands == self.watched {
            return;
        }
        self.watched = stands;
        self.watcher = None;
        if stands.is_some() {
            match self.start(folder) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) => {
                    tracing::warn!(%error, "no file events; the scripts are looked at every {POLL:?}");
                }
            }
        }
    }

    fn start(&self, folder: &Path) -> notify::Result<notify::RecommendedWatcher> {
        let wake = self.wake.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| concerns_us(&event)) {
                _ = wake.try_send(());
            }
        })?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(watcher)
    }

    /// Waits for an event, but not for long; says whether there was one.
    fn wait(&self) -> bool {
        let woken = self.events.recv_timeout(POLL) != Err(RecvTimeoutError::Timeout);
        while self.events.try_recv().is_ok() {}
        woken
    }
}

struct Follower {
    folder: PathBuf,
    events: Events,
    found: Arc<watch::Sender<Latest>>,
    seen: Option<Manifest>,
    last: Latest,
    last_look: LastLook,
    life: Life,
}

/// Whether an event means: look again. Reading the folder causes access events, which would keep us awake for ever, and
/// what else is written beside scripts, such as a log, is not ours. That events were lost comes without a path.
fn concerns_us(event: &notify::Event) -> bool {
    let ours = |path: &PathBuf| path.extension().is_none_or(|ending| ending == "rhai" || ending == "toml");
    !event.kind.is_access() && (event.paths.is_empty() || event.paths.iter().any(ours))
}

impl Follower {
    fn follow(mut self) {
        // When to read without any sign of a change, and before when not to read again for mere events.
        let (mut reread, mut rest) = (Instant::now(), Instant::now());
        while !self.found.is_closed() && self.life.goes_on() {
            self.events.renew(&self.folder);
            let looked = Instant::now();
            let now = manifest(&self.folder);
            let rest_of_looking = (looked.elapsed() * LOOK_SHARE).min(REREAD).saturating_sub(POLL);
            if self.seen.as_ref() != Some(&now) || Instant::now() >= reread {
                let begin = Instant::now();
                let same = self.last.as_ref() == Some(&Sources::read(&self.folder));
                let took = begin.elapsed();
                // What was seen is never newer than what was read: a change between shows the next time.
                self.seen = Some(if same { now } else { self.hand_over() });
                reread = Instant::now() + REREAD.max(took * REREAD_SHARE);
                rest = Instant::now() + (took * EVENT_SHARE).min(POLL);
            }
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let micros = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
            self.last_look.store(micros, Ordering::Relaxed);
            thread::sleep(rest_of_looking);
            if self.events.wait() {
                thread::sleep(rest.saturating_duration_since(Instant::now()));
                // An event tells more than times and sizes do: read again, whatever they say.
                self.seen = None;
            }
        }
    }

    fn hand_over(&mut self) -> Manifest {
        let (mut seen, mut contents) = settle(&self.folder);
        let mut since = Instant::now();
        while self.half_written(&contents) && since.elapsed() < HALF_WRITTEN && self.life.goes_on() {
            thread::sleep(POLL);
            let now = settle(&self.folder);
            if now.1 != contents {
                since = Instant::now();
            }
            (seen, contents) = now;
        }
        if self.last.as_ref() != Some(&contents) {
            self.last = Some(contents.clone());
            self.found.send_replace(Some(contents));
        }
        seen
    }
}

impl Follower {
    /// Whether some file has become a beginning of what it was.
    fn half_written(&self, contents: &Found) -> bool {
        let (Some(Ok(before)), Ok(now)) = (&self.last, contents) else { return false };
        let shrunk = |(path, text): (&str, &str)| {
            before.get(path).is_some_and(|before| text.len() < before.len() && before.starts_with(text))
        };
        now.iter().any(shrunk)
    }
}

/// Waits until the folder rests, then reads it twice with the same result.
fn settle(folder: &Path) -> (Manifest, Found) {
    let begin = Instant::now();
    let mut before = (manifest(folder), Sources::read(folder));
    loop {
        thread::sleep(QUIET);
        let after = (manifest(folder), Sources::read(folder));
        if after == before || begin.elapsed() > IMPATIENT {
            return after;
        }
        before = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for the next thing that is found.
    async fn next(found: &mut watch::Receiver<Latest>) -> Sources {
        let changed = tokio::time::timeout(Duration::from_secs(10), found.changed());
        changed.await.expect("nothing was found").unwrap();
        found.borrow_and_update().clone().unwrap().unwrap()
    }

    /// Same size, same time, same file number: only the contents tell, and no event does.
    #[tokio::test]
    async fn a_change_that_no_time_or_size_tells_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rhai");
        let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        };
        write("one");
        let (sender, mut found) = watch::channel(None);
        watch(dir.path().to_owned(), false, sender, LastLook::default()).unwrap();
        assert_eq!(next(&mut found).await.get("a.rhai"), Some("one"));
        write("two");
        assert_eq!(next(&mut found).await.get("a.rhai"), Some("two"));
    }
}
