//! A scorecard and a profile out of accounts whose outcome is known: learnt, measured on accounts that were not learnt from, and
//! written as rules that a person reads and edits.

mod cases;
mod criteria;
pub mod report;
mod sample;
mod script;
pub mod stored;

use crate::domain::scorecard::evidence::Tally;
use crate::domain::scorecard::learn::{Examined, Scorecard, Verdict, Wanted, examine, is_little};
use crate::domain::scorecard::sample::Sample;
use crate::domain::scorecard::validate::{Compared, Lesson, by_turns, of_a_later_time};

pub use cases::cases;
pub use criteria::profile;
pub use sample::{Asked, Collector, Question};
pub use script::{ranges, script, words};

/// Accounts, with the questions that their columns answer.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    pub sample: Sample,
    /// By column.
    pub questions: Vec<Question>,
    /// When each was first seen, in microseconds, if the data tell it.
    pub times: Vec<Option<i64>>,
}

/// How to learn.
#[derive(Debug, Clone)]
pub struct Learning {
    /// Columns that a person vouches for: they don't know the answer.
    pub trusted: Vec<usize>,
    /// Over how many folds the measuring goes; 0 measures nothing.
    pub folds: usize,
    pub seed: u64,
    pub wanted: Wanted,
}

/// Grades by the least total of each, from the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradeLimit {
    pub grade: &'static str,
    pub least: i64,
}

/// What was learnt.
#[derive(Debug, Clone)]
pub struct Derived {
    pub of: Tally,
    /// By column.
    pub examined: Vec<Examined>,
    /// `None` if nothing has any effect.
    pub card: Option<Scorecard>,
    pub grades: Vec<GradeLimit>,
    /// By turns; `None` if it was not asked for, or if there is too little to measure on.
    pub measured: Option<Compared>,
    /// On the last quarter of the time, by what was learnt before it.
    pub later: Option<Compared>,
}

/// With fewer accounts of either outcome, folds would measure chance.
const ENOUGH_TO_MEASURE: usize = 20;
/// In this share of accounts the time has to be known.
const TIMES_KNOWN: f64 = 0.9;

/// Learns; `done` is told of each step of the measuring, and says whether to go on with it.
pub fn derive(accounts: &Accounts, learning: &Learning, done: impl FnMut() -> bool) -> Derived {
    let sample = &accounts.sample;
    let of = Tally { won: sample.count_won(), lost: sample.rows() - sample.count_won() };
    let mut examined = examine(sample, &learning.trusted);
    let held_back: Vec<usize> = examined
        .iter()
        .enumerate()
        .filter(|(_, column)| matches!(column.verdict, Verdict::HeldBack(_)))
        .map(|(place, _)| place)
        .collect();
    let card = Scorecard::learn(sample, &mut examined, learning.wanted);
    let lesson =
        Lesson { sample, trusted: &learning.trusted, held_back: &held_back, wanted: learning.wanted };
    let is_enough = of.won.min(of.lost) >= ENOUGH_TO_MEASURE && learning.folds >= 2;
    let measured = if is_enough { by_turns(lesson, learning.folds, learning.seed, done) } else { None };
    let known = accounts.times.iter().flatten().count() as f64;
    let has_times = known >= TIMES_KNOWN * sample.rows() as f64;
    let later = if is_enough && has_times && !is_little(of) {
        of_a_later_time(lesson, &accounts.times)
    } else {
        None
    };
    let grades = card.as_ref().map(|card| grades(card, &card.totals(sample))).unwrap_or_default();
    Derived { of, examined, card, grades, measured, later }
}

/// By how much the odds of an A are above the usual, and those of a C below.
const ODDS_OF_AN_A: f64 = 3.0;
/// A grade that hardly anybody reaches tells nobody apart: this share at least are an A.
const LEAST_SHARE_OF_A: f64 = 0.05;

/// Limits of grades by the odds of being won: of an A three times the usual, of a B the usual, of a C a third.
fn grades(card: &Scorecard, totals: &[i64]) -> Vec<GradeLimit> {
    let usual = card.of.won as f64 / (card.of.lost as f64).max(1.0);
    let mut sorted = totals.to_vec();
    sorted.sort_unstable();
    let reachable = sorted[((1.0 - LEAST_SHARE_OF_A) * (sorted.len() - 1) as f64) as usize];
    let wanted = [("A", usual * ODDS_OF_AN_A), ("B", usual), ("C", usual / ODDS_OF_AN_A)];
    let mut limits: Vec<GradeLimit> = Vec::new();
    let mut most = reachable.max(1);
    for (grade, odds) in wanted {
        let least = card.least_total(odds / (1.0 + odds)).unwrap_or(i64::MAX).min(most);
        if least < 1 {
            break;
        }
        limits.push(GradeLimit { grade, least });
        most = least - 1;
    }
    limits
}

impl Derived {
    /// The grade of a total.
    pub fn grade(&self, total: i64) -> &'static str {
        self.grades.iter().find(|limit| total >= limit.least).map_or("D", |limit| limit.grade)
    }

    /// Whether there was too little to learn a model from.
    pub fn is_of_little(&self) -> bool {
        is_little(self.of)
    }
}
