//! Profiles: created, changed, deleted. Their revisions stay for ever.

use super::once::Once;
use super::{App, Error, Result, admit, admit_undelete, until_written};
use crate::domain::check::{Checker, Draft};
use crate::domain::filter::{Filter, Operand};
use crate::domain::listing::{self, Query};
use crate::domain::name::{Id, ProfileName, SegmentName};
use crate::domain::profile::{Profile, ProfileContent};
use crate::domain::version::Version;
use crate::storage::{Part, StoreError, Window};

impl App {
    pub async fn create_profile(
        &self,
        id: Option<Id>,
        draft: Draft<ProfileContent>,
        once: Once<Profile>,
    ) -> Result<Profile> {
        let name = ProfileName { profile: id.unwrap_or_else(|| self.new_id()) };
        // If the segment goes away after the check, the next check tells.
        until_written!("", async {
            let content = self.check_profile(draft.clone()).await?;
            let profile =
                Profile { name: name.clone(), version: Version::first(once.stamp(self.now())), content };
            self.store.create_profile(profile.clone(), once.of(&profile)).await?;
            Ok(profile)
        })
    }

    pub async fn profile(&self, name: &ProfileName, revision: i64) -> Result<Profile> {
        Ok(match revision {
            0 => self.store.profile(name).await?,
            revision => self.store.profile_revision(name, revision).await?,
        })
    }

    pub async fn profiles(&self, query: Query, deleted: bool) -> Result<Part<Profile>> {
        Ok(self.store.profiles(query, deleted).await?)
    }

    pub async fn profile_revisions(&self, name: &ProfileName, window: Window) -> Result<Part<Profile>> {
        let revisions = self.store.profile_revisions(name, window).await?;
        if revisions.is_empty() && window.after.is_none() {
            return Err(StoreError::NotFound(name.to_string()).into());
        }
        Ok(revisions)
    }

    /// Changes a profile by `edit`, which sees its newest content.
    pub async fn update_profile(
        &self,
        name: &ProfileName,
        etag: &str,
        once: Once<Profile>,
        edit: impl Fn(&Profile) -> Draft<ProfileContent>,
    ) -> Result<Profile> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let profile = self.store.profile(name).await?;
            admit(name, &profile.version, etag)?;
            let content = self.check_profile(edit(&profile)).await?;
            let version = profile.version.next(once.stamp(self.now()));
            let profile = Profile { name: name.clone(), version, content };
            self.store.update_profile(profile.clone(), once.of(&profile)).await?;
            Ok(profile)
        })
    }

    /// Deletes a profile that nothing names any more, or any if that is forced: what names it can't be scored then.
    pub async fn delete_profile(
        &self,
        name: &ProfileName,
        etag: &str,
        force: bool,
        once: Once<()>,
    ) -> Result<()> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut profile = self.store.profile(name).await?;
            admit(name, &profile.version, etag)?;
            let users = if force { Vec::new() } else { self.users_of_profile(name).await? };
            if !users.is_empty() {
                return Err(Error::InUse { resource: name.to_string(), users });
            }
            profile.version = profile.version.next(once.stamp(self.now()));
            profile.version.delete_time = Some(profile.version.update_time);
            self.store.update_profile(profile, once.of(&())).await.map_err(Error::from)
        })
    }

    /// Takes a deletion back.
    pub async fn undelete_profile(
        &self,
        name: &ProfileName,
        etag: &str,
        once: Once<Profile>,
    ) -> Result<Profile> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut profile = self.store.profile(name).await?;
            admit_undelete(name, &profile.version, etag)?;
            let draft = Draft { content: profile.content, violations: Vec::new() };
            profile.content = self.check_profile(draft).await?;
            profile.version = profile.version.restored(once.stamp(self.now()));
            self.store.update_profile(profile.clone(), once.of(&profile)).await?;
            Ok(profile)
        })
    }

    /// Some of those that name a profile.
    async fn users_of_profile(&self, name: &ProfileName) -> Result<Vec<String>> {
        const SHOWN: usize = 3;
        let mut users = Vec::new();
        if self.settings.default_profile.as_ref() == Some(name) {
            users.push("the configuration (default_profile)".to_owned());
        }
        let filter = Filter::equal(&listing::LEAD, "profile", Operand::Text(name.to_string()));
        let query = Query { filter, limit: SHOWN, ..Query::default() };
        let leads = self.store.leads(query, self.present()).await?;
        users.extend(leads.into_iter().map(|record| record.lead.name.to_string()));
        Ok(users)
    }

    async fn check_profile(&self, draft: Draft<ProfileContent>) -> Result<ProfileContent> {
        let rules = self.rule_set()?;
        let Draft { content, violations } = draft;
        let mut c = Checker::resume("profile", violations);
        rules.check_profile(&mut c, &content);
        if let Some(segment) = &content.segment
            && !self.segment_exists(segment).await?
        {
            c.wrong_field("segment", format!("{segment} does not exist"));
        }
        Ok(c.finish(content)?)
    }

    pub(super) async fn segment_exists(&self, name: &SegmentName) -> Result<bool> {
        match self.store.canvas(&name.canvas_name()).await {
            Ok(canvas) => {
                Ok(canvas.version.delete_time.is_none() && canvas.segments.contains_key(&name.segment))
            }
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}
