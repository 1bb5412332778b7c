//! `assay rules explain`: what a finding's code means.

use clap::Args;

use crate::cli::Done;
use crate::cli::output::outln;
use crate::rules::diagnostics::{Code, section};

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay rules explain never-fires")]
pub struct Explain {
    /// The code that a finding has in brackets
    code: Code,
}

impl Explain {
    pub fn run(self) -> anyhow::Result<Done> {
        outln!("{}\n\n{}", self.code.as_str(), section(self.code).unwrap_or_default());
        Ok(Done::Well)
    }
}
