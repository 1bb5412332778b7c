//! What a canvas costs: examined, compared and drawn, with 60 and with 2,000 notes, against reading the same canvas from the JSON
//! that it is stored as; and edited by 64 writers at a time, on one canvas and on 64.
//!
//! `cargo bench --bench canvas`. All sides run in turns; figures are medians over the rounds.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use assay::domain::canvas::{Block, Canvas, Link, LinkEnd, LinkKind, Note};
use assay::domain::check::Checker;
use assay::domain::time::Time;
use assay::grpc::document::{self, Format};
use assay::grpc::pb::{self, canvas_edit::Edit};
use assay::render::{Style, picture};
use common::median;
use common::support::TestServer;

const ROUNDS: usize = 15;
const WRITERS: usize = 64;
const WRITES: usize = 10;

fn main() {
    for notes in [60, 2_000] {
        costs(notes);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(writers());
}

fn now() -> Time {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// The template with so many notes, each linked.
fn canvas(notes: usize) -> Canvas {
    let template = assay::domain::canvas::templates::Template::find("b2b").unwrap();
    let mut c = Checker::at("");
    let read = document::read(&mut c, template.text("en"), Some(Format::Yaml), None, &mut Vec::new());
    let mut canvas = c.finish(read).unwrap().unwrap();
    let segment: LinkEnd =
        canvas.content.links.iter().find(|link| link.kind == LinkKind::Reaches).unwrap().to.clone();
    for number in canvas.content.notes.len()..notes {
        let id = format!("note-{number}").parse::<assay::domain::name::Id>().unwrap();
        let text = format!("Channel number {number} that reaches whoever looks for something of that kind");
        let (color, tags, amount, hypothesis, offer) = Default::default();
        canvas.content.notes.push(Note {
            id: id.clone(),
            block: Block::Channels,
            text,
            color,
            tags,
            amount,
            hypothesis,
            offer,
        });
        let link = format!("more-{number}").parse().unwrap();
        canvas.content.links.push(Link { id: link, kind: LinkKind::Reaches, from: id, to: segment.clone() });
    }
    canvas
}

/// Every third note worded anew, some gone, some moved.
fn changed(canvas: &Canvas) -> Canvas {
    let mut changed = canvas.clone();
    for note in changed.content.notes.iter_mut().step_by(3) {
        note.text += " and more";
    }
    changed.content.links.remove(0);
    changed.content.notes.rotate_left(1);
    changed
}

fn milliseconds(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64() * 1e3
}

fn costs(notes: usize) {
    let (canvas, changed) = (canvas(notes), changed(&canvas(notes)));
    let stored = serde_json::to_string(&canvas).unwrap();
    let style = Style { language: "en", ..Style::default() };
    let mut rows: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let mut note = |what, took: f64| rows.entry(what).or_default().push(took);
        note(
            "read from JSON",
            milliseconds(|| drop(black_box(serde_json::from_str::<Canvas>(&stored).unwrap()))),
        );
        note("lint", milliseconds(|| drop(black_box(canvas.lint(now(), &BTreeMap::new())))));
        note("diff", milliseconds(|| drop(black_box(canvas.diff(&changed)))));
        note("render", milliseconds(|| drop(black_box(picture(&canvas, style, now())))));
        note("match", milliseconds(|| drop(black_box(canvas.value_matches()))));
    }
    let base = median(&mut rows["read from JSON"].clone());
    for (what, mut took) in rows {
        let took = median(&mut took);
        println!("{notes} notes: {what} {took:.2} ms, {:.1} x reading it from JSON", took / base);
    }
}

fn add(number: usize) -> Vec<pb::CanvasEdit> {
    let note = pb::Note {
        block: pb::Block::Channels as i32,
        text: format!("Channel {number}"),
        ..Default::default()
    };
    vec![pb::CanvasEdit { edit: Some(Edit::AddNote(pb::AddNote { note: Some(note), place: None })) }]
}

/// Writers at a time, each with some edits, one after the other.
async fn writers() {
    let server = TestServer::start().await;
    for canvases in [1, WRITERS] {
        for index in 0..canvases {
            let canvas = pb::Canvas { display_name: "Bench".into(), kind: 1, ..Default::default() };
            let canvas_id = format!("c{canvases}-{index}");
            let request = pb::CreateCanvasRequest { canvas: Some(canvas), canvas_id, ..Default::default() };
            server.canvases().create_canvas(request).await.unwrap();
        }
        let begin = Instant::now();
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let mut client = server.canvases();
                let name = format!("canvases/c{canvases}-{}", writer % canvases);
                tokio::spawn(async move {
                    let mut slowest = Duration::ZERO;
                    for write in 0..WRITES {
                        let begin = Instant::now();
                        let edits = add(writer * WRITES + write);
                        let request =
                            pb::EditCanvasRequest { name: name.clone(), edits, ..Default::default() };
                        client.edit_canvas(request).await.unwrap();
                        slowest = slowest.max(begin.elapsed());
                    }
                    slowest
                })
            })
            .collect();
        let mut slowest = Duration::ZERO;
        for task in tasks {
            slowest = slowest.max(task.await.unwrap());
        }
        let rate = (WRITERS * WRITES) as f64 / begin.elapsed().as_secs_f64();
        let mut notes = 0;
        for index in 0..canvases {
            let request = pb::GetCanvasRequest { name: format!("canvases/c{canvases}-{index}"), revision: 0 };
            notes += server.canvases().get_canvas(request).await.unwrap().into_inner().notes.len();
        }
        assert_eq!(notes, WRITERS * WRITES, "no edit was lost");
        println!(
            "{WRITERS} writers on {canvases} canvases: {rate:.0} edits a second, the slowest {slowest:.0?}; none lost"
        );
    }
}
