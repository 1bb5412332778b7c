//! The text of a file → [`tree::Tree`]. Rhai parses, with the statements of the rule language added as custom syntax;
//! nothing outside of this room knows it.
//!
//! Only Rhai's parser is used. Its syntax tree is lowered to our own and then to [`super::program`], so a script has no
//! access to anything that Rhai could do at run time.

mod lower;
mod parsed;
mod recover;
pub mod scan;
mod slips;
pub mod tree;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rhai::{AST, Dynamic, Engine, LexError, OptimizationLevel, ParseError, Position, Token};

use crate::rules::diagnostics::{Code, Diagnostic, Related};
use crate::rules::language::statements::SHAPES;
use parsed::Parsed;
use scan::Scan;
use slips::slip;
use tree::{Lines, Tree};

/// The deepest nesting of expressions and blocks.
const MAX_DEPTH: usize = 64;
/// The most cases of all `switch` in a file: Rhai parses them in more than linear time.
const MAX_CASES: usize = 1_000;
/// How many statements of a file may be left out because they can't be read.
const MAX_LEFT_OUT: usize = 10;

/// What is noted of a file while Rhai reads it.
#[derive(Default)]
struct Reading {
    /// Groups whose block is being parsed, so that an unclosed one can be named.
    open_groups: Vec<String>,
    cases: usize,
    negatives: Vec<Position>,
}

/// A file as it was read.
pub struct Read {
    /// Without the statements that can't be read; nothing if that did not help.
    pub tree: Option<Tree>,
    /// Places in the tree are places of this text. It has the same lines and columns as the file's.
    pub lines: Lines,
    /// What can't be read.
    pub findings: Vec<Diagnostic>,
    /// What Rhai reads without a word, but not as its author meant it.
    pub oversight: Option<Diagnostic>,
    /// The names that the statements left out would have defined.
    pub lost: BTreeSet<String>,
}

/// A Rhai parser that knows the rule language.
pub struct Parser {
    engine: Engine,
    reading: Rc<RefCell<Reading>>,
}

impl Parser {
    pub fn new() -> Self {
        let mut engine = Engine::new_raw();
        engine.set_optimization_level(OptimizationLevel::None);
        engine.set_max_expr_depths(MAX_DEPTH, MAX_DEPTH);
        engine.set_max_string_size(4_096);
        engine.set_max_array_size(1_000);
        engine.set_max_map_size(200);
        engine.set_max_functions(200);
        let reading = Rc::new(RefCell::new(Reading::default()));
        let noted = reading.clone();
        #[allow(deprecated)] // Not deprecated, but marked as volatile; the version is pinned.
        engine.on_parse_token(move |token, at, _| {
            let mut noted = noted.borrow_mut();
            match token {
                Token::Identifier(word) => match word.as_str() {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Bang,
                    _ => Token::Identifier(word),
                },
                Token::DoubleArrow => {
                    noted.cases += 1;
                    if noted.cases > MAX_CASES { Token::EOF } else { token }
                }
                Token::IntegerConstant(..0) => {
                    noted.negatives.push(at);
                    token
                }
                other => other,
            }
        });
        for shape in &SHAPES {
            let reading = reading.clone();
            engine.register_custom_syntax_with_state_raw(
                shape.keyword,
                move |segments, next, state| {
                    let mut parsed = state.clone().try_cast::<Parsed>().unwrap_or_default();
                    if shape.block && parsed.done {
                        reading.borrow_mut().open_groups.pop();
                    }
                    let step = parsed.next(shape, next);
                    if shape.block && parsed.done && matches!(step, Ok(Some(_))) {
                        let name = segments.get(1).map(ToString::to_string).unwrap_or_default();
                        reading.borrow_mut().open_groups.push(name);
                    }
                    *state = Dynamic::from(parsed);
                    step
                },
                false,
                |_, _, _| Ok(Dynamic::UNIT),
            );
        }
        Self { engine, reading }
    }

    /// Whether a word can be used as a name at all: Rhai keeps some for itself.
    pub fn is_name(&self, word: &str) -> bool {
        self.engine.compile_expression(word).is_ok()
    }

    /// Parses a file. Rhai stops at the first error; the statement that holds it is left out then, and the rest read
    /// anew, so that everything wrong is told at once.
    pub fn read(&self, file: &str, text: &str) -> Read {
        let mut readable = text.to_owned();
        let mut read = Read {
            tree: None,
            lines: Lines::new(text),
            findings: Vec::new(),
            oversight: None,
            lost: BTreeSet::new(),
        };
        loop {
            let error = match self.parse(file, &readable) {
                Ok(ast) => {
                    if read.findings.is_empty() {
                        read.oversight = self.oversight(file, text);
                    }
                    read.lines = Lines::new(&readable);
                    read.tree = Some(lower::lower(&ast, &read.lines, &Scan::new(&readable)));
                    return read;
                }
                Err(Stopped::For(finding)) => {
                    read.findings.push(*finding);
                    return read;
                }
                Err(Stopped::At(error)) => error,
            };
            read.findings.push(self.diagnose(file, text, &error));
            let open = self.reading.borrow().open_groups.last().cloned();
            if let Some(finding) = self.oversight(file, &readable) {
                // What swallows the rest of the file is all there is to tell.
                read.findings.pop();
                read.findings.push(finding);
                return read;
            }
            let lines = Lines::new(&readable);
            let place = error.position().line().zip(error.position().position());
            let left_out =
                recover::unreadable(&readable, place.map(|(line, column)| lines.byte(line, column)), open);
            match left_out.filter(|_| read.findings.len() < MAX_LEFT_OUT) {
                Some(left_out) => {
                    read.lost.extend(left_out.defines);
                    readable = recover::without(&readable, &left_out.spans);
                }
                None => return read,
            }
        }
    }

    fn parse(&self, file: &str, text: &str) -> Result<AST, Stopped> {
        self.reading.take();
        let parsed = self.engine.compile(text);
        if self.reading.borrow().cases > MAX_CASES {
            let message = format!("the file has more than {MAX_CASES} `switch` cases");
            return Err(Stopped::For(Box::new(Diagnostic::of_file(file, Code::TooLarge, message))));
        }
        parsed.map_err(Stopped::At)
    }

    /// What Rhai reads without a word in the file that was parsed last, but not as its author meant it.
    fn oversight(&self, file: &str, text: &str) -> Option<Diagnostic> {
        let Reading { negatives, .. } = self.reading.take();
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let place = |at: Position| Some((at.line()?, at.position()?));
        let wrapped = negatives.into_iter().filter_map(place).find(|(line, column)| {
            let begins = lines.get(line - 1).and_then(|line| line.get(column - 1));
            begins.is_some_and(char::is_ascii_digit)
        });
        if let Some((line, column)) = wrapped {
            let message = "the number is too large";
            return Some(Diagnostic::at(file, text, line, column, Code::BadValue, message));
        }
        let unclosed = Scan::new(text).unclosed_comment(text)?;
        let (line, column) = Lines::new(text).place(unclosed.start);
        let message = "this comment is not closed, so that everything behind it counts for nothing";
        Some(Diagnostic::at(file, text, line, column, Code::Syntax, message).with_help("end it with */"))
    }

    fn diagnose(&self, file: &str, text: &str, error: &ParseError) -> Diagnostic {
        let message = match error.err_type() {
            rhai::ParseErrorType::BadInput(LexError::ImproperSymbol(symbol, message))
                if symbol.is_empty() =>
            {
                message.clone()
            }
            rhai::ParseErrorType::ExprTooDeep => format!("nested more than {MAX_DEPTH} levels deep"),
            other => sentence(&other.to_string()),
        };
        let end = (text.lines().count().max(1), text.lines().last().map_or(0, |l| l.chars().count()) + 1);
        let line = error.position().line().unwrap_or(end.0);
        let column =
            error.position().position().unwrap_or(if error.position().is_none() { end.1 } else { 1 });
        let mut diagnostic = Diagnostic::at(file, text, line, column, Code::Syntax, message);
        diagnostic.help = slip(text.lines().nth(line - 1).unwrap_or_default(), column).unwrap_or_default();
        // Only what ends too early may lack the end of its group.
        let at_end = (line, column) >= end;
        if let Some(open) = self.reading.borrow().open_groups.last().filter(|_| at_end) {
            let needle = format!("\"{open}\"");
            let opened = text
                .lines()
                .enumerate()
                .filter(|(i, _)| *i < line)
                .find(|(_, l)| l.trim_start().starts_with("group") && l.contains(&needle));
            if let Some((i, text)) = opened {
                diagnostic.related.push(Related {
                    file: file.into(),
                    line: i as u32 + 1,
                    column: (text.len() - text.trim_start().len()) as u32 + 1,
                    message: format!("group \"{open}\" is not closed at that point"),
                });
            }
        }
        diagnostic
    }
}

/// Why a file is not read to its end.
enum Stopped {
    /// It is too much.
    For(Box<Diagnostic>),
    At(ParseError),
}

/// Rhai's messages start with a capital; ours don't.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        let diagnostic = Parser::new().read("x.rhai", text).findings.remove(0);
        let Diagnostic { line, column, message, help, related, .. } = diagnostic;
        let related: Vec<_> = related.into_iter().map(|r| r.message).collect();
        let notes = if help.is_empty() { related } else { [vec![help], related].concat() };
        format!("{line}:{column}: {message} {}", notes.join(" "))
    }

    #[test]
    fn a_statement_says_what_it_lacks() {
        let cases = [
            "rule \"x\" when a then 5;",
            "rule \"x\" when a when b then 5;",
            "rule \"x\" if a then 5;",
            "grade A when total > 5;",
            "group \"g\" on fit {\n rule \"x\" when a then 5 because \"y\";\n",
            "axis fit from 0",
            "rule \"x\" when a > then 5 because \"y\";",
        ];
        let found: Vec<_> = cases.iter().map(|text| message(text)).collect();
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn usual_slips_are_recognised() {
        let conditions = [
            "a = 5",
            "a AND b",
            "a not in [1]",
            "a in (1, 2)",
            "a == “x”",
            "a == 'xy'",
            "a ≥ 5",
            "a <> 5",
            "a\u{a0}> 5",
            "a > 0,5",
            "a > 20,000",
            "a > 60%",
            "a => 5",
            "a == null",
            "a is null",
            "a is 5",
            "a between 5 and 9",
        ];
        let rule = |condition| format!("rule \"x\" when {condition} then 5 because \"y\";");
        let words = [
            "rul \"x\" when a then 5 because \"y\";",
            "rule \"x\" when a then 5 becuase \"y\";",
            "grad \"A\" otherwise;",
            "rule \"x\" if a then 5 because \"y\";",
            "rule x when a then 5 because \"y\";",
            "rule \"x\" when a then 5 because \"y\"\nrule \"z\" when a then 5 because \"y\";",
            "axis fit from 0 to 5\ngrade \"A\" otherwise;",
        ];
        let all = conditions.into_iter().map(rule).chain(words.map(String::from));
        let found: Vec<_> = all.map(|text| format!("{text}\n  {}", message(&text))).collect();
        insta::assert_snapshot!(found.join("\n"));
    }
}
