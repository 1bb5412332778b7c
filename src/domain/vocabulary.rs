//! The words that facts.toml declares: closed, so that a slip is an error and not silence.

use std::collections::BTreeMap;

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
        }
    }
}

/// An attribute that leads may carry and scripts may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub kind: AttributeType,
    pub unit: String,
    pub meaning: String,
    /// The column of an imported file, if it is not the attribute's name.
    pub column: Option<String>,
    /// Whether the vendor can change it, as opposed to only observe it.
    pub actionable: bool,
}

/// A word with its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Term {
    pub meaning: String,
    pub unit: String,
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
    /// Cell contents that mean "unknown", beside the empty cell.
    pub missing: Vec<String>,
    /// Built-in fact → column.
    pub columns: BTreeMap<String, String>,
}

/// Everything that facts.toml declares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vocabulary {
    pub attributes: BTreeMap<String, Attribute>,
    pub activities: BTreeMap<String, Term>,
    pub roles: BTreeMap<String, Term>,
    pub seniorities: BTreeMap<String, Term>,
    pub factors: BTreeMap<String, Term>,
    pub import: Import,
}
