//! Canvases, of a server or of files: made of templates, shown, examined, compared, drawn, edited, carried to other formats.

mod change;
mod diff;
mod edit;
mod lint;
mod new;
mod render;
mod show;
mod source;
mod transfer;

use clap::Subcommand;

use super::Done;

#[derive(Subcommand)]
#[command(after_help = "\
Where a CANVAS is asked for, a name such as canvases/acme means that of a server, and anything else a file: YAML or JSON as
`assay canvas export` writes it, BMML, or an outline of headings and lines.

Examples:
  assay canvas new --template b2b --lang vi --out acme     a canvas, its picture, and what is doubtful about it
  assay canvas lint acme.yaml
  assay canvas diff canvases/acme acme.yaml")]
pub enum Canvas {
    /// Make a canvas of a template: its file, its picture, its findings
    New(new::New),
    /// Show a canvas block by block
    Show(show::Show),
    /// Change a canvas in an editor, or by a file of edits
    Edit(edit::Edit),
    /// Tell what is doubtful about a canvas; exit code 1 if something is graver than a hint
    Lint(lint::Lint),
    /// Tell what differs between two canvases or revisions, and what follows from it
    Diff(diff::Diff),
    /// Draw a canvas: SVG, HTML or Markdown
    Render(render::Render),
    /// Store the canvas of a file in a server
    Import(transfer::Import),
    /// Write a canvas as YAML, JSON or BMML
    Export(transfer::Export),
    /// List the revisions of a canvas: who made them, and why
    Log(change::Log),
    /// Make a canvas what it was in a revision
    Restore(change::Restore),
    /// Copy a canvas to try a scenario
    Fork(change::Fork),
}

impl Canvas {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            Canvas::New(verb) => verb.run(),
            Canvas::Show(verb) => verb.run().await,
            Canvas::Edit(verb) => verb.run().await,
            Canvas::Lint(verb) => verb.run().await,
            Canvas::Diff(verb) => verb.run().await,
            Canvas::Render(verb) => verb.run().await,
            Canvas::Import(verb) => verb.run().await,
            Canvas::Export(verb) => verb.run().await,
            Canvas::Log(verb) => verb.run().await,
            Canvas::Restore(verb) => verb.run().await,
            Canvas::Fork(verb) => verb.run().await,
        }
    }
}
