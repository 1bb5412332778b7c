//! How Rhai is led through a statement of the rule language, clause by clause.

use rhai::{ImmutableString, LexError, ParseError, Position};

use crate::rules::language::statements::{Part, Shape};

/// What was parsed of a statement so far; kept in the syntax tree, where it tells the order of the clauses.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    headed: bool,
    /// The clauses seen, in order.
    pub clauses: Vec<&'static str>,
    awaits_value: Option<Part>,
    /// Whether its end was seen.
    pub done: bool,
}

impl Parsed {
    /// Decides what comes next in a statement, from what was parsed and the next token.
    pub fn next(&mut self, shape: &Shape, next: &str) -> Result<Option<ImmutableString>, ParseError> {
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
