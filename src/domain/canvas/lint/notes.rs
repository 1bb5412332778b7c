//! What is doubtful about notes and the links between them.

use std::collections::BTreeMap;

use super::{Code, Findings};
use crate::domain::canvas::edit::Edit;
use crate::domain::canvas::hypothesis::HypothesisStatus;
use crate::domain::canvas::{Block, CanvasKind, LinkEnd, LinkKind, Note};
use crate::domain::name::Id;
use crate::domain::time::Time;

pub fn check(f: &mut Findings, now: Time) {
    let canvas = f.graph.canvas;
    for note in &canvas.content.notes {
        check_links(f, note);
        if is_vague(note) {
            f.note(Code::VagueNote, path(note), &[&note.text], Vec::new());
        }
        check_hypothesis(f, note, now);
        check_offer(f, note);
    }
    check_twice(f);
    for block in canvas.content.kind.blocks() {
        let is_empty = block != Block::CustomerSegments && f.graph.notes_in(block).next().is_none();
        if is_empty {
            f.note(Code::EmptyBlock, String::new(), &[block.title()], Vec::new());
        }
    }
    if !canvas.segments.is_empty() && !canvas.content.notes.iter().any(|note| note.answers().next().is_some())
    {
        f.note(Code::NoMatches, String::new(), &[], Vec::new());
    }
    let pays = |note: &Note| f.graph.leaving(&note.id, LinkKind::PaidBy).next().is_some();
    if !canvas.content.notes.iter().any(pays) {
        f.note(Code::NoRevenue, String::new(), &[], Vec::new());
    }
}

pub fn path(note: &Note) -> String {
    format!("notes[\"{}\"]", note.id)
}

/// What the block of a note demands of its links.
fn check_links(f: &mut Findings, note: &Note) {
    let leaves = |f: &Findings, kind| f.graph.leaving(&note.id, kind).next().is_some();
    let enters = |f: &Findings, kind| f.graph.entering(&note.id, kind).next().is_some();
    let tell = |f: &mut Findings, code, fix| f.note(code, path(note), &[&note.text], fix);
    let only_segment = only_segment(f);
    let to_it = |f: &Findings, kind| {
        only_segment.map(|segment| f.graph.link_to_segment(kind, &note.id, segment)).into_iter().collect()
    };
    match note.block {
        Block::ValuePropositions | Block::UniqueValueProposition if !leaves(f, LinkKind::Serves) => {
            let fix = to_it(f, LinkKind::Serves);
            tell(f, Code::PropositionServesNobody, fix);
        }
        Block::Channels if !leaves(f, LinkKind::Reaches) => {
            let fix = to_it(f, LinkKind::Reaches);
            tell(f, Code::ChannelUnused, fix);
        }
        Block::KeyPartnerships if !leaves(f, LinkKind::Supplies) => {
            tell(f, Code::PartnerSuppliesNothing, Vec::new());
        }
        Block::RevenueStreams => {
            if !leaves(f, LinkKind::PaidBy) {
                let fix = to_it(f, LinkKind::PaidBy);
                tell(f, Code::RevenueWithoutPayer, fix);
            }
            if !leaves(f, LinkKind::PaidFor) {
                let offer = f.graph.only(&Block::OFFERS);
                let fix = offer
                    .map(|offer| f.graph.link(LinkKind::PaidFor, &note.id, LinkEnd::Note(offer.id.clone())));
                tell(f, Code::RevenueWithoutProposition, fix.into_iter().collect());
            }
            check_payers(f, note);
        }
        Block::Problem => {
            if !enters(f, LinkKind::Solves) {
                tell(f, Code::ProblemUnsolved, Vec::new());
            }
            if !leaves(f, LinkKind::Concerns) {
                let fix = to_it(f, LinkKind::Concerns);
                tell(f, Code::ProblemConcernsNobody, fix);
            }
        }
        Block::Solution if !leaves(f, LinkKind::Solves) => tell(f, Code::SolutionSolvesNothing, Vec::new()),
        // No link leads from or to these.
        Block::KeyMetrics | Block::UnfairAdvantage => {}
        Block::CostStructure if f.graph.canvas.content.kind == CanvasKind::Lean => {}
        _ if f.graph.is_orphan(&note.id) => {
            tell(f, Code::OrphanNote, vec![Edit::RemoveNote(note.id.clone())])
        }
        _ => {}
    }
}

fn only_segment<'a>(f: &Findings<'a>) -> Option<&'a Id> {
    let mut segments = f.graph.canvas.segments.keys();
    segments.next().filter(|_| segments.next().is_none())
}

/// Whoever pays for a proposition should be served by it.
fn check_payers(f: &mut Findings, stream: &Note) {
    let paid_for: Vec<&Note> = f
        .graph
        .leaving(&stream.id, LinkKind::PaidFor)
        .filter_map(|link| match &link.to {
            LinkEnd::Note(id) => f.graph.note(id),
            LinkEnd::Segment(_) => None,
        })
        .collect();
    if paid_for.is_empty() {
        return;
    }
    for payer in f.graph.reached(&stream.id, LinkKind::PaidBy) {
        let is_served = |offer: &&Note| f.graph.reached(&offer.id, LinkKind::Serves).contains(payer);
        if paid_for.iter().any(is_served) {
            continue;
        }
        let name = segment_name(f, payer);
        let fix = match paid_for[..] {
            [offer] => vec![f.graph.link_to_segment(LinkKind::Serves, &offer.id, payer)],
            _ => Vec::new(),
        };
        f.note(Code::PayerNotServed, path(stream), &[&stream.text, &name, &paid_for[0].text], fix);
    }
}

pub fn segment_name(f: &Findings, id: &Id) -> String {
    let segment = f.graph.canvas.segments.get(id);
    segment.map_or_else(|| id.to_string(), |segment| segment.content.display_name.clone())
}

fn check_hypothesis(f: &mut Findings, note: &Note, now: Time) {
    let Some(hypothesis) = &note.hypothesis else { return };
    let path = format!("{}.hypothesis", path(note));
    let names = [hypothesis.statement.as_str()];
    let how = [&hypothesis.test, &hypothesis.metric, &hypothesis.threshold];
    let is_open = hypothesis.result.is_empty() && hypothesis.evidence.is_empty();
    if is_open && how.iter().any(|told| told.trim().is_empty()) {
        f.note(Code::HypothesisWithoutTest, path.clone(), &names, Vec::new());
    }
    let code = match hypothesis.standing(now).status {
        HypothesisStatus::Untested | HypothesisStatus::Weak if hypothesis.is_risky(note.block) => {
            Code::RiskyUntested
        }
        HypothesisStatus::Contradicted => Code::HypothesisContradicted,
        HypothesisStatus::Refuted => Code::HypothesisRefuted,
        HypothesisStatus::Stale => Code::HypothesisStale,
        HypothesisStatus::Untested | HypothesisStatus::Weak | HypothesisStatus::Supported => return,
    };
    f.note(code, path, &names, Vec::new());
}

/// Features and benefits against the needs of the segments that the proposition serves.
fn check_offer(f: &mut Findings, note: &Note) {
    if !Block::OFFERS.contains(&note.block) {
        return;
    }
    let served = f.graph.reached(&note.id, LinkKind::Serves);
    let mut answered: Vec<&Id> = note.answers().map(|answer| &answer.segment.segment).collect();
    answered.sort();
    answered.dedup();
    if let Some(offer) = &note.offer {
        for (list, items) in [("features", &offer.features), ("benefits", &offer.benefits)] {
            for item in items.iter().filter(|item| item.answers.is_empty()) {
                let path = format!("{}.offer.{list}[\"{}\"]", path(note), item.id);
                f.note(Code::OfferAnswersNothing, path, &[&item.text], Vec::new());
            }
        }
    }
    for segment in answered.iter().filter(|segment| !served.contains(*segment)) {
        let name = segment_name(f, segment);
        let fix = vec![f.graph.link_to_segment(LinkKind::Serves, &note.id, segment)];
        f.note(Code::AnswersUnserved, path(note), &[&note.text, &name], fix);
    }
    // An offer that is not worked out yet is told of by the needs that nothing answers.
    if note.offer.as_ref().is_none_or(|offer| offer.items().next().is_none()) {
        return;
    }
    for segment in served {
        let needs = f.graph.canvas.segments.get(segment).is_some_and(|found| !found.content.needs.is_empty());
        if needs && !answered.contains(&segment) {
            let name = segment_name(f, segment);
            f.note(Code::ServesWithoutAnswer, path(note), &[&note.text, &name], Vec::new());
        }
    }
}

/// Notes and links that stand twice.
fn check_twice(f: &mut Findings) {
    let canvas = f.graph.canvas;
    let mut seen: BTreeMap<(Block, String), &Note> = BTreeMap::new();
    for note in &canvas.content.notes {
        let words: Vec<&str> = note.text.split_whitespace().collect();
        match seen.entry((note.block, words.join(" ").to_lowercase())) {
            std::collections::btree_map::Entry::Occupied(first) => {
                // Removing it loses nothing where it is joined to nothing.
                let fix = match f.graph.is_orphan(&note.id) {
                    true => vec![Edit::RemoveNote(note.id.clone())],
                    false => Vec::new(),
                };
                let first = first.get().id.to_string();
                f.note(Code::DuplicateNote, path(note), &[&note.text, &first], fix);
            }
            std::collections::btree_map::Entry::Vacant(place) => _ = place.insert(note),
        }
    }
    let mut seen = BTreeMap::new();
    for link in &canvas.content.links {
        let to = match &link.to {
            LinkEnd::Note(id) => id.to_string(),
            LinkEnd::Segment(name) => name.to_string(),
        };
        if let Some(first) = seen.insert((link.kind, &link.from, to), &link.id) {
            let path = format!("links[\"{}\"]", link.id);
            f.note(Code::DuplicateLink, path, &[first.as_str()], vec![Edit::RemoveLink(link.id.clone())]);
        }
    }
}

/// Words that every business could write, in the five languages.
const EMPTY_WORDS: [&str; 60] = [
    "quality",
    "innovation",
    "innovative",
    "best",
    "good",
    "great",
    "service",
    "services",
    "excellence",
    "customers",
    "marketing",
    "sales",
    "money",
    "technology",
    "solution",
    "solutions",
    "people",
    "everything",
    "everyone",
    "value",
    "chất",
    "lượng",
    "đổi",
    "mới",
    "tốt",
    "nhất",
    "dịch",
    "vụ",
    "giá",
    "trị",
    "công",
    "nghệ",
    "质量",
    "优质",
    "创新",
    "服务",
    "优质服务",
    "最好",
    "技术",
    "客户",
    "价值",
    "营销",
    "جودة",
    "الجودة",
    "ابتكار",
    "الابتكار",
    "خدمة",
    "خدمات",
    "أفضل",
    "تقنية",
    "عملاء",
    "تسويق",
    "qualità",
    "innovazione",
    "servizio",
    "servizi",
    "migliore",
    "eccellenza",
    "tecnologia",
    "clienti",
];

/// Where a name alone says enough, such as that of a partner or a channel.
const NAMES_ARE_ENOUGH: [Block; 4] =
    [Block::Channels, Block::KeyPartnerships, Block::CostStructure, Block::KeyMetrics];

/// Whether a note says little: only words that everybody could write, or a single word where more is needed.
fn is_vague(note: &Note) -> bool {
    let lower = note.text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_dense = |word: &&str| word.chars().any(|c| ('\u{2e80}'..='\u{9fff}').contains(&c));
    let written_without_spaces = words.iter().any(is_dense);
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    let is_short = if written_without_spaces { letters < 4 } else { words.len() < 2 };
    words.iter().all(|word| EMPTY_WORDS.contains(word))
        || (is_short && !NAMES_ARE_ENOUGH.contains(&note.block))
}
