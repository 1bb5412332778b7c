//! The types of the rule language, known at compile time.

use std::fmt;
use std::sync::Arc;

/// The words that a choice may be.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Choices {
    /// Whose choices these are, such as "growth_stage".
    pub of: String,
    pub words: Vec<String>,
}

/// The type of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// A finite 64-bit floating-point number; whole numbers are exact up to 2⁵³.
    Number,
    YesNo,
    Text,
    /// A text that is one of a closed list.
    Choice(Arc<Choices>),
    /// A day.
    Date,
    /// Several words.
    Words,
    /// Several numbers.
    Numbers,
    /// Several values of another type.
    List(Arc<Type>),
    /// A list without items, which any list may be.
    EmptyList,
    /// An object map: values by their names, which are known and sorted.
    Record(Arc<Vec<(String, Type)>>),
    /// `contacts`
    Contacts,
    /// `activity("…")`: each activity type is a type of its own. Without one, `activities`: all of them.
    Activity(Option<Arc<str>>),
    /// `icp`
    Icp,
    /// A statement without a value.
    Nothing,
    /// Does not come back: `return`.
    Never,
    /// Already reported as wrong: fits everywhere, so that one slip is told once.
    Wrong,
}

impl Type {
    pub fn is_text(&self) -> bool {
        matches!(self, Type::Text | Type::Choice(_) | Type::Wrong)
    }

    pub fn is(&self, other: &Type) -> bool {
        self == other
            || matches!(self, Type::Wrong | Type::Never)
            || (*self == Type::EmptyList && other.items().is_some())
    }

    /// The list of items of a type.
    pub fn list_of(item: Type) -> Type {
        match item {
            Type::Number => Type::Numbers,
            Type::Wrong => Type::Wrong,
            text if text.is_text() => Type::Words,
            other => Type::List(Arc::new(other)),
        }
    }

    /// The type of a list's items.
    pub fn items(&self) -> Option<Type> {
        match self {
            Type::Words => Some(Type::Text),
            Type::Numbers => Some(Type::Number),
            Type::List(items) => Some((**items).clone()),
            Type::EmptyList | Type::Wrong => Some(Type::Wrong),
            _ => None,
        }
    }

    /// The type of a value that is of either type; `None` if they don't go together.
    pub fn join(self, other: Type) -> Option<Type> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Type::Never, t) | (t, Type::Never) => Some(t),
            (Type::Wrong, _) | (_, Type::Wrong) => Some(Type::Wrong),
            (Type::EmptyList, list) | (list, Type::EmptyList) if list.items().is_some() => Some(list),
            (a, b) if a.is_text() && b.is_text() => Some(Type::Text),
            _ => None,
        }
    }
}

/// As in "… must be a number, is a word".
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Number => "a number",
            Type::YesNo => "a yes/no",
            Type::Text => "a word",
            Type::Choice(_) => "a word",
            Type::Date => "a date",
            Type::Words => "a list of words",
            Type::Numbers => "a list of numbers",
            Type::List(_) => "a list",
            Type::EmptyList => "an empty list",
            Type::Record(_) => "an object map",
            Type::Contacts => "the contacts",
            Type::Activity(Some(_)) => "an activity type",
            Type::Activity(None) => "the activities",
            Type::Icp => "the profile",
            Type::Nothing => "nothing",
            Type::Never => "nothing",
            Type::Wrong => "something wrong",
        })
    }
}
