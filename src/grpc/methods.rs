//! Every method of every service that is mounted, as the descriptors tell of it.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor, ServiceDescriptor};

use super::pb;

/// What is known of a method before it is called.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// As `package.Service/Method`.
    pub name: &'static str,
    /// What it takes; unknown for services that are not ours.
    pub input: Option<&'static MessageDescriptor>,
    pub streams_in: bool,
    pub streams_out: bool,
    pub is_health: bool,
    /// Whether it lists resources or looks at all of them: then it may take long, has places of its own, and another deadline.
    pub is_list: bool,
}

/// What callers name and nobody mounted: it gets no series of its own.
const OTHER: Method = Method {
    name: "_OTHER",
    input: None,
    streams_in: false,
    streams_out: false,
    is_health: false,
    is_list: false,
};

/// The methods that look at all leads there are.
const WALKS: [&str; 6] =
    ["GetFunnel", "ReportDisagreements", "ExploreLeads", "CheckProfile", "RankPains", "AssignServiceTiers"];

/// The method of a request's path.
pub fn of_path(path: &str) -> Method {
    METHODS.get(path.trim_start_matches('/')).copied().unwrap_or(OTHER)
}

static METHODS: LazyLock<HashMap<&'static str, Method>> = LazyLock::new(|| {
    let mut methods = HashMap::new();
    for service in pb::POOL.services() {
        note(&mut methods, &service, true);
    }
    let health = DescriptorPool::decode(tonic_health::pb::FILE_DESCRIPTOR_SET);
    for service in health.iter().flat_map(DescriptorPool::services) {
        note(&mut methods, &service, false);
    }
    for name in [
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        methods.insert(name, Method { name, streams_in: true, streams_out: true, ..OTHER });
    }
    methods
});

fn note(methods: &mut HashMap<&'static str, Method>, service: &ServiceDescriptor, ours: bool) {
    for method in service.methods() {
        // Kept for as long as the process runs, as the table is.
        let name: &'static str = format!("{}/{}", service.full_name(), method.name()).leak();
        let input = ours.then(|| &*Box::leak(Box::new(method.input())));
        let described = Method {
            name,
            input,
            streams_in: method.is_client_streaming(),
            streams_out: method.is_server_streaming(),
            is_health: name.starts_with("grpc.health."),
            is_list: method.name().starts_with("List") || WALKS.contains(&method.name()),
        };
        methods.insert(name, described);
    }
}
