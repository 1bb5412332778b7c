//! What a file declares by itself.

use crate::rules::language::statements::statement;
use crate::rules::syntax::scan::{Kind, Scan};
use crate::rules::syntax::tree::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredKind {
    Define,
    Function,
    Constant,
    /// A name under which another file is used; [`Declared::written`] is that file's, without its ending.
    Import,
    Group,
    /// A rule, factor, finding or verdict, by its first word.
    Rule(&'static str),
}

/// Something that a file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub kind: DeclaredKind,
    pub name: String,
    /// Where the name stands.
    pub at: Span,
    /// As it is declared, up to where its body begins.
    pub written: String,
    /// The comment above it.
    pub said: String,
}

/// Everything that a file declares, in the order of its text.
pub fn declared(text: &str) -> Vec<Declared> {
    let scan = Scan::new(text);
    let mut found = Vec::new();
    for (at, token) in scan.tokens.iter().enumerate() {
        let word = token.span.of(text);
        let (Kind::Word, Some(next)) = (token.kind, scan.tokens.get(at + 1)) else { continue };
        let behind_dot = at.checked_sub(1).is_some_and(|before| scan.is(before, '.'));
        let (kind, named) = match (word, next.kind) {
            _ if behind_dot => continue,
            ("define", Kind::Word) => (DeclaredKind::Define, next),
            ("fn", Kind::Word) => (DeclaredKind::Function, next),
            ("const", Kind::Word) => (DeclaredKind::Constant, next),
            ("import", Kind::Text) => match (scan.tokens.get(at + 2), scan.tokens.get(at + 3)) {
                (Some(with), Some(alias)) if with.span.of(text) == "as" && alias.kind == Kind::Word => {
                    (DeclaredKind::Import, alias)
                }
                _ => continue,
            },
            ("group", Kind::Text) => (DeclaredKind::Group, next),
            (word, Kind::Text) => match statement(word) {
                Some(shape) => (DeclaredKind::Rule(shape.keyword), next),
                None => continue,
            },
            _ => continue,
        };
        let start = token.span.start as usize;
        let name = named.span.of(text).trim_matches('"').to_owned();
        let written = match kind {
            DeclaredKind::Import => next.span.of(text).trim_matches('"').to_owned(),
            _ => heading(&text[start..], kind).trim_end().to_owned(),
        };
        found.push(Declared { kind, name, at: named.span, written, said: comment_above(text, start) });
    }
    found
}

/// The first line of something, without its body.
fn heading(text: &str, kind: DeclaredKind) -> &str {
    let line = text.lines().next().unwrap_or_default();
    match kind {
        DeclaredKind::Function | DeclaredKind::Group => line.split('{').next().unwrap_or(line),
        _ => line.split(" //").next().unwrap_or(line).trim_end().trim_end_matches(';'),
    }
}

/// The comments in the lines directly above a place.
fn comment_above(text: &str, start: usize) -> String {
    // What stands before it in its own line is indentation.
    let above = text[..start].rfind('\n').map_or("", |end| &text[..end]);
    let said = above.rsplit('\n').map_while(|line| line.trim().strip_prefix("//"));
    let mut said: Vec<&str> = said.map(str::trim).collect();
    said.reverse();
    said.join(" ")
}
