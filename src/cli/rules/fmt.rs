//! `assay rules fmt`: scripts written in the one way.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{read_folder, replace};
use crate::cli::Done;
use crate::cli::output::{out, outln};
use crate::cli::table::counted;
use crate::rules::format::format;
use crate::rules::source::{MAX_FILE_BYTES, without_mark};

#[derive(Args)]
#[command(after_help = "\
Indentation, spaces and blank lines change; words and comments do not, nor do the places where their author ends lines within a statement. Clauses of statements that follow each other on single lines stand below each other.

Examples:
  assay rules fmt scripts
  assay rules fmt scripts/lead_scoring/default.rhai
  assay rules fmt --check scripts
  assay rules fmt - < draft.rhai")]
pub struct Fmt {
    /// Folders of rules, or scripts; `-` reads standard input and writes standard output
    #[arg(env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing, and tell which scripts would be changed; exit code 1 if any would be
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub fn run(self) -> anyhow::Result<Done> {
        if self.paths == [Path::new("-")] {
            return self.standard_input();
        }
        let mut files = Vec::new();
        for path in &self.paths {
            if path.is_dir() {
                let sources = read_folder(path)?;
                files.extend(
                    sources
                        .iter()
                        .filter(|(file, _)| file.ends_with(".rhai"))
                        .map(|(file, _)| path.join(file)),
                );
            } else {
                files.push(path.clone());
            }
        }
        let (mut changed, mut unreadable) = (0, Vec::new());
        for file in &files {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            match anew(&text) {
                None => unreadable.push(file.display().to_string()),
                Some(written) if written == text => {}
                Some(written) => {
                    outln!("{}", file.display());
                    changed += 1;
                    if !self.check {
                        replace(file, &written)?;
                    }
                }
            }
        }
        if let Some(first) = unreadable.first() {
            bail!(
                "{first} is left as it is, for a bracket, text or comment in it is not closed, or it is too large; \
                 `assay rules check` tells where"
            );
        }
        let verb = if self.check { "would be written anew" } else { "written anew" };
        outln!("{} of {} {verb}", changed, counted(files.len(), "script"));
        Ok(if self.check && changed > 0 { Done::No } else { Done::Well })
    }

    fn standard_input(&self) -> anyhow::Result<Done> {
        let mut text = String::new();
        std::io::stdin()
            .take(MAX_FILE_BYTES as u64 + 1)
            .read_to_string(&mut text)
            .context("standard input")?;
        let Some(written) = anew(&text) else {
            bail!("a bracket, text or comment is not closed, or the script is too large");
        };
        if !self.check {
            out!("{written}");
        }
        Ok(if self.check && written != text { Done::No } else { Done::Well })
    }
}

/// A script written anew, with the mark that it may begin with.
fn anew(text: &str) -> Option<String> {
    let inner = without_mark(text);
    let mark = &text[..text.len() - inner.len()];
    let written = (text.len() <= MAX_FILE_BYTES).then(|| format(inner))??;
    Some(format!("{mark}{written}"))
}
