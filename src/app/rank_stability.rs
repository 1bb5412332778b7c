//! How firm a ranking of segments is: what becomes of it when the figures that it rests on vary, and what would change it.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::prioritize::Ranking;
use super::{App, Result};
use crate::domain::canvas::Canvas;
use crate::domain::check::Invalid;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::{LeadTally, SegmentContent};
use crate::priority::aside_of_tasks;
use crate::rules::set::RuleSet;
use crate::rules::{ScriptKind, SegmentFacts};

/// How figures vary.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    pub count: usize,
    /// The standard deviation, relative to a figure.
    pub spread: f64,
    pub seed: u64,
}

/// How firm a segment's place is.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub segment: Id,
    pub display_name: String,
    pub rank: u32,
    /// Shares of the draws, 0 to 1.
    pub same_rank: f64,
    pub first: f64,
    pub mean_rank: f64,
    pub best: u32,
    pub worst: u32,
}

/// A change of one figure that lets a segment pass the one before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Overtaking {
    pub segment: Id,
    pub passes: Id,
    pub fact: String,
    pub before: f64,
    pub after: f64,
}

/// What was found out about a ranking.
pub struct Stability {
    pub places: Vec<Place>,
    pub overtakings: Vec<Overtaking>,
    pub ranking: Ranking,
}

/// The most draws times segments: each is a run of the script.
const MOST_RUNS: usize = 200_000;

impl App {
    pub async fn rank_stability(
        &self,
        name: &CanvasName,
        script: Option<&str>,
        draws: Draws,
    ) -> Result<Stability> {
        let canvas = self.live_canvas(name).await?;
        if draws.count.saturating_mul(canvas.segments.len()) > MOST_RUNS {
            let most = MOST_RUNS / canvas.segments.len().max(1);
            let message = format!("may be {most} at most for {} segments", canvas.segments.len());
            return Err(Invalid::one("draws", message).into());
        }
        let tallies = self.store.segment_tallies(name).await?;
        let ranking = self.rank(&canvas, script, &tallies)?;
        let rules = ranking.rules.clone();
        let script =
            rules.script(ScriptKind::SegmentPriority, script.unwrap_or(&canvas.content.priority_script))?;
        let scene = Scene { canvas: &canvas, tallies: &tallies, rules: &rules, script };
        let (places, overtakings) =
            aside_of_tasks(|| Result::Ok((scene.places(&ranking, draws)?, scene.overtakings(&ranking)?)))?;
        Ok(Stability { places, overtakings, ranking })
    }
}

/// What segments are ranked by.
struct Scene<'a> {
    canvas: &'a Canvas,
    tallies: &'a BTreeMap<SegmentName, LeadTally>,
    rules: &'a RuleSet,
    script: &'a crate::rules::Script,
}

impl Scene<'_> {
    fn priority(&self, id: &Id, content: &SegmentContent) -> Result<i64> {
        let name = SegmentName { canvas: self.canvas.name.canvas.clone(), segment: id.clone() };
        let leads = self.tallies.get(&name).copied().unwrap_or_default();
        Ok(self.rules.prioritize(self.script, SegmentFacts { segment: content, leads })?.priority.0)
    }

    fn places(&self, ranking: &Ranking, draws: Draws) -> Result<Vec<Place>> {
        let mut random = SmallRng::seed_from_u64(draws.seed);
        let ids: Vec<&Id> = self.canvas.segments.keys().collect();
        let mut ranks: Vec<Vec<u32>> = vec![Vec::with_capacity(draws.count); ids.len()];
        for _ in 0..draws.count {
            let mut drawn = Vec::with_capacity(ids.len());
            for (index, (id, segment)) in self.canvas.segments.iter().enumerate() {
                let varied = varied(&segment.content, draws.spread, &mut random);
                drawn.push((std::cmp::Reverse(self.priority(id, &varied)?), index));
            }
            drawn.sort();
            for (rank, (_, index)) in (1..).zip(drawn) {
                ranks[index].push(rank);
            }
        }
        let places = ranking.priorities.iter().map(|priority| {
            let index = ids.iter().position(|id| **id == priority.segment.segment).unwrap_or(0);
            let ranks = &ranks[index];
            let share = |wanted: u32| {
                ranks.iter().filter(|rank| **rank == wanted).count() as f64 / ranks.len().max(1) as f64
            };
            Place {
                segment: priority.segment.segment.clone(),
                display_name: priority.display_name.clone(),
                rank: priority.rank,
                same_rank: share(priority.rank),
                first: share(1),
                mean_rank: ranks.iter().map(|rank| f64::from(*rank)).sum::<f64>() / ranks.len().max(1) as f64,
                best: ranks.iter().copied().min().unwrap_or(priority.rank),
                worst: ranks.iter().copied().max().unwrap_or(priority.rank),
            }
        });
        Ok(places.collect())
    }

    /// For each segment but the first, the changes of single figures that let it pass the one before it, the smallest first.
    fn overtakings(&self, ranking: &Ranking) -> Result<Vec<Overtaking>> {
        let mut found = Vec::new();
        for pair in ranking.priorities.windows(2) {
            let (above, below) = (&pair[0], &pair[1]);
            let id = &below.segment.segment;
            let Some(segment) = self.canvas.segments.get(id) else { continue };
            let mut own: Vec<(f64, Overtaking)> = Vec::new();
            for fact in figures(&segment.content) {
                let before = fact.get(&segment.content);
                let passes = |value: f64| -> Result<bool> {
                    let mut content = segment.content.clone();
                    fact.set(&mut content, value);
                    Ok(self.priority(id, &content)? > above.assessment.priority.0)
                };
                let (low, high) = fact.range(before);
                let mut nearest: Option<f64> = None;
                for end in [low, high] {
                    if let Some(value) = nearest_passing(before, end, &passes)?
                        && nearest.is_none_or(|known| (value - before).abs() < (known - before).abs())
                    {
                        nearest = Some(value);
                    }
                }
                if let Some(after) = nearest {
                    let step = (after - before).abs() / (high - low).max(f64::MIN_POSITIVE);
                    let (segment, passes) = (id.clone(), above.segment.segment.clone());
                    let change = Overtaking { segment, passes, fact: fact.name(), before, after };
                    own.push((step, change));
                }
            }
            own.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            found.extend(own.into_iter().map(|(_, change)| change));
        }
        Ok(found)
    }
}

/// The value nearest to `from` on the way to `end` with which something holds, written as short as it still does; nothing if it
/// does not even hold at the end.
fn nearest_passing(from: f64, end: f64, holds: &impl Fn(f64) -> Result<bool>) -> Result<Option<f64>> {
    if from == end || !holds(end)? {
        return Ok(None);
    }
    let (mut without, mut with) = (from, end);
    for _ in 0..40 {
        let middle = without + (with - without) / 2.0;
        if holds(middle)? {
            with = middle;
        } else {
            without = middle;
        }
    }
    for digits in 2..12 {
        let scale = libm::pow(10.0, f64::from(digits) - libm::ceil(libm::log10(with.abs().max(1e-12))));
        let short = if end > from { libm::ceil(with * scale) } else { libm::floor(with * scale) } / scale;
        let short = if end > from { short.min(end) } else { short.max(end) };
        if holds(short)? {
            return Ok(Some(short));
        }
    }
    Ok(Some(with))
}

/// A figure of a segment.
enum Figure {
    Size,
    GrowthRate,
    Fit,
    Capacity,
    Custom(String),
}

/// The figures of a segment that are known.
fn figures(content: &SegmentContent) -> Vec<Figure> {
    let own = [
        (Figure::Size, content.size),
        (Figure::GrowthRate, content.growth_rate),
        (Figure::Fit, content.fit),
        (Figure::Capacity, content.capacity),
    ];
    let known = own.into_iter().filter(|(_, value)| value.is_some()).map(|(figure, _)| figure);
    known.chain(content.custom_factors.keys().cloned().map(Figure::Custom)).collect()
}

impl Figure {
    fn name(&self) -> String {
        match self {
            Figure::Size => "size".into(),
            Figure::GrowthRate => "growth_rate".into(),
            Figure::Fit => "fit".into(),
            Figure::Capacity => "capacity".into(),
            Figure::Custom(name) => name.clone(),
        }
    }

    fn get(&self, content: &SegmentContent) -> f64 {
        let value = match self {
            Figure::Size => content.size,
            Figure::GrowthRate => content.growth_rate,
            Figure::Fit => content.fit,
            Figure::Capacity => content.capacity,
            Figure::Custom(name) => content.custom_factors.get(name).copied(),
        };
        value.unwrap_or(0.0)
    }

    fn set(&self, content: &mut SegmentContent, value: f64) {
        match self {
            Figure::Size => content.size = Some(value),
            Figure::GrowthRate => content.growth_rate = Some(value),
            Figure::Fit => content.fit = Some(value),
            Figure::Capacity => content.capacity = Some(value),
            Figure::Custom(name) => _ = content.custom_factors.insert(name.clone(), value),
        }
    }

    /// Between which values it is looked for what would change the order.
    fn range(&self, value: f64) -> (f64, f64) {
        match self {
            Figure::Fit => (0.0, 1.0),
            Figure::GrowthRate => (-1.0, value.max(0.1) * 10.0),
            Figure::Size | Figure::Capacity => (0.0, value.max(1.0) * 10.0),
            Figure::Custom(_) => (value - 10.0 * value.abs().max(1.0), value + 10.0 * value.abs().max(1.0)),
        }
    }

    /// What stays possible.
    fn bounded(&self, value: f64) -> f64 {
        match self {
            Figure::Fit => value.clamp(0.0, 1.0),
            Figure::GrowthRate => value.max(-1.0),
            Figure::Size | Figure::Capacity => value.max(0.0),
            Figure::Custom(_) => value,
        }
    }
}

/// A segment whose figures are as they might be as well: normal draws around them, wider where they are less sure. Growth varies by
/// a twentieth at least, so that none stays none only by chance.
fn varied(content: &SegmentContent, spread: f64, random: &mut SmallRng) -> SegmentContent {
    let mut varied = content.clone();
    for figure in figures(content) {
        let value = figure.get(content);
        let confidence = content.provenance.get(&figure.name()).and_then(|origin| origin.confidence);
        let own = spread * confidence.map_or(1.0, |confidence| 2.0 * (1.0 - confidence));
        let scale = match figure {
            Figure::GrowthRate => value.abs().max(0.05),
            _ => value.abs(),
        };
        let drawn = figure.bounded(value + own * scale * normal(random));
        figure.set(&mut varied, drawn);
    }
    varied
}

/// A draw from the standard normal distribution (Box and Muller 1958).
fn normal(random: &mut SmallRng) -> f64 {
    let (one, other): (f64, f64) = (random.random(), random.random());
    libm::sqrt(-2.0 * libm::log(1.0 - one)) * libm::cos(std::f64::consts::TAU * other)
}
