//! Rows into a Parquet file: each column with its type, where a cell that is empty is null.

use std::io::Write;
use std::sync::Arc;

use anyhow::bail;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Cell, Column, Kind};

/// How many rows are kept in memory and then written together.
const GROUP: usize = 10_000;

pub struct Parquet {
    columns: Vec<Column>,
    writer: SerializedFileWriter<Box<dyn Write + Send>>,
    /// The rows that are not written yet, column by column.
    waiting: Vec<Vec<Cell>>,
}

impl Parquet {
    pub fn create(out: Box<dyn Write + Send>, columns: &[Column]) -> anyhow::Result<Self> {
        let fields: Result<Vec<TypePtr>, _> =
            columns.iter().map(|column| field(column).map(Arc::new)).collect();
        let schema = Type::group_type_builder("rows").with_fields(fields?).build()?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let waiting = columns.iter().map(|_| Vec::new()).collect();
        Ok(Self { columns: columns.to_vec(), writer, waiting })
    }

    pub fn write(&mut self, cells: Vec<Cell>) -> anyhow::Result<()> {
        for ((column, waiting), cell) in self.columns.iter().zip(&mut self.waiting).zip(cells) {
            let fits = match (&cell, column.kind) {
                (Cell::Empty, _) => true,
                (Cell::Text(_), kind) => kind == Kind::Text,
                (Cell::Number(_), kind) => kind == Kind::Number,
                (Cell::YesNo(_), kind) => kind == Kind::YesNo,
            };
            if !fits {
                bail!(
                    "the column \"{}\" has a value of another type ({}): write .csv or .jsonl instead",
                    column.name,
                    cell.as_text()
                );
            }
            waiting.push(cell);
        }
        if self.waiting.first().is_some_and(|first| first.len() >= GROUP) {
            self.write_group()?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.waiting.first().is_some_and(|first| !first.is_empty()) {
            self.write_group()?;
        }
        self.writer.close()?;
        Ok(())
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        let mut group = self.writer.next_row_group()?;
        for (column, waiting) in self.columns.iter().zip(&mut self.waiting) {
            let Some(mut writer) = group.next_column()? else { break };
            write_column(&mut writer, column.kind, &std::mem::take(waiting))?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn field(column: &Column) -> parquet::errors::Result<Type> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::YesNo => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Writes which cells are there, and what they hold.
fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    kind: Kind,
    cells: &[Cell],
) -> parquet::errors::Result<()> {
    let there: Vec<i16> = cells.iter().map(|cell| i16::from(*cell != Cell::Empty)).collect();
    match kind {
        Kind::Text => {
            let values: Vec<ByteArray> = cells.iter().filter_map(text).collect();
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)?;
        }
        Kind::Number => {
            let values: Vec<f64> = cells.iter().filter_map(number).collect();
            writer.typed::<DoubleType>().write_batch(&values, Some(&there), None)?;
        }
        Kind::YesNo => {
            let values: Vec<bool> = cells.iter().filter_map(yes_no).collect();
            writer.typed::<BoolType>().write_batch(&values, Some(&there), None)?;
        }
    }
    Ok(())
}

fn text(cell: &Cell) -> Option<ByteArray> {
    match cell {
        Cell::Text(text) => Some(text.as_str().into()),
        _ => None,
    }
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(number) => Some(*number),
        _ => None,
    }
}

fn yes_no(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::YesNo(yes) => Some(*yes),
        _ => None,
    }
}
