use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use super::source::{is_name, load, now, show, split, summary};
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::outln;
use crate::cli::table::{coloured, counted, plain};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::lint::Diagnostic;
use crate::grpc::pb;
use crate::priority::Nice;
use crate::rules::compile_and_try;
use crate::rules::source::Sources;

#[derive(Args)]
#[command(after_help = "\
Of a canvas of a server, what its leads say counts too.

Examples:
  assay canvas lint acme.yaml
  assay canvas lint canvases/acme --lang it
  assay canvas lint canvases/acme --fix --author an")]
pub struct Lint {
    /// A canvas of a server, or a file
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// The language of the texts: en, vi, zh, ar or it [default: the canvas's]
    #[arg(long, default_value = "", value_name = "LANG")]
    lang: String,
    /// For a file: a folder with rules, whose canvas_lint/ has findings of your own; a server uses its own rules
    #[arg(long, env = "ASSAY_SCRIPTS", value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Apply the edits that would mend findings, where there are any, as one revision
    #[arg(long)]
    fix: bool,
    /// Who applies them, kept with the revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Lint {
    pub async fn run(self) -> anyhow::Result<Done> {
        if !is_name(&self.canvas) {
            anyhow::ensure!(
                !self.fix,
                "--fix changes canvases of a server: store the file first by `assay apply`"
            );
            let canvas = load(&self.canvas, "").await?;
            let mut found = canvas.lint(now(), &BTreeMap::new());
            found.extend(self.own(&canvas)?);
            found.sort_by_key(|one| std::cmp::Reverse(one.severity));
            let language = if self.lang.is_empty() { &canvas.content.language } else { &self.lang };
            let doubtful = show(&found, language);
            outln!("{}: {}", self.canvas, summary(&found));
            return Ok(if doubtful { Done::No } else { Done::Well });
        }
        let (name, revision) = split(&self.canvas)?;
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::LintCanvasRequest { name: name.clone(), revision, language: self.lang.clone() };
        let found = clients.canvases().lint_canvas(request).await?.into_inner().diagnostics;
        let doubtful = print(&found);
        if self.fix {
            return self.mend(&clients, &name).await;
        }
        Ok(if doubtful { Done::No } else { Done::Well })
    }

    /// What the scripts of one's own find.
    fn own(&self, canvas: &Canvas) -> anyhow::Result<Vec<Diagnostic>> {
        let Some(folder) = &self.scripts else { return Ok(Vec::new()) };
        let shown = folder.display();
        let broken = |_| anyhow::anyhow!("the rules can't be loaded: `assay rules check {shown}` tells why");
        let sources = Sources::read(folder).map_err(broken)?;
        let (rules, _) = compile_and_try(sources, "EUR", Nice::Back).map_err(broken)?;
        Ok(rules.canvas_findings(&canvas.lint_items(now(), &BTreeMap::new())))
    }

    /// Applies what mends a finding without taking anything away, one finding at a time: what mends one may settle or change others.
    async fn mend(&self, clients: &Clients, name: &str) -> anyhow::Result<Done> {
        let change = pb::Change { author: self.author.clone(), reason: "assay canvas lint --fix".into() };
        let mut tried: BTreeSet<(String, String)> = BTreeSet::new();
        let (mut settled, mut left);
        settled = 0;
        loop {
            let request =
                pb::LintCanvasRequest { name: name.to_owned(), revision: 0, language: self.lang.clone() };
            let found = clients.canvases().lint_canvas(request).await?.into_inner().diagnostics;
            let can_mend =
                |one: &&pb::CanvasDiagnostic| !one.fix.is_empty() && !one.fix.iter().any(takes_away);
            left = found.iter().filter(|one| one.fix.iter().any(takes_away)).count();
            let open = |one: &&pb::CanvasDiagnostic| !tried.contains(&(one.code.clone(), one.path.clone()));
            let Some(one) = found.iter().filter(can_mend).find(open) else { break };
            tried.insert((one.code.clone(), one.path.clone()));
            let request = pb::EditCanvasRequest {
                name: name.to_owned(),
                edits: one.fix.clone(),
                language: self.lang.clone(),
                change: Some(change.clone()),
                ..Default::default()
            };
            let edited = clients.canvases().edit_canvas(request).await?.into_inner();
            for change in &edited.changes {
                outln!("{}", coloured("32", &plain(&change.words)));
            }
            settled += edited.lost.len();
        }
        outln!("{} settled", counted(settled, "finding"));
        if left > 0 {
            outln!(
                "{} would be mended by removing something: that is for you to decide",
                counted(left, "finding")
            );
        }
        Ok(if settled > 0 { Done::Well } else { Done::No })
    }
}

/// Whether an edit removes something that somebody wrote.
fn takes_away(edit: &pb::CanvasEdit) -> bool {
    use pb::canvas_edit::Edit as E;
    matches!(edit.edit, Some(E::RemoveNote(_) | E::RemoveLink(_) | E::RemoveSegment(_) | E::RemovePersona(_)))
}

/// Shows findings of a server; gives whether one is graver than a hint.
pub fn print(found: &[pb::CanvasDiagnostic]) -> bool {
    let mut counts = [0; 4];
    for one in found {
        let (code, word) = match one.severity() {
            pb::CanvasSeverity::Error => ("31", "error  "),
            pb::CanvasSeverity::Warning => ("33", "warning"),
            _ => ("36", "hint   "),
        };
        counts[usize::try_from(one.severity).unwrap_or(0).min(3)] += 1;
        let at = if one.path.is_empty() { String::new() } else { format!("  {}", one.path) };
        outln!(
            "{} {}{}",
            coloured(code, word),
            plain(&one.text),
            coloured("2", &format!("  [{}]{at}", one.code))
        );
    }
    let [_, hints, warnings, errors] = counts;
    outln!("{}, {}, {}", counted(errors, "error"), counted(warnings, "warning"), counted(hints, "hint"));
    errors + warnings > 0
}
