//! What was odd about the cells of a file.

use std::collections::BTreeMap;

use crate::cli::table::counted;

/// How many lines a note names.
const SHOWN_LINES: usize = 3;

/// What was odd about the cells of a file, told once a column and kind.
#[derive(Debug, Default)]
pub struct Notes(BTreeMap<(String, String), Note>);

#[derive(Debug, Default)]
struct Note {
    count: usize,
    lines: Vec<u64>,
    example: String,
}

impl Notes {
    pub(super) fn add(&mut self, column: &str, what: impl Into<String>, cell: &str, line: u64) {
        let note = self.0.entry((column.to_owned(), what.into())).or_default();
        note.count += 1;
        if note.lines.len() < SHOWN_LINES {
            note.lines.push(line);
        }
        if note.example.is_empty() {
            note.example = cell.chars().take(40).collect();
        }
    }

    /// A sentence each.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((column, what), note)| {
            let lines: Vec<String> = note.lines.iter().map(u64::to_string).collect();
            let more = if note.count > note.lines.len() { ", …" } else { "" };
            let noun = if note.lines.len() == 1 { "line" } else { "lines" };
            let cells = counted(note.count, "cell");
            format!(
                "{column}: {cells} such as \"{}\" ({noun} {}{more}): {what}",
                note.example,
                lines.join(", ")
            )
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
