//! What scoring and ranking answer: points with reasons that add up.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::{LeadName, ProfileName, ScoreName, SegmentName};
use super::time::Time;
use super::value::Value;

/// Points in whole hundredths: sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(pub i64);

impl Points {
    /// The most that one rule may give or take: 10⁶ points.
    pub const LIMIT: f64 = 1e6;
    pub const ZERO: Points = Points(0);

    /// Rounds half away from zero. `None` for NaN, infinity and more than [`Points::LIMIT`].
    pub fn from_number(number: f64) -> Option<Self> {
        (number.abs() <= Self::LIMIT).then(|| Self(libm::round(number * 100.0) as i64))
    }

    /// The points as a plain number.
    pub fn number(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl Add for Points {
    type Output = Points;
    fn add(self, other: Points) -> Points {
        Points(self.0 + other.0)
    }
}

impl AddAssign for Points {
    fn add_assign(&mut self, other: Points) {
        self.0 += other.0;
    }
}

impl Sub for Points {
    type Output = Points;
    fn sub(self, other: Points) -> Points {
        Points(self.0 - other.0)
    }
}

impl Neg for Points {
    type Output = Points;
    fn neg(self) -> Points {
        Points(-self.0)
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Points>>(points: I) -> Points {
        points.fold(Points::ZERO, Add::add)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, rest) = (magnitude / 100, magnitude % 100);
        match rest {
            0 => f.pad(&format!("{sign}{whole}")),
            r if r % 10 == 0 => f.pad(&format!("{sign}{whole}.{}", r / 10)),
            r => f.pad(&format!("{sign}{whole}.{r:02}")),
        }
    }
}

/// The two axes of a lead's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    Fit,
    Engagement,
}

impl Axis {
    pub const ALL: [Axis; 2] = [Axis::Fit, Axis::Engagement];

    pub fn as_str(self) -> &'static str {
        match self {
            Axis::Fit => "fit",
            Axis::Engagement => "engagement",
        }
    }
}

/// What kind of entry a contribution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContributionKind {
    Rule,
    Cap,
    Floor,
    Bound,
    Criterion,
    Disqualify,
    GradeCap,
    Factor,
}

/// A place in a script: line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

/// One entry of a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    pub rule: Arc<str>,
    pub group: Arc<str>,
    pub axis: Option<Axis>,
    pub kind: ContributionKind,
    pub points: Points,
    pub reason: Arc<str>,
    /// The known facts that the rule names, as the script writes them.
    pub inputs: Vec<(Arc<str>, Value)>,
    pub position: Position,
}

impl Contribution {
    /// An entry of no group and axis that gives no points.
    pub fn of(kind: ContributionKind, rule: Arc<str>, reason: Arc<str>, position: &Position) -> Self {
        let (group, axis, points) = (Arc::default(), None, Points::ZERO);
        Self { rule, group, axis, kind, points, reason, inputs: Vec::new(), position: position.clone() }
    }
}

/// Something that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    pub rule: Arc<str>,
    pub fact: Arc<str>,
}

/// How a score ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreStatus {
    Scored,
    Disqualified,
    InsufficientData,
}

impl ScoreStatus {
    pub const ALL: [ScoreStatus; 3] =
        [ScoreStatus::Scored, ScoreStatus::Disqualified, ScoreStatus::InsufficientData];

    /// The word that filters and metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            ScoreStatus::Scored => "scored",
            ScoreStatus::Disqualified => "disqualified",
            ScoreStatus::InsufficientData => "insufficient_data",
        }
    }
}

/// What a reader of a score should know. `docs/errors.md` lists the codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub code: WarningCode,
    pub text: String,
    pub evidence: String,
}

/// The closed list of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WarningCode {
    DisqualifierUnknown,
    CurrencyMismatch,
    AttributeType,
    ActivitiesLeftOut,
    Oversized,
    Costly,
}

impl WarningCode {
    pub const ALL: [WarningCode; 6] = [
        WarningCode::DisqualifierUnknown,
        WarningCode::CurrencyMismatch,
        WarningCode::AttributeType,
        WarningCode::ActivitiesLeftOut,
        WarningCode::Oversized,
        WarningCode::Costly,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            WarningCode::DisqualifierUnknown => "DISQUALIFIER_UNKNOWN",
            WarningCode::CurrencyMismatch => "CURRENCY_MISMATCH",
            WarningCode::AttributeType => "ATTRIBUTE_TYPE",
            WarningCode::ActivitiesLeftOut => "ACTIVITIES_LEFT_OUT",
            WarningCode::Oversized => "OVERSIZED",
            WarningCode::Costly => "COSTLY",
        }
    }

    /// What can be done about it.
    pub fn remedy(self) -> &'static str {
        match self {
            WarningCode::DisqualifierUnknown => "find out the fact before time is spent on the lead",
            WarningCode::CurrencyMismatch => "convert the amount into the deployment's currency",
            WarningCode::ActivitiesLeftOut => {
                "record sums of what happens often, as one activity with an amount"
            }
            WarningCode::Oversized => "look for an account, or a part of this one, that can be made happy",
            WarningCode::Costly => "make sure that the price covers what such an account takes",
            WarningCode::AttributeType => "write the attribute anew in the type that facts.toml declares",
        }
    }
}

/// What the unknown could still make of a score, by the rules, caps and bounds. What the lead has done, and when it was
/// created, is taken as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// No total is lower, however the unknown turns out, and whether or not it becomes known.
    pub low: Points,
    pub high: Points,
    /// What to find out, beginning with what could move most.
    pub questions: Vec<Question>,
}

/// A fact that is worth finding out: what the score could be if it alone were known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub fact: Arc<str>,
    pub low: Points,
    pub high: Points,
    /// The best and the worst grade; none where the lead could have none.
    pub best: Option<Arc<str>>,
    pub worst: Option<Arc<str>>,
    pub could_disqualify: bool,
}

/// The result of evaluating a script on facts: a [`Score`] without its provenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    pub status: ScoreStatus,
    pub total: Points,
    pub fit: Points,
    pub engagement: Points,
    pub grade: Option<Arc<str>>,
    /// 0 to 1.
    pub completeness: f64,
    /// 0 to 1.
    pub role_coverage: Option<f64>,
    pub contributions: Vec<Contribution>,
    pub unknowns: Vec<Unknown>,
    pub warnings: Vec<Warning>,
    /// Absent from scores that were recorded before there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
}

/// What a score depended on. Everything named here is stored immutably for recorded scores.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    pub lead: Option<LeadName>,
    pub lead_revision: i64,
    pub profile: Option<ProfileName>,
    pub profile_revision: i64,
    /// The SHA-256 of the rule set, in hexadecimal.
    pub rule_set: String,
    pub script: String,
    pub as_of: Time,
    /// How many of the lead's activities were on record.
    pub activity_count: i64,
    /// The deployment's currency at that time.
    pub currency: String,
    /// What is said beside the points, which grows: [`REMARKS`] when it was scored.
    #[serde(default)]
    pub remarks: u32,
}

/// The newest generation of what is said beside the points. 1: warnings of an account's size; 2: the outlook.
pub const REMARKS: u32 = 2;
/// The generation before the outlook: a score that was asked for without one is kept so.
pub const WITHOUT_OUTLOOK: u32 = 1;

/// A lead's score as of a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ScoreName>,
    pub basis: Basis,
    pub assessment: Assessment,
}

/// A segment's priority, before ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorityAssessment {
    pub priority: Points,
    /// With everything missing at its worst.
    pub low: Points,
    /// With everything missing at its best.
    pub high: Points,
    pub contributions: Vec<Contribution>,
    pub missing: Vec<Unknown>,
}

/// A segment's place among its siblings.
#[derive(Debug, Clone, PartialEq)]
pub struct Priority {
    pub segment: SegmentName,
    pub display_name: String,
    pub rank: u32,
    pub assessment: PriorityAssessment,
}

/// Inputs as the wire and people want them: by name.
pub fn inputs_by_name(inputs: &[(Arc<str>, Value)]) -> BTreeMap<&str, &Value> {
    inputs.iter().map(|(name, value)| (&**name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_round_half_away_from_zero_and_refuse_what_is_not_points() {
        assert_eq!(Points::from_number(0.125), Some(Points(13)));
        assert_eq!(Points::from_number(-0.125), Some(Points(-13)));
        assert_eq!(Points::from_number(1e6), Some(Points(100_000_000)));
        assert_eq!(Points::from_number(1_000_000.01), None);
        assert_eq!(Points::from_number(f64::NAN), None);
        assert_eq!(Points::from_number(f64::INFINITY), None);
    }

    #[test]
    fn points_read_as_people_write_them() {
        let shown: Vec<_> = [0, 5, -5, 150, 1234, -1200].map(|n| Points(n).to_string()).to_vec();
        assert_eq!(shown, ["0", "0.05", "-0.05", "1.5", "12.34", "-12"]);
    }
}
