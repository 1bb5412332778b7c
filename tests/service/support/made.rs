//! Small valid resources.

use assay::grpc::pb;
use prost_types::Timestamp;

pub fn company(name: &str, employees: Option<i64>) -> pb::Lead {
    let company = pb::Company { display_name: name.into(), employees, ..Default::default() };
    pb::Lead { subject: Some(pb::lead::Subject::Company(company)), ..Default::default() }
}

pub fn with_id(mut lead: pb::Lead, system: &str, id: &str) -> pb::Lead {
    lead.external_ids.insert(system.into(), id.into());
    lead
}

pub fn profile() -> pb::Profile {
    pb::Profile { display_name: "Test".into(), ..Default::default() }
}

pub fn canvas() -> pb::Canvas {
    pb::Canvas {
        display_name: "Test".into(),
        kind: pb::CanvasKind::BusinessModel as i32,
        ..Default::default()
    }
}

pub fn segment(name: &str) -> pb::Segment {
    pb::Segment { display_name: name.into(), ..Default::default() }
}

pub fn seconds(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// The time of the clock, `ago` seconds ago.
pub fn ago(ago: i64) -> Option<Timestamp> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    seconds(now.as_secs() as i64 - ago)
}

/// A script that gives `points` to everyone.
pub fn script(points: i32) -> String {
    format!(
        "rule \"all\" when subject_is_company then {points} because \"x\";\n\
         grade \"A\" when total >= 50;\ngrade \"D\" otherwise;\n"
    )
}
