//! A compiled script: typed expressions over numbered facts. Immutable, `Send` and `Sync`.

mod branch;
mod expr;
mod items;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::domain::canvas::lint::Severity;
use crate::domain::score::{Axis, Points, Position};
use crate::rules::evaluate::outlook::Marks;
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::FactSource;
use crate::rules::language::functions::FactState;
use crate::rules::language::members::IcpField;
pub use branch::*;
pub use expr::*;
pub use items::*;

/// The most leaves that a formula is said to look at.
pub const MAX_LEAVES: usize = 100;

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
    /// What is doubtful about notes and segments, with how grave it is.
    pub findings: Vec<(Verdict, Severity)>,
    /// From the best to the worst.
    pub grades: Vec<Verdict>,
    /// 0 to 1.
    pub completeness: f64,
    /// Parts that are watched; none unless it was compiled for that.
    pub branches: Vec<Branch>,
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
    /// The rule of a name, in whatever group it stands.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        fn of<'i>(items: &'i [Item], name: &str) -> Option<&'i Rule> {
            items.iter().find_map(|item| match item {
                Item::Rule(rule) => (*rule.id == *name).then_some(rule),
                Item::Group(Group { body: GroupBody::Items(items), .. }) => of(items, name),
                Item::Group(_) | Item::Factor(_) => None,
            })
        }
        of(&self.items, name)
    }

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
            entries.extend(verdicts.iter().map(|verdict| self.verdict_entry(statement, verdict)));
        }
        entries.extend(self.findings.iter().map(|(verdict, _)| self.verdict_entry("finding", verdict)));
        entries.sort_by_key(|entry| (entry.position.line, entry.position.column));
        entries
    }

    fn verdict_entry(&self, statement: &'static str, verdict: &Verdict) -> Entry {
        Entry {
            id: verdict.id.clone(),
            group: "".into(),
            axis: None,
            statement,
            because: verdict.because.clone(),
            position: verdict.position.clone(),
            facts: self.names(verdict.when.as_ref().map_or(&[], |formula| &formula.leaves)),
        }
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
