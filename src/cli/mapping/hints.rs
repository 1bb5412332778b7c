//! What columns that nothing uses were perhaps meant to be.

use std::collections::BTreeSet;

use crate::cli::infer::words;
use crate::domain::canonical::folded;
use crate::domain::text::nearest;
use crate::domain::vocabulary::Vocabulary;
use crate::rules::language::catalogue::IMPORTABLE;

/// What no column of a file was found for.
pub struct Lacks<'a> {
    pub ids: bool,
    pub names: bool,
    /// All facts and attributes but these.
    pub but: &'a BTreeSet<&'a str>,
}

/// What an unused column was perhaps meant to be, and what to write then.
pub fn hint(vocabulary: &Vocabulary, name: &str, lacks: &Lacks) -> Option<String> {
    let is_one_of = |names: &[&str]| names.contains(&folded(name).as_str());
    match () {
        () if lacks.ids && is_one_of(&words::IDS) => Some(format!(
            "no column has the ids of leads, so rows are numbered: if \"{name}\" has them, write id = \"{name}\" \
             under [import] in facts.toml"
        )),
        () if lacks.names && is_one_of(&words::NAMES) => Some(format!(
            "no column has the names of leads: if \"{name}\" has them, write display_name = \"{name}\" under \
             [import] in facts.toml"
        )),
        () => looks_like(vocabulary, name, lacks.but),
    }
}

/// What an unused column was perhaps meant to be, by the words that files use and by its spelling, and what to write then.
/// `found` are the facts and attributes that other columns are already.
fn looks_like(vocabulary: &Vocabulary, name: &str, found: &BTreeSet<&str>) -> Option<String> {
    let import = &vocabulary.import;
    // A unit behind the name is not part of it: `budget (EUR)`.
    let called = folded(name.split(['(', '[']).next().unwrap_or(name));
    let is_called = |words: &[&str]| words.contains(&called.as_str());
    let hint = |what: &str, write: String| {
        Some(format!("the column \"{name}\" is not used: if it is {what}, write {write} in facts.toml"))
    };
    let fact_hint = |fact: &str| {
        let attribute = vocabulary.attributes.contains_key(fact);
        let write = match attribute {
            true => format!("column = \"{name}\" under [attributes.{fact}]"),
            false => format!("{fact} = \"{name}\" under [columns]"),
        };
        hint(fact, write)
    };

    let is_missing = |fact: &&str| !found.contains(fact);
    let of_ours = words::CALLED.iter().find(|(fact, words)| is_missing(fact) && is_called(words));
    let of_shipped = || {
        let known = |fact: &&str| vocabulary.attributes.contains_key(*fact);
        words::SHIPPED.iter().find(|(fact, words)| is_missing(fact) && known(fact) && is_called(words))
    };
    if let Some((fact, _)) = of_ours.or_else(of_shipped) {
        return fact_hint(fact);
    }
    let behaviour = |behaviour: &&words::Behaviour| {
        vocabulary.activities.contains_key(behaviour.activity)
            && !import.activities.contains_key(behaviour.activity)
            && (is_called(behaviour.count) || is_called(behaviour.last))
    };
    if let Some(of) = words::BEHAVIOURS.iter().find(behaviour) {
        let part = if is_called(of.count) { "count" } else { "last" };
        let what = match part {
            "count" => format!("how often there was the activity {}", of.activity),
            _ => format!("the day of the last activity {}", of.activity),
        };
        return hint(&what, format!("{part} = \"{name}\" under [columns.activity.{}]", of.activity));
    }

    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for fact in IMPORTABLE {
        wanted.push((fact, import.columns.get(fact).map_or(fact, |of| of.name.as_str())));
        wanted.push((fact, fact));
    }
    for (name, attribute) in &vocabulary.attributes {
        let column = attribute.column.as_ref().map(|of| of.name.as_str()).filter(|name| !name.is_empty());
        wanted.push((name, column.unwrap_or(name)));
        wanted.push((name, name));
    }
    wanted.retain(|(fact, _)| !found.contains(fact));
    let plain = |text: &str| folded(text).replace([' ', '-', '.'], "_");
    let spelled: Vec<String> = wanted.iter().map(|(_, column)| plain(column)).collect();
    let near = nearest(&plain(&called), spelled.iter().map(String::as_str))?;
    let (fact, _) = wanted[spelled.iter().position(|known| known == near)?];
    fact_hint(fact)
}
