//! What differs between two sets, statement by statement: not which lines, but which rules.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Sources, without_mark};
use super::syntax::scan::{Kind, Scan};
use super::syntax::tree::{Ast, Lines, Span, Stmt, StmtKind, Tree};
use super::syntax::{Parser, Read};

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    Added,
    Removed,
    /// Its own text is another, or it stands in another group.
    Changed,
    /// Its text is the same, but a definition or a function that it goes by is another.
    Follows,
}

impl DifferenceKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Follows => "follows",
        }
    }
}

/// A part of a statement that is another: a clause by its keyword, or `group`. Of what follows something, what that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartDifference {
    pub part: String,
    /// Empty where there was none.
    pub before: String,
    pub after: String,
}

/// A statement that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementDifference {
    pub file: String,
    /// Its first word, such as `rule`; `fn` is a function.
    pub statement: &'static str,
    /// Its name; empty for statements without one.
    pub name: String,
    pub kind: DifferenceKind,
    pub parts: Vec<PartDifference>,
    /// The line in the set before, and in the set after; 0 where it is not.
    pub lines: (u32, u32),
}

/// Everything that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSetDifference {
    /// By file and line.
    pub statements: Vec<StatementDifference>,
    /// The files that differ, each as a unified diff; nothing of very large ones.
    pub files: Vec<(String, String)>,
}

/// A statement as it is compared.
struct Statement {
    /// Its parts by name, each as it is written and as it is compared.
    parts: BTreeMap<String, (String, String)>,
    line: u32,
}

/// What a statement is found again by: its first word, its name, and which of several of that name it is.
type Key = (&'static str, String, usize);

/// A file as it is compared.
#[derive(Default)]
struct File {
    statements: BTreeMap<Key, Statement>,
    /// Path of what is imported, without the ending, by the name it has here.
    imports: BTreeMap<String, String>,
}

/// The most bytes of a file, in both sets together, of which the lines that differ are told: of large ones that takes long.
const MAX_DIFF_BYTES: usize = 256 * 1024;

/// Words as they are compared: comments and spaces say nothing.
fn words(text: &str) -> String {
    let scan = Scan::new(text);
    let words: Vec<&str> = scan.tokens.iter().map(|token| token.span.of(text)).collect();
    format!(" {} ", words.join(" "))
}

impl File {
    fn read(path: &str, text: &str) -> Self {
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
    fn value(&self, at: Span, keywords: &[&str]) -> String {
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
                Kind::Mark('{') if depth == 0 && last > first && self.begins_block(last, first) => break,
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
                StmtKind::Import(path, Some(name)) => {
                    self.file.imports.insert(name.text.clone(), path.literal().to_owned());
                }
                StmtKind::Const(word, value) => {
                    let parts = vec![("value".to_owned(), self.value(value.whole, &[]))];
                    self.put("const", &word.text, statement.at, parts, group);
                }
                StmtKind::Rule(rule) => {
                    let name = rule.head.as_ref().map(|_| rule.head().0.to_string()).unwrap_or_default();
                    let keywords: Vec<&str> =
                        rule.shape.clauses.iter().map(|(keyword, _)| *keyword).collect();
                    let part = |(keyword, value): &(&'static str, Option<Ast>)| {
                        let written = value.as_ref().map(|value| self.value(value.whole, &keywords));
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
        statements.insert((keyword, name.to_owned(), namesakes), Statement { parts: compared, line });
    }
}

/// A definition, a function or a constant: what other statements go by.
fn is_named_for_others(keyword: &str) -> bool {
    matches!(keyword, "define" | "fn" | "const")
}

/// The names in a file that mean something else now, as the file writes them.
fn moved_names(
    file: &File,
    own: &BTreeSet<String>,
    of_imports: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut moved = own.clone();
    for (alias, path) in &file.imports {
        let names = of_imports.get(path).into_iter().flatten();
        moved.extend(names.map(|name| format!("{alias} : : {name}")));
    }
    // What goes by something that moved has moved itself.
    loop {
        let more: Vec<String> = file
            .statements
            .iter()
            .filter(|((keyword, name, _), statement)| {
                is_named_for_others(keyword)
                    && !moved.contains(name)
                    && mentioned(statement, &moved).is_some()
            })
            .map(|((_, name, _), _)| name.clone())
            .collect();
        if more.is_empty() {
            return moved;
        }
        moved.extend(more);
    }
}

/// The first of some names that a statement mentions.
fn mentioned<'n>(statement: &Statement, names: &'n BTreeSet<String>) -> Option<&'n String> {
    let mentions = |name: &&String| {
        let spaced = format!(" {name} ");
        statement.parts.values().any(|(_, words)| words.contains(&spaced))
    };
    names.iter().find(mentions)
}

/// The rules of a script with their conditions, as they are compared, and their lines.
pub fn conditions(path: &str, text: &str) -> Vec<(String, String, u32)> {
    let file = File::read(path, text);
    let rules = file.statements.into_iter().filter(|((keyword, ..), _)| *keyword == "rule");
    let condition = |((_, name, _), statement): (Key, Statement)| {
        let line = statement.line;
        statement.parts.get("when").map(|(_, words)| (name, words.clone(), line))
    };
    let mut found: Vec<_> = rules.filter_map(condition).collect();
    found.sort_by_key(|(.., line)| *line);
    found
}

/// Compares two sets.
pub fn difference(before: &Sources, after: &Sources) -> RuleSetDifference {
    let mut found = RuleSetDifference::default();
    let paths: BTreeSet<&str> = before.iter().chain(after.iter()).map(|(path, _)| path).collect();
    let mut files: BTreeMap<&str, (File, File)> = BTreeMap::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old != new {
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let unified = match old.len() + new.len() <= MAX_DIFF_BYTES {
                true => similar::TextDiff::from_lines(old, new).unified_diff().context_radius(2).to_string(),
                false => String::new(),
            };
            found.files.push((path.to_owned(), unified));
        }
        if path.ends_with(".rhai") {
            let read = |text: Option<&str>| text.map(|text| File::read(path, text)).unwrap_or_default();
            files.insert(path, (read(old), read(new)));
        }
    }
    let own: BTreeMap<&str, BTreeSet<String>> =
        files.iter().map(|(path, (old, new))| (*path, changed_names(old, new))).collect();
    // Names that moved in a file move in those that import it, which may be imported in turn.
    let mut of_imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    loop {
        let next: BTreeMap<String, BTreeSet<String>> = files
            .iter()
            .map(|(path, (_, new))| {
                let import = path.trim_end_matches(".rhai").to_owned();
                (import, moved_names(new, &own[path], &of_imports))
            })
            .collect();
        if next == of_imports {
            break;
        }
        of_imports = next;
    }
    for (path, (old, new)) in &files {
        let moved = moved_names(new, &own[path], &of_imports);
        let mut of_file = compare(path, old, new, &moved);
        of_file.sort_by_key(|difference| match difference.lines {
            (before, 0) => (before, 0),
            (_, after) => (after, 1),
        });
        found.statements.extend(of_file);
    }
    found
}

/// What others go by and whose own text differs.
fn changed_names(old: &File, new: &File) -> BTreeSet<String> {
    let keys = old
        .statements
        .keys()
        .chain(new.statements.keys())
        .filter(|(keyword, ..)| is_named_for_others(keyword));
    let differs = |key: &&Key| match (old.statements.get(*key), new.statements.get(*key)) {
        (Some(old), Some(new)) => !parts_that_differ(old, new).is_empty(),
        _ => true,
    };
    keys.filter(differs).map(|(_, name, _)| name.clone()).collect()
}

fn parts_that_differ(old: &Statement, new: &Statement) -> Vec<PartDifference> {
    let parts: BTreeSet<&String> = old.parts.keys().chain(new.parts.keys()).collect();
    let mut differ = Vec::new();
    for part in parts {
        let (before, after) = (old.parts.get(part), new.parts.get(part));
        if before.map(|(_, words)| words) != after.map(|(_, words)| words) {
            // A keyword without a value is told by itself.
            let shown = |side: Option<&(String, String)>| match side {
                Some((shown, _)) if shown.is_empty() => part.clone(),
                Some((shown, _)) => shown.clone(),
                None => String::new(),
            };
            differ.push(PartDifference { part: part.clone(), before: shown(before), after: shown(after) });
        }
    }
    differ
}

fn compare(path: &str, old: &File, new: &File, moved: &BTreeSet<String>) -> Vec<StatementDifference> {
    let keys: BTreeSet<&Key> = old.statements.keys().chain(new.statements.keys()).collect();
    let mut differences = Vec::new();
    for key in keys {
        let (before, after) = (old.statements.get(key), new.statements.get(key));
        let all = |statement: &Statement, is_new: bool| {
            let part = |(part, (shown, _)): (&String, &(String, String))| {
                let shown = if shown.is_empty() { part.clone() } else { shown.clone() };
                let (before, after) = if is_new { (String::new(), shown) } else { (shown, String::new()) };
                PartDifference { part: part.clone(), before, after }
            };
            statement.parts.iter().map(part).collect::<Vec<_>>()
        };
        let (kind, parts) = match (before, after) {
            (None, Some(after)) => (DifferenceKind::Added, all(after, true)),
            (Some(before), None) => (DifferenceKind::Removed, all(before, false)),
            (Some(before), Some(after)) => match parts_that_differ(before, after) {
                parts if !parts.is_empty() => (DifferenceKind::Changed, parts),
                _ => match mentioned(after, moved) {
                    Some(name) => {
                        let part = name.replace(" : : ", "::");
                        let follows = PartDifference { part, before: String::new(), after: String::new() };
                        (DifferenceKind::Follows, vec![follows])
                    }
                    None => continue,
                },
            },
            (None, None) => continue,
        };
        let line = |side: Option<&Statement>| side.map_or(0, |statement| statement.line);
        differences.push(StatementDifference {
            file: path.to_owned(),
            statement: key.0,
            name: key.1.clone(),
            kind,
            parts,
            lines: (line(before), line(after)),
        });
    }
    differences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEFORE: &str = r#"import "lib/shapes" as shape;
define visits as activity("page_visit");
group "company" on fit cap 25 {
    rule "size" when employees > 10 then 5 because "big";
    rule "tech" when employees > 20 then 3 because "it";
}
group "activity" on engagement {
    rule "visits" when visits.count > 0 then 2 because "came";
    rule "demo" when shape::falling(1, 2, 3) > 0 then 1 because "asked";
}
cap_grade "B" when fit < 3 because "little";
grade "A" when total >= 10;
grade "D" otherwise;
"#;
    const SHAPES: &str = "fn falling(x, from, to) { x * half(to) }\nfn half(x) { x / 2 }\n";

    fn set(script: &str, shapes: &str) -> Sources {
        let files = [("lead_scoring/default.rhai", script), ("lib/shapes.rhai", shapes)];
        Sources::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
    }

    fn told(before: &Sources, after: &Sources) -> Vec<String> {
        let tell = |difference: &StatementDifference| {
            let parts = difference
                .parts
                .iter()
                .map(|part| format!("{}: {} → {}", part.part, part.before, part.after));
            let (kind, parts) = (difference.kind.as_str(), parts.collect::<Vec<_>>().join("; "));
            let StatementDifference { statement, name, lines, .. } = difference;
            format!("{}:{} {kind} {statement} {name} [{parts}]", lines.0, lines.1)
        };
        difference(before, after).statements.iter().map(tell).collect()
    }

    #[test]
    fn what_differs_is_told_by_statement_and_part() {
        let before = set(BEFORE, SHAPES);
        let after = BEFORE
            .replace("employees > 10 then 5", "employees >= 15 then 6")
            .replace("    rule \"tech\" when employees > 20 then 3 because \"it\";\n", "")
            .replace("group \"activity\" on engagement {\n", "group \"activity\" on engagement {\n    rule \"tech\" when employees > 20 then 3 because \"it\";\n")
            .replace("cap 25", "cap 20")
            .replace("cap_grade \"B\" when fit < 3 because \"little\";\n", "disqualify \"tiny\" when employees < 2 because \"one\";\n");
        assert_eq!(
            told(&before, &set(&after, SHAPES)),
            [
                "3:3 changed group company [cap: 25 → 20]",
                "4:4 changed rule size [then: 5 → 6; when: employees > 10 → employees >= 15]",
                "5:7 changed rule tech [group: company → activity]",
                "11:0 removed cap_grade B [because: \"little\" → ; when: fit < 3 → ]",
                "0:11 added disqualify tiny [because:  → \"one\"; when:  → employees < 2]",
            ]
        );
    }

    #[test]
    fn every_part_of_a_value_counts() {
        for (before, after, part) in [
            ("then -5 because", "then -6 because", "then: -5 → -6"),
            (
                "then if x > 1 { 2 } else { 3 } because",
                "then if x > 1 { 2 } else { 4 } because",
                "then: if x > 1 { 2 } else { 3 } → if x > 1 { 2 } else { 4 }",
            ),
            ("then 1 because", "then 1 + a.count because", "then: 1 → 1 + a.count"),
            ("then (1) * 2 because", "then (2) * 2 because", "then: (1) * 2 → (2) * 2"),
        ] {
            let rule = |value: &str| {
                set(&format!("rule \"r\" when x > 0 {value} \"w\";\ngrade \"D\" otherwise;\n"), SHAPES)
            };
            assert_eq!(told(&rule(before), &rule(after)), [format!("1:1 changed rule r [{part}]")]);
        }
        let group = |head: &str| {
            set(&format!("group \"g\" on {head} {{ rule \"r\" when x > 0 then 1 because \"w\"; }}\n"), SHAPES)
        };
        assert_eq!(
            told(&group("fit floor -10 cap 20"), &group("fit floor -20 cap 20")),
            ["1:1 changed group g [floor: -10 → -20]"]
        );
        assert_eq!(told(&group("fit cap 20"), &group("fit")), ["1:1 changed group g [cap: 20 → ]"]);
        let axis = |ends: &str| set(&format!("axis fit {ends};\n"), SHAPES);
        assert_eq!(
            told(&axis("from -5 to 60"), &axis("from -6 to 60")),
            ["1:1 changed axis fit [from: -5 → -6]"]
        );
    }

    #[test]
    fn what_goes_by_something_else_is_told_too() {
        let before = set(BEFORE, SHAPES);
        let other_define = set(&BEFORE.replace("page_visit", "pricing_visit"), SHAPES);
        assert_eq!(
            told(&before, &other_define),
            [
                "2:2 changed define visits [as: activity(\"page_visit\") → activity(\"pricing_visit\")]",
                "8:8 follows rule visits [visits:  → ]",
            ]
        );
        // `falling` itself is as it was, and goes by `half`.
        let other_half = set(BEFORE, &SHAPES.replace("x / 2", "x / 3"));
        assert_eq!(
            told(&before, &other_half),
            [
                "9:9 follows rule demo [shape::falling:  → ]",
                "1:1 follows fn falling [half:  → ]",
                "2:2 changed fn half [body: { x / 2 } → { x / 3 }]",
            ]
        );
        let files = difference(&before, &other_half).files;
        assert_eq!(files.len(), 1);
        assert!(files[0].1.contains("-fn half(x) { x / 2 }\n+fn half(x) { x / 3 }"));
    }

    proptest! {
        #[test]
        fn spaces_and_comments_differ_in_files_only(places in prop::collection::vec(0..BEFORE.len(), 1..6)) {
            let mut spaced = BEFORE.to_owned();
            let mut places: Vec<usize> = places.into_iter().filter(|at| BEFORE[..*at].ends_with(['\n', '{', ';'])).collect();
            places.sort_unstable();
            places.dedup();
            for at in places.iter().rev() {
                spaced.insert_str(*at, "  /* said */ // more\n");
            }
            let found = difference(&set(BEFORE, SHAPES), &set(&spaced, SHAPES));
            prop_assert_eq!(found.statements, []);
            prop_assert_eq!(found.files.len(), usize::from(!places.is_empty()));
        }

        #[test]
        fn backwards_it_is_the_same_turned_round(gone in prop::collection::btree_set(0_usize..13, 0..5)) {
            let script: String = BEFORE.lines().enumerate()
                .filter(|(number, line)| !(gone.contains(number) && line.trim_start().starts_with("rule")))
                .map(|(_, line)| format!("{line}\n")).collect();
            let (before, after) = (set(BEFORE, SHAPES), set(&script, SHAPES));
            let (there, back) = (difference(&before, &after).statements, difference(&after, &before).statements);
            let key = |difference: &StatementDifference| (difference.statement, difference.name.clone());
            let mut there: Vec<_> = there.iter().map(|difference| (key(difference), difference.lines)).collect();
            let mut back: Vec<_> = back.iter().map(|difference| (key(difference), (difference.lines.1, difference.lines.0))).collect();
            there.sort();
            back.sort();
            prop_assert_eq!(there, back);
        }
    }
}
