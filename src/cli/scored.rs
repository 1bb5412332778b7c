//! Where scored rows go, and those that could not be scored.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::rows::Row;
use super::sheet_out::{self, Cell, Column, Format, Kind, Sheet, defused};
use super::table::signed;
use crate::grpc::pb;

/// Rows that could not be scored, as they were, in a file of their own that is made with the first of them.
pub struct Rejected {
    pub path: PathBuf,
    header: Vec<String>,
    writer: Option<csv::Writer<File>>,
    pub count: usize,
    /// What was wrong with the first of them, without its line, if it was the same each time so far.
    pub common: Option<String>,
}

impl Rejected {
    /// What a former run left there is removed: it says nothing of this one.
    pub fn new(path: PathBuf, header: Vec<String>) -> anyhow::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} can't be replaced", path.display()))
            }
            _ => Ok(Self { path, header, writer: None, count: 0, common: None }),
        }
    }

    /// Makes sure that everything is written.
    pub fn finish(mut self) -> anyhow::Result<Self> {
        let flushed = self.writer.as_mut().map_or(Ok(()), csv::Writer::flush);
        flushed.with_context(|| format!("{} can't be written", self.path.display()))?;
        Ok(self)
    }

    pub fn note(&mut self, row: &Row, problem: &str) -> anyhow::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let made = csv::WriterBuilder::new().flexible(true).from_path(&self.path);
                let mut writer = made.with_context(|| format!("{} can't be written", self.path.display()))?;
                let head = ["line", "error"].into_iter().map(str::to_owned);
                writer.write_record(head.chain(self.header.iter().cloned()))?;
                none.insert(writer)
            }
        };
        let first = [row.line.to_string(), problem.to_owned()].into_iter();
        writer.write_record(first.chain(row.cells.iter().map(|cell| defused(cell))))?;
        let without_line = problem.strip_prefix(&format!("line {}: ", row.line)).unwrap_or(problem);
        if self.count == 0 {
            self.common = Some(without_line.to_owned());
        } else if self.common.as_deref() != Some(without_line) {
            self.common = None;
        }
        self.count += 1;
        Ok(())
    }
}

/// What decided first, then the contributions that say most, by points.
fn top_reasons(score: &pb::Score, top: usize) -> Vec<(String, i64)> {
    use pb::ContributionKind as Kind;
    let mut reasons: Vec<_> = score.contributions.iter().collect();
    let decides = |kind| matches!(kind, Kind::Disqualify | Kind::GradeCap);
    reasons.retain(|c| c.points_hundredths != 0 || decides(c.kind()));
    reasons.sort_by_key(|c| (!decides(c.kind()), std::cmp::Reverse(c.points_hundredths.abs())));
    let said = |c: &pb::Contribution| match c.kind() {
        Kind::Disqualify => format!("out: {}", c.reason),
        Kind::GradeCap => format!("at best {}: {}", c.rule, c.reason),
        _ => c.reason.clone(),
    };
    reasons.into_iter().take(top).map(|c| (said(c), c.points_hundredths)).collect()
}

/// Where results go.
pub struct Sink {
    writer: Writer,
    /// How many reasons each row gets.
    top: usize,
    /// The names of the columns that are kept.
    kept: Vec<String>,
}

enum Writer {
    /// A line for each row, with its reasons as one text.
    Flat(Sheet),
    /// An object for each row, with its reasons as a list.
    Jsonl(BufWriter<Box<dyn Write + Send>>),
}

/// A row whose score is written.
pub struct Scored<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// The cells of the columns that are kept.
    pub kept: &'a [String],
    pub score: &'a pb::Score,
}

/// The columns of a result: those that are kept stand after the first two.
const FIRST: [&str; 2] = ["id", "name"];
const GRADE: [&str; 2] = ["status", "grade"];
const NUMBERS: [&str; 4] = ["total", "fit", "engagement", "completeness"];
const LAST: [&str; 1] = ["reasons"];

/// The name of a column that is kept: no other column of the result is called so.
fn apart(name: &str) -> String {
    let mut ours = FIRST.iter().chain(&GRADE).chain(&NUMBERS).chain(&LAST);
    if ours.any(|our| our.eq_ignore_ascii_case(name)) { format!("{name} in file") } else { name.to_owned() }
}

impl Sink {
    pub fn open(path: &Path, format: Format, top: usize, kept: Vec<String>) -> anyhow::Result<Self> {
        let texts =
            |names: &[&str]| names.iter().map(|name| Column::new(*name, Kind::Text)).collect::<Vec<_>>();
        let writer = match format {
            Format::Jsonl => Writer::Jsonl(BufWriter::new(sheet_out::create(path)?)),
            flat => {
                let mut columns = texts(&FIRST);
                columns.extend(kept.iter().map(|name| Column::new(apart(name), Kind::Text)));
                columns.extend(texts(&GRADE));
                columns.extend(NUMBERS.map(|name| Column::new(name, Kind::Number)));
                columns.extend(texts(&LAST));
                Writer::Flat(Sheet::create(path, flat, columns)?)
            }
        };
        Ok(Self { writer, top, kept })
    }

    pub fn write(&mut self, row: Scored) -> anyhow::Result<()> {
        let Scored { id, name, kept, score } = row;
        let status = score.status().as_str_name().trim_start_matches("SCORE_STATUS_").to_lowercase();
        let reasons = top_reasons(score, self.top);
        let number = |hundredths: i64| hundredths as f64 / 100.0;
        match &mut self.writer {
            Writer::Flat(sheet) => {
                let said = |(why, n)| if n == 0 { why } else { format!("{why} ({})", signed(n)) };
                let reasons: Vec<String> = reasons.into_iter().map(said).collect();
                let mut cells = vec![Cell::text(id), Cell::text(name)];
                cells.extend(kept.iter().map(|cell| Cell::text(cell)));
                cells.extend([
                    Cell::text(&status),
                    Cell::text(&score.grade),
                    Cell::Number(number(score.total_hundredths)),
                    Cell::Number(number(score.fit_hundredths)),
                    Cell::Number(number(score.engagement_hundredths)),
                    Cell::Number((score.completeness * 100.0).round() / 100.0),
                    Cell::text(&reasons.join("; ")),
                ]);
                sheet.write(cells)?;
            }
            Writer::Jsonl(writer) => {
                let reasons: Vec<_> = reasons
                    .into_iter()
                    .map(|(why, n)| serde_json::json!({"points": number(n), "reason": why}))
                    .collect();
                let mut line = serde_json::json!({
                    "id": id,
                    "name": name,
                    "status": status,
                    "grade": (!score.grade.is_empty()).then_some(&score.grade),
                    "total": number(score.total_hundredths),
                    "fit": number(score.fit_hundredths),
                    "engagement": number(score.engagement_hundredths),
                    "completeness": score.completeness,
                    "low": score.low_hundredths.map(number),
                    "high": score.high_hundredths.map(number),
                    "ask_next": score.next_questions.first().map(|question| &question.fact),
                    "reasons": reasons,
                    "warnings": score.warnings.iter().map(|warning| &warning.code).collect::<Vec<_>>(),
                    "rule_set": score.rule_set,
                });
                if !kept.is_empty() {
                    let columns = self.kept.iter().cloned().zip(kept.iter().cloned().map(Into::into));
                    line["kept"] = serde_json::Value::Object(columns.collect());
                }
                writeln!(writer, "{line}")?;
            }
        }
        Ok(())
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self.writer {
            Writer::Flat(sheet) => sheet.finish(),
            Writer::Jsonl(mut writer) => Ok(writer.flush()?),
        }
    }
}
