//! Values, money, evidence.

use std::collections::BTreeMap;

use super::{required_time, time, timestamp};
use crate::domain::canvas::Maturity;
use crate::domain::check::Checker;
use crate::domain::value::{Evidence, FactValue, Money, Value};
use crate::grpc::pb::{self, value::Kind};

super::wire_enum!(Maturity, Maturity, Startup, Growth, Mature);

pub fn money(money: pb::Money) -> Money {
    Money { currency: money.currency_code, units: money.units, nanos: money.nanos }
}

pub fn money_out(money: &Money) -> pb::Money {
    pb::Money { currency_code: money.currency.clone(), units: money.units, nanos: money.nanos }
}

pub fn value(c: &mut Checker, field: &str, value: Option<pb::Value>) -> Value {
    match value.and_then(|value| value.kind) {
        Some(Kind::Number(number)) => Value::Number(number),
        Some(Kind::Text(text)) => Value::Text(text),
        Some(Kind::YesNo(yes)) => Value::YesNo(yes),
        Some(Kind::List(list)) => Value::List(list.values),
        Some(Kind::Money(amount)) => Value::Money(money(amount)),
        None => {
            c.wrong_field(field, "is required");
            Value::Number(0.0)
        }
    }
}

pub fn value_out(value: &Value) -> pb::Value {
    let kind = match value {
        Value::Number(number) => Kind::Number(*number),
        Value::Text(text) => Kind::Text(text.clone()),
        Value::YesNo(yes) => Kind::YesNo(*yes),
        Value::List(words) => Kind::List(pb::TextList { values: words.clone() }),
        Value::Money(amount) => Kind::Money(money_out(amount)),
    };
    pb::Value { kind: Some(kind) }
}

/// Values by name.
pub fn values(c: &mut Checker, field: &str, values: BTreeMap<String, pb::Value>) -> BTreeMap<String, Value> {
    let named = values.into_iter();
    named
        .map(|(name, given)| {
            let read = value(c, &format!("{field}[\"{name}\"]"), Some(given));
            (name, read)
        })
        .collect()
}

pub fn values_out(values: &BTreeMap<String, Value>) -> BTreeMap<String, pb::Value> {
    values.iter().map(|(name, value)| (name.clone(), value_out(value))).collect()
}

pub fn facts(c: &mut Checker, facts: BTreeMap<String, pb::FactValue>) -> BTreeMap<String, FactValue> {
    let fact = |c: &mut Checker, fact: pb::FactValue| FactValue {
        value: value(c, "value", fact.value),
        source: fact.source,
        confidence: fact.confidence,
        verified_time: time(c, "verified_time", fact.verified_time),
    };
    let named = facts.into_iter();
    named
        .map(|(name, f)| (name.clone(), c.within(format!("attributes[\"{name}\"]"), |c| fact(c, f))))
        .collect()
}

pub fn fact_out(fact: &FactValue) -> pb::FactValue {
    pb::FactValue {
        value: Some(value_out(&fact.value)),
        source: fact.source.clone(),
        confidence: fact.confidence,
        verified_time: fact.verified_time.map(timestamp),
    }
}

pub fn evidence(c: &mut Checker, evidence: Vec<pb::Evidence>) -> Vec<Evidence> {
    c.each("evidence", evidence, |c, evidence| Evidence {
        source: evidence.source,
        strength: evidence.strength,
        observed_time: required_time(c, "observed_time", evidence.observed_time),
        against: evidence.against,
    })
}

pub fn evidence_out(evidence: &[Evidence]) -> Vec<pb::Evidence> {
    let out = |evidence: &Evidence| pb::Evidence {
        source: evidence.source.clone(),
        strength: evidence.strength,
        observed_time: Some(timestamp(evidence.observed_time)),
        against: evidence.against,
    };
    evidence.iter().map(out).collect()
}
