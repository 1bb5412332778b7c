use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Done;
use super::connect::{Clients, ServerArg};
use super::table::{Table, bar, bold, counted, plain, points, signed};
use crate::cli::output::{out, outln};
use crate::domain::labels::label;
use crate::domain::segment::{FacetKind, FacetStatus};
use crate::grpc::convert::WireEnum as _;
use crate::grpc::pb;

#[derive(Subcommand)]
pub enum Segments {
    /// Rank a canvas's segments by its priority script
    Rank(Rank),
    /// Split a budget over the segments by priority, exactly, and say why
    Allocate(Allocate),
    /// Tell how firm the ranking is, and what would change it
    Stability(Stability),
    /// Tell how well the relationship with each segment is founded, and what to do next
    Assess(Assess),
    /// Match needs with what propositions offer: what is left over on both sides
    Match(Match),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay segments allocate canvases/acme 50000 --unit EUR
  assay segments allocate canvases/acme 400 --unit hours --floor small=40 --cap large=120 --per-customer 2.5")]
pub struct Allocate {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// How much there is, in whole units
    #[arg(value_name = "BUDGET", value_parser = clap::value_parser!(i64).range(0..))]
    budget: i64,
    /// What the units are
    #[arg(long, default_value = "", value_name = "TEXT")]
    unit: String,
    /// What a segment gets at least
    #[arg(long, value_name = "SEGMENT=N")]
    floor: Vec<String>,
    /// What a segment gets at most
    #[arg(long, value_name = "SEGMENT=N")]
    cap: Vec<String>,
    /// How many units serving one customer takes: no segment gets more than its capacity can use
    #[arg(long, default_value_t = 0.0, value_name = "UNITS")]
    per_customer: f64,
    /// The script under segment_priority/ [default: the canvas's]
    #[arg(long, default_value = "", value_name = "NAME")]
    script: String,
    /// The language of the reasons: en, vi, zh, ar or it [default: the canvas's]
    #[arg(long, default_value = "", value_name = "LANG")]
    lang: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
The same seed gives the same answer.

Examples:
  assay segments stability canvases/acme
  assay segments stability canvases/acme --draws 5000 --spread 0.3 --seed 7")]
pub struct Stability {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// How many draws
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i32).range(1..=10_000), value_name = "N")]
    draws: i32,
    /// By how much figures vary, relative to their value
    #[arg(long, default_value_t = 0.2, value_name = "RATIO")]
    spread: f64,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: i64,
    /// The script under segment_priority/ [default: the canvas's]
    #[arg(long, default_value = "", value_name = "NAME")]
    script: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay segments assess canvases/acme
  assay segments assess canvases/acme --lang vi")]
pub struct Assess {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    /// The language of what is said: en, vi, zh, ar or it [default: the canvas's]
    #[arg(long, default_value = "", value_name = "LANG")]
    lang: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Exit code 1 if a need is answered by nothing.

Examples:
  assay segments match canvases/acme")]
pub struct Match {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay segments rank canvases/acme
  assay segments rank canvases/acme --script ecommerce --why")]
pub struct Rank {
    /// The canvas
    #[arg(value_name = "CANVAS")]
    canvas: String,
    #[command(flatten)]
    server: ServerArg,
    /// The script under segment_priority/ [default: the canvas's]
    #[arg(long, default_value = "", value_name = "NAME")]
    script: String,
    /// Show what each priority is made of
    #[arg(long)]
    why: bool,
}

impl Segments {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            Segments::Rank(verb) => verb.run().await,
            Segments::Allocate(verb) => verb.run().await,
            Segments::Stability(verb) => verb.run().await,
            Segments::Assess(verb) => verb.run().await,
            Segments::Match(verb) => verb.run().await,
        }
    }
}

impl Rank {
    async fn run(self) -> anyhow::Result<Done> {
        let rank = self;
        let clients = Clients::connect(&rank.server.server).await?;
        let request = pb::PrioritizeSegmentsRequest { parent: rank.canvas.clone(), script: rank.script };
        let ranking = clients.segments().prioritize_segments(request).await?.into_inner();
        out!("{}", render(&ranking.priorities, rank.why));
        let request = pb::CountSegmentLeadsRequest { parent: rank.canvas };
        let counts = clients.segments().count_segment_leads(request).await?.into_inner().segments;
        if counts.iter().any(|segment| segment.leads > 0) {
            out!("\n{}", leads(&ranking.priorities, &counts));
        }
        Ok(Done::Well)
    }
}

/// The leads of each segment by grade, in the order of the ranking.
fn leads(order: &[pb::Priority], counts: &[pb::SegmentLeads]) -> String {
    let grades: std::collections::BTreeSet<&str> =
        counts.iter().flat_map(|segment| segment.by_grade.keys().map(String::as_str)).collect();
    let named: Vec<&str> = grades.iter().copied().filter(|grade| !grade.is_empty()).collect();
    let head: Vec<&str> = ["segment", "leads"]
        .into_iter()
        .chain(named.iter().copied())
        .chain(["won", "lost", "conversion"])
        .collect();
    let right: Vec<usize> = (1..head.len()).collect();
    let mut table = Table::new(&head, &right);
    for segment in order.iter().filter_map(|place| counts.iter().find(|count| count.segment == place.segment))
    {
        let of_grade = |grade: &&str| segment.by_grade.get(*grade).copied().unwrap_or(0).to_string();
        let conversion =
            segment.conversion.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default();
        let figures =
            named.iter().map(of_grade).chain([segment.won.to_string(), segment.lost.to_string(), conversion]);
        table.row([segment.display_name.clone(), segment.leads.to_string()].into_iter().chain(figures));
    }
    table.render()
}

/// `segment=number` as a bound of a canvas's segment.
fn bound(canvas: &str, text: &str) -> anyhow::Result<(String, i64)> {
    let (segment, number) =
        text.split_once('=').with_context(|| format!("\"{text}\" is to look like small=40"))?;
    let number = number.parse().with_context(|| format!("\"{number}\" is no whole number"))?;
    Ok((format!("{canvas}/segments/{segment}"), number))
}

impl Allocate {
    async fn run(self) -> anyhow::Result<Done> {
        let mut bounds: Vec<pb::AllocationBound> = Vec::new();
        let mut at = |name: String| match bounds.iter().position(|bound| bound.segment == name) {
            Some(known) => known,
            None => {
                bounds.push(pb::AllocationBound { segment: name, ..Default::default() });
                bounds.len() - 1
            }
        };
        let floors =
            self.floor.iter().map(|text| bound(&self.canvas, text)).collect::<anyhow::Result<Vec<_>>>()?;
        let caps =
            self.cap.iter().map(|text| bound(&self.canvas, text)).collect::<anyhow::Result<Vec<_>>>()?;
        let floors: Vec<(usize, i64)> = floors.into_iter().map(|(name, number)| (at(name), number)).collect();
        let caps: Vec<(usize, i64)> = caps.into_iter().map(|(name, number)| (at(name), number)).collect();
        floors.into_iter().for_each(|(index, number)| bounds[index].floor = number);
        caps.into_iter().for_each(|(index, number)| bounds[index].cap = Some(number));
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::AllocateResourcesRequest {
            parent: self.canvas,
            budget: self.budget,
            unit: self.unit.clone(),
            bounds,
            units_per_customer: self.per_customer,
            script: self.script,
            language: self.lang,
        };
        let split = clients.segments().allocate_resources(request).await?.into_inner();
        let mut table =
            Table::new(&["rank", "segment", &format!("gets {}", self.unit), "share", "", "why"], &[0, 2, 3]);
        for allocation in &split.allocations {
            table.row([
                allocation.rank.to_string(),
                allocation.display_name.clone(),
                allocation.amount.to_string(),
                format!("{:.1} %", allocation.share * 100.0),
                bar((allocation.share * 100.0) as usize, 100, 20),
                allocation.reason.clone(),
            ]);
        }
        out!("{}", table.render());
        if split.unallocated > 0 {
            outln!("left over, since all are at what they may take: {} {}", split.unallocated, self.unit);
        }
        Ok(Done::Well)
    }
}

impl Stability {
    async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::TestRankStabilityRequest {
            parent: self.canvas,
            script: self.script,
            draws: self.draws,
            spread: Some(self.spread),
            seed: self.seed,
        };
        let found = clients.segments().test_rank_stability(request).await?.into_inner();
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let mut table = Table::new(
            &["rank", "segment", "keeps it", "first", "mean rank", "best", "worst"],
            &[0, 2, 3, 4, 5, 6],
        );
        for segment in &found.segments {
            table.row([
                segment.rank.to_string(),
                segment.display_name.clone(),
                percent(segment.same_rank),
                percent(segment.first),
                format!("{:.2}", segment.mean_rank),
                segment.best_rank.to_string(),
                segment.worst_rank.to_string(),
            ]);
        }
        out!("{}", table.render());
        outln!(
            "{} in which figures vary by {}",
            counted(usize::try_from(found.draws).unwrap_or(0), "draw"),
            percent(self.spread)
        );
        let name = |segment: &str| {
            let known = found.segments.iter().find(|place| place.segment == segment);
            known.map_or_else(|| segment.to_owned(), |place| plain(&place.display_name))
        };
        for change in &found.changes {
            outln!(
                "{} would pass {} if {} were {} instead of {}",
                name(&change.segment),
                name(&change.passes),
                change.fact,
                change.after,
                change.before
            );
        }
        Ok(Done::Well)
    }
}

impl Assess {
    async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let language = match self.lang.is_empty() {
            true => {
                let request = pb::GetCanvasRequest { name: self.canvas.clone(), revision: 0 };
                clients.canvases().get_canvas(request).await?.into_inner().language
            }
            false => self.lang,
        };
        let of = |text: &'static str| label(&language, text);
        let request = pb::AssessRelationshipsRequest { parent: self.canvas, language: language.clone() };
        let found = clients.segments().assess_relationships(request).await?.into_inner().assessments;
        let head: Vec<&str> =
            [of("facet")].into_iter().chain(found.iter().map(|one| one.display_name.as_str())).collect();
        let mut table = Table::new(&head, &[]);
        for kind in FacetKind::ALL {
            let cells = found.iter().map(|one| {
                let facet = one.facets.iter().find(|facet| facet.kind == kind.outward());
                let status = facet.and_then(|facet| FacetStatus::inward(facet.status).ok().flatten());
                let told = facet.map_or(0.0, |facet| facet.told);
                match status {
                    Some(status) if told < 1.0 && told > 0.0 => {
                        format!("{} ({:.0} %)", of(status.title()), told * 100.0)
                    }
                    status => of(status.map_or("", FacetStatus::title)).to_owned(),
                }
            });
            table.row([of(kind.title()).to_owned()].into_iter().chain(cells));
        }
        out!("{}", table.render());
        for one in &found {
            outln!(
                "\n{}",
                bold(&format!("{}: {:.0} % complete", plain(&one.display_name), one.completeness * 100.0))
            );
            one.next.iter().take(5).for_each(|step| outln!("  {}", plain(&step.text)));
            if one.next.len() > 5 {
                outln!("  and {} more", one.next.len() - 5);
            }
        }
        Ok(Done::Well)
    }
}

impl Match {
    async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::MatchValuePropositionsRequest { parent: self.canvas };
        let found = clients.segments().match_value_propositions(request).await?.into_inner().matches;
        let mut complete = true;
        for one in &found {
            let coverage =
                one.coverage.map(|share| format!(": {:.0} % answered", share * 100.0)).unwrap_or_default();
            outln!("{}", bold(&format!("{}{coverage}", plain(&one.display_name))));
            for matched in &one.needs {
                let need = matched.need.clone().unwrap_or_default();
                let mark = if matched.answers.is_empty() { "✗" } else { "✓" };
                complete &= !matched.answers.is_empty();
                outln!("  {mark} {}", plain(&need.text));
                matched.answers.iter().for_each(|item| outln!("      {} ({})", plain(&item.text), item.note));
                for item in &matched.suggestions {
                    outln!(
                        "      perhaps: {} ({}), {:.0} % alike",
                        plain(&item.text),
                        item.note,
                        item.likeness * 100.0
                    );
                }
            }
            for item in &one.unmatched {
                outln!("  offered in vain: {} ({})", plain(&item.text), item.note);
            }
        }
        Ok(if complete { Done::Well } else { Done::No })
    }
}

/// The ranking, with the reasons of each place if they are asked for.
pub fn render(priorities: &[pb::Priority], why: bool) -> String {
    if priorities.is_empty() {
        return "The canvas has no segments yet.\n".into();
    }
    let mut table = Table::new(&["rank", "segment", "priority", "could be", "missing"], &[0, 2]);
    for priority in priorities {
        let (low, high) = (priority.low_hundredths, priority.high_hundredths);
        let range = if low == high { String::new() } else { format!("{} to {}", points(low), points(high)) };
        let mut missing: Vec<&str> = priority.missing.iter().map(|unknown| unknown.fact.as_str()).collect();
        missing.dedup();
        let name = priority.display_name.clone();
        let total = points(priority.priority_hundredths);
        table.row([priority.rank.to_string(), name, total, range, missing.join(", ")]);
    }
    let mut out = table.render();
    for priority in priorities.iter().filter(|_| why) {
        out += &format!("\n{}\n", priority.display_name);
        let mut table = Table::new(&["points", "why", "rule"], &[0]);
        for entry in &priority.contributions {
            table.row([signed(entry.points_hundredths), entry.reason.clone(), entry.rule.clone()]);
        }
        out += &table.render();
    }
    out
}
