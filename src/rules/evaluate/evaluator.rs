//! Expressions × facts → values, with unknown as a third outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use bumpalo::Bump;

use super::collection::{Folded, Item};
use super::list::{list_item, list_len};
use super::operators::{
    arithmetic, compare, fail, is_in, matches, mistyped, num, same, text_of, text_test, yes,
};
use crate::domain::score::{Axis, Points, Position};
use crate::rules::evaluate::facts::{Facts, LeadFacts};
use crate::rules::evaluate::value::{Value, Words};
use crate::rules::language::texts::host_of;
use crate::rules::program::{
    BranchKind, BranchSeen, Comparison, Expr, Formula, Index, LeafKind, Script, Switch, TextPart,
};

/// The most steps that a lead or segment may take: a normal one takes a few hundred.
pub const MAX_STEPS: u32 = 100_000;

/// Why an expression gave no value.
#[derive(Debug)]
pub enum Stop<'a> {
    /// A fact is unknown; which one is in [`Evaluator::unknown`].
    Unknown,
    Failed(Box<Failure>),
    /// `return` on its way to the end of its function.
    Return(Value<'a>),
    /// `break` and `continue` on their way to their loop.
    Break,
    Continue,
}

/// What went wrong while a rule ran, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub position: Option<Position>,
    pub message: String,
}

pub type Outcome<'a> = Result<Value<'a>, Stop<'a>>;

/// Evaluates the formulas of one script on the facts of one lead or segment.
pub struct Evaluator<'a> {
    pub script: &'a Script,
    pub facts: Facts<'a>,
    /// Where lists and texts are kept that rules make.
    pub arena: &'a Bump,
    /// What was read so far: each leaf is read at most once.
    leaves: Vec<Option<Option<Value<'a>>>>,
    defines: Vec<Option<Value<'a>>>,
    /// The facts whose absence stopped the formula that ran last.
    pub unknown: Vec<Arc<str>>,
    /// Points of fit and engagement; read by grades.
    pub points: [Points; 2],
    /// The points of each group, in the order of their ends.
    pub groups: Vec<Points>,
    locals: Vec<Value<'a>>,
    base: usize,
    steps: u32,
    /// What was asked of collections so far, by leaf.
    pub folds: BTreeMap<Index, Folded<'a>>,
    /// The item that a condition looks at.
    pub item: Item<'a>,
}

impl<'a> Evaluator<'a> {
    pub fn new(script: &'a Script, facts: Facts<'a>, arena: &'a Bump) -> Self {
        Self {
            script,
            facts,
            arena,
            leaves: vec![None; script.leaves.len()],
            defines: vec![None; script.defines.len()],
            unknown: Vec::new(),
            points: [Points::ZERO; 2],
            groups: Vec::new(),
            locals: Vec::new(),
            base: 0,
            steps: 0,
            folds: BTreeMap::new(),
            item: Item::None,
        }
    }

    /// How many steps it has taken.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Makes ready for a formula. If it stops as [`Stop::Unknown`], `unknown` names the facts.
    fn begin(&mut self, formula: &Formula) {
        self.unknown.clear();
        self.locals.clear();
        self.locals.resize(formula.locals, Value::Nothing);
        self.base = 0;
    }

    /// Whether it has no steps left: then a failure says nothing of the rule.
    pub fn has_spent_all(&self) -> bool {
        self.steps > MAX_STEPS
    }

    pub fn value(&mut self, formula: &'a Formula) -> Outcome<'a> {
        self.begin(formula);
        self.eval(&formula.expr)
    }

    /// Evaluates a condition.
    pub fn holds(&mut self, formula: &'a Formula) -> Result<bool, Stop<'a>> {
        self.begin(formula);
        self.eval_yes(&formula.expr)
    }

    /// Evaluates a number.
    pub fn number(&mut self, formula: &'a Formula) -> Result<f64, Stop<'a>> {
        self.begin(formula);
        self.eval_number(&formula.expr)
    }

    /// The value of a leaf, read at most once.
    pub fn leaf(&mut self, index: Index) -> Option<Value<'a>> {
        if let Some(value) = self.leaves[index] {
            return value;
        }
        let kind = &self.script.leaves[index].kind;
        if let LeafKind::Fold(_) = kind {
            return self.folds.get(&index)?.value;
        }
        if let (LeafKind::Activity(..), Facts::Lead(facts)) = (kind, &self.facts) {
            let cost = facts.cost();
            self.charge(cost);
        }
        let value = self.facts.leaf(kind);
        self.leaves[index] = Some(value);
        value
    }

    /// The name under which an unknown leaf is listed: the contacts' parts go by their fact.
    fn unknown_name(&self, index: Index) -> Arc<str> {
        let leaf = &self.script.leaves[index];
        match leaf.kind {
            LeafKind::Contacts(_) => "contacts".into(),
            _ => leaf.name.clone(),
        }
    }

    pub fn stop_unknown(&mut self, name: Arc<str>) -> Stop<'a> {
        self.stop_unknown_by(vec![name])
    }

    /// Stops for several reasons.
    pub fn stop_unknown_by(&mut self, names: Vec<Arc<str>>) -> Stop<'a> {
        for name in names {
            if !self.unknown.contains(&name) {
                self.unknown.push(name);
            }
        }
        Stop::Unknown
    }

    fn is_fold(&self, leaf: Index) -> bool {
        matches!(self.script.leaves[leaf].kind, LeafKind::Fold(_))
    }

    fn asked(&mut self, expr: &'a Expr) -> Outcome<'a> {
        match self.folded(expr)? {
            Some(folded) => self.answer(folded),
            None => Ok(mistyped(Value::Nothing, Value::Nothing)),
        }
    }

    pub fn eval(&mut self, expr: &'a Expr) -> Outcome<'a> {
        self.step()?;
        Ok(match expr {
            Expr::Nothing => Value::Nothing,
            Expr::Number(number) => Value::Number(*number),
            Expr::YesNo(yes) => Value::YesNo(*yes),
            Expr::Text(text) => Value::Text(text),
            Expr::Words(words) => Value::Words(Words::Written(words)),
            Expr::Numbers(numbers) => Value::Numbers(numbers),
            Expr::Leaf(index) => match self.leaf(*index) {
                Some(value) => value,
                None if self.is_fold(*index) => return self.asked(expr),
                None => {
                    let name = self.unknown_name(*index);
                    return Err(self.stop_unknown(name));
                }
            },
            Expr::Define(index) => return self.define(*index),
            Expr::Local(index) => self.local(*index),
            Expr::Points(axis) => Value::Number(match axis {
                Some(Axis::Fit) => self.points[0].number(),
                Some(Axis::Engagement) => self.points[1].number(),
                None => (self.points[0] + self.points[1]).number(),
            }),
            Expr::GroupPoints(index) => {
                Value::Number(self.groups.get(*index).copied().unwrap_or_default().number())
            }
            Expr::Not(inner) => Value::YesNo(!yes(self.eval(inner)?)),
            Expr::And(sides) => Value::YesNo(self.all_or_any(sides, false)?),
            Expr::Or(sides) => Value::YesNo(self.all_or_any(sides, true)?),
            Expr::Negate(inner) => Value::Number(-num(self.eval(inner)?)),
            Expr::Arithmetic(operator, sides, position) => {
                let (a, b) = self.both(sides)?;
                return arithmetic(*operator, num(a), num(b), position);
            }
            Expr::CompareNumbers(how, sides) => Value::YesNo(self.compared(*how, sides)?),
            Expr::CompareCounts(how, sides) => return self.compare_counts(*how, sides),
            Expr::Fold(_) => return self.asked(expr),
            Expr::Item(leaf) => return self.item_part(leaf),
            Expr::Items(_) => mistyped(Value::Nothing, Value::Nothing),
            Expr::Same(equal, sides) => {
                let (a, b) = self.both(sides)?;
                Value::YesNo(same(a, b) == *equal)
            }
            Expr::In(sides) => {
                let (item, list) = self.both(sides)?;
                if let (Value::Text(word), Value::Words(words)) = (item, list) {
                    self.charge(words.steps() + word.len() / 64);
                }
                Value::YesNo(is_in(item, list))
            }
            Expr::CountIn(sides) => {
                let (a, b) = self.both(sides)?;
                self.count_in([a, b])
            }
            Expr::ListCount(list) => Value::Number(list_len(self.eval(list)?) as f64),
            Expr::Math(math, args, position) => return self.math(*math, args, position),
            Expr::TextTest(test, sides) => {
                let (text, part) = self.both(sides)?;
                for side in [text, part] {
                    if let Value::Text(text) = side {
                        // Letters beyond ASCII take much longer to lower.
                        self.charge(text.len() / if text.is_ascii() { 64 } else { 4 });
                    }
                }
                Value::YesNo(text_test(*test, text, part))
            }
            Expr::TextFits(pattern, text) => {
                let text = text_of(self.eval(text)?);
                self.charge(pattern.steps(text));
                Value::YesNo(pattern.fits(text))
            }
            Expr::TextLength(text) => Value::Number(text_of(self.eval(text)?).chars().count() as f64),
            Expr::TextPart(part, text) => {
                let text = text_of(self.eval(text)?);
                Value::Text(match part {
                    TextPart::Trimmed => text.trim(),
                    TextPart::Host => host_of(text),
                })
            }
            Expr::ActivityWindow { kind, decayed, days, position } => {
                let days = num(self.eval(days)?);
                return self.window(kind, *decayed, days, position);
            }
            Expr::SizePoints(employees) => {
                let employees = num(self.eval(employees)?);
                match self.lead_facts().map(|facts| facts.size_points(employees)) {
                    Some(Some(points)) => Value::Number(points),
                    _ => return Err(self.stop_unknown("icp.size_bands".into())),
                }
            }
            Expr::Lookup(table, column, keys) => return self.lookup(table, *column, keys),
            Expr::DaysSince(date) => match (self.eval(date)?, self.lead_facts()) {
                (Value::Date(date), Some(facts)) => Value::Number(facts.days_since_date(date)),
                (other, _) => mistyped(other, Value::Number(0.0)),
            },
            Expr::Known(inner) => {
                let mark = self.unknown.len();
                match self.eval(inner) {
                    Ok(_) => Value::YesNo(true),
                    Err(Stop::Unknown) => {
                        self.unknown.truncate(mark);
                        Value::YesNo(false)
                    }
                    Err(other) => return Err(other),
                }
            }
            Expr::Coalesce(ways) => return self.coalesce(ways),
            Expr::If(parts) => {
                let [when, then, otherwise] = &**parts;
                let branch = if yes(self.eval(when)?) { then } else { otherwise };
                return self.eval(branch);
            }
            Expr::Branch(index, inner) => return self.watched(*index, inner),
            Expr::Switch(switch) => return self.switch(switch),
            Expr::Block(statements) => {
                let mut last = Value::Nothing;
                for statement in statements {
                    last = self.eval(statement)?;
                }
                last
            }
            Expr::Set(index, value) => {
                let value = self.eval(value)?;
                self.set_local(*index, value);
                Value::Nothing
            }
            Expr::Return(value) => {
                let value = self.eval(value)?;
                return Err(Stop::Return(value));
            }
            Expr::Call(index, args, position) => return self.call(*index, args, position),
            Expr::Joined(parts, position) => return self.joined(parts, position),
            Expr::Made(items, position) => return self.made(items, position),
            Expr::Field(record, place) => {
                let record = self.eval(record)?;
                list_item(record, *place).unwrap_or(Value::Nothing)
            }
            Expr::Element(sides, position) => return self.element(sides, position),
            Expr::Pushed(sides, position) => return self.pushed(sides, position),
            Expr::Replaced(parts, position) => return self.replaced(parts, position),
            Expr::Each(each) => return self.each(each),
            Expr::Loop(repeated) => return self.run_loop(repeated),
            Expr::Break => return Err(Stop::Break),
            Expr::Continue => return Err(Stop::Continue),
        })
    }

    pub fn local(&self, index: Index) -> Value<'a> {
        self.locals[self.base + index]
    }

    pub fn set_local(&mut self, index: Index, value: Value<'a>) {
        let place = self.base + index;
        self.locals[place] = value;
    }

    /// Counts a step.
    fn step(&mut self) -> Result<(), Stop<'a>> {
        self.steps += 1;
        match self.steps > MAX_STEPS {
            true => Err(fail(None, format!("it takes more than {MAX_STEPS} steps"))),
            false => Ok(()),
        }
    }

    /// As [`Evaluator::eval`], of a yes or no: what conditions are mostly made of goes without the detour of a value.
    pub fn eval_yes(&mut self, expr: &'a Expr) -> Result<bool, Stop<'a>> {
        match expr {
            Expr::CompareNumbers(how, sides) => {
                self.step()?;
                self.compared(*how, sides)
            }
            Expr::And(sides) => {
                self.step()?;
                self.all_or_any(sides, false)
            }
            Expr::Or(sides) => {
                self.step()?;
                self.all_or_any(sides, true)
            }
            _ => self.eval(expr).map(yes),
        }
    }

    /// The same of a number.
    pub fn eval_number(&mut self, expr: &'a Expr) -> Result<f64, Stop<'a>> {
        let plain = match expr {
            Expr::Number(number) => Some(*number),
            Expr::Item(leaf) => self.item_number(leaf),
            _ => None,
        };
        match plain {
            Some(number) => self.step().map(|()| number),
            None => self.eval(expr).map(num),
        }
    }

    fn compared(&mut self, how: Comparison, sides: &'a [Expr; 2]) -> Result<bool, Stop<'a>> {
        let (a, b) = (self.eval_number(&sides[0])?, self.eval_number(&sides[1])?);
        Ok(compare(how, a, b))
    }

    /// Counts work that takes longer the more there is: the budget stands for time, and is the same everywhere.
    pub fn charge(&mut self, steps: usize) {
        self.steps = self.steps.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
    }

    fn both(&mut self, sides: &'a [Expr; 2]) -> Result<(Value<'a>, Value<'a>), Stop<'a>> {
        Ok((self.eval(&sides[0])?, self.eval(&sides[1])?))
    }

    pub fn lead_facts(&self) -> Option<LeadFacts<'a>> {
        match self.facts {
            Facts::Lead(facts) => Some(facts),
            Facts::Segment(_) | Facts::Item(_) => None,
        }
    }

    /// `and` with one false side is false, `or` with one true side is true, in either order.
    fn all_or_any(&mut self, sides: &'a [Expr], decides: bool) -> Result<bool, Stop<'a>> {
        let mark = self.unknown.len();
        let mut unknown = false;
        for side in sides {
            match self.eval_yes(side) {
                Ok(holds) if holds == decides => {
                    self.unknown.truncate(mark);
                    return Ok(decides);
                }
                Ok(_) => {}
                Err(Stop::Unknown) => unknown = true,
                Err(other) => return Err(other),
            }
        }
        if unknown { Err(Stop::Unknown) } else { Ok(!decides) }
    }

    /// A part that is watched comes to the same as one that is not, in as many steps.
    fn watched(&mut self, index: Index, inner: &'a Expr) -> Outcome<'a> {
        self.steps -= 1;
        let outcome = self.eval(inner);
        let branch = &self.script.branches[index];
        match (&outcome, branch.kind) {
            (Ok(Value::YesNo(false)), BranchKind::Side) => branch.see(BranchSeen::Failed),
            (Err(Stop::Unknown), _) => branch.see(BranchSeen::Unknown),
            (Ok(_) | Err(Stop::Return(_) | Stop::Break | Stop::Continue), _) => branch.see(BranchSeen::Held),
            (Err(Stop::Failed(_)), _) => {}
        }
        outcome
    }

    fn define(&mut self, index: Index) -> Outcome<'a> {
        if let Some(value) = self.defines[index] {
            return Ok(value);
        }
        let formula = &self.script.defines[index];
        let base = std::mem::replace(&mut self.base, self.locals.len());
        self.locals.resize(self.base + formula.locals, Value::Nothing);
        let result = self.eval(&formula.expr);
        self.locals.truncate(self.base);
        self.base = base;
        if let Ok(value) = &result {
            self.defines[index] = Some(*value);
        }
        result
    }

    fn call(&mut self, index: Index, args: &'a [Expr], position: &'a Position) -> Outcome<'a> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(arg)?);
        }
        match self.call_with(index, values) {
            Err(Stop::Failed(failure)) if failure.position.is_none() => {
                Err(fail(Some(position), failure.message))
            }
            other => other,
        }
    }

    /// Calls a function.
    pub fn call_with(&mut self, index: Index, args: Vec<Value<'a>>) -> Outcome<'a> {
        let function = &self.script.functions[index];
        let base = std::mem::replace(&mut self.base, self.locals.len());
        let locals = function.locals.max(args.len());
        self.locals.extend(args);
        self.locals.resize(self.base + locals, Value::Nothing);
        let result = self.eval(&function.body);
        self.locals.truncate(self.base);
        self.base = base;
        match result {
            Err(Stop::Return(value)) => Ok(value),
            other => other,
        }
    }

    fn coalesce(&mut self, ways: &'a [Expr]) -> Outcome<'a> {
        let mark = self.unknown.len();
        for way in ways {
            match self.eval(way) {
                Err(Stop::Unknown) => {}
                other => {
                    self.unknown.truncate(mark);
                    return other;
                }
            }
        }
        Err(Stop::Unknown)
    }

    fn switch(&mut self, switch: &'a Switch) -> Outcome<'a> {
        let subject = self.eval(&switch.subject)?;
        for (case, when, value) in &switch.cases {
            if !matches(case, subject) {
                continue;
            }
            let holds = match when {
                Some(when) => yes(self.eval(when)?),
                None => true,
            };
            if holds {
                return self.eval(value);
            }
        }
        match &switch.default {
            Some(default) => self.eval(default),
            None => Ok(Value::Nothing),
        }
    }
}
