//! Leads and their activities.

use std::collections::{BTreeMap, BTreeSet};

use super::once::Once;
use super::{App, Error, Result, admit, until_written};
use crate::domain::check::{Checker, Draft};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadRecord, Present};
use crate::domain::listing::Query;
use crate::domain::name::{Id, LeadName, ProfileName};
use crate::storage::{self, Part, StoreError, UpsertItem, Upserted, Window};

/// A lead as it is read: its record and whether its latest score has gone stale.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadView {
    pub record: LeadRecord,
    pub stale: bool,
}

impl LeadView {
    fn of(record: LeadRecord, present: &Present) -> Self {
        Self { stale: record.is_stale(present).unwrap_or(false), record }
    }
}

/// What came of an item of a batch: the lead, and whether it is new.
pub type UpsertResult = Result<(LeadView, bool)>;

/// Which profiles exist, as far as a call has asked.
type Profiles = BTreeMap<ProfileName, bool>;

impl App {
    pub async fn create_lead(
        &self,
        id: Option<Id>,
        draft: Draft<LeadContent>,
        once: Once<LeadView>,
    ) -> Result<LeadView> {
        let c = Checker::resume("lead", draft.violations);
        let content = self.check_lead(draft.content, None, &mut Profiles::new(), c).await?;
        let name = LeadName { lead: id.unwrap_or_else(|| self.new_id()) };
        let lead = Lead::create(name, content, self.now());
        let view = LeadView { record: LeadRecord::new(lead.clone()), stale: false };
        self.store.create_lead(lead, once.of(&view)).await?;
        Ok(view)
    }

    pub async fn lead(&self, name: &LeadName, revision: i64) -> Result<LeadView> {
        let mut record = self.store.lead(name).await?;
        if revision != 0 && revision != record.lead.version.revision {
            record.lead = self.store.lead_revision(name, revision).await?;
            return Ok(LeadView { record: LeadRecord { latest_score: None, ..record }, stale: false });
        }
        Ok(LeadView::of(record, &self.present()))
    }

    pub async fn leads(&self, query: Query) -> Result<Part<LeadView>> {
        let present = self.present();
        let Part { items, more } = self.store.leads(query, present.clone()).await?;
        let items = items.into_iter().map(|record| LeadView::of(record, &present)).collect();
        Ok(Part { items, more })
    }

    pub async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Part<Lead>> {
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
        once: Once<LeadView>,
        edit: impl Fn(&Lead) -> Draft<LeadContent>,
    ) -> Result<LeadView> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut record = self.store.lead(name).await?;
            admit(name, &record.lead.version, etag)?;
            let Draft { content, violations } = edit(&record.lead);
            let kept = record.lead.content.profile.as_ref();
            let c = Checker::resume("lead", violations);
            let content = self.check_lead(content, kept, &mut Profiles::new(), c).await?;
            record.lead = record.lead.revise(content, self.now());
            let view = LeadView::of(record, &self.present());
            self.store.update_lead(view.record.lead.clone(), once.of(&view)).await?;
            Ok(view)
        })
    }

    pub async fn delete_lead(&self, name: &LeadName, etag: &str, once: Once<()>) -> Result<()> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let record = self.store.lead(name).await?;
            admit(name, &record.lead.version, etag)?;
            let revision = (!etag.is_empty()).then_some(record.lead.version.revision);
            self.store.delete_lead(name, revision, once.of(&())).await.map_err(Error::from)
        })
    }

    /// Creates or replaces leads by external id; results in the order of the items, with whether each is new.
    pub async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<(Draft<LeadContent>, String)>,
        once: Once<Vec<UpsertResult>>,
    ) -> Result<Vec<UpsertResult>> {
        // An item that is refused here takes no part in the write.
        let mut refused: Vec<Option<Error>> = Vec::new();
        let mut good = Vec::new();
        let (mut seen, mut profiles) = (BTreeSet::new(), Profiles::new());
        for (i, (item, etag)) in items.into_iter().enumerate() {
            let field = format!("items[{i}].lead");
            match self.check_upsert(item, system, &field, &mut seen, &mut profiles).await {
                Ok(content) => {
                    let new_name = LeadName { lead: self.new_id() };
                    good.push(UpsertItem { new_name, content, etag });
                    refused.push(None);
                }
                // What passes by itself is no answer to an item.
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => refused.push(Some(error)),
            }
        }
        let present = self.present();
        let merge = move |written: &Vec<storage::Result<Upserted>>| {
            let mut written = written.iter();
            let mut next = || match written.next() {
                Some(Ok(upserted)) => Ok((LeadView::of(upserted.record.clone(), &present), upserted.created)),
                Some(Err(error)) => Err(error.clone().into()),
                None => Err(StoreError::failed("the store gave too few results").into()),
            };
            refused.iter().map(|refused| refused.clone().map_or_else(&mut next, Err)).collect::<Vec<_>>()
        };
        let receipt = once.after(merge.clone());
        let written = self.store.upsert_leads(system, good, self.now(), receipt).await?;
        Ok(merge(&written))
    }

    async fn check_upsert(
        &self,
        draft: Draft<LeadContent>,
        system: &str,
        field: &str,
        seen: &mut BTreeSet<String>,
        profiles: &mut Profiles,
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
        self.check_lead(content, None, profiles, c).await
    }

    /// Appends activities; gives the number that the lead has then.
    pub async fn record_activities(
        &self,
        name: &LeadName,
        draft: Draft<Vec<Activity>>,
        once: Once<i64>,
    ) -> Result<i64> {
        let rules = self.rule_set()?;
        let now = self.now();
        let Draft { content: activities, violations } = draft;
        let mut c = Checker::resume("", violations);
        c.each("activities", &activities, |c, activity| activity.check(c, &rules.vocabulary, now));
        c.finish(())?;
        Ok(self.store.append_activities(name, activities, once.after(|count| *count)).await?)
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
        profiles: &mut Profiles,
        mut c: Checker,
    ) -> Result<LeadContent> {
        let rules = self.rule_set()?;
        content.check(&mut c, &rules.vocabulary);
        if let Some(profile) = &content.profile
            && kept != Some(profile)
        {
            let exists = match profiles.get(profile) {
                Some(exists) => *exists,
                None => self.profile_exists(profile).await?,
            };
            profiles.insert(profile.clone(), exists);
            c.require(exists, "profile", format!("{profile} does not exist"));
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
}
