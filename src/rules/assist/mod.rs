//! What an editor asks about a script while it is written: what could stand here, what a word means, and where it comes from.
//! All of it works on text that can't be read yet, for that is when it is asked.

mod complete;
mod declared;
mod meaning;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::language::ScriptKind;
use super::language::catalogue::Catalogue;
use super::language::types::Type;
use super::source::{Sources, facts_toml};
use super::syntax::scan::{Kind, Scan, Token};
use super::syntax::tree::Span;
use crate::domain::vocabulary::{Attribute, Vocabulary};

pub use complete::{Proposal, ProposalKind};
pub use declared::{Declared, DeclaredKind, declared};
pub use meaning::{Meaning, Origin};

/// Knows the words of a folder of rules.
pub struct Assist {
    sources: Sources,
    vocabulary: Vocabulary,
    catalogue: Catalogue,
}

impl Assist {
    /// For files that need not be good; where facts.toml is broken, only the language's own words are known.
    pub fn new(sources: Sources) -> Self {
        let vocabulary = super::vocabulary(&sources).unwrap_or_default();
        let catalogue = Catalogue::new(&vocabulary);
        Self { sources, vocabulary, catalogue }
    }

    fn at<'s>(&'s self, path: &'s str, byte: usize) -> Option<Place<'s>> {
        let text = self.sources.get(path)?;
        let kind = ScriptKind::ALL.into_iter().find(|kind| path.starts_with(kind.folder()));
        // Shared functions see no facts; whoever writes them is told of those of leads all the same.
        Some(Place {
            text,
            path,
            scan: Scan::new(text),
            byte: byte as u32,
            kind: kind.unwrap_or(ScriptKind::LeadScoring),
        })
    }

    /// The file that a script imports under a name.
    fn imported(&self, place: &Place, alias: &str) -> Option<(String, &str)> {
        let imports = declared(place.text).into_iter().filter(|known| known.kind == DeclaredKind::Import);
        let import = imports.into_iter().find(|known| known.name == alias)?;
        let path = format!("{}.rhai", import.written);
        let text = self.sources.get(&path)?;
        Some((path, text))
    }
}

/// A place in a script.
struct Place<'s> {
    text: &'s str,
    path: &'s str,
    scan: Scan,
    byte: u32,
    kind: ScriptKind,
}

impl<'s> Place<'s> {
    fn of(&self, token: usize) -> &'s str {
        self.scan.tokens.get(token).map_or("", |token| token.span.of(self.text))
    }

    fn kind_of(&self, token: usize) -> Option<Kind> {
        self.scan.tokens.get(token).map(|token| token.kind)
    }

    fn is_in_comment(&self) -> bool {
        self.scan.comments.iter().any(|comment| comment.start < self.byte && self.byte <= comment.end)
    }

    /// The word or text that the place touches.
    fn touched(&self) -> Option<usize> {
        let touches = |token: &Token| {
            let within = token.span.start <= self.byte && self.byte <= token.span.end;
            within && matches!(token.kind, Kind::Word | Kind::Text)
        };
        self.scan.tokens.iter().position(touches)
    }

    /// How many tokens stand before the place, without the word that is being written.
    fn before(&self) -> usize {
        let ended = self.scan.tokens.partition_point(|token| token.span.end < self.byte);
        match self.scan.tokens.get(ended) {
            // A mark that ends here is behind us, a word is being written.
            Some(token) if token.span.end == self.byte && matches!(token.kind, Kind::Mark(_)) => ended + 1,
            _ => ended,
        }
    }

    /// The brackets that are open before a token, from the outermost: where they stand.
    fn open(&self, before: usize) -> Vec<usize> {
        let mut open = Vec::new();
        for (at, token) in self.scan.tokens.iter().enumerate().take(before) {
            match token.kind {
                Kind::Mark('(' | '[' | '{') => open.push(at),
                Kind::Mark(')' | ']' | '}') => _ = open.pop(),
                _ => {}
            }
        }
        open
    }

    /// The name that is called by a bracket, with the dot before it if there is one: `activity (`, `. where (`.
    fn called(&self, bracket: usize) -> Option<(&'s str, bool)> {
        let name = bracket.checked_sub(1)?;
        let is_call = self.scan.is(bracket, '(') && self.kind_of(name) == Some(Kind::Word);
        let is_member = name.checked_sub(1).is_some_and(|dot| self.scan.is(dot, '.'));
        is_call.then(|| (self.of(name), is_member))
    }

    /// Whether two tokens stand before another: `::`.
    fn is_behind_colons(&self, token: usize) -> bool {
        token >= 2 && self.scan.is(token - 1, ':') && self.scan.is(token - 2, ':')
    }
}

/// A type as the reference writes it.
pub fn type_label(ty: &Type) -> String {
    match ty {
        Type::Number => "number".into(),
        Type::YesNo => "yes_no".into(),
        Type::Text => "text".into(),
        Type::Choice(choices) => choices.words.join(" | "),
        Type::Words => "list".into(),
        Type::Contacts => "contacts".into(),
        other => other.to_string(),
    }
}

/// An attribute, property or part that facts.toml declares, as one line.
fn told(attribute: &Attribute) -> String {
    let unit = if attribute.unit.is_empty() { String::new() } else { format!(" ({})", attribute.unit) };
    format!("{}: {}{unit}", attribute.kind.label(), attribute.meaning)
}

/// Where facts.toml declares a word in a section: `[attributes.budget]`.
fn declared_in_facts(sources: &Sources, section: &str, name: &str) -> Option<Origin> {
    let text = sources.get(facts_toml::PATH)?;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let header = line.trim().trim_start_matches('[').trim_end_matches(']');
        let key = header.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'));
        if line.trim_start().starts_with('[') && key.is_some_and(|key| key.trim_matches('"') == name) {
            return Some(Origin {
                path: facts_toml::PATH.into(),
                at: Span::new(start, start + line.trim_end().len()),
            });
        }
        start += line.len();
    }
    None
}

/// A name of the language's tables, to be kept.
fn owned(name: &str) -> Arc<str> {
    name.into()
}
