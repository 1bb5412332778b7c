use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::rank_stability::Draws;
use crate::domain::check::Checker;
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::name::{CanvasName, Id, LeadName, PersonaName, SegmentName};
use crate::domain::segment::{Persona, Segment};
use crate::grpc::convert::{self, optional, parsed};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::{ListRequest, PageRequest, Wanted};
use crate::grpc::{finish, mask, pb};
use crate::priority::aside_of_tasks;

pub struct Service(pub Arc<App>);

impl Service {
    fn out(&self, name: &SegmentName, segment: &Segment) -> pb::Segment {
        convert::segment::outward(name, segment, self.0.now())
    }

    /// As [`Service::out`], but of one time: an answer that is kept says the same again.
    fn answer(&self) -> impl Fn(&(SegmentName, Segment)) -> (pb::Segment, Vec<LeadName>) + Clone + use<> {
        let now = self.0.now();
        once::plain(move |(name, segment): &(SegmentName, Segment)| {
            convert::segment::outward(name, segment, now)
        })
    }
}

fn persona_out((name, persona): &(PersonaName, Persona)) -> (pb::Persona, Vec<LeadName>) {
    (convert::segment::persona_out(name, persona), Vec::new())
}

#[tonic::async_trait]
impl pb::segment_service_server::SegmentService for Service {
    async fn create_segment(
        &self,
        request: Request<pb::CreateSegmentRequest>,
    ) -> Result<Response<pb::Segment>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let parent = parsed::<CanvasName>(&mut c, "parent", &request.parent);
            c.require(request.segment.is_some(), "segment", "is required");
            let id = optional(&mut c, "segment_id", &request.segment_id);
            let segment = request.segment.unwrap_or_default();
            let content = c.within("segment", |c| convert::segment::content(c, segment));
            let draft = c.draft(content);
            let parent = crate::grpc::given(parent, &draft.violations)?;
            Ok(self.0.create_segment(&parent, id, draft, once).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn get_segment(
        &self,
        request: Request<pb::GetSegmentRequest>,
    ) -> Result<Response<pb::Segment>, Status> {
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.get_ref().name);
        let name = finish(c, name)?;
        let segment = self.0.segment(&name).await?;
        Ok(Response::new(self.out(&name, &segment)))
    }

    async fn list_segments(
        &self,
        request: Request<pb::ListSegmentsRequest>,
    ) -> Result<Response<pb::ListSegmentsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let wanted = Wanted {
            filter: &request.filter,
            order_by: &request.order_by,
            page_size: request.page_size,
            page_token: &request.page_token,
        };
        let parent = parsed::<CanvasName>(&mut c, "parent", &request.parent);
        let list = ListRequest::read(
            &mut c,
            ("segments", &request.parent),
            &listing::SEGMENT,
            Order::default(),
            wanted,
        );
        let parent = finish(c, parent)?;
        let found = self.0.segments(&parent, list.query()).await?;
        let name = |id: &Id| SegmentName { canvas: parent.canvas.clone(), segment: id.clone() };
        let outward = |(id, segment): &(Id, _)| self.out(&name(id), segment);
        let (segments, next_page_token) = list.cut(found, |segment| segment.cursor(list.order()), outward);
        Ok(Response::new(pb::ListSegmentsResponse { segments, next_page_token }))
    }

    async fn update_segment(
        &self,
        request: Request<pb::UpdateSegmentRequest>,
    ) -> Result<Response<pb::Segment>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let pb::UpdateSegmentRequest { segment, update_mask, .. } = request;
            let update = segment.unwrap_or_default();
            let name = parsed::<SegmentName>(&mut c, "segment.name", &update.name);
            mask::check(&mut c, "Segment", update_mask.as_ref());
            let name = finish(c, name)?;
            let edit = |current: &Segment| {
                let current = self.out(&name, current);
                let read = convert::segment::content;
                mask::edit("Segment", "segment", current, &update, update_mask.as_ref(), read)
            };
            Ok(self.0.update_segment(&name, &update.etag, once, edit).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn delete_segment(
        &self,
        request: Request<pb::DeleteSegmentRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_segment(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn create_persona(
        &self,
        request: Request<pb::CreatePersonaRequest>,
    ) -> Result<Response<pb::Persona>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let parent = parsed::<SegmentName>(&mut c, "parent", &request.parent);
            c.require(request.persona.is_some(), "persona", "is required");
            let id = optional(&mut c, "persona_id", &request.persona_id);
            let persona = request.persona.unwrap_or_default();
            let content = c.within("persona", |c| convert::segment::persona_content(c, persona));
            let draft = c.draft(content);
            let parent = crate::grpc::given(parent, &draft.violations)?;
            Ok(self.0.create_persona(&parent, id, draft, once).await?)
        };
        mutation.answer(persona_out, work).await
    }

    async fn get_persona(
        &self,
        request: Request<pb::GetPersonaRequest>,
    ) -> Result<Response<pb::Persona>, Status> {
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.get_ref().name);
        let name = finish(c, name)?;
        let persona = self.0.persona(&name).await?;
        Ok(Response::new(convert::segment::persona_out(&name, &persona)))
    }

    async fn list_personas(
        &self,
        request: Request<pb::ListPersonasRequest>,
    ) -> Result<Response<pb::ListPersonasResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent = parsed::<SegmentName>(&mut c, "parent", &request.parent);
        let page =
            PageRequest::read(&mut c, "personas", &request.parent, request.page_size, &request.page_token);
        let parent = finish(c, parent)?;
        let found = self.0.personas(&parent, page.after.as_deref(), page.limit()).await?;
        let outward = |(persona, content): &(Id, Persona)| {
            let SegmentName { canvas, segment } = parent.clone();
            convert::segment::persona_out(&PersonaName { canvas, segment, persona: persona.clone() }, content)
        };
        let (personas, next_page_token) = page.cut(found, |(id, _)| id.to_string(), outward);
        Ok(Response::new(pb::ListPersonasResponse { personas, next_page_token }))
    }

    async fn update_persona(
        &self,
        request: Request<pb::UpdatePersonaRequest>,
    ) -> Result<Response<pb::Persona>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let pb::UpdatePersonaRequest { persona, update_mask, .. } = request;
            let update = persona.unwrap_or_default();
            let name = parsed::<PersonaName>(&mut c, "persona.name", &update.name);
            mask::check(&mut c, "Persona", update_mask.as_ref());
            let name = finish(c, name)?;
            let edit = |current: &Persona| {
                let current = convert::segment::persona_out(&name, current);
                let read = convert::segment::persona_content;
                mask::edit("Persona", "persona", current, &update, update_mask.as_ref(), read)
            };
            Ok(self.0.update_persona(&name, &update.etag, once, edit).await?)
        };
        mutation.answer(persona_out, work).await
    }

    async fn delete_persona(
        &self,
        request: Request<pb::DeletePersonaRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_persona(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn prioritize_segments(
        &self,
        request: Request<pb::PrioritizeSegmentsRequest>,
    ) -> Result<Response<pb::PrioritizeSegmentsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent = parsed(&mut c, "parent", &request.parent);
        let script = Some(request.script.as_str()).filter(|script| !script.is_empty());
        let ranking = self.0.prioritize_segments(&finish(c, parent)?, script).await?;
        Ok(Response::new(pb::PrioritizeSegmentsResponse {
            rule_set: ranking.rules.name(),
            canvas_revision: ranking.canvas_revision,
            priorities: ranking.priorities.into_iter().map(convert::segment::priority_out).collect(),
        }))
    }

    async fn assess_relationships(
        &self,
        request: Request<pb::AssessRelationshipsRequest>,
    ) -> Result<Response<pb::AssessRelationshipsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent: Option<CanvasName> = parsed(&mut c, "parent", &request.parent);
        let canvas = self.0.live_canvas(&finish(c, parent)?).await?;
        let language = if request.language.is_empty() { &canvas.content.language } else { &request.language };
        let assessments = canvas.relationships(self.0.now());
        Ok(Response::new(pb::AssessRelationshipsResponse {
            assessments: assessments
                .into_iter()
                .map(|one| convert::relationship::assessment_out(&canvas.name, one, language))
                .collect(),
            canvas_revision: canvas.version.revision,
        }))
    }

    async fn match_value_propositions(
        &self,
        request: Request<pb::MatchValuePropositionsRequest>,
    ) -> Result<Response<pb::MatchValuePropositionsResponse>, Status> {
        let mut c = Checker::at("");
        let parent: Option<CanvasName> = parsed(&mut c, "parent", &request.get_ref().parent);
        let canvas = self.0.live_canvas(&finish(c, parent)?).await?;
        let matches = aside_of_tasks(|| {
            let matches = canvas.value_matches().into_iter();
            matches.map(|one| convert::relationship::match_out(&canvas.name, &one)).collect()
        });
        let canvas_revision = canvas.version.revision;
        Ok(Response::new(pb::MatchValuePropositionsResponse { matches, canvas_revision }))
    }

    async fn allocate_resources(
        &self,
        request: Request<pb::AllocateResourcesRequest>,
    ) -> Result<Response<pb::AllocateResourcesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent: Option<CanvasName> = parsed(&mut c, "parent", &request.parent);
        let budget = convert::relationship::budget(&mut c, &request, parent.as_ref());
        let script = Some(request.script.as_str()).filter(|script| !script.is_empty());
        let parent = finish(c, parent)?;
        let split = self.0.allocate_resources(&parent, budget, script, &request.language).await?;
        let share = |amount: i64| amount as f64 / request.budget.max(1) as f64;
        let allocations = split.allotted.into_iter().map(|allotted| pb::Allocation {
            segment: format!("{parent}/segments/{}", allotted.segment),
            display_name: allotted.display_name,
            rank: i32::try_from(allotted.rank).unwrap_or(i32::MAX),
            amount: allotted.share.amount,
            share: share(allotted.share.amount),
            reason: allotted.reason,
        });
        Ok(Response::new(pb::AllocateResourcesResponse {
            allocations: allocations.collect(),
            unallocated: split.unallocated,
            rule_set: split.ranking.rules.name(),
            canvas_revision: split.ranking.canvas_revision,
        }))
    }

    async fn test_rank_stability(
        &self,
        request: Request<pb::TestRankStabilityRequest>,
    ) -> Result<Response<pb::TestRankStabilityResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent: Option<CanvasName> = parsed(&mut c, "parent", &request.parent);
        c.require(
            (0..=10_000).contains(&request.draws),
            "draws",
            "must lie within 1 and 10,000, or be 0 for 1,000",
        );
        c.number("spread", request.spread, 0.0, 1.0);
        let script = Some(request.script.as_str()).filter(|script| !script.is_empty());
        let parent = finish(c, parent)?;
        let count = if request.draws == 0 { 1_000 } else { request.draws };
        let draws = Draws {
            count: usize::try_from(count).unwrap_or(1),
            spread: request.spread.unwrap_or(0.2),
            seed: u64::from_le_bytes(request.seed.to_le_bytes()),
        };
        let found = self.0.rank_stability(&parent, script, draws).await?;
        let name = |segment: &Id| format!("{parent}/segments/{segment}");
        let rank = |rank: u32| i32::try_from(rank).unwrap_or(i32::MAX);
        let segments = found.places.iter().map(|place| pb::RankStability {
            segment: name(&place.segment),
            display_name: place.display_name.clone(),
            rank: rank(place.rank),
            same_rank: place.same_rank,
            first: place.first,
            mean_rank: place.mean_rank,
            best_rank: rank(place.best),
            worst_rank: rank(place.worst),
        });
        let changes = found.overtakings.iter().map(|change| pb::RankChange {
            segment: name(&change.segment),
            passes: name(&change.passes),
            fact: change.fact.clone(),
            before: change.before,
            after: change.after,
        });
        Ok(Response::new(pb::TestRankStabilityResponse {
            segments: segments.collect(),
            changes: changes.collect(),
            draws: count,
            rule_set: found.ranking.rules.name(),
            canvas_revision: found.ranking.canvas_revision,
        }))
    }

    async fn count_segment_leads(
        &self,
        request: Request<pb::CountSegmentLeadsRequest>,
    ) -> Result<Response<pb::CountSegmentLeadsResponse>, Status> {
        let mut c = Checker::at("");
        let parent: Option<CanvasName> = parsed(&mut c, "parent", &request.get_ref().parent);
        let segments = self.0.segment_leads(&finish(c, parent)?).await?;
        let segments = segments
            .into_iter()
            .map(|(name, display_name, leads)| convert::relationship::leads_out(&name, display_name, &leads));
        Ok(Response::new(pb::CountSegmentLeadsResponse { segments: segments.collect() }))
    }
}
