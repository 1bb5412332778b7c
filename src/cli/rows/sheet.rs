//! A sheet of a spreadsheet; the first row that says something names the columns.

use std::path::Path;

use anyhow::{Context as _, bail};
use calamine::{Data, Reader as _};

use super::{Opened, Row, Rows};

pub fn open(path: &Path, sheet: Option<&str>) -> anyhow::Result<Opened> {
    let mut book = calamine::open_workbook_auto(path).context("it can't be read as a spreadsheet")?;
    let names = book.sheet_names();
    let name = match sheet {
        Some(name) if names.iter().any(|known| known == name) => name.to_owned(),
        Some(name) => bail!("there is no sheet \"{name}\"; there are {}", names.join(", ")),
        None => names.first().context("it has no sheet")?.clone(),
    };
    let range = book.worksheet_range(&name).with_context(|| format!("the sheet \"{name}\" can't be read"))?;
    let first = range.start().map_or(0, |(row, _)| u64::from(row)) + 1;
    let mut rows = range
        .rows()
        .enumerate()
        .map(|(i, cells)| {
            let (cells, numbers) = cells.iter().map(|cell| (text(cell), number(cell))).unzip();
            Row { line: first + i as u64, cells, numbers, ..Row::default() }
        })
        .skip_while(Row::is_blank);
    let header = rows.next().map(|row| row.cells).unwrap_or_default();
    let rows: Vec<Row> = rows.collect();
    Ok(Opened { header, rows: Rows::Kept(rows.into_iter()) })
}

fn number(cell: &Data) -> Option<f64> {
    match cell {
        Data::Int(number) => Some(*number as f64),
        Data::Float(number) => Some(*number),
        _ => None,
    }
}

/// A cell as text: what it holds, not how it is shown.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Data::DateTime(moment) => {
            let (year, month, day, ..) = moment.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        Data::Error(_) => "#N/A".into(),
        other => other.to_string(),
    }
}
