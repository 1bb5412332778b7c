use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{self, optional, parsed};
use super::page::PageRequest;
use super::{finish, mask, pb};
use crate::app::App;
use crate::app::leads::LeadView;
use crate::domain::check::Checker;
use crate::domain::lead::Lead;
use crate::domain::name::LeadName;
use crate::storage::{Page, Window};

/// The most items of a batch.
const MAX_BATCH: usize = 1_000;

pub struct Service(pub Arc<App>);

#[tonic::async_trait]
impl pb::lead_service_server::LeadService for Service {
    async fn create_lead(
        &self,
        request: Request<pb::CreateLeadRequest>,
    ) -> Result<Response<pb::Lead>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        c.require(request.lead.is_some(), "lead", "is required");
        let id = optional(&mut c, "lead_id", &request.lead_id);
        let content = c.within("lead", |c| convert::lead::content(c, request.lead.unwrap_or_default()));
        let view = self.0.create_lead(id, c.draft(content)).await?;
        Ok(Response::new(convert::lead::view_out(&view)))
    }

    async fn get_lead(&self, request: Request<pb::GetLeadRequest>) -> Result<Response<pb::Lead>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let view = self.0.lead(&finish(c, name)?, request.revision).await?;
        Ok(Response::new(convert::lead::view_out(&view)))
    }

    async fn list_leads(
        &self,
        request: Request<pb::ListLeadsRequest>,
    ) -> Result<Response<pb::ListLeadsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let page = PageRequest::read(&mut c, "leads", "", request.page_size, &request.page_token);
        c.finish(())?;
        let found = self.0.leads(Page { after: page.after.clone(), limit: page.limit() }).await?;
        let (found, next_page_token) = page.cut(found, |view| view.record.lead.name.to_string());
        let leads = found.iter().map(convert::lead::view_out).collect();
        Ok(Response::new(pb::ListLeadsResponse { leads, next_page_token }))
    }

    async fn update_lead(
        &self,
        request: Request<pb::UpdateLeadRequest>,
    ) -> Result<Response<pb::Lead>, Status> {
        let pb::UpdateLeadRequest { lead, update_mask } = request.into_inner();
        let update = lead.unwrap_or_default();
        let mut c = Checker::at("");
        let name = parsed::<LeadName>(&mut c, "lead.name", &update.name);
        mask::check(&mut c, "Lead", update_mask.as_ref());
        let name = finish(c, name)?;
        let edit = |current: &Lead| {
            let current = convert::lead::outward(current);
            mask::edit("Lead", "lead", current, &update, update_mask.as_ref(), convert::lead::content)
        };
        let view = self.0.update_lead(&name, &update.etag, edit).await?;
        Ok(Response::new(convert::lead::view_out(&view)))
    }

    async fn delete_lead(&self, request: Request<pb::DeleteLeadRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        self.0.delete_lead(&finish(c, name)?, &request.etag).await?;
        Ok(Response::new(()))
    }

    async fn batch_upsert_leads(
        &self,
        request: Request<pb::BatchUpsertLeadsRequest>,
    ) -> Result<Response<pb::BatchUpsertLeadsResponse>, Status> {
        let pb::BatchUpsertLeadsRequest { system, items } = request.into_inner();
        let mut c = Checker::at("");
        c.length("system", &system, 1, 63);
        c.require(!items.is_empty(), "items", "needs at least one item");
        c.count("items", items.len(), MAX_BATCH);
        c.finish(())?;
        let mut ids = Vec::with_capacity(items.len());
        let mut drafts = Vec::with_capacity(items.len());
        for (i, item) in items.into_iter().enumerate() {
            let mut c = Checker::at(&format!("items[{i}].lead"));
            if item.lead.is_none() {
                c.wrong("is required");
            }
            let lead = item.lead.unwrap_or_default();
            let etag = lead.etag.clone();
            let content = convert::lead::content(&mut c, lead);
            drafts.push((c.draft(content), etag));
            ids.push(item.id);
        }
        let upserted = self.0.upsert_leads(&system, drafts).await?;
        let result = |(id, upserted): (String, crate::app::Result<(LeadView, bool)>)| {
            use pb::upsert_lead_result::Result as Outcome;
            let (created, result) = match upserted {
                Ok((view, created)) => (created, Outcome::Lead(convert::lead::view_out(&view))),
                Err(error) => (false, Outcome::Error(super::item_error(error.into()))),
            };
            pb::UpsertLeadResult { id, created, result: Some(result) }
        };
        let results = ids.into_iter().zip(upserted).map(result).collect();
        Ok(Response::new(pb::BatchUpsertLeadsResponse { results }))
    }

    async fn record_activities(
        &self,
        request: Request<pb::RecordActivitiesRequest>,
    ) -> Result<Response<pb::RecordActivitiesResponse>, Status> {
        let pb::RecordActivitiesRequest { lead, activities } = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "lead", &lead);
        c.require(!activities.is_empty(), "activities", "needs at least one item");
        c.count("activities", activities.len(), MAX_BATCH);
        let activities = convert::lead::activities(&mut c, activities, Some(self.0.now()));
        let draft = c.draft(activities);
        let name = super::given(name, &draft.violations)?;
        let activity_count = self.0.record_activities(&name, draft).await?;
        Ok(Response::new(pb::RecordActivitiesResponse { activity_count }))
    }

    async fn list_activities(
        &self,
        request: Request<pb::ListActivitiesRequest>,
    ) -> Result<Response<pb::ListActivitiesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent = parsed(&mut c, "parent", &request.parent);
        let page =
            PageRequest::read(&mut c, "activities", &request.parent, request.page_size, &request.page_token);
        let before = page.after_number().unwrap_or(0);
        let window = Window { after: page.after_number(), limit: page.limit() };
        let found = self.0.activities(&finish(c, parent)?, window).await?;
        let numbered = (before + 1..).zip(found).collect();
        let (found, next_page_token) = page.cut(numbered, |(number, _)| number.to_string());
        let activities = found.iter().map(|(_, activity)| convert::lead::activity_out(activity)).collect();
        Ok(Response::new(pb::ListActivitiesResponse { activities, next_page_token }))
    }

    async fn list_lead_revisions(
        &self,
        request: Request<pb::ListLeadRevisionsRequest>,
    ) -> Result<Response<pb::ListLeadRevisionsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        let page = PageRequest::read(
            &mut c,
            "lead revisions",
            &request.name,
            request.page_size,
            &request.page_token,
        );
        let window = Window { after: page.after_number(), limit: page.limit() };
        let found = self.0.lead_revisions(&finish(c, name)?, window).await?;
        let (found, next_page_token) = page.cut(found, |lead| lead.version.revision.to_string());
        let leads = found.iter().map(convert::lead::outward).collect();
        Ok(Response::new(pb::ListLeadRevisionsResponse { leads, next_page_token }))
    }
}
