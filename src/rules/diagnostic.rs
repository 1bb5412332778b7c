//! Findings in a rule set, with their place, and how they are shown to a person.

use std::fmt::Write as _;

use super::source::Sources;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// What kind of finding it is. The rule author's guide explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    Syntax,
    UnknownName,
    UnknownWord,
    TypeMismatch,
    BadValue,
    MissingOtherwise,
    Duplicate,
    Misplaced,
    Unsupported,
    Reserved,
    Recursion,
    TooLarge,
    BadImport,
    BadFactsToml,
    EmptySet,
    Unreadable,
    SmokeFailed,
    NotKept,
    Unused,
}

impl Code {
    pub const ALL: [Code; 19] = [
        Code::Syntax,
        Code::UnknownName,
        Code::UnknownWord,
        Code::TypeMismatch,
        Code::BadValue,
        Code::MissingOtherwise,
        Code::Duplicate,
        Code::Misplaced,
        Code::Unsupported,
        Code::Reserved,
        Code::Recursion,
        Code::TooLarge,
        Code::BadImport,
        Code::BadFactsToml,
        Code::EmptySet,
        Code::Unreadable,
        Code::SmokeFailed,
        Code::NotKept,
        Code::Unused,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::UnknownName => "unknown-name",
            Code::UnknownWord => "unknown-word",
            Code::TypeMismatch => "type-mismatch",
            Code::BadValue => "bad-value",
            Code::MissingOtherwise => "missing-otherwise",
            Code::Duplicate => "duplicate",
            Code::Misplaced => "misplaced",
            Code::Unsupported => "unsupported",
            Code::Reserved => "reserved",
            Code::Recursion => "recursion",
            Code::TooLarge => "too-large",
            Code::BadImport => "bad-import",
            Code::BadFactsToml => "bad-facts-toml",
            Code::EmptySet => "empty-set",
            Code::Unreadable => "unreadable",
            Code::SmokeFailed => "smoke-failed",
            Code::NotKept => "not-kept",
            Code::Unused => "unused",
        }
    }
}

/// Another place that a finding speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub message: String,
}

/// A finding. Ordered by place, so that lists of findings read from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The path within the scripts folder, or empty.
    pub file: String,
    /// From 1; 0 if it concerns the whole file.
    pub line: u32,
    /// From 1, in characters; 0 if it concerns the whole line.
    pub column: u32,
    /// In characters.
    pub length: u32,
    pub severity: Severity,
    pub code: Code,
    pub message: String,
    /// What to do, or empty.
    pub help: String,
    pub related: Vec<Related>,
}

impl Diagnostic {
    /// An error that concerns a whole file, or the set if `file` is empty.
    pub fn of_file(file: &str, code: Code, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            length: 0,
            severity: Severity::Error,
            code,
            message: message.into(),
            help: String::new(),
            related: Vec::new(),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The finding as a compiler would show it: place, message, source line with a caret, help.
    /// `root` is put before the file's path.
    pub fn render(&self, root: &str, sources: &Sources) -> String {
        let mut out = String::new();
        let root = root.trim_end_matches('/');
        match (self.file.as_str(), self.line) {
            ("", _) => out.push_str(root),
            (file, 0) => _ = write!(out, "{root}/{file}"),
            (file, line) => _ = write!(out, "{root}/{file}:{line}:{}", self.column.max(1)),
        }
        let severity = if self.is_error() { "error" } else { "warning" };
        _ = writeln!(out, ": {severity}[{}]: {}", self.code.as_str(), self.message);
        if let Some(text) = sources.line(&self.file, self.line) {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            // Tabs are kept, so that the caret stands below its character in any tab width.
            let indent: String = text
                .chars()
                .take(self.column.saturating_sub(1) as usize)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let caret = "^".repeat(self.length.max(1) as usize);
            _ = writeln!(out, "{margin} |\n{number} | {text}\n{margin} | {indent}{caret}");
        }
        if !self.help.is_empty() {
            _ = writeln!(out, "  help: {}", self.help);
        }
        for related in &self.related {
            let Related { file, line, column, message } = related;
            _ = writeln!(out, "  note: {root}/{file}:{line}:{column}: {message}");
        }
        out
    }
}

/// How many characters the word, number or string at a place takes: what a caret line should underline.
pub fn token_length(line: &str, column: u32) -> u32 {
    let mut rest = line.chars().skip(column.saturating_sub(1) as usize).peekable();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    match rest.next() {
        Some('"') => {
            let mut length = 1;
            let mut escaped = false;
            for c in rest {
                length += 1;
                match c {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => break,
                    _ => escaped = false,
                }
            }
            length
        }
        Some(c) if word(c) => 1 + rest.take_while(|c| word(*c)).count() as u32,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_explains_every_code() {
        let guide = include_str!("../../docs/rules.md");
        for code in Code::ALL {
            assert!(
                guide.contains(&format!("`{}`", code.as_str())),
                "{} is not in docs/rules.md",
                code.as_str()
            );
        }
    }

    #[test]
    fn the_caret_underlines_the_token() {
        assert_eq!(token_length("when employes > 5", 6), 8);
        assert_eq!(token_length(r#"activity("page\"x") > 5"#, 10), 9);
        assert_eq!(token_length("a + b", 3), 1);
        assert_eq!(token_length("", 9), 1);
    }
}
