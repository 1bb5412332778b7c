//! A canvas as one picture: its nine blocks where people look for them, each with its entries.

use super::measure::{Measure, Weight};
use super::svg::{Spot, Svg, readable_on};
use super::wrap::{Column, Line, shorten, wrap};
use super::{Paper, Style, Theme, credit};
use crate::domain::canvas::{AmountRange, Block, Canvas, CanvasKind, Note};
use crate::domain::labels::label;
use crate::domain::segment::SegmentContent;
use crate::domain::time::Time;

/// A picture, with what had no room in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub svg: String,
    pub overflow: Vec<Overflow>,
}

/// A block that does not show all that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overflow {
    pub block: Block,
    /// The ids of notes or segments that are cut short or left out.
    pub entries: Vec<String>,
}

/// The colours of a picture.
pub(super) struct Colors {
    pub paper: &'static str,
    pub block: &'static str,
    pub line: &'static str,
    pub text: &'static str,
    pub muted: &'static str,
    pub card: &'static str,
}

impl Theme {
    pub(super) fn colors(self) -> Colors {
        match self {
            Theme::Light => Colors {
                paper: "#ffffff",
                block: "#f6f7f9",
                line: "#8c939d",
                text: "#16191d",
                muted: "#4a525c",
                card: "#fff3c4",
            },
            Theme::Dark => Colors {
                paper: "#14171b",
                block: "#1d2127",
                line: "#59626d",
                text: "#eceff3",
                muted: "#b4bcc6",
                card: "#33404f",
            },
        }
    }
}

impl Paper {
    /// Its width and height in pixels of 1/96 inch, and the size of its letters.
    pub(super) fn measures(self) -> (f64, f64, f64) {
        match self {
            Paper::A4 => (1123.0, 794.0, 11.0),
            Paper::A3 => (1587.0, 1123.0, 14.0),
        }
    }
}

/// The smallest letters that can still be read on paper.
const SMALLEST: f64 = 6.5;
const LEADING: f64 = 1.3;
const MARGIN: f64 = 20.0;
const PADDING: f64 = 7.0;
/// Within a card, and between cards.
const CARD: f64 = 4.0;

/// An entry of a block.
struct Entry<'a> {
    id: String,
    text: &'a str,
    /// What is told of it, in smaller letters.
    more: Vec<String>,
    color: &'a str,
}

/// An entry in lines.
struct Card<'a> {
    entry: &'a Entry<'a>,
    lines: Vec<Line>,
    more: Vec<Line>,
}

impl Card<'_> {
    fn height(&self, size: f64) -> f64 {
        let lines = self.lines.len() as f64 * size + self.more.len() as f64 * small(size);
        lines * LEADING + 2.0 * CARD
    }
}

/// The size of what is told of an entry.
fn small(size: f64) -> f64 {
    (size * 0.85).max(SMALLEST * 0.9)
}

type Rect = (f64, f64, f64, f64);

/// Where the blocks stand: column and columns wide of ten, and the part of the height.
fn places(kind: CanvasKind) -> [(Block, u8, u8, Row); 9] {
    use Block::*;
    match kind {
        CanvasKind::BusinessModel => [
            (KeyPartnerships, 0, 2, Row::Whole),
            (KeyActivities, 2, 2, Row::Upper),
            (KeyResources, 2, 2, Row::Lower),
            (ValuePropositions, 4, 2, Row::Whole),
            (CustomerRelationships, 6, 2, Row::Upper),
            (Channels, 6, 2, Row::Lower),
            (CustomerSegments, 8, 2, Row::Whole),
            (CostStructure, 0, 5, Row::Bottom),
            (RevenueStreams, 5, 5, Row::Bottom),
        ],
        CanvasKind::Lean => [
            (Problem, 0, 2, Row::Whole),
            (Solution, 2, 2, Row::Upper),
            (KeyMetrics, 2, 2, Row::Lower),
            (UniqueValueProposition, 4, 2, Row::Whole),
            (UnfairAdvantage, 6, 2, Row::Upper),
            (Channels, 6, 2, Row::Lower),
            (CustomerSegments, 8, 2, Row::Whole),
            (CostStructure, 0, 5, Row::Bottom),
            (RevenueStreams, 5, 5, Row::Bottom),
        ],
    }
}

#[derive(Clone, Copy)]
enum Row {
    Whole,
    Upper,
    Lower,
    Bottom,
}

/// Draws a canvas as it stands at a time.
pub fn picture(canvas: &Canvas, style: Style, now: Time) -> Picture {
    let (width, height, base) = style.paper.measures();
    let (colors, rtl) = (style.theme.colors(), style.is_rtl());
    let mut measure = Measure::default();
    let count = canvas.content.notes.len() + canvas.segments.len();
    let description =
        format!("{}. {}: {count}.", credit(canvas.content.kind), label(style.language, "entries"));
    let mut svg = Svg::new(width, height, style.language, &canvas.content.display_name, &description);
    svg.rect((0.0, 0.0, width, height), 0.0, colors.paper, "");

    let top = MARGIN + base * 2.6;
    let bottom = height - MARGIN - base * 1.4;
    head_and_foot(&mut svg, &mut measure, canvas, style, &colors);
    let rect = |(column, columns, row): (u8, u8, Row)| -> Rect {
        let tenth = (width - 2.0 * MARGIN) / 10.0;
        let (x, w) = (MARGIN + f64::from(column) * tenth, f64::from(columns) * tenth);
        let x = if rtl { width - x - w } else { x };
        let upper = (bottom - top) * 0.74;
        match row {
            Row::Whole => (x, top, w, upper),
            Row::Upper => (x, top, w, upper / 2.0),
            Row::Lower => (x, top + upper / 2.0, w, upper / 2.0),
            Row::Bottom => (x, top + upper, w, bottom - top - upper),
        }
    };
    let blocks: Vec<(Block, Rect, Vec<Entry>)> = places(canvas.content.kind)
        .into_iter()
        .map(|(block, column, columns, row)| {
            (block, rect((column, columns, row)), entries(canvas, block, style, now))
        })
        .collect();

    // The largest letters with which everything has room. Where there are none, each block has its own.
    let sizes = || (0..).map(|step| base * 1.25 - 0.5 * f64::from(step)).take_while(|size| *size > SMALLEST);
    let fits = |measure: &mut Measure, (block, rect, entries): &(Block, Rect, Vec<Entry>), size: f64| {
        let title = title(measure, *block, style, size, rect.2);
        let room = room(*rect, &title, size);
        let mut used = 0.0;
        // What comes after the first that has no room costs nothing.
        entries.iter().all(|entry| {
            used += card(measure, entry, size, *rect).height(size) + CARD;
            used <= room
        })
    };
    let shared = sizes().find(|size| blocks.iter().all(|block| fits(&mut measure, block, *size)));
    let mut overflow = Vec::new();
    for drawn in &blocks {
        let own = || sizes().filter(|size| *size <= base).find(|size| fits(&mut measure, drawn, *size));
        let size = shared.or_else(own).unwrap_or(SMALLEST);
        let drawing = Drawing { style, colors: &colors, size, rtl };
        let (block, rect, entries) = drawn;
        let left_out = drawing.block(&mut svg, &mut measure, *block, *rect, entries);
        if !left_out.is_empty() {
            overflow.push(Overflow { block: *block, entries: left_out });
        }
    }
    Picture { svg: svg.finish(), overflow }
}

fn head_and_foot(svg: &mut Svg, measure: &mut Measure, canvas: &Canvas, style: Style, colors: &Colors) {
    let (width, height, base) = style.paper.measures();
    let rtl = style.is_rtl();
    let (begin, end) = if rtl { (width - MARGIN, MARGIN) } else { (MARGIN, width - MARGIN) };
    let size = base * 1.6;
    let room = (width - 2.0 * MARGIN) * 0.7;
    // A long name is written smaller, and on more lines if it has to be, within the same height.
    for (part, lines) in [(1.0, 1), (0.75, 1), (0.55, 2), (0.4, 3)] {
        let (size, weight) = (size * part, Weight::Bold);
        let named = wrap(measure, &canvas.content.display_name, Column { weight, size, width: room, lines });
        if named.len() > lines && lines < 3 {
            continue;
        }
        let first = MARGIN + base * 1.6 - (named.len() as f64 - 1.0) * size * 0.6;
        for (line, number) in named.iter().zip(0..) {
            let y = first + f64::from(number) * size * 1.2;
            svg.text(line, Spot { x: begin, y, size, weight, fill: colors.text, rtl, ours: false });
        }
        break;
    }
    let mut line_at = |text: &str, x: f64, y: f64, at_end: bool| {
        let width = measure.width(text, Weight::Regular) * base * 0.9;
        let line = Line { text: text.to_owned(), width, rtl: Some(false) };
        // What stands at the end of the line begins where its width says.
        let x = match (at_end, rtl) {
            (true, false) => x - width,
            (true, true) => x + width,
            _ => x,
        };
        let (size, weight) = (base * 0.9, Weight::Regular);
        svg.text(
            &line,
            Spot {
                x,
                y,
                size,
                weight,
                fill: colors.muted,
                rtl,
                // The credit is in English everywhere.
                ours: at_end,
            },
        );
    };
    let day = canvas.version.update_time.to_string();
    let day = day.split('T').next().unwrap_or_default();
    let stand = match canvas.version.revision {
        0 => String::new(),
        revision => format!("{} {revision} · {day}", label(style.language, "revision")),
    };
    if !stand.is_empty() {
        line_at(&stand, end, MARGIN + size, true);
    }
    line_at(credit(canvas.content.kind), begin, height - MARGIN + base * 0.2, false);
}

/// The entries of a block with what is told of each.
fn entries<'a>(canvas: &'a Canvas, block: Block, style: Style, now: Time) -> Vec<Entry<'a>> {
    if block == Block::CustomerSegments {
        let unit = &canvas.content.size_unit;
        let segments = canvas.segments.iter().map(|(id, segment)| Entry {
            id: id.to_string(),
            text: &segment.content.display_name,
            more: figures(&segment.content, unit, style).into_iter().collect(),
            color: "",
        });
        return segments.collect();
    }
    let notes = canvas.content.notes.iter().filter(|note| note.block == block);
    notes
        .map(|note| Entry {
            id: note.id.to_string(),
            text: &note.text,
            more: told(note, style, now),
            color: &note.color,
        })
        .collect()
}

fn figures(segment: &SegmentContent, unit: &str, style: Style) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(size) = segment.size {
        parts.push(format!("{} {unit}", grouped(size)).trim_end().to_owned());
    }
    if let Some(fit) = segment.fit {
        parts.push(format!("{} {} %", label(style.language, "fit"), (fit * 100.0).round()));
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn told(note: &Note, style: Style, now: Time) -> Vec<String> {
    let mut told: Vec<String> = note.amount.as_ref().map(range).into_iter().collect();
    if let Some(hypothesis) = &note.hypothesis {
        let status = hypothesis.standing(now).status.title();
        told.push(format!("{}: {}", label(style.language, "hypothesis"), label(style.language, status)));
    }
    told
}

/// A whole number in groups of three, with thin spaces, which no language takes for a decimal mark.
pub(super) fn grouped(number: f64) -> String {
    let text = format!("{}", number.abs().round());
    let mut out = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if number < 0.0 { format!("-{out}") } else { out }
}

/// An amount, such as `EUR 40–90 / month`.
pub(super) fn range(amount: &AmountRange) -> String {
    let (low, high) = (grouped(amount.low.amount()), grouped(amount.high.amount()));
    let mut text = format!("{} {low}", amount.low.currency);
    if low != high {
        text += &format!("–{high}");
    }
    if !amount.period.is_empty() {
        text += &format!(" / {}", amount.period);
    }
    text
}

fn title(measure: &mut Measure, block: Block, style: Style, size: f64, width: f64) -> Vec<Line> {
    let column = Column { weight: Weight::Bold, size, width: width - 2.0 * PADDING, lines: 3 };
    wrap(measure, label(style.language, block.title()), column)
}

/// An entry in lines: of a text that is too long for a block of this height, as many as can be of use.
fn card<'a>(measure: &mut Measure, entry: &'a Entry<'a>, size: f64, (_, _, width, height): Rect) -> Card<'a> {
    let width = width - 2.0 * PADDING - 2.0 * CARD;
    let column =
        |size: f64| Column { weight: Weight::Regular, size, width, lines: (height / size).ceil() as usize };
    Card {
        entry,
        lines: wrap(measure, entry.text, column(size)),
        more: entry.more.iter().flat_map(|more| wrap(measure, more, column(small(size)))).collect(),
    }
}

/// The height that is left for cards below a title.
fn room(rect: Rect, title: &[Line], size: f64) -> f64 {
    rect.3 - 2.0 * PADDING - title.len() as f64 * size * LEADING
}

struct Drawing<'a> {
    style: Style<'a>,
    colors: &'a Colors,
    size: f64,
    rtl: bool,
}

impl Drawing<'_> {
    /// Draws a block; gives the ids of the entries that are not shown whole.
    fn block(
        &self,
        svg: &mut Svg,
        measure: &mut Measure,
        block: Block,
        rect: Rect,
        entries: &[Entry],
    ) -> Vec<String> {
        let (size, colors) = (self.size, self.colors);
        let (x, y, width, height) = rect;
        svg.begin(label(self.style.language, block.title()));
        svg.rect(rect, 0.0, colors.block, colors.line);
        let title = title(measure, block, self.style, size, width);
        let edge = |inset: f64| if self.rtl { x + width - inset } else { x + inset };
        let mut down = y + PADDING;
        for line in &title {
            down += size * LEADING;
            svg.text(line, self.spot(edge(PADDING), down - size * 0.35, Weight::Bold, colors.text));
        }
        let bottom = y + height - PADDING;
        let mut left_out: Vec<String> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let card = card(measure, entry, size, rect);
            let is_last = index + 1 == entries.len();
            // Below all but the last there must be room to say how many more there are.
            let reserve = if is_last { 0.0 } else { size * LEADING };
            let free = bottom - down - CARD - reserve;
            let place = |down: f64| (x + PADDING, down + CARD, width - 2.0 * PADDING);
            if card.height(size) <= free {
                self.card(svg, &card, place(down), None, measure);
                down += CARD + card.height(size);
                continue;
            }
            // As much of it as has room, if that is a line at least.
            let lines =
                (((free - 2.0 * CARD) / (size * LEADING)).floor().max(0.0) as usize).min(card.lines.len());
            if lines > 0 {
                self.card(svg, &card, place(down), Some(lines), measure);
                left_out.push(entry.id.clone());
            }
            let rest = &entries[index + usize::from(lines > 0)..];
            left_out.extend(rest.iter().map(|entry| entry.id.clone()));
            if !rest.is_empty() {
                let text = format!("… +{}", rest.len());
                let line = Line { width: measure.width(&text, Weight::Bold) * size, text, rtl: None };
                svg.text(&line, self.spot(edge(PADDING), bottom, Weight::Bold, colors.text));
            }
            break;
        }
        svg.end();
        left_out
    }

    /// Draws a card, or so many lines of it.
    fn card(
        &self,
        svg: &mut Svg,
        card: &Card,
        (x, y, width): (f64, f64, f64),
        cut: Option<usize>,
        measure: &mut Measure,
    ) {
        let size = self.size;
        let fill = if card.entry.color.is_empty() { self.colors.card } else { card.entry.color };
        let text = readable_on(fill);
        let lines = &card.lines[..cut.unwrap_or(card.lines.len())];
        let height = match cut {
            Some(lines) => lines as f64 * size * LEADING + 2.0 * CARD,
            None => card.height(size),
        };
        svg.rect((x, y, width, height), 3.0, fill, "");
        let edge = if self.rtl { x + width - CARD } else { x + CARD };
        let mut down = y + CARD;
        for (index, line) in lines.iter().enumerate() {
            down += size * LEADING;
            let is_cut = cut.is_some() && index + 1 == lines.len();
            let line = match is_cut {
                true => shorten(measure, line, Weight::Regular, size, width - 2.0 * CARD),
                false => line.clone(),
            };
            svg.text(&line, self.spot(edge, down - size * 0.35, Weight::Regular, text));
        }
        if cut.is_none() {
            for line in &card.more {
                down += small(size) * LEADING;
                let spot = self.spot(edge, down - size * 0.35, Weight::Regular, text);
                svg.text(line, Spot { size: small(size), ours: true, ..spot });
            }
        }
    }

    /// A line that somebody wrote, in this drawing's letters.
    fn spot<'a>(&self, x: f64, y: f64, weight: Weight, fill: &'a str) -> Spot<'a> {
        Spot { x, y, size: self.size, weight, fill, rtl: self.rtl, ours: false }
    }
}
