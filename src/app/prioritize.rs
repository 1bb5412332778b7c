//! Ranks the segments of a canvas.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{App, Result};
use crate::domain::canvas::Canvas;
use crate::domain::name::{CanvasName, SegmentName};
use crate::domain::score::Priority;
use crate::domain::segment::LeadTally;
use crate::rules::set::RuleSet;
use crate::rules::{ScriptKind, SegmentFacts};

/// A canvas's segments in their order, with what ranked them.
pub struct Ranking {
    pub priorities: Vec<Priority>,
    pub rules: Arc<RuleSet>,
    pub canvas_revision: i64,
}

impl App {
    pub async fn prioritize_segments(&self, name: &CanvasName, script: Option<&str>) -> Result<Ranking> {
        let canvas = self.live_canvas(name).await?;
        let tallies = self.store.segment_tallies(name).await?;
        self.rank(&canvas, script, &tallies)
    }

    /// Ranks the segments of a canvas by a script: the canvas's own, unless another one is named.
    pub(super) fn rank(
        &self,
        canvas: &Canvas,
        script: Option<&str>,
        tallies: &BTreeMap<SegmentName, LeadTally>,
    ) -> Result<Ranking> {
        let rules = self.rule_set()?;
        let script =
            rules.script(ScriptKind::SegmentPriority, script.unwrap_or(&canvas.content.priority_script))?;
        let mut priorities = Vec::new();
        for (id, segment) in &canvas.segments {
            let name = SegmentName { canvas: canvas.name.canvas.clone(), segment: id.clone() };
            let leads = tallies.get(&name).copied().unwrap_or_default();
            let facts = SegmentFacts { segment: &segment.content, leads };
            let assessment = rules.prioritize(script, facts)?;
            priorities.push(Priority {
                segment: name,
                display_name: segment.content.display_name.clone(),
                rank: 0,
                assessment,
            });
        }
        // Segments come by name, and the sort is stable: ties go by name.
        priorities.sort_by_key(|priority| std::cmp::Reverse(priority.assessment.priority));
        for (rank, priority) in (1..).zip(&mut priorities) {
            priority.rank = rank;
        }
        Ok(Ranking { priorities, rules: rules.clone(), canvas_revision: canvas.version.revision })
    }
}
