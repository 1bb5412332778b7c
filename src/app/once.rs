//! Mutations that a caller may repeat: the answer is kept with the write, and a repetition gets it again.

use std::sync::Arc;

use super::{App, Result};
use crate::domain::time::Time;
use crate::domain::version::{Change, Stamp};
use crate::storage::{Answer, Receipt, RequestKey};

/// How the outcome of a mutation is answered, and under which request that is kept, if the caller gave it an id.
pub struct Once<T> {
    kept: Option<(RequestKey, Encode<T>)>,
    change: Change,
}

type Encode<T> = Arc<dyn Fn(&T) -> Answer + Send + Sync>;

impl<T: 'static> Once<T> {
    /// A mutation whose answer is not kept.
    pub fn unkept() -> Self {
        Self { kept: None, change: Change::default() }
    }

    pub fn kept(key: RequestKey, answer: impl Fn(&T) -> Answer + Send + Sync + 'static) -> Self {
        Self { kept: Some((key, Arc::new(answer))), change: Change::default() }
    }

    /// The same for a change by somebody.
    pub fn by(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// What the revision is marked with that the mutation makes at a time.
    pub fn stamp(&self, time: Time) -> Stamp {
        Stamp { time, change: self.change.clone() }
    }

    /// The receipt for a write whose outcome is known before it.
    pub fn of(&self, outcome: &T) -> Option<Receipt<()>> {
        let (key, answer) = self.kept.as_ref()?;
        let answer = answer(outcome);
        Some(Receipt { key: key.clone(), answer: Box::new(move |()| answer) })
    }

    /// The receipt for a write of which the store decides the outcome.
    pub fn after<S>(&self, outcome: impl FnOnce(&S) -> T + Send + 'static) -> Option<Receipt<S>> {
        let (key, answer) = self.kept.clone()?;
        Some(Receipt { key, answer: Box::new(move |decided| answer(&outcome(decided))) })
    }
}

impl App {
    /// What a request was answered with, if it was.
    pub async fn answer(&self, key: &RequestKey) -> Result<Option<Vec<u8>>> {
        Ok(self.store.answer(key).await?)
    }
}
