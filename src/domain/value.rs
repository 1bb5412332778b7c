//! Values of facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::time::Time;

/// An amount of money: `units` plus `nanos` billionths, of the same sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// ISO 4217, three capital letters.
    pub currency: String,
    pub units: i64,
    #[serde(default)]
    pub nanos: i32,
}

impl Money {
    /// The amount as a plain number.
    pub fn amount(&self) -> f64 {
        self.units as f64 + f64::from(self.nanos) / 1e9
    }

    pub fn check(&self, c: &mut Checker) {
        let iso = self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        c.require(iso, "currency_code", "must be three capital letters as in ISO 4217, such as EUR");
        c.require(self.nanos.unsigned_abs() < 1_000_000_000, "nanos", "must lie within ±999,999,999");
        let signs_agree = self.units.signum() * i64::from(self.nanos.signum()) >= 0;
        c.require(signs_agree, "nanos", "must have the sign of units");
    }
}

/// One plain value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Number(f64),
    Text(String),
    YesNo(bool),
    List(Vec<String>),
    Money(Money),
}

impl Value {
    pub fn check(&self, c: &mut Checker) {
        match self {
            Value::Number(n) => c.require(n.is_finite(), "number", "must be finite"),
            Value::Text(t) => c.length("text", t, 0, 4_000),
            Value::YesNo(_) => {}
            Value::List(l) => {
                c.count("list.values", l.len(), 1_000);
                c.each("list.values", l, |c, word| {
                    if word.chars().count() > 4_000 {
                        c.wrong("has more than 4,000 characters");
                    }
                });
            }
            Value::Money(m) => c.within("money", |c| m.check(c)),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(n) => write!(f, "{n}"),
            Value::Text(t) => f.write_str(t),
            Value::YesNo(yes) => f.write_str(if *yes { "yes" } else { "no" }),
            Value::List(l) => f.write_str(&l.join(", ")),
            Value::Money(m) => write!(f, "{} {}", m.amount(), m.currency),
        }
    }
}

/// A fact as somebody recorded it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactValue {
    pub value: Value,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// 0 to 1.
    pub confidence: Option<f64>,
    /// A fact verified after the as-of time is ignored.
    pub verified_time: Option<Time>,
}

impl FactValue {
    /// A fact of which nothing is known but its value.
    pub fn of(value: Value) -> Self {
        Self { value, source: String::new(), confidence: None, verified_time: None }
    }

    pub fn check(&self, c: &mut Checker) {
        c.within("value", |c| self.value.check(c));
        c.number("confidence", self.confidence, 0.0, 1.0);
        c.length("source", &self.source, 0, 200);
    }
}

/// Evidence for a statement.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub source: String,
    /// 0 to 1.
    pub strength: Option<f64>,
    pub observed_time: Time,
    /// Whether it speaks against the statement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub against: bool,
}

impl Evidence {
    pub fn check(&self, c: &mut Checker) {
        c.length("source", &self.source, 1, 1_000);
        c.number("strength", self.strength, 0.0, 1.0);
    }
}
