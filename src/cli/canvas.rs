use clap::{Args, Subcommand};

use super::Done;
use super::connect::{Clients, ServerArg};
use super::table::bold;
use crate::cli::output::out;
use crate::domain::canvas::CanvasKind;
use crate::grpc::convert::WireEnum as _;
use crate::grpc::pb;

#[derive(Subcommand)]
pub enum Canvas {
    /// Show a canvas block by block
    Show(Show),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay canvas show canvases/acme")]
pub struct Show {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Canvas {
    pub async fn run(self) -> anyhow::Result<Done> {
        let Canvas::Show(show) = self;
        let clients = Clients::connect(&show.server.server).await?;
        let request = pb::GetCanvasRequest { name: show.canvas.clone(), ..Default::default() };
        let canvas = clients.canvases().get_canvas(request).await?.into_inner();
        let mut segments = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = pb::ListSegmentsRequest {
                parent: show.canvas.clone(),
                page_size: 1_000,
                page_token,
                ..Default::default()
            };
            let page = clients.segments().list_segments(request).await?.into_inner();
            segments.extend(page.segments);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        out!("{}", render(&canvas, &segments));
        Ok(Done::Well)
    }
}

/// The canvas as text: its blocks in reading order, each note with what it is linked to.
pub fn render(canvas: &pb::Canvas, segments: &[pb::Segment]) -> String {
    let deleted = if canvas.delete_time.is_some() { ", deleted" } else { "" };
    let head = format!("{} ({}, revision {}{deleted})", canvas.display_name, canvas.name, canvas.revision);
    let mut out = format!("{}\n", bold(&head));
    let kind = CanvasKind::inward(canvas.kind).ok().flatten().unwrap_or(CanvasKind::BusinessModel);
    for block in kind.blocks() {
        out += &format!("\n{}\n", bold(block.title()));
        let mut empty = true;
        if block == crate::domain::canvas::Block::CustomerSegments {
            for segment in segments {
                empty = false;
                out += &format!("  · {}{}\n", segment.display_name, size(segment, &canvas.size_unit));
            }
        }
        for note in canvas.notes.iter().filter(|note| note.block == block.outward()) {
            empty = false;
            out += &format!("  · {}\n", note.text);
            for link in canvas.links.iter().filter(|link| link.from == note.id) {
                out += &format!("      {} {}\n", verb(link.kind()), target(canvas, segments, &link.to));
            }
        }
        if empty {
            out += "  (nothing yet)\n";
        }
    }
    out += "\nThe Business Model Canvas is by Strategyzer (strategyzer.com), CC BY-SA 3.0.\n";
    out
}

fn size(segment: &pb::Segment, unit: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    segment.size.map(|size| format!(" ({size}{unit})")).unwrap_or_default()
}

fn target(canvas: &pb::Canvas, segments: &[pb::Segment], to: &str) -> String {
    let note = canvas.notes.iter().find(|note| note.id == to).map(|note| note.text.clone());
    let segment =
        segments.iter().find(|segment| segment.name == to).map(|segment| segment.display_name.clone());
    note.or(segment).unwrap_or_else(|| to.to_owned())
}

fn verb(kind: pb::LinkKind) -> &'static str {
    match kind {
        pb::LinkKind::Serves => "serves",
        pb::LinkKind::Reaches => "reaches",
        pb::LinkKind::Relates => "relates to",
        pb::LinkKind::PaidBy => "is paid by",
        pb::LinkKind::PaidFor => "is paid for",
        pb::LinkKind::Supplies => "supplies",
        pb::LinkKind::Needs => "needs",
        pb::LinkKind::Costs => "costs",
        pb::LinkKind::Concerns => "concerns",
        pb::LinkKind::Solves => "solves",
        pb::LinkKind::Unspecified => "→",
    }
}
