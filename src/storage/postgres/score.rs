use std::collections::BTreeMap;

use async_trait::async_trait;

use super::super::{Result, ScoreStore, StoreError, Window};
use super::{PostgresStore, bodies, body, limit};
use crate::domain::lead::LatestScore;
use crate::domain::name::{CanvasName, LeadName, ScoreName, SegmentName};
use crate::domain::score::Score;
use crate::domain::segment::LeadTally;

#[async_trait]
impl ScoreStore for PostgresStore {
    async fn record_score(&self, score: Score, segment: Option<SegmentName>) -> Result<ScoreName> {
        let unfit = || StoreError::Failed("only scores of a stored lead and profile are kept".into());
        let lead = score.basis.lead.clone().ok_or_else(unfit)?;
        let lead_name = lead.to_string();
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let sql = "UPDATE leads SET score_count = score_count + 1 WHERE name = $1 RETURNING score_count, latest_score";
        let row = transaction.query_opt(sql, &[&lead_name]).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(lead_name.clone()))?;
        let number: i64 = row.try_get(0)?;
        let before: Option<&str> = row.try_get(1)?;
        let before: Option<LatestScore> = before.map(serde_json::from_str).transpose()?;
        let name = ScoreName { lead: lead.lead, score: number.to_string().parse().map_err(|_| unfit())? };
        let score = Score { name: Some(name.clone()), ..score };
        let latest = LatestScore::of(&score, segment.clone()).ok_or_else(unfit)?;
        let basis = &score.basis;
        let grade = score.assessment.grade.as_deref();
        let (text, as_of) = (serde_json::to_string(&score)?, basis.as_of.to_string());
        let sql =
            "INSERT INTO scores (lead, number, as_of, rule_set, grade, body) VALUES ($1, $2, $3, $4, $5, $6)";
        transaction.execute(sql, &[&lead_name, &number, &as_of, &basis.rule_set, &grade, &text]).await?;
        if before.is_none_or(|before| before.as_of <= basis.as_of) {
            let canvas = segment.as_ref().map(|segment| segment.canvas_name().to_string());
            let segment = segment.map(String::from);
            let latest = serde_json::to_string(&latest)?;
            let sql =
                "UPDATE leads SET latest_score = $2, canvas = $3, segment = $4, grade = $5 WHERE name = $1";
            transaction.execute(sql, &[&lead_name, &latest, &canvas, &segment, &grade]).await?;
        }
        transaction.commit().await?;
        Ok(name)
    }

    async fn score(&self, name: &ScoreName) -> Result<Score> {
        let missing = || StoreError::NotFound(name.to_string());
        let number: i64 = name.score.as_str().parse().map_err(|_| missing())?;
        let sql = "SELECT body FROM scores WHERE lead = $1 AND number = $2";
        let row = self.connection().await?.query_opt(sql, &[&name.lead_name().to_string(), &number]).await?;
        body(&row.ok_or_else(missing)?)
    }

    async fn scores(&self, lead: &LeadName, window: Window) -> Result<Vec<Score>> {
        let sql = "SELECT body FROM scores WHERE lead = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
        let before = window.after.unwrap_or(i64::MAX);
        let rows =
            self.connection().await?.query(sql, &[&lead.to_string(), &before, &limit(window.limit)]).await?;
        bodies(&rows)
    }

    async fn segment_tallies(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadTally>> {
        let sql = "SELECT segment, count(*), count(grade), count(*) FILTER (WHERE grade = 'A'),
                          count(*) FILTER (WHERE outcome = 'won'), count(*) FILTER (WHERE outcome = 'lost')
                   FROM leads WHERE canvas = $1 GROUP BY segment";
        let rows = self.connection().await?.query(sql, &[&canvas.to_string()]).await?;
        let tally = |row: &tokio_postgres::Row| {
            let count = |column| row.try_get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
            let name: String = row.try_get(0)?;
            let tally = LeadTally {
                leads: count(1)?,
                graded: count(2)?,
                graded_a: count(3)?,
                won: count(4)?,
                lost: count(5)?,
            };
            Ok((name.parse().map_err(|error| StoreError::Failed(Box::new(error) as _))?, tally))
        };
        rows.iter().map(tally).collect()
    }
}
