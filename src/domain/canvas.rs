//! A business model as a typed graph: notes in blocks, and links between them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::name::{CanvasName, Id, SegmentName};
use super::segment::Segment;
use super::value::{Evidence, Money};
use super::version::Version;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanvasKind {
    BusinessModel,
    Lean,
}

impl CanvasKind {
    /// The word that filters use.
    pub fn as_str(self) -> &'static str {
        match self {
            CanvasKind::BusinessModel => "business_model",
            CanvasKind::Lean => "lean",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    #[default]
    Unstated,
    Startup,
    Growth,
    Mature,
}

/// A block of a canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    CustomerSegments,
    ValuePropositions,
    Channels,
    CustomerRelationships,
    RevenueStreams,
    KeyResources,
    KeyActivities,
    KeyPartnerships,
    CostStructure,
    Problem,
    Solution,
    UniqueValueProposition,
    KeyMetrics,
    UnfairAdvantage,
}

impl Block {
    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            Block::CustomerSegments => "Customer Segments",
            Block::ValuePropositions => "Value Propositions",
            Block::Channels => "Channels",
            Block::CustomerRelationships => "Customer Relationships",
            Block::RevenueStreams => "Revenue Streams",
            Block::KeyResources => "Key Resources",
            Block::KeyActivities => "Key Activities",
            Block::KeyPartnerships => "Key Partnerships",
            Block::CostStructure => "Cost Structure",
            Block::Problem => "Problem",
            Block::Solution => "Solution",
            Block::UniqueValueProposition => "Unique Value Proposition",
            Block::KeyMetrics => "Key Metrics",
            Block::UnfairAdvantage => "Unfair Advantage",
        }
    }
}

impl CanvasKind {
    /// The nine blocks, in the order in which they are read.
    pub fn blocks(self) -> [Block; 9] {
        use Block::*;
        match self {
            CanvasKind::BusinessModel => [
                CustomerSegments,
                ValuePropositions,
                Channels,
                CustomerRelationships,
                RevenueStreams,
                KeyResources,
                KeyActivities,
                KeyPartnerships,
                CostStructure,
            ],
            CanvasKind::Lean => [
                Problem,
                CustomerSegments,
                UniqueValueProposition,
                Solution,
                Channels,
                RevenueStreams,
                CostStructure,
                KeyMetrics,
                UnfairAdvantage,
            ],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    Serves,
    Reaches,
    Relates,
    PaidBy,
    PaidFor,
    Supplies,
    Needs,
    Costs,
    Concerns,
    Solves,
}

impl LinkKind {
    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            LinkKind::Serves => "serves",
            LinkKind::Reaches => "reaches",
            LinkKind::Relates => "relates to",
            LinkKind::PaidBy => "is paid by",
            LinkKind::PaidFor => "is paid for",
            LinkKind::Supplies => "supplies",
            LinkKind::Needs => "needs",
            LinkKind::Costs => "costs",
            LinkKind::Concerns => "concerns",
            LinkKind::Solves => "solves",
        }
    }

    /// The blocks that a link of this kind may leave and enter.
    pub fn ends(self) -> (&'static [Block], &'static [Block]) {
        use Block::*;
        const OFFERS: &[Block] = &[ValuePropositions, UniqueValueProposition, Solution];
        const MEANS: &[Block] = &[KeyResources, KeyActivities];
        match self {
            LinkKind::Serves => (OFFERS, &[CustomerSegments]),
            LinkKind::Reaches => (&[Channels], &[CustomerSegments]),
            LinkKind::Relates => (&[CustomerRelationships], &[CustomerSegments]),
            LinkKind::PaidBy => (&[RevenueStreams], &[CustomerSegments]),
            LinkKind::PaidFor => (&[RevenueStreams], OFFERS),
            LinkKind::Supplies => (&[KeyPartnerships], MEANS),
            LinkKind::Needs => (OFFERS, MEANS),
            LinkKind::Costs => (&[KeyResources, KeyActivities, KeyPartnerships], &[CostStructure]),
            LinkKind::Concerns => (&[Problem], &[CustomerSegments]),
            LinkKind::Solves => (&[Solution], &[Problem]),
        }
    }
}

/// An amount with an uncertain height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AmountRange {
    pub low: Money,
    pub high: Money,
    /// Empty means once.
    #[serde(default)]
    pub period: String,
}

/// What a note assumes and how that is tested.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hypothesis {
    pub statement: String,
    pub test: String,
    pub metric: String,
    pub threshold: String,
    pub result: String,
    pub evidence: Vec<Evidence>,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub id: Id,
    pub block: Block,
    pub text: String,
    #[serde(default)]
    pub color: String,
    #[serde(default)]
    pub tags: Vec<String>,
    pub amount: Option<AmountRange>,
    pub hypothesis: Option<Hypothesis>,
}

/// Where a link ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkEnd {
    Note(Id),
    Segment(SegmentName),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub id: Id,
    pub kind: LinkKind,
    pub from: Id,
    pub to: LinkEnd,
}

/// What callers set of a canvas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanvasContent {
    pub display_name: String,
    pub kind: CanvasKind,
    pub language: String,
    #[serde(default)]
    pub maturity: Maturity,
    #[serde(default)]
    pub notes: Vec<Note>,
    #[serde(default)]
    pub links: Vec<Link>,
    pub priority_script: String,
    #[serde(default)]
    pub size_unit: String,
}

/// A canvas with all that belongs to it: the unit that is read, written and kept as a revision.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Canvas {
    pub name: CanvasName,
    pub version: Version,
    pub content: CanvasContent,
    pub forked_from: Option<CanvasName>,
    #[serde(default)]
    pub segments: BTreeMap<Id, Segment>,
}

impl CanvasContent {
    /// Checks what can be told without the canvas's segments.
    pub fn check(&self, c: &mut Checker) {
        c.length("display_name", &self.display_name, 1, 200);
        c.length("language", &self.language, 2, 35);
        c.length("size_unit", &self.size_unit, 0, 50);
        c.count("notes", self.notes.len(), 1_000);
        c.count("links", self.links.len(), 5_000);
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
                c.each("evidence", &hypothesis.evidence, |c, e| e.check(c));
            });
        }
    }

    /// Of notes with the same id, the first.
    fn notes_by_id(&self) -> BTreeMap<&Id, &Note> {
        self.notes.iter().rev().map(|note| (&note.id, note)).collect()
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
    }

    /// The links that lead to a segment, as `link "y"`.
    pub fn references_to(&self, segment: &Id) -> Vec<String> {
        let links = self.content.links.iter();
        let links = links.filter(|l| matches!(&l.to, LinkEnd::Segment(s) if s.segment == *segment));
        links.map(|l| format!("link \"{}\"", l.id)).collect()
    }

    /// Whether there is such a note in Channels.
    pub fn is_channel(&self, note: &Id) -> bool {
        self.content.notes.iter().any(|n| n.id == *note && n.block == Block::Channels)
    }

    /// The notes that serve a segment, in the order of the links.
    pub fn serving(&self, segment: &Id) -> Vec<Id> {
        let links = self.content.links.iter().filter(|link| link.kind == LinkKind::Serves);
        let links = links.filter(|link| matches!(&link.to, LinkEnd::Segment(to) if to.segment == *segment));
        let mut notes = Vec::new();
        for link in links {
            if !notes.contains(&link.from) {
                notes.push(link.from.clone());
            }
        }
        notes
    }
}
