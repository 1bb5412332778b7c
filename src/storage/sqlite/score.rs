use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::super::rows::{add_up, body, counted, tally};
use super::super::select::List;
use super::super::{Part, Receipt, Result, ScoreStore, StoreError};
use super::{SqliteStore, collect, execute, first, page};
use crate::domain::lead::LatestScore;
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, LeadName, ScoreName, SegmentName};
use crate::domain::score::Score;
use crate::domain::segment::{LeadCounts, LeadTally};

/// Makes a score a lead's latest.
pub(super) fn keep_latest(db: &Connection, lead: &str, number: i64, latest: &LatestScore) -> Result<()> {
    let sql = "UPDATE leads SET score_number = ?2, score_status = ?3, grade = ?4, total = ?5, fit = ?6,
               engagement = ?7, score_as_of_micros = ?8, score_lead_revision = ?9, score_activity_count = ?10,
               score_profile = ?11, score_profile_revision = ?12, score_rule_set = ?13, segment = ?14
               WHERE name = ?1";
    let params = params![
        lead,
        number,
        latest.status.as_str(),
        Some(&latest.grade).filter(|grade| !grade.is_empty()),
        latest.total.0,
        latest.fit.0,
        latest.engagement.0,
        latest.as_of.micros(),
        latest.lead_revision,
        latest.activity_count,
        latest.profile.to_string(),
        latest.profile_revision,
        latest.rule_set,
        latest.segment.as_ref().map(ToString::to_string),
    ];
    execute(db, sql, params)?;
    Ok(())
}

#[async_trait]
impl ScoreStore for SqliteStore {
    async fn record_score(
        &self,
        score: Score,
        segment: Option<SegmentName>,
        receipt: Option<Receipt<ScoreName>>,
    ) -> Result<ScoreName> {
        self.write(receipt, move |db| {
            let unfit = || StoreError::failed("only scores of a stored lead and profile are kept");
            let lead = score.basis.lead.clone().ok_or_else(unfit)?;
            let sql = "UPDATE leads SET score_count = score_count + 1 WHERE name = ?1
                       RETURNING score_count, score_as_of_micros";
            let found =
                first(db, sql, [lead.to_string()], |row| Ok((row.some_integer(0)?, row.integer(1)?)))?;
            let (number, before) = found.ok_or_else(|| StoreError::NotFound(lead.to_string()))?;
            let id = number.to_string().parse().map_err(|_| unfit())?;
            let name = ScoreName { lead: lead.lead.clone(), score: id };
            let score = Score { name: Some(name.clone()), ..score };
            let (basis, assessment) = (&score.basis, &score.assessment);
            let sql = "INSERT INTO scores (lead, number, as_of_micros, rule_set, grade, body)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let body = serde_json::to_string(&score)?;
            let (as_of, grade) = (basis.as_of.micros(), assessment.grade.as_deref());
            execute(db, sql, params![lead.to_string(), number, as_of, basis.rule_set, grade, body])?;
            if before.is_none_or(|before| before <= as_of) {
                let latest = LatestScore::of(&score, segment).ok_or_else(unfit)?;
                keep_latest(db, &lead.to_string(), number, &latest)?;
            }
            Ok(name)
        })
        .await
    }

    async fn score(&self, name: &ScoreName) -> Result<Score> {
        let name = name.clone();
        self.read(move |db| {
            let missing = || StoreError::NotFound(name.to_string());
            let number: i64 = name.score.as_str().parse().map_err(|_| missing())?;
            let sql = "SELECT body FROM scores WHERE lead = ?1 AND number = ?2";
            first(db, sql, params![name.lead_name().to_string(), number], body)
                .map_err(|error| error.of(&name.to_string()))?
                .ok_or_else(missing)
        })
        .await
    }

    async fn scores(&self, lead: &LeadName, query: Query) -> Result<Part<Score>> {
        let list = List::scores(lead);
        self.list(move |db| page(db, &list, &query, body)).await
    }

    async fn segment_tallies(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadTally>> {
        let canvas = canvas.to_string();
        self.list(move |db| {
            let sql = "SELECT segment, count(*), count(grade), sum(grade IS 'A'), sum(outcome IS 'won'), sum(outcome IS 'lost')
                       FROM leads WHERE segment > ?1 || '/segments/' AND segment < ?1 || '/segments0' GROUP BY segment";
            let tallies = collect(db, sql, [canvas], tally)?;
            Ok(tallies.into_iter().collect())
        })
        .await
    }

    async fn segment_counts(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadCounts>> {
        let canvas = canvas.to_string();
        self.list(move |db| {
            let sql = "SELECT segment, grade, stage, outcome, count(*) FROM leads
                       WHERE segment > ?1 || '/segments/' AND segment < ?1 || '/segments0' GROUP BY 1, 2, 3, 4";
            Ok(add_up(collect(db, sql, [canvas], counted)?))
        })
        .await
    }
}
