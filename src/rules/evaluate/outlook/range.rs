//! The range of a score's total: what rules could give together.

use std::collections::BTreeSet;

use super::possible::{Could, Truth};
use super::{Gives, Range, Study};
use crate::domain::profile::Criterion;
use crate::domain::score::Points;
use crate::rules::language::catalogue::FactSource;
use crate::rules::program::{Formula, Index};

/// In how many ways facts that are asked together are tried.
const MAX_WAYS: usize = 512;
/// How many different outcomes of facts are told apart, of some asked together and of all.
const MAX_OUTCOMES: usize = 64;
const MAX_TOGETHER: usize = 256;

/// What some rules could give, by their places.
pub type Given = Vec<(usize, Range)>;

/// What some rules give, by their places.
type Outcome = Vec<(usize, i64)>;

impl<'a> Study<'a> {
    /// What the total could be.
    pub fn range(&mut self) -> Range {
        let (mut lows, mut highs) = (Vec::new(), Vec::new());
        let asks_items_alone =
            |atom: &usize| self.atoms[*atom].open.is_empty() && self.atoms[*atom].asks_items;
        let alone: Vec<usize> = (0..self.atoms.len()).filter(asks_items_alone).collect();
        let alone = alone.into_iter().map(|atom| (Vec::new(), vec![atom]));
        for (facts, atoms) in self.asked_together().into_iter().chain(alone) {
            let [low, high] = self.outcomes(&facts, &atoms);
            if !low.is_empty() {
                lows.push(low);
                highs.push(high);
            }
        }
        let now: Vec<i64> = self.atoms.iter().map(|atom| atom.points).collect();
        let low = self.totals(&now, lows, true).into_iter().min().unwrap_or(self.total_of(&now));
        let high = self.totals(&now, highs, false).into_iter().max().unwrap_or(self.total_of(&now));
        (low, high)
    }

    /// The unknown facts in the sets that rules ask together, each with the rules that ask them.
    fn asked_together(&self) -> Vec<(Vec<Index>, Vec<usize>)> {
        let mut sets: Vec<(BTreeSet<Index>, Vec<usize>)> = Vec::new();
        for (place, atom) in self.atoms.iter().enumerate().filter(|(_, atom)| !atom.open.is_empty()) {
            let (mut facts, mut atoms) = (atom.open.clone(), vec![place]);
            sets.retain_mut(|(others, their_atoms)| {
                let apart = facts.is_disjoint(others);
                if !apart {
                    facts.append(others);
                    atoms.append(their_atoms);
                }
                apart
            });
            atoms.sort_unstable();
            sets.push((facts, atoms));
        }
        sets.into_iter().map(|(facts, atoms)| (facts.into_iter().collect(), atoms)).collect()
    }

    /// What rules could give if a fact alone were known, for each part of what it could be.
    pub fn alone(&mut self, fact: Index) -> &[Option<Given>] {
        if !self.alone.contains_key(&fact) {
            let atoms: Vec<usize> =
                (0..self.atoms.len()).filter(|place| self.atoms[*place].open.contains(&fact)).collect();
            let mut found = Vec::new();
            for place in 0..self.open[&fact].len() {
                self.judge.taken = [(fact, self.open[&fact][place])].into();
                let given = self.given(&atoms);
                found.push(given);
            }
            self.judge.taken.clear();
            self.alone.insert(fact, found);
        }
        &self.alone[&fact]
    }

    /// The different points that rules could give together, at the least and at the most.
    fn outcomes(&mut self, facts: &[Index], atoms: &[usize]) -> [Vec<Outcome>; 2] {
        let tried: Vec<Given> = match facts {
            [fact] => self.alone(*fact).iter().flatten().cloned().collect(),
            _ => self.in_all_ways(facts, atoms),
        };
        let ends = |end: fn(Range) -> i64| -> BTreeSet<Vec<i64>> {
            tried.iter().map(|given| given.iter().map(|(_, range)| end(*range)).collect()).collect()
        };
        let placed = |outcomes: Vec<Vec<i64>>| -> Vec<Outcome> {
            outcomes.into_iter().map(|outcome| atoms.iter().copied().zip(outcome).collect()).collect()
        };
        [
            placed(extremes(ends(|(low, _)| low), |a, b| a <= b)),
            placed(extremes(ends(|(_, high)| high), |a, b| a >= b)),
        ]
    }

    /// What rules could give in all ways in which some facts could turn out.
    fn in_all_ways(&mut self, facts: &[Index], atoms: &[usize]) -> Vec<Given> {
        let parts = self.parts_to_try(facts, atoms);
        let mut tried = Vec::new();
        for way in 0..ways(&parts) {
            let mut rest = way;
            for (fact, parts) in facts.iter().zip(&parts) {
                self.judge.taken.insert(*fact, parts[rest % parts.len()]);
                rest /= parts.len();
            }
            tried.extend(self.given(atoms));
        }
        self.judge.taken.clear();
        tried
    }

    /// What rules could give, as the facts are taken; nothing where one can only fail, so that there is no score.
    fn given(&mut self, atoms: &[usize]) -> Option<Given> {
        atoms.iter().map(|atom| Some((*atom, self.atom_range(*atom)?))).collect()
    }

    /// What some facts could be, in as many parts as there is time for.
    fn parts_to_try(&mut self, facts: &[Index], atoms: &[usize]) -> Vec<Vec<Could<'a>>> {
        let mut parts: Vec<Vec<Could<'a>>> = facts.iter().map(|fact| self.open[fact].clone()).collect();
        let most_ways = self.affordable_ways(facts, atoms);
        while ways(&parts) > most_ways {
            let Some(most) = parts.iter_mut().max_by_key(|parts| parts.len()) else { break };
            let all = most.iter().copied().reduce(Could::or);
            *most = all.into_iter().collect();
        }
        parts
    }

    /// In how many ways these facts may be tried, so that enough time is left for the others.
    fn affordable_ways(&mut self, facts: &[Index], atoms: &[usize]) -> usize {
        let before = self.judge.budget;
        for fact in facts {
            let all = self.open[fact].iter().copied().reduce(Could::or);
            self.judge.taken.insert(*fact, all.unwrap_or(Could::UNKNOWN));
        }
        atoms.iter().for_each(|atom| _ = self.atom_range(*atom));
        let one_way = (before - self.judge.budget).max(1);
        ((self.judge.budget / 2 / one_way) as usize).clamp(1, MAX_WAYS)
    }

    /// What a rule could give, as the facts are taken; nothing if it can only fail.
    fn atom_range(&mut self, place: usize) -> Option<Range> {
        match self.atoms[place].gives {
            Gives::Criterion(criterion, fact) => {
                let truth = self.meets(criterion, fact);
                could_give(truth, Some((criterion.points.0, criterion.points.0)), false)
            }
            Gives::Rule(rule) => {
                let when = self.judged(&rule.when).truth();
                if !when.hold {
                    return could_give(when, None, false);
                }
                let then = self.judged(&rule.then);
                let points = then.be.and_then(|value| points_of(value.range()));
                could_give(when, points, then.be_unknown)
            }
        }
    }

    /// What a formula could come to, as the facts are taken. One that asks for none of them is simply evaluated.
    pub fn judged(&mut self, formula: &'a Formula) -> Could<'a> {
        let is_open = self.is_open(&formula.leaves);
        self.judge.formula(formula, is_open)
    }

    pub fn meets(&mut self, criterion: &'a Criterion, fact: Option<Index>) -> Truth {
        let Some(fact) = fact else { return Truth::default() };
        let def = &self.catalogue.facts[fact];
        match def.source {
            // Who is reached follows from facts that may be taken otherwise.
            FactSource::RoleCoverage if !self.judge.taken.is_empty() => {
                Truth { be_unknown: true, ..Truth::EITHER }
            }
            _ => self.judge.meets(criterion, fact, &def.source, &def.name),
        }
    }

    /// The totals of all outcomes together, or of what is beyond them if they are too many.
    fn totals(&self, now: &[i64], mut outcomes: Vec<Vec<Outcome>>, least: bool) -> Vec<i64> {
        while ways(&outcomes) > MAX_TOGETHER {
            let Some(most) = outcomes.iter_mut().max_by_key(|outcomes| outcomes.len()) else { break };
            let beyond = most.iter().cloned().reduce(|a, b| {
                let pairs = a.into_iter().zip(b);
                pairs.map(|((atom, a), (_, b))| (atom, if least { a.min(b) } else { a.max(b) })).collect()
            });
            *most = beyond.into_iter().collect();
        }
        let mut totals = Vec::new();
        for way in 0..ways(&outcomes) {
            let mut points = now.to_vec();
            let mut rest = way;
            for outcomes in &outcomes {
                for (atom, given) in &outcomes[rest % outcomes.len()] {
                    points[*atom] = *given;
                }
                rest /= outcomes.len();
            }
            totals.push(self.total_of(&points));
        }
        totals
    }

    fn total_of(&self, points: &[i64]) -> i64 {
        let (axes, _) = self.sums(points);
        axes[0] + axes[1]
    }
}

fn ways<T>(parts: &[Vec<T>]) -> usize {
    parts.iter().fold(1, |ways, parts| ways.saturating_mul(parts.len().max(1)))
}

/// What is given if a condition holds, and nothing if not.
fn could_give(when: Truth, points: Option<Range>, unknown: bool) -> Option<Range> {
    let given = points.filter(|_| when.hold);
    let nothing = (when.fail || when.be_unknown || (when.hold && unknown)).then_some((0, 0));
    match (given, nothing) {
        (Some((low, high)), Some(_)) => Some((low.min(0), high.max(0))),
        (given, nothing) => given.or(nothing),
    }
}

/// Hundredths of points, as they are given; more than a rule may give are an error and no score.
fn points_of((low, high): (f64, f64)) -> Option<Range> {
    if low > Points::LIMIT || high < -Points::LIMIT {
        return None;
    }
    let hundredths = |number: f64| Points::from_number(number.clamp(-Points::LIMIT, Points::LIMIT));
    Some((hundredths(low)?.0, hundredths(high)?.0))
}

/// Those outcomes that no other is beyond in everything; one beyond all if they are many.
fn extremes(outcomes: BTreeSet<Vec<i64>>, is_beyond: fn(&i64, &i64) -> bool) -> Vec<Vec<i64>> {
    let outcomes: Vec<Vec<i64>> = outcomes.into_iter().collect();
    let beyond = |a: &Vec<i64>, b: &Vec<i64>| a != b && a.iter().zip(b).all(|(a, b)| is_beyond(a, b));
    let kept: Vec<Vec<i64>> =
        outcomes.iter().filter(|one| !outcomes.iter().any(|other| beyond(other, one))).cloned().collect();
    if kept.len() <= MAX_OUTCOMES {
        return kept;
    }
    let further = |a: i64, b: i64| if is_beyond(&a, &b) { a } else { b };
    let all = kept.into_iter().reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| further(a, b)).collect());
    all.into_iter().collect()
}
