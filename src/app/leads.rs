//! Leads and their activities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::once::Once;
use super::{App, Error, Result, admit, until_written};
use crate::domain::check::{Checker, Draft};
use crate::domain::lead::{Activity, Lead, LeadContent, LeadDraft, LeadRecord, Present};
use crate::domain::listing::Query;
use crate::domain::name::{Id, LeadName, ProfileName};
use crate::storage::{self, Logged, Part, StoreError, UpsertItem, Upserted, Window};

/// A lead as it is read: its record and whether its latest score has gone stale.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadView {
    pub record: LeadRecord,
    pub stale: bool,
}

impl LeadView {
    pub(super) fn of(record: LeadRecord, present: &Present) -> Self {
        Self { stale: record.is_stale(present).unwrap_or(false), record }
    }
}

/// How a batch changes a lead that exists.
pub type Edit = dyn Fn(&Lead) -> Draft<LeadDraft> + Send + Sync;

/// An item of a batch.
pub struct UpsertDraft {
    /// What it says: all that a new lead gets.
    pub draft: Draft<LeadDraft>,
    /// If not empty, it must be current.
    pub etag: String,
    /// What becomes of a lead that exists; without it, what the item says.
    pub edit: Option<Arc<Edit>>,
}

/// What came of an item of a batch: the lead, whether it is new, and whether it changed.
pub type UpsertResult = Result<(LeadView, bool, bool)>;

/// Which profiles exist, as far as a call has asked.
type Profiles = BTreeMap<ProfileName, bool>;

impl App {
    pub async fn create_lead(
        &self,
        id: Option<Id>,
        draft: Draft<LeadDraft>,
        once: Once<LeadView>,
    ) -> Result<LeadView> {
        let c = Checker::resume("lead", draft.violations);
        let draft = self.check_lead(draft.content, None, &mut Profiles::new(), c).await?;
        let name = LeadName { lead: id.unwrap_or_else(|| self.new_id()) };
        let lead = Lead::create(name, draft, once.stamp(self.now()));
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

    pub async fn leads(&self, mut query: Query) -> Result<Part<LeadView>> {
        let present = self.present();
        query.filter = self.spelled_out(query.filter)?;
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
        edit: impl Fn(&Lead) -> Draft<LeadDraft>,
    ) -> Result<LeadView> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut record = self.store.lead(name).await?;
            admit(name, &record.lead.version, etag)?;
            let Draft { content, violations } = edit(&record.lead);
            let kept = record.lead.content.profile.as_ref();
            let mut c = Checker::resume("lead", violations);
            let step = self.check_step(&mut c, &record.lead, &content);
            let content = self.check_lead(content, kept, &mut Profiles::new(), c).await?;
            step?;
            record.revise(content, once.stamp(self.now()));
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

    /// Creates or changes leads by external id; results in the order of the items, with whether each is new.
    pub async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertDraft>,
        once: Once<Vec<UpsertResult>>,
    ) -> Result<Vec<UpsertResult>> {
        // An item that is refused here takes no part in the write.
        let mut refused: Vec<Option<Error>> = Vec::new();
        let mut good = Vec::new();
        let (mut seen, mut profiles) = (BTreeSet::new(), Profiles::new());
        for (i, item) in items.into_iter().enumerate() {
            let field = format!("items[{i}].lead");
            match self.check_upsert(item, system, field, &mut seen, &mut profiles).await {
                Ok(item) => {
                    good.push(item);
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
                Some(Ok(upserted)) => {
                    Ok((LeadView::of(upserted.record.clone(), &present), upserted.created, upserted.changed))
                }
                Some(Err(error)) => Err(error.clone().into()),
                None => Err(StoreError::failed("the store gave too few results").into()),
            };
            refused.iter().map(|refused| refused.clone().map_or_else(&mut next, Err)).collect::<Vec<_>>()
        };
        let receipt = once.after(merge.clone());
        let written = self.store.upsert_leads(system, good, once.stamp(self.now()), receipt).await?;
        Ok(merge(&written))
    }

    /// Checks an item as far as it can be without the lead that it may change.
    async fn check_upsert(
        &self,
        item: UpsertDraft,
        system: &str,
        field: String,
        seen: &mut BTreeSet<String>,
        profiles: &mut Profiles,
    ) -> Result<UpsertItem> {
        let UpsertDraft { draft: Draft { content: draft, violations }, etag, edit } = item;
        let mut c = Checker::at(&field);
        let id = draft.content.external_ids.get(system).cloned().unwrap_or_default();
        if id.is_empty() {
            c.wrong_field("external_ids", format!("needs an id under \"{system}\", which names the lead"));
        } else {
            let first = seen.insert(id.clone());
            c.require(first, "external_ids", format!("\"{id}\" stands twice in this batch"));
        }
        let rules = self.rule_set()?;
        let mut whole = Checker::resume(&field, violations);
        draft.check(&mut whole, &rules.vocabulary);
        self.check_profile_of(&mut c, &draft.content, None, profiles).await?;
        let whole = match edit {
            // Whatever there is gives way, so that all that is wrong can be told now.
            None => Ok(whole.and(c).finish(draft)?),
            Some(_) => {
                c.finish(())?;
                whole.finish(draft)
            }
        };
        let make = move |current: Option<&Lead>| match (current, &edit) {
            (Some(current), Some(edit)) => {
                let Draft { content, violations } = edit(current);
                let mut c = Checker::resume(&field, violations);
                content.check(&mut c, &rules.vocabulary);
                c.finish(content)
            }
            _ => whole.clone(),
        };
        Ok(UpsertItem { new_name: LeadName { lead: self.new_id() }, id, make: Arc::new(make), etag })
    }

    /// Appends activities, but for those that were recorded before under the same id.
    pub async fn record_activities(
        &self,
        name: &LeadName,
        draft: Draft<Vec<Activity>>,
        once: Once<Logged>,
    ) -> Result<Logged> {
        let rules = self.rule_set()?;
        let now = self.now();
        let Draft { content: activities, violations } = draft;
        let mut c = Checker::resume("", violations);
        c.each("activities", &activities, |c, activity| activity.check(c, &rules.vocabulary, now));
        c.finish(())?;
        // A clock that goes ahead of ours can't make known what is not known yet.
        let known = |activity: Activity| Activity { known_time: activity.known_time.min(now), ..activity };
        let activities = activities.into_iter().map(known).collect();
        Ok(self.store.append_activities(name, activities, once.after(|logged| *logged)).await?)
    }

    /// Takes activities back, by their ids.
    pub async fn delete_activities(
        &self,
        name: &LeadName,
        ids: Vec<String>,
        once: Once<Logged>,
    ) -> Result<Logged> {
        Ok(self.store.delete_activities(name, ids, once.after(|logged| *logged)).await?)
    }

    pub async fn activities(&self, name: &LeadName, window: Window) -> Result<Vec<(i64, Activity)>> {
        let activities = self.store.activities(name, window).await?;
        if activities.is_empty() {
            self.store.lead(name).await?;
        }
        Ok(activities)
    }

    /// Checks a lead. The profile `kept` from before may have been deleted since.
    async fn check_lead(
        &self,
        draft: LeadDraft,
        kept: Option<&ProfileName>,
        profiles: &mut Profiles,
        mut c: Checker,
    ) -> Result<LeadDraft> {
        let rules = self.rule_set()?;
        draft.check(&mut c, &rules.vocabulary);
        self.check_profile_of(&mut c, &draft.content, kept, profiles).await?;
        Ok(c.finish(draft)?)
    }

    async fn check_profile_of(
        &self,
        c: &mut Checker,
        content: &LeadContent,
        kept: Option<&ProfileName>,
        profiles: &mut Profiles,
    ) -> Result<()> {
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
        Ok(())
    }

    async fn profile_exists(&self, name: &ProfileName) -> Result<bool> {
        match self.store.profile(name).await {
            Ok(profile) => Ok(profile.version.delete_time.is_none()),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}
