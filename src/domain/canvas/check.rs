//! What makes a canvas well-formed: each part by itself, and what the parts say of each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Block, Canvas, CanvasContent, Link, LinkEnd, Note, Offer};
use crate::domain::check::Checker;
use crate::domain::name::{Id, SegmentName};

/// The most features, benefits, and answers of one of them.
const MOST_ITEMS: usize = 100;

impl CanvasContent {
    /// Checks what can be told without the canvas's segments.
    pub fn check(&self, c: &mut Checker) {
        c.length("display_name", &self.display_name, 1, 200);
        c.length("language", &self.language, 2, 35);
        c.length("size_unit", &self.size_unit, 0, 50);
        c.count("notes", self.notes.len(), 2_000);
        c.count("links", self.links.len(), 5_000);
        c.count("annotations", self.annotations.len(), 100);
        let mut ids = BTreeSet::new();
        c.each("notes", &self.notes, |c, note| {
            c.require(ids.insert(&note.id), "id", format!("\"{}\" is taken by an earlier note", note.id));
            self.check_note(c, note);
        });
        let notes = self.notes_by_id();
        let mut ids = BTreeSet::new();
        c.each("links", &self.links, |c, link| {
            c.require(ids.insert(&link.id), "id", format!("\"{}\" is taken by an earlier link", link.id));
            check_link(c, link, &notes);
        });
    }

    fn check_note(&self, c: &mut Checker, note: &Note) {
        c.length("text", &note.text, 1, 4_000);
        if note.block == Block::CustomerSegments {
            c.wrong_field("block", "holds no notes: its entries are the segments; create a segment instead");
        } else if !self.kind.blocks().contains(&note.block) {
            c.wrong_field("block", format!("{} is not a block of this kind of canvas", note.block.title()));
        }
        let hex = |rest: &str| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_hexdigit());
        let color_ok = note.color.is_empty() || note.color.strip_prefix('#').is_some_and(hex);
        c.require(color_ok, "color", "must look like #rrggbb");
        c.count("tags", note.tags.len(), 50);
        if let Some(amount) = &note.amount {
            c.within("amount", |c| {
                c.within("low", |c| amount.low.check(c));
                c.within("high", |c| amount.high.check(c));
                let same = amount.low.currency == amount.high.currency;
                c.require(same, "high.currency_code", "must be the currency of low");
                let ordered = (amount.low.units, amount.low.nanos) <= (amount.high.units, amount.high.nanos);
                c.require(ordered, "high", "must not be below low");
            });
        }
        if let Some(hypothesis) = &note.hypothesis {
            c.within("hypothesis", |c| {
                c.length("statement", &hypothesis.statement, 1, 4_000);
                c.number("risk", hypothesis.risk, 0.0, 1.0);
                c.each("evidence", &hypothesis.evidence, |c, e| e.check(c));
            });
        }
        if let Some(offer) = &note.offer {
            let offers = Block::OFFERS.contains(&note.block);
            c.require(
                offers,
                "offer",
                format!("belongs to a proposition, and not in {}", note.block.title()),
            );
            c.within("offer", |c| check_offer(c, offer));
        }
    }

    /// Of notes with the same id, the first.
    fn notes_by_id(&self) -> BTreeMap<&Id, &Note> {
        self.notes.iter().rev().map(|note| (&note.id, note)).collect()
    }
}

fn check_offer(c: &mut Checker, offer: &Offer) {
    c.length("message", &offer.message, 0, 4_000);
    let mut ids = BTreeSet::new();
    for (field, items) in [("features", &offer.features), ("benefits", &offer.benefits)] {
        c.count(field, items.len(), MOST_ITEMS);
        c.each(field, items, |c, item| {
            c.require(ids.insert(&item.id), "id", format!("\"{}\" is taken by an earlier item", item.id));
            c.length("text", &item.text, 1, 4_000);
            c.count("answers", item.answers.len(), MOST_ITEMS);
        });
    }
}

fn check_link(c: &mut Checker, link: &Link, notes: &BTreeMap<&Id, &Note>) {
    let (sources, targets) = link.kind.ends();
    let titles = |blocks: &[Block]| blocks.iter().map(|b| b.title()).collect::<Vec<_>>().join(" or ");
    let end = |c: &mut Checker, field: &str, id: &Id, allowed: &[Block]| match notes.get(id) {
        None => c.wrong_field(field, format!("there is no note \"{id}\"")),
        Some(note) if !allowed.contains(&note.block) => {
            c.wrong_field(field, format!("must be in {}, is in {}", titles(allowed), note.block.title()));
        }
        Some(_) => {}
    };
    end(c, "from", &link.from, sources);
    let to_segment = targets == [Block::CustomerSegments];
    match &link.to {
        LinkEnd::Segment(_) if to_segment => {}
        LinkEnd::Note(id) if !to_segment => end(c, "to", id, targets),
        LinkEnd::Segment(_) => c.wrong_field("to", format!("must be a note in {}", titles(targets))),
        LinkEnd::Note(_) => {
            c.wrong_field("to", format!("must look like {}", "canvases/{canvas}/segments/{segment}"))
        }
    }
}

impl Canvas {
    /// Checks what notes, links and segments say of each other.
    pub fn check_references(&self, c: &mut Checker) {
        let missing = |name: &SegmentName| {
            name.canvas != self.name.canvas || !self.segments.contains_key(&name.segment)
        };
        for (id, segment) in &self.segments {
            for note in segment.content.channel_notes().filter(|note| !self.is_channel(note)) {
                c.wrong_field(
                    "notes",
                    format!(
                        "\"{note}\" must stay in Channels: a touchpoint of the segment \"{id}\" names it"
                    ),
                );
            }
        }
        c.each("links", &self.content.links, |c, link| {
            if let LinkEnd::Segment(name) = &link.to
                && missing(name)
            {
                c.wrong_field("to", format!("there is no segment {name} on this canvas"));
            }
        });
        c.each("notes", &self.content.notes, |c, note| {
            let Some(offer) = &note.offer else { return };
            for (field, items) in [("offer.features", &offer.features), ("offer.benefits", &offer.benefits)] {
                c.each(field, items, |c, item| {
                    c.each("answers", &item.answers, |c, answer| {
                        let found =
                            self.segments.get(&answer.segment.segment).filter(|_| !missing(&answer.segment));
                        let Some(segment) = found else {
                            let problem = format!("there is no segment {} on this canvas", answer.segment);
                            return c.wrong_field("segment", problem);
                        };
                        if !segment.content.needs.iter().any(|need| need.id == answer.need) {
                            let problem = format!("\"{}\" is no need of {}", answer.need, answer.segment);
                            c.wrong_field("need", problem);
                        }
                    });
                });
            }
        });
    }
}
