//! What the replica says of itself: over gRPC health, by service and as a whole, and on `/readyz`.
//!
//! Scoring of inline leads and the rules need no store, so their services stay SERVING without it; the others, and the
//! whole, follow the store with hysteresis.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::admin::{Phase, Readiness};
use crate::app::App;
use crate::domain::text::with_causes;
use crate::grpc::SERVICES;

/// The services that work without the store.
const WITHOUT_STORE: [&str; 2] = ["assay.v1.ScoringService", "assay.v1.RuleService"];

/// How often the store is asked.
const ASK: Duration = Duration::from_secs(1);
/// How many times in a row it must fail before it counts as gone, and answer before it counts as back.
const FAILURES: u32 = 3;
const ANSWERS: u32 = 2;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Vitals {
    state: Arc<Mutex<State>>,
    readiness: Readiness,
    reporter: HealthReporter,
    /// Comes true once the rules were looked at: before that no call is answered.
    started: Arc<watch::Sender<bool>>,
}

#[derive(Default)]
struct State {
    /// What stands in the way before the rules are loaded; `None` once they are.
    without_rules: Option<Phase>,
    store_problem: Option<String>,
    draining: bool,
}

impl State {
    fn phase(&self) -> Phase {
        match (&self.without_rules, &self.store_problem) {
            _ if self.draining => Phase::Draining,
            (Some(phase), _) => phase.clone(),
            (None, Some(problem)) => Phase::NoStore(problem.clone()),
            (None, None) => Phase::Ready,
        }
    }

    fn of_service(&self, service: &str) -> ServingStatus {
        let serving = match self.phase() {
            Phase::Ready => true,
            Phase::NoStore(_) => WITHOUT_STORE.contains(&service),
            _ => false,
        };
        if serving { ServingStatus::Serving } else { ServingStatus::NotServing }
    }
}

impl Vitals {
    /// Says NOT_SERVING at first. The receiver comes true once the rules were looked at.
    pub async fn new(readiness: Readiness, reporter: HealthReporter) -> (Self, watch::Receiver<bool>) {
        let (started, has_started) = watch::channel(false);
        let state = State { without_rules: Some(Phase::Starting), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let vitals = Self { state, readiness, reporter, started: Arc::new(started) };
        vitals.change(|_| {}).await;
        (vitals, has_started)
    }

    async fn change(&self, change: impl FnOnce(&mut State)) {
        let (phase, services) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut state);
            let all = SERVICES.into_iter().chain([""]);
            let services: Vec<_> = all.map(|service| (service, state.of_service(service))).collect();
            (state.phase(), services)
        };
        self.readiness.set(phase);
        for (service, status) in services {
            self.reporter.set_service_status(service, status).await;
        }
    }

    pub async fn rules_are_loaded(&self) {
        self.change(|state| state.without_rules = None).await;
        self.started.send_replace(true);
    }

    pub async fn rules_are_bad(&self, phase: Phase) {
        self.change(|state| state.without_rules = Some(phase)).await;
        self.started.send_replace(true);
    }

    pub async fn drain(&self) {
        self.change(|state| state.draining = true).await;
    }

    /// Ends all watches of the health: they never end by themselves.
    pub async fn end_watches(&self) {
        for service in SERVICES.into_iter().chain([""]) {
            self.reporter.clone().clear_service_status(service).await;
        }
    }

    /// Asks the store now and then, until `stop`.
    pub async fn follow_store(self, app: Arc<App>, stop: CancellationToken) {
        let (mut failures, mut answers, mut gone) = (0, 0, false);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(ASK) => {}
            }
            let asked = tokio::time::timeout(ANSWER, app.store.pulse()).await;
            let problem = match asked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(with_causes(&error)),
                Err(_) => Some("it does not answer".to_owned()),
            };
            match problem {
                None => (failures, answers) = (0, answers + 1),
                Some(problem) => {
                    (failures, answers) = (failures + 1, 0);
                    if failures == FAILURES && !gone {
                        tracing::error!(
                            problem,
                            "the store does not answer: NOT_SERVING but for inline scoring"
                        );
                        gone = true;
                        app.metrics.store_up.set(0);
                        self.change(|state| state.store_problem = Some(problem)).await;
                    }
                }
            }
            if gone && answers == ANSWERS {
                tracing::info!("the store answers again");
                gone = false;
                app.metrics.store_up.set(1);
                self.change(|state| state.store_problem = None).await;
            }
        }
    }
}
