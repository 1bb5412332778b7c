//! What a script can come to at all, whatever a lead's facts: rules that can't fire, and grades that can't be reached.
//!
//! Everything that a lead could be is taken as possible, each fact within what facts.toml allows, and each where rules part it.
//! What is found impossible then is; what is not found so may still be.

use std::collections::BTreeMap;

use bumpalo::Bump;

use super::cells::{cells, marks};
use super::judge::Judge;
use super::possible::{Could, Possible};
use crate::domain::lead::{Company, LeadContent, Subject};
use crate::domain::profile::ProfileContent;
use crate::domain::score::{Axis, Points, Position};
use crate::domain::time::Time;
use crate::domain::vocabulary::Vocabulary;
use crate::rules::evaluate::evaluator::Evaluator;
use crate::rules::evaluate::facts::{Facts, LeadFacts};
use crate::rules::evaluate::value::Value;
use crate::rules::language::catalogue::{Catalogue, FactSource};
use crate::rules::language::types::Type;
use crate::rules::program::{ContactStat, Formula, Group, GroupBody, Index, Item, LeafKind, Script, Verdict};

/// In how many ways the facts of a rule are taken together at most; of more, each is taken as a whole.
const MAX_WAYS: usize = 2_000;

/// What can't come about.
#[derive(Debug, Clone, PartialEq)]
pub enum OutOfReach {
    /// A rule, disqualifier or cap of a grade, by its first word and name.
    NeverFires { statement: &'static str, name: String, position: Position },
    /// A grade, with the most that the whole can count.
    Grade { name: String, position: Position, most: Points },
}

/// What of a lead-scoring script can't come about.
pub fn out_of_reach(script: &Script, catalogue: &Catalogue, vocabulary: &Vocabulary) -> Vec<OutOfReach> {
    let arena = Bump::new();
    let (profile, lead) = (
        ProfileContent::default(),
        LeadContent::of(Subject::Company(Company { display_name: "Any".into(), ..Company::default() })),
    );
    let facts = LeadFacts {
        lead: &lead,
        activities: &[],
        profile: &profile,
        created: None,
        as_of: Time::default(),
        currency: "",
        vocabulary,
    };
    let mut judge = Judge::new(Evaluator::new(script, Facts::Lead(facts), &arena), facts, script);
    judge.anything =
        Some(script.leaves.iter().map(|leaf| anything(&leaf.kind, catalogue, vocabulary)).collect());
    let mut parts: BTreeMap<Index, Vec<Could>> = BTreeMap::new();
    let marks = script.marks.get_or_init(|| marks(script));
    for (leaf, fact) in facts_of(script) {
        let def = &catalogue.facts[fact];
        let limits = limits(&def.source, vocabulary);
        let of_fact = cells(def, marks.get(&fact), &profile, vocabulary, &arena).into_iter();
        parts.insert(leaf, of_fact.filter_map(|part| within(part, limits)).collect());
    }
    let mut study = Study { judge, parts, found: Vec::new(), groups: Vec::new() };
    study.run(script);
    study.found
}

/// The leaves that are facts, with the facts.
fn facts_of(script: &Script) -> impl Iterator<Item = (Index, Index)> {
    script.leaves.iter().enumerate().filter_map(|(leaf, of)| match &of.kind {
        LeafKind::Fact(fact, _) => Some((leaf, *fact)),
        _ => None,
    })
}

/// The least and the most that facts.toml allows of a fact.
fn limits(source: &FactSource, vocabulary: &Vocabulary) -> (f64, f64) {
    let attribute = match source {
        FactSource::Attribute(name) => vocabulary.attributes.get(name),
        FactSource::RoleCoverage => return (0.0, 1.0),
        _ => None,
    };
    let limit = |end: Option<f64>, open: f64| end.unwrap_or(open);
    match attribute {
        Some(attribute) => (limit(attribute.min, f64::NEG_INFINITY), limit(attribute.max, f64::INFINITY)),
        None => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// A part of what a fact could be, as far as it is allowed.
fn within<'a>(part: Could<'a>, (min, max): (f64, f64)) -> Option<Could<'a>> {
    match part.be {
        Some(Possible::Numbers(low, high)) => {
            let (low, high) = (low.max(min), high.min(max));
            (low <= high).then(|| Could::numbers(low, high).or_unknown(part.be_unknown))
        }
        Some(Possible::Known(value)) => match value {
            Value::Number(number) if !(min..=max).contains(&number) => None,
            _ => Some(part),
        },
        _ => Some(part),
    }
}

/// What a leaf could be of any lead.
fn anything<'a>(kind: &LeafKind, catalogue: &Catalogue, vocabulary: &Vocabulary) -> Could<'a> {
    match kind {
        LeafKind::Fact(fact, source) => {
            let (min, max) = limits(source, vocabulary);
            let is_number = catalogue.facts[*fact].ty == Type::Number;
            if is_number { Could::numbers(min, max).or_unknown(true) } else { Could::ANYTHING }
        }
        LeafKind::Contacts(ContactStat::EngagedRole(_)) => Could::be(Possible::Either).or_unknown(true),
        LeafKind::Contacts(_) => Could::numbers(0.0, f64::INFINITY).or_unknown(true),
        LeafKind::Activity(..) | LeafKind::Icp(_) | LeafKind::State(..) | LeafKind::Fold(_) => {
            Could::ANYTHING
        }
    }
}

struct Study<'a> {
    judge: Judge<'a>,
    /// By leaf that is a fact, what it could be, part by part.
    parts: BTreeMap<Index, Vec<Could<'a>>>,
    found: Vec<OutOfReach>,
    /// What groups could count, in the order of their ends.
    groups: Vec<(f64, f64)>,
}

impl<'a> Study<'a> {
    fn run(&mut self, script: &'a Script) {
        let mut axes = [(0_i64, 0_i64); 2];
        for item in &script.items {
            let axis = match item {
                Item::Group(group) => group.axis.unwrap_or(Axis::Fit),
                _ => Axis::Fit,
            };
            let (low, high) = self.counts(item);
            let sum = &mut axes[axis as usize];
            *sum = (sum.0.saturating_add(low), sum.1.saturating_add(high));
        }
        for bounds in &script.bounds {
            let sum = &mut axes[bounds.axis as usize];
            *sum = (sum.0.clamp(bounds.from.0, bounds.to.0), sum.1.clamp(bounds.from.0, bounds.to.0));
        }
        self.judge.points = axes.map(|(low, high)| (Points(low).number(), Points(high).number()));
        self.judge.groups.clone_from(&self.groups);
        for verdict in &script.disqualify {
            self.look(verdict, "disqualify");
        }
        for verdict in &script.cap_grades {
            self.look(verdict, "cap_grade");
        }
        for grade in &script.grades {
            if let Some(when) = &grade.when
                && !self.can_hold(when)
            {
                let most = Points(axes[0].1.saturating_add(axes[1].1));
                let (name, position) = (grade.id.to_string(), grade.position.clone());
                self.found.push(OutOfReach::Grade { name, position, most });
            }
        }
    }

    fn look(&mut self, verdict: &'a Verdict, statement: &'static str) {
        let Some(when) = &verdict.when else { return };
        if !self.can_hold(when) {
            let (name, position) = (verdict.id.to_string(), verdict.position.clone());
            self.found.push(OutOfReach::NeverFires { statement, name, position });
        }
    }

    /// The least and the most hundredths that an item can count.
    fn counts(&mut self, item: &'a Item) -> (i64, i64) {
        let limit = Points::from_number(Points::LIMIT).unwrap_or_default().0;
        let group = match item {
            Item::Factor(_) => return (0, 0),
            Item::Rule(rule) => {
                if !self.can_hold(&rule.when) {
                    let (name, position) = (rule.id.to_string(), rule.position.clone());
                    self.found.push(OutOfReach::NeverFires { statement: "rule", name, position });
                    return (0, 0);
                }
                let (low, high) = self.judge.formula(&rule.then, true).be.map_or((0.0, 0.0), Possible::range);
                let hundredths = |number: f64| {
                    Points::from_number(number.clamp(-Points::LIMIT, Points::LIMIT))
                        .map_or(limit, |points| points.0)
                };
                return (hundredths(low).min(0), hundredths(high).max(0));
            }
            Item::Group(group) => group,
        };
        self.group(group, limit)
    }

    fn group(&mut self, group: &'a Group, limit: i64) -> (i64, i64) {
        let (mut low, mut high) = (0_i64, 0_i64);
        match &group.body {
            GroupBody::Items(items) => {
                for item in items {
                    let (least, most) = self.counts(item);
                    (low, high) = (low.saturating_add(least), high.saturating_add(most));
                }
            }
            // Any profile may have any criteria.
            GroupBody::Criteria => (low, high) = (-limit, limit),
        }
        let clip = |sum: i64| {
            let sum = group.cap.map_or(sum, |cap| sum.min(cap.0));
            group.floor.map_or(sum, |floor| sum.max(floor.0))
        };
        let sum = (clip(low), clip(high));
        self.groups.push((Points(sum.0).number(), Points(sum.1).number()));
        sum
    }

    /// Whether a condition can hold of any lead.
    fn can_hold(&mut self, when: &'a Formula) -> bool {
        let facts: Vec<Index> =
            when.leaves.iter().copied().filter(|leaf| self.parts.contains_key(leaf)).collect();
        let ways =
            facts.iter().fold(1_usize, |ways, leaf| ways.saturating_mul(self.parts[leaf].len().max(1)));
        let whole = self.judge.anything.clone().unwrap_or_default();
        let ways = if ways > MAX_WAYS { 0 } else { ways };
        if ways == 0 {
            return self.judged(when);
        }
        let mut holds = false;
        for way in 0..ways {
            let (mut taken, mut rest) = (whole.clone(), way);
            for leaf in &facts {
                let parts = &self.parts[leaf];
                taken[*leaf] = parts.get(rest % parts.len().max(1)).copied().unwrap_or(Could::UNKNOWN);
                rest /= parts.len().max(1);
            }
            self.judge.anything = Some(taken);
            if self.judged(when) {
                holds = true;
                break;
            }
        }
        self.judge.anything = Some(whole);
        holds
    }

    fn judged(&mut self, when: &'a Formula) -> bool {
        self.judge.replenish();
        self.judge.formula(when, true).truth().hold
    }
}
