//! Delimited text as programs and people write it. The csv crate reads anything; here a quote that swallows rows, or text
//! after a closing quote, is told with its line, and costs no more than the row where it stands.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _};
use std::path::Path;

use anyhow::bail;

use super::{FileArg, Row};

/// How many lines a cell in quotes may span, and how many bytes: beyond, the quote is a slip.
const CELL_LINES: usize = 1_000;
const CELL_BYTES: usize = 1 << 20;
/// What is tried as a delimiter.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

pub struct Delimited {
    lines: Lines,
    delimiter: char,
    columns: usize,
}

/// Decoded lines with their numbers; some may be put back.
struct Lines {
    reader: Box<dyn BufRead + Send>,
    put_back: VecDeque<(u64, String)>,
    line: u64,
    /// Whether bytes that are no text were replaced when they were decoded.
    decoded: bool,
}

impl Lines {
    /// The next line with its end.
    fn next(&mut self) -> anyhow::Result<Option<(u64, String)>> {
        if let Some(line) = self.put_back.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        if self.reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some((self.line, text))),
            Err(_) if self.decoded => bail!("line {} can't be decoded", self.line),
            Err(_) => bail!(
                "line {} is not UTF-8 text: say what it is encoded in, as with --encoding windows-1252 \
                 for most exports on Windows",
                self.line
            ),
        }
    }
}

/// What a text holds up to its end.
enum Scanned {
    Cells(Vec<String>),
    /// A quote is still open.
    Open,
    /// Text stands after a closing quote.
    Stray,
}

impl Delimited {
    pub fn open(path: &Path, by: &FileArg) -> anyhow::Result<(Vec<String>, Self)> {
        let mut file = File::open(path)?;
        let mut mark = [0; 3];
        let read = file.read(&mut mark)?;
        file.rewind()?;
        let utf16 = matches!(&mark[..read], [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
        let reader: Box<dyn BufRead + Send> = match (by.encoding, utf16) {
            (None, false) => Box::new(BufReader::new(file)),
            (encoding, _) => {
                let decoder = encoding_rs_io::DecodeReaderBytesBuilder::new().encoding(encoding).build(file);
                Box::new(BufReader::new(decoder))
            }
        };
        let mut lines = Lines { reader, put_back: VecDeque::new(), line: 0, decoded: by.encoding.is_some() };
        let mut delimiter = by.delimiter;
        // The header: the first line that says something.
        let (line, mut header) = loop {
            let Some((line, text)) = lines.next()? else { return Ok((Vec::new(), Self::of(lines, ','))) };
            let text = text.trim_start_matches('\u{feff}').to_owned();
            let told = text.trim_end_matches(['\r', '\n']).trim_matches('"').strip_prefix("sep=");
            if let Some(mark) = told.and_then(|rest| rest.chars().next()) {
                delimiter = delimiter.or(Some(mark));
            } else if !text.trim().is_empty() {
                break (line, text);
            }
        };
        let delimiter = delimiter.unwrap_or_else(|| shown_by(&header));
        let mut spanned = 1;
        let cells = loop {
            match scan(&header, delimiter) {
                Scanned::Cells(cells) => break cells,
                Scanned::Open if spanned < CELL_LINES => match lines.next()? {
                    Some((_, more)) => {
                        header.push_str(&more);
                        spanned += 1;
                    }
                    None => bail!("line {line}: a quote is left open in the names of the columns"),
                },
                _ => bail!("line {line}: a quote stands where it should not in the names of the columns"),
            }
        };
        let mut rows = Self::of(lines, delimiter);
        rows.columns = cells.len();
        Ok((cells, rows))
    }

    fn of(lines: Lines, delimiter: char) -> Self {
        Self { lines, delimiter, columns: 0 }
    }

    pub fn read(&mut self) -> anyhow::Result<Option<Row>> {
        let Some((line, first)) = self.lines.next()? else { return Ok(None) };
        let mut text = first.clone();
        let mut more: Vec<(u64, String)> = Vec::new();
        loop {
            match scan(&text, self.delimiter) {
                // A cell may go on over lines, but not so that it takes other rows into its own.
                Scanned::Cells(cells) if more.is_empty() || cells.len() == self.columns => {
                    let spans = |cell: &String| cell.contains('\n') && cell.contains(self.delimiter);
                    let swallows = !more.is_empty() && cells.iter().any(spans);
                    let mut row = self.fitted(line, cells);
                    if swallows {
                        let last = line + more.len() as u64;
                        row.remark.get_or_insert(format!(
                            "line {line}: a quoted cell goes on to line {last} and holds separators: is a quote missing?"
                        ));
                    }
                    return Ok(Some(row));
                }
                Scanned::Open if more.len() < CELL_LINES && text.len() < CELL_BYTES => {
                    if let Some(next) = self.lines.next()? {
                        text.push_str(&next.1);
                        more.push(next);
                        continue;
                    }
                }
                Scanned::Stray if more.is_empty() => {
                    let cells = plain_cells(&first, self.delimiter);
                    let mut row = self.fitted(line, cells);
                    let remark = format!(
                        "line {line}: text stands after a closing quote; the quotes are read as they stand"
                    );
                    row.remark.get_or_insert(remark);
                    return Ok(Some(row));
                }
                _ => {}
            }
            // The quote does not close as it should: only the line where it stands is lost.
            let swallowed = more.len();
            for put_back in more.into_iter().rev() {
                self.lines.put_back.push_front(put_back);
            }
            let problem = format!(
                "line {line}: a quote opens and does not close as it should; it would have swallowed {} more; \
                 1 line is left out",
                super::super::table::counted(swallowed, "line")
            );
            let cells = plain_cells(&first, self.delimiter);
            return Ok(Some(Row { line, cells, problem: Some(problem), ..Row::default() }));
        }
    }

    /// A row with as many cells as there are columns, or what is wrong.
    fn fitted(&self, line: u64, mut cells: Vec<String>) -> Row {
        let (have, want) = (cells.len(), self.columns);
        let blank = cells.iter().all(|cell| cell.trim().is_empty());
        let (mut remark, mut problem) = (None, None);
        if have > want && cells[want..].iter().all(|cell| cell.trim().is_empty()) {
            cells.truncate(want);
        } else if have > want {
            problem = Some(format!(
                "line {line}: the row has {have} cells, the header {want}: is a quote missing?"
            ));
        } else if have < want {
            cells.resize(want, String::new());
            if !blank {
                remark = Some(format!(
                    "line {line}: the row has {have} cells, the header {want}; the others are unknown"
                ));
            }
        }
        Row { line, cells, remark, problem, ..Row::default() }
    }
}

/// The delimiter that a header shows: the one that stands most often outside quotes.
fn shown_by(header: &str) -> char {
    let mut counts = [0; DELIMITERS.len()];
    let mut quoted = false;
    for c in header.chars() {
        quoted ^= c == '"';
        if let Some(place) = DELIMITERS.iter().position(|delimiter| *delimiter == c && !quoted) {
            counts[place] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or_default();
    let place = counts.iter().position(|count| *count == most && most > 0);
    place.map_or(',', |place| DELIMITERS[place])
}

fn without_end(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

/// The cells of a line in which quotes mean nothing.
fn plain_cells(text: &str, delimiter: char) -> Vec<String> {
    without_end(text).split(delimiter).map(str::to_owned).collect()
}

/// The cells of a text, as RFC 4180 has them.
fn scan(text: &str, delimiter: char) -> Scanned {
    let mut cells = Vec::new();
    let mut rest = without_end(text);
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            match rest.split_once(delimiter) {
                Some((cell, after)) => {
                    cells.push(cell.to_owned());
                    rest = after;
                    continue;
                }
                None => {
                    cells.push(rest.to_owned());
                    return Scanned::Cells(cells);
                }
            }
        };
        let mut cell = String::new();
        let mut inside = quoted;
        let after = loop {
            let Some((before, after)) = inside.split_once('"') else { return Scanned::Open };
            cell.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    cell.push('"');
                    inside = after;
                }
                None => break after,
            }
        };
        cells.push(cell);
        match after.strip_prefix(delimiter) {
            Some(after) => rest = after,
            None if after.trim().is_empty() => return Scanned::Cells(cells),
            None => return Scanned::Stray,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], by: &FileArg) -> anyhow::Result<(Vec<String>, Vec<Row>)> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), bytes)?;
        let (header, mut delimited) = Delimited::open(file.path(), by)?;
        let mut rows = Vec::new();
        while let Some(row) = delimited.read()? {
            rows.push(row);
        }
        Ok((header, rows))
    }

    #[test]
    fn a_quote_costs_no_more_than_its_own_line() {
        let text = "id,name,staff\n1,\"Alder\" Inc,120\n2,\"Birch,80\n3,Cedar\" Inc,90\n4,\"Dog\nwood\",20\n";
        let (_, rows) = read(text.as_bytes(), &FileArg::default()).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.line, row.cells[1].as_str(), row.problem.is_some())).collect();
        let expected = [
            (2, "\"Alder\" Inc", false),
            (3, "\"Birch", true),
            (4, "Cedar\" Inc", false),
            (5, "Dog\nwood", false),
        ];
        assert_eq!(seen, expected);
        assert!(rows[0].remark.as_ref().unwrap().starts_with("line 2"));
    }

    #[test]
    fn marks_separators_and_encodings_are_recognised() {
        let expected = (vec!["a".to_owned(), "b".to_owned()], vec!["ä".to_owned(), "2".to_owned()]);
        let utf16: Vec<u8> = "\u{feff}a;b\nä;2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let windows = FileArg { encoding: Some(encoding_rs::WINDOWS_1252), ..FileArg::default() };
        for (bytes, by) in [
            ("\u{feff}a,b\r\nä,2\r\n".as_bytes(), FileArg::default()),
            ("sep=;\na;b\nä;2".as_bytes(), FileArg::default()),
            ("\n\na\tb\nä\t2\n".as_bytes(), FileArg::default()),
            (&utf16, FileArg::default()),
            (b"a|b\n\xe4|2\n", windows),
        ] {
            let (header, rows) = read(bytes, &by).unwrap();
            assert_eq!((header, rows[0].cells.clone()), expected);
        }
        let hint = read(b"a,b\n\xe4,2\n", &FileArg::default()).unwrap_err().to_string();
        assert!(hint.contains("line 2") && hint.contains("windows-1252"), "{hint}");
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a\",;\n é]{0,6}", 3), 1..6),
            delimiter in prop::sample::select(vec![',', ';']),
        ) {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter as u8).from_writer(Vec::new());
            writer.write_record(["x", "y", "z"]).unwrap();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let (_, found) = read(&writer.into_inner().unwrap(), &FileArg::default()).unwrap();
            let found: Vec<_> = found.into_iter().filter(|row| row.problem.is_none()).map(|row| row.cells).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn any_bytes_are_rows_or_say_why(bytes in prop::collection::vec(prop::sample::select(b"a,;\"\n\r\xe4\0 ".to_vec()), 0..80)) {
            if let Ok((_, rows)) = read(&bytes, &FileArg::default()) {
                prop_assert!(rows.iter().all(|row| row.line > 0));
            }
        }
    }
}
