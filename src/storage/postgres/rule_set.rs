use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::super::{Result, RuleSetStore, StoreError, StoredRuleSet};
use super::{PostgresStore, run};

#[async_trait]
impl RuleSetStore for PostgresStore {
    async fn keep_rule_set(&self, set: StoredRuleSet) -> Result<()> {
        let sql =
            "INSERT INTO rule_sets (id, create_time, files) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
        let files = serde_json::to_string(&set.files)?;
        self.write(None, async |transaction: &mut Transaction<'_>| {
            run(transaction, sql, &[&set.id, &set.create_time.to_string(), &files]).await?;
            Ok(())
        })
        .await
    }

    async fn rule_set(&self, id: &str) -> Result<StoredRuleSet> {
        let sql = "SELECT create_time, files FROM rule_sets WHERE id = $1";
        let row = self.one(sql, &[&id]).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("ruleSets/{id}")))?;
        let time: &str = row.try_get(0)?;
        let create_time = time.parse().map_err(StoreError::failed)?;
        Ok(StoredRuleSet { id: id.to_owned(), create_time, files: serde_json::from_str(row.try_get(1)?)? })
    }
}
