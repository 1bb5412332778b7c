use std::collections::BTreeMap;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::super::rows::{add_up, body, counted, tally};
use super::super::select::List;
use super::super::{Part, Receipt, Result, ScoreStore, StoreError};
use super::{PostgresStore, row, run};
use crate::domain::lead::LatestScore;
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, LeadName, ScoreName, SegmentName};
use crate::domain::score::Score;
use crate::domain::segment::{LeadCounts, LeadTally};

/// Makes a score a lead's latest.
pub(super) async fn keep_latest(
    transaction: &Transaction<'_>,
    lead: &str,
    number: i64,
    latest: &LatestScore,
) -> Result<()> {
    let sql = "UPDATE leads SET score_number = $2, score_status = $3, grade = $4, total = $5, fit = $6,
               engagement = $7, score_as_of_micros = $8, score_lead_revision = $9, score_activity_count = $10,
               score_profile = $11, score_profile_revision = $12, score_rule_set = $13, segment = $14, canvas = $15
               WHERE name = $1";
    let segment = latest.segment.as_ref();
    let params: [&(dyn ToSql + Sync); 15] = [
        &lead,
        &number,
        &latest.status.as_str(),
        &Some(&latest.grade).filter(|grade| !grade.is_empty()),
        &latest.total.0,
        &latest.fit.0,
        &latest.engagement.0,
        &latest.as_of.micros(),
        &latest.lead_revision,
        &latest.activity_count,
        &latest.profile.to_string(),
        &latest.profile_revision,
        &latest.rule_set,
        &segment.map(ToString::to_string),
        &segment.map(|segment| segment.canvas_name().to_string()),
    ];
    run(transaction, sql, &params).await?;
    Ok(())
}

#[async_trait]
impl ScoreStore for PostgresStore {
    async fn record_score(
        &self,
        score: Score,
        segment: Option<SegmentName>,
        receipt: Option<Receipt<ScoreName>>,
    ) -> Result<ScoreName> {
        let unfit = || StoreError::failed("only scores of a stored lead and profile are kept");
        let lead = score.basis.lead.clone().ok_or_else(unfit)?;
        let lead_name = lead.to_string();
        self.write(receipt, async |transaction: &mut Transaction<'_>| {
            let sql = "UPDATE leads SET score_count = score_count + 1 WHERE name = $1
                   RETURNING score_count, score_as_of_micros";
            let row = row(transaction, sql, &[&lead_name]).await?;
            let row = row.ok_or_else(|| StoreError::NotFound(lead_name.clone()))?;
            let (number, before): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            let name = ScoreName { lead: lead.lead, score: number.to_string().parse().map_err(|_| unfit())? };
            let score = Score { name: Some(name.clone()), ..score };
            let latest = LatestScore::of(&score, segment).ok_or_else(unfit)?;
            let basis = &score.basis;
            let grade = score.assessment.grade.as_deref();
            let (text, as_of) = (serde_json::to_string(&score)?, basis.as_of.micros());
            let sql = "INSERT INTO scores (lead, number, as_of_micros, rule_set, grade, body)
                   VALUES ($1, $2, $3, $4, $5, $6)";
            run(transaction, sql, &[&lead_name, &number, &as_of, &basis.rule_set, &grade, &text]).await?;
            if before.is_none_or(|before| before <= as_of) {
                keep_latest(transaction, &lead_name, number, &latest).await?;
            }
            Ok(name)
        })
        .await
    }

    async fn score(&self, name: &ScoreName) -> Result<Score> {
        let missing = || StoreError::NotFound(name.to_string());
        let number: i64 = name.score.as_str().parse().map_err(|_| missing())?;
        let sql = "SELECT body FROM scores WHERE lead = $1 AND number = $2";
        let row = self.one(sql, &[&name.lead_name().to_string(), &number]).await?;
        body(&row.ok_or_else(missing)?).map_err(|error| error.of(&name.to_string()))
    }

    async fn scores(&self, lead: &LeadName, query: Query) -> Result<Part<Score>> {
        self.page(List::scores(lead), &query, body).await
    }

    async fn segment_tallies(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadTally>> {
        let sql = "SELECT segment, count(*), count(grade), count(*) FILTER (WHERE grade = 'A'),
                          count(*) FILTER (WHERE outcome = 'won'), count(*) FILTER (WHERE outcome = 'lost')
                   FROM leads WHERE canvas = $1 GROUP BY segment";
        let rows = self.all(sql, &[&canvas.to_string()]).await?;
        rows.iter().map(|row| tally(row)).collect()
    }

    async fn segment_counts(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadCounts>> {
        let sql = "SELECT segment, grade, stage, outcome, count(*) FROM leads WHERE canvas = $1 GROUP BY 1, 2, 3, 4";
        let rows = self.all(sql, &[&canvas.to_string()]).await?;
        Ok(add_up(rows.iter().map(|row| counted(row)).collect::<Result<_>>()?))
    }
}
