//! Whom a lead is about: a company or a person, and the people at it who are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::name::Id;
use crate::domain::time::Time;
use crate::domain::value::{Money, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrowthStage {
    Startup,
    Growth,
    Mature,
    Declining,
}

impl GrowthStage {
    pub const ALL: [GrowthStage; 4] =
        [GrowthStage::Startup, GrowthStage::Growth, GrowthStage::Mature, GrowthStage::Declining];

    /// The word that scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            GrowthStage::Startup => "startup",
            GrowthStage::Growth => "growth",
            GrowthStage::Mature => "mature",
            GrowthStage::Declining => "declining",
        }
    }
}

/// A company as a lead's subject. Empty texts and absent fields are unknown.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Company {
    pub display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub industry: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    pub employees: Option<i64>,
    pub annual_revenue: Option<Money>,
    pub founded_year: Option<i32>,
    pub growth_stage: Option<GrowthStage>,
    pub technologies: Option<Vec<String>>,
}

/// A person as a lead's subject. Empty texts and absent fields are unknown.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    pub display_name: String,
    pub birth_year: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub occupation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Company(Company),
    Person(Person),
}

impl Subject {
    pub fn display_name(&self) -> &str {
        match self {
            Subject::Company(company) => &company.display_name,
            Subject::Person(person) => &person.display_name,
        }
    }
}

/// A person at the account whom the vendor knows.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub id: Id,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub department: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seniority: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub decision_role: String,
    #[serde(default)]
    pub inbound: i32,
    #[serde(default)]
    pub outbound: i32,
    pub last_engaged_time: Option<Time>,
    /// What facts.toml declares of contacts, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl Contact {
    /// Of whom nothing is known.
    pub fn of(id: Id) -> Self {
        Self {
            id,
            display_name: String::new(),
            title: String::new(),
            department: String::new(),
            seniority: String::new(),
            decision_role: String::new(),
            inbound: 0,
            outbound: 0,
            last_engaged_time: None,
            attributes: BTreeMap::new(),
        }
    }

    /// Whether the contact has answered: engagement takes two.
    pub fn engaged(&self) -> bool {
        self.inbound > 0
    }
}
