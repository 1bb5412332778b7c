//! Watches a folder of scripts and hands over what stands there whenever it has changed and come to rest.
//!
//! The folder is watched, not its files: that survives rename-saves and the `..data` swap of a Kubernetes
//! ConfigMap. Every event only means "look again"; the folder is also looked at now and then, because
//! events overflow and network file systems send none.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::diagnostic::Diagnostic;
use super::source::{Sources, manifest};

/// How often the folder is looked at without an event.
const POLL: Duration = Duration::from_millis(250);
/// How long the folder must have been quiet.
const QUIET: Duration = Duration::from_millis(40);
/// How long to wait for quiet at most: a folder that never rests is read all the same.
const IMPATIENT: Duration = Duration::from_millis(500);

/// What a folder holds, or why it can't be read.
pub type Found = Result<Sources, Vec<Diagnostic>>;

/// Starts to watch a folder. `found` gets its contents after every change, the first time at once.
/// The thread ends when nobody listens any more.
pub fn watch(folder: PathBuf, found: mpsc::Sender<Found>) -> std::io::Result<()> {
    let (events_in, events) = sync_channel(1);
    thread::Builder::new().name("rules-watch".into()).spawn(move || {
        let _watcher = start_watcher(&folder, events_in);
        follow(&folder, &events, &found);
    })?;
    Ok(())
}

/// Events by the operating system, if it sends any.
fn start_watcher(folder: &Path, events: SyncSender<()>) -> Option<notify::RecommendedWatcher> {
    let started = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the folder causes access events; they would keep us awake for ever.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            _ = events.try_send(());
        }
    })
    .and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    started
        .map_err(|error| tracing::warn!(%error, "no file events; the scripts are looked at every {POLL:?}"))
        .ok()
}

fn follow(folder: &Path, events: &Receiver<()>, found: &mpsc::Sender<Found>) {
    let mut seen = None;
    let mut last: Option<Found> = None;
    while !found.is_closed() {
        let now = manifest(folder);
        if seen.as_ref() != Some(&now) {
            let (settled, contents) = settle(folder);
            seen = Some(settled);
            if last.as_ref() != Some(&contents) {
                last = Some(contents.clone());
                if found.blocking_send(contents).is_err() {
                    return;
                }
            }
        }
        match events.recv_timeout(POLL) {
            // An event tells more than times and sizes do: read again, whatever they say.
            Ok(()) => {
                drain(events);
                seen = None;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Without a watcher there are no events: look at the folder by the clock.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL),
        }
    }
}

fn drain(events: &Receiver<()>) {
    while events.try_recv().is_ok() {}
}

type Manifest = Vec<(String, u64, Option<std::time::SystemTime>, u64)>;

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
