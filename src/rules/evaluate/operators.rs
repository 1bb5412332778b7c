//! What operators make of values, without any facts.

use super::evaluator::{Failure, Outcome, Stop};
use super::value::{Value, Words};
use crate::domain::canonical::same_word;
use crate::domain::score::Position;
use crate::rules::program::{Arithmetic, Case, Comparison, TextTest};

pub fn fail<'a>(position: Option<&Position>, message: impl Into<String>) -> Stop<'a> {
    Stop::Failed(Box::new(Failure { position: position.cloned(), message: message.into() }))
}

pub fn finite<'a>(value: f64, position: &Position) -> Outcome<'a> {
    if value.is_finite() {
        Ok(Value::Number(value))
    } else if value.is_nan() {
        Err(fail(Some(position), "the result is not a number"))
    } else {
        Err(fail(Some(position), "the result is infinite"))
    }
}

pub fn arithmetic<'a>(operator: Arithmetic, a: f64, b: f64, position: &Position) -> Outcome<'a> {
    let value = match operator {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide | Arithmetic::Remainder if b == 0.0 => {
            return Err(fail(Some(position), "division by zero"));
        }
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => a % b,
    };
    finite(value, position)
}

pub fn compare(how: Comparison, a: f64, b: f64) -> bool {
    match how {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        Comparison::Less => a < b,
        Comparison::LessOrEqual => a <= b,
        Comparison::Greater => a > b,
        Comparison::GreaterOrEqual => a >= b,
    }
}

// The compiler has checked the types. A value of another type can only be a defect of the compiler, and a
// service must not fall over it: it reads as zero, no, or nothing, and the debug build stops.

pub fn num(value: Value) -> f64 {
    match value {
        Value::Number(number) => number,
        other => mistyped(other, 0.0),
    }
}

pub fn yes(value: Value) -> bool {
    match value {
        Value::YesNo(yes) => yes,
        other => mistyped(other, false),
    }
}

pub fn text_of(value: Value<'_>) -> &str {
    match value {
        Value::Text(text) => text,
        other => mistyped(other, ""),
    }
}

pub fn words(value: Value) -> Words {
    match value {
        Value::Words(words) => words,
        Value::List(items) => Words::Made(items),
        other => mistyped(other, Words::Fact(&[], None)),
    }
}

pub fn mistyped<T>(value: Value, instead: T) -> T {
    debug_assert!(false, "the compiler let a {value:?} pass");
    instead
}

pub fn same(a: Value, b: Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => same_word(a, b),
        (Value::YesNo(a), Value::YesNo(b)) => a == b,
        (a, _) => mistyped(a, false),
    }
}

pub fn is_in(item: Value, list: Value) -> bool {
    match (item, list) {
        (Value::Text(word), Value::Words(words)) => words.contains(word),
        (Value::Number(number), Value::Numbers(numbers)) => numbers.contains(&number),
        (item, Value::List(items)) => items.iter().any(|other| same(*other, item)),
        // The list is an empty one, of nothing in particular.
        (_, Value::Words(words)) if words.len() == 0 => false,
        (item, _) => mistyped(item, false),
    }
}

pub fn text_test(test: TextTest, text: Value, part: Value) -> bool {
    let (Value::Text(text), Value::Text(part)) = (text, part) else { return mistyped(text, false) };
    let (text, part) = (text.to_lowercase(), part.to_lowercase());
    match test {
        TextTest::Contains => text.contains(&part),
        TextTest::StartsWith => text.starts_with(&part),
        TextTest::EndsWith => text.ends_with(&part),
    }
}

pub fn matches(case: &Case, subject: Value) -> bool {
    match (case, subject) {
        (Case::Number(n), Value::Number(subject)) => *n == subject,
        (Case::Range { from, to, inclusive: false }, Value::Number(n)) => *from <= n && n < *to,
        (Case::Range { from, to, inclusive: true }, Value::Number(n)) => *from <= n && n <= *to,
        (Case::Text(word), Value::Text(subject)) => same_word(word, subject),
        (Case::YesNo(yes), Value::YesNo(subject)) => *yes == subject,
        _ => false,
    }
}
