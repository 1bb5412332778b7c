//! Sources → [`RuleSet`], or everything that is wrong with them.
//!
//! Rhai parses a file; its syntax tree is lowered to a typed [`Script`]. Names, words and types are all
//! checked on the way, so that what remains to fail at run time is arithmetic.

mod call;
mod context;
mod control;
mod expression;
mod member;
mod statement;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr as Ast, ImmutableString, Stmt};

use super::catalogue::{self, Catalogue};
use super::diagnostic::{Code, Diagnostic, Findings, Severity};
use super::facts_toml;
use super::program::ScriptKind;
use super::set::RuleSet;
use super::smoke::smoke;
use super::source::{self, Sources};
use super::syntax::Parser;
use crate::domain::text::suggestion;
use crate::domain::vocabulary::Vocabulary;
use context::Context;

/// The folder of shared functions and constants.
const LIB: &str = "lib/";

/// A compiled set with its warnings, or all errors and warnings. Findings are ordered by place.
pub type Compiled = Result<(RuleSet, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Compiles a whole set.
pub fn compile(sources: Sources) -> Compiled {
    aside(Nice::Reload, move || compile_here(sources))
}

/// Compiles a set that was in force once, so that what was scored by it can be scored again: what only admits sets to
/// come into force is not asked.
pub fn compile_kept(sources: Sources) -> Compiled {
    aside(Nice::Check, move || compile_by(sources, Findings::of_kept_set()))
}

/// Compiles a whole set and tries it on made-up examples.
pub fn compile_and_try(sources: Sources, currency: &str, nice: Nice) -> Compiled {
    let currency = currency.to_owned();
    aside(nice, move || {
        let (set, warnings) = compile_here(sources)?;
        smoke(&set, &currency)?;
        Ok((set, warnings))
    })
}

/// How far the thread that compiles stands back when there is more to do than the machine can: calls go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nice {
    /// For a set that is to come into force: about a tenth of a processor is left for it.
    Reload,
    /// For somebody who only asks: whatever the others leave, and at once taken away when they need it.
    Check,
}

impl Nice {
    fn apply(self) -> Result<(), thread_priority::Error> {
        use thread_priority::{NormalThreadSchedulePolicy as Policy, ThreadPriority, ThreadSchedulePolicy};
        // Of a hundred, fifty are usual.
        let (policy, priority) = match self {
            Nice::Reload => (Policy::Other, 25_u8.try_into().map(ThreadPriority::Crossplatform)),
            Nice::Check => (Policy::Idle, Ok(ThreadPriority::Min)),
        };
        let priority = priority.unwrap_or(ThreadPriority::Min);
        let thread = thread_priority::thread_native_id();
        thread_priority::set_thread_priority_and_policy(
            thread,
            priority,
            ThreadSchedulePolicy::Normal(policy),
        )
    }
}

/// Works on a thread of its own: parsing recurses, a panic stays there, and calls go first.
fn aside(nice: Nice, work: impl FnOnce() -> Compiled + Send + 'static) -> Compiled {
    let builder = std::thread::Builder::new().name("rules-compile".into()).stack_size(16 << 20);
    let work = move || {
        // On Linux this is the thread's own; elsewhere it would be the whole process's.
        #[cfg(target_os = "linux")]
        if let Err(error) = nice.apply() {
            tracing::debug!(?error, "rules compile at the usual priority");
        }
        work()
    };
    let result = builder.spawn(work).map(|thread| thread.join());
    match result {
        Ok(Ok(compiled)) => compiled,
        Ok(Err(_panic)) => {
            let message = "the compiler failed on these scripts; this is a defect of the service";
            Err(vec![Diagnostic::of_file("", Code::Syntax, message)])
        }
        Err(error) => {
            let message = format!("no thread could be started to compile: {error}");
            Err(vec![Diagnostic::of_file("", Code::Unreadable, message)])
        }
    }
}

/// A parsed file with what others can use of it.
pub(super) struct Unit {
    path: Arc<str>,
    text: String,
    ast: AST,
    /// By name and number of parameters.
    functions: BTreeMap<(ImmutableString, usize), Rc<ScriptFunction>>,
    constants: BTreeMap<ImmutableString, Ast>,
    /// What it imports: (alias or none, unit).
    imports: Vec<(Option<ImmutableString>, Rc<Unit>)>,
}

/// A function as the script defines it.
pub(super) struct ScriptFunction {
    name: ImmutableString,
    params: Vec<ImmutableString>,
    body: Vec<Stmt>,
    start: rhai::Position,
    end: rhai::Position,
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

fn compile_here(sources: Sources) -> Compiled {
    let mut findings = Findings::default();
    findings.extend(source::too_large_together(sources.files().values()));
    if sources.files().len() >= source::MAX_FILES {
        let message = format!("there are more than {} files", source::MAX_FILES - 1);
        findings.push(Diagnostic::of_file("", Code::TooLarge, message));
    }
    compile_by(sources, findings)
}

fn compile_by(sources: Sources, mut findings: Findings) -> Compiled {
    findings.extend(check_paths(&sources));
    let vocabulary = match sources.get(facts_toml::PATH).map(facts_toml::parse) {
        None => Vocabulary::default(),
        Some(Ok(vocabulary)) => vocabulary,
        Some(Err(problems)) => {
            // Without its words every script would be full of errors that are not its own.
            findings.extend(problems);
            return Err(findings.sorted());
        }
    };
    let catalogue = Catalogue::new(&vocabulary);
    let parser = Parser::new();
    let mut libs = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.starts_with(LIB)) {
        let unit = parse(&parser, path, text, &BTreeMap::new(), &mut findings);
        libs.extend(unit.map(|unit| (path.to_owned(), Rc::new(unit))));
    }
    let mut scripts = BTreeMap::new();
    for kind in ScriptKind::ALL {
        for (path, text) in sources.iter() {
            let Some(name) = script_name(path, kind) else { continue };
            let Some(unit) = parse(&parser, path, text, &libs, &mut findings) else { continue };
            let context = Context::new(kind, Rc::new(unit), &catalogue, &vocabulary, &mut findings);
            if let Some(script) = context.script(name) {
                scripts.insert((kind.folder(), name.to_owned()), Arc::new(script));
            }
        }
    }
    for unit in libs.values() {
        Context::new(ScriptKind::LeadScoring, unit.clone(), &catalogue, &vocabulary, &mut findings).library();
    }
    match findings.has_errors() {
        true => Err(findings.sorted()),
        false => Ok((RuleSet::new(sources, vocabulary, catalogue, scripts), findings.sorted())),
    }
}

/// The name of a script of a kind, from its path.
fn script_name(path: &str, kind: ScriptKind) -> Option<&str> {
    path.strip_prefix(kind.folder())?.strip_prefix('/')?.strip_suffix(".rhai")
}

fn check_paths(sources: &Sources) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let is_script = |path: &str| ScriptKind::ALL.iter().any(|kind| script_name(path, *kind).is_some());
    for (path, text) in sources.iter() {
        let script = is_script(path);
        if text.len() > source::MAX_FILE_BYTES {
            findings.push(source::too_large(path, text.len() as u64));
        } else if script && path.matches('/').count() > 1 {
            let message = "scripts stand directly in their folder";
            findings.push(Diagnostic::of_file(path, Code::Misplaced, message));
        } else if !script && !path.starts_with(LIB) && path != facts_toml::PATH {
            let message = "this file belongs to no folder that is used";
            let help = "scripts stand in lead_scoring/ or segment_priority/, shared functions in lib/";
            findings.push(Diagnostic::of_file(path, Code::Misplaced, message).with_help(help));
        }
    }
    if !sources.iter().any(|(path, _)| is_script(path)) {
        let message = "there is no script";
        let help = "put one at lead_scoring/default.rhai";
        findings.push(Diagnostic::of_file("", Code::EmptySet, message).with_help(help));
    }
    findings
}

/// Parses a file and notes its functions, constants and imports.
fn parse(
    parser: &Parser,
    path: &str,
    text: &str,
    libs: &BTreeMap<String, Rc<Unit>>,
    findings: &mut Findings,
) -> Option<Unit> {
    if text.len() > source::MAX_FILE_BYTES {
        return None;
    }
    let ast = parser.parse(path, text).map_err(|finding| findings.push(finding)).ok()?;
    if !findings.kept_set {
        findings.extend(parser.oversight(path, text));
    }
    let mut unit = Unit {
        path: path.into(),
        text: text.to_owned(),
        ast,
        functions: BTreeMap::new(),
        constants: BTreeMap::new(),
        imports: Vec::new(),
    };
    let kept_set = findings.kept_set;
    let mut problem = |at: rhai::Position, code, message: String, help: String| {
        if findings.count(Severity::Error) {
            findings.keep(at_position(path, text, at, Severity::Error, code, message, help));
        }
    };
    for definition in unit.ast.iter_fn_def().filter(|definition| definition.this_type.is_some()) {
        let message = "the rule language has no methods of types".to_owned();
        problem(
            definition.body.start_position(),
            Code::Unsupported,
            message,
            "write fn name(argument)".into(),
        );
    }
    for function in functions(&unit.ast) {
        let name = function.name.as_str();
        let reserved =
            |param: &&ImmutableString| catalogue::STATEMENTS.contains(&param.as_str()) || **param == "known";
        if let Some(param) = function.params.iter().find(reserved) {
            let message = format!("`{param}` is a word of the rule language");
            problem(function.start, Code::Reserved, message, "give the parameter another name".into());
        }
        if catalogue::is_function(name) || catalogue::STATEMENTS.contains(&name) || name == "contains" {
            let message = format!("`{name}` is a word of the rule language");
            problem(function.start, Code::Reserved, message, "give the function another name".into());
        }
        unit.functions.insert((function.name.clone(), function.params.len()), Rc::new(function));
    }
    let mut rules_began = false;
    for statement in unit.ast.statements() {
        rules_began |= !matches!(statement, Stmt::Import(..) | Stmt::Var(..) | Stmt::Noop(_));
        if let (Stmt::Import(_, at), true) = (statement, rules_began) {
            let message = "`import` stands at the top, before the rules".to_owned();
            problem(*at, Code::Misplaced, message, String::new());
        }
        match statement {
            Stmt::Var(variable, flags, _) if flags.intersects(rhai::ASTFlags::CONSTANT) => {
                let (name, value, _) = &**variable;
                if catalogue::is_taken(&name.name) {
                    let message = format!("`{}` already has a meaning in scripts", name.name);
                    problem(name.pos, Code::Reserved, message, "give the constant another name".into());
                }
                if unit.constants.insert(name.name.clone(), value.clone()).is_some() {
                    let message = format!("the constant `{}` stands twice", name.name);
                    problem(name.pos, Code::Duplicate, message, String::new());
                }
            }
            Stmt::Import(import, at) => {
                let (what, alias) = &**import;
                let Ast::StringConstant(target, target_at) = what else {
                    let message = "what is imported must be written out";
                    let help = "write import \"lib/name\" as name;";
                    problem(*at, Code::BadImport, message.into(), help.into());
                    continue;
                };
                if path.starts_with(LIB) {
                    problem(*at, Code::BadImport, "files in lib/ can't import others".into(), String::new());
                    continue;
                }
                match libs.get(&format!("{target}.rhai")) {
                    Some(lib) => {
                        let at = alias.pos;
                        let alias = (!alias.name.is_empty()).then(|| alias.name.clone());
                        let again = |(known, file): &(Option<ImmutableString>, Rc<Unit>)| {
                            *known == alias && (alias.is_some() || file.path == lib.path)
                        };
                        let again = unit.imports.iter().any(again);
                        if again && alias.is_none() && kept_set {
                            continue;
                        }
                        if again {
                            let message = match alias {
                                Some(_) => "two files are imported under this name",
                                None => "the file is imported twice",
                            };
                            let at = if alias.is_some() { at } else { *target_at };
                            problem(at, Code::Duplicate, message.to_owned(), String::new());
                        } else {
                            unit.imports.push((alias, lib.clone()));
                        }
                    }
                    None => {
                        let known = libs.keys().map(|path| path.trim_end_matches(".rhai"));
                        let help = suggestion(target, known);
                        let message = format!("there is no file {target}.rhai that could be used");
                        problem(*target_at, Code::BadImport, message, help);
                    }
                }
            }
            _ => {}
        }
    }
    Some(unit)
}

/// A finding at a place of a text.
fn at_position(
    path: &str,
    text: &str,
    at: rhai::Position,
    severity: Severity,
    code: Code,
    message: String,
    help: String,
) -> Diagnostic {
    let (line, column) = (at.line().unwrap_or(0), at.position().unwrap_or(1));
    Diagnostic { severity, help, ..Diagnostic::at(path, text, line, column, code, message) }
}
