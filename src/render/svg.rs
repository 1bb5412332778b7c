//! Writing SVG.

use std::fmt::Write as _;

use super::measure::Weight;
use super::wrap::Line;

/// What a drawing is made of so far.
pub struct Svg {
    out: String,
}

/// Where a line of text stands.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// Where it begins; where it ends, in a picture that runs from right to left.
    pub x: f64,
    /// Its baseline.
    pub y: f64,
    pub size: f64,
    pub weight: Weight,
    pub fill: &'a str,
    /// Whether the picture runs from right to left.
    pub rtl: bool,
    /// Whether the text is put together by us, and so runs as the picture does, whatever letter it begins with.
    pub ours: bool,
}

/// A number without the noise of binary fractions.
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text within XML: what XML can't hold is left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            // Marks that turn the direction of what follows stay within their line.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a text runs from right to left: its first letter with a direction tells.
pub fn is_rtl(text: &str) -> Option<bool> {
    use unicode_bidi::BidiClass::{AL, L, R};
    text.chars().find_map(|c| match unicode_bidi::bidi_class(c) {
        L => Some(false),
        R | AL => Some(true),
        _ => None,
    })
}

impl Svg {
    /// A picture with what a reader of the screen says of it.
    pub fn new(width: f64, height: f64, language: &str, title: &str, description: &str) -> Self {
        let (w, h) = (number(width), number(height));
        let mut out = String::new();
        _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"t d\" xml:lang=\"{language}\" lang=\"{language}\" \
             font-family=\"'DejaVu Sans','Noto Sans','Noto Sans SC','Noto Sans CJK SC','Noto Sans Arabic',Verdana,sans-serif\">\n\
             <title id=\"t\">{}</title>\n<desc id=\"d\">{}</desc>\n",
            escape(title),
            escape(description),
            language = escape(language),
        );
        Self { out }
    }

    pub fn rect(
        &mut self,
        (x, y, width, height): (f64, f64, f64, f64),
        radius: f64,
        fill: &str,
        stroke: &str,
    ) {
        let round = if radius > 0.0 { format!(" rx=\"{}\"", number(radius)) } else { String::new() };
        let stroke = if stroke.is_empty() { String::new() } else { format!(" stroke=\"{stroke}\"") };
        let [x, y, width, height] = [x, y, width, height].map(number);
        _ = writeln!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{round} fill=\"{fill}\"{stroke}/>"
        );
    }

    /// Begins a group that is read out as one.
    pub fn begin(&mut self, label: &str) {
        _ = writeln!(self.out, "<g role=\"group\" aria-label=\"{}\">", escape(label));
    }

    pub fn end(&mut self) {
        self.out.push_str("</g>\n");
    }

    /// A line of text as wide as it was measured, whatever font it is shown in.
    pub fn text(&mut self, line: &Line, spot: Spot) {
        let Spot { x, y, size, weight, fill, rtl, ours } = spot;
        let own = if ours { rtl } else { line.rtl.unwrap_or(rtl) };
        // `start` is where the text itself begins, which is at the right for one that runs to the left.
        let anchor = if own == rtl { "start" } else { "end" };
        let direction = if own { "rtl" } else { "ltr" };
        let bold = if weight == Weight::Bold { " font-weight=\"bold\"" } else { "" };
        _ = writeln!(
            self.out,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{bold} fill=\"{fill}\" direction=\"{direction}\" unicode-bidi=\"isolate\" \
             text-anchor=\"{anchor}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
            number(x),
            number(y),
            number(size),
            number(line.width),
            escape(&line.text)
        );
    }

    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

/// The brightness of a colour `#rrggbb` as WCAG 2 reckons it (relative luminance), 0 to 1.
fn luminance(color: &str) -> f64 {
    let part = |at: usize| {
        let byte = color.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
        let value = f64::from(byte) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { libm::pow((value + 0.055) / 1.055, 2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

/// The contrast of two colours as WCAG 2 reckons it, 1 to 21.
pub fn contrast(one: &str, other: &str) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Black or white, whichever is read better on a colour.
pub fn readable_on(color: &str) -> &'static str {
    if contrast(color, "#000000") >= contrast(color, "#ffffff") { "#000000" } else { "#ffffff" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_any_colour_can_be_read() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        for red in (0..=255).step_by(17) {
            for green in (0..=255).step_by(17) {
                let color = format!("#{red:02x}{green:02x}80");
                assert!(contrast(&color, readable_on(&color)) >= 4.5, "{color}");
            }
        }
    }

    #[test]
    fn nothing_that_people_write_leaves_its_text() {
        assert_eq!(escape("a<b>&\"'\u{0}\u{202e}\n"), "a&lt;b&gt;&amp;&quot;&#39; ");
        assert_eq!((is_rtl("3 عملاء"), is_rtl("CRM عملاء"), is_rtl("12 %")), (Some(true), Some(false), None));
    }
}
