//! Fine bins merged into the few that a person reads, each different enough from its neighbours to be worth a line.
//!
//! What is maximised is the likelihood of the outcomes, less a price for every bin, over all ways
//! of merging neighbours that keep a trend, by dynamic programming. Likelihood and information value order the ways alike; the
//! likelihood has a natural price.

use super::evidence::{Tally, information_value};
use super::fine::{Cut, Fine, place_of};
use super::sample::{UNKNOWN, Values};

/// How the won share goes as a number grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    Ascending,
    Descending,
    /// Up to a best size, and down again.
    Peak,
    Valley,
    /// Neither, or words, which have no order.
    None,
}

impl Trend {
    pub fn as_str(self) -> &'static str {
        match self {
            Trend::Ascending => "ascending",
            Trend::Descending => "descending",
            Trend::Peak => "peak",
            Trend::Valley => "valley",
            Trend::None => "none",
        }
    }
}

/// What bins have to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub most_bins: usize,
    /// The least share of all accounts, 0 to 1.
    pub least_share: f64,
    pub least_rows: usize,
    /// The least number of won ones, and of lost ones, but where the bin is surely different from the usual.
    pub least_of_each: usize,
}

/// What an account has to be to fall into a bin.
#[derive(Debug, Clone, PartialEq)]
pub enum Falls {
    /// From a number, below a number.
    Range(Option<f64>, Option<f64>),
    OneOf(Vec<String>),
    /// Known, and none of the words that other bins name: those in the sample are too rare.
    Other,
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bin {
    pub falls: Falls,
    pub tally: Tally,
    /// Weight of evidence, see [`Tally::weight_of_evidence`]; of few accounts, drawn towards nothing.
    pub weight: f64,
}

/// A column in bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned {
    pub bins: Vec<Bin>,
    pub trend: Trend,
    pub information_value: f64,
    finder: Finder,
}

#[derive(Debug, Clone, PartialEq)]
enum Finder {
    Bounds { bounds: Vec<f64>, unknown: u8 },
    Words { bin_of: Vec<u8>, unknown: u8 },
}

/// The bin of an account that no bin is for: of an unknown fact that was always known, of a word that was never seen.
pub const NO_BIN: u8 = u8::MAX;
/// Evidence of so many accounts counts half.
const HALF_BELIEVED: f64 = 10.0;
/// A bin costs half of what Schwarz's criterion asks for a parameter (G. Schwarz, 1978): with ten thousand accounts, what chance alone
/// would make worth a line one time in thirty.
const PRICE_OF_A_BIN: f64 = 0.25;
/// So much more likely have outcomes to be before a turn, or any order, is believed: natural logarithms.
const PRICE_OF_A_TURN: f64 = 5.0;
const PRICE_OF_DISORDER: f64 = 15.0;

impl Binned {
    /// Merges fine bins; `None` if only one is left, so that the column says nothing.
    pub fn of(fine: &Fine, values: &Values, limits: &Limits) -> Option<Self> {
        let of = fine.tallies.iter().fold(fine.unknown, |sum, tally| sum.with(*tally));
        let least = Least {
            rows: limits.least_rows.max((limits.least_share * of.all() as f64).ceil() as usize),
            of_each: limits.least_of_each,
        };
        // Words have no order but that of their won shares; whoever is rare stays near the middle.
        let mut order: Vec<usize> = (0..fine.tallies.len()).collect();
        if let Cut::Words { own, .. } = &fine.cut {
            // Those that are too rare to be named stay apart: whoever has a word that was never seen falls there, too.
            order.truncate(own.len());
            let believed = |place: &usize| {
                let tally = fine.tallies[*place];
                (tally.won as f64 + HALF_BELIEVED * of.share()) / (tally.all() as f64 + HALF_BELIEVED)
            };
            order.sort_by(|a, b| believed(a).total_cmp(&believed(b)));
        }
        let tallies: Vec<Tally> = order.iter().map(|place| fine.tallies[*place]).collect();
        let price = libm::log(of.all() as f64) * PRICE_OF_A_BIN;
        let merge = Merge { tallies: &tallies, least, price, most: limits.most_bins };
        let (trend, ends) = match &fine.cut {
            Cut::Bounds(_) => merge.by_the_best_trend(),
            Cut::Words { .. } => (Trend::None, merge.best(&[Direction::Up]).map(|(_, ends)| ends)),
        };
        let ends = ends.unwrap_or_else(|| vec![tallies.len()]);
        let others: Vec<usize> = (order.len()..fine.tallies.len()).collect();

        let mut groups: Vec<&[usize]> = Vec::new();
        let mut begin = 0;
        for end in ends {
            groups.push(&order[begin..end]);
            begin = end;
        }
        groups.retain(|group| !group.is_empty());
        if groups.len() + usize::from(fine.unknown.all() > 0) < 2 {
            return None;
        }
        if !others.is_empty() {
            groups.push(&others);
        }
        Some(Self::from_groups(fine, values, &groups, trend, of))
    }

    fn from_groups(fine: &Fine, values: &Values, groups: &[&[usize]], trend: Trend, of: Tally) -> Self {
        let tally_of = |group: &[usize]| {
            group.iter().fold(Tally::default(), |sum, place| sum.with(fine.tallies[*place]))
        };
        let mut bins: Vec<Bin> = Vec::new();
        let mut add = |falls, tally: Tally| {
            let believed = tally.all() as f64 / (tally.all() as f64 + HALF_BELIEVED);
            bins.push(Bin { falls, tally, weight: tally.weight_of_evidence(of) * believed });
        };
        let unknown = if fine.unknown.all() > 0 { groups.len() as u8 } else { NO_BIN };
        let finder = match (&fine.cut, values) {
            (Cut::Words { own, .. }, Values::Words { words, .. }) => {
                let mut bin_of = vec![NO_BIN; words.len()];
                for (bin, group) in groups.iter().enumerate() {
                    let pooled = group.contains(&own.len());
                    let named: Vec<usize> =
                        group.iter().copied().filter(|place| *place < own.len()).collect();
                    named.iter().for_each(|place| bin_of[own[*place] as usize] = bin as u8);
                    if pooled {
                        let is_own = |word: &usize| own.contains(&(*word as u32));
                        (0..words.len())
                            .filter(|word| !is_own(word))
                            .for_each(|word| bin_of[word] = bin as u8);
                    }
                    let mut named: Vec<String> =
                        named.iter().map(|place| words[own[*place] as usize].clone()).collect();
                    named.sort();
                    add(if pooled { Falls::Other } else { Falls::OneOf(named) }, tally_of(group));
                }
                Finder::Words { bin_of, unknown }
            }
            (Cut::Bounds(bounds), _) => {
                let lower: Vec<Option<f64>> =
                    groups.iter().map(|group| group[0].checked_sub(1).map(|before| bounds[before])).collect();
                for (bin, group) in groups.iter().enumerate() {
                    let below = lower.get(bin + 1).copied().flatten();
                    add(Falls::Range(lower[bin], below), tally_of(group));
                }
                Finder::Bounds { bounds: lower.into_iter().flatten().collect(), unknown }
            }
            _ => Finder::Bounds { bounds: Vec::new(), unknown },
        };
        if fine.unknown.all() > 0 {
            add(Falls::Unknown, fine.unknown);
        }
        let tallies: Vec<Tally> = bins.iter().map(|bin| bin.tally).collect();
        Self { information_value: information_value(&tallies), bins, trend, finder }
    }

    /// The bin of each account, or [`NO_BIN`].
    pub fn places(&self, values: &Values) -> Vec<u8> {
        match (&self.finder, values) {
            (Finder::Bounds { bounds, unknown }, Values::Numbers(numbers)) => numbers
                .iter()
                .map(|number| if number.is_nan() { *unknown } else { place_of(bounds, *number) as u8 })
                .collect(),
            (Finder::Words { bin_of, unknown }, Values::Words { places, .. }) => places
                .iter()
                .map(|place| if *place == UNKNOWN { *unknown } else { bin_of[*place as usize] })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// What each bin needs.
#[derive(Debug, Clone, Copy)]
struct Least {
    rows: usize,
    of_each: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
    Any,
}

struct Merge<'t> {
    tallies: &'t [Tally],
    least: Least,
    price: f64,
    most: usize,
}

/// The best way to here: what it is worth, and where it came from.
#[derive(Debug, Clone, Copy)]
struct Way {
    worth: f64,
    /// The beginning of the bin before, and the phase in which it was.
    before: Option<(usize, usize)>,
}

impl Merge<'_> {
    fn by_the_best_trend(&self) -> (Trend, Option<Vec<usize>>) {
        use Direction::{Any, Down, Up};
        let ways = [
            (Trend::Ascending, &[Up][..], 0.0),
            (Trend::Descending, &[Down][..], 0.0),
            (Trend::Peak, &[Up, Down][..], PRICE_OF_A_TURN),
            (Trend::Valley, &[Down, Up][..], PRICE_OF_A_TURN),
            (Trend::None, &[Any][..], PRICE_OF_DISORDER),
        ];
        let mut best: Option<(f64, Trend, Vec<usize>)> = None;
        for (trend, phases, price) in ways {
            let Some((worth, ends)) = self.best(phases) else { continue };
            if best.as_ref().is_none_or(|(most, ..)| worth - price > *most) {
                best = Some((worth - price, trend, ends));
            }
        }
        best.map_or((Trend::None, None), |(_, trend, ends)| (trend, Some(ends)))
    }

    /// The ends of the bins that are worth most, of all whose won shares go as the phases say, one after the other.
    fn best(&self, phases: &[Direction]) -> Option<(f64, Vec<usize>)> {
        let many = self.tallies.len();
        let mut sums = vec![Tally::default()];
        for tally in self.tallies {
            let last = sums.last().copied().unwrap_or_default();
            sums.push(last.with(*tally));
        }
        let between = |begin: usize, end: usize| Tally {
            won: sums[end].won - sums[begin].won,
            lost: sums[end].lost - sums[begin].lost,
        };
        let usual = sums[many].share();
        let fits = |tally: Tally| {
            let (low, high) = tally.interval();
            let is_surely_other = low > usual || high < usual;
            let has_both = tally.won.min(tally.lost) >= self.least.of_each;
            tally.all() >= self.least.rows && (has_both || is_surely_other)
        };

        // By the number of bins, the last bin's end, its beginning and its phase.
        let place = |begin: usize, phase: usize| begin * phases.len() + phase;
        let none = || vec![None::<Way>; many * phases.len()];
        let mut layers: Vec<Vec<Vec<Option<Way>>>> = Vec::new();
        let mut best: Option<(f64, usize, usize, usize)> = None;
        for count in 1..=self.most {
            let mut layer: Vec<Vec<Option<Way>>> = (0..=many).map(|_| none()).collect();
            for (end, slots) in layer.iter_mut().enumerate().skip(1) {
                for begin in 0..end {
                    let tally = between(begin, end);
                    if !fits(tally) || (count == 1) != (begin == 0) {
                        continue;
                    }
                    let own = likelihood(tally) - self.price;
                    for phase in 0..phases.len() {
                        let way = match layers.last() {
                            None => (phase == 0).then_some(Way { worth: own, before: None }),
                            Some(former) => {
                                let share = tally.share();
                                let mut most: Option<Way> = None;
                                for first in 0..begin {
                                    let other = between(first, begin).share();
                                    for from in [Some(phase), phase.checked_sub(1)].into_iter().flatten() {
                                        let Some(way) = former[begin][place(first, from)] else { continue };
                                        let goes = match phases[phase] {
                                            Direction::Up => share > other,
                                            Direction::Down => share < other,
                                            Direction::Any => share != other,
                                        };
                                        let worth = way.worth + own;
                                        if goes && most.is_none_or(|known| worth > known.worth) {
                                            most = Some(Way { worth, before: Some((first, from)) });
                                        }
                                    }
                                }
                                most
                            }
                        };
                        slots[place(begin, phase)] = way;
                        if let Some(way) = way
                            && end == many
                            && best.is_none_or(|(worth, ..)| way.worth > worth)
                        {
                            best = Some((way.worth, count, begin, phase));
                        }
                    }
                }
            }
            layers.push(layer);
        }

        let (worth, count, mut begin, mut phase) = best?;
        let mut ends = vec![many];
        for layer in layers[1..count].iter().rev() {
            let end = ends.last().copied().unwrap_or(many);
            let Some(Way { before: Some((first, from)), .. }) = layer[end][place(begin, phase)] else {
                break;
            };
            ends.push(begin);
            (begin, phase) = (first, from);
        }
        ends.reverse();
        Some((worth, ends))
    }
}

/// The logarithm of how likely the outcomes of a bin are by its own share.
fn likelihood(tally: Tally) -> f64 {
    let part = |count: usize| match count {
        0 => 0.0,
        count => count as f64 * libm::log(count as f64 / tally.all() as f64),
    };
    part(tally.won) + part(tally.lost)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { most_bins: 8, least_share: 0.05, least_rows: 20, least_of_each: 5 };

    /// Ten values of a hundred accounts each, won by these shares.
    fn numbers(percents: [usize; 10]) -> (Values, Vec<bool>) {
        let number = |row: usize| (row / 100) as f64;
        let won = |row: usize| row % 100 < percents[row / 100];
        (Values::Numbers((0..1_000).map(number).collect()), (0..1_000).map(won).collect())
    }

    fn binned((values, won): (Values, Vec<bool>)) -> Option<Binned> {
        Binned::of(&Fine::of(&values, &won)?, &values, &LIMITS)
    }

    #[test]
    fn trends_are_told_apart() {
        for (percents, trend) in [
            ([10, 10, 20, 20, 30, 30, 50, 50, 80, 80], Trend::Ascending),
            ([80, 80, 60, 60, 40, 40, 30, 20, 10, 10], Trend::Descending),
            ([10, 10, 20, 40, 80, 80, 80, 40, 20, 10], Trend::Peak),
            ([90, 90, 60, 40, 10, 10, 10, 40, 60, 90], Trend::Valley),
            ([90, 10, 90, 10, 90, 10, 90, 10, 90, 90], Trend::None),
        ] {
            let binned = binned(numbers(percents)).unwrap();
            assert_eq!(binned.trend, trend, "{binned:#?}");
            assert!(binned.bins.len() <= 8);
        }
        assert_eq!(binned(numbers([40; 10])), None, "what makes no difference has no bins");
    }

    #[test]
    fn a_small_wave_is_no_turn() {
        let binned = binned(numbers([10, 12, 20, 18, 30, 31, 50, 48, 80, 78])).unwrap();
        assert_eq!(binned.trend, Trend::Ascending);
        let shares: Vec<f64> = binned.bins.iter().map(|bin| bin.tally.share()).collect();
        assert!(shares.is_sorted(), "{shares:?}");
    }

    #[test]
    fn words_alike_share_a_bin_and_what_is_not_known_has_its_own() {
        let words: Vec<String> = ["ads", "fair", "friend", "phone", "rare"].map(String::from).to_vec();
        let mut places = Vec::new();
        let mut won = Vec::new();
        for (place, count, percent) in
            [(0, 400, 10), (1, 400, 80), (2, 300, 82), (3, 400, 11), (4, 3, 0), (UNKNOWN, 200, 40)]
        {
            places.extend(vec![place; count]);
            won.extend((0..count).map(|i| i * 100 < percent * count));
        }
        let values = Values::Words { words, places: places.clone() };
        let binned = binned((values.clone(), won)).unwrap();
        let falls: Vec<Falls> = binned.bins.iter().map(|bin| bin.falls.clone()).collect();
        let named = |words: &[&str]| Falls::OneOf(words.iter().map(|word| (*word).to_owned()).collect());
        let expected = [named(&["ads", "phone"]), named(&["fair", "friend"]), Falls::Other, Falls::Unknown];
        assert_eq!(falls, expected, "{binned:#?}");
        let found = binned.places(&values);
        for (bin, expected) in binned.bins.iter().enumerate() {
            assert_eq!(found.iter().filter(|place| **place as usize == bin).count(), expected.tally.all());
        }
    }

    proptest! {
        /// Bins share all accounts among them, keep their trend and are large enough, whatever the outcomes.
        #[test]
        fn bins_keep_their_promises(percents in prop::array::uniform10(0_usize..=100)) {
            let (values, won) = numbers(percents);
            let Some(binned) = binned((values.clone(), won.clone())) else { return Ok(()) };
            let of = binned.bins.iter().fold(Tally::default(), |sum, bin| sum.with(bin.tally));
            prop_assert_eq!(of.all(), 1_000);
            let shares: Vec<f64> = binned.bins.iter().map(|bin| bin.tally.share()).collect();
            let turns = shares.windows(3).filter(|s| (s[1] > s[0]) != (s[2] > s[1])).count();
            match binned.trend {
                Trend::Ascending => prop_assert!(shares.is_sorted()),
                Trend::Descending => prop_assert!(shares.iter().rev().is_sorted()),
                Trend::Peak | Trend::Valley => prop_assert!(turns <= 1),
                Trend::None => {}
            }
            for bin in &binned.bins {
                let (low, high) = bin.tally.interval();
                let is_surely_other = low > of.share() || high < of.share();
                prop_assert!(bin.tally.all() >= 50);
                prop_assert!(bin.tally.won.min(bin.tally.lost) >= 5 || is_surely_other);
            }
            let found = binned.places(&values);
            for (bin, expected) in binned.bins.iter().enumerate() {
                let here = found.iter().zip(&won).filter(|(place, _)| **place as usize == bin);
                prop_assert_eq!(here.filter(|(_, won)| **won).count(), expected.tally.won);
            }
        }
    }
}
