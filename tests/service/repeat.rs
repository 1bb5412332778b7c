//! Calls that are repeated under their request id: answered alike, done once.

use assay::grpc::pb;
use prost::Message as _;
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{TestServer, failure, made};

/// Calls a method twice with the same request; gives the answer, which was the same byte for byte.
macro_rules! twice {
    ($client:expr, $method:ident, $request:expr) => {{
        let request = $request;
        let first = $client.$method(request.clone()).await.unwrap().into_inner();
        let again = $client.$method(request).await.unwrap().into_inner();
        assert_eq!(first.encode_to_vec(), again.encode_to_vec(), stringify!($method));
        first
    }};
}

fn id(name: &str) -> String {
    format!("request-{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_can_be_repeated() {
    let server = TestServer::start().await;
    let mask = |path: &str| Some(FieldMask { paths: vec![path.into()] });
    let canvas = twice!(
        server.canvases(),
        create_canvas,
        pb::CreateCanvasRequest { canvas: Some(made::canvas()), request_id: id("a"), ..Default::default() }
    );
    // With the etag of before, a repetition that was done again would be refused.
    let canvas = twice!(
        server.canvases(),
        update_canvas,
        pb::UpdateCanvasRequest {
            canvas: Some(pb::Canvas { display_name: "Other".into(), ..canvas }),
            update_mask: mask("display_name"),
            request_id: id("b"),
            ..Default::default()
        }
    );
    assert_eq!(canvas.revision, 2);
    let segment = twice!(
        server.segments(),
        create_segment,
        pb::CreateSegmentRequest {
            parent: canvas.name.clone(),
            segment: Some(made::segment("Trades")),
            request_id: id("c"),
            ..Default::default()
        }
    );
    let segment = twice!(
        server.segments(),
        update_segment,
        pb::UpdateSegmentRequest {
            segment: Some(pb::Segment { display_name: "Crafts".into(), ..segment }),
            update_mask: mask("display_name"),
            request_id: id("d"),
            ..Default::default()
        }
    );
    let persona = twice!(
        server.segments(),
        create_persona,
        pb::CreatePersonaRequest {
            parent: segment.name.clone(),
            persona: Some(pb::Persona { display_name: "Rosa".into(), ..Default::default() }),
            request_id: id("e"),
            ..Default::default()
        }
    );
    let persona = twice!(
        server.segments(),
        update_persona,
        pb::UpdatePersonaRequest {
            persona: Some(pb::Persona { quote: "Soon".into(), ..persona }),
            update_mask: mask("quote"),
            request_id: id("f"),
            ..Default::default()
        }
    );
    let profile = twice!(
        server.profiles(),
        create_profile,
        pb::CreateProfileRequest {
            profile: Some(made::profile()),
            request_id: id("g"),
            ..Default::default()
        }
    );
    let profile = twice!(
        server.profiles(),
        update_profile,
        pb::UpdateProfileRequest {
            profile: Some(pb::Profile { display_name: "Other".into(), ..profile }),
            update_mask: mask("display_name"),
            request_id: id("h"),
            ..Default::default()
        }
    );
    let create = pb::CreateLeadRequest {
        lead: Some(pb::Lead { profile: profile.name.clone(), ..made::company("Acme", Some(80)) }),
        lead_id: "acme".into(),
        request_id: id("i"),
        ..Default::default()
    };
    let lead = twice!(server.leads(), create_lead, create.clone());
    let lead = twice!(
        server.leads(),
        update_lead,
        pb::UpdateLeadRequest {
            lead: Some(pb::Lead { owner: "an".into(), ..lead }),
            update_mask: mask("owner"),
            request_id: id("j"),
            ..Default::default()
        }
    );
    assert_eq!(lead.revision, 2);
    let visit = pb::Activity { r#type: "page_visit".into(), time: made::ago(60), ..Default::default() };
    let recorded = twice!(
        server.leads(),
        record_activities,
        pb::RecordActivitiesRequest { lead: lead.name.clone(), activities: vec![visit], request_id: id("k") }
    );
    assert_eq!(recorded.activity_count, 1);
    let taken_back = twice!(
        server.leads(),
        delete_activities,
        pb::DeleteActivitiesRequest { lead: lead.name.clone(), ids: vec!["#1".into()], request_id: id("t") }
    );
    assert_eq!((taken_back.deleted_count, taken_back.activity_count), (1, 2));
    let score = twice!(
        server.scoring(),
        score_lead,
        pb::ScoreLeadRequest {
            subject: Some(pb::score_lead_request::Subject::Lead(lead.name.clone())),
            record: true,
            request_id: id("l"),
            ..Default::default()
        }
    );
    assert!(score.name.ends_with("/scores/1"));
    let item = |crm: &str| pb::UpsertLead {
        id: crm.into(),
        lead: Some(made::with_id(made::company(if crm == "2" { "" } else { "Acme" }, None), "crm", crm)),
        ..Default::default()
    };
    let upserted = twice!(
        server.leads(),
        batch_upsert_leads,
        pb::BatchUpsertLeadsRequest {
            system: "crm".into(),
            items: vec![item("1"), item("2"), item("3")],
            request_id: id("m"),
            ..Default::default()
        }
    );
    // Done again, the items would not be new, and the failed one fails alike.
    assert_eq!(upserted.results.iter().map(|result| result.created).collect::<Vec<_>>(), [true, false, true]);

    let etag = String::new;
    twice!(
        server.leads(),
        delete_lead,
        pb::DeleteLeadRequest { name: lead.name.clone(), etag: etag(), request_id: id("n") }
    );
    twice!(
        server.segments(),
        delete_persona,
        pb::DeletePersonaRequest {
            name: persona.name,
            etag: persona.etag,
            request_id: id("o"),
            ..Default::default()
        }
    );
    twice!(
        server.segments(),
        delete_segment,
        pb::DeleteSegmentRequest {
            name: segment.name,
            etag: etag(),
            request_id: id("p"),
            ..Default::default()
        }
    );
    twice!(
        server.profiles(),
        delete_profile,
        pb::DeleteProfileRequest {
            name: profile.name.clone(),
            etag: profile.etag,
            request_id: id("q"),
            force: false,
            ..Default::default()
        }
    );
    let profile = twice!(
        server.profiles(),
        undelete_profile,
        pb::UndeleteProfileRequest { name: profile.name, request_id: id("s"), ..Default::default() }
    );
    assert_eq!(profile.revision, 4);
    let (code, reason, _) = failure(
        server
            .profiles()
            .undelete_profile(pb::UndeleteProfileRequest { name: profile.name.clone(), ..Default::default() })
            .await,
    );
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    let gone = pb::DeleteProfileRequest { name: profile.name, ..Default::default() };
    server.profiles().delete_profile(gone).await.unwrap();
    twice!(
        server.canvases(),
        delete_canvas,
        pb::DeleteCanvasRequest {
            name: canvas.name.clone(),
            etag: etag(),
            request_id: id("r"),
            ..Default::default()
        }
    );
    let canvas = twice!(
        server.canvases(),
        undelete_canvas,
        pb::UndeleteCanvasRequest { name: canvas.name, request_id: id("t"), ..Default::default() }
    );
    assert!(canvas.delete_time.is_none());

    // What was said of the lead is erased with it, but not that its creation was done.
    let (code, reason, _) = failure(server.leads().create_lead(create).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_under_the_same_id_is_refused_and_a_failed_one_can_be_mended() {
    let server = TestServer::start().await;
    let create = |name: &str| pb::CreateLeadRequest {
        lead: Some(made::company(name, None)),
        lead_id: "acme".into(),
        request_id: "once".into(),
        ..Default::default()
    };
    let (code, reason, _) = failure(server.leads().create_lead(create("")).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "INVALID_FIELDS"),
        "nothing was done or kept"
    );
    server.leads().create_lead(create("Acme")).await.unwrap();
    let (code, reason, fields) = failure(server.leads().create_lead(create("Other")).await);
    assert_eq!(
        (code, reason.as_str(), fields),
        (Code::InvalidArgument, "REQUEST_ID_REUSED", vec!["request_id".into()])
    );
    // The same id of another method is another request.
    let delete =
        pb::DeleteLeadRequest { name: "leads/acme".into(), request_id: "once".into(), ..Default::default() };
    server.leads().delete_lead(delete).await.unwrap();

    let bad = pb::CreateLeadRequest { request_id: "two words".into(), ..create("") };
    let (_, reason, fields) = failure(server.leads().create_lead(bad).await);
    assert_eq!(
        (reason.as_str(), fields),
        ("INVALID_FIELDS", vec!["request_id".into(), "lead.company.display_name".into()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_same_request_many_times_at_once_one_is_done() {
    let server = TestServer::start().await;
    let request = pb::CreateLeadRequest {
        lead: Some(made::company("Acme", None)),
        request_id: "same".into(),
        ..Default::default()
    };
    let calls = (0..20).map(|_| {
        let (mut leads, request) = (server.leads(), request.clone());
        tokio::spawn(async move { leads.create_lead(request).await.unwrap().into_inner() })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let list = server.leads().list_leads(pb::ListLeadsRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.leads, [answers[0].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_itself_is_no_answer() {
    let server = TestServer::start_with(|_| {}, assay::config::Settings::default()).await;
    let item = pb::UpsertLead {
        id: "1".into(),
        lead: Some(made::with_id(made::company("Acme", None), "crm", "1")),
        ..Default::default()
    };
    let request = pb::BatchUpsertLeadsRequest {
        system: "crm".into(),
        items: vec![item],
        request_id: "early".into(),
        ..Default::default()
    };
    let (code, reason, _) = failure(server.leads().batch_upsert_leads(request.clone()).await);
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "NO_RULES"));
    std::fs::create_dir_all(server.scripts.join("lead_scoring")).unwrap();
    server.write("lead_scoring/default.rhai", &made::script(5));
    server.wait_for_rules(|status| status.active.is_some()).await;
    let answer = server.leads().batch_upsert_leads(request).await.unwrap().into_inner();
    assert!(answer.results[0].created, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_names_a_lead_in_an_error_is_erased_with_it_too() {
    let server = TestServer::start().await;
    let create = pb::CreateLeadRequest {
        lead: Some(made::with_id(made::company("Acme", None), "erp", "john")),
        lead_id: "secret-person".into(),
        ..Default::default()
    };
    server.leads().create_lead(create).await.unwrap();
    let lead = made::with_id(made::with_id(made::company("Other", None), "erp", "john"), "crm", "1");
    let items = vec![pb::UpsertLead { id: "1".into(), lead: Some(lead), ..Default::default() }];
    let request = pb::BatchUpsertLeadsRequest {
        system: "crm".into(),
        items,
        request_id: "b".into(),
        ..Default::default()
    };
    let answer = server.leads().batch_upsert_leads(request.clone()).await.unwrap().into_inner();
    assert!(format!("{answer:?}").contains("secret-person"));
    let delete = pb::DeleteLeadRequest { name: "leads/secret-person".into(), ..Default::default() };
    server.leads().delete_lead(delete).await.unwrap();
    let again = server.leads().batch_upsert_leads(request).await;
    assert!(!format!("{again:?}").contains("secret-person"), "{again:?}");
    assert_eq!(failure(again).0, Code::NotFound);
}

/// A new mutation must not be forgotten here.
#[test]
fn every_mutation_takes_a_request_id() {
    let pool = prost_reflect::DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
    let mutates = |name: &str| {
        [
            "Create",
            "Update",
            "Delete",
            "Undelete",
            "Batch",
            "Record",
            "Edit",
            "Restore",
            "Fork",
            "Import",
            "Transition",
            "Derive",
            "Review",
            "Complete",
            "Apply",
            "Analyze",
            "Publish",
            "Activate",
            "Rollback",
            "Accept",
            "Start",
            "Stop",
            "Propose",
        ]
        .iter()
        .any(|verb| name.starts_with(verb))
            || name == "ScoreLead"
    };
    let mut mutations = 0;
    // Operations are as they are standardised, and what is done to one twice is done once.
    let ours = pool.services().filter(|service| service.package_name() == "assay.v1");
    for method in ours.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let has_id = method.input().get_field_by_name("request_id").is_some();
        assert_eq!(has_id, mutates(method.name()), "{}", method.full_name());
        mutations += usize::from(has_id);
    }
    assert_eq!(mutations, 40);
}
