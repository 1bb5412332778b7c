use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::interviews::{MAX_INTERVIEWS, ProposalsWanted};
use crate::domain::check::Checker;
use crate::domain::interview::{Interview, InterviewName, InterviewParent};
use crate::domain::name::LeadName;
use crate::grpc::convert::{self, optional, parsed};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::PageRequest;
use crate::grpc::services::lead::operation;
use crate::grpc::{finish, pb};

pub struct Service(pub Arc<App>);

/// The answer that tells of an interview, with the lead that it was with.
fn answer(interview: &Interview) -> (pb::Interview, Vec<LeadName>) {
    let lead = match &interview.name.parent {
        InterviewParent::Lead(lead) => vec![lead.clone()],
        InterviewParent::Segment(_) => Vec::new(),
    };
    (convert::interview::outward(interview), lead)
}

#[tonic::async_trait]
impl pb::interview_service_server::InterviewService for Service {
    async fn create_interview(
        &self,
        request: Request<pb::CreateInterviewRequest>,
    ) -> Result<Response<pb::Interview>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let parent = parsed(&mut c, "parent", &request.parent);
            let id = optional(&mut c, "interview_id", &request.interview_id);
            let draft = convert::interview::draft(request.interview);
            Ok(self.0.create_interview(finish(c, parent)?, id, draft, once).await?)
        };
        mutation.answer(answer, work).await
    }

    async fn get_interview(
        &self,
        request: Request<pb::GetInterviewRequest>,
    ) -> Result<Response<pb::Interview>, Status> {
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.into_inner().name);
        let interview = self.0.interview(&finish(c, name)?).await?;
        Ok(Response::new(convert::interview::outward(&interview)))
    }

    async fn list_interviews(
        &self,
        request: Request<pb::ListInterviewsRequest>,
    ) -> Result<Response<pb::ListInterviewsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let parent = parsed(&mut c, "parent", &request.parent);
        let page =
            PageRequest::read(&mut c, "interviews", &request.parent, request.page_size, &request.page_token);
        let found = self.0.interviews(&finish(c, parent)?, page.window()).await?;
        let key = |(number, _): &(i64, Interview)| number.to_string();
        let outward = |(_, interview): &(i64, Interview)| convert::interview::outward(interview);
        let (interviews, next_page_token) = page.cut(found, key, outward);
        Ok(Response::new(pb::ListInterviewsResponse { interviews, next_page_token }))
    }

    async fn delete_interview(
        &self,
        request: Request<pb::DeleteInterviewRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_interview(&finish(c, name)?, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn propose_criteria(
        &self,
        request: Request<pb::ProposeCriteriaRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            c.require(!request.interviews.is_empty(), "interviews", "needs at least one");
            c.count("interviews", request.interviews.len(), MAX_INTERVIEWS);
            let names =
                c.each("interviews", &request.interviews, |c, name| parsed::<InterviewName>(c, "", name));
            let interviews = c.finish(names)?.into_iter().flatten().collect();
            Ok(self.0.start_proposals(ProposalsWanted { interviews }, once).await?)
        };
        mutation.answer(once::plain(operation), work).await
    }
}
