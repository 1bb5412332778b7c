use assay::grpc::pb;
use tonic::Code;

use crate::support::{TestServer, failure, made};

async fn with_canvas() -> TestServer {
    let server = TestServer::start().await;
    let request = pb::CreateCanvasRequest {
        canvas: Some(made::canvas()),
        canvas_id: "main".into(),
        ..Default::default()
    };
    server.canvases().create_canvas(request).await.unwrap();
    server
}

async fn add(server: &TestServer, id: &str, segment: pb::Segment) -> Result<pb::Segment, tonic::Status> {
    let request = pb::CreateSegmentRequest {
        parent: "canvases/main".into(),
        segment: Some(segment),
        segment_id: id.into(),
        ..Default::default()
    };
    server.segments().create_segment(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_keeps_its_data_and_judges_its_facets() {
    let server = with_canvas().await;
    let number = pb::Value { kind: Some(pb::value::Kind::Number(42.0)) };
    let point = pb::DataPoint { value: Some(number), unit: "years".into(), ..Default::default() };
    let evidence =
        |observed| pb::Evidence { source: "survey".into(), observed_time: observed, ..Default::default() };
    let facet = |kind: pb::FacetKind, evidence| pb::Facet {
        kind: kind as i32,
        content: "Something".into(),
        evidence,
        ..Default::default()
    };
    let segment = pb::Segment {
        demographic: [("age".to_owned(), point)].into(),
        size: Some(0.0),
        custom_factors: [("delivery_effort".to_owned(), 0.5)].into(),
        relationship_plan: Some(pb::RelationshipPlan {
            facets: vec![
                facet(pb::FacetKind::Support, vec![evidence(made::ago(60))]),
                facet(pb::FacetKind::Channels, vec![]),
                facet(pb::FacetKind::Lifecycle, vec![evidence(made::seconds(0))]),
            ],
        }),
        ..made::segment("Adults")
    };
    let created = add(&server, "adults", segment).await.unwrap();
    assert_eq!((created.size, created.growth_rate), (Some(0.0), None), "zero is not unknown");
    let facets = created.relationship_plan.clone().unwrap().facets;
    assert_eq!(facets.len(), 11);
    let status = |kind: pb::FacetKind| facets.iter().find(|facet| facet.kind() == kind).unwrap().status();
    assert_eq!(status(pb::FacetKind::Support), pb::FacetStatus::Evidenced);
    assert_eq!(status(pb::FacetKind::Channels), pb::FacetStatus::Assumed);
    assert_eq!(status(pb::FacetKind::Lifecycle), pb::FacetStatus::Stale);
    assert_eq!(status(pb::FacetKind::Touchpoints), pb::FacetStatus::Missing);

    // What was read can be written back as it is.
    let request =
        pb::UpdateSegmentRequest { segment: Some(created.clone()), update_mask: None, ..Default::default() };
    let again = server.segments().update_segment(request).await.unwrap().into_inner();
    assert_eq!(again.relationship_plan, created.relationship_plan);
    assert_eq!(again.demographic, created.demographic);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_segment_is_told_at_once() {
    let server = with_canvas().await;
    let facet = |kind: pb::FacetKind, key: &str| pb::Facet {
        kind: kind as i32,
        attributes: [(key.to_owned(), "x".to_owned())].into(),
        ..Default::default()
    };
    let segment = pb::Segment {
        fit: Some(1.5),
        growth_rate: Some(f64::NAN),
        custom_factors: [("delivery_efort".to_owned(), 0.5)].into(),
        needs: vec![pb::Need { intensity: Some(2.0), ..Default::default() }],
        provenance: [("sice".to_owned(), pb::Provenance::default())].into(),
        relationship_plan: Some(pb::RelationshipPlan {
            facets: vec![
                facet(pb::FacetKind::Support, "level"),
                facet(pb::FacetKind::Support, "levl"),
                pb::Facet {
                    kind: pb::FacetKind::Touchpoints as i32,
                    touchpoints: vec![pb::Touchpoint {
                        description: "A fair".into(),
                        channel_note: "none".into(),
                        ..Default::default()
                    }],
                    response_time: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
                    ..Default::default()
                },
            ],
        }),
        ..Default::default()
    };
    let (code, _, fields) = failure(add(&server, "x", segment).await);
    assert_eq!(code, Code::InvalidArgument);
    let expected = [
        "segment.needs[0].kind",
        "segment.relationship_plan.facets[1].kind",
        "segment.display_name",
        "segment.needs[0].text",
        "segment.needs[0].intensity",
        "segment.growth_rate",
        "segment.fit",
        "segment.custom_factors[\"delivery_efort\"]",
        "segment.provenance[\"sice\"]",
        "segment.relationship_plan.facets[Touchpoints].response_time",
        "segment.relationship_plan.facets[Support].attributes[\"levl\"]",
        "segment.relationship_plan.facets[Touchpoints].touchpoints",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_ranked_with_reasons_ranges_and_live_leads() {
    let server = with_canvas().await;
    let medium = pb::Segment {
        size: Some(10_000.0),
        growth_rate: Some(0.1),
        fit: Some(0.8),
        needs: vec![pb::Need {
            kind: pb::NeedKind::Pain as i32,
            text: "It hurts".into(),
            intensity: Some(0.5),
            ..Default::default()
        }],
        custom_factors: [("delivery_effort".to_owned(), 0.7)].into(),
        ..made::segment("Medium")
    };
    add(&server, "medium", medium).await.unwrap();
    add(&server, "blank", made::segment("Blank")).await.unwrap();
    add(&server, "also-blank", made::segment("Also blank")).await.unwrap();
    let request = pb::PrioritizeSegmentsRequest { parent: "canvases/main".into(), script: String::new() };
    let ranking = server.segments().prioritize_segments(request.clone()).await.unwrap().into_inner();
    let order: Vec<_> = ranking.priorities.iter().map(|p| (p.rank, p.display_name.as_str())).collect();
    assert_eq!(order, [(1, "Medium"), (2, "Also blank"), (3, "Blank")], "ties go by name");
    let first = &ranking.priorities[0];
    let total: i64 = first.contributions.iter().map(|c| c.points_hundredths).sum();
    assert_eq!(first.priority_hundredths, total);
    // 25 · 0.5 + 20 · 0.5 + 30 · 0.8 + 15 · 0.5 − 10, without conversion, which could give 10 more.
    assert_eq!(first.priority_hundredths, 4_400);
    assert_eq!((first.low_hundredths, first.high_hundredths), (4_400, 5_400));
    let missing: Vec<_> = first.missing.iter().map(|u| (u.rule.as_str(), u.fact.as_str())).collect();
    assert_eq!(missing, [("conversion", "conversion")]);
    assert_eq!(ranking.rule_set, server.rule_set().await);

    // Leads that were scored for the segment and decided feed the ranking.
    let profile = pb::Profile { segment: "canvases/main/segments/medium".into(), ..made::profile() };
    let create =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "main".into(), ..Default::default() };
    server.profiles().create_profile(create).await.unwrap();
    for (id, kind) in [("won", pb::OutcomeKind::Won), ("lost", pb::OutcomeKind::Lost)] {
        let outcome = Some(pb::Outcome { kind: kind as i32, ..Default::default() });
        let lead = pb::Lead { profile: "profiles/main".into(), outcome, ..made::company(id, Some(100)) };
        let lead = pb::CreateLeadRequest { lead: Some(lead), lead_id: id.into(), ..Default::default() };
        let name = server.leads().create_lead(lead).await.unwrap().into_inner().name;
        let subject = Some(pb::score_lead_request::Subject::Lead(name));
        let score = pb::ScoreLeadRequest { subject, record: true, ..Default::default() };
        server.scoring().score_lead(score).await.unwrap();
    }
    let ranking = server.segments().prioritize_segments(request).await.unwrap().into_inner();
    assert_eq!(ranking.priorities[0].priority_hundredths, 4_400 + 500);
    assert!(ranking.priorities[0].missing.is_empty());
}

/// A canvas with two segments, the larger of which is ranked first.
async fn two_segments(server: &TestServer) {
    let request =
        pb::CreateCanvasRequest { canvas: Some(made::canvas()), canvas_id: "c".into(), ..Default::default() };
    server.canvases().create_canvas(request).await.unwrap();
    for (id, size, fit) in [("large", 900_000.0, 0.9), ("small", 400_000.0, 0.6)] {
        let segment = pb::Segment {
            size: Some(size),
            fit: Some(fit),
            growth_rate: Some(0.05),
            capacity: Some(40.0),
            ..made::segment(id)
        };
        let request = pb::CreateSegmentRequest {
            parent: "canvases/c".into(),
            segment: Some(segment),
            segment_id: id.into(),
            ..Default::default()
        };
        server.segments().create_segment(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_split_within_bounds_and_what_can_t_be_is_refused() {
    let server = TestServer::start().await;
    two_segments(&server).await;
    let bound = |id: &str, floor, cap| pb::AllocationBound {
        segment: format!("canvases/c/segments/{id}"),
        floor,
        cap,
    };
    let split = |request: pb::AllocateResourcesRequest| {
        let mut segments = server.segments();
        let request = pb::AllocateResourcesRequest { parent: "canvases/c".into(), ..request };
        async move { segments.allocate_resources(request).await.map(tonic::Response::into_inner) }
    };
    let budget = |bounds| pb::AllocateResourcesRequest {
        budget: 1_000,
        unit: "hours".into(),
        bounds,
        ..Default::default()
    };
    // Each capacity is worth 40 · 10 hours: the rest is left over.
    let capped =
        split(pb::AllocateResourcesRequest { units_per_customer: 10.0, ..budget(vec![]) }).await.unwrap();
    let amounts: Vec<i64> = capped.allocations.iter().map(|one| one.amount).collect();
    assert_eq!((amounts[0], amounts.iter().sum::<i64>() + capped.unallocated), (400, 1_000));
    assert_eq!(capped.allocations[0].reason, "held at 400 hours, which is all that its capacity can use");
    let vietnamese = split(pb::AllocateResourcesRequest {
        language: "vi".into(),
        ..budget(vec![bound("small", 500, None)])
    });
    let vietnamese = vietnamese.await.unwrap();
    assert_eq!(vietnamese.allocations[1].amount, 500);
    assert!(vietnamese.allocations[1].reason.starts_with("nâng lên mức sàn 500 hours"), "{vietnamese:?}");
    let too_high = split(budget(vec![bound("small", 800, None), bound("large", 300, None)])).await;
    assert_eq!(failure(too_high).2, ["bounds"]);
    let wrong = vec![bound("nobody", 0, None), bound("small", 5, Some(4)), bound("small", -1, None)];
    let fields = failure(split(budget(wrong)).await).2;
    assert_eq!(fields, ["bounds[1].cap", "bounds[2].floor", "bounds[2].segment"]);
    assert_eq!(failure(split(budget(vec![bound("nobody", 0, None)])).await).2, ["bounds"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_draws_are_refused_and_a_firm_rank_is_told_as_firm() {
    let server = TestServer::start().await;
    two_segments(&server).await;
    let test = |draws, spread| {
        let mut segments = server.segments();
        let request = pb::TestRankStabilityRequest {
            parent: "canvases/c".into(),
            draws,
            spread,
            seed: 3,
            ..Default::default()
        };
        async move { segments.test_rank_stability(request).await.map(tonic::Response::into_inner) }
    };
    let firm = test(0, Some(0.05)).await.unwrap();
    assert_eq!((firm.draws, firm.segments[0].first, firm.segments[1].worst_rank), (1_000, 1.0, 2));
    assert_eq!(test(0, Some(0.05)).await.unwrap(), firm);
    // What would let the second pass really does.
    let change = &firm.changes[0];
    assert_eq!(
        (change.segment.as_str(), change.passes.as_str()),
        ("canvases/c/segments/small", "canvases/c/segments/large")
    );
    let mut changed = pb::Segment { name: change.segment.clone(), ..Default::default() };
    match change.fact.as_str() {
        "size" => changed.size = Some(change.after),
        "growth_rate" => changed.growth_rate = Some(change.after),
        "fit" => changed.fit = Some(change.after),
        other => panic!("{other}"),
    }
    let request = pb::UpdateSegmentRequest { segment: Some(changed), ..Default::default() };
    server.segments().update_segment(request).await.unwrap();
    assert_eq!(test(1, Some(0.0)).await.unwrap().segments[0].segment, change.segment);
    assert_eq!(failure(test(10_001, Some(1.5)).await).2, ["draws", "spread"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leads_of_a_segment_are_counted_through_its_profile_and_drawn() {
    let server = TestServer::with_script(&made::script(80)).await;
    two_segments(&server).await;
    let profile = pb::Profile { segment: "canvases/c/segments/large".into(), ..made::profile() };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "p".into(), ..Default::default() };
    server.profiles().create_profile(request).await.unwrap();
    for i in 0..3 {
        let outcome = pb::Outcome { kind: pb::OutcomeKind::Won as i32, ..Default::default() };
        let lead = pb::Lead {
            profile: "profiles/p".into(),
            outcome: (i == 0).then_some(outcome),
            ..made::company(&format!("Lead {i}"), Some(80))
        };
        let request =
            pb::CreateLeadRequest { lead: Some(lead), lead_id: format!("l{i}"), ..Default::default() };
        server.leads().create_lead(request).await.unwrap();
        let lead = pb::score_lead_request::Subject::Lead(format!("leads/l{i}"));
        let request = pb::ScoreLeadRequest { subject: Some(lead), record: true, ..Default::default() };
        server.scoring().score_lead(request).await.unwrap();
    }
    let request = pb::CountSegmentLeadsRequest { parent: "canvases/c".into() };
    let counts = server.segments().count_segment_leads(request).await.unwrap().into_inner().segments;
    let (large, small) = (&counts[0], &counts[1]);
    assert_eq!((large.leads, large.won, large.conversion, small.leads), (3, 1, Some(1.0), 0));
    assert_eq!(large.by_grade.values().sum::<i64>(), 3);
    assert_eq!(large.by_stage.get("new"), Some(&3));
    let grades = drawn(&server, pb::CanvasPicture::Grades, "", false).await;
    assert!(grades.contains(">large</text>") && grades.contains(">3</text>"), "{grades}");
    let canvas = drawn(&server, pb::CanvasPicture::Canvas, "", false).await;
    assert_eq!(canvas.matches("<g role=\"group\"").count(), 9);
}

async fn drawn(server: &TestServer, picture: pb::CanvasPicture, language: &str, dark: bool) -> String {
    let request = pb::RenderCanvasRequest {
        name: "canvases/c".into(),
        picture: picture as i32,
        language: language.into(),
        dark,
        ..Default::default()
    };
    server.canvases().render_canvas(request).await.unwrap().into_inner().content
}

/// Charts are looked at by a browser, with a name as long as names may be: nothing of it is cut.
#[tokio::test(flavor = "multi_thread")]
async fn charts_show_every_name_whole() {
    let server = TestServer::start().await;
    two_segments(&server).await;
    let long = "Everybody who lives in town and wants to be home by five o'clock on most days of the week "
        .repeat(2);
    let segment = pb::Segment {
        name: "canvases/c/segments/small".into(),
        display_name: long.trim().into(),
        ..Default::default()
    };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["display_name".into()] });
    let request = pb::UpdateSegmentRequest { segment: Some(segment), update_mask, ..Default::default() };
    server.segments().update_segment(request).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    for picture in [pb::CanvasPicture::Priority, pb::CanvasPicture::Grades] {
        for (language, dark) in [("en", false), ("ar", true)] {
            let svg = drawn(&server, picture, language, dark).await;
            assert_eq!(
                drawn(&server, picture, language, dark).await,
                svg,
                "the same canvas gives the same bytes"
            );
            let name = format!("{picture:?}-{language}");
            let (texts, wrong) = crate::picture::look(dir.path(), &name, &svg);
            assert!(texts >= 6 && wrong.is_empty(), "{name}: {texts} texts, {wrong:#?}");
            assert!(svg.contains("week</text>"), "{svg}");
        }
    }
}

/// The relationships of each segment come with what is agreed on, and needs are laid against messages, features and benefits.
#[tokio::test(flavor = "multi_thread")]
async fn relationships_and_propositions_are_assessed_over_the_wire() {
    let server = TestServer::start().await;
    let request = pb::ImportCanvasRequest {
        source: Some(pb::import_canvas_request::Source::Template("b2b".into())),
        language: "it".into(),
        canvas_id: "b2b".into(),
        ..Default::default()
    };
    server.canvases().import_canvas(request).await.unwrap();
    let request = pb::AssessRelationshipsRequest { parent: "canvases/b2b".into(), language: "it".into() };
    let assessed = server.segments().assess_relationships(request).await.unwrap().into_inner().assessments;
    assert_eq!(assessed.len(), 3);
    for assessment in &assessed {
        let facet = |kind: pb::FacetKind| {
            let found = assessment.facets.iter().find(|facet| facet.kind() == kind).unwrap();
            found.facet.clone().unwrap()
        };
        assert_eq!((assessment.facets.len(), assessment.stages.len()), (11, 7));
        assert!(facet(pb::FacetKind::Support).response_time.is_some(), "{assessment:#?}");
        assert!(facet(pb::FacetKind::ComplaintHandling).resolution_time.is_some());
        assert!(!facet(pb::FacetKind::RetentionAndLoyalty).content.is_empty());
        assert!(!facet(pb::FacetKind::PrivacyAndSecurity).lawful_bases.is_empty());
        assert!(assessment.stages.iter().all(|stage| !stage.approach.is_empty()));
        assert!(assessment.completeness > 0.3, "{}", assessment.completeness);
    }

    // A proposition that serves a segment and answers nothing there is left over as a whole, by what it says.
    let block = pb::Block::ValuePropositions as i32;
    let offer = Some(pb::Offer { message: "Peace and quiet".into(), ..Default::default() });
    let note =
        pb::Note { id: "calm".into(), block, text: "A calm office".into(), offer, ..Default::default() };
    let to = assessed[0].segment.clone();
    let link = pb::Link { id: "calm".into(), kind: pb::LinkKind::Serves as i32, from: "calm".into(), to };
    use pb::canvas_edit::Edit;
    let edits = [
        Edit::AddNote(pb::AddNote { note: Some(note), place: None }),
        Edit::AddLink(pb::AddLink { link: Some(link), place: None }),
    ];
    let edits = edits.map(|edit| pb::CanvasEdit { edit: Some(edit) }).to_vec();
    let request = pb::EditCanvasRequest { name: "canvases/b2b".into(), edits, ..Default::default() };
    server.canvases().edit_canvas(request).await.unwrap();
    let request = pb::MatchValuePropositionsRequest { parent: "canvases/b2b".into() };
    let matches = server.segments().match_value_propositions(request).await.unwrap().into_inner().matches;
    assert!(matches.iter().all(|found| found.coverage == Some(1.0)), "{matches:#?}");
    let left: Vec<_> =
        matches[0].unmatched.iter().map(|item| (item.item.as_str(), item.text.as_str())).collect();
    assert_eq!(left, [("", "Peace and quiet")]);
}

/// Leads that disagree with the canvas are a finding of the canvas: the first segment yields nobody worth an A.
#[tokio::test(flavor = "multi_thread")]
async fn where_leads_and_canvas_disagree_the_lint_says_so() {
    let server = TestServer::start().await;
    let lenient = server.scripts.join("lead_scoring/lenient.rhai");
    std::fs::write(lenient, "axis fit from 0 to 10;\naxis engagement from 0 to 1;\nrule \"staff\" when employees > 100 then 9 because \"Many\";\ngrade \"A\" when total >= 9;\ngrade \"D\" otherwise;\n").unwrap();
    two_segments(&server).await;
    let profile = pb::Profile {
        segment: "canvases/c/segments/large".into(),
        scoring_script: "lenient".into(),
        ..made::profile()
    };
    let request =
        pb::CreateProfileRequest { profile: Some(profile), profile_id: "p".into(), ..Default::default() };
    crate::support::eventually(async || server.profiles().create_profile(request.clone()).await.ok()).await;
    for i in 0..12 {
        let lead = pb::Lead { profile: "profiles/p".into(), ..made::company(&format!("Lead {i}"), Some(3)) };
        let request =
            pb::CreateLeadRequest { lead: Some(lead), lead_id: format!("l{i}"), ..Default::default() };
        server.leads().create_lead(request).await.unwrap();
        let lead = pb::score_lead_request::Subject::Lead(format!("leads/l{i}"));
        let request = pb::ScoreLeadRequest { subject: Some(lead), record: true, ..Default::default() };
        let score = server.scoring().score_lead(request).await.unwrap().into_inner();
        assert!(!score.grade.is_empty() && score.grade != "A", "{score:?}");
    }
    let request =
        pb::LintCanvasRequest { name: "canvases/c".into(), language: "vi".into(), ..Default::default() };
    let found = server.canvases().lint_canvas(request).await.unwrap().into_inner().diagnostics;
    let told: Vec<&str> = found
        .iter()
        .filter(|found| found.code == "TOP_SEGMENT_WITHOUT_A_LEADS")
        .map(|found| found.text.as_str())
        .collect();
    assert_eq!(told.len(), 1, "{found:#?}");
    assert!(told[0].contains("large") && told[0].contains("12"), "{told:?}");
}
