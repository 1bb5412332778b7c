//! Filters of lists: a part of the filter language of the Google API Improvement Proposals (AIP-160).
//!
//! `grade = "A" AND (country = "DE" OR country = "AT") AND NOT stage = lost AND last_activity_time:*`
//!
//! A field that is not set is unknown: it meets no comparison, whether negated or not. `field:*` asks whether it is
//! set. A parsed filter is in negation normal form, so that every store answers with plain two-valued logic.

use serde::{Deserialize, Serialize};

use super::text::suggestion;
use super::time::Time;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these words, or an enum value of the API with this prefix before the word in capitals.
    Word(&'static str, &'static [&'static str]),
    /// The name of a resource; `profiles/` and such may be left out.
    Name(&'static str),
    Number,
    /// Points with up to two decimals, kept in hundredths.
    Points,
    Time,
    YesNo,
    /// Texts by key: `external_ids.crm`.
    Keyed,
}

/// A field that a list can be filtered by.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether the list can be ordered by it too.
    pub orders: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// The text has the operand somewhere in it.
    Contains,
    ContainsNot,
}

impl Comparison {
    fn negated(self) -> Self {
        match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Less => Comparison::AtLeast,
            Comparison::AtMost => Comparison::Greater,
            Comparison::Greater => Comparison::AtMost,
            Comparison::AtLeast => Comparison::Less,
            Comparison::Contains => Comparison::ContainsNot,
            Comparison::ContainsNot => Comparison::Contains,
        }
    }
}

/// The value of a field, or what it is compared with.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Operand {
    Text(String),
    Number(f64),
    Time(Time),
    YesNo(bool),
}

/// A condition on the items of a list. [`Filter::default`] lets all pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Compare { field: &'static Field, key: Option<String>, by: Comparison, with: Operand },
    Present { field: &'static Field, key: Option<String>, wanted: bool },
}

impl Default for Filter {
    fn default() -> Self {
        Filter::All(Vec::new())
    }
}

/// Something wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {message}")]
pub struct FilterError {
    /// Counted from 1.
    pub at: usize,
    pub message: String,
}

/// The longest filter, in bytes.
pub const MAX_LENGTH: usize = 4_000;
/// The most comparisons, and the deepest nesting.
const MAX_COMPARISONS: usize = 100;
const MAX_DEPTH: usize = 20;

impl Filter {
    /// What has exactly this value in a field; nothing if there is no such field.
    pub fn equal(fields: &'static [Field], name: &str, with: Operand) -> Self {
        match fields.iter().find(|field| field.name == name) {
            Some(field) => Filter::Compare { field, key: None, by: Comparison::Equal, with },
            None => Filter::Any(Vec::new()),
        }
    }

    /// Reads a filter over some fields; an empty text lets all pass. Tells all unknown fields and wrong values at
    /// once, or the first place where the text is no filter.
    pub fn parse(text: &str, fields: &'static [Field]) -> Result<Self, Vec<FilterError>> {
        if text.len() > MAX_LENGTH {
            let message = format!("it has {} bytes, at most {MAX_LENGTH} are allowed", text.len());
            return Err(vec![FilterError { at: 1, message }]);
        }
        let mut parser =
            Parser { fields, tokens: tokens(text)?, next: 0, comparisons: 0, errors: Vec::new() };
        if parser.peek() == &Token::End {
            return Ok(Self::default());
        }
        let filter = parser.expression(false, 0).map_err(|error| vec![error])?;
        parser.expect(&Token::End, "expected AND, OR or the end").map_err(|error| vec![error])?;
        if parser.errors.is_empty() { Ok(filter) } else { Err(parser.errors) }
    }

    /// Whether an item passes; `get` gives its fields.
    pub fn matches(&self, get: &impl Fn(&Field, Option<&str>) -> Option<Operand>) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.matches(get)),
            Filter::Any(parts) => parts.iter().any(|part| part.matches(get)),
            Filter::Present { field, key, wanted } => get(field, key.as_deref()).is_some() == *wanted,
            Filter::Compare { field, key, by, with } => {
                get(field, key.as_deref()).is_some_and(|value| compare(&value, *by, with))
            }
        }
    }
}

fn compare(value: &Operand, by: Comparison, with: &Operand) -> bool {
    let contains = || match (value, with) {
        (Operand::Text(value), Operand::Text(part)) => value.contains(part.as_str()),
        _ => false,
    };
    match by {
        Comparison::Equal => value == with,
        Comparison::NotEqual => value != with,
        Comparison::Less => value < with,
        Comparison::AtMost => value <= with,
        Comparison::Greater => value > with,
        Comparison::AtLeast => value >= with,
        Comparison::Contains => contains(),
        Comparison::ContainsNot => !contains(),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A bare word; may be a field, a keyword or a value.
    Word(String),
    Quoted(String),
    Compare(Comparison),
    Colon,
    Dot,
    Minus,
    Open,
    Close,
    End,
}

/// The tokens with the character that each begins at.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Vec<FilterError>> {
    let mut found = Vec::new();
    let mut rest = text.chars().zip(1..).peekable();
    while let Some((c, at)) = rest.next() {
        let mut followed_by_equal = || rest.next_if(|(c, _)| *c == '=').is_some();
        let token = match c {
            _ if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ':' => Token::Colon,
            '.' => Token::Dot,
            '=' => {
                followed_by_equal();
                Token::Compare(Comparison::Equal)
            }
            '!' if followed_by_equal() => Token::Compare(Comparison::NotEqual),
            '<' if followed_by_equal() => Token::Compare(Comparison::AtMost),
            '<' => Token::Compare(Comparison::Less),
            '>' if followed_by_equal() => Token::Compare(Comparison::AtLeast),
            '>' => Token::Compare(Comparison::Greater),
            '"' | '\'' => Token::Quoted(quoted(c, at, &mut rest)?),
            '-' if !matches!(found.last(), Some((_, Token::Compare(_) | Token::Colon))) => Token::Minus,
            _ if in_word(c) => {
                // After a comparison a word may be a time or a name; before it, dots part a field from its key.
                let value = matches!(found.last(), Some((_, Token::Compare(_) | Token::Colon)));
                let goes_on = |c: char| in_word(c) && (value || !matches!(c, '.' | '*'));
                let mut word = String::from(c);
                while let Some((c, _)) = rest.next_if(|(c, _)| goes_on(*c) || (value && *c == ':')) {
                    word.push(c);
                }
                Token::Word(word)
            }
            _ => return Err(vec![FilterError { at, message: format!("'{c}' can't stand here") }]),
        };
        found.push((at, token));
    }
    found.push((text.chars().count() + 1, Token::End));
    Ok(found)
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '@' | '.' | '*')
}

fn quoted(
    quote: char,
    at: usize,
    rest: &mut impl Iterator<Item = (char, usize)>,
) -> Result<String, Vec<FilterError>> {
    let mut text = String::new();
    while let Some((c, _)) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some((escaped, _)) if escaped != '\0' => text.push(escaped),
                _ => return Err(vec![FilterError { at, message: "the text ends with a backslash".into() }]),
            },
            '\0' => {
                return Err(vec![FilterError { at, message: "a text can't hold the character 0".into() }]);
            }
            _ if c == quote => return Ok(text),
            _ => text.push(c),
        }
    }
    Err(vec![FilterError { at, message: "the text has no closing quote".into() }])
}

struct Parser {
    fields: &'static [Field],
    tokens: Vec<(usize, Token)>,
    next: usize,
    comparisons: usize,
    /// What is wrong with fields and values, while the rest can still be read.
    errors: Vec<FilterError>,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |(at, _)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn keyword(&self) -> Option<&str> {
        match self.peek() {
            Token::Word(word) if matches!(word.as_str(), "AND" | "OR" | "NOT") => Some(word),
            _ => None,
        }
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError { at: self.at(), message: message.into() }
    }

    fn expect(&mut self, token: &Token, message: &str) -> Result<(), FilterError> {
        if self.peek() != token {
            return Err(self.error(message));
        }
        self.next += 1;
        Ok(())
    }

    /// Terms joined by AND or by OR. AIP-160 binds OR tighter, most other languages AND: neither is guessed.
    fn expression(&mut self, negated: bool, depth: usize) -> Result<Filter, FilterError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} parentheses")));
        }
        let mut terms = vec![self.term(negated, depth)?];
        let joint = self.keyword().filter(|word| *word != "NOT").map(str::to_owned);
        while let Some(word) = self.keyword().map(str::to_owned) {
            if word == "NOT" {
                return Err(self.error("expected AND or OR"));
            }
            if joint.as_ref() != Some(&word) {
                return Err(self.error("AND and OR need parentheses to tell which goes first"));
            }
            self.next += 1;
            terms.push(self.term(negated, depth)?);
        }
        Ok(
            match (
                terms.len(),
                joint.as_deref() == Some("OR") && !negated || joint.as_deref() == Some("AND") && negated,
            ) {
                (1, _) => terms.remove(0),
                (_, true) => Filter::Any(terms),
                (_, false) => Filter::All(terms),
            },
        )
    }

    fn term(&mut self, mut negated: bool, depth: usize) -> Result<Filter, FilterError> {
        while self.keyword() == Some("NOT") || self.peek() == &Token::Minus {
            self.next += 1;
            negated = !negated;
        }
        if self.peek() == &Token::Open {
            self.next += 1;
            let inner = self.expression(negated, depth + 1)?;
            self.expect(&Token::Close, "expected AND, OR or a closing parenthesis")?;
            return Ok(inner);
        }
        self.comparison(negated)
    }

    fn comparison(&mut self, negated: bool) -> Result<Filter, FilterError> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(self.error(format!("more than {MAX_COMPARISONS} comparisons")));
        }
        let begin = self.at();
        let Token::Word(name) = self.take() else {
            self.next -= 1;
            return Err(self.error("expected a field, such as in: grade = \"A\""));
        };
        let mut key = None;
        if self.peek() == &Token::Dot {
            self.next += 1;
            match self.take() {
                Token::Word(word) | Token::Quoted(word) => key = Some(word),
                _ => return Err(FilterError { at: begin, message: "expected a key after the dot".into() }),
            }
        }
        let field = self.field(&name, key.is_some(), begin);
        let by = match self.take() {
            Token::Compare(by) => by,
            Token::Colon => Comparison::Contains,
            _ => {
                self.next -= 1;
                return Err(self.error("expected one of = != < <= > >= : after the field"));
            }
        };
        let at = self.at();
        let (text, bare) = match self.take() {
            Token::Word(text) => (text, true),
            Token::Quoted(text) => (text, false),
            _ => return Err(FilterError { at, message: "expected a value".into() }),
        };
        let Some(field) = field else { return Ok(Filter::default()) };
        if by == Comparison::Contains && bare && text == "*" {
            return Ok(Filter::Present { field, key, wanted: !negated });
        }
        match operand(field, by, &text) {
            Ok(Operand::YesNo(yes)) => {
                // Of two values, not to be the one is to be the other.
                let with = Operand::YesNo(yes == ((by == Comparison::Equal) != negated));
                Ok(Filter::Compare { field, key, by: Comparison::Equal, with })
            }
            Ok(with) => Ok(Filter::Compare { field, key, by: if negated { by.negated() } else { by }, with }),
            Err(message) => {
                self.errors.push(FilterError { at, message });
                Ok(Filter::default())
            }
        }
    }

    fn field(&mut self, name: &str, keyed: bool, at: usize) -> Option<&'static Field> {
        let message = match self.fields.iter().find(|field| field.name == name) {
            Some(field) if (field.kind == Kind::Keyed) == keyed => return Some(field),
            Some(_) if keyed => format!("{name} has no parts"),
            Some(_) => format!("say which: {name}.crm"),
            None => {
                let help = suggestion(name, self.fields.iter().map(|field| field.name));
                format!("there is no field \"{name}\" to filter by; {help}")
            }
        };
        self.errors.push(FilterError { at, message });
        None
    }
}

/// The value that a field is compared with, or why it can't be.
fn operand(field: &Field, by: Comparison, text: &str) -> Result<Operand, String> {
    let name = field.name;
    let equality = matches!(by, Comparison::Equal | Comparison::NotEqual);
    let number = || {
        let number: Option<f64> = text.parse().ok().filter(|n: &f64| n.is_finite());
        number.ok_or_else(|| format!("{name} is compared with a number, not with \"{text}\""))
    };
    if by == Comparison::Contains && !matches!(field.kind, Kind::Text | Kind::Keyed) {
        return Err(format!("{name} is no text: \":\" asks only whether it is set, as in {name}:*"));
    }
    match field.kind {
        Kind::Text | Kind::Keyed => Ok(Operand::Text(text.to_owned())),
        Kind::Number => Ok(Operand::Number(number()?)),
        Kind::Points => {
            let hundredths = number()? * 100.0;
            match (hundredths - hundredths.round()).abs() < 1e-6 {
                true => Ok(Operand::Number(hundredths.round())),
                false => Err(format!("{name} has at most two decimals, not as many as {text}")),
            }
        }
        Kind::Time => {
            let time = text.parse().map_err(|error| format!("{name} is compared with a time: {error}"))?;
            Ok(Operand::Time(time))
        }
        Kind::Word(..) | Kind::Name(_) | Kind::YesNo if !equality => {
            Err(format!("{name} can only be compared by = and !="))
        }
        Kind::Word(prefix, words) => {
            let word = text.strip_prefix(prefix).unwrap_or(text).to_lowercase();
            match words.contains(&word.as_str()) {
                true => Ok(Operand::Text(word)),
                false => {
                    Err(format!("{name} is never \"{text}\"; {}", suggestion(&word, words.iter().copied())))
                }
            }
        }
        Kind::Name(collection) => {
            let bare = !text.contains('/');
            Ok(Operand::Text(if bare { format!("{collection}{text}") } else { text.to_owned() }))
        }
        Kind::YesNo => match text {
            "true" => Ok(Operand::YesNo(true)),
            "false" => Ok(Operand::YesNo(false)),
            _ => Err(format!("{name} is true or false, not \"{text}\"")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static FIELDS: [Field; 6] = [
        Field { name: "owner", kind: Kind::Text, orders: false },
        Field { name: "stage", kind: Kind::Word("LEAD_STAGE_", &["new", "mql"]), orders: false },
        Field { name: "total", kind: Kind::Points, orders: true },
        Field { name: "update_time", kind: Kind::Time, orders: true },
        Field { name: "stale", kind: Kind::YesNo, orders: false },
        Field { name: "external_ids", kind: Kind::Keyed, orders: false },
    ];

    /// Whether an item with owner "an", stage mql, 12.5 points and the id 7 in crm passes.
    fn passes(text: &str) -> bool {
        let get = |field: &Field, key: Option<&str>| match (field.name, key) {
            ("owner", None) => Some(Operand::Text("an".into())),
            ("stage", None) => Some(Operand::Text("mql".into())),
            ("total", None) => Some(Operand::Number(1_250.0)),
            ("external_ids", Some("crm")) => Some(Operand::Text("7".into())),
            _ => None,
        };
        Filter::parse(text, &FIELDS).unwrap().matches(&get)
    }

    #[test]
    fn comparisons_and_their_joints() {
        for text in [
            "",
            "owner = an",
            "owner=\"an\" AND stage = LEAD_STAGE_MQL",
            "(owner = bo OR total >= 12.5) AND stage != new",
            "NOT (owner = bo AND stage = mql)",
            "-owner = bo",
            "owner:n",
            "external_ids.crm = 7 AND external_ids.\"crm\":*",
            "NOT update_time:*",
            "total < 13 AND total > -2",
        ] {
            assert!(passes(text), "{text}");
        }
        for text in
            ["owner = bo", "NOT (owner = an OR stage = new)", "owner:*  AND  total = 12", "update_time:*"]
        {
            assert!(!passes(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_set_meets_neither_a_comparison_nor_its_negation() {
        for comparison in ["update_time < 2026-11-21T00:00:00Z", "stale = true", "external_ids.erp = 1"] {
            assert!(!passes(comparison), "{comparison}");
            assert!(!passes(&format!("NOT {comparison}")), "{comparison}");
        }
    }

    #[test]
    fn everything_wrong_is_told_with_its_place() {
        let wrong = |text: &str| {
            let errors = Filter::parse(text, &FIELDS).unwrap_err();
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
        };
        let found = [
            wrong("ownr = an AND total = x AND stage = nwe"),
            wrong("owner = an OR stage = new AND total = 1"),
            wrong("owner = \"an"),
            wrong("owner an"),
            wrong("(owner = an"),
            wrong("stale:tru AND external_ids = 7 AND owner.x = 1 AND stage > new AND update_time = now"),
            wrong("owner = an %"),
            wrong("owner = \"\\\0\""),
        ];
        insta::assert_snapshot!(found.join("\n"));
        assert!(Filter::parse(&"(".repeat(4_000), &FIELDS).is_err());
        assert!(Filter::parse(&"owner = a OR ".repeat(200), &FIELDS).is_err());
        assert!(Filter::parse(&"x".repeat(MAX_LENGTH + 1), &FIELDS).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in "([a-z_]{1,6}|AND|OR|NOT|[ =<>!:().\"'*-]|\\PC){0,40}") {
            _ = Filter::parse(&text, &FIELDS);
        }

        #[test]
        fn a_negation_passes_the_others_of_what_is_set(owner in "(an|bo)", total in 0..30i32, both in any::<bool>()) {
            let joint = if both { "AND" } else { "OR" };
            let text = format!("owner = {owner} {joint} total < {total}");
            prop_assert_ne!(passes(&text), passes(&format!("NOT ({text})")));
            prop_assert_eq!(passes(&text), passes(&format!("NOT NOT ({text})")));
        }
    }
}
