//! Ideal Customer Profiles: explicit, executable criteria.

pub mod doubts;
pub mod portrait;
pub mod review;
pub mod roles;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::canvas::Maturity;
use super::check::Checker;
use super::name::{Id, ProfileName, SegmentName};
use super::score::Points;
use super::time::Time;
use super::value::{Evidence, Value};
use super::version::Version;
use super::vocabulary::Vocabulary;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    IndustryAndScenario,
    SizeAndStage,
    DecisionChain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    Hard,
    Soft,
}

/// What a criterion expects of its fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    In(Vec<String>),
    NotIn(Vec<String>),
    /// `[min, max)`; an absent end is open.
    Between(Option<f64>, Option<f64>),
    AtLeast(f64),
    AtMost(f64),
    Equals(Value),
}

/// One executable criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    pub id: Id,
    pub dimension: Option<Dimension>,
    pub indicator: Option<Indicator>,
    pub fact: String,
    pub expectation: Expectation,
    pub points: Points,
    pub because: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    Unstated,
    Now,
    Costly,
    No,
}

impl Served {
    /// The word that scripts use; none if it is not stated.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Served::Unstated => None,
            Served::Now => Some("now"),
            Served::Costly => Some("costly"),
            Served::No => Some("no"),
        }
    }
}

/// A band of company sizes, `[min, max)` employees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SizeBand {
    pub min: i64,
    pub max: Option<i64>,
    pub points: Points,
    pub served: Served,
    pub capacity: Option<i64>,
}

impl SizeBand {
    pub fn contains(&self, employees: f64) -> bool {
        employees >= self.min as f64 && self.max.is_none_or(|max| employees < max as f64)
    }
}

/// A role that takes part in the decision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DecisionRole {
    pub role: String,
    pub required: bool,
    /// How many contacts in this role count as reached, at least 1.
    pub min_contacts: i32,
    /// The role takes part only at accounts with so many employees, `[min, max)`.
    #[serde(default)]
    pub min_employees: Option<i64>,
    #[serde(default)]
    pub max_employees: Option<i64>,
}

impl DecisionRole {
    /// Whether the role takes part at an account of a size; where that is unknown, it does.
    pub fn takes_part(&self, employees: Option<f64>) -> bool {
        employees.is_none_or(|employees| {
            self.min_employees.is_none_or(|min| employees >= min as f64)
                && self.max_employees.is_none_or(|max| employees < max as f64)
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub cadence_days: i32,
    pub last_time: Option<Time>,
}

impl Review {
    /// When the next review is due.
    pub fn next_time(&self) -> Option<Time> {
        let last = self.last_time.filter(|_| self.cadence_days > 0)?;
        Some(last.plus_days(self.cadence_days.into()))
    }
}

/// What callers set of a profile.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileContent {
    pub display_name: String,
    pub segment: Option<SegmentName>,
    pub maturity: Maturity,
    pub scoring_script: String,
    pub criteria: Vec<Criterion>,
    pub size_bands: Vec<SizeBand>,
    pub decision_roles: Vec<DecisionRole>,
    pub disqualifiers: Vec<Criterion>,
    pub technologies: Vec<String>,
    pub pains: Vec<String>,
    pub industries: Vec<String>,
    pub countries: Vec<String>,
    pub review: Option<Review>,
}

/// A stored profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub name: ProfileName,
    pub version: Version,
    pub content: ProfileContent,
}

/// The most size bands of a profile: each is compared with all before it.
const MAX_BANDS: usize = 50;

impl ProfileContent {
    /// Checks all but the criteria's facts, which the rules know.
    pub fn check(&self, c: &mut Checker, vocabulary: &Vocabulary) {
        c.length("display_name", &self.display_name, 1, 200);
        c.length("scoring_script", &self.scoring_script, 1, 63);
        c.count("criteria", self.criteria.len(), 200);
        c.count("disqualifiers", self.disqualifiers.len(), 100);
        let mut ids = BTreeSet::new();
        for (field, list) in [("criteria", &self.criteria), ("disqualifiers", &self.disqualifiers)] {
            c.each(field, list, |c, criterion| {
                let id = &criterion.id;
                c.require(ids.insert(id), "id", format!("\"{id}\" is taken by an earlier criterion"));
                criterion.check(c);
            });
        }
        self.check_bands(c);
        self.check_roles(c, vocabulary);
        let lists = [
            ("technologies", &self.technologies),
            ("pains", &self.pains),
            ("industries", &self.industries),
            ("countries", &self.countries),
        ];
        for (field, list) in lists {
            c.count(field, list.len(), 1_000);
        }
        if let Some(review) = &self.review {
            c.number("review.cadence_days", Some(review.cadence_days.into()), 0.0, 3_650.0);
        }
    }

    fn check_bands(&self, c: &mut Checker) {
        c.count("size_bands", self.size_bands.len(), MAX_BANDS);
        let bands = &self.size_bands;
        let mut index = 0;
        c.each("size_bands", bands, |c, band| {
            c.require(band.min >= 0, "min", "must be 0 or more");
            c.require(
                band.max.is_none_or(|max| max > band.min),
                "max",
                "must be above min: bands are [min, max)",
            );
            c.require(band.capacity.is_none_or(|n| n >= 0), "capacity", "must be 0 or more");
            check_points(c, band.points);
            let meets = |other: &SizeBand| {
                let (a, b) = (band.max.unwrap_or(i64::MAX), other.max.unwrap_or(i64::MAX));
                band.min < b && other.min < a
            };
            if let Some(other) = bands[..index].iter().take(MAX_BANDS).position(meets) {
                c.wrong(format!("overlaps with size_bands[{other}]"));
            }
            index += 1;
        });
    }

    fn check_roles(&self, c: &mut Checker, vocabulary: &Vocabulary) {
        c.count("decision_roles", self.decision_roles.len(), 50);
        let mut seen = BTreeSet::new();
        c.each("decision_roles", &self.decision_roles, |c, role| {
            if !vocabulary.roles.contains_key(&role.role) {
                let help = c.suggestion(&role.role, vocabulary.roles.keys().map(String::as_str));
                c.wrong_field("role", format!("facts.toml declares no role \"{}\"; {help}", role.role));
            }
            c.require(seen.insert(&role.role), "role", "is listed already");
            c.number("min_contacts", Some(role.min_contacts.into()), 1.0, 1_000.0);
            c.require(role.min_employees.is_none_or(|min| min >= 0), "min_employees", "must be 0 or more");
            let above = role.max_employees.is_none_or(|max| max > role.min_employees.unwrap_or(0));
            c.require(above, "max_employees", "must be above min_employees: sizes are [min, max)");
        });
    }
}

impl Criterion {
    fn check(&self, c: &mut Checker) {
        c.length("fact", &self.fact, 1, 100);
        c.length("because", &self.because, 1, 1_000);
        check_points(c, self.points);
        c.count("evidence", self.evidence.len(), 50);
        c.each("evidence", &self.evidence, |c, evidence| evidence.check(c));
        match &self.expectation {
            Expectation::In(words) => c.require(!words.is_empty(), "in", "needs at least one word"),
            Expectation::NotIn(words) => c.require(!words.is_empty(), "not_in", "needs at least one word"),
            Expectation::Between(min, max) => c.within("between", |c| {
                c.number("min", *min, f64::NEG_INFINITY, f64::INFINITY);
                c.number("max", *max, f64::NEG_INFINITY, f64::INFINITY);
                c.require(min.is_some() || max.is_some(), "min", "or max is required");
                if let (Some(min), Some(max)) = (min, max) {
                    c.require(min < max, "max", "must be above min: bands are [min, max)");
                }
            }),
            Expectation::AtLeast(n) => c.require(n.is_finite(), "at_least", "must be finite"),
            Expectation::AtMost(n) => c.require(n.is_finite(), "at_most", "must be finite"),
            Expectation::Equals(value) => c.within("equals", |c| value.check(c)),
        }
    }
}

fn check_points(c: &mut Checker, points: Points) {
    let limit = Points::LIMIT * 100.0;
    c.number("points_hundredths", Some(points.0 as f64), -limit, limit);
}
