//! What a change would do, as text.

use std::collections::BTreeMap;

use crate::cli::table::{Table, bold, coloured, plain, points, signed};
use crate::grpc::pb;

/// How many rules, leads and groups are shown.
const SHOWN: usize = 12;

pub fn text(report: &pb::ImpactReport, qualifying: &[String], capacity: Option<i64>) -> String {
    let mut out = format!(
        "{} leads: {} change their grade ({}), {} their points.\n",
        report.lead_count,
        report.changed_grade_count,
        percent(report.changed_grade_count, report.lead_count),
        report.changed_total_count
    );
    if report.lead_count == 0 {
        return "There are no leads to look at: nothing is known of what would move.\n".to_owned();
    }
    if report.changed_total_count == 0 && report.changed_grade_count == 0 && report.error_count_after == 0 {
        out += "Nothing moves.\n";
    }
    if report.scored_twice_count < report.lead_count {
        out += &format!(
            "{} had to be scored by both sets; on the others each rule that differs comes to the same.\n",
            report.scored_twice_count
        );
    }
    for (count, what) in [
        (report.without_profile_count, "have no profile and were left out"),
        (report.not_known_then_count, "were not known then and were left out"),
    ] {
        if count > 0 {
            out += &format!("{count} {what}.\n");
        }
    }
    for (when, count, first) in [
        ("before", report.error_count_before, &report.first_error_before),
        ("after", report.error_count_after, &report.first_error_after),
    ] {
        if count > 0 {
            out += &format!(
                "{}\n",
                coloured("31", &format!("{count} can't be scored {when} the change: {}", plain(first)))
            );
        }
    }
    out += &format!("\n{}", matrix(report));
    out += &format!("\n{}\n", volume(report, qualifying, capacity));
    if let Some(correlation) = report.rank_correlation {
        out += &format!("Rank correlation of the totals: {correlation:.3} (1 is the same order).\n");
    }
    out += &rules(report);
    out += &movers(report);
    out += &groups(report);
    out += &outcomes(report);
    out
}

pub fn percent(count: i64, of: i64) -> String {
    format!("{:.1} %", 100.0 * count as f64 / of.max(1) as f64)
}

/// The grades in the order in which they stand in the report, which is from the best.
pub fn grades(report: &pb::ImpactReport) -> Vec<String> {
    let mut befores: Vec<&str> = report.migration.iter().map(|of| of.before.as_str()).collect();
    befores.dedup();
    let mut afters: Vec<&pb::GradeMigration> = report.migration.iter().collect();
    afters.sort_by_key(|of| befores.iter().position(|grade| *grade == of.after).unwrap_or(befores.len()));
    let mut all: Vec<String> = befores.iter().map(ToString::to_string).collect();
    for of in afters {
        if !all.contains(&of.after) {
            all.push(of.after.clone());
        }
    }
    let statuses = ["disqualified", "insufficient_data"];
    all.sort_by_key(|grade| statuses.iter().position(|status| status == grade).map_or(0, |at| at + 1));
    // Grades that only one of both sets gives stand where their letter is.
    let is_letter = |grade: &String| grade.chars().count() == 1;
    if all.iter().all(|grade| is_letter(grade) || statuses.contains(&grade.as_str())) {
        all.sort_by_key(|grade| (statuses.contains(&grade.as_str()), grade.clone()));
    }
    all
}

fn matrix(report: &pb::ImpactReport) -> String {
    let grades = grades(report);
    let counts: BTreeMap<(&str, &str), i64> =
        report.migration.iter().map(|of| ((of.before.as_str(), of.after.as_str()), of.count)).collect();
    let head: Vec<&str> = ["before \\ after"].into_iter().chain(grades.iter().map(String::as_str)).collect();
    let right: Vec<usize> = (1..=grades.len()).collect();
    let mut table = Table::new(&head, &right);
    for before in &grades {
        let cells = grades.iter().map(|after| {
            let count = counts.get(&(before.as_str(), after.as_str())).copied().unwrap_or_default();
            if count == 0 { "·".to_owned() } else { count.to_string() }
        });
        table.row([before.clone()].into_iter().chain(cells));
    }
    table.render()
}

/// What reaches sales, against what sales can take.
pub fn volume(report: &pb::ImpactReport, qualifying: &[String], capacity: Option<i64>) -> String {
    let (before, after) = (report.qualified_before, report.qualified_after);
    let change = after - before;
    let sign = if change > 0 { "+" } else { "" };
    let mut out = format!(
        "Handed to sales ({}): {before} before, {after} after ({sign}{change}).",
        qualifying.join(" or ")
    );
    if let Some(capacity) = capacity {
        let over = after - capacity;
        out += &match over {
            over if over > 0 => format!(" Sales can take {capacity}: {over} too many."),
            over => format!(" Sales can take {capacity}: {} are free.", -over),
        };
    }
    out
}

/// The rules that do something else, those that move most points first.
pub fn changed_rules(report: &pb::ImpactReport) -> Vec<&pb::RuleImpact> {
    let is_changed = |rule: &&pb::RuleImpact| {
        rule.fired_before != rule.fired_after || rule.points_hundredths_before != rule.points_hundredths_after
    };
    let mut rules: Vec<&pb::RuleImpact> = report.rules.iter().filter(is_changed).collect();
    rules.sort_by_key(|rule| {
        std::cmp::Reverse((rule.points_hundredths_after - rule.points_hundredths_before).abs())
    });
    rules
}

fn rules(report: &pb::ImpactReport) -> String {
    let changed = changed_rules(report);
    if changed.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["rule", "fires before", "after", "points before", "after"], &[1, 2, 3, 4]);
    for rule in changed.iter().take(SHOWN) {
        table.row([
            rule.rule.clone(),
            rule.fired_before.to_string(),
            rule.fired_after.to_string(),
            points(rule.points_hundredths_before),
            points(rule.points_hundredths_after),
        ]);
    }
    let more = more(changed.len());
    format!("\n{}\n{}{more}", bold("Rules that do something else"), table.render())
}

fn more(count: usize) -> String {
    if count > SHOWN { format!("and {} more\n", count - SHOWN) } else { String::new() }
}

/// Why a lead moves.
pub fn why(mover: &pb::Mover) -> String {
    let told = mover.rules.iter().take(3).map(|rule| {
        let change = rule.points_hundredths_after - rule.points_hundredths_before;
        format!("{} {}", plain(&rule.rule), signed(change))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn movers(report: &pb::ImpactReport) -> String {
    if report.movers.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["lead", "grade", "points", "mostly because"], &[2]);
    for mover in report.movers.iter().take(SHOWN) {
        let name = if mover.display_name.is_empty() { &mover.lead } else { &mover.display_name };
        table.row([
            name.clone(),
            format!("{} → {}", mover.grade_before, mover.grade_after),
            format!("{} → {}", points(mover.total_hundredths_before), points(mover.total_hundredths_after)),
            why(mover),
        ]);
    }
    format!("\n{}\n{}", bold("Leads that move farthest"), table.render())
}

fn groups(report: &pb::ImpactReport) -> String {
    let mut out = String::new();
    for by in ["segment", "owner", "source"] {
        let mut of: Vec<&pb::GroupImpact> = report.groups.iter().filter(|group| group.by == by).collect();
        let moves = of.iter().any(|group| group.better_count + group.worse_count > 0);
        // What all have in common tells nobody apart.
        if of.len() < 2 || !moves {
            continue;
        }
        of.sort_by_key(|group| std::cmp::Reverse((group.qualified_after - group.qualified_before).abs()));
        let mut table =
            Table::new(&[by, "leads", "better", "worse", "to sales before", "after"], &[1, 2, 3, 4, 5]);
        for group in of.iter().take(SHOWN) {
            let key = if group.key.is_empty() { "none".to_owned() } else { group.key.clone() };
            let numbers = [
                group.lead_count,
                group.better_count,
                group.worse_count,
                group.qualified_before,
                group.qualified_after,
            ];
            table.row([key].into_iter().chain(numbers.map(|number| number.to_string())));
        }
        out += &format!("\n{}{}", table.render(), more(of.len()));
    }
    out
}

/// In a sentence, which set foretells better.
pub fn verdict(before: &pb::Foretelling, after: &pb::Foretelling) -> String {
    let alike = before.auc_standard_error / 2.0;
    let verdict = match after.auc - before.auc {
        more if more > alike => "The new rules order better.",
        more if more < -alike => "The new rules order WORSE.",
        _ => "Both order alike.",
    };
    format!(
        "AUC {:.3} before, {:.3} after (± {:.3}); Brier by grade {:.3} before, {:.3} after. {verdict}",
        before.auc,
        after.auc,
        1.96 * after.auc_standard_error,
        before.brier,
        after.brier
    )
}

pub fn outcomes(report: &pb::ImpactReport) -> String {
    let (Some(before), Some(after)) = (&report.backtest_before, &report.backtest_after) else {
        return String::new();
    };
    let mut out = format!("\n{}\n{}\n", bold("Where outcomes are known"), verdict(before, after));
    let mut table = Table::new(&["grade", "won before", "lift", "won after", "lift"], &[1, 2, 3, 4]);
    let mut names: Vec<&str> =
        before.grades.iter().chain(&after.grades).map(|of| of.grade.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let cells = [before, after].into_iter().flat_map(|of| {
            let grade = of.grades.iter().find(|grade| grade.grade == name);
            let share = grade.and_then(|grade| grade.won).unwrap_or_default();
            let lift = grade.map(|grade| format!("{:.2}", grade.lift)).unwrap_or_default();
            let won = if share.of == 0 { String::new() } else { format!("{} of {}", share.count, share.of) };
            [won, lift]
        });
        table.row([name.to_owned()].into_iter().chain(cells));
    }
    out += &table.render();
    out
}
