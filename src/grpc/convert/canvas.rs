//! Canvases.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{evidence, evidence_out, money, money_out};
use super::{PartIds, WireEnum, change_out, choice, parsed, stated, timestamp};
use crate::domain::canvas::hypothesis::HypothesisStatus;
use crate::domain::canvas::{
    AmountRange, Block, Canvas, CanvasContent, CanvasKind, Hypothesis, Link, LinkEnd, LinkKind, NeedRef,
    Note, Offer, OfferItem,
};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::time::Time;
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
    HypothesisStatus,
    HypothesisStatus,
    Untested,
    Weak,
    Supported,
    Refuted,
    Contradicted,
    Stale
);
super::wire_enum!(
    LinkKind, LinkKind, Serves, Reaches, Relates, PaidBy, PaidFor, Supplies, Needs, Costs, Concerns, Solves,
    Delivers
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
        annotations: canvas.annotations,
    }
}

pub fn note(c: &mut Checker, note: pb::Note, ids: &mut PartIds) -> Note {
    Note {
        id: ids.read(c, &note.id),
        block: stated(c, "block", note.block, Block::Channels),
        text: note.text,
        color: note.color,
        tags: note.tags,
        amount: note.amount.map(|range| c.within("amount", |c| amount(c, range))),
        hypothesis: note.hypothesis.map(|h| c.within("hypothesis", |c| hypothesis(c, h))),
        offer: note.offer.map(|read| c.within("offer", |c| offer(c, read))),
    }
}

fn offer(c: &mut Checker, offer: pb::Offer) -> Offer {
    let mut ids =
        PartIds::new("item", offer.features.iter().chain(&offer.benefits).map(|item| item.id.as_str()));
    let mut items = |c: &mut Checker, field: &str, items: Vec<pb::OfferItem>| {
        c.each(field, items, |c, item| OfferItem {
            id: ids.read(c, &item.id),
            text: item.text,
            answers: c.each("answers", item.answers, need_ref).into_iter().flatten().collect(),
        })
    };
    Offer {
        message: offer.message,
        features: items(c, "features", offer.features),
        benefits: items(c, "benefits", offer.benefits),
    }
}

fn need_ref(c: &mut Checker, answer: pb::NeedRef) -> Option<NeedRef> {
    let segment: Option<SegmentName> = parsed(c, "segment", &answer.segment);
    let need: Option<Id> = parsed(c, "need", &answer.need);
    Some(NeedRef { segment: segment?, need: need? })
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
        risk: h.risk,
    }
}

pub fn link(c: &mut Checker, link: pb::Link, ids: &mut PartIds) -> Link {
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
    let canvas = Canvas { name, version, content, forked_from: None, forked_from_revision: 0, segments };
    outward(&canvas, Time::default())
}

/// A canvas as it stands at a time: evidence ages.
pub fn outward(canvas: &Canvas, now: Time) -> pb::Canvas {
    let Canvas { name, version, content, forked_from, forked_from_revision, segments: _ } = canvas;
    pb::Canvas {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        kind: content.kind.outward(),
        language: content.language.clone(),
        maturity: content.maturity.outward(),
        notes: content.notes.iter().map(|note| note_out(note, &content.links, now)).collect(),
        links: content.links.iter().map(link_out).collect(),
        priority_script: content.priority_script.clone(),
        size_unit: content.size_unit.clone(),
        annotations: content.annotations.clone(),
        forked_from: forked_from.as_ref().map(ToString::to_string).unwrap_or_default(),
        forked_from_revision: *forked_from_revision,
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
        delete_time: version.delete_time.map(timestamp),
        change: change_out(&version.change),
    }
}

pub fn note_out(note: &Note, links: &[Link], now: Time) -> pb::Note {
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
        hypothesis: note.hypothesis.as_ref().map(|hypothesis| hypothesis_out(hypothesis, now)),
        offer: note.offer.as_ref().map(offer_out),
    }
}

fn hypothesis_out(hypothesis: &Hypothesis, now: Time) -> pb::Hypothesis {
    let standing = hypothesis.standing(now);
    pb::Hypothesis {
        statement: hypothesis.statement.clone(),
        test: hypothesis.test.clone(),
        metric: hypothesis.metric.clone(),
        threshold: hypothesis.threshold.clone(),
        result: hypothesis.result.clone(),
        evidence: evidence_out(&hypothesis.evidence),
        status: standing.status.outward(),
        support: standing.support,
        doubt: standing.doubt,
        risk: hypothesis.risk,
    }
}

fn offer_out(offer: &Offer) -> pb::Offer {
    let answer =
        |answer: &NeedRef| pb::NeedRef { segment: answer.segment.to_string(), need: answer.need.to_string() };
    let item = |item: &OfferItem| pb::OfferItem {
        id: item.id.to_string(),
        text: item.text.clone(),
        answers: item.answers.iter().map(answer).collect(),
    };
    pb::Offer {
        message: offer.message.clone(),
        features: offer.features.iter().map(item).collect(),
        benefits: offer.benefits.iter().map(item).collect(),
    }
}

pub fn link_out(link: &Link) -> pb::Link {
    let to = match &link.to {
        LinkEnd::Note(id) => id.to_string(),
        LinkEnd::Segment(name) => name.to_string(),
    };
    pb::Link { id: link.id.to_string(), kind: link.kind.outward(), from: link.from.to_string(), to }
}
