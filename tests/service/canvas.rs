use assay::grpc::pb::{self, Block, LinkKind};
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{TestServer, failure, made};

fn note(id: &str, block: Block, text: &str) -> pb::Note {
    pb::Note { id: id.into(), block: block as i32, text: text.into(), ..Default::default() }
}

fn link(kind: LinkKind, from: &str, to: &str) -> pb::Link {
    pb::Link { kind: kind as i32, from: from.into(), to: to.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canvas_keeps_its_graph_and_assigns_ids() {
    let server = TestServer::start().await;
    let canvas = pb::Canvas {
        notes: vec![
            note("", Block::ValuePropositions, "Fast"),
            note("note-1", Block::RevenueStreams, "A fee"),
            note("", Block::KeyResources, "People"),
        ],
        links: vec![link(LinkKind::PaidFor, "note-1", "note-2")],
        ..made::canvas()
    };
    let request =
        pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id: "main".into(), ..Default::default() };
    let created = server.canvases().create_canvas(request).await.unwrap().into_inner();
    let ids: Vec<_> = created.notes.iter().map(|note| note.id.as_str()).collect();
    assert_eq!(ids, ["note-2", "note-1", "note-3"]);
    assert_eq!((created.language.as_str(), created.priority_script.as_str()), ("en", "default"));
    let read = server
        .canvases()
        .get_canvas(pb::GetCanvasRequest { name: "canvases/main".into(), ..Default::default() })
        .await;
    assert_eq!(read.unwrap().into_inner(), created);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_is_typed() {
    let server = TestServer::start().await;
    let amount = |units| Some(pb::Money { currency_code: "EUR".into(), units, nanos: 0 });
    let canvas = pb::Canvas {
        notes: vec![
            note("a", Block::CustomerSegments, "Everyone"),
            note("b", Block::Problem, "A lean block"),
            note("b", Block::Channels, "An id twice"),
            pb::Note {
                color: "red".into(),
                amount: Some(pb::AmountRange { low: amount(9), high: amount(3), period: String::new() }),
                ..note("c", Block::CostStructure, "")
            },
        ],
        links: vec![
            link(LinkKind::Serves, "c", "canvases/main/segments/none"),
            link(LinkKind::PaidFor, "nowhere", "c"),
            link(LinkKind::Reaches, "b", "c"),
        ],
        ..made::canvas()
    };
    let request =
        pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id: "main".into(), ..Default::default() };
    let (code, _, fields) = failure(server.canvases().create_canvas(request).await);
    assert_eq!(code, Code::InvalidArgument);
    let expected = [
        "canvas.notes[0].block",
        "canvas.notes[1].block",
        "canvas.notes[2].id",
        "canvas.notes[3].text",
        "canvas.notes[3].color",
        "canvas.notes[3].amount.high",
        "canvas.links[0].from",
        "canvas.links[1].from",
        "canvas.links[1].to",
        "canvas.links[2].from",
        "canvas.links[2].to",
        "canvas.links[0].to",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_a_segment_or_persona_makes_a_revision_of_the_canvas() {
    let server = TestServer::start().await;
    let request = pb::CreateCanvasRequest {
        canvas: Some(made::canvas()),
        canvas_id: "main".into(),
        ..Default::default()
    };
    let before = server.canvases().create_canvas(request).await.unwrap().into_inner();
    let request = pb::CreateSegmentRequest {
        parent: before.name.clone(),
        segment: Some(made::segment("Small")),
        segment_id: "small".into(),
        ..Default::default()
    };
    let segment = server.segments().create_segment(request).await.unwrap().into_inner();
    let request = pb::CreatePersonaRequest {
        parent: segment.name.clone(),
        persona: Some(pb::Persona { display_name: "Rosa".into(), ..Default::default() }),
        persona_id: "rosa".into(),
        ..Default::default()
    };
    server.segments().create_persona(request).await.unwrap();
    let canvas = server
        .canvases()
        .get_canvas(pb::GetCanvasRequest { name: before.name.clone(), ..Default::default() })
        .await
        .unwrap();
    let canvas = canvas.into_inner();
    assert_eq!(canvas.revision, 3);
    assert_ne!(canvas.etag, before.etag);
    let now =
        server.segments().get_segment(pb::GetSegmentRequest { name: segment.name.clone() }).await.unwrap();
    assert_ne!(now.into_inner().etag, segment.etag, "a persona's write changes both etags");
    let stale = pb::UpdateCanvasRequest { canvas: Some(before), update_mask: None, ..Default::default() };
    assert_eq!(failure(server.canvases().update_canvas(stale).await).1, "ETAG_MISMATCH");
    let stale = pb::UpdateSegmentRequest { segment: Some(segment), update_mask: None, ..Default::default() };
    assert_eq!(failure(server.segments().update_segment(stale).await).1, "ETAG_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pointed_to_stays() {
    let server = TestServer::start().await;
    let request = pb::CreateCanvasRequest {
        canvas: Some(made::canvas()),
        canvas_id: "main".into(),
        ..Default::default()
    };
    server.canvases().create_canvas(request).await.unwrap();
    let request = pb::CreateSegmentRequest {
        parent: "canvases/main".into(),
        segment: Some(made::segment("Small")),
        segment_id: "small".into(),
        ..Default::default()
    };
    server.segments().create_segment(request).await.unwrap();
    let segment = "canvases/main/segments/small".to_owned();
    let profile = pb::Profile { segment: segment.clone(), ..made::profile() };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();

    let delete_segment =
        pb::DeleteSegmentRequest { name: segment, etag: String::new(), ..Default::default() };
    let (code, reason, _) = failure(server.segments().delete_segment(delete_segment.clone()).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "IN_USE"));
    let delete_canvas =
        pb::DeleteCanvasRequest { name: "canvases/main".into(), etag: String::new(), ..Default::default() };
    let (code, reason, _) = failure(server.canvases().delete_canvas(delete_canvas.clone()).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "IN_USE"));

    let request =
        pb::DeleteProfileRequest { name: "profiles/main".into(), etag: String::new(), ..Default::default() };
    server.profiles().delete_profile(request).await.unwrap();
    server.segments().delete_segment(delete_segment).await.unwrap();
    server.canvases().delete_canvas(delete_canvas).await.unwrap();
    let read = server
        .canvases()
        .get_canvas(pb::GetCanvasRequest { name: "canvases/main".into(), ..Default::default() })
        .await
        .unwrap();
    assert!(read.into_inner().delete_time.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kind_cannot_change() {
    let server = TestServer::start().await;
    let request = pb::CreateCanvasRequest {
        canvas: Some(made::canvas()),
        canvas_id: "main".into(),
        ..Default::default()
    };
    let canvas = server.canvases().create_canvas(request).await.unwrap().into_inner();
    let lean = pb::Canvas { kind: pb::CanvasKind::Lean as i32, ..canvas };
    let mask = FieldMask { paths: vec!["kind".into()] };
    let request =
        pb::UpdateCanvasRequest { canvas: Some(lean), update_mask: Some(mask), ..Default::default() };
    assert_eq!(failure(server.canvases().update_canvas(request).await).2, ["canvas.kind"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_of_a_canvas_can_be_read_and_links_say_whom_a_note_is_for() {
    let server = TestServer::start().await;
    let note = |id: &str, block: Block| pb::Note { block: block as i32, ..note(id, block, "x") };
    let canvas = pb::Canvas {
        notes: vec![note("offer", Block::ValuePropositions), note("site", Block::Channels)],
        ..made::canvas()
    };
    let by = |author: &str| Some(pb::Change { author: author.into(), reason: "why".into() });
    let request = pb::CreateCanvasRequest {
        canvas: Some(canvas),
        canvas_id: "main".into(),
        change: by("an"),
        ..Default::default()
    };
    server.canvases().create_canvas(request).await.unwrap();
    let touchpoint =
        pb::Touchpoint { description: "Home".into(), channel_note: "site".into(), ..Default::default() };
    let facet = pb::Facet {
        kind: pb::FacetKind::Touchpoints as i32,
        touchpoints: vec![touchpoint.clone()],
        ..Default::default()
    };
    let segment = pb::Segment {
        relationship_plan: Some(pb::RelationshipPlan { facets: vec![facet] }),
        ..made::segment("Trades")
    };
    let request = pb::CreateSegmentRequest {
        parent: "canvases/main".into(),
        segment: Some(segment),
        segment_id: "trades".into(),
        change: by("bo"),
        ..Default::default()
    };
    let segment = server.segments().create_segment(request).await.unwrap().into_inner();
    assert_eq!((segment.change, segment.proposition_notes.len()), (by("bo"), 0));
    let plan = segment.relationship_plan.unwrap();
    let touchpoints = &plan.facets[pb::FacetKind::Touchpoints as usize - 1];
    assert_eq!(
        (&touchpoints.touchpoints[..], touchpoints.status()),
        (&[touchpoint][..], pb::FacetStatus::Assumed)
    );

    let update = pb::Canvas {
        name: "canvases/main".into(),
        links: vec![link(LinkKind::Serves, "offer", &segment.name)],
        ..Default::default()
    };
    let request = pb::UpdateCanvasRequest { canvas: Some(update), change: by("cy"), ..Default::default() };
    let canvas = server.canvases().update_canvas(request).await.unwrap().into_inner();
    assert_eq!(canvas.notes[0].segments, [segment.name.as_str()]);
    assert!(canvas.notes[1].segments.is_empty());
    let read = pb::GetSegmentRequest { name: segment.name };
    assert_eq!(server.segments().get_segment(read).await.unwrap().into_inner().proposition_notes, ["offer"]);

    let request = pb::ListCanvasRevisionsRequest { name: "canvases/main".into(), ..Default::default() };
    let revisions = server.canvases().list_canvas_revisions(request).await.unwrap().into_inner().canvases;
    let told: Vec<_> =
        revisions.iter().map(|canvas| (canvas.revision, canvas.change.clone().unwrap().author)).collect();
    assert_eq!(told, [(3, "cy".into()), (2, "bo".into()), (1, "an".into())]);
    let first = pb::GetCanvasRequest { name: "canvases/main".into(), revision: 1 };
    let first = server.canvases().get_canvas(first).await.unwrap().into_inner();
    assert_eq!((&first, first.links.len()), (&revisions[2], 0));
    let none = pb::GetCanvasRequest { name: "canvases/main".into(), revision: 9 };
    assert_eq!(failure(server.canvases().get_canvas(none).await).0, Code::NotFound);
    // A channel that a touchpoint names stays.
    let update = pb::Canvas { notes: vec![canvas.notes[0].clone()], ..canvas };
    let mask = prost_types::FieldMask { paths: vec!["notes".into()] };
    let request =
        pb::UpdateCanvasRequest { canvas: Some(update), update_mask: Some(mask), ..Default::default() };
    let (_, _, fields) = failure(server.canvases().update_canvas(request).await);
    assert_eq!(fields, ["canvas.notes"]);
}
