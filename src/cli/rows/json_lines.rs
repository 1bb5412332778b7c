//! JSON Lines: an object a line; its members are the columns, in the order in which they first appear.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::bail;
use serde_json::Value;

use super::{Opened, Row, Rows, Typed};

pub fn open(path: &Path) -> anyhow::Result<Opened> {
    let mut header: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(std::fs::File::open(path)?).lines().enumerate() {
        let (number, line) = (number as u64 + 1, line?);
        if line.trim().is_empty() {
            continue;
        }
        let object: serde_json::Map<String, Value> = match serde_json::from_str(&line) {
            Ok(object) => object,
            Err(error) if rows.is_empty() => bail!("line {number} is no JSON object: {error}"),
            Err(error) => {
                let problem = Some(format!("line {number} is no JSON object: {error}"));
                rows.push(Row { line: number, cells: vec![line], problem, ..Row::default() });
                continue;
            }
        };
        let mut cells = vec![Typed::default(); header.len()];
        for (name, value) in object {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                header.push(name);
                header.len() - 1
            });
            cells.resize(header.len(), Typed::default());
            cells[place] = (text(&value), value.as_f64());
        }
        let (cells, numbers) = cells.into_iter().unzip();
        rows.push(Row { line: number, cells, numbers, ..Row::default() });
    }
    let columns = header.len();
    rows.iter_mut().for_each(|row| row.cells.resize(columns, String::new()));
    Ok(Opened { header, rows: Rows::Kept(rows.into_iter()) })
}

/// A value as people write it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}
