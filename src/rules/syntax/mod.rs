//! The statements of the rule language, added to Rhai's parser as custom syntax.
//!
//! Only Rhai's parser is used. Its syntax tree is lowered to our own [`super::program`], so a script has
//! no access to anything that Rhai could do at run time.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{AST, Dynamic, Engine, ImmutableString, LexError, OptimizationLevel, ParseError, Position, Token};

use crate::domain::text::nearest;
use crate::rules::diagnostics::{Code, Diagnostic, Related};
use crate::rules::language::statements::{Part, SHAPES, Shape};

/// The deepest nesting of expressions and blocks.
const MAX_DEPTH: usize = 64;
/// The most cases of all `switch` in a file: Rhai parses them in more than linear time.
const MAX_CASES: usize = 1_000;

/// What was parsed of a statement so far; kept in the syntax tree, where it tells the order of the clauses.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    headed: bool,
    /// The clauses seen, in order.
    pub clauses: Vec<&'static str>,
    awaits_value: Option<Part>,
    done: bool,
}

impl Parsed {
    /// Decides what comes next in a statement, from what was parsed and the next token.
    fn next(&mut self, shape: &Shape, next: &str) -> Result<Option<ImmutableString>, ParseError> {
        if self.done {
            return Ok(None);
        }
        if let Some(part) = self.awaits_value.take() {
            return Ok(Some(part.marker().into()));
        }
        if let (Some(head), false) = (shape.head, self.headed) {
            self.headed = true;
            return Ok(Some(head.marker().into()));
        }
        let end = if shape.block { "{" } else { ";" };
        if next == end {
            let missing = shape.required.iter().find(|clause| !self.clauses.contains(clause));
            if let Some(missing) = missing {
                return Err(error(
                    shape,
                    format!("`{}` needs `{missing} …` before the `{end}`", shape.keyword),
                ));
            }
            self.done = true;
            return Ok(Some(if shape.block { "$block$" } else { ";" }.into()));
        }
        match shape.clauses.iter().find(|(clause, _)| *clause == next) {
            Some((clause, _)) if self.clauses.contains(clause) => {
                Err(error(shape, format!("`{clause}` stands twice in this `{}`", shape.keyword)))
            }
            Some((clause, part)) => {
                self.clauses.push(clause);
                self.awaits_value = (*part != Part::Flag).then_some(*part);
                Ok(Some((*clause).into()))
            }
            None => {
                let open = shape.clauses.iter().map(|(c, _)| *c).filter(|c| !self.clauses.contains(c));
                let expected: Vec<_> = open.chain([end]).map(|c| format!("`{c}`")).collect();
                let found = if next.is_empty() || next == "{EOF}" { "the end of the file" } else { next };
                let found = found.trim_matches('`');
                Err(error(shape, format!("expected {} but found {found}", expected.join(" or "))))
            }
        }
    }
}

fn error(shape: &Shape, message: String) -> ParseError {
    let text = format!("{message}; for example: {}", shape.example);
    LexError::ImproperSymbol(String::new(), text).into_err(Position::NONE)
}

/// What is noted of a file while Rhai reads it.
#[derive(Default)]
struct Reading {
    /// Groups whose block is being parsed, so that an unclosed one can be named.
    open_groups: Vec<String>,
    cases: usize,
    last_token: Position,
    negatives: Vec<Position>,
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
            noted.last_token = at;
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

    /// Parses a file; Rhai stops at the first error.
    pub fn parse(&self, file: &str, text: &str) -> Result<AST, Diagnostic> {
        self.reading.take();
        let parsed = self.engine.compile(text);
        if self.reading.borrow().cases > MAX_CASES {
            let message = format!("the file has more than {MAX_CASES} `switch` cases");
            return Err(Diagnostic::of_file(file, Code::TooLarge, message));
        }
        match parsed {
            Ok(ast) => Ok(ast),
            Err(error) => {
                let finding = self.diagnose(file, text, &error);
                Err(self.oversight(file, text).unwrap_or(finding))
            }
        }
    }

    /// What Rhai reads without a word in the file that was parsed last, but not as its author meant it.
    pub fn oversight(&self, file: &str, text: &str) -> Option<Diagnostic> {
        let Reading { last_token, negatives, .. } = self.reading.take();
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
        // A comment that is never closed swallows the rest, so it can only begin behind the last token.
        let (line, column) = place(last_token).unwrap_or((1, 1));
        let rest: Vec<String> = lines.iter().skip(line - 1).map(|line| line.iter().collect()).collect();
        let rest: String = rest.join("\n").chars().skip(column - 1).collect();
        let (mut tokens, _) = self.engine.lex([&rest]);
        tokens.pos = Position::new(line as u16, column as u16 - 1);
        tokens.state.include_comments = true;
        while let Some((token, at)) = tokens.next() {
            match token {
                Token::EOF => break,
                Token::Comment(_) if tokens.state.comment_level > 0 => {
                    let message =
                        "this comment is not closed, so that everything behind it counts for nothing";
                    let (line, column) = place(at)?;
                    let finding = Diagnostic::at(file, text, line, column, Code::Syntax, message);
                    return Some(finding.with_help("end it with */"));
                }
                _ => {}
            }
        }
        None
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

/// What was probably meant at a place that can't be read: slips of people who know other languages, and of texts that
/// went through a word processor.
fn slip(line: &str, column: usize) -> Option<String> {
    let before: String = line.chars().take(column - 1).collect();
    let rest: String = line.chars().skip(column - 1).collect();
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let here = word(&rest);
    let last = before.split_whitespace().last().unwrap_or_default();
    let first = rest.chars().next()?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    // Rhai takes `60% then` for a remainder, and stumbles over what follows.
    let is_percentage = |text: &str| {
        let sign = text.match_indices('%').map(|(at, _)| text[..at].trim_end());
        sign.into_iter().any(|number| number.ends_with(|c: char| c.is_ascii_digit()))
    };
    let is_keyword = |word: &str| SHAPES.iter().any(|shape| shape.keyword == word);
    Some(match first {
        ',' if before.ends_with(|c: char| c.is_ascii_digit()) && digits(&rest[1..]) > 0 => {
            let whole = before.chars().rev().take_while(char::is_ascii_digit).collect::<String>();
            let whole: String = whole.chars().rev().collect();
            let after: String = rest[1..].chars().take_while(char::is_ascii_digit).collect();
            match after.len() == 3 && whole != "0" {
                true => format!("write thousands without a mark: {whole}{after}"),
                false => format!("write decimals with a point: {whole}.{after}"),
            }
        }
        '=' if rest.starts_with("=>") => "write >=".into(),
        '=' if !rest.starts_with("==") => "write == to compare".into(),
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\'' => {
            "write texts in plain quotes: \"…\"".into()
        }
        '\u{a0}' => "this is a blank that does not break; write a plain one".into(),
        '≥' => "write >=".into(),
        '≤' => "write <=".into(),
        '≠' => "write !=".into(),
        '>' if before.ends_with('<') => "write !=".into(),
        _ if ["null", "nil", "undefined"].contains(&here.as_str())
            || (here == "is" && rest.contains("null")) =>
        {
            "ask known(fact), or not known(fact): what nobody told has no value".into()
        }
        _ if here == "is" => "write == to compare, != if it is to differ".into(),
        _ if here == "between" => "write x >= low and x <= high".into(),
        _ if here == "if" && before.trim_start().starts_with("rule") => "write when".into(),
        _ if is_keyword(&here) && !is_keyword(last) => "end the statement before it with ;".into(),
        _ if is_keyword(last) && !here.is_empty() => format!("write the name in quotes: \"{here}\""),
        _ if ["AND", "OR", "NOT"].contains(&here.as_str()) => format!("write {}", here.to_lowercase()),
        _ if (here == "in" && last == "not") || (here == "not" && word(rest[3..].trim_start()) == "in") => {
            "write not (x in list)".into()
        }
        _ if is_percentage(&before) => "write a percentage as a number: 0.6 for 60 %".into(),
        ',' if before.contains(" in (") => "write lists in brackets: in [\"a\", \"b\"]".into(),
        _ => {
            let words = SHAPES.iter().flat_map(|shape| shape.clauses.iter().map(|(clause, _)| *clause));
            let words: Vec<_> = words.chain(SHAPES.iter().map(|shape| shape.keyword)).collect();
            // A keyword that is not known is a name to Rhai, which then stumbles over what follows.
            let meant =
                [here.as_str(), last].into_iter().filter(|word| !word.is_empty() && !words.contains(word));
            let near = meant.filter_map(|word| nearest(word, words.iter().copied())).next()?;
            format!("did you mean `{near}`?")
        }
    })
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
        let diagnostic = Parser::new().parse("x.rhai", text).unwrap_err();
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
