use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::{Answer, Receipt, ReceiptStore, RequestKey, Result, StoreError};
use super::{SqliteStore, execute, first};

#[async_trait]
impl ReceiptStore for SqliteStore {
    async fn answer(&self, key: &RequestKey) -> Result<Option<Vec<u8>>> {
        let key = key.clone();
        self.read(move |db| {
            let sql =
                "SELECT digest, answer FROM receipts WHERE method = ?1 AND id = ?2 AND create_micros > ?3";
            let params = params![key.method, key.id, key.forgotten()];
            key.judge(first(db, sql, params, |row| Ok((row.some_text(0)?.to_owned(), row.bytes(1)?)))?)
        })
        .await
    }
}

/// Refuses to do again what has been answered.
pub fn refuse_repetition(db: &Connection, key: &RequestKey) -> Result<()> {
    let sql = "SELECT 1 FROM receipts WHERE method = ?1 AND id = ?2 AND create_micros > ?3";
    match first(db, sql, params![key.method, key.id, key.forgotten()], |_| Ok(()))? {
        Some(()) => Err(StoreError::Answered(key.id.clone())),
        None => Ok(()),
    }
}

/// Keeps an answer, and forgets some that are old.
pub fn keep<T>(db: &Connection, receipt: Receipt<T>, outcome: &T) -> Result<()> {
    let Receipt { key, answer } = receipt;
    let Answer { bytes, leads } = answer(outcome);
    execute(db, "DELETE FROM receipts WHERE method = ?1 AND id = ?2", params![key.method, key.id])?;
    let sql = "DELETE FROM receipts WHERE rowid IN (SELECT rowid FROM receipts WHERE create_micros <= ?1 LIMIT 100)";
    execute(db, sql, [key.forgotten()])?;
    let sql = "INSERT INTO receipts (method, id, digest, create_micros, answer) VALUES (?1, ?2, ?3, ?4, ?5)";
    execute(db, sql, params![key.method, key.id, key.digest, key.time.micros(), bytes])?;
    let sql = "INSERT OR IGNORE INTO receipt_leads (lead, method, id) VALUES (?1, ?2, ?3)";
    for lead in leads {
        execute(db, sql, params![lead.to_string(), key.method, key.id])?;
    }
    Ok(())
}

/// Removes every answer that tells of a lead; that the request was answered stays known.
pub fn erase(db: &Connection, lead: &str) -> Result<()> {
    let sql = "UPDATE receipts SET answer = NULL
               WHERE (method, id) IN (SELECT method, id FROM receipt_leads WHERE lead = ?1)";
    execute(db, sql, [lead])?;
    execute(db, "DELETE FROM receipt_leads WHERE lead = ?1", [lead])?;
    Ok(())
}
