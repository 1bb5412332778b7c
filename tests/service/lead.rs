use assay::grpc::pb::{self, upsert_lead_result};
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{TestServer, failure, made};

async fn create(server: &TestServer, id: &str, lead: pb::Lead) -> Result<pb::Lead, tonic::Status> {
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: id.into(), ..Default::default() };
    server.leads().create_lead(request).await.map(tonic::Response::into_inner)
}

async fn upsert(server: &TestServer, items: Vec<pb::UpsertLead>) -> Vec<pb::UpsertLeadResult> {
    let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
    server.leads().batch_upsert_leads(request).await.unwrap().into_inner().results
}

fn item(id: &str, lead: pb::Lead) -> pb::UpsertLead {
    pb::UpsertLead { id: id.into(), lead: Some(lead), ..Default::default() }
}

fn stored(result: &pb::UpsertLeadResult) -> &pb::Lead {
    match &result.result {
        Some(upsert_lead_result::Result::Lead(lead)) => lead,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_keeps_its_revisions_and_its_changes_of_stage() {
    let server = TestServer::start().await;
    let first = create(&server, "acme", made::company("Acme", Some(5))).await.unwrap();
    assert_eq!((first.revision, first.stage()), (1, pb::LeadStage::New));
    let second = pb::Lead { stage: pb::LeadStage::Mql as i32, ..first.clone() };
    let mask = FieldMask { paths: vec!["stage".into()] };
    let request = pb::UpdateLeadRequest { lead: Some(second), update_mask: Some(mask), ..Default::default() };
    let second = server.leads().update_lead(request).await.unwrap().into_inner();
    assert_eq!(second.revision, 2);
    let changes: Vec<_> = second.stage_changes.iter().map(|change| (change.from(), change.to())).collect();
    assert_eq!(changes, [(pb::LeadStage::New, pb::LeadStage::Mql)]);
    let request = pb::GetLeadRequest { name: "leads/acme".into(), revision: 1 };
    assert_eq!(server.leads().get_lead(request).await.unwrap().into_inner(), first);
    let request =
        pb::ListLeadRevisionsRequest { name: "leads/acme".into(), page_size: 1, ..Default::default() };
    let page = server.leads().list_lead_revisions(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.leads[0].revision, 2);
    let request = pb::ListLeadRevisionsRequest { page_token: page.next_page_token, ..request };
    let page = server.leads().list_lead_revisions(request).await.unwrap().into_inner();
    assert_eq!((page.leads[0].revision, page.next_page_token.as_str()), (1, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_create_replace_and_fail_item_by_item() {
    let server = TestServer::start().await;
    let acme = made::with_id(made::company("Acme", Some(5)), "crm", "1");
    let also_shop = made::with_id(made::with_id(made::company("Beta", None), "crm", "2"), "shop", "s2");
    let results = upsert(&server, vec![item("a", acme.clone()), item("b", also_shop)]).await;
    assert!(results.iter().all(|result| result.created));
    let name = stored(&results[0]).name.clone();

    let grown = made::with_id(made::company("Acme", Some(6)), "crm", "1");
    let bad = made::with_id(made::company("", Some(-6)), "crm", "4");
    let thief = made::with_id(made::with_id(made::company("Thief", None), "crm", "3"), "shop", "s2");
    let results = upsert(
        &server,
        vec![
            item("a", grown.clone()),
            item("bad", bad),
            item("nameless", made::company("Nobody", None)),
            item("thief", thief),
            item("twice", grown.clone()),
            item("new", made::with_id(made::company("New", None), "crm", "5")),
        ],
    )
    .await;
    let ids: Vec<_> = results.iter().map(|result| result.id.as_str()).collect();
    assert_eq!(ids, ["a", "bad", "nameless", "thief", "twice", "new"]);
    assert_eq!((stored(&results[0]).name.as_str(), stored(&results[0]).revision), (name.as_str(), 2));
    assert!(!results[0].created && results[5].created);
    let reasons: Vec<_> = results[1..5]
        .iter()
        .map(|result| match &result.result {
            Some(upsert_lead_result::Result::Error(error)) => {
                use tonic_types::StatusExt as _;
                let details: bytes::Bytes = prost::Message::encode_to_vec(error).into();
                let status = tonic::Status::with_details(Code::from(error.code), "", details);
                status.get_error_details().error_info().unwrap().reason.clone()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons, ["INVALID_FIELDS", "INVALID_FIELDS", "EXTERNAL_ID_TAKEN", "INVALID_FIELDS"]);

    let same = upsert(&server, vec![item("a", grown)]).await;
    assert_eq!(stored(&same[0]).revision, 2, "what does not change makes no revision");
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_are_appended_without_a_revision() {
    let server = TestServer::start().await;
    create(&server, "acme", made::company("Acme", None)).await.unwrap();
    let activity =
        |kind: &str, ago| pb::Activity { r#type: kind.into(), time: made::ago(ago), ..Default::default() };
    let record = async |activities| {
        let request =
            pb::RecordActivitiesRequest { lead: "leads/acme".into(), activities, ..Default::default() };
        server.leads().record_activities(request).await.map(|answer| answer.into_inner().activity_count)
    };
    assert_eq!(record(vec![activity("page_visit", 60), activity("page_visit", 30)]).await.unwrap(), 2);
    assert_eq!(record(vec![activity("demo_request", 10)]).await.unwrap(), 3);
    let lead =
        server.leads().get_lead(pb::GetLeadRequest { name: "leads/acme".into(), revision: 0 }).await.unwrap();
    assert_eq!(lead.into_inner().revision, 1);

    let late = pb::Activity { known_time: made::ago(-3600), ..activity("page_visit", 0) };
    let nan = pb::Activity { amount: Some(f64::NAN), time: None, ..activity("page_vist", 0) };
    let (code, _, fields) = failure(record(vec![activity("page_visit", 0), late, nan]).await);
    assert_eq!(code, Code::InvalidArgument);
    let expected =
        ["activities[2].time", "activities[1].known_time", "activities[2].type", "activities[2].amount"];
    assert_eq!(fields, expected, "all or none");

    let value = |kind| pb::Value { kind: Some(kind) };
    let page_of = |page: pb::Value| [("page".to_owned(), page)].into();
    let text = value(pb::value::Kind::Text("/prices".into()));
    let told = pb::Activity { properties: page_of(text.clone()), ..activity("page_visit", 5) };
    let wrong = pb::Activity { properties: page_of(value(pb::value::Kind::Number(1.0))), ..told.clone() };
    let unknown = pb::Activity { properties: page_of(text), ..activity("demo_request", 5) };
    let (_, _, fields) = failure(record(vec![wrong, unknown]).await);
    assert_eq!(fields, ["activities[0].properties[\"page\"]", "activities[1].properties[\"page\"]"]);
    assert_eq!(record(vec![told.clone()]).await.unwrap(), 4);
    let request = pb::ListActivitiesRequest { parent: "leads/acme".into(), ..Default::default() };
    let all = server.leads().list_activities(request).await.unwrap().into_inner().activities;
    assert_eq!(all.last().unwrap().properties, told.properties);

    let request =
        pb::ListActivitiesRequest { parent: "leads/acme".into(), page_size: 2, ..Default::default() };
    let page = server.leads().list_activities(request.clone()).await.unwrap().into_inner();
    let request = pb::ListActivitiesRequest { page_token: page.next_page_token.clone(), ..request };
    let rest = server.leads().list_activities(request).await.unwrap().into_inner();
    let kinds: Vec<_> = page.activities.iter().chain(&rest.activities).map(|a| a.r#type.as_str()).collect();
    assert_eq!(kinds, ["page_visit", "page_visit", "demo_request", "page_visit"]);
    let nobody = pb::RecordActivitiesRequest {
        lead: "leads/nobody".into(),
        activities: vec![activity("meeting", 5)],
        ..Default::default()
    };
    assert_eq!(failure(server.leads().record_activities(nobody).await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_lead_is_told_at_once() {
    let server = TestServer::start().await;
    let text = |text: &str| pb::FactValue {
        value: Some(pb::Value { kind: Some(pb::value::Kind::Text(text.into())) }),
        ..Default::default()
    };
    let contact = pb::Contact {
        seniority: "hed".into(),
        decision_role: "boss".into(),
        inbound: -1,
        ..Default::default()
    };
    let mut lead = made::company("", Some(-1));
    lead.stage = 99;
    lead.profile = "profiles/none".into();
    lead.contacts = Some(pb::ContactList { contacts: vec![contact] });
    lead.attributes = [
        ("urgency".to_owned(), text("noww")),
        ("urgncy".to_owned(), text("now")),
        ("pain_intensity".to_owned(), text("much")),
        ("budget".to_owned(), pb::FactValue::default()),
    ]
    .into();
    lead.outcome = Some(pb::Outcome::default());
    let (code, _, fields) = failure(create(&server, "acme", lead).await);
    assert_eq!(code, Code::InvalidArgument);
    let expected = [
        "lead.attributes[\"budget\"].value",
        "lead.stage",
        "lead.outcome.kind",
        "lead.company.display_name",
        "lead.company.employees",
        "lead.contacts.contacts[0].inbound",
        "lead.contacts.contacts[0].seniority",
        "lead.contacts.contacts[0].decision_role",
        "lead.attributes[\"pain_intensity\"].value",
        "lead.attributes[\"urgency\"].value",
        "lead.attributes[\"urgncy\"]",
        "lead.profile",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_removes_everything_for_good() {
    let server = TestServer::start().await;
    let lead = made::with_id(made::company("Acme", None), "crm", "1");
    let first = create(&server, "acme", lead.clone()).await.unwrap();
    let stale = pb::DeleteLeadRequest { name: first.name.clone(), etag: "old".into(), ..Default::default() };
    assert_eq!(failure(server.leads().delete_lead(stale).await).1, "ETAG_MISMATCH");
    let request =
        pb::DeleteLeadRequest { name: first.name.clone(), etag: first.etag.clone(), ..Default::default() };
    server.leads().delete_lead(request.clone()).await.unwrap();
    for revision in [0, 1] {
        let request = pb::GetLeadRequest { name: first.name.clone(), revision };
        assert_eq!(failure(server.leads().get_lead(request).await).0, Code::NotFound);
    }
    assert_eq!(failure(server.leads().delete_lead(request).await).0, Code::NotFound);
    let again = create(&server, "acme", lead).await.unwrap();
    assert_ne!(again.etag, first.etag, "an etag of the former lead guards nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_with_one_etag_one_wins() {
    let server = TestServer::start().await;
    let lead = create(&server, "acme", made::company("Acme", None)).await.unwrap();
    let writers = (0..16).map(|i| {
        let mut leads = server.leads();
        let lead = pb::Lead { owner: format!("owner-{i}"), ..lead.clone() };
        tokio::spawn(async move {
            leads
                .update_lead(pb::UpdateLeadRequest {
                    lead: Some(lead),
                    update_mask: None,
                    ..Default::default()
                })
                .await
        })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            Ok(_) => won += 1,
            Err(status) => assert_eq!(status.code(), Code::Aborted),
        }
    }
    assert_eq!(won, 1);
    let now = server.leads().get_lead(pb::GetLeadRequest { name: lead.name, revision: 0 }).await.unwrap();
    assert_eq!(now.into_inner().revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_without_an_etag_take_turns() {
    let server = TestServer::start().await;
    let lead = create(&server, "acme", made::company("Acme", None)).await.unwrap();
    let writers = (0..64).map(|i| {
        let mut leads = server.leads();
        let lead = pb::Lead { owner: format!("owner-{i}"), etag: String::new(), ..lead.clone() };
        let mask = FieldMask { paths: vec!["owner".into()] };
        tokio::spawn(async move {
            leads
                .update_lead(pb::UpdateLeadRequest {
                    lead: Some(lead),
                    update_mask: Some(mask),
                    ..Default::default()
                })
                .await
                .unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let now = server.leads().get_lead(pb::GetLeadRequest { name: lead.name, revision: 0 }).await.unwrap();
    assert_eq!(now.into_inner().revision, 65);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_valid_stays_changeable_when_what_it_points_to_goes() {
    let server = TestServer::start().await;
    let request = pb::CreateProfileRequest {
        profile: Some(made::profile()),
        profile_id: "main".into(),
        ..Default::default()
    };
    server.profiles().create_profile(request).await.unwrap();
    let lead = pb::Lead { profile: "profiles/main".into(), ..made::company("Acme", None) };
    let lead = create(&server, "acme", lead).await.unwrap();
    let request =
        pb::DeleteProfileRequest { name: "profiles/main".into(), force: true, ..Default::default() };
    server.profiles().delete_profile(request).await.unwrap();
    let lead = pb::Lead { owner: "an".into(), ..lead };
    let request = pb::UpdateLeadRequest { lead: Some(lead), update_mask: None, ..Default::default() };
    assert_eq!(server.leads().update_lead(request).await.unwrap().into_inner().owner, "an");
    let again = pb::Lead { profile: "profiles/main".into(), ..made::company("Beta", None) };
    assert_eq!(failure(create(&server, "beta", again).await).2, ["lead.profile"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn violations_beyond_what_a_header_holds_are_counted() {
    let server = TestServer::start().await;
    let contact = pb::Contact { seniority: "no such seniority".into(), ..Default::default() };
    let contacts = Some(pb::ContactList { contacts: vec![contact; 300] });
    let (code, _, fields) =
        failure(create(&server, "x", pb::Lead { contacts, ..made::company("Acme", None) }).await);
    assert_eq!(code, Code::InvalidArgument);
    assert!(fields.len() > 10 && fields.len() < 100, "{}", fields.len());
    assert_eq!(fields.last().map(String::as_str), Some(""), "and so many more");
    let request = pb::GetLeadRequest { name: "x".repeat(20_000), revision: 0 };
    assert_eq!(failure(server.leads().get_lead(request).await).2, ["name"]);
}

fn set(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changes_what_it_says_and_keeps_the_rest() {
    let server = TestServer::start().await;
    let upsert = async |lead: pb::Lead, of_item, of_batch| {
        let item = pb::UpsertLead { id: "1".into(), lead: Some(lead), update_mask: of_item };
        let request = pb::BatchUpsertLeadsRequest {
            system: "crm".into(),
            items: vec![item],
            update_mask: of_batch,
            ..Default::default()
        };
        server.leads().batch_upsert_leads(request).await.unwrap().into_inner().results.remove(0)
    };
    let stored = |result: pb::UpsertLeadResult| match result.result {
        Some(pb::upsert_lead_result::Result::Lead(lead)) => lead,
        other => panic!("{other:?}"),
    };
    let whole = pb::Lead {
        owner: "an".into(),
        source: "fair".into(),
        ..made::with_id(made::company("Acme", Some(80)), "crm", "1")
    };
    // A new lead gets everything, whatever the mask.
    assert_eq!(stored(upsert(whole.clone(), set(&["owner"]), None).await).source, "fair");
    // Left out, what is set changes; a lead needs no subject to be changed.
    let part = pb::Lead { owner: "bo".into(), ..made::with_id(pb::Lead::default(), "crm", "1") };
    let lead = stored(upsert(part.clone(), None, None).await);
    assert_eq!((lead.owner.as_str(), lead.source.as_str(), &lead.subject), ("bo", "fair", &whole.subject));
    // An item's mask goes before the batch's.
    let lead = stored(upsert(part.clone(), set(&["source"]), set(&["*"])).await);
    assert_eq!((lead.owner.as_str(), lead.source.as_str()), ("bo", ""));
    let lead = stored(upsert(pb::Lead { owner: String::new(), ..whole }, None, set(&["*"])).await);
    assert_eq!((lead.owner.as_str(), lead.source.as_str(), lead.revision), ("", "fair", 4));
    // What can't be made of the lead that is there fails its item only, with the field's place.
    let wrong = pb::Lead { attributes: [("pian".into(), pb::FactValue::default())].into(), ..part };
    match upsert(wrong, None, None).await.result {
        Some(pb::upsert_lead_result::Result::Error(error)) => {
            let error = format!("{error:?}");
            assert!(error.contains("items[0].lead.attributes"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let unknown = pb::BatchUpsertLeadsRequest {
        system: "crm".into(),
        items: vec![item("1", made::with_id(pb::Lead::default(), "crm", "1"))],
        update_mask: set(&["ownr"]),
        ..Default::default()
    };
    let (_, _, fields) = failure(server.leads().batch_upsert_leads(unknown).await);
    assert_eq!(fields, ["update_mask.paths[0]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_is_recorded_once_under_its_id_and_can_be_taken_back() {
    let server = TestServer::start().await;
    create(&server, "acme", made::company("Acme", Some(80))).await.unwrap();
    let visit = |id: &str, ago: i64| pb::Activity {
        id: id.into(),
        r#type: "page_visit".into(),
        time: made::ago(ago),
        ..Default::default()
    };
    let record = async |activities| {
        let request =
            pb::RecordActivitiesRequest { lead: "leads/acme".into(), activities, ..Default::default() };
        server.leads().record_activities(request).await
    };
    let first = record(vec![visit("a", 60), visit("", 50)]).await.unwrap().into_inner();
    assert_eq!((first.activity_count, first.repeated_count, first.warnings), (2, 0, vec![]));
    // A little skew is tolerated, a day too early doubtful, more refused.
    let again = record(vec![visit("a", 10), visit("b", -60), visit("c", -7_200)]).await.unwrap().into_inner();
    assert_eq!((again.activity_count, again.repeated_count), (4, 1));
    let codes: Vec<_> = again.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["CLOCK_SKEW", "FUTURE_TIME"]);
    let (_, _, fields) = failure(record(vec![visit("#1", 60), visit("d", -90_000)]).await);
    assert_eq!(fields, ["activities[0].id", "activities[1].time"]);

    let list = async || {
        let request = pb::ListActivitiesRequest { parent: "leads/acme".into(), ..Default::default() };
        let found = server.leads().list_activities(request).await.unwrap().into_inner().activities;
        found.into_iter().map(|activity| activity.id).collect::<Vec<_>>()
    };
    assert_eq!(list().await, ["a", "#2", "b", "c"]);
    let delete = pb::DeleteActivitiesRequest {
        lead: "leads/acme".into(),
        ids: vec!["#2".into(), "c".into(), "nothing".into()],
        ..Default::default()
    };
    let deleted = server.leads().delete_activities(delete).await.unwrap().into_inner();
    assert_eq!((deleted.deleted_count, deleted.activity_count), (2, 5));
    assert_eq!(list().await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_says_who_made_it_and_a_stage_how_it_was_come_to() {
    let server = TestServer::start().await;
    let change =
        |author: &str, reason: &str| Some(pb::Change { author: author.into(), reason: reason.into() });
    let moved = |from: pb::LeadStage, to: pb::LeadStage, ago: i64| pb::StageChange {
        from: from as i32,
        to: to as i32,
        time: made::ago(ago),
        reason: "webinar".into(),
        actor: "an".into(),
        ..Default::default()
    };
    // A history comes from elsewhere, with its times.
    let history = vec![
        moved(pb::LeadStage::New, pb::LeadStage::Mql, 9_000),
        moved(pb::LeadStage::Mql, pb::LeadStage::Sal, 5_000),
    ];
    let lead = pb::Lead {
        stage: pb::LeadStage::Sal as i32,
        stage_changes: history.clone(),
        ..made::company("Acme", Some(80))
    };
    let request = pb::CreateLeadRequest {
        lead: Some(lead.clone()),
        lead_id: "acme".into(),
        change: change("import", "the old CRM"),
        ..Default::default()
    };
    let created = server.leads().create_lead(request.clone()).await.unwrap().into_inner();
    assert_eq!((&created.stage_changes, created.change), (&history, change("import", "the old CRM")));

    let update = pb::UpdateLeadRequest {
        lead: Some(pb::Lead {
            name: created.name.clone(),
            stage: pb::LeadStage::Rejected as i32,
            stage_reason: "no_budget".into(),
            ..Default::default()
        }),
        change: change("bo", "called them"),
        ..Default::default()
    };
    let rejected = server.leads().update_lead(update).await.unwrap().into_inner();
    let last = rejected.stage_changes.last().unwrap();
    assert_eq!((last.reason.as_str(), last.actor.as_str()), ("no_budget", "bo"));
    assert_eq!((rejected.stage_changes.len(), rejected.change), (3, change("bo", "called them")));
    let request = pb::ListLeadRevisionsRequest { name: created.name, ..Default::default() };
    let revisions = server.leads().list_lead_revisions(request.clone()).await.unwrap().into_inner().leads;
    let authors: Vec<_> =
        revisions.iter().map(|lead| lead.change.as_ref().unwrap().author.as_str()).collect();
    assert_eq!(authors, ["bo", "import"]);

    let mut broken = lead;
    broken.stage_changes.swap(0, 1);
    let request = pb::CreateLeadRequest {
        lead: Some(broken),
        change: change(&"x".repeat(201), ""),
        ..Default::default()
    };
    let (_, _, fields) = failure(server.leads().create_lead(request).await);
    assert_eq!(fields, ["change.author"], "what is too long is refused before all else");
    let mut history = history;
    history.swap(0, 1);
    let lead = pb::Lead { stage_changes: history, ..made::company("Acme", Some(80)) };
    let request = pb::CreateLeadRequest { lead: Some(lead), ..Default::default() };
    let (_, _, fields) = failure(server.leads().create_lead(request).await);
    assert_eq!(fields, ["lead.stage_changes[1].time", "lead.stage_changes[1].from"]);
}
