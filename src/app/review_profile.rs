//! Looks at a profile again by the leads that belong to it, and signs a review off.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::jobs::{Ended, JobView, Outcome, Progress, Work};
use super::once::Once;
use super::{App, Error, Result, admit};
use crate::domain::check::{Checker, Draft};
use crate::domain::filter::Filter;
use crate::domain::job::Job;
use crate::domain::lead::{Activity, LeadRecord, LeadStage, OutcomeKind};
use crate::domain::listing::{LEAD, Listed as _, Query};
use crate::domain::name::{Id, ProfileName};
use crate::domain::profile::portrait::{Period, Portrait, Seen};
use crate::domain::profile::review::{About, Review};
use crate::domain::profile::{Profile, ProfileContent, Review as Cadence};
use crate::domain::time::Time;
use crate::rules::LeadFacts;
use crate::rules::set::RuleSet;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReviewWanted {
    pub profile: ProfileName,
    pub as_of: Time,
    /// Leads that came in within so many days are recent.
    pub recent_days: i64,
    /// Those of so many days before are the reference.
    pub reference_days: i64,
    /// Which leads count, as lists are filtered; empty for those that belong to the profile.
    pub filter: String,
}

/// A profile whose review is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Overdue {
    pub profile: Profile,
    pub due: Time,
}

/// A sign-off.
#[derive(Debug, Clone)]
pub struct SignOff {
    pub profile: ProfileName,
    pub etag: String,
    /// The review that is signed off, if one was made.
    pub review: Option<Id>,
    /// The proposals of it that are carried out.
    pub accepted: Vec<String>,
}

/// The days between reviews where the profile does not say: every quarter.
const A_QUARTER: i32 = 90;

impl App {
    pub async fn start_review(&self, wanted: ReviewWanted, once: Once<Job>) -> Result<Job> {
        let mut c = Checker::at("");
        Filter::read(&mut c, &wanted.filter, &LEAD);
        c.finish(())?;
        admit(&wanted.profile, &self.store.profile(&wanted.profile).await?.version, "")?;
        self.start_job(&Work::ReviewProfile(wanted), once).await
    }

    pub(super) async fn review_profile(&self, wanted: &ReviewWanted, progress: &Progress) -> Result<Review> {
        let profile = self.store.profile(&wanted.profile).await?;
        let about = About {
            profile: wanted.profile.clone(),
            revision: profile.version.revision,
            as_of: wanted.as_of,
            recent_from: wanted.as_of.plus_days(-wanted.recent_days),
            reference_from: wanted.as_of.plus_days(-wanted.recent_days - wanted.reference_days),
        };
        let period = |time: Time| match time {
            time if time > about.as_of || time < about.reference_from => None,
            time if time >= about.recent_from => Some(Period::Recent),
            _ => Some(Period::Reference),
        };
        let mut seen = 0;
        let portrait =
            self.portrait(&wanted.profile, &profile.content, &wanted.filter, wanted.as_of, period, || {
                seen += 1;
                if seen % 1_000 == 0 {
                    progress.tell(0.0, format!("{seen} leads looked at"));
                }
            });
        let portrait = portrait.await?;
        let rules = self.rule_set()?;
        let meant = |word: &str| rules.vocabulary.meant("industry", word).to_owned();
        Ok(Review::of(&portrait, &profile.content, about, &meant))
    }

    /// A profile with all leads that belong to it, or that a filter lets pass, of whatever time.
    pub async fn examine_profile(&self, name: &ProfileName, filter: &str) -> Result<(Profile, Portrait)> {
        let profile = self.store.profile(name).await?;
        let whenever = |_| Some(Period::Recent);
        let portrait = self.portrait(name, &profile.content, filter, self.now(), whenever, || {}).await?;
        Ok((profile, portrait))
    }

    /// Counts how the leads of a profile stand to it; `period` says to which period a time belongs, if to any.
    pub(super) async fn portrait(
        &self,
        name: &ProfileName,
        profile: &ProfileContent,
        filter: &str,
        as_of: Time,
        period: impl Fn(Time) -> Option<Period>,
        mut looked: impl FnMut(),
    ) -> Result<Portrait> {
        let rules = self.rule_set()?;
        let mut c = Checker::at("");
        let wanted = Filter::read(&mut c, filter, &LEAD);
        let wanted = c.finish(wanted)?;
        let is_usual = self.settings.default_profile.as_ref() == Some(name);
        let belongs = |record: &LeadRecord| {
            let latest = record.latest_score.as_ref().map(|latest| &latest.profile);
            match record.lead.content.profile.as_ref().or(latest) {
                Some(of) => of == name,
                None => is_usual,
            }
        };
        let mut portrait = Portrait::of(profile);
        let has_filter = !filter.trim().is_empty();
        self.walk_leads(wanted, |record| {
            looked();
            let came_in = record.lead.content.first_seen.unwrap_or(record.lead.version.create_time);
            if let Some(of) = period(came_in)
                && (has_filter || belongs(&record))
            {
                see(&mut portrait, &rules, profile, &record, (as_of, &self.settings.currency), (of, &period));
            }
        })
        .await?;
        Ok(portrait)
    }

    /// Signs a review off: what was accepted is carried out, and the next review is due a cadence from now.
    pub async fn complete_review(&self, sign_off: SignOff, once: Once<Profile>) -> Result<Profile> {
        let SignOff { profile: name, etag, review, accepted } = sign_off;
        let review = match review {
            Some(id) => Some(self.review_of(&id, &name).await?),
            None => None,
        };
        let mut c = Checker::at("");
        let proposals = review.as_ref().map(|review| review.proposals.as_slice()).unwrap_or_default();
        c.each("accepted", &accepted, |c, id| {
            let known = proposals.iter().map(|proposal| proposal.id.as_str());
            if !known.clone().any(|known| known == id) {
                c.wrong(format!("the review proposes no \"{id}\"; {}", c.suggestion(id, known)));
            }
        });
        c.finish(())?;
        let now = self.now();
        let current = self.store.profile(&name).await?;
        // What was proposed is about the revision that was looked at.
        if let Some(review) = review
            .as_ref()
            .filter(|review| !accepted.is_empty() && review.revision != current.version.revision)
        {
            return Err(Error::ReviewOutdated {
                profile: name.to_string(),
                reviewed: review.revision,
                revision: current.version.revision,
            });
        }
        let etag = if etag.is_empty() { current.version.etag() } else { etag };
        self.update_profile(&name, &etag, once, |profile| {
            let chosen = proposals.iter().filter(|proposal| accepted.contains(&proposal.id));
            let mut content = chosen.fold(profile.content.clone(), ProfileContent::with_proposal);
            let cadence_days =
                content.review.as_ref().map(|review| review.cadence_days).filter(|days| *days > 0);
            content.review =
                Some(Cadence { cadence_days: cadence_days.unwrap_or(A_QUARTER), last_time: Some(now) });
            Draft { content, violations: Vec::new() }
        })
        .await
    }

    /// What a finished job found about a profile.
    async fn review_of(&self, id: &Id, profile: &ProfileName) -> Result<Review> {
        let JobView { job, ended, .. } = self.job(id).await?;
        match ended {
            Some(Ended::Done(Outcome::Reviewed(review))) if review.profile == *profile => Ok(*review),
            _ => Err(Error::NotAReview { job: job.name(), profile: profile.to_string() }),
        }
    }

    /// The profiles whose review is due, the longest overdue first.
    pub async fn overdue_reviews(&self) -> Result<Vec<Overdue>> {
        let now = self.now();
        let mut overdue: Vec<Overdue> = self
            .every_profile()
            .await?
            .into_iter()
            .filter_map(|profile| {
                let review = profile.content.review.as_ref().filter(|review| review.cadence_days > 0)?;
                // One that was never reviewed is due a cadence after it was written.
                let last = review.last_time.unwrap_or(profile.version.create_time);
                let due = last.plus_days(review.cadence_days.into());
                (due < now).then_some(Overdue { profile, due })
            })
            .collect();
        overdue.sort_by(|a, b| a.due.cmp(&b.due).then_with(|| a.profile.name.cmp(&b.profile.name)));
        Ok(overdue)
    }

    /// All profiles that are not deleted, by name.
    pub(super) async fn every_profile(&self) -> Result<Vec<Profile>> {
        let mut query = Query { limit: 100, ..Query::default() };
        let mut found = Vec::new();
        loop {
            let part = self.store.profiles(query.clone(), false).await?;
            let more = part.more || part.items.len() >= query.limit;
            let last = part.items.last().map(|profile| profile.cursor(query.order));
            found.extend(part.items);
            match last {
                Some(last) if more => query.after = Some(last),
                _ => return Ok(found),
            }
        }
    }
}

fn see(
    portrait: &mut Portrait,
    rules: &RuleSet,
    profile: &ProfileContent,
    record: &LeadRecord,
    (as_of, currency): (Time, &str),
    (of, period): (Period, &impl Fn(Time) -> Option<Period>),
) {
    let content = &record.lead.content;
    // Of what it has done, criteria can ask when that was last.
    let last = record.last_activity.map(|time| Activity {
        id: None,
        kind: String::new(),
        time,
        known_time: time,
        amount: 0.0,
        contact: None,
        properties: BTreeMap::new(),
    });
    let facts = LeadFacts {
        lead: content,
        activities: last.as_slice(),
        profile,
        created: Some(record.lead.version.create_time),
        as_of,
        currency,
        vocabulary: &rules.vocabulary,
    };
    let criteria = profile.criteria.iter().chain(&profile.disqualifiers);
    let meets: Vec<Option<bool>> = criteria.map(|criterion| rules.meets(criterion, &facts)).collect();
    let industry = rules.vocabulary.meant("industry", content.subject.industry());
    let decided = content.outcome.as_ref().and_then(|outcome| outcome.time).map_or(Some(of), period);
    portrait.see(
        profile,
        Seen {
            period: of,
            meets: &meets,
            industry,
            employees: content.subject.employees().map(|n| n as f64),
            total: record.latest_score.as_ref().map(|latest| latest.total.0),
            won: decided.and(content.outcome.as_ref()).map(|outcome| outcome.kind == OutcomeKind::Won),
            decided: decided.unwrap_or(of),
            is_served: matches!(
                content.stage,
                LeadStage::Mql | LeadStage::Sal | LeadStage::Sql | LeadStage::Customer
            ),
        },
    );
}
