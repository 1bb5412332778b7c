//! Filters, orders and page tokens of the lists.

use assay::grpc::pb;
use tonic::Code;

use crate::support::{TestServer, failure, made};

async fn lead(server: &TestServer, id: &str, lead: pb::Lead) -> pb::Lead {
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: id.into(), ..Default::default() };
    server.leads().create_lead(request).await.unwrap().into_inner()
}

fn company(country: &str, employees: i64, owner: &str) -> pb::Lead {
    let company = pb::Company {
        country: country.into(),
        employees: Some(employees),
        display_name: "Acme".into(),
        ..Default::default()
    };
    pb::Lead { subject: Some(pb::lead::Subject::Company(company)), owner: owner.into(), ..Default::default() }
}

async fn names(server: &TestServer, filter: &str, order_by: &str) -> Vec<String> {
    let request =
        pb::ListLeadsRequest { filter: filter.into(), order_by: order_by.into(), ..Default::default() };
    let list = server.leads().list_leads(request).await.unwrap().into_inner();
    list.leads.into_iter().map(|lead| lead.name.trim_start_matches("leads/").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_are_filtered_and_ordered() {
    let server = TestServer::start().await;
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    server.profiles().create_profile(request).await.unwrap();
    lead(&server, "a", made::with_id(company("Deutschland", 10, "an"), "crm", "1")).await;
    lead(&server, "b", company(" Austria", 90, "bo")).await;
    lead(&server, "c", pb::Lead { stage: pb::LeadStage::Mql as i32, ..company("DE", 100, "") }).await;
    for (id, days) in [("b", 9), ("a", 3)] {
        let visit = pb::Activity {
            r#type: "page_visit".into(),
            time: made::ago(days * 86_400),
            ..Default::default()
        };
        let request = pb::RecordActivitiesRequest {
            lead: format!("leads/{id}"),
            activities: vec![visit],
            ..Default::default()
        };
        server.leads().record_activities(request).await.unwrap();
    }
    for id in ["a", "c"] {
        let request = pb::ScoreLeadRequest {
            subject: Some(pb::score_lead_request::Subject::Lead(format!("leads/{id}"))),
            profile_choice: Some(pb::score_lead_request::ProfileChoice::Profile("profiles/main".into())),
            record: true,
            ..Default::default()
        };
        server.scoring().score_lead(request).await.unwrap();
    }
    for (filter, order, expected) in [
        ("", "", ["a", "b", "c"].as_slice()),
        ("country = DE AND employees >= 50", "", &["c"]),
        ("NOT country = DE", "", &["b"]),
        // As facts.toml says what words mean, on either side.
        ("country IN (germany, FR) AND country != aut", "", &["a", "c"]),
        ("stage = LEAD_STAGE_MQL OR external_ids.crm = \"1\"", "name desc", &["c", "a"]),
        ("owner:*", "", &["a", "b"]),
        ("NOT status = disqualified", "", &["a", "c"]),
        ("stale = false", "", &["a", "c"]),
        ("", "last_activity_time", &["b", "a", "c"]),
        ("", "last_activity_time desc", &["a", "b", "c"]),
    ] {
        assert_eq!(names(&server, filter, order).await, expected, "{filter} by {order}");
    }
    // A write makes a score stale, which the filter sees as the resource shows it.
    let request = pb::UpdateLeadRequest {
        lead: Some(pb::Lead { name: "leads/a".into(), owner: "cy".into(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["owner".into()] }),
        ..Default::default()
    };
    server.leads().update_lead(request).await.unwrap();
    assert_eq!(names(&server, "stale = true", "").await, ["a"]);
    let request = pb::GetLeadRequest { name: "leads/a".into(), revision: 0 };
    let read = server.leads().get_lead(request).await.unwrap().into_inner();
    assert!(read.last_activity_time.is_some() && read.latest_score.is_some_and(|latest| latest.stale));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_only_with_the_same_filter_and_order() {
    let server = TestServer::start().await;
    for id in ["a", "b", "c", "d"] {
        lead(&server, id, company("DE", 10, if id == "b" { "" } else { "an" })).await;
    }
    let page = async |order_by: &str, filter: &str, page_token: String| {
        let request = pb::ListLeadsRequest {
            page_size: 1,
            order_by: order_by.into(),
            filter: filter.into(),
            page_token,
        };
        server.leads().list_leads(request).await.map(tonic::Response::into_inner)
    };
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let list = page("update_time desc", "owner = an", token.clone()).await.unwrap();
        found.extend(list.leads.into_iter().map(|lead| lead.name));
        if list.next_page_token.is_empty() {
            break;
        }
        token = list.next_page_token;
    }
    assert_eq!(found, ["leads/d", "leads/c", "leads/a"]);
    for (order, filter) in [("update_time", "owner = an"), ("update_time desc", "owner != an"), ("", "")] {
        let (code, _, fields) = failure(page(order, filter, token.clone()).await);
        assert_eq!(
            (code, fields),
            (Code::InvalidArgument, vec!["page_token".to_owned()]),
            "{order} {filter}"
        );
    }
    let (code, _, fields) = failure(page("owner", "ownr = an AND total = x", String::new()).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(fields, ["filter", "filter", "order_by"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_lists_are_filtered_and_ordered_too() {
    let server = TestServer::start().await;
    for (id, kind) in [("x", pb::CanvasKind::Lean), ("y", pb::CanvasKind::BusinessModel)] {
        let canvas =
            pb::Canvas { kind: kind as i32, display_name: format!("Canvas {id}"), ..Default::default() };
        let request =
            pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id: id.into(), ..Default::default() };
        server.canvases().create_canvas(request).await.unwrap();
    }
    let canvases = async |filter: &str, order_by: &str| {
        let request = pb::ListCanvasesRequest {
            filter: filter.into(),
            order_by: order_by.into(),
            ..Default::default()
        };
        let list = server.canvases().list_canvases(request).await.unwrap().into_inner().canvases;
        list.into_iter().map(|canvas| canvas.display_name).collect::<Vec<_>>()
    };
    assert_eq!(canvases("kind = CANVAS_KIND_LEAN", "").await, ["Canvas x"]);
    assert_eq!(
        canvases("display_name:Canvas AND NOT maturity:*", "display_name desc").await,
        ["Canvas y", "Canvas x"]
    );

    for (id, fit) in [("s", Some(0.2)), ("t", Some(0.9)), ("u", None)] {
        let segment = pb::Segment { fit, ..made::segment(id) };
        let request = pb::CreateSegmentRequest {
            parent: "canvases/x".into(),
            segment: Some(segment),
            segment_id: id.into(),
            ..Default::default()
        };
        server.segments().create_segment(request).await.unwrap();
    }
    let request = pb::ListSegmentsRequest {
        parent: "canvases/x".into(),
        filter: "fit > 0.1".into(),
        order_by: "update_time desc".into(),
        page_size: 1,
        ..Default::default()
    };
    let list = server.segments().list_segments(request.clone()).await.unwrap().into_inner();
    assert_eq!(list.segments[0].name, "canvases/x/segments/t");
    let request = pb::ListSegmentsRequest { page_token: list.next_page_token, ..request };
    let list = server.segments().list_segments(request).await.unwrap().into_inner();
    assert_eq!(
        (list.segments[0].name.as_str(), list.next_page_token.as_str()),
        ("canvases/x/segments/s", "")
    );

    for (id, days) in [("p", 90), ("q", 30)] {
        let review =
            pb::Review { cadence_days: days, last_time: made::seconds(1_780_000_000), ..Default::default() };
        let profile = pb::Profile { review: Some(review), ..made::profile() };
        let request =
            pb::CreateProfileRequest { profile: Some(profile), profile_id: id.into(), ..Default::default() };
        server.profiles().create_profile(request).await.unwrap();
    }
    let request = pb::ListProfilesRequest {
        filter: "scoring_script = default".into(),
        order_by: "next_review_time".into(),
        ..Default::default()
    };
    let list = server.profiles().list_profiles(request).await.unwrap().into_inner().profiles;
    assert_eq!(
        list.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>(),
        ["profiles/q", "profiles/p"]
    );

    lead(&server, "l", company("DE", 10, "")).await;
    for _ in 0..3 {
        let request = pb::ScoreLeadRequest {
            subject: Some(pb::score_lead_request::Subject::Lead("leads/l".into())),
            profile_choice: Some(pb::score_lead_request::ProfileChoice::Profile("profiles/p".into())),
            record: true,
            ..Default::default()
        };
        server.scoring().score_lead(request).await.unwrap();
    }
    let scores = async |filter: String, order_by: &str| {
        let request = pb::ListScoresRequest {
            parent: "leads/l".into(),
            filter,
            order_by: order_by.into(),
            ..Default::default()
        };
        let list = server.scoring().list_scores(request).await.unwrap().into_inner().scores;
        list.into_iter().map(|score| score.name.replace("leads/l/scores/", "")).collect::<Vec<_>>()
    };
    assert_eq!(scores(String::new(), "").await, ["3", "2", "1"]);
    assert_eq!(
        scores(format!("rule_set = {}", server.rule_set().await), "as_of_time").await,
        ["1", "2", "3"]
    );
    assert!(scores("as_of_time < 2020-01-01T00:00:00Z".into(), "").await.is_empty());
}
