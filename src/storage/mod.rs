//! Floor 1: where resources are kept. Role traits with their contracts; each method is one atomic act.
//!
//! An acknowledged write is durable: it survives the process and the machine's power.

#[cfg(test)]
mod conformance;
pub mod examine;
mod links;
pub mod postgres;
mod rows;
mod select;
pub mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::canvas::Canvas;
use crate::domain::check::Invalid;
use crate::domain::interview::{Interview, InterviewName, InterviewParent};
use crate::domain::job::{Job, JobState};
use crate::domain::lead::{Activity, Lead, LeadDraft, LeadRecord, Present};
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, Id, LeadName, ProfileName, ScoreName, SegmentName};
use crate::domain::profile::Profile;
use crate::domain::rule_change::{RuleChange, RuleChangeKind};
use crate::domain::score::Score;
use crate::domain::segment::{LeadCounts, LeadTally};
use crate::domain::time::{DAY, Time};
use crate::domain::version::{Change, Stamp};

/// Why a store could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// The resource has moved on since it was read.
    #[error("{0} has changed meanwhile")]
    Conflict(String),
    /// What a resource points to, or what points to it, has changed since it was checked.
    #[error("what {0} points to has changed meanwhile")]
    Dangling(String),
    #[error("the id {id} of {system} belongs to {lead}")]
    ExternalIdTaken { system: String, id: String, lead: String },
    /// A request with this id has been answered while this one was under way; nothing was done.
    #[error("the request {0} has been answered already")]
    Answered(String),
    /// The request was answered, and what it was answered with told of a lead that was erased since.
    #[error("the answer to the request {0} was erased with a lead that it told of")]
    Erased(String),
    /// Another request has been answered under this id.
    #[error("the request id {0} was used for another request")]
    RequestIdReused(String),
    /// Too much is waiting; nothing was done.
    #[error("the store is busy")]
    Busy,
    /// There is no room left to write; nothing was acknowledged, and reads go on.
    #[error("the store's disk is full")]
    Full,
    /// The store can be read but not written; nothing was acknowledged.
    #[error("the store is read-only")]
    ReadOnly,
    /// The answer to a commit was lost: what was to be written may be there or not.
    #[error("whether this was written is not known")]
    OutcomeUnknown,
    /// What was to be written is not good together with what is stored.
    #[error("{0}")]
    Invalid(Invalid),
    /// What is stored can't be read.
    #[error("what is stored of {0} can't be read")]
    Damaged(String),
    /// The store can't be reached or can't write; nothing was acknowledged.
    #[error("the store failed: {0}")]
    Failed(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether the same may well succeed later: then it is no answer to keep.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::Busy
                | StoreError::Full
                | StoreError::ReadOnly
                | StoreError::OutcomeUnknown
                | StoreError::Failed(_)
        )
    }

    /// The same, with the name of what it happened to.
    fn of(self, name: &str) -> Self {
        match self {
            StoreError::Damaged(_) => StoreError::Damaged(name.to_owned()),
            other => other,
        }
    }

    /// A failure of the store itself, for the log.
    pub fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError::Failed(Arc::from(cause.into()))
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        StoreError::failed(error)
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// Which request a write belongs to: a repetition of it is answered alike and writes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    pub method: &'static str,
    /// The id that the caller gave.
    pub id: String,
    /// The SHA-256 of the request, in hexadecimal.
    pub digest: String,
    pub time: Time,
}

/// How long an answer is kept for repetitions, in microseconds.
pub const KEPT: i64 = DAY;

impl RequestKey {
    /// Answers from this time and before are forgotten.
    fn forgotten(&self) -> i64 {
        self.time.micros() - KEPT
    }

    /// What a kept digest and answer mean for this request.
    fn judge(&self, kept: Option<(String, Option<Vec<u8>>)>) -> Result<Option<Vec<u8>>> {
        match kept {
            Some((digest, _)) if digest != self.digest => Err(StoreError::RequestIdReused(self.id.clone())),
            Some((_, None)) => Err(StoreError::Erased(self.id.clone())),
            Some((_, answer)) => Ok(answer),
            None => Ok(None),
        }
    }
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub bytes: Vec<u8>,
    /// The leads that it tells of: it is erased with any of them.
    pub leads: Vec<LeadName>,
}

/// Kept in the same transaction as the write whose outcome it answers with.
pub struct Receipt<T> {
    pub key: RequestKey,
    pub answer: Box<dyn FnOnce(&T) -> Answer + Send>,
}

/// A part of a list that is ordered by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Only what comes after this number in the list's direction.
    pub after: Option<i64>,
    pub limit: usize,
}

/// A part of a list. It may be shorter than was asked for although there is more: where bodies are large, or where one of
/// them can't be read and is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<T> {
    pub items: Vec<T>,
    /// Whether there is more than was looked at.
    pub more: bool,
}

impl<T> std::ops::Deref for Part<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.items
    }
}

/// All that there is.
impl<T> From<Vec<T>> for Part<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, more: false }
    }
}

impl<T> IntoIterator for Part<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

#[async_trait]
pub trait CanvasStore: Send + Sync {
    /// [`StoreError::AlreadyExists`] also if a deleted canvas has the name.
    async fn create_canvas(&self, canvas: Canvas, receipt: Option<Receipt<()>>) -> Result<()>;
    /// Also a deleted one.
    async fn canvas(&self, name: &CanvasName) -> Result<Canvas>;
    /// Any revision, for ever.
    async fn canvas_revision(&self, name: &CanvasName, revision: i64) -> Result<Canvas>;
    /// The number of the latest revision, without reading it.
    async fn latest_canvas_revision(&self, name: &CanvasName) -> Result<i64>;
    async fn canvases(&self, query: Query, deleted: bool) -> Result<Part<Canvas>>;
    /// The newest first.
    async fn canvas_revisions(&self, name: &CanvasName, window: Window) -> Result<Part<Canvas>>;
    /// Replaces a canvas if its revision is still the one before; the former body is kept.
    /// Refused with [`StoreError::Dangling`] while a profile that is not deleted points to a segment that would
    /// be gone, with its canvas or alone.
    async fn update_canvas(&self, canvas: Canvas, receipt: Option<Receipt<()>>) -> Result<()>;
}

#[async_trait]
pub trait ProfileStore: Send + Sync {
    /// [`StoreError::AlreadyExists`] also if a deleted profile has the name; [`StoreError::Dangling`] if the
    /// segment that it points to does not exist.
    async fn create_profile(&self, profile: Profile, receipt: Option<Receipt<()>>) -> Result<()>;
    /// Also a deleted one.
    async fn profile(&self, name: &ProfileName) -> Result<Profile>;
    /// Any revision, for ever.
    async fn profile_revision(&self, name: &ProfileName, revision: i64) -> Result<Profile>;
    async fn profiles(&self, query: Query, deleted: bool) -> Result<Part<Profile>>;
    /// Replaces a profile if its revision is still the one before and the segment that it points to, unless it
    /// is being deleted, exists; the former body is kept.
    async fn update_profile(&self, profile: Profile, receipt: Option<Receipt<()>>) -> Result<()>;
    /// The newest first.
    async fn profile_revisions(&self, name: &ProfileName, window: Window) -> Result<Part<Profile>>;
    /// The profiles, not deleted, that point to a segment of a canvas.
    async fn profiles_of_canvas(&self, name: &CanvasName) -> Result<Vec<(ProfileName, SegmentName)>>;
}

/// What an upsert makes of a lead that exists, or of nothing; or what is wrong with that.
pub type Make = dyn Fn(Option<&Lead>) -> std::result::Result<LeadDraft, Invalid> + Send + Sync;

/// A lead to create or change by its external id.
#[derive(Clone)]
pub struct UpsertItem {
    /// The name for a lead that is new.
    pub new_name: LeadName,
    /// The id under the system of the batch.
    pub id: String,
    pub make: Arc<Make>,
    /// If not empty, it must be current.
    pub etag: String,
}

impl UpsertItem {
    fn create(self, stamp: &Stamp) -> Result<Lead> {
        let draft = (self.make)(None).map_err(StoreError::Invalid)?;
        Ok(Lead::create(self.new_name, draft, stamp.clone()))
    }

    /// Makes a stored lead what the item says, its ids in other systems kept; says whether that changes it.
    fn merge_into(self, record: &mut LeadRecord, stamp: &Stamp) -> Result<bool> {
        if !record.lead.version.admits(&self.etag) {
            return Err(StoreError::Conflict(record.lead.name.to_string()));
        }
        let mut draft = (self.make)(Some(&record.lead)).map_err(StoreError::Invalid)?;
        for (system, id) in &record.lead.content.external_ids {
            draft.content.external_ids.entry(system.clone()).or_insert_with(|| id.clone());
        }
        let other_history =
            draft.stage_changes.as_ref().is_some_and(|changes| *changes != record.lead.stage_changes);
        let changed = record.lead.content != draft.content || other_history;
        if changed {
            record.revise(draft, stamp.clone());
        }
        Ok(changed)
    }
}

/// What an upsert by external id came to.
#[derive(Debug, Clone)]
pub struct Upserted {
    pub record: LeadRecord,
    pub created: bool,
    /// Whether it made a revision.
    pub changed: bool,
}

#[async_trait]
pub trait LeadStore: Send + Sync {
    /// [`StoreError::AlreadyExists`], or [`StoreError::ExternalIdTaken`].
    async fn create_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()>;
    async fn lead(&self, name: &LeadName) -> Result<LeadRecord>;
    /// Any revision.
    async fn lead_revision(&self, name: &LeadName, revision: i64) -> Result<Lead>;
    /// The revision that was current at a time; [`StoreError::NotFound`] if the lead is younger.
    async fn lead_at(&self, name: &LeadName, time: Time) -> Result<Lead>;
    /// Which latest scores are stale is judged by the present.
    async fn leads(&self, query: Query, present: Present) -> Result<Part<LeadRecord>>;
    /// Replaces a lead if its revision is still the one before; the former body is kept.
    async fn update_lead(&self, lead: Lead, receipt: Option<Receipt<()>>) -> Result<()>;
    /// Creates or changes leads by their external id in a system. External ids in other systems are kept. A
    /// lead that would not change keeps its revision. Items fail one by one, with [`StoreError::Conflict`]
    /// where an etag is not current, [`StoreError::Invalid`] where nothing good can be made; all others are written in one transaction. What passes by itself fails the
    /// whole. The results stand in the order of the items.
    async fn upsert_leads(
        &self,
        system: &str,
        items: Vec<UpsertItem>,
        stamp: Stamp,
        receipt: Option<Receipt<Vec<Result<Upserted>>>>,
    ) -> Result<Vec<Result<Upserted>>>;
    /// Removes a lead with all that belongs to it and every kept answer that tells of it, if its revision is as
    /// given or none is. The requests that were so answered stay known, so that none is done again.
    async fn delete_lead(
        &self,
        name: &LeadName,
        revision: Option<i64>,
        receipt: Option<Receipt<()>>,
    ) -> Result<()>;
    /// The newest first.
    async fn lead_revisions(&self, name: &LeadName, window: Window) -> Result<Part<Lead>>;
}

/// What a write to a lead's log of activities came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// How many activities were recorded, or taken back.
    pub done: usize,
    /// How many entries the log has now: activities, and times that some were taken back.
    pub count: i64,
}

#[async_trait]
pub trait ActivityStore: Send + Sync {
    /// Appends to a lead, all or none, but for those whose id it has already.
    async fn append_activities(
        &self,
        lead: &LeadName,
        activities: Vec<Activity>,
        receipt: Option<Receipt<Logged>>,
    ) -> Result<Logged>;
    /// Takes activities back by their ids, or by `#` and their numbers. That counts as an entry of the log.
    async fn delete_activities(
        &self,
        lead: &LeadName,
        ids: Vec<String>,
        receipt: Option<Receipt<Logged>>,
    ) -> Result<Logged>;
    /// Those that were not taken back, with their numbers, the oldest recorded first.
    async fn activities(&self, lead: &LeadName, window: Window) -> Result<Vec<(i64, Activity)>>;
    /// Of the first `count` entries of the log, the activities that were not taken back within them, had happened and
    /// were known at a time: the `limit` that were recorded last, the oldest recorded first.
    async fn activities_known(
        &self,
        lead: &LeadName,
        count: i64,
        at: Time,
        limit: usize,
    ) -> Result<Vec<Activity>>;
    /// The same of several leads, each with its count, in their order.
    async fn activities_known_of(
        &self,
        leads: Vec<(LeadName, i64)>,
        at: Time,
        limit: usize,
    ) -> Result<Vec<Vec<Activity>>>;
}

#[async_trait]
pub trait ScoreStore: Send + Sync {
    /// Keeps a score of a stored lead and makes it the lead's latest, unless a score as of a later time is;
    /// the segment is the profile's. Gives the score's name.
    async fn record_score(
        &self,
        score: Score,
        segment: Option<SegmentName>,
        receipt: Option<Receipt<ScoreName>>,
    ) -> Result<ScoreName>;
    async fn score(&self, name: &ScoreName) -> Result<Score>;
    /// Scores are numbered by the order of recording; that is their order by name.
    async fn scores(&self, lead: &LeadName, query: Query) -> Result<Part<Score>>;
    /// Counts leads by the segment they were last scored for.
    async fn segment_tallies(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadTally>>;
    /// The same by grade, stage and outcome: it reads more.
    async fn segment_counts(&self, canvas: &CanvasName) -> Result<BTreeMap<SegmentName, LeadCounts>>;
}

/// A rule set as it is kept: its sources, and when it was first loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRuleSet {
    pub id: String,
    pub create_time: Time,
    pub files: BTreeMap<String, String>,
}

/// A rule set as lists tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRuleSet {
    /// Its place in the order in which they came.
    pub number: i64,
    pub id: String,
    pub create_time: Time,
    /// When it came into force last, if it ever did.
    pub in_force: Option<Time>,
    /// Who brought it first, and why.
    pub change: Change,
}

/// Counts by their names.
pub type Counts = BTreeMap<String, i64>;

/// A change of rules that is to be written down.
pub struct RuleChangeWanted {
    pub change: RuleChange,
    /// The set, with its tests, if it may not be kept yet. Of one that is kept, the tests are replaced.
    pub set: Option<StoredRuleSet>,
    /// The digest of the set that must be the one that was activated last; empty for none.
    pub expected: Option<String>,
}

#[async_trait]
pub trait RuleSetStore: Send + Sync {
    /// Writes down what was done to the rules, with the set that it was done to. An activation is told which set was active
    /// before; [`StoreError::Conflict`] if that is another than was expected. That a replica loaded what it loaded last is
    /// written down once.
    async fn change_rules(
        &self,
        wanted: RuleChangeWanted,
        receipt: Option<Receipt<RuleChange>>,
    ) -> Result<RuleChange>;
    /// What was done to the rules, the newest first.
    async fn rule_changes(&self, window: Window) -> Result<Vec<RuleChange>>;
    /// The latest change of some kinds.
    async fn last_rule_change(&self, kinds: &'static [RuleChangeKind]) -> Result<Option<RuleChange>>;
    /// Adds to what is counted of a subject, each count by its name, whoever else adds at the same time.
    async fn add_counts(&self, subject: &str, counts: Counts) -> Result<()>;
    /// What was counted of a subject.
    async fn counts(&self, subject: &str) -> Result<Counts>;
    /// Whether somebody let a set in that the guard held back.
    async fn is_accepted(&self, id: &str) -> Result<bool>;
    /// The set that came into force last, of whichever replica.
    async fn last_rule_set(&self) -> Result<Option<StoredRuleSet>>;
    async fn rule_set(&self, id: &str) -> Result<StoredRuleSet>;
    /// The newest first.
    async fn rule_sets(&self, window: Window) -> Result<Vec<ListedRuleSet>>;
}

#[async_trait]
pub trait InterviewStore: Send + Sync {
    /// [`StoreError::AlreadyExists`], or [`StoreError::NotFound`] if it is with a lead that does not exist.
    async fn create_interview(&self, interview: Interview, receipt: Option<Receipt<()>>) -> Result<()>;
    async fn interview(&self, name: &InterviewName) -> Result<Interview>;
    /// The newest first, with their numbers.
    async fn interviews(&self, parent: &InterviewParent, window: Window) -> Result<Vec<(i64, Interview)>>;
    async fn delete_interview(&self, name: &InterviewName, receipt: Option<Receipt<()>>) -> Result<()>;
}

#[async_trait]
pub trait ReceiptStore: Send + Sync {
    /// What a request was answered with, if it was within the last day; [`StoreError::RequestIdReused`] if that
    /// was another request, [`StoreError::Erased`] if the answer is gone.
    async fn answer(&self, key: &RequestKey) -> Result<Option<Vec<u8>>>;
}

/// What is kept while a job is worked on.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// Until when the job stays with whoever works on it.
    pub lease_until: Time,
    pub progress: f64,
    pub doing: String,
    /// How far the work has come, if that is to be kept now.
    pub reached: Option<Reached>,
}

/// How far work has come, so that whoever takes it over goes on there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// In the work's own words.
    pub text: String,
    /// The leads that it tells of: it is forgotten with any of them.
    pub leads: Vec<LeadName>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEnd {
    pub state: JobState,
    /// What came of it, as JSON.
    pub outcome: String,
    pub time: Time,
    /// The leads that it tells of: it is erased with any of them.
    pub leads: Vec<LeadName>,
}

/// Long work in one table. Whoever takes a job holds it by a lease and gets a number, its fence: when the lease runs out,
/// another may take it, and then the first can't write to it any more, however late it wakes up.
#[async_trait]
pub trait JobStore: Send + Sync {
    async fn create_job(&self, job: Job, receipt: Option<Receipt<()>>) -> Result<()>;
    async fn job(&self, id: &Id) -> Result<Job>;
    /// The newest first, by their numbers; without what came of them.
    async fn jobs(&self, window: Window) -> Result<Vec<Job>>;
    /// How many have not ended.
    async fn open_jobs(&self) -> Result<u64>;
    /// Takes the oldest job that nobody works on, or whose lease ran out before now. It alone tells what is asked.
    async fn take_job(&self, now: Time, lease_until: Time) -> Result<Option<Job>>;
    /// Tells how far a job is and keeps it; says whether somebody wants it to end. [`StoreError::Conflict`] if it was taken
    /// by another, or has ended. How far the work has come is not kept if it tells of a lead that is gone.
    async fn keep_job(&self, id: &Id, fence: i64, beat: Beat) -> Result<bool>;
    /// Leaves a job to others, who go on at once; [`StoreError::Conflict`] if it was taken by another, or has ended.
    async fn leave_job(&self, id: &Id, fence: i64) -> Result<()>;
    /// Ends a job; [`StoreError::Conflict`] if it was taken by another, or has ended. What came of it is not kept if it tells
    /// of a lead that is gone.
    async fn end_job(&self, id: &Id, fence: i64, end: JobEnd) -> Result<()>;
    /// Wants a job to end: one that nobody works on has ended, one that is worked on will. One that has ended stays so.
    async fn cancel_job(&self, id: &Id, now: Time) -> Result<()>;
    /// Removes a job that has ended; [`StoreError::Conflict`] if it has not.
    async fn delete_job(&self, id: &Id) -> Result<()>;
    /// Removes the jobs that ended before a time; says how many they were.
    async fn forget_jobs(&self, before: Time) -> Result<u64>;
}

/// How busy a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Writes that were not acknowledged yet, where there is one writer.
    pub queued: usize,
    /// Calls that wait for a connection.
    pub pending: usize,
    /// Connections at work, at rest, and that there can be.
    pub used: usize,
    pub idle: usize,
    pub most: usize,
}

/// What to do with a schema that is older than this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// Bring it up to date.
    Allowed,
    /// Don't open it.
    Refused,
}

/// All roles of a store.
#[async_trait]
pub trait Store:
    CanvasStore
    + ProfileStore
    + LeadStore
    + ActivityStore
    + ScoreStore
    + RuleSetStore
    + InterviewStore
    + ReceiptStore
    + JobStore
{
    /// What kind of database it is, as OpenTelemetry names it.
    fn system(&self) -> &'static str;
    fn load(&self) -> Load;
    /// Whether the store answers at all, asked on a connection of its own: fails soon if not.
    async fn pulse(&self) -> Result<()>;
}
