//! How well learning does on accounts that it has not seen: by turns, and on a later time.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::evidence::Tally;
use super::fine::Fine;
use super::learn::{Scorecard, Verdict, Wanted, examine};
use super::measure::Quality;
use super::naive_bayes::NaiveBayes;
use super::sample::{Sample, Values};

/// The scorecard and the baseline on the same accounts.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    pub scorecard: Quality,
    pub naive_bayes: Quality,
    pub of: Tally,
}

/// What is learnt: which columns, of which some are trusted.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    pub sample: &'a Sample,
    pub trusted: &'a [usize],
    /// Columns that a person has to look at first; they are left out.
    pub held_back: &'a [usize],
    pub wanted: Wanted,
}

/// Every account is foretold once, by what was learnt from the other folds. `done` is told of each and says whether to go on.
pub fn by_turns(lesson: Lesson, folds: usize, seed: u64, mut done: impl FnMut() -> bool) -> Option<Compared> {
    let sample = lesson.sample;
    let parts = folds_of(&sample.won, folds, seed);
    let (mut chances, mut bayes) = (vec![0.0; sample.rows()], vec![0.0; sample.rows()]);
    for part in 0..folds {
        let learnt: Vec<usize> = (0..sample.rows()).filter(|row| parts[*row] != part).collect();
        let asked: Vec<usize> = (0..sample.rows()).filter(|row| parts[*row] == part).collect();
        let (own, other) = foretold(lesson, &learnt, &asked);
        for ((row, own), other) in asked.iter().zip(own).zip(other) {
            (chances[*row], bayes[*row]) = (own, other);
        }
        if !done() {
            return None;
        }
    }
    compared(&chances, &bayes, &sample.won)
}

/// What comes last in time is foretold by what was learnt from the time before; `times` are by account, and it is of a quarter.
pub fn of_a_later_time(lesson: Lesson, times: &[Option<i64>]) -> Option<Compared> {
    let mut known: Vec<(i64, usize)> =
        times.iter().enumerate().filter_map(|(row, time)| Some(((*time)?, row))).collect();
    known.sort_unstable();
    let begin = known.get(known.len() * 3 / 4)?.0;
    let rows = |is_asked: bool| -> Vec<usize> {
        let chosen = known.iter().filter(|(time, _)| (*time >= begin) == is_asked);
        chosen.map(|(_, row)| *row).collect()
    };
    let (learnt, asked) = (rows(false), rows(true));
    let (own, other) = foretold(lesson, &learnt, &asked);
    let won: Vec<bool> = asked.iter().map(|row| lesson.sample.won[*row]).collect();
    compared(&own, &other, &won)
}

fn compared(chances: &[f64], bayes: &[f64], won: &[bool]) -> Option<Compared> {
    let count = won.iter().filter(|won| **won).count();
    let of = Tally { won: count, lost: won.len() - count };
    (of.won > 0 && of.lost > 0).then(|| Compared {
        scorecard: Quality::of(chances, won),
        naive_bayes: Quality::of(bayes, won),
        of,
    })
}

/// The chances of some accounts by what was learnt from others: of a scorecard, and of naive Bayes on the same columns.
fn foretold(lesson: Lesson, learnt: &[usize], asked: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let (learnt, asked) = (lesson.sample.at(learnt), lesson.sample.at(asked));
    let mut examined = examine(&learnt, lesson.trusted);
    for (place, column) in examined.iter_mut().enumerate() {
        if lesson.held_back.contains(&place) {
            column.verdict = Verdict::NoEffect;
        }
    }
    let usual = learnt.count_won() as f64 / learnt.rows().max(1) as f64;
    let own = match Scorecard::learn(&learnt, &mut examined, lesson.wanted) {
        Some(card) => card.totals(&asked).into_iter().map(|total| card.chance(total)).collect(),
        None => vec![usual; asked.rows()],
    };

    let open: Vec<usize> =
        (0..learnt.columns.len()).filter(|place| !lesson.held_back.contains(place)).collect();
    let fines: Vec<(usize, Fine)> = open
        .iter()
        .filter_map(|place| Some((*place, Fine::of(&learnt.columns[*place].values, &learnt.won)?)))
        .collect();
    let places_in = |sample: &Sample| -> Vec<Vec<Option<usize>>> {
        fines.iter().map(|(place, fine)| values_of(&sample.columns[*place].values, fine)).collect()
    };
    let bayes = NaiveBayes::of(&places_in(&learnt), &learnt.won);
    let places = places_in(&asked);
    let chance = |row| bayes.chance(&places.iter().map(|places| places[row]).collect::<Vec<_>>());
    (own, (0..asked.rows()).map(chance).collect())
}

/// The fine bins of numbers, and words as they are.
fn values_of(values: &Values, fine: &Fine) -> Vec<Option<usize>> {
    match (values, &fine.cut) {
        (Values::Numbers(numbers), super::fine::Cut::Bounds(bounds)) => numbers
            .iter()
            .map(|number| (!number.is_nan()).then(|| super::fine::place_of(bounds, *number)))
            .collect(),
        (Values::Words { places, .. }, _) => {
            places.iter().map(|place| (*place != super::sample::UNKNOWN).then_some(*place as usize)).collect()
        }
        _ => Vec::new(),
    }
}

/// The fold of each account: by chance, with as many won ones in each.
fn folds_of(won: &[bool], folds: usize, seed: u64) -> Vec<usize> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut parts = vec![0; won.len()];
    let mut next = 0;
    for outcome in [true, false] {
        let mut rows: Vec<usize> = (0..won.len()).filter(|row| won[*row] == outcome).collect();
        rows.shuffle(&mut random);
        for row in rows {
            parts[row] = next % folds;
            next += 1;
        }
    }
    parts
}
