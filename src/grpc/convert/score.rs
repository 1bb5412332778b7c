//! Scores and requests for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{WireEnum, lead, parsed, profile, time, timestamp};
use crate::app::advise_lead::{Advice, AdviceRequest, ProfileFit};
use crate::app::score_lead::{ProfileChoice, ScoreRequest, Subject};
use crate::domain::check::{Checker, Invalid};
use crate::domain::lead::doubts::{LeadFinding, NextRole, RoleState};
use crate::domain::score::{
    Contribution, ContributionKind, Position, Question, Score, ScoreStatus, Unknown, Warning,
};
use crate::domain::vocabulary::Term;
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
        Some(score_lead_request::Subject::Inline(inline)) => Some(inline_lead(&mut c, inline)),
        None => no_subject(&mut c),
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

fn inline_lead(c: &mut Checker, inline: pb::InlineLead) -> Subject {
    c.within("inline", |c| {
        if inline.lead.is_none() {
            c.wrong_field("lead", "is required");
        }
        let content = c.within("lead", |c| lead::content(c, inline.lead.unwrap_or_default()));
        Subject::Inline(Box::new(content), lead::activities(c, inline.activities, None))
    })
}

fn no_subject(c: &mut Checker) -> Option<Subject> {
    c.wrong_field("subject", "is required: a lead or inline facts");
    None
}

/// A request for advice, read as [`request`] reads one for a score.
pub fn advice_request(request: pb::AdviseLeadRequest) -> Result<AdviceRequest, Invalid> {
    use pb::advise_lead_request::Subject as Given;
    let mut c = Checker::at("");
    let subject = match request.subject {
        Some(Given::Lead(name)) => parsed(&mut c, "lead", &name).map(Subject::Stored),
        Some(Given::Inline(inline)) => Some(inline_lead(&mut c, inline)),
        None => no_subject(&mut c),
    };
    let names = request.profiles.iter().enumerate();
    let profiles = names.filter_map(|(i, name)| parsed(&mut c, &format!("profiles[{i}]"), name)).collect();
    let as_of = time(&mut c, "as_of_time", request.as_of_time);
    let violations = c.draft(()).violations;
    match subject {
        Some(subject) => Ok(AdviceRequest { subject, profiles, as_of, violations }),
        None => Err(Invalid(violations)),
    }
}

pub fn advice_out(advice: &Advice, roles: &BTreeMap<String, Term>, language: &str) -> pb::AdviseLeadResponse {
    let doubt = |finding: &LeadFinding| pb::Warning {
        code: finding.doubt.as_str().into(),
        severity: pb::WarningSeverity::Warning as i32,
        text: finding.text(language),
        evidence: finding.evidence.clone(),
        remedy: finding.doubt.remedy(language).into(),
    };
    let next_role = |next: &NextRole| pb::NextRole {
        role: next.role.clone(),
        meaning: roles.get(&next.role).map(|role| role.meaning.clone()).unwrap_or_default(),
        required: next.required,
        contact: match &next.state {
            RoleState::Silent { contact, .. } => contact.to_string(),
            RoleState::Unknown | RoleState::Few { .. } => String::new(),
        },
        text: next.text(language),
    };
    let questions = advice.outlook.as_ref().map(|outlook| outlook.questions.iter().map(question).collect());
    pb::AdviseLeadResponse {
        lead: advice.lead.as_ref().map(ToString::to_string).unwrap_or_default(),
        as_of_time: Some(timestamp(advice.as_of)),
        fits: advice.fits.iter().map(fit_out).collect(),
        next_questions: questions.unwrap_or_default(),
        next_role: advice.next_role.as_ref().map(next_role),
        doubts: advice.doubts.iter().map(doubt).collect(),
    }
}

/// How many reasons are told of each profile.
const REASONS: usize = 3;

fn fit_out(fit: &ProfileFit) -> pb::ProfileFit {
    let named = pb::ProfileFit {
        profile: fit.profile.to_string(),
        display_name: fit.display_name.clone(),
        ..Default::default()
    };
    match &fit.assessment {
        Ok(assessment) => pb::ProfileFit {
            status: assessment.status.outward(),
            grade: assessment.grade.as_deref().unwrap_or_default().to_owned(),
            total_hundredths: assessment.total.0,
            fit_hundredths: assessment.fit.0,
            engagement_hundredths: assessment.engagement.0,
            reasons: fit.reasons(REASONS).iter().map(ToString::to_string).collect(),
            ..named
        },
        Err(error) => pb::ProfileFit { failure: error.to_string(), ..named },
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
