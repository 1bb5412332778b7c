//! A Parquet file, read row by row: its columns have types, so its numbers are beyond doubt.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use parquet::data_type::Decimal;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use super::{Opened, Row, Rows, Typed};

/// The rows that are still to be read.
pub struct Parquet {
    rows: RowIter<'static>,
    read: u64,
}

pub fn open(path: &Path) -> anyhow::Result<Opened> {
    let reader = SerializedFileReader::new(File::open(path)?).context("it can't be read as Parquet")?;
    let schema = reader.metadata().file_metadata().schema_descr().root_schema();
    let header = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(Opened { header, rows: Rows::Parquet(Parquet { rows, read: 0 }) })
}

impl Parquet {
    /// The next row. Its line is its number, since such a file has no lines.
    pub fn read(&mut self) -> anyhow::Result<Option<Row>> {
        let Some(row) = self.rows.next() else { return Ok(None) };
        self.read += 1;
        let row = row.with_context(|| format!("the file is damaged at row {}", self.read))?;
        let (cells, numbers) = row.into_columns().into_iter().map(|(_, field)| typed(field)).unzip();
        Ok(Some(Row { line: self.read, cells, numbers, ..Row::default() }))
    }
}

fn typed(field: Field) -> Typed {
    let number = match &field {
        Field::Byte(number) => Some(f64::from(*number)),
        Field::Short(number) => Some(f64::from(*number)),
        Field::Int(number) => Some(f64::from(*number)),
        Field::Long(number) => Some(*number as f64),
        Field::UByte(number) => Some(f64::from(*number)),
        Field::UShort(number) => Some(f64::from(*number)),
        Field::UInt(number) => Some(f64::from(*number)),
        Field::ULong(number) => Some(*number as f64),
        // As it is written: 0.1 of 32 bits is meant to be 0.1.
        Field::Float(number) => number.to_string().parse().ok(),
        Field::Double(number) => Some(*number),
        Field::Decimal(number) => decimal(number).parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if !number.is_finite() => (String::new(), None),
        number => (text(field), number),
    }
}

/// A value as people write it.
fn text(field: Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Bool(yes) => if yes { "yes" } else { "no" }.into(),
        Field::Str(text) => text,
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Float(number) => number.to_string(),
        Field::Double(number) => number.to_string(),
        Field::Decimal(number) => decimal(&number),
        Field::ListInternal(list) => list.elements().iter().cloned().map(text).collect::<Vec<_>>().join(";"),
        // Whole numbers, days and times, and what is made of several values.
        other => other.to_string(),
    }
}

/// A decimal number, whose digits are a whole number of big-endian bytes.
fn decimal(number: &Decimal) -> String {
    let (bytes, scale) = (number.data(), number.scale().max(0) as usize);
    if bytes.is_empty() || bytes.len() > 16 {
        return String::new();
    }
    let filler = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [filler; 16];
    whole[16 - bytes.len()..].copy_from_slice(bytes);
    let all = i128::from_be_bytes(whole);
    let digits = format!("{:0>width$}", all.unsigned_abs(), width = scale + 1);
    let (before, after) = digits.split_at(digits.len() - scale);
    let (sign, point) = (if all < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
    format!("{sign}{before}{point}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_however_they_are_written() {
        for (field, as_written, number) in [
            (Field::Decimal(Decimal::from_i32(25_000, 9, 3)), "25.000", Some(25.0)),
            (Field::Decimal(Decimal::from_i64(-7, 9, 2)), "-0.07", Some(-0.07)),
            (Field::Decimal(Decimal::from_i64(-7, 9, 0)), "-7", Some(-7.0)),
            (Field::Double(25.125), "25.125", Some(25.125)),
            (Field::Float(0.1), "0.1", Some(0.1)),
            (Field::Double(f64::NAN), "", None),
            (Field::Long(5_400), "5400", Some(5_400.0)),
            (Field::Date(20_000), "2024-10-04", None),
            (Field::Str("25.000".into()), "25.000", None),
        ] {
            assert_eq!(typed(field), (as_written.to_owned(), number));
        }
    }
}
