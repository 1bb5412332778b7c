//! Filters of lists: a part of the filter language of the Google API Improvement Proposals (AIP-160).
//!
//! `grade = "A" AND (country = "DE" OR country = "AT") AND NOT stage = lost AND last_activity_time:*`
//!
//! A field that is not set is unknown: it meets no comparison, whether negated or not. `field:*` asks whether it is
//! set. A parsed filter is in negation normal form, so that every store answers with plain two-valued logic.

mod parse;

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::time::Time;
use super::vocabulary::{Aliases, spellings};

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these words, or an enum value of the API with this prefix before the word in capitals.
    Word(&'static str, &'static [&'static str]),
    /// The name of a resource; `profiles/` and such may be left out.
    Name(&'static str),
    Number,
    /// Points with up to two decimals, kept in hundredths.
    Points,
    Time,
    YesNo,
    /// Texts by key: `external_ids.crm`.
    Keyed,
    /// Text that is equal whatever its case.
    Folded,
    /// The host of an address, however it is written.
    Host,
    /// Values of any type by key: `attributes.pain`. Texts among them are equal whatever their case.
    Attribute,
}

impl Kind {
    /// Whether it has parts.
    fn is_keyed(self) -> bool {
        matches!(self, Kind::Keyed | Kind::Attribute)
    }
}

/// A field that a list can be filtered by.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether the list can be ordered by it too.
    pub orders: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// The text has the operand somewhere in it.
    Contains,
    ContainsNot,
}

impl Comparison {
    fn negated(self) -> Self {
        match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Less => Comparison::AtLeast,
            Comparison::AtMost => Comparison::Greater,
            Comparison::Greater => Comparison::AtMost,
            Comparison::AtLeast => Comparison::Less,
            Comparison::Contains => Comparison::ContainsNot,
            Comparison::ContainsNot => Comparison::Contains,
        }
    }
}

/// The value of a field, or what it is compared with.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Operand {
    Text(String),
    Number(f64),
    Time(Time),
    YesNo(bool),
}

/// A condition on the items of a list. [`Filter::default`] lets all pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Compare { field: &'static Field, key: Option<String>, by: Comparison, with: Operand },
    Present { field: &'static Field, key: Option<String>, wanted: bool },
}

impl Default for Filter {
    fn default() -> Self {
        Filter::All(Vec::new())
    }
}

/// Something wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {message}")]
pub struct FilterError {
    /// Counted from 1.
    pub at: usize,
    pub message: String,
}

/// The longest filter, in bytes.
pub const MAX_LENGTH: usize = 4_000;

/// The most comparisons when all spellings of words are counted.
const MAX_SPELLED: usize = 400;

impl Filter {
    /// What has exactly this value in a field; nothing if there is no such field.
    pub fn equal(fields: &'static [Field], name: &str, with: Operand) -> Self {
        match fields.iter().find(|field| field.name == name) {
            Some(field) => Filter::Compare { field, key: None, by: Comparison::Equal, with },
            None => Filter::Any(Vec::new()),
        }
    }

    /// Reads a filter as a request has it; what is wrong goes to the checker, under `filter`.
    pub fn read(c: &mut Checker, text: &str, fields: &'static [Field]) -> Self {
        Filter::parse(text, fields).unwrap_or_else(|errors| {
            errors.into_iter().for_each(|error| c.wrong_field("filter", error.to_string()));
            Filter::default()
        })
    }

    /// Reads a filter over some fields; an empty text lets all pass. Tells all unknown fields and wrong values at
    /// once, or the first place where the text is no filter.
    pub fn parse(text: &str, fields: &'static [Field]) -> Result<Self, Vec<FilterError>> {
        if text.len() > MAX_LENGTH {
            let message = format!("it has {} bytes, at most {MAX_LENGTH} are allowed", text.len());
            return Err(vec![FilterError { at: 1, message }]);
        }
        parse::parse(text, fields)
    }

    /// The filter with each word of a fact spelled in all ways that mean the same: what is stored stands there as it was
    /// written. An error if that makes more comparisons than stores take.
    pub fn spelled_out(self, aliases: &Aliases) -> Result<Self, String> {
        let spelled = self.each_spelled(aliases);
        let comparisons = spelled.comparisons();
        match comparisons <= MAX_SPELLED {
            true => Ok(spelled),
            false => Err(format!(
                "with the aliases of facts.toml it has {comparisons} comparisons, at most {MAX_SPELLED} are allowed"
            )),
        }
    }

    fn each_spelled(self, aliases: &Aliases) -> Self {
        let all = |parts: Vec<Filter>| parts.into_iter().map(|part| part.each_spelled(aliases)).collect();
        match self {
            Filter::All(parts) => Filter::All(all(parts)),
            Filter::Any(parts) => Filter::Any(all(parts)),
            Filter::Compare {
                field,
                key,
                by: by @ (Comparison::Equal | Comparison::NotEqual),
                with: Operand::Text(word),
            } if matches!(field.kind, Kind::Folded | Kind::Attribute) => {
                let meanings = aliases.get(key.as_deref().unwrap_or(field.name));
                let spelled = spellings(meanings, &word).map(|spelling| Filter::Compare {
                    field,
                    key: key.clone(),
                    by,
                    with: Operand::Text(spelling.to_owned()),
                });
                let mut spelled: Vec<Filter> = spelled.collect();
                match (spelled.len(), by) {
                    (0, _) => Filter::Compare { field, key, by, with: Operand::Text(word) },
                    (1, _) => spelled.remove(0),
                    (_, Comparison::Equal) => Filter::Any(spelled),
                    _ => Filter::All(spelled),
                }
            }
            other => other,
        }
    }

    fn comparisons(&self) -> usize {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().map(Filter::comparisons).sum(),
            Filter::Present { .. } | Filter::Compare { .. } => 1,
        }
    }

    /// Whether an item passes; `get` gives its fields.
    pub fn matches(&self, get: &impl Fn(&Field, Option<&str>) -> Option<Operand>) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.matches(get)),
            Filter::Any(parts) => parts.iter().any(|part| part.matches(get)),
            Filter::Present { field, key, wanted } => get(field, key.as_deref()).is_some() == *wanted,
            Filter::Compare { field, key, by, with } => {
                get(field, key.as_deref()).is_some_and(|value| compare(&value, *by, with))
            }
        }
    }
}

fn compare(value: &Operand, by: Comparison, with: &Operand) -> bool {
    if std::mem::discriminant(value) != std::mem::discriminant(with) {
        return false;
    }
    let contains = || match (value, with) {
        (Operand::Text(value), Operand::Text(part)) => value.contains(part.as_str()),
        _ => false,
    };
    match by {
        Comparison::Equal => value == with,
        Comparison::NotEqual => value != with,
        Comparison::Less => value < with,
        Comparison::AtMost => value <= with,
        Comparison::Greater => value > with,
        Comparison::AtLeast => value >= with,
        Comparison::Contains => contains(),
        Comparison::ContainsNot => !contains(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static FIELDS: [Field; 9] = [
        Field { name: "owner", kind: Kind::Text, orders: false },
        Field { name: "stage", kind: Kind::Word("LEAD_STAGE_", &["new", "mql"]), orders: false },
        Field { name: "total", kind: Kind::Points, orders: true },
        Field { name: "update_time", kind: Kind::Time, orders: true },
        Field { name: "stale", kind: Kind::YesNo, orders: false },
        Field { name: "external_ids", kind: Kind::Keyed, orders: false },
        Field { name: "country", kind: Kind::Folded, orders: false },
        Field { name: "domain", kind: Kind::Host, orders: false },
        Field { name: "attributes", kind: Kind::Attribute, orders: false },
    ];

    /// Whether an item with owner "an", stage mql, 12.5 points, the id 7 in crm, from Österreich, at acme.example, with a
    /// pain of 0.5 and an open plan passes.
    fn passes(text: &str) -> bool {
        let get = |field: &Field, key: Option<&str>| match (field.name, key) {
            ("owner", None) => Some(Operand::Text("an".into())),
            ("stage", None) => Some(Operand::Text("mql".into())),
            ("total", None) => Some(Operand::Number(1_250.0)),
            ("external_ids", Some("crm")) => Some(Operand::Text("7".into())),
            ("country", None) => Some(Operand::Text("österreich".into())),
            ("domain", None) => Some(Operand::Text("acme.example".into())),
            ("attributes", Some("pain")) => Some(Operand::Number(0.5)),
            ("attributes", Some("plan")) => Some(Operand::Text("open".into())),
            ("attributes", Some("trial")) => Some(Operand::YesNo(true)),
            _ => None,
        };
        Filter::parse(text, &FIELDS).unwrap().matches(&get)
    }

    #[test]
    fn comparisons_and_their_joints() {
        for text in [
            "",
            "owner = an",
            "owner=\"an\" AND stage = LEAD_STAGE_MQL",
            "(owner = bo OR total >= 12.5) AND stage != new",
            "NOT (owner = bo AND stage = mql)",
            "-owner = bo",
            "owner:n",
            "external_ids.crm = 7 AND external_ids.\"crm\":*",
            "NOT update_time:*",
            "total < 13 AND total > -2",
            "country = ÖSTERREICH AND country:reich",
            "country IN (DE, \"Österreich\") AND NOT country IN (DE, CH)",
            "domain = \"https://www.ACME.example/x\" AND domain IN (acme.example, rival.example)",
            "attributes.pain >= 0.5 AND attributes.plan = OPEN AND attributes.trial = true",
            "NOT attributes.trial = false AND NOT attributes.pain IN (1, 2)",
            "update_time:* OR owner IN (an)",
        ] {
            assert!(passes(text), "{text}");
        }
        for text in [
            "owner = bo",
            "NOT (owner = an OR stage = new)",
            "owner:*  AND  total = 12",
            "update_time:*",
            "country IN (DE, AT)",
            "attributes.pain = \"0.5\"",
            "attributes.pain != x",
            "NOT attributes.other = 1",
        ] {
            assert!(!passes(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_set_meets_neither_a_comparison_nor_its_negation() {
        for comparison in ["update_time < 2026-11-21T00:00:00Z", "stale = true", "external_ids.erp = 1"] {
            assert!(!passes(comparison), "{comparison}");
            assert!(!passes(&format!("NOT {comparison}")), "{comparison}");
        }
    }

    #[test]
    fn everything_wrong_is_told_with_its_place() {
        let wrong = |text: &str| {
            let errors = Filter::parse(text, &FIELDS).unwrap_err();
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
        };
        let found = [
            wrong("ownr = an AND total = x AND stage = nwe"),
            wrong("owner = an OR stage = new AND total = 1"),
            wrong("owner = \"an"),
            wrong("owner an"),
            wrong("(owner = an"),
            wrong("stale:tru AND external_ids = 7 AND owner.x = 1 AND stage > new AND update_time = now"),
            wrong("owner = an %"),
            wrong("owner = \"\\\0\""),
            wrong("owner IN an"),
            wrong("owner IN (an"),
            wrong("owner IN ()"),
            wrong("stage IN (new, nwe) AND attributes = 1 AND attributes.list:x"),
        ];
        insta::assert_snapshot!(found.join("\n"));
        assert!(Filter::parse(&"(".repeat(4_000), &FIELDS).is_err());
        assert!(Filter::parse(&"owner = a OR ".repeat(200), &FIELDS).is_err());
        assert!(Filter::parse(&"x".repeat(MAX_LENGTH + 1), &FIELDS).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in "([a-z_]{1,6}|AND|OR|NOT|[ =<>!:().\"'*-]|\\PC){0,40}") {
            _ = Filter::parse(&text, &FIELDS);
        }

        #[test]
        fn a_negation_passes_the_others_of_what_is_set(owner in "(an|bo)", total in 0..30i32, both in any::<bool>()) {
            let joint = if both { "AND" } else { "OR" };
            let text = format!("owner = {owner} {joint} total < {total}");
            prop_assert_ne!(passes(&text), passes(&format!("NOT ({text})")));
            prop_assert_eq!(passes(&text), passes(&format!("NOT NOT ({text})")));
        }
    }
}
