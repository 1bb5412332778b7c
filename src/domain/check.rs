//! All violations of an input at once, each with the path of its field.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::text::suggestion;

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request, such as `lead.company.employees`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// Collects violations while an input is walked; knows the path where the walk stands.
#[derive(Debug, Default)]
pub struct Checker {
    path: Vec<Step>,
    found: Vec<Violation>,
    /// The fields in which an earlier walk found something.
    inherited: BTreeSet<String>,
}

/// A step of a path: into a field, or to an element of a list.
#[derive(Debug)]
enum Step {
    Field(String),
    Item(usize),
}

/// The most violations that are told: nobody reads more, and every one costs.
const MOST: usize = 1_000;
/// How many violations are told with the help of a search for the word that was meant.
const HELPED: usize = 100;

/// An input that was read as far as possible: what could not be read is in the violations and stands in
/// the content as something harmless, so that the rest can be checked and all told at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft<T> {
    pub content: T,
    pub violations: Vec<Violation>,
}

/// An input with at least one violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Invalid(pub Vec<Violation>);

fn list(violations: &[Violation]) -> String {
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.description)
        } else {
            write!(f, "{}: {}", self.field, self.description)
        }
    }
}

impl Invalid {
    /// A single violation.
    pub fn one(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self(vec![Violation { field: field.into(), description: description.into() }])
    }
}

impl Checker {
    /// A checker whose paths start at `root`, or at the request itself if it is empty.
    pub fn at(root: &str) -> Self {
        Self { path: vec![Step::Field(root.to_owned())], ..Self::default() }
    }

    /// A checker that goes on with what was found when a draft was read.
    pub fn resume(root: &str, found: Vec<Violation>) -> Self {
        let inherited = found.iter().map(|violation| violation.field.clone()).collect();
        Self { inherited, found, ..Self::at(root) }
    }

    /// What both have found.
    pub fn and(mut self, other: Self) -> Self {
        self.found.extend(other.found);
        self.found.truncate(MOST);
        self
    }

    /// Walks into a field.
    pub fn within<T>(&mut self, field: impl Into<String>, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Field(field.into()));
        let result = walk(self);
        self.path.pop();
        result
    }

    /// Walks into each element of a list, as `field[index]`.
    pub fn each<T, U>(
        &mut self,
        field: &str,
        items: impl IntoIterator<Item = T>,
        mut walk: impl FnMut(&mut Self, T) -> U,
    ) -> Vec<U> {
        let mut step = |c: &mut Self, (i, item)| {
            c.path.push(Step::Item(i));
            let result = walk(c, item);
            c.path.pop();
            result
        };
        let items = items.into_iter().enumerate();
        self.within(field, |c| items.map(|item| step(c, item)).collect())
    }

    /// Notes a violation of the field where the walk stands.
    pub fn wrong(&mut self, description: impl Into<String>) {
        if self.found.len() >= MOST {
            return;
        }
        let mut field = String::new();
        for step in &self.path {
            // What could not be read can't be wrong in a second way, as a whole or in a part.
            if self.inherited.contains(&field) {
                return;
            }
            match step {
                Step::Field(name) if name.is_empty() => {}
                Step::Field(name) if field.is_empty() => field.push_str(name),
                Step::Field(name) => _ = write!(field, ".{name}"),
                Step::Item(index) => _ = write!(field, "[{index}]"),
            }
        }
        if !self.inherited.contains(&field) {
            self.found.push(Violation { field, description: description.into() });
        }
    }

    /// Notes a violation of a field below the place where the walk stands.
    pub fn wrong_field(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.within(field, |c| c.wrong(description));
    }

    /// Notes a violation of a field unless `holds`.
    pub fn require(&mut self, holds: bool, field: &str, description: impl Into<String>) {
        if !holds {
            self.wrong_field(field, description);
        }
    }

    /// Notes a violation unless the text has between `min` and `max` characters.
    pub fn length(&mut self, field: &str, text: &str, min: usize, max: usize) {
        let count = text.chars().count();
        if count < min {
            self.wrong_field(
                field,
                if min == 1 { "is required".into() } else { format!("needs {min} characters") },
            );
        } else if count > max {
            self.wrong_field(field, format!("has {count} characters, at most {max} are allowed"));
        }
    }

    /// Notes a violation unless an absent or finite number lies within `[min, max]`.
    pub fn number(&mut self, field: &str, value: Option<f64>, min: f64, max: f64) {
        if let Some(n) = value
            && !(n.is_finite() && n >= min && n <= max)
        {
            let range = match (min.is_finite(), max.is_finite()) {
                (true, true) => format!("between {min} and {max}"),
                (true, false) => format!("at least {min}"),
                (false, true) => format!("at most {max}"),
                (false, false) => "finite".into(),
            };
            self.wrong_field(field, format!("is {n}, must be {range}"));
        }
    }

    /// Notes a violation if there are more than `max` items.
    pub fn count(&mut self, field: &str, count: usize, max: usize) {
        self.require(count <= max, field, format!("has {count} items, at most {max} are allowed"));
    }

    /// Help with a word that is none of the known ones, unless so much is wrong already that nobody reads it.
    pub fn suggestion<'a>(&self, word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
        if self.found.len() < HELPED { suggestion(word, known) } else { String::new() }
    }

    /// Whether nothing is wrong so far.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// The content as far as it could be read, with what was wrong.
    pub fn draft<T>(self, content: T) -> Draft<T> {
        Draft { content, violations: self.found }
    }

    /// The value, or all violations.
    pub fn finish<T>(self, value: T) -> Result<T, Invalid> {
        if self.found.is_empty() { Ok(value) } else { Err(Invalid(self.found)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(c: Checker) -> Vec<String> {
        c.finish(()).unwrap_err().0.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn what_could_not_be_read_is_not_wrong_in_a_second_way() {
        let mut read = Checker::at("lead");
        read.each("items", 0..12, |c, i| c.require(i != 1, "time", "is required"));
        let mut c = Checker::resume("lead", read.draft(()).violations);
        c.each("items", 0..12, |c, i| {
            c.require(i % 10 != 1, "time", "is late");
            c.within("time", |c| c.require(i != 1, "zone", "is unknown"));
            c.require(i != 10, "time", "is late");
        });
        assert_eq!(fields(c), ["lead.items[1].time", "lead.items[10].time", "lead.items[11].time"]);
        let mut whole = Checker::resume("", Invalid::one("lead", "is required").0);
        whole.within("lead", |c| c.wrong_field("owner", "is required"));
        whole.wrong_field("leader", "is required");
        assert_eq!(fields(whole), ["lead", "leader"]);
    }

    #[test]
    fn no_more_is_told_than_somebody_reads() {
        let mut c = Checker::at("");
        c.each("items", 0..200_000, |c, _| c.wrong("is wrong"));
        let mut c = Checker::resume("", c.draft(()).violations);
        c.each("items", 0..200_000, |c, _| c.wrong_field("type", "is required"));
        assert_eq!(c.suggestion("employes", ["employees"]), "");
        assert_eq!(fields(c).len(), MOST);
    }
}
