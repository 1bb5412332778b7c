//! BMML 2, a published YAML format for business models (bmclang-v2.schema.json): read, and written again unchanged as far as it
//! can hold a canvas.
//!
//! Jobs, pains and gains are needs, pains and desires; products are features, relievers and creators are benefits; fits are
//! the answers of features and benefits to needs. A fit's name, and what it joins, stay in an annotation, as does what `meta`
//! has and a canvas has not.

mod read;
mod write;

use serde::{Deserialize, Serialize};

use super::{Block, LinkKind, Maturity};
use crate::domain::segment::NeedKind;
pub use read::read;
pub(super) use read::{canvas, note};
pub use write::write;

/// Fields of `meta` that a canvas has no place for.
const META: [&str; 6] = ["tagline", "created", "updated", "portfolio", "stage", "derived_from"];
const FITS: &str = "bmml.fits";
/// The ids of the segments as they stood in the file, where that is not their order by name.
const ORDER: &str = "bmml.segments";

/// A section of notes: its key, the prefix of its ids, and the block.
const SECTIONS: [(&str, &str, Block); 8] = [
    ("value_propositions", "vp-", Block::ValuePropositions),
    ("channels", "ch-", Block::Channels),
    ("customer_relationships", "cr-", Block::CustomerRelationships),
    ("revenue_streams", "rs-", Block::RevenueStreams),
    ("key_resources", "kr-", Block::KeyResources),
    ("key_activities", "ka-", Block::KeyActivities),
    ("key_partnerships", "kp-", Block::KeyPartnerships),
    ("costs", "cost-", Block::CostStructure),
];

/// Where relations of a section lead, and the link that says so; `true` where the link runs the other way.
const RELATIONS: [(&str, &str, &str, LinkKind, bool); 11] = [
    ("channels", "for", "value_propositions", LinkKind::Delivers, false),
    ("channels", "for", "customer_segments", LinkKind::Reaches, false),
    ("customer_relationships", "for", "customer_segments", LinkKind::Relates, false),
    ("revenue_streams", "from", "customer_segments", LinkKind::PaidBy, false),
    ("revenue_streams", "for", "value_propositions", LinkKind::PaidFor, false),
    ("key_resources", "for", "value_propositions", LinkKind::Needs, true),
    ("key_activities", "for", "value_propositions", LinkKind::Needs, true),
    ("key_partnerships", "for", "key_resources", LinkKind::Supplies, false),
    ("key_partnerships", "for", "key_activities", LinkKind::Supplies, false),
    ("costs", "for", "key_resources", LinkKind::Costs, true),
    ("costs", "for", "key_activities", LinkKind::Costs, true),
];

/// A fit as it stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fit {
    id: String,
    #[serde(rename = "for")]
    joins: Joins,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mappings: Vec<[String; 2]>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Joins {
    value_propositions: Vec<String>,
    customer_segments: Vec<String>,
}

const NEEDS: [(&str, &str, NeedKind); 3] = [
    ("jobs", "job-", NeedKind::Need),
    ("pains", "pain-", NeedKind::Pain),
    ("gains", "gain-", NeedKind::Desire),
];

fn prefix_of(id: &str) -> &str {
    id.split('-').next().unwrap_or_default()
}

/// How mature a business is that is explored or exploited at a stage.
fn maturity_at(portfolio: &str, stage: &str) -> Maturity {
    match (portfolio, stage) {
        ("explore", "acceleration" | "transfer") => Maturity::Growth,
        ("explore", _) => Maturity::Startup,
        (_, "sustain" | "retire") => Maturity::Mature,
        _ => Maturity::Growth,
    }
}

#[cfg(test)]
mod tests;
