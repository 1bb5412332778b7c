//! A canvas as a whole: edited, compared, restored, forked and examined.

use std::collections::BTreeMap;

use assay::grpc::pb::{self, Block, LinkKind, canvas_edit::Edit};
use tonic::Code;

use crate::support::{TestServer, failure, made, within};

const NAME: &str = "canvases/main";

fn edit(edit: Edit) -> pb::CanvasEdit {
    pb::CanvasEdit { edit: Some(edit) }
}

fn add_note(id: &str, block: Block, text: &str) -> pb::CanvasEdit {
    let note = pb::Note { id: id.into(), block: block as i32, text: text.into(), ..Default::default() };
    edit(Edit::AddNote(pb::AddNote { note: Some(note), place: None }))
}

fn add_link(kind: LinkKind, from: &str, to: &str) -> pb::CanvasEdit {
    let link = pb::Link { kind: kind as i32, from: from.into(), to: to.into(), ..Default::default() };
    edit(Edit::AddLink(pb::AddLink { link: Some(link), place: None }))
}

fn set_text(id: &str, text: &str) -> pb::CanvasEdit {
    let note = pb::Note { id: id.into(), text: text.into(), ..Default::default() };
    edit(Edit::ChangeNote(pb::ChangeNote { note: Some(note), update_mask: None }))
}

fn request(edits: Vec<pb::CanvasEdit>) -> pb::EditCanvasRequest {
    pb::EditCanvasRequest { name: NAME.into(), edits, ..Default::default() }
}

async fn edited(server: &TestServer, edits: Vec<pb::CanvasEdit>) -> pb::EditCanvasResponse {
    server.canvases().edit_canvas(request(edits)).await.unwrap().into_inner()
}

/// A canvas with a proposition that serves a segment with a need.
async fn main_canvas(server: &TestServer) -> pb::Canvas {
    let create = pb::CreateCanvasRequest {
        canvas: Some(made::canvas()),
        canvas_id: "main".into(),
        ..Default::default()
    };
    server.canvases().create_canvas(create).await.unwrap();
    let segment = pb::Segment {
        needs: vec![pb::Need {
            id: "time".into(),
            kind: 2,
            text: "Hours on the road".into(),
            ..Default::default()
        }],
        ..made::segment("Small")
    };
    let edits = vec![
        edit(Edit::AddSegment(pb::AddSegment { segment: Some(segment), segment_id: "small".into() })),
        add_note("routes", Block::ValuePropositions, "A third less driving"),
        add_note("fairs", Block::Channels, "Regional fairs"),
        add_link(LinkKind::Serves, "routes", &format!("{NAME}/segments/small")),
    ];
    edited(server, edits).await.canvas.unwrap()
}

fn texts(canvas: &pb::Canvas) -> BTreeMap<&str, &str> {
    canvas.notes.iter().map(|note| (note.id.as_str(), note.text.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_make_one_revision_and_their_undo_takes_them_back() {
    let server = TestServer::start().await;
    let before = main_canvas(&server).await;
    assert_eq!((before.revision, before.notes.len(), before.links.len()), (2, 2, 1));
    let facet = pb::Facet {
        kind: pb::FacetKind::Support as i32,
        content: "A ticket line".into(),
        ..Default::default()
    };
    let answers = vec![pb::NeedRef { segment: format!("{NAME}/segments/small"), need: "time".into() }];
    let benefit = pb::OfferItem { text: "Home by five".into(), answers, ..Default::default() };
    let offer = pb::Offer { benefits: vec![benefit], ..Default::default() };
    let persona = pb::Persona { display_name: "Otto".into(), ..Default::default() };
    let response = edited(
        &server,
        vec![
            edit(Edit::ChangeNote(pb::ChangeNote {
                note: Some(pb::Note { id: "routes".into(), offer: Some(offer), ..Default::default() }),
                update_mask: None,
            })),
            edit(Edit::SetFacet(pb::SetFacet {
                segment: format!("{NAME}/segments/small"),
                facet: Some(facet),
            })),
            edit(Edit::AddPersona(pb::AddPersona {
                parent: format!("{NAME}/segments/small"),
                persona: Some(persona),
                persona_id: "otto".into(),
            })),
            edit(Edit::MoveNote(pb::MoveNote {
                id: "fairs".into(),
                block: Block::KeyActivities as i32,
                place: Some(pb::Place { first: true, after: String::new() }),
            })),
        ],
    )
    .await;
    let canvas = response.canvas.unwrap();
    assert_eq!((canvas.revision, canvas.notes[0].id.as_str()), (3, "fairs"));
    let words: Vec<_> = response.changes.iter().map(|change| change.words.as_str()).collect();
    assert_eq!(
        words,
        [
            "facet “Support” (Small): added",
            "persona “Otto” (Small): added",
            "note “Regional fairs”: moved (block: “Channels” → “Key Activities”)",
            "note “A third less driving”: changed (offer: “” → “benefits: Home by five, answers: need: time, segment: canvases/main/segments/small”)",
        ]
    );
    let codes = |found: &[pb::CanvasDiagnostic]| found.iter().map(|one| one.code.clone()).collect::<Vec<_>>();
    let lost = codes(&response.lost);
    for code in ["NO_MATCHES", "NEED_UNANSWERED", "SEGMENT_WITHOUT_PERSONA", "CHANNEL_UNUSED"] {
        assert!(lost.iter().any(|one| one == code), "{code}: {lost:?}");
    }
    // The undo is ready to be sent.
    let undone = edited(&server, response.undo).await.canvas.unwrap();
    assert_eq!((undone.revision, &undone.notes, &undone.links), (4, &before.notes, &before.links));
    let persona = pb::GetPersonaRequest { name: format!("{NAME}/segments/small/personas/otto") };
    assert_eq!(failure(server.segments().get_persona(persona).await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_edits_or_none_and_everything_wrong_is_told_at_once() {
    let server = TestServer::start().await;
    let before = main_canvas(&server).await;
    let edits = vec![
        add_note("good", Block::Channels, "A good one"),
        set_text("nobody", "x"),
        pb::CanvasEdit::default(),
        add_link(LinkKind::Unspecified, "routes", "fairs"),
        edit(Edit::RemoveSegment(pb::RemoveSegment { name: "canvases/other/segments/small".into() })),
        edit(Edit::ChangeNote(pb::ChangeNote {
            note: Some(pb::Note { id: "routes".into(), ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["txt".into()] }),
        })),
    ];
    let (code, _, fields) = failure(server.canvases().edit_canvas(request(edits)).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        fields,
        [
            "edits[1].change_note.note.id",
            "edits[2]",
            "edits[3].add_link.link.kind",
            "edits[4].remove_segment.name",
            "edits[5].change_note.update_mask.paths[0]",
        ]
    );
    // What is wrong only with the whole is told of the canvas.
    let edits = vec![add_link(LinkKind::Serves, "fairs", &format!("{NAME}/segments/small"))];
    assert_eq!(failure(server.canvases().edit_canvas(request(edits)).await).2, ["canvas.links[1].from"]);
    let now =
        server.canvases().get_canvas(pb::GetCanvasRequest { name: NAME.into(), ..Default::default() }).await;
    assert_eq!(now.unwrap().into_inner(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_edit_at_once_nobody_loses_a_note_and_one_wins_per_etag() {
    let server = TestServer::start().await;
    let before = main_canvas(&server).await;
    let write = |etag: String, i: usize| {
        let mut canvases = server.canvases();
        let edits = vec![add_note(&format!("n{i}"), Block::Channels, &format!("Channel number {i}"))];
        async move { canvases.edit_canvas(pb::EditCanvasRequest { etag, ..request(edits) }).await }
    };
    for ended in futures::future::join_all((0..64).map(|i| write(String::new(), i))).await {
        ended.unwrap();
    }
    let get = pb::GetCanvasRequest { name: NAME.into(), ..Default::default() };
    let canvas = server.canvases().get_canvas(get).await.unwrap().into_inner();
    assert_eq!((canvas.notes.len(), canvas.revision), (before.notes.len() + 64, before.revision + 64));
    let ends = futures::future::join_all((64..128).map(|i| write(canvas.etag.clone(), i))).await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1);
    let refused = ends.into_iter().filter_map(Result::err).map(|error| error.code());
    assert!(refused.into_iter().all(|code| code == Code::Aborted));
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_edits_writes_nothing_and_a_repetition_is_answered_alike() {
    let server = TestServer::start().await;
    let before = main_canvas(&server).await;
    let new = || vec![add_note("", Block::Channels, "Word of mouth")];
    let tried = pb::EditCanvasRequest { validate_only: true, request_id: "1".into(), ..request(new()) };
    let tried = server.canvases().edit_canvas(tried).await.unwrap().into_inner();
    assert_eq!((tried.canvas.unwrap().notes.len(), tried.gained.len()), (3, 1));
    let once = || pb::EditCanvasRequest { request_id: "1".into(), ..request(new()) };
    let first = server.canvases().edit_canvas(once()).await.unwrap().into_inner();
    let again = server.canvases().edit_canvas(once()).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(first.canvas.unwrap().revision, before.revision + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_revision_comes_back_with_its_segments() {
    let server = TestServer::start().await;
    let before = main_canvas(&server).await;
    let gone = edit(Edit::RemoveSegment(pb::RemoveSegment { name: format!("{NAME}/segments/small") }));
    let after = edited(&server, vec![gone, set_text("routes", "Half the driving")]).await.canvas.unwrap();
    assert!(after.links.is_empty(), "the links to the segment went with it");
    let restore = pb::RestoreCanvasRequest {
        name: NAME.into(),
        revision: before.revision,
        change: Some(pb::Change { author: "an".into(), reason: "a slip".into() }),
        ..Default::default()
    };
    let restored = server.canvases().restore_canvas(restore).await.unwrap().into_inner();
    assert_eq!((restored.revision, &restored.notes, &restored.links), (4, &before.notes, &before.links));
    assert_eq!(restored.change.unwrap().reason, "a slip");
    let segment = pb::GetSegmentRequest { name: format!("{NAME}/segments/small") };
    assert_eq!(server.segments().get_segment(segment).await.unwrap().into_inner().needs.len(), 1);
    // A segment that a profile points to can't be lost by going back to when it was not there.
    let profile = pb::Profile { segment: format!("{NAME}/segments/small"), ..made::profile() };
    let create = pb::CreateProfileRequest { profile: Some(profile), ..Default::default() };
    server.profiles().create_profile(create).await.unwrap();
    let restore = pb::RestoreCanvasRequest { name: NAME.into(), revision: 1, ..Default::default() };
    let (code, reason, _) = failure(server.canvases().restore_canvas(restore).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "IN_USE"));
    let gone = edit(Edit::RemoveSegment(pb::RemoveSegment { name: format!("{NAME}/segments/small") }));
    let (code, reason, _) = failure(server.canvases().edit_canvas(request(vec![gone])).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "IN_USE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_remembers_where_it_comes_from_and_is_compared_by_meaning() {
    let server = TestServer::start().await;
    let before = main_canvas(&server).await;
    let fork = pb::ForkCanvasRequest {
        name: NAME.into(),
        canvas_id: "bold".into(),
        display_name: "The bold one".into(),
        ..Default::default()
    };
    let fork = server.canvases().fork_canvas(fork).await.unwrap().into_inner();
    assert_eq!((fork.forked_from.as_str(), fork.forked_from_revision), (NAME, before.revision));
    assert_eq!(fork.links[0].to, "canvases/bold/segments/small");
    let edits = vec![
        edit(Edit::RemoveLink(pb::RemoveLink { id: fork.links[0].id.clone() })),
        set_text("routes", "Nobody drives any more"),
    ];
    let bold = pb::EditCanvasRequest { name: fork.name.clone(), ..request(edits) };
    server.canvases().edit_canvas(bold).await.unwrap();
    let diff = |language: &str| {
        let (mut canvases, target, language) = (server.canvases(), fork.name.clone(), language.to_owned());
        let request = pb::DiffCanvasesRequest { base: NAME.into(), target, language, ..Default::default() };
        async move { canvases.diff_canvases(request).await.unwrap().into_inner() }
    };
    let found = diff("").await;
    let words: Vec<_> = found.changes.iter().map(|change| change.words.as_str()).collect();
    assert_eq!(
        words,
        [
            "canvas “The bold one”: changed (display_name: “Test” → “The bold one”)",
            "link “A third less driving → Small”: removed",
            "note “A third less driving”: changed (text: “A third less driving” → “Nobody drives any more”)",
        ]
        .map(|words| words.replace("note “A third less driving”", "note “Nobody drives any more”"))
    );
    // What follows from it: the segment is served by nothing any more.
    let gained: Vec<_> = found.gained.iter().map(|one| (one.code.as_str(), one.path.as_str())).collect();
    assert!(gained.contains(&("SEGMENT_WITHOUT_PROPOSITION", "segments[\"small\"]")), "{gained:?}");
    assert_eq!(diff("vi").await.changes[1].words, "liên kết “A third less driving → Small”: đã bỏ");
    // The edits make of the one the other.
    let merged = edited(&server, found.edits).await.canvas.unwrap();
    assert_eq!(texts(&merged)["routes"], "Nobody drives any more");
    assert!(diff("").await.changes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_come_in_five_languages_with_edits_that_mend() {
    let server = TestServer::start().await;
    main_canvas(&server).await;
    let lint = |language: &str| {
        let (mut canvases, language) = (server.canvases(), language.to_owned());
        let request = pb::LintCanvasRequest { name: NAME.into(), language, ..Default::default() };
        async move { canvases.lint_canvas(request).await.unwrap().into_inner().diagnostics }
    };
    let (english, arabic) = (lint("").await, lint("ar").await);
    let of = |found: &[pb::CanvasDiagnostic], code: &str| {
        found.iter().find(|one| one.code == code).cloned().unwrap_or_else(|| panic!("{code}"))
    };
    let unused = of(&english, "CHANNEL_UNUSED");
    assert_eq!(unused.text, "the channel “Regional fairs” reaches no segment");
    assert_eq!(of(&arabic, "CHANNEL_UNUSED").text, "القناة «Regional fairs» لا تصل إلى أي شريحة");
    let mended = edited(&server, unused.fix).await;
    assert!(mended.lost.iter().any(|one| one.code == "CHANNEL_UNUSED"));
    assert!(mended.lost.iter().any(|one| one.code == "SEGMENT_WITHOUT_CHANNEL"), "the same link mends both");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_sees_every_revision_with_what_it_settled() {
    let server = TestServer::start().await;
    main_canvas(&server).await;
    let watch = |after_revision: i64| {
        let mut canvases = server.canvases();
        let request = pb::WatchCanvasRequest { name: NAME.into(), after_revision, ..Default::default() };
        async move { canvases.watch_canvas(request).await.map(tonic::Response::into_inner) }
    };
    let mut events = watch(0).await.unwrap();
    let next = async |events: &mut tonic::Streaming<_>| within(events.message()).await.unwrap().unwrap();
    let now: pb::WatchCanvasResponse = next(&mut events).await;
    assert_eq!((now.revision, now.changes.len()), (2, 0));
    let change = pb::Change { author: "an".into(), reason: "found out".into() };
    let link = add_link(LinkKind::Reaches, "fairs", &format!("{NAME}/segments/small"));
    let edit = pb::EditCanvasRequest { change: Some(change), ..request(vec![link]) };
    server.canvases().edit_canvas(edit).await.unwrap();
    // A write to a persona is a revision as well.
    let persona = pb::CreatePersonaRequest {
        parent: format!("{NAME}/segments/small"),
        persona: Some(pb::Persona { display_name: "Otto".into(), ..Default::default() }),
        ..Default::default()
    };
    server.segments().create_persona(persona).await.unwrap();
    let linked = next(&mut events).await;
    assert_eq!((linked.revision, linked.change.unwrap().author.as_str()), (3, "an"));
    assert_eq!(linked.changes[0].words, "link “Regional fairs → Small”: added");
    assert!(linked.lost.iter().any(|one| one.code == "CHANNEL_UNUSED"));
    let known = next(&mut events).await;
    assert!(known.revision == 4 && known.lost.iter().any(|one| one.code == "SEGMENT_WITHOUT_PERSONA"));
    // Whoever was away goes on where they were.
    let mut later = watch(3).await.unwrap();
    assert_eq!(next(&mut later).await.revision, 4);
    assert_eq!(failure(watch(9).await).2, ["after_revision"]);
}

/// Scripts under canvas_lint/ find what ours do not, come into force as all rules do, and never replace good ones by broken ones.
#[tokio::test(flavor = "multi_thread")]
async fn findings_of_one_s_own_are_rules_that_reload() {
    let guide = include_str!("../../docs/canvas.md");
    let example = guide.split("```rhai\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let server = TestServer::start().await;
    main_canvas(&server).await;
    let own = || {
        let mut canvases = server.canvases();
        async move {
            let request = pb::LintCanvasRequest { name: NAME.into(), ..Default::default() };
            let found = canvases.lint_canvas(request).await.unwrap().into_inner().diagnostics;
            let told = |one: &pb::CanvasDiagnostic| (one.code.clone(), one.path.clone(), one.severity());
            found.iter().map(told).collect::<Vec<_>>()
        }
    };
    let before = server.rule_set().await;
    assert!(!own().await.iter().any(|(code, ..)| code == "fairs are dear"));
    server.write("canvas_lint/house.rhai", example);
    server
        .wait_for_rules(|status| status.active.as_ref().is_some_and(|active| active.rule_set != before))
        .await;
    let found = own().await;
    let expected = [
        ("fairs are dear", "notes[\"fairs\"]", pb::CanvasSeverity::Warning),
        ("nobody wants it", "segments[\"small\"]", pb::CanvasSeverity::Hint),
    ];
    for (code, path, severity) in expected {
        assert!(found.contains(&(code.into(), path.into(), severity)), "{code}: {found:?}");
    }
    // The answer to an edit tells what it brings of them as well.
    let answer = edited(&server, vec![set_text("fairs", "Webinars every month")]).await;
    assert!(answer.lost.iter().any(|one| one.code == "fairs are dear"), "{:?}", answer.lost);
    server.write("canvas_lint/house.rhai", "finding \"x\" when employees > 3 because \"no lead here\";");
    let (status, _) = server.wait_for_rules(|status| status.pending.is_some()).await;
    let told = &status.pending.unwrap().diagnostics[0];
    assert!(told.file == "canvas_lint/house.rhai" && told.message.contains("employees"), "{told:?}");
    assert!(own().await.iter().any(|(code, ..)| code == "nobody wants it"), "the good rules stay");

    // A script that fails on this canvas is a finding itself, and silences no other.
    edited(&server, vec![set_text("fairs", "one two three four five six seven eight nine ten eleven")]).await;
    let before = server.rule_set().await;
    server.write(
        "canvas_lint/a_shaky.rhai",
        "finding \"shaky\" when 1 / (note_words - 11) > 0 because \"it divides\";",
    );
    server.write("canvas_lint/house.rhai", example);
    server
        .wait_for_rules(|status| status.active.as_ref().is_some_and(|active| active.rule_set != before))
        .await;
    let found = own().await;
    assert!(found.iter().any(|(code, ..)| code == "CANVAS_LINT_SCRIPT_FAILS"), "{found:?}");
    assert!(found.iter().any(|(code, ..)| code == "nobody wants it"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_becomes_a_canvas_and_is_drawn_in_every_way() {
    let server = TestServer::start().await;
    let request = pb::ListCanvasTemplatesRequest { language: "it".into() };
    let templates = server.canvases().list_canvas_templates(request).await.unwrap().into_inner().templates;
    let named: Vec<_> =
        templates.iter().map(|found| (found.id.as_str(), found.display_name.as_str())).collect();
    assert_eq!(named, [("b2b", "software B2B"), ("ecommerce", "e-commerce"), ("clinic", "clinica")]);
    let request = pb::ImportCanvasRequest {
        source: Some(pb::import_canvas_request::Source::Template("clinic".into())),
        language: "ar".into(),
        canvas_id: "clinic".into(),
        ..Default::default()
    };
    let imported = server.canvases().import_canvas(request).await.unwrap().into_inner();
    assert_eq!((imported.canvas.unwrap().language.as_str(), imported.diagnostics.len()), ("ar", 0));

    let draw = |format: pb::RenderFormat, paper: pb::Paper, dark: bool| {
        let mut canvases = server.canvases();
        let (format, paper) = (format as i32, paper as i32);
        let request = pb::RenderCanvasRequest {
            name: "canvases/clinic".into(),
            format,
            paper,
            dark,
            ..Default::default()
        };
        async move {
            let drawn = canvases.render_canvas(request).await.unwrap().into_inner();
            (drawn.media_type, drawn.content)
        }
    };
    let (media_type, a4) = draw(pb::RenderFormat::Svg, pb::Paper::A4, false).await;
    assert_eq!(media_type, "image/svg+xml");
    let (_, a3) = draw(pb::RenderFormat::Svg, pb::Paper::A3, true).await;
    assert!(a3.contains("#14171b") && !a4.contains("#14171b") && a3.len() != a4.len());
    let (media_type, page) = draw(pb::RenderFormat::Html, pb::Paper::A4, false).await;
    assert!(media_type == "text/html" && page.contains("dir=\"rtl\"") && page.contains("<svg"), "{page}");
    let (media_type, text) = draw(pb::RenderFormat::Markdown, pb::Paper::A4, false).await;
    assert!(media_type == "text/markdown" && text.contains("## القنوات"), "{text}");
}
