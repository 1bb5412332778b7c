//! The rows of a file, whatever it is written in: delimited text, JSON Lines, Parquet, or a spreadsheet.

mod delimited;
mod json_lines;
mod parquet;
mod sheet;

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use delimited::Delimited;
use parquet::Parquet;

/// How a file is read.
#[derive(Args, Clone, Default)]
pub struct FileArg {
    /// What separates the cells; `\t` is a tab [default: what the first line shows]
    #[arg(long, value_parser = delimiter, value_name = "CHAR")]
    pub delimiter: Option<char>,
    /// What a text file is encoded in, such as windows-1252 [default: UTF-8, or UTF-16 by its mark]
    #[arg(long, value_parser = encoding, value_name = "NAME")]
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Which sheet of a spreadsheet [default: the first]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// What the file is written in [default: by its ending]
    #[arg(long, value_name = "FORMAT")]
    pub input: Option<Input>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Input {
    Csv,
    Jsonl,
    Parquet,
    Xlsx,
}

fn delimiter(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (text, chars.next(), chars.next()) {
        ("\\t", ..) => Ok('\t'),
        (_, Some(one), None) if !one.is_alphanumeric() && one != '"' => Ok(one),
        _ => Err("write one character, such as ; or \\t".into()),
    }
}

fn encoding(text: &str) -> Result<&'static encoding_rs::Encoding, String> {
    let known = encoding_rs::Encoding::for_label(text.as_bytes());
    known.ok_or_else(|| {
        "is no encoding that is known: write one such as utf-8, windows-1252 or utf-16le".into()
    })
}

/// A row as it stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Where it begins, counted from 1.
    pub line: u64,
    pub cells: Vec<String>,
    /// The cells that the file itself holds as numbers, so that it does not matter how they would be written; nothing
    /// where it holds texts alone.
    pub numbers: Vec<Option<f64>>,
    /// What was odd about it, and how it was read.
    pub remark: Option<String>,
    /// Why it can't be read.
    pub problem: Option<String>,
}

/// A cell as people write it, and the number that it is.
type Typed = (String, Option<f64>);

impl Row {
    /// The number that the file itself has in a column.
    pub fn number(&self, column: usize) -> Option<f64> {
        self.numbers.get(column).copied().flatten()
    }

    pub fn is_blank(&self) -> bool {
        self.problem.is_none() && self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// A file that is read row by row.
pub enum Rows {
    Delimited(Delimited),
    Parquet(Parquet),
    Kept(std::vec::IntoIter<Row>),
}

/// A file with the names of its columns.
pub struct Opened {
    pub header: Vec<String>,
    pub rows: Rows,
}

impl Opened {
    /// Opens a file; refuses what is no table.
    pub fn open(path: &Path, by: &FileArg) -> anyhow::Result<Self> {
        let shown = || path.display().to_string();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        let input = by.input.unwrap_or(match ending.as_str() {
            "jsonl" | "ndjson" => Input::Jsonl,
            "parquet" => Input::Parquet,
            "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" => Input::Xlsx,
            _ => Input::Csv,
        });
        let opened = match input {
            Input::Csv => {
                Delimited::open(path, by).map(|(header, rows)| Opened { header, rows: Rows::Delimited(rows) })
            }
            Input::Jsonl => json_lines::open(path),
            Input::Parquet => parquet::open(path),
            Input::Xlsx => sheet::open(path, by.sheet.as_deref()),
        };
        let opened = opened.with_context(shown)?;
        if opened.header.iter().all(|name| name.trim().is_empty()) {
            bail!("{} is empty: the first line must name the columns", shown());
        }
        Ok(opened)
    }
}

impl Rows {
    /// The next row; `None` at the end.
    pub fn read(&mut self) -> anyhow::Result<Option<Row>> {
        match self {
            Rows::Delimited(rows) => rows.read(),
            Rows::Parquet(rows) => rows.read(),
            Rows::Kept(rows) => Ok(rows.next()),
        }
    }
}
