//! Everything that scripts can name: built-in facts, the profile's fields, the declared words, functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::types::{Choices, Type};
use crate::domain::lead::{GrowthStage, LeadStage};
use crate::domain::vocabulary::{AttributeType, Vocabulary};

/// Which scripts see a fact, and for whom it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Company,
    Person,
    Lead,
    Segment,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Company => "company",
            Scope::Person => "person",
            Scope::Lead => "company or person",
            Scope::Segment => "segment",
        }
    }
}

/// Where a fact's value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactSource {
    Industry,
    Country,
    Region,
    Domain,
    Employees,
    Revenue,
    FoundedYear,
    GrowthStage,
    Tech,
    Age,
    City,
    Occupation,
    Language,
    Contacts,
    RoleCoverage,
    DaysSinceActivity,
    Created,
    DaysSinceCreated,
    Source,
    Owner,
    Stage,
    SubjectIsCompany,
    SubjectIsPerson,
    Attribute(String),
    SegmentSize,
    GrowthRate,
    SegmentFit,
    Capacity,
    NeedIntensity,
    LeadCount,
    AShare,
    Conversion,
    Factor(String),
}

/// A fact that scripts can read.
#[derive(Debug, Clone)]
pub struct FactDef {
    pub name: Arc<str>,
    pub ty: Type,
    pub scope: Scope,
    pub source: FactSource,
    pub unit: String,
    pub meaning: String,
}

/// The facts of one vocabulary, by position and by name.
#[derive(Debug)]
pub struct Catalogue {
    pub facts: Vec<FactDef>,
    lead: BTreeMap<Arc<str>, usize>,
    segment: BTreeMap<Arc<str>, usize>,
}

/// A field of the profile, as `icp.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcpField {
    Technologies,
    Pains,
    Industries,
    Countries,
    DecisionRoles,
    Served,
    Capacity,
}

impl IcpField {
    pub fn ty(self) -> Type {
        match self {
            IcpField::Served => choices("icp.served", ["now", "costly", "no"]),
            IcpField::Capacity => Type::Number,
            _ => Type::Words,
        }
    }

    /// The fact whose words it lists.
    pub fn fact(self) -> Option<&'static str> {
        match self {
            IcpField::Technologies => Some("tech"),
            IcpField::Industries => Some("industry"),
            IcpField::Countries => Some("country"),
            IcpField::Pains | IcpField::DecisionRoles | IcpField::Served | IcpField::Capacity => None,
        }
    }
}

/// The profile's fields with their meanings.
pub const ICP_FIELDS: [(&str, IcpField, &str); 7] = [
    ("technologies", IcpField::Technologies, "technologies that fit"),
    ("pains", IcpField::Pains, "pains that the offering relieves"),
    ("industries", IcpField::Industries, "target industries"),
    ("countries", IcpField::Countries, "target countries"),
    (
        "decision_roles",
        IcpField::DecisionRoles,
        "roles that take part in the decision at an account of this size",
    ),
    ("served", IcpField::Served, "size band says whether the account is served; \"no\" outside all bands"),
    ("capacity", IcpField::Capacity, "size band says how many such accounts can be served"),
];

/// What `activity("type")` and `contacts` offer, for the reference.
pub const MEMBERS: [(&str, &str, &str); 10] = [
    ("activity(\"type\").count", "number", "how often it happened"),
    ("activity(\"type\").sum", "number", "the sum of its amounts"),
    ("activity(\"type\").last_days", "number", "days since it last happened; unknown if it never did"),
    ("activity(\"type\").within(days)", "number", "how often it happened in the last days"),
    ("activity(\"type\").decayed(half_life_days)", "number", "sum of amount · 2^(−age / half-life)"),
    ("contacts.count", "number", "how many contacts are known"),
    ("contacts.engaged", "number", "how many contacts have answered"),
    ("contacts.engaged_role(\"role\")", "yes_no", "whether a contact in the role has answered"),
    (
        "contacts.engaged_at(\"seniority\", …)",
        "number",
        "how many contacts of these seniorities have answered",
    ),
    ("contacts.roles_covered(list)", "number", "how many of the roles have a contact"),
];

/// A function of the host, with its parameters as shown in help.
pub const FUNCTIONS: [(&str, &str, &str); 18] = [
    ("known", "known(x)", "whether x can be told; never unknown itself"),
    (
        "confidence",
        "confidence(x)",
        "how sure the source of an attribute is, 0 to 1; unknown if it does not say",
    ),
    ("age_days", "age_days(x)", "whole days since an attribute was last verified; unknown if it never was"),
    ("days_since", "days_since(date)", "whole days from a date to the as-of time; negative if it is to come"),
    ("days_until", "days_until(date)", "whole days from the as-of time to a date; negative if it has passed"),
    ("size_points", "size_points(employees)", "the points of the profile's size band, 0 outside all bands"),
    ("ratio", "ratio(part, whole)", "part ÷ whole, kept within 0 and 1"),
    ("min", "min(a, b, …)", "the least"),
    ("max", "max(a, b, …)", "the greatest"),
    ("clamp", "clamp(x, low, high)", "x, kept within low and high"),
    ("abs", "abs(x)", "x without its sign"),
    ("round", "round(x)", "the nearest whole number, halves away from zero"),
    ("floor", "floor(x)", "the whole number below"),
    ("ceil", "ceil(x)", "the whole number above"),
    ("sqrt", "sqrt(x)", "the square root"),
    ("ln", "ln(x)", "the natural logarithm"),
    ("exp", "exp(x)", "e to the power of x"),
    ("pow", "pow(x, y)", "x to the power of y"),
];

/// The first words of statements: reserved everywhere.
pub const STATEMENTS: [&str; 11] = [
    "rule",
    "group",
    "axis",
    "criteria",
    "factor",
    "disqualify",
    "disqualifiers",
    "cap_grade",
    "grade",
    "require",
    "define",
];

/// Words that are neither facts nor functions but can't be used as names.
const OTHER_WORDS: [&str; 15] = [
    "and", "or", "not", "in", "is", "if", "else", "switch", "let", "const", "fn", "return", "icp",
    "activity", "total",
];

/// The built-in facts that a column of an imported file can fill.
pub const IMPORTABLE: [&str; 24] = [
    "age",
    "birth_year",
    "city",
    "country",
    "created",
    "display_name",
    "domain",
    "employees",
    "founded_year",
    "growth_stage",
    "industry",
    "language",
    "occupation",
    "outcome",
    "outcome_reason",
    "outcome_time",
    "owner",
    "profile",
    "region",
    "revenue",
    "source",
    "stage",
    "stage_reason",
    "tech",
];

/// Whether a name already means something in scripts.
pub fn is_taken(name: &str) -> bool {
    STATEMENTS.contains(&name)
        || OTHER_WORDS.contains(&name)
        || matches!(name, "fit" | "engagement")
        || is_function(name)
        || built_in().any(|fact| &*fact.name == name)
}

/// Whether the host has a function of this name.
pub fn is_function(name: &str) -> bool {
    name == "activity" || FUNCTIONS.iter().any(|(function, ..)| *function == name)
}

fn choices(of: &str, words: impl IntoIterator<Item = &'static str>) -> Type {
    let words = words.into_iter().map(String::from).collect();
    Type::Choice(Arc::new(Choices { of: of.into(), words }))
}

fn built_in() -> impl Iterator<Item = FactDef> {
    use FactSource as S;
    use Scope::*;
    use Type::*;
    let growth = choices("growth_stage", GrowthStage::ALL.map(GrowthStage::as_str));
    let stage = choices("stage", LeadStage::ALL.map(LeadStage::as_str));
    [
        ("industry", Text, Company, S::Industry, "", "the company's industry"),
        ("country", Text, Lead, S::Country, "", "the country"),
        ("region", Text, Lead, S::Region, "", "the region"),
        ("domain", Text, Company, S::Domain, "", "the company's internet domain"),
        ("employees", Number, Company, S::Employees, "people", "how many people the company employs"),
        (
            "revenue",
            Number,
            Company,
            S::Revenue,
            "a year, in the deployment's currency",
            "what the company turns over",
        ),
        ("founded_year", Number, Company, S::FoundedYear, "year", "when the company was founded"),
        ("growth_stage", growth, Company, S::GrowthStage, "", "how far the company has developed"),
        ("tech", Words, Company, S::Tech, "", "what the company uses"),
        ("age", Number, Person, S::Age, "years", "the as-of year less the year of birth"),
        ("city", Text, Person, S::City, "", "the city"),
        ("occupation", Text, Person, S::Occupation, "", "the occupation"),
        ("language", Text, Person, S::Language, "", "the language"),
        ("contacts", Contacts, Lead, S::Contacts, "", "who is known there"),
        (
            "role_coverage",
            Number,
            Lead,
            S::RoleCoverage,
            "0 to 1",
            "reached decision roles out of those required",
        ),
        (
            "days_since_activity",
            Number,
            Lead,
            S::DaysSinceActivity,
            "days",
            "since the last activity of any type",
        ),
        ("created", Date, Lead, S::Created, "day", "when the lead was first recorded"),
        (
            "days_since_created",
            Number,
            Lead,
            S::DaysSinceCreated,
            "days",
            "since the lead was first recorded, with their fraction",
        ),
        ("source", Text, Lead, S::Source, "", "where the lead came from"),
        ("owner", Text, Lead, S::Owner, "", "who works on it"),
        ("stage", stage, Lead, S::Stage, "", "how far the lead has come"),
        ("subject_is_company", YesNo, Lead, S::SubjectIsCompany, "", "whether the lead is a company"),
        ("subject_is_person", YesNo, Lead, S::SubjectIsPerson, "", "whether the lead is a person"),
        ("segment_size", Number, Segment, S::SegmentSize, "the canvas's size unit", "how many there are"),
        ("growth_rate", Number, Segment, S::GrowthRate, "a year; 0.08 is 8 %", "how fast the segment grows"),
        ("fit", Number, Segment, S::SegmentFit, "0 to 1", "how well the offering fits"),
        ("capacity", Number, Segment, S::Capacity, "the canvas's size unit", "how many can be served"),
        ("need_intensity", Number, Segment, S::NeedIntensity, "0 to 1", "the mean intensity of its needs"),
        ("lead_count", Number, Segment, S::LeadCount, "leads", "how many leads were last scored for it"),
        ("a_share", Number, Segment, S::AShare, "0 to 1", "the share of A among its graded leads"),
        ("conversion", Number, Segment, S::Conversion, "0 to 1", "won ÷ (won + lost) of its leads"),
    ]
    .into_iter()
    .map(|(name, ty, scope, source, unit, meaning)| FactDef {
        name: name.into(),
        ty,
        scope,
        source,
        unit: unit.into(),
        meaning: meaning.into(),
    })
}

impl Catalogue {
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let attributes = vocabulary.attributes.iter().map(|(name, attribute)| FactDef {
            name: name.as_str().into(),
            ty: match &attribute.kind {
                AttributeType::Number | AttributeType::Money => Type::Number,
                AttributeType::Text => Type::Text,
                AttributeType::YesNo => Type::YesNo,
                AttributeType::List => Type::Words,
                AttributeType::Date => Type::Date,
                AttributeType::Choice(words) => {
                    Type::Choice(Arc::new(Choices { of: name.clone(), words: words.clone() }))
                }
            },
            scope: Scope::Lead,
            source: FactSource::Attribute(name.clone()),
            unit: attribute.unit.clone(),
            meaning: attribute.meaning.clone(),
        });
        let factors = vocabulary.factors.iter().map(|(name, term)| FactDef {
            name: name.as_str().into(),
            ty: Type::Number,
            scope: Scope::Segment,
            source: FactSource::Factor(name.clone()),
            unit: term.unit.clone(),
            meaning: term.meaning.clone(),
        });
        let facts: Vec<_> = built_in().chain(attributes).chain(factors).collect();
        let index = |segment: bool| {
            let named = facts.iter().enumerate().filter(|(_, f)| (f.scope == Scope::Segment) == segment);
            named.map(|(i, fact)| (fact.name.clone(), i)).collect()
        };
        let (lead, segment) = (index(false), index(true));
        Self { facts, lead, segment }
    }

    /// The fact of a name, as seen by scripts for leads or for segments.
    pub fn find(&self, name: &str, segment: bool) -> Option<usize> {
        self.index(segment).get(name).copied()
    }

    /// The names of facts, as seen by scripts for leads or for segments.
    pub fn names(&self, segment: bool) -> impl Iterator<Item = &str> + Clone {
        self.index(segment).keys().map(|name| &**name)
    }

    fn index(&self, segment: bool) -> &BTreeMap<Arc<str>, usize> {
        if segment { &self.segment } else { &self.lead }
    }
}
