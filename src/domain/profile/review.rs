//! A profile looked at again: what has drifted since, which criteria still tell won leads from lost ones, which industries come
//! up, and what to change. Nothing changes by itself: a person accepts what is proposed.

use serde::{Deserialize, Serialize};
use statrs::function::gamma;

use super::portrait::{Both, OfIndustry, Portrait, Standing};
use super::{Criterion, ProfileContent};
use crate::domain::canonical::same_word;
use crate::domain::name::ProfileName;
use crate::domain::scorecard::evidence::{Tally, chance_of_differences, information_value};
use crate::domain::time::Time;

/// How far two distributions are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftVerdict {
    /// No more than chance explains, or too little to matter.
    Stable,
    Moderate,
    Large,
    /// Too few leads to tell.
    TooFew,
}

/// A part of a distribution in both periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftBin {
    pub label: String,
    pub reference: u64,
    pub recent: u64,
}

/// How a distribution has drifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Population stability index: Σ (recent − reference) · ln(recent ÷ reference) over the shares of the bins.
    pub psi: f64,
    /// What the index is on average where nothing has drifted: (bins − 1) · (1/n + 1/m).
    pub expected: f64,
    /// How probable such an index is where nothing has drifted.
    pub chance: f64,
    pub verdict: DriftVerdict,
    pub bins: Vec<DriftBin>,
}

/// With fewer leads in a period nothing is said of drift.
const ENOUGH_TO_DRIFT: u64 = 50;
/// How improbable a drift has to be by chance.
const SIGNIFICANT: f64 = 0.01;
/// The customary limits of the index (Siddiqi, Credit Risk Scorecards, 2006).
const MODERATE: f64 = 0.1;
const LARGE: f64 = 0.25;

impl Drift {
    /// Whether the index is more than chance: where nothing has drifted, PSI ÷ (1/n + 1/m) follows χ² with one degree of
    /// freedom less than there are bins (B. Yurdakul and J. Naranjo, Statistical properties of the population stability
    /// index, 2020). The customary limits alone would call ten bins of a hundred leads each drifted without any drift.
    pub fn of(bins: Vec<DriftBin>) -> Self {
        let count = |of: fn(&DriftBin) -> u64| bins.iter().map(of).sum::<u64>();
        let (reference, recent) = (count(|bin| bin.reference), count(|bin| bin.recent));
        let filled: Vec<Tally> = bins
            .iter()
            .filter(|bin| bin.reference + bin.recent > 0)
            .map(|bin| Tally { won: bin.recent as usize, lost: bin.reference as usize })
            .collect();
        let psi = information_value(&filled);
        let spread = 1.0 / (reference.max(1) as f64) + 1.0 / (recent.max(1) as f64);
        let freedom = filled.len().saturating_sub(1) as f64;
        let chance = if freedom < 1.0 || psi <= 0.0 {
            1.0
        } else {
            gamma::gamma_ur(freedom / 2.0, psi / spread / 2.0)
        };
        let verdict = match psi {
            _ if reference.min(recent) < ENOUGH_TO_DRIFT => DriftVerdict::TooFew,
            _ if chance >= SIGNIFICANT => DriftVerdict::Stable,
            psi if psi >= LARGE => DriftVerdict::Large,
            psi if psi >= MODERATE => DriftVerdict::Moderate,
            _ => DriftVerdict::Stable,
        };
        Self { psi, expected: freedom * spread, chance, verdict, bins }
    }
}

/// Whether a criterion tells won leads from lost ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Separation {
    /// Those of which it holds are won oftener.
    Separates,
    /// They are won more seldom: it points the wrong way.
    Reverses,
    /// There are outcomes enough, and no difference that is not chance.
    NoEffect,
    /// It told them apart in the reference, and does not in the recent period.
    NoLonger,
    /// Too few outcomes to tell.
    TooFew,
}

/// A criterion looked at again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriterionReview {
    pub id: String,
    pub is_disqualifier: bool,
    pub because: String,
    pub standing: Both<Standing>,
    pub drift: Drift,
    pub separation: Separation,
    /// How probable the difference is by chance, both periods together.
    pub chance: f64,
}

/// An industry whose share has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndustryShift {
    pub industry: String,
    pub leads: Both<u64>,
    pub outcomes: Both<Tally>,
    /// Whether the profile aims at it.
    pub is_targeted: bool,
    pub chance: f64,
}

/// A change that is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Names it among the proposals of a review.
    pub id: String,
    /// The field that changes, such as `industries` or `criteria["size"]`.
    pub path: String,
    /// What stands there now; empty if nothing does.
    pub before: String,
    /// What is to stand there; empty to take it out.
    pub after: String,
    /// What was seen.
    pub evidence: String,
}

/// Everything that a review found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    pub profile: ProfileName,
    pub revision: i64,
    pub as_of: Time,
    /// Leads that came in from then on are recent; those of a year before are the reference.
    pub recent_from: Time,
    pub reference_from: Time,
    pub leads: Both<u64>,
    /// Of the last scores, by tenths of the reference.
    pub score: Drift,
    pub outcomes: Both<Tally>,
    /// How probable the difference of the won shares is by chance.
    pub outcome_chance: f64,
    pub criteria: Vec<CriterionReview>,
    pub industries: Vec<IndustryShift>,
    pub proposals: Vec<Proposal>,
}

/// Into so many parts totals are cut by the reference.
const TENTHS: usize = 10;
/// With fewer outcomes on either side, nothing is said of a criterion.
const ENOUGH_OUTCOMES: usize = 30;
/// An industry comes up if at least so many recent leads are of it.
const ENOUGH_OF_INDUSTRY: u64 = 10;
/// The most industries that are told.
const MAX_SHIFTS: usize = 50;

impl Review {
    /// Of what was counted; `profile` is the revision that was looked at.
    /// An industry is that which its word means.
    pub fn of(
        portrait: &Portrait,
        profile: &ProfileContent,
        about: About,
        meant: &dyn Fn(&str) -> String,
    ) -> Self {
        let criteria = profile.criteria.iter().map(|criterion| (criterion, false));
        let criteria = criteria.chain(profile.disqualifiers.iter().map(|criterion| (criterion, true)));
        let criteria: Vec<CriterionReview> = criteria
            .zip(&portrait.criteria)
            .map(|((criterion, out), of)| looked_at(criterion, out, of))
            .collect();
        let industries = shifts(portrait, profile, meant);
        let proposals = proposals(profile, portrait, &criteria, &industries, meant);
        let Both { reference, recent } = &portrait.outcomes;
        Self {
            profile: about.profile,
            revision: about.revision,
            as_of: about.as_of,
            recent_from: about.recent_from,
            reference_from: about.reference_from,
            leads: portrait.leads.clone(),
            score: of_totals(&portrait.totals),
            outcomes: portrait.outcomes.clone(),
            outcome_chance: chance_of_differences(&[*reference, *recent]),
            criteria,
            industries,
            proposals,
        }
    }
}

/// What a review is of.
#[derive(Debug, Clone)]
pub struct About {
    pub profile: ProfileName,
    pub revision: i64,
    pub as_of: Time,
    pub recent_from: Time,
    pub reference_from: Time,
}

/// The drift of totals, in hundredths of a point, cut by the reference's tenths.
fn of_totals(totals: &Both<Vec<i64>>) -> Drift {
    let mut sorted = totals.reference.clone();
    sorted.sort_unstable();
    let mut limits: Vec<i64> =
        (1..TENTHS).filter_map(|tenth| sorted.get(tenth * sorted.len() / TENTHS).copied()).collect();
    limits.dedup();
    // What lies below all limits is the first part.
    let place = |total: i64| limits.partition_point(|limit| *limit <= total);
    let mut counts = vec![[0_u64; 2]; limits.len() + 1];
    totals.reference.iter().for_each(|total| counts[place(*total)][0] += 1);
    totals.recent.iter().for_each(|total| counts[place(*total)][1] += 1);
    let label = |at: usize| {
        let shown = |limit: &i64| crate::domain::score::Points(*limit).to_string();
        match (at.checked_sub(1).and_then(|below| limits.get(below)), limits.get(at)) {
            (None, None) => "all".to_owned(),
            (None, Some(to)) => format!("below {}", shown(to)),
            (Some(from), None) => format!("{} and more", shown(from)),
            (Some(from), Some(to)) => format!("{} to below {}", shown(from), shown(to)),
        }
    };
    let bin = |(at, [reference, recent]): (usize, [u64; 2])| DriftBin { label: label(at), reference, recent };
    Drift::of(counts.into_iter().enumerate().map(bin).collect())
}

fn looked_at(criterion: &Criterion, is_disqualifier: bool, of: &Both<Standing>) -> CriterionReview {
    let bin = |label: &str, count: fn(&Standing) -> u64| DriftBin {
        label: label.to_owned(),
        reference: count(&of.reference),
        recent: count(&of.recent),
    };
    let drift = Drift::of(vec![
        bin("holds", |standing| standing.holds),
        bin("does not hold", |standing| standing.fails),
        bin("unknown", |standing| standing.unknown),
    ]);
    let all = of.reference.with(&of.recent);
    let chance = chance_of_differences(&[all.of_holding, all.of_failing]);
    CriterionReview {
        id: criterion.id.to_string(),
        is_disqualifier,
        because: criterion.because.clone(),
        standing: of.clone(),
        drift,
        separation: separation(is_disqualifier || criterion.points.0 < 0, of),
        chance,
    }
}

/// Whether a criterion separates; one that takes points away, or disqualifies, is meant the other way round.
fn separation(is_against: bool, of: &Both<Standing>) -> Separation {
    let judged = |standing: &Standing| {
        let (holding, failing) = (standing.of_holding, standing.of_failing);
        if holding.all() < ENOUGH_OUTCOMES || failing.all() < ENOUGH_OUTCOMES {
            return None;
        }
        let is_chance = chance_of_differences(&[holding, failing]) >= SIGNIFICANT;
        let is_meant = (holding.share() > failing.share()) != is_against;
        Some(match (is_chance, is_meant) {
            (true, _) => Separation::NoEffect,
            (false, true) => Separation::Separates,
            (false, false) => Separation::Reverses,
        })
    };
    let told_before = judged(&of.reference) == Some(Separation::Separates);
    let tells_now = judged(&of.recent).is_none_or(|now| now == Separation::Separates);
    // Fewer leads alone make a difference look like chance: it has to have become surely smaller.
    if told_before && !tells_now && has_faded(of, is_against) {
        return Separation::NoLonger;
    }
    judged(&of.reference.with(&of.recent)).unwrap_or(Separation::TooFew)
}

/// Whether the difference that a criterion makes is surely smaller in the recent period than in the reference: the z of the
/// difference of both differences, one-sided.
fn has_faded(of: &Both<Standing>, is_against: bool) -> bool {
    const Z: f64 = 2.326_347_874_040_841;
    let difference = |standing: &Standing| {
        let (holding, failing) = (standing.of_holding, standing.of_failing);
        let variance = |tally: Tally| tally.share() * (1.0 - tally.share()) / tally.all().max(1) as f64;
        let sign = if is_against { -1.0 } else { 1.0 };
        (sign * (holding.share() - failing.share()), variance(holding) + variance(failing))
    };
    let ((before, wide), (now, narrow)) = (difference(&of.reference), difference(&of.recent));
    let spread = (wide + narrow).sqrt();
    spread > 0.0 && (before - now) / spread > Z
}

/// The industries whose share has changed by more than chance, those that grew most first.
fn shifts(
    portrait: &Portrait,
    profile: &ProfileContent,
    meant: &dyn Fn(&str) -> String,
) -> Vec<IndustryShift> {
    let (of_reference, of_recent) = (portrait.leads.reference, portrait.leads.recent);
    if of_reference.min(of_recent) < ENOUGH_TO_DRIFT {
        return Vec::new();
    }
    // All industries are looked at, so each has to be the more improbable (Bonferroni).
    let significant = SIGNIFICANT / portrait.industries.len().max(1) as f64;
    let shift = |of: &OfIndustry| {
        let Both { reference, recent } = of.leads.clone();
        let other = Tally { won: (of_recent - recent) as usize, lost: (of_reference - reference) as usize };
        let chance =
            chance_of_differences(&[Tally { won: recent as usize, lost: reference as usize }, other]);
        let is_targeted = profile.industries.iter().any(|word| same_word(&meant(word), &of.word));
        (chance < significant && recent.max(reference) >= ENOUGH_OF_INDUSTRY).then(|| IndustryShift {
            industry: of.word.clone(),
            leads: of.leads.clone(),
            outcomes: of.outcomes.clone(),
            is_targeted,
            chance,
        })
    };
    let mut found: Vec<IndustryShift> = portrait.industries.values().filter_map(shift).collect();
    let growth = |shift: &IndustryShift| {
        shift.leads.recent as f64 / of_recent as f64 - shift.leads.reference as f64 / of_reference as f64
    };
    found.sort_by(|a, b| growth(b).total_cmp(&growth(a)));
    found.truncate(MAX_SHIFTS);
    found
}

fn won_of(tally: Tally) -> String {
    let (low, high) = tally.interval();
    format!("{} of {} won, {:.0} to {:.0} %", tally.won, tally.all(), low * 100.0, high * 100.0)
}

fn proposals(
    profile: &ProfileContent,
    portrait: &Portrait,
    criteria: &[CriterionReview],
    industries: &[IndustryShift],
    meant: &dyn Fn(&str) -> String,
) -> Vec<Proposal> {
    let mut found = Vec::new();
    let mut propose = |path: String, before: String, after: String, evidence: String| {
        let id = format!("p{}", found.len() + 1);
        found.push(Proposal { id, path, before, after, evidence });
    };
    let all = portrait.outcomes.reference.with(portrait.outcomes.recent);
    let outcomes = |shift: &IndustryShift| shift.outcomes.reference.with(shift.outcomes.recent);
    // An industry that comes up is worth aiming at unless it is surely won more seldom than others.
    for shift in industries.iter().filter(|shift| !shift.is_targeted) {
        let has_grown = shift.leads.recent as f64 / portrait.leads.recent.max(1) as f64
            > shift.leads.reference as f64 / portrait.leads.reference.max(1) as f64;
        let is_poor = outcomes(shift).interval().1 < all.share();
        if has_grown && !is_poor {
            let Both { reference, recent } = &shift.leads;
            let counts = format!(
                "{recent} of {} leads, after {reference} of {}",
                portrait.leads.recent, portrait.leads.reference
            );
            let evidence = format!("{counts}; {}", won_of(outcomes(shift)));
            propose("industries".into(), String::new(), shift.industry.clone(), evidence);
        }
    }
    for word in &profile.industries {
        let of = portrait.industries.values().find(|of| same_word(&of.word, &meant(word)));
        let tally = of.map(|of| of.outcomes.reference.with(of.outcomes.recent)).unwrap_or_default();
        if tally.all() >= ENOUGH_OUTCOMES && tally.interval().1 < all.share() {
            let evidence = format!("{}, of all {}", won_of(tally), won_of(all));
            propose("industries".into(), word.clone(), String::new(), evidence);
        }
    }
    for criterion in criteria {
        let told = match criterion.separation {
            Separation::NoLonger => "no longer tells won from lost",
            Separation::NoEffect => "does not tell won from lost",
            Separation::Reverses => "points the wrong way",
            Separation::Separates | Separation::TooFew => continue,
        };
        let all = criterion.standing.reference.with(&criterion.standing.recent);
        let evidence = format!(
            "{told}: where it holds {}; where not {}",
            won_of(all.of_holding),
            won_of(all.of_failing)
        );
        let list = if criterion.is_disqualifier { "disqualifiers" } else { "criteria" };
        propose(format!("{list}[\"{}\"]", criterion.id), criterion.because.clone(), String::new(), evidence);
    }
    found
}

impl ProfileContent {
    /// The profile with a proposal carried out; what it would take out may be gone already.
    pub fn with_proposal(mut self, proposal: &Proposal) -> Self {
        let is = |list: &str, criterion: &Criterion| proposal.path == format!("{list}[\"{}\"]", criterion.id);
        if proposal.path == "industries" {
            self.industries.retain(|word| proposal.before.is_empty() || !same_word(word, &proposal.before));
            if !proposal.after.is_empty()
                && !self.industries.iter().any(|word| same_word(word, &proposal.after))
            {
                self.industries.push(proposal.after.clone());
            }
        }
        self.criteria.retain(|criterion| !is("criteria", criterion));
        self.disqualifiers.retain(|criterion| !is("disqualifiers", criterion));
        self
    }
}

#[cfg(test)]
mod tests;
