//! The funnel of the stored leads, where grades and outcomes disagree, and the leads that are handed over to learn from.

use std::collections::BTreeSet;

use super::once::Once;
use super::transition_lead::Step;
use super::{App, Error, Result};
use crate::domain::filter::Filter;
use crate::domain::funnel::{Disagreements, Funnel, GradeRange, GroupBy, draws};
use crate::domain::lead::way::EXPLORATION;
use crate::domain::lead::{LeadRecord, LeadStage};
use crate::domain::name::LeadName;
use crate::domain::version::Change;
use crate::storage::StoreError;

/// Which leads are handed over to learn whether their low grade is right.
#[derive(Debug, Clone)]
pub struct Exploration {
    pub filter: Filter,
    pub grades: BTreeSet<String>,
    /// The probability with which each is drawn.
    pub share: f64,
    /// Empty for the present quarter.
    pub seed: String,
    /// At most so many are handed over now.
    pub limit: usize,
    /// Whether the draw is only told.
    pub is_dry: bool,
    pub change: Change,
}

/// A lead that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    pub lead: LeadName,
    pub display_name: String,
    pub grade: String,
}

/// What a draw came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explored {
    pub drawn: Vec<Drawn>,
    pub seed: String,
    /// How many leads could have been drawn.
    pub considered: u64,
    /// How many more are drawn by the seed and wait for another call.
    pub remaining: u64,
}

impl App {
    /// Counts the funnel of the leads that a filter lets pass.
    pub async fn funnel(&self, filter: Filter, group_by: Vec<GroupBy>) -> Result<Funnel> {
        let mut funnel = Funnel::by(group_by);
        self.walk_leads(filter, |record| funnel.see(&record)).await?;
        Ok(funnel)
    }

    /// Finds where grades and outcomes disagree, and the rules involved.
    pub async fn disagreements(&self, filter: Filter, grades: GradeRange) -> Result<Disagreements> {
        let mut report = Disagreements::of(grades);
        self.walk_leads(filter, |record| report.see(&record)).await?;
        report.keep_newest();
        let scores: Vec<_> = report.found.iter().map(|found| found.score.clone()).collect();
        for (at, score) in scores.into_iter().enumerate() {
            let Some(score) = score else { continue };
            match self.store.score(&score).await {
                Ok(score) => report.explain(at, &score.assessment),
                // The lead was erased meanwhile, or its history comes from elsewhere.
                Err(StoreError::NotFound(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        for (side, _, score) in std::mem::take(&mut report.right) {
            match self.store.score(&score).await {
                Ok(score) => report.compare(side, &score.assessment),
                Err(StoreError::NotFound(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(report)
    }

    /// Draws new leads of low grades and makes them marketing-qualified, with their odds.
    pub async fn explore(&self, exploration: Exploration) -> Result<Explored> {
        let Exploration { filter, grades, share, seed, limit, is_dry, change } = exploration;
        let seed = if seed.is_empty() { self.now().quarter() } else { seed };
        let (mut drawn, mut considered, mut remaining) = (Vec::new(), 0, 0);
        let fits = |record: &LeadRecord| {
            let grade = record.latest_score.as_ref().map(|latest| latest.grade.as_str());
            record.lead.content.stage == LeadStage::New && grade.is_some_and(|grade| grades.contains(grade))
        };
        self.walk_leads(filter, |record| {
            if !fits(&record) {
                return;
            }
            considered += 1;
            let lead = &record.lead;
            if !draws(&seed, &lead.name.to_string(), share) {
                return;
            }
            if drawn.len() == limit {
                remaining += 1;
                return;
            }
            drawn.push(Drawn {
                lead: lead.name.clone(),
                display_name: lead.content.subject.display_name().to_owned(),
                grade: record.latest_score.map(|latest| latest.grade).unwrap_or_default(),
            });
        })
        .await?;
        if !is_dry {
            let step = Step { to: LeadStage::Mql, reason: EXPLORATION.into(), odds: Some(share) };
            let mut moved = Vec::with_capacity(drawn.len());
            for lead in drawn {
                let once = Once::unkept().by(change.clone());
                match self.transition_lead(&lead.lead, "", &step, once).await {
                    Ok(_) => moved.push(lead),
                    // Somebody else has taken it on, or erased it, since it was looked at.
                    Err(Error::IllegalStep { .. } | Error::Store(StoreError::NotFound(_))) => {}
                    Err(other) => return Err(other),
                }
            }
            drawn = moved;
        }
        Ok(Explored { drawn, seed, considered, remaining })
    }
}
