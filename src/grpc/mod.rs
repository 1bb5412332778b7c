//! Floor 3: the wire. `services/` has a service a file: convert, call a use case, convert. `middleware/` is what every call
//! passes on its way there and back.

pub mod convert;
pub mod document;
pub mod dynamic;
mod http_json;
mod limits;
pub mod mask;
mod methods;
pub mod middleware;
mod once;
mod openapi;
pub mod page;
pub mod pb;
mod services;
pub mod status;

use std::sync::Arc;

use tonic::Status;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};

use services::{canvas, health, interview, lead, operations, profile, rules, scoring, segment};

use crate::app::App;
use crate::domain::check::{Checker, Invalid, Violation};

/// The names of our services, as health checks ask for them.
pub const SERVICES: [&str; 8] = [
    "assay.v1.CanvasService",
    "assay.v1.SegmentService",
    "assay.v1.ProfileService",
    "assay.v1.LeadService",
    "assay.v1.ScoringService",
    "assay.v1.RuleService",
    "assay.v1.InterviewService",
    "google.longrunning.Operations",
];

/// The most bytes of a request: a batch of 1,000 leads fits.
pub const MAX_MESSAGE: usize = 16 << 20;
/// The most bytes of a response. Well above the former: what was accepted and written must be answered.
pub const MAX_RESPONSE: usize = 256 << 20;
/// The most bytes of a lead to be scored, in a call or a stream: those of a stream are decoded on the spot.
const MAX_ITEM: usize = 4 << 20;

/// All services: ours, health, and reflection in both versions.
pub fn routes(app: &Arc<App>, health: impl Health) -> Result<Routes, tonic_reflection::server::Error> {
    macro_rules! mount {
        ($routes:expr, $server:ident :: $name:ident, $service:ident) => {
            mount!($routes, $server::$name, $service, MAX_MESSAGE)
        };
        ($routes:expr, $server:ident :: $name:ident, $service:ident, $most:expr) => {
            $routes.add_service(
                pb::$server::$name::new($service::Service(app.clone()))
                    .max_decoding_message_size($most)
                    .max_encoding_message_size(MAX_RESPONSE)
                    .accept_compressed(Gzip)
                    .send_compressed(Gzip),
            )
        };
    }
    let health = HealthServer::new(health::Standard(health));
    let routes = Routes::new(health.accept_compressed(Gzip));
    let routes = mount!(routes, canvas_service_server::CanvasServiceServer, canvas);
    let routes = mount!(routes, segment_service_server::SegmentServiceServer, segment);
    let routes = mount!(routes, profile_service_server::ProfileServiceServer, profile);
    let routes = mount!(routes, lead_service_server::LeadServiceServer, lead);
    let routes = mount!(routes, scoring_service_server::ScoringServiceServer, scoring, MAX_ITEM);
    let routes = mount!(routes, rule_service_server::RuleServiceServer, rules);
    let routes = mount!(routes, interview_service_server::InterviewServiceServer, interview);
    let routes = mount!(routes, operations_server::OperationsServer, operations);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // The details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let (newer, older) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    Ok(routes.add_service(newer.accept_compressed(Gzip)).add_service(older.accept_compressed(Gzip)).prepare())
}

/// The value that was read, if nothing was wrong with the request.
fn finish<T>(c: Checker, value: Option<T>) -> Result<T, Status> {
    match c.finish(value)? {
        Some(value) => Ok(value),
        // Whoever reads nothing notes why; this is the proof for the compiler.
        None => Err(Invalid::one("", "the request can't be read").into()),
    }
}

/// The name without which nothing can be done, or all that is wrong with the request.
fn given<T>(name: Option<T>, violations: &[Violation]) -> Result<T, Status> {
    name.ok_or_else(|| Invalid(violations.to_vec()).into())
}

/// An item's error within a batch or stream, with the details that a single call would carry.
fn item_error(error: Status) -> tonic_types::Status {
    use prost::Message as _;
    tonic_types::Status::decode(error.details()).unwrap_or_else(|_| tonic_types::Status {
        code: error.code() as i32,
        message: error.message().to_owned(),
        details: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_items_error_carries_its_details() {
        let error = item_error(status::plain(status::Reason::NoProfile, "none"));
        assert_eq!((error.code, error.message.as_str()), (tonic::Code::FailedPrecondition as i32, "none"));
        assert!(error.details[0].type_url.ends_with("google.rpc.ErrorInfo"));
    }

    #[test]
    fn our_services_are_those_of_the_descriptors() {
        let pool = prost_reflect::DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
        let mut found: Vec<_> = pool.services().map(|service| service.full_name().to_owned()).collect();
        let mut ours = SERVICES.map(String::from).to_vec();
        found.sort();
        ours.sort();
        assert_eq!(found, ours);
    }
}
