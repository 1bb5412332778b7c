//! Long work: started by a call, worked on by one replica at a time, taken over by another when that one dies.

mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::analyze_impact::{ImpactFound, ImpactWanted};
use super::derive_profile::stored::{DerivedProfile, StoredLeads};
use super::interviews::{Proposals, ProposalsWanted};
use super::once::Once;
use super::retain::{Retained, Retention};
use super::review_profile::ReviewWanted;
use super::{App, Error, Result};
use crate::domain::job::{Job, JobState};
use crate::domain::name::{Id, LeadName};
use crate::domain::profile::review::Review;
use crate::domain::time::Time;
use crate::storage::{Beat, JobEnd, Reached, StoreError, Window};

/// What a job can be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    DeriveProfile(StoredLeads),
    ReviewProfile(ReviewWanted),
    Retain(Retention),
    AnalyzeImpact(ImpactWanted),
    ProposeCriteria(ProposalsWanted),
}

impl Work {
    /// The word that metrics use.
    pub fn kind(&self) -> &'static str {
        match self {
            Work::DeriveProfile(_) => "derive_profile",
            Work::ReviewProfile(_) => "review_profile",
            Work::Retain(_) => "retain",
            Work::AnalyzeImpact(_) => "analyze_impact",
            Work::ProposeCriteria(_) => "propose_criteria",
        }
    }
}

/// What came of a job that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    DerivedProfile(Box<DerivedProfile>),
    Reviewed(Box<Review>),
    Retained(Retained),
    Impact(Box<ImpactFound>),
    Proposals(Proposals),
}

impl Outcome {
    /// The leads that it tells of: it is erased with any of them.
    fn leads(&self) -> Vec<LeadName> {
        match self {
            Outcome::Impact(found) => found.leads(),
            Outcome::Proposals(found) => found.leads.clone(),
            Outcome::DerivedProfile(_) | Outcome::Reviewed(_) | Outcome::Retained(_) => Vec::new(),
        }
    }
}

/// Why a job came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub message: String,
    /// Whether the same may well succeed later.
    pub is_passing: bool,
}

/// How a job ended, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Done(Outcome),
    Failed(Failure),
}

/// A job as callers see it.
#[derive(Debug, Clone)]
pub struct JobView {
    pub job: Job,
    pub ended: Option<Ended>,
    /// Whether it is one of a list, which does not tell what came of it.
    pub is_listed: bool,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let ended = serde_json::from_str(&job.outcome).ok();
        Self { job, ended, is_listed: false }
    }
}

/// How often a replica says at least that it works on a job, and learns whether somebody wants it to end.
const BEAT: Duration = Duration::from_secs(2);
/// How often it says so within a lease: a beat may be lost.
const BEATS_OF_A_LEASE: u32 = 8;
/// How often a replica looks for work that another was asked for.
const LOOK: Duration = Duration::from_secs(2);
/// A job whose process ended so often is not tried again: it may be what ends them.
const MAX_ATTEMPTS: i64 = 5;
/// The most jobs that may not have ended.
const MAX_OPEN: u64 = 100;
/// For how many days a job that has ended is kept.
const KEPT_DAYS: i64 = 7;
/// The most bytes that are kept of how far work has come.
const MAX_REACHED: usize = 4 << 20;
/// How often old jobs are forgotten and reviews that are overdue counted.
const ROUND: Duration = Duration::from_secs(60);

/// How far the work is, told while it goes on.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    told: Arc<Mutex<(f64, String)>>,
    is_stopped: Arc<AtomicBool>,
    /// How far a former attempt had come; empty for the beginning.
    former: Arc<str>,
    reached: Arc<Mutex<Option<Reached>>>,
    /// Whether it has become too much to be kept.
    is_too_much: Arc<AtomicBool>,
}

impl Progress {
    /// A share of the whole, 0 to 1, and what is being done.
    pub fn tell(&self, share: f64, doing: impl Into<String>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = (share, doing.into());
    }

    /// How far a former attempt had come, in the words that it was kept in.
    pub fn former<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.former).ok()
    }

    /// Keeps how far the work has come, with the leads that this tells of, for whoever may have to take it over.
    pub fn reach<T: Serialize>(&self, reached: &T, leads: Vec<LeadName>) {
        let Ok(text) = serde_json::to_string(reached) else { return };
        // To begin anew costs time only; what is kept costs everybody.
        if text.len() > MAX_REACHED {
            self.is_too_much.store(true, Ordering::Relaxed);
            return;
        }
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(Reached { text, leads });
    }

    /// Whether what was reached last is kept: before, another need not be put into words.
    pub fn wants_reached(&self) -> bool {
        let is_taken = || self.reached.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        !self.is_too_much.load(Ordering::Relaxed) && is_taken()
    }

    fn take_reached(&self) -> Option<Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether nobody waits for the work any more: what runs on a thread of its own looks now and then.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    fn now(&self) -> (f64, String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why work stopped before it was done.
enum Stopped {
    /// Somebody wants it to end.
    Cancelled,
    /// Another replica has it now.
    Lost,
    /// This replica ends.
    Leaving,
}

impl App {
    /// Starts a job.
    pub async fn start_job(&self, work: &Work, once: Once<Job>) -> Result<Job> {
        self.start_job_as(self.new_id(), work, once).await
    }

    /// Starts a job under an id; [`StoreError::AlreadyExists`] if there is one.
    pub(super) async fn start_job_as(&self, id: Id, work: &Work, once: Once<Job>) -> Result<Job> {
        // Work is done one after the other: what nobody would live to see is refused.
        if self.store.open_jobs().await? >= MAX_OPEN {
            return Err(Error::Overloaded);
        }
        let request = serde_json::to_string(work).map_err(StoreError::from)?;
        let job = Job::new(id, work.kind(), request, self.now());
        self.store.create_job(job.clone(), once.of(&job)).await?;
        self.work_wanted.notify_one();
        Ok(job)
    }

    pub async fn job(&self, id: &Id) -> Result<JobView> {
        Ok(self.store.job(id).await?.into())
    }

    pub async fn jobs(&self, window: Window) -> Result<Vec<JobView>> {
        let listed = |job| JobView { job, ended: None, is_listed: true };
        Ok(self.store.jobs(window).await?.into_iter().map(listed).collect())
    }

    /// Wants a job to end; it does within seconds.
    pub async fn cancel_job(&self, id: &Id) -> Result<()> {
        Ok(self.store.cancel_job(id, self.now()).await?)
    }

    /// Removes a job that has ended.
    pub async fn delete_job(&self, id: &Id) -> Result<()> {
        self.store.delete_job(id).await.map_err(|error| match error {
            StoreError::Conflict(name) => Error::StillRunning(name),
            other => other.into(),
        })
    }

    /// Waits until a job has ended, at most so long; then tells how far it is.
    pub async fn wait_for_job(&self, id: &Id, most: Duration) -> Result<JobView> {
        let until = tokio::time::Instant::now() + most;
        let mut pause = Duration::from_millis(50);
        loop {
            let view = self.job(id).await?;
            if view.job.state.has_ended() || tokio::time::Instant::now() + pause > until {
                return Ok(view);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Works on jobs, one at a time, until `stop` comes true; then what is being worked on is left to others at once.
    pub async fn work_on_jobs(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut next_round = tokio::time::Instant::now();
        loop {
            if tokio::time::Instant::now() >= next_round {
                self.make_round().await;
                next_round = tokio::time::Instant::now() + ROUND;
            }
            let taken = match self.rules.current() {
                // Without rules, nothing is known of what facts mean.
                None => Ok(None),
                Some(_) => self.store.take_job(self.now(), self.leased_until()).await,
            };
            match taken {
                Ok(Some(job)) => {
                    if self.clone().work_on(job, &mut stop).await {
                        return;
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "no job can be taken now"),
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.work_wanted.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Works on a job; says whether the replica ends.
    async fn work_on(self: Arc<Self>, job: Job, stop: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        let (name, started) = (job.name(), std::time::Instant::now());
        if job.is_cancelled {
            self.end(&job, JobState::Cancelled, None).await;
            return false;
        }
        let work: Option<Work> = serde_json::from_str(&job.request).ok();
        let Some(work) = work.filter(|_| job.attempts <= MAX_ATTEMPTS) else {
            let message = match job.attempts {
                attempts if attempts > MAX_ATTEMPTS => {
                    format!("given up: whoever worked on it ended before it was done, {MAX_ATTEMPTS} times")
                }
                _ => "this version does not know such work".to_owned(),
            };
            self.end(&job, JobState::Failed, Some(Ended::Failed(Failure { message, is_passing: false })))
                .await;
            return false;
        };
        let kind = work.kind();
        tracing::info!(job = name, kind, attempt = job.fence, "work begins");
        let progress = Progress { former: job.reached.as_str().into(), ..Progress::default() };
        // A task of its own, so that a panic is the job's end and not the replica's.
        let mut doing = tokio::spawn(self.clone().perform(work, progress.clone()));
        let stopped = tokio::select! {
            done = &mut doing => {
                let (state, ended) = match done {
                    Ok(Ok(outcome)) => (JobState::Done, Ended::Done(outcome)),
                    // Tried again when the lease has run out: the store may answer then.
                    Ok(Err(error)) if error.is_passing() && job.attempts < MAX_ATTEMPTS => {
                        tracing::warn!(job = name, kind, %error, "the work is tried again later");
                        return false;
                    }
                    Ok(Err(error)) => {
                        let (message, is_passing) = (error.to_string(), error.is_passing());
                        (JobState::Failed, Ended::Failed(Failure { message, is_passing }))
                    }
                    Err(_panic) => {
                        let message = "the service failed on it".to_owned();
                        (JobState::Failed, Ended::Failed(Failure { message, is_passing: false }))
                    }
                };
                tracing::info!(job = name, kind, state = state.as_str(), seconds = started.elapsed().as_secs_f64(), "work ended");
                self.end(&job, state, Some(ended)).await;
                return false;
            }
            stopped = self.beat(&job, &progress) => stopped,
            () = stop => Stopped::Leaving,
        };
        doing.abort();
        progress.stop();
        match stopped {
            Stopped::Cancelled => {
                tracing::info!(job = name, kind, "work was cancelled");
                self.end(&job, JobState::Cancelled, None).await;
                false
            }
            Stopped::Lost => {
                tracing::warn!(job = name, kind, "another replica has taken the work over");
                false
            }
            Stopped::Leaving => {
                if let Err(error) = self.store.leave_job(&job.id, job.fence).await {
                    tracing::debug!(job = name, %error, "the work waits until its lease runs out");
                }
                true
            }
        }
    }

    /// Says again and again that the job is worked on, until it is to stop.
    async fn beat(&self, job: &Job, progress: &Progress) -> Stopped {
        loop {
            tokio::time::sleep(BEAT.min(self.settings.job_lease / BEATS_OF_A_LEASE)).await;
            let reached = progress.take_reached();
            let (progress, doing) = progress.now();
            let beat = Beat { lease_until: self.leased_until(), progress, doing, reached };
            match self.store.keep_job(&job.id, job.fence, beat).await {
                Ok(false) => {}
                Ok(true) => return Stopped::Cancelled,
                Err(StoreError::Conflict(_)) => return Stopped::Lost,
                // The lease lasts longer than a store that is busy for a while.
                Err(error) => tracing::debug!(job = job.name(), %error, "the lease could not be renewed"),
            }
        }
    }

    fn leased_until(&self) -> Time {
        let seconds = self.settings.job_lease.as_secs().max(1);
        self.now().plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    async fn end(&self, job: &Job, state: JobState, ended: Option<Ended>) {
        let leads = match &ended {
            Some(Ended::Done(outcome)) => outcome.leads(),
            _ => Vec::new(),
        };
        let outcome = ended.and_then(|ended| serde_json::to_string(&ended).ok()).unwrap_or_default();
        let end = JobEnd { state, outcome, time: self.now(), leads };
        self.metrics.count_job(state);
        let mut attempts = 5;
        while let Err(error) = self.store.end_job(&job.id, job.fence, end.clone()).await {
            attempts -= 1;
            if !error.is_passing() || attempts == 0 {
                tracing::warn!(job = job.name(), %error, "what came of the work could not be kept");
                return;
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    /// Forgets old jobs and counts the reviews that are overdue.
    async fn make_round(&self) {
        let before = self.now().plus_days(-KEPT_DAYS);
        if let Err(error) = self.store.forget_jobs(before).await {
            tracing::debug!(%error, "old jobs can't be forgotten now");
        }
        if let Err(error) = self.retain_daily().await {
            tracing::debug!(%error, "the daily retention can't be started now");
        }
        match self.overdue_reviews().await {
            Ok(overdue) => self.metrics.set_overdue_reviews(overdue.len()),
            Err(error) => tracing::debug!(%error, "overdue reviews can't be counted now"),
        }
    }
}

/// Until when jobs are kept that end now.
pub fn kept_until(end: Time) -> Time {
    end.plus_days(KEPT_DAYS)
}
