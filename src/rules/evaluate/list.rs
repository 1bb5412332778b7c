//! Lists, object maps and texts that are made while rules run, and loops. What is made stays until the score is done,
//! and is never changed: a variable that changes gets another.

use super::evaluator::{Evaluator, Outcome, Stop};
use super::operators::{fail, mistyped, num, words, yes};
use super::value::Value;
use crate::domain::score::Position;
use crate::rules::program::{Each, EachHow, Expr, Loop, LoopOver};

/// The most items of a list.
const MAX_ITEMS: usize = 1_000;
/// How many items are copied in a step.
const ITEMS_A_STEP: usize = 16;
/// The longest text, in bytes.
const MAX_TEXT: usize = 4_096;

/// How many items a list has.
pub fn list_len(list: Value) -> usize {
    match list {
        Value::Words(words) => words.len(),
        Value::Numbers(numbers) => numbers.len(),
        Value::List(items) => items.len(),
        other => mistyped(other, 0),
    }
}

/// The item at a place.
pub fn list_item(list: Value<'_>, place: usize) -> Option<Value<'_>> {
    match list {
        Value::Words(words) => words.get(place).map(Value::Text),
        Value::Numbers(numbers) => numbers.get(place).copied().map(Value::Number),
        Value::List(items) => items.get(place).copied(),
        other => mistyped(other, None),
    }
}

impl<'a> Evaluator<'a> {
    /// A list of these items; what it takes to make it costs steps.
    fn make(&mut self, items: &[Value<'a>], position: &Position) -> Outcome<'a> {
        if items.len() > MAX_ITEMS {
            return Err(fail(Some(position), format!("a list has at most {MAX_ITEMS} items")));
        }
        self.charge(1 + items.len() / ITEMS_A_STEP);
        Ok(Value::List(self.arena.alloc_slice_copy(items)))
    }

    fn items(&mut self, list: Value<'a>) -> Vec<Value<'a>> {
        self.charge(1 + list_len(list) / ITEMS_A_STEP);
        (0..list_len(list)).filter_map(|place| list_item(list, place)).collect()
    }

    pub fn made(&mut self, items: &'a [Expr], position: &Position) -> Outcome<'a> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.eval(item)?);
        }
        self.make(&values, position)
    }

    pub fn pushed(&mut self, sides: &'a [Expr; 2], position: &Position) -> Outcome<'a> {
        let list = self.eval(&sides[0])?;
        let mut items = self.items(list);
        items.push(self.eval(&sides[1])?);
        self.make(&items, position)
    }

    pub fn replaced(&mut self, parts: &'a [Expr; 3], position: &Position) -> Outcome<'a> {
        let [list, place, value] = parts;
        let list = self.eval(list)?;
        let mut items = self.items(list);
        let place = self.eval(place)?;
        let place = place_in(num(place), items.len(), position)?;
        items[place] = self.eval(value)?;
        self.make(&items, position)
    }

    pub fn element(&mut self, sides: &'a [Expr; 2], position: &Position) -> Outcome<'a> {
        let list = self.eval(&sides[0])?;
        let place = self.eval(&sides[1])?;
        let place = place_in(num(place), list_len(list), position)?;
        Ok(list_item(list, place).unwrap_or(Value::Nothing))
    }

    pub fn joined(&mut self, parts: &'a [Expr], position: &Position) -> Outcome<'a> {
        use std::fmt::Write as _;
        let mut text = String::new();
        for part in parts {
            _ = match self.eval(part)? {
                Value::Text(part) => text.write_str(part),
                Value::Number(number) => write!(text, "{number}"),
                Value::YesNo(yes) => write!(text, "{yes}"),
                Value::Date(day) => text.write_str(&day.date()),
                other => mistyped(other, Ok(())),
            };
            if text.len() > MAX_TEXT {
                return Err(fail(Some(position), format!("a text has at most {MAX_TEXT} bytes")));
            }
        }
        self.charge(1 + text.len() / 64);
        Ok(Value::Text(self.arena.alloc_str(&text)))
    }

    pub fn each(&mut self, each: &'a Each) -> Outcome<'a> {
        let list = self.eval(&each.list)?;
        let mut kept = Vec::new();
        if let EachHow::Reduce(sum, first) = &each.how {
            let first = self.eval(first)?;
            self.set_local(*sum, first);
        }
        for place in 0..list_len(list) {
            let item = list_item(list, place).unwrap_or(Value::Nothing);
            self.set_local(each.item, item);
            if let Some(variable) = each.place {
                self.set_local(variable, Value::Number(place as f64));
            }
            let value = self.eval(&each.body)?;
            match &each.how {
                EachHow::Filter if yes(value) => kept.push(item),
                EachHow::Filter => {}
                EachHow::Map => kept.push(value),
                EachHow::Some if yes(value) => return Ok(Value::YesNo(true)),
                EachHow::All if !yes(value) => return Ok(Value::YesNo(false)),
                EachHow::Some | EachHow::All => {}
                EachHow::Reduce(sum, _) => self.set_local(*sum, value),
            }
        }
        match &each.how {
            EachHow::Filter | EachHow::Map => self.make(&kept, &each.position),
            EachHow::Some => Ok(Value::YesNo(false)),
            EachHow::All => Ok(Value::YesNo(true)),
            EachHow::Reduce(sum, _) => Ok(self.local(*sum)),
        }
    }

    pub fn run_loop(&mut self, repeated: &'a Loop) -> Outcome<'a> {
        match &repeated.over {
            LoopOver::List(list, item, place) => {
                let list = self.eval(list)?;
                for number in 0..list_len(list) {
                    self.set_local(*item, list_item(list, number).unwrap_or(Value::Nothing));
                    if let Some(place) = place {
                        self.set_local(*place, Value::Number(number as f64));
                    }
                    if self.ends_with(&repeated.body)? {
                        break;
                    }
                }
            }
            LoopOver::Range { from, to, inclusive, item, place } => {
                let (from, to) = (self.eval_number(from)?, self.eval_number(to)?);
                let mut number = 0.0;
                while from + number < to || (*inclusive && from + number == to) {
                    self.set_local(*item, Value::Number(from + number));
                    if let Some(place) = place {
                        self.set_local(*place, Value::Number(number));
                    }
                    if self.ends_with(&repeated.body)? {
                        break;
                    }
                    number += 1.0;
                }
            }
            LoopOver::While(condition) => loop {
                if let Some(condition) = condition
                    && !self.eval_yes(condition)?
                {
                    break;
                }
                if self.ends_with(&repeated.body)? {
                    break;
                }
            },
        }
        Ok(Value::Nothing)
    }

    /// Runs the body of a loop once; says whether that ends it.
    fn ends_with(&mut self, body: &'a Expr) -> Result<bool, Stop<'a>> {
        match self.eval(body) {
            Ok(_) | Err(Stop::Continue) => Ok(false),
            Err(Stop::Break) => Ok(true),
            Err(other) => Err(other),
        }
    }

    pub fn count_in(&mut self, [a, b]: [Value<'a>; 2]) -> Value<'a> {
        let (a, b) = (words(a), words(b));
        self.charge(a.steps() + a.len() * b.steps().max(b.len() / 8));
        Value::Number(a.iter().filter(|word| b.contains(word)).count() as f64)
    }
}

/// A place in a list, counted from its end if it is negative.
fn place_in<'a>(place: f64, items: usize, position: &Position) -> Result<usize, Stop<'a>> {
    let from_start = if place < 0.0 { items as f64 + place } else { place };
    if place.fract() != 0.0 || !(0.0..items as f64).contains(&from_start) {
        let message = format!("there is no item {place}: the list has {items}, counted from 0");
        return Err(fail(Some(position), message));
    }
    Ok(from_start as usize)
}
