use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::super::rows::{Columns as _, body, rows_for};
use super::super::select::List;
use super::super::{CanvasStore, Part, Receipt, Result, StoreError, Window};
use super::{PostgresStore, is_taken, run};
use crate::domain::canvas::Canvas;
use crate::domain::listing::{Query, listed_text};
use crate::domain::name::{CanvasName, SegmentName};

const REVISIONS: &str = "SELECT revision, body FROM canvas_revisions WHERE name = $1
                         UNION ALL SELECT revision, body FROM canvases WHERE name = $1";

#[async_trait]
impl CanvasStore for PostgresStore {
    async fn create_canvas(&self, canvas: Canvas, receipt: Option<Receipt<()>>) -> Result<()> {
        let name = canvas.name.to_string();
        let text = serde_json::to_string(&canvas)?;
        let Canvas { content, version, .. } = &canvas;
        let (kind, maturity) = (content.kind.as_str(), content.maturity.as_str());
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            let sql = "INSERT INTO canvases
                       (name, revision, deleted, body, kind, maturity, display_name, update_micros)
                       VALUES ($1, $2, false, $3, $4, $5, $6, $7)";
            let updated = version.update_time.micros();
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
                &name,
                &version.revision,
                &text,
                &kind,
                &maturity,
                &listed_text(&content.display_name),
                &updated,
            ];
            match run(transaction, sql, &params).await {
                Err(error) if is_taken(&error) => return Err(StoreError::AlreadyExists(name)),
                other => other?,
            };
            Ok(())
        })
        .await
    }

    async fn canvas(&self, name: &CanvasName) -> Result<Canvas> {
        let name = name.to_string();
        let sql = "SELECT body FROM canvases WHERE name = $1";
        let row = self.one(sql, &[&name]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(name.clone()))?).map_err(|error| error.of(&name))
    }

    async fn canvas_revision(&self, name: &CanvasName, revision: i64) -> Result<Canvas> {
        let name = name.to_string();
        let sql = format!("SELECT body FROM ({REVISIONS}) AS all_revisions WHERE revision = $2");
        let row = self.one(&sql, &[&name, &revision]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))?)
            .map_err(|error| error.of(&name))
    }

    async fn latest_canvas_revision(&self, name: &CanvasName) -> Result<i64> {
        let name = name.to_string();
        let row = self.one("SELECT revision FROM canvases WHERE name = $1", &[&name]).await?;
        let row = row.ok_or(StoreError::NotFound(name))?;
        row.some_integer(0)
    }

    async fn canvas_revisions(&self, name: &CanvasName, window: Window) -> Result<Part<Canvas>> {
        let sql = format!(
            "SELECT body, 'a revision' FROM ({REVISIONS}) AS all_revisions WHERE revision < $2
             ORDER BY revision DESC LIMIT $3"
        );
        let before = window.after.unwrap_or(i64::MAX);
        self.part(&sql, &[&name.to_string(), &before, &rows_for(window.limit)], window.limit, body).await
    }

    async fn canvases(&self, query: Query, deleted: bool) -> Result<Part<Canvas>> {
        self.page(List::canvases(deleted), &query, body).await
    }

    async fn update_canvas(&self, canvas: Canvas, receipt: Option<Receipt<()>>) -> Result<()> {
        let name = canvas.name.to_string();
        let deleted = canvas.version.delete_time.is_some();
        let revision = canvas.version.revision;
        let text = serde_json::to_string(&canvas)?;
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            lock(transaction, "canvases", &name, revision - 1).await?;
            // Profiles that come to point here hold a share of the lock until they are written.
            let gone = |segment: &SegmentName| deleted || !canvas.segments.contains_key(&segment.segment);
            let sql = "SELECT DISTINCT segment FROM profiles WHERE canvas = $1 AND NOT deleted";
            for row in transaction.query(sql, &[&name]).await? {
                let segment = row.some_text(0)?.parse().map_err(StoreError::failed)?;
                if gone(&segment) {
                    return Err(StoreError::Dangling(name));
                }
            }
            let keep = "INSERT INTO canvas_revisions (name, revision, body)
                        SELECT name, revision, body FROM canvases WHERE name = $1";
            run(transaction, keep, &[&name]).await?;
            let sql = "UPDATE canvases SET revision = $2, deleted = $3, body = $4, maturity = $5,
                       display_name = $6, update_micros = $7 WHERE name = $1";
            let (maturity, updated) = (canvas.content.maturity.as_str(), canvas.version.update_time.micros());
            let title = &listed_text(&canvas.content.display_name);
            run(transaction, sql, &[&name, &revision, &deleted, &text, &maturity, title, &updated]).await?;
            Ok(())
        })
        .await
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
    let row = super::row(transaction, &sql, &[&name]).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(name.to_owned()))?;
    if row.try_get::<_, i64>(0)? == revision { Ok(()) } else { Err(StoreError::Conflict(name.to_owned())) }
}
