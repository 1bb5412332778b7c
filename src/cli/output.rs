//! Standard output that may end early: `assay … | head` is no failure.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Whether nobody reads on.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Whether nobody reads standard output any more.
pub fn ended() -> bool {
    ENDED.load(Ordering::Relaxed)
}

/// Writes to standard output. If nobody reads on, the program goes on to its exit code; if it can't be written, it
/// has failed.
pub fn write(text: Arguments) {
    if ended() {
        return;
    }
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            ENDED.store(true, Ordering::Relaxed);
            return;
        }
        eprintln!("error: standard output can't be written: {error}");
        std::process::exit(1);
    }
}

/// Standard output for those who write much: what nobody reads is dropped.
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if ended() { Ok(bytes.len()) } else { unless_ended(io::stdout().lock().write(bytes), bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if ended() { Ok(()) } else { unless_ended(io::stdout().lock().flush(), ()) }
    }
}

fn unless_ended<T>(written: io::Result<T>, dropped: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            ENDED.store(true, Ordering::Relaxed);
            Ok(dropped)
        }
        other => other,
    }
}

/// Like `print!`, for output that may end early.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::output::write(format_args!($($text)*)) };
}

/// Like `println!`, for output that may end early.
macro_rules! outln {
    () => { $crate::cli::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {out, outln};

/// A line on standard error that says what is done, where a person looks.
pub fn spinner() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(120));
    progress
}
