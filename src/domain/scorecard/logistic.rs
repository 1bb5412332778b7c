//! Regularised logistic regression over accounts in bins: how much the evidence of each column counts beside that of the others, and how
//! far single bins are off it.

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::bins::NO_BIN;

/// The price of a square of a coefficient, as in scikit-learn's default (C = 1).
const RIDGE: f64 = 1.0;
/// The price of a square of how far a bin is off what its column's evidence says.
const TRUST_IN_EVIDENCE: f64 = 30.0;
const MOST_STEPS: u64 = 200;
/// How many past steps the optimiser keeps.
const MEMORY: usize = 7;
/// A mean gradient so small is none, and so is a change of the mean loss: points are whole numbers.
const SMALL_GRADIENT: f64 = 1e-5;
const SMALL_CHANGE: f64 = 1e-9;

/// log odds = intercept + Σ coefficient · weight of the column's bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    pub intercept: f64,
    pub coefficients: Vec<f64>,
}

/// How much each column counts: `places` are the bins of each account by column, `weights` what each bin weighs. Begins at `first`, where
/// an answer is to be expected. `None` if the optimiser finds no way.
pub fn fit(places: &[&[u8]], weights: &[Vec<f64>], won: &[bool], first: Option<Fit>) -> Option<Fit> {
    let count = won.iter().filter(|won| **won).count() as f64;
    let usual = libm::log((count + 0.5) / (won.len() as f64 - count + 0.5));
    let first = first.unwrap_or_else(|| Fit { intercept: usual, coefficients: vec![1.0; places.len()] });
    let design = weights.iter().zip(1..).map(|(weights, parameter)| {
        weights.iter().map(|weight| Term { parameter, factor: *weight }).collect()
    });
    let regression = Regression {
        places,
        design: design.collect(),
        expected: vec![0.0; places.len() + 1],
        price: RIDGE,
        won,
        last: RefCell::default(),
    };
    let parameters = std::iter::once(first.intercept).chain(first.coefficients).collect();
    let fitted = regression.minimise(parameters)?;
    Some(Fit { intercept: fitted[0], coefficients: fitted[1..].to_vec() })
}

/// What each bin adds to the log odds, drawn towards what is expected of it; as expected, if the optimiser finds no way.
pub fn refine(places: &[&[u8]], expected: &[Vec<f64>], won: &[bool], intercept: f64) -> Vec<Vec<f64>> {
    let mut next = 0;
    let design = expected.iter().map(|bins| {
        let terms = bins.iter().map(|_| {
            next += 1;
            Term { parameter: next, factor: 1.0 }
        });
        terms.collect::<Vec<_>>()
    });
    let design = design.collect();
    let first: Vec<f64> = std::iter::once(intercept).chain(expected.iter().flatten().copied()).collect();
    let regression = Regression {
        places,
        design,
        expected: first.clone(),
        price: TRUST_IN_EVIDENCE,
        won,
        last: RefCell::default(),
    };
    let Some(fitted) = regression.minimise(first) else { return expected.to_vec() };
    let mut rest = &fitted[1..];
    let mut refined = Vec::new();
    for bins in expected {
        let (own, others) = rest.split_at(bins.len());
        refined.push(own.to_vec());
        rest = others;
    }
    refined
}

/// What a bin adds to the log odds: a parameter times a factor.
#[derive(Clone, Copy)]
struct Term {
    parameter: usize,
    factor: f64,
}

/// The mean loss of the outcomes plus the price of parameters that are off what is expected of them; the first parameter is the intercept,
/// which is free.
struct Regression<'a> {
    places: &'a [&'a [u8]],
    /// By column and bin.
    design: Vec<Vec<Term>>,
    expected: Vec<f64>,
    price: f64,
    won: &'a [bool],
    /// The parameters that were asked last, with their loss and gradient, since the optimiser asks for the two one after the other.
    last: RefCell<Option<Asked>>,
}

struct Asked {
    parameters: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Regression<'_> {
    fn minimise(&self, first: Vec<f64>) -> Option<Vec<f64>> {
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(SMALL_GRADIENT)
            .and_then(|solver| solver.with_tolerance_cost(SMALL_CHANGE))
            .ok()?;
        let configured =
            Executor::new(self, solver).configure(|state| state.param(first).max_iters(MOST_STEPS));
        configured.run().ok()?.state().get_best_param().cloned()
    }

    fn at(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        if let Some(last) = &*self.last.borrow()
            && last.parameters == parameters
        {
            return (last.loss, last.gradient.clone());
        }
        let (loss, gradient) = self.reckon(parameters);
        let parameters = parameters.to_vec();
        *self.last.borrow_mut() = Some(Asked { parameters, loss, gradient: gradient.clone() });
        (loss, gradient)
    }

    fn reckon(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        // What each bin adds, once; what its accounts pull at it, summed up by bin.
        let adds: Vec<Vec<f64>> = self
            .design
            .iter()
            .map(|terms| terms.iter().map(|term| parameters[term.parameter] * term.factor).collect())
            .collect();
        let mut pulls: Vec<Vec<f64>> = adds.iter().map(|bins| vec![0.0; bins.len()]).collect();
        let (mut loss, mut pull_of_all) = (0.0, 0.0);
        for (row, won) in self.won.iter().enumerate() {
            let mut odds = parameters[0];
            for (places, adds) in self.places.iter().zip(&adds) {
                let bin = places[row];
                if bin != NO_BIN {
                    odds += adds[usize::from(bin)];
                }
            }
            let sign = if *won { 1.0 } else { -1.0 };
            // ln(1 + e^x), without overflow.
            let against = -sign * odds;
            let off = libm::exp(-against.abs());
            loss += against.max(0.0) + libm::log1p(off);
            let chance_of_other = if against > 0.0 { 1.0 / (1.0 + off) } else { off / (1.0 + off) };
            let pull = -sign * chance_of_other;
            pull_of_all += pull;
            for (places, pulls) in self.places.iter().zip(&mut pulls) {
                let bin = places[row];
                if bin != NO_BIN {
                    pulls[usize::from(bin)] += pull;
                }
            }
        }
        let all = self.won.len().max(1) as f64;
        let mut gradient = vec![0.0; parameters.len()];
        gradient[0] = pull_of_all;
        for (terms, pulls) in self.design.iter().zip(&pulls) {
            for (term, pull) in terms.iter().zip(pulls) {
                gradient[term.parameter] += pull * term.factor;
            }
        }
        for at in 1..parameters.len() {
            let off = parameters[at] - self.expected[at];
            loss += self.price / 2.0 * off * off;
            gradient[at] += self.price * off;
        }
        gradient.iter_mut().for_each(|slope| *slope /= all);
        (loss / all, gradient)
    }
}

impl CostFunction for &Regression<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok(self.at(parameters).0)
    }
}

impl Gradient for &Regression<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        Ok(self.at(parameters).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 of 400 won below, 300 of 400 above: the weights of evidence are ∓ ln 3.
    fn accounts() -> (Vec<u8>, Vec<bool>) {
        let place = (0..800).map(|row| u8::from(row >= 400)).collect();
        let won = (0..800).map(|row| row % 400 < if row < 400 { 100 } else { 300 }).collect();
        (place, won)
    }

    fn ln_3() -> Vec<f64> {
        vec![-(3.0_f64.ln()), 3.0_f64.ln()]
    }

    #[test]
    fn one_column_alone_counts_as_it_weighs() {
        let (place, won) = accounts();
        let fit = fit(&[&place], &[ln_3()], &won, None).unwrap();
        assert!(fit.intercept.abs() < 1e-3, "{fit:?}");
        assert!((fit.coefficients[0] - 1.0).abs() < 0.02, "{fit:?}");
    }

    #[test]
    fn two_columns_that_say_the_same_share_what_it_counts() {
        let (place, won) = accounts();
        let fit = fit(&[&place, &place], &[ln_3(), ln_3()], &won, None).unwrap();
        assert!((fit.coefficients[0] - fit.coefficients[1]).abs() < 1e-3, "{fit:?}");
        assert!((fit.coefficients[0] - 0.5).abs() < 0.02, "{fit:?}");
    }

    #[test]
    fn bins_move_from_what_is_expected_towards_what_was() {
        let (place, won) = accounts();
        let refined = refine(&[&place], &[vec![0.0, 0.0]], &won, 0.0);
        assert!(refined[0][0] < -0.7 && refined[0][1] > 0.7, "{refined:?}");
        let kept = refine(&[&place], &[ln_3()], &won, 0.0);
        assert!((kept[0][1] - 3.0_f64.ln()).abs() < 0.01, "{kept:?}");
    }

    #[test]
    fn the_slope_is_that_of_the_loss() {
        let (place, won) = accounts();
        let design = vec![vec![Term { parameter: 1, factor: 0.7 }, Term { parameter: 2, factor: -1.3 }]];
        let regression = Regression {
            places: &[&place],
            design,
            expected: vec![0.0, 0.4, -0.2],
            price: 3.0,
            won: &won,
            last: RefCell::default(),
        };
        let at = [0.3, -0.5, 0.9];
        let (_, gradient) = regression.reckon(&at);
        for place in 0..3 {
            let aside = |by: f64| {
                let mut aside = at;
                aside[place] += by;
                regression.reckon(&aside).0
            };
            let slope = (aside(1e-5) - aside(-1e-5)) / 2e-5;
            assert!((gradient[place] - slope).abs() < 1e-8, "{place}: {} and {slope}", gradient[place]);
        }
    }
}
