//! What differs between canvases, and what is doubtful about one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{App, Result};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::lint::{Diagnostic, Live};
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::LeadCounts;
use crate::domain::time::Time;
use crate::rules::ScriptKind;
use crate::rules::set::RuleSet;

/// What finds the doubtful: our own checks, and the scripts of the rules in force.
#[derive(Clone)]
pub struct Linter {
    rules: Option<Arc<RuleSet>>,
    pub now: Time,
}

impl Linter {
    /// All findings, the gravest first.
    pub fn lint(&self, canvas: &Canvas, live: &BTreeMap<Id, Live>) -> Vec<Diagnostic> {
        let mut found = canvas.lint(self.now, live);
        if let Some(rules) = &self.rules
            && rules.scripts().any(|script| script.kind == ScriptKind::CanvasLint)
        {
            found.extend(rules.canvas_findings(&canvas.lint_items(self.now, live)));
            found.sort_by_key(|found| std::cmp::Reverse(found.severity));
        }
        found
    }

    /// Of a canvas by itself.
    pub fn of(&self, canvas: &Canvas) -> Vec<Diagnostic> {
        self.lint(canvas, &BTreeMap::new())
    }
}

impl App {
    /// What finds the doubtful, by the rules in force now.
    pub fn linter(&self) -> Linter {
        Linter { rules: self.rules.current(), now: self.now() }
    }

    /// What is doubtful about a canvas, or about one of its revisions. Of the latest, what its leads say counts too.
    pub async fn lint_canvas(&self, name: &CanvasName, revision: i64) -> Result<(Canvas, Vec<Diagnostic>)> {
        let latest = self.live_canvas(name).await?;
        if revision != 0 && revision != latest.version.revision {
            let canvas = self.canvas(name, revision).await?;
            let found = self.linter().of(&canvas);
            return Ok((canvas, found));
        }
        let live = self.live_segments(&latest).await?;
        let found = self.linter().lint(&latest, &live);
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
