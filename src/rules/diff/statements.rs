//! A script as its statements, each with its parts as they are written and as they are compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::source::without_mark;
use crate::rules::syntax::scan::{Kind, Scan};
use crate::rules::syntax::tree::{Ast, Lines, Span, Stmt, StmtKind, Tree};
use crate::rules::syntax::{Parser, Read};

/// A statement as it is compared.
pub struct Statement {
    /// Its parts by name, each as it is written and as it is compared.
    pub parts: BTreeMap<String, (String, String)>,
    pub line: u32,
    /// Where it begins, in bytes.
    pub at: u32,
}

/// What a statement is found again by: its first word, its name, and which of several of that name it is.
pub type Key = (&'static str, String, usize);

/// A file as it is compared.
#[derive(Default)]
pub struct File {
    pub statements: BTreeMap<Key, Statement>,
    /// Path of what is imported, without the ending, with the name that it has here; without one, its parts go by their own.
    pub imports: BTreeSet<(Option<String>, String)>,
}

/// Words as they are compared: comments and spaces say nothing.
fn words(text: &str) -> String {
    let scan = Scan::new(text);
    let mut found = String::from(" ");
    for token in &scan.tokens {
        let word = token.span.of(text);
        found += word;
        found.push(' ');
        // What is put into a text is asked for as anywhere else.
        for put_in in word.strip_prefix('`').into_iter().flat_map(|text| text.split("${").skip(1)) {
            found += words(put_in.trim_end_matches('`')).trim_start();
        }
    }
    found
}

impl File {
    /// The names of what it declares for others.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let named = self.statements.keys().filter(|(keyword, ..)| is_named_for_others(keyword));
        named.map(|(_, name, _)| name)
    }

    pub fn read(path: &str, text: &str) -> Self {
        let text = without_mark(text);
        let Read { tree, lines, .. } = Parser::new().read(path, text);
        let mut reader = Reader { file: Self::default(), scan: Scan::new(lines.text()), lines: &lines };
        if let Some(tree) = tree {
            reader.functions(&tree);
            reader.collect(&tree.statements, "");
        }
        reader.file
    }
}

/// Takes a file apart.
struct Reader<'l> {
    file: File,
    scan: Scan,
    lines: &'l Lines,
}

impl Reader<'_> {
    /// The text of the value that begins at a place, up to the next keyword of its statement or to the statement's end. What the
    /// parser calls the whole of an expression leaves out a sign, and the name that a function is imported by.
    fn value(&self, at: Span, keywords: &[&str], has_block: bool) -> String {
        let text = self.lines.text();
        let word = |at: usize| self.scan.tokens.get(at).map_or("", |token| token.span.of(text));
        let mut first = self.scan.at(at.start);
        while first > 0 && !keywords.contains(&word(first - 1)) && !matches!(word(first - 1), ";" | "{" | "=")
        {
            first -= 1;
        }
        let (mut last, mut depth) = (first, 0_i32);
        while let Some(token) = self.scan.tokens.get(last) {
            let is_part = last > 0 && word(last - 1) == ".";
            match token.kind {
                Kind::Mark('{')
                    if has_block && depth == 0 && last > first && self.begins_block(last, first) =>
                {
                    break;
                }
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => depth -= 1,
                Kind::Mark(';') if depth == 0 => break,
                Kind::Word if depth == 0 && !is_part && keywords.contains(&word(last)) => break,
                _ => {}
            }
            if depth < 0 {
                break;
            }
            last += 1;
        }
        let span = |at: usize| self.scan.tokens.get(at).map(|token| token.span);
        match (span(first), last.checked_sub(1).and_then(span)) {
            (Some(first), Some(last)) if first.start <= last.start => first.to(last).of(text).to_owned(),
            _ => String::new(),
        }
    }

    /// Whether a brace begins the block of a group, and not a part of the value before it: that would be an `if` or a `switch`.
    fn begins_block(&self, brace: usize, first: usize) -> bool {
        let text = self.lines.text();
        let words = self.scan.tokens[first..brace].iter().map(|token| token.span.of(text));
        !words
            .into_iter()
            .any(|word| matches!(word, "if" | "else" | "switch" | "while" | "for" | "loop" | "|"))
    }

    fn functions(&mut self, tree: &Tree) {
        for function in &tree.functions {
            let body = function.start.to(function.end).of(self.lines.text()).to_owned();
            let parts = [("body".to_owned(), body), ("parameters".to_owned(), function.params.join(", "))];
            self.put("fn", &function.name, function.start, parts.into(), "");
        }
    }

    fn collect(&mut self, statements: &[Stmt], group: &str) {
        for statement in statements {
            match &statement.kind {
                StmtKind::Import(path, name) => {
                    let name = name.as_ref().map(|name| name.text.clone());
                    self.file.imports.insert((name, path.literal().to_owned()));
                }
                StmtKind::Const(word, value) => {
                    let parts = vec![("value".to_owned(), self.value(value.whole, &[], false))];
                    self.put("const", &word.text, statement.at, parts, group);
                }
                StmtKind::Rule(rule) => {
                    let name = rule.head.as_ref().map(|_| rule.head().0.to_string()).unwrap_or_default();
                    let keywords: Vec<&str> =
                        rule.shape.clauses.iter().map(|(keyword, _)| *keyword).collect();
                    let part = |(keyword, value): &(&'static str, Option<Ast>)| {
                        let written =
                            value.as_ref().map(|value| self.value(value.whole, &keywords, rule.shape.block));
                        ((*keyword).to_owned(), written.unwrap_or_default())
                    };
                    let parts = rule.clauses.iter().map(part).collect();
                    self.put(rule.shape.keyword, &name, rule.at, parts, group);
                    if let Some(block) = &rule.block {
                        self.collect(block, &name);
                    }
                }
                _ => {}
            }
        }
    }

    fn put(
        &mut self,
        keyword: &'static str,
        name: &str,
        at: Span,
        parts: Vec<(String, String)>,
        group: &str,
    ) {
        let mut compared: BTreeMap<String, (String, String)> = parts
            .into_iter()
            .map(|(part, written)| {
                let shown = written.split_whitespace().collect::<Vec<_>>().join(" ");
                (part, (shown, words(&written)))
            })
            .collect();
        if !group.is_empty() {
            compared.insert("group".to_owned(), (group.to_owned(), group.to_owned()));
        }
        let statements = &mut self.file.statements;
        let namesakes = statements.keys().filter(|(k, n, _)| *k == keyword && n == name).count();
        let line = u32::try_from(self.lines.place(at.start).0).unwrap_or(u32::MAX);
        statements
            .insert((keyword, name.to_owned(), namesakes), Statement { parts: compared, line, at: at.start });
    }
}

/// A name of an imported file as it is compared, by the name that the file has here.
pub fn imported(file: &Option<String>, name: &str) -> String {
    match file {
        Some(file) => format!("{file} : : {name}"),
        None => name.to_owned(),
    }
}

/// A definition, a function or a constant: what other statements go by.
pub fn is_named_for_others(keyword: &str) -> bool {
    matches!(keyword, "define" | "fn" | "const")
}

/// A rule or disqualifier with its condition.
pub struct Conditioned {
    pub keyword: &'static str,
    pub name: String,
    /// As it is compared.
    pub condition: String,
    pub line: u32,
}

/// The rules and disqualifiers of a script, by their lines.
pub fn conditions(path: &str, text: &str) -> Vec<Conditioned> {
    let file = File::read(path, text);
    let statements = file.statements.into_iter();
    let conditioned = |((keyword, name, _), statement): (Key, Statement)| {
        let condition = statement.parts.get("when").map(|(_, words)| words.clone())?;
        matches!(keyword, "rule" | "disqualify").then_some(Conditioned {
            keyword,
            name,
            condition,
            line: statement.line,
        })
    };
    let mut found: Vec<_> = statements.filter_map(conditioned).collect();
    found.sort_by_key(|of| of.line);
    found
}
