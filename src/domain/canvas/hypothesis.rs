//! What a note assumes, and how that stands by its evidence.

use serde::{Deserialize, Serialize};

use super::Block;
use crate::domain::time::Time;
use crate::domain::value::Evidence;

/// What a note assumes and how that is tested.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hypothesis {
    pub statement: String,
    pub test: String,
    pub metric: String,
    pub threshold: String,
    pub result: String,
    pub evidence: Vec<Evidence>,
    /// How much of the model falls if it is wrong, 0 to 1.
    pub risk: Option<f64>,
}

/// How a hypothesis stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HypothesisStatus {
    /// No evidence is recorded.
    Untested,
    /// The evidence was too weak even when it was new.
    Weak,
    Supported,
    Refuted,
    /// Much speaks for it and much against it.
    Contradicted,
    /// The evidence has become too old to count.
    Stale,
}

impl HypothesisStatus {
    pub const ALL: [HypothesisStatus; 6] = [
        HypothesisStatus::Untested,
        HypothesisStatus::Weak,
        HypothesisStatus::Supported,
        HypothesisStatus::Refuted,
        HypothesisStatus::Contradicted,
        HypothesisStatus::Stale,
    ];

    /// The word that scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            HypothesisStatus::Untested => "untested",
            HypothesisStatus::Weak => "weak",
            HypothesisStatus::Supported => "supported",
            HypothesisStatus::Refuted => "refuted",
            HypothesisStatus::Contradicted => "contradicted",
            HypothesisStatus::Stale => "stale",
        }
    }

    /// Its English name, by which [`labels`](crate::domain::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            HypothesisStatus::Untested => "untested",
            HypothesisStatus::Weak => "weakly founded",
            HypothesisStatus::Supported => "supported",
            HypothesisStatus::Refuted => "refuted",
            HypothesisStatus::Contradicted => "contradicted",
            HypothesisStatus::Stale => "stale",
        }
    }
}

/// What speaks for and against a hypothesis, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    pub status: HypothesisStatus,
    pub support: f64,
    pub doubt: f64,
}

/// From which support or doubt on it counts.
const COUNTS: f64 = 0.3;
/// The strength of evidence that nobody has judged.
const UNJUDGED: f64 = 0.5;
/// After how many days evidence weighs half as much.
const HALF_LIFE_DAYS: f64 = 365.0;
/// From which risk on a hypothesis should be tested first.
const RISKY: f64 = 0.5;

impl Hypothesis {
    /// How it stands at a time. Pieces of evidence add up as independent ones do (noisy or): 1 - Π(1 - w), where w is the
    /// strength, halved for every year of age.
    pub fn standing(&self, now: Time) -> Standing {
        let fresh = (self.weight(None, false), self.weight(None, true));
        let (support, doubt) = (self.weight(Some(now), false), self.weight(Some(now), true));
        let status = match (support >= COUNTS, doubt >= COUNTS) {
            _ if self.evidence.is_empty() => HypothesisStatus::Untested,
            (true, true) => HypothesisStatus::Contradicted,
            (true, false) => HypothesisStatus::Supported,
            (false, true) => HypothesisStatus::Refuted,
            (false, false) if fresh.0.max(fresh.1) >= COUNTS => HypothesisStatus::Stale,
            (false, false) => HypothesisStatus::Weak,
        };
        Standing { status, support, doubt }
    }

    /// What speaks for it or against it: as of a time, or as if all of it were new.
    fn weight(&self, now: Option<Time>, against: bool) -> f64 {
        let sided = self.evidence.iter().filter(|evidence| evidence.against == against);
        let missed: f64 = sided
            .map(|evidence| {
                let age = now.map_or(0.0, |now| now.days_since(evidence.observed_time).max(0.0));
                1.0 - evidence.strength.unwrap_or(UNJUDGED) * libm::exp2(-age / HALF_LIFE_DAYS)
            })
            .product();
        1.0 - missed
    }

    /// Whether much of the model falls with it: as it says itself, else by what the blocks are about that customers decide.
    pub fn is_risky(&self, block: Block) -> bool {
        use Block::*;
        let by_block =
            [ValuePropositions, UniqueValueProposition, Solution, Problem, Channels, RevenueStreams];
        self.risk.map_or(by_block.contains(&block), |risk| risk >= RISKY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(strength: f64, days_ago: i64, against: bool) -> Evidence {
        let micros = (20_000 - days_ago) * crate::domain::time::DAY;
        Evidence {
            source: "12 interviews".into(),
            strength: Some(strength),
            observed_time: Time::from_micros(micros).unwrap(),
            against,
        }
    }

    #[test]
    fn evidence_adds_up_decays_and_contradicts() {
        use HypothesisStatus::*;
        let now = Time::from_micros(20_000 * crate::domain::time::DAY).unwrap();
        let standing = |evidence: Vec<Evidence>| Hypothesis { evidence, ..Default::default() }.standing(now);
        let two = standing(vec![seen(0.5, 0, false), seen(0.4, 0, false)]);
        assert_eq!((two.status, two.doubt), (Supported, 0.0));
        assert!((two.support - 0.7).abs() < 1e-12, "{two:?}");
        let statuses = [
            vec![],
            vec![seen(0.2, 0, false)],
            vec![seen(0.8, 0, true)],
            vec![seen(0.8, 0, false), seen(0.5, 30, true)],
            // 0.8 after two years weighs 0.2.
            vec![seen(0.8, 730, false)],
            // What is to be seen tomorrow counts as new.
            vec![seen(0.3, -1, false)],
        ];
        let expected = [Untested, Weak, Refuted, Contradicted, Stale, Supported];
        assert_eq!(statuses.map(|evidence| standing(evidence).status), expected);
    }
}
