//! How far a thread stands back when there is more to do than the machine can: short calls go first.

use std::panic::resume_unwind;

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nice {
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
            Nice::Back => (Policy::Other, 25_u8.try_into().map(ThreadPriority::Crossplatform)),
            Nice::Last => (Policy::Idle, Ok(ThreadPriority::Min)),
        };
        let priority = priority.unwrap_or(ThreadPriority::Min);
        let thread = thread_priority::thread_native_id();
        let policy = ThreadSchedulePolicy::Normal(policy);
        thread_priority::set_thread_priority_and_policy(thread, priority, policy)?;
        #[cfg(target_os = "linux")]
        if self == Nice::Back {
            take_long_slices();
        }
        Ok(())
    }
}

/// Asks for the longest slices of time. A thread that wakes takes the processor at once from one whose slice is longer than
/// its own; from one with slices as long it takes it only at a slice's end, after some milliseconds, however far that one
/// stands back. Kernels before 6.12 know no such wish and pass over it.
#[cfg(target_os = "linux")]
fn take_long_slices() {
    /// `struct sched_attr` of the kernel, in its first version.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        slice: u64,
        deadline: u64,
        period: u64,
    }
    const LONGEST: u64 = 100_000_000;
    let size = size_of::<Attributes>() as u32;
    let mut attributes = Attributes::default();
    #[expect(unsafe_code, reason = "no library offers these two calls of the system")]
    // SAFETY: both calls are about this thread, and are told the size of what the pointer leads to.
    let failed = unsafe {
        let failed = libc::syscall(libc::SYS_sched_getattr, 0, &mut attributes, size, 0);
        (attributes.size, attributes.slice) = (size, LONGEST);
        if failed == 0 { libc::syscall(libc::SYS_sched_setattr, 0, &attributes, 0) } else { failed }
    };
    if failed != 0 {
        tracing::debug!("a thread has slices of the usual length");
    }
}

/// Does work that takes milliseconds on a thread that stands back, while this one waits for it.
pub fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            Nice::Back.apply();
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
