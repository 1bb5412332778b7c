use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::super::select::List;
use super::super::{ActivityStore, LeadStore, Receipt, Result, StoreError, UpsertItem, Upserted, Window};
use super::canvas::missing_or_changed;
use super::receipt::erase;
use super::{SqliteStore, collect, decode, execute, first, is_taken, page};
use crate::domain::lead::{Activity, LatestScore, Lead, LeadContent, LeadRecord, Present};
use crate::domain::listing::{Query, listed_text};
use crate::domain::name::LeadName;
use crate::domain::score::{Points, ScoreStatus};
use crate::domain::time::Time;

/// A lead with what is kept beside it: its newest body and its columns.
const RECORD: &str = "SELECT
    (SELECT r.body FROM lead_revisions r WHERE r.name = leads.name AND r.revision = leads.revision), leads.name, activity_count,
    last_activity_micros, score_number, score_status, grade, total, fit, engagement, score_as_of_micros, score_lead_revision, score_activity_count, score_profile,
    score_profile_revision, score_rule_set, segment, (SELECT p.revision FROM profiles p WHERE p.name = score_profile)
    FROM leads";

fn record(row: &Row) -> Result<LeadRecord> {
    let last: Option<i64> = row.get(3)?;
    Ok(LeadRecord {
        lead: decode(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
        activity_count: row.get(2)?,
        last_activity: last.map(time).transpose()?,
        latest_score: latest(row)?,
        profile_revision: row.get(17)?,
    })
}

fn latest(row: &Row) -> Result<Option<LatestScore>> {
    let Some(number) = row.get::<_, Option<i64>>(4)? else { return Ok(None) };
    let lead: String = row.get(1)?;
    let status: String = row.get(5)?;
    let segment: Option<String> = row.get(16)?;
    let profile: String = row.get(13)?;
    let points = |column| row.get(column).map(Points);
    Ok(Some(LatestScore {
        name: format!("{lead}/scores/{number}").parse().map_err(corrupt)?,
        status: ScoreStatus::ALL
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or_else(|| StoreError::failed(format!("there is no status {status}")))?,
        grade: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
        total: points(7)?,
        fit: points(8)?,
        engagement: points(9)?,
        as_of: time(row.get(10)?)?,
        lead_revision: row.get(11)?,
        activity_count: row.get(12)?,
        profile: profile.parse().map_err(corrupt)?,
        profile_revision: row.get(14)?,
        rule_set: row.get(15)?,
        segment: segment.map(|name| name.parse()).transpose().map_err(corrupt)?,
    }))
}

fn insert(db: &Connection, lead: &Lead) -> Result<()> {
    let sql = "INSERT INTO leads (name, revision, create_micros, update_micros, outcome, stage, owner, source, country,
               industry, employees, profile) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let name = lead.name.to_string();
    match with_columns(db, sql, lead) {
        Err(error) if is_taken(&error) => return Err(StoreError::AlreadyExists(name)),
        other => other?,
    };
    keep_body(db, lead)?;
    insert_external_ids(db, &name, &lead.content)
}

fn keep_body(db: &Connection, lead: &Lead) -> Result<()> {
    let sql = "INSERT INTO lead_revisions (name, revision, update_micros, body) VALUES (?1, ?2, ?3, ?4)";
    let version = &lead.version;
    let body = serde_json::to_string(lead)?;
    execute(db, sql, params![lead.name.to_string(), version.revision, version.update_time.micros(), body])?;
    Ok(())
}

/// Writes the columns that lists and tallies use of a lead's own content.
pub(super) fn keep_columns(db: &Connection, lead: &Lead) -> Result<()> {
    let sql = "UPDATE leads SET revision = ?2, create_micros = ?3, update_micros = ?4, outcome = ?5, stage = ?6,
               owner = ?7, source = ?8, country = ?9, industry = ?10, employees = ?11, profile = ?12 WHERE name = ?1";
    with_columns(db, sql, lead)?;
    Ok(())
}

/// Runs a statement over a lead's name and the columns of its content.
fn with_columns(db: &Connection, sql: &str, lead: &Lead) -> rusqlite::Result<usize> {
    let (content, version) = (&lead.content, &lead.version);
    let params = params![
        lead.name.to_string(),
        version.revision,
        version.create_time.micros(),
        version.update_time.micros(),
        content.outcome.as_ref().map(|outcome| outcome.kind.as_str()),
        content.stage.as_str(),
        listed_text(&content.owner),
        listed_text(&content.source),
        listed_text(content.subject.country()),
        listed_text(content.subject.industry()),
        content.subject.employees(),
        content.profile.as_ref().map(ToString::to_string),
    ];
    execute(db, sql, params)
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

/// Replaces a lead by its next revision; the former body stays.
fn replace(db: &Connection, lead: &Lead) -> Result<()> {
    let name = lead.name.to_string();
    let sql = "SELECT 1 FROM leads WHERE name = ?1 AND revision = ?2";
    if first(db, sql, params![name, lead.version.revision - 1], |_| Ok(()))?.is_none() {
        return Err(missing_or_changed(db, "leads", name)?);
    }
    keep_body(db, lead)?;
    keep_columns(db, lead)?;
    execute(db, "DELETE FROM lead_external_ids WHERE lead = ?1", [&name])?;
    insert_external_ids(db, &name, &lead.content)
}

fn upsert(db: &Connection, system: &str, item: UpsertItem, now: Time) -> Result<Upserted> {
    let UpsertItem { new_name, mut content, etag } = item;
    let id = content.external_ids.get(system).cloned().unwrap_or_default();
    let Some(name) = owner(db, system, &id)? else {
        let lead = Lead::create(new_name, content, now);
        insert(db, &lead)?;
        return Ok(Upserted { record: LeadRecord::new(lead), created: true });
    };
    let sql = format!("{RECORD} WHERE leads.name = ?1");
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
    async fn create_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| insert(db, &lead)).await
    }

    async fn lead(&self, name: &LeadName) -> Result<LeadRecord> {
        let name = name.to_string();
        self.read(move |db| {
            first(db, &format!("{RECORD} WHERE leads.name = ?1"), [&name], record)?
                .ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn lead_revision(&self, name: &LeadName, revision: i64) -> Result<Lead> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM lead_revisions WHERE name = ?1 AND revision = ?2";
            let found = first(db, sql, params![name, revision], |row| decode(&row.get::<_, String>(0)?))?;
            found.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))
        })
        .await
    }

    async fn lead_at(&self, name: &LeadName, time: Time) -> Result<Lead> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM lead_revisions WHERE name = ?1 AND update_micros <= ?2
                       ORDER BY revision DESC LIMIT 1";
            let found =
                first(db, sql, params![name, time.micros()], |row| decode(&row.get::<_, String>(0)?))?;
            found.ok_or_else(|| StoreError::NotFound(format!("{name} as of {time}")))
        })
        .await
    }

    async fn leads(&self, query: Query, present: Present) -> Result<Vec<LeadRecord>> {
        self.read(move |db| {
            let list = List { select: RECORD, within: ("1 = 1", None), name: "leads.name", present };
            page(db, &list, &query, record)
        })
        .await
    }

    async fn update_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| replace(db, &lead)).await
    }

    async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertItem>,
        now: Time,
        receipt: Option<Receipt<Vec<Result<Upserted>>>>,
    ) -> Result<Vec<Result<Upserted>>> {
        let system = system.to_owned();
        self.write(receipt, move |db| {
            let mut results = Vec::with_capacity(items.len());
            for item in items {
                db.execute_batch("SAVEPOINT item")?;
                let result = upsert(db, &system, item, now);
                if let Err(error) = &result
                    && error.is_passing()
                {
                    return Err(error.clone());
                }
                let end = if result.is_ok() { "RELEASE item" } else { "ROLLBACK TO item; RELEASE item" };
                db.execute_batch(end)?;
                results.push(result);
            }
            Ok(results)
        })
        .await
    }

    async fn delete_lead(
        &self,
        name: &LeadName,
        revision: Option<i64>,
        receipt: Option<Receipt<()>>,
    ) -> Result<()> {
        let name = name.to_string();
        self.write(receipt, move |db| {
            let sql = "DELETE FROM leads WHERE name = ?1 AND revision = coalesce(?2, revision)";
            match execute(db, sql, params![name, revision])? {
                0 => Err(missing_or_changed(db, "leads", name)?),
                _ => erase(db, &name),
            }
        })
        .await
    }

    async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Vec<Lead>> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM lead_revisions WHERE name = ?1 AND revision < ?2
                       ORDER BY revision DESC LIMIT ?3";
            let before = window.after.unwrap_or(i64::MAX);
            let params = params![name, before, window.limit as i64];
            collect(db, sql, params, |row| decode(&row.get::<_, String>(0)?))
        })
        .await
    }
}

#[async_trait]
impl ActivityStore for SqliteStore {
    async fn append_activities(
        &self,
        lead: &LeadName,
        activities: Vec<Activity>,
        receipt: Option<Receipt<i64>>,
    ) -> Result<i64> {
        let lead = lead.to_string();
        self.write(receipt, move |db| {
            let sql = "UPDATE leads SET activity_count = activity_count + ?2,
                       last_activity_micros = max(coalesce(last_activity_micros, ?3), ?3)
                       WHERE name = ?1 RETURNING activity_count";
            let added = activities.len() as i64;
            let last = activities.iter().map(|activity| activity.time.micros()).max();
            let count: Option<i64> = first(db, sql, params![lead, added, last], |row| Ok(row.get(0)?))?;
            let count = count.ok_or_else(|| StoreError::NotFound(lead.clone()))?;
            let sql =
                "INSERT INTO activities (lead, number, type, time_micros, known_micros, amount, contact)
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
    StoreError::failed(error)
}
