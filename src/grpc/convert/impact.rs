//! What a change of rules would do.

use super::funnel::share;
use crate::app::analyze_impact::ImpactFound;
use crate::domain::impact::{Foretelling, GroupChange, GroupedBy, ImpactReport, Mover, RuleChange, Sides};
use crate::domain::scorecard::evidence::Tally;
use crate::grpc::pb;

pub fn found_out(found: &ImpactFound) -> pb::ImpactReport {
    let name = |digest: &str| format!("ruleSets/{digest}");
    pb::ImpactReport {
        rule_set_before: name(&found.before),
        rule_set_after: name(&found.after),
        without_profile_count: found.without_profile as i64,
        not_known_then_count: found.not_known_then as i64,
        ..report_out(&found.report)
    }
}

/// All but the sets and who was left out.
pub fn report_out(report: &ImpactReport) -> pb::ImpactReport {
    let migration = |(grades, count): &(Sides<String>, u64)| pb::GradeMigration {
        before: grades.before.clone(),
        after: grades.after.clone(),
        count: *count as i64,
    };
    let total = |(from, counts): &(i64, Sides<u64>)| pb::TotalCount {
        from_points: *from,
        before_count: counts.before as i64,
        after_count: counts.after as i64,
    };
    let rule = |(rule, change): (&String, &RuleChange)| pb::RuleImpact {
        rule: rule.clone(),
        fired_before: change.fired.before as i64,
        fired_after: change.fired.after as i64,
        points_hundredths_before: change.points.before,
        points_hundredths_after: change.points.after,
    };
    let groups =
        report.groups.iter().flat_map(|(by, groups)| groups.iter().map(move |(key, of)| group(*by, key, of)));
    let foretelling = |of: fn(&Sides<Foretelling>) -> &Foretelling| {
        report.backtest.as_ref().map(|backtest| foretelling_out(of(&backtest.foretelling), backtest.of))
    };
    pb::ImpactReport {
        lead_count: report.leads as i64,
        changed_grade_count: report.changed_grade as i64,
        changed_total_count: report.changed_total as i64,
        scored_twice_count: report.scored_twice as i64,
        migration: report.migration.iter().map(migration).collect(),
        histogram: report.histogram.iter().map(total).collect(),
        histogram_width: report.histogram_width,
        rank_correlation: report.rank_correlation,
        qualified_before: report.qualified.before as i64,
        qualified_after: report.qualified.after as i64,
        rules: report.rules.iter().map(rule).collect(),
        groups: groups.collect(),
        movers: report.movers.iter().map(mover).collect(),
        error_count_before: report.errors.before as i64,
        error_count_after: report.errors.after as i64,
        first_error_before: report.first_error.before.clone(),
        first_error_after: report.first_error.after.clone(),
        backtest_before: foretelling(|sides| &sides.before),
        backtest_after: foretelling(|sides| &sides.after),
        ..Default::default()
    }
}

fn group(by: GroupedBy, key: &str, of: &GroupChange) -> pb::GroupImpact {
    let by = match by {
        GroupedBy::Segment => "segment",
        GroupedBy::Owner => "owner",
        GroupedBy::Source => "source",
    };
    pb::GroupImpact {
        by: by.into(),
        key: key.to_owned(),
        lead_count: of.leads as i64,
        better_count: of.better as i64,
        worse_count: of.worse as i64,
        qualified_before: of.qualified.before as i64,
        qualified_after: of.qualified.after as i64,
    }
}

fn mover(mover: &Mover) -> pb::Mover {
    let rule = |(rule, points): &(String, Sides<i64>)| pb::RuleDifference {
        rule: rule.clone(),
        points_hundredths_before: points.before,
        points_hundredths_after: points.after,
    };
    pb::Mover {
        lead: mover.lead.clone(),
        display_name: mover.display_name.clone(),
        grade_before: mover.grade.before.clone(),
        grade_after: mover.grade.after.clone(),
        total_hundredths_before: mover.total.before,
        total_hundredths_after: mover.total.after,
        rules: mover.rules.iter().map(rule).collect(),
    }
}

fn foretelling_out(of: &Foretelling, all: Tally) -> pb::Foretelling {
    let grade = |(grade, tally): (&String, &Tally)| pb::GradeOutcome {
        grade: grade.clone(),
        won: Some(share(*tally)),
        lift: tally.share() / all.share(),
    };
    pb::Foretelling {
        auc: of.auc,
        auc_standard_error: of.auc_error,
        brier: of.brier,
        grades: of.grades.iter().map(grade).collect(),
    }
}
