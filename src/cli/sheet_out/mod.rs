//! Rows into a file: delimited text, JSON Lines or Parquet.

mod parquet;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;

use self::parquet::Parquet;
use super::output::Out;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Jsonl,
    Parquet,
}

impl Format {
    /// What is asked for, else what the ending of a file says.
    pub fn of(asked: Option<Self>, path: &Path) -> Self {
        asked.unwrap_or_else(|| match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl" | "ndjson") => Format::Jsonl,
            Some("parquet") => Format::Parquet,
            _ => Format::Csv,
        })
    }
}

/// A column with the type of its cells, of which each may be empty.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    YesNo,
}

impl Column {
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// A cell with its type, for formats that have types.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Empty,
    Text(String),
    Number(f64),
    YesNo(bool),
}

impl Cell {
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
    }

    fn as_text(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::YesNo(yes) => yes.to_string(),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        match self {
            Cell::Empty => serde_json::Value::Null,
            Cell::Text(text) => text.clone().into(),
            // A whole number without a decimal point, as people write it.
            Cell::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => (*number as i64).into(),
            Cell::Number(number) => (*number).into(),
            Cell::YesNo(yes) => (*yes).into(),
        }
    }
}

/// Opens a file to write; `-` is standard output.
pub fn create(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    Ok(match path.to_str() {
        Some("-") => Box::new(Out),
        _ => Box::new(File::create(path).with_context(|| format!("{} can't be written", path.display()))?),
    })
}

/// Whether a spreadsheet would run a cell. A plain negative number is none.
pub fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
}

/// A cell that a spreadsheet shows instead of running it: with a mark before, which is taken off when it is read.
pub fn defused(cell: &str) -> String {
    if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// A file that rows are written to.
pub struct Sheet {
    columns: Vec<Column>,
    writer: Writer,
}

enum Writer {
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>),
    Jsonl(BufWriter<Box<dyn Write + Send>>),
    Parquet(Box<Parquet>),
}

impl Sheet {
    pub fn create(path: &Path, format: Format, columns: Vec<Column>) -> anyhow::Result<Self> {
        let out = create(path)?;
        let writer = match format {
            Format::Jsonl => Writer::Jsonl(BufWriter::new(out)),
            Format::Parquet => Writer::Parquet(Box::new(Parquet::create(out, &columns)?)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(columns.iter().map(|column| defused(&column.name)))?;
                Writer::Csv(Box::new(writer))
            }
        };
        Ok(Self { columns, writer })
    }

    /// Writes a row, a cell for each column.
    pub fn write(&mut self, cells: Vec<Cell>) -> anyhow::Result<()> {
        match &mut self.writer {
            Writer::Csv(writer) => writer.write_record(cells.iter().map(|cell| match cell {
                // Only here: it is spreadsheets that open such files.
                Cell::Text(text) => defused(text),
                other => other.as_text(),
            }))?,
            Writer::Jsonl(writer) => {
                let names = self.columns.iter().map(|column| column.name.clone());
                let object: serde_json::Map<_, _> = names.zip(cells.iter().map(Cell::as_json)).collect();
                writeln!(writer, "{}", serde_json::Value::Object(object))?;
            }
            Writer::Parquet(writer) => writer.write(cells)?,
        }
        Ok(())
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush()?,
            Writer::Jsonl(mut writer) => writer.flush()?,
            Writer::Parquet(writer) => writer.finish()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_defused() {
        for formula in ["=1+1", "@SUM(1)", "+cmd", "-1+1", "\tx"] {
            assert_eq!(defused(formula), format!("'{formula}"));
        }
        for plain in ["-5", "+4.5", "7", "a=b", ""] {
            assert_eq!(defused(plain), plain);
        }
    }
}
