//! What was learnt, in a few lines for people.

use std::fmt::Write as _;

use super::derive::Lesson;
use crate::app::derive_profile::report::{alike, by_grade, why};
use crate::app::derive_profile::{Accounts, Derived, Question, words};
use crate::cli::table::{Table, bold, coloured, counted, plain};
use crate::domain::scorecard::bins::Bin;
use crate::domain::scorecard::learn::{ENOUGH_OF_EACH, Verdict};
use crate::domain::scorecard::validate::Compared;

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
