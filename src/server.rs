//! All the wiring there is: `serve` starts the store, the rules, both ports, and ends them in order.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic_health::server::{HealthReporter, HealthService};
use tower::Layer as _;

use crate::admin::{self, Phase, Readiness};
use crate::app::guard::RulesMode;
use crate::app::load_rules::Loaded;
use crate::app::publish_rules::FOLLOW;
use crate::app::{App, Settings, SystemClock};
use crate::config::{Config, Database, WatchMode};
use crate::connections::{self, Connections};
use crate::grpc::middleware::admission::{Admission, Ending};
use crate::grpc::middleware::observe::{Observe, RpcMetrics, Times};
use crate::grpc::middleware::web::WithWeb;
use crate::grpc::routes;
use crate::rules::source::watch;
use crate::storage::postgres::{PoolSettings, PostgresStore};
use crate::storage::sqlite::SqliteStore;
use crate::storage::{Store, Upgrade};
use crate::telemetry;
use crate::vitals::Vitals;

/// The sockets, bound by the caller: so that a test learns the port, and a supervisor can hand them over.
pub struct Listeners {
    pub grpc: TcpListener,
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the configured addresses.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |address| {
            TcpListener::bind(address).await.with_context(|| format!("the address {address} can't be used"))
        };
        Ok(Self { grpc: bind(config.listen).await?, admin: bind(config.admin_listen).await? })
    }
}

/// Serves until `shutdown` comes true, then drains. Health says NOT_SERVING until the store is migrated and a
/// rule set is compiled and tried, and from the moment that the shutdown begins.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let readiness = Readiness::default();
    let reporter = HealthReporter::new();
    let health = HealthService::from_health_reporter(reporter.clone());
    let (vitals, has_started) = Vitals::new(readiness.clone(), reporter).await;

    let admin_address = listeners.admin.local_addr()?;
    // The admin port first: bringing a large database up to date takes its time, and the process is alive.
    let registry = Arc::new(OnceLock::new());
    let admin = admin::router(readiness.clone(), registry.clone());
    let closed = CancellationToken::new();
    let closing = closed.clone();
    let admin = tokio::spawn(connections::serve_admin(listeners.admin, admin, closing));

    let upgrade = if config.migrate_at_start { Upgrade::Allowed } else { Upgrade::Refused };
    let store = open(&config.database, config.pool, upgrade).await?;
    let app = Arc::new(App::new(store, Box::new(SystemClock), settings(&config), rand::random()));
    let rpc_metrics = Arc::new(RpcMetrics::default());
    registry.get_or_init(|| telemetry::registry(app.clone(), &rpc_metrics));

    let stop = CancellationToken::new();
    let address = listeners.grpc.local_addr()?;
    let admission = Admission::new(config.max_calls);
    let ending = Ending::default();
    let times = Times { call: config.call_timeout, list: config.list_timeout };
    let observe = Observe::new(rpc_metrics, admission.clone(), times, has_started);
    let connections = Connections {
        admission: admission.clone(),
        max_age: config.max_connection_age,
        most: most_connections(),
        ending: ending.clone(),
    };
    let service = WithWeb::of(observe.layer(routes(&app, health)?), config.web_origins);
    let mut grpc = tokio::spawn(connections.serve(listeners.grpc, service));
    tracing::info!(%address, admin = %admin_address, "listening");

    let store = tokio::spawn(vitals.clone().follow_store(app.clone(), stop.clone()));
    let counts = tokio::spawn(app.clone().keep_counts(stop.clone().cancelled_owned()));
    let jobs = tokio::spawn(app.clone().work_on_jobs(stop.clone().cancelled_owned()));
    let rules = match config.rules_mode {
        RulesMode::Directory => {
            let (found, changes) = tokio::sync::watch::channel(None);
            let events = config.watch == WatchMode::Auto;
            watch::watch(config.scripts.clone(), events, found, app.metrics.last_look.clone())
                .context("the scripts can't be watched")?;
            tokio::spawn(follow_folder(app, changes, vitals.clone(), stop.clone()))
        }
        RulesMode::Store => {
            tokio::spawn(follow_store(app, config.scripts.clone(), vitals.clone(), stop.clone()))
        }
    };

    tokio::select! {
        () = shutdown => {}
        // It serves until it is told to end: a process that serves nothing must not live on.
        ended = &mut grpc => {
            stop.cancel();
            closed.cancel();
            ended.context("serving connections failed")?;
            bail!("connections are not served any more");
        }
    }
    tracing::info!(delay = ?config.drain_delay, "draining: NOT_SERVING, calls are still accepted");
    stop.cancel();
    // After these, nothing says SERVING any more.
    for (task, what) in [
        (rules, "follows the rules"),
        (store, "follows the store"),
        (jobs, "does long work"),
        (counts, "counts"),
    ] {
        if let Err(error) = task.await {
            tracing::error!(%error, "the task that {what} failed");
        }
    }
    vitals.drain().await;
    tokio::time::sleep(config.drain_delay).await;
    ending.soon.cancel();
    vitals.end_watches().await;
    let drained = tokio::time::timeout(config.drain_deadline, &mut grpc).await;
    if drained.is_err() {
        let calls = admission.calls();
        tracing::warn!(deadline = ?config.drain_deadline, calls, "calls in flight are ended");
        ending.now.cancel();
        if tokio::time::timeout(2 * connections::FLUSH, &mut grpc).await.is_err() {
            grpc.abort();
        }
    }
    // The admin port stays up until the last call has ended, so that the drain can be watched.
    closed.cancel();
    if tokio::time::timeout(Duration::from_secs(1), admin).await.is_err() {
        tracing::debug!("an admin connection was cut off");
    }
    tracing::info!("stopped");
    Ok(())
}

/// How many connections leave enough descriptors to the store, the scripts and the admin port.
fn most_connections() -> usize {
    const OTHERS: u64 = 256;
    let (limit, _) = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap_or((1_024, 1_024));
    usize::try_from(limit.saturating_sub(OTHERS).clamp(64, 1_000_000)).unwrap_or(64)
}

/// Opens the store, and brings its schema up to date where that is allowed.
pub async fn open(
    database: &Database,
    pool: PoolSettings,
    upgrade: Upgrade,
) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match database.clone() {
        Database::Sqlite(path) => {
            Arc::new(tokio::task::spawn_blocking(move || SqliteStore::open(&path, upgrade)).await??)
        }
        Database::Postgres(url) => Arc::new(PostgresStore::open(&url, pool, upgrade).await?),
    })
}

/// What a deployment decides, as the application wants it.
pub fn settings(config: &Config) -> Settings {
    Settings {
        currency: config.currency.clone(),
        default_profile: config.default_profile.clone(),
        replica: config.replica.clone(),
        assistant: config.assistant.clone(),
        rules_mode: config.rules_mode,
        rules_guard: config.rules_guard,
        rules_source: config.scripts.display().to_string(),
        retention_days: config.retention_days,
        job_lease: config.job_lease,
    }
}

/// How long to wait before a good set that could not come into force is tried again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Loads what is found in the folder. The first good set makes the replica ready.
async fn follow_folder(
    app: Arc<App>,
    mut changes: tokio::sync::watch::Receiver<watch::Latest>,
    vitals: Vitals,
    stop: CancellationToken,
) {
    let mut ready = false;
    // How long to wait before what could not come into force yet is tried again.
    let mut again: Option<Duration> = None;
    loop {
        let changed = tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => changed,
            () = app.rules_wanted.notified() => Ok(()),
            () = tokio::time::sleep(again.unwrap_or_default()), if again.is_some() => Ok(()),
        };
        if changed.is_err() {
            tracing::error!("the scripts are not watched any more");
            return;
        }
        let Some(found) = changes.borrow_and_update().clone() else { continue };
        let loaded = tokio::select! {
            () = stop.cancelled() => return,
            loaded = app.load_rules(found) => loaded,
        };
        again = (loaded == Loaded::NotYet)
            .then(|| again.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE)));
        tell_readiness(&app, &vitals, &mut ready).await;
    }
}

/// Puts in force what is active in the store, again and again. The first good set makes the replica ready.
async fn follow_store(app: Arc<App>, folder: PathBuf, vitals: Vitals, stop: CancellationToken) {
    let mut ready = false;
    let mut pause = FOLLOW;
    loop {
        let followed = tokio::select! {
            () = stop.cancelled() => return,
            followed = app.follow_rules(&folder) => followed,
        };
        tell_readiness(&app, &vitals, &mut ready).await;
        pause = if followed == Loaded::NotYet { (pause * 2).min(LONGEST_PAUSE) } else { FOLLOW };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Tells the health service once there are rules, and why not until then.
async fn tell_readiness(app: &App, vitals: &Vitals, ready: &mut bool) {
    if *ready {
        return;
    }
    if app.rules.current().is_some() {
        *ready = true;
        vitals.rules_are_loaded().await;
        tracing::info!("serving");
    } else if let Some(pending) = app.rules.status().pending {
        let phase = Phase::NoRules {
            folder: app.settings.rules_source.clone(),
            diagnostics: pending.diagnostics,
            sources: pending.sources,
        };
        vitals.rules_are_bad(phase).await;
    }
}
