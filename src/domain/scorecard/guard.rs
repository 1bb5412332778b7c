//! Columns that may know the answer: filled in after the contact, by somebody who knew how it was going. They foretell the past very
//! well and say nothing of a new lead. None is dropped in silence: a person decides.

use super::evidence::{Tally, information_value};
use super::fine::{Cut, Fine};
use crate::domain::canonical::folded;

/// Why a column is held back for a person to look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Suspicion {
    /// Its name says that it is written down after the contact, and it foretells well.
    Name(&'static str),
    /// It knows both ends: some of its values were almost never won, and others nearly always. Few facts do, judgements do.
    BothEnds { least: Tally, most: Tally },
    /// It says more by itself than honest facts do.
    TooStrong(f64),
}

/// What is written down after the contact, as columns are called: these words, one after the other, anywhere in the name.
const AFTERWARDS: [&str; 34] = [
    "tags",
    "lost reason",
    "loss reason",
    "reason lost",
    "win reason",
    "won reason",
    "churn",
    "churned",
    "closed",
    "close date",
    "closing date",
    "deal stage",
    "deal status",
    "deal outcome",
    "sales stage",
    "sales status",
    "pipeline stage",
    "opportunity stage",
    "lead stage",
    "lead status",
    "lead quality",
    "lead profile",
    "lead score",
    "lead grade",
    "lead rating",
    "last activity",
    "last notable activity",
    "last modified",
    "next step",
    "call duration",
    "win probability",
    "forecast category",
    "verlustgrund",
    "abschlussdatum",
];
/// The same, where it is the whole name; as a part of a longer one it may be a fact of the account.
const ALONE: [&str; 8] =
    ["tag", "duration", "result", "disposition", "probability", "rating", "quality", "next action"];

/// With less information value, a name alone is no reason.
const WORTH_A_LOOK: f64 = 0.1;
/// Above it, one looks for a leak (Siddiqi).
const SUSPICIOUS: f64 = 0.5;
/// Numbers are seldom judgements, so more has to be seen.
const SUSPICIOUS_OF_NUMBERS: f64 = 1.5;
const TOO_STRONG: f64 = 3.0;
/// Weights of evidence at which hardly anybody is won, and nearly everybody: odds of a seventh, and of four and a half times the usual.
const HARDLY: f64 = -2.0;
const NEARLY: f64 = 1.5;
/// So few accounts are no evidence.
const FEW: usize = 20;

/// Whether a column is to be held back, by its name and what its fine bins tell.
pub fn suspicion(name: &str, fine: &Fine) -> Option<Suspicion> {
    let tallies: Vec<Tally> = fine.tallies.iter().copied().chain([fine.unknown]).collect();
    let value = information_value(&tallies);
    if value >= WORTH_A_LOOK
        && let Some(word) = named(name)
    {
        return Some(Suspicion::Name(word));
    }
    if value >= TOO_STRONG {
        return Some(Suspicion::TooStrong(value));
    }
    let enough = match fine.cut {
        Cut::Bounds(_) => SUSPICIOUS_OF_NUMBERS,
        Cut::Words { .. } => SUSPICIOUS,
    };
    if value < enough {
        return None;
    }
    let of = tallies.iter().fold(Tally::default(), |sum, tally| sum.with(*tally));
    let weight = |tally: &Tally| tally.weight_of_evidence(of);
    let reliable = || tallies.iter().filter(|tally| tally.all() >= FEW);
    let least = *reliable().min_by(|a, b| weight(a).total_cmp(&weight(b)))?;
    let most = *reliable().max_by(|a, b| weight(a).total_cmp(&weight(b)))?;
    (weight(&least) <= HARDLY && weight(&most) >= NEARLY).then_some(Suspicion::BothEnds { least, most })
}

/// The word in a column's name that says so.
fn named(name: &str) -> Option<&'static str> {
    let name = folded(name);
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_alone = ALONE.into_iter().find(|hint| words.join(" ") == *hint);
    is_alone.or_else(|| {
        AFTERWARDS.into_iter().find(|hint| {
            let hint: Vec<&str> = hint.split(' ').collect();
            words.windows(hint.len()).any(|window| window == hint)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scorecard::sample::Values;

    /// A column of words, each with so many won and lost ones.
    fn suspected(name: &str, counts: &[(usize, usize)]) -> Option<Suspicion> {
        let words = (0..counts.len()).map(|word| format!("word {word}")).collect();
        let (mut places, mut outcomes) = (Vec::new(), Vec::new());
        for (word, (won, lost)) in counts.iter().enumerate() {
            places.extend(vec![word as u32; won + lost]);
            outcomes.extend((0..won + lost).map(|row| row < *won));
        }
        suspicion(name, &Fine::of(&Values::Words { words, places }, &outcomes).unwrap())
    }

    #[test]
    fn judgements_are_held_back_and_strong_facts_are_not() {
        // One end: an occupation of whom nearly all were won, beside others as usual.
        assert_eq!(suspected("occupation", &[(640, 60), (2_400, 3_200), (370, 2_320)]), None);
        let both = suspected("remark", &[(600, 35), (12, 590), (1_100, 1_000), (1_100, 1_700)]);
        assert!(matches!(both, Some(Suspicion::BothEnds { .. })), "{both:?}");
        assert_eq!(
            suspected("remark", &[(500, 5), (5, 500)]).map(|s| matches!(s, Suspicion::TooStrong(_))),
            Some(true)
        );
    }

    #[test]
    fn a_name_counts_only_where_the_column_foretells() {
        let strong = [(300, 100), (100, 300)];
        assert_eq!(suspected("Lead Quality", &strong), Some(Suspicion::Name("lead quality")));
        assert_eq!(
            suspected("Last_Notable-Activity", &strong),
            Some(Suspicion::Name("last notable activity"))
        );
        assert_eq!(suspected("Lead Quality", &[(200, 200), (190, 210)]), None);
        assert_eq!(suspected("Duration", &strong), Some(Suspicion::Name("duration")));
        for honest in
            ["marital status", "duration_months", "Credit Score", "Contract", "Purpose", "growth stage"]
        {
            assert_eq!(suspected(honest, &strong), None, "{honest}");
        }
        assert_eq!(suspected("wonderful", &strong), None);
    }
}
