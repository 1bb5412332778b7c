//! How far a thread stands back when there is more to do than the machine can: short calls go first.

use std::panic::resume_unwind;

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nice {
    /// A little behind calls: it gets about a third of what each of them does.
    Behind,
    /// Behind calls: about a tenth of a processor is left for it.
    Back,
    /// Last of all: whatever the others leave, and at once taken away when they need it.
    Last,
}

impl Nice {
    /// Has the calling thread stand back for as long as it lives.
    pub fn apply(self) {
        // On Linux this is the thread's own; elsewhere it would be the whole process's.
        #[cfg(target_os = "linux")]
        if let Err(error) = self.try_apply() {
            tracing::debug!(?error, "a thread works at the usual priority");
        }
    }

    fn try_apply(self) -> Result<(), thread_priority::Error> {
        use thread_priority::{NormalThreadSchedulePolicy as Policy, ThreadPriority, ThreadSchedulePolicy};
        // Of a hundred, fifty are usual.
        let (policy, priority) = match self {
            Nice::Behind => (Policy::Other, 37_u8.try_into().map(ThreadPriority::Crossplatform)),
            Nice::Back => (Policy::Other, 25_u8.try_into().map(ThreadPriority::Crossplatform)),
            Nice::Last => (Policy::Idle, Ok(ThreadPriority::Min)),
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

/// Does work that takes milliseconds on a thread that stands back, while this one waits for it.
pub fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            Nice::Behind.apply();
            work()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The same on a thread of the async runtime: its other tasks go on elsewhere.
pub fn aside_of_tasks<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let runtime = tokio::runtime::Handle::try_current();
    match runtime.map(|runtime| runtime.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| aside(work)),
        _ => work(),
    }
}
