use async_trait::async_trait;
use rusqlite::params;

use super::super::rows::{LAST_RULE_SET, rule_set};
use super::super::{Result, RuleSetStore, StoreError, StoredRuleSet};
use super::{SqliteStore, execute, first};

#[async_trait]
impl RuleSetStore for SqliteStore {
    async fn keep_rule_set(&self, set: StoredRuleSet) -> Result<()> {
        self.write(None, move |db| {
            let sql =
                "INSERT INTO rule_sets (id, create_time, files, in_force_micros) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (id) DO UPDATE SET in_force_micros = excluded.in_force_micros";
            let files = serde_json::to_string(&set.files)?;
            execute(db, sql, params![set.id, set.create_time.to_string(), files, set.create_time.micros()])?;
            Ok(())
        })
        .await
    }

    async fn rule_set(&self, id: &str) -> Result<StoredRuleSet> {
        let id = id.to_owned();
        self.read(move |db| {
            let sql = "SELECT id, create_time, files FROM rule_sets WHERE id = ?1";
            first(db, sql, [&id], rule_set)?.ok_or_else(|| StoreError::NotFound(format!("ruleSets/{id}")))
        })
        .await
    }

    async fn last_rule_set(&self) -> Result<Option<StoredRuleSet>> {
        self.read(|db| first(db, LAST_RULE_SET, [], rule_set)).await
    }
}
