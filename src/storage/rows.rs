//! What rows mean: both databases have the same columns, and each reads them in its own way.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{ListedRuleSet, Part, Result, RuleChangeWanted, StoreError, StoredRuleSet};
use crate::domain::interview::Interview;
use crate::domain::job::{Job, JobState};
use crate::domain::lead::{Activity, CustomerStatus, LatestScore, Lead, LeadRecord};
use crate::domain::listing::{listed_attributes, listed_text, listed_word};
use crate::domain::name::SegmentName;
use crate::domain::profile::Profile;
use crate::domain::rule_change::{RuleChange, RuleChangeKind};
use crate::domain::score::{Points, ScoreStatus};
use crate::domain::segment::{LeadCounts, LeadTally};
use crate::domain::text::with_causes;
use crate::domain::time::{NotATime, Time};

/// A row of either database, its columns counted from 0.
pub trait Columns {
    fn text(&self, column: usize) -> Result<Option<&str>>;
    fn integer(&self, column: usize) -> Result<Option<i64>>;
    fn float(&self, column: usize) -> Result<Option<f64>>;
    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>>;

    fn some_text(&self, column: usize) -> Result<&str> {
        self.text(column)?.ok_or_else(empty)
    }

    fn some_integer(&self, column: usize) -> Result<i64> {
        self.integer(column)?.ok_or_else(empty)
    }

    fn time(&self, column: usize) -> Result<Option<Time>> {
        let micros = self.integer(column)?;
        micros.map(|micros| Time::from_micros(micros).ok_or_else(|| corrupt(NotATime))).transpose()
    }
}

/// A row that this program can't have written.
pub fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    tracing::error!(error = with_causes(&error), "a row can't be read");
    StoreError::Damaged("a row".into())
}

fn empty() -> StoreError {
    tracing::error!("a column is empty that never is");
    StoreError::Damaged("a row".into())
}

/// Decodes the body in the first column.
pub fn body<T: DeserializeOwned>(row: &dyn Columns) -> Result<T> {
    serde_json::from_str(row.some_text(0)?).map_err(|error| {
        // Where, not what: the text may be a person's.
        let place = format!("column {} of the body", error.column());
        tracing::error!(place, "a body can't be read");
        StoreError::Damaged("a row".into())
    })
}

/// The most bytes of bodies that are read for one part of a list.
const PART_BYTES: usize = 4 << 20;
/// How many rows that can't be read a part of a list may leave out.
const DAMAGED_ROWS: usize = 100;

/// How many rows a query for so many items asks for.
pub fn rows_for(items: usize) -> i64 {
    i64::try_from(items.saturating_add(DAMAGED_ROWS)).unwrap_or(i64::MAX)
}

/// Gathers the rows of a list, each with its body in the first column and its name in the second, until there are as many
/// as were asked for, or they are large together.
pub struct Gathered<T> {
    part: Part<T>,
    rows: usize,
    bytes: usize,
    limit: usize,
    damaged: Option<String>,
}

impl<T> Gathered<T> {
    pub fn new(limit: usize) -> Self {
        Self { part: Part { items: Vec::new(), more: false }, rows: 0, bytes: 0, limit, damaged: None }
    }

    /// Whether to go on.
    pub fn wants_more(&self) -> bool {
        self.part.items.len() < self.limit && !self.part.more
    }

    /// Takes a row. One that can't be read is told in the log and left out: it must not cost the others.
    pub fn take(&mut self, row: &dyn Columns, read: impl FnOnce(&dyn Columns) -> Result<T>) -> Result<()> {
        self.rows += 1;
        let read = || {
            self.bytes += row.text(0)?.map_or(0, str::len);
            read(row)
        };
        match read() {
            Ok(item) => self.part.items.push(item),
            Err(StoreError::Damaged(_)) => {
                let name = row.text(1).ok().flatten().unwrap_or("a row without a name").to_owned();
                tracing::error!(resource = name, "what is stored can't be read: a list goes on without it");
                self.damaged = Some(name);
            }
            Err(other) => return Err(other),
        }
        if self.bytes > PART_BYTES {
            self.part.more = true;
        }
        Ok(())
    }

    /// The part; an error if so many rows in a row can't be read that no page could go on behind them.
    pub fn finish(mut self) -> Result<Part<T>> {
        if let Some(name) = self.damaged
            && self.rows as i64 >= rows_for(self.limit)
        {
            if self.part.items.is_empty() {
                return Err(StoreError::Damaged(name));
            }
            self.part.more = true;
        }
        Ok(self.part)
    }
}

/// A lead with what is kept beside it: its newest body and its columns.
pub const RECORD: &str = "SELECT
    (SELECT r.body FROM lead_revisions r WHERE r.name = leads.name AND r.revision = leads.revision), leads.name,
    activity_count, last_activity_micros, last_known_micros, score_number, score_status, grade, total, fit,
    engagement, score_as_of_micros, score_lead_revision, score_activity_count, score_profile,
    score_profile_revision, score_rule_set, segment,
    (SELECT p.revision FROM profiles p WHERE p.name = score_profile)
    FROM leads";

pub fn record(row: &dyn Columns) -> Result<LeadRecord> {
    Ok(LeadRecord {
        lead: body(row)?,
        activity_count: row.some_integer(2)?,
        last_activity: row.time(3)?,
        last_known: row.time(4)?,
        latest_score: latest(row)?,
        profile_revision: row.integer(18)?,
    })
}

fn latest(row: &dyn Columns) -> Result<Option<LatestScore>> {
    let Some(number) = row.integer(5)? else { return Ok(None) };
    let status = row.some_text(6)?;
    let points = |column| row.some_integer(column).map(Points);
    Ok(Some(LatestScore {
        name: format!("{}/scores/{number}", row.some_text(1)?).parse().map_err(corrupt)?,
        status: ScoreStatus::ALL
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or_else(|| StoreError::failed(format!("there is no status {status}")))?,
        grade: row.text(7)?.unwrap_or_default().into(),
        total: points(8)?,
        fit: points(9)?,
        engagement: points(10)?,
        as_of: row.time(11)?.ok_or_else(empty)?,
        lead_revision: row.some_integer(12)?,
        activity_count: row.some_integer(13)?,
        profile: row.some_text(14)?.parse().map_err(corrupt)?,
        profile_revision: row.some_integer(15)?,
        rule_set: row.some_text(16)?.into(),
        segment: row.text(17)?.map(str::parse).transpose().map_err(corrupt)?,
    }))
}

pub const ACTIVITY: &str =
    "SELECT type, time_micros, known_micros, amount, contact, id, number, properties FROM activities";

pub fn activity(row: &dyn Columns) -> Result<Activity> {
    Ok(Activity {
        kind: row.some_text(0)?.into(),
        time: row.time(1)?.ok_or_else(empty)?,
        known_time: row.time(2)?.ok_or_else(empty)?,
        amount: row.float(3)?.ok_or_else(empty)?,
        contact: row.text(4)?.map(str::parse).transpose().map_err(corrupt)?,
        id: row.text(5)?.map(str::to_owned),
        properties: row.text(7)?.map(serde_json::from_str).transpose().map_err(corrupt)?.unwrap_or_default(),
    })
}

/// What is told of an activity beside its amount, as it is kept.
pub fn properties_text(activity: &Activity) -> Result<Option<String>> {
    let text = || serde_json::to_string(&activity.properties).map_err(corrupt);
    (!activity.properties.is_empty()).then(text).transpose()
}

/// The same with its number in the log.
pub fn numbered_activity(row: &dyn Columns) -> Result<(i64, Activity)> {
    Ok((row.some_integer(6)?, activity(row)?))
}

/// The set that came into force last.
pub const LAST_RULE_SET: &str = "SELECT id, create_time, files FROM rule_sets
    WHERE in_force_micros IS NOT NULL ORDER BY in_force_micros DESC, create_time DESC LIMIT 1";

pub fn rule_set(row: &dyn Columns) -> Result<StoredRuleSet> {
    let files = serde_json::from_str(row.some_text(2)?).map_err(corrupt)?;
    Ok(StoredRuleSet {
        id: row.some_text(0)?.into(),
        create_time: row.some_text(1)?.parse().map_err(corrupt)?,
        files,
    })
}

/// What [`listed_rule_set`] reads.
pub const LISTED_RULE_SET_COLUMNS: &str = "id, create_time, number, in_force_micros,
    (SELECT body FROM rule_changes c WHERE c.rule_set = rule_sets.id ORDER BY c.number LIMIT 1)";

pub fn listed_rule_set(row: &dyn Columns) -> Result<ListedRuleSet> {
    let first: Option<RuleChange> = row.text(4)?.map(serde_json::from_str).transpose().map_err(corrupt)?;
    Ok(ListedRuleSet {
        number: row.some_integer(2)?,
        id: row.some_text(0)?.into(),
        create_time: row.some_text(1)?.parse().map_err(corrupt)?,
        in_force: row.time(3)?,
        change: first.map(|first| first.change).unwrap_or_default(),
    })
}

/// Reads `number, body`.
pub fn rule_change(row: &dyn Columns) -> Result<RuleChange> {
    let change: RuleChange = serde_json::from_str(row.some_text(1)?).map_err(corrupt)?;
    Ok(RuleChange { number: row.some_integer(0)?, ..change })
}

/// The query for the latest change of some kinds.
pub fn last_rule_change(kinds: &[RuleChangeKind]) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("'{}'", kind.as_str())).collect();
    let kinds = kinds.join(", ");
    format!("SELECT number, body FROM rule_changes WHERE kind IN ({kinds}) ORDER BY number DESC LIMIT 1")
}

/// Adds to a count.
pub const ADD_COUNT: &str = "INSERT INTO rule_counts (subject, name, count) VALUES ($1, $2, $3)
    ON CONFLICT (subject, name) DO UPDATE SET count = rule_counts.count + excluded.count";
pub const COUNTS: &str = "SELECT name, count FROM rule_counts WHERE subject = $1";

/// The latest set that a replica loaded from its folder.
pub const LAST_LOADED: &str = "SELECT number, body FROM rule_changes
    WHERE kind = 'loaded' AND replica = $1 ORDER BY number DESC LIMIT 1";
/// The next free number of the log.
pub const NEXT_RULE_CHANGE: &str = "SELECT coalesce(max(number), 0) + 1 FROM rule_changes";

/// Judges a wanted change by what was active: the change as it is written, or why it is not.
pub fn admitted(wanted: RuleChangeWanted, active: Option<RuleChange>, number: i64) -> Result<RuleChange> {
    let RuleChangeWanted { change, expected, .. } = wanted;
    let active = active.map(|active| active.rule_set).unwrap_or_default();
    if expected.is_some_and(|expected| expected != active) {
        return Err(StoreError::Conflict("the rules in force".to_owned()));
    }
    let former = if change.kind.is_activation() { active } else { change.former };
    Ok(RuleChange { number, former, ..change })
}

/// Reads `body, number`.
pub fn numbered_interview(row: &dyn Columns) -> Result<(i64, Interview)> {
    Ok((row.some_integer(1)?, body(row)?))
}

/// What an activity is named by: its number after `#`, or its id.
pub fn number_or_id(id: &str) -> (Option<i64>, Option<&str>) {
    match id.strip_prefix('#') {
        Some(number) => (number.parse().ok(), None),
        None => (None, Some(id)),
    }
}

/// What lists of leads are filtered and ordered by, of a lead's own content. Words of facts stand folded.
pub struct LeadColumns {
    pub name: String,
    pub revision: i64,
    pub create_micros: i64,
    pub update_micros: i64,
    pub outcome: Option<&'static str>,
    pub stage: &'static str,
    pub owner: Option<String>,
    pub source: Option<String>,
    pub country: Option<String>,
    pub industry: Option<String>,
    pub employees: Option<i64>,
    pub profile: Option<String>,
    pub display_name: Option<String>,
    pub domain: Option<String>,
    pub customer: Option<&'static str>,
    /// A JSON object: numbers, yes or no, and folded texts; of others, that they are there.
    pub attributes: Option<String>,
}

impl LeadColumns {
    pub fn of(lead: &Lead) -> Self {
        let (content, version) = (&lead.content, &lead.version);
        Self {
            name: lead.name.to_string(),
            revision: version.revision,
            create_micros: version.create_time.micros(),
            update_micros: version.update_time.micros(),
            outcome: content.outcome.as_ref().map(|outcome| outcome.kind.as_str()),
            stage: content.stage.as_str(),
            owner: listed_text(&content.owner),
            source: listed_word(&content.source),
            country: listed_word(content.subject.country()),
            industry: listed_word(content.subject.industry()),
            employees: content.subject.employees(),
            profile: content.profile.as_ref().map(ToString::to_string),
            display_name: listed_word(content.subject.display_name()),
            domain: listed_word(content.subject.domain()),
            customer: content
                .customer
                .as_ref()
                .and_then(|customer| customer.status)
                .map(CustomerStatus::as_str),
            attributes: listed_attributes(content),
        }
    }
}

/// A segment with the counts of its leads: all, graded, graded A, won and lost.
pub fn tally(row: &dyn Columns) -> Result<(SegmentName, LeadTally)> {
    let count = |column| Ok::<_, StoreError>(u64::try_from(row.some_integer(column)?).unwrap_or(0));
    let tally = LeadTally {
        leads: count(1)?,
        graded: count(2)?,
        graded_a: count(3)?,
        won: count(4)?,
        lost: count(5)?,
    };
    Ok((row.some_text(0)?.parse().map_err(corrupt)?, tally))
}

/// A segment with the grade, stage and outcome of some of its leads, and how many they are.
pub fn counted(row: &dyn Columns) -> Result<(SegmentName, [Option<String>; 3], u64)> {
    let alike = [row.text(1)?, row.text(2)?, row.text(3)?].map(|word| word.map(str::to_owned));
    let count = u64::try_from(row.some_integer(4)?).unwrap_or(0);
    Ok((row.some_text(0)?.parse().map_err(corrupt)?, alike, count))
}

/// Adds up what [`counted`] read.
pub fn add_up(rows: Vec<(SegmentName, [Option<String>; 3], u64)>) -> BTreeMap<SegmentName, LeadCounts> {
    let mut counts: BTreeMap<SegmentName, LeadCounts> = BTreeMap::new();
    for (segment, [grade, stage, outcome], count) in rows {
        counts.entry(segment).or_default().add(grade, stage, outcome.as_deref(), count);
    }
    counts
}

/// What lists of profiles are filtered and ordered by.
pub struct ProfileColumns<'a> {
    pub canvas: Option<String>,
    pub segment: Option<String>,
    pub maturity: Option<&'static str>,
    pub script: &'a str,
    pub review_micros: Option<i64>,
    pub update_micros: i64,
}

impl<'a> ProfileColumns<'a> {
    pub fn of(profile: &'a Profile) -> Self {
        let content = &profile.content;
        let segment = content.segment.as_ref();
        Self {
            canvas: segment.map(|segment| segment.canvas_name().to_string()),
            segment: segment.map(ToString::to_string),
            maturity: content.maturity.as_str(),
            script: &content.scoring_script,
            review_micros: content.review.as_ref().and_then(|review| review.next_time()).map(Time::micros),
            update_micros: profile.version.update_time.micros(),
        }
    }
}

/// The columns of a job, as [`job`] reads them.
pub const JOB_COLUMNS: &str = "number, id, kind, create_micros, state, fence, lease_micros, progress, doing, cancelled, outcome, \
                               end_micros, attempts";
/// The same without what came of it, which may be large.
pub const LISTED_JOB_COLUMNS: &str = "number, id, kind, create_micros, state, fence, lease_micros, progress, doing, cancelled, \
                                      '' AS outcome, end_micros, attempts";

/// Reads a job that was taken: its columns, and behind them what is asked and how far it had come.
pub fn taken_job(row: &dyn Columns) -> Result<Job> {
    let (request, reached) = (row.some_text(13)?.to_owned(), row.some_text(14)?.to_owned());
    Ok(Job { request, reached, ..job(row)? })
}

/// Reads a job from [`JOB_COLUMNS`].
pub fn job(row: &dyn Columns) -> Result<Job> {
    let text = |column| Ok::<String, StoreError>(row.text(column)?.unwrap_or_default().to_owned());
    let id = row.some_text(1)?.parse().map_err(|_| StoreError::Damaged("a job".into()))?;
    let state = JobState::named(row.some_text(4)?).ok_or_else(|| StoreError::Damaged("a job".into()))?;
    Ok(Job {
        id,
        number: row.some_integer(0)?,
        kind: text(2)?,
        request: String::new(),
        reached: String::new(),
        create_time: row.time(3)?.ok_or_else(empty)?,
        state,
        fence: row.some_integer(5)?,
        lease_until: row.time(6)?,
        progress: row.float(7)?.unwrap_or_default(),
        doing: text(8)?,
        is_cancelled: row.some_integer(9)? != 0,
        outcome: text(10)?,
        end_time: row.time(11)?,
        attempts: row.some_integer(12)?,
    })
}
