//! A parsed file: its functions, constants and imports, which others can use.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr as Ast, ImmutableString, Position as At, Stmt};

use super::{LIB, at_position};
use crate::domain::text::suggestion;
use crate::rules::diagnostics::{Code, Findings, Severity};
use crate::rules::language;
use crate::rules::language::functions::is_function;
use crate::rules::language::statements::statement;
use crate::rules::source;
use crate::rules::syntax::Parser;

/// A parsed file with what others can use of it.
pub struct Unit {
    pub path: Arc<str>,
    pub text: String,
    pub ast: AST,
    /// By name and number of parameters.
    pub functions: BTreeMap<(ImmutableString, usize), Rc<ScriptFunction>>,
    pub constants: BTreeMap<ImmutableString, Ast>,
    pub imports: Vec<Import>,
}

/// A file that another uses, under a name or, without one, as if its parts stood in that file.
pub struct Import {
    pub alias: Option<ImmutableString>,
    pub at: At,
    pub unit: Rc<Unit>,
}

/// A function as the script defines it.
pub struct ScriptFunction {
    pub name: ImmutableString,
    pub params: Vec<ImmutableString>,
    pub body: Vec<Stmt>,
    pub start: At,
    pub end: At,
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
        let ast = parser.parse(path, text).map_err(|finding| findings.push(finding)).ok()?;
        if !findings.kept_set {
            findings.extend(parser.oversight(path, text));
        }
        let mut unit = Self {
            path: path.into(),
            text: text.to_owned(),
            ast,
            functions: BTreeMap::new(),
            constants: BTreeMap::new(),
            imports: Vec::new(),
        };
        unit.note_functions(findings);
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

    fn problem(&self, findings: &mut Findings, at: At, code: Code, message: impl Into<String>, help: &str) {
        if findings.count(Severity::Error) {
            let (message, help) = (message.into(), help.to_owned());
            findings.keep(at_position(&self.path, &self.text, at, Severity::Error, code, message, help));
        }
    }

    fn note_functions(&mut self, findings: &mut Findings) {
        for definition in self.ast.iter_fn_def().filter(|definition| definition.this_type.is_some()) {
            let message = "the rule language has no methods of types";
            let at = definition.body.start_position();
            self.problem(findings, at, Code::Unsupported, message, "write fn name(argument)");
        }
        for function in functions(&self.ast) {
            let name = function.name.as_str();
            let reserved = |param: &&ImmutableString| statement(param).is_some() || **param == "known";
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
        let before =
            |statement: &&Stmt| matches!(statement, Stmt::Import(..) | Stmt::Var(..) | Stmt::Noop(_));
        for statement in self.ast.statements().iter().skip_while(before) {
            if let Stmt::Import(_, at) = statement {
                let message = "`import` stands at the top, before the rules";
                self.problem(findings, *at, Code::Misplaced, message, "");
            }
        }
    }

    fn note_constants(&mut self, findings: &mut Findings) {
        let mut constants = BTreeMap::new();
        for statement in self.ast.statements() {
            let Stmt::Var(variable, flags, _) = statement else { continue };
            if !flags.intersects(rhai::ASTFlags::CONSTANT) {
                continue;
            }
            let (name, value, _) = &**variable;
            if language::is_taken(&name.name) {
                let message = format!("`{}` already has a meaning in scripts", name.name);
                self.problem(findings, name.pos, Code::Reserved, message, "give the constant another name");
            }
            if constants.insert(name.name.clone(), value.clone()).is_some() {
                let message = format!("the constant `{}` stands twice", name.name);
                self.problem(findings, name.pos, Code::Duplicate, message, "");
            }
        }
        self.constants = constants;
    }

    fn note_imports(&mut self, libs: &BTreeMap<String, Rc<Unit>>, findings: &mut Findings) {
        let mut imports: Vec<Import> = Vec::new();
        for statement in self.ast.statements() {
            let Stmt::Import(import, at) = statement else { continue };
            let (what, alias) = &**import;
            let Ast::StringConstant(target, target_at) = what else {
                let message = "what is imported must be written out";
                self.problem(findings, *at, Code::BadImport, message, "write import \"lib/name\" as name;");
                continue;
            };
            if self.path.starts_with(LIB) {
                self.problem(findings, *at, Code::BadImport, "files in lib/ can't import others", "");
                continue;
            }
            let Some(unit) = libs.get(&format!("{target}.rhai")) else {
                let known = libs.keys().map(|path| path.trim_end_matches(".rhai"));
                let help = suggestion(target, known);
                let message = format!("there is no file {target}.rhai that could be used");
                self.problem(findings, *target_at, Code::BadImport, message, &help);
                continue;
            };
            let unit = unit.clone();
            let import = Import {
                alias: (!alias.name.is_empty()).then(|| alias.name.clone()),
                at: if alias.name.is_empty() { *target_at } else { alias.pos },
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

/// The functions of a file. Rhai exports the type of their bodies but not its name, so each body is
/// reached by walking a copy of the tree that holds one function only.
fn functions(ast: &AST) -> Vec<ScriptFunction> {
    let collect = |function: &rhai::ScriptFuncDef| {
        let mut alone = ast.clone_functions_only();
        // Not clone_functions_only_filtered: in rhai 1.27.0 it does not filter.
        alone.retain_functions(|_, _, name, arity| name == function.name && arity == function.params.len());
        let mut body = Vec::new();
        alone.walk(&mut |path| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        ScriptFunction {
            name: function.name.clone(),
            params: function.params.to_vec(),
            body,
            start: function.body.start_position(),
            end: function.body.end_position(),
        }
    };
    let mut functions: Vec<_> = ast.iter_fn_def().map(|function| collect(function)).collect();
    functions.sort_by_key(|function| (function.start.line(), function.start.position()));
    functions
}
