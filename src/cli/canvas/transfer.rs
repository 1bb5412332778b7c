use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::lint::print;
use super::source::{format_of, load, text_of};
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::plain;
use crate::grpc::convert::WireEnum as _;
use crate::grpc::document::{self, Format};
use crate::grpc::pb;
use crate::grpc::pb::import_canvas_request::Source;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay canvas import model.bmml --id acme
  assay canvas import workshop.md                 headings that name blocks, in any of the five languages
  assay canvas import acme.yaml --replace --author an --reason \"after the workshop\"")]
pub struct Import {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The last part of the canvas's name [default: the name in the file, else an assigned one]
    #[arg(long, default_value = "", value_name = "ID")]
    id: String,
    /// Bring a canvas that exists to what the file says, as a revision
    #[arg(long)]
    replace: bool,
    /// Only tell what would come of it
    #[arg(long)]
    dry_run: bool,
    /// Who imports, kept with the revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why, kept with the revision
    #[arg(long, default_value = "assay canvas import", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Import {
    pub async fn run(self) -> anyhow::Result<Done> {
        let text = text_of(&self.file)?;
        let format = format_of(&self.file).map_or(0, Format::outward);
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::ImportCanvasRequest {
            source: Some(Source::Content(text)),
            format,
            canvas_id: self.id,
            replace: self.replace,
            validate_only: self.dry_run,
            change: Some(pb::Change { author: self.author, reason: self.reason }),
            ..Default::default()
        };
        let answer = clients.canvases().import_canvas(request).await?.into_inner();
        answer.remarks.iter().for_each(|remark| eprintln!("{}: {}", self.file, plain(remark)));
        answer.changes.iter().for_each(|change| outln!("{}", plain(&change.words)));
        print(&answer.diagnostics);
        let canvas = answer.canvas.unwrap_or_default();
        let done = if self.dry_run { "nothing was written" } else { "stored" };
        outln!("{} (revision {}): {done}", canvas.name, canvas.revision);
        Ok(Done::Well)
    }
}

#[derive(Args)]
#[command(after_help = "\
Exit code 3 if the format can't hold all of the canvas: what is left out is told.

Examples:
  assay canvas export canvases/acme > acme.yaml
  assay canvas export canvases/acme@3 --format json
  assay canvas export acme.yaml --format bmml --out acme.bmml")]
pub struct Export {
    /// A canvas of a server, with @revision for a former one, or a file
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// The format [default: as the file's name says, else yaml]
    #[arg(long)]
    format: Option<FormatArg>,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    Yaml,
    Json,
    Bmml,
}

impl Export {
    pub async fn run(self) -> anyhow::Result<Done> {
        let canvas = load(&self.canvas, &self.server.server).await?;
        let named = self.out.as_ref().and_then(|path| format_of(&path.display().to_string()));
        let format = match self.format {
            Some(FormatArg::Yaml) => Format::Yaml,
            Some(FormatArg::Json) => Format::Json,
            Some(FormatArg::Bmml) => Format::Bmml,
            None => named.filter(|format| *format != Format::Outline).unwrap_or(Format::Yaml),
        };
        let mut dropped = Vec::new();
        let text = document::write(&canvas, format, &mut dropped)?;
        match &self.out {
            Some(path) => {
                std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))?
            }
            None => out!("{text}"),
        }
        for what in &dropped {
            eprintln!("the format can't hold: {what}");
        }
        Ok(if dropped.is_empty() { Done::Well } else { Done::Partly })
    }
}
