//! The evidence as a page that stands by itself: every bin with its counts and interval, and how well the points foretell.

use std::fmt::Write as _;

use crate::app::derive_profile::report::{by_grade, why};
use crate::app::derive_profile::{Accounts, Asked, Derived, words};
use crate::cli::page::{self, escape};
use crate::domain::scorecard::evidence::Tally;
use crate::domain::scorecard::learn::Verdict;
use crate::domain::scorecard::measure::Quality;

/// The page.
pub fn page(accounts: &Accounts, derived: &Derived, file: &str) -> String {
    let of = derived.of;
    let title = format!("What sets won accounts of {file} apart");
    let mut out = format!(
        "<p>{} accounts with an outcome: {} won, {} lost, {:.1} % won.</p>\n",
        of.all(),
        of.won,
        of.lost,
        100.0 * of.share()
    );
    if let Some(measured) = &derived.measured {
        measures(&mut out, "On accounts that it had not seen", &measured.scorecard, &measured.naive_bayes);
    }
    if let Some(later) = &derived.later {
        measures(&mut out, "On the last quarter of the time", &later.scorecard, &later.naive_bayes);
    }
    out += "<h2>Grades</h2>\n<table class=\"wide\"><tr><th>grade</th><th class=\"n\">accounts</th><th class=\"n\">won</th><th></th></tr>\n";
    for (grade, tally) in by_grade(accounts, derived) {
        row(&mut out, grade, tally, None);
    }
    out += "</table>\n";
    for characteristic in derived.card.iter().flat_map(|card| &card.characteristics) {
        let question = &accounts.questions[characteristic.column];
        let name = match &question.asked {
            Asked::Has(word) => format!("{}: {word}", question.name),
            _ => question.name.clone(),
        };
        let trend = match question.asked {
            Asked::Number(_) => format!(", trend {}", characteristic.trend().as_str()),
            _ => String::new(),
        };
        _ = write!(
            out,
            "<h2>{}</h2>\n<p>Information value {:.2}{trend}.</p>\n\
             <table class=\"wide\"><tr><th></th><th class=\"n\">accounts</th><th class=\"n\">won</th><th>won of 100, with 95 % interval</th>\
             <th class=\"n\">points</th></tr>\n",
            escape(&name),
            characteristic.binned.information_value
        );
        for (bin, points) in characteristic.lines() {
            row(&mut out, &words(bin, question), bin.tally, Some(points));
        }
        out += "</table>\n";
    }
    others(&mut out, accounts, derived);
    page::page(&title, &out)
}

fn row(out: &mut String, what: &str, tally: Tally, points: Option<i64>) {
    let (low, high) = tally.interval();
    let (share, low, high) = (200.0 * tally.share(), 200.0 * low, 200.0 * high);
    let points = points.map(|points| format!("<td class=\"n\">{points}</td>")).unwrap_or_default();
    _ = writeln!(
        out,
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1} %</td><td><svg width=\"204\" height=\"16\" role=\"img\" \
         aria-label=\"{:.1} %\"><rect x=\"0\" y=\"3\" width=\"{share:.1}\" height=\"10\" fill=\"#3f8a58\"/>\
         <path d=\"M{low:.1} 8H{high:.1}M{low:.1} 4V12M{high:.1} 4V12\" stroke=\"currentColor\"/></svg></td>{points}</tr>",
        escape(what),
        tally.all(),
        100.0 * tally.share(),
        100.0 * tally.share(),
    );
}

fn measures(out: &mut String, title: &str, own: &Quality, other: &Quality) {
    _ = write!(
        out,
        "<h2>{title}</h2>\n<table class=\"wide\"><tr><th></th><th class=\"n\">AUC</th><th class=\"n\">KS</th><th class=\"n\">Gini</th><th class=\"n\">Brier</th></tr>\n"
    );
    for (name, quality) in [("these points", own), ("naive Bayes", other)] {
        _ = writeln!(
            out,
            "<tr><td>{name}</td><td class=\"n\">{:.3} ± {:.3}</td><td class=\"n\">{:.3}</td><td class=\"n\">{:.3}</td><td class=\"n\">{:.3}</td></tr>",
            quality.auc,
            1.96 * quality.auc_error,
            quality.ks,
            quality.gini,
            quality.brier
        );
    }
    out.push_str("</table>\n");
    calibration(out, own);
}

/// What was said against what was, by tenths: on the line, it was as it was said.
fn calibration(out: &mut String, quality: &Quality) {
    const SIDE: f64 = 220.0;
    let points: Vec<String> = quality
        .calibration
        .iter()
        .map(|part| {
            format!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#3f8a58\"><title>said {:.1} %, was {:.1} % of {}</title></circle>",
                30.0 + SIDE * part.said,
                10.0 + SIDE * (1.0 - part.was.share()),
                100.0 * part.said,
                100.0 * part.was.share(),
                part.was.all()
            )
        })
        .collect();
    _ = writeln!(
        out,
        "<figure><svg width=\"270\" height=\"270\" role=\"img\" aria-label=\"Said and actual won shares by tenths\">\
         <path d=\"M30 10V230H250M30 230L250 10\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".5\"/>{}\
         <text x=\"140\" y=\"256\" font-size=\"13\" text-anchor=\"middle\" fill=\"currentColor\">said</text>\
         <text x=\"14\" y=\"120\" font-size=\"13\" text-anchor=\"middle\" transform=\"rotate(-90 14 120)\" fill=\"currentColor\">was</text>\
         </svg><figcaption>Chances that were said against shares that were won, by tenths of the accounts.</figcaption></figure>",
        points.concat()
    );
}

fn others(out: &mut String, accounts: &Accounts, derived: &Derived) {
    let mut lines = Vec::new();
    for (column, question) in derived.examined.iter().zip(&accounts.questions) {
        let verdict = match &column.verdict {
            Verdict::Used => continue,
            Verdict::NoEffect => format!("no effect that is not chance (p = {:.2})", column.chance),
            Verdict::SaidByOthers => "says the same as others".to_owned(),
            Verdict::HeldBack(suspicion) => format!("held back: {}", why(suspicion)),
            Verdict::Alike => "the same for all".to_owned(),
        };
        lines.push(format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(&question.name), escape(&verdict)));
    }
    if !lines.is_empty() {
        _ = write!(
            out,
            "<h2>Columns without points</h2>\n<table class=\"wide\">\n{}</table>\n",
            lines.concat()
        );
    }
}
