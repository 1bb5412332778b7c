use serde_json::Value as Json;

use super::*;
use crate::domain::canvas::tests::acme;
use crate::domain::canvas::{Canvas, NeedRef, OfferItem};
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, SegmentName};

fn name() -> CanvasName {
    "canvases/acme".parse().unwrap()
}

fn read_text(text: &str) -> (Canvas, Result<(), crate::domain::check::Invalid>) {
    let model: Json = serde_saphyr::from_str(text).unwrap();
    let mut c = Checker::at("");
    let canvas = read(&mut c, &name(), &model);
    (canvas, c.finish(()))
}

const MODEL: &str = include_str!("../../../../tests/service/model.bmml");

#[test]
fn what_the_format_can_hold_survives_unchanged() {
    let (canvas, found) = read_text(MODEL);
    found.unwrap();
    let mut dropped = Vec::new();
    let written = write(&canvas, &mut dropped);
    let model: Json = serde_saphyr::from_str(MODEL).unwrap();
    assert_eq!(written, model);
    assert!(dropped.is_empty(), "{dropped:?}");
    let mut c = Checker::at("");
    canvas.content.check(&mut c);
    canvas.check_references(&mut c);
    c.finish(()).unwrap();
    assert_eq!(canvas.content.maturity, Maturity::Growth);
}

#[test]
fn a_fit_that_holds_no_more_is_not_written_and_a_new_one_is() {
    let (mut canvas, _) = read_text(MODEL);
    let offer = canvas.content.notes[0].offer.as_mut().unwrap();
    offer.benefits[0].answers.clear();
    canvas
        .content
        .links
        .retain(|link| !(link.kind == LinkKind::Serves && link.to.is_segment(&"cs-day".parse().unwrap())));
    let written = write(&canvas, &mut Vec::new());
    let fits = written["fits"].as_array().unwrap();
    assert_eq!(fits.len(), 1);
    assert_eq!(fits[0]["mappings"].as_array().unwrap().len(), 3);
}

/// What is edited after an import is written so that it reads back as it was edited, with ids that are no other's.
#[test]
fn edits_after_an_import_survive() {
    let mut written = write(&acme(), &mut Vec::new());
    let mut c = Checker::at("");
    let mut canvas = read(&mut c, &name(), &written);
    // One more answer to a pair that has a fit already.
    let (segment, need) = canvas
        .segments
        .iter()
        .flat_map(|(id, segment)| segment.content.needs.iter().map(move |need| (id.clone(), need.id.clone())))
        .next()
        .unwrap();
    let kind = prefix_of(need.as_str()).to_owned();
    let item: Id = match kind.as_str() {
        "gain" => "gc-new",
        "pain" => "pr-new",
        _ => "ps-new",
    }
    .parse()
    .unwrap();
    let to = SegmentName { canvas: canvas.name.canvas.clone(), segment: segment.clone() };
    let answers = vec![NeedRef { segment: to, need }];
    let serving = canvas
        .content
        .links
        .iter()
        .find(|link| link.kind == LinkKind::Serves && link.to.is_segment(&segment));
    let offer = serving.unwrap().from.clone();
    let note = canvas.content.notes.iter_mut().find(|note| note.id == offer).unwrap();
    let offer = note.offer.get_or_insert_default();
    let list = if kind == "job" { &mut offer.features } else { &mut offer.benefits };
    list.push(OfferItem { id: item, text: "something new".into(), answers });
    canvas.content.maturity = Maturity::Mature;
    for _ in 0..2 {
        written = write(&canvas, &mut Vec::new());
        let again = read(&mut c, &name(), &written);
        assert_eq!(again.content.maturity, Maturity::Mature);
        assert_eq!(write(&again, &mut Vec::new()), written);
        canvas = again;
    }
    c.finish(()).unwrap();
}

/// A link that is removed does not come back with the fit that it came from.
#[test]
fn who_serves_some_segments_of_a_fit_is_not_written_as_serving_all() {
    let (mut canvas, _) = read_text(MODEL);
    let links = || canvas.content.links.iter().filter(|link| link.kind == LinkKind::Serves);
    let gone = links().next_back().unwrap().id.clone();
    let left = links().count() - 1;
    canvas.content.links.retain(|link| link.id != gone);
    let written = write(&canvas, &mut Vec::new());
    let mut c = Checker::at("");
    let again = read(&mut c, &name(), &written);
    assert_eq!(again.content.links.iter().filter(|link| link.kind == LinkKind::Serves).count(), left);
}

#[test]
fn a_canvas_of_ours_becomes_a_model_that_reads_back_and_says_what_it_lost() {
    let mut dropped = Vec::new();
    let written = write(&acme(), &mut dropped);
    assert_eq!(
        dropped,
        [
            "answers of products to pains and gains, and of benefits to needs of another kind",
            "figures of segments",
            "personas",
            "relationship plans",
            "the unit of segment sizes",
        ]
    );
    let mut c = Checker::at("");
    let canvas = read(&mut c, &name(), &written);
    c.finish(()).unwrap();
    assert_eq!(write(&canvas, &mut Vec::new()), written);
}

/// Ids of needs and items are unique only within their segment and offer; in a model, in all of it.
#[test]
fn what_is_named_alike_is_told_apart() {
    let mut canvas = acme();
    let need = canvas.segments[&"small".parse::<Id>().unwrap()].content.needs[0].clone();
    let medium = canvas.segments.get_mut(&"medium".parse().unwrap()).unwrap();
    medium.content.needs.push(need);
    let written = write(&canvas, &mut Vec::new());
    let mut c = Checker::at("");
    let again = read(&mut c, &name(), &written);
    c.finish(()).unwrap();
    assert_eq!(write(&again, &mut Vec::new()), written);
}

#[test]
fn all_broken_references_are_told_at_once() {
    let broken = MODEL
        .replace("customer_segments: [cs-day, cs-night]", "customer_segments: [cs-moon]")
        .replace("[pr-lit, pain-wait]", "[pr-lit, gain-calm], [pr-none, pain-wait], [pr-lit, pain-none]")
        .replace("id: kr-fleet\n    name: Cars", "id: fleet\n    nam: Cars")
        .replace("stage: grow", "stage: validation");
    let found = read_text(&broken).1.unwrap_err();
    let told: Vec<String> = found.0.iter().map(ToString::to_string).collect();
    let expected = [
        "meta.stage: is none of a model to exploit: improve, grow, sustain, retire, transfer",
        "key_resources[0].nam: there is no such field; did you mean \"name\"?",
        "key_resources[0].id: \"fleet\" must begin with kr-",
        "key_resources[0].name: is required",
        "customer_relationships[0].for.customer_segments[0]: there is no \"cs-moon\" in customer_segments",
        "key_partnerships[0].for.key_resources[0]: there is no \"kr-fleet\" in key_resources",
        "costs[0].for.key_resources[0]: there is no \"kr-fleet\" in key_resources",
        "fits[0].mappings[1]: must join a pain reliever to a pain, a gain creator to a gain, or a product to a job",
        "fits[0].mappings[2]: \"pr-none\" is in none of the fit's value propositions",
        "fits[0].mappings[3]: \"pain-none\" is in none of the fit's customer segments",
    ];
    assert_eq!(told, expected);
}
