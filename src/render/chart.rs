//! Charts beside a canvas: segments by priority, and their leads by grade.

use super::measure::{Measure, Weight};
use super::svg::{Spot, Svg, readable_on};
use super::wrap::{Column, Line, shorten, wrap};
use super::{Style, Theme};

/// A segment's bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub name: String,
    pub value: f64,
    /// The least and the most that it could be.
    pub could_be: (f64, f64),
    /// The value as people read it.
    pub text: String,
}

/// A part of a stacked bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub name: String,
    pub count: u64,
}

const WIDTH: f64 = 760.0;
const NAMES: f64 = 220.0;
const ROW: f64 = 34.0;
const SIZE: f64 = 13.0;
const MARGIN: f64 = 20.0;
const TOP: f64 = 56.0;
/// The fills of parts, in their order: told apart by brightness too.
const FILLS: [&str; 6] = ["#1b5e3f", "#4f9d69", "#d9b44a", "#b5533c", "#6b7280", "#3b4a63"];

/// What charts share: a picture with a title, and a name beside each row.
struct Chart<'a> {
    svg: Svg,
    measure: Measure,
    style: Style<'a>,
    text: &'static str,
}

impl<'a> Chart<'a> {
    fn new(style: Style<'a>, title: &str, description: &str, rows: usize, foot: f64) -> Self {
        let height = TOP + rows as f64 * ROW + MARGIN + foot;
        let (paper, text) = match style.theme {
            Theme::Light => ("#ffffff", "#16191d"),
            Theme::Dark => ("#14171b", "#eceff3"),
        };
        let mut svg = Svg::new(WIDTH, height, style.language, title, description);
        svg.rect((0.0, 0.0, WIDTH, height), 0.0, paper, "");
        let mut chart = Self { svg, measure: Measure::default(), style, text };
        // Put together by us, it runs as the picture does.
        let column = Column { weight: Weight::Bold, size: 16.0, width: WIDTH - 2.0 * MARGIN, lines: 1 };
        if let Some(first) = wrap(&mut chart.measure, title, column).first() {
            let (x, rtl) = (chart.x(MARGIN, 0.0), style.is_rtl());
            let spot =
                Spot { x, y: MARGIN + 16.0, size: 16.0, weight: Weight::Bold, fill: text, rtl, ours: true };
            chart.svg.text(first, spot);
        }
        chart
    }

    /// Where something that begins `at` and is so wide begins, in a picture that may be mirrored.
    fn x(&self, at: f64, width: f64) -> f64 {
        if self.style.is_rtl() { WIDTH - at - width } else { at }
    }

    #[expect(clippy::too_many_arguments, reason = "a line of text has so many sides")]
    fn write(&mut self, text: &str, at: f64, y: f64, size: f64, weight: Weight, most: f64, fill: &str) {
        let lines = wrap(&mut self.measure, text, Column { weight, size, width: most, lines: 1 });
        let Some(first) = lines.first() else { return };
        let line: Line = match lines.len() {
            1 => first.clone(),
            _ => shorten(&mut self.measure, first, weight, size, most),
        };
        let x = self.x(at, 0.0);
        self.svg.text(&line, Spot { x, y, size, weight, fill, rtl: self.style.is_rtl(), ours: false });
    }
}

/// Bars with the range that each could have.
pub fn bars(style: Style, title: &str, bars: &[Bar]) -> String {
    let description: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.name, bar.text)).collect();
    let mut chart = Chart::new(style, title, &description.join("; "), bars.len(), 0.0);
    let most = bars.iter().map(|bar| bar.could_be.1.max(bar.value)).fold(1e-9, f64::max);
    let room = WIDTH - NAMES - 2.0 * MARGIN - 80.0;
    let scaled = |value: f64| value.max(0.0) / most * room;
    let muted = if style.theme == Theme::Light { "#c3cad3" } else { "#4a535e" };
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + index as f64 * ROW;
        let text = chart.text;
        chart.write(&bar.name, MARGIN, y + 20.0, SIZE, Weight::Regular, NAMES - 10.0, text);
        let begin = MARGIN + NAMES;
        let (low, high) = (scaled(bar.could_be.0), scaled(bar.could_be.1));
        let width = scaled(bar.value);
        let x = chart.x(begin, width);
        chart.svg.rect((x, y + 6.0, width, ROW - 14.0), 2.0, FILLS[1], "");
        if high > low {
            let x = chart.x(begin + low, high - low);
            chart.svg.rect((x, y + ROW - 7.0, high - low, 3.0), 0.0, muted, "");
        }
        chart.write(&bar.text, begin + width.max(high) + 8.0, y + 20.0, SIZE, Weight::Bold, 70.0, text);
    }
    chart.svg.finish()
}

/// Rows of parts that make up a whole, with a legend.
pub fn stacked(style: Style, title: &str, rows: &[(String, Vec<Part>)]) -> String {
    let told = |(name, parts): &(String, Vec<Part>)| {
        let parts: Vec<String> = parts.iter().map(|part| format!("{} {}", part.name, part.count)).collect();
        format!("{name}: {}", parts.join(", "))
    };
    let description: Vec<String> = rows.iter().map(told).collect();
    let mut chart = Chart::new(style, title, &description.join("; "), rows.len(), 30.0);
    let most = rows
        .iter()
        .map(|(_, parts)| parts.iter().map(|part| part.count).sum::<u64>())
        .max()
        .unwrap_or(0)
        .max(1);
    let room = WIDTH - NAMES - 2.0 * MARGIN - 60.0;
    let names: Vec<&str> = rows
        .first()
        .map(|(_, parts)| parts.iter().map(|part| part.name.as_str()).collect())
        .unwrap_or_default();
    for (index, (name, parts)) in rows.iter().enumerate() {
        let y = TOP + index as f64 * ROW;
        let text = chart.text;
        chart.write(name, MARGIN, y + 20.0, SIZE, Weight::Regular, NAMES - 10.0, text);
        let mut at = MARGIN + NAMES;
        for (part, fill) in parts.iter().zip(FILLS.iter().cycle()) {
            let width = part.count as f64 / most as f64 * room;
            if part.count == 0 {
                continue;
            }
            let x = chart.x(at, width);
            chart.svg.rect((x, y + 6.0, width, ROW - 14.0), 0.0, fill, "");
            let number = part.count.to_string();
            if chart.measure.width(&number, Weight::Bold) * SIZE + 6.0 < width {
                chart.write(&number, at + 3.0, y + 20.0, SIZE, Weight::Bold, width, readable_on(fill));
            }
            at += width;
        }
        let total: u64 = parts.iter().map(|part| part.count).sum();
        chart.write(&total.to_string(), at + 8.0, y + 20.0, SIZE, Weight::Bold, 60.0, text);
    }
    let y = TOP + rows.len() as f64 * ROW + 24.0;
    let mut at = MARGIN + NAMES;
    for (name, fill) in names.into_iter().zip(FILLS.iter().cycle()) {
        let x = chart.x(at, 12.0);
        chart.svg.rect((x, y - 10.0, 12.0, 12.0), 2.0, fill, "");
        let width = chart.measure.width(name, Weight::Regular) * SIZE;
        let text = chart.text;
        chart.write(name, at + 17.0, y, SIZE, Weight::Regular, width + 4.0, text);
        at += width + 40.0;
    }
    chart.svg.finish()
}
