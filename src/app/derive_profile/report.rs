//! What was learnt, with its evidence, as JSON for programs.

use serde_json::{Value as Json, json};

use super::{Accounts, Derived, words};
use crate::domain::scorecard::bins::Falls;
use crate::domain::scorecard::evidence::Tally;
use crate::domain::scorecard::guard::Suspicion;
use crate::domain::scorecard::learn::Verdict;
use crate::domain::scorecard::measure::Quality;
use crate::domain::scorecard::validate::Compared;

/// A smaller difference of two areas is none: half of the error of one, since both are of the same accounts.
pub fn alike(compared: &Compared) -> f64 {
    (compared.scorecard.auc_error / 2.0).max(0.001)
}

/// Why a column is held back, in words.
pub fn why(suspicion: &Suspicion) -> String {
    let share = |tally: &Tally| format!("{} of {}", tally.won, tally.all());
    match suspicion {
        Suspicion::Name(word) => {
            format!("\"{word}\" is what is written down after the contact, and it foretells well")
        }
        Suspicion::BothEnds { least, most } => {
            format!("it knows both ends: {} won for one value, {} for another", share(least), share(most))
        }
        Suspicion::TooStrong(value) => {
            format!("no honest fact says so much by itself (information value {value:.1})")
        }
    }
}

/// The accounts that were learnt from, by grade.
pub fn by_grade(accounts: &Accounts, derived: &Derived) -> Vec<(&'static str, Tally)> {
    let Some(card) = &derived.card else { return Vec::new() };
    let mut found: Vec<(&'static str, Tally)> =
        derived.grades.iter().map(|limit| (limit.grade, Tally::default())).collect();
    found.push(("D", Tally::default()));
    for (total, won) in card.totals(&accounts.sample).into_iter().zip(&accounts.sample.won) {
        let grade = derived.grade(total);
        found.iter_mut().filter(|(known, _)| *known == grade).for_each(|(_, tally)| tally.see(*won));
    }
    found
}

/// Everything, for programs.
pub fn json(accounts: &Accounts, derived: &Derived) -> Json {
    let points_of = |place: usize| {
        let found = derived.card.iter().flat_map(|card| &card.characteristics).find(|c| c.column == place);
        found.map(|characteristic| characteristic.points.clone())
    };
    let columns =
        derived.examined.iter().zip(&accounts.questions).enumerate().map(|(place, (column, question))| {
            let (verdict, reason) = match &column.verdict {
                Verdict::Used => ("used", None),
                Verdict::NoEffect => ("no_effect", None),
                Verdict::SaidByOthers => ("said_by_others", None),
                Verdict::HeldBack(suspicion) => ("held_back", Some(why(suspicion))),
                Verdict::Alike => ("alike", None),
            };
            let points = points_of(place);
            let of = derived.of;
            let bins =
                column.binned.iter().flat_map(|binned| &binned.bins).enumerate().map(|(number, bin)| {
                    let (low, high) = bin.tally.interval();
                    let (from, below, named) = match &bin.falls {
                        Falls::Range(from, below) => (*from, *below, None),
                        Falls::OneOf(words) => (None, None, Some(words)),
                        Falls::Other | Falls::Unknown => (None, None, None),
                    };
                    json!({
                        "is": words(bin, question),
                        "from": from,
                        "below": below,
                        "words": named,
                        "known": bin.falls != Falls::Unknown,
                        "won": bin.tally.won,
                        "lost": bin.tally.lost,
                        "won_share": bin.tally.share(),
                        "interval_95": [low, high],
                        "lift": bin.tally.share() / of.share(),
                        "weight_of_evidence": bin.tally.weight_of_evidence(of),
                        "points": points.as_ref().map(|points| points[number]),
                    })
                });
            json!({
                "column": question.name,
                "fact": question.fact,
                "verdict": verdict,
                "reason": reason,
                "chance": column.chance,
                "information_value": column.binned.as_ref().map(|binned| binned.information_value),
                "trend": column.binned.as_ref().map(|binned| binned.trend.as_str()),
                "bins": bins.collect::<Vec<_>>(),
            })
        });
    let grades = by_grade(accounts, derived).into_iter().map(|(grade, tally)| {
        let least = derived.grades.iter().find(|limit| limit.grade == grade).map_or(0, |limit| limit.least);
        json!({ "grade": grade, "from_points": least, "won": tally.won, "lost": tally.lost })
    });
    json!({
        "won": derived.of.won,
        "lost": derived.of.lost,
        "too_little_data": derived.is_of_little(),
        "columns": columns.collect::<Vec<_>>(),
        "chance": derived.card.as_ref().map(|card| json!({ "intercept": card.intercept, "slope": card.slope })),
        "points_to_double_the_odds": derived.card.as_ref().map(|card| card.points_to_double_the_odds()),
        "grades": grades.collect::<Vec<_>>(),
        "unseen": derived.measured.as_ref().map(compared),
        "later": derived.later.as_ref().map(compared),
    })
}

fn compared(compared: &Compared) -> Json {
    let of = |quality: &Quality| {
        let calibration = quality
            .calibration
            .iter()
            .map(|part| json!({ "said": part.said, "was": part.was.share(), "accounts": part.was.all() }));
        json!({
            "auc": quality.auc,
            "auc_standard_error": quality.auc_error,
            "ks": quality.ks,
            "gini": quality.gini,
            "brier": quality.brier,
            "calibration": calibration.collect::<Vec<_>>(),
        })
    };
    json!({
        "accounts": compared.of.all(),
        "scorecard": of(&compared.scorecard),
        "naive_bayes": of(&compared.naive_bayes),
        "beats_naive_bayes": compared.scorecard.auc > compared.naive_bayes.auc + alike(compared),
    })
}
