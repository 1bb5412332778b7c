use std::collections::BTreeMap;

use clap::Args;

use super::source::{load, now};
use crate::cli::Done;
use crate::cli::connect::ServerArg;
use crate::cli::output::outln;
use crate::cli::table::{coloured, plain};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::diff::ChangeKind;
use crate::domain::canvas::lint::gained_and_lost;

#[derive(Args)]
#[command(after_help = "\
Exit code 0 if nothing differs, 1 if something does.

Examples:
  assay canvas diff canvases/acme@3 canvases/acme          what became of revision 3
  assay canvas diff canvases/acme canvases/acme-bold       a scenario against its origin
  assay canvas diff canvases/acme acme.yaml                what applying a file would change")]
pub struct Diff {
    /// The canvas to start from: a file, or a name, with @revision for a former one
    #[arg(value_name = "BASE")]
    base: String,
    /// The canvas to compare it with
    #[arg(value_name = "TARGET")]
    target: String,
    /// The language of the words: en, vi, zh, ar or it [default: the target's]
    #[arg(long, default_value = "", value_name = "LANG")]
    lang: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Diff {
    pub async fn run(self) -> anyhow::Result<Done> {
        let base = load(&self.base, &self.server.server).await?;
        let target = load(&self.target, &self.server.server).await?;
        let language = if self.lang.is_empty() { target.content.language.clone() } else { self.lang };
        Ok(if tell(&base, &target, &language) { Done::No } else { Done::Well })
    }
}

/// Tells what differs, and what follows from it; gives whether anything does.
fn tell(base: &Canvas, target: &Canvas, language: &str) -> bool {
    let changes = base.diff(target).changes;
    for change in &changes {
        let (code, mark) = match change.kind {
            ChangeKind::Added => ("32", "+"),
            ChangeKind::Removed => ("31", "-"),
            ChangeKind::Changed => ("33", "~"),
            ChangeKind::Moved | ChangeKind::Retargeted => ("36", ">"),
        };
        outln!("{}", coloured(code, &format!("{mark} {}", plain(&change.words(language)))));
    }
    let [before, after] =
        [base.clone(), target.clone().renamed(&base.name)].map(|canvas| canvas.lint(now(), &BTreeMap::new()));
    let (gained, lost) = gained_and_lost(&before, &after);
    for (mark, code, found) in [("!", "31", gained), ("✓", "32", lost)] {
        for one in found {
            let text = format!("{mark} {}  [{}]", plain(&one.text(language)), one.name());
            outln!("{}", coloured(code, &text));
        }
    }
    if changes.is_empty() {
        outln!("nothing differs");
    }
    !changes.is_empty()
}
