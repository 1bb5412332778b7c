//! What every stored resource has: a revision, times and an etag.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::hex;
use super::time::Time;

/// The version of a stored resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Version {
    /// Counts the writes, from 1; 0 before the first.
    pub revision: i64,
    pub create_time: Time,
    pub update_time: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_time: Option<Time>,
}

impl Version {
    /// The version of a resource created at `now`.
    pub fn first(now: Time) -> Self {
        Self { revision: 1, create_time: now, update_time: now, delete_time: None }
    }

    /// The version after a write at `now`. Time never runs backwards within a resource.
    pub fn next(self, now: Time) -> Self {
        Self { revision: self.revision + 1, update_time: now.max(self.update_time), ..self }
    }

    /// The version of a deleted resource after its deletion is taken back at `now`.
    pub fn restored(self, now: Time) -> Self {
        Self { delete_time: None, ..self.next(now) }
    }

    /// Opaque, and different for every revision, also of a resource that was deleted and made anew.
    pub fn etag(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.revision.to_be_bytes());
        hash.update(self.create_time.micros().to_be_bytes());
        hash.update(self.update_time.micros().to_be_bytes());
        let digest = hash.finalize();
        hex(&digest[..8])
    }

    /// Whether an etag sent by a caller allows a write: it is empty or current.
    pub fn admits(&self, etag: &str) -> bool {
        etag.is_empty() || etag == self.etag()
    }
}
