//! What the compiler knows while it walks a script.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::at_position;
use super::unit::Unit;
use crate::domain::score::Position;
use crate::domain::text::{nearest, suggestion};
use crate::domain::vocabulary::Vocabulary;
use crate::rules::diagnostics::{Code, Findings, Help, Severity, is_deceptive};
use crate::rules::language::catalogue::{Catalogue, FactSource};
use crate::rules::language::types::Type;
use crate::rules::language::{self, ScriptKind};
use crate::rules::program::{
    Branch, BranchKind, Expr, Formula, Function, Index, ItemSource, Leaf, LeafKind, MAX_LEAVES,
};
use crate::rules::source::table::Tables;
use crate::rules::syntax::tree::Span;

/// The most nodes of a script's program, functions counted once for each kind of arguments.
const MAX_NODES: usize = 20_000;

/// How many bytes of written-out text count as a part of a script.
const BYTES_PER_NODE: usize = 64;
/// The deepest nesting of an evaluation, through defines and functions: it runs on a thread's stack.
const MAX_EVALUATION_DEPTH: usize = 250;

/// As much is shown of a part that is watched.
const MAX_WRITTEN: usize = 80;

/// A lowered expression with its type.
pub type Typed = (Expr, Type);

/// `define name as …`
pub struct Define {
    pub name: String,
    pub ty: Type,
    pub used: bool,
    pub at: Span,
}

/// Where names are looked up: a script's own expressions, or the inside of a function.
pub struct Frame {
    pub unit: Rc<Unit>,
    /// Functions see their arguments and nothing else.
    pub in_function: bool,
    /// Within a constant's value, which can't return.
    pub in_constant: bool,
    /// Within a closure, which can't either.
    pub in_closure: bool,
    /// Within a condition on items of a collection, whose parts have names of their own.
    pub item: Option<ItemSource>,
    /// How a closure calls that item.
    pub item_alias: Option<String>,
    pub locals: Vec<(String, Index, Type)>,
    next_local: usize,
    most_locals: usize,
    /// The type of what `return` gave so far.
    pub returned: Option<Type>,
}

impl Frame {
    pub fn new(unit: Rc<Unit>, in_function: bool) -> Self {
        Self {
            unit,
            in_function,
            in_constant: false,
            in_closure: false,
            item: None,
            item_alias: None,
            locals: Vec::new(),
            next_local: 0,
            most_locals: 0,
            returned: None,
        }
    }
}

/// A function's body, lowered for arguments of given types.
pub struct Lowered {
    pub body: Expr,
    pub ty: Type,
    pub locals: usize,
    /// The leaves that it names, by way of its arguments' types.
    pub leaves: Vec<Index>,
    pub depth: usize,
}

/// A function that was lowered, to be called again.
#[derive(Clone)]
pub struct Instance {
    pub key: String,
    pub types: Vec<Type>,
    pub index: Index,
    pub ty: Type,
    pub leaves: Vec<Index>,
    pub depth: usize,
}

pub struct Context<'a> {
    pub kind: ScriptKind,
    pub catalogue: &'a Catalogue,
    pub vocabulary: &'a Vocabulary,
    pub tables: &'a Tables,
    findings: &'a mut Findings,
    pub unit: Rc<Unit>,
    pub frame: Frame,
    pub leaves: Vec<Leaf>,
    leaf_by_name: BTreeMap<Arc<str>, Index>,
    /// Facts of the catalogue that the script names.
    pub named: BTreeMap<Index, FactSource>,
    pub defines: Vec<Define>,
    pub define_formulas: Vec<Formula>,
    pub functions: Vec<Function>,
    pub instances: Vec<Instance>,
    /// Functions that something calls, with whatever arguments.
    pub called: BTreeSet<String>,
    /// Functions and constants that are being lowered, to find recursion.
    pub calling: Vec<String>,
    /// Leaves of the formula that is being lowered.
    mentioned: Vec<Index>,
    /// Whether points can be read here.
    pub grading: bool,
    /// The groups that have ended so far.
    pub groups: Vec<Arc<str>>,
    /// Parts of the script that are watched; `None` if none is.
    pub branches: Option<Vec<Branch>>,
    nodes: usize,
    /// How deep the evaluation nests at this place, and at most in this formula or function.
    depth: usize,
    deepest: usize,
    had_errors: bool,
}

impl<'a> Context<'a> {
    pub fn new(
        kind: ScriptKind,
        unit: Rc<Unit>,
        catalogue: &'a Catalogue,
        vocabulary: &'a Vocabulary,
        tables: &'a Tables,
        findings: &'a mut Findings,
    ) -> Self {
        Self {
            kind,
            catalogue,
            vocabulary,
            tables,
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
            called: BTreeSet::new(),
            calling: Vec::new(),
            mentioned: Vec::new(),
            grading: false,
            groups: Vec::new(),
            branches: None,
            nodes: 0,
            depth: 0,
            deepest: 0,
            had_errors: false,
        }
    }

    pub fn had_errors(&self) -> bool {
        self.had_errors
    }

    pub fn error(&mut self, at: Span, code: Code, message: impl Into<String>) -> Typed {
        self.error_with(at, code, message, "")
    }

    /// Notes an error and gives an expression that causes no further ones.
    pub fn error_with(
        &mut self,
        at: Span,
        code: Code,
        message: impl Into<String>,
        help: impl Into<Help>,
    ) -> Typed {
        self.had_errors = true;
        self.note(at, Severity::Error, code, message.into(), help.into());
        (Expr::Nothing, Type::Wrong)
    }

    /// Notes what could run, but not as its author meant it. A set that was in force once has a right to it.
    pub fn oversight(&mut self, at: Span, code: Code, message: String, help: &str) {
        if !self.findings.kept_set {
            self.error_with(at, code, message, help);
        }
    }

    /// Whether the set was in force once.
    pub fn is_kept(&self) -> bool {
        self.findings.kept_set
    }

    pub fn warn(&mut self, at: Span, code: Code, message: impl Into<String>, help: impl Into<Help>) {
        self.note(at, Severity::Warning, code, message.into(), help.into());
    }

    fn note(&mut self, at: Span, severity: Severity, code: Code, message: String, help: Help) {
        let unit = &self.frame.unit;
        // What seems to be missing may stand in what can't be read.
        let misses_something = matches!(code, Code::MissingOtherwise | Code::Unused | Code::EmptySet);
        if misses_something && unit.lost.is_some() {
            return;
        }
        if self.findings.count(severity) {
            self.findings.keep(at_position(unit, at, severity, code, message, help));
        }
    }

    /// An expression that is watched, if the script is compiled for that.
    pub fn watched(&mut self, kind: BranchKind, at: Span, expr: Expr) -> Expr {
        let position = self.position(at);
        let Some(branches) = &mut self.branches else { return expr };
        let written: String = at.of(self.frame.unit.lines.text()).chars().take(MAX_WRITTEN).collect();
        branches.push(Branch::new(kind, position, &written, at.end as usize - at.start as usize));
        Expr::Branch(branches.len() - 1, Box::new(expr))
    }

    pub fn position(&self, at: Span) -> Position {
        let (line, column) = self.frame.unit.lines.place(at.start);
        Position { file: self.frame.unit.path.clone(), line: line as u32, column: column as u32 }
    }

    /// Counts a node; `false` once there are too many, which is reported once.
    pub fn count_node(&mut self, at: Span) -> bool {
        self.count_nodes(1, at)
    }

    /// Counts text that is written out, and copied wherever it is used.
    pub fn count_text(&mut self, bytes: usize, at: Span) -> bool {
        self.count_nodes(bytes / BYTES_PER_NODE, at)
    }

    fn count_nodes(&mut self, nodes: usize, at: Span) -> bool {
        let before = self.nodes;
        self.nodes += nodes;
        if before < MAX_NODES && self.nodes >= MAX_NODES {
            self.error(at, Code::TooLarge, format!("the script has more than {MAX_NODES} parts"));
        } else if before < MAX_NODES && !self.findings.count_part(nodes) {
            self.nodes = MAX_NODES;
            self.error(at, Code::TooLarge, "all scripts together have too many parts");
        }
        self.nodes < MAX_NODES
    }

    /// Help with a name, unless so much is wrong already that nobody reads it.
    pub fn suggest(&mut self, word: &str, candidates: impl FnOnce(&Self) -> Vec<String>) -> Help {
        if !self.findings.hint() {
            return Help::default();
        }
        let candidates = candidates(self);
        let candidates = candidates.iter().map(String::as_str);
        let meant = nearest(word, candidates.clone()).map(|near| (word.to_owned(), near.to_owned()));
        Help { text: suggestion(word, candidates), meant }
    }

    /// The same, but only if a name is near.
    pub fn nearest(&mut self, word: &str, candidates: impl FnOnce(&Self) -> Vec<String>) -> Option<Help> {
        let candidates = if self.findings.hint() { candidates(self) } else { Vec::new() };
        let near = nearest(word, candidates.iter().map(String::as_str))?;
        let text = format!("did you mean \"{near}\"?");
        Some(Help { text, meant: Some((word.to_owned(), near.to_owned())) })
    }

    /// Whether a name means nothing yet, so that it can be given to something new.
    pub fn is_free(&self, name: &str) -> bool {
        !language::is_taken(name) && self.catalogue.find(name, self.kind).is_none()
    }

    /// Notes an error if a text holds what can't be seen or deceives.
    pub fn check_visible(&mut self, at: Span, what: &str, text: &str) {
        if text.chars().any(is_deceptive) {
            let message = format!("the {what} holds characters that can't be seen");
            self.oversight(at, Code::BadValue, message, "write it anew, without copying");
        }
    }

    /// Lowers something one level deeper.
    pub fn deeper(&mut self, at: Span, lower: impl FnOnce(&mut Self) -> Typed) -> Typed {
        self.depth += 1;
        self.reach(at, 0);
        let typed = lower(self);
        self.depth -= 1;
        typed
    }

    /// Notes that the evaluation goes `further` levels deeper from here.
    pub fn reach(&mut self, at: Span, further: usize) {
        let before = self.deepest;
        self.deepest = before.max(self.depth + further);
        if before <= MAX_EVALUATION_DEPTH && self.deepest > MAX_EVALUATION_DEPTH {
            let message = format!(
                "expressions, defines and functions nest more than {MAX_EVALUATION_DEPTH} levels deep"
            );
            self.error(at, Code::TooLarge, message);
        }
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
        if self.mentioned.len() < MAX_LEAVES && !self.mentioned.contains(&leaf) {
            self.mentioned.push(leaf);
        }
    }

    /// Notes a fact that is named by way of a part of it, such as the contacts by `contacts.count`.
    pub fn name_fact(&mut self, name: &str) {
        if let Some(index) = self.catalogue.find(name, self.kind) {
            self.named.insert(index, self.catalogue.facts[index].source.clone());
        }
    }

    /// Lowers an expression of a statement into a formula of its own.
    pub fn formula(&mut self, lower: impl FnOnce(&mut Self) -> Typed) -> (Formula, Type) {
        let outer = std::mem::take(&mut self.mentioned);
        let frame = std::mem::replace(&mut self.frame, Frame::new(self.unit.clone(), false));
        let around = (std::mem::take(&mut self.depth), std::mem::take(&mut self.deepest));
        let (expr, ty) = lower(self);
        let depth = self.deepest;
        (self.depth, self.deepest) = around;
        let used = std::mem::replace(&mut self.frame, frame);
        let leaves = std::mem::replace(&mut self.mentioned, outer);
        (Formula { expr, leaves, locals: used.most_locals, depth }, ty)
    }

    /// Lowers a function's body in a frame of its own.
    pub fn in_frame(&mut self, frame: Frame, lower: impl FnOnce(&mut Self) -> Typed) -> Lowered {
        let outer = std::mem::replace(&mut self.frame, frame);
        let mentioned = std::mem::take(&mut self.mentioned);
        let around = (std::mem::take(&mut self.depth), std::mem::take(&mut self.deepest));
        let (body, ty) = lower(self);
        let depth = self.deepest;
        (self.depth, self.deepest) = around;
        let leaves = std::mem::replace(&mut self.mentioned, mentioned);
        let used = std::mem::replace(&mut self.frame, outer);
        Lowered { body, ty, locals: used.most_locals, leaves, depth }
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

    pub fn local_type(&self, variable: Index) -> Option<Type> {
        let found = self.frame.locals.iter().rev().find(|(_, index, _)| *index == variable);
        found.map(|(.., ty)| ty.clone())
    }

    /// Notes that more is known of a variable's type: what an empty list gets tells what list it is.
    pub fn refine(&mut self, variable: Index, ty: Type) {
        if let Some((.., known)) = self.frame.locals.iter_mut().rev().find(|(_, index, _)| *index == variable)
        {
            *known = ty;
        }
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
