//! What to do about a lead: which profile fits it best, what to ask and whom to reach next, and what is doubtful about it.

use std::sync::Arc;

use super::score_lead::{ProfileChoice, Subject};
use super::{App, Error, Result};
use crate::domain::check::{Checker, Violation};
use crate::domain::lead::doubts::{Judged, LeadFinding, NextRole};
use crate::domain::name::{LeadName, ProfileName};
use crate::domain::profile::ProfileContent;
use crate::domain::score::{Assessment, Outlook, REMARKS, ScoreStatus, WITHOUT_OUTLOOK};
use crate::domain::time::Time;
use crate::rules::ScriptKind;

/// The most profiles that a lead is judged by.
pub const MAX_PROFILES: usize = 1_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct AdviceRequest {
    pub subject: Subject,
    /// Empty for all that are not deleted.
    pub profiles: Vec<ProfileName>,
    /// Absent means now.
    pub as_of: Option<Time>,
    /// What could not be read of the request.
    pub violations: Vec<Violation>,
}

/// How a lead fits a profile.
#[derive(Debug, Clone)]
pub struct ProfileFit {
    pub profile: ProfileName,
    pub display_name: String,
    /// How far down its script's grades the lead's stands: 0 for the best, 1 below the last.
    pub place: f64,
    /// What came of scoring; or why the lead could not be scored by it.
    pub assessment: std::result::Result<Assessment, Error>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Advice {
    pub lead: Option<LeadName>,
    pub as_of: Time,
    /// The best first.
    pub fits: Vec<ProfileFit>,
    /// By the best profile, as all that follows.
    pub outlook: Option<Outlook>,
    pub next_role: Option<NextRole>,
    pub doubts: Vec<LeadFinding>,
}

impl App {
    pub async fn advise_lead(&self, request: AdviceRequest) -> Result<Advice> {
        let rules = self.rule_set()?;
        let AdviceRequest { subject, profiles, as_of, violations } = request;
        let mut c = Checker::resume("", violations);
        self.check_subject(&mut c, &rules, &subject);
        c.finish(())?;
        let (lead, as_of) = self.chosen_lead(subject, as_of).await?;
        let profiles = self.profiles_to_try(profiles).await?;
        let currency = &self.settings.currency;
        let mut fits: Vec<(ProfileFit, ProfileContent)> = Vec::with_capacity(profiles.len());
        for (name, profile) in profiles {
            let assessed = self.assess(&rules, &lead, &profile, as_of, currency, WITHOUT_OUTLOOK);
            let assessment = assessed.map(|(_, assessment)| assessment);
            let place = match &assessment {
                Ok(assessment) => {
                    let script = rules.script(ScriptKind::LeadScoring, &profile.scoring_script)?;
                    let grades = &script.grades;
                    let at = grades.iter().position(|grade| Some(&grade.id) == assessment.grade.as_ref());
                    at.map_or(1.0, |at| at as f64 / grades.len() as f64)
                }
                Err(_) => 1.0,
            };
            let display_name = profile.display_name.clone();
            fits.push((ProfileFit { profile: name, display_name, place, assessment }, profile));
        }
        fits.sort_by(|(a, _), (b, _)| {
            a.rank().cmp(&b.rank()).then_with(|| a.place.total_cmp(&b.place)).then_with(|| {
                let total =
                    |fit: &ProfileFit| fit.assessment.as_ref().ok().map(|assessment| assessment.total);
                total(b).cmp(&total(a)).then_with(|| a.profile.cmp(&b.profile))
            })
        });
        let best = fits.first().map(|(_, profile)| profile.clone()).ok_or(Error::NoProfile)?;
        let (outlook, doubts, next_role) = {
            let last_activity =
                lead.activities.iter().map(|activity| activity.time).filter(|time| *time <= as_of).max();
            let judged =
                Judged { lead: &lead.content, profile: &best, last_activity, created: lead.created, as_of };
            let looked = self.assess(&rules, &lead, &best, as_of, currency, REMARKS).ok();
            (looked.and_then(|(_, assessment)| assessment.outlook), judged.doubts(), judged.next_role())
        };
        let fits = fits.into_iter().map(|(fit, _)| fit).collect();
        Ok(Advice { lead: lead.name, as_of, fits, outlook, next_role, doubts })
    }

    /// The named profiles, or all there are.
    async fn profiles_to_try(&self, names: Vec<ProfileName>) -> Result<Vec<(ProfileName, ProfileContent)>> {
        let mut found = Vec::new();
        if names.is_empty() {
            let all = self.every_profile().await?.into_iter();
            found.extend(all.map(|profile| (profile.name, profile.content)));
            found.truncate(MAX_PROFILES);
        }
        for name in names {
            let chosen = self.chosen_profile(ProfileChoice::Stored(name.clone()), None).await?;
            found.push((name, chosen.content));
        }
        Ok(found)
    }
}

impl ProfileFit {
    /// Scored ones come before those of which too little is known, these before disqualified ones and those that failed.
    fn rank(&self) -> u8 {
        match self.assessment.as_ref().map(|assessment| assessment.status) {
            Ok(ScoreStatus::Scored) => 0,
            Ok(ScoreStatus::InsufficientData) => 1,
            Ok(ScoreStatus::Disqualified) => 2,
            Err(_) => 3,
        }
    }

    /// The reasons that weigh most, for or against.
    pub fn reasons(&self, most: usize) -> Vec<Arc<str>> {
        let Ok(assessment) = &self.assessment else { return Vec::new() };
        let mut entries: Vec<_> =
            assessment.contributions.iter().filter(|entry| !entry.reason.is_empty()).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.points.0.abs()));
        entries.into_iter().take(most).map(|entry| entry.reason.clone()).collect()
    }
}
