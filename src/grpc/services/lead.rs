use std::collections::BTreeSet;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::funnel::Exploration;
use crate::app::leads::{Edit, LeadView, UpsertDraft, UpsertResult};
use crate::app::rank_pains::PainsWanted;
use crate::app::service_tiers::TiersWanted;
use crate::app::transition_lead::Step;
use crate::app::{App, Error};
use crate::domain::check::Checker;
use crate::domain::filter::Filter;
use crate::domain::funnel::{GradeRange, GroupBy, MAX_SHARE, MIN_SHARE};
use crate::domain::job::Job;
use crate::domain::lead::{Lead, LeadStage};
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::name::LeadName;
use crate::domain::service_tier::{PotentialWeights, Tier};
use crate::grpc::convert::{self, optional, parsed, stated};
use crate::grpc::limits;
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::{ListRequest, PageRequest, Wanted};
use crate::grpc::{finish, mask, pb};
use crate::storage::{Logged, StoreError};

/// The most items of a batch.
const MAX_BATCH: usize = 1_000;

pub struct Service(pub Arc<App>);

fn one_lead(view: &LeadView) -> (pb::Lead, Vec<LeadName>) {
    (convert::lead::view_out(view), vec![view.record.lead.name.clone()])
}

/// The lead that an error names.
fn named(error: &Error) -> Option<LeadName> {
    match error {
        Error::EtagMismatch(name)
        | Error::Store(
            StoreError::Conflict(name) | StoreError::NotFound(name) | StoreError::AlreadyExists(name),
        ) => name.parse().ok(),
        Error::Store(StoreError::ExternalIdTaken { lead, .. }) => lead.parse().ok(),
        _ => None,
    }
}

fn upserted(ids: &[String], results: &[UpsertResult]) -> (pb::BatchUpsertLeadsResponse, Vec<LeadName>) {
    use pb::upsert_lead_result::Result as Outcome;
    let mut names = Vec::with_capacity(results.len());
    let mut result = |(id, upserted): (&String, &UpsertResult)| {
        let (created, changed, result) = match upserted {
            Ok((view, created, changed)) => {
                let (lead, mut name) = one_lead(view);
                names.append(&mut name);
                (*created, *changed, Outcome::Lead(lead))
            }
            Err(error) => {
                names.extend(named(error));
                (false, false, Outcome::Error(crate::grpc::item_error(error.clone().into())))
            }
        };
        pb::UpsertLeadResult { id: id.clone(), created, changed, result: Some(result) }
    };
    let results = ids.iter().zip(results).map(&mut result).collect();
    (pb::BatchUpsertLeadsResponse { results }, names)
}

#[tonic::async_trait]
impl pb::lead_service_server::LeadService for Service {
    async fn create_lead(
        &self,
        request: Request<pb::CreateLeadRequest>,
    ) -> Result<Response<pb::Lead>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            c.require(request.lead.is_some(), "lead", "is required");
            let id = optional(&mut c, "lead_id", &request.lead_id);
            let content = c.within("lead", |c| convert::lead::draft(c, request.lead.unwrap_or_default()));
            Ok(self.0.create_lead(id, c.draft(content), once).await?)
        };
        mutation.answer(one_lead, work).await
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
        let wanted = Wanted {
            filter: &request.filter,
            order_by: &request.order_by,
            page_size: request.page_size,
            page_token: &request.page_token,
        };
        let list = ListRequest::read(&mut c, ("leads", ""), &listing::LEAD, Order::default(), wanted);
        c.finish(())?;
        let found = self.0.leads(list.query()).await?;
        let (leads, next_page_token) =
            list.cut(found, |view| view.record.cursor(list.order()), convert::lead::view_out);
        Ok(Response::new(pb::ListLeadsResponse { leads, next_page_token }))
    }

    async fn update_lead(
        &self,
        request: Request<pb::UpdateLeadRequest>,
    ) -> Result<Response<pb::Lead>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let pb::UpdateLeadRequest { lead, update_mask, .. } = request;
            let update = lead.unwrap_or_default();
            let name = parsed::<LeadName>(&mut c, "lead.name", &update.name);
            mask::check(&mut c, "Lead", update_mask.as_ref());
            let name = finish(c, name)?;
            let edit = |current: &Lead| {
                let current = convert::lead::outward(current);
                mask::edit("Lead", "lead", current, &update, update_mask.as_ref(), convert::lead::draft)
            };
            Ok(self.0.update_lead(&name, &update.etag, once, edit).await?)
        };
        mutation.answer(one_lead, work).await
    }

    async fn delete_lead(&self, request: Request<pb::DeleteLeadRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_lead(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn batch_upsert_leads(
        &self,
        request: Request<pb::BatchUpsertLeadsRequest>,
    ) -> Result<Response<pb::BatchUpsertLeadsResponse>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let ids: Arc<[String]> = request.items.iter().map(|item| item.id.clone()).collect();
        let work = async |mut c: Checker, once| {
            let pb::BatchUpsertLeadsRequest { system, items, update_mask: batch_mask, .. } = request;
            c.length("system", &system, 1, 63);
            c.require(!items.is_empty(), "items", "needs at least one item");
            c.count("items", items.len(), MAX_BATCH);
            mask::check(&mut c, "Lead", batch_mask.as_ref());
            c.finish(())?;
            let mut drafts = Vec::with_capacity(items.len());
            for (i, item) in items.into_iter().enumerate() {
                let mut c = Checker::at(&format!("items[{i}].lead"));
                if item.lead.is_none() {
                    c.wrong("is required");
                }
                let lead = item.lead.unwrap_or_default();
                limits::check_item(&mut c, &lead);
                let update_mask = item.update_mask.or_else(|| batch_mask.clone());
                mask::check(&mut c, "Lead", update_mask.as_ref());
                let etag = lead.etag.clone();
                let replaces = update_mask.as_ref().is_some_and(|mask| mask.paths == ["*"]);
                let edit = (!replaces).then(|| {
                    let (update, field) = (lead.clone(), format!("items[{i}].lead"));
                    let edit = move |current: &Lead| {
                        let current = convert::lead::outward(current);
                        let read = convert::lead::draft;
                        mask::edit("Lead", &field, current, &update, update_mask.as_ref(), read)
                    };
                    Arc::new(edit) as Arc<Edit>
                });
                let draft = convert::lead::draft(&mut c, lead);
                drafts.push(UpsertDraft { draft: c.draft(draft), etag, edit });
            }
            Ok(self.0.upsert_leads(&system, drafts, once).await?)
        };
        mutation.answer(move |results: &Vec<UpsertResult>| upserted(&ids, results), work).await
    }

    async fn record_activities(
        &self,
        request: Request<pb::RecordActivitiesRequest>,
    ) -> Result<Response<pb::RecordActivitiesResponse>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let (given, now) = (request.activities.len(), self.0.now());
        let told_of: Vec<LeadName> = request.lead.parse().into_iter().collect();
        let doubts = convert::lead::doubts(&request.activities, now);
        let answer = move |logged: &Logged| {
            let repeated_count = (given - logged.done.min(given)) as i32;
            let (activity_count, warnings) = (logged.count, doubts.clone());
            (pb::RecordActivitiesResponse { activity_count, repeated_count, warnings }, told_of.clone())
        };
        let work = async |mut c: Checker, once| {
            let pb::RecordActivitiesRequest { lead, activities, .. } = request;
            let name = parsed(&mut c, "lead", &lead);
            c.require(!activities.is_empty(), "activities", "needs at least one item");
            c.count("activities", activities.len(), MAX_BATCH);
            let activities = convert::lead::activities(&mut c, activities, Some(now));
            let draft = c.draft(activities);
            let name = crate::grpc::given(name, &draft.violations)?;
            Ok(self.0.record_activities(&name, draft, once).await?)
        };
        mutation.answer(answer, work).await
    }

    async fn delete_activities(
        &self,
        request: Request<pb::DeleteActivitiesRequest>,
    ) -> Result<Response<pb::DeleteActivitiesResponse>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let told_of: Vec<LeadName> = request.lead.parse().into_iter().collect();
        let work = async |mut c: Checker, once| {
            let pb::DeleteActivitiesRequest { lead, ids, .. } = request;
            let name = parsed(&mut c, "lead", &lead);
            c.require(!ids.is_empty(), "ids", "needs at least one id");
            c.count("ids", ids.len(), MAX_BATCH);
            Ok(self.0.delete_activities(&finish(c, name)?, ids, once).await?)
        };
        let answer = move |logged: &Logged| {
            let (deleted_count, activity_count) = (logged.done as i32, logged.count);
            (pb::DeleteActivitiesResponse { deleted_count, activity_count }, told_of.clone())
        };
        mutation.answer(answer, work).await
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
        let found = self.0.activities(&finish(c, parent)?, page.window()).await?;
        let (activities, next_page_token) =
            page.cut(found, |(number, _)| number.to_string(), convert::lead::activity_out);
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
        let found = self.0.lead_revisions(&finish(c, name)?, page.window()).await?;
        let key = |lead: &Lead| lead.version.revision.to_string();
        let (leads, next_page_token) = page.cut(found, key, convert::lead::outward);
        Ok(Response::new(pb::ListLeadRevisionsResponse { leads, next_page_token }))
    }

    async fn transition_lead(
        &self,
        request: Request<pb::TransitionLeadRequest>,
    ) -> Result<Response<pb::Lead>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            let to = stated(&mut c, "stage", request.stage, LeadStage::New);
            let name = finish(c, name)?;
            let step = Step { to, reason: request.reason, odds: None };
            Ok(self.0.transition_lead(&name, &request.etag, &step, once).await?)
        };
        mutation.answer(one_lead, work).await
    }

    async fn get_funnel(
        &self,
        request: Request<pb::GetFunnelRequest>,
    ) -> Result<Response<pb::GetFunnelResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let filter = Filter::read(&mut c, &request.filter, &listing::LEAD);
        let group_by = request.group_by.iter().enumerate();
        let group_by = group_by
            .map(|(i, by)| stated(&mut c, &format!("group_by[{i}]"), *by, GroupBy::Grade))
            .collect::<Vec<_>>();
        c.finish(())?;
        let funnel = self.0.funnel(filter, group_by).await?;
        let rules = self.0.rule_set()?;
        Ok(Response::new(convert::funnel::funnel_out(funnel, &rules.vocabulary.reasons)))
    }

    async fn report_disagreements(
        &self,
        request: Request<pb::ReportDisagreementsRequest>,
    ) -> Result<Response<pb::ReportDisagreementsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let filter = Filter::read(&mut c, &request.filter, &listing::LEAD);
        let grades = GradeRange {
            high: grades_of(request.high_grades, &["A"]),
            low: grades_of(request.low_grades, &LOW_GRADES),
        };
        let common = grades.high.intersection(&grades.low).next();
        c.require(common.is_none(), "low_grades", "must have no grade that is high too");
        let limit = limit_of(&mut c, request.limit, 50);
        c.finish(())?;
        let report = self.0.disagreements(filter, grades).await?;
        Ok(Response::new(convert::funnel::disagreements_out(&report, limit)))
    }

    async fn explore_leads(
        &self,
        request: Request<pb::ExploreLeadsRequest>,
    ) -> Result<Response<pb::ExploreLeadsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let share = if request.share == 0.0 { 0.03 } else { request.share };
        c.number("share", Some(share), MIN_SHARE, MAX_SHARE);
        let exploration = Exploration {
            filter: Filter::read(&mut c, &request.filter, &listing::LEAD),
            grades: grades_of(request.grades, &LOW_GRADES),
            share,
            seed: request.seed,
            limit: limit_of(&mut c, request.limit, 200),
            is_dry: request.validate_only,
            change: convert::change(&mut c, request.change),
        };
        c.finish(())?;
        let explored = self.0.explore(exploration).await?;
        Ok(Response::new(convert::funnel::explored_out(explored, share)))
    }

    async fn rank_pains(
        &self,
        request: Request<pb::RankPainsRequest>,
    ) -> Result<Response<pb::RankPainsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let canvas = optional(&mut c, "canvas", &request.canvas);
        c.finish(())?;
        let wanted = PainsWanted { attributes: request.attributes, filter: request.filter, canvas };
        let found = self.0.rank_pains(wanted).await?;
        Ok(Response::new(convert::after_sale::pains_out(&found, &request.language)))
    }

    async fn assign_service_tiers(
        &self,
        request: Request<pb::AssignServiceTiersRequest>,
    ) -> Result<Response<pb::AssignServiceTiersResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        c.require(!request.tiers.is_empty(), "tiers", "needs at least one");
        let tiers = c.each("tiers", request.tiers, |c, tier| {
            c.length("name", &tier.name, 1, 200);
            let capacity = tier.capacity.map(u64::try_from);
            c.require(!matches!(capacity, Some(Err(_))), "capacity", "must be 0 or more");
            Tier { name: tier.name, capacity: capacity.and_then(Result::ok) }
        });
        let given = [request.fit_weight, request.value_weight, request.golden_weight];
        for (field, weight) in ["fit_weight", "value_weight", "golden_weight"].into_iter().zip(given) {
            c.number(field, Some(weight), 0.0, 1e6);
        }
        let weights = match given {
            [0.0, 0.0, 0.0] => PotentialWeights::default(),
            [fit, value, golden] => PotentialWeights { fit, value, golden },
        };
        c.finish(())?;
        let wanted = TiersWanted { filter: request.filter, tiers: tiers.clone(), weights };
        let assigned = self.0.assign_service_tiers(wanted).await?;
        Ok(Response::new(convert::after_sale::tiers_out(&assigned, &tiers)))
    }

    async fn apply_retention(
        &self,
        request: Request<pb::ApplyRetentionRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |c: Checker, once| {
            c.finish(())?;
            Ok(self.0.start_retention(request.validate_only, once).await?)
        };
        mutation.answer(once::plain(operation), work).await
    }
}

/// A job that was started.
pub fn operation(job: &Job) -> pb::Operation {
    convert::job::outward(job.clone().into())
}

/// The grades that promise little, unless a request says otherwise.
const LOW_GRADES: [&str; 2] = ["C", "D"];

fn grades_of(given: Vec<String>, usual: &[&str]) -> BTreeSet<String> {
    match given.is_empty() {
        true => usual.iter().map(ToString::to_string).collect(),
        false => given.into_iter().collect(),
    }
}

/// How many leads an answer tells of, at most 1,000.
fn limit_of(c: &mut Checker, limit: i32, usual: usize) -> usize {
    c.number("limit", Some(limit.into()), 0.0, 1_000.0);
    if limit == 0 { usual } else { usize::try_from(limit).unwrap_or_default() }
}
