//! What every stored resource has: a revision, times and an etag.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::hex;
use super::time::Time;

/// Who makes a change, and why, as far as the caller says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Change {
    /// Whether nothing is said.
    pub fn is_untold(&self) -> bool {
        self.author.is_empty() && self.reason.is_empty()
    }
}

/// A change at a time: what makes a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub time: Time,
    pub change: Change,
}

impl From<Time> for Stamp {
    fn from(time: Time) -> Self {
        Self { time, change: Change::default() }
    }
}

/// The version of a stored resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Version {
    /// Counts the writes, from 1; 0 before the first.
    pub revision: i64,
    pub create_time: Time,
    pub update_time: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_time: Option<Time>,
    /// Who made this revision, and why.
    #[serde(default, skip_serializing_if = "Change::is_untold")]
    pub change: Change,
}

impl Version {
    /// The version of a resource created so.
    pub fn first(stamp: impl Into<Stamp>) -> Self {
        let Stamp { time, change } = stamp.into();
        Self { revision: 1, create_time: time, update_time: time, delete_time: None, change }
    }

    /// The version after a write. Time never runs backwards within a resource.
    pub fn next(&self, stamp: impl Into<Stamp>) -> Self {
        let Stamp { time, change } = stamp.into();
        let update_time = time.max(self.update_time);
        let Self { revision, create_time, delete_time, .. } = *self;
        Self { revision: revision + 1, create_time, update_time, delete_time, change }
    }

    /// The version of a deleted resource after its deletion is taken back.
    pub fn restored(&self, stamp: impl Into<Stamp>) -> Self {
        Self { delete_time: None, ..self.next(stamp) }
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
