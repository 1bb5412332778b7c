//! Canvases.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{evidence, evidence_out, money, money_out};
use super::{PartIds, WireEnum, change_out, choice, parsed, stated, timestamp};
use crate::domain::canvas::{
    AmountRange, Block, Canvas, CanvasContent, CanvasKind, Hypothesis, Link, LinkEnd, LinkKind, Note,
};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id};
use crate::domain::value::Money;
use crate::domain::version::Version;
use crate::grpc::pb;

super::wire_enum!(CanvasKind, CanvasKind, BusinessModel, Lean);
super::wire_enum!(
    Block,
    Block,
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
    UnfairAdvantage
);
super::wire_enum!(
    LinkKind, LinkKind, Serves, Reaches, Relates, PaidBy, PaidFor, Supplies, Needs, Costs, Concerns, Solves
);

pub fn content(c: &mut Checker, canvas: pb::Canvas) -> CanvasContent {
    let or_default = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    let kind = stated(c, "kind", canvas.kind, CanvasKind::BusinessModel);
    let mut note_ids = PartIds::new("note", canvas.notes.iter().map(|note| note.id.as_str()));
    let mut link_ids = PartIds::new("link", canvas.links.iter().map(|link| link.id.as_str()));
    // A harmless block where none could be read: every kind of canvas has channels.
    CanvasContent {
        display_name: canvas.display_name,
        kind,
        language: or_default(canvas.language, "en"),
        maturity: choice(c, "maturity", canvas.maturity).unwrap_or_default(),
        notes: c.each("notes", canvas.notes, |c, n| note(c, n, &mut note_ids)),
        links: c.each("links", canvas.links, |c, l| link(c, l, &mut link_ids)),
        priority_script: or_default(canvas.priority_script, "default"),
        size_unit: canvas.size_unit,
    }
}

fn note(c: &mut Checker, note: pb::Note, ids: &mut PartIds) -> Note {
    Note {
        id: ids.read(c, &note.id),
        block: stated(c, "block", note.block, Block::Channels),
        text: note.text,
        color: note.color,
        tags: note.tags,
        amount: note.amount.map(|range| c.within("amount", |c| amount(c, range))),
        hypothesis: note.hypothesis.map(|h| c.within("hypothesis", |c| hypothesis(c, h))),
    }
}

fn amount(c: &mut Checker, range: pb::AmountRange) -> AmountRange {
    let mut end = |field: &str, amount: Option<pb::Money>| {
        c.require(amount.is_some(), field, "is required");
        amount.map_or_else(|| Money { currency: "XXX".into(), units: 0, nanos: 0 }, money)
    };
    AmountRange { low: end("low", range.low), high: end("high", range.high), period: range.period }
}

fn hypothesis(c: &mut Checker, h: pb::Hypothesis) -> Hypothesis {
    Hypothesis {
        statement: h.statement,
        test: h.test,
        metric: h.metric,
        threshold: h.threshold,
        result: h.result,
        evidence: evidence(c, h.evidence),
    }
}

fn link(c: &mut Checker, link: pb::Link, ids: &mut PartIds) -> Link {
    let id = ids.read(c, &link.id);
    let nowhere = || id.clone();
    let from: Id = parsed(c, "from", &link.from).unwrap_or_else(nowhere);
    let to = if link.to.contains('/') {
        parsed(c, "to", &link.to).map(LinkEnd::Segment)
    } else {
        parsed(c, "to", &link.to).map(LinkEnd::Note)
    };
    let kind = stated(c, "kind", link.kind, LinkKind::Serves);
    Link { kind, from, to: to.unwrap_or_else(|| LinkEnd::Note(nowhere())), id }
}

/// Content as it would be read under a name.
pub fn shown(name: CanvasName, content: CanvasContent) -> pb::Canvas {
    let (version, segments) = (Version::default(), BTreeMap::new());
    outward(&Canvas { name, version, content, forked_from: None, segments })
}

pub fn outward(canvas: &Canvas) -> pb::Canvas {
    let Canvas { name, version, content, forked_from, segments: _ } = canvas;
    pb::Canvas {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        kind: content.kind.outward(),
        language: content.language.clone(),
        maturity: content.maturity.outward(),
        notes: content.notes.iter().map(|note| note_out(note, &content.links)).collect(),
        links: content.links.iter().map(link_out).collect(),
        priority_script: content.priority_script.clone(),
        size_unit: content.size_unit.clone(),
        forked_from: forked_from.as_ref().map(ToString::to_string).unwrap_or_default(),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
        delete_time: version.delete_time.map(timestamp),
        change: change_out(&version.change),
    }
}

fn note_out(note: &Note, links: &[Link]) -> pb::Note {
    let segments: BTreeSet<String> = links
        .iter()
        .filter(|link| link.from == note.id)
        .filter_map(|link| match &link.to {
            LinkEnd::Segment(name) => Some(name.to_string()),
            LinkEnd::Note(_) => None,
        })
        .collect();
    pb::Note {
        id: note.id.to_string(),
        block: note.block.outward(),
        text: note.text.clone(),
        segments: segments.into_iter().collect(),
        color: note.color.clone(),
        tags: note.tags.clone(),
        amount: note.amount.as_ref().map(|range| pb::AmountRange {
            low: Some(money_out(&range.low)),
            high: Some(money_out(&range.high)),
            period: range.period.clone(),
        }),
        hypothesis: note.hypothesis.as_ref().map(|h| pb::Hypothesis {
            statement: h.statement.clone(),
            test: h.test.clone(),
            metric: h.metric.clone(),
            threshold: h.threshold.clone(),
            result: h.result.clone(),
            evidence: evidence_out(&h.evidence),
        }),
    }
}

fn link_out(link: &Link) -> pb::Link {
    let to = match &link.to {
        LinkEnd::Note(id) => id.to_string(),
        LinkEnd::Segment(name) => name.to_string(),
    };
    pb::Link { id: link.id.to_string(), kind: link.kind.outward(), from: link.from.to_string(), to }
}
