//! Scripts × facts → scores and priorities: caps, floors, bounds, disqualifiers and grades.

use std::sync::Arc;

use bumpalo::Bump;

use crate::domain::canvas::lint::Severity;
use crate::domain::score::{
    Assessment, Axis, Contribution, ContributionKind as Kind, Points, Position, PriorityAssessment,
    ScoreStatus, Unknown, Warning, WarningCode,
};
use crate::domain::value::Value as Plain;
use crate::rules::evaluate::evaluator::{Evaluator, Failure, Stop};
use crate::rules::evaluate::facts::{Facts, ItemFacts, LeadFacts, SegmentFacts};
use crate::rules::language::catalogue::Catalogue;
use crate::rules::program::{Factor, Formula, Group, GroupBody, Index, Item, Rule, Script, Verdict};

/// The most facts that an entry shows.
const MAX_INPUTS: usize = 50;

/// A rule that failed: never silently false, the whole result is this error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("rule \"{rule}\" failed at {file}:{line}:{column}: {message}", file = position.file, line = position.line, column = position.column)]
pub struct RuleError {
    pub rule: Arc<str>,
    pub position: Position,
    pub message: String,
}

/// Scores a lead's facts; says in how many steps. Contributions stand in the order of the script and add up to the total.
pub fn assess(
    script: &Script,
    catalogue: &Catalogue,
    facts: LeadFacts,
) -> (Result<Assessment, RuleError>, u32) {
    let arena = Bump::new();
    let mut run = Run::new(script, catalogue, Facts::Lead(facts), Some(facts), &arena);
    let mut assessed = run.assess(script, facts);
    if let Ok(assessment) = &mut assessed {
        assessment.warnings.extend(facts.size_warning());
    }
    (assessed, run.eval.steps())
}

/// Judges a segment's facts; says in how many steps.
pub fn prioritize(
    script: &Script,
    catalogue: &Catalogue,
    facts: SegmentFacts,
) -> (Result<PriorityAssessment, RuleError>, u32) {
    let arena = Bump::new();
    let mut run = Run::new(script, catalogue, Facts::Segment(facts), None, &arena);
    (run.prioritize(script), run.eval.steps())
}

/// What a script finds doubtful, each with how grave it is.
pub type Found<'s> = Vec<(&'s Verdict, Severity)>;

/// What a script finds doubtful about a note or segment: the finding's name, how grave it is, and why; says in how many steps. What
/// can't be judged is not found.
pub fn findings<'s>(
    script: &'s Script,
    catalogue: &Catalogue,
    facts: ItemFacts,
) -> (Result<Found<'s>, RuleError>, u32) {
    let arena = Bump::new();
    let mut run = Run::new(script, catalogue, Facts::Item(facts), None, &arena);
    let mut found = Vec::new();
    for (verdict, severity) in &script.findings {
        match run.verdict(verdict, &verdict.id) {
            Ok(Judged::Known(true)) => found.push((verdict, *severity)),
            Ok(Judged::Known(false) | Judged::Unknown) => {}
            Err(error) => return (Err(error), run.eval.steps()),
        }
    }
    (Ok(found), run.eval.steps())
}

/// Points, and what they could be if the unknown were known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    points: Points,
    low: Points,
    high: Points,
}

impl Sum {
    pub(super) fn sure(points: Points) -> Self {
        Self { points, low: points, high: points }
    }

    /// Nothing now, but perhaps these points.
    pub(super) fn perhaps(points: Points) -> Self {
        Self { points: Points::ZERO, low: points.min(Points::ZERO), high: points.max(Points::ZERO) }
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Sum) {
        self.points += other.points;
        self.low += other.low;
        self.high += other.high;
    }
}

pub(super) struct Run<'a> {
    pub(super) eval: Evaluator<'a>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) lead: Option<LeadFacts<'a>>,
    pub(super) contributions: Vec<Contribution>,
    pub(super) unknowns: Vec<Unknown>,
    warnings: Vec<Warning>,
    /// Facts of the profile's criteria, beside those that the script names.
    pub(super) named: Vec<Index>,
}

/// A fact that was looked at, by its name.
pub(super) type Input = (Arc<str>, Plain);

/// What a condition or a number came to.
pub(super) enum Judged<T> {
    Known(T),
    Unknown,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        script: &'a Script,
        catalogue: &'a Catalogue,
        facts: Facts<'a>,
        lead: Option<LeadFacts<'a>>,
        arena: &'a Bump,
    ) -> Self {
        Self {
            eval: Evaluator::new(script, facts, arena),
            catalogue,
            lead,
            contributions: Vec::with_capacity(16),
            unknowns: Vec::new(),
            warnings: Vec::new(),
            named: script.named.clone(),
        }
    }

    fn assess(&mut self, script: &'a Script, facts: LeadFacts<'a>) -> Result<Assessment, RuleError> {
        let mut sums = [Points::ZERO; 2];
        for item in &script.items {
            let axis = match item {
                Item::Group(group) => group.axis.unwrap_or(Axis::Fit),
                _ => Axis::Fit,
            };
            sums[axis as usize] += self.item(item, &Arc::from(""), Some(axis))?.points;
        }
        for bounds in &script.bounds {
            let sum = &mut sums[bounds.axis as usize];
            let within = (*sum).clamp(bounds.from, bounds.to);
            if within != *sum {
                let (name, side) = (bounds.axis.as_str(), if *sum > within { "at most" } else { "at least" });
                let reason = format!("{} is {side} {within} points", capitalised(name));
                self.contributions.push(Contribution {
                    axis: Some(bounds.axis),
                    points: within - *sum,
                    ..Contribution::of(Kind::Bound, name.into(), reason.into(), &bounds.position)
                });
                *sum = within;
            }
        }
        self.eval.points = sums;
        let disqualified = self.disqualified()?;
        let completeness = self.completeness();
        let status = if disqualified {
            ScoreStatus::Disqualified
        } else if completeness < script.completeness {
            ScoreStatus::InsufficientData
        } else {
            ScoreStatus::Scored
        };
        let grade = if status == ScoreStatus::Scored { self.grade()? } else { None };
        Ok(Assessment {
            status,
            total: sums[0] + sums[1],
            fit: sums[0],
            engagement: sums[1],
            grade,
            completeness,
            role_coverage: facts.role_coverage(),
            contributions: std::mem::take(&mut self.contributions),
            unknowns: std::mem::take(&mut self.unknowns),
            warnings: std::mem::take(&mut self.warnings),
            outlook: None,
        })
    }

    fn prioritize(&mut self, script: &'a Script) -> Result<PriorityAssessment, RuleError> {
        let mut sum = Sum::default();
        for item in &script.items {
            sum += self.item(item, &Arc::from(""), None)?;
        }
        Ok(PriorityAssessment {
            priority: sum.points,
            low: sum.low,
            high: sum.high,
            contributions: std::mem::take(&mut self.contributions),
            missing: std::mem::take(&mut self.unknowns),
        })
    }

    fn item(&mut self, item: &'a Item, group: &Arc<str>, axis: Option<Axis>) -> Result<Sum, RuleError> {
        match item {
            Item::Rule(rule) => self.rule(rule, group, axis),
            Item::Factor(factor) => self.factor(factor, group),
            Item::Group(group) => self.group(group),
        }
    }

    fn group(&mut self, group: &'a Group) -> Result<Sum, RuleError> {
        let mut sum = Sum::default();
        match &group.body {
            GroupBody::Items(items) => {
                for item in items {
                    sum += self.item(item, &group.name, group.axis)?;
                }
            }
            GroupBody::Criteria => {
                let criteria = self.lead.map_or(&[][..], |facts| &facts.profile.criteria);
                for criterion in criteria {
                    sum += self.criterion(criterion, group)?;
                }
            }
        }
        let clip = |points: Points| {
            let capped = group.cap.map_or(points, |cap| points.min(cap));
            group.floor.map_or(capped, |floor| capped.max(floor))
        };
        let clipped = clip(sum.points);
        if clipped != sum.points {
            let (kind, side) =
                if clipped < sum.points { (Kind::Cap, "at most") } else { (Kind::Floor, "at least") };
            let reason = format!("{} counts {side} {clipped} points", capitalised(&group.name));
            self.contributions.push(Contribution {
                group: group.name.clone(),
                axis: group.axis,
                points: clipped - sum.points,
                ..Contribution::of(kind, group.name.clone(), reason.into(), &group.position)
            });
        }
        self.eval.groups.push(clipped);
        Ok(Sum { points: clipped, low: clip(sum.low), high: clip(sum.high) })
    }

    pub(super) fn rule(
        &mut self,
        rule: &'a Rule,
        group: &Arc<str>,
        axis: Option<Axis>,
    ) -> Result<Sum, RuleError> {
        let holds = match self.holds(&rule.when, &rule.id, &rule.position)? {
            Judged::Known(false) => return Ok(Sum::default()),
            Judged::Known(true) => true,
            Judged::Unknown => false,
        };
        // Only a priority asks what an unknown rule could give, and then a failure gives nothing.
        if !holds && self.lead.is_some() {
            return Ok(Sum::default());
        }
        let number = self.eval.number(&rule.then);
        let number = if holds { number } else { number.map_err(|_| Stop::Unknown) };
        let points =
            match self.judge(number, if holds { Some(&rule.id) } else { None }, &rule.id, &rule.position)? {
                Judged::Unknown => return Ok(Sum::default()),
                Judged::Known(number) => self.points(number, &rule.id, &rule.position)?,
            };
        if !holds {
            return Ok(Sum::perhaps(points));
        }
        let inputs = self.inputs(&rule.leaves);
        self.contributions.push(Contribution {
            group: group.clone(),
            axis,
            points,
            inputs,
            ..Contribution::of(Kind::Rule, rule.id.clone(), rule.because.clone(), &rule.position)
        });
        Ok(Sum::sure(points))
    }

    fn factor(&mut self, factor: &'a Factor, group: &Arc<str>) -> Result<Sum, RuleError> {
        let value = self.eval.number(&factor.is);
        let value = match self.judge(value, Some(&factor.id), &factor.id, &factor.position)? {
            Judged::Unknown => {
                return Ok(Sum::perhaps(self.points(factor.weight, &factor.id, &factor.position)?));
            }
            Judged::Known(value) => value,
        };
        if !(0.0..=1.0).contains(&value) {
            let message = format!(
                "a factor lies between 0 and 1, this one is {value}; `clamp` or `ratio` keep it there"
            );
            return Err(error(&factor.id, &factor.position, message));
        }
        let points = self.points(factor.weight * value, &factor.id, &factor.position)?;
        let inputs = self.inputs(&factor.is.leaves);
        self.contributions.push(Contribution {
            group: group.clone(),
            points,
            inputs,
            ..Contribution::of(Kind::Factor, factor.id.clone(), factor.because.clone(), &factor.position)
        });
        Ok(Sum::sure(points))
    }

    fn disqualified(&mut self) -> Result<bool, RuleError> {
        let mut disqualified = false;
        let script = self.eval.script;
        if let (Some(position), Some(facts)) = (&script.disqualifiers, self.lead) {
            for criterion in &facts.profile.disqualifiers {
                let id: Arc<str> = criterion.id.as_str().into();
                let before = self.unknowns.len();
                match self.meets(criterion, &id, position)? {
                    Judged::Known((true, input)) => {
                        disqualified = true;
                        let reason = criterion.because.as_str().into();
                        self.contributions.push(Contribution {
                            inputs: input.into_iter().collect(),
                            ..Contribution::of(Kind::Disqualify, id, reason, position)
                        });
                    }
                    Judged::Known((false, _)) => {}
                    Judged::Unknown => self.warn_disqualifier(before),
                }
            }
        }
        for verdict in &script.disqualify {
            let before = self.unknowns.len();
            match self.verdict(verdict, &verdict.id)? {
                Judged::Known(true) => {
                    disqualified = true;
                    self.verdict_entry(verdict, Kind::Disqualify);
                }
                Judged::Known(false) => {}
                Judged::Unknown => self.warn_disqualifier(before),
            }
        }
        Ok(disqualified)
    }

    fn warn_disqualifier(&mut self, before: usize) {
        let new = &self.unknowns[before..];
        let rule = new.first().map_or("", |unknown| &unknown.rule);
        let facts: Vec<&str> = new.iter().map(|unknown| &*unknown.fact).collect();
        self.warnings.push(Warning {
            code: WarningCode::DisqualifierUnknown,
            text: format!("the disqualifier \"{rule}\" can't be judged, so it does not disqualify"),
            evidence: format!("unknown: {}", facts.join(", ")),
        });
    }

    /// Known facts out of those that the script and, where it asks for them, the profile's criteria name.
    fn completeness(&mut self) -> f64 {
        let named = std::mem::take(&mut self.named);
        let mut known = 0;
        for index in &named {
            let fact = &self.catalogue.facts[*index];
            match self.eval.facts.fact(&fact.source) {
                Some(_) => known += 1,
                None => self.warnings.extend(self.lead.and_then(|facts| facts.warning(fact))),
            }
        }
        if named.is_empty() { 1.0 } else { f64::from(known) / named.len() as f64 }
    }

    fn grade(&mut self) -> Result<Option<Arc<str>>, RuleError> {
        let script = self.eval.script;
        let mut rank = script.grades.len().saturating_sub(1);
        for (i, grade) in script.grades.iter().enumerate() {
            let name = format!("grade {}", grade.id).into();
            if let Judged::Known(true) = self.verdict(grade, &name)? {
                rank = i;
                break;
            }
        }
        for cap in &script.cap_grades {
            let lowest = script.grades.iter().position(|grade| grade.id == cap.id).unwrap_or(rank);
            let name = format!("cap_grade {}", cap.id).into();
            if let Judged::Known(true) = self.verdict(cap, &name)?
                && lowest > rank
            {
                rank = lowest;
                self.verdict_entry(cap, Kind::GradeCap);
            }
        }
        Ok(script.grades.get(rank).map(|grade| grade.id.clone()))
    }

    fn verdict(&mut self, verdict: &'a Verdict, name: &Arc<str>) -> Result<Judged<bool>, RuleError> {
        match &verdict.when {
            None => Ok(Judged::Known(true)),
            Some(formula) => self.holds(formula, name, &verdict.position),
        }
    }

    fn verdict_entry(&mut self, verdict: &'a Verdict, kind: Kind) {
        let inputs = verdict.when.as_ref().map(|formula| self.inputs(&formula.leaves));
        self.contributions.push(Contribution {
            inputs: inputs.unwrap_or_default(),
            ..Contribution::of(kind, verdict.id.clone(), verdict.because.clone(), &verdict.position)
        });
    }

    fn holds(
        &mut self,
        formula: &'a Formula,
        rule: &Arc<str>,
        at: &Position,
    ) -> Result<Judged<bool>, RuleError> {
        let result = self.eval.holds(formula);
        self.judge(result, Some(rule), rule, at)
    }

    /// Sorts a result: a failure is an error, an unknown is listed under `list` if that is given.
    fn judge<T>(
        &mut self,
        result: Result<T, Stop<'a>>,
        list: Option<&Arc<str>>,
        rule: &Arc<str>,
        at: &Position,
    ) -> Result<Judged<T>, RuleError> {
        match result {
            Ok(value) => Ok(Judged::Known(value)),
            Err(Stop::Failed(failure)) => {
                let Failure { position, message } = *failure;
                Err(error(rule, &position.unwrap_or_else(|| at.clone()), message))
            }
            Err(Stop::Return(_) | Stop::Break | Stop::Continue) => {
                Err(error(rule, at, "a function or a loop was left that there is none of".into()))
            }
            Err(Stop::Unknown) => {
                if let Some(rule) = list {
                    let facts = self.eval.unknown.drain(..);
                    self.unknowns.extend(facts.map(|fact| Unknown { rule: rule.clone(), fact }));
                }
                Ok(Judged::Unknown)
            }
        }
    }

    fn points(&self, number: f64, rule: &Arc<str>, at: &Position) -> Result<Points, RuleError> {
        Points::from_number(number)
            .ok_or_else(|| error(rule, at, format!("{number} points are more than 1,000,000")))
    }

    /// The known leaves with their values, as the script writes them. What is shown costs steps, so that a score has
    /// an end.
    fn inputs(&mut self, leaves: &[Index]) -> Vec<(Arc<str>, Plain)> {
        let script = self.eval.script;
        let mut known = Vec::new();
        for leaf in leaves.iter().take(MAX_INPUTS) {
            if let Some(value) = self.eval.leaf(*leaf).and_then(|value| value.to_plain()) {
                let size = match &value {
                    Plain::Text(text) => text.len(),
                    Plain::List(words) => words.iter().map(|word| word.len() + 24).sum(),
                    _ => 0,
                };
                self.eval.charge(1 + size / 64);
                known.push((script.leaves[*leaf].name.clone(), value));
            }
        }
        known
    }
}

pub(super) fn error(rule: &Arc<str>, position: &Position, message: String) -> RuleError {
    RuleError { rule: rule.clone(), position: position.clone(), message }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
