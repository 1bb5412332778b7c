//! What the cells of a column seem to be.

use std::collections::BTreeMap;

use crate::cli::mapping::is_missing;
use crate::domain::canonical::folded;
use crate::domain::time::Time;
use crate::domain::written::{self, Decimal, Evidence, Unread};
use crate::rules::source::facts_toml::is_free;

/// How many different cells are kept of a column.
const MOST_WORDS: usize = 200;
/// How many words a choice may have: few, or more where each stands in very many rows.
const FEW_CHOICES: usize = 12;
pub const MOST_CHOICES: usize = 40;

/// In so few rows, numbers may be all different by chance.
const FEW_ROWS: usize = 20;

/// The ways in which days are written, beside 2026-11-26.
const DATES: [&str; 6] = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y"];

/// What was seen of a column.
pub struct Column {
    pub name: String,
    pub filled: usize,
    /// The different cells with how often each stood there; of many, the first.
    pub words: BTreeMap<String, usize>,
    pub evidence: Evidence,
    /// The same for a fact that can't have decimals.
    evidence_of_whole: Evidence,
    numbers: usize,
    /// How many of them have decimals.
    fractions: usize,
    ambiguous: usize,
    /// How many cells have a currency beside them, by its code.
    pub currencies: BTreeMap<&'static str, usize>,
    iso_days: usize,
    /// How many cells each of [`DATES`] can read.
    days: [usize; DATES.len()],
    yes_no: usize,
    lists: usize,
}

impl Column {
    pub fn named(name: &str) -> Self {
        Self {
            name: name.trim().to_owned(),
            filled: 0,
            words: BTreeMap::new(),
            evidence: Evidence::default(),
            evidence_of_whole: Evidence::default(),
            numbers: 0,
            fractions: 0,
            ambiguous: 0,
            currencies: BTreeMap::new(),
            iso_days: 0,
            days: [0; DATES.len()],
            yes_no: 0,
            lists: 0,
        }
    }

    pub fn see(&mut self, cell: &str, is_number: bool) {
        if is_missing(cell) {
            return;
        }
        self.filled += 1;
        if self.words.len() < MOST_WORDS || self.words.contains_key(cell) {
            *self.words.entry(cell.to_owned()).or_default() += 1;
        }
        if is_number {
            self.numbers += 1;
            self.yes_no += usize::from(matches!(cell, "0" | "1"));
            self.fractions += usize::from(cell.parse::<f64>().is_ok_and(|number| number.fract() != 0.0));
            return;
        }
        self.evidence.see(cell, false);
        self.evidence_of_whole.see(cell, true);
        self.ambiguous += usize::from(matches!(written::read(cell, None, false), Err(Unread::Ambiguous)));
        // A number that calls somebody, or whose noughts in front count, is none to reckon with.
        let is_code = cell.starts_with('+')
            || (cell.starts_with('0') && cell.as_bytes().get(1).is_some_and(u8::is_ascii_digit));
        let read = [Decimal::Point, Decimal::Comma]
            .into_iter()
            .find_map(|decimal| written::read(cell, Some(decimal), false).ok())
            .filter(|_| !is_code);
        if let Some(number) = read {
            self.numbers += 1;
            self.fractions += usize::from(number.value.fract() != 0.0);
            if let Some(currency) = number.currency {
                *self.currencies.entry(currency).or_default() += 1;
            }
        }
        let day = cell.split(['T', ' ']).next().unwrap_or(cell);
        self.iso_days += usize::from(Time::of_date(day).is_some());
        for (format, seen) in DATES.iter().zip(&mut self.days) {
            *seen += usize::from(Time::of_date_by(format, cell).is_some());
        }
        let word = folded(cell);
        self.yes_no += usize::from(matches!(
            word.as_str(),
            "yes" | "no" | "true" | "false" | "y" | "n" | "ja" | "nein" | "0" | "1"
        ));
        self.lists += usize::from(cell.contains([';', '|']));
    }

    /// Whether nearly all filled cells are so: a few slips are no reason.
    fn mostly(&self, seen: usize) -> bool {
        self.filled > 0 && seen * 20 >= self.filled * 19
    }

    pub fn kind(&self, rows: usize) -> Guess {
        if self.filled == 0 {
            return Guess::Nothing;
        }
        if self.mostly(self.yes_no) && self.words.len() <= 4 {
            return Guess::YesNo;
        }
        if self.mostly(self.iso_days) {
            return Guess::Date(None);
        }
        let readable: Vec<&'static str> = DATES
            .iter()
            .zip(&self.days)
            .filter(|(_, seen)| self.mostly(**seen))
            .map(|(format, _)| *format)
            .collect();
        match readable[..] {
            [] => {}
            [only] => return Guess::Date(Some(only.to_owned())),
            // 01/02/2026 may be either.
            _ => return Guess::AmbiguousDate(readable),
        }
        if self.mostly(self.numbers) {
            return if self.currencies.values().sum::<usize>() * 4 > self.filled {
                Guess::Money
            } else {
                Guess::Number
            };
        }
        if self.lists * 3 > self.filled {
            return Guess::List;
        }
        let different = self.words.len();
        let few = different <= FEW_CHOICES
            && (different * 4 <= self.filled || rows < 8 && different * 2 <= self.filled);
        let frequent = different <= MOST_CHOICES && different * 50 <= self.filled;
        if few || frequent {
            return Guess::Choice;
        }
        Guess::Text
    }

    /// Whether what marks its decimals can't be told, of a fact that may have decimals or not.
    pub fn hides_its_decimals(&self, whole: bool) -> bool {
        let evidence = if whole { self.evidence_of_whole } else { self.evidence };
        self.ambiguous > 0 && evidence.decimal().is_none()
    }

    /// Whether a rule could ask for it: what is written freely, what is the same in every row, and numbers
    /// that only tell rows apart, are no facts.
    pub fn is_worth_asking(&self, kind: &Guess, rows: usize) -> bool {
        match kind {
            Guess::Text => false,
            // What is measured rarely is the same twice; what tells rows apart is whole.
            Guess::Number => rows <= FEW_ROWS || !self.is_unique(rows) || self.fractions * 4 > self.filled,
            Guess::YesNo => rows <= FEW_ROWS || self.words.len() > 1,
            _ => true,
        }
    }

    pub fn is_unique(&self, rows: usize) -> bool {
        self.filled == rows
            && (self.words.len() == rows || rows > MOST_WORDS && self.words.values().all(|n| *n == 1))
    }

    /// Some of its cells, the most frequent first.
    pub fn examples(&self, most: usize) -> Vec<&str> {
        let mut words: Vec<_> = self.words.iter().collect();
        words.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), *word));
        words.into_iter().take(most).map(|(word, _)| word.as_str()).collect()
    }

    /// Its name as rules can write it.
    pub fn as_word(&self) -> String {
        let mut word = String::new();
        let mut before = ' ';
        for c in self.name.chars() {
            let begins_a_word = before.is_ascii_lowercase() && c.is_ascii_uppercase();
            if (begins_a_word || !c.is_ascii_alphanumeric()) && !word.is_empty() && !word.ends_with('_') {
                word.push('_');
            }
            if c.is_ascii_alphanumeric() {
                word.push(c.to_ascii_lowercase());
            }
            before = c;
        }
        let word = word.trim_end_matches('_').to_owned();
        match word.chars().next() {
            None => "column".into(),
            Some(first) if first.is_ascii_digit() => format!("n_{word}"),
            Some(_) if !is_free(&word) => format!("{word}_in_file"),
            Some(_) => word,
        }
    }
}

/// What a column seems to hold.
pub enum Guess {
    Nothing,
    Number,
    Money,
    YesNo,
    /// In this format, or as 2026-11-26.
    Date(Option<String>),
    /// In one of these formats.
    AmbiguousDate(Vec<&'static str>),
    List,
    Choice,
    Text,
}
