//! What a lead would score if facts were others, and how it would reach a grade.

use std::time::Duration;

use super::score_lead::{ChosenLead, ChosenProfile, ScoreRequest};
use super::{App, Error, Result};
use crate::domain::check::{Checker, Invalid};
use crate::domain::score::{Assessment, Basis, Score, WITHOUT_OUTLOOK};
use crate::domain::time::Time;
use crate::priority::aside_of_tasks;
use crate::rules::ScriptKind;
use crate::rules::set::RuleSet;
use crate::rules::whatif::{Otherwise, Situation, Ways};

/// What was found of a lead's ways to a grade, with the score that it has.
pub struct Found {
    pub score: Score,
    pub ways: Ways,
}

/// A lead with its profile, as of a time.
struct Chosen {
    lead: ChosenLead,
    profile: ChosenProfile,
    as_of: Time,
}

impl App {
    async fn chosen(&self, rules: &RuleSet, request: ScoreRequest) -> Result<Chosen> {
        let mut c = Checker::resume("score", request.violations.clone());
        c.require(!request.record, "record", "must be false: what would be is not recorded");
        self.check_subject(&mut c, rules, &request.subject);
        c.finish(())?;
        let (lead, as_of) = self.chosen_lead(request.subject, request.as_of).await?;
        let profile = self.chosen_profile(request.profile, lead.content.profile.as_ref()).await?;
        Ok(Chosen { lead, profile, as_of })
    }

    fn situation<'a>(&'a self, rules: &'a RuleSet, chosen: &'a Chosen) -> Result<Situation<'a>> {
        let script = rules.script(ScriptKind::LeadScoring, &chosen.profile.content.scoring_script)?;
        Ok(Situation {
            rules,
            script,
            profile: &chosen.profile.content,
            lead: &chosen.lead.content,
            activities: chosen.lead.looked_at(),
            created: chosen.lead.created,
            as_of: chosen.as_of,
            currency: &self.settings.currency,
        })
    }

    fn score_of(&self, situation: &Situation, chosen: &Chosen, assessment: Assessment) -> Score {
        let basis = Basis {
            lead: chosen.lead.name.clone(),
            lead_revision: chosen.lead.revision,
            profile: chosen.profile.name.clone(),
            profile_revision: chosen.profile.revision,
            rule_set: situation.rules.id.clone(),
            script: situation.script.name.to_string(),
            as_of: chosen.as_of,
            activity_count: chosen.lead.activity_count,
            currency: self.settings.currency.clone(),
            remarks: WITHOUT_OUTLOOK,
        };
        Score { name: None, basis, assessment }
    }

    /// The score as it is, and as it would be.
    pub async fn what_if(
        &self,
        rules: &RuleSet,
        request: ScoreRequest,
        otherwise: Otherwise,
    ) -> Result<(Score, Score)> {
        let chosen = self.chosen(rules, request).await?;
        let situation = self.situation(rules, &chosen)?;
        let (lead, activities) = situation.otherwise(&otherwise).map_err(|wrong| {
            let mut c = Checker::at("");
            wrong.into_iter().for_each(|(fact, told)| c.wrong_field(format!("facts[{fact}]"), told));
            c.finish(()).err().unwrap_or_else(|| Invalid(Vec::new()))
        })?;
        let mut c = Checker::at("");
        c.within("lead", |c| lead.check(c, &rules.vocabulary));
        c.each("activities", &otherwise.activities, |c, a| a.check(c, &rules.vocabulary, Time::MAX));
        c.finish(())?;
        let (before, after) = (situation.assess()?, situation.assess_otherwise(&lead, &activities)?);
        Ok((self.score_of(&situation, &chosen, before), self.score_of(&situation, &chosen, after)))
    }

    /// The fewest changes by which a lead reaches a grade.
    pub async fn ways_to_grade(&self, rules: &RuleSet, request: ScoreRequest, grade: &str) -> Result<Found> {
        let chosen = self.chosen(rules, request).await?;
        let situation = self.situation(rules, &chosen)?;
        let grades: Vec<&str> = situation.script.grades.iter().map(|grade| &*grade.id).collect();
        if !grades.contains(&grade) {
            let message = format!("must be a grade of the script: {}", grades.join(", "));
            return Err(Invalid::one("grade", message).into());
        }
        // The lead is scored thousands of times, one caller at a time.
        let _turn = tokio::time::timeout(LONGEST_WAIT, self.searching.acquire())
            .await
            .map_err(|_| Error::Overloaded)?;
        let ways = aside_of_tasks(|| situation.ways_to(grade))?;
        let score = self.score_of(&situation, &chosen, ways.now.clone());
        Ok(Found { score, ways })
    }
}

/// How long a search waits for the one before it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
