//! What differs between canvases, and what is doubtful about one.

use std::collections::BTreeMap;

use super::{App, Result};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::lint::{Diagnostic, Live};
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::LeadCounts;

impl App {
    /// What is doubtful about a canvas by itself.
    pub fn findings(&self, canvas: &Canvas) -> Vec<Diagnostic> {
        canvas.lint(self.now(), &BTreeMap::new())
    }

    /// What is doubtful about a canvas, or about one of its revisions. Of the latest, what its leads say counts too.
    pub async fn lint_canvas(&self, name: &CanvasName, revision: i64) -> Result<(Canvas, Vec<Diagnostic>)> {
        let latest = self.live_canvas(name).await?;
        if revision != 0 && revision != latest.version.revision {
            let canvas = self.canvas(name, revision).await?;
            let found = self.findings(&canvas);
            return Ok((canvas, found));
        }
        let live = self.live_segments(&latest).await?;
        let found = latest.lint(self.now(), &live);
        Ok((latest, found))
    }

    /// The stored leads of each segment.
    pub async fn segment_leads(&self, name: &CanvasName) -> Result<Vec<(SegmentName, String, LeadCounts)>> {
        let canvas = self.live_canvas(name).await?;
        let mut counts = self.store.segment_counts(name).await?;
        let segments = canvas.segments.iter().map(|(id, segment)| {
            let name = SegmentName { canvas: name.canvas.clone(), segment: id.clone() };
            let leads = counts.remove(&name).unwrap_or_default();
            (name, segment.content.display_name.clone(), leads)
        });
        Ok(segments.collect())
    }

    /// The leads of each segment, and its rank. Without rules nothing is ranked.
    async fn live_segments(&self, canvas: &Canvas) -> Result<BTreeMap<Id, Live>> {
        let tallies = self.store.segment_tallies(&canvas.name).await?;
        let ranked = self.rank(canvas, None, &tallies).map(|ranking| ranking.priorities).unwrap_or_default();
        let ranks: BTreeMap<_, _> = ranked.iter().map(|place| (&place.segment.segment, place.rank)).collect();
        let live = canvas.segments.keys().map(|id| {
            let name = SegmentName { canvas: canvas.name.canvas.clone(), segment: id.clone() };
            let leads = tallies.get(&name).copied().unwrap_or_default();
            (id.clone(), Live { leads, rank: ranks.get(id).copied() })
        });
        Ok(live.collect())
    }
}
