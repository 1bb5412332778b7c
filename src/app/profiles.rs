//! Profiles: created, changed, deleted. Their revisions stay for ever.

use super::once::Once;
use super::{App, Error, Result, admit, until_written};
use crate::domain::check::{Checker, Draft};
use crate::domain::listing::Query;
use crate::domain::name::{Id, ProfileName, SegmentName};
use crate::domain::profile::{Profile, ProfileContent};
use crate::domain::version::Version;
use crate::storage::{StoreError, Window};

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
            let profile = Profile { name: name.clone(), version: Version::first(self.now()), content };
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

    pub async fn profiles(&self, query: Query, deleted: bool) -> Result<Vec<Profile>> {
        Ok(self.store.profiles(query, deleted).await?)
    }

    pub async fn profile_revisions(&self, name: &ProfileName, window: Window) -> Result<Vec<Profile>> {
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
            let version = profile.version.next(self.now());
            let profile = Profile { name: name.clone(), version, content };
            self.store.update_profile(profile.clone(), once.of(&profile)).await?;
            Ok(profile)
        })
    }

    pub async fn delete_profile(&self, name: &ProfileName, etag: &str, once: Once<()>) -> Result<()> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut profile = self.store.profile(name).await?;
            admit(name, &profile.version, etag)?;
            profile.version = profile.version.next(self.now());
            profile.version.delete_time = Some(profile.version.update_time);
            self.store.update_profile(profile, once.of(&())).await.map_err(Error::from)
        })
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
