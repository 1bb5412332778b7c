//! JSON Lines: an object a line; its members are the columns, in the order in which they first appear.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::bail;
use serde_json::Value;

use super::{Opened, Row, Rows};

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
                rows.push(Row { line: number, cells: vec![line], problem, remark: None });
                continue;
            }
        };
        let mut cells = vec![String::new(); header.len()];
        for (name, value) in object {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                header.push(name);
                header.len() - 1
            });
            cells.resize(header.len(), String::new());
            cells[place] = text(value);
        }
        rows.push(Row { line: number, cells, ..Row::default() });
    }
    let columns = header.len();
    rows.iter_mut().for_each(|row| row.cells.resize(columns, String::new()));
    Ok(Opened { header, rows: Rows::Kept(rows.into_iter()) })
}

/// A value as a cell has it.
fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Bool(yes) => if yes { "yes" } else { "no" }.into(),
        Value::Array(items) => items.into_iter().map(text).collect::<Vec<_>>().join(";"),
        // A number is a number: written so that nobody takes its point for a mark between thousands.
        Value::Number(number) => match number.as_f64() {
            Some(value) if value.fract() != 0.0 => format!("{value:e}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}
