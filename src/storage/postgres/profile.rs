use async_trait::async_trait;
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::super::rows::{ProfileColumns, body, rows_for};
use super::super::select::List;
use super::super::{Part, ProfileStore, Receipt, Result, StoreError, Window};
use super::canvas::lock;
use super::{PostgresStore, bodies, is_taken, row, run};
use crate::domain::canvas::Canvas;
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, ProfileName, SegmentName};
use crate::domain::profile::Profile;

/// All revisions of a profile, the current one among them.
const REVISIONS: &str = "SELECT revision, body FROM profile_revisions WHERE name = $1
                         UNION ALL SELECT revision, body FROM profiles WHERE name = $1";

/// Makes sure that the segment which a profile points to exists, and stays until the transaction ends.
async fn check_target(transaction: &Transaction<'_>, profile: &Profile) -> Result<()> {
    let Some(segment) = profile.content.segment.as_ref().filter(|_| profile.version.delete_time.is_none())
    else {
        return Ok(());
    };
    let sql = "SELECT body FROM canvases WHERE name = $1 AND NOT deleted FOR SHARE";
    let canvas = row(transaction, sql, &[&segment.canvas_name().to_string()]).await?;
    let canvas: Option<Canvas> = canvas.as_ref().map(|row| body(row)).transpose()?;
    match canvas.is_some_and(|canvas| canvas.segments.contains_key(&segment.segment)) {
        true => Ok(()),
        false => Err(StoreError::Dangling(profile.name.to_string())),
    }
}

/// Runs a statement over a profile's name, revision, body and columns.
async fn with_columns(
    transaction: &Transaction<'_>,
    sql: &str,
    profile: &Profile,
    body: &str,
) -> std::result::Result<u64, tokio_postgres::Error> {
    let columns = ProfileColumns::of(profile);
    let params: [&(dyn ToSql + Sync); 10] = [
        &profile.name.to_string(),
        &profile.version.revision,
        &profile.version.delete_time.is_some(),
        &columns.canvas,
        &columns.segment,
        &body,
        &columns.maturity,
        &columns.script,
        &columns.review_micros,
        &columns.update_micros,
    ];
    run(transaction, sql, &params).await
}

#[async_trait]
impl ProfileStore for PostgresStore {
    async fn create_profile(&self, profile: Profile, receipt: Option<Receipt<()>>) -> Result<()> {
        let name = profile.name.to_string();
        let text = serde_json::to_string(&profile)?;
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            check_target(transaction, &profile).await?;
            let sql = "INSERT INTO profiles (name, revision, deleted, canvas, segment, body, maturity,
                       scoring_script, next_review_micros, update_micros)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
            match with_columns(transaction, sql, &profile, &text).await {
                Err(error) if is_taken(&error) => return Err(StoreError::AlreadyExists(name)),
                other => other?,
            };
            Ok(())
        })
        .await
    }

    async fn profile(&self, name: &ProfileName) -> Result<Profile> {
        let name = name.to_string();
        let sql = "SELECT body FROM profiles WHERE name = $1";
        let row = self.one(sql, &[&name]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(name.clone()))?).map_err(|error| error.of(&name))
    }

    async fn profile_revision(&self, name: &ProfileName, revision: i64) -> Result<Profile> {
        let name = name.to_string();
        let sql = format!("SELECT body FROM ({REVISIONS}) AS all_revisions WHERE revision = $2");
        let row = self.one(&sql, &[&name, &revision]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))?)
            .map_err(|error| error.of(&name))
    }

    async fn profiles(&self, query: Query, deleted: bool) -> Result<Part<Profile>> {
        self.page(List::profiles(deleted), &query, body).await
    }

    async fn update_profile(&self, profile: Profile, receipt: Option<Receipt<()>>) -> Result<()> {
        let name = profile.name.to_string();
        let revision = profile.version.revision;
        let text = serde_json::to_string(&profile)?;
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            lock(transaction, "profiles", &name, revision - 1).await?;
            check_target(transaction, &profile).await?;
            let keep = "INSERT INTO profile_revisions (name, revision, body)
                    SELECT name, revision, body FROM profiles WHERE name = $1";
            run(transaction, keep, &[&name]).await?;
            let sql = "UPDATE profiles SET revision = $2, deleted = $3, canvas = $4, segment = $5, body = $6,
                   maturity = $7, scoring_script = $8, next_review_micros = $9, update_micros = $10
                   WHERE name = $1";
            with_columns(transaction, sql, &profile, &text).await?;
            Ok(())
        })
        .await
    }

    async fn profile_revisions(&self, name: &ProfileName, window: Window) -> Result<Part<Profile>> {
        let sql = format!(
            "SELECT body, 'a revision' FROM ({REVISIONS}) AS all_revisions WHERE revision < $2 ORDER BY revision DESC LIMIT $3"
        );
        let before = window.after.unwrap_or(i64::MAX);
        self.part(&sql, &[&name.to_string(), &before, &rows_for(window.limit)], window.limit, body).await
    }

    async fn profiles_of_canvas(&self, name: &CanvasName) -> Result<Vec<(ProfileName, SegmentName)>> {
        let sql = "SELECT body FROM profiles WHERE canvas = $1 AND NOT deleted ORDER BY name";
        let rows = self.all(sql, &[&name.to_string()]).await?;
        let profiles: Vec<Profile> = bodies(&rows)?;
        Ok(profiles.into_iter().filter_map(|p| Some((p.name, p.content.segment?))).collect())
    }
}
