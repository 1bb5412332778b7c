//! What won leads have more often than others: the beginning of a profile for a file that tells outcomes.
//!
//! The lift of a condition is the share of won leads among those that meet it, divided by the share among all.

use std::collections::BTreeMap;

use crate::cli::mapping::Mapped;
use crate::domain::canonical::folded;
use crate::grpc::pb::value::Kind;
use crate::grpc::pb::{OutcomeKind, lead::Subject};

/// With fewer leads of either outcome, chance speaks.
const ENOUGH: usize = 20;
/// What at least has to be met by one won lead in so many.
const RARE: usize = 50;
/// What is worth points.
const WORTH: f64 = 1.5;
/// With more words than these a fact is free text.
const MOST_WORDS: usize = 200;
const MOST_CONDITIONS: usize = 6;
const MOST_WORDS_OF_ONE: usize = 5;

/// A condition that a fact meets more often in won leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    pub fact: String,
    pub expected: Expected,
    /// Of those that meet it, how many there are and how many were won.
    pub met: Tally,
    pub all: Tally,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    OneOf(Vec<String>),
    AtLeast(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub leads: usize,
    pub won: usize,
}

impl Tally {
    fn see(&mut self, won: bool) {
        self.leads += 1;
        self.won += usize::from(won);
    }

    fn with(self, other: Self) -> Self {
        Self { leads: self.leads + other.leads, won: self.won + other.won }
    }

    /// Of a hundred, how many were won.
    pub fn percent(self) -> f64 {
        100.0 * self.won as f64 / (self.leads as f64).max(1.0)
    }
}

impl Lift {
    pub fn factor(&self) -> f64 {
        self.met.percent() / self.all.percent().max(f64::MIN_POSITIVE)
    }

    /// How much of what was won it explains: for the order.
    fn weight(&self) -> f64 {
        self.met.won as f64 * self.factor().ln()
    }

    pub fn because(&self) -> String {
        format!(
            "{:.0} of 100 of them were won, of all {:.0}, as the file tells",
            self.met.percent(),
            self.all.percent()
        )
    }
}

/// Words whatever their case, each with its first spelling.
type Words = BTreeMap<String, (String, Tally)>;

/// Leads whose outcome is known, counted.
#[derive(Default)]
pub struct Outcomes {
    all: Tally,
    words: BTreeMap<String, Words>,
    numbers: BTreeMap<String, Vec<(f64, bool)>>,
}

impl Outcomes {
    pub fn see(&mut self, mapped: &Mapped) {
        let lead = &mapped.lead;
        let won = match lead.outcome.as_ref().map(|outcome| outcome.kind()) {
            Some(OutcomeKind::Won) => true,
            Some(OutcomeKind::Lost) => false,
            _ => return,
        };
        self.all.see(won);
        let mut word = |fact: &str, word: &str| {
            let words = self.words.entry(fact.to_owned()).or_default();
            if !word.is_empty() && words.len() <= MOST_WORDS {
                words.entry(folded(word)).or_insert_with(|| (word.to_owned(), Tally::default())).1.see(won);
            }
        };
        word("source", &lead.source);
        match &lead.subject {
            Some(Subject::Company(company)) => word("industry", &company.industry),
            Some(Subject::Person(person)) => word("occupation", &person.occupation),
            None => {}
        }
        for (name, attribute) in &lead.attributes {
            match attribute.value.as_ref().and_then(|value| value.kind.as_ref()) {
                Some(Kind::Text(text)) => word(name, text),
                Some(Kind::Number(number)) => {
                    self.numbers.entry(name.clone()).or_default().push((*number, won));
                }
                _ => {}
            }
        }
    }

    /// The conditions that are worth points, those first that explain most.
    pub fn lifts(&self) -> Vec<Lift> {
        let lost = self.all.leads - self.all.won;
        if self.all.won < ENOUGH || lost < ENOUGH {
            return Vec::new();
        }
        let of_words = self.words.iter().filter_map(|(fact, words)| self.of_words(fact, words));
        let of_numbers = self.numbers.iter().filter_map(|(fact, numbers)| self.of_numbers(fact, numbers));
        let mut lifts: Vec<Lift> = of_words.chain(of_numbers).collect();
        lifts.sort_by(|a, b| b.weight().total_cmp(&a.weight()).then_with(|| a.fact.cmp(&b.fact)));
        lifts.truncate(MOST_CONDITIONS);
        lifts
    }

    fn is_worth(&self, met: Tally) -> bool {
        met.leads >= ENOUGH && met.won * RARE >= self.all.won && met.percent() >= WORTH * self.all.percent()
    }

    fn of_words(&self, fact: &str, words: &Words) -> Option<Lift> {
        if words.len() > MOST_WORDS {
            return None;
        }
        let mut good: Vec<&(String, Tally)> = words.values().filter(|(_, met)| self.is_worth(*met)).collect();
        good.sort_by_key(|(word, met)| (std::cmp::Reverse(met.won), word.as_str()));
        good.truncate(MOST_WORDS_OF_ONE);
        let met = good.iter().fold(Tally::default(), |sum, (_, met)| sum.with(*met));
        let words: Vec<String> = good.into_iter().map(|(word, _)| word.clone()).collect();
        let lift = |words| Lift { fact: fact.into(), expected: Expected::OneOf(words), met, all: self.all };
        (!words.is_empty()).then(|| lift(words))
    }

    /// At least as much as half of the won leads have.
    fn of_numbers(&self, fact: &str, numbers: &[(f64, bool)]) -> Option<Lift> {
        let mut of_won: Vec<f64> =
            numbers.iter().filter(|(_, won)| *won).map(|(number, _)| *number).collect();
        of_won.sort_by(f64::total_cmp);
        let least = *of_won.get(of_won.len() / 2)?;
        let mut met = Tally::default();
        numbers.iter().filter(|(number, _)| *number >= least).for_each(|(_, won)| met.see(*won));
        let lift = Lift { fact: fact.into(), expected: Expected::AtLeast(least), met, all: self.all };
        self.is_worth(met).then_some(lift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::pb;

    fn lead(source: &str, hours: f64, note: &str, won: bool) -> Mapped {
        let kind = if won { OutcomeKind::Won } else { OutcomeKind::Lost };
        let fact = |kind| pb::FactValue { value: Some(pb::Value { kind: Some(kind) }), ..Default::default() };
        let lead = pb::Lead {
            source: source.into(),
            outcome: Some(pb::Outcome { kind: kind.into(), ..Default::default() }),
            attributes: [
                ("hours".to_owned(), fact(Kind::Number(hours))),
                ("note".to_owned(), fact(Kind::Text(note.into()))),
            ]
            .into(),
            ..Default::default()
        };
        Mapped { id: "1".into(), name: String::new(), lead, activities: Vec::new() }
    }

    #[test]
    fn what_won_leads_have_more_often_is_worth_points_and_free_text_is_not() {
        let mut outcomes = Outcomes::default();
        for i in 0..300 {
            // A third of all is won; of those that came by reference, nine in ten; of those who stayed long, all.
            let (source, won) = match i % 30 {
                0..10 => ("Reference", i % 10 != 0),
                _ => (if i % 2 == 0 { "reference " } else { "Ads" }, i % 30 == 29),
            };
            let source = if source == "reference " { "Fair" } else { source };
            outcomes.see(&lead(source, if won { 5.0 } else { 1.0 }, &format!("note {i}"), won));
        }
        assert_eq!(outcomes.all, Tally { leads: 300, won: 100 });
        let lifts = outcomes.lifts();
        let facts: Vec<_> = lifts.iter().map(|lift| (lift.fact.as_str(), lift.expected.clone())).collect();
        let reference = Expected::OneOf(vec!["Reference".into()]);
        assert_eq!(facts, [("hours", Expected::AtLeast(5.0)), ("source", reference)]);
        assert_eq!(lifts[1].met, Tally { leads: 100, won: 90 });
        assert_eq!(lifts[1].because(), "90 of 100 of them were won, of all 33, as the file tells");

        // With few of one outcome, nothing is said.
        let mut few = Outcomes::default();
        (0..100).for_each(|i| few.see(&lead("Ads", 1.0, "", i < 19)));
        assert_eq!(few.lifts(), []);
    }
}
