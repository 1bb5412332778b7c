use async_trait::async_trait;
use rusqlite::params;

use super::super::rows::{body, numbered_interview};
use super::super::{InterviewStore, Receipt, Result, StoreError, Window};
use super::{SqliteStore, collect, execute, first, is_taken};
use crate::domain::interview::{Interview, InterviewName, InterviewParent};

#[async_trait]
impl InterviewStore for SqliteStore {
    async fn create_interview(&self, interview: Interview, receipt: Option<Receipt<()>>) -> Result<()> {
        self.write(receipt, move |db| {
            let (name, parent) = (interview.name.to_string(), interview.name.parent.to_string());
            let lead = match &interview.name.parent {
                InterviewParent::Lead(lead) => Some(lead.to_string()),
                InterviewParent::Segment(_) => None,
            };
            if let Some(lead) = &lead {
                let found = first(db, "SELECT name FROM leads WHERE name = ?1", [lead], |row| {
                    row.some_text(0).map(str::to_owned)
                })?;
                found.ok_or_else(|| StoreError::NotFound(lead.clone()))?;
            }
            let sql = "INSERT INTO interviews (name, parent, lead, body) VALUES (?1, ?2, ?3, ?4)";
            match execute(db, sql, params![name, parent, lead, serde_json::to_string(&interview)?]) {
                Ok(_) => Ok(()),
                Err(error) if is_taken(&error) => Err(StoreError::AlreadyExists(name)),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn interview(&self, name: &InterviewName) -> Result<Interview> {
        let name = name.to_string();
        self.read(move |db| {
            let found = first(db, "SELECT body FROM interviews WHERE name = ?1", [&name], |row| body(row))?;
            found.ok_or(StoreError::NotFound(name))
        })
        .await
    }

    async fn interviews(
        &self,
        parent: &InterviewParent,
        Window { after, limit }: Window,
    ) -> Result<Vec<(i64, Interview)>> {
        let parent = parent.to_string();
        self.list(move |db| {
            let sql = "SELECT body, number FROM interviews WHERE parent = ?1 AND number < ?2
                       ORDER BY number DESC LIMIT ?3";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            collect(db, sql, params![parent, after.unwrap_or(i64::MAX), limit], numbered_interview)
        })
        .await
    }

    async fn delete_interview(&self, name: &InterviewName, receipt: Option<Receipt<()>>) -> Result<()> {
        let name = name.to_string();
        self.write(receipt, move |db| match execute(db, "DELETE FROM interviews WHERE name = ?1", [&name])? {
            0 => Err(StoreError::NotFound(name)),
            _ => Ok(()),
        })
        .await
    }
}
