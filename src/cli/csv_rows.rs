//! The rows of a CSV file, each a lead, or with everything that is wrong with it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;

use super::csv_leads::Mapping;
use crate::domain::vocabulary::Vocabulary;
use crate::grpc::pb;

/// How a file is read.
#[derive(Args, Clone)]
pub struct CsvArg {
    /// What separates the cells; `\t` is a tab
    #[arg(long, default_value = ",", value_parser = delimiter, value_name = "CHAR")]
    pub delimiter: u8,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "\\t" => Ok(b'\t'),
        one if one.len() == 1 => Ok(one.as_bytes()[0]),
        _ => Err("write one character, such as ; or \\t".into()),
    }
}

/// A row: its number, counted from 1 below the header, its id, and the lead or what is wrong.
pub struct Read {
    pub number: usize,
    pub id: String,
    pub lead: Result<Box<pb::Lead>, Vec<String>>,
}

/// A file that is read row by row.
pub struct Rows<'v> {
    reader: csv::Reader<File>,
    record: csv::StringRecord,
    cells: usize,
    number: usize,
    pub mapping: Mapping<'v>,
}

impl<'v> Rows<'v> {
    /// Opens a file; refuses what is no table, or has no column that is a fact.
    pub fn open(
        path: &Path,
        by: &CsvArg,
        vocabulary: &'v Vocabulary,
        currency: &str,
    ) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(by.delimiter)
            .from_path(path)
            .with_context(|| shown.to_string())?;
        let header = reader.headers().with_context(|| format!("{shown}: the header line can't be read"))?;
        match (header.len(), header.get(0).unwrap_or_default()) {
            (0, _) | (1, "") => bail!("{shown} is empty: the first line must name the columns"),
            (1, only) if only.contains(';') => {
                bail!("{shown} separates its cells by semicolons: say --delimiter ';'")
            }
            (1, only) if only.contains('\t') => {
                bail!("{shown} separates its cells by tabs: say --delimiter '\\t'")
            }
            _ => {}
        }
        let mapping = Mapping::new(vocabulary, header, currency);
        if mapping.is_empty() {
            bail!(
                "no column of {shown} is a fact; its columns are {}; facts.toml maps columns to facts under [columns] and [attributes]",
                mapping.ignored.join(", ")
            );
        }
        let cells = header.len();
        Ok(Self { reader, record: csv::StringRecord::new(), cells, number: 0, mapping })
    }

    /// How many bytes were read.
    pub fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row; `None` at the end.
    pub fn read(&mut self) -> anyhow::Result<Option<Read>> {
        self.number += 1;
        let number = self.number;
        let bad = |problem: String| Read { number, id: String::new(), lead: Err(vec![problem]) };
        Ok(match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) if self.record.len() != self.cells => {
                let mut problem =
                    format!("the row has {} cells, the header {}", self.record.len(), self.cells);
                if self.record.iter().any(|cell| cell.contains('\n')) {
                    problem += "; it spans several lines: is a quote left open?";
                }
                Some(bad(problem))
            }
            Ok(true) => Some(match self.mapping.row(number, &self.record) {
                Ok(row) => Read { number, id: row.id, lead: Ok(Box::new(row.lead)) },
                Err((id, problems)) => Read { number, id, lead: Err(problems) },
            }),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                Some(bad("the row is not UTF-8 text".into()))
            }
            Err(error) => return Err(error.into()),
        })
    }
}
