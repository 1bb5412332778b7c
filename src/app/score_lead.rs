//! Scores a lead as of a time, and computes recorded scores again.

use std::sync::Arc;

use super::once::Once;
use super::{App, Error, Result};
use crate::domain::check::{Checker, Violation};
use crate::domain::lead::{Activity, LeadContent, OutcomeKind};
use crate::domain::listing::Query;
use crate::domain::name::{LeadName, ProfileName, ScoreName};
use crate::domain::profile::{Profile, ProfileContent};
use crate::domain::score::{Assessment, Basis, REMARKS, Score, WITHOUT_OUTLOOK, Warning, WarningCode};
use crate::domain::time::Time;
use crate::rules::set::RuleSet;
use crate::rules::{LeadFacts, ScriptKind};
use crate::storage::{Part, StoreError};

/// The most activities of a lead that a score looks at: of those known at the time, the ones recorded last.
pub const MAX_ACTIVITIES: usize = 10_000;

/// What is to be scored.
#[derive(Debug, Clone)]
pub enum Subject {
    Stored(LeadName),
    Inline(Box<LeadContent>, Vec<Activity>),
}

/// By which profile.
#[derive(Debug, Clone)]
pub enum ProfileChoice {
    /// The lead's, else the deployment's.
    Usual,
    Stored(ProfileName),
    Inline(Box<ProfileContent>),
}

#[derive(Debug, Clone)]
pub struct ScoreRequest {
    pub subject: Subject,
    pub profile: ProfileChoice,
    /// Absent means now.
    pub as_of: Option<Time>,
    pub record: bool,
    /// Whether the score says what the unknown could still make of it.
    pub has_outlook: bool,
    /// What could not be read of the request.
    pub violations: Vec<Violation>,
}

/// A profile for scoring: a stored one with its name and revision, or one that was given.
pub(super) struct ChosenProfile {
    pub name: Option<ProfileName>,
    pub revision: i64,
    pub content: ProfileContent,
}

impl From<Profile> for ChosenProfile {
    fn from(profile: Profile) -> Self {
        Self { name: Some(profile.name), revision: profile.version.revision, content: profile.content }
    }
}

/// A lead for scoring.
pub(super) struct ChosenLead {
    pub name: Option<LeadName>,
    pub revision: i64,
    pub content: LeadContent,
    pub activities: Vec<Activity>,
    pub activity_count: i64,
    pub created: Option<Time>,
}

impl ChosenLead {
    /// The activities that a score looks at.
    pub fn looked_at(&self) -> &[Activity] {
        &self.activities[usize::from(self.activities.len() > MAX_ACTIVITIES)..]
    }
}

impl App {
    /// Scores by the given rules: a stream pins one set for all its items.
    pub async fn score_lead(
        &self,
        rules: &RuleSet,
        request: ScoreRequest,
        once: Once<Score>,
    ) -> Result<Score> {
        self.check_request(rules, &request)?;
        let (lead, as_of) = self.chosen_lead(request.subject, request.as_of).await?;
        let remarks = if request.has_outlook { REMARKS } else { WITHOUT_OUTLOOK };
        let profile = self.chosen_profile(request.profile, lead.content.profile.as_ref()).await?;
        let (script, assessment) =
            self.assess(rules, &lead, &profile.content, as_of, &self.settings.currency, remarks)?;
        self.shadow_score(&lead, &profile.content, as_of, &assessment);
        let segment = profile.content.segment;
        let basis = Basis {
            lead: lead.name.clone(),
            lead_revision: lead.revision,
            profile: profile.name,
            profile_revision: profile.revision,
            rule_set: rules.id.clone(),
            script: script.to_string(),
            as_of,
            activity_count: lead.activity_count,
            currency: self.settings.currency.clone(),
            remarks,
        };
        let (grade, unknowns) = (assessment.grade.as_deref(), assessment.unknowns.len() as u64);
        self.metrics.count_score(&basis.rule_set, &basis.script, assessment.status, grade, unknowns);
        let won = lead.content.outcome.as_ref().map(|outcome| outcome.kind == OutcomeKind::Won);
        self.production.count(&basis.rule_set, &script, &assessment, won);
        let mut score = Score { name: None, basis, assessment };
        if request.record {
            let recorded = score.clone();
            let receipt = once.after(|name: &ScoreName| Score { name: Some(name.clone()), ..recorded });
            score.name = Some(self.store.record_score(score.clone(), segment, receipt).await?);
        }
        Ok(score)
    }

    fn check_request(&self, rules: &RuleSet, request: &ScoreRequest) -> Result<()> {
        let mut c = Checker::resume("", request.violations.clone());
        // Kept, it would be the latest score until that time comes.
        let future = request.record && request.as_of.is_some_and(|as_of| as_of > self.now());
        c.require(!future, "as_of_time", "a score as of a time to come can't be kept");
        self.check_subject(&mut c, rules, &request.subject);
        if let Subject::Inline(..) = &request.subject {
            // A score is kept only if everything it depends on is.
            c.require(
                !request.record,
                "record",
                "a score of inline facts can't be kept: create the lead first",
            );
        }
        if let ProfileChoice::Inline(profile) = &request.profile {
            c.within("inline_profile", |c| rules.check_profile(c, profile));
            c.require(
                !request.record,
                "record",
                "a score by an inline profile can't be kept: create it first",
            );
        }
        Ok(c.finish(())?)
    }

    /// Checks facts that were given in the request.
    pub(super) fn check_subject(&self, c: &mut Checker, rules: &RuleSet, subject: &Subject) {
        if let Subject::Inline(lead, activities) = subject {
            c.within("inline", |c| {
                c.within("lead", |c| lead.check(c, &rules.vocabulary));
                // What is said to be known later than now is ignored, like all after the as-of time.
                c.each("activities", activities, |c, a| a.check(c, &rules.vocabulary, Time::MAX));
                c.count("activities", activities.len(), MAX_ACTIVITIES);
            });
        }
    }

    /// Computes a recorded score again from all that it depended on.
    pub async fn replay_score(&self, name: &ScoreName) -> Result<Score> {
        let recorded = self.store.score(name).await?;
        let basis = recorded.basis;
        let lost = || StoreError::failed(format!("{name} does not say what it depended on"));
        let (lead_name, profile_name) = match (&basis.lead, &basis.profile) {
            (Some(lead), Some(profile)) => (lead, profile),
            _ => return Err(lost().into()),
        };
        let lead = self.store.lead_revision(lead_name, basis.lead_revision).await?;
        let lead = ChosenLead {
            name: basis.lead.clone(),
            revision: basis.lead_revision,
            content: lead.content,
            activities: self.newest_activities(lead_name, basis.activity_count, basis.as_of).await?,
            activity_count: basis.activity_count,
            created: Some(lead.version.create_time),
        };
        let profile = self.store.profile_revision(profile_name, basis.profile_revision).await?;
        let (_, rules) = self.stored_rule_set(Some(&basis.rule_set)).await?;
        let (_, assessment) =
            self.assess(&rules, &lead, &profile.content, basis.as_of, &basis.currency, basis.remarks)?;
        Ok(Score { name: recorded.name, basis, assessment })
    }

    pub async fn scores(&self, lead: &LeadName, query: Query) -> Result<Part<Score>> {
        let scores = self.store.scores(lead, query).await?;
        if scores.is_empty() {
            self.store.lead(lead).await?;
        }
        Ok(scores)
    }

    pub(super) fn assess(
        &self,
        rules: &RuleSet,
        lead: &ChosenLead,
        profile: &ProfileContent,
        as_of: Time,
        currency: &str,
        remarks: u32,
    ) -> Result<(Arc<str>, Assessment)> {
        let script = rules.script(ScriptKind::LeadScoring, &profile.scoring_script)?;
        let left_out = lead.activities.len() > MAX_ACTIVITIES;
        let facts = LeadFacts {
            lead: &lead.content,
            activities: lead.looked_at(),
            profile,
            created: lead.created,
            as_of,
            currency,
            vocabulary: &rules.vocabulary,
        };
        let mut assessment = rules.assess(script, facts).inspect_err(|_| {
            self.metrics.count_rule_error(&rules.id, &script.name);
            self.production.count_failure(&rules.id, &script.name);
        })?;
        if remarks == 0 {
            let is_of_size = |code| matches!(code, WarningCode::Oversized | WarningCode::Costly);
            assessment.warnings.retain(|warning| !is_of_size(warning.code));
        }
        if remarks > WITHOUT_OUTLOOK {
            assessment.outlook = Some(rules.outlook(script, facts, &assessment));
        }
        if left_out {
            assessment.warnings.push(Warning {
                code: WarningCode::ActivitiesLeftOut,
                text: format!("only the {MAX_ACTIVITIES} activities that were recorded last were looked at"),
                evidence: format!("more than {MAX_ACTIVITIES} are known"),
            });
        }
        Ok((script.name.clone(), assessment))
    }

    /// The lead as it was known at a time, or as it is known now; and that time.
    pub(super) async fn chosen_lead(
        &self,
        subject: Subject,
        as_of: Option<Time>,
    ) -> Result<(ChosenLead, Time)> {
        match subject {
            Subject::Stored(name) => self.stored_lead(name, as_of).await,
            Subject::Inline(content, activities) => {
                let activity_count = activities.len() as i64;
                let (name, revision, content, created) = (None, 0, *content, None);
                let lead = ChosenLead { name, revision, content, activities, activity_count, created };
                Ok((lead, as_of.unwrap_or_else(|| self.now())))
            }
        }
    }

    async fn stored_lead(&self, name: LeadName, as_of: Option<Time>) -> Result<(ChosenLead, Time)> {
        let record = self.store.lead(&name).await?;
        let mut lead = record.lead;
        // What was acknowledged counts from then on, also where another replica's clock is ahead of this one's.
        let newest = lead.version.update_time.max(record.last_known.unwrap_or_default());
        let as_of = as_of.unwrap_or_else(|| self.now().max(newest));
        if lead.version.update_time > as_of {
            lead = self.store.lead_at(&name, as_of).await.map_err(|error| match error {
                StoreError::NotFound(_) => Error::NotKnownThen { lead: name.to_string(), as_of },
                other => other.into(),
            })?;
        }
        let activities = self.newest_activities(&name, record.activity_count, as_of).await?;
        let lead = ChosenLead {
            name: Some(name),
            revision: lead.version.revision,
            content: lead.content,
            activities,
            activity_count: record.activity_count,
            created: Some(lead.version.create_time),
        };
        Ok((lead, as_of))
    }

    /// Of the first `count` activities, those that were known at a time; one more than a score looks at, so
    /// that it can tell when some were left out.
    async fn newest_activities(&self, lead: &LeadName, count: i64, at: Time) -> Result<Vec<Activity>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        Ok(self.store.activities_known(lead, count, at, MAX_ACTIVITIES + 1).await?)
    }

    pub(super) async fn chosen_profile(
        &self,
        choice: ProfileChoice,
        of_lead: Option<&ProfileName>,
    ) -> Result<ChosenProfile> {
        let usual = || of_lead.or(self.settings.default_profile.as_ref()).cloned();
        let name = match choice {
            ProfileChoice::Inline(content) => {
                return Ok(ChosenProfile { name: None, revision: 0, content: *content });
            }
            ProfileChoice::Stored(name) => name,
            ProfileChoice::Usual => usual().ok_or(Error::NoProfile)?,
        };
        let profile = self.store.profile(&name).await?;
        match profile.version.delete_time {
            None => Ok(profile.into()),
            Some(_) => Err(Error::Deleted(name.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::{Clock, Settings};
    use crate::domain::check::Draft;
    use crate::domain::lead::{Company, Subject as Kind};
    use crate::rules::compile;
    use crate::rules::source::Sources;
    use crate::storage::sqlite::SqliteStore;
    use crate::storage::{Store, Upgrade};

    struct Fixed(i64);

    impl Clock for Fixed {
        fn now(&self) -> Time {
            Time::from_micros(self.0).unwrap()
        }
    }

    fn replica(store: &Arc<dyn Store>, now: i64) -> App {
        let settings = Settings {
            currency: "EUR".into(),
            default_profile: None,
            replica: String::new(),
            assistant: None,
            rules_mode: Default::default(),
            rules_guard: None,
            rules_source: String::new(),
            retention_days: 0,
            job_lease: std::time::Duration::from_secs(30),
        };
        let app = App::new(store.clone(), Box::new(Fixed(now)), settings, 1);
        let script =
            "rule \"visits\" when activity(\"visit\").count > 0 then activity(\"visit\").count because \"x\";
                      grade \"D\" otherwise;";
        let files = [
            ("facts.toml", "[activities]\nvisit = { meaning = \"A visit\" }\n"),
            ("lead_scoring/default.rhai", script),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let (set, _) = compile(Sources::new(files.into())).unwrap();
        app.rules.activate(Arc::new(set), app.now());
        app
    }

    #[tokio::test]
    async fn what_a_replica_with_a_fast_clock_acknowledged_counts_for_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&dir.path().join("a.db"), Upgrade::Allowed).unwrap());
        let (fast, slow) = (replica(&store, 9_000_000), replica(&store, 8_950_000));
        let company = Company { display_name: "Acme".into(), ..Company::default() };
        let content = LeadContent::of(Kind::Company(company));
        let draft = Draft { content: content.into(), violations: Vec::new() };
        let lead = fast.create_lead(None, draft, Once::unkept()).await.unwrap().record.lead.name;
        let profile = ProfileContent {
            display_name: "Main".into(),
            scoring_script: "default".into(),
            ..ProfileContent::default()
        };
        let request = ScoreRequest {
            subject: Subject::Stored(lead.clone()),
            profile: ProfileChoice::Inline(Box::new(profile)),
            as_of: None,
            record: false,
            has_outlook: true,
            violations: Vec::new(),
        };
        let rules = slow.rule_set().unwrap();
        let total = async || {
            let score = slow.score_lead(&rules, request.clone(), Once::unkept()).await.unwrap();
            score.assessment.total.number()
        };
        assert_eq!(total().await, 0.0);
        let time = fast.now();
        let visit = Activity {
            id: None,
            kind: "visit".into(),
            time,
            known_time: time,
            amount: 1.0,
            contact: None,
            properties: Default::default(),
        };
        let visits = Draft { content: vec![visit], violations: Vec::new() };
        fast.record_activities(&lead, visits, Once::unkept()).await.unwrap();
        assert_eq!(total().await, 1.0);
    }
}
