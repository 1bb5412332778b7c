//! One way to write rules down: indentation, spaces and blank lines. No word is added, taken away or moved, comments included, so
//! what a script means stays what it was.
//!
//! Where a line ends within a statement is its author's choice; statements of the top level and of groups stand on lines of their own.
//! In statements that follow each other on single lines, clauses stand below each other.

use super::language::statements::{Part, SHAPES, statement};
use super::syntax::scan::{self, Kind, Scan, Token};

/// What is put before a line for each block or bracket that it stands in.
const INDENT: usize = 4;
/// The widest part of a statement to which others are aligned: one long condition must not push all others to the right.
const WIDEST: usize = 40;

/// Operators of more than one character, longer ones before those that they begin with.
const OPERATORS: [&str; 26] = [
    "===", "!==", "..=", "**=", "<<=", ">>=", "==", "!=", "<=", ">=", "&&", "||", "=>", "::", "..", "??",
    "?.", "+=", "-=", "*=", "/=", "%=", "**", "->", "<<", ">>",
];
/// Operators with a space on both sides; a minus only where it stands between two values.
const SPACED: [&str; 26] = [
    "===", "!==", "**=", "<<=", ">>=", "==", "!=", "<=", ">=", "&&", "||", "=>", "??", "+=", "-=", "*=",
    "/=", "%=", "**", "=", "<", ">", "+", "*", "/", "%",
];
/// Words after which a value begins, beside those of our statements.
const RHAI_WORDS: [&str; 16] = [
    "if", "else", "while", "for", "in", "switch", "return", "let", "const", "and", "or", "not", "import",
    "do", "until", "loop",
];

/// A token, with operators of several characters as one, and comments among them.
#[derive(Debug, Clone, Copy)]
struct Piece<'t> {
    text: &'t str,
    kind: Kind,
    /// How many lines end between the piece before and this one.
    breaks: usize,
    /// Whether nothing at all stands between both.
    touches: bool,
}

/// A bracket that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// The indentation of the line that it stands on.
    indent: usize,
    closed_by: char,
    is_block: bool,
    /// Whether statements stand in it, a line each.
    is_group: bool,
}

/// Where the writer stands within statements: at the top level, and in each open bracket.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Place {
    #[default]
    Begin,
    Within,
    /// Behind a block, which may end the statement.
    BehindBlock,
}

/// A line as it will stand.
#[derive(Debug, Default)]
struct Line {
    is_blank: bool,
    indent: usize,
    text: String,
    /// Of a line that begins with a statement: its keyword, and where its clauses begin, in bytes of the text.
    statement: Option<(&'static str, Vec<(&'static str, usize)>)>,
    /// Whether the statement ends on it too.
    is_whole: bool,
}

/// Writes a script in the one way; a second time changes nothing. `None` if its brackets, texts or comments are not closed: then
/// nobody knows what belongs where.
pub fn format(text: &str) -> Option<String> {
    let pieces = pieces(text)?;
    let lines = aligned(lines(&pieces)?);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in lines {
        if line.is_blank {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n(' ', line.indent * INDENT));
        out.push_str(&line.text);
        out.push('\n');
    }
    Some(out)
}

/// The pieces of a text, in its order.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let scan = Scan::new(text);
    if scan.unclosed_comment(text).is_some() {
        return None;
    }
    let comments = scan.comments.iter().map(|span| Token { span: *span, kind: Kind::Comment });
    let mut tokens: Vec<Token> = scan.tokens.iter().copied().chain(comments).collect();
    tokens.sort_by_key(|token| token.span.start);
    let mut pieces = Vec::with_capacity(tokens.len());
    let (mut at, mut end) = (0, 0);
    while let Some(token) = tokens.get(at) {
        let start = token.span.start as usize;
        let mut behind = token.span.end as usize;
        at += 1;
        if let Kind::Mark(_) = token.kind
            && let Some(operator) = OPERATORS.iter().find(|operator| text[start..].starts_with(**operator))
        {
            behind = start + operator.len();
            at += operator.len() - 1;
        }
        if token.kind == Kind::Text && !scan::is_closed(&text[start..behind]) {
            return None;
        }
        let between = &text[end..start];
        pieces.push(Piece {
            text: text[start..behind].trim_end_matches('\r').trim_end_matches([' ', '\t']),
            kind: token.kind,
            breaks: between.matches('\n').count(),
            touches: between.is_empty(),
        });
        end = behind;
    }
    Some(pieces)
}

impl Piece<'_> {
    fn is(&self, mark: &str) -> bool {
        matches!(self.kind, Kind::Mark(_)) && self.text == mark
    }

    fn opens(&self) -> bool {
        matches!(self.kind, Kind::Mark('(' | '[' | '{'))
    }

    fn closes(&self) -> bool {
        matches!(self.kind, Kind::Mark(')' | ']' | '}'))
    }

    /// Whether a value comes next, so that a bracket behind it does not belong to it.
    fn leads_to_value(&self) -> bool {
        match self.kind {
            Kind::Word => {
                let is_ours = |word: &str| {
                    SHAPES.iter().any(|shape| {
                        shape.keyword == word || shape.clauses.iter().any(|(clause, _)| *clause == word)
                    })
                };
                RHAI_WORDS.contains(&self.text) || is_ours(self.text)
            }
            Kind::Mark(_) => !self.closes(),
            Kind::Number | Kind::Text | Kind::Comment => false,
        }
    }
}

fn lines(pieces: &[Piece]) -> Option<Vec<Line>> {
    let mut writer = Writer::default();
    for (at, piece) in pieces.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).map(|at| &pieces[at]);
        writer.write(piece, before(1), before(2))?;
    }
    writer.end_line();
    writer.open.is_empty().then_some(writer.lines)
}

#[derive(Debug, Default)]
struct Writer {
    lines: Vec<Line>,
    line: Option<Line>,
    open: Vec<Open>,
    /// Of the top level and of each open bracket.
    places: Vec<Place>,
    top: Place,
    /// Whether the next piece must begin a line.
    must_break: bool,
    /// The statement of ours that is being written: its keyword, and how many brackets were open where it began.
    statement: Option<(&'static str, usize)>,
}

impl Writer {
    fn write(&mut self, piece: &Piece, before: Option<&Piece>, second: Option<&Piece>) -> Option<()> {
        let is_comment = piece.kind == Kind::Comment;
        if piece.closes() && self.open.last().is_some_and(|open| open.is_group) {
            self.must_break = true;
        }
        // A comment behind a statement stays there.
        let stays = is_comment && piece.breaks == 0 && before.is_some();
        if self.line.is_none() || piece.breaks > 0 || (self.must_break && !stays) {
            self.begin_line(piece, before);
        } else if is_spaced(before, piece, second)
            && let Some(line) = &mut self.line
        {
            line.text.push(' ');
        }
        if !is_comment {
            self.follow(piece, before)?;
        }
        let line = self.line.get_or_insert_default();
        line.text.push_str(piece.text);
        // Nothing can stand behind such a comment.
        if is_comment && piece.text.starts_with("//") {
            self.must_break = true;
        }
        Some(())
    }

    fn place(&mut self) -> &mut Place {
        self.places.last_mut().unwrap_or(&mut self.top)
    }

    fn is_of_statements(&self) -> bool {
        self.open.last().is_none_or(|open| open.is_group)
    }

    fn begin_line(&mut self, piece: &Piece, before: Option<&Piece>) {
        self.end_line();
        self.must_break = false;
        if *self.place() == Place::BehindBlock && !goes_on_behind_block(piece) {
            *self.place() = Place::Begin;
        }
        // `else` stands below its `if`.
        let is_continued = *self.place() != Place::Begin && piece.text != "else";
        let indent = match self.open.last() {
            Some(open) if piece.closes() => open.indent,
            Some(open) => open.indent + 1 + usize::from(open.is_block && is_continued),
            None => usize::from(is_continued),
        };
        let is_first = before.is_none_or(|before| before.is("{"));
        let is_blank = piece.breaks > 1 && !is_first && !piece.is("}");
        self.line = Some(Line { is_blank, indent, ..Line::default() });
    }

    fn end_line(&mut self) {
        self.lines.extend(self.line.take());
    }

    /// Notes what a piece opens, closes, begins or ends; `None` if it closes what is not open.
    fn follow(&mut self, piece: &Piece, before: Option<&Piece>) -> Option<()> {
        if *self.place() == Place::BehindBlock && !goes_on_behind_block(piece) {
            *self.place() = Place::Begin;
        }
        let depth = self.open.len();
        let of_statements = self.is_of_statements();
        if *self.place() == Place::Begin && of_statements && piece.kind == Kind::Word {
            self.statement = statement(piece.text).map(|shape| (shape.keyword, depth));
            if let (Some((keyword, _)), Some(line)) = (self.statement, &mut self.line) {
                line.statement = line.text.is_empty().then(|| (keyword, Vec::new()));
            }
        } else if let (Some((keyword, at)), Some(line)) = (self.statement, &mut self.line)
            && at == depth
            && piece.kind == Kind::Word
            && before.is_none_or(|before| !before.is("."))
            && let Some((clause, _)) = statement(keyword)
                .and_then(|shape| shape.clauses.iter().find(|(clause, _)| *clause == piece.text))
            && let Some((_, clauses)) = &mut line.statement
        {
            clauses.push((clause, line.text.len()));
        }
        let indent = self.line.as_ref().map_or(0, |line| line.indent);
        if piece.opens() {
            let is_group = piece.is("{") && self.statement == Some(("group", depth));
            *self.place() = Place::Within;
            let closed_by = match piece.text {
                "(" => ')',
                "[" => ']',
                _ => '}',
            };
            self.open.push(Open { indent, closed_by, is_block: piece.is("{"), is_group });
            self.places.push(Place::Begin);
            if is_group {
                self.statement = None;
                self.must_break = true;
            }
            return Some(());
        }
        if piece.closes() {
            let open = self.open.pop()?;
            if piece.kind != Kind::Mark(open.closed_by) {
                return None;
            }
            self.places.pop();
            *self.place() = if open.is_group {
                Place::Begin
            } else if open.is_block {
                Place::BehindBlock
            } else {
                Place::Within
            };
            self.must_break |= open.is_group;
            return Some(());
        }
        let is_block = self.open.last().is_none_or(|open| open.is_block);
        let ends = piece.is(";") || (piece.is(",") && is_block && depth > 0);
        *self.place() = if ends { Place::Begin } else { Place::Within };
        if piece.is(";") && of_statements {
            self.must_break = true;
            self.statement = None;
            if let Some(line) = &mut self.line {
                line.is_whole = line.statement.is_some();
            }
        }
        Some(())
    }
}

/// Whether a statement goes on with this piece although a block was closed before it.
fn goes_on_behind_block(piece: &Piece) -> bool {
    match piece.kind {
        Kind::Word => {
            let is_clause =
                SHAPES.iter().any(|shape| shape.clauses.iter().any(|(clause, _)| *clause == piece.text));
            is_clause || matches!(piece.text, "else" | "and" | "or" | "in" | "while" | "until")
        }
        Kind::Mark(_) => !matches!(piece.text, "#" | "!" | "(" | "[" | "{"),
        Kind::Number | Kind::Text | Kind::Comment => false,
    }
}

/// Whether a space stands between two pieces of a line.
fn is_spaced(before: Option<&Piece>, piece: &Piece, second: Option<&Piece>) -> bool {
    let Some(before) = before else { return false };
    let as_written = !piece.touches;
    if piece.kind == Kind::Comment || before.kind == Kind::Comment {
        return true;
    }
    // Two marks must not become one operator.
    let is_mark = |piece: &Piece| matches!(piece.kind, Kind::Mark(_));
    let together = format!("{}{}", before.text, piece.text);
    if as_written
        && is_mark(before)
        && is_mark(piece)
        && OPERATORS.iter().any(|operator| operator.starts_with(&together))
    {
        return true;
    }
    let begins = |piece: Option<&Piece>| piece.is_none_or(|piece| piece.leads_to_value());
    // What is said of a value by a sign before it stays as it is written: `-2.max(3)` and `- 2.max(3)` differ.
    if matches!(before.text, "-" | "+" | "!") && begins(second) {
        return as_written;
    }
    if matches!(piece.text, "," | ";" | ")" | "]" | "." | "?." | "::" | ".." | "..=" | ":") {
        return matches!(piece.text, ".." | "..=" | ":") && as_written && piece.text != ":";
    }
    if matches!(before.text, "(" | "[" | "." | "?." | "::" | ".." | "..=" | "#") {
        return false;
    }
    if before.is("{") && piece.is("}") {
        return false;
    }
    if matches!(before.text, "," | ";" | ":" | "{") || matches!(piece.text, "{" | "}") {
        return !(before.is("#") || before.is("$"));
    }
    // What a function without a name is given stands between strokes.
    if before.is("|") {
        return !begins(second);
    }
    if piece.is("|") && !before.leads_to_value() {
        return false;
    }
    let is_operator = |piece: &Piece| {
        matches!(piece.kind, Kind::Mark(_)) && (SPACED.contains(&piece.text) || piece.text == "-")
    };
    if is_operator(before) || is_operator(piece) {
        return true;
    }
    // A bracket belongs to a name or a value before it: it is called, or asked for an element.
    if piece.is("(") || piece.is("[") {
        return match before.kind {
            Kind::Word => before.leads_to_value() && second.is_none_or(|second| !second.is(".")),
            Kind::Text => false,
            Kind::Mark(_) if before.closes() => before.is("}"),
            _ => as_written,
        };
    }
    let is_sign = |piece: &Piece| matches!(piece.kind, Kind::Mark(_)) && !piece.opens() && !piece.closes();
    if is_sign(before) || is_sign(piece) {
        return as_written;
    }
    true
}

/// Puts the clauses of statements that follow each other on single lines below each other.
fn aligned(mut lines: Vec<Line>) -> Vec<Line> {
    let mut from = 0;
    while from < lines.len() {
        let shape = |line: &Line| {
            let (keyword, clauses) = line.statement.as_ref()?;
            // A statement that goes on in the next line is laid out by its author.
            let has_columns = statement(keyword).is_some_and(|shape| shape.head == Some(Part::Text));
            (line.is_whole && has_columns).then(|| {
                (*keyword, line.indent, clauses.iter().map(|(clause, _)| *clause).collect::<Vec<_>>())
            })
        };
        let first = shape(&lines[from]);
        let alike = lines[from + 1..]
            .iter()
            .take_while(|line| !line.is_blank && first.is_some() && shape(line) == first);
        let to = from + 1 + alike.count();
        align(&mut lines[from..to]);
        from = to;
    }
    lines
}

fn align(lines: &mut [Line]) {
    if lines.len() < 2 {
        return;
    }
    let clauses = lines[0].statement.as_ref().map_or(0, |(_, clauses)| clauses.len());
    for clause in 0..clauses {
        let start = |line: &Line| match &line.statement {
            Some((_, clauses)) if clauses[clause].0 != "because" => {
                let begin = clause.checked_sub(1).map_or(0, |before| clauses[before].1);
                Some((begin, clauses[clause].1))
            }
            _ => None,
        };
        let width =
            |line: &Line| start(line).map(|(from, to)| line.text[from..to].trim_end().chars().count());
        let widest = lines.iter().filter_map(width).filter(|width| *width <= WIDEST).max();
        for line in lines.iter_mut() {
            let (Some(widest), Some(width), Some((_, at))) = (widest, width(line), start(line)) else {
                continue;
            };
            let padding = widest.saturating_sub(width);
            line.text.insert_str(at, &" ".repeat(padding));
            if let Some((_, clauses)) = &mut line.statement {
                clauses[clause..].iter_mut().for_each(|(_, at)| *at += padding);
            }
        }
    }
}

#[cfg(test)]
mod tests;
