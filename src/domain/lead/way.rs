//! The way of a lead from marketing through sales to the customer: which stage may follow which, and what has to be
//! said of a step.

use std::collections::BTreeMap;

use super::{CustomerStatus, LeadContent, LeadStage, Outcome, OutcomeKind};
use crate::domain::check::Checker;
use crate::domain::time::Time;
use crate::domain::vocabulary::StageReason;

/// The reason of a lead that was handed over although its grade is low, to learn whether the grade is right.
pub const EXPLORATION: &str = "exploration";

/// A step that the way does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lead that is {} can't become {}; it can become {}", from.as_str(), to.as_str(), words(from.may_become()))]
pub struct IllegalStep {
    pub from: LeadStage,
    pub to: LeadStage,
}

fn words(stages: &[LeadStage]) -> String {
    stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>().join(", ")
}

impl LeadStage {
    /// The stages that may follow. Forward it goes one step at a time, so that each step has its time and its author;
    /// sales refuses what it was given, and gives back to marketing what may come again.
    pub fn may_become(self) -> &'static [LeadStage] {
        use LeadStage::*;
        match self {
            New => &[Mql, Rejected, Recycled],
            Mql => &[Sal, Rejected, Recycled],
            Sal => &[Sql, Rejected, Recycled, Lost],
            Sql => &[Customer, Recycled, Lost],
            Customer => &[Churned],
            Lost | Churned => &[Recycled],
            // Marketing may object to a refusal.
            Rejected => &[Mql, Recycled],
            Recycled => &[Mql, Rejected],
        }
    }

    /// How far along the way a lead has come that is or was in this stage: 0 new, 1 MQL, 2 SAL, 3 SQL, 4 customer. Of the
    /// stages off the way, the least that must have been reached: only sales refuses and loses leads.
    pub fn depth(self) -> usize {
        match self {
            LeadStage::New | LeadStage::Recycled => 0,
            LeadStage::Mql | LeadStage::Rejected => 1,
            LeadStage::Sal | LeadStage::Lost => 2,
            LeadStage::Sql => 3,
            LeadStage::Customer | LeadStage::Churned => 4,
        }
    }

    /// Whether a lead leaves the way here, which takes a reason.
    pub fn takes_reason(self) -> bool {
        matches!(self, LeadStage::Lost | LeadStage::Churned | LeadStage::Rejected | LeadStage::Recycled)
    }

    /// Whether a lead in this stage may go on to another.
    pub fn step_to(self, to: LeadStage) -> Result<(), IllegalStep> {
        if self.may_become().contains(&to) { Ok(()) } else { Err(IllegalStep { from: self, to }) }
    }
}

/// Checks the reason of a step to a stage against the codes that facts.toml declares; where it declares none, any word
/// is one.
pub fn check_reason(
    c: &mut Checker,
    field: &str,
    to: LeadStage,
    reason: &str,
    declared: &BTreeMap<String, StageReason>,
) {
    if reason == EXPLORATION && to == LeadStage::Mql {
        return;
    }
    let fitting = || declared.iter().filter(|(_, code)| code.fits(to)).map(|(code, _)| code.as_str());
    if reason.is_empty() {
        let codes: Vec<&str> = fitting().collect();
        let choose = if codes.is_empty() { String::new() } else { format!(": one of {}", codes.join(", ")) };
        c.require(!to.takes_reason(), field, format!("a lead becomes {} for a reason{choose}", to.as_str()));
    } else if to.takes_reason() && !declared.is_empty() && !fitting().any(|code| code == reason) {
        let help = c.suggestion(reason, fitting());
        let of = format!("facts.toml declares no reason \"{reason}\" why a lead becomes {}", to.as_str());
        c.wrong_field(field, format!("{of}; {help}"));
    }
}

impl LeadContent {
    /// The lead after a step. What the step tells of outcome and contract is noted too: a customer was won, and what is
    /// given back is no longer lost.
    pub fn after_step(mut self, to: LeadStage, reason: &str, time: Time) -> Self {
        let ended = |kind| Outcome { kind, time: Some(time), reason: reason.to_owned() };
        match to {
            LeadStage::Customer => {
                self.outcome = Some(ended(OutcomeKind::Won));
                let customer = self.customer.get_or_insert_default();
                customer.since.get_or_insert(time);
                customer.status = Some(CustomerStatus::Active);
            }
            LeadStage::Lost => self.outcome = Some(ended(OutcomeKind::Lost)),
            LeadStage::Churned => {
                self.customer.get_or_insert_default().status = Some(CustomerStatus::Churned)
            }
            LeadStage::Recycled if self.stage == LeadStage::Lost => self.outcome = None,
            _ => {}
        }
        self.stage = to;
        self.stage_reason = reason.to_owned();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::{Company, Lead, LeadRecord, Subject};
    use crate::domain::version::Stamp;
    use proptest::prelude::*;

    #[test]
    fn every_lead_can_come_to_be_a_customer_or_be_gone_for_good() {
        // From every stage there is a way to every other but the first, which only a lead that never moved has.
        for from in LeadStage::ALL {
            let mut reached = vec![from];
            let mut at = 0;
            while let Some(stage) = reached.get(at).copied() {
                reached.extend(
                    stage
                        .may_become()
                        .iter()
                        .filter(|next| !reached.contains(next))
                        .copied()
                        .collect::<Vec<_>>(),
                );
                at += 1;
            }
            assert_eq!(reached.len(), LeadStage::ALL.len() - usize::from(from != LeadStage::New), "{from:?}");
            assert!(!from.may_become().contains(&from));
        }
    }

    #[test]
    fn a_reason_is_one_that_is_declared_for_the_stage() {
        let code = |stages: &[LeadStage]| StageReason { meaning: "x".into(), stages: stages.to_vec() };
        let declared = BTreeMap::from([
            ("no_budget".to_owned(), code(&[LeadStage::Rejected, LeadStage::Lost])),
            ("moved".to_owned(), code(&[])),
        ]);
        let told = |to, reason: &str, declared: &BTreeMap<String, StageReason>| {
            let mut c = Checker::at("");
            check_reason(&mut c, "reason", to, reason, declared);
            c.finish(()).err().map(|invalid| invalid.to_string()).unwrap_or_default()
        };
        assert_eq!(told(LeadStage::Rejected, "no_budget", &declared), "");
        assert_eq!(told(LeadStage::Churned, "moved", &declared), "");
        assert_eq!(told(LeadStage::Mql, "", &declared), "");
        assert_eq!(told(LeadStage::Mql, EXPLORATION, &declared), "");
        assert!(told(LeadStage::Lost, EXPLORATION, &declared).contains("no reason"));
        assert_eq!(told(LeadStage::Lost, "what they like", &BTreeMap::new()), "");
        assert!(told(LeadStage::Lost, "", &declared).contains("one of moved, no_budget"));
        assert!(told(LeadStage::Lost, "", &BTreeMap::new()).ends_with("for a reason"));
        assert!(told(LeadStage::Churned, "no_budget", &declared).contains("no reason \"no_budget\""));
        assert!(told(LeadStage::Lost, "no-budget", &declared).contains("\"no_budget\""));
    }

    proptest! {
        /// Whatever is asked of a lead: only steps of the way are taken, its history is unbroken and tells the stage, and
        /// it has the outcome that its stage says.
        #[test]
        fn a_lead_goes_only_its_way(asked in prop::collection::vec(0..LeadStage::ALL.len(), 0..40)) {
            let at = |second: usize| Time::from_micros(second as i64 * 1_000_000).unwrap();
            let content = LeadContent::of(Subject::Company(Company::default()));
            let mut record = LeadRecord::new(Lead::create("leads/a".parse().unwrap(), content, at(0)));
            for (i, to) in asked.into_iter().map(|index| LeadStage::ALL[index]).enumerate() {
                let content = record.lead.content.clone();
                if content.stage.step_to(to).is_ok() {
                    record.revise(content.after_step(to, "why", at(i + 1)), Stamp::from(at(i + 1)));
                }
            }
            let (content, changes) = (&record.lead.content, &record.lead.stage_changes);
            let mut stage = LeadStage::New;
            for change in changes {
                prop_assert_eq!(change.from, stage);
                prop_assert!(stage.may_become().contains(&change.to));
                stage = change.to;
            }
            prop_assert_eq!(content.stage, stage);
            let outcome = content.outcome.as_ref().map(|outcome| outcome.kind);
            match stage {
                LeadStage::Customer => prop_assert_eq!(outcome, Some(OutcomeKind::Won)),
                LeadStage::Lost => prop_assert_eq!(outcome, Some(OutcomeKind::Lost)),
                LeadStage::New => prop_assert_eq!(outcome, None),
                _ => {}
            }
        }
    }
}
