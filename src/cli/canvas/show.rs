//! A canvas as text, in its own language.

use std::collections::BTreeMap;

use clap::Args;

use super::source::{load, now};
use crate::cli::Done;
use crate::cli::connect::ServerArg;
use crate::cli::output::out;
use crate::cli::table::{bold, plain};
use crate::domain::canvas::{Block, CanvasKind, LinkKind};
use crate::domain::labels;
use crate::domain::name::{PersonaName, SegmentName};
use crate::domain::segment::{
    FacetKind, FacetStatus, LawfulBasis, LifecycleStage, NeedKind, RelationshipType,
};
use crate::grpc::convert::{self, WireEnum};
use crate::grpc::pb;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay canvas show canvases/acme
  assay canvas show canvases/acme@3
  assay canvas show acme.yaml")]
pub struct Show {
    /// A canvas of a server, or a file
    #[arg(value_name = "CANVAS")]
    canvas: String,
    #[command(flatten)]
    server: ServerArg,
}

impl Show {
    pub async fn run(self) -> anyhow::Result<Done> {
        let show = self;
        let canvas = load(&show.canvas, &show.server.server).await?;
        let (mut segments, mut personas) = (Vec::new(), BTreeMap::new());
        for (id, segment) in &canvas.segments {
            let name = SegmentName { canvas: canvas.name.canvas.clone(), segment: id.clone() };
            let own = segment.personas.iter().map(|(persona, found)| {
                let (canvas, segment) = (name.canvas.clone(), id.clone());
                let name = PersonaName { canvas, segment, persona: persona.clone() };
                convert::segment::persona_shown(name, found.content.clone())
            });
            personas.insert(name.to_string(), own.collect());
            segments.push(convert::segment::outward(&name, segment, now()));
        }
        let canvas = convert::canvas::outward(&canvas, now());
        let shown = Shown { language: &canvas.language, canvas: &canvas, segments: &segments, personas };
        out!("{}", shown.render());
        Ok(Done::Well)
    }
}

/// What is shown.
struct Shown<'a> {
    language: &'a str,
    canvas: &'a pb::Canvas,
    segments: &'a [pb::Segment],
    /// By the name of their segment.
    personas: BTreeMap<String, Vec<pb::Persona>>,
}

impl Shown<'_> {
    /// A name of ours, in the canvas's language.
    fn label<'a>(&self, english: &'a str) -> &'a str {
        labels::label(self.language, english)
    }

    /// The name of a kind, in the canvas's language.
    fn of<K: WireEnum>(&self, kind: i32, title: fn(K) -> &'static str) -> &'static str {
        K::inward(kind).ok().flatten().map_or("", |kind| labels::label(self.language, title(kind)))
    }

    /// The blocks in reading order, each entry with what is known of it and what it is linked to.
    fn render(&self) -> String {
        let canvas = self.canvas;
        let deleted = match canvas.delete_time {
            Some(_) => format!(", {}", self.label("deleted")),
            None => String::new(),
        };
        let head = format!(
            "{} ({}, {} {}{deleted})",
            plain(&canvas.display_name),
            canvas.name,
            self.label("revision"),
            canvas.revision
        );
        let mut out = format!("{}\n", bold(&head));
        let kind = CanvasKind::inward(canvas.kind).ok().flatten().unwrap_or(CanvasKind::BusinessModel);
        for block in kind.blocks() {
            out += &format!("\n{}\n", bold(self.label(block.title())));
            let before = out.len();
            if block == Block::CustomerSegments {
                self.segments.iter().for_each(|segment| self.segment(&mut out, segment));
            }
            let notes = canvas.notes.iter().filter(|note| note.block == block.outward());
            notes.for_each(|note| self.note(&mut out, note));
            if out.len() == before {
                out += &format!("  ({})\n", self.label("nothing yet"));
            }
        }
        out += "\nThe Business Model Canvas is by Strategyzer (strategyzer.com), CC BY-SA 3.0.\n";
        out
    }

    fn segment(&self, out: &mut String, segment: &pb::Segment) {
        let unit = &self.canvas.size_unit;
        let mut figures = Vec::new();
        if let Some(size) = segment.size {
            figures.push(format!("{size} {unit}").trim_end().to_owned());
        }
        if let Some(growth) = segment.growth_rate {
            figures.push(format!("{} {}", self.label("growth a year"), percent(growth)));
        }
        if let Some(fit) = segment.fit {
            figures.push(format!("{} {}", self.label("fit"), percent(fit)));
        }
        if let Some(capacity) = segment.capacity {
            figures.push(format!("{} {capacity}", self.label("capacity")));
        }
        let figures = if figures.is_empty() { String::new() } else { format!(" ({})", figures.join(", ")) };
        *out += &format!("  · {}{figures}\n", plain(&segment.display_name));

        for need in &segment.needs {
            let intensity = need.intensity.map(|felt| format!(" {}", percent(felt))).unwrap_or_default();
            *out +=
                &format!("      {}{intensity}: {}\n", self.of(need.kind, NeedKind::title), plain(&need.text));
        }
        let personas = self.personas.get(&segment.name).into_iter().flatten();
        personas.for_each(|persona| self.persona(out, persona));
        self.relationship(out, segment.relationship_plan.as_ref());
    }

    fn persona(&self, out: &mut String, persona: &pb::Persona) {
        let role = match &persona.decision_role {
            role if role.is_empty() => String::new(),
            role => format!(" ({})", plain(role)),
        };
        *out += &format!("      {}: {}{role}\n", self.label("persona"), plain(&persona.display_name));
        if !persona.quote.is_empty() {
            *out += &format!("        “{}”\n", plain(&persona.quote));
        }
        let parts = [
            ("wants", &persona.goals),
            ("suffers from", &persona.pains),
            ("is met by", &persona.preferred_channels),
        ];
        for (word, said) in parts.into_iter().filter(|(_, said)| !said.is_empty()) {
            *out += &format!("        {}: {}\n", self.label(word), plain(&said.join("; ")));
        }
    }

    /// How many facets are founded how well, and those of which something is said.
    fn relationship(&self, out: &mut String, plan: Option<&pb::RelationshipPlan>) {
        let facets = plan.map(|plan| &plan.facets[..]).unwrap_or_default();
        let of_status =
            |status: FacetStatus| facets.iter().filter(move |facet| facet.status == status.outward());
        if of_status(FacetStatus::Missing).count() == facets.len() {
            return;
        }
        let statuses =
            [FacetStatus::Evidenced, FacetStatus::Assumed, FacetStatus::Stale, FacetStatus::Missing];
        let counts: Vec<_> = statuses
            .into_iter()
            .map(|status| (of_status(status).count(), self.label(status.title())))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        *out += &format!("      {}: {}\n", self.label("relationship"), counts.join(", "));
        for facet in facets.iter().filter(|facet| facet.status != FacetStatus::Missing.outward()) {
            let (name, status) =
                (self.of(facet.kind, FacetKind::title), self.of(facet.status, FacetStatus::title));
            *out += &format!("        {name} [{status}]: {}\n", self.facet(facet).join("; "));
        }
    }

    /// All that a facet says.
    fn facet(&self, facet: &pb::Facet) -> Vec<String> {
        let mut said = Vec::new();
        if !facet.content.is_empty() {
            said.push(plain(&facet.content));
        }
        let types = facet.relationship_types.iter();
        said.extend(types.map(|kind| self.of(*kind, RelationshipType::title).to_owned()));
        for touchpoint in &facet.touchpoints {
            let note = self.canvas.notes.iter().find(|note| note.id == touchpoint.channel_note);
            let mut around = vec![
                self.of(touchpoint.stage, LifecycleStage::title).to_owned(),
                note.map(|note| plain(&note.text)).unwrap_or_default(),
                plain(&touchpoint.owner),
            ];
            around.retain(|part| !part.is_empty());
            let around = if around.is_empty() { String::new() } else { format!(" ({})", around.join(", ")) };
            said.push(format!("{}{around}", plain(&touchpoint.description)));
        }
        for approach in &facet.lifecycle {
            let stage = self.of(approach.stage, LifecycleStage::title);
            said.push(format!("{stage}: {}", plain(&approach.approach)));
        }
        if let Some(time) = &facet.response_time {
            said.push(format!("{} {}", self.label("answer within"), span(time)));
        }
        if let Some(time) = &facet.resolution_time {
            said.push(format!("{} {}", self.label("settled within"), span(time)));
        }
        let bases = facet.lawful_bases.iter();
        said.extend(bases.map(|basis| self.of(*basis, LawfulBasis::title).to_owned()));
        said.extend(facet.attributes.iter().map(|(key, text)| format!("{key}: {}", plain(text))));
        said
    }

    fn note(&self, out: &mut String, note: &pb::Note) {
        let tags: String = note.tags.iter().map(|tag| format!(" #{}", plain(tag))).collect();
        let amount = note.amount.as_ref().map(|amount| format!(" ({})", range(amount))).unwrap_or_default();
        *out += &format!("  · {}{amount}{tags}\n", plain(&note.text));
        for link in self.canvas.links.iter().filter(|link| link.from == note.id) {
            *out += &format!("      {} {}\n", self.of(link.kind, LinkKind::title), self.target(&link.to));
        }
        let Some(hypothesis) = &note.hypothesis else { return };
        *out += &format!("      {}: {}\n", self.label("hypothesis"), plain(&hypothesis.statement));
        let parts = [
            ("test", &hypothesis.test),
            ("metric", &hypothesis.metric),
            ("threshold", &hypothesis.threshold),
            ("result", &hypothesis.result),
        ];
        for (word, said) in parts.into_iter().filter(|(_, said)| !said.is_empty()) {
            *out += &format!("        {}: {}\n", self.label(word), plain(said));
        }
        for evidence in &hypothesis.evidence {
            let strength =
                evidence.strength.map(|strength| format!(" ({})", percent(strength))).unwrap_or_default();
            *out += &format!("        {}: {}{strength}\n", self.label("evidence"), plain(&evidence.source));
        }
    }

    fn target(&self, to: &str) -> String {
        let note = self.canvas.notes.iter().find(|note| note.id == to).map(|note| &note.text);
        let segment = self.segments.iter().find(|segment| segment.name == to);
        plain(note.or(segment.map(|segment| &segment.display_name)).map_or(to, String::as_str))
    }
}

/// A ratio as people write it, without the noise of binary fractions.
fn percent(ratio: f64) -> String {
    format!("{} %", (ratio * 1_000.0).round() / 10.0)
}

fn range(amount: &pb::AmountRange) -> String {
    let plain_amount = |money: &pb::Money| {
        let text = format!("{}.{:09}", money.units, money.nanos.unsigned_abs());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let (low, high) = (amount.low.clone().unwrap_or_default(), amount.high.clone().unwrap_or_default());
    let mut text = format!("{} {}", low.currency_code, plain_amount(&low));
    if low != high {
        text += &format!("–{}", plain_amount(&high));
    }
    if !amount.period.is_empty() {
        text += &format!(" / {}", plain(&amount.period));
    }
    text
}

/// A length of time in its largest whole unit.
fn span(time: &prost_types::Duration) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let (length, unit) = units.into_iter().find(|(length, _)| time.seconds % length == 0).unwrap_or((1, "s"));
    format!("{} {unit}", time.seconds / length)
}
