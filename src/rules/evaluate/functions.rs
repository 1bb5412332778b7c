//! The functions of the host: of numbers, of tables, and of activities in a window whose days are computed.

use super::evaluator::{Evaluator, Outcome};
use super::operators::{fail, finite, num};
use super::value::Value;
use crate::domain::score::Position;
use crate::rules::language::functions::Math;
use crate::rules::program::Expr;
use crate::rules::source::table::{Cell, Sought, Table};

impl<'a> Evaluator<'a> {
    /// A row that is not there, and a cell that is empty, are unknown.
    pub fn lookup(&mut self, table: &'a Table, column: usize, keys: &'a [Expr]) -> Outcome<'a> {
        let mut sought = Vec::with_capacity(keys.len());
        for key in keys {
            let key = self.eval(key)?;
            if let Value::Text(word) = key {
                self.charge(word.len() / 16);
            }
            sought.push(key);
        }
        match Self::find(table, column, &sought) {
            Some(Cell::Number(number)) => Ok(Value::Number(*number)),
            Some(Cell::YesNo(yes)) => Ok(Value::YesNo(*yes)),
            Some(Cell::Text(text)) => Ok(Value::Text(text)),
            Some(Cell::Empty) | None => Err(self.stop_unknown(format!("lookup(\"{}\")", table.name).into())),
        }
    }

    pub fn find(table: &'a Table, column: usize, keys: &[Value<'a>]) -> Option<&'a Cell> {
        let sought = keys.iter().map(|key| match key {
            Value::Text(word) => Sought::Text(word),
            other => Sought::Number(num(*other)),
        });
        table.find(column, sought)
    }

    pub fn window(&mut self, kind: &str, decayed: bool, days: f64, position: &Position) -> Outcome<'a> {
        if days <= 0.0 {
            return Err(fail(Some(position), format!("the number of days is {days}, it must be above 0")));
        }
        let Some(facts) = self.lead_facts() else { return Ok(Value::Number(0.0)) };
        self.charge(facts.cost());
        let value = if decayed { facts.decayed(kind, days) } else { facts.within(kind, days) };
        finite(value, position)
    }

    pub fn math(&mut self, math: Math, args: &'a [Expr], position: &Position) -> Outcome<'a> {
        let first = num(self.eval(&args[0])?);
        let mut rest = [0.0; 2];
        if matches!(math, Math::Min | Math::Max) {
            let mut best = first;
            for arg in &args[1..] {
                let next = num(self.eval(arg)?);
                best = if math == Math::Min { best.min(next) } else { best.max(next) };
            }
            return Ok(Value::Number(best));
        }
        for (place, arg) in rest.iter_mut().zip(&args[1..]) {
            *place = num(self.eval(arg)?);
        }
        Self::math_of(math, &[first, rest[0], rest[1]], position)
    }

    /// A function of numbers; those that it does not take count for nothing.
    pub fn math_of(math: Math, args: &[f64], position: &Position) -> Outcome<'a> {
        let arg = |place: usize| args.get(place).copied().unwrap_or_default();
        let (first, second, third) = (arg(0), arg(1), arg(2));
        let value = match math {
            Math::Min => args.iter().copied().fold(first, f64::min),
            Math::Max => args.iter().copied().fold(first, f64::max),
            Math::Ratio if second == 0.0 => return Err(fail(Some(position), "division by zero in `ratio`")),
            Math::Ratio => (first / second).clamp(0.0, 1.0),
            Math::Clamp if second > third => {
                return Err(fail(Some(position), format!("clamp goes from {second} down to {third}")));
            }
            Math::Clamp => first.clamp(second, third),
            Math::Abs => first.abs(),
            Math::Round => libm::round(first),
            Math::Floor => libm::floor(first),
            Math::Ceil => libm::ceil(first),
            Math::Sqrt => libm::sqrt(first),
            Math::Ln => libm::log(first),
            Math::Exp => libm::exp(first),
            Math::Pow => libm::pow(first, second),
        };
        finite(value, position)
    }
}
