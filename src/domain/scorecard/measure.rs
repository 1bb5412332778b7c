//! How well chances order and foretell outcomes.

use super::evidence::Tally;

/// How well chances did on accounts that they had not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// How probable it is that a won account stands above a lost one, ties half: the area under the curve of Receiver Operating
    /// Characteristic.
    pub auc: f64,
    /// The standard error of it (J. A. Hanley and B. J. McNeil, 1982).
    pub auc_error: f64,
    /// 2 · AUC − 1.
    pub gini: f64,
    /// The greatest distance between the shares of won and of lost ones up to a chance (Kolmogorov and Smirnov).
    pub ks: f64,
    /// The mean square of the difference between chance and outcome (G. W. Brier, 1950).
    pub brier: f64,
    /// By tenths of the accounts, from the least chance: what was said and what was.
    pub calibration: Vec<Calibration>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// The mean of the chances, 0 to 1.
    pub said: f64,
    pub was: Tally,
}

impl Quality {
    /// Of chances, 0 to 1, and outcomes in the same order.
    pub fn of(chances: &[f64], won: &[bool]) -> Self {
        let mut order: Vec<usize> = (0..won.len()).collect();
        order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
        let count = won.iter().filter(|won| **won).count();
        let (all_won, all_lost) = (count as f64, (won.len() - count) as f64);

        let (mut above, mut ks) = (0.0, 0.0_f64);
        let (mut won_below, mut lost_below) = (0.0, 0.0);
        for alike in order.chunk_by(|a, b| chances[*a] == chances[*b]) {
            let here = alike.iter().filter(|row| won[**row]).count() as f64;
            let lost_here = alike.len() as f64 - here;
            above += here * (lost_below + lost_here / 2.0);
            won_below += here;
            lost_below += lost_here;
            ks = ks.max((lost_below / all_lost.max(1.0) - won_below / all_won.max(1.0)).abs());
        }
        let auc = if all_won * all_lost > 0.0 { above / (all_won * all_lost) } else { 0.5 };

        let (one, two) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
        let variance =
            (auc * (1.0 - auc) + (all_won - 1.0) * (one - auc * auc) + (all_lost - 1.0) * (two - auc * auc))
                / (all_won * all_lost).max(1.0);

        let square = |row: usize| {
            let off = chances[row] - f64::from(u8::from(won[row]));
            off * off
        };
        let brier = (0..won.len()).map(square).sum::<f64>() / won.len().max(1) as f64;
        let tenth = |rows: &[usize]| {
            let mut was = Tally::default();
            rows.iter().for_each(|row| was.see(won[*row]));
            let said = rows.iter().map(|row| chances[*row]).sum::<f64>() / rows.len() as f64;
            Calibration { said, was }
        };
        let calibration = order.chunks(order.len().div_ceil(10).max(1)).map(tenth).collect();
        Self { auc, auc_error: variance.max(0.0).sqrt(), gini: 2.0 * auc - 1.0, ks, brier, calibration }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        let quality = Quality::of(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
        assert_eq!((quality.auc, quality.gini, quality.ks), (0.75, 0.5, 0.5));
        assert!((quality.brier - (0.01 + 0.16 + 0.4225 + 0.04) / 4.0).abs() < 1e-12);
        assert_eq!(Quality::of(&[0.5; 4], &[true, false, true, false]).auc, 0.5);
    }

    proptest! {
        /// The area is the share of pairs in the right order, ties half.
        #[test]
        fn the_area_counts_pairs(items in prop::collection::vec((0_u8..8, any::<bool>()), 2..60)) {
            let chances: Vec<f64> = items.iter().map(|(chance, _)| f64::from(*chance) / 8.0).collect();
            let won: Vec<bool> = items.iter().map(|(_, won)| *won).collect();
            let (mut right, mut pairs) = (0.0, 0.0);
            for (a, a_won) in items.iter().filter(|item| item.1) {
                for (b, b_won) in items.iter().filter(|item| !item.1) {
                    prop_assert!(*a_won && !*b_won);
                    pairs += 1.0;
                    right += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                }
            }
            if pairs > 0.0 {
                prop_assert!((Quality::of(&chances, &won).auc - right / pairs).abs() < 1e-9);
            }
        }
    }
}
