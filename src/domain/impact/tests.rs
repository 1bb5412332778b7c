use std::sync::Arc;

use super::*;
use crate::domain::score::{Axis, Contribution, Position};
use proptest::prelude::*;

fn assessment(rules: &[(&str, i64)], grade: &str) -> Assessment {
    let position = Position { file: "a.rhai".into(), line: 1, column: 1 };
    let entry = |(rule, points): &(&str, i64)| Contribution {
        points: Points(*points),
        axis: Some(Axis::Fit),
        ..Contribution::of(ContributionKind::Rule, (*rule).into(), Arc::default(), &position)
    };
    let total = rules.iter().map(|(_, points)| Points(*points)).sum();
    Assessment {
        status: if grade.is_empty() { ScoreStatus::Disqualified } else { ScoreStatus::Scored },
        total,
        fit: total,
        engagement: Points::ZERO,
        grade: (!grade.is_empty()).then(|| grade.into()),
        completeness: 1.0,
        role_coverage: None,
        contributions: rules.iter().map(entry).collect(),
        unknowns: Vec::new(),
        warnings: Vec::new(),
        outlook: None,
    }
}

fn pair<'a>(lead: &'a str, before: &'a Assessment, after: &'a Assessment, won: Option<bool>) -> Pair<'a> {
    let (segment, owner, source) = ("", "an", "fair");
    Pair { lead, display_name: lead, before: Ok(before), after: Ok(after), segment, owner, source, won }
}

fn impact() -> Impact {
    let grades: Vec<String> = ["A", "B", "D"].map(String::from).to_vec();
    Impact::of(&grades, &grades, ["A".to_owned(), "B".to_owned()].into())
}

#[test]
fn what_moves_is_told_with_its_reasons() {
    let mut impact = impact();
    let (low, high) = (assessment(&[("size", 500)], "D"), assessment(&[("size", 500), ("tech", 6_000)], "A"));
    let out = assessment(&[], "");
    impact.see(pair("leads/a", &low, &high, None));
    impact.see(pair("leads/b", &high, &high, None));
    impact.see(pair("leads/c", &high, &out, None));
    let broken = Pair { after: Err("division by zero"), ..pair("leads/d", &low, &low, None) };
    impact.see(broken);
    let report = impact.report();
    assert_eq!((report.leads, report.changed_grade, report.changed_total), (3, 2, 2));
    let migration: Vec<(&str, &str, u64)> =
        report.migration.iter().map(|(of, n)| (of.before.as_str(), of.after.as_str(), *n)).collect();
    assert_eq!(migration, [("A", "A", 1), ("A", "disqualified", 1), ("D", "A", 1)]);
    assert_eq!(report.qualified, Sides { before: 2, after: 2 });
    assert_eq!(report.errors, Sides { before: 0, after: 1 });
    assert_eq!(report.newly_failing, 1, "the guard counts it as moved");
    assert_eq!(report.first_error.after, "division by zero");
    let fired = report.rules.get("tech").map(|of| (of.fired.clone(), of.points.after));
    assert_eq!(fired, Some((Sides { before: 2, after: 2 }, 12_000)));
    let movers: Vec<(&str, usize)> =
        report.movers.iter().map(|of| (of.lead.as_str(), of.rules.len())).collect();
    assert_eq!(movers, [("leads/c", 2), ("leads/a", 1)]);
    assert_eq!(report.movers[1].rules[0], ("tech".into(), Sides { before: 0, after: 6_000 }));
    let owner = &report.groups[&GroupedBy::Owner]["an"];
    assert_eq!((owner.leads, owner.better, owner.worse), (3, 1, 1));
}

#[test]
fn a_new_best_grade_is_better_than_the_former_best() {
    let grades = |grades: &str| grades.split(' ').map(String::from).collect::<Vec<_>>();
    let order = |before, after| Impact::of(&grades(before), &grades(after), BTreeSet::new()).order.join(" ");
    assert_eq!(order("A B C D", "S A B C D"), "S A B C D");
    assert_eq!(order("A B C D", "A D"), "A B C D");
    assert_eq!(order("A B D", "A C D E"), "A B C D E");
}

/// A disqualifier that takes out just the lost ones orders better, although no total differs.
#[test]
fn who_is_out_stands_below_all_others() {
    let mut impact = impact();
    let (scored, mut out) = (assessment(&[("size", 500)], "D"), assessment(&[("size", 500)], "D"));
    out.status = ScoreStatus::Disqualified;
    for i in 0..40 {
        let won = i % 2 == 0;
        impact.see(pair("leads/a", &scored, if won { &scored } else { &out }, Some(won)));
    }
    let auc = impact.report().backtest.unwrap().foretelling.map(|of| of.auc);
    assert_eq!(auc, Sides { before: 0.5, after: 1.0 });
}

#[test]
fn which_set_foretells_better_is_told_by_outcomes() {
    let mut impact = impact();
    let (low, high) = (assessment(&[("size", 500)], "D"), assessment(&[("size", 6_000)], "A"));
    for i in 0..40 {
        let won = i % 2 == 0;
        // Before, points had nothing to do with outcomes; now they tell them all.
        let before = if i % 4 < 2 { &low } else { &high };
        impact.see(pair("leads/a", before, if won { &high } else { &low }, Some(won)));
    }
    let backtest = impact.report().backtest.unwrap();
    let auc = backtest.foretelling.map(|of| of.auc);
    assert_eq!((backtest.of, auc.before, auc.after), (Tally { won: 20, lost: 20 }, 0.5, 1.0));
    assert_eq!(backtest.foretelling.map(|of| of.brier), Sides { before: 0.25, after: 0.0 });
}

#[test]
fn totals_are_cut_into_parts_that_people_count_in() {
    let totals: Vec<(i64, i64)> = (0..=100).map(|points| (points * 100, points * 100 + 50)).collect();
    let histogram = |totals: &[(i64, i64)]| histogram(&totals.iter().map(|pair| (*pair, 1)).collect());
    let (width, parts) = histogram(&totals);
    assert_eq!((width, parts.len()), (10, 11));
    assert_eq!(parts[0], (0, Sides { before: 10, after: 10 }));
    let (width, parts) = histogram(&[(-250, 0)]);
    assert_eq!((width, parts.iter().map(|(start, _)| *start).collect::<Vec<_>>()), (1, vec![-3, -2, -1, 0]));
    assert_eq!(histogram(&[(0, 4_500)]).0, 5);
    assert_eq!(histogram(&[]).1, []);
}

proptest! {
    /// Nobody is lost: rows of the matrix, parts of the histogram and the counts add up; the same set changes nothing.
    #[test]
    fn an_impact_adds_up(leads in prop::collection::vec((0..8_000_i64, 0..8_000_i64), 0..60)) {
        let graded = |total: i64| assessment(&[("all", total)], if total > 4_000 { "A" } else { "D" });
        let (mut changed, mut same) = (impact(), impact());
        for (before, after) in &leads {
            let (before, after) = (graded(*before), graded(*after));
            changed.see(pair("leads/a", &before, &after, None));
            same.see(pair("leads/a", &before, &before, None));
        }
        let report = changed.report();
        let count = leads.len() as u64;
        prop_assert_eq!(report.migration.iter().map(|(_, n)| n).sum::<u64>(), count);
        let moved: u64 = report.migration.iter().filter(|(of, _)| of.before != of.after).map(|(_, n)| n).sum();
        prop_assert_eq!(moved, report.changed_grade);
        for side in [|of: &Sides<u64>| of.before, |of: &Sides<u64>| of.after] {
            prop_assert_eq!(report.histogram.iter().map(|(_, of)| side(of)).sum::<u64>(), count);
        }
        let correlation = report.rank_correlation.unwrap_or(0.0);
        prop_assert!((-1.0 - 1e-9..=1.0 + 1e-9).contains(&correlation));
        let same = same.report();
        prop_assert_eq!((same.changed_grade, same.changed_total, same.movers.len()), (0, 0, 0));
        prop_assert!(same.rank_correlation.is_none_or(|of| (of - 1.0).abs() < 1e-9));
    }
}
