//! Scores and requests for them.

use std::sync::Arc;

use super::{WireEnum, lead, parsed, profile, time, timestamp};
use crate::app::score_lead::{ProfileChoice, ScoreRequest, Subject};
use crate::domain::check::{Checker, Invalid};
use crate::domain::score::{
    Contribution, ContributionKind, Position, Question, Score, ScoreStatus, Unknown, Warning,
};
use crate::grpc::pb::{self, score_lead_request};

super::wire_enum!(ScoreStatus, ScoreStatus, Scored, Disqualified, InsufficientData);
super::wire_enum!(
    ContributionKind,
    ContributionKind,
    Rule,
    Cap,
    Floor,
    Bound,
    Criterion,
    Disqualify,
    GradeCap,
    Factor
);

/// Fails only where there is no telling what to score; all else is in the request's violations.
pub fn request(request: pb::ScoreLeadRequest) -> Result<ScoreRequest, Invalid> {
    let mut c = Checker::at("");
    let subject = match request.subject {
        Some(score_lead_request::Subject::Lead(name)) => parsed(&mut c, "lead", &name).map(Subject::Stored),
        Some(score_lead_request::Subject::Inline(inline)) => Some(c.within("inline", |c| {
            if inline.lead.is_none() {
                c.wrong_field("lead", "is required");
            }
            let content = c.within("lead", |c| lead::content(c, inline.lead.unwrap_or_default()));
            Subject::Inline(Box::new(content), lead::activities(c, inline.activities, None))
        })),
        None => {
            c.wrong_field("subject", "is required: a lead or inline facts");
            None
        }
    };
    let choice = match request.profile_choice {
        None => Some(ProfileChoice::Usual),
        Some(score_lead_request::ProfileChoice::Profile(name)) => {
            parsed(&mut c, "profile", &name).map(ProfileChoice::Stored)
        }
        Some(score_lead_request::ProfileChoice::InlineProfile(inline)) => {
            let content = c.within("inline_profile", |c| profile::content(c, inline));
            Some(ProfileChoice::Inline(Box::new(content)))
        }
    };
    let as_of = time(&mut c, "as_of_time", request.as_of_time);
    let has_outlook = match pb::ScoreView::try_from(request.view) {
        Ok(view) => view != pb::ScoreView::Basic,
        Err(_) => {
            c.wrong_field("view", "is not known: SCORE_VIEW_FULL or SCORE_VIEW_BASIC");
            true
        }
    };
    let violations = c.draft(()).violations;
    match (subject, choice) {
        (Some(subject), Some(profile)) => {
            Ok(ScoreRequest { subject, profile, as_of, record: request.record, has_outlook, violations })
        }
        _ => Err(Invalid(violations)),
    }
}

pub fn outward(score: &Score) -> pb::Score {
    let Score { name, basis, assessment } = score;
    let outlook = assessment.outlook.as_ref();
    pb::Score {
        name: name.as_ref().map(ToString::to_string).unwrap_or_default(),
        lead: basis.lead.as_ref().map(ToString::to_string).unwrap_or_default(),
        lead_revision: basis.lead_revision,
        profile: basis.profile.as_ref().map(ToString::to_string).unwrap_or_default(),
        profile_revision: basis.profile_revision,
        rule_set: format!("ruleSets/{}", basis.rule_set),
        script: basis.script.clone(),
        as_of_time: Some(timestamp(basis.as_of)),
        status: assessment.status.outward(),
        total_hundredths: assessment.total.0,
        fit_hundredths: assessment.fit.0,
        engagement_hundredths: assessment.engagement.0,
        grade: assessment.grade.as_deref().unwrap_or_default().to_owned(),
        completeness: assessment.completeness,
        role_coverage: assessment.role_coverage,
        contributions: assessment.contributions.iter().map(contribution).collect(),
        unknowns: assessment.unknowns.iter().map(unknown).collect(),
        warnings: assessment.warnings.iter().map(warning).collect(),
        activity_count: basis.activity_count,
        low_hundredths: outlook.map(|outlook| outlook.low.0),
        high_hundredths: outlook.map(|outlook| outlook.high.0),
        next_questions: outlook
            .map(|outlook| outlook.questions.iter().map(question).collect())
            .unwrap_or_default(),
    }
}

fn question(question: &Question) -> pb::NextQuestion {
    let grade = |grade: &Option<Arc<str>>| grade.as_deref().unwrap_or_default().to_owned();
    pb::NextQuestion {
        fact: question.fact.to_string(),
        low_hundredths: question.low.0,
        high_hundredths: question.high.0,
        best_grade: grade(&question.best),
        worst_grade: grade(&question.worst),
        could_disqualify: question.could_disqualify,
    }
}

pub fn contribution(contribution: &Contribution) -> pb::Contribution {
    let inputs = contribution.inputs.iter();
    pb::Contribution {
        rule: contribution.rule.to_string(),
        group: contribution.group.to_string(),
        axis: contribution.axis.map_or("", |axis| axis.as_str()).to_owned(),
        kind: contribution.kind.outward(),
        points_hundredths: contribution.points.0,
        reason: contribution.reason.to_string(),
        inputs: inputs.map(|(name, value)| (name.to_string(), super::value::value_out(value))).collect(),
        position: Some(position(&contribution.position)),
    }
}

pub fn unknown(unknown: &Unknown) -> pb::Unknown {
    pb::Unknown { rule: unknown.rule.to_string(), fact: unknown.fact.to_string() }
}

fn warning(warning: &Warning) -> pb::Warning {
    pb::Warning {
        code: warning.code.as_str().into(),
        severity: pb::WarningSeverity::Warning as i32,
        text: warning.text.clone(),
        evidence: warning.evidence.clone(),
        remedy: warning.code.remedy().into(),
    }
}

fn position(position: &Position) -> pb::Position {
    pb::Position {
        file: position.file.to_string(),
        line: small(position.line),
        column: small(position.column),
    }
}

/// Lines and columns fit: files have 64 KiB at most.
pub fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
