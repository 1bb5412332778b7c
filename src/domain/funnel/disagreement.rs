//! Where marketing's grades and sales' experience disagree: leads of high grades that sales refused, and customers whose grade
//! was low; with the rules that fired on them.

use std::collections::{BTreeMap, BTreeSet};

use super::Way;
use crate::domain::lead::{LeadRecord, LeadStage};
use crate::domain::name::{LeadName, ScoreName};
use crate::domain::score::{Assessment, ContributionKind, Points};
use crate::domain::time::Time;

/// Which grades count as high, and which as low.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeRange {
    pub high: BTreeSet<String>,
    pub low: BTreeSet<String>,
}

/// What was graded otherwise than it turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Graded high, and refused by sales.
    RefusedHigh,
    /// Graded low, and a customer.
    WonLow,
}

impl Side {
    pub const ALL: [Side; 2] = [Side::RefusedHigh, Side::WonLow];
}

/// A lead whose grade and way disagree.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    pub side: Side,
    pub lead: LeadName,
    pub display_name: String,
    pub grade: String,
    /// Why sales refused it.
    pub reason: String,
    /// Who refused it.
    pub actor: String,
    pub time: Option<Time>,
    /// The score that gave the grade.
    pub score: Option<ScoreName>,
    /// The rules that fired, with their points.
    pub rules: Vec<(String, Points)>,
}

/// How often a rule fired on leads whose grade turned out wrong, and on leads of such grades that turned out as graded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleShare {
    pub side: Side,
    pub rule: String,
    pub fired_wrong: u64,
    pub wrong: u64,
    pub fired_right: u64,
    pub right: u64,
}

impl RuleShare {
    /// How much oftener it fired where the grade was wrong: the ratio of both shares, of which each has half a lead added so
    /// that it stays finite.
    pub fn lift(&self) -> f64 {
        let share = |fired: u64, of: u64| (fired as f64 + 0.5) / (of as f64 + 1.0);
        share(self.fired_wrong, self.wrong) / share(self.fired_right, self.right)
    }
}

/// The most leads of each side whose scores are looked at, and as many that turned out as graded.
pub const MAX_LOOKED_AT: usize = 1_000;

/// Disagreements that are being collected.
#[derive(Debug, Clone)]
pub struct Disagreements {
    grades: GradeRange,
    /// All there are, by side.
    pub counts: BTreeMap<Side, u64>,
    /// How many turned out as they were graded.
    pub agreed: BTreeMap<Side, u64>,
    /// The newest of each side.
    pub found: Vec<Disagreement>,
    /// Scores of leads that turned out as graded, to compare with.
    pub right: Vec<(Side, Option<Time>, ScoreName)>,
    fired: BTreeMap<(Side, String), [u64; 2]>,
    read: BTreeMap<Side, [u64; 2]>,
}

impl Disagreements {
    pub fn of(grades: GradeRange) -> Self {
        let none = || Side::ALL.into_iter().map(|side| (side, 0)).collect();
        Self {
            grades,
            counts: none(),
            agreed: none(),
            found: Vec::new(),
            right: Vec::new(),
            fired: BTreeMap::new(),
            read: Side::ALL.into_iter().map(|side| (side, [0, 0])).collect(),
        }
    }

    pub fn see(&mut self, record: &LeadRecord) {
        let way = Way::of(record);
        let latest = record.latest_score.as_ref();
        let decided = way.decision.as_ref();
        let grade = decided.map(|decision| decision.grade.as_str());
        let grade = grade.or(latest.map(|latest| latest.grade.as_str())).unwrap_or_default().to_owned();
        let change = decided.and_then(|decision| decision.change.as_ref());
        let score =
            change.and_then(|change| change.score.clone()).or(latest.map(|latest| latest.name.clone()));
        let won = matches!(way.stage, LeadStage::Customer | LeadStage::Churned);
        let refused = way.stage == LeadStage::Rejected && decided.is_some_and(|decision| !decision.accepted);
        let accepted = decided.is_some_and(|decision| decision.accepted);
        let (side, is_wrong) = if self.grades.high.contains(&grade) && (refused || accepted) {
            (Side::RefusedHigh, refused)
        } else if self.grades.low.contains(&grade) && (won || refused || way.stage == LeadStage::Lost) {
            (Side::WonLow, won)
        } else {
            return;
        };
        if !is_wrong {
            *self.agreed.entry(side).or_default() += 1;
            let time = change.map(|change| change.time).or(latest.map(|latest| latest.as_of));
            self.right.extend(score.map(|score| (side, time, score)));
            if self.right.len() >= 8 * MAX_LOOKED_AT {
                self.keep_newest();
            }
            return;
        }
        *self.counts.entry(side).or_default() += 1;
        let changes = &record.lead.stage_changes;
        let last = if refused { change } else { changes.iter().rev().find(|c| c.to == LeadStage::Customer) };
        self.found.push(Disagreement {
            side,
            lead: record.lead.name.clone(),
            display_name: record.lead.content.subject.display_name().to_owned(),
            grade,
            reason: last.map_or(record.lead.content.stage_reason.as_str(), |last| &last.reason).to_owned(),
            actor: last.map(|last| last.actor.clone()).unwrap_or_default(),
            time: last.map(|last| last.time),
            score,
            rules: Vec::new(),
        });
        // Now and then, so that not more is kept than will be looked at, however many there are.
        if self.found.len() >= 8 * MAX_LOOKED_AT {
            self.keep_newest();
        }
    }

    /// Keeps the newest of each side: what is looked at, and told.
    pub fn keep_newest(&mut self) {
        self.right.sort_by(|(a, at, name), (b, then, other)| {
            a.cmp(b).then(then.cmp(at)).then_with(|| name.cmp(other))
        });
        let mut of_side = BTreeMap::<Side, usize>::new();
        self.right.retain(|(side, ..)| {
            let count = of_side.entry(*side).or_default();
            *count += 1;
            *count <= MAX_LOOKED_AT
        });
        self.found.sort_by(|a, b| (a.side, b.time, &a.lead).cmp(&(b.side, a.time, &b.lead)));
        let mut kept = BTreeMap::<Side, usize>::new();
        self.found.retain(|found| {
            let count = kept.entry(found.side).or_default();
            *count += 1;
            *count <= MAX_LOOKED_AT
        });
    }

    /// Tells which rules fired on the lead at a place of `found`.
    pub fn explain(&mut self, at: usize, assessment: &Assessment) {
        if let Some(side) = self.found.get(at).map(|found| found.side) {
            let rules = self.count(side, 0, assessment);
            self.found[at].rules = rules;
        }
    }

    /// Tells which rules fired on a lead that turned out as graded.
    pub fn compare(&mut self, side: Side, assessment: &Assessment) {
        self.count(side, 1, assessment);
    }

    fn count(&mut self, side: Side, place: usize, assessment: &Assessment) -> Vec<(String, Points)> {
        let is_rule = |kind| matches!(kind, ContributionKind::Rule | ContributionKind::Criterion);
        let fired = assessment.contributions.iter().filter(|entry| is_rule(entry.kind));
        let rules: BTreeMap<String, Points> =
            fired.map(|entry| (entry.rule.to_string(), entry.points)).collect();
        self.read.entry(side).or_default()[place] += 1;
        for rule in rules.keys() {
            self.fired.entry((side, rule.clone())).or_default()[place] += 1;
        }
        rules.into_iter().collect()
    }

    /// The rules by side, those first that fire most where the grade is wrong and seldom where it is right.
    pub fn rules(&self) -> Vec<RuleShare> {
        let share = |((side, rule), [fired_wrong, fired_right]): (&(Side, String), &[u64; 2])| {
            let [wrong, right] = self.read.get(side).copied().unwrap_or_default();
            let (side, rule) = (*side, rule.clone());
            RuleShare { side, rule, fired_wrong: *fired_wrong, wrong, fired_right: *fired_right, right }
        };
        let mut rules: Vec<RuleShare> =
            self.fired.iter().map(share).filter(|rule| rule.fired_wrong > 0).collect();
        rules.sort_by(|a, b| a.side.cmp(&b.side).then_with(|| b.lift().total_cmp(&a.lift())));
        rules
    }
}
