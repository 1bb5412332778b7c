//! Leads and their activities.

use std::collections::{BTreeMap, BTreeSet};

use super::{App, Error, Result, admit, until_written};
use crate::domain::check::{Checker, Draft};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadRecord};
use crate::domain::name::{Id, LeadName, ProfileName};
use crate::domain::time::DAY;
use crate::storage::{Page, StoreError, UpsertItem, Upserted, Window};

/// A lead as it is read: its record and whether its latest score has gone stale.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadView {
    pub record: LeadRecord,
    pub stale: bool,
}

impl App {
    pub async fn create_lead(&self, id: Option<Id>, draft: Draft<LeadContent>) -> Result<LeadView> {
        let content = self.check_lead(draft.content, None, Checker::resume("lead", draft.violations)).await?;
        let name = LeadName { lead: id.unwrap_or_else(|| self.new_id()) };
        let lead = Lead::create(name, content, self.now());
        self.store.create_lead(lead.clone()).await?;
        Ok(LeadView { record: LeadRecord { lead, latest_score: None, activity_count: 0 }, stale: false })
    }

    pub async fn lead(&self, name: &LeadName, revision: i64) -> Result<LeadView> {
        let mut record = self.store.lead(name).await?;
        if revision != 0 && revision != record.lead.version.revision {
            record.lead = self.store.lead_revision(name, revision).await?;
            return Ok(LeadView { record: LeadRecord { latest_score: None, ..record }, stale: false });
        }
        self.view(record).await
    }

    pub async fn leads(&self, page: Page) -> Result<Vec<LeadView>> {
        self.views(self.store.leads(page).await?).await
    }

    pub async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Vec<Lead>> {
        let revisions = self.store.lead_revisions(name, window).await?;
        if revisions.is_empty() && window.after.is_none() {
            return Err(StoreError::NotFound(name.to_string()).into());
        }
        Ok(revisions)
    }

    /// Changes a lead by `edit`, which sees its newest content.
    pub async fn update_lead(
        &self,
        name: &LeadName,
        etag: &str,
        edit: impl Fn(&Lead) -> Draft<LeadContent>,
    ) -> Result<LeadView> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut record = self.store.lead(name).await?;
            admit(name, &record.lead.version, etag)?;
            let Draft { content, violations } = edit(&record.lead);
            let kept = record.lead.content.profile.as_ref();
            let content = self.check_lead(content, kept, Checker::resume("lead", violations)).await?;
            record.lead = record.lead.revise(content, self.now());
            self.store.update_lead(record.lead.clone()).await?;
            self.view(record).await
        })
    }

    pub async fn delete_lead(&self, name: &LeadName, etag: &str) -> Result<()> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let record = self.store.lead(name).await?;
            admit(name, &record.lead.version, etag)?;
            let revision = (!etag.is_empty()).then_some(record.lead.version.revision);
            self.store.delete_lead(name, revision).await.map_err(Error::from)
        })
    }

    /// Creates or replaces leads by external id; results in the order of the items, with whether each is new.
    pub async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<(Draft<LeadContent>, String)>,
    ) -> Result<Vec<Result<(LeadView, bool)>>> {
        let mut results: Vec<Option<Result<Upserted>>> = Vec::new();
        let mut good = Vec::new();
        let mut seen = BTreeSet::new();
        for (i, (item, etag)) in items.into_iter().enumerate() {
            let field = format!("items[{i}].lead");
            match self.check_upsert(item, system, &field, &mut seen).await {
                Ok(content) => {
                    let new_name = LeadName { lead: self.new_id() };
                    good.push(UpsertItem { new_name, content, etag });
                    results.push(None);
                }
                Err(error) => results.push(Some(Err(error))),
            }
        }
        let written = self.store.upsert_leads(system, good, self.now()).await?;
        let mut written = written.into_iter();
        let lost = || Err(StoreError::Failed("the store gave too few results".into()).into());
        let mut answers = Vec::with_capacity(results.len());
        for result in results {
            let result =
                result.unwrap_or_else(|| written.next().map_or_else(lost, |r| r.map_err(Error::from)));
            answers.push(match result {
                Ok(upserted) => Ok((self.view(upserted.record).await?, upserted.created)),
                Err(error) => Err(error),
            });
        }
        Ok(answers)
    }

    async fn check_upsert(
        &self,
        draft: Draft<LeadContent>,
        system: &str,
        field: &str,
        seen: &mut BTreeSet<String>,
    ) -> Result<LeadContent> {
        let Draft { content, violations } = draft;
        let mut c = Checker::resume(field, violations);
        match content.external_ids.get(system) {
            None => {
                c.wrong_field("external_ids", format!("needs an id under \"{system}\", which names the lead"))
            }
            Some(id) => {
                c.require(
                    seen.insert(id.clone()),
                    "external_ids",
                    format!("\"{id}\" stands twice in this batch"),
                );
            }
        }
        self.check_lead(content, None, c).await
    }

    /// Appends activities; gives the number that the lead has then.
    pub async fn record_activities(&self, name: &LeadName, draft: Draft<Vec<Activity>>) -> Result<i64> {
        let rules = self.rule_set()?;
        let now = self.now();
        let Draft { content: activities, violations } = draft;
        let mut c = Checker::resume("", violations);
        c.each("activities", &activities, |c, activity| activity.check(c, &rules.vocabulary, now));
        c.finish(())?;
        Ok(self.store.append_activities(name, activities).await?)
    }

    pub async fn activities(&self, name: &LeadName, window: Window) -> Result<Vec<Activity>> {
        let activities = self.store.activities(name, window).await?;
        if activities.is_empty() {
            self.store.lead(name).await?;
        }
        Ok(activities)
    }

    /// Checks a lead. The profile `kept` from before may have been deleted since.
    async fn check_lead(
        &self,
        content: LeadContent,
        kept: Option<&ProfileName>,
        mut c: Checker,
    ) -> Result<LeadContent> {
        let rules = self.rule_set()?;
        content.check(&mut c, &rules.vocabulary);
        if let Some(profile) = &content.profile
            && kept != Some(profile)
            && !self.profile_exists(profile).await?
        {
            c.wrong_field("profile", format!("{profile} does not exist"));
        }
        Ok(c.finish(content)?)
    }

    async fn profile_exists(&self, name: &ProfileName) -> Result<bool> {
        match self.store.profile(name).await {
            Ok(profile) => Ok(profile.version.delete_time.is_none()),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    pub(super) async fn view(&self, record: LeadRecord) -> Result<LeadView> {
        Ok(self.views(vec![record]).await?.remove(0))
    }

    /// Tells whether the latest scores still say what scoring now would: lead, activities, profile and rules are
    /// the same, and less than a day has passed for decay to matter.
    async fn views(&self, records: Vec<LeadRecord>) -> Result<Vec<LeadView>> {
        let rules = self.rules.current();
        let now = self.now();
        // Leads of a page mostly share their profile.
        let mut revisions: BTreeMap<ProfileName, i64> = BTreeMap::new();
        let mut views = Vec::with_capacity(records.len());
        for record in records {
            let mut stale = false;
            if let Some(latest) = &record.latest_score {
                stale = latest.lead_revision != record.lead.version.revision
                    || latest.activity_count != record.activity_count
                    || rules.as_ref().is_none_or(|rules| rules.id != latest.rule_set)
                    || now.micros() - latest.as_of.micros() >= DAY;
                if !stale {
                    let revision = match revisions.get(&latest.profile) {
                        Some(revision) => *revision,
                        None => {
                            let revision = self.store.profile(&latest.profile).await?.version.revision;
                            *revisions.entry(latest.profile.clone()).or_insert(revision)
                        }
                    };
                    stale = revision != latest.profile_revision;
                }
            }
            views.push(LeadView { record, stale });
        }
        Ok(views)
    }
}
