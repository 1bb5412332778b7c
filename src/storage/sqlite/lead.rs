use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::rows::{
    ACTIVITY, LeadColumns, RECORD, activity, body, number_or_id, numbered_activity, properties_text, record,
    rows_for,
};
use super::super::select::List;
use super::super::{
    ActivityStore, LeadStore, Logged, Part, Receipt, Result, StoreError, UpsertItem, Upserted, Window,
};
use super::canvas::missing_or_changed;
use super::receipt::erase;
use super::{SqliteStore, collect, execute, first, is_taken, page, part};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadRecord, Present};
use crate::domain::listing::Query;
use crate::domain::name::LeadName;
use crate::domain::time::Time;
use crate::domain::version::Stamp;

fn insert(db: &Connection, lead: &Lead) -> Result<()> {
    let sql = "INSERT INTO leads (name, revision, create_micros, update_micros, outcome, stage, owner, source, country,
               industry, employees, profile, display_name, domain, customer, attributes)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
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
               owner = ?7, source = ?8, country = ?9, industry = ?10, employees = ?11, profile = ?12, display_name = ?13,
               domain = ?14, customer = ?15, attributes = ?16 WHERE name = ?1";
    with_columns(db, sql, lead)?;
    Ok(())
}

/// Runs a statement over a lead's name and the columns of its content.
fn with_columns(db: &Connection, sql: &str, lead: &Lead) -> rusqlite::Result<usize> {
    let c = LeadColumns::of(lead);
    let params = params![
        c.name,
        c.revision,
        c.create_micros,
        c.update_micros,
        c.outcome,
        c.stage,
        c.owner,
        c.source,
        c.country,
        c.industry,
        c.employees,
        c.profile,
        c.display_name,
        c.domain,
        c.customer,
        c.attributes,
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
    first(db, sql, [system, id], |row| Ok(row.some_text(0)?.to_owned()))
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

fn upsert(db: &Connection, system: &str, item: UpsertItem, stamp: &Stamp) -> Result<Upserted> {
    let Some(name) = owner(db, system, &item.id)? else {
        let lead = item.create(stamp)?;
        insert(db, &lead)?;
        return Ok(Upserted { record: LeadRecord::new(lead), created: true, changed: true });
    };
    let sql = format!("{RECORD} WHERE leads.name = ?1");
    let mut record = first(db, &sql, [&name], record)?.ok_or(StoreError::NotFound(name))?;
    let changed = item.merge_into(&mut record, stamp)?;
    if changed {
        replace(db, &record.lead)?;
    }
    Ok(Upserted { record, created: false, changed })
}

#[async_trait]
impl LeadStore for SqliteStore {
    async fn create_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| insert(db, &lead)).await
    }

    async fn lead(&self, name: &LeadName) -> Result<LeadRecord> {
        let name = name.to_string();
        self.read(move |db| {
            first(db, &format!("{RECORD} WHERE leads.name = ?1"), [&name], record)
                .map_err(|error| error.of(&name))?
                .ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn lead_revision(&self, name: &LeadName, revision: i64) -> Result<Lead> {
        let name = name.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM lead_revisions WHERE name = ?1 AND revision = ?2";
            let found = first(db, sql, params![name, revision], body).map_err(|error| error.of(&name))?;
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
                first(db, sql, params![name, time.micros()], body).map_err(|error| error.of(&name))?;
            found.ok_or_else(|| StoreError::NotFound(format!("{name} as of {time}")))
        })
        .await
    }

    async fn leads(&self, query: Query, present: Present) -> Result<Part<LeadRecord>> {
        self.list(move |db| page(db, &List::leads(present), &query, record)).await
    }

    async fn update_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| replace(db, &lead)).await
    }

    async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertItem>,
        stamp: Stamp,
        receipt: Option<Receipt<Vec<Result<Upserted>>>>,
    ) -> Result<Vec<Result<Upserted>>> {
        let system = system.to_owned();
        self.write(receipt, move |db| {
            let mut results = Vec::with_capacity(items.len());
            for item in items {
                db.execute_batch("SAVEPOINT item")?;
                let result = upsert(db, &system, item, &stamp);
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
        let erased = self.writer.erased();
        self.write(receipt, move |db| {
            let sql = "DELETE FROM leads WHERE name = ?1 AND revision = coalesce(?2, revision)";
            match execute(db, sql, params![name, revision])? {
                0 => Err(missing_or_changed(db, "leads", name)?),
                _ => {
                    erased.store(true, Ordering::Relaxed);
                    super::job::erase(db, &name)?;
                    erase(db, &name)
                }
            }
        })
        .await
    }

    async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Part<Lead>> {
        let name = name.to_string();
        self.read(move |db| {
            let sql =
                "SELECT body, name || '@' || revision FROM lead_revisions WHERE name = ?1 AND revision < ?2
                       ORDER BY revision DESC LIMIT ?3";
            let before = window.after.unwrap_or(i64::MAX);
            let params = params![name, before, rows_for(window.limit)];
            part(db, sql, params, window.limit, body)
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
        receipt: Option<Receipt<Logged>>,
    ) -> Result<Logged> {
        let lead = lead.to_string();
        self.write(receipt, move |db| {
            let mut new = Vec::with_capacity(activities.len());
            let known = "SELECT 1 FROM activities WHERE lead = ?1 AND id = ?2 AND gone_at IS NULL";
            let mut ids = BTreeSet::new();
            for activity in activities {
                let repeats = match &activity.id {
                    Some(id) => {
                        !ids.insert(id.clone()) || first(db, known, params![lead, id], |_| Ok(()))?.is_some()
                    }
                    None => false,
                };
                if !repeats {
                    new.push(activity);
                }
            }
            let sql = "UPDATE leads SET activity_count = activity_count + ?2,
                       last_activity_micros = max(coalesce(last_activity_micros, ?3), coalesce(?3, last_activity_micros)),
                       last_known_micros = max(coalesce(last_known_micros, ?4), coalesce(?4, last_known_micros))
                       WHERE name = ?1 RETURNING activity_count";
            let added = new.len() as i64;
            let last = new.iter().map(|activity| activity.time.micros()).max();
            let known = new.iter().map(|activity| activity.known_time.micros()).max();
            let count = first(db, sql, params![lead, added, last, known], |row| row.some_integer(0))?;
            let count = count.ok_or_else(|| StoreError::NotFound(lead.clone()))?;
            let sql =
                "INSERT INTO activities (lead, number, type, time_micros, known_micros, amount, contact, id, properties)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            for (i, activity) in new.into_iter().enumerate() {
                let number = count - added + 1 + i as i64;
                let properties = properties_text(&activity)?;
                let Activity { kind, time, known_time, amount, contact, id, .. } = activity;
                let contact = contact.map(String::from);
                let (time, known) = (time.micros(), known_time.micros());
                execute(db, sql, params![lead, number, kind, time, known, amount, contact, id, properties])?;
            }
            Ok(Logged { done: added as usize, count })
        })
        .await
    }

    async fn delete_activities(
        &self,
        lead: &LeadName,
        ids: Vec<String>,
        receipt: Option<Receipt<Logged>>,
    ) -> Result<Logged> {
        let lead = lead.to_string();
        self.write(receipt, move |db| {
            let sql = "SELECT activity_count FROM leads WHERE name = ?1";
            let before = first(db, sql, [&lead], |row| row.some_integer(0))?;
            let before = before.ok_or_else(|| StoreError::NotFound(lead.clone()))?;
            let mut done = 0;
            for id in ids {
                let (number, id) = number_or_id(&id);
                let sql = "UPDATE activities SET gone_at = ?4 WHERE lead = ?1 AND gone_at IS NULL
                           AND (number = ?2 AND id IS NULL OR id = ?3)";
                done += execute(db, sql, params![lead, number, id, before + 1])?;
            }
            let count = if done > 0 { before + 1 } else { before };
            let sql = "UPDATE leads SET activity_count = ?2, last_activity_micros =
                       (SELECT max(time_micros) FROM activities WHERE lead = ?1 AND gone_at IS NULL) WHERE name = ?1";
            execute(db, sql, params![lead, count])?;
            Ok(Logged { done, count })
        })
        .await
    }

    async fn activities(&self, lead: &LeadName, window: Window) -> Result<Vec<(i64, Activity)>> {
        let lead = lead.to_string();
        self.read(move |db| {
            let sql = format!(
                "{ACTIVITY} WHERE lead = ?1 AND number > ?2 AND gone_at IS NULL ORDER BY number LIMIT ?3"
            );
            let params = params![lead, window.after.unwrap_or(0), window.limit as i64];
            collect(db, &sql, params, numbered_activity)
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
        self.read(move |db| known_activities(db, &lead, count, at, limit)).await
    }

    async fn activities_known_of(
        &self,
        leads: Vec<(LeadName, i64)>,
        at: Time,
        limit: usize,
    ) -> Result<Vec<Vec<Activity>>> {
        // Many at once wait behind lookups, as lists do.
        self.list(move |db| {
            let known = |(lead, count): &(LeadName, i64)| match count {
                0 => Ok(Vec::new()),
                count => known_activities(db, &lead.to_string(), *count, at, limit),
            };
            leads.iter().map(known).collect()
        })
        .await
    }
}

fn known_activities(
    db: &Connection,
    lead: &str,
    count: i64,
    at: Time,
    limit: usize,
) -> Result<Vec<Activity>> {
    let sql = format!(
        "{ACTIVITY} WHERE lead = ?1 AND number <= ?2 AND (gone_at IS NULL OR gone_at > ?2)
         AND time_micros <= ?3 AND known_micros <= ?3 ORDER BY number DESC LIMIT ?4"
    );
    let mut newest = collect(db, &sql, params![lead, count, at.micros(), limit as i64], activity)?;
    newest.reverse();
    Ok(newest)
}
