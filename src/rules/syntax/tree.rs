//! The syntax tree of a file: our own, with the stretch of text that each part takes. Whoever works with scripts works
//! with this tree; nothing outside of this room knows who parsed them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::rules::language::statements::Shape;

/// A stretch of a file's text, in bytes. `end` is behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// From the beginning of this to the end of another.
    pub fn to(self, other: Span) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text at this place.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Where the lines of a text begin: what turns a byte's place into line and column, and back, however long a line is.
#[derive(Debug, Clone)]
pub struct Lines {
    text: Arc<str>,
    starts: Vec<usize>,
    /// Of the lines with letters beyond ASCII, where each character begins.
    chars: BTreeMap<usize, Vec<u32>>,
}

impl Lines {
    pub fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts: Vec<usize> = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        let mut chars = BTreeMap::new();
        for (line, text) in text.split('\n').enumerate().filter(|(_, text)| !text.is_ascii()) {
            chars.insert(line, text.char_indices().map(|(at, _)| at as u32).collect());
        }
        Self { text: text.into(), starts, chars }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn place(&self, at: u32) -> (usize, usize) {
        let at = (at as usize).min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let within = at - self.starts[line - 1];
        let column = match self.chars.get(&(line - 1)) {
            Some(chars) => chars.partition_point(|begin| (*begin as usize) < within),
            None => within,
        };
        (line, column + 1)
    }

    /// The byte at a line and column; the end of the text if there is none.
    pub fn byte(&self, line: usize, column: usize) -> u32 {
        let (line, column) = (line.saturating_sub(1), column.saturating_sub(1));
        let within = match self.chars.get(&line) {
            Some(chars) => chars.get(column).map_or(usize::MAX, |begin| *begin as usize),
            None => column,
        };
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        self.starts.get(line).map_or(self.text.len(), |start| start.saturating_add(within).min(end)) as u32
    }
}

/// A name with its place.
#[derive(Debug, Clone)]
pub struct Word {
    pub text: String,
    pub at: Span,
}

/// A file as a tree.
#[derive(Debug, Default)]
pub struct Tree {
    pub statements: Vec<Stmt>,
    /// In the order of the text.
    pub functions: Vec<Function>,
}

/// A function as the file defines it.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: String,
    /// Whether it is defined for values of a type only.
    pub of_type: bool,
    pub params: Vec<String>,
    pub body: Vec<Stmt>,
    pub start: Span,
    pub end: Span,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Ast {
    /// Where it is pointed at: its first word, or its operator.
    pub at: Span,
    /// All of it.
    pub whole: Span,
    pub node: Node,
}

impl Ast {
    /// The text of a literal, or a name.
    pub fn literal(&self) -> &str {
        match &self.node {
            Node::Text(text) | Node::Name(text) => text,
            _ => "",
        }
    }
}

#[derive(Debug, Clone)]
pub enum Node {
    YesNo(bool),
    Number(f64),
    /// A number that this language's numbers can't hold, with what is wrong.
    NotANumber(&'static str),
    Text(String),
    /// Texts and, in between, what is put into them.
    Interpolated(Vec<Ast>),
    List(Vec<Ast>),
    Record(Vec<(Word, Ast)>),
    Name(String),
    /// `alias::NAME`
    Imported(String, String),
    Member(Box<Member>),
    /// A list and the place in it.
    Index(Box<[Ast; 2]>),
    Not(Box<Ast>),
    Negate(Box<Ast>),
    Plus(Box<Ast>),
    And(Vec<Ast>),
    Or(Vec<Ast>),
    Coalesce(Vec<Ast>),
    Binary(String, Box<[Ast; 2]>),
    /// The list, and what may be in it.
    In(Box<[Ast; 2]>),
    /// From and to, and whether that belongs to it.
    Range(Box<[Ast; 2]>, bool),
    Call(Box<Call>),
    Closure(Rc<Closure>),
    Block(Vec<Stmt>),
    If(Box<If>),
    Switch(Box<Switch>),
    /// A statement of the rule language where an expression belongs.
    Statement(&'static str),
    /// What Rhai has and rules don't.
    Foreign(Foreign),
}

/// What Rhai has and rules don't.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    pub what: &'static str,
    /// What to write instead, or empty.
    pub help: &'static str,
}

/// `object.name`, or `object.name(args)`.
#[derive(Debug, Clone)]
pub struct Member {
    pub object: Ast,
    pub name: Word,
    pub args: Option<Vec<Ast>>,
}

/// `name(args)`, or `alias::name(args)`.
#[derive(Debug, Clone)]
pub struct Call {
    pub alias: Option<String>,
    pub name: String,
    pub args: Vec<Ast>,
}

/// `|params| body`
#[derive(Debug)]
pub struct Closure {
    pub params: Vec<String>,
    pub body: Vec<Stmt>,
}

#[derive(Debug, Clone)]
pub struct If {
    pub condition: Ast,
    pub then: Vec<Stmt>,
    pub otherwise: Vec<Stmt>,
}

#[derive(Debug, Clone)]
pub struct Switch {
    pub subject: Ast,
    /// What is matched, in the order of the text, with the place of its way.
    pub cases: Vec<(CaseValue, usize)>,
    /// The further condition of each way, and its value.
    pub ways: Vec<(Option<Ast>, Ast)>,
    /// The way of everything else.
    pub default: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CaseValue {
    Number(f64),
    /// From and to, and whether that belongs to it.
    Range(f64, f64, bool),
    Text(String),
    YesNo(bool),
    Other,
}

impl CaseValue {
    /// Whether no number is in a range.
    pub fn is_empty(&self) -> bool {
        matches!(self, CaseValue::Range(from, to, inclusive) if from > to || (from == to && !inclusive))
    }
}

#[derive(Debug, Clone)]
pub struct Stmt {
    pub at: Span,
    pub kind: StmtKind,
}

#[derive(Debug, Clone)]
pub enum StmtKind {
    Expr(Ast),
    Let(Word, Ast),
    Const(Word, Ast),
    /// What is changed, the operator before the `=` with its place, and the value.
    Assign(Ast, Option<String>, Span, Ast),
    Return(Option<Ast>),
    Break,
    Continue,
    /// The item, its number where that is asked for, what is gone through, and what is done.
    For(Word, Option<Word>, Ast, Vec<Stmt>),
    /// Without a condition: until something ends it.
    While(Option<Ast>, Vec<Stmt>),
    /// What is imported, and under which name.
    Import(Ast, Option<Word>),
    /// A statement of the rule language.
    Rule(Box<RuleStmt>),
    Foreign(Foreign),
    Nothing,
}

/// A statement of the rule language, with its parts.
#[derive(Debug, Clone)]
pub struct RuleStmt {
    pub shape: &'static Shape,
    pub at: Span,
    pub head: Option<Ast>,
    /// By keyword, in the order of the text; a bare one has no value.
    pub clauses: Vec<(&'static str, Option<Ast>)>,
    pub block: Option<Vec<Stmt>>,
}

impl RuleStmt {
    /// What follows a keyword of it.
    pub fn get(&self, clause: &str) -> Option<&Ast> {
        self.clauses.iter().find(|(known, _)| *known == clause)?.1.as_ref()
    }

    pub fn has(&self, clause: &str) -> bool {
        self.clauses.iter().any(|(known, _)| *known == clause)
    }

    /// The statement's name with its place.
    pub fn head(&self) -> (Arc<str>, Span) {
        self.head.as_ref().map_or_else(|| ("".into(), self.at), |head| (head.literal().into(), head.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_any_line() {
        let lines = Lines::new("ab\n\né€x\r\n");
        let places =
            [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (4, (3, 1)), (6, (3, 2)), (9, (3, 3)), (12, (4, 1))];
        for (byte, (line, column)) in places {
            assert_eq!((lines.place(byte), lines.byte(line, column)), ((line, column), byte));
        }
        assert_eq!(lines.byte(9, 1), 12);
        assert_eq!(lines.byte(1, 9), 2);
    }
}
