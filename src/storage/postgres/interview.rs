use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::super::rows::{body, numbered_interview};
use super::super::{InterviewStore, Receipt, Result, StoreError, Window};
use super::{PostgresStore, run};
use crate::domain::interview::{Interview, InterviewName, InterviewParent};

#[async_trait]
impl InterviewStore for PostgresStore {
    async fn create_interview(&self, interview: Interview, receipt: Option<Receipt<()>>) -> Result<()> {
        let (name, parent) = (interview.name.to_string(), interview.name.parent.to_string());
        let lead = match &interview.name.parent {
            InterviewParent::Lead(lead) => Some(lead.to_string()),
            InterviewParent::Segment(_) => None,
        };
        let text = serde_json::to_string(&interview)?;
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            if let Some(lead) = &lead {
                // Held, so that it is not erased meanwhile.
                let sql = "SELECT name FROM leads WHERE name = $1 FOR SHARE";
                if run(transaction, sql, &[lead]).await? == 0 {
                    return Err(StoreError::NotFound(lead.clone()));
                }
            }
            let sql = "INSERT INTO interviews (name, parent, lead, body) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (name) DO NOTHING";
            match run(transaction, sql, &[&name, &parent, &lead, &text]).await? {
                0 => Err(StoreError::AlreadyExists(name.clone())),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn interview(&self, name: &InterviewName) -> Result<Interview> {
        let name = name.to_string();
        let row = self.one("SELECT body FROM interviews WHERE name = $1", &[&name]).await?;
        body(&row.ok_or(StoreError::NotFound(name))?)
    }

    async fn interviews(
        &self,
        parent: &InterviewParent,
        Window { after, limit }: Window,
    ) -> Result<Vec<(i64, Interview)>> {
        let sql = "SELECT body, number FROM interviews WHERE parent = $1 AND number < $2
                   ORDER BY number DESC LIMIT $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.all(sql, &[&parent.to_string(), &after.unwrap_or(i64::MAX), &limit]).await?;
        rows.iter().map(|row| numbered_interview(row)).collect()
    }

    async fn delete_interview(&self, name: &InterviewName, receipt: Option<Receipt<()>>) -> Result<()> {
        let name = name.to_string();
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            match run(transaction, "DELETE FROM interviews WHERE name = $1", &[&name]).await? {
                0 => Err(StoreError::NotFound(name.clone())),
                _ => Ok(()),
            }
        })
        .await
    }
}
