//! What the unknown could still make of a score: the range of its total, and what to find out.
//!
//! Each unknown fact is parted into what it could be ([`cells`]), and the rules are judged for each part ([`judge`]). Facts
//! that no rule asks together are taken apart from each other: then the least total comes of the least points of each.
//! Where facts are entangled in too many ways, several parts are taken as one: the range is then perhaps too wide, never
//! too narrow.

mod cells;
mod criteria;
mod judge;
mod leaves;
mod possible;
mod questions;
mod range;
mod reach;

use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;

use super::evaluator::Evaluator;
use super::facts::{Facts, LeadFacts};
use crate::domain::lead::Subject;
use crate::domain::profile::Criterion;
use crate::domain::score::{Assessment, Axis, ContributionKind, Outlook, Points};
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::{Catalogue, FactSource, Scope};
use crate::rules::language::members::IcpField;
use crate::rules::program::{Group, GroupBody, Index, Item, LeafKind, MAX_LEAVES, Rule, Script};
pub use cells::{Marks, compared_with};
use cells::{cells, marks};
use judge::Judge;
use possible::Could;
use range::Given;
pub use reach::{OutOfReach, out_of_reach};

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
    if study.open.is_empty() && !(0..script.leaves.len()).any(|leaf| study.asks_items(leaf)) {
        return Outlook { low: now, high: now, questions: Vec::new() };
    }
    study.collect(&script.items);
    study.note_points();
    let (low, high) = study.range();
    let questions = study.questions();
    Outlook { low: now.min(Points(low)), high: now.max(Points(high)), questions }
}

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
    /// Nothing where one of them can only fail, so that there is no score.
    alone: BTreeMap<Index, Vec<Option<Given>>>,
    /// The facts that completeness counts, and how many of them are known.
    named: BTreeSet<Index>,
    known: usize,
    /// Whether who is reached is one of them, and would be known with the contacts.
    coverage_is_unknown: bool,
}

/// What fit and engagement count, and the groups in the order of their ends, in hundredths of points.
type Sums = ([i64; 2], Vec<i64>);

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

    fn collect(&mut self, items: &'a [Item]) {
        for item in items {
            match item {
                Item::Rule(rule) => {
                    let open = self.depends(&rule.leaves);
                    let asks_items = rule.leaves.iter().any(|leaf| self.asks_items(*leaf));
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

    /// The unknown facts on which leaves depend.
    fn depends(&self, leaves: &[Index]) -> BTreeSet<Index> {
        if leaves.len() >= MAX_LEAVES {
            // More are not named: it may depend on anything.
            return self.open.keys().copied().collect();
        }
        let facts = leaves.iter().flat_map(|leaf| self.facts_of(*leaf)).flatten();
        facts.filter(|fact| self.open.contains_key(fact)).collect()
    }

    /// Whether leaves depend on unknown facts, or ask a collection of which parts may be unknown.
    fn is_open(&self, leaves: &[Index]) -> bool {
        let asks_unknown = |leaf: &Index| {
            self.asks_items(*leaf)
                || self.facts_of(*leaf).into_iter().flatten().any(|fact| self.open.contains_key(&fact))
        };
        leaves.len() >= MAX_LEAVES || leaves.iter().any(asks_unknown)
    }

    /// The facts on which a leaf depends.
    fn facts_of(&self, leaf: Index) -> [Option<Index>; 2] {
        let (employees, contacts) = (self.judge.employees, self.judge.contacts);
        match &self.script.leaves[leaf].kind {
            LeafKind::Fact(_, FactSource::RoleCoverage) | LeafKind::Contacts(_) => [employees, contacts],
            LeafKind::Fact(fact, _) => [Some(*fact), None],
            LeafKind::Icp(IcpField::Served | IcpField::Capacity | IcpField::DecisionRoles) => {
                [employees, None]
            }
            LeafKind::State(attribute, _) => [self.judge.attributes.get(attribute).copied(), None],
            LeafKind::Fold(_) => [contacts, None],
            LeafKind::Activity(..) | LeafKind::Icp(_) => [None, None],
        }
    }

    fn asks_items(&self, leaf: Index) -> bool {
        matches!(self.script.leaves[leaf].kind, LeafKind::Fold(_))
    }

    /// The facts on which it depends who is reached.
    fn of_roles(&self) -> BTreeSet<Index> {
        let facts = self.judge.contacts.into_iter().chain(self.judge.employees);
        facts.filter(|fact| self.open.contains_key(fact)).collect()
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
