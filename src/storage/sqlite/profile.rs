use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::rows::{ProfileColumns, body, rows_for};
use super::super::select::List;
use super::super::{Part, ProfileStore, Receipt, Result, StoreError, Window};
use super::canvas::missing_or_changed;
use super::{SqliteStore, collect, execute, first, is_taken, page, part};
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, ProfileName, SegmentName};
use crate::domain::profile::Profile;

/// All revisions of a profile, the current one among them.
const REVISIONS: &str = "SELECT revision, body FROM profile_revisions WHERE name = ?1
                         UNION ALL SELECT revision, body FROM profiles WHERE name = ?1";

/// Whether the segment that a profile points to exists; a profile that is deleted points to nothing.
fn points_somewhere(db: &Connection, profile: &Profile) -> Result<bool> {
    let Some(segment) = profile.content.segment.as_ref().filter(|_| profile.version.delete_time.is_none())
    else {
        return Ok(true);
    };
    let sql = "SELECT 1 FROM canvases
               WHERE name = ?1 AND deleted = 0 AND json_type(body, '$.segments.\"' || ?2 || '\"') IS NOT NULL";
    let params = [segment.canvas_name().to_string(), segment.segment.to_string()];
    Ok(first(db, sql, params, |_| Ok(()))?.is_some())
}

#[async_trait]
impl ProfileStore for SqliteStore {
    async fn create_profile(&self, profile: Profile, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| {
            let name = profile.name.to_string();
            if !points_somewhere(db, &profile)? {
                return Err(StoreError::Dangling(name));
            }
            let body = serde_json::to_string(&profile)?;
            let sql =
                "INSERT INTO profiles (name, revision, deleted, body, segment, maturity, scoring_script,
                                             next_review_micros, update_micros)
                       VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)";
            let ProfileColumns { segment, maturity, script, review_micros, update_micros, .. } =
                ProfileColumns::of(&profile);
            let revision = profile.version.revision;
            match execute(
                db,
                sql,
                params![name, revision, body, segment, maturity, script, review_micros, update_micros],
            ) {
                Err(error) if is_taken(&error) => Err(StoreError::AlreadyExists(name)),
                other => Ok(other.map(drop)?),
            }
        })
        .await
    }

    async fn profile(&self, name: &ProfileName) -> Result<Profile> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM profiles WHERE name = ?1";
            let found = first(db, sql, [&name], body).map_err(|error| error.of(&name))?;
            found.ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn profile_revision(&self, name: &ProfileName, revision: i64) -> Result<Profile> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = format!("SELECT body FROM ({REVISIONS}) WHERE revision = ?2");
            let found = first(db, &sql, params![name, revision], body).map_err(|error| error.of(&name))?;
            found.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))
        })
        .await
    }

    async fn profiles(&self, query: Query, deleted: bool) -> Result<Part<Profile>> {
        self.list(move |db| page(db, &List::profiles(deleted), &query, body)).await
    }

    async fn update_profile(&self, profile: Profile, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| {
            let name = profile.name.to_string();
            let revision = profile.version.revision;
            if !points_somewhere(db, &profile)? {
                return Err(StoreError::Dangling(name));
            }
            let keep = "INSERT INTO profile_revisions (name, revision, body)
                        SELECT name, revision, body FROM profiles WHERE name = ?1 AND revision = ?2";
            if execute(db, keep, params![name, revision - 1])? == 0 {
                return Err(missing_or_changed(db, "profiles", name)?);
            }
            let body = serde_json::to_string(&profile)?;
            let deleted = profile.version.delete_time.is_some();
            let sql =
                "UPDATE profiles SET revision = ?2, deleted = ?3, body = ?4, segment = ?5, maturity = ?6,
                       scoring_script = ?7, next_review_micros = ?8, update_micros = ?9 WHERE name = ?1";
            let ProfileColumns { segment, maturity, script, review_micros, update_micros, .. } =
                ProfileColumns::of(&profile);
            execute(
                db,
                sql,
                params![
                    name,
                    revision,
                    deleted,
                    body,
                    segment,
                    maturity,
                    script,
                    review_micros,
                    update_micros
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn profile_revisions(&self, name: &ProfileName, window: Window) -> Result<Part<Profile>> {
        let name = name.to_string();
        self.read(move |db| {
            let sql =
                format!("SELECT body, 'a revision' FROM ({REVISIONS}) WHERE revision < ?2 ORDER BY revision DESC LIMIT ?3");
            let before = window.after.unwrap_or(i64::MAX);
            let params = params![name, before, rows_for(window.limit)];
            part(db, &sql, params, window.limit, body)
        })
        .await
    }

    async fn profiles_of_canvas(&self, name: &CanvasName) -> Result<Vec<(ProfileName, SegmentName)>> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM profiles WHERE deleted = 0 AND segment > ?1 || '/segments/'
                       AND segment < ?1 || '/segments0' ORDER BY name";
            let profiles: Vec<Profile> = collect(db, sql, [name], body)?;
            Ok(profiles.into_iter().filter_map(|p| Some((p.name, p.content.segment?))).collect())
        })
        .await
    }
}
