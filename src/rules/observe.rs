//! What a rule can ask of a lead, laid open for whoever learns from leads: the values that rules would see, no others.

use super::evaluate::criteria::expectation_met;
use super::evaluate::facts::LeadFacts;
use super::evaluate::value::{Value, Words};
use super::language::ScriptKind;
use super::language::catalogue::{FactDef, FactSource};
use super::language::types::Type;
use super::set::RuleSet;
use crate::domain::profile::Criterion;

/// A fact with how a rule asks for it.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The fact's name.
    pub fact: String,
    /// How a rule writes it: the name, or days of a date.
    pub asked: String,
    pub meaning: String,
    pub unit: String,
    source: FactSource,
    /// Of a day, whether it is counted from when the lead was first recorded, which stays as time goes by.
    since_created: bool,
}

/// A value as a rule sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen<'a> {
    Number(f64),
    YesNo(bool),
    Word(&'a str),
    Words(Vec<&'a str>),
}

/// What says how a lead was dealt with, not what it is; or needs a profile.
const LEFT_OUT: [FactSource; 9] = [
    FactSource::Domain,
    FactSource::Owner,
    FactSource::Stage,
    FactSource::Contacts,
    FactSource::RoleCoverage,
    FactSource::DaysSinceActivity,
    FactSource::Created,
    FactSource::DaysSinceCreated,
    FactSource::SubjectIsPerson,
];

impl RuleSet {
    /// The facts of leads that can set them apart, in the order of the language and of facts.toml.
    pub fn observed(&self) -> Vec<Observed> {
        let is_of_leads = |fact: &&FactDef| fact.scope.kinds().contains(&ScriptKind::LeadScoring);
        let can_be_learnt = |fact: &&FactDef| !LEFT_OUT.contains(&fact.source);
        let facts = self.catalogue.facts.iter().filter(is_of_leads).filter(can_be_learnt);
        let has_created = self.vocabulary.import.columns.contains_key("created");
        facts
            .filter_map(|fact| {
                let (asked, unit) = match fact.ty {
                    Type::Number | Type::YesNo | Type::Text | Type::Choice(_) | Type::Words => {
                        (fact.name.to_string(), fact.unit.clone())
                    }
                    Type::Date if has_created => {
                        (format!("days_since(created) - days_since({})", fact.name), "days later".to_owned())
                    }
                    Type::Date => (format!("days_since({})", fact.name), "days ago".to_owned()),
                    _ => return None,
                };
                let (fact, meaning, source) =
                    (fact.name.to_string(), fact.meaning.clone(), fact.source.clone());
                Some(Observed { fact, asked, meaning, unit, source, since_created: has_created })
            })
            .collect()
    }
}

impl RuleSet {
    /// Whether a profile's criterion holds of a lead; `None` if that is not known, or can't be asked any more.
    pub fn meets(&self, criterion: &Criterion, lead: &LeadFacts) -> Option<bool> {
        let fact = &self.catalogue.facts[self.catalogue.find(&criterion.fact, ScriptKind::LeadScoring)?];
        let meanings = lead.vocabulary.aliases.get(&*fact.name);
        expectation_met(&criterion.expectation, meanings, lead.fact(&fact.source)?)
    }
}

impl Observed {
    /// The value of a lead; `None` is not known.
    pub fn of<'a>(&self, lead: &LeadFacts<'a>) -> Option<Seen<'a>> {
        match lead.fact(&self.source)? {
            Value::Number(number) => Some(Seen::Number(number)),
            Value::YesNo(yes) => Some(Seen::YesNo(yes)),
            Value::Text(word) => Some(Seen::Word(word)),
            Value::Date(day) if self.since_created => {
                let Some(Value::Date(created)) = lead.fact(&FactSource::Created) else { return None };
                Some(Seen::Number(lead.days_since_date(created) - lead.days_since_date(day)))
            }
            Value::Date(day) => Some(Seen::Number(lead.days_since_date(day))),
            Value::Words(Words::Fact(words, meanings)) => {
                let meant = |word: &'a String| crate::domain::vocabulary::meant(meanings, word);
                Some(Seen::Words(words.iter().map(meant).collect()))
            }
            _ => None,
        }
    }
}
