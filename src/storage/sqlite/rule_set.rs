use async_trait::async_trait;
use rusqlite::params;

use super::super::{Result, RuleSetStore, StoreError, StoredRuleSet};
use super::{SqliteStore, execute, first};

#[async_trait]
impl RuleSetStore for SqliteStore {
    async fn keep_rule_set(&self, set: StoredRuleSet) -> Result<()> {
        self.write(None, move |db| {
            let sql = "INSERT INTO rule_sets (id, create_time, files) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
            let files = serde_json::to_string(&set.files)?;
            execute(db, sql, params![set.id, set.create_time.to_string(), files])?;
            Ok(())
        })
        .await
    }

    async fn rule_set(&self, id: &str) -> Result<StoredRuleSet> {
        let id = id.to_owned();
        self.read(move |db| {
            let sql = "SELECT create_time, files FROM rule_sets WHERE id = ?1";
            let found = first(db, sql, [&id], |row| {
                let create_time = row.some_text(0)?.parse().map_err(StoreError::failed)?;
                Ok((create_time, serde_json::from_str(row.some_text(1)?)?))
            })?;
            let (create_time, files) = found.ok_or_else(|| StoreError::NotFound(format!("ruleSets/{id}")))?;
            Ok(StoredRuleSet { id, create_time, files })
        })
        .await
    }
}
