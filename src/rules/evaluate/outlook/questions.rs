//! What to find out: of each unknown fact, what it alone could make of the total and of the grade.

use std::collections::BTreeSet;

use super::possible::Truth;
use super::{Range, Study, Sums};
use crate::domain::score::{Points, Question, ScoreStatus};
use crate::rules::language::ScriptKind;
use crate::rules::program::{Index, Verdict};

/// The most questions of a score.
const MAX_QUESTIONS: usize = 20;

/// How a lead could be graded, from the best to the worst rank; `None` is no grade.
#[derive(Default)]
struct Grades {
    ranks: BTreeSet<usize>,
    could_have_none: bool,
    could_disqualify: bool,
}

impl<'a> Study<'a> {
    /// What to find out: of each unknown fact, what it alone could make of the score.
    pub fn questions(&mut self) -> Vec<Question> {
        let facts: Vec<Index> = self.open.keys().copied().collect();
        let grades = &self.script.grades;
        let now = self.assessment.grade.as_ref();
        let rank_now =
            now.map_or(grades.len(), |now| grades.iter().position(|grade| grade.id == *now).unwrap_or(0));
        let mut found: Vec<(usize, i64, Question)> = Vec::new();
        for fact in facts {
            let Some(((low, high), reached)) = self.reached_by(fact) else { continue };
            let total = self.assessment.total.0;
            let moves = (total - low).max(high - total).max(high - low);
            let none = reached.could_have_none.then_some(grades.len());
            let ranks = reached.ranks.iter().copied().chain(none);
            let steps = ranks.map(|rank| rank.abs_diff(rank_now)).max().unwrap_or_default();
            if moves == 0 && steps == 0 {
                continue;
            }
            let grade = |rank: Option<&usize>| rank.map(|rank| grades[*rank].id.clone());
            let worst = reached.ranks.last().filter(|_| !reached.could_have_none);
            let question = Question {
                fact: self.catalogue.facts[fact].name.clone(),
                low: Points(low),
                high: Points(high),
                best: grade(reached.ranks.first()),
                worst: grade(worst),
                could_disqualify: reached.could_disqualify,
            };
            found.push((steps, moves, question));
        }
        found.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then_with(|| a.2.fact.cmp(&b.2.fact)));
        found.into_iter().take(MAX_QUESTIONS).map(|(.., question)| question).collect()
    }

    /// The totals and grades that a fact alone could lead to; nothing if there would be no score.
    fn reached_by(&mut self, fact: Index) -> Option<(Range, Grades)> {
        let mut range: Option<Range> = None;
        let mut reached = Grades::default();
        let mut known: Vec<(Sums, Sums, Grades)> = Vec::new();
        let verdicts_ask = self.verdicts_ask(fact);
        for place in 1..self.open[&fact].len() {
            let Some((least, most)) = self.if_known(fact, place) else { continue };
            let (low, high) = (least.0.iter().sum(), most.0.iter().sum());
            range = Some(range.map_or((low, high), |(a, b)| (a.min(low), b.max(high))));
            // Where no grade asks the fact itself, the same points make the same grades.
            let same = known.iter().any(|(a, b, _)| !verdicts_ask && *a == least && *b == most);
            if !same {
                let grades = self.grades(fact, &least, &most);
                known.push((least, most, grades));
            }
            self.judge.taken.clear();
        }
        for (.., grades) in known {
            reached.ranks.extend(grades.ranks);
            reached.could_have_none |= grades.could_have_none;
            reached.could_disqualify |= grades.could_disqualify;
        }
        range.map(|range| (range, reached))
    }

    /// Whether a grade, its cap or a disqualifier depends on a fact by itself.
    fn verdicts_ask(&self, fact: Index) -> bool {
        let script = self.script;
        let verdicts = script.disqualify.iter().chain(&script.cap_grades).chain(&script.grades);
        let asks = |verdict: &Verdict| {
            verdict.when.as_ref().is_some_and(|when| self.depends(&when.leaves).contains(&fact))
        };
        let name = &self.catalogue.facts[fact].name;
        let criteria = &self.facts.profile.disqualifiers;
        verdicts.into_iter().any(asks) || criteria.iter().any(|criterion| *criterion.fact == **name)
    }

    /// What the axes and groups count at the least and at the most if a fact were known, and all else as it is; nothing if
    /// there would be no score. The fact stays taken so.
    fn if_known(&mut self, fact: Index, place: usize) -> Option<(Sums, Sums)> {
        let mut low: Vec<i64> = self.atoms.iter().map(|atom| atom.points).collect();
        let mut high = low.clone();
        for (atom, range) in self.alone(fact).get(place)?.as_ref()? {
            (low[*atom], high[*atom]) = *range;
        }
        self.judge.taken = [(fact, self.open[&fact][place])].into();
        let least = self.sums(&low);
        let most = if low == high { least.clone() } else { self.sums(&high) };
        Some((least, most))
    }

    fn grades(&mut self, fact: Index, least: &Sums, most: &Sums) -> Grades {
        let number = |hundredths: i64| Points(hundredths).number();
        let both = |(low, high): (i64, i64)| (number(low), number(high));
        self.judge.points = [0, 1].map(|axis| both((least.0[axis], most.0[axis])));
        self.judge.groups = least.1.iter().copied().zip(most.1.iter().copied()).map(both).collect();
        let mut disqualified: Vec<Truth> = Vec::new();
        if self.script.disqualifiers.is_some() {
            for criterion in &self.facts.profile.disqualifiers {
                let fact = self.catalogue.find(&criterion.fact, ScriptKind::LeadScoring);
                disqualified.push(self.meets(criterion, fact));
            }
        }
        for verdict in &self.script.disqualify {
            let truth = verdict.when.as_ref().map_or(Truth::of(true), |when| self.judged(when).truth());
            disqualified.push(truth);
        }
        let could_disqualify = disqualified.iter().any(|truth| truth.hold);
        let mut grades = Grades { could_have_none: could_disqualify, could_disqualify, ..Grades::default() };
        if disqualified.iter().any(|truth| truth.surely_holds()) {
            return grades;
        }
        let (least, most) = self.completeness(fact);
        grades.could_have_none |= least < self.script.completeness;
        if most >= self.script.completeness {
            grades.ranks = self.ranks();
        }
        grades.could_disqualify &= self.assessment.status != ScoreStatus::Disqualified;
        grades
    }

    /// Known facts out of those that are named, if a fact were known: at the least and at the most.
    fn completeness(&self, fact: Index) -> (f64, f64) {
        if self.named.is_empty() {
            return (1.0, 1.0);
        }
        let known = self.known + usize::from(self.named.contains(&fact));
        let share = |known: usize| known as f64 / self.named.len() as f64;
        (share(known), share(known + usize::from(self.coverage_is_unknown)))
    }

    /// The grades that could be given, by their ranks.
    fn ranks(&mut self) -> BTreeSet<usize> {
        let script = self.script;
        let mut ranks = BTreeSet::new();
        for (rank, grade) in script.grades.iter().enumerate() {
            let truth = self.verdict(grade);
            if truth.hold {
                ranks.insert(rank);
            }
            if truth.surely_holds() {
                break;
            }
        }
        for cap in &script.cap_grades {
            let truth = self.verdict(cap);
            let Some(lowest) = script.grades.iter().position(|grade| grade.id == cap.id) else { continue };
            let better: Vec<usize> = ranks.range(..lowest).copied().collect();
            if truth.hold && !better.is_empty() {
                ranks.insert(lowest);
            }
            if truth.surely_holds() {
                better.iter().for_each(|rank| _ = ranks.remove(rank));
            }
        }
        ranks
    }

    fn verdict(&mut self, verdict: &'a Verdict) -> Truth {
        verdict.when.as_ref().map_or(Truth::of(true), |when| self.judge.formula(when, true).truth())
    }
}
