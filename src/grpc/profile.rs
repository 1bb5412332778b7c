use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{self, optional, parsed};
use super::page::PageRequest;
use super::{finish, mask, pb};
use crate::app::App;
use crate::domain::check::Checker;
use crate::domain::name::ProfileName;
use crate::domain::profile::Profile;
use crate::storage::{Page, Window};

pub struct Service(pub Arc<App>);

#[tonic::async_trait]
impl pb::profile_service_server::ProfileService for Service {
    async fn create_profile(
        &self,
        request: Request<pb::CreateProfileRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        c.require(request.profile.is_some(), "profile", "is required");
        let id = optional(&mut c, "profile_id", &request.profile_id);
        let content =
            c.within("profile", |c| convert::profile::content(c, request.profile.unwrap_or_default()));
        let profile = self.0.create_profile(id, c.draft(content)).await?;
        Ok(Response::new(convert::profile::outward(&profile)))
    }

    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let profile = self.0.profile(&finish(c, name)?, request.revision).await?;
        Ok(Response::new(convert::profile::outward(&profile)))
    }

    async fn list_profiles(
        &self,
        request: Request<pb::ListProfilesRequest>,
    ) -> Result<Response<pb::ListProfilesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let scope = request.show_deleted.to_string();
        let page = PageRequest::read(&mut c, "profiles", &scope, request.page_size, &request.page_token);
        c.finish(())?;
        let range = Page { after: page.after.clone(), limit: page.limit() };
        let found = self.0.profiles(range, request.show_deleted).await?;
        let (found, next_page_token) = page.cut(found, |profile| profile.name.to_string());
        let profiles = found.iter().map(convert::profile::outward).collect();
        Ok(Response::new(pb::ListProfilesResponse { profiles, next_page_token }))
    }

    async fn update_profile(
        &self,
        request: Request<pb::UpdateProfileRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let pb::UpdateProfileRequest { profile, update_mask } = request.into_inner();
        let update = profile.unwrap_or_default();
        let mut c = Checker::at("");
        let name = parsed::<ProfileName>(&mut c, "profile.name", &update.name);
        mask::check(&mut c, "Profile", update_mask.as_ref());
        let name = finish(c, name)?;
        let edit = |current: &Profile| {
            let current = convert::profile::outward(current);
            mask::edit(
                "Profile",
                "profile",
                current,
                &update,
                update_mask.as_ref(),
                convert::profile::content,
            )
        };
        let profile = self.0.update_profile(&name, &update.etag, edit).await?;
        Ok(Response::new(convert::profile::outward(&profile)))
    }

    async fn delete_profile(
        &self,
        request: Request<pb::DeleteProfileRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        self.0.delete_profile(&finish(c, name)?, &request.etag).await?;
        Ok(Response::new(()))
    }

    async fn list_profile_revisions(
        &self,
        request: Request<pb::ListProfileRevisionsRequest>,
    ) -> Result<Response<pb::ListProfileRevisionsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        let page = PageRequest::read(
            &mut c,
            "profile revisions",
            &request.name,
            request.page_size,
            &request.page_token,
        );
        let window = Window { after: page.after_number(), limit: page.limit() };
        let found = self.0.profile_revisions(&finish(c, name)?, window).await?;
        let (found, next_page_token) = page.cut(found, |profile| profile.version.revision.to_string());
        let profiles = found.iter().map(convert::profile::outward).collect();
        Ok(Response::new(pb::ListProfileRevisionsResponse { profiles, next_page_token }))
    }
}
