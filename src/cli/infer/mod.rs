//! A first facts.toml out of a file: what its columns seem to be, for a person who knows it to read and correct.

mod column;
mod inferred;
pub mod words;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::Done;
use super::rows::FileArg;
use super::table::counted;
use crate::cli::output::out;

pub use inferred::Inferred;

#[derive(Subcommand)]
pub enum Facts {
    /// Write a first facts.toml out of a file's columns
    Infer(Infer),
}

#[derive(Args)]
#[command(after_help = "\
What it writes is a beginning: read it, correct it, and say what the words mean.
`assay init DIR --from FILE` makes a folder with rules and a profile around it.

Examples:
  assay facts infer leads.csv --out scripts/facts.toml
  assay facts infer export.xlsx | less")]
pub struct Infer {
    /// The file: delimited text with a header line, JSON Lines, Parquet, or a spreadsheet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it goes; a file that is there is not overwritten; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    input: FileArg,
}

impl Facts {
    pub async fn run(self) -> anyhow::Result<Done> {
        let Facts::Infer(infer) = self;
        let inferred = Inferred::of(&infer.file, &infer.input)?;
        let (shown, rows) = (&inferred.shown, counted(inferred.rows, "row"));
        let text = format!(
            "# Made of {shown} ({rows}) by `assay facts infer`: a beginning, to be read and corrected.\n\n{}",
            inferred.text()
        );
        if infer.out.as_os_str() == "-" {
            out!("{text}");
            return Ok(Done::Well);
        }
        if infer.out.exists() {
            bail!("{} is there already: name another file with --out", infer.out.display());
        }
        std::fs::write(&infer.out, text).with_context(|| infer.out.display().to_string())?;
        eprintln!("{rows} of {shown} looked at: read {} and correct it", infer.out.display());
        Ok(Done::Well)
    }
}
