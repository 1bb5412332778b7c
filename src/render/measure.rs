//! How wide texts are, by shaping them with DejaVu Sans: it has the letters of all languages here but the Chinese ones, which
//! are one em wide in every font, since they are drawn on a square.

use std::collections::HashMap;
use std::sync::LazyLock;

use harfrust::{Buffer, Font, ShapeOptions, ShaperFont, shape};
use unicode_width::UnicodeWidthChar as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    Regular,
    Bold,
}

static REGULAR: LazyLock<Option<Font>> = LazyLock::new(|| Font::new(dejavu::sans::regular(), 0));
static BOLD: LazyLock<Option<Font>> = LazyLock::new(|| Font::new(dejavu::sans::bold(), 0));

/// Measures texts, each only once.
#[derive(Default)]
pub struct Measure {
    known: HashMap<(String, Weight), f64>,
}

impl Measure {
    /// The width of a text in em.
    pub fn width(&mut self, text: &str, weight: Weight) -> f64 {
        if text.is_empty() {
            return 0.0;
        }
        if let Some(known) = self.known.get(&(text.to_owned(), weight)) {
            return *known;
        }
        let width = shaped(text, weight);
        self.known.insert((text.to_owned(), weight), width);
        width
    }
}

/// What is as wide as a square, and what is half as wide: for letters that the font does not have.
fn square(c: char) -> f64 {
    match c.width() {
        Some(0) | None => 0.0,
        Some(1) => 0.6,
        Some(_) => 1.0,
    }
}

fn shaped(text: &str, weight: Weight) -> f64 {
    let font = match weight {
        Weight::Regular => REGULAR.as_ref(),
        Weight::Bold => BOLD.as_ref(),
    };
    let Some(font) = font else { return text.chars().map(square).sum() };
    let shaper = ShaperFont::new(font);
    let scale = f64::from(font.units_per_em().max(1));
    let mut width = 0.0;
    // A run of letters that the font has, then one of those that it has not.
    let mut rest = text;
    while !rest.is_empty() {
        let has = |c: char| {
            c.width() != Some(2) && (c.is_control() || shaper.nominal_glyph(u32::from(c)).is_some())
        };
        let first = rest.chars().next().is_some_and(has);
        let end = rest.find(|c| has(c) != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if !first {
            width += run.chars().map(square).sum::<f64>();
            continue;
        }
        let mut buffer = Buffer::new();
        buffer.push_str(run);
        buffer.guess_segment_properties();
        match shape(&shaper, &mut buffer, ShapeOptions::new()) {
            Ok(()) => {
                let units: i64 =
                    buffer.glyph_positions().iter().map(|glyph| i64::from(glyph.x_advance)).sum();
                width += units as f64 / scale;
            }
            Err(_) => width += run.chars().map(square).sum::<f64>(),
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        let mut measure = Measure::default();
        let mut width = |text: &str| (measure.width(text, Weight::Regular) * 1000.0).round() / 1000.0;
        // The advances of DejaVu Sans 2.37 in its 2,048 units: i has 569, m 1,995.
        assert_eq!(width("i"), 0.278);
        assert_eq!(width("m"), 0.974);
        assert_eq!(width("客户"), 2.0);
        assert_eq!(width("客m"), 1.974);
        // Marks stand above their letters, and Arabic letters join.
        assert_eq!(width("ệ"), width("e"));
        assert!(width("العملاء") < 7.0 * width("ا") + 4.0 && width("العملاء") > 1.0);
        assert!(measure.width("m", Weight::Bold) > 0.974);
    }
}
