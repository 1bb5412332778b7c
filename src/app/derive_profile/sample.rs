//! Leads, one after the other, as the columns of a sample.

use std::collections::BTreeMap;

use super::Accounts;
use crate::domain::canonical::folded;
use crate::domain::scorecard::sample::{Column, Sample, UNKNOWN, Values};
use crate::rules::LeadFacts;
use crate::rules::observe::{Observed, Seen};

/// How many words of a list are asked for one by one.
const MOST_OF_A_LIST: usize = 12;
/// What one account in so many has not is too rare to ask for.
const RARE: usize = 50;

/// What a column answers.
#[derive(Debug, Clone)]
pub struct Question {
    /// The fact that it asks for.
    pub fact: String,
    /// What people call it.
    pub name: String,
    pub unit: String,
    pub asked: Asked,
}

/// How a rule asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// For a number, by an expression.
    Number(String),
    YesNo,
    Word,
    /// Whether a list has a word.
    Has(String),
}

/// Gathers leads.
pub struct Collector {
    facts: Vec<(Observed, String, Gathered)>,
    won: Vec<bool>,
    times: Vec<Option<i64>>,
}

/// The values of a fact; what kind they are shows with the first that is known.
#[derive(Default)]
struct Gathered {
    kind: Option<Kind>,
    numbers: Vec<f64>,
    words: Vec<String>,
    places: BTreeMap<String, u32>,
    /// Of each account, the places of its words; of one word, a single one.
    found: Vec<Option<Vec<u32>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    YesNo,
    Word,
    Words,
}

impl Collector {
    /// For facts with what people call them.
    pub fn of(facts: Vec<(Observed, String)>) -> Self {
        let facts = facts.into_iter().map(|(fact, name)| (fact, name, Gathered::default())).collect();
        Self { facts, won: Vec::new(), times: Vec::new() }
    }

    pub fn see(&mut self, lead: &LeadFacts, won: bool) {
        let rows = self.won.len();
        for (fact, _, gathered) in &mut self.facts {
            gathered.see(fact.of(lead), rows);
        }
        self.won.push(won);
        self.times.push(lead.lead.first_seen.map(|time| time.micros()));
    }

    /// The sample, one column for each question.
    pub fn finish(self) -> Accounts {
        let rows = self.won.len();
        let (mut columns, mut questions) = (Vec::new(), Vec::new());
        for (fact, name, gathered) in self.facts {
            for (asked, values) in gathered.finish(&fact, rows) {
                let (fact, unit) = (fact.fact.clone(), fact.unit.clone());
                columns.push(Column { name: name.clone(), values });
                questions.push(Question { fact, name: name.clone(), unit, asked });
            }
        }
        Accounts { sample: Sample { columns, won: self.won }, questions, times: self.times }
    }
}

impl Gathered {
    fn see(&mut self, seen: Option<Seen>, rows: usize) {
        let Some(seen) = seen else {
            match self.kind {
                Some(Kind::Number) => self.numbers.push(f64::NAN),
                Some(_) => self.found.push(None),
                None => {}
            }
            return;
        };
        let kind = match seen {
            Seen::Number(_) => Kind::Number,
            Seen::YesNo(_) => Kind::YesNo,
            Seen::Word(_) => Kind::Word,
            Seen::Words(_) => Kind::Words,
        };
        if self.kind.is_none() {
            self.kind = Some(kind);
            match kind {
                Kind::Number => self.numbers = vec![f64::NAN; rows],
                _ => self.found = vec![None; rows],
            }
        }
        match seen {
            Seen::Number(number) => self.numbers.push(number),
            Seen::YesNo(yes) => {
                let place = self.place(if yes { "yes" } else { "no" });
                self.found.push(Some(vec![place]));
            }
            Seen::Word(word) => {
                let place = self.place(word);
                self.found.push(Some(vec![place]));
            }
            Seen::Words(words) => {
                let places = words.into_iter().map(|word| self.place(word)).collect();
                self.found.push(Some(places));
            }
        }
    }

    /// Words are the same whatever their case; each is called as it was written first.
    fn place(&mut self, word: &str) -> u32 {
        let next = self.words.len() as u32;
        let place = *self.places.entry(folded(word)).or_insert(next);
        if place == next {
            self.words.push(word.to_owned());
        }
        place
    }

    fn finish(self, fact: &Observed, rows: usize) -> Vec<(Asked, Values)> {
        let single = |found: Vec<Option<Vec<u32>>>| {
            found.into_iter().map(|places| places.map_or(UNKNOWN, |places| places[0])).collect()
        };
        match self.kind {
            None => vec![(Asked::Number(fact.asked.clone()), Values::Numbers(vec![f64::NAN; rows]))],
            Some(Kind::Number) => vec![(Asked::Number(fact.asked.clone()), Values::Numbers(self.numbers))],
            Some(Kind::YesNo) => {
                vec![(Asked::YesNo, Values::Words { words: self.words, places: single(self.found) })]
            }
            Some(Kind::Word) => {
                vec![(Asked::Word, Values::Words { words: self.words, places: single(self.found) })]
            }
            Some(Kind::Words) => self.of_a_list(rows),
        }
    }

    /// Whether each of the most frequent words is in the list.
    fn of_a_list(self, rows: usize) -> Vec<(Asked, Values)> {
        let mut counts = vec![0_usize; self.words.len()];
        for places in self.found.iter().flatten() {
            let mut own = places.clone();
            own.sort_unstable();
            own.dedup();
            own.into_iter().for_each(|place| counts[place as usize] += 1);
        }
        let mut frequent: Vec<usize> =
            (0..counts.len()).filter(|place| counts[*place] * RARE >= rows).collect();
        frequent.sort_by_key(|place| (std::cmp::Reverse(counts[*place]), *place));
        frequent.truncate(MOST_OF_A_LIST);
        frequent
            .into_iter()
            .map(|word| {
                let has = |places: &Vec<u32>| u32::from(places.contains(&(word as u32)));
                let places = self.found.iter().map(|places| places.as_ref().map_or(UNKNOWN, has)).collect();
                let words = vec!["no".to_owned(), "yes".to_owned()];
                (Asked::Has(self.words[word].clone()), Values::Words { words, places })
            })
            .collect()
    }
}
