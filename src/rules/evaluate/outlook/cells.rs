//! What an unknown fact could be, parted where the script parts it: at the numbers and words that it is compared with.
//! Within a part all values are alike to most rules.

use std::collections::BTreeMap;

use bumpalo::Bump;

use super::possible::{Could, Possible};
use crate::domain::canonical::same_word;
use crate::domain::profile::{Expectation, ProfileContent};
use crate::domain::value::Value as Plain;
use crate::domain::vocabulary::{Meanings, Vocabulary, meant};
use crate::rules::evaluate::value::Value;
use crate::rules::language::catalogue::{FactDef, FactSource};
use crate::rules::language::types::Type;
use crate::rules::program::{Case, Expr, Formula, GroupBody, Index, Item, LeafKind, Script};

/// The most numbers and words by which a fact is parted; one that is compared with more is taken as a whole.
const MAX_NUMBERS: usize = 16;
const MAX_WORDS: usize = 24;
/// How many parts of expressions are looked through.
const MAX_LOOKS: usize = 10_000;

/// What a fact is compared with.
#[derive(Debug, Default)]
pub struct Marks {
    numbers: Vec<f64>,
    words: Vec<String>,
}

impl Marks {
    fn word(&mut self, word: &str) {
        // Of too many words none is told apart, and to compare them with each other takes long.
        if self.words.len() <= MAX_WORDS && !self.words.iter().any(|known| same_word(known, word)) {
            self.words.push(word.to_owned());
        }
    }
}

/// What facts are compared with in a script.
pub fn marks(script: &Script) -> BTreeMap<Index, Marks> {
    let mut compared = Compared { script, marks: BTreeMap::new(), looks: 0 };
    compared.items(&script.items);
    for define in &script.defines {
        compared.look(&define.expr, &[]);
    }
    let verdicts = script.disqualify.iter().chain(&script.cap_grades).chain(&script.grades);
    for when in verdicts.filter_map(|verdict| verdict.when.as_ref()) {
        compared.look(&when.expr, &[]);
    }
    compared.marks
}

struct Compared<'a> {
    script: &'a Script,
    marks: BTreeMap<Index, Marks>,
    looks: usize,
}

impl<'a> Compared<'a> {
    fn items(&mut self, items: &'a [Item]) {
        for item in items {
            match item {
                Item::Rule(rule) => {
                    for Formula { expr, .. } in [&rule.when, &rule.then] {
                        self.look(expr, &[]);
                    }
                }
                Item::Group(group) => {
                    if let GroupBody::Items(items) = &group.body {
                        self.items(items);
                    }
                }
                Item::Factor(_) => {}
            }
        }
    }

    /// The fact that an expression is, or whose negative; `facts` are those that a function's arguments are.
    fn fact(&self, expr: &Expr, facts: &[Option<Index>]) -> Option<(Index, f64)> {
        match expr {
            Expr::Leaf(leaf) => match self.script.leaves[*leaf].kind {
                LeafKind::Fact(fact, _) => Some((fact, 1.0)),
                _ => None,
            },
            Expr::Local(variable) => facts.get(*variable).copied().flatten().map(|fact| (fact, 1.0)),
            Expr::Define(define) => self.fact(&self.script.defines[*define].expr, &[]),
            Expr::DaysSince(date) => self.fact(date, facts),
            Expr::Negate(inner) => self.fact(inner, facts).map(|(fact, sign)| (fact, -sign)),
            Expr::Coalesce(ways) => self.fact(ways.first()?, facts),
            _ => None,
        }
    }

    fn number(&mut self, of: Option<(Index, f64)>, number: f64) {
        if let Some((fact, sign)) = of {
            self.marks.entry(fact).or_default().numbers.push(number * sign);
        }
    }

    fn look(&mut self, expr: &'a Expr, facts: &[Option<Index>]) {
        self.looks += 1;
        if self.looks > MAX_LOOKS {
            return;
        }
        match expr {
            Expr::CompareNumbers(_, sides) | Expr::CompareCounts(_, sides) => {
                let [a, b] = &**sides;
                for (one, other) in [(a, b), (b, a)] {
                    if let Some(number) = other.constant() {
                        self.number(self.fact(one, facts), number);
                    }
                }
            }
            Expr::Same(_, sides) => {
                let [a, b] = &**sides;
                for (one, other) in [(a, b), (b, a)] {
                    if let (Some((fact, _)), Expr::Text(word)) = (self.fact(one, facts), other) {
                        self.marks.entry(fact).or_default().word(word);
                    }
                }
            }
            Expr::In(sides) => match (self.fact(&sides[0], facts), &sides[1]) {
                (Some((fact, _)), Expr::Words(list)) => {
                    let marks = self.marks.entry(fact).or_default();
                    list.words.iter().for_each(|word| marks.word(word));
                }
                (of, Expr::Numbers(numbers)) => numbers.iter().for_each(|number| self.number(of, *number)),
                _ => {}
            },
            Expr::Switch(switch) => {
                let of = self.fact(&switch.subject, facts);
                for (case, ..) in &switch.cases {
                    match (case, of) {
                        (Case::Number(number), of) => self.number(of, *number),
                        (Case::Range { from, to, .. }, of) => {
                            self.number(of, *from);
                            self.number(of, *to);
                        }
                        (Case::Text(word), Some((fact, _))) => {
                            self.marks.entry(fact).or_default().word(word);
                        }
                        _ => {}
                    }
                }
            }
            Expr::Call(index, args, _) => {
                let given: Vec<Option<Index>> = args
                    .iter()
                    .map(|arg| self.fact(arg, facts).filter(|(_, sign)| *sign > 0.0).map(|(fact, _)| fact))
                    .collect();
                if given.iter().any(Option::is_some) {
                    self.look(&self.script.functions[*index].body, &given);
                }
            }
            _ => {}
        }
        for part in expr.parts() {
            self.look(part, facts);
        }
    }
}

/// What a profile compares a fact with.
fn marks_of_profile<'a>(
    fact: &FactDef,
    profile: &'a ProfileContent,
    meanings: Option<&'a Meanings>,
    words: &mut Vec<&'a str>,
    numbers: &mut Vec<f64>,
) {
    let criteria = profile.criteria.iter().chain(&profile.disqualifiers);
    for criterion in criteria.filter(|criterion| *criterion.fact == *fact.name) {
        let mut word = |word: &'a String| {
            let word = meant(meanings, word);
            if words.len() <= MAX_WORDS && !words.iter().any(|known| same_word(known, word)) {
                words.push(word);
            }
        };
        match &criterion.expectation {
            Expectation::In(expected) | Expectation::NotIn(expected) => expected.iter().for_each(word),
            Expectation::Equals(Plain::Text(expected)) => word(expected),
            Expectation::Between(min, max) => numbers.extend(min.iter().chain(max)),
            Expectation::AtLeast(end) | Expectation::AtMost(end) => numbers.push(*end),
            Expectation::Equals(Plain::Number(number)) => numbers.push(*number),
            Expectation::Equals(_) => {}
        }
    }
    if fact.source == FactSource::Employees {
        let edges = profile.size_bands.iter().flat_map(|band| [band.min].into_iter().chain(band.max));
        numbers.extend(edges.map(|edge| edge as f64));
    }
}

/// The words and numbers that a script and a profile compare a fact with.
pub fn compared_with(
    fact: &FactDef,
    index: Index,
    script: &Script,
    profile: &ProfileContent,
    vocabulary: &Vocabulary,
) -> (Vec<String>, Vec<f64>) {
    let marks = script.marks.get_or_init(|| marks(script)).get(&index);
    let (mut words, mut numbers): (Vec<&str>, Vec<f64>) = match marks {
        Some(marks) => (marks.words.iter().map(String::as_str).collect(), marks.numbers.clone()),
        None => (Vec::new(), Vec::new()),
    };
    marks_of_profile(fact, profile, vocabulary.aliases.get(&*fact.name), &mut words, &mut numbers);
    (words.into_iter().map(str::to_owned).collect(), numbers)
}

/// What a fact could be, part by part; first that it stays unknown.
pub fn cells<'a>(
    fact: &'a FactDef,
    marks: Option<&'a Marks>,
    profile: &'a ProfileContent,
    vocabulary: &'a Vocabulary,
    arena: &'a Bump,
) -> Vec<Could<'a>> {
    let (mut words, mut numbers): (Vec<&str>, Vec<f64>) = match marks {
        Some(marks) => (marks.words.iter().map(String::as_str).collect(), marks.numbers.clone()),
        None => (Vec::new(), Vec::new()),
    };
    marks_of_profile(fact, profile, vocabulary.aliases.get(&*fact.name), &mut words, &mut numbers);
    let mut cells = vec![Could::UNKNOWN];
    let known = |value| Could::known(value);
    match &fact.ty {
        Type::YesNo => cells.extend([true, false].map(|yes| known(Value::YesNo(yes)))),
        Type::Choice(choices) if choices.words.len() <= MAX_WORDS => {
            cells.extend(choices.words.iter().map(|word| known(Value::Text(word))));
        }
        Type::Text if words.len() <= MAX_WORDS => {
            cells.extend(words.iter().map(|word| known(Value::Text(word))));
            cells.push(Could::be(Possible::Except(arena.alloc_slice_copy(&words))));
        }
        Type::Number | Type::Date => {
            let is_date = fact.ty == Type::Date;
            let (least, is_whole) = match fact.source {
                FactSource::Employees | FactSource::Age => (0.0, true),
                FactSource::Revenue => (0.0, false),
                FactSource::FoundedYear => (f64::NEG_INFINITY, true),
                _ => (f64::NEG_INFINITY, is_date),
            };
            cells.extend(ranges(&numbers, least, is_whole).into_iter().map(|(low, high)| match is_date {
                true => Could::be(Possible::DaysBack(low, high)),
                false => Could::numbers(low, high),
            }));
        }
        _ => cells.push(Could::be(Possible::Any)),
    }
    cells
}

/// The numbers from the least on, parted: each mark by itself, and what lies between.
fn ranges(marks: &[f64], least: f64, is_whole: bool) -> Vec<(f64, f64)> {
    let mut marks: Vec<f64> = marks.iter().copied().filter(|mark| *mark >= least).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    if marks.len() > MAX_NUMBERS {
        marks.clear();
    }
    let above = |mark: f64| if is_whole { mark.floor() + 1.0 } else { mark.next_up() };
    let below = |mark: f64| if is_whole { mark.ceil() - 1.0 } else { mark.next_down() };
    let mut ranges = Vec::new();
    let mut from = least;
    for mark in marks {
        if from <= below(mark) {
            ranges.push((from, below(mark)));
        }
        if !is_whole || mark.fract() == 0.0 {
            ranges.push((mark, mark));
        }
        from = above(mark);
    }
    ranges.push((from, f64::INFINITY));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_parted_at_their_marks() {
        assert_eq!(
            ranges(&[10.0, 5.5, 0.0, -3.0], 0.0, true),
            [(0.0, 0.0), (1.0, 5.0), (6.0, 9.0), (10.0, 10.0), (11.0, f64::INFINITY)]
        );
        let open = ranges(&[1.0], f64::NEG_INFINITY, false);
        assert_eq!(open.len(), 3);
        assert!(open[0].1 < 1.0 && open[2].0 > 1.0 && open[2].0 < 1.000_001);
        assert_eq!(ranges(&[], 0.0, true), [(0.0, f64::INFINITY)]);
    }
}
