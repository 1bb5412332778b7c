//! What the compiler knows while it walks a script.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::Position as At;

use super::{Unit, at_position};
use crate::domain::score::Position;
use crate::domain::vocabulary::Vocabulary;
use crate::rules::catalogue::{Catalogue, FactSource};
use crate::rules::diagnostic::{Code, Diagnostic, Severity};
use crate::rules::program::{Expr, Formula, Function, Index, Leaf, LeafKind, ScriptKind};
use crate::rules::types::Type;

/// The most nodes of a script's program, functions counted once for each kind of arguments.
const MAX_NODES: usize = 20_000;

/// A lowered expression with its type.
pub type Typed = (Expr, Type);

/// `define name as …`
pub struct Define {
    pub name: String,
    pub ty: Type,
    pub used: bool,
    pub at: At,
}

/// Where names are looked up: a script's own expressions, or the inside of a function.
pub struct Frame {
    pub unit: Rc<Unit>,
    /// Functions see their arguments and nothing else.
    pub in_function: bool,
    pub locals: Vec<(String, Index, Type)>,
    next_local: usize,
    most_locals: usize,
    /// The type of what `return` gave so far.
    pub returned: Option<Type>,
}

impl Frame {
    pub fn new(unit: Rc<Unit>, in_function: bool) -> Self {
        Self { unit, in_function, locals: Vec::new(), next_local: 0, most_locals: 0, returned: None }
    }
}

pub struct Context<'a> {
    pub kind: ScriptKind,
    pub catalogue: &'a Catalogue,
    pub vocabulary: &'a Vocabulary,
    findings: &'a mut Vec<Diagnostic>,
    pub unit: Rc<Unit>,
    pub frame: Frame,
    pub leaves: Vec<Leaf>,
    leaf_by_name: BTreeMap<Arc<str>, Index>,
    /// Facts of the catalogue that the script names.
    pub named: BTreeMap<Index, FactSource>,
    pub defines: Vec<Define>,
    pub define_formulas: Vec<Formula>,
    pub functions: Vec<Function>,
    pub instances: Vec<(String, Vec<Type>, Index, Type)>,
    /// Functions whose bodies are being lowered, to find recursion.
    pub calling: Vec<String>,
    /// Leaves of the formula that is being lowered.
    mentioned: Vec<Index>,
    /// Whether points can be read here.
    pub grading: bool,
    nodes: usize,
    had_errors: bool,
}

impl<'a> Context<'a> {
    pub fn new(
        kind: ScriptKind,
        unit: Rc<Unit>,
        catalogue: &'a Catalogue,
        vocabulary: &'a Vocabulary,
        findings: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            kind,
            catalogue,
            vocabulary,
            findings,
            frame: Frame::new(unit.clone(), false),
            unit,
            leaves: Vec::new(),
            leaf_by_name: BTreeMap::new(),
            named: BTreeMap::new(),
            defines: Vec::new(),
            define_formulas: Vec::new(),
            functions: Vec::new(),
            instances: Vec::new(),
            calling: Vec::new(),
            mentioned: Vec::new(),
            grading: false,
            nodes: 0,
            had_errors: false,
        }
    }

    pub fn segment(&self) -> bool {
        self.kind == ScriptKind::SegmentPriority
    }

    pub fn had_errors(&self) -> bool {
        self.had_errors
    }

    pub fn error(&mut self, at: At, code: Code, message: impl Into<String>) -> Typed {
        self.error_with(at, code, message, "")
    }

    /// Notes an error and gives an expression that causes no further ones.
    pub fn error_with(
        &mut self,
        at: At,
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Typed {
        self.had_errors = true;
        self.note(at, Severity::Error, code, message.into(), help.into());
        (Expr::Nothing, Type::Wrong)
    }

    pub fn warn(&mut self, at: At, code: Code, message: impl Into<String>, help: impl Into<String>) {
        self.note(at, Severity::Warning, code, message.into(), help.into());
    }

    fn note(&mut self, at: At, severity: Severity, code: Code, message: String, help: String) {
        let unit = &self.frame.unit;
        self.findings.push(at_position(&unit.path, &unit.text, at, severity, code, message, help));
    }

    pub fn position(&self, at: At) -> Position {
        Position {
            file: self.frame.unit.path.clone(),
            line: at.line().unwrap_or(0) as u32,
            column: at.position().unwrap_or(0) as u32,
        }
    }

    /// Counts a node; `false` once there are too many, which is reported once.
    pub fn count_node(&mut self, at: At) -> bool {
        self.nodes += 1;
        if self.nodes == MAX_NODES {
            self.error(at, Code::TooLarge, format!("the script has more than {MAX_NODES} parts"));
        }
        self.nodes < MAX_NODES
    }

    /// The leaf of a name; notes that the formula mentions it.
    pub fn leaf(&mut self, name: &str, kind: LeafKind) -> Expr {
        if let LeafKind::Fact(index, source) = &kind {
            self.named.insert(*index, source.clone());
        }
        let index = match self.leaf_by_name.get(name) {
            Some(index) => *index,
            None => {
                let name: Arc<str> = name.into();
                self.leaves.push(Leaf { name: name.clone(), kind });
                self.leaf_by_name.insert(name, self.leaves.len() - 1);
                self.leaves.len() - 1
            }
        };
        self.mention(index);
        Expr::Leaf(index)
    }

    pub fn mention(&mut self, leaf: Index) {
        if !self.mentioned.contains(&leaf) {
            self.mentioned.push(leaf);
        }
    }

    /// Notes a fact that is named by way of a part of it, such as the contacts by `contacts.count`.
    pub fn name_fact(&mut self, name: &str) {
        if let Some(index) = self.catalogue.find(name, self.segment()) {
            self.named.insert(index, self.catalogue.facts[index].source.clone());
        }
    }

    /// Lowers an expression of a statement into a formula of its own.
    pub fn formula(&mut self, lower: impl FnOnce(&mut Self) -> Typed) -> (Formula, Type) {
        let outer = std::mem::take(&mut self.mentioned);
        let frame = std::mem::replace(&mut self.frame, Frame::new(self.unit.clone(), false));
        let (expr, ty) = lower(self);
        let used = std::mem::replace(&mut self.frame, frame);
        let leaves = std::mem::replace(&mut self.mentioned, outer);
        (Formula { expr, leaves, locals: used.most_locals }, ty)
    }

    /// Lowers a function's body in a frame of its own; gives the body, its type and its locals.
    pub fn in_frame(&mut self, frame: Frame, lower: impl FnOnce(&mut Self) -> Typed) -> (Typed, usize) {
        let outer = std::mem::replace(&mut self.frame, frame);
        let typed = lower(self);
        let used = std::mem::replace(&mut self.frame, outer);
        (typed, used.most_locals)
    }

    pub fn declare(&mut self, name: &str, ty: Type) -> Index {
        let index = self.frame.next_local;
        self.frame.next_local += 1;
        self.frame.most_locals = self.frame.most_locals.max(self.frame.next_local);
        self.frame.locals.push((name.to_owned(), index, ty));
        index
    }

    pub fn local(&self, name: &str) -> Option<(Index, Type)> {
        let found = self.frame.locals.iter().rev().find(|(local, ..)| local == name);
        found.map(|(_, index, ty)| (*index, ty.clone()))
    }

    /// Lowers something whose local variables end with it.
    pub fn scoped<T>(&mut self, lower: impl FnOnce(&mut Self) -> T) -> T {
        let (count, next) = (self.frame.locals.len(), self.frame.next_local);
        let result = lower(self);
        self.frame.locals.truncate(count);
        self.frame.next_local = next;
        result
    }
}
