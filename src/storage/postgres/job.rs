use async_trait::async_trait;
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::super::rows::{JOB_COLUMNS, LISTED_JOB_COLUMNS, job, taken_job};
use super::super::{Beat, JobEnd, JobStore, Reached, Receipt, Result, StoreError, Window};
use super::{PostgresStore, is_taken, limit, row, run};
use crate::domain::job::{Job, JobState, name};
use crate::domain::name::Id;
use crate::domain::time::Time;

#[async_trait]
impl JobStore for PostgresStore {
    async fn create_job(&self, job: Job, receipt: Option<Receipt<()>>) -> Result<()> {
        let sql =
            "INSERT INTO jobs (id, request, create_micros, state, kind, fence, attempts, progress, doing, cancelled, outcome)
                   VALUES ($1, $2, $3, $4, $5, 0, 0, 0, '', 0, '')";
        let (id, state, created) = (job.id.to_string(), job.state.as_str(), job.create_time.micros());
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            match run(transaction, sql, &[&id, &job.request, &created, &state, &job.kind]).await {
                Ok(_) => Ok(()),
                Err(error) if is_taken(&error) => Err(StoreError::AlreadyExists(job.name())),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn job(&self, id: &Id) -> Result<Job> {
        let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = $1");
        let found = self.one(&sql, &[&id.to_string()]).await?;
        job(&found.ok_or_else(|| StoreError::NotFound(name(id)))?)
    }

    async fn jobs(&self, window: Window) -> Result<Vec<Job>> {
        let sql =
            format!("SELECT {LISTED_JOB_COLUMNS} FROM jobs WHERE number < $1 ORDER BY number DESC LIMIT $2");
        let after = window.after.unwrap_or(i64::MAX);
        let rows = self.all(&sql, &[&after, &limit(window.limit)]).await?;
        rows.iter().map(|row| job(row)).collect()
    }

    async fn take_job(&self, now: Time, lease_until: Time) -> Result<Option<Job>> {
        // Whoever else takes one at the same time takes the next.
        let sql = format!(
            "UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, lease_micros = $2 WHERE number = (
                 SELECT number FROM jobs WHERE end_micros IS NULL AND (state = 'waiting' OR lease_micros < $1)
                 ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING {JOB_COLUMNS}, request, reached"
        );
        let (now, lease) = (now.micros(), lease_until.micros());
        self.write(None, async |transaction: &mut Transaction<'_>| {
            row(transaction, &sql, &[&now, &lease]).await?.map(|found| taken_job(&found)).transpose()
        })
        .await
    }

    async fn keep_job(&self, id: &Id, fence: i64, beat: Beat) -> Result<bool> {
        let sql =
            "UPDATE jobs SET lease_micros = $3, progress = $4, doing = $5, reached = coalesce($6, reached)
                   WHERE id = $1 AND fence = $2 AND end_micros IS NULL RETURNING cancelled";
        let (key, lease) = (id.to_string(), beat.lease_until.micros());
        self.write(None, async |transaction: &mut Transaction<'_>| {
            // Leads before jobs, as whoever erases a lead does: then neither waits for the other for ever.
            let reached = match &beat.reached {
                Some(Reached { text, leads }) => {
                    let leads: Vec<String> = leads.iter().map(ToString::to_string).collect();
                    Some(if are_held(transaction, &leads).await? { text.as_str() } else { "" })
                }
                None => None,
            };
            let params: [&(dyn ToSql + Sync); 6] =
                [&key, &fence, &lease, &beat.progress, &beat.doing, &reached];
            let kept = row(transaction, sql, &params).await?;
            let kept = kept.ok_or_else(|| StoreError::Conflict(name(id)))?;
            Ok(kept.try_get::<_, i64>(0)? != 0)
        })
        .await
    }

    async fn open_jobs(&self) -> Result<u64> {
        let found = self.one("SELECT count(*) FROM jobs WHERE end_micros IS NULL", &[]).await?;
        let count = found.map_or(Ok(0), |row| row.try_get::<_, i64>(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn leave_job(&self, id: &Id, fence: i64) -> Result<()> {
        let sql = "UPDATE jobs SET state = 'waiting', lease_micros = NULL, attempts = attempts - 1
                   WHERE id = $1 AND fence = $2 AND end_micros IS NULL";
        let key = id.to_string();
        self.write(None, async |transaction: &mut Transaction<'_>| {
            match run(transaction, sql, &[&key, &fence]).await? {
                0 => Err(StoreError::Conflict(name(id))),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn end_job(&self, id: &Id, fence: i64, end: JobEnd) -> Result<()> {
        let sql =
            "UPDATE jobs SET state = $3, outcome = $4, end_micros = $5, lease_micros = NULL, doing = '', request = '', reached = '',
                   progress = CASE WHEN $3 = 'done' THEN 1 ELSE progress END
                   WHERE id = $1 AND fence = $2 AND end_micros IS NULL";
        let (key, state, time) = (id.to_string(), end.state.as_str(), end.time.micros());
        self.write(None, async |transaction: &mut Transaction<'_>| {
            let leads: Vec<String> = end.leads.iter().map(ToString::to_string).collect();
            let outcome = if are_held(transaction, &leads).await? { end.outcome.as_str() } else { "" };
            if run(transaction, sql, &[&key, &fence, &state, &outcome, &time]).await? == 0 {
                return Err(StoreError::Conflict(name(id)));
            }
            let sql =
                "INSERT INTO job_leads (lead, job) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING";
            run(transaction, sql, &[&leads, &key]).await?;
            Ok(())
        })
        .await
    }

    async fn cancel_job(&self, id: &Id, now: Time) -> Result<()> {
        let (key, cancelled, time) = (id.to_string(), JobState::Cancelled.as_str(), now.micros());
        let wanted = "UPDATE jobs SET cancelled = 1 WHERE id = $1";
        let ended = "UPDATE jobs SET state = $2, end_micros = $3, request = '', reached = '' WHERE id = $1 AND state = 'waiting'";
        self.write(None, async |transaction: &mut Transaction<'_>| {
            if run(transaction, wanted, &[&key]).await? == 0 {
                return Err(StoreError::NotFound(name(id)));
            }
            run(transaction, ended, &[&key, &cancelled, &time]).await?;
            Ok(())
        })
        .await
    }

    async fn delete_job(&self, id: &Id) -> Result<()> {
        let key = id.to_string();
        let delete = "DELETE FROM jobs WHERE id = $1 AND end_micros IS NOT NULL";
        self.write(None, async |transaction: &mut Transaction<'_>| {
            if run(transaction, delete, &[&key]).await? > 0 {
                return Ok(());
            }
            let exists = row(transaction, "SELECT number FROM jobs WHERE id = $1", &[&key]).await?;
            Err(match exists {
                Some(_) => StoreError::Conflict(name(id)),
                None => StoreError::NotFound(name(id)),
            })
        })
        .await
    }

    async fn forget_jobs(&self, before: Time) -> Result<u64> {
        self.write(None, async |transaction: &mut Transaction<'_>| {
            Ok(run(transaction, "DELETE FROM jobs WHERE end_micros < $1", &[&before.micros()]).await?)
        })
        .await
    }
}

/// Erases what came of all jobs that tell of a lead.
pub async fn erase(transaction: &Transaction<'_>, lead: &str) -> Result<()> {
    let sql = "UPDATE jobs SET outcome = '' WHERE id IN (SELECT job FROM job_leads WHERE lead = $1)";
    run(transaction, sql, &[&lead]).await?;
    let reached = "UPDATE jobs SET reached = '' WHERE end_micros IS NULL AND reached <> ''";
    run(transaction, reached, &[]).await?;
    run(transaction, "DELETE FROM job_leads WHERE lead = $1", &[&lead]).await?;
    Ok(())
}

/// Whether all of some leads are there. Whoever erases one of them meanwhile waits for the end of the transaction, and erases what it
/// has written, too.
async fn are_held(transaction: &Transaction<'_>, leads: &[String]) -> Result<bool> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM leads WHERE name = ANY($1::text[]) ORDER BY name FOR KEY SHARE) held";
    let held = row(transaction, sql, &[&leads]).await?;
    let held = held.map_or(Ok(0), |row| row.try_get::<_, i64>(0))?;
    Ok(usize::try_from(held).is_ok_and(|held| held == leads.len()))
}
