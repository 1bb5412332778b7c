//! Regularised logistic regression: how much the evidence of each column counts beside that of the others.

use argmin::core::{CostFunction, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::bins::NO_BIN;

/// The price of a square of a coefficient, as in scikit-learn's default (C = 1).
const RIDGE: f64 = 1.0;
const MOST_STEPS: u64 = 200;
/// How many past steps the optimiser keeps.
const MEMORY: usize = 7;
/// A mean gradient so small is none.
const SMALL_GRADIENT: f64 = 1e-7;

/// Accounts as bins, with what each bin weighs.
pub struct Problem<'a> {
    /// By column, the bin of each account.
    pub places: Vec<&'a [u8]>,
    /// By column, what each bin weighs.
    pub weights: Vec<Vec<f64>>,
    pub won: &'a [bool],
}

/// log odds = intercept + Σ coefficient · weight of the column's bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    pub intercept: f64,
    pub coefficients: Vec<f64>,
}

impl Problem<'_> {
    /// Minimises the mean loss; `None` if the optimiser finds no way.
    pub fn fit(&self) -> Option<Fit> {
        let count = self.won.iter().filter(|won| **won).count() as f64;
        let beginning = libm::log((count + 0.5) / (self.won.len() as f64 - count + 0.5));
        let mut first = vec![1.0; self.places.len() + 1];
        first[0] = beginning;
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(SMALL_GRADIENT)
            .and_then(|solver| solver.with_tolerance_cost(1e-12))
            .ok()?;
        let solved = Executor::new(self, solver)
            .configure(|state| state.param(first).max_iters(MOST_STEPS))
            .run()
            .ok()?;
        let best = solved.state().get_best_param()?;
        let (intercept, coefficients) = best.split_first()?;
        Some(Fit { intercept: *intercept, coefficients: coefficients.to_vec() })
    }

    /// What a bin weighs; nothing where no bin is for an account.
    fn weight(&self, column: usize, row: usize) -> f64 {
        match self.places[column][row] {
            NO_BIN => 0.0,
            bin => self.weights[column][usize::from(bin)],
        }
    }

    /// The loss and its gradient at once: one pass over the accounts.
    fn loss(&self, parameters: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let rows = self.won.len();
        let mut loss = 0.0;
        let mut sums = vec![0.0; parameters.len()];
        let wanted = gradient.is_some();
        for row in 0..rows {
            let mut odds = parameters[0];
            for column in 0..self.places.len() {
                odds += parameters[column + 1] * self.weight(column, row);
            }
            let sign = if self.won[row] { 1.0 } else { -1.0 };
            let off = libm::exp(-sign * odds);
            loss += if off.is_finite() { libm::log1p(off) } else { -sign * odds };
            if wanted {
                let slope = -sign * if off.is_finite() { off / (1.0 + off) } else { 1.0 };
                sums[0] += slope;
                for column in 0..self.places.len() {
                    sums[column + 1] += slope * self.weight(column, row);
                }
            }
        }
        let all = rows.max(1) as f64;
        let ridge: f64 = parameters[1..].iter().map(|parameter| RIDGE / 2.0 * parameter * parameter).sum();
        if let Some(gradient) = gradient {
            for (place, sum) in sums.into_iter().enumerate() {
                let pull = if place == 0 { 0.0 } else { RIDGE * parameters[place] };
                gradient[place] = (sum + pull) / all;
            }
        }
        (loss + ridge) / all
    }
}

impl CostFunction for &Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok(self.loss(parameters, None))
    }
}

impl Gradient for &Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        let mut gradient = vec![0.0; parameters.len()];
        self.loss(parameters, Some(&mut gradient));
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_column_alone_counts_as_it_weighs() {
        // 100 of 400 won below, 300 of 400 above: the weights of evidence are ∓ ln 3, and their coefficient is 1.
        let place: Vec<u8> = (0..800).map(|row| u8::from(row >= 400)).collect();
        let won: Vec<bool> = (0..800).map(|row| row % 400 < if row < 400 { 100 } else { 300 }).collect();
        let weights = vec![vec![-(3.0_f64.ln()), 3.0_f64.ln()]];
        let fit = Problem { places: vec![&place], weights, won: &won }.fit().unwrap();
        assert!(fit.intercept.abs() < 1e-3, "{fit:?}");
        assert!((fit.coefficients[0] - 1.0).abs() < 0.02, "{fit:?}");
    }

    #[test]
    fn two_columns_that_say_the_same_share_what_it_counts() {
        let place: Vec<u8> = (0..800).map(|row| u8::from(row >= 400)).collect();
        let won: Vec<bool> = (0..800).map(|row| row % 400 < if row < 400 { 100 } else { 300 }).collect();
        let weights = vec![vec![-(3.0_f64.ln()), 3.0_f64.ln()]; 2];
        let fit = Problem { places: vec![&place, &place], weights, won: &won }.fit().unwrap();
        assert!((fit.coefficients[0] - fit.coefficients[1]).abs() < 1e-3, "{fit:?}");
        assert!((fit.coefficients[0] - 0.5).abs() < 0.02, "{fit:?}");
    }
}
