//! Floor 2: the use cases, one file each. Knows the store by its roles, the rules by the set in force, and
//! the time by a clock that it is given.

pub mod advise_lead;
pub mod allocate;
pub mod analyze_impact;
pub mod canvases;
pub mod derive_profile;
pub mod edit_canvas;
pub mod examine_canvas;
pub mod funnel;
pub mod guard;
pub mod interviews;
pub mod jobs;
pub mod leads;
pub mod load_rules;
pub mod metrics;
pub mod once;
pub mod personas;
pub mod prioritize;
pub mod production;
pub mod profiles;
pub mod publish_rules;
pub mod rank_pains;
pub mod rank_stability;
pub mod retain;
pub mod review_profile;
pub mod rule_log;
pub mod score_lead;
pub mod segments;
pub mod service_tiers;
pub mod shadow;
pub mod stored_rules;
pub mod transition_lead;
pub mod walk_leads;
pub mod watch_canvas;
pub mod what_if;

use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use arc_swap::ArcSwapOption;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::assistant::{Assistant, AssistantError};
use crate::domain::check::Invalid;
use crate::domain::lead::Present;
use crate::domain::lead::way::IllegalStep;
use crate::domain::name::{Id, ProfileName};
use crate::domain::time::Time;
use crate::domain::version::Version;
use crate::rules::RuleError;
use crate::rules::live::Rules;
use crate::rules::set::{NoScript, RuleSet};
use crate::storage::{Counts, Store, StoreError};
use guard::{GuardSays, RulesMode};
use metrics::Metrics;
use production::Production;
use shadow::{Shadow, ShadowCounts};
use stored_rules::FormerSets;

/// What tells the time.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |elapsed| elapsed.as_micros());
        i64::try_from(micros).ok().and_then(Time::from_micros).unwrap_or(Time::MAX)
    }
}

/// What a deployment decides for all its calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// ISO 4217; amounts in other currencies are unknown facts.
    pub currency: String,
    /// The profile for leads that name none.
    pub default_profile: Option<ProfileName>,
    /// The language model that reads notes, if there is one.
    pub assistant: Option<Assistant>,
    /// How this replica is called in its status.
    pub replica: String,
    /// Whether the rules in force are those of the folder or those of the store.
    pub rules_mode: RulesMode,
    /// The folder, for people.
    pub rules_source: String,
    /// The share of leads, 0 to 1, that may change their grade by a change of rules that nobody lets in; `None` is all.
    pub rules_guard: Option<f64>,
    /// For how many days a lead is kept of which nothing is heard; 0 for ever.
    pub retention_days: i64,
    /// How long long work stays with a replica that says nothing.
    pub job_lease: Duration,
}

/// The application: everything that a use case needs.
pub struct App {
    pub store: Arc<dyn Store>,
    pub rules: Rules,
    pub metrics: Metrics,
    pub settings: Settings,
    clock: Box<dyn Clock>,
    turns: Vec<Semaphore>,
    /// Held while somebody's rules are checked.
    checking: Arc<Semaphore>,
    /// A place for each of those who wait for that.
    checks_waiting: Semaphore,
    /// Held while ways to a grade are looked for.
    searching: Semaphore,
    former_sets: Arc<FormerSets>,
    /// Told when a job was started here.
    work_wanted: Notify,
    shadow: ArcSwapOption<Shadow>,
    shadowed: Arc<ShadowCounts>,
    /// Held while a lead is scored by the shadow.
    shadowing: Arc<Semaphore>,
    production: Production,
    /// What was counted and could not be written yet.
    waiting_counts: tokio::sync::Mutex<VecDeque<(String, Counts)>>,
    /// Told when what stands in the folder should be tried again.
    pub rules_wanted: Notify,
    /// The number of the activation in the store that this replica has seen.
    followed: AtomicI64,
    random: Mutex<SmallRng>,
}

/// Why a use case did not do what it was asked. `grpc::status` gives each its code and reason.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("the request is invalid: {0}")]
    Invalid(#[from] Invalid),
    #[error("the etag is not current: {0} has changed since it was read")]
    EtagMismatch(String),
    #[error("{0} is deleted")]
    Deleted(String),
    #[error("{resource} is still used by {}", users.join(", "))]
    InUse { resource: String, users: Vec<String> },
    #[error("no profile: name one in the request or in the lead, or configure a default one")]
    NoProfile,
    #[error(transparent)]
    NoScript(#[from] NoScript),
    #[error("no rules are loaded yet")]
    NoRules,
    #[error(transparent)]
    RuleFailed(#[from] RuleError),
    #[error("{lead} was not known at {as_of}")]
    NotKnownThen { lead: String, as_of: Time },
    #[error("{lead}: {step}")]
    IllegalStep { lead: String, step: IllegalStep },
    #[error("{0} has not ended: cancel it first")]
    StillRunning(String),
    #[error("{job} is no finished review of {profile}")]
    NotAReview { job: String, profile: String },
    #[error(
        "the review looked at revision {reviewed} of {profile}, which has revision {revision} now: review it again, or accept nothing"
    )]
    ReviewOutdated { profile: String, reviewed: i64, revision: i64 },
    #[error(
        "the rules in force are those of the folder {0}: change them there, or serve with --rules-mode store"
    )]
    RulesFromDirectory(String),
    #[error("{rule_set} can't come into force: {told}")]
    RulesBroken { rule_set: String, told: String },
    #[error("{script}: {told}")]
    ScriptInUse { script: String, told: String },
    #[error("the guard does not let these rules in: {0}")]
    Guarded(#[from] GuardSays),
    #[error("{0} is not held back")]
    NothingHeld(String),
    #[error("there is no set to go back to that was activated before")]
    NothingToRollBack,
    #[error("no language model is configured: see assistant_url")]
    NoAssistant,
    #[error(transparent)]
    Assistant(#[from] AssistantError),
    #[error("no rules were ever evaluated beside those in force, or none are any more")]
    NoShadow,
    #[error("too many wait for the same; nothing was done")]
    Overloaded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether the same request may well succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::NoRules | Error::Overloaded => true,
            Error::Store(store) => store.is_passing(),
            Error::Assistant(error) => error.is_passing,
            _ => false,
        }
    }
}

/// How many resources can be written at the same time without waiting for a namesake by hash.
const TURNS: usize = 256;
/// How many may wait for their turn to have rules checked: they take up places among the calls in flight.
const CHECKS_WAITING: usize = 16;
/// How often an update without an etag is tried anew when others write at the same time.
const ATTEMPTS: usize = 10;

impl App {
    pub fn new(store: Arc<dyn Store>, clock: Box<dyn Clock>, settings: Settings, seed: u64) -> Self {
        Self {
            store,
            rules: Rules::default(),
            metrics: Metrics::default(),
            settings,
            clock,
            checking: Arc::new(Semaphore::new(1)),
            checks_waiting: Semaphore::new(CHECKS_WAITING),
            searching: Semaphore::new(1),
            former_sets: Arc::default(),
            work_wanted: Notify::new(),
            shadow: ArcSwapOption::empty(),
            shadowed: Arc::default(),
            shadowing: Arc::new(Semaphore::new(1)),
            production: Production::default(),
            waiting_counts: Default::default(),
            rules_wanted: Notify::new(),
            followed: AtomicI64::new(0),
            turns: (0..TURNS).map(|_| Semaphore::new(1)).collect(),
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
        }
    }

    /// Writers of one resource take turns, so that those of this replica don't overtake each other between
    /// reading and writing. Hold it until the write is done.
    async fn turn(&self, name: &impl ToString) -> Option<SemaphorePermit<'_>> {
        let mut hasher = DefaultHasher::new();
        name.to_string().hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        self.turns[place].acquire().await.ok()
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// What scoring now would go by.
    fn present(&self) -> Present {
        let rule_set = self.rules.current().map(|rules| rules.id.clone()).unwrap_or_default();
        Present { rule_set, now: self.now() }
    }

    /// The rules in force.
    pub fn rule_set(&self) -> Result<Arc<RuleSet>> {
        self.rules.current().ok_or(Error::NoRules)
    }

    /// A new id: twenty characters that nobody will meet twice.
    pub fn new_id(&self) -> Id {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let text: String = (0..20).map(|_| char::from(ALPHABET[random.random_range(0..32)])).collect();
            if let Ok(id) = text.parse() {
                return id;
            }
        }
    }
}

/// Whether a write may go on: the etag is current and the resource is not deleted.
fn admit(name: impl ToString, version: &Version, etag: &str) -> Result<()> {
    if version.delete_time.is_some() {
        return Err(Error::Deleted(name.to_string()));
    }
    if !version.admits(etag) {
        return Err(Error::EtagMismatch(name.to_string()));
    }
    Ok(())
}

/// Whether a deletion may be taken back: the etag is current and there is one.
fn admit_undelete(name: impl ToString, version: &Version, etag: &str) -> Result<()> {
    match version.delete_time {
        None => Err(StoreError::AlreadyExists(name.to_string()).into()),
        Some(_) if !version.admits(etag) => Err(Error::EtagMismatch(name.to_string())),
        Some(_) => Ok(()),
    }
}

/// Runs a read-change-write until nobody else has written between. With an etag, whoever read that version is
/// overtaken by the first other write; only when what the resource points to has moved, it is looked at again.
macro_rules! until_written {
    ($etag:expr, $attempt:expr) => {{
        let mut left = $crate::app::ATTEMPTS;
        loop {
            left -= 1;
            match $attempt.await {
                Err($crate::app::Error::Store($crate::storage::StoreError::Conflict(name)))
                    if left == 0 || !$etag.is_empty() =>
                {
                    break Err($crate::app::Error::EtagMismatch(name));
                }
                Err($crate::app::Error::Store(
                    $crate::storage::StoreError::Conflict(_) | $crate::storage::StoreError::Dangling(_),
                )) if left > 0 => {}
                other => break other,
            }
        }
    }};
}
use until_written;
