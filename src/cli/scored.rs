//! Where scored rows go, and those that could not be scored.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use super::table::{points, signed};
use crate::grpc::pb;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Jsonl,
}

/// Rows that could not be scored, in a file of their own that is made with the first of them.
pub struct Rejected {
    pub path: PathBuf,
    writer: Option<csv::Writer<File>>,
    pub count: usize,
    /// What was wrong, if it was the same each time so far.
    pub common: Option<String>,
}

impl Rejected {
    /// What a former run left there is removed: it says nothing of this one.
    pub fn new(path: PathBuf) -> anyhow::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} can't be replaced", path.display()))
            }
            _ => Ok(Self { path, writer: None, count: 0, common: None }),
        }
    }

    /// Makes sure that everything is written.
    pub fn finish(mut self) -> anyhow::Result<Self> {
        let flushed = self.writer.as_mut().map_or(Ok(()), csv::Writer::flush);
        flushed.with_context(|| format!("{} can't be written", self.path.display()))?;
        Ok(self)
    }

    pub fn note(&mut self, row: &str, id: &str, problem: &str) -> anyhow::Result<()> {
        if self.writer.is_none() {
            let made = csv::Writer::from_path(&self.path);
            let mut writer = made.with_context(|| format!("{} can't be written", self.path.display()))?;
            writer.write_record(["row", "id", "error"])?;
            self.writer = Some(writer);
        }
        if let Some(writer) = &mut self.writer {
            writer.write_record([row, id, problem])?;
        }
        if self.count == 0 {
            self.common = Some(problem.to_owned());
        } else if self.common.as_deref() != Some(problem) {
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
pub enum Sink {
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>, usize),
    Jsonl(BufWriter<Box<dyn Write + Send>>, usize),
}

impl Sink {
    pub fn open(path: &Path, format: Format, top: usize) -> anyhow::Result<Self> {
        let writer: Box<dyn Write + Send> = match path.to_str() {
            Some("-") => Box::new(std::io::stdout()),
            _ => {
                Box::new(File::create(path).with_context(|| format!("{} can't be written", path.display()))?)
            }
        };
        Ok(match format {
            Format::Jsonl => Sink::Jsonl(BufWriter::new(writer), top),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(writer);
                let head = ["id", "status", "grade", "total", "fit", "engagement", "completeness", "reasons"];
                writer.write_record(head)?;
                Sink::Csv(Box::new(writer), top)
            }
        })
    }

    pub fn write(&mut self, id: &str, score: &pb::Score) -> anyhow::Result<()> {
        let status = score.status().as_str_name().trim_start_matches("SCORE_STATUS_").to_lowercase();
        match self {
            Sink::Csv(writer, top) => {
                let reasons = top_reasons(score, *top).into_iter();
                let said = |(why, n)| if n == 0 { why } else { format!("{} {why}", signed(n)) };
                let reasons: Vec<String> = reasons.map(said).collect();
                writer.write_record([
                    id,
                    &status,
                    &score.grade,
                    &points(score.total_hundredths),
                    &points(score.fit_hundredths),
                    &points(score.engagement_hundredths),
                    &format!("{:.2}", score.completeness),
                    &reasons.join("; "),
                ])?;
            }
            Sink::Jsonl(writer, top) => {
                let number = |hundredths: i64| hundredths as f64 / 100.0;
                let reasons: Vec<_> = top_reasons(score, *top)
                    .into_iter()
                    .map(|(why, n)| serde_json::json!({"points": number(n), "reason": why}))
                    .collect();
                let line = serde_json::json!({
                    "id": id,
                    "status": status,
                    "grade": (!score.grade.is_empty()).then_some(&score.grade),
                    "total": number(score.total_hundredths),
                    "fit": number(score.fit_hundredths),
                    "engagement": number(score.engagement_hundredths),
                    "completeness": score.completeness,
                    "reasons": reasons,
                    "warnings": score.warnings.iter().map(|warning| &warning.code).collect::<Vec<_>>(),
                    "rule_set": score.rule_set,
                });
                writeln!(writer, "{line}")?;
            }
        }
        Ok(())
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Sink::Csv(mut writer, _) => writer.flush()?,
            Sink::Jsonl(mut writer, _) => writer.flush()?,
        }
        Ok(())
    }
}
