use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::super::{CanvasStore, Page, Result, StoreError};
use super::{PostgresStore, bodies, body, is_taken, limit};
use crate::domain::canvas::Canvas;
use crate::domain::name::{CanvasName, SegmentName};

#[async_trait]
impl CanvasStore for PostgresStore {
    async fn create_canvas(&self, canvas: Canvas) -> Result<()> {
        let name = canvas.name.to_string();
        let text = serde_json::to_string(&canvas)?;
        let sql = "INSERT INTO canvases (name, revision, deleted, body) VALUES ($1, $2, false, $3)";
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&name, &canvas.version.revision, &text];
        match self.connection().await?.execute(sql, &params).await {
            Err(error) if is_taken(&error) => Err(StoreError::AlreadyExists(name)),
            other => Ok(other.map(drop)?),
        }
    }

    async fn canvas(&self, name: &CanvasName) -> Result<Canvas> {
        let name = name.to_string();
        let sql = "SELECT body FROM canvases WHERE name = $1";
        let row = self.connection().await?.query_opt(sql, &[&name]).await?;
        body(&row.ok_or(StoreError::NotFound(name))?)
    }

    async fn canvases(&self, page: Page, deleted: bool) -> Result<Vec<Canvas>> {
        let sql = "SELECT body FROM canvases WHERE name > $1 AND (NOT deleted OR $2) ORDER BY name LIMIT $3";
        let after = page.after.unwrap_or_default();
        let rows = self.connection().await?.query(sql, &[&after, &deleted, &limit(page.limit)]).await?;
        bodies(&rows)
    }

    async fn update_canvas(&self, canvas: Canvas) -> Result<()> {
        let name = canvas.name.to_string();
        let deleted = canvas.version.delete_time.is_some();
        let revision = canvas.version.revision;
        let text = serde_json::to_string(&canvas)?;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        lock(&transaction, "canvases", &name, revision - 1).await?;
        // Profiles that come to point here hold a share of the lock until they are written.
        let gone = |segment: &SegmentName| deleted || !canvas.segments.contains_key(&segment.segment);
        let sql = "SELECT DISTINCT segment FROM profiles WHERE canvas = $1 AND NOT deleted";
        for row in transaction.query(sql, &[&name]).await? {
            let segment: String = row.try_get(0)?;
            let segment = segment.parse().map_err(|error| StoreError::Failed(Box::new(error) as _))?;
            if gone(&segment) {
                return Err(StoreError::Conflict(name));
            }
        }
        let keep = "INSERT INTO canvas_revisions (name, revision, body)
                    SELECT name, revision, body FROM canvases WHERE name = $1";
        transaction.execute(keep, &[&name]).await?;
        let sql = "UPDATE canvases SET revision = $2, deleted = $3, body = $4 WHERE name = $1";
        transaction.execute(sql, &[&name, &revision, &deleted, &text]).await?;
        Ok(transaction.commit().await?)
    }
}

/// Locks a resource's row if it is at a revision; tells apart what is missing and what has moved on.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    table: &str,
    name: &str,
    revision: i64,
) -> Result<()> {
    let sql = format!("SELECT revision FROM {table} WHERE name = $1 FOR UPDATE");
    let row = transaction.query_opt(&sql, &[&name]).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(name.to_owned()))?;
    if row.try_get::<_, i64>(0)? == revision { Ok(()) } else { Err(StoreError::Conflict(name.to_owned())) }
}
