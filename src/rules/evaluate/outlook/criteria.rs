//! Whether the profile's criteria could be met.

use super::judge::Judge;
use super::possible::{Could, Possible, Truth, same_word_as};
use crate::domain::profile::{Criterion, Expectation};
use crate::domain::value::Value as Plain;
use crate::domain::vocabulary::{Meanings, meant};
use crate::rules::evaluate::criteria::expectation_met;
use crate::rules::language::catalogue::FactSource;
use crate::rules::program::Index;

impl<'a> Judge<'a> {
    /// Whether a criterion of the profile could be met.
    pub fn meets(&mut self, criterion: &'a Criterion, fact: Index, source: &FactSource, name: &str) -> Truth {
        let could = match self.taken.get(&fact) {
            Some(taken) => *taken,
            None => self.eval.facts.fact(source).map_or(Could::UNKNOWN, Could::known),
        };
        let meanings = self.facts.vocabulary.aliases.get(name);
        let Some(value) = could.be else { return could.truth() };
        self.pay(words_of(&criterion.expectation));
        if self.budget == 0 {
            return Truth { be_unknown: true, ..Truth::EITHER };
        }
        let truth = could_meet(&criterion.expectation, meanings, value);
        Truth { be_unknown: could.be_unknown, ..truth }
    }
}

fn words_of(expectation: &Expectation) -> usize {
    match expectation {
        Expectation::In(words) | Expectation::NotIn(words) => words.len(),
        _ => 1,
    }
}

fn could_meet(expectation: &Expectation, meanings: Option<&Meanings>, value: Possible) -> Truth {
    if let Possible::Known(value) = value {
        return expectation_met(expectation, meanings, value).map_or(Truth::EITHER, Truth::of);
    }
    let word = |expected: &String| same_word_as(value, meant(meanings, expected)).hold;
    let (low, high) = value.range();
    let within = |least: f64, most: f64, most_belongs: bool| {
        let below = |n: f64| if most_belongs { n <= most } else { n < most };
        Truth { hold: high >= least && below(low), fail: !(low >= least && below(high)), be_unknown: false }
    };
    match expectation {
        Expectation::In(words) => Truth { hold: words.iter().any(word), fail: true, be_unknown: false },
        Expectation::NotIn(words) => Truth { hold: true, fail: words.iter().any(word), be_unknown: false },
        Expectation::Between(min, max) => {
            within(min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY), max.is_none())
        }
        Expectation::AtLeast(least) => within(*least, f64::INFINITY, true),
        Expectation::AtMost(most) => within(f64::NEG_INFINITY, *most, true),
        Expectation::Equals(Plain::Text(expected)) => {
            Truth { hold: word(expected), fail: true, be_unknown: false }
        }
        Expectation::Equals(_) => Truth::EITHER,
    }
}
