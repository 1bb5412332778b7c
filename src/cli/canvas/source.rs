//! A canvas of a server or of a file.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::cli::connect::Clients;
use crate::cli::output::outln;
use crate::cli::table::{coloured, counted, plain};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::lint::{Diagnostic, Severity};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id};
use crate::domain::time::Time;
use crate::grpc::document::{self, Format};
use crate::grpc::pb;

/// Whether a word names a canvas of a server, or a file.
pub fn is_name(word: &str) -> bool {
    word.starts_with("canvases/") && !Path::new(word).exists()
}

pub fn now() -> Time {
    use crate::app::{Clock as _, SystemClock};
    SystemClock.now()
}

/// The canvas that is named, whole. Names of a server may end with `@revision`.
pub async fn load(word: &str, server: &str) -> anyhow::Result<Canvas> {
    if !is_name(word) {
        return read(word);
    }
    let (name, revision) = split(word)?;
    let clients = Clients::connect(server).await?;
    let request =
        pb::ExportCanvasRequest { name: name.clone(), revision, format: pb::CanvasFormat::Json as i32 };
    let exported = clients.canvases().export_canvas(request).await?.into_inner();
    let mut c = Checker::at("");
    let canvas = document::read(&mut c, &exported.content, Some(Format::Json), None, &mut Vec::new());
    let canvas =
        c.finish(canvas).map_err(anyhow::Error::msg)?.context("the server's canvas can't be read")?;
    let request = pb::GetCanvasRequest { name, revision };
    let head = clients.canvases().get_canvas(request).await?.into_inner();
    Ok(with_version(canvas, &head))
}

/// The revision and the time of a canvas, for its picture.
fn with_version(mut canvas: Canvas, head: &pb::Canvas) -> Canvas {
    canvas.version.revision = head.revision;
    let time = head.update_time.as_ref().and_then(|time| {
        Time::from_micros(time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos) / 1_000)?)
    });
    canvas.version.update_time = time.unwrap_or_default();
    canvas
}

/// `canvases/acme@3` as its name and revision; 0 is the latest.
pub fn split(word: &str) -> anyhow::Result<(String, i64)> {
    match word.split_once('@') {
        None => Ok((word.to_owned(), 0)),
        Some((name, revision)) => {
            let revision = revision.parse().with_context(|| format!("\"{revision}\" is no revision"))?;
            Ok((name.to_owned(), revision))
        }
    }
}

/// The text of a file, or of standard input.
pub fn text_of(path: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == "-" {
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
        .with_context(|| format!("{path} can't be read; a canvas of a server is named like canvases/acme"))
}

/// Reads the canvas of a file; tells which names were taken for others.
pub fn read(path: &str) -> anyhow::Result<Canvas> {
    let text = text_of(path)?;
    let (canvas, remarks) = parse(&text, format_of(path), None).with_context(|| path.to_owned())?;
    remarks.iter().for_each(|remark| eprintln!("{path}: {remark}"));
    Ok(canvas)
}

/// The format that a file's name tells, if it does.
pub fn format_of(path: &str) -> Option<Format> {
    match Path::new(path).extension()?.to_str()? {
        "bmml" => Some(Format::Bmml),
        "json" => Some(Format::Json),
        "md" | "markdown" | "txt" => Some(Format::Outline),
        _ => None,
    }
}

/// A canvas of a text, checked as a server would as far as that goes without its rules.
pub fn parse(
    text: &str,
    format: Option<Format>,
    name: Option<&CanvasName>,
) -> anyhow::Result<(Canvas, Vec<String>)> {
    let (mut c, mut remarks) = (Checker::at(""), Vec::new());
    let canvas = document::read(&mut c, text, format, name, &mut remarks);
    if let Some(canvas) = &canvas {
        c.within("canvas", |c| {
            canvas.content.check(c);
            canvas.check_references(c);
        });
    }
    let found = c.finish(canvas);
    let canvas = found.map_err(|invalid| {
        let lines: Vec<String> = invalid.0.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n  "))
    })?;
    let mut canvas = canvas.context("there is no canvas in it")?;
    if canvas.name.canvas == Id::unreadable() {
        let name = "canvases/canvas".parse::<CanvasName>()?;
        canvas = canvas.renamed(&name);
    }
    Ok((canvas, remarks))
}

/// Shows findings; gives whether one is graver than a hint.
pub fn show(found: &[Diagnostic], language: &str) -> bool {
    for one in found {
        let (code, word) = look(one.severity);
        let at = if one.path.is_empty() { String::new() } else { format!("  {}", one.path) };
        outln!(
            "{} {}{}",
            coloured(code, word),
            plain(&one.text(language)),
            coloured("2", &format!("  [{}]{at}", one.name()))
        );
        if !one.fix.is_empty() {
            outln!("        {}", coloured("2", &format!("{} would mend it", counted(one.fix.len(), "edit"))));
        }
    }
    found.iter().any(|one| one.severity > Severity::Hint)
}

fn look(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Error => ("31", "error  "),
        Severity::Warning => ("33", "warning"),
        Severity::Hint => ("36", "hint   "),
    }
}

/// `2 errors, 1 warning, 3 hints`.
pub fn summary(found: &[Diagnostic]) -> String {
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    format!(
        "{}, {}, {}",
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        counted(count(Severity::Hint), "hint")
    )
}

/// Writes a file that is not there yet, unless that is allowed.
pub fn write_new(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    if path.exists() && !force {
        bail!("{} exists already: --force replaces it", path.display());
    }
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}
