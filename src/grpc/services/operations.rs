use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::jobs::JobView;
use crate::domain::check::Checker;
use crate::domain::name::Id;
use crate::grpc::convert;
use crate::grpc::page::PageRequest;
use crate::grpc::{finish, pb};

/// The longest that a call waits.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub struct Service(pub Arc<App>);

/// The id in `operations/{operation}`.
pub fn operation(c: &mut Checker, field: &str, name: &str) -> Option<Id> {
    let id = name.strip_prefix("operations/").and_then(|id| id.parse().ok());
    let told =
        if name.is_empty() { "is required".into() } else { "must be operations/{operation}".to_owned() };
    c.require(id.is_some(), field, told);
    id
}

/// How long a call waits that wants to wait so long; `None` if that is less than nothing. The type's own conversion negates what
/// is negative, and there is one number that has no opposite.
fn longest_wait(wanted: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(wanted.seconds).ok()?;
    let nanos = u32::try_from(wanted.nanos).ok()?;
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())).min(LONGEST_WAIT))
}

#[tonic::async_trait]
impl pb::operations_server::Operations for Service {
    async fn list_operations(
        &self,
        request: Request<pb::ListOperationsRequest>,
    ) -> Result<Response<pb::ListOperationsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        c.require(
            matches!(request.name.as_str(), "" | "operations"),
            "name",
            "must be empty or \"operations\"",
        );
        c.require(request.filter.is_empty(), "filter", "must be empty: operations can't be filtered yet");
        let page = PageRequest::read(&mut c, "operations", "", request.page_size, &request.page_token);
        c.finish(())?;
        let found = self.0.jobs(page.window()).await?;
        let outward = |view: &JobView| convert::job::outward(view.clone());
        let (operations, next_page_token) = page.cut(found, |view| view.job.number.to_string(), outward);
        Ok(Response::new(pb::ListOperationsResponse { operations, next_page_token }))
    }

    async fn get_operation(
        &self,
        request: Request<pb::GetOperationRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let mut c = Checker::at("");
        let id = operation(&mut c, "name", &request.get_ref().name);
        let view = self.0.job(&finish(c, id)?).await?;
        Ok(Response::new(convert::job::outward(view)))
    }

    async fn delete_operation(
        &self,
        request: Request<pb::DeleteOperationRequest>,
    ) -> Result<Response<()>, Status> {
        let mut c = Checker::at("");
        let id = operation(&mut c, "name", &request.get_ref().name);
        Ok(Response::new(self.0.delete_job(&finish(c, id)?).await?))
    }

    async fn cancel_operation(
        &self,
        request: Request<pb::CancelOperationRequest>,
    ) -> Result<Response<()>, Status> {
        let mut c = Checker::at("");
        let id = operation(&mut c, "name", &request.get_ref().name);
        Ok(Response::new(self.0.cancel_job(&finish(c, id)?).await?))
    }

    async fn wait_operation(
        &self,
        request: Request<pb::WaitOperationRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let id = operation(&mut c, "name", &request.name);
        let most = request.timeout.map_or(Some(LONGEST_WAIT), longest_wait);
        c.require(most.is_some(), "timeout", "must be 0 or more");
        let most = most.unwrap_or_default();
        let view = self.0.wait_for_job(&finish(c, id)?, most).await?;
        Ok(Response::new(convert::job::outward(view)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_to_wait_is_understood_or_refused() {
        let wait = |seconds, nanos| longest_wait(prost_types::Duration { seconds, nanos });
        assert_eq!(wait(1, 500_000_000), Some(Duration::from_millis(1_500)));
        assert_eq!(wait(i64::MAX, i32::MAX), Some(LONGEST_WAIT));
        for (seconds, nanos) in [(-1, 0), (0, -1), (i64::MIN, 0), (0, i32::MIN), (i64::MIN, i32::MIN)] {
            assert_eq!(wait(seconds, nanos), None);
        }
    }
}
