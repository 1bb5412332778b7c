//! Takes a lead a step along its way.

use super::leads::LeadView;
use super::once::Once;
use super::{App, Error, Result, admit, until_written};
use crate::domain::check::Checker;
use crate::domain::lead::way::check_reason;
use crate::domain::lead::{Lead, LeadContent, LeadDraft, LeadStage};
use crate::domain::name::LeadName;

/// A step to take.
#[derive(Debug, Clone)]
pub struct Step {
    pub to: LeadStage,
    /// Why: a code that facts.toml declares.
    pub reason: String,
    /// The probability with which the lead was drawn for it, if it was drawn.
    pub odds: Option<f64>,
}

impl App {
    /// Takes a lead to another stage, if its present stage allows it.
    pub async fn transition_lead(
        &self,
        name: &LeadName,
        etag: &str,
        step: &Step,
        once: Once<LeadView>,
    ) -> Result<LeadView> {
        let rules = self.rule_set()?;
        let mut c = Checker::at("");
        check_reason(&mut c, "reason", step.to, &step.reason, &rules.vocabulary.reasons);
        c.length("reason", &step.reason, 0, 200);
        c.finish(())?;
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut record = self.store.lead(name).await?;
            admit(name, &record.lead.version, etag)?;
            let content = record.lead.content.clone();
            let illegal = |step| Error::IllegalStep { lead: name.to_string(), step };
            content.stage.step_to(step.to).map_err(illegal)?;
            let stamp = once.stamp(self.now());
            record.revise(content.after_step(step.to, &step.reason, stamp.time), stamp);
            if let Some(change) = record.lead.stage_changes.last_mut() {
                change.odds = step.odds;
            }
            let view = LeadView::of(record, &self.present());
            self.store.update_lead(view.record.lead.clone(), once.of(&view)).await?;
            Ok(view)
        })
    }

    /// Refuses another stage that is no step of the way, unless a history is given that tells how the lead came to it.
    pub(super) fn check_step(&self, c: &mut Checker, lead: &Lead, draft: &LeadDraft) -> Result<()> {
        let (from, LeadContent { stage, stage_reason, .. }) = (lead.content.stage, &draft.content);
        let has_new_history = draft.stage_changes.as_ref().is_some_and(|given| *given != lead.stage_changes);
        if from == *stage || has_new_history {
            return Ok(());
        }
        check_reason(c, "stage_reason", *stage, stage_reason, &self.rule_set()?.vocabulary.reasons);
        from.step_to(*stage).map_err(|step| Error::IllegalStep { lead: lead.name.to_string(), step })
    }
}
