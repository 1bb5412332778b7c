//! A column in fine bins, made without a look at the outcomes, so that a test on them is honest.

use std::collections::BTreeMap;

use super::evidence::Tally;
use super::sample::{UNKNOWN, Values};

/// How many fine bins a column of numbers has at most, but for a value that very many have.
const MOST: usize = 20;
/// How many words have a bin of their own at most.
const MOST_WORDS: usize = 40;
/// So many accounts settle where the bounds lie; more only cost time.
const ENOUGH_FOR_BOUNDS: usize = 100_000;
/// A word of fewer accounts is pooled with others that are rare, and so is one of a smaller share than this many thousandths.
const RARE: usize = 20;
const RARE_THOUSANDTHS: usize = 4;

/// A column cut into fine bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Fine {
    pub cut: Cut,
    /// Of numbers in their order; of words the most frequent first, those that are pooled last.
    pub tallies: Vec<Tally>,
    /// Those of whom it is not known.
    pub unknown: Tally,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cut {
    /// The lower bounds of all bins but the first.
    Bounds(Vec<f64>),
    /// The places of the words that have a bin of their own, in the order of the bins, and whether one bin more pools the others.
    Words { own: Vec<u32>, pooled: bool },
}

impl Fine {
    /// Cuts a column and counts outcomes; `None` if fewer than two bins come of what is known and unknown.
    pub fn of(values: &Values, won: &[bool]) -> Option<Self> {
        let cut = match values {
            Values::Numbers(numbers) => Cut::Bounds(bounds(numbers)),
            Values::Words { words, places } => frequent(words, places),
        };
        let bins = match &cut {
            Cut::Bounds(bounds) => bounds.len() + 1,
            Cut::Words { own, pooled } => own.len() + usize::from(*pooled),
        };
        let mut fine = Self { cut, tallies: vec![Tally::default(); bins], unknown: Tally::default() };
        match (values, &fine.cut) {
            (Values::Numbers(numbers), Cut::Bounds(bounds)) => {
                for (number, won) in numbers.iter().zip(won) {
                    match number.is_nan() {
                        true => fine.unknown.see(*won),
                        false => fine.tallies[place_of(bounds, *number)].see(*won),
                    }
                }
            }
            (Values::Words { words, places }, Cut::Words { own, .. }) => {
                let mut bin_of = vec![own.len(); words.len()];
                own.iter().enumerate().for_each(|(bin, place)| bin_of[*place as usize] = bin);
                for (place, won) in places.iter().zip(won) {
                    match *place {
                        UNKNOWN => fine.unknown.see(*won),
                        place => fine.tallies[bin_of[place as usize]].see(*won),
                    }
                }
            }
            _ => {}
        }
        let filled = fine.tallies.iter().filter(|tally| tally.all() > 0).count();
        (filled + usize::from(fine.unknown.all() > 0) >= 2).then_some(fine)
    }
}

/// The bin that a number falls into.
pub fn place_of(bounds: &[f64], number: f64) -> usize {
    bounds.partition_point(|bound| *bound <= number)
}

/// Bounds at the twentieths of the accounts, moved a little so that they are round, and around each value that a twentieth has.
fn bounds(numbers: &[f64]) -> Vec<f64> {
    let known = numbers.iter().copied().filter(|number| !number.is_nan());
    let stride = numbers.len().div_ceil(ENOUGH_FOR_BOUNDS).max(1);
    let mut sorted: Vec<f64> = known.step_by(stride).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first().copied(), sorted.last().copied()) else {
        return Vec::new();
    };

    let mut different = sorted.clone();
    different.dedup();
    let mut bounds: Vec<f64> = if different.len() <= MOST {
        different.windows(2).map(|pair| roundest(pair[0], pair[1])).collect()
    } else {
        let many = sorted.len();
        let before = |value: f64| sorted.partition_point(|other| *other < value);
        let after = |value: f64| sorted.partition_point(|other| *other <= value);
        let mut bounds = Vec::new();
        for step in 1..MOST {
            let middle = many * step / MOST;
            let aside = many / (MOST * 5);
            let (low, value, high) = (
                sorted[middle.saturating_sub(aside)],
                sorted[middle],
                sorted[(middle + aside).min(many - 1)],
            );
            if (after(value) - before(value)) * MOST >= many || low == high {
                let begins = before(value);
                if begins > 0 {
                    bounds.push(roundest(sorted[begins - 1], value));
                }
                if let Some(next) = sorted.get(after(value)) {
                    bounds.push(roundest(value, *next));
                }
            } else {
                bounds.push(roundest(low, high));
            }
        }
        bounds
    };
    bounds.retain(|bound| *bound > least && *bound <= most);
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}

/// The roundest number above one and up to another: a whole multiple of the greatest of 1, 2 and 5 times a power of ten.
fn roundest(above: f64, up_to: f64) -> f64 {
    let span = up_to - above;
    if !(span.is_finite() && span > 0.0) {
        return up_to;
    }
    let reach = above.abs().max(up_to.abs());
    let mut exponent = libm::log10(reach.max(span)).ceil() as i32;
    while exponent > -12 {
        for digit in [10.0, 5.0, 2.0] {
            let (count, unit) = (digit, exponent - 1);
            // A power of ten below one is not exact, but its inverse is.
            let multiple = |k: f64| match unit >= 0 {
                true => k * count * libm::exp10(f64::from(unit)),
                false => k * count / libm::exp10(f64::from(-unit)),
            };
            let size = multiple(1.0);
            let candidate = multiple((up_to / size).floor());
            if candidate > above && candidate <= up_to {
                return candidate;
            }
        }
        exponent -= 1;
    }
    up_to
}

/// Words with enough accounts, the most frequent first; equal ones by the alphabet.
fn frequent(words: &[String], places: &[u32]) -> Cut {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    let mut tally = vec![0_usize; words.len()];
    places.iter().filter(|place| **place != UNKNOWN).for_each(|place| tally[*place as usize] += 1);
    for (place, count) in tally.iter().enumerate().filter(|(_, count)| **count > 0) {
        counts.insert(place as u32, *count);
    }
    let least = RARE.max(places.len() * RARE_THOUSANDTHS / 1_000);
    let mut own: Vec<u32> =
        counts.iter().filter(|(_, count)| **count >= least).map(|(place, _)| *place).collect();
    own.sort_by_key(|place| (std::cmp::Reverse(counts[place]), words[*place as usize].as_str()));
    own.truncate(MOST_WORDS);
    let pooled = own.len() < counts.len();
    Cut::Words { own, pooled }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_round_where_that_costs_nothing() {
        for (above, up_to, round) in [
            (2.0, 3.0, 3.0),
            (1_093.0, 1_121.0, 1_100.0),
            (0.31, 0.36, 0.35),
            (96.0, 104.0, 100.0),
            (-12.0, -8.0, -10.0),
            (-3.0, 4.0, 0.0),
            (2.0, 2.5, 2.5),
            (0.0, 1.0, 1.0),
            (7.0, 7.0, 7.0),
        ] {
            assert_eq!(roundest(above, up_to), round, "{above} {up_to}");
        }
    }

    #[test]
    fn a_value_that_very_many_have_stands_alone() {
        let numbers: Vec<f64> = (0..1_000).map(|i| if i < 400 { 0.0 } else { f64::from(i) }).collect();
        let Some(fine) = Fine::of(&Values::Numbers(numbers), &vec![true; 1_000]) else { unreachable!() };
        assert_eq!(fine.tallies[0].all(), 400);
        assert!(fine.tallies.len() <= MOST + 2, "{fine:?}");
        assert_eq!(fine.tallies.iter().map(|tally| tally.all()).sum::<usize>(), 1_000);
    }

    #[test]
    fn rare_words_are_pooled() {
        let words: Vec<String> = ["a", "b", "c", "d"].map(String::from).to_vec();
        let mut places = vec![1_u32; 300];
        places.extend([0; 200]);
        places.extend([2, 3, 3, UNKNOWN]);
        let fine = Fine::of(&Values::Words { words, places: places.clone() }, &vec![false; places.len()]);
        let Some(fine) = fine else { unreachable!() };
        assert_eq!(fine.cut, Cut::Words { own: vec![1, 0], pooled: true });
        assert_eq!(fine.tallies.iter().map(|tally| tally.lost).collect::<Vec<_>>(), [300, 200, 3]);
        assert_eq!(fine.unknown.lost, 1);
    }
}
