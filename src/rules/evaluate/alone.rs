//! Parts of a score by themselves: what one rule comes to, and how much is known of what is asked.

use std::sync::Arc;

use bumpalo::Bump;

use super::facts::{Facts, LeadFacts};
use super::score::{RuleError, Run};
use crate::domain::score::Points;
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::Catalogue;
use crate::rules::program::{Group, GroupBody, Item, Rule, Script};

/// What one rule comes to by itself on a lead's facts: its points, if it fires; says in how many steps.
pub fn rule_alone(
    script: &Script,
    catalogue: &Catalogue,
    facts: LeadFacts,
    rule: &Rule,
) -> (Result<Option<Points>, RuleError>, u32) {
    let arena = Bump::new();
    let mut run = Run::new(script, catalogue, Facts::Lead(facts), Some(facts), &arena);
    let judged = run.rule(rule, &Arc::from(""), None);
    let points = judged.map(|_| run.contributions.first().map(|entry| entry.points));
    (points, run.eval.steps())
}

/// The share of the facts that a script, and where it asks for them the profile's criteria and disqualifiers, name, of which something is known.
pub fn completeness(script: &Script, catalogue: &Catalogue, facts: LeadFacts) -> f64 {
    fn ask_for_criteria(items: &[Item]) -> bool {
        items.iter().any(|item| match item {
            Item::Group(Group { body: GroupBody::Criteria, .. }) => true,
            Item::Group(Group { body: GroupBody::Items(items), .. }) => ask_for_criteria(items),
            Item::Rule(_) | Item::Factor(_) => false,
        })
    }
    let criteria = ask_for_criteria(&script.items).then_some(&facts.profile.criteria);
    let disqualifiers = script.disqualifiers.as_ref().map(|_| &facts.profile.disqualifiers);
    let mut named = script.named.clone();
    for criterion in criteria.into_iter().chain(disqualifiers).flatten() {
        let index = catalogue.find(&criterion.fact, ScriptKind::LeadScoring);
        named.extend(index.filter(|index| !named.contains(index)));
    }
    let known = named.iter().filter(|index| facts.fact(&catalogue.facts[**index].source).is_some()).count();
    if named.is_empty() { 1.0 } else { known as f64 / named.len() as f64 }
}
