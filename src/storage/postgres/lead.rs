use async_trait::async_trait;
use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::super::{ActivityStore, LeadStore, Page, Result, StoreError, UpsertItem, Upserted, Window};
use super::canvas::lock;
use super::{PostgresStore, bodies, body, limit};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadRecord, OutcomeKind};
use crate::domain::name::LeadName;
use crate::domain::time::{NotATime, Time};

/// All revisions of a lead, the current one among them.
const REVISIONS: &str = "SELECT revision, update_micros, body FROM lead_revisions WHERE name = $1
                         UNION ALL SELECT revision, update_micros, body FROM leads WHERE name = $1";
const RECORD: &str = "SELECT body, latest_score, activity_count FROM leads";
const ACTIVITY: &str = "SELECT type, time_micros, known_micros, amount, contact FROM activities";
/// How often an upsert is tried again when another replica creates the same lead at the same moment.
const ATTEMPTS: usize = 3;

fn record(row: &Row) -> Result<LeadRecord> {
    let latest: Option<&str> = row.try_get(1)?;
    Ok(LeadRecord {
        lead: body(row)?,
        latest_score: latest.map(serde_json::from_str).transpose()?,
        activity_count: row.try_get(2)?,
    })
}

fn outcome(content: &LeadContent) -> Option<&'static str> {
    content.outcome.as_ref().map(|outcome| match outcome.kind {
        OutcomeKind::Won => "won",
        OutcomeKind::Lost => "lost",
    })
}

async fn insert(transaction: &Transaction<'_>, lead: &Lead) -> Result<()> {
    let name = lead.name.to_string();
    let text = serde_json::to_string(lead)?;
    let (revision, updated) = (lead.version.revision, lead.version.update_time.micros());
    // No error but a count: an error would end the transaction.
    let sql = "INSERT INTO leads (name, revision, update_micros, outcome, body) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (name) DO NOTHING";
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&name, &revision, &updated, &outcome(&lead.content), &text];
    if transaction.execute(sql, &params).await? == 0 {
        return Err(StoreError::AlreadyExists(name));
    }
    insert_external_ids(transaction, &name, &lead.content).await
}

async fn insert_external_ids(transaction: &Transaction<'_>, name: &str, content: &LeadContent) -> Result<()> {
    for (system, id) in &content.external_ids {
        let sql = "INSERT INTO lead_external_ids (system, id, lead) VALUES ($1, $2, $3)
                   ON CONFLICT (system, id) DO NOTHING";
        if transaction.execute(sql, &[system, id, &name]).await? == 0 {
            let lead = owner(transaction, system, id).await?.unwrap_or_default();
            return Err(StoreError::ExternalIdTaken { system: system.clone(), id: id.clone(), lead });
        }
    }
    Ok(())
}

/// The lead that an external id belongs to.
async fn owner(transaction: &Transaction<'_>, system: &str, id: &str) -> Result<Option<String>> {
    let sql = "SELECT lead FROM lead_external_ids WHERE system = $1 AND id = $2";
    Ok(transaction.query_opt(sql, &[&system, &id]).await?.map(|row| row.try_get(0)).transpose()?)
}

/// Replaces a lead by its next revision and keeps the former one.
async fn replace(transaction: &Transaction<'_>, lead: &Lead) -> Result<()> {
    let name = lead.name.to_string();
    let (revision, updated) = (lead.version.revision, lead.version.update_time.micros());
    lock(transaction, "leads", &name, revision - 1).await?;
    let keep = "INSERT INTO lead_revisions (name, revision, update_micros, body)
                SELECT name, revision, update_micros, body FROM leads WHERE name = $1";
    transaction.execute(keep, &[&name]).await?;
    let text = serde_json::to_string(lead)?;
    let sql = "UPDATE leads SET revision = $2, update_micros = $3, outcome = $4, body = $5 WHERE name = $1";
    transaction.execute(sql, &[&name, &revision, &updated, &outcome(&lead.content), &text]).await?;
    transaction.execute("DELETE FROM lead_external_ids WHERE lead = $1", &[&name]).await?;
    insert_external_ids(transaction, &name, &lead.content).await
}

async fn upsert(
    transaction: &Transaction<'_>,
    system: &str,
    item: UpsertItem,
    now: Time,
) -> Result<Upserted> {
    let UpsertItem { new_name, mut content, etag } = item;
    let id = content.external_ids.get(system).cloned().unwrap_or_default();
    let Some(name) = owner(transaction, system, &id).await? else {
        let lead = Lead::create(new_name, content, now);
        insert(transaction, &lead).await?;
        let record = LeadRecord { lead, latest_score: None, activity_count: 0 };
        return Ok(Upserted { record, created: true });
    };
    let sql = format!("{RECORD} WHERE name = $1 FOR UPDATE");
    let row = transaction.query_opt(&sql, &[&name]).await?;
    let mut record = record(&row.ok_or(StoreError::NotFound(name))?)?;
    if !record.lead.version.admits(&etag) {
        return Err(StoreError::Conflict(record.lead.name.to_string()));
    }
    for (system, id) in &record.lead.content.external_ids {
        content.external_ids.entry(system.clone()).or_insert_with(|| id.clone());
    }
    if record.lead.content != content {
        record.lead = record.lead.revise(content, now);
        replace(transaction, &record.lead).await?;
    }
    Ok(Upserted { record, created: false })
}

#[async_trait]
impl LeadStore for PostgresStore {
    async fn create_lead(&self, lead: Lead) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        insert(&transaction, &lead).await?;
        Ok(transaction.commit().await?)
    }

    async fn lead(&self, name: &LeadName) -> Result<LeadRecord> {
        let name = name.to_string();
        let row = self.connection().await?.query_opt(&format!("{RECORD} WHERE name = $1"), &[&name]).await?;
        record(&row.ok_or(StoreError::NotFound(name))?)
    }

    async fn lead_revision(&self, name: &LeadName, revision: i64) -> Result<Lead> {
        let name = name.to_string();
        let sql = format!("SELECT body FROM ({REVISIONS}) AS all_revisions WHERE revision = $2");
        let row = self.connection().await?.query_opt(&sql, &[&name, &revision]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(format!("revision {revision} of {name}")))?)
    }

    async fn lead_at(&self, name: &LeadName, time: Time) -> Result<Lead> {
        let name = name.to_string();
        let sql = format!(
            "SELECT body FROM ({REVISIONS}) AS all_revisions WHERE update_micros <= $2 ORDER BY revision DESC LIMIT 1"
        );
        let row = self.connection().await?.query_opt(&sql, &[&name, &time.micros()]).await?;
        body(&row.ok_or_else(|| StoreError::NotFound(format!("{name} as of {time}")))?)
    }

    async fn leads(&self, page: Page) -> Result<Vec<LeadRecord>> {
        let sql = format!("{RECORD} WHERE name > $1 ORDER BY name LIMIT $2");
        let after = page.after.unwrap_or_default();
        let rows = self.connection().await?.query(&sql, &[&after, &limit(page.limit)]).await?;
        rows.iter().map(record).collect()
    }

    async fn update_lead(&self, lead: Lead) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        replace(&transaction, &lead).await?;
        Ok(transaction.commit().await?)
    }

    async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertItem>,
        now: Time,
    ) -> Result<Vec<Result<Upserted>>> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.transaction().await?;
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            let mut left = ATTEMPTS;
            results.push(loop {
                let savepoint = transaction.transaction().await?;
                let result = upsert(&savepoint, system, item.clone(), now).await;
                left -= 1;
                match result {
                    Ok(upserted) => {
                        savepoint.commit().await?;
                        break Ok(upserted);
                    }
                    Err(StoreError::ExternalIdTaken { system: taken, .. }) if taken == system && left > 0 => {
                        savepoint.rollback().await?;
                    }
                    Err(error @ StoreError::Failed(_)) => return Err(error),
                    Err(error) => {
                        savepoint.rollback().await?;
                        break Err(error);
                    }
                }
            });
        }
        transaction.commit().await?;
        Ok(results)
    }

    async fn delete_lead(&self, name: &LeadName, revision: Option<i64>) -> Result<()> {
        let name = name.to_string();
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if let Some(revision) = revision {
            lock(&transaction, "leads", &name, revision).await?;
        }
        if transaction.execute("DELETE FROM leads WHERE name = $1", &[&name]).await? == 0 {
            return Err(StoreError::NotFound(name));
        }
        Ok(transaction.commit().await?)
    }

    async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Vec<Lead>> {
        let sql = format!(
            "SELECT body FROM ({REVISIONS}) AS all_revisions WHERE revision < $2 ORDER BY revision DESC LIMIT $3"
        );
        let before = window.after.unwrap_or(i64::MAX);
        let rows =
            self.connection().await?.query(&sql, &[&name.to_string(), &before, &limit(window.limit)]).await?;
        bodies(&rows)
    }
}

#[async_trait]
impl ActivityStore for PostgresStore {
    async fn append_activities(&self, lead: &LeadName, activities: Vec<Activity>) -> Result<i64> {
        let lead = lead.to_string();
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let added = i64::try_from(activities.len()).unwrap_or(i64::MAX);
        let sql =
            "UPDATE leads SET activity_count = activity_count + $2 WHERE name = $1 RETURNING activity_count";
        let row = transaction.query_opt(sql, &[&lead, &added]).await?;
        let count: i64 = row.ok_or_else(|| StoreError::NotFound(lead.clone()))?.try_get(0)?;
        let column = |of: fn(&Activity) -> i64| activities.iter().map(of).collect::<Vec<i64>>();
        let kinds: Vec<&str> = activities.iter().map(|a| a.kind.as_str()).collect();
        let amounts: Vec<f64> = activities.iter().map(|a| a.amount).collect();
        let contacts: Vec<Option<&str>> =
            activities.iter().map(|a| a.contact.as_ref().map(|id| id.as_str())).collect();
        let sql = "INSERT INTO activities (lead, number, type, time_micros, known_micros, amount, contact)
                   SELECT $1, $2 + place, type, time, known, amount, contact
                   FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::float8[], $7::text[])
                        WITH ORDINALITY AS new (type, time, known, amount, contact, place)";
        let (times, known) = (column(|a| a.time.micros()), column(|a| a.known_time.micros()));
        transaction
            .execute(sql, &[&lead, &(count - added), &kinds, &times, &known, &amounts, &contacts])
            .await?;
        transaction.commit().await?;
        Ok(count)
    }

    async fn activities(&self, lead: &LeadName, window: Window) -> Result<Vec<Activity>> {
        let sql = format!("{ACTIVITY} WHERE lead = $1 AND number > $2 ORDER BY number LIMIT $3");
        let after = window.after.unwrap_or(0);
        let rows =
            self.connection().await?.query(&sql, &[&lead.to_string(), &after, &limit(window.limit)]).await?;
        rows.iter().map(activity).collect()
    }

    async fn activities_known(
        &self,
        lead: &LeadName,
        count: i64,
        at: Time,
        most: usize,
    ) -> Result<Vec<Activity>> {
        let sql = format!(
            "{ACTIVITY} WHERE lead = $1 AND number <= $2 AND time_micros <= $3 AND known_micros <= $3
             ORDER BY number DESC LIMIT $4"
        );
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&lead.to_string(), &count, &at.micros(), &limit(most)];
        let rows = self.connection().await?.query(&sql, &params).await?;
        rows.iter().rev().map(activity).collect()
    }
}

fn activity(row: &Row) -> Result<Activity> {
    let time = |column| Time::from_micros(row.try_get(column)?).ok_or_else(|| corrupt(NotATime));
    let contact: Option<&str> = row.try_get(4)?;
    Ok(Activity {
        kind: row.try_get(0)?,
        time: time(1)?,
        known_time: time(2)?,
        amount: row.try_get(3)?,
        contact: contact.map(str::parse).transpose().map_err(corrupt)?,
    })
}

/// A row that this program can't have written.
fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Failed(Box::new(error))
}
