//! The text of a filter → [`Filter`].

use super::{Comparison, Field, Filter, FilterError, Kind, Operand};
use crate::domain::canonical::{folded, host};
use crate::domain::text::suggestion;

/// The most comparisons, and the deepest nesting.
const MAX_COMPARISONS: usize = 100;
const MAX_DEPTH: usize = 20;

/// Reads a filter; tells all unknown fields and wrong values at once, or the first place where the text is no filter.
pub fn parse(text: &str, fields: &'static [Field]) -> Result<Filter, Vec<FilterError>> {
    let mut parser = Parser { fields, tokens: tokens(text)?, next: 0, comparisons: 0, errors: Vec::new() };
    if parser.peek() == &Token::End {
        return Ok(Filter::default());
    }
    let filter = parser.expression(false, 0).map_err(|error| vec![error])?;
    parser.expect(&Token::End, "expected AND, OR or the end").map_err(|error| vec![error])?;
    if parser.errors.is_empty() { Ok(filter) } else { Err(parser.errors) }
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
    Comma,
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
            ',' => Token::Comma,
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
            '-' if !begins_value(&found) => Token::Minus,
            _ if in_word(c) => {
                // After a comparison a word may be a time or a name; before it, dots part a field from its key.
                let value = begins_value(&found);
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

/// Whether what comes next is a value: after a comparison, and in the list after IN.
fn begins_value(before: &[(usize, Token)]) -> bool {
    let is_in = |token: &Token| matches!(token, Token::Word(word) if word == "IN");
    match before {
        [.., (_, Token::Compare(_) | Token::Colon | Token::Comma)] => true,
        [.., (_, word), (_, Token::Open)] => is_in(word),
        _ => false,
    }
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
            Token::Word(word) if word == "IN" => return self.one_of(field, key, negated),
            _ => {
                self.next -= 1;
                return Err(self.error("expected one of = != < <= > >= : IN after the field"));
            }
        };
        let value = self.value()?;
        let Some(field) = field else { return Ok(Filter::default()) };
        if by == Comparison::Contains && value.bare && value.text == "*" {
            return Ok(Filter::Present { field, key, wanted: !negated });
        }
        Ok(self.compared(field, key, by, negated, &value))
    }

    /// The list after IN: any of its values, or, negated, none of them.
    fn one_of(
        &mut self,
        field: Option<&'static Field>,
        key: Option<String>,
        negated: bool,
    ) -> Result<Filter, FilterError> {
        self.expect(&Token::Open, "expected a list after IN, such as: country IN (DE, AT)")?;
        let mut any = Vec::new();
        loop {
            let value = self.value()?;
            self.comparisons += 1;
            if self.comparisons > MAX_COMPARISONS {
                return Err(self.error(format!("more than {MAX_COMPARISONS} comparisons")));
            }
            if let Some(field) = field {
                any.push(self.compared(field, key.clone(), Comparison::Equal, negated, &value));
            }
            match self.take() {
                Token::Comma => {}
                Token::Close => return Ok(if negated { Filter::All(any) } else { Filter::Any(any) }),
                _ => {
                    self.next -= 1;
                    return Err(self.error("expected a comma or the end of the list"));
                }
            }
        }
    }

    fn value(&mut self) -> Result<Written, FilterError> {
        let at = self.at();
        match self.take() {
            Token::Word(text) => Ok(Written { text, bare: true, at }),
            Token::Quoted(text) => Ok(Written { text, bare: false, at }),
            _ => Err(FilterError { at, message: "expected a value".into() }),
        }
    }

    fn compared(
        &mut self,
        field: &'static Field,
        key: Option<String>,
        by: Comparison,
        negated: bool,
        value: &Written,
    ) -> Filter {
        match operand(field, by, value) {
            Ok(Operand::YesNo(yes)) => {
                // Of two values, not to be the one is to be the other.
                let with = Operand::YesNo(yes == ((by == Comparison::Equal) != negated));
                Filter::Compare { field, key, by: Comparison::Equal, with }
            }
            Ok(with) => Filter::Compare { field, key, by: if negated { by.negated() } else { by }, with },
            Err(message) => {
                self.errors.push(FilterError { at: value.at, message });
                Filter::default()
            }
        }
    }

    fn field(&mut self, name: &str, keyed: bool, at: usize) -> Option<&'static Field> {
        let message = match self.fields.iter().find(|field| field.name == name) {
            Some(field) if field.kind.is_keyed() == keyed => return Some(field),
            Some(_) if keyed => format!("{name} has no parts"),
            Some(field) if field.kind == Kind::Keyed => format!("say which: {name}.crm"),
            Some(_) => format!("say which: {name}.pain"),
            None => {
                let help = suggestion(name, self.fields.iter().map(|field| field.name));
                format!("there is no field \"{name}\" to filter by; {help}")
            }
        };
        self.errors.push(FilterError { at, message });
        None
    }
}

/// A value as it is written, where it begins, and whether it stands without quotes.
struct Written {
    text: String,
    bare: bool,
    at: usize,
}

/// The value that a field is compared with, or why it can't be.
fn operand(field: &Field, by: Comparison, written: &Written) -> Result<Operand, String> {
    let (name, text) = (field.name, written.text.as_str());
    let equality = matches!(by, Comparison::Equal | Comparison::NotEqual);
    let number = || {
        let number: Option<f64> = text.parse().ok().filter(|n: &f64| n.is_finite());
        number.ok_or_else(|| format!("{name} is compared with a number, not with \"{text}\""))
    };
    let is_text =
        matches!(field.kind, Kind::Text | Kind::Keyed | Kind::Folded | Kind::Host | Kind::Attribute);
    if by == Comparison::Contains && !is_text {
        return Err(format!("{name} is no text: \":\" asks only whether it is set, as in {name}:*"));
    }
    match field.kind {
        Kind::Text | Kind::Keyed => Ok(Operand::Text(text.to_owned())),
        Kind::Folded => Ok(Operand::Text(folded(text))),
        Kind::Host if by == Comparison::Contains => Ok(Operand::Text(folded(text))),
        Kind::Host => Ok(Operand::Text(host(text))),
        Kind::Attribute => Ok(match text.parse::<f64>() {
            Ok(number) if written.bare && number.is_finite() && by != Comparison::Contains => {
                Operand::Number(number)
            }
            _ if written.bare && equality && text == "true" => Operand::YesNo(true),
            _ if written.bare && equality && text == "false" => Operand::YesNo(false),
            _ => Operand::Text(folded(text)),
        }),
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
