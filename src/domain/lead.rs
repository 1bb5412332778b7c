//! Leads: one account's record each, a company or a person, from first contact to churn.

mod check;
pub mod doubts;
mod subject;
pub mod way;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{Id, LeadName, ProfileName, ScoreName, SegmentName};
use super::score::{Points, Score, ScoreStatus};
use super::time::{DAY, Time};
use super::value::{FactValue, Money, Value};
use super::version::{Stamp, Version};
pub use check::fits_type;
pub use subject::{Company, Contact, GrowthStage, Person, Subject};

/// How far a lead has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadStage {
    #[default]
    New,
    Mql,
    Sal,
    Sql,
    Customer,
    Lost,
    Churned,
    Rejected,
    Recycled,
}

impl LeadStage {
    pub const ALL: [LeadStage; 9] = [
        LeadStage::New,
        LeadStage::Mql,
        LeadStage::Sal,
        LeadStage::Sql,
        LeadStage::Customer,
        LeadStage::Lost,
        LeadStage::Churned,
        LeadStage::Rejected,
        LeadStage::Recycled,
    ];

    /// The word that scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            LeadStage::New => "new",
            LeadStage::Mql => "mql",
            LeadStage::Sal => "sal",
            LeadStage::Sql => "sql",
            LeadStage::Customer => "customer",
            LeadStage::Lost => "lost",
            LeadStage::Churned => "churned",
            LeadStage::Rejected => "rejected",
            LeadStage::Recycled => "recycled",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageChange {
    pub from: LeadStage,
    pub to: LeadStage,
    pub time: Time,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// The last recorded score then, and its grade; the grade is empty if there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub grade: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreName>,
    /// The probability with which the lead was drawn for this step, if it was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerStatus {
    Active,
    Paused,
    Churned,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub time: Time,
    pub renewed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    pub time: Time,
    pub amount: Option<Money>,
}

/// What is known of a customer; never visible to scoring scripts.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Customer {
    pub since: Option<Time>,
    pub status: Option<CustomerStatus>,
    /// A year.
    pub contract_value: Option<Money>,
    pub renewals: Vec<Renewal>,
    pub purchases: Vec<Purchase>,
    /// A ratio of its revenue, 1 or less.
    pub margin: Option<f64>,
    /// The share of its invoices that it paid on time, 0 to 1.
    pub paid_on_time: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    Won,
    Lost,
}

impl OutcomeKind {
    /// The word that stores keep and count by.
    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeKind::Won => "won",
            OutcomeKind::Lost => "lost",
        }
    }
}

impl CustomerStatus {
    /// The word that filters use.
    pub fn as_str(self) -> &'static str {
        match self {
            CustomerStatus::Active => "active",
            CustomerStatus::Paused => "paused",
            CustomerStatus::Churned => "churned",
        }
    }
}

/// How a lead ended; never visible to scoring scripts.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub kind: OutcomeKind,
    pub time: Option<Time>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What callers set of a lead.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadContent {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    pub subject: Subject,
    /// Absent means unknown.
    pub contacts: Option<Vec<Contact>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, FactValue>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    pub profile: Option<ProfileName>,
    #[serde(default)]
    pub stage: LeadStage,
    /// A code of the caller's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stage_reason: String,
    /// Elsewhere, before it was created here.
    pub first_seen: Option<Time>,
    /// Until when it may be kept: the end of a consent, or of a period that a law sets.
    #[serde(default)]
    pub erase_after: Option<Time>,
    pub customer: Option<Customer>,
    pub outcome: Option<Outcome>,
}

/// A stored lead: an immutable body for each revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    pub name: LeadName,
    pub version: Version,
    pub content: LeadContent,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stage_changes: Vec<StageChange>,
}

/// The last recorded score in short, kept beside the lead: it makes no revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatestScore {
    pub name: ScoreName,
    pub status: ScoreStatus,
    pub grade: String,
    pub total: Points,
    pub fit: Points,
    pub engagement: Points,
    pub as_of: Time,
    pub lead_revision: i64,
    pub activity_count: i64,
    pub profile: ProfileName,
    pub profile_revision: i64,
    pub rule_set: String,
    pub segment: Option<SegmentName>,
}

impl LatestScore {
    /// What a recorded score says in short; `None` for one that was not recorded of a stored profile.
    pub fn of(score: &Score, segment: Option<SegmentName>) -> Option<Self> {
        let Score { name, basis, assessment } = score;
        Some(Self {
            name: name.clone()?,
            status: assessment.status,
            grade: assessment.grade.as_deref().unwrap_or_default().into(),
            total: assessment.total,
            fit: assessment.fit,
            engagement: assessment.engagement,
            as_of: basis.as_of,
            lead_revision: basis.lead_revision,
            activity_count: basis.activity_count,
            profile: basis.profile.clone()?,
            profile_revision: basis.profile_revision,
            rule_set: basis.rule_set.clone(),
            segment,
        })
    }
}

/// A lead as it is read: its body with what is kept beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadRecord {
    pub lead: Lead,
    pub latest_score: Option<LatestScore>,
    pub activity_count: i64,
    /// When the newest of its activities happened.
    pub last_activity: Option<Time>,
    /// When the newest of them became known.
    pub last_known: Option<Time>,
    /// The newest revision of the profile that the latest score is by.
    pub profile_revision: Option<i64>,
}

/// What scoring now would go by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Present {
    /// The rule set in force; empty if there is none.
    pub rule_set: String,
    pub now: Time,
}

impl LeadRecord {
    /// A lead of which nothing is kept beside it yet.
    pub fn new(lead: Lead) -> Self {
        let (latest_score, last_activity, last_known, profile_revision) = (None, None, None, None);
        Self { lead, latest_score, activity_count: 0, last_activity, last_known, profile_revision }
    }

    /// Gives the lead its next revision. A change of stage that this adds to its history tells of the score that the lead
    /// had then.
    pub fn revise(&mut self, draft: impl Into<LeadDraft>, stamp: impl Into<Stamp>) {
        let draft = draft.into();
        let told = draft.stage_changes.as_ref().unwrap_or(&self.lead.stage_changes).last().cloned();
        self.lead = self.lead.revise(draft, stamp);
        let latest = self.latest_score.as_ref();
        if let Some(change) = self.lead.stage_changes.last_mut().filter(|last| Some(&**last) != told.as_ref())
        {
            change.grade = latest.map(|latest| latest.grade.clone()).unwrap_or_default();
            change.score = latest.map(|latest| latest.name.clone());
        }
    }

    /// Whether the latest score may no longer say what scoring now would: lead, activities, profile or rules
    /// have moved on, or a day has passed and decay with it. None if there is no score.
    pub fn is_stale(&self, present: &Present) -> Option<bool> {
        let latest = self.latest_score.as_ref()?;
        Some(
            latest.lead_revision != self.lead.version.revision
                || latest.activity_count != self.activity_count
                || latest.rule_set != present.rule_set
                || present.now.micros() - latest.as_of.micros() >= DAY
                || Some(latest.profile_revision) != self.profile_revision,
        )
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The caller's own, unique among the lead's activities that were not taken back.
    pub id: Option<String>,
    pub kind: String,
    pub time: Time,
    pub known_time: Time,
    pub amount: f64,
    pub contact: Option<Id>,
    /// What facts.toml declares for its type, by name.
    pub properties: BTreeMap<String, Value>,
}

/// Adds to a history the change to the stage that a lead has now, if it does not tell of it.
fn note_stage(history: &mut Vec<StageChange>, from: LeadStage, content: &LeadContent, stamp: &Stamp) {
    if content.stage != from {
        let (reason, actor) = (content.stage_reason.clone(), stamp.change.author.clone());
        let (grade, score, odds) = (String::new(), None, None);
        history.push(StageChange {
            from,
            to: content.stage,
            time: stamp.time,
            reason,
            actor,
            grade,
            score,
            odds,
        });
    }
    let surplus = history.len().saturating_sub(MAX_STAGE_CHANGES);
    history.drain(..surplus);
}

/// The most changes of stage that a lead keeps.
pub const MAX_STAGE_CHANGES: usize = 1_000;

/// What a caller sets of a lead: its content, and perhaps how it came to its stage.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadDraft {
    pub content: LeadContent,
    /// Absent means that the lead's own history goes on.
    pub stage_changes: Option<Vec<StageChange>>,
}

impl From<LeadContent> for LeadDraft {
    fn from(content: LeadContent) -> Self {
        Self { content, stage_changes: None }
    }
}

impl LeadContent {
    /// A lead of which only is known who it is.
    pub fn of(subject: Subject) -> Self {
        Self {
            external_ids: BTreeMap::new(),
            subject,
            contacts: None,
            attributes: BTreeMap::new(),
            owner: String::new(),
            source: String::new(),
            profile: None,
            stage: LeadStage::New,
            stage_reason: String::new(),
            first_seen: None,
            erase_after: None,
            customer: None,
            outcome: None,
        }
    }
}

impl Lead {
    /// A new lead.
    pub fn create(name: LeadName, draft: impl Into<LeadDraft>, stamp: impl Into<Stamp>) -> Self {
        let (LeadDraft { content, stage_changes }, stamp) = (draft.into(), stamp.into());
        let mut stage_changes = stage_changes.unwrap_or_default();
        if let Some(stage) = stage_changes.last().map(|last| last.to) {
            note_stage(&mut stage_changes, stage, &content, &stamp);
        }
        Self { name, version: Version::first(stamp), content, stage_changes }
    }

    /// The lead's next revision with other content. A change of stage that no given history tells of is added to it.
    pub fn revise(&self, draft: impl Into<LeadDraft>, stamp: impl Into<Stamp>) -> Self {
        let (LeadDraft { content, stage_changes }, stamp) = (draft.into(), stamp.into());
        let mut stage_changes = stage_changes.unwrap_or_else(|| self.stage_changes.clone());
        let stage = stage_changes.last().map_or(self.content.stage, |last| last.to);
        note_stage(&mut stage_changes, stage, &content, &stamp);
        Self { name: self.name.clone(), version: self.version.next(stamp), content, stage_changes }
    }
}
