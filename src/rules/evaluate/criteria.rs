//! The profile's criteria and disqualifiers, evaluated like rules.

use std::sync::Arc;

use crate::domain::canonical::same_word;
use crate::domain::profile::{Criterion, Expectation};
use crate::domain::score::{Contribution, ContributionKind as Kind, Position, Unknown};
use crate::domain::value::Value as Plain;
use crate::domain::vocabulary::{Meanings, meant};
use crate::rules::evaluate::score::{Input, Judged, RuleError, Run, Sum, error};
use crate::rules::evaluate::value::Value;
use crate::rules::language::ScriptKind;
use crate::rules::program::Group;

impl Run<'_> {
    pub(super) fn criterion(&mut self, criterion: &Criterion, group: &Group) -> Result<Sum, RuleError> {
        let id: Arc<str> = criterion.id.as_str().into();
        match self.meets(criterion, &id, &group.position)? {
            Judged::Known((true, value)) => {
                self.contributions.push(Contribution {
                    group: group.name.clone(),
                    axis: group.axis,
                    points: criterion.points,
                    inputs: value.into_iter().collect(),
                    ..Contribution::of(
                        Kind::Criterion,
                        id,
                        criterion.because.as_str().into(),
                        &group.position,
                    )
                });
                Ok(Sum::sure(criterion.points))
            }
            Judged::Known((false, _)) => Ok(Sum::default()),
            Judged::Unknown => Ok(Sum::perhaps(criterion.points)),
        }
    }

    /// Whether a criterion holds, with the fact that it looked at. An unknown fact is listed.
    pub(super) fn meets(
        &mut self,
        criterion: &Criterion,
        id: &Arc<str>,
        position: &Position,
    ) -> Result<Judged<(bool, Option<Input>)>, RuleError> {
        let index = self.catalogue.find(&criterion.fact, ScriptKind::LeadScoring).ok_or_else(|| {
            let message = format!(
                "the profile's criterion looks at \"{}\", which is not a fact any more",
                criterion.fact
            );
            error(id, position, message)
        })?;
        let fact = &self.catalogue.facts[index];
        if !self.named.contains(&index) {
            self.named.push(index);
        }
        let Some(value) = self.eval.facts.fact(&fact.source) else {
            self.unknowns.push(Unknown { rule: id.clone(), fact: fact.name.clone() });
            return Ok(Judged::Unknown);
        };
        let meanings = self.lead.and_then(|lead| lead.vocabulary.aliases.get(&*fact.name));
        let met = expectation_met(&criterion.expectation, meanings, value).ok_or_else(|| {
            let message =
                format!("the profile's criterion expects something else of `{}` than {}", fact.name, fact.ty);
            error(id, position, message)
        })?;
        let input = value.to_plain().map(|plain| (fact.name.clone(), plain));
        Ok(Judged::Known((met, input)))
    }
}

/// Whether a value is as expected, by what the fact's words mean; `None` if it is of a type that the expectation can't
/// be asked of.
pub fn expectation_met(expectation: &Expectation, meanings: Option<&Meanings>, value: Value) -> Option<bool> {
    let any = |words: &[String]| match value {
        Value::Text(word) => Some(words.iter().any(|w| same_word(meant(meanings, w), word))),
        Value::Words(list) => Some(words.iter().any(|w| list.contains(meant(meanings, w)))),
        _ => None,
    };
    let number = match value {
        Value::Number(number) => Some(number),
        _ => None,
    };
    match expectation {
        Expectation::In(words) => any(words),
        Expectation::NotIn(words) => any(words).map(|found| !found),
        Expectation::Between(min, max) => {
            number.map(|n| min.is_none_or(|min| n >= min) && max.is_none_or(|max| n < max))
        }
        Expectation::AtLeast(least) => number.map(|n| n >= *least),
        Expectation::AtMost(most) => number.map(|n| n <= *most),
        Expectation::Equals(expected) => match (expected, value) {
            (Plain::Number(expected), Value::Number(n)) => Some(n == *expected),
            (Plain::Text(expected), Value::Text(word)) => Some(same_word(word, meant(meanings, expected))),
            (Plain::YesNo(expected), Value::YesNo(yes)) => Some(yes == *expected),
            _ => None,
        },
    }
}
