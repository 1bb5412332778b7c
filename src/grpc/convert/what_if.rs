//! What a lead would score if facts were others, and its ways to a grade.

use super::{lead, score, value};
use crate::app::score_lead::ScoreRequest;
use crate::app::what_if::Found;
use crate::domain::check::{Checker, Invalid};
use crate::grpc::pb::{self, step};
use crate::rules::whatif::{Otherwise, Step, Way};

pub fn what_if(request: pb::WhatIfRequest) -> Result<(ScoreRequest, Otherwise), Invalid> {
    let scored = score_request(request.score)?;
    let mut c = Checker::at("");
    let facts = c.each("facts", request.facts, |c, change| {
        let value = change.value.map(|given| value::value(c, "value", Some(given)));
        (change.fact, value)
    });
    let contacts = lead::contacts(&mut c, "contacts", request.contacts);
    let activities = lead::activities(&mut c, request.activities, None);
    c.finish((scored, Otherwise { facts, contacts, activities }))
}

pub fn score_request(request: Option<pb::ScoreLeadRequest>) -> Result<ScoreRequest, Invalid> {
    let request = request.ok_or_else(|| Invalid::one("score", "is required: what is scored"))?;
    score::request(request)
}

fn step_out(step: &Step) -> pb::Step {
    let kind = match step {
        Step::Fact { fact, value } => {
            step::Kind::Fact(pb::FactChange { fact: fact.clone(), value: Some(value::value_out(value)) })
        }
        Step::Activities { kind, times } => step::Kind::Activities(pb::MoreActivities {
            r#type: kind.clone(),
            count: i32::try_from(*times).unwrap_or(i32::MAX),
        }),
        Step::Reach { role } => step::Kind::ReachedRole(role.clone()),
    };
    pb::Step { kind: Some(kind) }
}

fn way_out(way: &Way) -> pb::WayToGrade {
    pb::WayToGrade {
        steps: way.steps.iter().map(step_out).collect(),
        grade: way.assessment.grade.as_deref().unwrap_or_default().to_owned(),
        total_hundredths: way.assessment.total.0,
    }
}

pub fn found_out(found: &Found) -> pb::FindWaysToGradeResponse {
    let ways = &found.ways;
    pb::FindWaysToGradeResponse {
        score: Some(score::outward(&found.score)),
        ways: ways.ways.iter().map(way_out).collect(),
        holding_back: ways.holding_back.iter().map(score::contribution).collect(),
        is_complete: ways.is_complete,
        is_reached: ways.is_reached,
    }
}
