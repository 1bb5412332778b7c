//! A compiled script: typed expressions over numbered facts. Immutable, `Send` and `Sync`.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::domain::canonical::{folded, same_word};
use crate::domain::score::{Axis, Points, Position};
use crate::rules::evaluate::outlook::Marks;
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::FactSource;
use crate::rules::language::functions::{FactState, Math};
use crate::rules::language::items::{ItemField, ItemKind};
use crate::rules::language::members::IcpField;
use crate::rules::language::texts::Pattern;
use crate::rules::source::table::Table;

/// A number that names a [`Leaf`], a define, a function or a local variable.
pub type Index = usize;

/// Something that an expression reads from the facts. Read at most once a lead.
#[derive(Debug)]
pub struct Leaf {
    /// As the script writes it, such as `activity("page_visit").count`.
    pub name: Arc<str>,
    pub kind: LeafKind,
}

#[derive(Debug, Clone)]
pub enum LeafKind {
    /// A fact, by its place in the catalogue.
    Fact(Index, FactSource),
    Activity(Arc<str>, ActivityStat),
    Contacts(ContactStat),
    Icp(IcpField),
    /// How sure an attribute is, or how old.
    State(String, FactState),
    /// What is asked of a collection with conditions.
    Fold(Arc<Fold>),
}

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

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActivityStat {
    Count,
    Sum,
    LastDays,
    /// In the last days.
    Within(f64),
    /// With this half-life in days.
    Decayed(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub enum ContactStat {
    Count,
    Engaged,
    EngagedRole(String),
    EngagedAt(Vec<String>),
    RolesCovered(Vec<String>),
    /// Of the profile's decision roles.
    IcpRolesCovered,
}

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

impl Items {
    fn parts(&self) -> Vec<&Expr> {
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

/// A script function for arguments of given types.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub body: Expr,
    /// How many local variables it needs, its parameters first.
    pub locals: usize,
}

/// An expression with what it looks at.
#[derive(Debug)]
pub struct Formula {
    pub expr: Expr,
    /// The leaves that it names, in the order of their first mention.
    pub leaves: Vec<Index>,
    /// How many local variables it needs.
    pub locals: usize,
    /// How deep its evaluation nests at most.
    pub depth: usize,
}

#[derive(Debug)]
pub struct Rule {
    pub id: Arc<str>,
    pub when: Formula,
    pub then: Formula,
    /// The leaves of both, without repetition.
    pub leaves: Vec<Index>,
    pub because: Arc<str>,
    pub position: Position,
}

#[derive(Debug)]
pub struct Factor {
    pub id: Arc<str>,
    /// Points that a value of 1 gives.
    pub weight: f64,
    pub is: Formula,
    pub because: Arc<str>,
    pub position: Position,
}

/// A group of rules, or the profile's criteria.
#[derive(Debug)]
pub struct Group {
    pub name: Arc<str>,
    pub axis: Option<Axis>,
    pub cap: Option<Points>,
    pub floor: Option<Points>,
    pub body: GroupBody,
    pub position: Position,
}

#[derive(Debug)]
pub enum GroupBody {
    Items(Vec<Item>),
    Criteria,
}

/// What stands at the top level or in a group.
#[derive(Debug)]
pub enum Item {
    Rule(Rule),
    Group(Group),
    Factor(Factor),
}

#[derive(Debug)]
pub struct Bounds {
    pub axis: Axis,
    pub from: Points,
    pub to: Points,
    pub position: Position,
}

/// A yes/no statement: `disqualify`, `cap_grade`, `grade`.
#[derive(Debug)]
pub struct Verdict {
    /// The disqualifier's id or the grade.
    pub id: Arc<str>,
    /// `None` is `otherwise`.
    pub when: Option<Formula>,
    pub because: Arc<str>,
    pub position: Position,
}

/// A compiled script.
#[derive(Debug)]
pub struct Script {
    /// Its name within its folder, without the ending.
    pub name: Arc<str>,
    pub path: Arc<str>,
    pub kind: ScriptKind,
    pub leaves: Vec<Leaf>,
    /// The facts that it names, by their places in the catalogue: what completeness counts.
    pub named: Vec<Index>,
    pub defines: Vec<Formula>,
    pub functions: Vec<Function>,
    pub items: Vec<Item>,
    pub bounds: Vec<Bounds>,
    pub disqualify: Vec<Verdict>,
    /// Where the profile's own disqualifiers are asked for, if they are.
    pub disqualifiers: Option<Position>,
    pub cap_grades: Vec<Verdict>,
    /// From the best to the worst.
    pub grades: Vec<Verdict>,
    /// 0 to 1.
    pub completeness: f64,
    /// What facts are compared with; found when it is first asked for.
    pub marks: OnceLock<BTreeMap<Index, Marks>>,
}

/// A statement as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: Arc<str>,
    pub group: Arc<str>,
    pub axis: Option<Axis>,
    pub statement: &'static str,
    pub because: Arc<str>,
    pub position: Position,
    pub facts: Vec<Arc<str>>,
}

impl Script {
    /// The sum of the factors' weights; nothing if it has no factor.
    pub fn weights(&self) -> Option<f64> {
        fn of(items: &[Item]) -> Option<f64> {
            let weights = items.iter().filter_map(|item| match item {
                Item::Factor(factor) => Some(factor.weight),
                Item::Group(Group { body: GroupBody::Items(items), .. }) => of(items),
                Item::Group(_) | Item::Rule(_) => None,
            });
            weights.reduce(|sum, weight| sum + weight)
        }
        of(&self.items)
    }

    /// Every rule, factor and verdict of the script, in the order of its lines.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.collect(&self.items, &Arc::from(""), None, &mut entries);
        let verdicts =
            [("disqualify", &self.disqualify), ("cap_grade", &self.cap_grades), ("grade", &self.grades)];
        for (statement, verdicts) in verdicts {
            entries.extend(verdicts.iter().map(|verdict| Entry {
                id: verdict.id.clone(),
                group: "".into(),
                axis: None,
                statement,
                because: verdict.because.clone(),
                position: verdict.position.clone(),
                facts: self.names(verdict.when.as_ref().map_or(&[], |formula| &formula.leaves)),
            }));
        }
        entries.sort_by_key(|entry| (entry.position.line, entry.position.column));
        entries
    }

    fn names(&self, leaves: &[Index]) -> Vec<Arc<str>> {
        leaves.iter().map(|leaf| self.leaves[*leaf].name.clone()).collect()
    }

    fn collect(&self, items: &[Item], group: &Arc<str>, axis: Option<Axis>, entries: &mut Vec<Entry>) {
        for item in items {
            match item {
                Item::Rule(rule) => entries.push(Entry {
                    id: rule.id.clone(),
                    group: group.clone(),
                    axis: axis.or((self.kind.is_of_leads()).then_some(Axis::Fit)),
                    statement: "rule",
                    because: rule.because.clone(),
                    position: rule.position.clone(),
                    facts: self.names(&rule.leaves),
                }),
                Item::Factor(factor) => entries.push(Entry {
                    id: factor.id.clone(),
                    group: group.clone(),
                    axis: None,
                    statement: "factor",
                    because: factor.because.clone(),
                    position: factor.position.clone(),
                    facts: self.names(&factor.is.leaves),
                }),
                Item::Group(inner) => {
                    if let GroupBody::Items(items) = &inner.body {
                        self.collect(items, &inner.name, inner.axis, entries);
                    }
                }
            }
        }
    }
}
