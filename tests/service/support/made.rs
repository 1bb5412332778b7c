//! Small valid resources.

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use prost_types::Timestamp;
use tonic::transport::Channel;

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

/// So many thousands of leads with long owners; gives [`heavy_filter`].
pub async fn heavy_leads(leads: &mut LeadServiceClient<Channel>, thousands: i32) -> String {
    for batch in 0..thousands {
        let item = |i: i32| {
            let lead = pb::Lead { owner: "o".repeat(200), ..company("Acme", Some(80)) };
            let id = format!("{batch}-{i}");
            pb::UpsertLead { id: id.clone(), lead: Some(with_id(lead, "crm", &id)), ..Default::default() }
        };
        let items = (0..1_000).map(item).collect();
        let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
        leads.batch_upsert_leads(request).await.unwrap();
    }
    heavy_filter()
}

/// A filter that looks at each of [`heavy_leads`] many times and finds none.
pub fn heavy_filter() -> String {
    let part = format!("owner:\"{}x\"", "o".repeat(25));
    vec![part; 99].join(" OR ")
}
