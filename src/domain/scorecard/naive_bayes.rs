//! The baseline that a scorecard has to beat: naive Bayes on counts of won and lost, as the predictive lead scoring of Odoo's CRM
//! documents it. Every count begins at a tenth; a value that is not known, or was never seen, is passed over.

/// What every count begins at.
const BEGINNING: f64 = 0.1;

/// Counts of one field: of each value, and what they are shares of.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// By value: won and lost ones.
    pub counts: Vec<(f64, f64)>,
    pub total: (f64, f64),
}

#[derive(Debug, Clone, Default)]
pub struct NaiveBayes {
    pub won: f64,
    pub lost: f64,
    pub fields: Vec<Field>,
}

impl NaiveBayes {
    /// Counts accounts; `places` are the values by field and account, `None` is not known.
    pub fn of(places: &[Vec<Option<usize>>], won: &[bool]) -> Self {
        let field = |places: &Vec<Option<usize>>| {
            let values = places.iter().flatten().max().map_or(0, |most| most + 1);
            let mut counts = vec![(0.0, 0.0); values];
            for (place, won) in places.iter().zip(won) {
                let Some(place) = place else { continue };
                match won {
                    true => counts[*place].0 += 1.0,
                    false => counts[*place].1 += 1.0,
                }
            }
            Field::of(counts)
        };
        let count = won.iter().filter(|won| **won).count();
        Self {
            won: count as f64 + BEGINNING,
            lost: (won.len() - count) as f64 + BEGINNING,
            fields: places.iter().map(field).collect(),
        }
    }

    /// p = S_w ÷ (S_w + S_l), where S_w = W ÷ (W + L) · Π won(v) ÷ T_w, and S_l likewise.
    pub fn chance(&self, values: &[Option<usize>]) -> f64 {
        let (mut won, mut lost) = (self.won / (self.won + self.lost), self.lost / (self.won + self.lost));
        for (field, value) in self.fields.iter().zip(values) {
            let Some((of_won, of_lost)) = value.and_then(|value| field.counts.get(value)) else { continue };
            if *of_won + *of_lost == 0.0 {
                continue;
            }
            won *= of_won / field.total.0;
            lost *= of_lost / field.total.1;
        }
        if won + lost > 0.0 { won / (won + lost) } else { self.won / (self.won + self.lost) }
    }
}

impl Field {
    /// From plain counts; values that nobody has stay at nothing.
    fn of(mut counts: Vec<(f64, f64)>) -> Self {
        for (won, lost) in &mut counts {
            if *won + *lost > 0.0 {
                *won += BEGINNING;
                *lost += BEGINNING;
            }
        }
        let total = counts.iter().fold((0.0, 0.0), |sum, (won, lost)| (sum.0 + won, sum.1 + lost));
        Self { counts, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples that Odoo publishes with the formula: three teams of three decided leads, by country, state and source, and the
    /// stage, of which a won lead has passed all and a lost one those up to where it was lost.
    #[test]
    fn published_examples_come_out() {
        for (decided, asked, percent) in [
            ([(0, 0, 0, 0, false), (1, 1, 1, 1, false), (2, 2, 2, 2, true)], [0, 1, 2, 1], 33.49),
            ([(0, 1, 1, 2, false), (0, 1, 2, 1, false), (0, 2, 2, 0, true)], [0, 1, 2, 1], 7.74),
            ([(1, 1, 1, 2, true), (0, 1, 0, 0, false), (1, 2, 2, 0, false)], [0, 1, 2, 1], 35.09),
        ] {
            let won: Vec<bool> = decided.iter().map(|lead| lead.4).collect();
            let places = [
                decided.iter().map(|lead| Some(lead.0)).collect::<Vec<_>>(),
                decided.iter().map(|lead| Some(lead.1)).collect(),
                decided.iter().map(|lead| Some(lead.2)).collect(),
            ];
            let mut bayes = NaiveBayes::of(&places, &won);
            let passed = |stage: usize| {
                let count = |wanted: bool| {
                    let here = decided.iter().filter(|lead| lead.4 == wanted && (wanted || lead.3 >= stage));
                    here.count() as f64 + BEGINNING
                };
                (count(true), count(false))
            };
            bayes.fields.push(Field { counts: (0..3).map(passed).collect(), total: (bayes.won, bayes.lost) });
            let chance = bayes.chance(&asked.map(Some));
            assert!((100.0 * chance - percent).abs() < 0.005, "{chance} instead of {percent} %");
        }
    }
}
