//! The same as a page that stands by itself, to be attached to a request for the change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::{changed_rules, grades, percent, verdict, volume, why};
use crate::cli::page::{self, escape};
use crate::cli::table::points;
use crate::grpc::pb;

pub fn page(report: &pb::ImpactReport, title: &str, qualifying: &[String], capacity: Option<i64>) -> String {
    let mut out = format!(
        "<p>{} leads: {} change their grade ({}), {} their points. {}</p>\n<p>Before: <code>{}</code><br>\
         After: <code>{}</code></p>\n",
        report.lead_count,
        report.changed_grade_count,
        percent(report.changed_grade_count, report.lead_count),
        report.changed_total_count,
        escape(&volume(report, qualifying, capacity)),
        escape(&report.rule_set_before),
        escape(&report.rule_set_after),
    );
    for (count, what, first) in [
        (report.error_count_before, "before", &report.first_error_before),
        (report.error_count_after, "after", &report.first_error_after),
    ] {
        if count > 0 {
            _ = writeln!(
                out,
                "<p><strong>{count} can't be scored {what} the change: {}</strong></p>",
                escape(first)
            );
        }
    }
    matrix(&mut out, report);
    histogram(&mut out, report);
    rules(&mut out, report);
    movers(&mut out, report);
    groups(&mut out, report);
    if let (Some(before), Some(after)) = (&report.backtest_before, &report.backtest_after) {
        _ = writeln!(out, "<h2>Where outcomes are known</h2>\n<p>{}</p>", escape(&verdict(before, after)));
    }
    page::page(title, &out)
}

fn matrix(out: &mut String, report: &pb::ImpactReport) {
    let grades = grades(report);
    let counts: BTreeMap<(&str, &str), i64> =
        report.migration.iter().map(|of| ((of.before.as_str(), of.after.as_str()), of.count)).collect();
    *out += "<h2>Grades before and after</h2>\n<table><tr><th>before \\ after</th>";
    grades.iter().for_each(|grade| _ = write!(out, "<th class=\"n\">{}</th>", escape(grade)));
    *out += "</tr>\n";
    for (row, before) in grades.iter().enumerate() {
        _ = write!(out, "<tr><th>{}</th>", escape(before));
        for (column, after) in grades.iter().enumerate() {
            let count = counts.get(&(before.as_str(), after.as_str())).copied().unwrap_or_default();
            let class = match column.cmp(&row) {
                _ if count == 0 => "n",
                std::cmp::Ordering::Less => "n up",
                std::cmp::Ordering::Equal => "n same",
                std::cmp::Ordering::Greater => "n down",
            };
            let shown = if count == 0 { "·".to_owned() } else { count.to_string() };
            _ = write!(out, "<td class=\"{class}\">{shown}</td>");
        }
        *out += "</tr>\n";
    }
    *out += "</table>\n";
}

/// Bars side by side: hollow before, full after.
fn histogram(out: &mut String, report: &pb::ImpactReport) {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 160.0;
    let most = report.histogram.iter().map(|part| part.before_count.max(part.after_count)).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let room = WIDTH / report.histogram.len() as f64;
    _ = write!(
        out,
        "<h2>Totals</h2>\n<figure><svg width=\"{WIDTH}\" height=\"{}\" role=\"img\" aria-label=\"Leads by total, before and after\">\n",
        HEIGHT + 24.0
    );
    for (place, part) in report.histogram.iter().enumerate() {
        let x = room * place as f64;
        let bar = |count: i64| HEIGHT * count as f64 / most as f64;
        let (before, after) = (bar(part.before_count), bar(part.after_count));
        _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{before:.1}\" fill=\"none\" stroke=\"currentColor\"><title>{} before</title></rect>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{after:.1}\" fill=\"#3f8a58\"><title>{} after</title></rect>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"currentColor\">{}</text>",
            x + room * 0.1,
            HEIGHT - before,
            room * 0.38,
            part.before_count,
            x + room * 0.52,
            HEIGHT - after,
            room * 0.38,
            part.after_count,
            x + room * 0.5,
            HEIGHT + 16.0,
            part.from_points,
        );
    }
    _ = writeln!(
        out,
        "</svg><figcaption>Leads by total in parts of {} points: outlined before, filled after.</figcaption></figure>",
        report.histogram_width
    );
}

fn rules(out: &mut String, report: &pb::ImpactReport) {
    let changed = changed_rules(report);
    if changed.is_empty() {
        return;
    }
    *out += "<h2>Rules that do something else</h2>\n<table><tr><th>rule</th><th class=\"n\">fires before</th><th class=\"n\">after</th>\
             <th class=\"n\">points before</th><th class=\"n\">after</th></tr>\n";
    for rule in changed {
        _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&rule.rule),
            rule.fired_before,
            rule.fired_after,
            points(rule.points_hundredths_before),
            points(rule.points_hundredths_after)
        );
    }
    *out += "</table>\n";
}

fn movers(out: &mut String, report: &pb::ImpactReport) {
    if report.movers.is_empty() {
        return;
    }
    *out += "<h2>Leads that move farthest</h2>\n<table><tr><th>lead</th><th>grade</th><th class=\"n\">points</th><th>mostly because</th></tr>\n";
    for mover in &report.movers {
        let name = if mover.display_name.is_empty() { &mover.lead } else { &mover.display_name };
        _ = writeln!(
            out,
            "<tr><td>{}</td><td>{} → {}</td><td class=\"n\">{} → {}</td><td>{}</td></tr>",
            escape(name),
            escape(&mover.grade_before),
            escape(&mover.grade_after),
            points(mover.total_hundredths_before),
            points(mover.total_hundredths_after),
            escape(&why(mover))
        );
    }
    *out += "</table>\n";
}

fn groups(out: &mut String, report: &pb::ImpactReport) {
    let moved = |group: &&pb::GroupImpact| group.better_count + group.worse_count > 0;
    let groups: Vec<&pb::GroupImpact> = report.groups.iter().filter(moved).collect();
    if groups.is_empty() {
        return;
    }
    *out += "<h2>For whom it changes</h2>\n<table><tr><th></th><th></th><th class=\"n\">leads</th><th class=\"n\">better</th><th class=\"n\">worse</th>\
             <th class=\"n\">to sales before</th><th class=\"n\">after</th></tr>\n";
    for group in groups {
        let key = if group.key.is_empty() { "none" } else { &group.key };
        _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&group.by),
            escape(key),
            group.lead_count,
            group.better_count,
            group.worse_count,
            group.qualified_before,
            group.qualified_after
        );
    }
    *out += "</table>\n";
}
