//! Golden customers: those that renew, buy more, pay and leave margin; never by their logo.

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::lead::{Customer, CustomerStatus};

/// How much each sign of a golden customer counts; they are taken relative to each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GoldenWeights {
    /// The share of due renewals that were renewed.
    pub renewals: f64,
    /// Additional purchases: none 0, one a half, two and more 1.
    pub upsell: f64,
    /// The share of invoices paid on time.
    pub payment: f64,
    /// The margin, of which 40 % counts in full.
    pub margin: f64,
    /// From which mean on a customer is golden, 0 to 1.
    pub least: f64,
}

impl Default for GoldenWeights {
    fn default() -> Self {
        Self { renewals: 0.35, upsell: 0.25, payment: 0.1, margin: 0.3, least: 0.6 }
    }
}

/// What kind of customer an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Golden,
    Ordinary,
    Churned,
}

/// The margin that counts in full: what software and services that are well run leave.
const FULL_MARGIN: f64 = 0.4;

impl GoldenWeights {
    pub fn check(&self, c: &mut Checker) {
        let parts = [
            ("renewals", self.renewals),
            ("upsell", self.upsell),
            ("payment", self.payment),
            ("margin", self.margin),
        ];
        for (field, weight) in parts {
            c.number(field, Some(weight), 0.0, 1e6);
        }
        c.require(
            parts.iter().any(|(_, weight)| *weight > 0.0),
            "renewals",
            "or another weight must be above 0",
        );
        c.number("least", Some(self.least), 0.0, 1.0);
    }

    /// The weighted mean of the signs that are known, 0 to 1; `None` if none is.
    pub fn mean(&self, customer: &Customer) -> Option<f64> {
        let renewed = customer.renewals.iter().filter(|renewal| renewal.renewed).count() as f64;
        let due = customer.renewals.len() as f64;
        // Who was never asked to renew has had the time to buy more, or not.
        let is_told = due > 0.0 || !customer.purchases.is_empty();
        let signs = [
            (self.renewals, (due > 0.0).then(|| renewed / due)),
            (self.upsell, is_told.then(|| (customer.purchases.len() as f64 / 2.0).min(1.0))),
            (self.payment, customer.paid_on_time),
            (self.margin, customer.margin.map(|margin| (margin / FULL_MARGIN).clamp(0.0, 1.0))),
        ];
        let known = || signs.iter().filter_map(|(weight, sign)| Some((*weight, (*sign)?)));
        let weight: f64 = known().map(|(weight, _)| weight).sum();
        (weight > 0.0).then(|| known().map(|(weight, sign)| weight * sign).sum::<f64>() / weight)
    }

    /// What kind of customer it is; `None` if nothing is known that tells it.
    pub fn standing(&self, customer: &Customer) -> Option<Standing> {
        if customer.status == Some(CustomerStatus::Churned) {
            return Some(Standing::Churned);
        }
        let mean = self.mean(customer)?;
        Some(if mean >= self.least { Standing::Golden } else { Standing::Ordinary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::{Purchase, Renewal};
    use crate::domain::time::Time;
    use proptest::prelude::*;

    fn customer(renewed: &[bool], purchases: usize, paid: Option<f64>, margin: Option<f64>) -> Customer {
        let time = Time::of_date("2026-01-01").unwrap();
        Customer {
            renewals: renewed.iter().map(|renewed| Renewal { time, renewed: *renewed }).collect(),
            purchases: vec![Purchase { time, amount: None }; purchases],
            paid_on_time: paid,
            margin,
            ..Customer::default()
        }
    }

    #[test]
    fn a_golden_customer_is_one_by_what_it_does() {
        let weights = GoldenWeights::default();
        let golden = customer(&[true, true], 2, Some(1.0), Some(0.5));
        assert_eq!((weights.mean(&golden), weights.standing(&golden)), (Some(1.0), Some(Standing::Golden)));
        let half = customer(&[true, false], 1, None, Some(0.1));
        // 0.35 · ½ + 0.25 · ½ + 0.3 · ¼, by 0.9
        assert!((weights.mean(&half).unwrap() - 0.375 / 0.9).abs() < 1e-12);
        assert_eq!(weights.standing(&half), Some(Standing::Ordinary));
        assert_eq!(weights.standing(&customer(&[], 0, None, None)), None);
        let gone = Customer { status: Some(CustomerStatus::Churned), ..golden };
        assert_eq!(weights.standing(&gone), Some(Standing::Churned));
        // Who values margin alone sees another one as golden.
        let margin = GoldenWeights { renewals: 0.0, upsell: 0.0, payment: 0.0, ..weights };
        assert_eq!(margin.standing(&customer(&[false], 0, Some(0.0), Some(0.6))), Some(Standing::Golden));
    }

    proptest! {
        /// Better in any sign is never worse.
        #[test]
        fn a_better_customer_is_not_less_golden(renewed in 0_usize..4, lapsed in 0_usize..4, bought in 1_usize..4, paid in 0.0..1.0, margin in -0.5..0.5) {
            let renewals = |renewed| [vec![true; renewed], vec![false; lapsed]].concat();
            let weights = GoldenWeights::default();
            let mean = |renewed, bought, paid, margin| weights.mean(&customer(&renewals(renewed), bought, Some(paid), Some(margin))).unwrap();
            let before = mean(renewed, bought, paid, margin);
            prop_assert!((0.0..=1.0).contains(&before));
            prop_assert!(mean(renewed, bought + 1, paid, margin) >= before - 1e-12);
            prop_assert!(mean(renewed, bought, 1.0, margin) >= before - 1e-12);
            prop_assert!(mean(renewed, bought, paid, 0.5) >= before - 1e-12);
            if renewed + lapsed > 0 {
                prop_assert!(mean(renewed + 1, bought, paid, margin) >= before - 1e-12);
            }
        }
    }
}
