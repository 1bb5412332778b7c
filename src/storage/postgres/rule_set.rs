use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::super::rows::{LAST_RULE_SET, rule_set};
use super::super::{Result, RuleSetStore, StoreError, StoredRuleSet};
use super::{PostgresStore, run};

#[async_trait]
impl RuleSetStore for PostgresStore {
    async fn keep_rule_set(&self, set: StoredRuleSet) -> Result<()> {
        let sql = "INSERT INTO rule_sets (id, create_time, files, in_force_micros) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (id) DO UPDATE SET in_force_micros = excluded.in_force_micros";
        let files = serde_json::to_string(&set.files)?;
        self.write(None, async |transaction: &mut Transaction<'_>| {
            let (time, micros) = (set.create_time.to_string(), set.create_time.micros());
            run(transaction, sql, &[&set.id, &time, &files, &micros]).await?;
            Ok(())
        })
        .await
    }

    async fn rule_set(&self, id: &str) -> Result<StoredRuleSet> {
        let sql = "SELECT id, create_time, files FROM rule_sets WHERE id = $1";
        let row = self.one(sql, &[&id]).await?;
        rule_set(&row.ok_or_else(|| StoreError::NotFound(format!("ruleSets/{id}")))?)
    }

    async fn last_rule_set(&self) -> Result<Option<StoredRuleSet>> {
        self.one(LAST_RULE_SET, &[]).await?.map(|row| rule_set(&row)).transpose()
    }
}
