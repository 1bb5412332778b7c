use clap::Args;

use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, moment};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay canvas log canvases/acme
  assay canvas diff canvases/acme@3 canvases/acme@4        what a revision changed")]
pub struct Log {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// How many, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1_000), value_name = "N")]
    limit: i32,
    #[command(flatten)]
    server: ServerArg,
}

impl Log {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let mut table = Table::new(&["revision", "time", "author", "reason", "notes"], &[0, 4]);
        let mut request =
            pb::ListCanvasRevisionsRequest { name: self.canvas, page_size: self.limit, ..Default::default() };
        let mut left = self.limit;
        while left > 0 {
            let page = clients.canvases().list_canvas_revisions(request.clone()).await?.into_inner();
            for canvas in page.canvases.into_iter().take(usize::try_from(left).unwrap_or(0)) {
                let pb::Change { author, reason } = canvas.change.unwrap_or_default();
                table.row([
                    canvas.revision.to_string(),
                    moment(canvas.update_time),
                    author,
                    reason,
                    canvas.notes.len().to_string(),
                ]);
                left -= 1;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        out!("{}", table.render());
        Ok(Done::Well)
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay canvas restore canvases/acme 3 --author an --reason \"the old offer sold better\"")]
pub struct Restore {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// The revision to go back to
    #[arg(value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    revision: i64,
    /// Who goes back, kept with the revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why, kept with the revision
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Restore {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::RestoreCanvasRequest {
            name: self.canvas,
            revision: self.revision,
            change: Some(pb::Change { author: self.author, reason: self.reason }),
            ..Default::default()
        };
        let canvas = clients.canvases().restore_canvas(request).await?.into_inner();
        outln!(
            "{} is at revision {}, which says what revision {} said",
            canvas.name,
            canvas.revision,
            self.revision
        );
        Ok(Done::Well)
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay canvas fork canvases/acme acme-bold --title \"Acme, the bold scenario\"
  assay canvas diff canvases/acme canvases/acme-bold")]
pub struct Fork {
    /// The canvas to copy, with @revision for a former one
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// The last part of the copy's name
    #[arg(value_name = "ID")]
    id: String,
    /// What people call the copy [default: as the original]
    #[arg(long, default_value = "", value_name = "TEXT")]
    title: String,
    /// Who copies, kept with the revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Fork {
    pub async fn run(self) -> anyhow::Result<Done> {
        let (name, revision) = super::source::split(&self.canvas)?;
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::ForkCanvasRequest {
            name,
            revision,
            canvas_id: self.id,
            display_name: self.title,
            change: Some(pb::Change { author: self.author, reason: format!("a copy of {}", self.canvas) }),
            ..Default::default()
        };
        let copy = clients.canvases().fork_canvas(request).await?.into_inner();
        outln!("{} is a copy of {} at revision {}", copy.name, copy.forked_from, copy.forked_from_revision);
        Ok(Done::Well)
    }
}
