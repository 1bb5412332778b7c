//! The words that facts.toml declares: closed, so that a slip is an error and not silence.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::canonical::with_folded;
use super::lead::LeadStage;
use super::time::Zone;
use super::written::Decimal;

/// The type of a declared attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeType {
    /// A finite number.
    Number,
    /// Any words.
    Text,
    /// One of these words.
    Choice(Vec<String>),
    /// Yes or no.
    YesNo,
    /// Several words.
    List,
    /// An amount in the deployment's currency; scripts see the number.
    Money,
    /// A day, written as 2026-11-26; scripts ask how far it is away.
    Date,
}

impl AttributeType {
    /// The type as facts.toml and `rules facts` name it.
    pub fn label(&self) -> &'static str {
        match self {
            AttributeType::Number => "number",
            AttributeType::Text => "text",
            AttributeType::Choice(_) => "choice",
            AttributeType::YesNo => "yes_no",
            AttributeType::List => "list",
            AttributeType::Money => "money",
            AttributeType::Date => "date",
        }
    }
}

/// An attribute that leads may carry and scripts may read.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    pub kind: AttributeType,
    pub unit: String,
    pub meaning: String,
    /// The column of an imported file, if it is not the attribute's name.
    pub column: Option<Column>,
    /// What lies outside is a slip: unknown, when it comes from a file.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Whether a choice may have no other words.
    pub closed: bool,
    /// Whether the vendor can change it, as opposed to only observe it.
    pub actionable: bool,
}

/// A word with its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Term {
    pub meaning: String,
    pub unit: String,
    /// Of a type of activity or a role: whether the vendor can bring it about.
    pub actionable: bool,
}

/// A code that says why a lead left its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReason {
    pub meaning: String,
    /// The stages that it leads to; none means all of them.
    pub stages: Vec<LeadStage>,
}

impl StageReason {
    /// Whether a lead may come to a stage for this reason.
    pub fn fits(&self, stage: LeadStage) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }
}

/// A column of an imported file, and how it is written where that differs from the file's way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    pub name: String,
    pub decimal: Option<Decimal>,
    /// As strptime has it, such as `%d.%m.%Y`.
    pub date: Option<String>,
}

/// The columns that tell of an activity: how often it happened, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActivityColumns {
    pub count: Option<Column>,
    pub last: Option<Column>,
    /// The sum of what one of them amounts to, such as hours.
    pub amount: Option<Column>,
}

/// The columns that tell of one contact; a part that is the same in each row is written with `=` before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactColumns {
    pub name: String,
    pub title: Option<String>,
    pub department: Option<String>,
    pub seniority: Option<String>,
    pub role: Option<String>,
    pub inbound: Option<String>,
    pub outbound: Option<String>,
    pub last: Option<String>,
}

/// How the columns of an imported file become facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Import {
    /// The column with the row's id; rows are numbered if there is none.
    pub id: Option<String>,
    /// The column with the name of the company or person.
    pub display_name: Option<String>,
    /// Whether rows are persons (else companies).
    pub person: bool,
    /// Cell contents that mean "unknown", beside those that always do.
    pub missing: Vec<String>,
    /// How numbers and dates are written, unless a column says otherwise.
    pub decimal: Option<Decimal>,
    pub date: Option<String>,
    /// Built-in fact → column.
    pub columns: BTreeMap<String, Column>,
    /// Declared activity → its columns.
    pub activities: BTreeMap<String, ActivityColumns>,
    pub contacts: Vec<ContactColumns>,
}

/// Words that mean another one: the folded alias → the word that is meant, which stands for itself too.
pub type Meanings = BTreeMap<String, String>;

/// For each fact its words that mean another one.
pub type Aliases = BTreeMap<String, Meanings>;

/// The word that is meant by one.
pub fn meant<'a>(meanings: Option<&'a Meanings>, word: &'a str) -> &'a str {
    let found = meanings.and_then(|meanings| with_folded(word, |word| meanings.get(word)));
    found.map_or(word, String::as_str)
}

/// Everything that facts.toml declares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vocabulary {
    pub attributes: BTreeMap<String, Attribute>,
    pub activities: BTreeMap<String, Term>,
    /// By type of activity, what is told of one beside its amount.
    pub properties: BTreeMap<String, BTreeMap<String, Attribute>>,
    /// What is told of a contact beside what every contact has.
    pub contact_attributes: BTreeMap<String, Attribute>,
    pub roles: BTreeMap<String, Term>,
    pub seniorities: BTreeMap<String, Term>,
    pub factors: BTreeMap<String, Term>,
    /// Why leads are rejected, lost, recycled or churn; none means that any word will do.
    pub reasons: BTreeMap<String, StageReason>,
    pub import: Import,
    pub aliases: Aliases,
    /// Where weekdays and hours are told.
    pub zone: Zone,
}

/// All words that mean the same as this one, folded; none if it has no aliases.
pub fn spellings<'a>(meanings: Option<&'a Meanings>, word: &str) -> impl Iterator<Item = &'a str> {
    let known = meanings.and_then(|known| Some((known, with_folded(word, |word| known.get(word))?)));
    known.into_iter().flat_map(|(known, meant)| {
        known.iter().filter(move |(_, other)| *other == meant).map(|(spelling, _)| spelling.as_str())
    })
}

impl Vocabulary {
    /// The word that is meant by one, for a fact that has aliases.
    pub fn meant<'a>(&'a self, fact: &str, word: &'a str) -> &'a str {
        meant(self.aliases.get(fact), word)
    }
}
