use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::super::rows::Columns as _;
use super::super::{Answer, Receipt, ReceiptStore, RequestKey, Result, StoreError};
use super::{PostgresStore, run};

#[async_trait]
impl ReceiptStore for PostgresStore {
    async fn answer(&self, key: &RequestKey) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT digest, answer FROM receipts WHERE method = $1 AND id = $2 AND create_micros > $3";
        let found = self.one(sql, &[&key.method, &key.id, &key.forgotten()]).await?;
        let kept = found.map(|row| Ok::<_, StoreError>((row.some_text(0)?.to_owned(), row.bytes(1)?)));
        key.judge(kept.transpose()?)
    }
}

/// Keeps an answer, and forgets some that are old. Whoever answers the same request at the same time waits here, and
/// learns that it is answered.
pub async fn keep<T>(transaction: &Transaction<'_>, receipt: Receipt<T>, outcome: &T) -> Result<()> {
    let Receipt { key, answer } = receipt;
    let Answer { bytes, leads } = answer(outcome);
    let forgotten = key.forgotten();
    let sql = "DELETE FROM receipts WHERE method = $1 AND id = $2 AND create_micros <= $3";
    run(transaction, sql, &[&key.method, &key.id, &forgotten]).await?;
    let sql = "DELETE FROM receipts WHERE ctid = ANY (ARRAY
               (SELECT ctid FROM receipts WHERE create_micros <= $1 LIMIT 100 FOR UPDATE SKIP LOCKED))";
    run(transaction, sql, &[&forgotten]).await?;
    let sql = "INSERT INTO receipts (method, id, digest, create_micros, answer) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (method, id) DO NOTHING";
    let kept =
        run(transaction, sql, &[&key.method, &key.id, &key.digest, &key.time.micros(), &bytes]).await?;
    if kept == 0 {
        return Err(StoreError::Answered(key.id));
    }
    let leads: Vec<String> = leads.iter().map(ToString::to_string).collect();
    let sql = "INSERT INTO receipt_leads (lead, method, id) SELECT unnest($1::text[]), $2, $3 ON CONFLICT DO NOTHING";
    run(transaction, sql, &[&leads, &key.method, &key.id]).await?;
    Ok(())
}

/// Removes every answer that tells of a lead; that the request was answered stays known.
pub async fn erase(transaction: &Transaction<'_>, lead: &str) -> Result<()> {
    let sql = "UPDATE receipts r SET answer = NULL FROM receipt_leads l
               WHERE l.lead = $1 AND r.method = l.method AND r.id = l.id";
    run(transaction, sql, &[&lead]).await?;
    run(transaction, "DELETE FROM receipt_leads WHERE lead = $1", &[&lead]).await?;
    Ok(())
}
