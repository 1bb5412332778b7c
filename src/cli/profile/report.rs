//! What was learnt, in a few lines for people, or as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::derive::Lesson;
use crate::app::derive_profile::{Accounts, Derived, Question, words};
use crate::cli::table::{Table, bold, coloured, counted, plain};
use crate::domain::scorecard::bins::{Bin, Falls};
use crate::domain::scorecard::evidence::Tally;
use crate::domain::scorecard::guard::Suspicion;
use crate::domain::scorecard::learn::{ENOUGH_OF_EACH, Verdict};
use crate::domain::scorecard::measure::Quality;
use crate::domain::scorecard::validate::Compared;

/// A smaller difference of two areas is none: half of the error of one, since both are of the same accounts.
fn alike(compared: &Compared) -> f64 {
    (compared.scorecard.auc_error / 2.0).max(0.001)
}

/// How many facts are told one by one.
const MOST_FACTS: usize = 12;

/// What a manager reads.
pub fn text(lesson: &Lesson) -> String {
    let Lesson { shown, accounts, derived, undecided, unread, .. } = lesson;
    let of = derived.of;
    let mut out = format!(
        "{} of {shown} with an outcome: {} won, {} lost ({:.1} % won).",
        counted(of.all(), "account"),
        of.won,
        of.lost,
        100.0 * of.share()
    );
    if *undecided > 0 {
        _ = write!(out, " {} without one were left out.", counted(*undecided, "row"));
    }
    if *unread > 0 {
        _ = write!(out, " {} could not be read.", counted(*unread, "row"));
    }
    out.push('\n');
    if derived.is_of_little() {
        let too_little = format!(
            "Too little data for a model: {} won and {} lost, and it takes {ENOUGH_OF_EACH} of each. The points are first hints, at half of what the counts say.",
            of.won, of.lost
        );
        _ = writeln!(out, "{}", coloured("33", &too_little));
    }
    if let Some(card) = &derived.card {
        _ = writeln!(out, "\n{}", bold("What sets won ones apart"));
        let mut table =
            Table::new(&["fact", "points", "best", "won there", "worst", "won there"], &[1, 3, 5]);
        for characteristic in card.characteristics.iter().take(MOST_FACTS) {
            let question = &accounts.questions[characteristic.column];
            let by_share = |a: &&Bin, b: &&Bin| a.tally.share().total_cmp(&b.tally.share());
            let bins = || characteristic.binned.bins.iter();
            let (Some(best), Some(worst)) = (bins().max_by(by_share), bins().min_by(by_share)) else {
                continue;
            };
            let share = |bin: &Bin| format!("{:.0} of 100", 100.0 * bin.tally.share());
            table.row([
                called(question),
                format!("0 to {}", characteristic.most()),
                short(&words(best, question)),
                share(best),
                short(&words(worst, question)),
                share(worst),
            ]);
        }
        out.push_str(&table.render());
        if card.characteristics.len() > MOST_FACTS {
            _ = writeln!(out, "and {} more.", card.characteristics.len() - MOST_FACTS);
        }
    }
    told(&mut out, accounts, derived, "Say the same as those above, so they get no points", |verdict| {
        (*verdict == Verdict::SaidByOthers).then(String::new)
    });
    told(
        &mut out,
        accounts,
        derived,
        "No effect, but for what may be chance or is too small to matter, so no points",
        |verdict| (*verdict == Verdict::NoEffect).then(String::new),
    );
    held_back(&mut out, accounts, derived);
    if let (Some(measured), Some(_)) = (&derived.measured, &derived.card) {
        out.push('\n');
        quality(&mut out, "On accounts that it had not seen", measured);
    }
    if let (Some(later), Some(_)) = (&derived.later, &derived.card) {
        quality(&mut out, "On the last quarter of the time, learnt before it", later);
    }
    grades(&mut out, accounts, derived);
    out
}

fn called(question: &Question) -> String {
    match &question.asked {
        crate::app::derive_profile::Asked::Has(word) => format!("{}: {word}", question.name),
        _ => question.name.clone(),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 36;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn told(
    out: &mut String,
    accounts: &Accounts,
    derived: &Derived,
    title: &str,
    is: impl Fn(&Verdict) -> Option<String>,
) {
    let named = derived.examined.iter().zip(&accounts.questions);
    let mut names: Vec<String> = named
        .filter(|(column, _)| is(&column.verdict).is_some())
        .map(|(_, question)| plain(&called(question)))
        .collect();
    names.dedup();
    if !names.is_empty() {
        _ = writeln!(out, "{title}: {}.", names.join(", "));
    }
}

fn held_back(out: &mut String, accounts: &Accounts, derived: &Derived) {
    let mut lines = Vec::new();
    for (column, question) in derived.examined.iter().zip(&accounts.questions) {
        if let Verdict::HeldBack(suspicion) = &column.verdict {
            lines.push(format!("  {}: {}", plain(&called(question)), why(suspicion)));
        }
    }
    if !lines.is_empty() {
        let title =
            "Held back, since they may know the answer (--trust takes them in, --ignore leaves them out):";
        _ = writeln!(out, "\n{}\n{}", coloured("33", title), lines.join("\n"));
    }
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

fn quality(out: &mut String, title: &str, compared: &Compared) {
    let (own, other) = (&compared.scorecard, &compared.naive_bayes);
    let error = 1.96 * own.auc_error;
    _ = write!(
        out,
        "{title}: AUC {:.3} (± {error:.3}), KS {:.2}, Gini {:.2}, Brier {:.3}; naive Bayes: AUC {:.3}, Brier {:.3}. ",
        own.auc, own.ks, own.gini, own.brier, other.auc, other.brier
    );
    let alike = alike(compared);
    let verdict = match own.auc - other.auc {
        more if more > alike && own.brier <= other.brier => "The points are better.",
        more if more > alike => "The points order better, and naive Bayes states the chances better.",
        more if more > -alike => "The points do not beat naive Bayes: they are as good as counting alone.",
        _ => "The points do NOT beat naive Bayes: counting alone foretells better.",
    };
    _ = writeln!(out, "{verdict}");
}

fn grades(out: &mut String, accounts: &Accounts, derived: &Derived) {
    let Some(card) = &derived.card else { return };
    let parts: Vec<String> = by_grade(accounts, derived)
        .into_iter()
        .map(|(grade, tally)| {
            format!("{grade} {:.0} of 100 ({})", 100.0 * tally.share(), counted(tally.all(), "account"))
        })
        .collect();
    _ = writeln!(
        out,
        "Won by grade: {}. {:.0} points more double the odds.",
        parts.join(", "),
        card.points_to_double_the_odds()
    );
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
