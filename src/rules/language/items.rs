//! The items of collections, and the names that a condition on them can use: those of a contact, or of an activity.

use std::sync::Arc;

use super::types::{Choices, Type};
use crate::domain::time::WEEKDAYS;
use crate::domain::vocabulary::{Attribute, AttributeType, Vocabulary};

/// What a collection holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    Contact,
    Activity,
}

impl ItemKind {
    /// One item, as conditions may write it before a dot.
    pub fn as_str(self) -> &'static str {
        match self {
            ItemKind::Contact => "contact",
            ItemKind::Activity => "activity",
        }
    }

    /// All of them.
    pub fn plural(self) -> &'static str {
        match self {
            ItemKind::Contact => "contacts",
            ItemKind::Activity => "activities",
        }
    }
}

/// A part of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemField {
    Title,
    Department,
    Seniority,
    DecisionRole,
    Inbound,
    Outbound,
    DaysSinceEngaged,
    Amount,
    DaysAgo,
    ActivityType,
    /// The id of the contact who did it.
    Contact,
    /// The day of the week, and the hour, in the zone that facts.toml declares.
    Weekday,
    Hour,
    /// What facts.toml declares of it.
    Declared,
}

impl ItemField {
    pub fn ty(self, vocabulary: &Vocabulary) -> Type {
        let choice = |of: &str, words: Vec<String>| Type::Choice(Arc::new(Choices { of: of.into(), words }));
        match self {
            ItemField::Title | ItemField::Department | ItemField::Contact => Type::Text,
            ItemField::Seniority => choice("seniorities", vocabulary.seniorities.keys().cloned().collect()),
            ItemField::DecisionRole => choice("roles", vocabulary.roles.keys().cloned().collect()),
            ItemField::ActivityType => choice("activities", vocabulary.activities.keys().cloned().collect()),
            ItemField::Inbound
            | ItemField::Outbound
            | ItemField::DaysSinceEngaged
            | ItemField::Amount
            | ItemField::Hour
            | ItemField::DaysAgo => Type::Number,
            ItemField::Weekday => choice("weekdays", WEEKDAYS.map(String::from).to_vec()),
            ItemField::Declared => Type::Wrong,
        }
    }
}

/// The type of a value that facts.toml declares.
pub fn declared_type(name: &str, attribute: &Attribute) -> Type {
    match &attribute.kind {
        AttributeType::Number | AttributeType::Money => Type::Number,
        AttributeType::Text => Type::Text,
        AttributeType::YesNo => Type::YesNo,
        AttributeType::List => Type::Words,
        AttributeType::Date => Type::Date,
        AttributeType::Choice(words) => {
            Type::Choice(Arc::new(Choices { of: name.into(), words: words.clone() }))
        }
    }
}

/// A name that means a part of an item in a condition on it.
#[derive(Debug)]
pub struct ItemName {
    pub of: ItemKind,
    pub name: &'static str,
    pub field: ItemField,
    /// The name of its type.
    pub ty: &'static str,
    pub meaning: &'static str,
}

const fn item(
    of: ItemKind,
    name: &'static str,
    field: ItemField,
    ty: &'static str,
    meaning: &'static str,
) -> ItemName {
    ItemName { of, name, field, ty, meaning }
}

/// All names of items. The contact of an activity has its parts after a dot: `contact.title`.
pub const ITEM_NAMES: [ItemName; 13] = [
    item(ItemKind::Contact, "title", ItemField::Title, "text", "the contact's job title"),
    item(ItemKind::Contact, "department", ItemField::Department, "text", "where the contact works"),
    item(ItemKind::Contact, "seniority", ItemField::Seniority, "text", "a word of [seniorities]"),
    item(ItemKind::Contact, "decision_role", ItemField::DecisionRole, "text", "a word of [roles]"),
    item(ItemKind::Contact, "inbound", ItemField::Inbound, "number", "how often the contact has answered"),
    item(
        ItemKind::Contact,
        "outbound",
        ItemField::Outbound,
        "number",
        "how often the contact was written to",
    ),
    item(
        ItemKind::Contact,
        "days_since_engaged",
        ItemField::DaysSinceEngaged,
        "number",
        "days since the contact last answered; unknown if never",
    ),
    item(ItemKind::Activity, "amount", ItemField::Amount, "number", "how much of it; 1 if nothing was said"),
    item(
        ItemKind::Activity,
        "days_ago",
        ItemField::DaysAgo,
        "number",
        "how long ago it was, with the fraction",
    ),
    item(
        ItemKind::Activity,
        "weekday",
        ItemField::Weekday,
        "text",
        "monday to sunday, in the zone of [time] in facts.toml",
    ),
    item(ItemKind::Activity, "hour", ItemField::Hour, "number", "0 to 23, in that zone"),
    item(ItemKind::Activity, "kind", ItemField::ActivityType, "text", "its type: a word of [activities]"),
    item(
        ItemKind::Activity,
        "contact",
        ItemField::Contact,
        "text",
        "the id of the contact who did it; contact.title and so on are that contact's",
    ),
];

/// The part of an item that a name means.
pub fn item_name(of: ItemKind, name: &str) -> Option<&'static ItemName> {
    ITEM_NAMES.iter().find(|known| known.of == of && known.name == name)
}

/// The names of all parts of an item.
pub fn item_names(of: ItemKind) -> Vec<&'static str> {
    ITEM_NAMES.iter().filter(|known| known.of == of).map(|known| known.name).collect()
}
