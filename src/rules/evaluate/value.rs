//! Values while rules run: borrowed from the facts, the script, or the arena of a score.

use crate::domain::canonical::same_word;
use crate::domain::profile::DecisionRole;
use crate::domain::time::Time;
use crate::domain::value::Value as Plain;
use crate::domain::vocabulary::{Meanings, meant};
use crate::rules::program::WordList;

/// A value while rules run: borrowed from the facts or the script, so nothing is copied.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Nothing,
    Number(f64),
    YesNo(bool),
    Text(&'a str),
    Words(Words<'a>),
    Numbers(&'a [f64]),
    /// The items of a list that was made while the rules ran, or the values of an object map.
    List(&'a [Value<'a>]),
    /// A day, by its beginning in UTC.
    Date(Time),
}

/// Several words, wherever they are kept.
#[derive(Debug, Clone, Copy)]
pub enum Words<'a> {
    /// Words of a lead or a profile, with those of the fact that mean others.
    Fact(&'a [String], Option<&'a Meanings>),
    Written(&'a WordList),
    /// The roles that take part at an account of a size.
    Roles(&'a [DecisionRole], Option<f64>),
    /// Of a list that was made while the rules ran.
    Made(&'a [Value<'a>]),
}

impl<'a> Words<'a> {
    pub fn len(self) -> usize {
        match self {
            Words::Fact(words, _) => words.len(),
            Words::Written(list) => list.words.len(),
            Words::Roles(roles, size) => roles.iter().filter(|role| role.takes_part(size)).count(),
            Words::Made(items) => items.len(),
        }
    }

    /// How many steps a search for a word costs.
    pub fn steps(self) -> usize {
        match self {
            Words::Fact(words, Some(_)) => words.len(),
            Words::Made(items) => items.len(),
            Words::Written(list) => list.steps(),
            _ => self.len() / 8,
        }
    }

    pub fn contains(self, word: &str) -> bool {
        match self {
            Words::Fact(words, meanings) => words.iter().any(|w| same_word(meant(meanings, w), word)),
            Words::Written(list) => list.contains(word),
            Words::Roles(roles, size) => {
                roles.iter().any(|role| role.takes_part(size) && same_word(&role.role, word))
            }
            Words::Made(items) => {
                items.iter().any(|item| item.text().is_some_and(|own| same_word(own, word)))
            }
        }
    }

    pub fn get(self, index: usize) -> Option<&'a str> {
        match self {
            Words::Fact(words, meanings) => words.get(index).map(|word| meant(meanings, word)),
            Words::Written(list) => list.words.get(index).map(String::as_str),
            Words::Roles(roles, size) => {
                let mut roles = roles.iter().filter(|role| role.takes_part(size));
                roles.nth(index).map(|role| role.role.as_str())
            }
            Words::Made(items) => items.get(index)?.text(),
        }
    }

    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).filter_map(move |i| self.get(i))
    }
}

impl<'a> Value<'a> {
    fn text(self) -> Option<&'a str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The value as it is shown and stored: of a long text or list the beginning, with "…" after it.
    pub fn to_plain(self) -> Option<Plain> {
        match self {
            Value::Nothing => None,
            Value::Number(number) => Some(Plain::Number(number)),
            Value::YesNo(yes) => Some(Plain::YesNo(yes)),
            Value::Text(text) => Some(Plain::Text(beginning(text, SHOWN_TEXT))),
            Value::Words(words) => {
                let mut shown: Vec<String> =
                    words.iter().take(SHOWN_WORDS).map(|word| beginning(word, SHOWN_WORD)).collect();
                if words.len() > SHOWN_WORDS {
                    shown.push("…".into());
                }
                Some(Plain::List(shown))
            }
            Value::Date(day) => Some(Plain::Text(day.date())),
            Value::List(items) => {
                let shown = items.iter().take(SHOWN_WORDS).filter_map(|item| item.to_plain());
                Some(Plain::List(shown.map(|item| item.to_string()).collect()))
            }
            Value::Numbers(numbers) => {
                Some(Plain::List(numbers.iter().take(SHOWN_WORDS).map(f64::to_string).collect()))
            }
        }
    }
}

/// The most characters of a text that are shown, and words of a list with their characters.
const SHOWN_TEXT: usize = 500;

const SHOWN_WORDS: usize = 20;

const SHOWN_WORD: usize = 100;

fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
