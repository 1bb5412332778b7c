//! Tables of a rule set: `tables/NAME.csv`, which rules look values up in.
//!
//! The first line names the columns. `industry (key)` is what is looked for, of which there may be several; without any,
//! the first column is it. `employees (key, range)` holds ranges such as `0-49`, `50-249` and `250+`, both ends of
//! which belong to them. All others are values: `points (number)`, `served (yes_no)`, `manager (text)`, or, without a type,
//! of the type that all of their cells have.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::canonical::folded;
use crate::domain::vocabulary::Vocabulary;
use crate::domain::written::yes_or_no;
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::language::types::Type;
use crate::rules::source::Sources;

const FOLDER: &str = "tables/";
const MAX_ROWS: usize = 100_000;
const MAX_COLUMNS: usize = 50;
/// The most findings of one table: whoever has more begins at the first.
const MAX_FINDINGS: usize = 50;
/// Parts the words of a key; no word has it, since it can't be seen.
const BETWEEN: char = '\u{1f}';

/// All tables of a set, by name; nothing for those that are wrong.
pub type Tables = BTreeMap<String, Option<Arc<Table>>>;

/// The name of a table, from its path.
pub fn table_name(path: &str) -> Option<&str> {
    path.strip_prefix(FOLDER)?.strip_suffix(".csv").filter(|name| !name.is_empty() && !name.contains('/'))
}

/// How a key is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Text,
    Range,
}

#[derive(Debug)]
pub struct Key {
    pub name: String,
    pub kind: KeyKind,
}

#[derive(Debug)]
pub struct ValueColumn {
    pub name: String,
    pub ty: Type,
    /// The least and the greatest number in it.
    pub numbers: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Empty,
    Number(f64),
    YesNo(bool),
    Text(Box<str>),
}

/// Rows by their keys; a search takes the same time however many there are.
#[derive(Debug)]
pub struct Table {
    pub name: Arc<str>,
    pub keys: Vec<Key>,
    pub values: Vec<ValueColumn>,
    /// By the words of the keys, folded: the rows, by the beginning of their range if a key is one.
    rows: HashMap<String, Vec<Row>>,
    /// All cells of values, row by row.
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    from: f64,
    to: f64,
    /// Its place among all rows, and its line in the file.
    place: usize,
    line: usize,
}

/// What a key is looked for by.
#[derive(Debug, Clone, Copy)]
pub enum Sought<'a> {
    Text(&'a str),
    Number(f64),
}

impl Table {
    /// The cell of a column in the row of these keys, if there is one.
    pub fn find<'a>(&self, column: usize, keys: impl IntoIterator<Item = Sought<'a>>) -> Option<&Cell> {
        let (mut words, mut number) = (String::new(), 0.0);
        for key in keys {
            match key {
                Sought::Text(word) => {
                    words.push_str(&folded(word));
                    words.push(BETWEEN);
                }
                Sought::Number(value) => number = value,
            }
        }
        let rows = self.rows.get(&words)?;
        let after = rows.partition_point(|row| row.from <= number);
        let row = rows[..after].last().filter(|row| number <= row.to)?;
        self.cells.get(row.place * self.values.len() + column)
    }
}

/// Reads all tables of a set. What is wrong is told with its line and column.
pub fn read_all(sources: &Sources, vocabulary: &Vocabulary) -> (Tables, Vec<Diagnostic>) {
    let (mut tables, mut findings) = (Tables::new(), Vec::new());
    for (path, text) in sources.iter() {
        let Some(name) = table_name(path) else { continue };
        let mut reader = Reader { path, text, findings: Vec::new() };
        tables.insert(name.to_owned(), reader.table(name, vocabulary).map(Arc::new));
        findings.append(&mut reader.findings);
    }
    (tables, findings)
}

/// A column as the header declares it.
enum Declared {
    Key(KeyKind),
    /// With its type, if that is stated.
    Value(Option<Type>),
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, cells: &csv::StringRecord, column: usize, code: Code, message: String) {
        if self.findings.len() < MAX_FINDINGS {
            let source = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let at = place_of(source, cells, column);
            self.findings.push(Diagnostic::at(self.path, self.text, line, at, code, message));
        }
    }

    /// The table, unless something is wrong with it.
    fn table(&mut self, name: &str, vocabulary: &Vocabulary) -> Option<Table> {
        let (header, records) = self.records()?;
        let columns = self.header(&header)?;
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (i, (name, declared)) in columns.into_iter().enumerate() {
            match declared {
                Declared::Key(kind) => keys.push((i, Key { name, kind })),
                Declared::Value(declared) => {
                    let is_declared = declared.is_some();
                    let ty = declared.unwrap_or_else(|| type_of(&records, i));
                    values.push((i, is_declared, ValueColumn { name, ty, numbers: None }));
                }
            }
        }

        let mut rows: HashMap<String, Vec<Row>> = HashMap::with_capacity(records.len());
        let mut cells = Vec::with_capacity(records.len() * values.len());
        for (place, record) in records.iter().enumerate() {
            let line = record.position().map_or(0, |at| at.line() as usize);
            if record.len() != header.len() {
                let message = format!("this row has {} cells, the header {}", record.len(), header.len());
                self.wrong(line, record, 0, Code::BadValue, message);
                continue;
            }
            if let Some((words, (from, to))) = self.key(record, line, &keys, vocabulary) {
                rows.entry(words).or_default().push(Row { from, to, place, line });
            }
            for (i, is_declared, column) in &values {
                cells.push(cell(&record[*i], &column.ty).unwrap_or_else(|what| {
                    let (text, name) = (&record[*i], &column.name);
                    let message = match is_declared {
                        true => format!("\"{text}\" is no {what}, as the column {name} has"),
                        false => format!(
                            "\"{text}\" is no {what}, as other cells of the column {name} are; if all are texts, \
                             call it \"{name} (text)\""
                        ),
                    };
                    self.wrong(line, record, *i, Code::BadValue, message);
                    Cell::Empty
                }));
            }
        }
        self.order(&mut rows);
        let width = values.len();
        for (place, (.., column)) in values.iter_mut().enumerate() {
            let numbers = cells.iter().skip(place).step_by(width).filter_map(|cell| match cell {
                Cell::Number(number) => Some((*number, *number)),
                _ => None,
            });
            column.numbers = numbers.reduce(|(low, high), (a, b)| (low.min(a), high.max(b)));
        }
        self.findings.is_empty().then(|| Table {
            name: name.into(),
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            values: values.into_iter().map(|(.., column)| column).collect(),
            rows,
            cells,
        })
    }

    /// The header, and all other lines that are not blank.
    fn records(&mut self) -> Option<(csv::StringRecord, Vec<csv::StringRecord>)> {
        // Spreadsheets of half of Europe part cells by semicolons.
        let first = self.text.lines().next().unwrap_or_default();
        let delimiter = if first.contains(';') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .trim(csv::Trim::All)
            .from_reader(super::without_mark(self.text).as_bytes());
        let mut header = None;
        let mut records = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) if record.iter().all(str::is_empty) => {}
                Ok(record) if header.is_none() => header = Some(record),
                Ok(record) => records.push(record),
                Err(error) => {
                    let line = error.position().map_or(1, |at| at.line() as usize);
                    let message = format!("the line can't be read: {error}");
                    self.wrong(line, &csv::StringRecord::new(), 0, Code::Syntax, message);
                    return None;
                }
            }
            if records.len() > MAX_ROWS {
                let message = format!("the table has more than {MAX_ROWS} rows");
                self.findings.push(Diagnostic::of_file(self.path, Code::TooLarge, message));
                return None;
            }
        }
        if header.is_none() {
            let finding = Diagnostic::of_file(self.path, Code::BadValue, "the table is empty");
            self.findings
                .push(finding.with_help("its first line names the columns, such as industry,points"));
        }
        Some((header?, records))
    }

    /// What a row is found by: its words, and both ends of its range. A row of which that can't be read is like no other.
    fn key(
        &mut self,
        record: &csv::StringRecord,
        line: usize,
        keys: &[(usize, Key)],
        vocabulary: &Vocabulary,
    ) -> Option<(String, (f64, f64))> {
        let (mut words, mut ends, mut is_whole) = (String::new(), (0.0, 0.0), true);
        for (i, key) in keys {
            let cell = &record[*i];
            let problem = match key.kind {
                KeyKind::Text if cell.is_empty() => Some(format!("the {} is missing", key.name)),
                KeyKind::Text => {
                    words.push_str(&folded(vocabulary.meant(&key.name, cell)));
                    words.push(BETWEEN);
                    None
                }
                KeyKind::Range => match range(cell) {
                    Some(found) => {
                        ends = found;
                        None
                    }
                    None => Some(format!("\"{cell}\" is no range; write 0-49, 50+ or a number")),
                },
            };
            if let Some(problem) = problem {
                self.wrong(line, record, *i, Code::BadValue, problem);
                is_whole = false;
            }
        }
        is_whole.then_some((words, ends))
    }

    /// Orders rows of the same words by their ranges, and tells which overlap: those stand twice.
    fn order(&mut self, rows: &mut HashMap<String, Vec<Row>>) {
        let mut twice = Vec::new();
        for rows in rows.values_mut() {
            rows.sort_by(|a, b| a.from.total_cmp(&b.from).then(a.line.cmp(&b.line)));
            let overlaps = rows.windows(2).filter(|pair| pair[1].from <= pair[0].to);
            twice.extend(overlaps.map(|pair| {
                let (first, second) = (pair[0].line.min(pair[1].line), pair[0].line.max(pair[1].line));
                (second, first)
            }));
        }
        twice.sort_unstable();
        let empty = csv::StringRecord::new();
        for (line, before) in twice {
            let message = format!("line {before} is of the same key");
            self.wrong(line, &empty, 0, Code::Duplicate, message);
        }
    }

    fn header(&mut self, header: &csv::StringRecord) -> Option<Vec<(String, Declared)>> {
        let mut columns: Vec<(String, Declared)> = Vec::new();
        for (i, cell) in header.iter().enumerate() {
            let (name, declared) = match cell.split_once('(') {
                Some((name, rest)) => (name.trim(), rest.trim_end().trim_end_matches(')')),
                None => (cell, ""),
            };
            let words: Vec<&str> =
                declared.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
            let declared = match words.as_slice() {
                [] => Declared::Value(None),
                ["key"] => Declared::Key(KeyKind::Text),
                ["key", "range"] => Declared::Key(KeyKind::Range),
                ["number"] => Declared::Value(Some(Type::Number)),
                ["yes_no"] => Declared::Value(Some(Type::YesNo)),
                ["text"] => Declared::Value(Some(Type::Text)),
                _ => {
                    let message = "in ( ) may stand key, \"key, range\", number, yes_no or text; a header with a comma in it in quotes";
                    self.wrong(1, header, i, Code::BadValue, message.into());
                    Declared::Value(None)
                }
            };
            let plain = |c: char| c.is_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                let message = "a column is called by letters, digits and _";
                self.wrong(1, header, i, Code::BadValue, message.into());
            } else if columns.iter().any(|(known, _)| known == name) {
                self.wrong(1, header, i, Code::Duplicate, format!("the column {name} stands twice"));
            }
            columns.push((name.to_owned(), declared));
        }
        if columns.len() > MAX_COLUMNS {
            let message = format!("the table has more than {MAX_COLUMNS} columns");
            self.findings.push(Diagnostic::of_file(self.path, Code::TooLarge, message));
        }
        let is_key = |(_, declared): &(String, Declared)| matches!(declared, Declared::Key(_));
        if !columns.iter().any(is_key)
            && let Some((_, first)) = columns.first_mut()
        {
            *first = Declared::Key(KeyKind::Text);
        }
        if columns.iter().all(is_key) {
            self.wrong(1, header, 0, Code::BadValue, "no column is left for values".into());
        }
        let ranges = columns.iter().filter(|(_, d)| matches!(d, Declared::Key(KeyKind::Range))).count();
        if ranges > 1 {
            self.wrong(1, header, 0, Code::BadValue, "only one key may be of ranges".into());
        }
        self.findings.is_empty().then_some(columns)
    }
}

/// Where a cell begins in its line, in characters from 1: behind the cells before it.
fn place_of(line: &str, cells: &csv::StringRecord, column: usize) -> usize {
    let mut at = 0;
    for (i, cell) in cells.iter().enumerate().take(column + 1) {
        let Some(found) = line[at..].find(cell) else { return 0 };
        at += found;
        if i == column {
            return line[..at].chars().count() + 1;
        }
        at += cell.len();
    }
    0
}

fn number(cell: &str) -> Option<f64> {
    let plain = cell.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    cell.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// The type of a column that states none. One number makes it a column of numbers, so that a slip among them is told and
/// does not quietly make words of all.
fn type_of(records: &[csv::StringRecord], column: usize) -> Type {
    let cells = || records.iter().filter_map(|record| record.get(column)).filter(|cell| !cell.is_empty());
    match () {
        () if cells().any(|cell| number(cell).is_some()) => Type::Number,
        () if cells().next().is_some() && cells().all(|cell| yes_or_no(cell).is_some()) => Type::YesNo,
        () => Type::Text,
    }
}

/// A cell as its column's type; otherwise what it should have been.
fn cell(text: &str, ty: &Type) -> Result<Cell, &'static str> {
    if text.is_empty() {
        return Ok(Cell::Empty);
    }
    match ty {
        Type::Number => number(text).map(Cell::Number).ok_or("number (decimals have a point)"),
        Type::YesNo => yes_or_no(text).map(Cell::YesNo).ok_or("yes or no"),
        _ => Ok(Cell::Text(text.into())),
    }
}

/// Both ends of `0-49`, `50+`, `7`.
fn range(cell: &str) -> Option<(f64, f64)> {
    let cell = cell.replace(['–', '—'], "-");
    if let Some(from) = cell.strip_suffix('+') {
        return number(from.trim()).map(|from| (from, f64::INFINITY));
    }
    // A minus at the beginning belongs to the number.
    let between = cell.char_indices().skip(1).find(|(_, c)| *c == '-');
    match between {
        None => number(&cell).map(|both| (both, both)),
        Some((at, _)) => {
            let (from, to) = (number(cell[..at].trim())?, number(cell[at + 1..].trim())?);
            (from <= to).then_some((from, to))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Arc<Table>, Vec<String>> {
        let sources = Sources::new([("tables/t.csv".to_owned(), text.to_owned())].into());
        let (mut tables, findings) = read_all(&sources, &Vocabulary::default());
        match findings.is_empty() {
            true => Ok(tables.remove("t").flatten().unwrap()),
            false => Err(findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.message)).collect()),
        }
    }

    #[test]
    fn rows_are_found_by_all_their_keys() {
        let table = read(
            "country (key),\"employees (key, range)\",points,served,note\n\
             DE,0-49,5,yes,small\n\
             de ,50-249,10.5,no,\n\
             AT,50+,7,yes,\"a, b\"\n",
        )
        .unwrap();
        let find = |column, country, employees| {
            table.find(column, [Sought::Text(country), Sought::Number(employees)]).cloned()
        };
        let number = |number| Some(Cell::Number(number));
        assert_eq!(find(0, "DE", 0.0), number(5.0));
        assert_eq!(find(0, " de", 49.0), number(5.0));
        assert_eq!(find(0, "DE", 49.5), None);
        assert_eq!(find(0, "DE", 249.0), number(10.5));
        assert_eq!(find(0, "DE", 250.0), None);
        assert_eq!(find(0, "AT", 1e9), number(7.0));
        assert_eq!(find(0, "CH", 60.0), None);
        assert_eq!(find(1, "AT", 60.0), Some(Cell::YesNo(true)));
        assert_eq!(find(2, "AT", 60.0), Some(Cell::Text("a, b".into())));
        assert_eq!(find(2, "DE", 60.0), Some(Cell::Empty));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_column() {
        for (text, expected) in [
            ("", &["0:0 the table is empty"][..]),
            ("a\nx\n", &["1:1 no column is left for values"]),
            ("a,a\nx,1\n", &["1:3 the column a stands twice"]),
            (
                "a (kee),b\nx,1\n",
                &[
                    "1:1 in ( ) may stand key, \"key, range\", number, yes_no or text; a header with a comma in it in quotes",
                ],
            ),
            (
                "a,points (number)\nx,1\ny,\"1,5\"\nz,1,2\n,3\n",
                &[
                    "3:4 \"1,5\" is no number (decimals have a point), as the column points has",
                    "4:1 this row has 3 cells, the header 2",
                    "5:1 the a is missing",
                ],
            ),
            (
                "a,b\nx,1\ny,many\n",
                &["3:3 \"many\" is no number (decimals have a point), as other cells of the column b are; \
                   if all are texts, call it \"b (text)\""],
            ),
            ("a,b\nx,1\nX ,2\n", &["3:0 line 2 is of the same key"]),
            (
                "\"n (key, range)\",b\n0-49,1\n49-60,2\nmany,3\n9-1,4\n",
                &[
                    "4:1 \"many\" is no range; write 0-49, 50+ or a number",
                    "5:1 \"9-1\" is no range; write 0-49, 50+ or a number",
                    "3:0 line 2 is of the same key",
                ],
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_spreadsheet_writes_is_read() {
        let table =
            read("\u{feff}country (key);employees (key, range);points\r\nDE;0-49;1.5\r\n\r\n").unwrap();
        let keys = [Sought::Text("de"), Sought::Number(7.0)];
        assert_eq!(table.find(0, keys), Some(&Cell::Number(1.5)));
    }

    #[test]
    fn a_large_table_is_read_and_searched() {
        let rows: String = (0..MAX_ROWS).map(|i| format!("code-{i},{i}\n")).collect();
        let table = read(&format!("code,points\n{rows}")).unwrap();
        assert_eq!(table.find(0, [Sought::Text("CODE-77777")]), Some(&Cell::Number(77_777.0)));
        assert!(
            read(&format!("code,points\n{rows}one,1\n")).unwrap_err()[0].contains("more than 100000 rows")
        );
    }
}
