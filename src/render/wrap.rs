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

/// What a text is broken by.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub weight: Weight,
    pub size: f64,
    /// How wide a line may be.
    pub width: f64,
    /// How many lines are of use: of a longer text, this many and one more are made.
    pub lines: usize,
}

/// Breaks a text into lines.
pub fn wrap(measure: &mut Measure, text: &str, column: Column) -> Vec<Line> {
    let Column { weight, size, width, lines: most_lines } = column;
    let most = (width / size).max(1.0);
    let mut lines = Vec::new();
    for paragraph in text.lines().map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let mut line = Unfinished { text: String::new(), used: 0.0, rtl: is_rtl(paragraph) };
        let mut start = 0;
        for (end, _) in linebreaks(paragraph) {
            let piece = &paragraph[start..end];
            start = end;
            let (bare, whole) = (measure.width(piece.trim_end(), weight), measure.width(piece, weight));
            if bare <= most {
                if line.used + bare > most {
                    line.finish(measure, &mut lines, weight, size);
                }
                line.push(piece, whole);
            } else {
                // What has room in no line begins in this one.
                for cluster in piece.graphemes(true) {
                    let width = measure.width(cluster, weight);
                    if line.used + width > most {
                        line.finish(measure, &mut lines, weight, size);
                    }
                    line.push(cluster, width);
                    if lines.len() > most_lines {
                        return lines;
                    }
                }
            }
            if lines.len() > most_lines {
                return lines;
            }
        }
        line.finish(measure, &mut lines, weight, size);
    }
    lines
}

/// A line that is being filled.
struct Unfinished {
    text: String,
    /// In em: the sum of its pieces.
    used: f64,
    rtl: Option<bool>,
}

impl Unfinished {
    fn push(&mut self, piece: &str, width: f64) {
        self.text.push_str(piece);
        self.used += width;
    }

    fn finish(&mut self, measure: &mut Measure, lines: &mut Vec<Line>, weight: Weight, size: f64) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if !text.is_empty() {
            // Letters that join are narrower together, and never wider than what they were given.
            let width = measure.width(text, weight).min(self.used) * size;
            lines.push(Line { text: text.to_owned(), width, rtl: self.rtl });
        }
        self.used = 0.0;
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

    fn wrapped(text: &str, width: f64) -> Vec<String> {
        let mut measure = Measure::default();
        let column = Column { weight: Weight::Regular, size: 10.0, width, lines: 100 };
        let lines = wrap(&mut measure, text, column);
        assert!(lines.iter().all(|line| line.width <= width + 1e-9), "{lines:?}");
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn no_more_lines_are_made_than_are_of_use() {
        let column = Column { weight: Weight::Regular, size: 10.0, width: 60.0, lines: 3 };
        for text in ["a word ".repeat(1_000), "x".repeat(10_000), "客户".repeat(5_000)] {
            assert_eq!(wrap(&mut Measure::default(), &text, column).len(), 4);
        }
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
