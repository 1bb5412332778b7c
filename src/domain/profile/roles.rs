//! Which roles take part where accounts are won: out of who was reached at won and lost ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DecisionRole;
use crate::domain::lead::LeadContent;
use crate::domain::scorecard::evidence::{Tally, chance_of_differences};

/// How improbable a difference has to be by chance, for all roles together (C. E. Bonferroni, 1936).
const SIGNIFICANT: f64 = 0.01;
/// A role that was reached at such a share of the won accounts is required.
const REQUIRED: f64 = 0.6;

/// Who was reached at accounts whose contacts and outcome are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    known: Tally,
    roles: BTreeMap<String, Tally>,
}

/// A role with what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleEvidence {
    pub role: String,
    /// The accounts at which one who has it has answered, and all whose contacts are known.
    pub reached: Tally,
    pub known: Tally,
    /// The won share where it was reached, as a part of the won share of all.
    pub lift: f64,
    /// How probable so large a difference is by chance, all roles considered.
    pub chance: f64,
    pub required: bool,
}

impl Reached {
    pub fn see(&mut self, lead: &LeadContent, is_won: bool) {
        let Some(contacts) = &lead.contacts else { return };
        self.known.see(is_won);
        let engaged =
            contacts.iter().filter(|contact| contact.engaged() && !contact.decision_role.is_empty());
        let roles: std::collections::BTreeSet<&String> =
            engaged.map(|contact| &contact.decision_role).collect();
        for role in roles {
            self.roles.entry(role.clone()).or_default().see(is_won);
        }
    }

    /// The roles that are reached more often where accounts are won, by more than chance; those that lift most first.
    pub fn learnt(&self) -> Vec<RoleEvidence> {
        let (known, count) = (self.known, self.roles.len() as f64);
        let evidence = |(role, reached): (&String, &Tally)| {
            let others = Tally { won: known.won - reached.won, lost: known.lost - reached.lost };
            RoleEvidence {
                role: role.clone(),
                reached: *reached,
                known,
                lift: if known.won == 0 { 0.0 } else { reached.share() / known.share() },
                chance: (chance_of_differences(&[*reached, others]) * count).min(1.0),
                required: reached.won as f64 >= REQUIRED * known.won as f64,
            }
        };
        let mut found: Vec<RoleEvidence> = self.roles.iter().map(evidence).collect();
        found.retain(|role| role.lift > 1.0 && role.chance < SIGNIFICANT);
        found.sort_by(|a, b| b.lift.total_cmp(&a.lift).then_with(|| a.role.cmp(&b.role)));
        found
    }
}

impl RoleEvidence {
    pub fn as_decision_role(&self) -> DecisionRole {
        DecisionRole {
            role: self.role.clone(),
            required: self.required,
            min_contacts: 1,
            ..DecisionRole::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::{Company, Contact, Subject};

    fn lead(roles: &[&str]) -> LeadContent {
        let mut lead = LeadContent::of(Subject::Company(Company::default()));
        let contact = |(number, role): (usize, &&str)| Contact {
            decision_role: (*role).into(),
            inbound: 1,
            ..Contact::of(format!("c{number}").parse().unwrap())
        };
        lead.contacts = Some(roles.iter().enumerate().map(contact).collect());
        lead
    }

    #[test]
    fn roles_that_go_with_winning_are_learnt_and_others_are_not() {
        let mut reached = Reached::default();
        for row in 0..400_usize {
            let is_won = row % 4 == 0;
            let mut roles = Vec::new();
            // The champion is reached at most won ones, the buyer at some more of them, the user at as many of both.
            if is_won && row % 5 != 0 || row % 9 == 0 {
                roles.push("champion");
            }
            if is_won && row % 3 == 0 || row % 11 == 0 {
                roles.push("buyer");
            }
            if row % 2 == row / 4 % 2 {
                roles.push("user");
            }
            reached.see(&lead(&roles), is_won);
        }
        // What is not known counts for nothing.
        reached.see(&LeadContent::of(Subject::Company(Company::default())), true);
        let learnt = reached.learnt();
        let told: Vec<_> = learnt.iter().map(|role| (role.role.as_str(), role.required)).collect();
        assert_eq!(told, [("champion", true), ("buyer", false)]);
        assert_eq!((learnt[0].known.won, learnt[0].known.lost), (100, 300));
        assert!(learnt[0].lift > 2.0 && learnt[0].as_decision_role().required);
        assert_eq!(Reached::default().learnt(), []);
    }
}
