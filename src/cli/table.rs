//! Text tables, and colour where a person looks.

use std::io::IsTerminal as _;

use unicode_width::UnicodeWidthStr as _;

/// Rows with aligned columns. Widths are those of a terminal, where Chinese characters take two places.
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// A table with a head. The columns in `right` are aligned to the right.
    pub fn new(head: &[&str], right: &[usize]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()], right: right.to_vec() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }

    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let gap = " ".repeat(widths[column].saturating_sub(cell.width()));
                if self.right.contains(&column) { format!("{gap}{cell}") } else { format!("{cell}{gap}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            out.push_str(line.trim_end());
            out.push('\n');
            if i == 0 {
                let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  ");
                out.push_str(&rule);
                out.push('\n');
            }
        }
        out
    }
}

/// What other people wrote, so that it does not steer the terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// A time to the second, as tables show it; nothing if there is none.
pub fn moment(time: Option<prost_types::Timestamp>) -> String {
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    time.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned()
}

/// Hundredths of a point as people write them, with a sign where it is a change.
pub fn points(hundredths: i64) -> String {
    crate::domain::score::Points(hundredths).to_string()
}

pub fn signed(hundredths: i64) -> String {
    if hundredths > 0 { format!("+{}", points(hundredths)) } else { points(hundredths) }
}

/// `1 row`, `2 rows`.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Bold on a terminal, plain elsewhere and where NO_COLOR asks for it.
pub fn bold(text: &str) -> String {
    coloured("1", text)
}

/// The same with any of a terminal's codes: 31 is red, 32 green, 33 yellow.
pub fn coloured(code: &str, text: &str) -> String {
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A bar of `part` out of `whole`, at most `width` characters.
pub fn bar(part: usize, whole: usize, width: usize) -> String {
    if whole == 0 { String::new() } else { "█".repeat((part * width).div_ceil(whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_as_a_terminal_shows_them() {
        let mut table = Table::new(&["block", "n"], &[1]);
        table.row(["客户细分".into(), "1".into()]);
        table.row(["Kanäle".into(), "22".into()]);
        assert_eq!(table.render(), "block      n\n────────  ──\n客户细分   1\nKanäle    22\n");
    }
}
