//! What counts of won and lost accounts say: weight of evidence, information value, intervals, and tests of whether it could be
//! chance.

use serde::{Deserialize, Serialize};
use statrs::function::gamma;

/// Counts of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub won: usize,
    pub lost: usize,
}

impl Tally {
    pub fn see(&mut self, won: bool) {
        match won {
            true => self.won += 1,
            false => self.lost += 1,
        }
    }

    pub fn all(self) -> usize {
        self.won + self.lost
    }

    pub fn with(self, other: Self) -> Self {
        Self { won: self.won + other.won, lost: self.lost + other.lost }
    }

    /// The won share, 0 to 1; 0 of nothing.
    pub fn share(self) -> f64 {
        self.won as f64 / self.all().max(1) as f64
    }

    /// Where the won share lies with 95 % confidence, by Wilson's score interval (E. B. Wilson, 1927).
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        let n = self.all() as f64;
        if n == 0.0 {
            return (0.0, 1.0);
        }
        let share = self.share();
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }

    /// Weight of evidence: ln(share of all won ones ÷ share of all lost ones). Where nothing was won or nothing lost, half an
    /// account is added to both, so that it stays finite.
    pub fn weight_of_evidence(self, of: Tally) -> f64 {
        let more = if self.won == 0 || self.lost == 0 { 0.5 } else { 0.0 };
        let won = (self.won as f64 + more) / (of.won as f64).max(1.0);
        let lost = (self.lost as f64 + more) / (of.lost as f64).max(1.0);
        libm::log(won / lost)
    }
}

/// Information value: Σ (share of all won − share of all lost) · weight of evidence. Below 0.02 it says nothing; above 0.5 one
/// looks whether the answer leaked (N. Siddiqi, Credit Risk Scorecards, 2006).
pub fn information_value(tallies: &[Tally]) -> f64 {
    let of = tallies.iter().fold(Tally::default(), |sum, tally| sum.with(*tally));
    let of_bin = |tally: &Tally| {
        let won = tally.won as f64 / (of.won as f64).max(1.0);
        let lost = tally.lost as f64 / (of.lost as f64).max(1.0);
        (won - lost) * tally.weight_of_evidence(of)
    };
    tallies.iter().filter(|tally| tally.all() > 0).map(of_bin).sum()
}

/// How probable it is that bins differ so much by chance alone (Pearson's χ²). Bins in which fewer than five won or five lost
/// ones are to be expected are taken together, since the test doesn't hold for them.
pub fn chance_of_differences(tallies: &[Tally]) -> f64 {
    let of = tallies.iter().fold(Tally::default(), |sum, tally| sum.with(*tally));
    let (won_share, lost_share) = (of.share(), 1.0 - of.share());
    let is_enough = |tally: &Tally| tally.all() as f64 * won_share.min(lost_share) >= 5.0;
    let (mut bins, few): (Vec<Tally>, Vec<Tally>) = tallies.iter().copied().partition(is_enough);
    let pooled = few.iter().fold(Tally::default(), |sum, tally| sum.with(*tally));
    if is_enough(&pooled) {
        bins.push(pooled);
    }
    if bins.len() < 2 {
        return 1.0;
    }
    let of = bins.iter().fold(Tally::default(), |sum, tally| sum.with(*tally));
    let squares = bins.iter().map(|tally| {
        let expected_won = tally.all() as f64 * of.share();
        let expected_lost = tally.all() as f64 - expected_won;
        let off = tally.won as f64 - expected_won;
        off * off / expected_won + off * off / expected_lost
    });
    let chi_squared: f64 = squares.sum();
    if chi_squared <= 0.0 {
        return 1.0;
    }
    gamma::gamma_ur((bins.len() - 1) as f64 / 2.0, chi_squared / 2.0)
}

/// How probable it is that won ones lie so much higher or lower than lost ones by chance alone (Mann and Whitney, with ties).
pub fn chance_of_a_trend(ordered: &[Tally]) -> f64 {
    let of = ordered.iter().fold(Tally::default(), |sum, tally| sum.with(*tally));
    let (won, lost, all) = (of.won as f64, of.lost as f64, of.all() as f64);
    if won < 5.0 || lost < 5.0 {
        return 1.0;
    }
    let (mut below, mut above, mut ties) = (0.0, 0.0, 0.0);
    for tally in ordered {
        above += tally.won as f64 * (below + tally.lost as f64 / 2.0);
        below += tally.lost as f64;
        let n = tally.all() as f64;
        ties += n * n * n - n;
    }
    let variance = won * lost / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (above - won * lost / 2.0) / variance.sqrt();
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn weight_and_value_are_those_of_the_books() {
        // By hand: shares 0.3/0.1, 0.5/0.3, 0.2/0.6.
        let bins = [(30, 10), (50, 30), (20, 60)].map(|(won, lost)| Tally { won, lost });
        let of = Tally { won: 100, lost: 100 };
        assert!(near(bins[0].weight_of_evidence(of), 3.0_f64.ln()));
        let by_hand = 0.2 * 3.0_f64.ln() + 0.2 * (5.0_f64 / 3.0).ln() + 0.4 * 3.0_f64.ln();
        assert!(near(information_value(&bins), by_hand));
        assert!(Tally { won: 0, lost: 7 }.weight_of_evidence(of).is_finite());
    }

    #[test]
    fn chances_are_those_of_tables() {
        // χ² = 3.841 with one degree of freedom is 5 %: 2 × 2 with 60/40 and 46.1/53.9 of 100 is near it.
        let even = [Tally { won: 60, lost: 40 }, Tally { won: 46, lost: 54 }];
        let p = chance_of_differences(&even);
        assert!((0.04..0.06).contains(&p), "{p}");
        assert_eq!(chance_of_differences(&[Tally { won: 2, lost: 1 }, Tally { won: 1, lost: 2 }]), 1.0);
        // One won above 20 lost ones and the like: certain in order, and nothing where both are alike.
        let apart = [Tally { won: 0, lost: 50 }, Tally { won: 50, lost: 0 }];
        assert!(chance_of_a_trend(&apart) < 1e-9);
        assert!(chance_of_a_trend(&[Tally { won: 50, lost: 50 }; 2]) > 0.99);
        let (low, high) = Tally { won: 8, lost: 2 }.interval();
        assert!(near(low, 0.490_162_4) && near(high, 0.943_317_8), "{low} {high}");
    }
}
