use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::rows::{body, rows_for};
use super::super::select::List;
use super::super::{CanvasStore, Part, Receipt, Result, StoreError, Window};
use super::{SqliteStore, collect, execute, first, is_taken, page, part};
use crate::domain::canvas::Canvas;
use crate::domain::listing::{Query, listed_text};
use crate::domain::name::{CanvasName, SegmentName};

const REVISIONS: &str = "SELECT revision, body FROM canvas_revisions WHERE name = ?1
                         UNION ALL SELECT revision, body FROM canvases WHERE name = ?1";

#[async_trait]
impl CanvasStore for SqliteStore {
    async fn create_canvas(&self, canvas: Canvas, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| {
            let name = canvas.name.to_string();
            let body = serde_json::to_string(&canvas)?;
            let content = &canvas.content;
            let sql = "INSERT INTO canvases (name, revision, deleted, body, kind, maturity, display_name, update_micros)
                       VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7)";
            let (kind, maturity, updated) =
                (content.kind.as_str(), content.maturity.as_str(), canvas.version.update_time.micros());
            let revision = canvas.version.revision;
            match execute(
                db,
                sql,
                params![name, revision, body, kind, maturity, listed_text(&content.display_name), updated],
            ) {
                Err(error) if is_taken(&error) => Err(StoreError::AlreadyExists(name)),
                other => Ok(other.map(drop)?),
            }
        })
        .await
    }

    async fn canvas(&self, name: &CanvasName) -> Result<Canvas> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM canvases WHERE name = ?1";
            first(db, sql, [&name], body).map_err(|error| error.of(&name))?.ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn canvas_revision(&self, name: &CanvasName, revision: i64) -> Result<Canvas> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = format!("SELECT body FROM ({REVISIONS}) WHERE revision = ?2");
            let found = first(db, &sql, params![name, revision], body).map_err(|error| error.of(&name))?;
            found.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))
        })
        .await
    }

    async fn latest_canvas_revision(&self, name: &CanvasName) -> Result<i64> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT revision FROM canvases WHERE name = ?1";
            first(db, sql, [&name], |row| row.some_integer(0))?.ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn canvas_revisions(&self, name: &CanvasName, window: Window) -> Result<Part<Canvas>> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = format!(
                "SELECT body, 'a revision' FROM ({REVISIONS}) WHERE revision < ?2 ORDER BY revision DESC LIMIT ?3"
            );
            let params = params![name, window.after.unwrap_or(i64::MAX), rows_for(window.limit)];
            part(db, &sql, params, window.limit, body)
        })
        .await
    }

    async fn canvases(&self, query: Query, deleted: bool) -> Result<Part<Canvas>> {
        self.list(move |db| page(db, &List::canvases(deleted), &query, body)).await
    }

    async fn update_canvas(&self, canvas: Canvas, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| {
            let name = canvas.name.to_string();
            let deleted = canvas.version.delete_time.is_some();
            let gone = |segment: &SegmentName| deleted || !canvas.segments.contains_key(&segment.segment);
            if pointed_to(db, &name)?.iter().any(gone) {
                return Err(StoreError::Dangling(name));
            }
            let revision = canvas.version.revision;
            let keep = "INSERT INTO canvas_revisions (name, revision, body)
                        SELECT name, revision, body FROM canvases WHERE name = ?1 AND revision = ?2";
            if execute(db, keep, params![name, revision - 1])? == 0 {
                return Err(missing_or_changed(db, "canvases", name)?);
            }
            let body = serde_json::to_string(&canvas)?;
            let content = &canvas.content;
            let sql = "UPDATE canvases SET revision = ?2, deleted = ?3, body = ?4, maturity = ?5, display_name = ?6,
                       update_micros = ?7 WHERE name = ?1";
            let (maturity, updated) = (content.maturity.as_str(), canvas.version.update_time.micros());
            execute(db, sql, params![name, revision, deleted, body, maturity, listed_text(&content.display_name), updated])?;
            Ok(())
        })
        .await
    }
}

/// The segments of a canvas that profiles point to.
fn pointed_to(db: &Connection, canvas: &str) -> Result<Vec<SegmentName>> {
    let sql = "SELECT DISTINCT segment FROM profiles
               WHERE deleted = 0 AND segment > ?1 || '/segments/' AND segment < ?1 || '/segments0'";
    collect(db, sql, [canvas], |row| row.some_text(0)?.parse().map_err(StoreError::failed))
}

/// Why a conditional write met no row.
pub(super) fn missing_or_changed(db: &Connection, table: &str, name: String) -> Result<StoreError> {
    let sql = format!("SELECT 1 FROM {table} WHERE name = ?1");
    let exists = first(db, &sql, [&name], |_| Ok(()))?.is_some();
    Ok(if exists { StoreError::Conflict(name) } else { StoreError::NotFound(name) })
}
