//! Expressions × what facts could be → what the expressions could come to.

use std::collections::BTreeMap;

use super::leaves::size_points;
use super::possible::{self, Could, Possible, Truth};
use crate::domain::score::Axis;
use crate::rules::evaluate::evaluator::{Evaluator, Outcome, Stop};
use crate::rules::evaluate::facts::LeadFacts;
use crate::rules::evaluate::list::list_len;
use crate::rules::evaluate::operators;
use crate::rules::evaluate::value::Value;
use crate::rules::language::functions::Math;
use crate::rules::program::{Expr, Formula, Index, Script, Switch};
use crate::rules::source::table::{Cell, Table};

/// How many parts of expressions are looked at for one lead. What comes after could be anything.
const BUDGET: u32 = 50_000;

/// How many words or numbers are compared in the time of a part.
const WORDS_A_PART: usize = 8;

/// What a fact is taken to be: as it is, which is unknown, or something else.
pub type Taken<'a> = BTreeMap<Index, Could<'a>>;

pub struct Judge<'a> {
    pub eval: Evaluator<'a>,
    pub facts: LeadFacts<'a>,
    pub script: &'a Script,
    /// Facts that could be something else than they are now.
    pub taken: Taken<'a>,
    /// What each leaf could be, where nothing is known of a certain lead.
    pub anything: Option<Vec<Could<'a>>>,
    /// Where the catalogue has the facts on which others depend.
    pub employees: Option<Index>,
    pub contacts: Option<Index>,
    /// Where attributes stand in the catalogue.
    pub attributes: BTreeMap<String, Index>,
    /// What fit, engagement and the groups could count; read by grades.
    pub points: [(f64, f64); 2],
    pub groups: Vec<(f64, f64)>,
    pub variables: Vec<Option<Possible<'a>>>,
    /// What `return` could have given so far, and whether nothing comes after it.
    returned: Could<'a>,
    ended: bool,
    /// How many parts of expressions may still be looked at.
    pub budget: u32,
}

impl<'a> Judge<'a> {
    pub fn new(eval: Evaluator<'a>, facts: LeadFacts<'a>, script: &'a Script) -> Self {
        Self {
            eval,
            facts,
            script,
            taken: Taken::new(),
            anything: None,
            employees: None,
            contacts: None,
            attributes: BTreeMap::new(),
            points: [(0.0, 0.0); 2],
            groups: Vec::new(),
            variables: Vec::new(),
            returned: Could::FAIL,
            ended: false,
            budget: BUDGET,
        }
    }

    /// What a formula could come to. One that asks nothing which could be otherwise is simply evaluated.
    pub fn formula(&mut self, formula: &'a Formula, is_open: bool) -> Could<'a> {
        if !is_open {
            let outcome = self.eval.value(formula);
            return self.came_to(outcome);
        }
        self.variables = vec![None; formula.locals];
        (self.returned, self.ended) = (Could::FAIL, false);
        self.could(&formula.expr)
    }

    /// Begins a judgement of its own.
    pub fn replenish(&mut self) {
        self.budget = BUDGET;
    }

    /// Takes from the budget what a search in so many words costs.
    pub fn pay(&mut self, words: usize) {
        let parts = u32::try_from(words / WORDS_A_PART).unwrap_or(u32::MAX);
        self.budget = self.budget.saturating_sub(parts);
    }

    fn came_to(&mut self, outcome: Outcome<'a>) -> Could<'a> {
        match outcome {
            Ok(value) => Could::known(value),
            Err(Stop::Unknown) => Could::UNKNOWN,
            // Whoever ran out of steps might have come to anything.
            Err(Stop::Failed(_)) if self.eval.has_spent_all() => Could::ANYTHING,
            Err(_) => Could::FAIL,
        }
    }

    fn truth(&mut self, expr: &'a Expr) -> Truth {
        self.could(expr).truth()
    }

    pub fn could(&mut self, expr: &'a Expr) -> Could<'a> {
        if self.budget == 0 {
            return Could::ANYTHING;
        }
        self.budget -= 1;
        match expr {
            Expr::Nothing => Could::known(Value::Nothing),
            Expr::Number(_) | Expr::YesNo(_) | Expr::Text(_) | Expr::Words(_) | Expr::Numbers(_) => {
                let outcome = self.eval.eval(expr);
                self.came_to(outcome)
            }
            Expr::Leaf(index) => self.leaf(*index),
            Expr::Define(index) => self.apart(&self.script.defines[*index]),
            Expr::Local(index) => match self.variables.get(*index) {
                Some(Some(value)) => Could::be(*value),
                _ => Could::ANYTHING,
            },
            Expr::Points(axis) => {
                let [fit, engagement] = self.points;
                let (low, high) = match axis {
                    Some(Axis::Fit) => fit,
                    Some(Axis::Engagement) => engagement,
                    None => (fit.0 + engagement.0, fit.1 + engagement.1),
                };
                Could::numbers(low, high)
            }
            Expr::GroupPoints(index) => {
                let (low, high) = self.groups.get(*index).copied().unwrap_or_default();
                Could::numbers(low, high)
            }
            Expr::Not(inner) => Could::yes_no(self.truth(inner).not()),
            Expr::And(sides) => {
                let sides: Vec<Truth> = sides.iter().map(|side| self.truth(side)).collect();
                Could::yes_no(Truth::all(sides.into_iter()))
            }
            Expr::Or(sides) => {
                let sides: Vec<Truth> = sides.iter().map(|side| self.truth(side).not()).collect();
                Could::yes_no(Truth::all(sides.into_iter()).not())
            }
            Expr::Negate(inner) => self.could(inner).then(|value| {
                let (low, high) = value.range();
                Could::numbers(-high, -low)
            }),
            Expr::Arithmetic(operator, sides, position) => self.both(sides, |_, a, b| {
                if let (Some(Value::Number(a)), Some(Value::Number(b))) = (a.known(), b.known()) {
                    return operators::arithmetic(*operator, a, b, position)
                        .map_or(Could::FAIL, Could::known);
                }
                let (low, high) = possible::arithmetic(*operator, a.range(), b.range());
                Could::numbers(low, high)
            }),
            Expr::CompareNumbers(how, sides) => {
                self.both(sides, |_, a, b| Could::yes_no(possible::compare(*how, a.range(), b.range())))
            }
            Expr::CompareCounts(how, sides) => self.both(sides, |_, a, b| {
                let mut truth = possible::compare(*how, a.range(), b.range());
                truth.be_unknown = truth.hold && truth.fail;
                Could::yes_no(truth)
            }),
            Expr::Same(equal, sides) => self.both(sides, |_, a, b| {
                let truth = possible::same(a, b);
                Could::yes_no(if *equal { truth } else { truth.not() })
            }),
            Expr::In(sides) => self.both(sides, |judge, item, list| {
                judge.pay(list.known().map_or(0, list_len));
                Could::yes_no(possible::is_in(item, list))
            }),
            Expr::CountIn(sides) => self.both(sides, |judge, a, b| match (a.known(), b.known()) {
                (Some(a), Some(b)) => Could::known(judge.eval.count_in([a, b])),
                (Some(a), None) => Could::numbers(0.0, list_len(a) as f64),
                _ => Could::numbers(0.0, f64::INFINITY),
            }),
            Expr::ListCount(list) => self.could(list).then(|list| match list.known() {
                Some(list) => Could::known(Value::Number(list_len(list) as f64)),
                None => Could::numbers(0.0, f64::INFINITY),
            }),
            Expr::Math(math, args, _) => self.math(*math, args, expr),
            Expr::TextTest(test, sides) => self.both(sides, |_, a, b| match (a.known(), b.known()) {
                (Some(a), Some(b)) => Could::known(Value::YesNo(operators::text_test(*test, a, b))),
                // Every text holds the empty one.
                _ if matches!(b, Possible::Known(Value::Text(""))) => Could::known(Value::YesNo(true)),
                _ => Could::be(Possible::Either),
            }),
            Expr::TextFits(pattern, text) => self.could(text).then(|text| match text.known() {
                Some(Value::Text(text)) => Could::known(Value::YesNo(pattern.fits(text))),
                _ => Could::be(Possible::Either),
            }),
            Expr::TextLength(text) => self.could(text).then(|text| match text.known() {
                Some(Value::Text(text)) => Could::known(Value::Number(text.chars().count() as f64)),
                _ => Could::numbers(0.0, f64::INFINITY),
            }),
            Expr::DaysSince(date) => {
                let facts = self.facts;
                self.could(date).then(|date| match date {
                    Possible::Known(Value::Date(date)) => {
                        Could::known(Value::Number(facts.days_since_date(date)))
                    }
                    Possible::DaysBack(low, high) => Could::numbers(low, high),
                    _ => Could::numbers(f64::NEG_INFINITY, f64::INFINITY),
                })
            }
            Expr::ActivityWindow { kind, decayed, days, position } => {
                let days = self.could(days);
                match days.be.and_then(Possible::known) {
                    Some(Value::Number(number)) => {
                        let outcome = self.eval.window(kind, *decayed, number, position);
                        self.came_to(outcome).or_unknown(days.be_unknown)
                    }
                    _ => days.then(|_| Could::be(Possible::Any)),
                }
            }
            Expr::SizePoints(employees) => {
                if self.anything.is_some() {
                    // Any profile may have any bands.
                    return Could::numbers(f64::NEG_INFINITY, f64::INFINITY).or_unknown(true);
                }
                let profile = self.facts.profile;
                self.could(employees).then(|employees| size_points(profile, employees.range()))
            }
            Expr::Lookup(table, column, keys) => self.lookup(table, *column, keys),
            Expr::Known(inner) => {
                let inner = self.could(inner);
                Could::yes_no(Truth { hold: inner.be.is_some(), fail: inner.be_unknown, be_unknown: false })
            }
            Expr::Coalesce(ways) => {
                let mut all = Could::UNKNOWN;
                for way in ways {
                    let way = self.could(way);
                    all = Could { be_unknown: false, ..all }.or(way);
                    if !way.be_unknown {
                        break;
                    }
                }
                all
            }
            Expr::If(parts) => {
                let [when, then, otherwise] = &**parts;
                let when = self.truth(when);
                let ways = [(when.hold, then), (when.fail, otherwise)];
                let ways = ways.into_iter().filter(|(can, _)| *can).map(|(_, way)| way).collect();
                self.one_of(ways).or_unknown(when.be_unknown)
            }
            Expr::Branch(_, inner) => self.could(inner),
            Expr::Switch(switch) => self.switch(switch),
            Expr::Block(statements) => {
                let mut last = Could::known(Value::Nothing);
                let mut unknown = false;
                for statement in statements {
                    last = self.could(statement);
                    unknown |= last.be_unknown;
                    if last.be.is_none() || self.ended {
                        break;
                    }
                }
                last.or_unknown(unknown)
            }
            Expr::Set(index, value) => self.could(value).then_in(self, |judge, value| {
                judge.set(*index, Some(value));
                Could::known(Value::Nothing)
            }),
            Expr::Return(value) => {
                let value = self.could(value);
                self.returned = self.returned.or(Could { be_unknown: false, ..value });
                self.ended = true;
                Could { be: None, ..value }
            }
            Expr::Call(index, args, _) => self.call(*index, args),
            Expr::Fold(_)
            | Expr::Items(_)
            | Expr::Item(_)
            | Expr::TextPart(..)
            | Expr::Joined(..)
            | Expr::Made(..)
            | Expr::Field(..)
            | Expr::Element(..)
            | Expr::Pushed(..)
            | Expr::Replaced(..)
            | Expr::Each(_)
            | Expr::Loop(_)
            | Expr::Break
            | Expr::Continue => self.anything(),
        }
    }

    /// After something that is not followed: variables and what is returned could be anything, too.
    fn anything(&mut self) -> Could<'a> {
        self.variables.iter_mut().for_each(|variable| *variable = None);
        self.returned = Could::ANYTHING;
        Could::ANYTHING
    }

    fn set(&mut self, index: Index, value: Option<Possible<'a>>) {
        if self.variables.len() <= index {
            self.variables.resize(index + 1, None);
        }
        self.variables[index] = value;
    }

    fn both(
        &mut self,
        sides: &'a [Expr; 2],
        step: impl FnOnce(&mut Self, Possible<'a>, Possible<'a>) -> Could<'a>,
    ) -> Could<'a> {
        let (a, b) = (self.could(&sides[0]), self.could(&sides[1]));
        let unknown = a.be_unknown || b.be_unknown;
        match (a.be, b.be) {
            (Some(a), Some(b)) => step(self, a, b).or_unknown(unknown),
            _ => Could { be: None, be_unknown: unknown },
        }
    }

    /// A formula with variables of its own.
    fn apart(&mut self, formula: &'a Formula) -> Could<'a> {
        let variables = std::mem::replace(&mut self.variables, vec![None; formula.locals]);
        let could = self.could(&formula.expr);
        self.variables = variables;
        could
    }

    /// One of several ways is gone, with what it does to variables.
    fn one_of(&mut self, ways: Vec<&'a Expr>) -> Could<'a> {
        if let [way] = ways.as_slice() {
            return self.could(way);
        }
        let before = self.variables.clone();
        let mut after: Option<Vec<Option<Possible<'a>>>> = None;
        let mut all = Could::FAIL;
        let ended = self.ended;
        let mut all_end = true;
        for way in ways {
            self.variables.clone_from(&before);
            self.ended = ended;
            all = all.or(self.could(way));
            if self.ended {
                continue;
            }
            all_end = false;
            after = Some(match after {
                None => self.variables.clone(),
                Some(after) => {
                    let pairs = after.into_iter().zip(&self.variables);
                    let either = |(a, b): (Option<Possible<'a>>, &Option<Possible<'a>>)| {
                        Could::be(a?).or(Could::be((*b)?)).be
                    };
                    pairs.map(either).collect()
                }
            });
        }
        self.ended = all_end;
        self.variables = after.unwrap_or(before);
        all
    }

    fn switch(&mut self, switch: &'a Switch) -> Could<'a> {
        let subject = self.could(&switch.subject);
        let Some(value) = subject.be else { return subject };
        let mut unknown = subject.be_unknown;
        let mut ways = Vec::new();
        let mut goes_on = true;
        for (case, when, way) in &switch.cases {
            let mut fits = possible::case_fits(case, value);
            if !fits.hold {
                continue;
            }
            if let Some(when) = when {
                let when = self.truth(when);
                unknown |= when.be_unknown;
                fits = Truth { hold: when.hold, fail: fits.fail || when.fail, be_unknown: false };
            }
            if fits.hold {
                ways.push(way);
            }
            goes_on = fits.fail;
            if !goes_on {
                break;
            }
        }
        if goes_on {
            ways.extend(&switch.default);
        }
        self.one_of(ways).or_unknown(unknown)
    }

    fn math(&mut self, math: Math, args: &'a [Expr], whole: &'a Expr) -> Could<'a> {
        let args: Vec<Could> = args.iter().map(|arg| self.could(arg)).collect();
        let unknown = args.iter().any(|arg| arg.be_unknown);
        let values: Option<Vec<Possible>> = args.iter().map(|arg| arg.be).collect();
        let Some(values) = values else { return Could { be: None, be_unknown: unknown } };
        let numbers: Option<Vec<f64>> = values
            .iter()
            .map(|value| if let Possible::Known(Value::Number(n)) = value { Some(*n) } else { None })
            .collect();
        let could = match (numbers, whole) {
            (Some(numbers), Expr::Math(_, _, position)) => {
                let outcome = Evaluator::math_of(math, &numbers, position);
                self.came_to(outcome)
            }
            _ => {
                let ranges: Vec<(f64, f64)> = values.into_iter().map(Possible::range).collect();
                let range = possible::math(math, &ranges);
                range.map_or(Could::FAIL, |(low, high)| Could::numbers(low, high))
            }
        };
        could.or_unknown(unknown)
    }

    fn lookup(&mut self, table: &'a Table, column: usize, keys: &'a [Expr]) -> Could<'a> {
        let keys: Vec<Could> = keys.iter().map(|key| self.could(key)).collect();
        let unknown = keys.iter().any(|key| key.be_unknown);
        let Some(values) = keys.iter().map(|key| key.be).collect::<Option<Vec<_>>>() else {
            return Could { be: None, be_unknown: unknown };
        };
        let known: Option<Vec<Value>> = values.iter().map(|value| value.known()).collect();
        let could = match known {
            Some(keys) => match Evaluator::find(table, column, &keys) {
                Some(Cell::Number(number)) => Could::known(Value::Number(*number)),
                Some(Cell::YesNo(yes)) => Could::known(Value::YesNo(*yes)),
                Some(Cell::Text(text)) => Could::known(Value::Text(text)),
                Some(Cell::Empty) | None => Could::UNKNOWN,
            },
            None => match table.values[column].numbers {
                Some((low, high)) => Could::numbers(low, high).or_unknown(true),
                None => Could::ANYTHING,
            },
        };
        could.or_unknown(unknown)
    }

    fn call(&mut self, index: Index, args: &'a [Expr]) -> Could<'a> {
        let args: Vec<Could> = args.iter().map(|arg| self.could(arg)).collect();
        let unknown = args.iter().any(|arg| arg.be_unknown);
        let Some(values) = args.iter().map(|arg| arg.be).collect::<Option<Vec<_>>>() else {
            return Could { be: None, be_unknown: unknown };
        };
        if let Some(known) = values.iter().map(|value| value.known()).collect::<Option<Vec<_>>>() {
            let outcome = self.eval.call_with(index, known);
            return self.came_to(outcome).or_unknown(unknown);
        }
        let function = &self.script.functions[index];
        let mut variables: Vec<Option<Possible>> = values.into_iter().map(Some).collect();
        variables.resize(function.locals.max(variables.len()), None);
        let variables = std::mem::replace(&mut self.variables, variables);
        let outer = (std::mem::replace(&mut self.returned, Could::FAIL), self.ended);
        self.ended = false;
        let body = self.could(&function.body);
        let could = if self.ended { Could { be: None, ..body } } else { body }.or(self.returned);
        (self.returned, self.ended) = outer;
        self.variables = variables;
        could.or_unknown(unknown)
    }
}

impl<'a> Could<'a> {
    fn then_in(
        self,
        judge: &mut Judge<'a>,
        step: impl FnOnce(&mut Judge<'a>, Possible<'a>) -> Could<'a>,
    ) -> Could<'a> {
        match self.be {
            Some(value) => step(judge, value).or_unknown(self.be_unknown),
            None => Could { be: None, ..self },
        }
    }
}
