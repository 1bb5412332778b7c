use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::source::{now, parse, show, summary, write_new};
use crate::cli::Done;
use crate::cli::output::outln;
use crate::domain::canvas::templates::{TEMPLATES, Template};
use crate::domain::labels::LANGUAGES;
use crate::domain::name::CanvasName;
use crate::domain::text::suggestion;
use crate::grpc::document::{self, Format};
use crate::render::{Style, picture};

#[derive(Args)]
#[command(after_help = "\
The file holds the canvas with three segments, their personas and relationship plans. It needs no server.

Examples:
  assay canvas new --template b2b --lang vi
  assay canvas new --template clinic --out clinics/north && assay apply clinics/north.yaml")]
pub struct New {
    /// Which business: b2b (software), ecommerce or clinic
    #[arg(long, default_value = "b2b", value_name = "ID")]
    template: String,
    /// The language of its texts: en, vi, zh, ar or it
    #[arg(long, default_value = "en", value_name = "LANG")]
    lang: String,
    /// The last part of the canvas's name [default: the template's id]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Where to write it, without ending [default: the canvas's id, here]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

impl New {
    pub fn run(self) -> anyhow::Result<Done> {
        let template = Template::find(&self.template).with_context(|| {
            let known = TEMPLATES.map(|template| template.id);
            format!("there is no template \"{}\"; {}", self.template, suggestion(&self.template, known))
        })?;
        anyhow::ensure!(
            LANGUAGES.contains(&self.lang.as_str()),
            "there is no language \"{}\"; known are {}",
            self.lang,
            LANGUAGES.join(", ")
        );
        let id = self.id.as_deref().unwrap_or(template.id);
        let name =
            CanvasName { canvas: id.parse().map_err(|error| anyhow::anyhow!("--id: \"{id}\" {error}"))? };
        let (canvas, _) = parse(template.text(&self.lang), Some(Format::Yaml), Some(&name))?;
        let out = self.out.unwrap_or_else(|| PathBuf::from(id));
        let with = |ending: &str| {
            let mut path = out.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        let (file, drawn) = (with(".yaml"), with(".svg"));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let style = Style { language: &canvas.content.language, ..Style::default() };
        let drawing = picture(&canvas, style, now());
        write_new(&file, &document::write(&canvas, Format::Yaml, &mut Vec::new())?, self.force)?;
        write_new(&drawn, &drawing.svg, self.force)?;
        let found = canvas.lint(now(), &BTreeMap::new());
        let doubtful = show(&found, &canvas.content.language);
        outln!(
            "{}: {} notes, {} segments; {}",
            file.display(),
            canvas.content.notes.len(),
            canvas.segments.len(),
            summary(&found)
        );
        outln!("{}: its picture", drawn.display());
        outln!(
            "next: edit the file, `assay canvas lint {0}`, and `assay apply {0}` to store it",
            file.display()
        );
        Ok(if doubtful { Done::No } else { Done::Well })
    }
}
