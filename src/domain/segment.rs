//! Groups of customers: what is known of them, their personas, and how the relationship is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::name::Id;
use super::time::Time;
use super::value::{Evidence, Value};
use super::version::Version;
use super::vocabulary::Vocabulary;

/// One thing that is known of a segment.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataPoint {
    pub value: Value,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub source: String,
    pub confidence: Option<f64>,
    pub verified_time: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    Need,
    Pain,
    Desire,
}

impl NeedKind {
    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            NeedKind::Need => "need",
            NeedKind::Pain => "pain",
            NeedKind::Desire => "desire",
        }
    }
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Need {
    pub id: Id,
    pub kind: NeedKind,
    pub text: String,
    /// 0 to 1.
    pub intensity: Option<f64>,
}

/// The eleven facets of a customer relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacetKind {
    Segments,
    RelationshipType,
    Customization,
    Channels,
    Touchpoints,
    Lifecycle,
    FeedbackAndData,
    Support,
    RetentionAndLoyalty,
    ComplaintHandling,
    PrivacyAndSecurity,
}

impl FacetKind {
    pub const ALL: [FacetKind; 11] = [
        FacetKind::Segments,
        FacetKind::RelationshipType,
        FacetKind::Customization,
        FacetKind::Channels,
        FacetKind::Touchpoints,
        FacetKind::Lifecycle,
        FacetKind::FeedbackAndData,
        FacetKind::Support,
        FacetKind::RetentionAndLoyalty,
        FacetKind::ComplaintHandling,
        FacetKind::PrivacyAndSecurity,
    ];

    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            FacetKind::Segments => "Segments",
            FacetKind::RelationshipType => "Type of relationship",
            FacetKind::Customization => "Customization",
            FacetKind::Channels => "Channels",
            FacetKind::Touchpoints => "Touchpoints",
            FacetKind::Lifecycle => "Lifecycle",
            FacetKind::FeedbackAndData => "Feedback and data",
            FacetKind::Support => "Support",
            FacetKind::RetentionAndLoyalty => "Retention and loyalty",
            FacetKind::ComplaintHandling => "Complaint handling",
            FacetKind::PrivacyAndSecurity => "Privacy and security",
        }
    }

    /// The attributes that a facet of this kind may have.
    pub fn attributes(self) -> &'static [&'static str] {
        match self {
            FacetKind::Segments => &["needs", "preferences", "behaviours"],
            FacetKind::RelationshipType | FacetKind::Touchpoints | FacetKind::Lifecycle => &[],
            FacetKind::Customization => &["product", "service"],
            FacetKind::Channels => &["physical", "digital"],
            FacetKind::FeedbackAndData => &["collection", "use"],
            FacetKind::Support => &["level", "person_access", "resources"],
            FacetKind::RetentionAndLoyalty => {
                &["loyalty_programme", "exclusive_offers", "personal_communication"]
            }
            FacetKind::ComplaintHandling => &["intake", "escalation"],
            FacetKind::PrivacyAndSecurity => &["data_held", "safeguards", "assurance"],
        }
    }
}

/// How customers are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationshipType {
    PersonalAssistance,
    DedicatedPersonal,
    SelfService,
    Automated,
    Community,
    CoCreation,
}

impl RelationshipType {
    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            RelationshipType::PersonalAssistance => "personal assistance",
            RelationshipType::DedicatedPersonal => "dedicated personal assistance",
            RelationshipType::SelfService => "self-service",
            RelationshipType::Automated => "automated services",
            RelationshipType::Community => "communities",
            RelationshipType::CoCreation => "co-creation",
        }
    }
}

/// How far the relationship with a customer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStage {
    Awareness,
    Consideration,
    FirstPurchase,
    Onboarding,
    Use,
    Renewal,
    Advocacy,
}

impl LifecycleStage {
    pub const ALL: [LifecycleStage; 7] = [
        LifecycleStage::Awareness,
        LifecycleStage::Consideration,
        LifecycleStage::FirstPurchase,
        LifecycleStage::Onboarding,
        LifecycleStage::Use,
        LifecycleStage::Renewal,
        LifecycleStage::Advocacy,
    ];

    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            LifecycleStage::Awareness => "awareness",
            LifecycleStage::Consideration => "consideration",
            LifecycleStage::FirstPurchase => "first purchase",
            LifecycleStage::Onboarding => "onboarding",
            LifecycleStage::Use => "use",
            LifecycleStage::Renewal => "renewal",
            LifecycleStage::Advocacy => "advocacy",
        }
    }
}

/// On what ground personal data is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LawfulBasis {
    Consent,
    Contract,
    LegalObligation,
    VitalInterests,
    PublicTask,
    LegitimateInterests,
}

impl LawfulBasis {
    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            LawfulBasis::Consent => "consent",
            LawfulBasis::Contract => "contract",
            LawfulBasis::LegalObligation => "legal obligation",
            LawfulBasis::VitalInterests => "vital interests",
            LawfulBasis::PublicTask => "public task",
            LawfulBasis::LegitimateInterests => "legitimate interests",
        }
    }
}

/// A place where the vendor and a customer meet.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Touchpoint {
    pub description: String,
    pub stage: Option<LifecycleStage>,
    /// A note in the canvas's Channels.
    pub channel_note: Option<Id>,
    pub owner: String,
}

/// How well a facet is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacetStatus {
    Missing,
    Assumed,
    Evidenced,
    Stale,
}

impl FacetStatus {
    /// Its English name, by which [`labels`](super::labels) has those of other languages.
    pub fn title(self) -> &'static str {
        match self {
            FacetStatus::Missing => "missing",
            FacetStatus::Assumed => "assumed",
            FacetStatus::Evidenced => "evidenced",
            FacetStatus::Stale => "stale",
        }
    }
}

/// One facet of a relationship plan.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facet {
    pub content: String,
    pub attributes: BTreeMap<String, String>,
    pub evidence: Vec<Evidence>,
    /// Days after which evidence goes stale; 365 if not stated.
    pub review_period_days: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relationship_types: Vec<RelationshipType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub touchpoints: Vec<Touchpoint>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lifecycle: BTreeMap<LifecycleStage, String>,
    /// In seconds, as all durations here.
    pub response_time: Option<i64>,
    pub resolution_time: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lawful_bases: Vec<LawfulBasis>,
}

impl Facet {
    fn says_something(&self) -> bool {
        let fields = self.typed_fields().into_iter().any(|(_, _, is_set)| is_set);
        !self.content.is_empty() || !self.attributes.is_empty() || fields
    }

    /// The fields that belong to one kind of facet, and whether they are set.
    fn typed_fields(&self) -> [(&'static str, FacetKind, bool); 6] {
        [
            ("relationship_types", FacetKind::RelationshipType, !self.relationship_types.is_empty()),
            ("touchpoints", FacetKind::Touchpoints, !self.touchpoints.is_empty()),
            ("lifecycle", FacetKind::Lifecycle, !self.lifecycle.is_empty()),
            ("response_time", FacetKind::Support, self.response_time.is_some()),
            ("resolution_time", FacetKind::ComplaintHandling, self.resolution_time.is_some()),
            ("lawful_bases", FacetKind::PrivacyAndSecurity, !self.lawful_bases.is_empty()),
        ]
    }

    /// How well the facet is founded at a time.
    pub fn status(&self, now: Time) -> FacetStatus {
        if !self.says_something() {
            return FacetStatus::Missing;
        }
        let period = f64::from(self.review_period_days.unwrap_or(365));
        // What speaks against it founds nothing, and nor does what is yet to be observed.
        let founds = |evidence: &&Evidence| !evidence.against && evidence.observed_time <= now;
        match self.evidence.iter().filter(founds).map(|evidence| evidence.observed_time).max() {
            None => FacetStatus::Assumed,
            Some(newest) if now.days_since(newest) > period => FacetStatus::Stale,
            Some(_) => FacetStatus::Evidenced,
        }
    }
}

/// Where a field comes from.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    #[serde(default)]
    pub source: String,
    pub confidence: Option<f64>,
    pub recorded_time: Option<Time>,
}

/// What callers set of a persona.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonaContent {
    pub display_name: String,
    pub traits: Vec<String>,
    pub goals: Vec<String>,
    pub pains: Vec<String>,
    pub preferred_channels: Vec<String>,
    pub decision_role: String,
    pub quote: String,
    pub provenance: BTreeMap<String, Provenance>,
}

/// A fictional person who stands for a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Persona {
    pub version: Version,
    pub content: PersonaContent,
}

/// What the stored leads that were last scored for a segment are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeadTally {
    pub leads: u64,
    pub graded: u64,
    pub graded_a: u64,
    pub won: u64,
    pub lost: u64,
}

/// The stored leads that were last scored for a segment, by what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeadCounts {
    pub leads: u64,
    /// By grade; those without one under the empty word.
    pub by_grade: BTreeMap<String, u64>,
    /// By stage; those without one under the empty word.
    pub by_stage: BTreeMap<String, u64>,
    pub won: u64,
    pub lost: u64,
}

impl LeadCounts {
    /// Adds so many leads that are alike.
    pub fn add(&mut self, grade: Option<String>, stage: Option<String>, outcome: Option<&str>, count: u64) {
        self.leads += count;
        *self.by_grade.entry(grade.unwrap_or_default()).or_default() += count;
        *self.by_stage.entry(stage.unwrap_or_default()).or_default() += count;
        match outcome {
            Some("won") => self.won += count,
            Some("lost") => self.lost += count,
            _ => {}
        }
    }

    /// Of those that have ended, the share that was won.
    pub fn conversion(&self) -> Option<f64> {
        let ended = self.won + self.lost;
        (ended > 0).then(|| self.won as f64 / ended as f64)
    }
}

/// What callers set of a segment. Absent numbers are unknown, not zero.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SegmentContent {
    pub display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub demographic: BTreeMap<String, DataPoint>,
    pub psychographic: BTreeMap<String, DataPoint>,
    pub behavioural: BTreeMap<String, DataPoint>,
    pub needs: Vec<Need>,
    /// In the canvas's size unit.
    pub size: Option<f64>,
    /// A ratio a year: 0.08 is 8 %.
    pub growth_rate: Option<f64>,
    /// 0 to 1.
    pub fit: Option<f64>,
    /// In the canvas's size unit.
    pub capacity: Option<f64>,
    pub custom_factors: BTreeMap<String, f64>,
    pub relationship_plan: BTreeMap<FacetKind, Facet>,
    /// Where its numbers come from, by field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: BTreeMap<String, Provenance>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub version: Version,
    pub content: SegmentContent,
    #[serde(default)]
    pub personas: BTreeMap<Id, Persona>,
    /// The notes that serve it, as its canvas's links say when it is read.
    #[serde(skip)]
    pub proposition_notes: Vec<Id>,
}

/// Checks where some of these fields come from.
fn check_provenance(
    c: &mut Checker,
    provenance: &BTreeMap<String, Provenance>,
    fields: &'static [&'static str],
) {
    for (field, origin) in provenance {
        c.within(format!("provenance[\"{field}\"]"), |c| {
            if !fields.contains(&field.as_str()) {
                c.wrong(format!("is not a field; {}", c.suggestion(field, fields.iter().copied())));
            }
            c.length("source", &origin.source, 0, 500);
            c.number("confidence", origin.confidence, 0.0, 1.0);
        });
    }
}

impl SegmentContent {
    /// The fields whose provenance can be stated.
    const NUMBERS: &'static [&'static str] = &["size", "growth_rate", "fit", "capacity"];

    pub fn check(&self, c: &mut Checker, vocabulary: &Vocabulary) {
        c.length("display_name", &self.display_name, 1, 200);
        let data = [
            ("demographic", &self.demographic),
            ("psychographic", &self.psychographic),
            ("behavioural", &self.behavioural),
        ];
        for (field, points) in data {
            c.count(field, points.len(), 200);
            for (key, point) in points {
                c.within(format!("{field}[\"{key}\"]"), |c| {
                    c.within("value", |c| point.value.check(c));
                    c.number("confidence", point.confidence, 0.0, 1.0);
                });
            }
        }
        let mut ids = BTreeSet::new();
        c.count("needs", self.needs.len(), 200);
        c.each("needs", &self.needs, |c, need| {
            c.require(ids.insert(&need.id), "id", format!("\"{}\" is taken by an earlier need", need.id));
            c.length("text", &need.text, 1, 4_000);
            c.number("intensity", need.intensity, 0.0, 1.0);
        });
        c.number("size", self.size, 0.0, 1e15);
        c.number("growth_rate", self.growth_rate, -1.0, 1e6);
        c.number("fit", self.fit, 0.0, 1.0);
        c.number("capacity", self.capacity, 0.0, 1e15);
        for (factor, value) in &self.custom_factors {
            let field = format!("custom_factors[\"{factor}\"]");
            if !vocabulary.factors.contains_key(factor) {
                let known = vocabulary.factors.keys().map(String::as_str);
                let help = c.suggestion(factor, known);
                c.wrong_field(&field, format!("facts.toml declares no factor \"{factor}\"; {help}"));
            }
            c.require(value.is_finite(), &field, "must be finite");
        }
        check_provenance(c, &self.provenance, Self::NUMBERS);
        for (kind, facet) in &self.relationship_plan {
            c.within(format!("relationship_plan.facets[{kind:?}]"), |c| facet.check(c, *kind));
        }
    }

    /// The notes in Channels that touchpoints name.
    pub fn channel_notes(&self) -> impl Iterator<Item = &Id> {
        let facets = self.relationship_plan.values();
        facets.flat_map(|facet| &facet.touchpoints).filter_map(|touchpoint| touchpoint.channel_note.as_ref())
    }

    /// The mean intensity of the needs whose intensity is known.
    pub fn need_intensity(&self) -> Option<f64> {
        let known: Vec<f64> = self.needs.iter().filter_map(|n| n.intensity).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

impl Facet {
    fn check(&self, c: &mut Checker, kind: FacetKind) {
        c.length("content", &self.content, 0, 4_000);
        for key in self.attributes.keys() {
            if !kind.attributes().contains(&key.as_str()) {
                let help = c.suggestion(key, kind.attributes().iter().copied());
                c.wrong_field(
                    format!("attributes[\"{key}\"]"),
                    format!("is not an attribute of this facet; {help}"),
                );
            }
        }
        for (field, of, is_set) in self.typed_fields() {
            c.require(!is_set || kind == of, field, "is a field of another facet");
        }
        c.count("touchpoints", self.touchpoints.len(), 100);
        c.each("touchpoints", &self.touchpoints, |c, touchpoint| {
            c.length("description", &touchpoint.description, 1, 500);
            c.length("owner", &touchpoint.owner, 0, 200);
        });
        for (stage, approach) in &self.lifecycle {
            c.within(format!("lifecycle[{stage:?}]"), |c| c.length("approach", approach, 1, 2_000));
        }
        for (field, seconds) in
            [("response_time", self.response_time), ("resolution_time", self.resolution_time)]
        {
            c.require(seconds.is_none_or(|seconds| seconds > 0), field, "must be a second or more");
        }
        c.each("evidence", &self.evidence, |c, e| e.check(c));
        c.number("review_period_days", self.review_period_days.map(f64::from), 1.0, 36_500.0);
    }
}

impl PersonaContent {
    /// The fields whose provenance can be stated.
    const FIELDS: &'static [&'static str] =
        &["display_name", "traits", "goals", "pains", "preferred_channels", "decision_role", "quote"];

    pub fn check(&self, c: &mut Checker, vocabulary: &Vocabulary) {
        c.length("display_name", &self.display_name, 1, 200);
        c.length("quote", &self.quote, 0, 1_000);
        let lists = [
            ("traits", &self.traits),
            ("goals", &self.goals),
            ("pains", &self.pains),
            ("preferred_channels", &self.preferred_channels),
        ];
        for (field, items) in lists {
            c.count(field, items.len(), 100);
        }
        if !self.decision_role.is_empty() && !vocabulary.roles.contains_key(&self.decision_role) {
            let known = vocabulary.roles.keys().map(String::as_str);
            let help = c.suggestion(&self.decision_role, known);
            c.wrong_field("decision_role", format!("facts.toml declares no such role; {help}"));
        }
        check_provenance(c, &self.provenance, Self::FIELDS);
    }
}
