use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::domain::check::Checker;
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::name::ProfileName;
use crate::domain::profile::Profile;
use crate::grpc::convert::{self, optional, parsed};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::{ListRequest, PageRequest, Wanted};
use crate::grpc::{finish, mask, pb};

pub struct Service(pub Arc<App>);

#[tonic::async_trait]
impl pb::profile_service_server::ProfileService for Service {
    async fn create_profile(
        &self,
        request: Request<pb::CreateProfileRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            c.require(request.profile.is_some(), "profile", "is required");
            let id = optional(&mut c, "profile_id", &request.profile_id);
            let profile = request.profile.unwrap_or_default();
            let content = c.within("profile", |c| convert::profile::content(c, profile));
            Ok(self.0.create_profile(id, c.draft(content), once).await?)
        };
        mutation.answer(once::plain(convert::profile::outward), work).await
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
        let wanted = Wanted {
            filter: &request.filter,
            order_by: &request.order_by,
            page_size: request.page_size,
            page_token: &request.page_token,
        };
        let scope = request.show_deleted.to_string();
        let list =
            ListRequest::read(&mut c, ("profiles", &scope), &listing::PROFILE, Order::default(), wanted);
        c.finish(())?;
        let found = self.0.profiles(list.query(), request.show_deleted).await?;
        let (profiles, next_page_token) =
            list.cut(found, |profile| profile.cursor(list.order()), convert::profile::outward);
        Ok(Response::new(pb::ListProfilesResponse { profiles, next_page_token }))
    }

    async fn update_profile(
        &self,
        request: Request<pb::UpdateProfileRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let pb::UpdateProfileRequest { profile, update_mask, .. } = request;
            let update = profile.unwrap_or_default();
            let name = parsed::<ProfileName>(&mut c, "profile.name", &update.name);
            mask::check(&mut c, "Profile", update_mask.as_ref());
            let name = finish(c, name)?;
            let edit = |current: &Profile| {
                let current = convert::profile::outward(current);
                let read = convert::profile::content;
                mask::edit("Profile", "profile", current, &update, update_mask.as_ref(), read)
            };
            Ok(self.0.update_profile(&name, &update.etag, once, edit).await?)
        };
        mutation.answer(once::plain(convert::profile::outward), work).await
    }

    async fn delete_profile(
        &self,
        request: Request<pb::DeleteProfileRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_profile(&finish(c, name)?, &request.etag, request.force, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn undelete_profile(
        &self,
        request: Request<pb::UndeleteProfileRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.undelete_profile(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::plain(convert::profile::outward), work).await
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
        let found = self.0.profile_revisions(&finish(c, name)?, page.window()).await?;
        let key = |profile: &Profile| profile.version.revision.to_string();
        let (profiles, next_page_token) = page.cut(found, key, convert::profile::outward);
        Ok(Response::new(pb::ListProfileRevisionsResponse { profiles, next_page_token }))
    }
}
