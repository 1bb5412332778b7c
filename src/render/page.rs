//! A canvas as text for people: Markdown, and a page of HTML that needs nothing else.

use std::fmt::Write as _;

use super::canvas::{picture, range};
use super::svg::escape;
use super::{Style, credit};
use crate::domain::canvas::{Block, Canvas, LinkEnd};
use crate::domain::labels::label;
use crate::domain::segment::FacetKind;
use crate::domain::time::Time;

/// A canvas in Markdown: its blocks as headings, which can be read back as an outline.
pub fn markdown(canvas: &Canvas, style: Style) -> String {
    let of = |text: &str| label(style.language, text).to_owned();
    let mut out = format!("# {}\n", line(&canvas.content.display_name));
    for block in canvas.content.kind.blocks() {
        _ = write!(out, "\n## {}\n\n", of(block.title()));
        if block == Block::CustomerSegments {
            for segment in canvas.segments.values() {
                _ = writeln!(out, "- {}", line(&segment.content.display_name));
                for need in &segment.content.needs {
                    _ = writeln!(out, "  - {}", line(&need.text));
                }
            }
        }
        for note in canvas.content.notes.iter().filter(|note| note.block == block) {
            let amount =
                note.amount.as_ref().map(|amount| format!(" ({})", range(amount))).unwrap_or_default();
            _ = writeln!(out, "- {}{amount}", line(&note.text));
        }
    }
    _ = write!(out, "\n> {}\n", credit(canvas.content.kind));
    out
}

/// A text in one line, without what Markdown would take for its own.
fn line(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(joined.len());
    for c in joined.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A page with the picture and all that is behind it.
pub fn html(canvas: &Canvas, style: Style, now: Time) -> String {
    let of = |text: &str| label(style.language, text).to_owned();
    let dir = if style.is_rtl() { "rtl" } else { "ltr" };
    let name = escape(&canvas.content.display_name);
    let colors = style.theme.colors();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"{dir}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n<style>\n\
         body{{font-family:'DejaVu Sans','Noto Sans',Verdana,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;\
         background:{};color:{}}}\nsvg{{max-width:100%;height:auto}}\ntable{{border-collapse:collapse;width:100%}}\n\
         th,td{{border:1px solid {};padding:.3rem .5rem;text-align:start;vertical-align:top}}\n\
         footer{{color:{};margin-top:2rem}}\n</style>\n</head>\n<body>\n<h1><bdi>{name}</bdi></h1>\n<figure>\n",
        escape(style.language),
        colors.paper,
        colors.text,
        colors.line,
        colors.muted,
    );
    let drawn = picture(canvas, style, now);
    out += &drawn.svg;
    out += "</figure>\n";
    for (id, segment) in &canvas.segments {
        let content = &segment.content;
        _ = writeln!(out, "<h2><bdi>{}</bdi></h2>", escape(&content.display_name));
        if !content.needs.is_empty() {
            out += "<ul>\n";
            for need in &content.needs {
                _ = writeln!(out, "<li>{}: <bdi>{}</bdi></li>", of(need.kind.title()), escape(&need.text));
            }
            out += "</ul>\n";
        }
        let serving = canvas.serving(id);
        let names = canvas.content.notes.iter().filter(|note| serving.contains(&note.id));
        let names: Vec<String> = names.map(|note| format!("<bdi>{}</bdi>", escape(&note.text))).collect();
        if !names.is_empty() {
            _ = writeln!(out, "<p>{}: {}</p>", of("Value Propositions"), names.join("; "));
        }
        if !content.relationship_plan.is_empty() {
            _ = writeln!(out, "<table>\n<caption>{}</caption>", of("relationship"));
            for kind in FacetKind::ALL {
                let facet = content.relationship_plan.get(&kind);
                let status = facet.map_or("missing", |facet| facet.status(now).title());
                let said = facet.map(|facet| facet.content.as_str()).unwrap_or_default();
                _ = writeln!(
                    out,
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td><bdi>{}</bdi></td></tr>",
                    of(kind.title()),
                    of(status),
                    escape(said)
                );
            }
            out += "</table>\n";
        }
        for persona in segment.personas.values().map(|persona| &persona.content) {
            let told = [&persona.traits, &persona.goals, &persona.pains].into_iter().flatten();
            let told: Vec<String> = told.map(|text| format!("<bdi>{}</bdi>", escape(text))).collect();
            let name = escape(&persona.display_name);
            _ = writeln!(out, "<p>{}: <bdi>{name}</bdi>. {}</p>", of("persona"), told.join("; "));
        }
    }
    // What the picture has no room for stands below it.
    for left_out in &drawn.overflow {
        _ = writeln!(out, "<h2>{}</h2>\n<ul>", of(left_out.block.title()));
        for note in canvas.content.notes.iter().filter(|note| left_out.entries.contains(&note.id.to_string()))
        {
            _ = writeln!(out, "<li><bdi>{}</bdi></li>", escape(&note.text));
        }
        out += "</ul>\n";
    }
    out += &links(canvas, style);
    _ = write!(out, "<footer>{}</footer>\n</body>\n</html>\n", credit(canvas.content.kind));
    out
}

fn links(canvas: &Canvas, style: Style) -> String {
    if canvas.content.links.is_empty() {
        return String::new();
    }
    let note = |id: &crate::domain::name::Id| {
        let found = canvas.content.notes.iter().find(|note| note.id == *id);
        found.map_or_else(|| id.to_string(), |note| note.text.clone())
    };
    let mut out = String::from("<table>\n");
    for link in &canvas.content.links {
        let to = match &link.to {
            LinkEnd::Note(id) => note(id),
            LinkEnd::Segment(name) => canvas
                .segments
                .get(&name.segment)
                .map_or_else(|| name.to_string(), |segment| segment.content.display_name.clone()),
        };
        _ = writeln!(
            out,
            "<tr><td><bdi>{}</bdi></td><td>{}</td><td><bdi>{}</bdi></td></tr>",
            escape(&note(&link.from)),
            label(style.language, link.kind.title()),
            escape(&to)
        );
    }
    out + "</table>\n"
}
