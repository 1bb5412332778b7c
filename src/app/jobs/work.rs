//! Which use case a job is.

use std::sync::Arc;

use super::{Outcome, Progress, Work};
use crate::app::{App, Result};

impl App {
    pub(super) async fn perform(self: Arc<Self>, work: Work, progress: Progress) -> Result<Outcome> {
        Ok(match work {
            Work::DeriveProfile(asked) => {
                Outcome::DerivedProfile(Box::new(self.derive_profile(asked, &progress).await?))
            }
            Work::ReviewProfile(asked) => {
                Outcome::Reviewed(Box::new(self.review_profile(&asked, &progress).await?))
            }
            Work::AnalyzeImpact(asked) => {
                Outcome::Impact(Box::new(self.analyze_impact(asked, &progress).await?))
            }
            Work::ProposeCriteria(asked) => {
                Outcome::Proposals(self.propose_criteria(asked, &progress).await?)
            }
            Work::Retain(asked) => Outcome::Retained(self.retain(&asked, &progress).await?),
        })
    }
}
