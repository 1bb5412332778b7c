//! From a sample to points.

use super::bins::{Bin, Binned, Falls, Limits, NO_BIN, Trend};
use super::evidence::{Tally, chance_of_a_trend, chance_of_differences};
use super::fine::{Cut, Fine};
use super::guard::{Suspicion, suspicion};
use super::logistic::{Fit, fit, refine};
use super::sample::Sample;

/// With fewer won or lost accounts, a model would learn chance.
pub const ENOUGH_OF_EACH: usize = 40;
/// How improbable a difference has to be by chance, all columns together (S. Holm, 1979).
const SIGNIFICANT: f64 = 0.01;
/// With little data nothing is certain: a column alone has to be so improbable.
const A_HINT: f64 = 0.05;
/// With less information value a column says nothing (Siddiqi).
const WORTH_A_LINE: f64 = 0.02;
/// With little data, evidence counts so much.
const OF_LITTLE_DATA: f64 = 0.5;
/// A column that gives a smaller part of the scale at most is not worth reading.
const WORTH_READING: f64 = 0.015;
/// The most points that a scale may have, so that a total is a bin of its own.
pub const MOST_SCALE: i64 = 200;
/// The most points that may double the odds.
pub const MOST_TO_DOUBLE: i64 = 50;

/// How a scorecard is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The points of an account that has the best of everything; the worst has none.
    pub scale: i64,
    /// Instead of that, how many points double the odds of being won (Siddiqi, Credit Risk Scorecards, 2006: factor = pdo / ln 2).
    pub to_double_odds: Option<i64>,
}

impl Wanted {
    /// Points for each unit of log odds, if all columns together reach over so many.
    fn unit(self, all: f64) -> f64 {
        match self.to_double_odds {
            Some(points) => points as f64 / std::f64::consts::LN_2,
            None if all > 0.0 => self.scale as f64 / all,
            None => 0.0,
        }
    }

    /// What a column has to give at most to be worth a line.
    fn least(self) -> i64 {
        match self.to_double_odds {
            Some(_) => 1,
            None => ((self.scale as f64 * WORTH_READING).ceil() as i64).max(1),
        }
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self { scale: 100, to_double_odds: None }
    }
}

/// What became of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It gives points.
    Used,
    /// Its differences may be chance, or are too small to matter.
    NoEffect,
    /// It would give points, but others say the same.
    SaidByOthers,
    /// It may know the answer.
    HeldBack(Suspicion),
    /// It is the same for all, or never known.
    Alike,
}

/// A column with what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    pub verdict: Verdict,
    /// How probable its differences are by chance, all columns considered: 0 to 1.
    pub chance: f64,
    pub binned: Option<Binned>,
}

/// What a column gives: points by its bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Characteristic {
    /// Its place in the sample.
    pub column: usize,
    pub binned: Binned,
    /// By bin, whole points; the worst gives none.
    pub points: Vec<i64>,
    /// How much its evidence counts beside that of the others.
    pub coefficient: f64,
    /// By bin, what it adds to the log odds.
    worth: Vec<f64>,
}

/// Points that foretell outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    /// Those that give most first.
    pub characteristics: Vec<Characteristic>,
    /// log odds of being won = intercept + slope · total.
    pub intercept: f64,
    pub slope: f64,
    /// Of whom it was learnt.
    pub of: Tally,
}

/// Limits for bins, by how much there is to learn from.
fn limits(of: Tally) -> Limits {
    if is_little(of) {
        return Limits { most_bins: 3, least_share: 0.1, least_rows: 8, least_of_each: 1 };
    }
    Limits { most_bins: 8, least_share: 0.05, least_rows: 20, least_of_each: 5 }
}

/// Whether there is too little data for a model.
pub fn is_little(of: Tally) -> bool {
    of.won.min(of.lost) < ENOUGH_OF_EACH
}

/// Looks at every column; those in `trusted` are not asked whether they know the answer.
pub fn examine(sample: &Sample, trusted: &[usize]) -> Vec<Examined> {
    let of = Tally { won: sample.count_won(), lost: sample.rows() - sample.count_won() };
    let limits = limits(of);
    let fines: Vec<Option<Fine>> =
        sample.columns.iter().map(|column| Fine::of(&column.values, &sample.won)).collect();
    let chances =
        adjusted(&fines.iter().map(|fine| fine.as_ref().map(chance)).collect::<Vec<_>>(), is_little(of));
    let examined = sample.columns.iter().zip(fines).zip(chances).enumerate();
    examined
        .map(|(place, ((column, fine), chance))| {
            let Some(fine) = fine else {
                return Examined { verdict: Verdict::Alike, chance: 1.0, binned: None };
            };
            let binned = Binned::of(&fine, &column.values, &limits);
            let says = chance <= if is_little(of) { A_HINT } else { SIGNIFICANT };
            let worth = binned.as_ref().is_some_and(|binned| binned.information_value >= WORTH_A_LINE);
            let suspicion = suspicion(&column.name, &fine).filter(|_| says && !trusted.contains(&place));
            let verdict = match suspicion {
                Some(suspicion) => Verdict::HeldBack(suspicion),
                None if says && worth => Verdict::Used,
                None => Verdict::NoEffect,
            };
            Examined { verdict, chance, binned }
        })
        .collect()
}

/// How probable the differences of a column are by chance: the smaller chance of two tests, twice.
fn chance(fine: &Fine) -> f64 {
    let tallies: Vec<Tally> = fine.tallies.iter().copied().chain([fine.unknown]).collect();
    let differences = chance_of_differences(&tallies);
    let trend = match fine.cut {
        Cut::Bounds(_) => chance_of_a_trend(&fine.tallies),
        Cut::Words { .. } => 1.0,
    };
    (2.0 * differences.min(trend)).min(1.0)
}

/// Chances made stricter by how many columns were looked at (Holm), unless a hint is enough.
fn adjusted(chances: &[Option<f64>], hints: bool) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> =
        chances.iter().enumerate().filter_map(|(place, chance)| Some((place, (*chance)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![1.0; chances.len()];
    let (mut worst, many) = (0.0_f64, order.len());
    for (rank, (place, chance)) in order.into_iter().enumerate() {
        let stricter = if hints { chance } else { chance * (many - rank) as f64 };
        worst = worst.max(stricter.min(1.0));
        adjusted[place] = worst;
    }
    adjusted
}

impl Scorecard {
    /// Learns from a sample whose columns were examined; columns that others make superfluous are marked so. `None` if no column has
    /// any effect.
    pub fn learn(sample: &Sample, examined: &mut [Examined], wanted: Wanted) -> Option<Self> {
        let of = Tally { won: sample.count_won(), lost: sample.rows() - sample.count_won() };
        let mut open: Vec<Characteristic> = examined
            .iter()
            .enumerate()
            .filter(|(_, column)| column.verdict == Verdict::Used)
            .filter_map(|(column, seen)| {
                let binned = seen.binned.clone()?;
                let worth = binned.bins.iter().map(|bin| bin.weight).collect();
                Some(Characteristic { column, binned, points: Vec::new(), coefficient: 1.0, worth })
            })
            .collect();
        let places: Vec<Vec<u8>> = open
            .iter()
            .map(|characteristic| characteristic.binned.places(&sample.columns[characteristic.column].values))
            .collect();
        let mut places: Vec<&[u8]> = places.iter().map(Vec::as_slice).collect();

        let least = wanted.least();
        let mut known: Option<Fit> = None;
        loop {
            if open.is_empty() {
                return None;
            }
            let fitted = weigh(&mut open, &places, &sample.won, of, known.take());
            // Evidence that counts against itself is said by others already; so is what comes to next to nothing.
            let by_coefficient = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
            let against = open
                .iter()
                .map(|c| c.coefficient)
                .enumerate()
                .filter(|(_, c)| *c <= 0.0)
                .min_by(by_coefficient);
            let superfluous = against.map(|(place, _)| place).or_else(|| {
                if let Some(fitted) = &fitted {
                    refine_bins(&mut open, &places, &sample.won, fitted.intercept);
                }
                give_points(&mut open, wanted);
                let small =
                    open.iter().map(Characteristic::most).enumerate().filter(|(_, most)| *most < least);
                small.min_by_key(|(_, most)| *most).map(|(place, _)| place)
            });
            let Some(place) = superfluous else { break };
            examined[open.remove(place).column].verdict = Verdict::SaidByOthers;
            places.remove(place);
            // The others are near where they were.
            known = fitted.map(|mut fitted| {
                fitted.coefficients.remove(place);
                fitted
            });
        }

        let mut card = Self { characteristics: open, intercept: 0.0, slope: 0.0, of };
        let totals: Vec<i64> = (0..sample.rows()).map(|row| card.total_of(&places, row)).collect();
        card.calibrate(&totals, &sample.won);
        card.characteristics.sort_by_key(|c| (std::cmp::Reverse(c.most()), c.column));
        Some(card)
    }

    fn total_of(&self, places: &[&[u8]], row: usize) -> i64 {
        self.characteristics.iter().zip(places).map(|(c, places)| c.points_at(places[row])).sum()
    }

    /// The points of every account of a sample with the same columns.
    pub fn totals(&self, sample: &Sample) -> Vec<i64> {
        let places: Vec<Vec<u8>> =
            self.characteristics.iter().map(|c| c.binned.places(&sample.columns[c.column].values)).collect();
        let places: Vec<&[u8]> = places.iter().map(Vec::as_slice).collect();
        (0..sample.rows()).map(|row| self.total_of(&places, row)).collect()
    }

    /// How probable it is that an account with so many points is won.
    pub fn chance(&self, total: i64) -> f64 {
        1.0 / (1.0 + libm::exp(-(self.intercept + self.slope * total as f64)))
    }

    /// The least total with at least this chance; `None` if it takes more than there are.
    pub fn least_total(&self, chance: f64) -> Option<i64> {
        (0..=self.most()).find(|total| self.chance(*total) >= chance)
    }

    /// The most points that there are.
    pub fn most(&self) -> i64 {
        self.characteristics.iter().map(Characteristic::most).sum()
    }

    /// How many points more double the odds of being won.
    pub fn points_to_double_the_odds(&self) -> f64 {
        std::f64::consts::LN_2 / self.slope
    }

    /// Fits the chance of being won to the points: a regression on one column.
    fn calibrate(&mut self, totals: &[i64], won: &[bool]) {
        let most = self.most();
        let places: Vec<u8> = totals.iter().map(|total| (*total).clamp(0, 254) as u8).collect();
        // Of the size of weights of evidence, so that the ridge does not matter.
        let unit = 10.0;
        let weights = vec![(0..=most.clamp(0, 254)).map(|total| total as f64 / unit).collect()];
        if let Some(fitted) = fit(&[&places], &weights, won, None) {
            self.intercept = fitted.intercept;
            self.slope = fitted.coefficients[0] / unit;
        }
    }
}

impl Characteristic {
    /// The most points that it can give.
    pub fn most(&self) -> i64 {
        self.points.iter().copied().max().unwrap_or_default()
    }

    fn points_at(&self, bin: u8) -> i64 {
        if bin == NO_BIN { 0 } else { self.points[usize::from(bin)] }
    }

    pub fn trend(&self) -> Trend {
        self.binned.trend
    }

    /// Its bins with their points.
    pub fn lines(&self) -> impl Iterator<Item = (&Bin, i64)> {
        self.binned.bins.iter().zip(self.points.iter().copied())
    }
}

/// How much the evidence of each counts; `None` where it is not reckoned.
fn weigh(
    open: &mut [Characteristic],
    places: &[&[u8]],
    won: &[bool],
    of: Tally,
    first: Option<Fit>,
) -> Option<Fit> {
    let weights: Vec<Vec<f64>> =
        open.iter().map(|c| c.binned.bins.iter().map(|bin| bin.weight).collect()).collect();
    let fitted = if is_little(of) { None } else { fit(places, &weights, won, first) };
    for (place, (c, weights)) in open.iter_mut().zip(weights).enumerate() {
        c.coefficient = fitted.as_ref().map_or(OF_LITTLE_DATA, |fitted| fitted.coefficients[place]);
        c.worth = weights.into_iter().map(|weight| weight * c.coefficient).collect();
    }
    fitted
}

/// Lets each bin move a little off its column's evidence, along its trend.
fn refine_bins(open: &mut [Characteristic], places: &[&[u8]], won: &[bool], intercept: f64) {
    let expected: Vec<Vec<f64>> = open.iter().map(|c| c.worth.clone()).collect();
    for (c, worth) in open.iter_mut().zip(refine(places, &expected, won, intercept)) {
        c.worth = keep_trend(&c.binned, worth);
    }
}

/// Pools what goes against the trend of a column of numbers, so that the points go as the trend says.
fn keep_trend(binned: &Binned, mut worth: Vec<f64>) -> Vec<f64> {
    let known: Vec<f64> = binned
        .bins
        .iter()
        .filter(|bin| matches!(bin.falls, Falls::Range(..)))
        .map(|bin| bin.tally.all() as f64)
        .collect();
    let shares = |at: usize| binned.bins[at].tally.share();
    let turn = |best: fn(f64, f64) -> bool| {
        (1..known.len()).fold(0, |turn, at| if best(shares(at), shares(turn)) { at } else { turn })
    };
    let pool = |part: &mut [f64], counts: &[f64], up: bool| {
        let sign = if up { 1.0 } else { -1.0 };
        let turned: Vec<f64> = part.iter().map(|worth| sign * worth).collect();
        part.iter_mut().zip(isotonic(&turned, counts)).for_each(|(slot, pooled)| *slot = sign * pooled);
    };
    let numbers = known.len();
    match binned.trend {
        Trend::Ascending => pool(&mut worth[..numbers], &known, true),
        Trend::Descending => pool(&mut worth[..numbers], &known, false),
        Trend::Peak => {
            let top = turn(|a, b| a > b);
            pool(&mut worth[..=top], &known[..=top], true);
            pool(&mut worth[top..numbers], &known[top..], false);
        }
        Trend::Valley => {
            let bottom = turn(|a, b| a < b);
            pool(&mut worth[..=bottom], &known[..=bottom], false);
            pool(&mut worth[bottom..numbers], &known[bottom..], true);
        }
        Trend::None => {}
    }
    worth
}

/// The nearest values that never fall, by the pool-adjacent-violators algorithm.
fn isotonic(values: &[f64], counts: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (value, count) in values.iter().zip(counts) {
        pools.push((*value, *count, 1));
        while let [.., (low, a, m), (high, b, n)] = pools[..]
            && low > high
        {
            pools.truncate(pools.len() - 2);
            pools.push(((low * a + high * b) / (a + b).max(f64::MIN_POSITIVE), a + b, m + n));
        }
    }
    pools.into_iter().flat_map(|(value, _, many)| std::iter::repeat_n(value, many)).collect()
}

/// Whole points: what each bin adds, from the worst of each column on.
fn give_points(open: &mut [Characteristic], wanted: Wanted) {
    let bounds = |c: &Characteristic| {
        c.worth.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), worth| {
            (low.min(*worth), high.max(*worth))
        })
    };
    let all: f64 = open.iter().map(bounds).map(|(low, high)| (high - low).max(0.0)).sum();
    let unit = wanted.unit(all);
    for c in open {
        let (low, _) = bounds(c);
        c.points = c.worth.iter().map(|worth| ((worth - low) * unit).round() as i64).collect();
    }
}

#[cfg(test)]
mod tests;
