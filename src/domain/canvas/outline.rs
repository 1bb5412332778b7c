//! Canvases as people jot them down: headings that name blocks, in any of the five languages, and a line for each entry.
//!
//! ```text
//! # Acme
//! ## Value Propositions
//! - A third less driving
//! ## Customer Segments
//! - Small workshops
//!   - Waiting for money
//! ```

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;

use super::bmml::{canvas, note};
use super::edit::new_segment;
use super::{Block, Canvas, CanvasKind};
use crate::domain::check::Checker;
use crate::domain::labels::{self, LANGUAGES};
use crate::domain::name::{CanvasName, Id};
use crate::domain::segment::{Need, NeedKind, SegmentContent};

/// Other names for blocks: slips of translators, which are understood and told of, and short forms.
const ALIASES: [(&str, &str, Option<&str>); 28] = [
    // Mistranslations and variants, with their language.
    ("Kênh truyền hình", "Channels", Some("vi")),
    ("Những nguồn doanh thu", "Revenue Streams", Some("vi")),
    ("Nguồn doanh thu", "Revenue Streams", Some("vi")),
    ("Tài nguyên chính", "Key Resources", Some("vi")),
    ("Quan hệ đối tác quan trọng", "Key Partnerships", Some("vi")),
    ("客户群", "Customer Segments", Some("zh")),
    ("渠道", "Channels", Some("zh")),
    ("收入流", "Revenue Streams", Some("zh")),
    ("关键资源", "Key Resources", Some("zh")),
    ("主要活动", "Key Activities", Some("zh")),
    ("主要合作伙伴", "Key Partnerships", Some("zh")),
    ("عروض القيمة", "Value Propositions", Some("ar")),
    ("علاقات العملاء", "Customer Relationships", Some("ar")),
    ("مصادر الدخل", "Revenue Streams", Some("ar")),
    ("الأنشطة الأساسية", "Key Activities", Some("ar")),
    ("Flussi di reddito", "Revenue Streams", Some("it")),
    ("Collaborazioni chiave", "Key Partnerships", Some("it")),
    // Short forms that mean nothing else.
    ("Value Proposition", "Value Propositions", None),
    ("Customer Segment", "Customer Segments", None),
    ("Segments", "Customer Segments", None),
    ("Key Partners", "Key Partnerships", None),
    ("Partners", "Key Partnerships", None),
    ("Revenue", "Revenue Streams", None),
    ("Costs", "Cost Structure", None),
    ("Resources", "Key Resources", None),
    ("Activities", "Key Activities", None),
    ("Relationships", "Customer Relationships", None),
    ("UVP", "Unique Value Proposition", None),
];

/// What is said of a name of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub block: Block,
    /// The language that has this name.
    pub language: Option<&'static str>,
    /// What to write instead, where the name is a slip.
    pub instead: Option<&'static str>,
}

/// The block of a name in one of the languages, whatever its case and form.
pub fn block_named(name: &str) -> Option<Named> {
    let wanted = plain(name);
    let blocks = [CanvasKind::BusinessModel, CanvasKind::Lean].into_iter().flat_map(CanvasKind::blocks);
    let titled = |title: &str| blocks.clone().find(|block| block.title() == title);
    for block in blocks.clone() {
        let known =
            LANGUAGES.into_iter().find(|language| plain(labels::label(language, block.title())) == wanted);
        if let Some(language) = known {
            return Some(Named { block, language: Some(language), instead: None });
        }
    }
    let (_, title, language) = ALIASES.into_iter().find(|(alias, ..)| plain(alias) == wanted)?;
    let block = titled(title)?;
    let instead = language.map(|language| labels::label(language, block.title()));
    Some(Named { block, language, instead })
}

/// Whether a name may mean a persona as well as the ideal customer profile: two of the articles use it for one each.
pub fn is_ambiguous(name: &str) -> bool {
    ["chân dung khách hàng", "customer portrait"].map(plain).contains(&plain(name))
}

/// What to ask of whoever writes an ambiguous name.
pub const WHICH: &str = "may mean a persona, who is a person and belongs to a segment, or the ideal customer profile (ICP), \
                         which describes companies: say which, and add it as a persona or as a profile";

/// A name in one form: composed, small, without marks around it.
fn plain(name: &str) -> String {
    let composed: String = name.nfkc().collect::<String>().to_lowercase();
    let trimmed = composed.trim_matches(|c: char| !c.is_alphanumeric());
    trimmed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads an outline; notes what is wrong with it by its lines, and tells in `remarks` which names were taken for which.
pub fn read(c: &mut Checker, name: &CanvasName, text: &str, remarks: &mut Vec<String>) -> Canvas {
    let mut canvas = canvas(name, String::new());
    let mut found = Vec::new();
    let mut languages: BTreeMap<&str, usize> = BTreeMap::new();
    // What stands under a heading that was not understood is passed over: the heading is told of.
    let mut block: Option<Option<Block>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('>') || trimmed.starts_with("<!--") {
            continue;
        }
        let depth = line.len() - line.trim_start().len();
        if let Some(entry) = entry(trimmed) {
            match block {
                Some(Some(block)) => found.push((block, depth, entry)),
                Some(None) => {}
                None => c.wrong_field(format!("line {number}"), "stands before the first name of a block"),
            }
            continue;
        }
        let is_title = trimmed.starts_with("# ") && canvas.content.display_name.is_empty();
        let heading = trimmed.trim_start_matches('#').trim().trim_end_matches([':', '：']).trim();
        if is_ambiguous(heading) {
            c.wrong_field(format!("line {number}"), format!("\"{heading}\" {WHICH}"));
            block = Some(None);
            continue;
        }
        match block_named(heading) {
            Some(named) => {
                block = Some(Some(named.block));
                *languages.entry(named.language.unwrap_or("en")).or_default() += 1;
                if let Some(instead) = named.instead {
                    remarks.push(format!(
                        "line {number}: \"{heading}\" is understood as {} (\"{instead}\")",
                        named.block.title()
                    ));
                }
            }
            None if is_title => canvas.content.display_name = heading.to_owned(),
            None => {
                block = Some(None);
                let titles: Vec<&str> = [CanvasKind::BusinessModel, CanvasKind::Lean]
                    .into_iter()
                    .flat_map(CanvasKind::blocks)
                    .map(Block::title)
                    .collect();
                let help = c.suggestion(heading, titles.iter().copied());
                c.wrong_field(
                    format!("line {number}"),
                    format!("\"{heading}\" is no block of a canvas; {help}"),
                );
            }
        }
    }
    if let Some((language, _)) = languages.iter().max_by_key(|(_, count)| **count) {
        canvas.content.language = (*language).to_owned();
    }
    let only_lean = |block: &Block| !CanvasKind::BusinessModel.blocks().contains(block);
    if found.iter().any(|(block, ..)| only_lean(block)) {
        canvas.content.kind = CanvasKind::Lean;
    }
    if canvas.content.display_name.is_empty() {
        canvas.content.display_name = name.canvas.to_string();
    }
    fill(&mut canvas, found);
    canvas
}

/// The text of a line that is an entry, as `- text`, `* text` or `1. text`.
fn entry(line: &str) -> Option<&str> {
    let bullet = ["- ", "* ", "+ ", "• ", "・", "– "].iter().find_map(|mark| line.strip_prefix(mark));
    let numbered = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix(['.', ')']).filter(|_| rest.len() < line.len())?;
        rest.strip_prefix(' ')
    };
    bullet.or_else(numbered).map(str::trim).filter(|text| !text.is_empty())
}

fn fill(canvas: &mut Canvas, found: Vec<(Block, usize, &str)>) {
    let mut last: Option<(usize, Id)> = None;
    for (block, depth, text) in found {
        let text = text.trim_start_matches("**").trim_end_matches("**").to_owned();
        if block != Block::CustomerSegments {
            if let Ok(id) = format!("note-{}", canvas.content.notes.len() + 1).parse() {
                canvas.content.notes.push(note(id, block, text));
            }
            continue;
        }
        // What is further in belongs to the segment above it.
        let under = last.as_ref().filter(|(above, _)| depth > *above).map(|(_, id)| id.clone());
        if let Some(segment) = under.and_then(|id| canvas.segments.get_mut(&id)) {
            let needs = &mut segment.content.needs;
            if let Ok(id) = format!("need-{}", needs.len() + 1).parse() {
                needs.push(Need { id, kind: NeedKind::Need, text, intensity: None });
            }
            continue;
        }
        if let Ok(id) = format!("segment-{:03}", canvas.segments.len() + 1).parse::<Id>() {
            let content = SegmentContent { display_name: text, ..Default::default() };
            canvas.segments.insert(id.clone(), new_segment(content));
            last = Some((depth, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Canvas, Vec<String>, Vec<String>) {
        let mut c = Checker::at("");
        let mut remarks = Vec::new();
        let canvas = read(&mut c, &"canvases/a".parse().unwrap(), text, &mut remarks);
        let wrong = c.finish(()).err().map(|found| found.0).unwrap_or_default();
        (canvas, remarks, wrong.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_name_of_a_block_is_understood_in_every_language() {
        for block in [CanvasKind::BusinessModel, CanvasKind::Lean].into_iter().flat_map(CanvasKind::blocks) {
            for language in LANGUAGES {
                let title = labels::label(language, block.title());
                let named = block_named(&format!("  {}: ", title.to_uppercase())).unwrap();
                assert_eq!((named.block, named.instead), (block, None), "{title}");
            }
        }
        for (alias, title, language) in ALIASES {
            let named = block_named(alias).unwrap();
            assert_eq!(
                (named.block.title(), named.instead.is_some()),
                (title, language.is_some()),
                "{alias}"
            );
        }
    }

    #[test]
    fn a_translator_s_slips_are_understood_and_told_of() {
        let text = "# Phở Nhanh\n\n## Kênh truyền hình\n- Cửa hàng\n1. Ứng dụng\n\n## Phân khúc khách hàng\n- Dân văn phòng\n  - Ăn trưa nhanh\n- Gia đình\n";
        let (canvas, remarks, wrong) = read_text(text);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(remarks, ["line 3: \"Kênh truyền hình\" is understood as Channels (\"Kênh\")"]);
        assert_eq!(
            (canvas.content.display_name.as_str(), canvas.content.language.as_str()),
            ("Phở Nhanh", "vi")
        );
        let notes: Vec<_> =
            canvas.content.notes.iter().map(|note| (note.block, note.text.as_str())).collect();
        assert_eq!(notes, [(Block::Channels, "Cửa hàng"), (Block::Channels, "Ứng dụng")]);
        let segments: Vec<_> = canvas
            .segments
            .values()
            .map(|segment| (segment.content.display_name.as_str(), segment.content.needs.len()))
            .collect();
        assert_eq!(segments, [("Dân văn phòng", 1), ("Gia đình", 0)]);
    }

    #[test]
    fn a_portrait_is_asked_about_and_what_is_no_block_is_told() {
        let (_, _, wrong) = read_text("- early\n## Chân dung khách hàng\n- An\n## Chanels\n- x\n");
        assert_eq!(wrong.len(), 3, "{wrong:#?}");
        assert!(
            wrong[1].contains("line 2") && wrong[1].contains("persona") && wrong[1].contains("ICP"),
            "{wrong:?}"
        );
        assert!(wrong[2].contains("did you mean \"Channels\"?"), "{wrong:?}");
    }
}
