//! The profile by which the cases of a file are scored, written as in a profile file.

use serde::Deserialize;

use crate::domain::canvas::Maturity;
use crate::domain::profile::{Criterion, DecisionRole, Expectation, ProfileContent, Served, SizeBand};
use crate::domain::score::Points;
use crate::domain::value::Value;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileSection {
    display_name: String,
    countries: Vec<String>,
    industries: Vec<String>,
    technologies: Vec<String>,
    pains: Vec<String>,
    size_bands: Vec<BandSection>,
    decision_roles: Vec<RoleSection>,
    criteria: Vec<CriterionSection>,
    disqualifiers: Vec<CriterionSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandSection {
    #[serde(default)]
    min: i64,
    max: Option<i64>,
    #[serde(default)]
    points_hundredths: i64,
    #[serde(default)]
    served: ServedSection,
    capacity: Option<i64>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum ServedSection {
    #[default]
    Unstated,
    Now,
    Costly,
    No,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleSection {
    role: String,
    #[serde(default)]
    required: bool,
    #[serde(default = "one")]
    min_contacts: i32,
    min_employees: Option<i64>,
    max_employees: Option<i64>,
}

fn one() -> i32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CriterionSection {
    id: String,
    fact: String,
    #[serde(default)]
    points_hundredths: i64,
    #[serde(default)]
    because: String,
    r#in: Option<Vec<String>>,
    not_in: Option<Vec<String>>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    between: Option<BetweenSection>,
    equals: Option<toml::Value>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct BetweenSection {
    min: Option<f64>,
    max: Option<f64>,
}

impl ProfileSection {
    /// The profile, for a script; or what is wrong with it.
    pub fn content(self, script: &str) -> Result<ProfileContent, String> {
        let band = |band: BandSection| SizeBand {
            min: band.min,
            max: band.max,
            points: Points(band.points_hundredths),
            served: match band.served {
                ServedSection::Unstated => Served::Unstated,
                ServedSection::Now => Served::Now,
                ServedSection::Costly => Served::Costly,
                ServedSection::No => Served::No,
            },
            capacity: band.capacity,
        };
        let role = |role: RoleSection| DecisionRole {
            role: role.role,
            required: role.required,
            min_contacts: role.min_contacts,
            min_employees: role.min_employees,
            max_employees: role.max_employees,
        };
        let criteria = |list: Vec<CriterionSection>| -> Result<Vec<Criterion>, String> {
            list.into_iter().map(CriterionSection::content).collect()
        };
        Ok(ProfileContent {
            display_name: if self.display_name.is_empty() { "Tests".into() } else { self.display_name },
            maturity: Maturity::Unstated,
            scoring_script: script.to_owned(),
            countries: self.countries,
            industries: self.industries,
            technologies: self.technologies,
            pains: self.pains,
            size_bands: self.size_bands.into_iter().map(band).collect(),
            decision_roles: self.decision_roles.into_iter().map(role).collect(),
            criteria: criteria(self.criteria).map_err(|told| format!("criteria: {told}"))?,
            disqualifiers: criteria(self.disqualifiers).map_err(|told| format!("disqualifiers: {told}"))?,
            ..ProfileContent::default()
        })
    }
}

impl CriterionSection {
    fn content(self) -> Result<Criterion, String> {
        let equals = match self.equals {
            None => None,
            Some(toml::Value::String(word)) => Some(Value::Text(word)),
            Some(toml::Value::Boolean(yes)) => Some(Value::YesNo(yes)),
            Some(toml::Value::Integer(number)) => Some(Value::Number(number as f64)),
            Some(toml::Value::Float(number)) => Some(Value::Number(number)),
            Some(_) => {
                return Err(format!("\"{}\": equals must be a text, a number, true or false", self.id));
            }
        };
        let given = [
            self.r#in.map(Expectation::In),
            self.not_in.map(Expectation::NotIn),
            self.at_least.map(Expectation::AtLeast),
            self.at_most.map(Expectation::AtMost),
            self.between.map(|between| Expectation::Between(between.min, between.max)),
            equals.map(Expectation::Equals),
        ];
        let mut given = given.into_iter().flatten();
        let (Some(expectation), None) = (given.next(), given.next()) else {
            return Err(format!(
                "\"{}\" needs one of in, not_in, at_least, at_most, between and equals",
                self.id
            ));
        };
        let id = self.id.parse().map_err(|error| format!("\"{}\" {error}", self.id))?;
        let because = if self.because.is_empty() { "it is so".to_owned() } else { self.because };
        Ok(Criterion {
            id,
            dimension: None,
            indicator: None,
            fact: self.fact,
            expectation,
            points: Points(self.points_hundredths),
            because,
            evidence: Vec::new(),
        })
    }
}
