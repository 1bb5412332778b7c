//! Long work: what is kept of it, so that it survives its process and is taken over by another.

use super::name::Id;
use super::time::Time;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Nobody works on it yet.
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub const ALL: [JobState; 5] =
        [JobState::Waiting, JobState::Running, JobState::Done, JobState::Failed, JobState::Cancelled];

    /// The word that stores keep and metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    pub fn has_ended(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: Id,
    /// Its place in the order of creation, from 1.
    pub number: i64,
    /// What kind of work it is.
    pub kind: String,
    /// What is asked, as JSON: known to whoever takes it, and forgotten when it has ended, since it may name somebody.
    pub request: String,
    /// How far the work had come when that was kept last, in its own words, for whoever takes it over; empty for the beginning.
    pub reached: String,
    pub create_time: Time,
    pub state: JobState,
    /// Counts who took it: only the one who took it last may write to it.
    pub fence: i64,
    /// How often it was taken by one who did not leave it in order.
    pub attempts: i64,
    /// Until when it belongs to whoever took it last, if that one doesn't say more.
    pub lease_until: Option<Time>,
    /// How much is done, 0 to 1.
    pub progress: f64,
    /// What is being done, for people.
    pub doing: String,
    /// Whether somebody wants it to end.
    pub is_cancelled: bool,
    /// What came of it, as JSON; empty until it has ended.
    pub outcome: String,
    pub end_time: Option<Time>,
}

impl Job {
    /// A new job; the store gives it its number.
    pub fn new(id: Id, kind: impl Into<String>, request: String, create_time: Time) -> Self {
        Self {
            id,
            number: 0,
            kind: kind.into(),
            request,
            reached: String::new(),
            create_time,
            state: JobState::Waiting,
            fence: 0,
            attempts: 0,
            lease_until: None,
            progress: 0.0,
            doing: String::new(),
            is_cancelled: false,
            outcome: String::new(),
            end_time: None,
        }
    }

    /// The name that callers know it by.
    pub fn name(&self) -> String {
        name(&self.id)
    }
}

/// The name of a job.
pub fn name(id: &Id) -> String {
    format!("operations/{id}")
}
