//! Charts beside a canvas: segments by priority, and their leads by grade.

use super::measure::{Measure, Weight};
use super::svg::{Spot, Svg, readable_on};
use super::wrap::{Column, Line, wrap};
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
const LEGEND: f64 = 22.0;
/// More lines than any name can have.
const MOST_LINES: usize = 100;
/// Between the title and the rows.
const GAP: f64 = 18.0;
const TITLE: f64 = 16.0;
/// The fills of parts, in their order: told apart by brightness too.
const FILLS: [&str; 6] = ["#1b5e3f", "#3f8a58", "#a9791a", "#b5533c", "#6b7280", "#3b4a63"];
/// The same on dark paper.
const FILLS_ON_DARK: [&str; 6] = ["#57b384", "#8fd3a8", "#e2bd58", "#e08a74", "#a3aab5", "#8fa3c7"];

/// What charts share: a picture with a title, and a name beside each row. No text is cut: rows and picture grow with it.
struct Chart<'a> {
    svg: Svg,
    measure: Measure,
    style: Style<'a>,
    text: &'static str,
    /// Where the rows begin, and what comes below them.
    tops: Vec<f64>,
}

/// How lines of a size follow each other.
fn leading(size: f64) -> f64 {
    (size * 1.3).ceil()
}

impl<'a> Chart<'a> {
    fn new(style: Style<'a>, title: &str, rows: &[(&str, String)], legend: &[&str]) -> Self {
        let mut measure = Measure::default();
        let column = |weight, size, width| Column { weight, size, width, lines: MOST_LINES };
        let of_title = column(Weight::Bold, TITLE, WIDTH - 2.0 * MARGIN);
        let title_lines = wrap(&mut measure, title, of_title);
        let of_name = column(Weight::Regular, SIZE, NAMES - 10.0);
        let names: Vec<Vec<Line>> = rows.iter().map(|(name, _)| wrap(&mut measure, name, of_name)).collect();

        let mut y = MARGIN + title_lines.len() as f64 * leading(TITLE) + GAP;
        let mut tops = Vec::new();
        for lines in &names {
            tops.push(y);
            y += ROW + lines.len().saturating_sub(1) as f64 * leading(SIZE);
        }
        tops.push(y);
        let entries = Self::entries(&mut measure, legend);
        let foot = entries.last().map_or(0.0, |(_, line)| (*line as f64 + 1.0) * LEGEND);
        let height = y + foot + MARGIN;

        let (paper, text) = match style.theme {
            Theme::Light => ("#ffffff", "#16191d"),
            Theme::Dark => ("#14171b", "#eceff3"),
        };
        let description: Vec<String> = rows.iter().map(|(name, told)| format!("{name}: {told}")).collect();
        let mut svg = Svg::new(WIDTH, height, style.language, title, &description.join("; "));
        svg.rect((0.0, 0.0, WIDTH, height), 0.0, paper, "");
        let mut chart = Self { svg, measure, style, text, tops };
        for (line, y) in title_lines.iter().zip(0..) {
            // Put together by us, it runs as the picture does.
            chart.line(
                line,
                MARGIN,
                MARGIN + TITLE + f64::from(y) * leading(TITLE),
                TITLE,
                Weight::Bold,
                true,
            );
        }
        for (index, lines) in names.iter().enumerate() {
            for (line, down) in lines.iter().zip(0..) {
                let y = chart.tops[index] + 20.0 + f64::from(down) * leading(SIZE);
                chart.line(line, MARGIN, y, SIZE, Weight::Regular, false);
            }
        }
        for ((name, fill), (at, line)) in legend.iter().zip(chart.fills().iter().cycle()).zip(entries) {
            let y = chart.tops[rows.len()] + LEGEND * (line as f64 + 1.0);
            let x = chart.x(at, 12.0);
            chart.svg.rect((x, y - 10.0, 12.0, 12.0), 2.0, fill, "");
            chart.write(name, at + 17.0, y, Weight::Regular, text);
        }
        chart
    }

    /// Where the entries of a legend begin, and in which of its lines.
    fn entries(measure: &mut Measure, legend: &[&str]) -> Vec<(f64, usize)> {
        let (mut at, mut line) = (MARGIN + NAMES, 0);
        let mut entries = Vec::new();
        for name in legend {
            let width = 17.0 + measure.width(name, Weight::Regular) * SIZE;
            if at + width > WIDTH - MARGIN && at > MARGIN + NAMES {
                (at, line) = (MARGIN + NAMES, line + 1);
            }
            entries.push((at, line));
            at += width + 23.0;
        }
        entries
    }

    fn fills(&self) -> &'static [&'static str; 6] {
        if self.style.theme == Theme::Light { &FILLS } else { &FILLS_ON_DARK }
    }

    /// Where something that begins `at` and is so wide begins, in a picture that may be mirrored.
    fn x(&self, at: f64, width: f64) -> f64 {
        if self.style.is_rtl() { WIDTH - at - width } else { at }
    }

    fn line(&mut self, line: &Line, at: f64, y: f64, size: f64, weight: Weight, ours: bool) {
        let (x, rtl) = (self.x(at, 0.0), self.style.is_rtl());
        self.svg.text(line, Spot { x, y, size, weight, fill: self.text, rtl, ours });
    }

    /// A short text of ours or a number, on one line.
    fn write(&mut self, text: &str, at: f64, y: f64, weight: Weight, fill: &str) {
        let width = self.measure.width(text, weight) * SIZE;
        let line = Line { text: text.to_owned(), width, rtl: None };
        let (x, rtl) = (self.x(at, 0.0), self.style.is_rtl());
        self.svg.text(&line, Spot { x, y, size: SIZE, weight, fill, rtl, ours: false });
    }
}

/// Bars with the range that each could have.
pub fn bars(style: Style, title: &str, bars: &[Bar]) -> String {
    let rows: Vec<(&str, String)> = bars.iter().map(|bar| (bar.name.as_str(), bar.text.clone())).collect();
    let mut chart = Chart::new(style, title, &rows, &[]);
    let most = bars.iter().map(|bar| bar.could_be.1.max(bar.value)).fold(1e-9, f64::max);
    let room = WIDTH - NAMES - 2.0 * MARGIN - 80.0;
    let scaled = |value: f64| value.max(0.0) / most * room;
    let muted = if style.theme == Theme::Light { "#6f7884" } else { "#8b95a1" };
    for (index, bar) in bars.iter().enumerate() {
        let (y, text, fill) = (chart.tops[index], chart.text, chart.fills()[1]);
        let begin = MARGIN + NAMES;
        let (low, high) = (scaled(bar.could_be.0), scaled(bar.could_be.1));
        let width = scaled(bar.value);
        let x = chart.x(begin, width);
        chart.svg.rect((x, y + 6.0, width, ROW - 14.0), 2.0, fill, "");
        if high > low {
            let x = chart.x(begin + low, high - low);
            chart.svg.rect((x, y + ROW - 7.0, high - low, 3.0), 0.0, muted, "");
        }
        chart.write(&bar.text, begin + width.max(high) + 8.0, y + 20.0, Weight::Bold, text);
    }
    chart.svg.finish()
}

/// Rows of parts that make up a whole, with a legend.
pub fn stacked(style: Style, title: &str, rows: &[(String, Vec<Part>)]) -> String {
    let told = |(name, parts): &'_ (String, Vec<Part>)| {
        let parts: Vec<String> = parts.iter().map(|part| format!("{} {}", part.name, part.count)).collect();
        (name.clone(), parts.join(", "))
    };
    let described: Vec<(String, String)> = rows.iter().map(told).collect();
    let described: Vec<(&str, String)> =
        described.iter().map(|(name, told)| (name.as_str(), told.clone())).collect();
    let legend: Vec<&str> = rows
        .first()
        .map(|(_, parts)| parts.iter().map(|part| part.name.as_str()).collect())
        .unwrap_or_default();
    let mut chart = Chart::new(style, title, &described, &legend);
    let whole = |(_, parts): &(String, Vec<Part>)| parts.iter().map(|part| part.count).sum::<u64>();
    let most = rows.iter().map(whole).max().unwrap_or(0).max(1);
    let room = WIDTH - NAMES - 2.0 * MARGIN - 60.0;
    for (index, row) in rows.iter().enumerate() {
        let (y, text, fills) = (chart.tops[index], chart.text, chart.fills());
        let mut at = MARGIN + NAMES;
        for (part, fill) in row.1.iter().zip(fills.iter().cycle()) {
            let width = part.count as f64 / most as f64 * room;
            if part.count == 0 {
                continue;
            }
            let x = chart.x(at, width);
            chart.svg.rect((x, y + 6.0, width, ROW - 14.0), 0.0, fill, "");
            let number = part.count.to_string();
            if chart.measure.width(&number, Weight::Bold) * SIZE + 6.0 < width {
                chart.write(&number, at + 3.0, y + 20.0, Weight::Bold, readable_on(fill));
            }
            at += width;
        }
        chart.write(&whole(row).to_string(), at + 8.0, y + 20.0, Weight::Bold, text);
    }
    chart.svg.finish()
}
