//! Places in a text as the protocol counts them: lines from 0, and units of UTF-16 within.

use lsp_types as lsp;

/// A stretch of a line, counted as findings are: from 1, in characters; all of it from column 0.
pub fn range_in_line(text: &str, line: u32, column: u32, length: u32) -> lsp::Range {
    let number = line.saturating_sub(1);
    let shown = text.lines().nth(number as usize).unwrap_or_default();
    let units =
        |characters: u32| shown.chars().take(characters as usize).map(|c| c.len_utf16() as u32).sum::<u32>();
    let (from, to) = match column {
        0 => (0, shown.chars().count() as u32),
        column => (column - 1, column - 1 + length.max(1)),
    };
    lsp::Range::new(lsp::Position::new(number, units(from)), lsp::Position::new(number, units(to)))
}

/// A stretch between two bytes.
pub fn range_of(text: &str, start: usize, end: usize) -> lsp::Range {
    lsp::Range::new(position_of(text, start), position_of(text, end))
}

/// A byte as the protocol counts: lines from 0, and units of UTF-16 within.
pub fn position_of(text: &str, byte: usize) -> lsp::Position {
    let before = text.get(..byte).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before[..begin].matches('\n').count() as u32;
    lsp::Position::new(line, before[begin..].encode_utf16().count() as u32)
}

/// The byte at a position; the end of its line if it is shorter.
pub fn byte_at(text: &str, position: lsp::Position) -> usize {
    let mut begin = 0;
    for line in text.split_inclusive('\n').take(position.line as usize) {
        begin += line.len();
    }
    let line = text[begin..].lines().next().unwrap_or_default();
    let mut units = 0;
    for (at, c) in line.char_indices() {
        if units >= position.character {
            return begin + at;
        }
        units += c.len_utf16() as u32;
    }
    begin + line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_as_editors_do() {
        let text = "a\n😀é = x\n";
        for (byte, line, character) in [(0, 0, 0), (2, 1, 0), (6, 1, 2), (8, 1, 3), (12, 1, 7), (13, 2, 0)] {
            let position = lsp::Position::new(line, character);
            assert_eq!(position_of(text, byte), position, "{byte}");
            assert_eq!(byte_at(text, position), byte, "{position:?}");
        }
        assert_eq!(byte_at(text, lsp::Position::new(0, 99)), 1);
        assert_eq!(byte_at(text, lsp::Position::new(99, 0)), text.len());
        assert_eq!(
            range_in_line(text, 2, 2, 1),
            lsp::Range::new(lsp::Position::new(1, 2), lsp::Position::new(1, 3))
        );
    }
}
