//! What rules would do that are not in force yet: all stored leads, or those that a filter lets pass, scored by both sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::jobs::{Progress, Work};
use super::once::Once;
use super::score_lead::MAX_ACTIVITIES;
use super::{App, Error, Result, admit};
use crate::domain::check::Checker;
use crate::domain::filter::Filter;
use crate::domain::impact::{Impact, ImpactReport, Pair};
use crate::domain::job::Job;
use crate::domain::lead::{Activity, LeadRecord, OutcomeKind};
use crate::domain::listing::LEAD;
use crate::domain::name::{LeadName, ProfileName};
use crate::domain::profile::ProfileContent;
use crate::domain::score::Assessment;
use crate::domain::time::Time;
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;
use crate::rules::{LeadFacts, ScriptKind, compile_kept};
use crate::storage::StoreError;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImpactWanted {
    /// The rules that are tried, by path.
    pub files: BTreeMap<String, String>,
    /// Which leads, as lists are filtered.
    pub filter: String,
    /// By which profile; absent for each lead's own, else the one it was last scored by, else the deployment's.
    pub profile: Option<ProfileName>,
    /// The grades that are handed to sales.
    pub qualifying: Vec<String>,
    /// Leads are scored as they were known then, if that is earlier than they last changed.
    pub as_of: Time,
    /// Whether that is when it was asked for.
    #[serde(default)]
    pub is_of_now: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImpactFound {
    /// The sets, by their digests.
    pub before: String,
    pub after: String,
    /// Whether it looked at all leads, each by its own profile, as they are known now: what the guard can go by.
    #[serde(default)]
    pub is_of_all: bool,
    pub report: ImpactReport,
    /// Leads for which there is no profile, and leads that were not known then.
    pub without_profile: u64,
    pub not_known_then: u64,
}

impl ImpactFound {
    /// The leads that it tells of.
    pub fn leads(&self) -> Vec<LeadName> {
        self.report.movers.iter().filter_map(|mover| mover.lead.parse().ok()).collect()
    }
}

/// A lead with everything that scoring it takes.
struct Candidate {
    record: LeadRecord,
    /// How it ended, as far as that is known today.
    won: Option<bool>,
    activities: Vec<Activity>,
    profile: Arc<ProfileContent>,
}

impl App {
    pub async fn start_impact(&self, wanted: ImpactWanted, once: Once<Job>) -> Result<Job> {
        let mut c = Checker::at("");
        Filter::read(&mut c, &wanted.filter, &LEAD);
        c.finish(())?;
        if let Some(name) = &wanted.profile {
            admit(name, &self.store.profile(name).await?.version, "")?;
        }
        self.good_rules(Sources::new(wanted.files.clone())).await?;
        self.start_job(&Work::AnalyzeImpact(wanted), once).await
    }

    pub(super) async fn analyze_impact(
        &self,
        wanted: ImpactWanted,
        progress: &Progress,
    ) -> Result<ImpactFound> {
        let before = self.rule_set()?;
        let is_of_all = wanted.is_of_now && wanted.filter.trim().is_empty() && wanted.profile.is_none();
        let sources = Sources::new(wanted.files);
        let compiled =
            tokio::task::spawn_blocking(move || compile_kept(sources)).await.map_err(StoreError::failed)?;
        let (after, _) =
            compiled.map_err(|_| StoreError::failed("the rules that are tried no longer compile"))?;
        let after = Arc::new(after);
        let mut c = Checker::at("");
        let filter = Filter::read(&mut c, &wanted.filter, &LEAD);
        let filter = c.finish(filter)?;
        let profiles: BTreeMap<ProfileName, Arc<ProfileContent>> = self
            .every_profile()
            .await?
            .into_iter()
            .map(|profile| (profile.name, Arc::new(profile.content)))
            .collect();

        let qualifying: BTreeSet<String> = wanted.qualifying.into_iter().collect();
        let mut impact = Impact::of(&grades(&before), &grades(&after), qualifying);
        let (mut seen, mut without_profile, mut not_known_then) = (0_u64, 0, 0);
        let mut walk = self.walk(filter)?;
        while let Some(part) = walk.next().await? {
            let mut candidates = Vec::with_capacity(part.len());
            for record in part {
                seen += 1;
                let of = wanted.profile.as_ref().or(record.lead.content.profile.as_ref());
                let of = of.or(record.latest_score.as_ref().map(|latest| &latest.profile));
                let of = of.or(self.settings.default_profile.as_ref());
                let Some(profile) = of.and_then(|name| profiles.get(name)).cloned() else {
                    without_profile += 1;
                    continue;
                };
                // What it came to is what scores of an earlier time are held against.
                let won =
                    record.lead.content.outcome.as_ref().map(|outcome| outcome.kind == OutcomeKind::Won);
                match self.as_known_then(record, wanted.as_of).await? {
                    Some((record, activities)) => {
                        candidates.push(Candidate { record, won, activities, profile })
                    }
                    None => not_known_then += 1,
                }
            }
            progress.tell(0.0, format!("{seen} leads scored by both sets"));
            let (before, after) = (before.clone(), after.clone());
            let (currency, as_of) = (self.settings.currency.clone(), wanted.as_of);
            // Scoring a thousand leads twice takes its time: not on a thread that answers calls.
            let scored = tokio::task::spawn_blocking(move || {
                for candidate in &candidates {
                    see(&mut impact, candidate, (&before, &after), &currency, as_of);
                }
                impact
            });
            impact = scored.await.map_err(StoreError::failed)?;
        }
        let report = impact.report();
        Ok(ImpactFound {
            before: before.id.clone(),
            after: after.id.clone(),
            is_of_all,
            report,
            without_profile,
            not_known_then,
        })
    }

    /// A lead with its activities as both were known at a time; `None` if the lead was not.
    async fn as_known_then(
        &self,
        mut record: LeadRecord,
        as_of: Time,
    ) -> Result<Option<(LeadRecord, Vec<Activity>)>> {
        if record.lead.version.update_time > as_of {
            record.lead = match self.store.lead_at(&record.lead.name, as_of).await {
                Ok(lead) => lead,
                Err(StoreError::NotFound(_)) => return Ok(None),
                Err(other) => return Err(Error::from(other)),
            };
        }
        let activities = match record.activity_count {
            0 => Vec::new(),
            count => self.store.activities_known(&record.lead.name, count, as_of, MAX_ACTIVITIES).await?,
        };
        Ok(Some((record, activities)))
    }
}

/// The grades of all scripts of a set, each from the best.
fn grades(rules: &RuleSet) -> Vec<String> {
    let mut grades: Vec<String> = Vec::new();
    for script in rules.scripts() {
        for grade in script.grades.iter().map(|grade| grade.id.to_string()) {
            if !grades.contains(&grade) {
                grades.push(grade);
            }
        }
    }
    grades
}

fn see(
    impact: &mut Impact,
    candidate: &Candidate,
    (before, after): (&RuleSet, &RuleSet),
    currency: &str,
    as_of: Time,
) {
    let Candidate { record, won, activities, profile } = candidate;
    let content = &record.lead.content;
    let score = |rules: &RuleSet| -> std::result::Result<Assessment, String> {
        let script = rules
            .script(ScriptKind::LeadScoring, &profile.scoring_script)
            .map_err(|missing| missing.to_string())?;
        let facts = LeadFacts {
            lead: content,
            activities,
            profile,
            created: Some(record.lead.version.create_time),
            as_of,
            currency,
            vocabulary: &rules.vocabulary,
        };
        rules.assess(script, facts).map_err(|error| error.to_string())
    };
    let (before, after) = (score(before), score(after));
    let segment = record.latest_score.as_ref().and_then(|latest| latest.segment.as_ref());
    impact.see(Pair {
        lead: &record.lead.name.to_string(),
        display_name: content.subject.display_name(),
        before: before.as_ref().map_err(String::as_str),
        after: after.as_ref().map_err(String::as_str),
        segment: &segment.map(ToString::to_string).unwrap_or_default(),
        owner: &content.owner,
        source: &content.source,
        won: *won,
    });
}
