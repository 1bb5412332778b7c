//! A business model as a typed graph: notes in blocks, and links between them.

pub mod bmml;
mod check;
pub mod diff;
pub mod edit;
pub mod hypothesis;
pub mod lint;
pub mod matching;
pub mod outline;
pub mod relationship;
pub mod templates;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{CanvasName, Id, SegmentName};
use super::segment::Segment;
use super::value::Money;
use super::version::Version;
pub use hypothesis::Hypothesis;

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
    /// The blocks whose notes offer something to segments.
    pub const OFFERS: [Block; 3] = [Block::ValuePropositions, Block::UniqueValueProposition, Block::Solution];

    /// The word that scripts use: the title in small letters, with underscores.
    pub fn word(self) -> String {
        self.title().to_lowercase().replace(' ', "_")
    }

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
    Delivers,
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
            LinkKind::Delivers => "delivers",
        }
    }

    /// The blocks that a link of this kind may leave and enter.
    pub fn ends(self) -> (&'static [Block], &'static [Block]) {
        use Block::*;
        const OFFERS: &[Block] = &Block::OFFERS;
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
            LinkKind::Delivers => (&[Channels], OFFERS),
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

/// A need of a segment of the same canvas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NeedRef {
    pub segment: SegmentName,
    pub need: Id,
}

/// A feature or a benefit, with the needs that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferItem {
    pub id: Id,
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<NeedRef>,
}

/// What a proposition offers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Offer {
    pub message: String,
    /// What it is or has.
    pub features: Vec<OfferItem>,
    /// What that does for a segment.
    pub benefits: Vec<OfferItem>,
}

impl Offer {
    /// Features, then benefits.
    pub fn items(&self) -> impl Iterator<Item = &OfferItem> {
        self.features.iter().chain(&self.benefits)
    }

    /// Takes back all answers to the needs of a segment; says whether there were any.
    pub fn forget_segment(&mut self, segment: &Id) -> bool {
        let mut forgotten = false;
        for item in self.features.iter_mut().chain(&mut self.benefits) {
            let before = item.answers.len();
            item.answers.retain(|answer| answer.segment.segment != *segment);
            forgotten |= item.answers.len() < before;
        }
        forgotten
    }
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
    pub offer: Option<Offer>,
}

/// Where a link ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkEnd {
    Note(Id),
    Segment(SegmentName),
}

impl LinkEnd {
    /// Whether this is the segment with an id.
    pub fn is_segment(&self, id: &Id) -> bool {
        matches!(self, LinkEnd::Segment(name) if name.segment == *id)
    }

    /// Whether this is the note with an id.
    pub fn is_note(&self, id: &Id) -> bool {
        matches!(self, LinkEnd::Note(note) if note == id)
    }
}

impl Note {
    /// The needs that its offer answers.
    pub fn answers(&self) -> impl Iterator<Item = &NeedRef> {
        self.offer.iter().flat_map(Offer::items).flat_map(|item| &item.answers)
    }
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
    /// What formats of other tools hold beside this.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A canvas with all that belongs to it: the unit that is read, written and kept as a revision.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Canvas {
    pub name: CanvasName,
    pub version: Version,
    pub content: CanvasContent,
    pub forked_from: Option<CanvasName>,
    /// The revision that it was copied from; 0 where that is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forked_from_revision: i64,
    #[serde(default)]
    pub segments: BTreeMap<Id, Segment>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Canvas {
    /// The links that lead to a segment, as `link "y"`, and the notes whose offer answers its needs, as `note "x"`.
    pub fn references_to(&self, segment: &Id) -> Vec<String> {
        let links = self.content.links.iter().filter(|link| link.to.is_segment(segment));
        let mut users: Vec<String> = links.map(|link| format!("link \"{}\"", link.id)).collect();
        let answers = |note: &&Note| note.answers().any(|answer| answer.segment.segment == *segment);
        users.extend(self.content.notes.iter().filter(answers).map(|note| format!("note \"{}\"", note.id)));
        users
    }

    /// Whether there is such a note in Channels.
    pub fn is_channel(&self, note: &Id) -> bool {
        self.content.notes.iter().any(|n| n.id == *note && n.block == Block::Channels)
    }

    /// The notes that serve a segment, in the order of the links.
    pub fn serving(&self, segment: &Id) -> Vec<Id> {
        let links = self.content.links.iter().filter(|link| link.kind == LinkKind::Serves);
        let links = links.filter(|link| link.to.is_segment(segment));
        let mut notes = Vec::new();
        for link in links {
            if !notes.contains(&link.from) {
                notes.push(link.from.clone());
            }
        }
        notes
    }
}

#[cfg(test)]
pub mod tests;
