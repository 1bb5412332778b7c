//! What the unknown could still make of a score: the range of its total, and what to find out.
//!
//! Each unknown fact is parted into what it could be ([`cells`]), and the rules are judged for each part ([`judge`]). Facts
//! that no rule asks together are taken apart from each other: then the least total comes of the least points of each.
//! Where facts are entangled in too many ways, several parts are taken as one: the range is then perhaps too wide, never
//! too narrow.

mod cells;
mod judge;
mod possible;

use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;

use super::evaluator::Evaluator;
use super::facts::{Facts, LeadFacts};
use crate::domain::lead::Subject;
use crate::domain::profile::Criterion;
use crate::domain::score::{Assessment, Axis, ContributionKind, Outlook, Points, Question, ScoreStatus};
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::{Catalogue, FactSource, Scope};
use crate::rules::language::members::IcpField;
use crate::rules::program::{Formula, Group, GroupBody, Index, Item, LeafKind, Rule, Script, Verdict};
pub use cells::Marks;
use cells::{cells, marks};
use judge::Judge;
use possible::{Could, Truth};

/// In how many ways facts that are asked together are tried.
const MAX_WAYS: usize = 512;
/// How many different outcomes of facts are told apart, of some asked together and of all.
const MAX_OUTCOMES: usize = 64;
const MAX_TOGETHER: usize = 256;
/// The most questions of a score.
const MAX_QUESTIONS: usize = 20;

/// The least and the most hundredths of points.
type Range = (i64, i64);

/// A rule or a criterion: what gives points by itself.
struct Atom<'a> {
    gives: Gives<'a>,
    /// The unknown facts on which it depends.
    open: BTreeSet<Index>,
    /// Whether it asks a collection, of which parts may be unknown.
    asks_items: bool,
    /// What it gives now.
    points: i64,
}

enum Gives<'a> {
    Rule(&'a Rule),
    Criterion(&'a Criterion, Option<Index>),
}

/// What the unknown could make of an assessment.
pub fn outlook(script: &Script, catalogue: &Catalogue, facts: LeadFacts, assessment: &Assessment) -> Outlook {
    let arena = Bump::new();
    let now = assessment.total;
    let mut study = Study::new(script, catalogue, facts, assessment, &arena);
    if study.open.is_empty() && !study.asks_items() {
        return Outlook { low: now, high: now, questions: Vec::new() };
    }
    study.collect(&script.items);
    study.note_points();
    let (low, high) = study.range();
    let questions = study.questions();
    Outlook { low: now.min(Points(low)), high: now.max(Points(high)), questions }
}

/// What some rules could give, by their places; nothing where one can only fail, so that there is no score.
type Given = Vec<(usize, Range)>;

struct Study<'a> {
    script: &'a Script,
    catalogue: &'a Catalogue,
    facts: LeadFacts<'a>,
    assessment: &'a Assessment,
    judge: Judge<'a>,
    /// The unknown facts, with what they could be.
    open: BTreeMap<Index, Vec<Could<'a>>>,
    /// In the order of the script.
    atoms: Vec<Atom<'a>>,
    /// By unknown fact and what it could be: what the rules that depend on it could give, if all else stays as it is.
    alone: BTreeMap<Index, Vec<Option<Given>>>,
    /// The facts that completeness counts, and how many of them are known.
    named: BTreeSet<Index>,
    known: usize,
    /// Whether who is reached is one of them, and would be known with the contacts.
    coverage_is_unknown: bool,
}

/// What fit and engagement count, and the groups in the order of their ends, in hundredths of points.
type Sums = ([i64; 2], Vec<i64>);

/// How a lead could be graded, from the best to the worst rank; `None` is no grade.
#[derive(Clone)]
struct Grades {
    ranks: BTreeSet<usize>,
    could_have_none: bool,
    could_disqualify: bool,
}

impl<'a> Study<'a> {
    fn new(
        script: &'a Script,
        catalogue: &'a Catalogue,
        facts: LeadFacts<'a>,
        assessment: &'a Assessment,
        arena: &'a Bump,
    ) -> Self {
        let find = |name: &str| catalogue.find(name, ScriptKind::LeadScoring);
        let has_criteria = has_criteria(&script.items);
        let asked = facts.profile.criteria.iter().filter(|_| has_criteria);
        let asked =
            asked.chain(facts.profile.disqualifiers.iter().filter(|_| script.disqualifiers.is_some()));
        let named: BTreeSet<Index> =
            script.named.iter().copied().chain(asked.filter_map(|criterion| find(&criterion.fact))).collect();

        // The account's size decides more than it seems: bands, and who takes part.
        let unknown = named.iter().copied().chain(find("employees"));
        let unknown: BTreeSet<Index> = unknown
            .filter(|fact| {
                could_be_found_out(&facts, &catalogue.facts[*fact].source, catalogue.facts[*fact].scope)
            })
            .collect();
        let open = match unknown.is_empty() {
            true => BTreeMap::new(),
            false => {
                let marks = script.marks.get_or_init(|| marks(script));
                let parted = |fact: Index| {
                    let def = &catalogue.facts[fact];
                    cells(def, marks.get(&fact), facts.profile, facts.vocabulary, arena)
                };
                unknown.into_iter().map(|fact| (fact, parted(fact))).collect()
            }
        };

        let mut judge = Judge::new(Evaluator::new(script, Facts::Lead(facts), arena), facts, script);
        judge.employees = find("employees");
        judge.contacts = find("contacts");
        judge.attributes = open
            .keys()
            .filter_map(|fact| match &catalogue.facts[*fact].source {
                FactSource::Attribute(name) => Some((name.clone(), *fact)),
                _ => None,
            })
            .collect();
        let source = |fact: &Index| &catalogue.facts[*fact].source;
        let is_known = |fact: &&Index| Facts::Lead(facts).fact(source(fact)).is_some();
        let known = named.iter().filter(is_known).count();
        let coverage_is_unknown = named
            .iter()
            .any(|fact| *source(fact) == FactSource::RoleCoverage && facts.role_coverage().is_none());
        let (atoms, alone) = (Vec::new(), BTreeMap::new());
        Self {
            script,
            catalogue,
            facts,
            assessment,
            judge,
            open,
            atoms,
            alone,
            named,
            known,
            coverage_is_unknown,
        }
    }

    /// Whether the script asks a collection, of which parts may be unknown.
    fn asks_items(&self) -> bool {
        self.script.leaves.iter().any(|leaf| matches!(leaf.kind, LeafKind::Fold(_)))
    }

    fn collect(&mut self, items: &'a [Item]) {
        for item in items {
            match item {
                Item::Rule(rule) => {
                    let (open, asks_items) = self.depends(&rule.leaves);
                    self.atoms.push(Atom { gives: Gives::Rule(rule), open, asks_items, points: 0 });
                }
                Item::Group(Group { body: GroupBody::Items(items), .. }) => self.collect(items),
                Item::Group(Group { body: GroupBody::Criteria, .. }) => {
                    for criterion in &self.facts.profile.criteria {
                        let fact = self.catalogue.find(&criterion.fact, ScriptKind::LeadScoring);
                        let open = match fact {
                            Some(fact) if self.catalogue.facts[fact].source == FactSource::RoleCoverage => {
                                self.of_roles()
                            }
                            fact => fact.into_iter().filter(|fact| self.open.contains_key(fact)).collect(),
                        };
                        let gives = Gives::Criterion(criterion, fact);
                        self.atoms.push(Atom { gives, open, asks_items: false, points: 0 });
                    }
                }
                Item::Factor(_) => {}
            }
        }
    }

    /// Notes what each rule and criterion gave: their entries stand in the order of the script.
    fn note_points(&mut self) {
        let given = |kind| matches!(kind, ContributionKind::Rule | ContributionKind::Criterion);
        let mut entries = self.assessment.contributions.iter().filter(|entry| given(entry.kind)).peekable();
        for atom in &mut self.atoms {
            let (id, kind) = match atom.gives {
                Gives::Rule(rule) => (&*rule.id, ContributionKind::Rule),
                Gives::Criterion(criterion, _) => (criterion.id.as_str(), ContributionKind::Criterion),
            };
            if let Some(entry) = entries.next_if(|entry| *entry.rule == *id && entry.kind == kind) {
                atom.points = entry.points.0;
            }
        }
    }

    /// The unknown facts on which leaves depend, and whether they ask a collection.
    fn depends(&self, leaves: &[Index]) -> (BTreeSet<Index>, bool) {
        // A formula names so many leaves at most; one that has more may depend on anything.
        if leaves.len() >= 100 {
            return (self.open.keys().copied().collect(), true);
        }
        let mut open = BTreeSet::new();
        let mut asks_items = false;
        for leaf in leaves {
            let (employees, contacts) = (self.judge.employees, self.judge.contacts);
            let facts = match &self.script.leaves[*leaf].kind {
                LeafKind::Fact(_, FactSource::RoleCoverage) | LeafKind::Contacts(_) => [employees, contacts],
                LeafKind::Fact(fact, _) => [Some(*fact), None],
                LeafKind::Icp(IcpField::Served | IcpField::Capacity | IcpField::DecisionRoles) => {
                    [employees, None]
                }
                LeafKind::State(attribute, _) => [self.judge.attributes.get(attribute).copied(), None],
                LeafKind::Fold(_) => {
                    asks_items = true;
                    [contacts, None]
                }
                LeafKind::Activity(..) | LeafKind::Icp(_) => [None, None],
            };
            open.extend(facts.into_iter().flatten().filter(|fact| self.open.contains_key(fact)));
        }
        (open, asks_items)
    }

    /// The facts on which it depends who is reached.
    fn of_roles(&self) -> BTreeSet<Index> {
        let facts = self.judge.contacts.into_iter().chain(self.judge.employees);
        facts.filter(|fact| self.open.contains_key(fact)).collect()
    }

    /// What the total could be.
    fn range(&mut self) -> Range {
        let mut lows: Vec<Vec<Vec<(usize, i64)>>> = Vec::new();
        let mut highs = Vec::new();
        let alone: Vec<usize> = (0..self.atoms.len())
            .filter(|atom| self.atoms[*atom].open.is_empty() && self.atoms[*atom].asks_items)
            .collect();
        let together = self.asked_together();
        for (facts, atoms) in
            together.into_iter().chain(alone.into_iter().map(|atom| (Vec::new(), vec![atom])))
        {
            let (low, high) = self.outcomes(&facts, &atoms);
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
    fn alone(&mut self, fact: Index) -> &[Option<Given>] {
        if !self.alone.contains_key(&fact) {
            let atoms: Vec<usize> =
                (0..self.atoms.len()).filter(|place| self.atoms[*place].open.contains(&fact)).collect();
            let mut found = Vec::new();
            for place in 0..self.open[&fact].len() {
                self.judge.taken = [(fact, self.open[&fact][place])].into();
                let given = atoms.iter().map(|atom| Some((*atom, self.atom_range(*atom)?)));
                found.push(given.collect());
            }
            self.judge.taken.clear();
            self.alone.insert(fact, found);
        }
        &self.alone[&fact]
    }

    /// The different points that rules could give together, at the least and at the most.
    #[expect(clippy::type_complexity, reason = "two lists of the same")]
    fn outcomes(
        &mut self,
        facts: &[Index],
        atoms: &[usize],
    ) -> (Vec<Vec<(usize, i64)>>, Vec<Vec<(usize, i64)>>) {
        let parts = if facts.len() == 1 { Vec::new() } else { self.parts_to_try(facts, atoms) };
        let (mut lows, mut highs) = (BTreeSet::new(), BTreeSet::new());
        if let [fact] = facts {
            for given in self.alone(*fact).iter().flatten() {
                lows.insert(given.iter().map(|(_, range)| range.0).collect::<Vec<i64>>());
                highs.insert(given.iter().map(|(_, range)| range.1).collect::<Vec<i64>>());
            }
        }
        let tried = if facts.len() == 1 { 0 } else { ways(&parts) };
        for way in 0..tried {
            let mut rest = way;
            for (fact, parts) in facts.iter().zip(&parts) {
                self.judge.taken.insert(*fact, parts[rest % parts.len()]);
                rest /= parts.len();
            }
            let ranges: Option<Vec<Range>> = atoms.iter().map(|atom| self.atom_range(*atom)).collect();
            // Where a rule can only fail there is no score.
            if let Some(ranges) = ranges {
                lows.insert(ranges.iter().map(|range| range.0).collect::<Vec<i64>>());
                highs.insert(ranges.iter().map(|range| range.1).collect::<Vec<i64>>());
            }
        }
        self.judge.taken.clear();
        let placed = |outcomes: Vec<Vec<i64>>| {
            let placed = |outcome: Vec<i64>| atoms.iter().copied().zip(outcome).collect();
            outcomes.into_iter().map(placed).collect()
        };
        (placed(extremes(lows, |a, b| a <= b)), placed(extremes(highs, |a, b| a >= b)))
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
    fn judged(&mut self, formula: &'a Formula) -> Could<'a> {
        let (open, asks_items) = self.depends(&formula.leaves);
        self.judge.formula(formula, asks_items || !open.is_empty())
    }

    fn meets(&mut self, criterion: &'a Criterion, fact: Option<Index>) -> Truth {
        match fact.map(|fact| (fact, &self.catalogue.facts[fact])) {
            Some((fact, def)) if def.source == FactSource::RoleCoverage && !self.judge.taken.is_empty() => {
                _ = fact;
                Truth { be_unknown: true, ..Truth::EITHER }
            }
            Some((fact, def)) => self.judge.meets(criterion, fact, &def.source, &def.name),
            None => Truth::default(),
        }
    }

    /// The totals of all outcomes together, or of what is beyond them if they are too many.
    fn totals(&self, now: &[i64], mut outcomes: Vec<Vec<Vec<(usize, i64)>>>, least: bool) -> Vec<i64> {
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

    /// Fit, engagement and the groups in the order of their ends, of what each rule gives.
    fn sums(&self, points: &[i64]) -> Sums {
        let mut sums = [0; 2];
        let mut groups = Vec::new();
        let mut points = points.iter().copied();
        for item in &self.script.items {
            let axis = match item {
                Item::Group(group) => group.axis.unwrap_or(Axis::Fit),
                _ => Axis::Fit,
            };
            sums[axis as usize] += self.sum(item, &mut points, &mut groups);
        }
        for bounds in &self.script.bounds {
            let sum = &mut sums[bounds.axis as usize];
            *sum = (*sum).clamp(bounds.from.0, bounds.to.0);
        }
        (sums, groups)
    }

    fn sum(&self, item: &Item, points: &mut impl Iterator<Item = i64>, groups: &mut Vec<i64>) -> i64 {
        let group = match item {
            Item::Rule(_) => return points.next().unwrap_or_default(),
            Item::Factor(_) => return 0,
            Item::Group(group) => group,
        };
        let mut sum = 0;
        match &group.body {
            GroupBody::Items(items) => {
                for item in items {
                    sum += self.sum(item, points, groups);
                }
            }
            GroupBody::Criteria => {
                sum = points.by_ref().take(self.facts.profile.criteria.len()).sum();
            }
        }
        sum = group.cap.map_or(sum, |cap| sum.min(cap.0));
        sum = group.floor.map_or(sum, |floor| sum.max(floor.0));
        groups.push(sum);
        sum
    }

    /// What to find out: of each unknown fact, what it alone could make of the score.
    fn questions(&mut self) -> Vec<Question> {
        let facts: Vec<Index> = self.open.keys().copied().collect();
        let grades = &self.script.grades;
        let now = self.assessment.grade.as_ref();
        let rank_now =
            now.map_or(grades.len(), |now| grades.iter().position(|grade| grade.id == *now).unwrap_or(0));
        let mut found: Vec<(usize, i64, Question)> = Vec::new();
        for fact in facts {
            let mut range: Option<Range> = None;
            let mut known_grades: Vec<(Sums, Sums, Grades)> = Vec::new();
            let verdicts_ask = self.verdicts_ask(fact);
            let mut reached =
                Grades { ranks: BTreeSet::new(), could_have_none: false, could_disqualify: false };
            for place in 1..self.open[&fact].len() {
                let Some((least, most)) = self.if_known(fact, place) else { continue };
                let (low, high) = (least.0.iter().sum(), most.0.iter().sum());
                // Where no grade asks the fact itself, the same points make the same grades.
                let known = known_grades.iter().find(|(a, b, _)| !verdicts_ask && *a == least && *b == most);
                let grades = match known {
                    Some((.., grades)) => grades.clone(),
                    None => {
                        let grades = self.grades(fact, &least, &most);
                        known_grades.push((least, most, grades.clone()));
                        grades
                    }
                };
                self.judge.taken.clear();
                range = Some(range.map_or((low, high), |(a, b)| (a.min(low), b.max(high))));
                reached.ranks.extend(grades.ranks);
                reached.could_have_none |= grades.could_have_none;
                reached.could_disqualify |= grades.could_disqualify;
            }
            let Some((low, high)) = range else { continue };
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

    /// Whether a grade, its cap or a disqualifier depends on a fact by itself.
    fn verdicts_ask(&self, fact: Index) -> bool {
        let script = self.script;
        let verdicts = script.disqualify.iter().chain(&script.cap_grades).chain(&script.grades);
        let asks = |verdict: &Verdict| {
            verdict.when.as_ref().is_some_and(|when| self.depends(&when.leaves).0.contains(&fact))
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
        let mut grades =
            Grades { ranks: BTreeSet::new(), could_have_none: could_disqualify, could_disqualify };
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

/// Whether a fact is unknown, and could be found out of a lead of this kind.
fn could_be_found_out(facts: &LeadFacts, source: &FactSource, scope: Scope) -> bool {
    let is_of_lead = matches!(
        (scope, &facts.lead.subject),
        (Scope::Company, Subject::Company(_)) | (Scope::Person, Subject::Person(_)) | (Scope::Lead, _)
    );
    // What the lead has done is told by its activities, and who is reached by its contacts.
    let follows = matches!(
        source,
        FactSource::RoleCoverage
            | FactSource::DaysSinceActivity
            | FactSource::Created
            | FactSource::DaysSinceCreated
    );
    is_of_lead && !follows && Facts::Lead(*facts).fact(source).is_none()
}

fn has_criteria(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Group(Group { body: GroupBody::Criteria, .. }) => true,
        Item::Group(Group { body: GroupBody::Items(items), .. }) => has_criteria(items),
        Item::Rule(_) | Item::Factor(_) => false,
    })
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
