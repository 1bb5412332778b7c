//! Parts of a script that a test may reach or not: sides of `and` and `or`, and the ways of `if` and `switch`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::domain::score::Position;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BranchKind {
    /// A side of `and` or `or`: it holds or not.
    Side,
    /// A way of `if` or `switch`: it is gone or not.
    Way,
}

/// A part that is watched, in a script that was compiled for it.
#[derive(Debug)]
pub struct Branch {
    pub kind: BranchKind,
    pub position: Position,
    /// As the script writes it, its beginning if it is long.
    pub written: Arc<str>,
    /// How many bytes all of it takes.
    pub length: usize,
    seen: [AtomicUsize; 3],
}

/// What a part came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchSeen {
    /// The side held; the way was gone.
    Held,
    Unknown,
    /// The side did not hold.
    Failed,
}

impl Branch {
    pub fn new(kind: BranchKind, position: Position, written: &str, length: usize) -> Self {
        Self { kind, position, written: written.into(), length, seen: Default::default() }
    }

    pub fn see(&self, seen: BranchSeen) {
        self.seen[seen as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often it came to something so far.
    pub fn count(&self, seen: BranchSeen) -> usize {
        self.seen[seen as usize].load(Ordering::Relaxed)
    }
}
