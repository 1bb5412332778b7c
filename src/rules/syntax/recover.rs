//! Leaving out of a file what can't be read, so that the rest can be.

use super::scan::{Kind, Scan};
use super::tree::Span;
use crate::rules::language::statements::SHAPES;

/// A statement, or a part of one, that can't be read.
pub struct LeftOut {
    /// In the order of the text: of a group its head, and the end of its block.
    pub spans: Vec<Span>,
    /// The name that it would have defined.
    pub defines: Option<String>,
}

/// The statement that can't be read at a byte, or at the end of the text; `open` is the group that is not closed there.
pub fn unreadable(text: &str, at: Option<u32>, open: Option<String>) -> Option<LeftOut> {
    let scan = Scan::new(text);
    let words = Words { text, scan: &scan };
    let stumbled = at.map_or(scan.tokens.len(), |at| words.around(at));
    let at_end = stumbled >= scan.tokens.len();
    let (first, end) = match open.filter(|_| at_end).and_then(|open| words.head_of_group(&open)) {
        Some(head) => head,
        None => {
            let first = words.beginning(stumbled)?;
            (first, words.end(first, stumbled))
        }
    };
    let last = scan.tokens.get(end.checked_sub(1)?)?;
    let mut spans = vec![scan.tokens.get(first)?.span.to(last.span)];
    if words.word(first) == "group" && words.word(end - 1) == "{" {
        let block = scan.bracket(last.span.start);
        spans.extend(block.map(|block| Span { start: block.end - 1, end: block.end }));
    }
    let names = ["define", "const", "fn"].contains(&words.word(first));
    let defines = names.then(|| words.word(first + 1).to_owned());
    Some(LeftOut { spans, defines })
}

/// The text with blanks for some parts of it: every other character keeps its line and column.
pub fn without(text: &str, parts: &[Span]) -> String {
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for part in parts {
        let (start, end) = (part.start as usize, part.end as usize);
        left.push_str(&text[from..start]);
        left.extend(text[start..end].chars().map(blank));
        from = end;
    }
    left.push_str(&text[from..]);
    left
}

struct Words<'t> {
    text: &'t str,
    scan: &'t Scan,
}

impl Words<'_> {
    fn word(&self, token: usize) -> &str {
        self.scan.tokens.get(token).map_or("", |token| token.span.of(self.text))
    }

    /// The token that a byte is in, or the next.
    fn around(&self, byte: u32) -> usize {
        self.scan.tokens.partition_point(|token| token.span.end <= byte)
    }

    /// Whether a statement begins with a token: these words are reserved everywhere.
    fn begins(&self, token: usize) -> bool {
        let is_word = self.scan.tokens.get(token).is_some_and(|token| token.kind == Kind::Word);
        let word = self.word(token);
        is_word
            && (["fn", "const", "import"].contains(&word) || SHAPES.iter().any(|shape| shape.keyword == word))
    }

    /// Whether a token is the first of its line.
    fn is_first_of_line(&self, token: usize) -> bool {
        let Some(before) = token.checked_sub(1) else { return true };
        let (before, this) = (self.scan.tokens[before].span, self.scan.tokens[token].span);
        Span { start: before.end, end: this.start }.of(self.text).contains('\n')
    }

    /// Where the statement begins that Rhai stumbled over: at that token or before it.
    fn beginning(&self, stumbled: usize) -> Option<usize> {
        let ends_before = |token: usize| [';', '{', '}'].iter().any(|mark| self.scan.is(token, *mark));
        // A statement that lacks its end is noticed where the next begins.
        let lacks_end = self.begins(stumbled) && stumbled > 0 && !ends_before(stumbled - 1);
        let from = if lacks_end { stumbled - 1 } else { stumbled };
        if let Some(function) = self.function_around(from) {
            return Some(function);
        }
        let from = from.min(self.scan.tokens.len().checked_sub(1)?);
        let keyword = (0..=from).rev().find(|token| self.begins(*token)).unwrap_or(0);
        let mut first = keyword;
        let mut is_group = self.word(keyword) == "group";
        let mut depth = 0_usize;
        for token in keyword..from {
            match self.scan.tokens[token].kind {
                Kind::Mark('{') if is_group => (first, is_group) = (token + 1, false),
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') if depth > 0 => depth -= 1,
                Kind::Mark(';' | '}') if depth == 0 => first = token + 1,
                _ => {}
            }
        }
        Some(first)
    }

    /// The function that a token is in.
    fn function_around(&self, token: usize) -> Option<usize> {
        let first = (0..token.min(self.scan.tokens.len())).rev().find(|token| self.word(*token) == "fn")?;
        let open = (first..=token).find(|token| self.scan.is(*token, '{'))?;
        let body = self.scan.bracket(self.scan.tokens[open].span.start)?;
        (body.end >= self.scan.tokens.get(token)?.span.end).then_some(first)
    }

    /// The token behind a statement: behind its semicolon, or where the next statement begins or the block around ends.
    fn end(&self, first: usize, stumbled: usize) -> usize {
        let mut depth = 0_usize;
        let is_function = self.word(first) == "fn";
        for token in first..self.scan.tokens.len() {
            let is_behind = token > first && token >= stumbled;
            if is_behind && self.begins(token) && (depth == 0 || self.is_first_of_line(token)) {
                return token;
            }
            match self.scan.tokens[token].kind {
                Kind::Mark('{') if self.word(first) == "group" => return token + 1,
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') if depth == 0 => return token.max(first + 1),
                Kind::Mark('}') => {
                    depth -= 1;
                    if is_function && depth == 0 {
                        return token + 1;
                    }
                }
                Kind::Mark(';') if token >= stumbled && depth == 0 => return token + 1,
                _ => {}
            }
        }
        self.scan.tokens.len()
    }

    /// The first token of a group, and the one behind the bracket that opens its block.
    fn head_of_group(&self, name: &str) -> Option<(usize, usize)> {
        let quoted = format!("\"{name}\"");
        let first = (0..self.scan.tokens.len())
            .rev()
            .find(|token| self.word(*token) == "group" && self.word(token + 1) == quoted)?;
        let open = (first..self.scan.tokens.len()).find(|token| self.scan.is(*token, '{'))?;
        Some((first, open + 1))
    }
}
