use std::collections::BTreeSet;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::super::rows::{
    ACTIVITY, LeadColumns, RECORD, activity, body, number_or_id, numbered_activity, properties_text, record,
    rows_for,
};
use super::super::select::List;
use super::super::{
    ActivityStore, LeadStore, Logged, Part, Receipt, Result, StoreError, UpsertItem, Upserted, Window,
};
use super::canvas::lock;
use super::receipt::erase;
use super::{PostgresStore, limit, row, run};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadRecord, Present};
use crate::domain::listing::Query;
use crate::domain::name::LeadName;
use crate::domain::time::Time;
use crate::domain::version::Stamp;

/// How often an upsert is tried again when another replica creates the same lead at the same moment.
const ATTEMPTS: usize = 3;

async fn insert(transaction: &Transaction<'_>, lead: &Lead) -> Result<()> {
    // No error but a count: an error would end the transaction.
    let sql = "INSERT INTO leads (name, revision, create_micros, update_micros, outcome, stage, owner, source, country,
               industry, employees, profile, display_name, domain, customer, attributes)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb)
               ON CONFLICT (name) DO NOTHING";
    let name = lead.name.to_string();
    if with_columns(transaction, sql, lead).await? == 0 {
        return Err(StoreError::AlreadyExists(name));
    }
    keep_body(transaction, lead).await?;
    insert_external_ids(transaction, &name, &lead.content).await
}

async fn keep_body(transaction: &Transaction<'_>, lead: &Lead) -> Result<()> {
    let sql = "INSERT INTO lead_revisions (name, revision, update_micros, body) VALUES ($1, $2, $3, $4)";
    let (version, text) = (&lead.version, serde_json::to_string(lead)?);
    run(transaction, sql, &[&lead.name.to_string(), &version.revision, &version.update_time.micros(), &text])
        .await?;
    Ok(())
}

/// Writes the columns that lists and tallies use of a lead's own content.
pub(super) async fn keep_columns(transaction: &Transaction<'_>, lead: &Lead) -> Result<()> {
    let sql = "UPDATE leads SET revision = $2, create_micros = $3, update_micros = $4, outcome = $5, stage = $6,
               owner = $7, source = $8, country = $9, industry = $10, employees = $11, profile = $12,
               display_name = $13, domain = $14, customer = $15, attributes = $16::text::jsonb WHERE name = $1";
    with_columns(transaction, sql, lead).await?;
    Ok(())
}

/// Runs a statement over a lead's name and the columns of its content.
async fn with_columns(transaction: &Transaction<'_>, sql: &str, lead: &Lead) -> Result<u64> {
    let c = LeadColumns::of(lead);
    let params: [&(dyn ToSql + Sync); 16] = [
        &c.name,
        &c.revision,
        &c.create_micros,
        &c.update_micros,
        &c.outcome,
        &c.stage,
        &c.owner,
        &c.source,
        &c.country,
        &c.industry,
        &c.employees,
        &c.profile,
        &c.display_name,
        &c.domain,
        &c.customer,
        &c.attributes,
    ];
    Ok(run(transaction, sql, &params).await?)
}

async fn insert_external_ids(transaction: &Transaction<'_>, name: &str, content: &LeadContent) -> Result<()> {
    for (system, id) in &content.external_ids {
        let sql = "INSERT INTO lead_external_ids (system, id, lead) VALUES ($1, $2, $3)
                   ON CONFLICT (system, id) DO NOTHING";
        if run(transaction, sql, &[system, id, &name]).await? == 0 {
            let lead = owner(transaction, system, id).await?.unwrap_or_default();
            return Err(StoreError::ExternalIdTaken { system: system.clone(), id: id.clone(), lead });
        }
    }
    Ok(())
}

/// The lead that an external id belongs to.
async fn owner(transaction: &Transaction<'_>, system: &str, id: &str) -> Result<Option<String>> {
    let sql = "SELECT lead FROM lead_external_ids WHERE system = $1 AND id = $2";
    Ok(row(transaction, sql, &[&system, &id]).await?.map(|row| row.try_get(0)).transpose()?)
}

/// Replaces a lead by its next revision; the former body stays.
async fn replace(transaction: &Transaction<'_>, lead: &Lead) -> Result<()> {
    let name = lead.name.to_string();
    lock(transaction, "leads", &name, lead.version.revision - 1).await?;
    keep_body(transaction, lead).await?;
    keep_columns(transaction, lead).await?;
    run(transaction, "DELETE FROM lead_external_ids WHERE lead = $1", &[&name]).await?;
    insert_external_ids(transaction, &name, &lead.content).await
}

async fn upsert(
    transaction: &Transaction<'_>,
    system: &str,
    item: UpsertItem,
    stamp: &Stamp,
) -> Result<Upserted> {
    let id = item.id.clone();
    let Some(name) = owner(transaction, system, &id).await? else {
        let lead = item.create(stamp)?;
        insert(transaction, &lead).await?;
        return Ok(Upserted { record: LeadRecord::new(lead), created: true, changed: true });
    };
    // First the lock, then the reading: a reading that waits for the lock would see the body of before.
    run(transaction, "SELECT 1 FROM leads WHERE name = $1 FOR UPDATE", &[&name]).await?;
    if owner(transaction, system, &id).await?.as_ref() != Some(&name) {
        // Deleted, or given another id, while the lock was waited for: tried anew.
        return Err(StoreError::ExternalIdTaken { system: system.to_owned(), id, lead: name });
    }
    let found = row(transaction, &format!("{RECORD} WHERE name = $1"), &[&name]).await?;
    let mut record = record(&found.ok_or(StoreError::NotFound(name))?)?;
    let changed = item.merge_into(&mut record, stamp)?;
    if changed {
        replace(transaction, &record.lead).await?;
    }
    Ok(Upserted { record, created: false, changed })
}

#[async_trait]
impl LeadStore for PostgresStore {
    async fn create_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            insert(transaction, &lead).await?;
            Ok(())
        })
        .await
    }

    async fn lead(&self, name: &LeadName) -> Result<LeadRecord> {
        let name = name.to_string();
        let row = self.one(&format!("{RECORD} WHERE name = $1"), &[&name]).await?;
        record(&row.ok_or_else(|| StoreError::NotFound(name.clone()))?).map_err(|error| error.of(&name))
    }

    async fn lead_revision(&self, name: &LeadName, revision: i64) -> Result<Lead> {
        let name = name.to_string();
        let sql = "SELECT body FROM lead_revisions WHERE name = $1 AND revision = $2";
        let row = self.one(sql, &[&name, &revision]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))?)
            .map_err(|error| error.of(&name))
    }

    async fn lead_at(&self, name: &LeadName, time: Time) -> Result<Lead> {
        let name = name.to_string();
        let sql = "SELECT body FROM lead_revisions WHERE name = $1 AND update_micros <= $2
                   ORDER BY revision DESC LIMIT 1";
        let row = self.one(sql, &[&name, &time.micros()]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(format!("{name} as of {time}")))?)
            .map_err(|error| error.of(&name))
    }

    async fn leads(&self, query: Query, present: Present) -> Result<Part<LeadRecord>> {
        self.page(List::leads(present), &query, record).await
    }

    async fn update_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            replace(transaction, &lead).await?;
            Ok(())
        })
        .await
    }

    async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertItem>,
        stamp: Stamp,
        receipt: Option<Receipt<Vec<Result<Upserted>>>>,
    ) -> Result<Vec<Result<Upserted>>> {
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            // All batches lock their leads in the same order, whatever order their items stand in.
            let mut ordered: Vec<(usize, UpsertItem)> = items.into_iter().enumerate().collect();
            ordered.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
            let mut results = Vec::with_capacity(ordered.len());
            for (place, item) in ordered {
                let mut left = ATTEMPTS;
                let result = loop {
                    let savepoint = transaction.transaction().await?;
                    let result = upsert(&savepoint, system, item.clone(), &stamp).await;
                    left -= 1;
                    match result {
                        Ok(upserted) => {
                            savepoint.commit().await?;
                            break Ok(upserted);
                        }
                        Err(StoreError::ExternalIdTaken { system: taken, .. })
                            if taken == system && left > 0 =>
                        {
                            savepoint.rollback().await?;
                        }
                        Err(error) if error.is_passing() => return Err(error),
                        Err(error) => {
                            savepoint.rollback().await?;
                            break Err(error);
                        }
                    }
                };
                results.push((place, result));
            }
            results.sort_by_key(|(place, _)| *place);
            let results = results.into_iter().map(|(_, result)| result).collect();
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
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            if let Some(revision) = revision {
                lock(transaction, "leads", &name, revision).await?;
            }
            if run(transaction, "DELETE FROM leads WHERE name = $1", &[&name]).await? == 0 {
                return Err(StoreError::NotFound(name));
            }
            super::job::erase(transaction, &name).await?;
            erase(transaction, &name).await?;
            Ok(())
        })
        .await
    }

    async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Part<Lead>> {
        let sql = "SELECT body, name || '@' || revision FROM lead_revisions WHERE name = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3";
        let before = window.after.unwrap_or(i64::MAX);
        self.part(sql, &[&name.to_string(), &before, &rows_for(window.limit)], window.limit, body).await
    }
}

#[async_trait]
impl ActivityStore for PostgresStore {
    async fn append_activities(
        &self,
        lead: &LeadName,
        activities: Vec<Activity>,
        receipt: Option<Receipt<Logged>>,
    ) -> Result<Logged> {
        let lead = lead.to_string();
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            // The lock first: whoever records the same ids at the same time waits, and finds them.
            let sql = "SELECT 1 FROM leads WHERE name = $1 FOR UPDATE";
            row(transaction, sql, &[&lead]).await?.ok_or_else(|| StoreError::NotFound(lead.clone()))?;
            let ids: Vec<&str> = activities.iter().filter_map(|activity| activity.id.as_deref()).collect();
            let mut seen = BTreeSet::new();
            if !ids.is_empty() {
                let sql = "SELECT id FROM activities WHERE lead = $1 AND id = ANY($2) AND gone_at IS NULL";
                for row in transaction.query(sql, &[&lead, &ids]).await? {
                    seen.insert(row.try_get::<_, String>(0)?);
                }
            }
            let is_new = |activity: &&Activity| activity.id.as_ref().is_none_or(|id| seen.insert(id.clone()));
            let activities: Vec<&Activity> = activities.iter().filter(is_new).collect();
            let added = i64::try_from(activities.len()).unwrap_or(i64::MAX);
            let sql = "UPDATE leads SET activity_count = activity_count + $2,
                   last_activity_micros = greatest(last_activity_micros, $3::bigint),
                   last_known_micros = greatest(last_known_micros, $4::bigint)
                   WHERE name = $1 RETURNING activity_count";
            let last = activities.iter().map(|activity| activity.time.micros()).max();
            let known = activities.iter().map(|activity| activity.known_time.micros()).max();
            let row = row(transaction, sql, &[&lead, &added, &last, &known]).await?;
            let count: i64 = row.ok_or_else(|| StoreError::NotFound(lead.clone()))?.try_get(0)?;
            let column = |of: fn(&Activity) -> i64| activities.iter().map(|a| of(a)).collect::<Vec<i64>>();
            let kinds: Vec<&str> = activities.iter().map(|a| a.kind.as_str()).collect();
            let amounts: Vec<f64> = activities.iter().map(|a| a.amount).collect();
            let contacts: Vec<Option<&str>> =
                activities.iter().map(|a| a.contact.as_ref().map(|id| id.as_str())).collect();
            let ids: Vec<Option<&str>> = activities.iter().map(|a| a.id.as_deref()).collect();
            let sql =
                "INSERT INTO activities (lead, number, type, time_micros, known_micros, amount, contact, id, properties)
                   SELECT $1, $2 + place, type, time, known, amount, contact, id, properties
                   FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::float8[], $7::text[], $8::text[], $9::text[])
                        WITH ORDINALITY AS new (type, time, known, amount, contact, id, properties, place)";
            let (times, known) = (column(|a| a.time.micros()), column(|a| a.known_time.micros()));
            let properties = activities.iter().map(|activity| properties_text(activity)).collect::<Result<Vec<_>>>()?;
            let params: [&(dyn ToSql + Sync); 9] =
                [&lead, &(count - added), &kinds, &times, &known, &amounts, &contacts, &ids, &properties];
            run(transaction, sql, &params).await?;
            Ok(Logged { done: activities.len(), count })
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
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            let sql = "SELECT activity_count FROM leads WHERE name = $1 FOR UPDATE";
            let before = row(transaction, sql, &[&lead]).await?;
            let before: i64 = before.ok_or_else(|| StoreError::NotFound(lead.clone()))?.try_get(0)?;
            let (numbers, ids): (Vec<_>, Vec<_>) = ids.iter().map(|id| number_or_id(id)).unzip();
            let sql = "UPDATE activities SET gone_at = $4 WHERE lead = $1 AND gone_at IS NULL
                       AND (number = ANY($2) AND id IS NULL OR id = ANY($3))";
            let done = run(transaction, sql, &[&lead, &numbers, &ids, &(before + 1)]).await?;
            let count = if done > 0 { before + 1 } else { before };
            let sql = "UPDATE leads SET activity_count = $2, last_activity_micros =
                       (SELECT max(time_micros) FROM activities WHERE lead = $1 AND gone_at IS NULL) WHERE name = $1";
            run(transaction, sql, &[&lead, &count]).await?;
            Ok(Logged { done: usize::try_from(done).unwrap_or(usize::MAX), count })
        })
        .await
    }

    async fn activities(&self, lead: &LeadName, window: Window) -> Result<Vec<(i64, Activity)>> {
        let sql = format!(
            "{ACTIVITY} WHERE lead = $1 AND number > $2 AND gone_at IS NULL ORDER BY number LIMIT $3"
        );
        let after = window.after.unwrap_or(0);
        let rows = self.all(&sql, &[&lead.to_string(), &after, &limit(window.limit)]).await?;
        rows.iter().map(|row| numbered_activity(row)).collect()
    }

    async fn activities_known(
        &self,
        lead: &LeadName,
        count: i64,
        at: Time,
        most: usize,
    ) -> Result<Vec<Activity>> {
        let sql = format!(
            "{ACTIVITY} WHERE lead = $1 AND number <= $2 AND (gone_at IS NULL OR gone_at > $2)
             AND time_micros <= $3 AND known_micros <= $3 ORDER BY number DESC LIMIT $4"
        );
        let params: [&(dyn ToSql + Sync); 4] = [&lead.to_string(), &count, &at.micros(), &limit(most)];
        let rows = self.all(&sql, &params).await?;
        rows.iter().rev().map(|row| activity(row)).collect()
    }

    async fn activities_known_of(
        &self,
        leads: Vec<(LeadName, i64)>,
        at: Time,
        most: usize,
    ) -> Result<Vec<Vec<Activity>>> {
        // The columns of `ACTIVITY`, of each lead in turn; the last says whose they are.
        let sql = format!(
            "SELECT known.*, wanted.place FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS wanted (lead, count, place),
             LATERAL ({ACTIVITY} WHERE activities.lead = wanted.lead AND number <= wanted.count
                 AND (gone_at IS NULL OR gone_at > wanted.count) AND time_micros <= $3 AND known_micros <= $3
                 ORDER BY number DESC LIMIT $4) AS known
             WHERE wanted.count > 0 ORDER BY wanted.place, known.number"
        );
        let (names, counts): (Vec<String>, Vec<i64>) =
            leads.iter().map(|(lead, count)| (lead.to_string(), *count)).unzip();
        let params: [&(dyn ToSql + Sync); 4] = [&names, &counts, &at.micros(), &limit(most)];
        let mut found = vec![Vec::new(); leads.len()];
        for row in self.all(&sql, &params).await? {
            let place = usize::try_from(row.try_get::<_, i64>(8)?).unwrap_or_default();
            if let Some(of) = place.checked_sub(1).and_then(|place| found.get_mut(place)) {
                of.push(activity(&row)?);
            }
        }
        Ok(found)
    }
}
