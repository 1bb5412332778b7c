use async_trait::async_trait;
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::super::rows::{
    ADD_COUNT, COUNTS, Columns, LAST_LOADED, LAST_RULE_SET, LISTED_RULE_SET_COLUMNS, NEXT_RULE_CHANGE,
    admitted, last_rule_change, listed_rule_set, rule_change, rule_set,
};
use super::super::{
    Counts, ListedRuleSet, Receipt, Result, RuleChangeWanted, RuleSetStore, StoreError, StoredRuleSet, Window,
};
use super::{PostgresStore, run};
use crate::domain::rule_change::{RuleChange, RuleChangeKind};

/// Keeps a set; of one that is kept already, its tests.
async fn keep(transaction: &Transaction<'_>, set: &StoredRuleSet) -> Result<()> {
    let sql = "INSERT INTO rule_sets (id, create_time, files, number)
               VALUES ($1, $2, $3, (SELECT coalesce(max(number), 0) + 1 FROM rule_sets))
               ON CONFLICT (id) DO UPDATE SET files = excluded.files";
    let (time, files) = (set.create_time.to_string(), serde_json::to_string(&set.files)?);
    run(transaction, sql, &[&set.id, &time, &files]).await?;
    Ok(())
}

async fn first<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
    read: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<Option<T>> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.query_opt(&statement, params).await?.map(|row| read(&row)).transpose()
}

#[async_trait]
impl RuleSetStore for PostgresStore {
    async fn change_rules(
        &self,
        wanted: RuleChangeWanted,
        receipt: Option<Receipt<RuleChange>>,
    ) -> Result<RuleChange> {
        self.write(receipt, async move |transaction: &mut Transaction<'_>| {
            // One at a time over all replicas: both logs are numbered without gaps, and what was active stays so meanwhile.
            run(transaction, "LOCK TABLE rule_changes IN EXCLUSIVE MODE", &[]).await?;
            if let Some(set) = &wanted.set {
                keep(transaction, set).await?;
            }
            let number =
                first(transaction, NEXT_RULE_CHANGE, &[], |row| row.some_integer(0)).await?.unwrap_or(1);
            let active = last_rule_change(&RuleChangeKind::ACTIVATIONS);
            let active = first(transaction, &active, &[], rule_change).await?;
            let loaded = first(transaction, LAST_LOADED, &[&wanted.change.replica], rule_change).await?;
            let change = admitted(wanted, active, number)?;
            let (id, kind, time) = (&change.rule_set, change.kind, change.time.micros());
            if kind.is_activation() || kind == RuleChangeKind::Loaded {
                let sql = "UPDATE rule_sets SET in_force_micros = $2 WHERE id = $1";
                run(transaction, sql, &[id, &time]).await?;
            }
            match loaded {
                Some(loaded) if kind == RuleChangeKind::Loaded && loaded.rule_set == *id => Ok(loaded),
                _ => {
                    let sql = "INSERT INTO rule_changes (number, kind, rule_set, replica, body)
                               VALUES ($1, $2, $3, $4, $5)";
                    let body = serde_json::to_string(&change)?;
                    run(transaction, sql, &[&number, &kind.as_str(), id, &change.replica, &body]).await?;
                    Ok(change)
                }
            }
        })
        .await
    }

    async fn rule_changes(&self, Window { after, limit }: Window) -> Result<Vec<RuleChange>> {
        let sql = "SELECT number, body FROM rule_changes WHERE number < $1 ORDER BY number DESC LIMIT $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.all(sql, &[&after.unwrap_or(i64::MAX), &limit]).await?;
        rows.iter().map(|row| rule_change(row)).collect()
    }

    async fn last_rule_change(&self, kinds: &'static [RuleChangeKind]) -> Result<Option<RuleChange>> {
        self.one(&last_rule_change(kinds), &[]).await?.map(|row| rule_change(&row)).transpose()
    }

    async fn add_counts(&self, subject: &str, counts: Counts) -> Result<()> {
        self.write(None, async |transaction: &mut Transaction<'_>| {
            // In the order of their names, so that two who add don't wait for each other.
            for (name, count) in &counts {
                run(transaction, ADD_COUNT, &[&subject, name, count]).await?;
            }
            Ok(())
        })
        .await
    }

    async fn counts(&self, subject: &str) -> Result<Counts> {
        let rows = self.all(COUNTS, &[&subject]).await?;
        let read = |row: &dyn Columns| Ok((row.some_text(0)?.to_owned(), row.some_integer(1)?));
        rows.iter().map(|row| read(row)).collect()
    }

    async fn is_accepted(&self, id: &str) -> Result<bool> {
        let sql = "SELECT number FROM rule_changes WHERE kind = 'accepted' AND rule_set = $1 LIMIT 1";
        Ok(self.one(sql, &[&id]).await?.is_some())
    }

    async fn rule_set(&self, id: &str) -> Result<StoredRuleSet> {
        let sql = "SELECT id, create_time, files FROM rule_sets WHERE id = $1";
        let row = self.one(sql, &[&id]).await?;
        rule_set(&row.ok_or_else(|| StoreError::NotFound(format!("ruleSets/{id}")))?)
    }

    async fn last_rule_set(&self) -> Result<Option<StoredRuleSet>> {
        self.one(LAST_RULE_SET, &[]).await?.map(|row| rule_set(&row)).transpose()
    }

    async fn rule_sets(&self, Window { after, limit }: Window) -> Result<Vec<ListedRuleSet>> {
        let sql = format!(
            "SELECT {LISTED_RULE_SET_COLUMNS} FROM rule_sets WHERE number < $1 ORDER BY number DESC LIMIT $2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.all(&sql, &[&after.unwrap_or(i64::MAX), &limit]).await?;
        rows.iter().map(|row| listed_rule_set(row)).collect()
    }
}
