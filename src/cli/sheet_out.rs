//! Rows into a file: delimited text, JSON Lines or Parquet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Jsonl,
}

impl Format {
    /// What is asked for, else what the ending of a file says.
    pub fn of(asked: Option<Self>, path: &Path) -> Self {
        asked.unwrap_or_else(|| match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl" | "ndjson") => Format::Jsonl,
            _ => Format::Csv,
        })
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

/// A file that rows are written to.
pub struct Sheet {
    columns: Vec<String>,
    writer: Writer,
}

enum Writer {
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Jsonl(BufWriter<Box<dyn Write>>),
}

impl Sheet {
    pub fn create(path: &Path, format: Option<Format>, columns: &[String]) -> anyhow::Result<Self> {
        let out: Box<dyn Write> = match path.to_str() {
            Some("-") => Box::new(std::io::stdout()),
            _ => {
                Box::new(File::create(path).with_context(|| format!("{} can't be written", path.display()))?)
            }
        };
        let writer = match Format::of(format, path) {
            Format::Jsonl => Writer::Jsonl(BufWriter::new(out)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(columns)?;
                Writer::Csv(Box::new(writer))
            }
        };
        Ok(Self { columns: columns.to_vec(), writer })
    }

    /// Writes a row, a cell for each column.
    pub fn write(&mut self, cells: Vec<Cell>) -> anyhow::Result<()> {
        match &mut self.writer {
            Writer::Csv(writer) => writer.write_record(cells.iter().map(Cell::as_text))?,
            Writer::Jsonl(writer) => {
                let cells = cells.iter().map(Cell::as_json);
                let object: serde_json::Map<_, _> = self.columns.iter().cloned().zip(cells).collect();
                writeln!(writer, "{}", serde_json::Value::Object(object))?;
            }
        }
        Ok(())
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush()?,
            Writer::Jsonl(mut writer) => writer.flush()?,
        }
        Ok(())
    }
}
