//! All violations of an input at once, each with the path of its field.

use std::fmt;

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
    path: Vec<String>,
    found: Vec<Violation>,
    /// How many of them an earlier walk had found.
    inherited: usize,
}

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
        let path = if root.is_empty() { Vec::new() } else { vec![root.to_owned()] };
        Self { path, ..Self::default() }
    }

    /// A checker that goes on with what was found when a draft was read.
    pub fn resume(root: &str, found: Vec<Violation>) -> Self {
        Self { inherited: found.len(), found, ..Self::at(root) }
    }

    /// Walks into a field.
    pub fn within<T>(&mut self, field: impl Into<String>, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(field.into());
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
        let items = items.into_iter().enumerate();
        items.map(|(i, item)| self.within(format!("{field}[{i}]"), |c| walk(c, item))).collect()
    }

    /// Notes a violation of the field where the walk stands.
    pub fn wrong(&mut self, description: impl Into<String>) {
        let parts: Vec<&str> = self.path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let field = parts.join(".");
        // What could not be read can't be wrong in a second way.
        let unreadable = |known: &Violation| field.starts_with(known.field.as_str());
        if !self.found[..self.inherited].iter().any(unreadable) {
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

    /// Whether so much is wrong that help with every name would cost more than it is worth.
    pub fn is_crowded(&self) -> bool {
        self.found.len() >= 100
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
