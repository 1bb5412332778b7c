//! Texts in lines of a width, broken where Unicode lets them be (UAX 14), and within a word where nothing else helps.

use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation as _;

use super::measure::{Measure, Weight};
use super::svg::is_rtl;

/// A line of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub text: String,
    /// In the unit of the font's size.
    pub width: f64,
    /// Whether the paragraph that it is a part of runs from right to left; nothing if no letter of it tells.
    pub rtl: Option<bool>,
}

/// Breaks a text into lines that are at most `most` wide at a size.
pub fn wrap(measure: &mut Measure, text: &str, weight: Weight, size: f64, most: f64) -> Vec<Line> {
    let most = (most / size).max(1.0);
    let mut lines = Vec::new();
    for paragraph in text.lines().map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let (mut line, rtl) = (String::new(), is_rtl(paragraph));
        let mut start = 0;
        for (end, _) in linebreaks(paragraph) {
            let piece = &paragraph[start..end];
            start = end;
            let (used, more) = (measure.width(&line, weight), measure.width(piece.trim_end(), weight));
            if more <= most {
                if !line.is_empty() && used + more > most {
                    push(measure, &mut lines, &mut line, rtl, weight, size);
                }
                line.push_str(piece);
                continue;
            }
            // What has room in no line begins in this one.
            for cluster in piece.graphemes(true) {
                if !line.is_empty() && measure.width(&format!("{line}{cluster}"), weight) > most {
                    push(measure, &mut lines, &mut line, rtl, weight, size);
                }
                line.push_str(cluster);
            }
        }
        push(measure, &mut lines, &mut line, rtl, weight, size);
    }
    lines
}

fn push(
    measure: &mut Measure,
    lines: &mut Vec<Line>,
    line: &mut String,
    rtl: Option<bool>,
    weight: Weight,
    size: f64,
) {
    let text = std::mem::take(line);
    let text = text.trim();
    if !text.is_empty() {
        lines.push(Line { text: text.to_owned(), width: measure.width(text, weight) * size, rtl });
    }
}

/// Shortens a line so that it ends with an ellipsis and still fits.
pub fn shorten(measure: &mut Measure, line: &Line, weight: Weight, size: f64, most: f64) -> Line {
    let mut clusters: Vec<&str> = line.text.graphemes(true).collect();
    loop {
        let text = format!("{}…", clusters.concat().trim_end());
        let width = measure.width(&text, weight) * size;
        if width <= most || clusters.pop().is_none() {
            return Line { text, width: width.min(most), rtl: line.rtl };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, most: f64) -> Vec<String> {
        let mut measure = Measure::default();
        let lines = wrap(&mut measure, text, Weight::Regular, 10.0, most);
        assert!(lines.iter().all(|line| line.width <= most + 1e-9), "{lines:?}");
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_break_between_words_and_chinese_letters_but_not_before_a_comma() {
        assert_eq!(wrapped("A third less driving", 60.0), ["A third less", "driving"]);
        assert_eq!(wrapped("客户细分，价值主张", 40.0), ["客户细", "分，价值", "主张"]);
        assert_eq!(wrapped("Donaudampfschifffahrt", 60.0).concat(), "Donaudampfschifffahrt");
        assert_eq!(wrapped("one\n\n  two", 200.0), ["one", "two"]);
    }

    #[test]
    fn nothing_of_a_text_is_lost_but_spaces() {
        for text in
            ["Chăm sóc khách hàng tận nơi mỗi ngày", "خدمة العملاء على مدار الساعة", "服务质量 and speed"]
        {
            let squeezed = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(squeezed(&wrapped(text, 45.0).concat()), squeezed(text));
        }
    }
}
