//! Compiling aside: on a thread of its own that stands back behind the calls.

use super::Compiled;
use crate::rules::diagnostic::{Code, Diagnostic};

/// How far the thread that compiles stands back when there is more to do than the machine can: calls go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nice {
    /// For a set that is to come into force: about a tenth of a processor is left for it.
    Reload,
    /// For somebody who only asks: whatever the others leave, and at once taken away when they need it.
    Check,
}

impl Nice {
    fn apply(self) -> Result<(), thread_priority::Error> {
        use thread_priority::{NormalThreadSchedulePolicy as Policy, ThreadPriority, ThreadSchedulePolicy};
        // Of a hundred, fifty are usual.
        let (policy, priority) = match self {
            Nice::Reload => (Policy::Other, 25_u8.try_into().map(ThreadPriority::Crossplatform)),
            Nice::Check => (Policy::Idle, Ok(ThreadPriority::Min)),
        };
        let priority = priority.unwrap_or(ThreadPriority::Min);
        let thread = thread_priority::thread_native_id();
        thread_priority::set_thread_priority_and_policy(
            thread,
            priority,
            ThreadSchedulePolicy::Normal(policy),
        )
    }
}

/// Works on a thread of its own: parsing recurses, a panic stays there, and calls go first.
pub fn aside(nice: Nice, work: impl FnOnce() -> Compiled + Send + 'static) -> Compiled {
    let builder = std::thread::Builder::new().name("rules-compile".into()).stack_size(16 << 20);
    let work = move || {
        // On Linux this is the thread's own; elsewhere it would be the whole process's.
        #[cfg(target_os = "linux")]
        if let Err(error) = nice.apply() {
            tracing::debug!(?error, "rules compile at the usual priority");
        }
        work()
    };
    let result = builder.spawn(work).map(|thread| thread.join());
    match result {
        Ok(Ok(compiled)) => compiled,
        Ok(Err(_panic)) => {
            let message = "the compiler failed on these scripts; this is a defect of the service";
            Err(vec![Diagnostic::of_file("", Code::Syntax, message)])
        }
        Err(error) => {
            let message = format!("no thread could be started to compile: {error}");
            Err(vec![Diagnostic::of_file("", Code::Unreadable, message)])
        }
    }
}
