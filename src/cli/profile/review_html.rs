//! A review as a page that stands by itself, with its drift as pictures.

use std::fmt::Write as _;

use super::review::{drift_words, percent, separation_words};
use crate::cli::page::{self, escape};
use crate::grpc::pb;

pub fn page(review: &pb::ProfileReview) -> String {
    let mut out = format!(
        "<p>Revision {}: {} recent leads, {} in the reference. Won: {} before, {} now{}.</p>\n",
        review.revision,
        review.recent_count,
        review.reference_count,
        escape(&percent(review.reference_won)),
        escape(&percent(review.recent_won)),
        if review.outcome_chance >= 0.01 { ", which may be chance" } else { "" },
    );
    if let Some(score) = &review.score {
        _ = writeln!(out, "<h2>Scores</h2>\n<p>{}</p>", verdict(score));
        bars(&mut out, score, "Scores in both periods");
    }
    criteria(&mut out, review);
    industries(&mut out, review);
    proposals(&mut out, review);
    page::page(&format!("Review of {}", review.profile), &out)
}

fn verdict(drift: &pb::Drift) -> String {
    if drift.bins.is_empty() || drift.verdict() == pb::DriftVerdict::TooFew {
        return "too few leads to tell".to_owned();
    }
    format!(
        "{} (PSI {:.2}, without drift about {:.2})",
        drift_words(drift.verdict()),
        drift.psi,
        drift.expected_psi
    )
}

/// The share of each part: hollow in the reference, full in the recent period.
fn bars(out: &mut String, drift: &pb::Drift, label: &str) {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 140.0;
    let sums = drift.bins.iter().fold((0, 0), |(a, b), bin| (a + bin.reference_count, b + bin.recent_count));
    let share = |count: i64, of: i64| count as f64 / of.max(1) as f64;
    let shares: Vec<(f64, f64)> = drift
        .bins
        .iter()
        .map(|bin| (share(bin.reference_count, sums.0), share(bin.recent_count, sums.1)))
        .collect();
    let most = shares.iter().map(|(before, now)| before.max(*now)).fold(0.0, f64::max);
    if most <= 0.0 {
        return;
    }
    let room = WIDTH / shares.len() as f64;
    _ = writeln!(
        out,
        "<figure><svg width=\"{WIDTH}\" height=\"{}\" role=\"img\" aria-label=\"{}\">",
        HEIGHT + 24.0,
        escape(label)
    );
    for (place, (bin, (before, now))) in drift.bins.iter().zip(shares).enumerate() {
        let x = room * place as f64;
        let (old, new) = (HEIGHT * before / most, HEIGHT * now / most);
        _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{old:.1}\" fill=\"none\" stroke=\"currentColor\"><title>{:.1} % before</title></rect>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{new:.1}\" fill=\"#3f8a58\"><title>{:.1} % now</title></rect>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"currentColor\">{}</text>",
            x + room * 0.1,
            HEIGHT - old,
            room * 0.38,
            100.0 * before,
            x + room * 0.52,
            HEIGHT - new,
            room * 0.38,
            100.0 * now,
            x + room * 0.5,
            HEIGHT + 16.0,
            escape(&bin.label),
        );
    }
    *out += "</svg><figcaption>Share of the leads: outlined in the reference, filled now.</figcaption></figure>\n";
}

fn criteria(out: &mut String, review: &pb::ProfileReview) {
    if review.criteria.is_empty() {
        return;
    }
    *out += "<h2>Criteria</h2>\n<table class=\"wide\"><tr><th>criterion</th><th>tells won from lost</th>\
             <th class=\"n\">won where it holds</th><th class=\"n\">where not</th><th>drift</th></tr>\n";
    for criterion in &review.criteria {
        let separation = criterion.separation();
        let class = match separation {
            pb::Separation::Separates => "up",
            pb::Separation::Reverses | pb::Separation::NoLonger => "down",
            _ => "",
        };
        _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"{class}\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escape(&criterion.criterion),
            separation_words(separation),
            escape(&percent(criterion.won_where_holds)),
            escape(&percent(criterion.won_where_fails)),
            criterion.drift.as_ref().map(verdict).unwrap_or_default(),
        );
    }
    *out += "</table>\n";
    for criterion in &review.criteria {
        let moved = |drift: &&pb::Drift| {
            matches!(drift.verdict(), pb::DriftVerdict::Moderate | pb::DriftVerdict::Large)
        };
        if let Some(drift) = criterion.drift.as_ref().filter(moved) {
            _ = writeln!(out, "<h3>{}</h3>", escape(&criterion.criterion));
            bars(out, drift, &criterion.criterion);
        }
    }
}

fn industries(out: &mut String, review: &pb::ProfileReview) {
    if review.industries.is_empty() {
        return;
    }
    *out += "<h2>Industries that come up or go</h2>\n<table><tr><th>industry</th><th class=\"n\">before</th><th class=\"n\">now</th>\
             <th class=\"n\">won</th><th>aimed at</th></tr>\n";
    for shift in &review.industries {
        _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escape(&shift.industry),
            escape(&percent(shift.reference)),
            escape(&percent(shift.recent)),
            escape(&percent(shift.won)),
            if shift.targeted { "yes" } else { "no" },
        );
    }
    *out += "</table>\n";
}

fn proposals(out: &mut String, review: &pb::ProfileReview) {
    *out += "<h2>Proposed</h2>\n";
    if review.proposals.is_empty() {
        *out += "<p>Nothing to change.</p>\n";
        return;
    }
    *out += "<table class=\"wide\"><tr><th>id</th><th>where</th><th>before</th><th>after</th><th>evidence</th></tr>\n";
    for proposal in &review.proposals {
        _ = writeln!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&proposal.id),
            escape(&proposal.path),
            escape(&proposal.before),
            escape(&proposal.after),
            escape(&proposal.evidence),
        );
    }
    *out += "</table>\n";
}
