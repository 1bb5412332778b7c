use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::derive_profile::stored::{Label, StoredLeads};
use crate::app::review_profile::{ReviewWanted, SignOff};
use crate::domain::check::Checker;
use crate::domain::golden::GoldenWeights;
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::name::ProfileName;
use crate::domain::profile::Profile;
use crate::domain::profile::doubts::Finding;
use crate::grpc::convert::{self, optional, parsed};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::{ListRequest, PageRequest, Wanted};
use crate::grpc::services::lead::operation;
use crate::grpc::services::operations;
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

    async fn check_profile(
        &self,
        request: Request<pb::CheckProfileRequest>,
    ) -> Result<Response<pb::CheckProfileResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name: Option<ProfileName> = parsed(&mut c, "name", &request.name);
        let name = finish(c, name)?;
        let (profile, portrait) = self.0.examine_profile(&name, &request.filter).await?;
        let found = profile.content.doubts(self.0.now()).into_iter();
        let mut found: Vec<Finding> = found.chain(profile.content.doubts_by_leads(&portrait)).collect();
        found.sort_by_key(|finding| finding.doubt.misconception());
        let doubt = |finding: &Finding| {
            let evidence = [finding.path.as_str(), finding.evidence.as_str()];
            let evidence: Vec<&str> = evidence.into_iter().filter(|part| !part.is_empty()).collect();
            pb::Warning {
                code: finding.doubt.as_str().into(),
                severity: pb::WarningSeverity::Warning as i32,
                text: finding.text(&request.language),
                evidence: evidence.join(": "),
                remedy: finding.doubt.misconception().remedy(&request.language).into(),
            }
        };
        let doubts = found.iter().map(doubt).collect();
        let coverage = convert::review::coverage_out(&portrait, &profile.content);
        Ok(Response::new(pb::CheckProfileResponse { doubts, ..coverage }))
    }

    async fn derive_profile(
        &self,
        request: Request<pb::DeriveProfileRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |c: Checker, once| {
            let folds = match request.folds {
                0 => 5,
                folds => usize::try_from(folds).unwrap_or(0),
            };
            let label = match &request.golden {
                Some(golden) => Label::Golden(weights(golden)),
                None => Label::Outcome { lost_reasons: request.lost_reasons.clone() },
            };
            let asked = StoredLeads {
                filter: request.filter.clone(),
                label,
                trusted: request.trusted_facts.clone(),
                ignored: request.ignored_facts.clone(),
                folds,
                seed: request.seed.unsigned_abs(),
                points: if request.points == 0 { 100 } else { request.points.into() },
                to_double_odds: (request.points_to_double_odds != 0)
                    .then(|| request.points_to_double_odds.into()),
                as_of: self.0.now(),
            };
            Ok(self.0.start_derivation(asked, c.draft(()).violations, once).await?)
        };
        mutation.answer(once::plain(operation), work).await
    }

    async fn review_profile(
        &self,
        request: Request<pb::ReviewProfileRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            let days = |days: i32, usual: i32| if days == 0 { usual } else { days };
            let (recent, reference) = (days(request.recent_days, 90), days(request.reference_days, 365));
            c.number("recent_days", Some(recent.into()), 7.0, 3_650.0);
            c.number("reference_days", Some(reference.into()), 7.0, 36_500.0);
            let wanted = ReviewWanted {
                profile: finish(c, name)?,
                as_of: self.0.now(),
                recent_days: recent.into(),
                reference_days: reference.into(),
                filter: request.filter.clone(),
            };
            Ok(self.0.start_review(wanted, once).await?)
        };
        mutation.answer(once::plain(operation), work).await
    }

    async fn complete_review(
        &self,
        request: Request<pb::CompleteReviewRequest>,
    ) -> Result<Response<pb::Profile>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            let review = match request.operation.is_empty() {
                true => None,
                false => operations::operation(&mut c, "operation", &request.operation),
            };
            let sign_off = SignOff {
                profile: finish(c, name)?,
                etag: request.etag.clone(),
                review,
                accepted: request.accepted.clone(),
            };
            Ok(self.0.complete_review(sign_off, once).await?)
        };
        mutation.answer(once::plain(convert::profile::outward), work).await
    }

    async fn list_overdue_reviews(
        &self,
        _: Request<pb::ListOverdueReviewsRequest>,
    ) -> Result<Response<pb::ListOverdueReviewsResponse>, Status> {
        let now = self.0.now();
        let overdue = self.0.overdue_reviews().await?;
        let reviews = overdue.iter().map(|overdue| convert::review::overdue_out(overdue, now)).collect();
        Ok(Response::new(pb::ListOverdueReviewsResponse { reviews }))
    }
}

/// The weights that are given, or the usual ones if none is.
fn weights(given: &pb::GoldenWeights) -> GoldenWeights {
    let usual = GoldenWeights::default();
    let least = if given.least == 0.0 { usual.least } else { given.least };
    let pb::GoldenWeights { renewals, upsell, payment, margin, .. } = *given;
    match [renewals, upsell, payment, margin] {
        [0.0, 0.0, 0.0, 0.0] => GoldenWeights { least, ..usual },
        _ => GoldenWeights { renewals, upsell, payment, margin, least },
    }
}
