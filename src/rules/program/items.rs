//! Questions to the contacts and activities of a lead.

use std::sync::Arc;

use super::expr::Expr;
use crate::domain::score::Position;
use crate::rules::language::items::{ItemField, ItemKind};

/// A collection, or the part of it that meets all conditions.
#[derive(Debug)]
pub struct Items {
    pub source: ItemSource,
    /// Activities of another type, one of which must have happened before, and at most so many days before.
    pub after: Option<(Arc<str>, f64)>,
    pub conditions: Vec<ItemCondition>,
    /// Whether only the first of them is asked, or the last.
    pub pick: Option<Pick>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    First,
    Latest,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ItemSource {
    Contacts,
    /// Of a type, or all.
    Activities(Option<Arc<str>>),
}

impl ItemSource {
    pub fn kind(&self) -> ItemKind {
        match self {
            ItemSource::Contacts => ItemKind::Contact,
            ItemSource::Activities(_) => ItemKind::Activity,
        }
    }
}

#[derive(Debug)]
pub enum ItemCondition {
    Where(Expr),
    /// In the last days, of which there are as many for all items.
    Within(Expr, Position),
}

/// Something that is asked of a collection.
#[derive(Debug)]
pub struct Fold {
    pub items: Items,
    pub ask: Ask,
    pub position: Position,
    /// As the script writes it.
    pub written: Arc<str>,
}

/// What is asked. The expressions are of an item, but for the half-life.
#[derive(Debug)]
pub enum Ask {
    Count,
    Any(Expr),
    All(Expr),
    None(Expr),
    Sum(Expr),
    Max(Expr),
    Min(Expr),
    /// How many different values.
    Distinct(Expr),
    /// The share of the items that meet a condition.
    Share(Expr),
    LastDays,
    /// Σ amount · 2^(−age / half-life).
    Decayed(Expr),
    /// A part of the item that is picked.
    Picked(Expr),
}

impl Ask {
    /// Whether it counts: then what is undecided can only make it more.
    pub fn counts(&self) -> bool {
        matches!(self, Ask::Count | Ask::Distinct(_))
    }
}

/// Where a part of an item is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemLeaf {
    pub field: ItemField,
    /// What facts.toml calls it, if it is declared there.
    pub declared: Option<Arc<str>>,
    /// Of the contact who did it, where the item is an activity.
    pub of_contact: bool,
    /// As it is listed where it is unknown.
    pub name: Arc<str>,
}

impl Items {
    pub fn parts(&self) -> Vec<&Expr> {
        let of_condition = |condition| match condition {
            &ItemCondition::Where(ref expr) | &ItemCondition::Within(ref expr, _) => expr,
        };
        self.conditions.iter().map(of_condition).collect()
    }
}

impl Fold {
    /// The expressions of its conditions, and of what it asks.
    pub fn parts(&self) -> Vec<&Expr> {
        let mut parts = self.items.parts();
        match &self.ask {
            Ask::Any(expr)
            | Ask::All(expr)
            | Ask::None(expr)
            | Ask::Sum(expr)
            | Ask::Max(expr)
            | Ask::Min(expr)
            | Ask::Distinct(expr)
            | Ask::Share(expr)
            | Ask::Decayed(expr)
            | Ask::Picked(expr) => parts.push(expr),
            Ask::Count | Ask::LastDays => {}
        }
        parts
    }
}
