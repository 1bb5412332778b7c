//! What rules would do that are not in force yet: all stored leads, or those that a filter lets pass, scored by both sets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::jobs::{Progress, Work};
use super::once::Once;
use super::score_lead::MAX_ACTIVITIES;
use super::walk_leads::Walk;
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
use crate::rules::unaffected::RulesThatDiffer;
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
        let sources = Sources::new(wanted.files.clone());
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

        let former = progress.former().filter(|former: &Analyzed| former.before == before.id);
        if let Some(former) = &former {
            tracing::info!(leads = former.seen, "the analysis goes on where it was left");
        }
        let mut done = former.unwrap_or_else(|| {
            let qualifying: BTreeSet<String> = wanted.qualifying.iter().cloned().collect();
            Analyzed {
                before: before.id.clone(),
                last: None,
                seen: 0,
                without_profile: 0,
                not_known_then: 0,
                impact: Impact::of(&grades(&before), &grades(&after), qualifying),
            }
        });
        let differ = RulesThatDiffer::of(&before, &after).map(Arc::new);
        let walk = self.walk(filter)?;
        let walk = match &done.last {
            Some(last) => walk.behind(last),
            None => walk,
        };
        let mut leads =
            Candidates { app: self, wanted: &wanted, profiles: &profiles, walk, read: VecDeque::new() };
        let mut next = leads.next().await?;
        while let Some(part) = next {
            done.seen += part.seen;
            done.without_profile += part.without_profile;
            done.not_known_then += part.not_known_then;
            done.last = Some(part.last);
            let (before, after, differ) = (before.clone(), after.clone(), differ.clone());
            let (currency, as_of, mut impact) = (self.settings.currency.clone(), wanted.as_of, done.impact);
            // Scoring a thousand leads twice takes its time: not on a thread that answers calls. Meanwhile the next are read.
            let scoring = tokio::task::spawn_blocking(move || {
                for candidate in &part.candidates {
                    see(&mut impact, candidate, (&before, &after), differ.as_deref(), &currency, as_of);
                }
                impact
            });
            let (scored, read) = tokio::join!(scoring, leads.next());
            done.impact = scored.map_err(StoreError::failed)?;
            next = read?;
            progress.tell(0.0, format!("{} leads scored by both sets", done.seen));
            if progress.wants_reached() {
                done.impact.keep_farthest();
                let told = done.impact.leads().filter_map(|lead| lead.parse().ok());
                progress.reach(&done, told.chain(done.last.clone()).collect());
            }
        }
        Ok(ImpactFound {
            before: before.id.clone(),
            after: after.id.clone(),
            is_of_all,
            report: done.impact.report(),
            without_profile: done.without_profile,
            not_known_then: done.not_known_then,
        })
    }
}

/// So many activities are held at a time, of however many leads.
const ACTIVITIES_OF_A_PART: usize = 50_000;

/// How far an analysis has come: enough to go on behind the last lead.
#[derive(Debug, Serialize, Deserialize)]
struct Analyzed {
    /// The set in force that leads were scored by: by another one it would have to begin anew.
    before: String,
    last: Option<LeadName>,
    seen: u64,
    without_profile: u64,
    not_known_then: u64,
    impact: Impact,
}

/// Some leads, one behind the other.
struct PartOfLeads {
    candidates: Vec<Candidate>,
    last: LeadName,
    seen: u64,
    without_profile: u64,
    not_known_then: u64,
}

/// Reads leads with everything that scoring them takes.
struct Candidates<'a> {
    app: &'a App,
    wanted: &'a ImpactWanted,
    profiles: &'a BTreeMap<ProfileName, Arc<ProfileContent>>,
    walk: Walk<'a>,
    /// What was read, and whose activities were not.
    read: VecDeque<LeadRecord>,
}

impl Candidates<'_> {
    /// The next leads; `None` at the end.
    async fn next(&mut self) -> Result<Option<PartOfLeads>> {
        while self.read.is_empty() {
            match self.walk.next().await? {
                Some(part) => self.read.extend(part),
                None => return Ok(None),
            }
        }
        // As many as have not too many activities together, one at least.
        let mut records: Vec<LeadRecord> = Vec::with_capacity(self.read.len());
        let mut activities = 0;
        while let Some(record) = self.read.front() {
            activities += usize::try_from(record.activity_count).unwrap_or_default().min(MAX_ACTIVITIES);
            if activities > ACTIVITIES_OF_A_PART && !records.is_empty() {
                break;
            }
            records.extend(self.read.pop_front());
        }
        let Some(last) = records.last().map(|record| record.lead.name.clone()) else { return Ok(None) };
        let mut part = PartOfLeads {
            candidates: Vec::new(),
            last,
            seen: records.len() as u64,
            without_profile: 0,
            not_known_then: 0,
        };

        let as_of = self.wanted.as_of;
        for mut record in records {
            let of = self.wanted.profile.as_ref().or(record.lead.content.profile.as_ref());
            let of = of.or(record.latest_score.as_ref().map(|latest| &latest.profile));
            let of = of.or(self.app.settings.default_profile.as_ref());
            let Some(profile) = of.and_then(|name| self.profiles.get(name)).cloned() else {
                part.without_profile += 1;
                continue;
            };
            // What it came to is what scores of an earlier time are held against.
            let won = record.lead.content.outcome.as_ref().map(|outcome| outcome.kind == OutcomeKind::Won);
            if record.lead.version.update_time > as_of {
                record.lead = match self.app.store.lead_at(&record.lead.name, as_of).await {
                    Ok(lead) => lead,
                    Err(StoreError::NotFound(_)) => {
                        part.not_known_then += 1;
                        continue;
                    }
                    Err(other) => return Err(Error::from(other)),
                };
            }
            part.candidates.push(Candidate { record, won, activities: Vec::new(), profile });
        }
        let name_and_count =
            |candidate: &Candidate| (candidate.record.lead.name.clone(), candidate.record.activity_count);
        let active: Vec<usize> =
            (0..part.candidates.len()).filter(|at| part.candidates[*at].record.activity_count > 0).collect();
        let asked = active.iter().map(|at| name_and_count(&part.candidates[*at])).collect();
        let activities = async {
            match active.is_empty() {
                true => Ok(Vec::new()),
                false => self.app.store.activities_known_of(asked, as_of, MAX_ACTIVITIES).await,
            }
        };
        // The next leads are read meanwhile, unless some are left.
        let ahead = async {
            match self.read.is_empty() {
                true => self.walk.next().await,
                false => Ok(None),
            }
        };
        let (found, ahead) = tokio::join!(activities, ahead);
        self.read.extend(ahead?.into_iter().flatten());
        for (at, activities) in active.into_iter().zip(found?) {
            part.candidates[at].activities = activities;
        }
        Ok(Some(part))
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
    differ: Option<&RulesThatDiffer>,
    currency: &str,
    as_of: Time,
) {
    let Candidate { record, won, profile, .. } = candidate;
    let content = &record.lead.content;
    let before_score = score(before, candidate, currency, as_of);
    let is_same = differ.zip(before_score.as_ref().ok()).is_some_and(|(differ, (assessment, steps))| {
        let facts = facts_of(candidate, before, currency, as_of);
        differ.come_to_the_same(&profile.scoring_script, facts, (assessment, *steps))
    });
    let after_score = if is_same { None } else { Some(score(after, candidate, currency, as_of)) };
    let segment = record.latest_score.as_ref().and_then(|latest| latest.segment.as_ref());
    impact.see(Pair {
        lead: &record.lead.name.to_string(),
        display_name: content.subject.display_name(),
        before: told(&before_score),
        after: told(after_score.as_ref().unwrap_or(&before_score)),
        segment: &segment.map(ToString::to_string).unwrap_or_default(),
        owner: &content.owner,
        source: &content.source,
        won: *won,
    });
}

fn facts_of<'a>(
    candidate: &'a Candidate,
    rules: &'a RuleSet,
    currency: &'a str,
    as_of: Time,
) -> LeadFacts<'a> {
    let Candidate { record, activities, profile, .. } = candidate;
    LeadFacts {
        lead: &record.lead.content,
        activities,
        profile,
        created: Some(record.lead.version.create_time),
        as_of,
        currency,
        vocabulary: &rules.vocabulary,
    }
}

/// An assessment with the steps that it took, or why there is none.
type Scored = std::result::Result<(Assessment, u32), String>;

fn score(rules: &RuleSet, candidate: &Candidate, currency: &str, as_of: Time) -> Scored {
    let script = rules
        .script(ScriptKind::LeadScoring, &candidate.profile.scoring_script)
        .map_err(|missing| missing.to_string())?;
    let (assessment, steps) = rules.assess_counting(script, facts_of(candidate, rules, currency, as_of));
    Ok((assessment.map_err(|error| error.to_string())?, steps))
}

fn told(scored: &Scored) -> std::result::Result<&Assessment, &str> {
    scored.as_ref().map(|(assessment, _)| assessment).map_err(String::as_str)
}
