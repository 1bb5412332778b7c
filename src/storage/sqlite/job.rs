use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::rows::{JOB_COLUMNS, LISTED_JOB_COLUMNS, job, taken_job};
use super::super::{Beat, JobEnd, JobStore, Receipt, Result, StoreError, Window};
use super::{SqliteStore, collect, execute, first, is_taken};
use crate::domain::job::{Job, JobState, name};
use crate::domain::name::Id;
use crate::domain::time::Time;

#[async_trait]
impl JobStore for SqliteStore {
    async fn create_job(&self, job: Job, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| {
            let sql = "INSERT INTO jobs (id, request, create_micros, state, kind, fence, attempts, progress, doing, cancelled, outcome)
                       VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, '', 0, '')";
            let (id, state) = (job.id.to_string(), job.state.as_str());
            match execute(db, sql, params![id, job.request, job.create_time.micros(), state, job.kind]) {
                Ok(_) => Ok(()),
                Err(error) if is_taken(&error) => Err(StoreError::AlreadyExists(job.name())),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn job(&self, id: &Id) -> Result<Job> {
        let id = id.clone();
        self.read(move |db| {
            let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?1");
            first(db, &sql, [id.to_string()], job)?.ok_or_else(|| StoreError::NotFound(name(&id)))
        })
        .await
    }

    async fn jobs(&self, Window { after, limit }: Window) -> Result<Vec<Job>> {
        self.list(move |db| {
            let sql = format!(
                "SELECT {LISTED_JOB_COLUMNS} FROM jobs WHERE number < ?1 ORDER BY number DESC LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            collect(db, &sql, [after.unwrap_or(i64::MAX), limit], job)
        })
        .await
    }

    async fn take_job(&self, now: Time, lease_until: Time) -> Result<Option<Job>> {
        // Looked at on a reader first: a store without work has nothing to write.
        let wanted = "end_micros IS NULL AND (state = 'waiting' OR lease_micros < ?1)";
        let look = format!("SELECT number FROM jobs WHERE {wanted} ORDER BY number LIMIT 1");
        let seen = look.clone();
        let has_work =
            self.read(move |db| first(db, &seen, [now.micros()], |row| row.some_integer(0))).await?;
        if has_work.is_none() {
            return Ok(None);
        }
        self.write(None, move |db| {
            let sql = format!(
                "UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, lease_micros = ?2
                 WHERE number = ({look}) RETURNING {JOB_COLUMNS}, request, reached"
            );
            first(db, &sql, [now.micros(), lease_until.micros()], taken_job)
        })
        .await
    }

    async fn keep_job(&self, id: &Id, fence: i64, beat: Beat) -> Result<bool> {
        let id = id.clone();
        self.write(None, move |db| {
            let mut reached = beat.reached;
            if let Some(reached) = &mut reached {
                for lead in &reached.leads {
                    if is_gone(db, &lead.to_string())? {
                        reached.text.clear();
                    }
                }
            }
            let sql = "UPDATE jobs SET lease_micros = ?3, progress = ?4, doing = ?5, reached = coalesce(?6, reached)
                       WHERE id = ?1 AND fence = ?2 AND end_micros IS NULL RETURNING cancelled";
            let reached = reached.map(|reached| reached.text);
            let params =
                params![id.to_string(), fence, beat.lease_until.micros(), beat.progress, beat.doing, reached];
            let cancelled = first(db, sql, params, |row| row.some_integer(0))?;
            Ok(cancelled.ok_or_else(|| StoreError::Conflict(name(&id)))? != 0)
        })
        .await
    }

    async fn open_jobs(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM jobs WHERE end_micros IS NULL";
        let count = self.read(move |db| first(db, sql, [], |row| row.some_integer(0))).await?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    async fn leave_job(&self, id: &Id, fence: i64) -> Result<()> {
        let id = id.clone();
        self.write(None, move |db| {
            let sql = "UPDATE jobs SET state = 'waiting', lease_micros = NULL, attempts = attempts - 1
                       WHERE id = ?1 AND fence = ?2 AND end_micros IS NULL";
            match execute(db, sql, params![id.to_string(), fence])? {
                0 => Err(StoreError::Conflict(name(&id))),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn end_job(&self, id: &Id, fence: i64, end: JobEnd) -> Result<()> {
        let id = id.clone();
        self.write(None, move |db| {
            let leads: Vec<String> = end.leads.iter().map(ToString::to_string).collect();
            let mut outcome = end.outcome;
            for lead in &leads {
                if is_gone(db, lead)? {
                    outcome.clear();
                }
            }
            let sql =
                "UPDATE jobs SET state = ?3, outcome = ?4, end_micros = ?5, lease_micros = NULL, doing = '', request = '', reached = '',
                       progress = CASE WHEN ?3 = 'done' THEN 1 ELSE progress END
                       WHERE id = ?1 AND fence = ?2 AND end_micros IS NULL";
            let params = params![id.to_string(), fence, end.state.as_str(), outcome, end.time.micros()];
            if execute(db, sql, params)? == 0 {
                return Err(StoreError::Conflict(name(&id)));
            }
            for lead in leads {
                let sql = "INSERT INTO job_leads (lead, job) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                execute(db, sql, params![lead, id.to_string()])?;
            }
            Ok(())
        })
        .await
    }

    async fn cancel_job(&self, id: &Id, now: Time) -> Result<()> {
        let id = id.clone();
        self.write(None, move |db| {
            let key = id.to_string();
            let wanted = "UPDATE jobs SET cancelled = 1 WHERE id = ?1";
            if execute(db, wanted, [&key])? == 0 {
                return Err(StoreError::NotFound(name(&id)));
            }
            let ended = "UPDATE jobs SET state = ?2, end_micros = ?3, request = '', reached = '' WHERE id = ?1 AND state = 'waiting'";
            execute(db, ended, params![key, JobState::Cancelled.as_str(), now.micros()])?;
            Ok(())
        })
        .await
    }

    async fn delete_job(&self, id: &Id) -> Result<()> {
        let id = id.clone();
        self.write(None, move |db| {
            let key = id.to_string();
            if execute(db, "DELETE FROM jobs WHERE id = ?1 AND end_micros IS NOT NULL", [&key])? > 0 {
                return Ok(());
            }
            let exists =
                first(db, "SELECT number FROM jobs WHERE id = ?1", [&key], |row| row.some_integer(0))?;
            Err(match exists {
                Some(_) => StoreError::Conflict(name(&id)),
                None => StoreError::NotFound(name(&id)),
            })
        })
        .await
    }

    async fn forget_jobs(&self, before: Time) -> Result<u64> {
        self.write(None, move |db| {
            Ok(execute(db, "DELETE FROM jobs WHERE end_micros < ?1", [before.micros()])? as u64)
        })
        .await
    }
}

fn is_gone(db: &Connection, lead: &str) -> Result<bool> {
    let found = first(db, "SELECT 1 FROM leads WHERE name = ?1", [lead], |row| row.some_integer(0))?;
    Ok(found.is_none())
}

/// Erases what came of all jobs that tell of a lead, and how far those had come that have not ended: it may tell of it, too.
pub fn erase(db: &Connection, lead: &str) -> Result<()> {
    let sql = "UPDATE jobs SET outcome = '' WHERE id IN (SELECT job FROM job_leads WHERE lead = ?1)";
    execute(db, sql, [lead])?;
    execute(db, "UPDATE jobs SET reached = '' WHERE end_micros IS NULL AND reached <> ''", [])?;
    execute(db, "DELETE FROM job_leads WHERE lead = ?1", [lead])?;
    Ok(())
}
