//! Tests for the rules that were learnt: one account for each part of each fact, with the points that were learnt for it, so that
//! whoever edits the rules sees what an edit changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Value as Toml;

use super::{Accounts, Asked, Derived, Question, words};
use crate::domain::canonical::same_word;
use crate::domain::scorecard::bins::{Bin, Falls};
use crate::domain::scorecard::sample::{Column, Sample, UNKNOWN, Values};
use crate::domain::time::Time;

/// The most facts that have cases.
const MOST_FACTS: usize = 20;

/// The tests as a file; nothing if there are no rules.
pub fn cases(
    accounts: &Accounts,
    derived: &Derived,
    file: &str,
    as_of: Time,
    is_person: bool,
) -> Option<String> {
    let card = derived.card.as_ref()?;
    let mut out = format!(
        "# What the rules that were learnt from {file} are to make of made-up accounts: `assay rules test` runs them.\nas_of = \"{}\"\n",
        as_of.date()
    );
    if is_person {
        out += "subject = \"person\"\n";
    }
    let mut best = BTreeMap::new();
    for characteristic in card.characteristics.iter().take(MOST_FACTS) {
        let question = &accounts.questions[characteristic.column];
        let values = &accounts.sample.columns[characteristic.column].values;
        let mut lines = Vec::new();
        let mut top: Option<(i64, Toml)> = None;
        for (bin, points) in characteristic.lines() {
            let Some(value) = value_in(bin, question, values) else { continue };
            let facts = BTreeMap::from([(question.fact.clone(), value.clone())]);
            lines.push((words(bin, question), total(accounts, derived, &facts), value.clone()));
            if top.as_ref().is_none_or(|(most, _)| points > *most) {
                top = Some((points, value));
            }
        }
        if lines.is_empty() {
            continue;
        }
        // What a list holds for one word is not taken back by another.
        if let Some((_, value)) = top {
            best.entry(question.fact.clone()).or_insert(value);
        }
        _ = write!(out, "\n[[case]]\nname = {}\neach = [\n", quoted(&question.name));
        for (what, total, value) in lines {
            let what = what.replace(['\n', '\r'], " ");
            _ = writeln!(
                out,
                "  # {what}\n  {{ facts = {{ {} = {value} }}, expect = {{ total = {total} }} }},",
                question.fact
            );
        }
        out += "]\n";
    }
    let all: Vec<String> = best.iter().map(|(fact, value)| format!("{fact} = {value}")).collect();
    let most = total(accounts, derived, &best);
    _ = write!(
        out,
        "\n[[case]]\nname = \"an account that has the best of everything\"\nfacts = {{ {} }}\nexpect = {{ total = {most} }}\n",
        all.join(", ")
    );
    _ = write!(
        out,
        "\n[[case]]\nname = \"an account of which nothing is known\"\nexpect = {{ total = {} }}\n",
        total(accounts, derived, &BTreeMap::new())
    );
    Some(out)
}

fn quoted(text: &str) -> String {
    Toml::String(text.to_owned()).to_string()
}

/// A value that falls into a part; `None` where a test can't state one.
fn value_in(bin: &Bin, question: &Question, values: &Values) -> Option<Toml> {
    match (&question.asked, &bin.falls) {
        (Asked::Number(asked), Falls::Range(from, below)) if *asked == question.fact => {
            let Values::Numbers(numbers) = values else { return None };
            let is_in = |number: f64| {
                from.is_none_or(|from| number >= from) && below.is_none_or(|below| number < below)
            };
            // One that was seen: numbers of people and years have no halves.
            let seen = numbers.iter().copied().filter(|number| is_in(*number)).min_by(f64::total_cmp)?;
            let is_whole = seen.fract() == 0.0 && seen.abs() < 1e15;
            Some(if is_whole { Toml::Integer(seen as i64) } else { Toml::Float(seen) })
        }
        (Asked::Word, Falls::OneOf(words)) => Some(Toml::String(words.first()?.clone())),
        (Asked::YesNo, Falls::OneOf(words)) => Some(Toml::Boolean(words.first()? == "yes")),
        (Asked::Has(word), Falls::OneOf(words)) if words.first()? == "yes" => {
            Some(Toml::Array(vec![Toml::String(word.clone())]))
        }
        _ => None,
    }
}

/// The points that were learnt for an account of which these facts are known.
fn total(accounts: &Accounts, derived: &Derived, facts: &BTreeMap<String, Toml>) -> i64 {
    let Some(card) = &derived.card else { return 0 };
    let column = |(question, column): (&Question, &Column)| {
        let value = facts.get(&question.fact);
        let values = match (&column.values, &question.asked) {
            (Values::Numbers(_), Asked::Number(asked)) => {
                let value = value.filter(|_| *asked == question.fact);
                let number =
                    value.and_then(|value| value.as_float().or(value.as_integer().map(|n| n as f64)));
                Values::Numbers(vec![number.unwrap_or(f64::NAN)])
            }
            (Values::Numbers(_), _) => Values::Numbers(vec![f64::NAN]),
            (Values::Words { words, .. }, asked) => {
                let said = match (asked, value) {
                    (Asked::Word, Some(Toml::String(word))) => Some(word.as_str()),
                    (Asked::YesNo, Some(Toml::Boolean(yes))) => Some(if *yes { "yes" } else { "no" }),
                    (Asked::Has(word), Some(Toml::Array(list))) => {
                        let has = list.iter().filter_map(Toml::as_str).any(|other| same_word(other, word));
                        Some(if has { "yes" } else { "no" })
                    }
                    _ => None,
                };
                let place = said.and_then(|said| words.iter().position(|word| same_word(word, said)));
                let place = place.and_then(|place| u32::try_from(place).ok()).unwrap_or(UNKNOWN);
                Values::Words { words: words.clone(), places: vec![place] }
            }
        };
        Column { name: column.name.clone(), values }
    };
    let columns = accounts.questions.iter().zip(&accounts.sample.columns).map(column).collect();
    card.totals(&Sample { columns, won: vec![false] }).first().copied().unwrap_or_default()
}
