//! Expressions whose types have been checked.

use std::collections::HashSet;
use std::sync::Arc;

use super::Index;
use super::items::{Fold, ItemLeaf, Items};
use crate::domain::canonical::{folded, same_word};
use crate::domain::score::{Axis, Position};
use crate::rules::language::functions::Math;
use crate::rules::language::texts::Pattern;
use crate::rules::source::table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Tests of a text against another, ignoring case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPart {
    Trimmed,
    /// Behind the `@` of an address.
    Host,
}

/// Words written out in a script; hashed when they are many. Words are equal whatever their case.
#[derive(Debug)]
pub struct WordList {
    pub words: Vec<String>,
    set: Option<HashSet<String>>,
    /// How many steps a search takes: long words take longer.
    steps: usize,
}

/// How many bytes of words are compared in a step.
const BYTES_A_STEP: usize = 64;

impl WordList {
    pub fn new(words: Vec<String>) -> Self {
        let set = (words.len() > 8).then(|| words.iter().map(|word| folded(word)).collect());
        let bytes: usize = words.iter().map(String::len).sum();
        let steps = if set.is_some() { 0 } else { words.len() / 8 + bytes / BYTES_A_STEP };
        Self { words, set, steps }
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    pub fn contains(&self, word: &str) -> bool {
        match &self.set {
            Some(set) => set.contains(&folded(word)),
            None => self.words.iter().any(|w| same_word(w, word)),
        }
    }
}

/// What a `switch` case matches.
#[derive(Debug, Clone, PartialEq)]
pub enum Case {
    Number(f64),
    /// `[from, to)`, or `[from, to]` if inclusive.
    Range {
        from: f64,
        to: f64,
        inclusive: bool,
    },
    Text(String),
    YesNo(bool),
}

#[derive(Debug)]
pub struct Switch {
    pub subject: Expr,
    /// In the order of the script: case, further condition, value.
    pub cases: Vec<(Case, Option<Expr>, Expr)>,
    pub default: Option<Expr>,
}

/// What is asked of the items of a list, one by one.
#[derive(Debug)]
pub struct Each {
    pub how: EachHow,
    pub list: Expr,
    /// The variables that hold the item and its place.
    pub item: Index,
    pub place: Option<Index>,
    /// What is asked of each.
    pub body: Expr,
    pub position: Position,
}

#[derive(Debug)]
pub enum EachHow {
    Filter,
    Map,
    Some,
    All,
    /// The variable that holds what came of the items before, and what it holds at first.
    Reduce(Index, Expr),
}

#[derive(Debug)]
pub struct Loop {
    pub over: LoopOver,
    pub body: Expr,
}

#[derive(Debug)]
pub enum LoopOver {
    /// Items, with the variables that hold the item and its place.
    List(Expr, Index, Option<Index>),
    /// Whole steps from a number to another, and whether that belongs to it.
    Range { from: Expr, to: Expr, inclusive: bool, item: Index, place: Option<Index> },
    /// As long as a condition holds, if there is one.
    While(Option<Expr>),
}

/// An expression whose types have been checked.
#[derive(Debug)]
pub enum Expr {
    Nothing,
    Number(f64),
    YesNo(bool),
    Text(Arc<str>),
    Words(Arc<WordList>),
    Numbers(Arc<[f64]>),
    Leaf(Index),
    Define(Index),
    Local(Index),
    /// The points of an axis so far, or of both; in grades only.
    Points(Option<Axis>),
    /// The points of a group, by its place among all groups in the order of their ends; in grades only.
    GroupPoints(Index),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Negate(Box<Expr>),
    Arithmetic(Arithmetic, Box<[Expr; 2]>, Position),
    CompareNumbers(Comparison, Box<[Expr; 2]>),
    /// The same where a side counts items, of which some may be undecided.
    CompareCounts(Comparison, Box<[Expr; 2]>),
    /// A collection on its way to what is asked of it; not evaluated by itself.
    Items(Box<Items>),
    /// What is asked of a collection by an expression with local variables, so that it is not the same everywhere.
    Fold(Arc<Fold>),
    /// A part of the item that a condition looks at.
    Item(ItemLeaf),
    /// Whether two texts, or two yes/nos, are equal (`true`) or differ (`false`).
    Same(bool, Box<[Expr; 2]>),
    /// Whether the first is in the second.
    In(Box<[Expr; 2]>),
    /// How many words of the first are in the second.
    CountIn(Box<[Expr; 2]>),
    ListCount(Box<Expr>),
    Math(Math, Vec<Expr>, Position),
    TextTest(TextTest, Box<[Expr; 2]>),
    /// Whether a text fits what was compiled with the script.
    TextFits(Arc<Pattern>, Box<Expr>),
    /// How many characters a text has.
    TextLength(Box<Expr>),
    TextPart(TextPart, Box<Expr>),
    /// Whole days from a date to the as-of time.
    DaysSince(Box<Expr>),
    /// Days are not written out, so that the result can't be kept.
    ActivityWindow {
        kind: Arc<str>,
        decayed: bool,
        days: Box<Expr>,
        position: Position,
    },
    SizePoints(Box<Expr>),
    /// A cell of a table, by the place of its column among the values.
    Lookup(Arc<Table>, usize, Vec<Expr>),
    Known(Box<Expr>),
    /// The first that is known.
    Coalesce(Vec<Expr>),
    If(Box<[Expr; 3]>),
    /// A part that is watched, by its number among the script's branches.
    Branch(Index, Box<Expr>),
    Switch(Box<Switch>),
    /// The value of the last.
    Block(Vec<Expr>),
    Set(Index, Box<Expr>),
    Return(Box<Expr>),
    /// Texts, numbers and yes/nos one behind the other.
    Joined(Vec<Expr>, Position),
    /// The items of a list, or the values of an object map in the order of their names.
    Made(Vec<Expr>, Position),
    /// The value at a place of an object map.
    Field(Box<Expr>, Index),
    /// The item at a place of a list; from its end if that is negative.
    Element(Box<[Expr; 2]>, Position),
    /// A list with an item more.
    Pushed(Box<[Expr; 2]>, Position),
    /// A list or an object map with another value at a place.
    Replaced(Box<[Expr; 3]>, Position),
    Each(Box<Each>),
    Loop(Box<Loop>),
    Break,
    Continue,
    Call(Index, Vec<Expr>, Position),
}

impl Expr {
    /// The value of an expression of numbers that are written out.
    pub fn constant(&self) -> Option<f64> {
        let value = match self {
            Expr::Number(number) => *number,
            Expr::Negate(inner) => -inner.constant()?,
            Expr::Arithmetic(operator, sides, _) => {
                let (a, b) = (sides[0].constant()?, sides[1].constant()?);
                match operator {
                    Arithmetic::Add => a + b,
                    Arithmetic::Subtract => a - b,
                    Arithmetic::Multiply => a * b,
                    Arithmetic::Divide => a / b,
                    Arithmetic::Remainder => a % b,
                }
            }
            _ => return None,
        };
        value.is_finite().then_some(value)
    }

    /// Its direct parts; of a question to a collection also those of its conditions, unless it is a leaf.
    pub fn parts(&self) -> Vec<&Expr> {
        match self {
            Expr::Nothing
            | Expr::Number(_)
            | Expr::YesNo(_)
            | Expr::Text(_)
            | Expr::Words(_)
            | Expr::Numbers(_)
            | Expr::Leaf(_)
            | Expr::Define(_)
            | Expr::Local(_)
            | Expr::Points(_)
            | Expr::GroupPoints(_)
            | Expr::Item(_)
            | Expr::Break
            | Expr::Continue => Vec::new(),
            Expr::Not(inner)
            | Expr::Negate(inner)
            | Expr::ListCount(inner)
            | Expr::TextFits(_, inner)
            | Expr::TextLength(inner)
            | Expr::TextPart(_, inner)
            | Expr::DaysSince(inner)
            | Expr::ActivityWindow { days: inner, .. }
            | Expr::SizePoints(inner)
            | Expr::Known(inner)
            | Expr::Set(_, inner)
            | Expr::Return(inner)
            | Expr::Branch(_, inner)
            | Expr::Field(inner, _) => vec![inner],
            Expr::And(parts)
            | Expr::Or(parts)
            | Expr::Math(_, parts, _)
            | Expr::Lookup(_, _, parts)
            | Expr::Coalesce(parts)
            | Expr::Block(parts)
            | Expr::Call(_, parts, _)
            | Expr::Joined(parts, _)
            | Expr::Made(parts, _) => parts.iter().collect(),
            Expr::Arithmetic(_, sides, _)
            | Expr::CompareNumbers(_, sides)
            | Expr::CompareCounts(_, sides)
            | Expr::Same(_, sides)
            | Expr::In(sides)
            | Expr::CountIn(sides)
            | Expr::TextTest(_, sides)
            | Expr::Element(sides, _)
            | Expr::Pushed(sides, _) => sides.iter().collect(),
            Expr::If(parts) | Expr::Replaced(parts, _) => parts.iter().collect(),
            Expr::Items(items) => items.parts(),
            Expr::Fold(fold) => fold.parts(),
            Expr::Switch(switch) => {
                let cases = switch.cases.iter().flat_map(|(_, when, value)| when.iter().chain([value]));
                std::iter::once(&switch.subject).chain(cases).chain(&switch.default).collect()
            }
            Expr::Each(each) => {
                let mut parts = vec![&each.list, &each.body];
                if let EachHow::Reduce(_, first) = &each.how {
                    parts.push(first);
                }
                parts
            }
            Expr::Loop(repeated) => {
                let mut parts = vec![&repeated.body];
                match &repeated.over {
                    LoopOver::List(list, ..) => parts.push(list),
                    LoopOver::Range { from, to, .. } => parts.extend([from, to]),
                    LoopOver::While(condition) => parts.extend(condition),
                }
                parts
            }
        }
    }
}
