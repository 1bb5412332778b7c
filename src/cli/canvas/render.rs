use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::source::{load, now};
use crate::cli::Done;
use crate::cli::connect::ServerArg;
use crate::cli::output::out;
use crate::render::{Paper, Style, Theme, html, markdown, picture};

#[derive(Args)]
#[command(after_help = "\
Exit code 3 if not all had room in the picture: what was left out is told.

Examples:
  assay canvas render canvases/acme --out acme.svg
  assay canvas render acme.yaml --lang ar --theme dark --out acme.svg
  assay canvas render canvases/acme --paper a3 --out acme.html
  assay canvas render acme.yaml --format markdown")]
pub struct Render {
    /// A canvas of a server, or a file
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What to write [default: as the file's name says, else svg]
    #[arg(long)]
    format: Option<Format>,
    /// The language of the headings: en, vi, zh, ar or it [default: the canvas's]
    #[arg(long, default_value = "", value_name = "LANG")]
    lang: String,
    /// The paper, in landscape
    #[arg(long, default_value = "a4")]
    paper: PaperArg,
    /// The colours
    #[arg(long, default_value = "light")]
    theme: ThemeArg,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Svg,
    Html,
    Markdown,
}

#[derive(Clone, Copy, ValueEnum)]
enum PaperArg {
    A4,
    A3,
}

#[derive(Clone, Copy, ValueEnum)]
enum ThemeArg {
    Light,
    Dark,
}

impl Render {
    pub async fn run(self) -> anyhow::Result<Done> {
        let canvas = load(&self.canvas, &self.server.server).await?;
        let language = if self.lang.is_empty() { &canvas.content.language } else { &self.lang };
        let style = Style {
            language,
            paper: match self.paper {
                PaperArg::A4 => Paper::A4,
                PaperArg::A3 => Paper::A3,
            },
            theme: match self.theme {
                ThemeArg::Light => Theme::Light,
                ThemeArg::Dark => Theme::Dark,
            },
        };
        let ending = self.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
        let format = self.format.unwrap_or(match ending {
            Some("html" | "htm") => Format::Html,
            Some("md" | "markdown") => Format::Markdown,
            _ => Format::Svg,
        });
        let drawn = picture(&canvas, style, now());
        let text = match format {
            Format::Svg => drawn.svg.clone(),
            Format::Html => html(&canvas, style, now()),
            Format::Markdown => markdown(&canvas, style),
        };
        match &self.out {
            Some(path) => {
                std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))?
            }
            None => out!("{text}"),
        }
        if matches!(format, Format::Markdown) || drawn.overflow.is_empty() {
            return Ok(Done::Well);
        }
        for block in &drawn.overflow {
            eprintln!(
                "no room in {} for all of: {}; --paper a3 has more, and --format markdown shows everything",
                block.block.title(),
                block.entries.join(", ")
            );
        }
        Ok(Done::Partly)
    }
}
