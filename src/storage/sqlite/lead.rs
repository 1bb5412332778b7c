use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::super::{ActivityStore, LeadStore, Page, Result, StoreError, UpsertItem, Upserted, Window};
use super::canvas::missing_or_changed;
use super::{SqliteStore, collect, decode, execute, first, is_taken};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadRecord, OutcomeKind};
use crate::domain::name::LeadName;
use crate::domain::time::Time;

/// All revisions of a lead, the current one among them.
const REVISIONS: &str = "SELECT revision, update_micros, body FROM lead_revisions WHERE name = ?1
                         UNION ALL SELECT revision, update_micros, body FROM leads WHERE name = ?1";
const RECORD: &str = "SELECT body, latest_score, activity_count FROM leads";

fn record(row: &Row) -> Result<LeadRecord> {
    let latest: Option<String> = row.get(1)?;
    Ok(LeadRecord {
        lead: decode(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
        latest_score: latest.as_deref().map(decode).transpose()?,
        activity_count: row.get(2)?,
    })
}

fn outcome(content: &LeadContent) -> Option<&'static str> {
    content.outcome.as_ref().map(|outcome| match outcome.kind {
        OutcomeKind::Won => "won",
        OutcomeKind::Lost => "lost",
    })
}

fn insert(db: &Connection, lead: &Lead) -> Result<()> {
    let name = lead.name.to_string();
    let sql = "INSERT INTO leads (name, revision, update_micros, outcome, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let version = &lead.version;
    let body = serde_json::to_string(lead)?;
    let params = params![name, version.revision, version.update_time.micros(), outcome(&lead.content), body];
    match execute(db, sql, params) {
        Err(error) if is_taken(&error) => return Err(StoreError::AlreadyExists(name)),
        other => other?,
    };
    insert_external_ids(db, &name, &lead.content)
}

fn insert_external_ids(db: &Connection, name: &str, content: &LeadContent) -> Result<()> {
    for (system, id) in &content.external_ids {
        if let Some(owner) = owner(db, system, id)? {
            return Err(StoreError::ExternalIdTaken { system: system.clone(), id: id.clone(), lead: owner });
        }
        let sql = "INSERT INTO lead_external_ids (system, id, lead) VALUES (?1, ?2, ?3)";
        execute(db, sql, params![system, id, name])?;
    }
    Ok(())
}

/// The lead that an external id belongs to.
fn owner(db: &Connection, system: &str, id: &str) -> Result<Option<String>> {
    let sql = "SELECT lead FROM lead_external_ids WHERE system = ?1 AND id = ?2";
    first(db, sql, [system, id], |row| Ok(row.get(0)?))
}

/// Replaces a lead by its next revision and keeps the former one.
fn replace(db: &Connection, lead: &Lead) -> Result<()> {
    let name = lead.name.to_string();
    let keep = "INSERT INTO lead_revisions (name, revision, update_micros, body)
                SELECT name, revision, update_micros, body FROM leads WHERE name = ?1 AND revision = ?2";
    if execute(db, keep, params![name, lead.version.revision - 1])? == 0 {
        return Err(missing_or_changed(db, "leads", name)?);
    }
    let sql = "UPDATE leads SET revision = ?2, update_micros = ?3, outcome = ?4, body = ?5 WHERE name = ?1";
    let version = &lead.version;
    let body = serde_json::to_string(lead)?;
    execute(
        db,
        sql,
        params![name, version.revision, version.update_time.micros(), outcome(&lead.content), body],
    )?;
    execute(db, "DELETE FROM lead_external_ids WHERE lead = ?1", [&name])?;
    insert_external_ids(db, &name, &lead.content)
}

fn upsert(db: &Connection, system: &str, item: UpsertItem, now: Time) -> Result<Upserted> {
    let UpsertItem { new_name, mut content, etag } = item;
    let id = content.external_ids.get(system).cloned().unwrap_or_default();
    let Some(name) = owner(db, system, &id)? else {
        let lead = Lead::create(new_name, content, now);
        insert(db, &lead)?;
        let record = LeadRecord { lead, latest_score: None, activity_count: 0 };
        return Ok(Upserted { record, created: true });
    };
    let sql = format!("{RECORD} WHERE name = ?1");
    let mut record = first(db, &sql, [&name], record)?.ok_or(StoreError::NotFound(name))?;
    if !record.lead.version.admits(&etag) {
        return Err(StoreError::Conflict(record.lead.name.to_string()));
    }
    for (system, id) in &record.lead.content.external_ids {
        content.external_ids.entry(system.clone()).or_insert_with(|| id.clone());
    }
    if record.lead.content != content {
        record.lead = record.lead.revise(content, now);
        replace(db, &record.lead)?;
    }
    Ok(Upserted { record, created: false })
}

#[async_trait]
impl LeadStore for SqliteStore {
    async fn create_lead(&self, lead: Lead) -> Result<()> {
        self.write(move |db| insert(db, &lead)).await
    }

    async fn lead(&self, name: &LeadName) -> Result<LeadRecord> {
        let name = name.to_string();
        self.read(move |db| {
            first(db, &format!("{RECORD} WHERE name = ?1"), [&name], record)?
                .ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn lead_revision(&self, name: &LeadName, revision: i64) -> Result<Lead> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = format!("SELECT body FROM ({REVISIONS}) WHERE revision = ?2");
            let found = first(db, &sql, params![name, revision], |row| decode(&row.get::<_, String>(0)?))?;
            found.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))
        })
        .await
    }

    async fn lead_at(&self, name: &LeadName, time: Time) -> Result<Lead> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = format!(
                "SELECT body FROM ({REVISIONS}) WHERE update_micros <= ?2 ORDER BY revision DESC LIMIT 1"
            );
            let found =
                first(db, &sql, params![name, time.micros()], |row| decode(&row.get::<_, String>(0)?))?;
            found.ok_or_else(|| StoreError::NotFound(format!("{name} as of {time}")))
        })
        .await
    }

    async fn leads(&self, page: Page) -> Result<Vec<LeadRecord>> {
        self.read(move |db| {
            let sql = format!("{RECORD} WHERE name > ?1 ORDER BY name LIMIT ?2");
            collect(db, &sql, params![page.after.unwrap_or_default(), page.limit as i64], record)
        })
        .await
    }

    async fn update_lead(&self, lead: Lead) -> Result<()> {
        self.write(move |db| replace(db, &lead)).await
    }

    async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertItem>,
        now: Time,
    ) -> Result<Vec<Result<Upserted>>> {
        let system = system.to_owned();
        self.write(move |db| {
            let mut results = Vec::with_capacity(items.len());
            for item in items {
                db.execute_batch("SAVEPOINT item")?;
                let result = upsert(db, &system, item, now);
                let end = if result.is_ok() { "RELEASE item" } else { "ROLLBACK TO item; RELEASE item" };
                db.execute_batch(end)?;
                results.push(result);
            }
            Ok(results)
        })
        .await
    }

    async fn delete_lead(&self, name: &LeadName, revision: Option<i64>) -> Result<()> {
        let name = name.to_string();
        self.write(move |db| {
            let sql = "DELETE FROM leads WHERE name = ?1 AND revision = coalesce(?2, revision)";
            match execute(db, sql, params![name, revision])? {
                0 => Err(missing_or_changed(db, "leads", name)?),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Vec<Lead>> {
        let name = name.to_string();
        self.read(move |db| {
            let sql =
                format!("SELECT body FROM ({REVISIONS}) WHERE revision < ?2 ORDER BY revision DESC LIMIT ?3");
            let before = window.after.unwrap_or(i64::MAX);
            let params = params![name, before, window.limit as i64];
            collect(db, &sql, params, |row| decode(&row.get::<_, String>(0)?))
        })
        .await
    }
}

#[async_trait]
impl ActivityStore for SqliteStore {
    async fn append_activities(&self, lead: &LeadName, activities: Vec<Activity>) -> Result<i64> {
        let lead = lead.to_string();
        self.write(move |db| {
            let sql = "UPDATE leads SET activity_count = activity_count + ?2 WHERE name = ?1 RETURNING activity_count";
            let added = activities.len() as i64;
            let count: Option<i64> = first(db, sql, params![lead, added], |row| Ok(row.get(0)?))?;
            let count = count.ok_or_else(|| StoreError::NotFound(lead.clone()))?;
            let sql = "INSERT INTO activities (lead, number, type, time_micros, known_micros, amount, contact)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            for (i, activity) in activities.into_iter().enumerate() {
                let number = count - added + 1 + i as i64;
                let Activity { kind, time, known_time, amount, contact } = activity;
                let contact = contact.map(String::from);
                let (time, known) = (time.micros(), known_time.micros());
                execute(db, sql, params![lead, number, kind, time, known, amount, contact])?;
            }
            Ok(count)
        })
        .await
    }

    async fn activities(&self, lead: &LeadName, window: Window) -> Result<Vec<Activity>> {
        let lead = lead.to_string();
        self.read(move |db| {
            let sql = "SELECT type, time_micros, known_micros, amount, contact FROM activities
                       WHERE lead = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
            let params = params![lead, window.after.unwrap_or(0), window.limit as i64];
            collect(db, sql, params, activity)
        })
        .await
    }

    async fn activities_known(
        &self,
        lead: &LeadName,
        count: i64,
        at: Time,
        limit: usize,
    ) -> Result<Vec<Activity>> {
        let lead = lead.to_string();
        self.read(move |db| {
            let sql = "SELECT type, time_micros, known_micros, amount, contact FROM activities
                       WHERE lead = ?1 AND number <= ?2 AND time_micros <= ?3 AND known_micros <= ?3
                       ORDER BY number DESC LIMIT ?4";
            let mut newest = collect(db, sql, params![lead, count, at.micros(), limit as i64], activity)?;
            newest.reverse();
            Ok(newest)
        })
        .await
    }
}

fn activity(row: &Row) -> Result<Activity> {
    let contact: Option<String> = row.get(4)?;
    Ok(Activity {
        kind: row.get(0)?,
        time: time(row.get(1)?)?,
        known_time: time(row.get(2)?)?,
        amount: row.get(3)?,
        contact: contact.map(|id| id.parse()).transpose().map_err(corrupt)?,
    })
}

fn time(micros: i64) -> Result<Time> {
    Time::from_micros(micros).ok_or_else(|| corrupt(crate::domain::time::NotATime))
}

/// A row that this program can't have written.
fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Failed(Box::new(error))
}
