//! So much of something for all callers together, of which each connection may hold a part; and what happens when it runs
//! short: whoever is stuck gives back what he holds, and the others wait for that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// So much of something, shared by all connections. Each may hold a part of it.
pub struct Pool {
    all: Arc<Semaphore>,
    most: usize,
    share: usize,
    shortage: Shortage,
}

impl Pool {
    pub fn new(most: usize, share: usize) -> Self {
        let shortage = Shortage::default();
        Self { all: Arc::new(Semaphore::new(most)), most, share: share.clamp(1, most), shortage }
    }

    pub fn share(&self) -> Share {
        let own = Arc::new(Semaphore::new(self.share));
        Share { own, all: self.all.clone(), shortage: self.shortage.clone() }
    }

    /// How much of it is held.
    pub fn held(&self) -> usize {
        self.most - self.all.available_permits()
    }
}

/// What one connection may hold of a pool.
pub struct Share {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
    shortage: Shortage,
}

/// A part of a pool that is held until it is dropped.
pub struct Taken {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Share {
    pub fn try_take(&self, amount: usize) -> Option<Taken> {
        let amount = u32::try_from(amount).ok()?;
        let own = self.own.clone().try_acquire_many_owned(amount).ok()?;
        Some(Taken { own, all: self.all.clone().try_acquire_many_owned(amount).ok()? })
    }

    /// Takes the amount; if there is not as much, waits for it, and lets whoever is stuck know.
    pub async fn take(&self, amount: usize, patience: Duration) -> Option<Taken> {
        if let Some(taken) = self.try_take(amount) {
            return Some(taken);
        }
        let amount = u32::try_from(amount).ok()?;
        let taking = async {
            // A connection that has all of its own share makes nobody else hurry.
            let own = self.own.clone().acquire_many_owned(amount).await.ok()?;
            let all = match self.all.clone().try_acquire_many_owned(amount) {
                Ok(all) => all,
                Err(_) => {
                    self.shortage.declare();
                    self.all.clone().acquire_many_owned(amount).await.ok()?
                }
            };
            Some(Taken { own, all })
        };
        tokio::time::timeout(patience, taking).await.ok().flatten()
    }

    /// Is cancelled when the pool runs short the next time.
    pub fn shortage(&self) -> CancellationToken {
        self.shortage.next()
    }
}

impl Taken {
    pub fn add(&mut self, more: Taken) {
        self.own.merge(more.own);
        self.all.merge(more.all);
    }
}

/// Tells those who hold something that others wait for it.
#[derive(Clone, Default)]
struct Shortage(Arc<Mutex<CancellationToken>>);

impl Shortage {
    fn next(&self) -> CancellationToken {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn declare(&self) {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *token).cancel();
    }
}
