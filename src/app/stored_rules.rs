//! Rule sets that were once in force: read again, and compiled again to compute what was scored by them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::{App, Error, Result};
use crate::rules::compile_kept;
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::storage::{StoreError, StoredRuleSet};

/// How many former sets stay compiled.
const COMPILED: usize = 4;

/// Former sets that were compiled lately, the newest first. One is compiled at a time.
pub struct FormerSets {
    compiled: Mutex<VecDeque<Arc<RuleSet>>>,
    /// Those that passed everything that a set must pass to come into force, the newest first.
    proven: Mutex<VecDeque<Arc<RuleSet>>>,
    compiling: Semaphore,
}

impl Default for FormerSets {
    fn default() -> Self {
        Self { compiled: Mutex::default(), proven: Mutex::default(), compiling: Semaphore::new(1) }
    }
}

impl FormerSets {
    fn get(&self, id: &str) -> Option<Arc<RuleSet>> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.iter().find(|set| set.id == id).cloned()
    }

    fn put(&self, set: Arc<RuleSet>) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.push_front(set);
        compiled.truncate(COMPILED);
    }
}

impl FormerSets {
    /// A set that passed everything lately, these tests among it.
    pub fn proven(&self, sources: &Sources) -> Option<Arc<RuleSet>> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.iter().find(|set| set.sources == *sources).cloned()
    }

    pub fn put_proven(&self, set: Arc<RuleSet>) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.push_front(set);
        proven.truncate(COMPILED);
    }
}

impl App {
    /// A set that was loaded at some time; the one in force if no id is given.
    pub async fn stored_rule_set(&self, id: Option<&str>) -> Result<(StoredRuleSet, Arc<RuleSet>)> {
        let current = self.rules.current();
        let id = match (id, &current) {
            (Some(id), _) => id.to_owned(),
            (None, Some(set)) => set.id.clone(),
            (None, None) => return Err(Error::NoRules),
        };
        let stored = self.store.rule_set(&id).await?;
        let set = match current {
            Some(set) if set.id == id => set,
            _ => self.compile_former(&stored).await?,
        };
        Ok((stored, set))
    }

    /// The set that was in force last, when there is none: so that scripts that were broken while nothing ran cost nobody
    /// the rules that were good.
    pub async fn former_rules(&self) -> Option<Arc<RuleSet>> {
        if self.rules.current().is_some() {
            return None;
        }
        let stored = self.store.last_rule_set().await.ok().flatten()?;
        self.compile_former(&stored).await.ok()
    }

    async fn compile_former(&self, stored: &StoredRuleSet) -> Result<Arc<RuleSet>> {
        if let Some(set) = self.former_sets.get(&stored.id) {
            return Ok(set);
        }
        let sets = self.former_sets.clone();
        let (id, files) = (stored.id.clone(), stored.files.clone());
        // Whoever asked may go away; what was begun is finished, and serves the next who asks.
        let compiled = tokio::spawn(async move {
            let _turn = sets.compiling.acquire().await;
            if let Some(set) = sets.get(&id) {
                return Some(set);
            }
            let sources = Sources::new(files);
            let compiled = tokio::task::spawn_blocking(move || compile_kept(sources)).await;
            let (set, _) = compiled.ok()?.ok()?;
            let set = Arc::new(set);
            sets.put(set.clone());
            Some(set)
        });
        compiled.await.ok().flatten().ok_or_else(|| {
            let message = format!("ruleSets/{} no longer compiles", stored.id);
            Error::Store(StoreError::failed(message))
        })
    }
}
