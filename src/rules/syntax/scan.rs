//! The words of a text, found without parsing it: where brackets close, where comments stand, and where statements
//! begin. It works on what can't be parsed too.

use super::tree::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    Text,
    /// One character of an operator, or a bracket.
    Mark(char),
    Comment,
}

#[derive(Debug, Clone, Copy)]
pub struct Token {
    pub span: Span,
    pub kind: Kind,
}

/// The words of a text, without its comments.
#[derive(Debug, Default)]
pub struct Scan {
    pub tokens: Vec<Token>,
    /// Of each token that opens a bracket the one that closes it.
    closes: Vec<Option<usize>>,
    /// In the order of the text, each with its marks.
    pub comments: Vec<Span>,
}

impl Scan {
    pub fn new(text: &str) -> Self {
        let mut scan = Self::default();
        let mut at = 0;
        while let Some((token, end)) = next(text, at) {
            match token.kind {
                Kind::Comment => scan.comments.push(token.span),
                _ => scan.tokens.push(token),
            }
            at = end;
        }
        scan.closes = vec![None; scan.tokens.len()];
        let mut open = Vec::new();
        for (i, token) in scan.tokens.iter().enumerate() {
            match token.kind {
                Kind::Mark('(' | '[' | '{') => open.push(i),
                Kind::Mark(')' | ']' | '}') => {
                    if let Some(opening) = open.pop() {
                        scan.closes[opening] = Some(i);
                    }
                }
                _ => {}
            }
        }
        scan
    }

    /// The token that begins at a byte, or the next.
    pub fn at(&self, byte: u32) -> usize {
        self.tokens.partition_point(|token| token.span.start < byte)
    }

    /// The comment that is never closed, so that everything behind it counts for nothing.
    pub fn unclosed_comment(&self, text: &str) -> Option<Span> {
        let last = self.comments.last().filter(|last| last.end as usize == text.len())?;
        let comment = last.of(text);
        (comment.starts_with("/*") && comment_length(&format!("{comment}*/")) > comment.len())
            .then_some(*last)
    }

    pub fn is(&self, token: usize, mark: char) -> bool {
        self.tokens.get(token).is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    /// The token at a byte.
    pub fn token(&self, byte: u32) -> Option<Span> {
        let token = self.tokens.get(self.at(byte))?;
        (token.span.start == byte).then_some(token.span)
    }

    /// The bracket that begins at a byte, or at the next token, up to where it closes.
    pub fn bracket(&self, byte: u32) -> Option<Span> {
        let open = self.at(byte);
        let close = (*self.closes.get(open)?)?;
        Some(self.tokens[open].span.to(self.tokens[close].span))
    }

    /// A stretch together with the round brackets around it and nothing else.
    pub fn with_parentheses(&self, mut span: Span) -> Span {
        loop {
            let first = self.at(span.start);
            let behind = self.at(span.end);
            let Some(before) = first.checked_sub(1) else { return span };
            let around = self.is(before, '(') && self.closes[before] == Some(behind);
            if !around {
                return span;
            }
            span = self.tokens[before].span.to(self.tokens[behind].span);
        }
    }
}

/// The token at or behind a byte, and where it ends.
fn next(text: &str, from: usize) -> Option<(Token, usize)> {
    let rest = text.get(from..)?;
    let start = from + rest.find(|c: char| !c.is_whitespace())?;
    let rest = &text[start..];
    let first = rest.chars().next()?;
    let length = |matches: &dyn Fn(char) -> bool| rest.find(|c| !matches(c)).unwrap_or(rest.len());
    let (kind, length) = match first {
        '/' if rest.starts_with("//") => (Kind::Comment, rest.find(['\n', '\r']).unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Kind::Comment, comment_length(rest)),
        '"' | '\'' => (Kind::Text, quoted_length(rest, first)),
        '`' => (Kind::Text, interpolated_length(rest)),
        '#' if raw_length(rest).is_some() => (Kind::Text, raw_length(rest)?),
        c if c.is_ascii_digit() => (Kind::Number, number_length(rest)),
        c if c.is_alphanumeric() || c == '_' => {
            (Kind::Word, length(&|c: char| c.is_alphanumeric() || c == '_'))
        }
        c => (Kind::Mark(c), c.len_utf8()),
    };
    let end = start + length;
    Some((Token { span: Span::new(start, end), kind }, end))
}

/// Whether a text in quotation marks ends with one: what is not closed takes in whatever comes behind it.
pub fn is_closed(quoted: &str) -> bool {
    next(&format!("{quoted} "), 0).is_some_and(|(_, end)| end == quoted.len())
}

/// The length of a comment in marks, which may hold others.
fn comment_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The length of a text that begins with `#"`, or with more hashes, and ends with as many: nothing in it means anything.
fn raw_length(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let inner = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", &text[..hashes]);
    Some(inner.find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len()))
}

/// The length of a text in backticks, with what is put into it.
fn interpolated_length(text: &str) -> usize {
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        if c == '`' {
            return at + 1;
        }
        if text[at..].starts_with("${") {
            at += 2;
            let mut depth = 1;
            while depth > 0 {
                let Some((token, end)) = next(text, at) else { return text.len() };
                match token.kind {
                    Kind::Mark('{') => depth += 1,
                    Kind::Mark('}') => depth -= 1,
                    _ => {}
                }
                at = end;
            }
        } else {
            at += c.len_utf8();
        }
    }
    text.len()
}

/// `12`, `1_000`, `0xff`, `1.5`, `1.`, `1e-5`; of `0..10` and `5.max` only what stands before the point.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut at = 0;
    while at < bytes.len() {
        let goes_on = match bytes[at] {
            byte if is_part(byte) => true,
            // Behind a point stands a digit, or nothing that could be a range or the name of a part: `1.` is a number.
            b'.' => bytes
                .get(at + 1)
                .is_none_or(|next| !matches!(next, b'.' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | 128..)),
            b'-' | b'+' => at > 0 && matches!(bytes[at - 1], b'e' | b'E') && !text.starts_with("0x"),
            _ => false,
        };
        if !goes_on {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_texts_comments_and_brackets_are_found() {
        let text = r#"rule "a \" (b" when f(x, [1.5, 0..9]) /* a /* ( */ */ == `é ${g("}`")} )` // end ("#;
        let scan = Scan::new(text);
        let shown: Vec<&str> = scan.tokens.iter().map(|token| token.span.of(text)).collect();
        assert_eq!(
            shown,
            [
                "rule",
                r#""a \" (b""#,
                "when",
                "f",
                "(",
                "x",
                ",",
                "[",
                "1.5",
                ",",
                "0",
                ".",
                ".",
                "9",
                "]",
                ")",
                "=",
                "=",
                r#"`é ${g("}`")} )`"#
            ]
        );
        let comments: Vec<&str> = scan.comments.iter().map(|comment| comment.of(text)).collect();
        assert_eq!(comments, ["/* a /* ( */ */", "// end ("]);
        let open = text.find("f(").unwrap() as u32 + 1;
        assert_eq!(scan.bracket(open).unwrap().of(text), "(x, [1.5, 0..9])");
    }

    #[test]
    fn what_the_parser_reads_in_its_own_way_is_read_so() {
        let text = "#\"a \\\" #b \"#, ##\"x \"# y\"##, 1. and 2.max(3.), 0..9 // c\rnext #{a: 1}";
        let scan = Scan::new(text);
        let shown: Vec<&str> = scan.tokens.iter().map(|token| token.span.of(text)).collect();
        assert_eq!(shown[..8], ["#\"a \\\" #b \"#", ",", "##\"x \"# y\"##", ",", "1.", "and", "2", "."]);
        assert_eq!(
            shown[8..],
            ["max", "(", "3.", ")", ",", "0", ".", ".", "9", "next", "#", "{", "a", ":", "1", "}"]
        );
    }

    #[test]
    fn brackets_around_an_expression_belong_to_it() {
        let text = "f((a + b) * c)";
        let scan = Scan::new(text);
        let span = |part: &str| {
            let start = text.find(part).unwrap();
            Span::new(start, start + part.len())
        };
        assert_eq!(scan.with_parentheses(span("a + b")).of(text), "(a + b)");
        assert_eq!(scan.with_parentheses(span("c")).of(text), "c");
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[a-z0-9\"'`$(){}/*. \\n\\\\é-]{0,80}") {
            let scan = Scan::new(&text);
            let mut end = 0;
            for token in &scan.tokens {
                proptest::prop_assert!(token.span.start >= end && token.span.end > token.span.start);
                end = token.span.end;
            }
        }
    }
}
