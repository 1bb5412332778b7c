use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::{CanvasStore, Page, Result, StoreError};
use super::{SqliteStore, collect, decode, execute, first, is_taken};
use crate::domain::canvas::Canvas;
use crate::domain::name::{CanvasName, SegmentName};

#[async_trait]
impl CanvasStore for SqliteStore {
    async fn create_canvas(&self, canvas: Canvas) -> Result<()> {
        self.write(move |db| {
            let name = canvas.name.to_string();
            let body = serde_json::to_string(&canvas)?;
            let sql = "INSERT INTO canvases (name, revision, deleted, body) VALUES (?1, ?2, 0, ?3)";
            match execute(db, sql, params![name, canvas.version.revision, body]) {
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
            let found = first(db, sql, [&name], |row| {
                decode(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)
            })?;
            found.ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn canvases(&self, page: Page, deleted: bool) -> Result<Vec<Canvas>> {
        self.read(move |db| {
            let sql = "SELECT body FROM canvases WHERE name > ?1 AND deleted <= ?2 ORDER BY name LIMIT ?3";
            let after = page.after.unwrap_or_default();
            collect(db, sql, params![after, deleted, page.limit as i64], |row| {
                decode(&row.get::<_, String>(0)?)
            })
        })
        .await
    }

    async fn update_canvas(&self, canvas: Canvas) -> Result<()> {
        self.write(move |db| {
            let name = canvas.name.to_string();
            let deleted = canvas.version.delete_time.is_some();
            let gone = |segment: &SegmentName| deleted || !canvas.segments.contains_key(&segment.segment);
            if pointed_to(db, &name)?.iter().any(gone) {
                return Err(StoreError::Conflict(name));
            }
            let revision = canvas.version.revision;
            let keep = "INSERT INTO canvas_revisions (name, revision, body)
                        SELECT name, revision, body FROM canvases WHERE name = ?1 AND revision = ?2";
            if execute(db, keep, params![name, revision - 1])? == 0 {
                return Err(missing_or_changed(db, "canvases", name)?);
            }
            let body = serde_json::to_string(&canvas)?;
            let sql = "UPDATE canvases SET revision = ?2, deleted = ?3, body = ?4 WHERE name = ?1";
            execute(db, sql, params![name, revision, deleted, body])?;
            Ok(())
        })
        .await
    }
}

/// The segments of a canvas that profiles point to.
fn pointed_to(db: &Connection, canvas: &str) -> Result<Vec<SegmentName>> {
    let sql = "SELECT DISTINCT segment FROM profiles WHERE deleted = 0 AND segment LIKE ?1 || '/segments/%'";
    collect(db, sql, [canvas], |row| {
        let name: String = row.get(0)?;
        name.parse().map_err(|error| StoreError::Failed(Box::new(error) as _))
    })
}

/// Why a conditional write met no row.
pub(super) fn missing_or_changed(db: &Connection, table: &str, name: String) -> Result<StoreError> {
    let sql = format!("SELECT 1 FROM {table} WHERE name = ?1");
    let exists = first(db, &sql, [&name], |_| Ok(()))?.is_some();
    Ok(if exists { StoreError::Conflict(name) } else { StoreError::NotFound(name) })
}
