use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::rows::{
    ADD_COUNT, COUNTS, Columns, LAST_LOADED, LAST_RULE_SET, LISTED_RULE_SET_COLUMNS, NEXT_RULE_CHANGE,
    admitted, last_rule_change, listed_rule_set, rule_change, rule_set,
};
use super::super::{
    Counts, ListedRuleSet, Receipt, Result, RuleChangeWanted, RuleSetStore, StoreError, StoredRuleSet, Window,
};
use super::{SqliteStore, collect, execute, first};
use crate::domain::rule_change::{RuleChange, RuleChangeKind};

/// Keeps a set; of one that is kept already, its tests.
fn keep(db: &Connection, set: &StoredRuleSet) -> Result<()> {
    let sql = "INSERT INTO rule_sets (id, create_time, files, number)
               VALUES (?1, ?2, ?3, (SELECT coalesce(max(number), 0) + 1 FROM rule_sets))
               ON CONFLICT (id) DO UPDATE SET files = excluded.files";
    execute(db, sql, params![set.id, set.create_time.to_string(), serde_json::to_string(&set.files)?])?;
    Ok(())
}

#[async_trait]
impl RuleSetStore for SqliteStore {
    async fn change_rules(
        &self,
        wanted: RuleChangeWanted,
        receipt: Option<Receipt<RuleChange>>,
    ) -> Result<RuleChange> {
        self.write(receipt, move |db| {
            if let Some(set) = &wanted.set {
                keep(db, set)?;
            }
            let number = first(db, NEXT_RULE_CHANGE, [], |row| row.some_integer(0))?.unwrap_or(1);
            let active = first(db, &last_rule_change(&RuleChangeKind::ACTIVATIONS), [], rule_change)?;
            let loaded = first(db, LAST_LOADED, [&wanted.change.replica], rule_change)?;
            let change = admitted(wanted, active, number)?;
            let (id, kind, time) = (&change.rule_set, change.kind, change.time.micros());
            if kind.is_activation() || kind == RuleChangeKind::Loaded {
                execute(db, "UPDATE rule_sets SET in_force_micros = ?2 WHERE id = ?1", params![id, time])?;
            }
            match loaded {
                Some(loaded) if kind == RuleChangeKind::Loaded && loaded.rule_set == *id => Ok(loaded),
                _ => {
                    let sql = "INSERT INTO rule_changes (number, kind, rule_set, replica, body)
                               VALUES (?1, ?2, ?3, ?4, ?5)";
                    let body = serde_json::to_string(&change)?;
                    execute(db, sql, params![number, kind.as_str(), id, change.replica, body])?;
                    Ok(change)
                }
            }
        })
        .await
    }

    async fn rule_changes(&self, Window { after, limit }: Window) -> Result<Vec<RuleChange>> {
        self.list(move |db| {
            let sql = "SELECT number, body FROM rule_changes WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            collect(db, sql, [after.unwrap_or(i64::MAX), limit], rule_change)
        })
        .await
    }

    async fn last_rule_change(&self, kinds: &'static [RuleChangeKind]) -> Result<Option<RuleChange>> {
        self.read(|db| first(db, &last_rule_change(kinds), [], rule_change)).await
    }

    async fn add_counts(&self, subject: &str, counts: Counts) -> Result<()> {
        let subject = subject.to_owned();
        self.write(None, move |db| {
            for (name, count) in counts {
                execute(db, ADD_COUNT, params![subject, name, count])?;
            }
            Ok(())
        })
        .await
    }

    async fn counts(&self, subject: &str) -> Result<Counts> {
        let subject = subject.to_owned();
        let read = |row: &dyn Columns| Ok((row.some_text(0)?.to_owned(), row.some_integer(1)?));
        let counts: Vec<(String, i64)> = self.read(move |db| collect(db, COUNTS, [subject], read)).await?;
        Ok(counts.into_iter().collect())
    }

    async fn is_accepted(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        self.read(move |db| {
            let sql = "SELECT number FROM rule_changes WHERE kind = 'accepted' AND rule_set = ?1 LIMIT 1";
            Ok(first(db, sql, [&id], |row| row.some_integer(0))?.is_some())
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

    async fn rule_sets(&self, Window { after, limit }: Window) -> Result<Vec<ListedRuleSet>> {
        self.list(move |db| {
            let sql = format!(
                "SELECT {LISTED_RULE_SET_COLUMNS} FROM rule_sets WHERE number < ?1 ORDER BY number DESC LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            collect(db, &sql, [after.unwrap_or(i64::MAX), limit], listed_rule_set)
        })
        .await
    }
}
