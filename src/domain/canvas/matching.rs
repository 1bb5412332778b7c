//! What propositions offer against what segments need: what answers what, and what is left over on both sides.

use std::collections::BTreeSet;

use super::{Block, Canvas, LinkKind, Note, OfferItem};
use crate::domain::name::Id;
use crate::domain::segment::Need;

/// A feature or benefit of a note, or what the note says as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item<'a> {
    pub note: &'a Id,
    /// None is the message, or the note's own text if it has none.
    pub item: Option<&'a OfferItem>,
    pub text: &'a str,
    pub is_benefit: bool,
}

impl Item<'_> {
    fn answers(&self, segment: &Id, need: &Id) -> bool {
        let mut answers = self.item.iter().flat_map(|item| &item.answers);
        answers.any(|answer| answer.segment.segment == *segment && answer.need == *need)
    }

    fn answers_any(&self, segment: &Id) -> bool {
        self.item.iter().flat_map(|item| &item.answers).any(|answer| answer.segment.segment == *segment)
    }
}

/// A need with what answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedNeed<'a> {
    pub need: &'a Need,
    pub answers: Vec<Item<'a>>,
    /// Of a need that nothing answers: what sounds like it, with how alike it is.
    pub suggestions: Vec<(Item<'a>, f64)>,
}

/// A segment's needs against what serves it.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueMatch<'a> {
    pub segment: &'a Id,
    pub display_name: &'a str,
    pub needs: Vec<MatchedNeed<'a>>,
    /// What serves the segment and answers none of its needs; a proposition of which nothing does stands there as a whole too.
    pub unmatched: Vec<Item<'a>>,
    /// The share of the needs that is answered, by intensity.
    pub coverage: Option<f64>,
}

/// The intensity of a need of which it is not known.
const UNKNOWN_INTENSITY: f64 = 0.5;
/// From which likeness on words may mean the same.
const ALIKE: f64 = 0.2;
const MOST_SUGGESTIONS: usize = 3;

fn items(note: &Note) -> impl Iterator<Item = Item<'_>> {
    let offer = note.offer.iter();
    let all = offer.flat_map(|offer| {
        let features = offer.features.iter().map(|item| (item, false));
        features.chain(offer.benefits.iter().map(|item| (item, true)))
    });
    all.map(|(item, is_benefit)| Item { note: &note.id, item: Some(item), text: &item.text, is_benefit })
}

/// What a proposition says as a whole.
fn message(note: &Note) -> Item<'_> {
    let message = note.offer.as_ref().map(|offer| offer.message.as_str()).filter(|text| !text.is_empty());
    Item { note: &note.id, item: None, text: message.unwrap_or(&note.text), is_benefit: false }
}

impl Canvas {
    /// What is offered that sounds like a text, the most alike first, with how alike it is.
    pub fn offers_alike(&self, text: &str) -> Vec<(Item<'_>, f64)> {
        let offers = self.content.notes.iter().filter(|note| Block::OFFERS.contains(&note.block));
        let all: Vec<Item> = self.content.notes.iter().flat_map(items).chain(offers.map(message)).collect();
        let words: Vec<BTreeSet<String>> = all.iter().map(|item| words_of(item.text)).collect();
        alike(text, &all, &words)
    }

    /// All segments with their needs and what answers them.
    pub fn value_matches(&self) -> Vec<ValueMatch<'_>> {
        let offers = || self.content.notes.iter().filter(|note| Block::OFFERS.contains(&note.block));
        let all: Vec<Item> = self.content.notes.iter().flat_map(items).chain(offers().map(message)).collect();
        let words: Vec<BTreeSet<String>> = all.iter().map(|item| words_of(item.text)).collect();
        self.segments
            .iter()
            .map(|(id, segment)| {
                let needs: Vec<MatchedNeed> = segment
                    .content
                    .needs
                    .iter()
                    .map(|need| {
                        let answers: Vec<Item> =
                            all.iter().filter(|item| item.answers(id, &need.id)).copied().collect();
                        let suggestions = match answers.is_empty() {
                            true => alike(&need.text, &all, &words),
                            false => Vec::new(),
                        };
                        MatchedNeed { need, answers, suggestions }
                    })
                    .collect();
                let serves = |note: &Id| {
                    self.content.links.iter().any(|link| {
                        link.kind == LinkKind::Serves && link.from == *note && link.to.is_segment(id)
                    })
                };
                let answering: BTreeSet<&Id> =
                    all.iter().filter(|item| item.answers_any(id)).map(|item| item.note).collect();
                let unmatched = all.iter().filter(|item| {
                    let is_left = match item.item {
                        Some(_) => !item.answers_any(id),
                        None => !answering.contains(item.note),
                    };
                    is_left && serves(item.note)
                });
                ValueMatch {
                    segment: id,
                    display_name: &segment.content.display_name,
                    unmatched: unmatched.copied().collect(),
                    coverage: coverage(&needs),
                    needs,
                }
            })
            .collect()
    }
}

fn coverage(needs: &[MatchedNeed]) -> Option<f64> {
    let weight = |need: &MatchedNeed| need.need.intensity.unwrap_or(UNKNOWN_INTENSITY);
    let all: f64 = needs.iter().map(weight).sum();
    let answered: f64 = needs.iter().filter(|need| !need.answers.is_empty()).map(weight).sum();
    match needs.is_empty() {
        true => None,
        // Needs that nobody feels are answered by anything.
        false => Some(if all > 0.0 { answered / all } else { 1.0 }),
    }
}

fn alike<'a>(text: &str, all: &[Item<'a>], words: &[BTreeSet<String>]) -> Vec<(Item<'a>, f64)> {
    let wanted = words_of(text);
    let mut alike: Vec<(Item, f64)> = all
        .iter()
        .zip(words)
        .map(|(item, words)| (*item, likeness(&wanted, words)))
        .filter(|(_, likeness)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    alike.truncate(MOST_SUGGESTIONS);
    alike
}

/// The words of a text that say something: of four letters and more, shortened to their stem; pairs of letters where words are
/// not parted.
fn words_of(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let mut found = BTreeSet::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()) {
        let letters: Vec<char> = word.chars().collect();
        if letters.iter().any(|c| ('\u{2e80}'..='\u{9fff}').contains(c)) {
            found.extend(letters.windows(2).map(|pair| pair.iter().collect::<String>()));
        } else if letters.len() >= 4 {
            // Endings differ more than beginnings: route, routes, routing.
            found.insert(letters[..letters.len().min(5)].iter().collect());
        }
    }
    found
}

/// The Dice coefficient: twice what both have, over what each has.
fn likeness(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let both = one.intersection(other).count() as f64;
    2.0 * both / (one.len() + other.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canvas::tests::acme;
    use crate::domain::segment::NeedKind;

    #[test]
    fn what_is_left_over_is_told_on_both_sides() {
        let mut canvas = acme();
        let small = canvas.segments.get_mut(&"small".parse().unwrap()).unwrap();
        let need = |id: &str, text: &str, intensity| Need {
            id: id.parse().unwrap(),
            kind: NeedKind::Need,
            text: text.into(),
            intensity,
        };
        small.content.needs[0].intensity = Some(0.9);
        small.content.needs.push(need("routes", "Planned routes for every day", Some(0.6)));
        small.content.needs.push(need("quiet", "Peace and quiet", None));
        let note = canvas.content.notes.iter_mut().find(|note| note.id.as_str() == "paid").unwrap();
        note.offer.as_mut().unwrap().features.push(OfferItem {
            id: "app".parse().unwrap(),
            text: "An app with a calendar".into(),
            answers: Vec::new(),
        });
        let matches = canvas.value_matches();
        let small = matches.iter().find(|found| found.segment.as_str() == "small").unwrap();
        let answered: Vec<usize> = small.needs.iter().map(|need| need.answers.len()).collect();
        assert_eq!(answered, [1, 0, 0]);
        assert!((small.coverage.unwrap() - 0.45).abs() < 1e-12, "{:?}", small.coverage);
        let sounds: Vec<&str> = small.needs[1].suggestions.iter().map(|(item, _)| item.text).collect();
        assert_eq!(sounds, ["Routes planned overnight"]);
        assert!(small.needs[2].suggestions.is_empty());
        let left: Vec<&str> = small.unmatched.iter().map(|item| item.text).collect();
        assert_eq!(left, ["An app with a calendar"]);
    }
}
