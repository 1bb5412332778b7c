use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::source::{load, parse};
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::documents;
use crate::cli::output::outln;
use crate::cli::table::plain;
use crate::grpc::document::{self, Format};
use crate::grpc::{convert, dynamic, pb};

#[derive(Args)]
#[command(after_help = "\
Without --file the canvas with its segments and personas is opened in $VISUAL or $EDITOR, and what differs afterwards is sent
as edits: what others change meanwhile stays.

A file of edits is a list in YAML or JSON, such as:
  - add_note: {note: {block: BLOCK_CHANNELS, text: Trade fairs}}
  - change_note: {note: {id: routes, text: Half the driving}}
  - remove_link: {id: link-3}

Examples:
  assay canvas edit canvases/acme --reason \"after the workshop\"
  assay canvas edit canvases/acme --file edits.yaml --dry-run")]
pub struct Edit {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// A file with a list of edits; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only tell what would come of it
    #[arg(long)]
    dry_run: bool,
    /// Who edits, kept with the revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why, kept with the revision
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Edit {
    pub async fn run(self) -> anyhow::Result<Done> {
        let edits = match &self.file {
            Some(path) => read(path)?,
            None => self.in_an_editor().await?,
        };
        if edits.is_empty() {
            outln!("nothing was changed");
            return Ok(Done::Well);
        }
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::EditCanvasRequest {
            name: self.canvas.clone(),
            edits,
            validate_only: self.dry_run,
            change: Some(pb::Change { author: self.author.clone(), reason: self.reason.clone() }),
            ..Default::default()
        };
        let answer = clients.canvases().edit_canvas(request).await?.into_inner();
        answer.changes.iter().for_each(|change| outln!("{}", plain(&change.words)));
        for (mark, found) in [("!", &answer.gained), ("✓", &answer.lost)] {
            found.iter().for_each(|one| outln!("{mark} {}  [{}]", plain(&one.text), one.code));
        }
        let revision = answer.canvas.map_or(0, |canvas| canvas.revision);
        match self.dry_run {
            true => outln!("nothing was written"),
            false => outln!("{} is at revision {revision}", self.canvas),
        }
        Ok(Done::Well)
    }

    /// Lets a person change the canvas as a file, until it can be read; gives what differs.
    async fn in_an_editor(&self) -> anyhow::Result<Vec<pb::CanvasEdit>> {
        let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok());
        let editor = editor
            .context("neither VISUAL nor EDITOR names an editor: set one, or give the edits by --file")?;
        let before = load(&self.canvas, &self.server.server).await?;
        let path =
            std::env::temp_dir().join(format!("assay-{}-{}.yaml", before.name.canvas, std::process::id()));
        std::fs::write(&path, document::write(&before, Format::Yaml, &mut Vec::new())?)?;
        let status = std::process::Command::new("sh")
            .args(["-c", &format!("{editor} \"$0\"")])
            .arg(&path)
            .status()
            .with_context(|| format!("{editor} can't be started"))?;
        anyhow::ensure!(status.success(), "the editor ended with {status}; nothing was changed");
        let text = std::fs::read_to_string(&path)?;
        // What can't be read is not lost: the file stays.
        let (after, _) = parse(&text, Some(Format::Yaml), Some(&before.name))
            .with_context(|| format!("what you wrote stands in {}", path.display()))?;
        std::fs::remove_file(&path)?;
        Ok(convert::edit::edits_out(&before, &before.diff(&after).edits))
    }
}

/// The edits of a file.
fn read(path: &std::path::Path) -> anyhow::Result<Vec<pb::CanvasEdit>> {
    let descriptor = dynamic::message("CanvasEdit").context("there is no such message")?;
    let found = documents::read(path)?;
    if found.is_empty() {
        bail!("{} holds no edits", path.display());
    }
    let edits = found.into_iter().enumerate().map(|(number, json)| {
        let read = dynamic::from_json(descriptor.clone(), json)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("{}, edit {}", path.display(), number + 1))?;
        Ok(read.transcode_to()?)
    });
    edits.collect()
}
