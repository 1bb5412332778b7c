//! What differs between two sets, statement by statement: not which lines, but which rules.

mod statements;

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::source::Sources;
pub use statements::{Conditioned, conditions};
use statements::{File, Key, Statement, imported, is_named_for_others};

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

/// The most bytes of a file, in both sets together, of which the lines that differ are told: of large ones that takes long.
const MAX_DIFF_BYTES: usize = 256 * 1024;

/// The names in a file that mean something else now, as the file writes them.
fn moved_names(
    file: &File,
    own: &BTreeSet<String>,
    of_imports: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut moved = own.clone();
    for (alias, path) in &file.imports {
        let names = of_imports.get(path).into_iter().flatten();
        moved.extend(names.map(|name| imported(alias, name)));
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
    let own_names = |(path, (old, new)): (&&str, &(File, File))| {
        let mut names = changed_names(old, new);
        names.extend(names_from_elsewhere(old, new, &files));
        let names: BTreeSet<String> = names;
        ((*path).to_owned(), names)
    };
    let own: BTreeMap<String, BTreeSet<String>> = files.iter().map(own_names).collect();
    // Names that moved in a file move in those that import it, which may be imported in turn.
    let mut of_imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    loop {
        let next: BTreeMap<String, BTreeSet<String>> = files
            .iter()
            .map(|(path, (_, new))| {
                let import = path.trim_end_matches(".rhai").to_owned();
                (import, moved_names(new, &own[*path], &of_imports))
            })
            .collect();
        if next == of_imports {
            break;
        }
        of_imports = next;
    }
    for (path, (old, new)) in &files {
        let moved = moved_names(new, &own[*path], &of_imports);
        let mut of_file = compare(path, old, new, &moved);
        of_file.sort_by_key(|difference| match difference.lines {
            (before, 0) => (before, 0),
            (_, after) => (after, 1),
        });
        found.statements.extend(of_file);
    }
    found
}

/// The names that come from another file than before, whatever stands there.
fn names_from_elsewhere(old: &File, new: &File, files: &BTreeMap<&str, (File, File)>) -> BTreeSet<String> {
    let differ = old.imports.symmetric_difference(&new.imports);
    let names = differ.flat_map(|(alias, path)| {
        let both = files.get(format!("{path}.rhai").as_str());
        both.into_iter()
            .flat_map(|(old, new)| old.names().chain(new.names()))
            .map(move |name| imported(alias, name))
    });
    names.collect()
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

/// The grades that both have and that stand in another order: the first that holds is given, so their order counts. By key the
/// places among them, from 1.
fn places_of_grades<'f>(old: &'f File, new: &'f File) -> BTreeMap<&'f Key, (usize, usize)> {
    let order = |file: &'f File, other: &File| {
        let is_grade =
            |(key, _): &(&Key, &Statement)| key.0 == "grade" && other.statements.contains_key(*key);
        let mut grades: Vec<_> = file.statements.iter().filter(is_grade).collect();
        grades.sort_by_key(|(_, statement)| (statement.line, statement.at));
        grades.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let (before, after) = (order(old, new), order(new, old));
    let place = |key: &Key| before.iter().position(|other| *other == key);
    let moved = after.iter().enumerate().filter_map(|(at, key)| Some((*key, (place(key)? + 1, at + 1))));
    moved.filter(|(_, (before, after))| before != after).collect()
}

fn parts_with_place(old: &Statement, new: &Statement, place: Option<&(usize, usize)>) -> Vec<PartDifference> {
    let mut parts = parts_that_differ(old, new);
    parts.extend(place.map(|(before, after)| PartDifference {
        part: "place".to_owned(),
        before: before.to_string(),
        after: after.to_string(),
    }));
    parts
}

fn compare(path: &str, old: &File, new: &File, moved: &BTreeSet<String>) -> Vec<StatementDifference> {
    let keys: BTreeSet<&Key> = old.statements.keys().chain(new.statements.keys()).collect();
    let places = places_of_grades(old, new);
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
            (Some(before), Some(after)) => match parts_with_place(before, after, places.get(key)) {
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
mod tests;
