//! gRPC health as it is standardised: a watch of a service that nobody knows says SERVICE_UNKNOWN and goes on, where
//! tonic-health ends it with an error.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

pub struct Standard<H>(pub H);

#[tonic::async_trait]
impl<H: Health> Health for Standard<H> {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.check(request).await
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        match self.0.watch(request).await {
            Ok(watch) => Ok(watch.map(|stream| stream.boxed())),
            Err(status) if status.code() == Code::NotFound => {
                let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown as i32 };
                let stream = futures::stream::iter([Ok(unknown)]).chain(futures::stream::pending());
                Ok(Response::new(stream.boxed()))
            }
            Err(other) => Err(other),
        }
    }
}
