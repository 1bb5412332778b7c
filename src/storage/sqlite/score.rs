use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::super::{Result, ScoreStore, StoreError, Window};
use super::{SqliteStore, collect, decode, execute, first};
use crate::domain::lead::LatestScore;
use crate::domain::name::{CanvasName, LeadName, ScoreName, SegmentName};
use crate::domain::score::Score;
use crate::domain::segment::LeadTally;

fn score(row: &Row) -> Result<Score> {
    let body: String = row.get(0)?;
    decode(&body)
}

#[async_trait]
impl ScoreStore for SqliteStore {
    async fn record_score(&self, score: Score, segment: Option<SegmentName>) -> Result<ScoreName> {
        self.write(move |db| {
            let unfit = || StoreError::Failed("only scores of a stored lead and profile are kept".into());
            let lead = score.basis.lead.clone().ok_or_else(unfit)?;
            let sql = "UPDATE leads SET score_count = score_count + 1 WHERE name = ?1 RETURNING score_count, latest_score";
            let found = first(db, sql, [lead.to_string()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
            })?;
            let (number, before) = found.ok_or_else(|| StoreError::NotFound(lead.to_string()))?;
            let id = number.to_string().parse().map_err(|_| unfit())?;
            let name = ScoreName { lead: lead.lead.clone(), score: id };
            let score = Score { name: Some(name.clone()), ..score };
            let (basis, assessment) = (&score.basis, &score.assessment);
            let grade = assessment.grade.as_deref();
            let sql = "INSERT INTO scores (lead, number, as_of, rule_set, grade, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let body = serde_json::to_string(&score)?;
            let as_of = basis.as_of.to_string();
            execute(db, sql, params![lead.to_string(), number, as_of, basis.rule_set, grade, body])?;
            let before: Option<LatestScore> = before.as_deref().map(decode).transpose()?;
            if before.is_some_and(|before| before.as_of > basis.as_of) {
                return Ok(name);
            }
            let latest = LatestScore::of(&score, segment.clone()).ok_or_else(unfit)?;
            let sql = "UPDATE leads SET latest_score = ?2, segment = ?3, grade = ?4 WHERE name = ?1";
            let segment = segment.map(String::from);
            execute(db, sql, params![lead.to_string(), serde_json::to_string(&latest)?, segment, grade])?;
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
            first(db, sql, params![name.lead_name().to_string(), number], score)?.ok_or_else(missing)
        })
        .await
    }

    async fn scores(&self, lead: &LeadName, window: Window) -> Result<Vec<Score>> {
        let lead = lead.to_string();
        self.read(move |db| {
            let sql = "SELECT body FROM scores WHERE lead = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3";
            collect(db, sql, params![lead, window.after.unwrap_or(i64::MAX), window.limit as i64], score)
        })
        .await
    }

    async fn segment_tallies(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadTally>> {
        let canvas = canvas.to_string();
        self.read(move |db| {
            let sql = "SELECT segment, count(*), count(grade), sum(grade IS 'A'), sum(outcome IS 'won'), sum(outcome IS 'lost')
                       FROM leads WHERE segment > ?1 || '/segments/' AND segment < ?1 || '/segments0' GROUP BY segment";
            let tallies = collect(db, sql, [canvas], |row| {
                let name: String = row.get(0)?;
                let count = |column| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
                let tally = LeadTally {
                    leads: count(1)?,
                    graded: count(2)?,
                    graded_a: count(3)?,
                    won: count(4)?,
                    lost: count(5)?,
                };
                let name = name.parse().map_err(|error| StoreError::Failed(Box::new(error) as _))?;
                Ok((name, tally))
            })?;
            Ok(tallies.into_iter().collect())
        })
        .await
    }
}
