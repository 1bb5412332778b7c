//! The funnel, disagreements and exploration.

use std::collections::BTreeMap;

use super::{WireEnum as _, timestamp};
use crate::app::funnel::Explored;
use crate::domain::funnel::{
    Disagreement, Disagreements, Figures, Funnel, Group, GroupBy, RuleShare, Side, WAY,
};
use crate::domain::lead::LeadStage;
use crate::domain::scorecard::evidence::Tally;
use crate::domain::vocabulary::StageReason;
use crate::grpc::pb;

super::wire_enum!(FunnelGroupBy, GroupBy, Grade, Segment, Source, Owner, Month, Quarter);
super::wire_enum!(DisagreementKind, Side, RefusedHigh, WonLow);

pub fn share(tally: Tally) -> pb::Share {
    let (low, high) = tally.interval();
    pb::Share { count: tally.won as i64, of: tally.all() as i64, ratio: tally.share(), low, high }
}

pub fn counts(count: u64, of: u64) -> pb::Share {
    share(Tally { won: count as usize, lost: of.saturating_sub(count) as usize })
}

/// What the reasons mean.
type Reasons = BTreeMap<String, StageReason>;

pub fn funnel_out(funnel: Funnel, reasons: &Reasons) -> pb::GetFunnelResponse {
    let total = Some(figures(&funnel.total, reasons));
    let group = |Group { by, key, others, figures: of }: Group| pb::FunnelGroup {
        by: by.outward(),
        key,
        other_count: others as i64,
        figures: Some(figures(&of, reasons)),
    };
    pb::GetFunnelResponse { total, groups: funnel.groups().into_iter().map(group).collect() }
}

fn figures(figures: &Figures, meanings: &Reasons) -> pb::FunnelFigures {
    let stage = |(place, of): (usize, &crate::domain::funnel::StageFigures)| pb::FunnelStage {
        stage: WAY[place].outward(),
        reached_count: of.reached as i64,
        present_count: of.now as i64,
        passed: (place + 1 < WAY.len()).then(|| share(figures.passed(place))),
        median_days: of.to_next.days_of(0.5),
        ninth_decile_days: of.to_next.days_of(0.9),
        timed_count: of.to_next.count() as i64,
    };
    let reason = |((stage, reason), count): (&(LeadStage, String), &u64)| pb::StageReasonCount {
        stage: stage.outward(),
        reason: reason.clone(),
        meaning: meanings.get(reason).map(|code| code.meaning.clone()).unwrap_or_default(),
        count: *count as i64,
    };
    let mut reasons: Vec<pb::StageReasonCount> = figures.left.iter().map(reason).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    reasons.truncate(MAX_REASONS);
    pb::FunnelFigures {
        lead_count: figures.leads as i64,
        stages: figures.stages.iter().enumerate().map(stage).collect(),
        accepted: Some(share(figures.acceptance())),
        explored_count: figures.explored as i64,
        reasons,
    }
}

/// The most reasons that are told of leads: where any word will do, there can be as many as leads.
const MAX_REASONS: usize = 100;

/// The newest of each kind, so many of each.
pub fn disagreements_out(report: &Disagreements, limit: usize) -> pb::ReportDisagreementsResponse {
    let count = |side: Side| {
        let (wrong, right) = (report.counts[&side], report.agreed[&side]);
        pb::DisagreementCount { kind: side.outward(), share: Some(counts(wrong, wrong + right)) }
    };
    let of_side = |side| report.found.iter().filter(move |found| found.side == side).take(limit);
    pb::ReportDisagreementsResponse {
        counts: Side::ALL.into_iter().map(count).collect(),
        disagreements: Side::ALL.into_iter().flat_map(of_side).map(disagreement).collect(),
        rules: report.rules().iter().map(rule).collect(),
    }
}

fn disagreement(found: &Disagreement) -> pb::Disagreement {
    let fired = |(rule, points): &(String, crate::domain::score::Points)| pb::FiredRule {
        rule: rule.clone(),
        points_hundredths: points.0,
    };
    pb::Disagreement {
        kind: found.side.outward(),
        lead: found.lead.to_string(),
        display_name: found.display_name.clone(),
        grade: found.grade.clone(),
        reason: found.reason.clone(),
        actor: found.actor.clone(),
        time: found.time.map(timestamp),
        score: found.score.as_ref().map(ToString::to_string).unwrap_or_default(),
        rules: found.rules.iter().map(fired).collect(),
    }
}

fn rule(of: &RuleShare) -> pb::RuleDisagreement {
    pb::RuleDisagreement {
        kind: of.side.outward(),
        rule: of.rule.clone(),
        wrong: Some(counts(of.fired_wrong, of.wrong)),
        right: Some(counts(of.fired_right, of.right)),
        lift: of.lift(),
    }
}

pub fn explored_out(explored: Explored, odds: f64) -> pb::ExploreLeadsResponse {
    let lead = |drawn: crate::app::funnel::Drawn| pb::ExploredLead {
        lead: drawn.lead.to_string(),
        display_name: drawn.display_name,
        grade: drawn.grade,
    };
    pb::ExploreLeadsResponse {
        leads: explored.drawn.into_iter().map(lead).collect(),
        odds,
        seed: explored.seed,
        considered_count: explored.considered as i64,
        remaining_count: explored.remaining as i64,
    }
}
