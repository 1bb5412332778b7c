//! Findings in a rule set, with their place, and how they are shown to a person.

use std::fmt::Write as _;

use crate::domain::text::suggestion;
use crate::rules::source::Sources;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// What kind of finding it is; docs/diagnostics.md has a section for each.
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
    InUse,
    NotKept,
    CutOff,
    TestFailed,
    HeldBack,
    Unused,
    NeverFires,
    GradeOutOfReach,
    SameCondition,
    Contradiction,
    UnusedFact,
}

impl Code {
    pub const ALL: [Code; 28] = [
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
        Code::InUse,
        Code::NotKept,
        Code::CutOff,
        Code::TestFailed,
        Code::HeldBack,
        Code::Unused,
        Code::NeverFires,
        Code::GradeOutOfReach,
        Code::SameCondition,
        Code::Contradiction,
        Code::UnusedFact,
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
            Code::InUse => "in-use",
            Code::NotKept => "not-kept",
            Code::CutOff => "cut-off",
            Code::TestFailed => "test-failed",
            Code::HeldBack => "held-back",
            Code::Unused => "unused",
            Code::NeverFires => "never-fires",
            Code::GradeOutOfReach => "grade-out-of-reach",
            Code::SameCondition => "same-condition",
            Code::Contradiction => "contradiction",
            Code::UnusedFact => "unused-fact",
        }
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|code| code.as_str());
        let found = Self::ALL.into_iter().find(|code| code.as_str() == text);
        found.ok_or_else(|| {
            format!("there is no such code; {}", suggestion(text, known().collect::<Vec<_>>()))
        })
    }
}

/// What docs/diagnostics.md says of a code: what it means, an example, and what was meant.
pub fn section(code: Code) -> Option<&'static str> {
    let guide = include_str!("../../../docs/diagnostics.md");
    let title = format!("\n## `{}`\n", code.as_str());
    let section = &guide[guide.find(&title)? + title.len()..];
    Some(section.split("\n## ").next().unwrap_or(section).trim())
}

/// Another place that a finding speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub message: String,
}

/// What to write instead, in place of some characters of the finding's line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fix {
    /// From 1, in characters.
    pub column: u32,
    pub length: u32,
    pub replacement: String,
}

/// What to do about a finding: in words, and, where a name was probably meant to be another, that one.
#[derive(Debug, Clone, Default)]
pub struct Help {
    pub text: String,
    /// The name that stands there, and the one that was meant.
    pub meant: Option<(String, String)>,
}

impl<T: Into<String>> From<T> for Help {
    fn from(text: T) -> Self {
        Self { text: text.into(), meant: None }
    }
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
    /// What to write instead, where that is plain.
    pub fix: Option<Fix>,
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
            fix: None,
            related: Vec::new(),
        }
    }

    /// An error at a line and column of a file's text; column 0 if it concerns the whole line.
    pub fn at(
        file: &str,
        text: &str,
        line: usize,
        column: usize,
        code: Code,
        message: impl Into<String>,
    ) -> Self {
        let source_line = line.checked_sub(1).and_then(|i| text.lines().nth(i)).unwrap_or_default();
        let (line, column) = (line as u32, column as u32);
        Self { line, column, length: token_length(source_line, column), ..Self::of_file(file, code, message) }
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
            let (text, place) = window(text, self.column);
            // Tabs are kept, so that the caret stands below its character in any tab width.
            let indent: String =
                text.chars().take(place).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let caret = "^".repeat((self.length.max(1) as usize).min(SHOWN - SHOWN_BEFORE));
            _ = writeln!(out, "{margin} |\n{number} | {text}\n{margin} | {indent}{caret}");
        }
        if !self.help.is_empty() {
            _ = writeln!(out, "  help: {}", self.help);
        }
        for related in &self.related {
            let Related { file, line, column, message } = related;
            _ = writeln!(out, "  note: {root}/{file}:{line}:{column}: {message}");
        }
        // A script must not write to a terminal what it likes.
        let safe = |c: char| {
            if is_deceptive(c) && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c }
        };
        out.chars().map(safe).collect()
    }
}

/// What is found in a set: as much as anybody reads. What is not kept is counted all the same, so that nothing bad
/// passes for good.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    hints: usize,
    parts: usize,
    /// Whether the set was in force once: then it is not refused for what was allowed.
    pub kept_set: bool,
}

/// The most findings that are kept of a set.
const MAX_ERRORS: usize = 500;
const MAX_WARNINGS: usize = 100;
/// How often the nearest name is looked for: it compares with all others.
const MAX_HINTS: usize = 100;
/// The most parts of all scripts together.
const MAX_PARTS: usize = 1_000_000;

impl Findings {
    /// For a set that was in force once.
    pub fn of_kept_set() -> Self {
        Self { kept_set: true, ..Self::default() }
    }

    pub fn push(&mut self, finding: Diagnostic) {
        if self.count(finding.severity) {
            self.kept.push(finding);
        }
    }

    /// Counts a finding; says whether it is to be kept. One that is not need not be put into words.
    pub fn count(&mut self, severity: Severity) -> bool {
        let (count, most) = match severity {
            Severity::Error => (&mut self.errors, MAX_ERRORS),
            Severity::Warning => (&mut self.warnings, MAX_WARNINGS),
        };
        *count += 1;
        *count <= most
    }

    /// Keeps a finding that was counted.
    pub fn keep(&mut self, finding: Diagnostic) {
        self.kept.push(finding);
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether a name or word was found that means nothing.
    pub fn has_unknown(&self) -> bool {
        self.kept.iter().any(|finding| matches!(finding.code, Code::UnknownName | Code::UnknownWord))
    }

    /// Whether a name may be looked for once more.
    pub fn hint(&mut self) -> bool {
        self.hints += 1;
        self.hints <= MAX_HINTS
    }

    /// Counts a part of a script; `false` from the one on that is too many.
    pub fn count_part(&mut self, parts: usize) -> bool {
        self.parts += parts;
        self.parts <= MAX_PARTS || self.kept_set
    }

    /// Everything that was kept, by place.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.kept.sort();
        self.kept.dedup();
        self.kept
    }
}

impl Extend<Diagnostic> for Findings {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

/// A character that can't be seen, or that makes others seem to stand elsewhere. What joins letters in Persian or
/// Hindi, and the marks of direction that Arabic needs, are none.
pub fn is_deceptive(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// The most characters of a source line that are shown, and how many of them before the place.
const SHOWN: usize = 160;
const SHOWN_BEFORE: usize = 60;

/// The part of a source line around a column, with the column's place in it.
fn window(line: &str, column: u32) -> (String, usize) {
    let column = column.saturating_sub(1) as usize;
    let first = if line.chars().nth(SHOWN).is_none() { 0 } else { column.saturating_sub(SHOWN_BEFORE) };
    let mut shown: String = line.chars().skip(first).take(SHOWN).collect();
    if line.chars().nth(first + SHOWN).is_some() {
        shown.push('…');
    }
    if first > 0 {
        shown.insert(0, '…');
    }
    (shown, column - first + usize::from(first > 0))
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
    fn a_long_or_deceptive_line_is_shown_in_part_and_made_safe() {
        let line = format!("{}\u{1b}[31m\u{202E}x{}", "a".repeat(70_000), "b".repeat(70_000));
        let sources = Sources::new([("a.rhai".to_owned(), line)].into());
        let finding = Diagnostic {
            line: 1,
            column: 70_007,
            length: 9,
            ..Diagnostic::of_file("a.rhai", Code::Syntax, "x")
        };
        let shown = finding.render("scripts", &sources);
        assert!(shown.len() < 1_000 && shown.contains("…aaa") && shown.contains("bbb…"), "{shown}");
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202E}'), "{shown}");
        let caret = shown.lines().find(|line| line.contains('^')).unwrap();
        let text = shown.lines().find(|line| line.contains("bbb")).unwrap();
        let place = caret.chars().position(|c| c == '^').unwrap();
        assert_eq!(text.chars().nth(place), Some('x'), "{shown}");
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let mut findings = Findings::default();
        for _ in 0..1_000 {
            findings.push(Diagnostic {
                severity: Severity::Warning,
                ..Diagnostic::of_file("a", Code::Unused, "x")
            });
        }
        assert!(!findings.has_errors());
        findings.push(Diagnostic::of_file("b", Code::Syntax, "x"));
        assert!(findings.has_errors());
        assert_eq!(findings.sorted().iter().filter(|finding| finding.is_error()).count(), 1);
    }

    #[test]
    fn the_caret_underlines_the_token() {
        assert_eq!(token_length("when employes > 5", 6), 8);
        assert_eq!(token_length(r#"activity("page\"x") > 5"#, 10), 9);
        assert_eq!(token_length("a + b", 3), 1);
        assert_eq!(token_length("", 9), 1);
    }
}
