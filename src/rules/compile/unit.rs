//! A parsed file: its functions, constants and imports, which others can use.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::{LIB, at_position};
use crate::domain::text::suggestion;
use crate::rules::diagnostics::{Code, Findings, Severity};
use crate::rules::language;
use crate::rules::language::functions::is_function;
use crate::rules::language::statements::statement;
use crate::rules::source;
use crate::rules::syntax::Parser;
use crate::rules::syntax::tree::{Ast, Function, Lines, Node, Span, Stmt, StmtKind, Tree};

/// A parsed file with what others can use of it.
pub struct Unit {
    pub path: Arc<str>,
    pub text: String,
    /// Of the text that the tree's places refer to.
    pub lines: Lines,
    pub statements: Vec<Stmt>,
    /// By name and number of parameters.
    pub functions: BTreeMap<(String, usize), Rc<Function>>,
    pub constants: BTreeMap<String, Ast>,
    pub imports: Vec<Import>,
    /// The names that unreadable statements would have defined; nothing if all could be read.
    pub lost: Option<BTreeSet<String>>,
}

/// A file that another uses, under a name or, without one, as if its parts stood in that file.
pub struct Import {
    pub alias: Option<String>,
    pub at: Span,
    pub unit: Rc<Unit>,
}

impl Unit {
    /// Parses a file and notes its functions, constants and imports.
    pub fn parse(
        parser: &Parser,
        path: &str,
        text: &str,
        libs: &BTreeMap<String, Rc<Unit>>,
        findings: &mut Findings,
    ) -> Option<Self> {
        if text.len() > source::most_bytes(path) {
            return None;
        }
        let text = source::without_mark(text);
        let read = parser.read(path, text);
        let lost = (!read.findings.is_empty()).then_some(read.lost);
        findings.extend(read.findings);
        if !findings.kept_set {
            findings.extend(read.oversight);
        }
        let Tree { statements, functions } = read.tree?;
        let mut unit = Self {
            path: path.into(),
            text: text.to_owned(),
            lines: read.lines,
            statements,
            functions: BTreeMap::new(),
            constants: BTreeMap::new(),
            imports: Vec::new(),
            lost,
        };
        unit.note_functions(functions, findings);
        unit.check_order(findings);
        unit.note_constants(findings);
        unit.note_imports(libs, findings);
        Some(unit)
    }

    /// The file that is imported under a name.
    pub fn named(&self, alias: &str) -> Option<&Rc<Unit>> {
        let import = self.imports.iter().find(|import| import.alias.as_deref() == Some(alias))?;
        Some(&import.unit)
    }

    /// The files whose parts are visible by their plain names: this one and those imported without a name.
    pub fn visible(self: &Rc<Self>) -> impl Iterator<Item = &Rc<Unit>> + Clone {
        let plain = self.imports.iter().filter(|import| import.alias.is_none());
        std::iter::once(self).chain(plain.map(|import| &import.unit))
    }

    /// Whether a name would be defined, were it not for a statement that can't be read.
    pub fn would_define(self: &Rc<Self>, name: &str) -> bool {
        self.visible().any(|unit| unit.lost.as_ref().is_some_and(|lost| lost.contains(name)))
    }

    fn problem(&self, findings: &mut Findings, at: Span, code: Code, message: impl Into<String>, help: &str) {
        if findings.count(Severity::Error) {
            let (message, help) = (message.into(), help.into());
            findings.keep(at_position(self, at, Severity::Error, code, message, help));
        }
    }

    fn note_functions(&mut self, functions: Vec<Function>, findings: &mut Findings) {
        for function in functions {
            if function.of_type {
                let message = "the rule language has no methods of types";
                self.problem(findings, function.start, Code::Unsupported, message, "write fn name(argument)");
            }
            let name = function.name.as_str();
            let reserved = |param: &&String| statement(param).is_some() || **param == "known";
            if let Some(param) = function.params.iter().find(reserved) {
                let message = format!("`{param}` is a word of the rule language");
                let help = "give the parameter another name";
                self.problem(findings, function.start, Code::Reserved, message, help);
            }
            if is_function(name) || statement(name).is_some() || name == "contains" {
                let message = format!("`{name}` is a word of the rule language");
                let help = "give the function another name";
                self.problem(findings, function.start, Code::Reserved, message, help);
            }
            self.functions.insert((function.name.clone(), function.params.len()), Rc::new(function));
        }
    }

    fn check_order(&self, findings: &mut Findings) {
        use StmtKind as K;
        let before = |statement: &&Stmt| {
            matches!(statement.kind, K::Import(..) | K::Let(..) | K::Const(..) | K::Nothing)
        };
        for statement in self.statements.iter().skip_while(before) {
            if let K::Import(..) = statement.kind {
                let message = "`import` stands at the top, before the rules";
                self.problem(findings, statement.at, Code::Misplaced, message, "");
            }
        }
    }

    fn note_constants(&mut self, findings: &mut Findings) {
        let mut constants = BTreeMap::new();
        for statement in &self.statements {
            let StmtKind::Const(name, value) = &statement.kind else { continue };
            if language::is_taken(&name.text) {
                let message = format!("`{}` already has a meaning in scripts", name.text);
                self.problem(findings, name.at, Code::Reserved, message, "give the constant another name");
            }
            if constants.insert(name.text.clone(), value.clone()).is_some() {
                let message = format!("the constant `{}` stands twice", name.text);
                self.problem(findings, name.at, Code::Duplicate, message, "");
            }
        }
        self.constants = constants;
    }

    fn note_imports(&mut self, libs: &BTreeMap<String, Rc<Unit>>, findings: &mut Findings) {
        let mut imports: Vec<Import> = Vec::new();
        for statement in &self.statements {
            let StmtKind::Import(what, alias) = &statement.kind else { continue };
            let at = statement.at;
            let Node::Text(target) = &what.node else {
                let message = "what is imported must be written out";
                self.problem(findings, at, Code::BadImport, message, "write import \"lib/name\" as name;");
                continue;
            };
            if self.path.starts_with(LIB) {
                self.problem(findings, at, Code::BadImport, "files in lib/ can't import others", "");
                continue;
            }
            let Some(unit) = libs.get(&format!("{target}.rhai")) else {
                let known = libs.keys().map(|path| path.trim_end_matches(".rhai"));
                let help = suggestion(target, known);
                let message = format!("there is no file {target}.rhai that could be used");
                self.problem(findings, what.at, Code::BadImport, message, &help);
                continue;
            };
            let unit = unit.clone();
            let import = Import {
                alias: alias.as_ref().map(|alias| alias.text.clone()),
                at: alias.as_ref().map_or(what.at, |alias| alias.at),
                unit,
            };
            let again = imports.iter().any(|known| {
                known.alias == import.alias && (known.alias.is_some() || known.unit.path == import.unit.path)
            });
            if !again {
                imports.push(import);
            } else if import.alias.is_some() {
                let message = "two files are imported under this name";
                self.problem(findings, import.at, Code::Duplicate, message, "");
            } else if !findings.kept_set {
                self.problem(findings, import.at, Code::Duplicate, "the file is imported twice", "");
            }
        }
        self.imports = imports;
    }
}
