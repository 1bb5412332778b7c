//! The admin HTTP server: is the process alive, may it get calls, what does it count.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::rules::diagnostics::Diagnostic;
use crate::rules::source::Sources;

/// Whether the replica may get calls, and if not, why.
#[derive(Debug, Clone, Default)]
pub enum Phase {
    #[default]
    Starting,
    /// There is no good rule set yet.
    NoRules {
        folder: String,
        diagnostics: Vec<Diagnostic>,
        sources: Sources,
    },
    Ready,
    /// The store does not answer: why.
    NoStore(String),
    Draining,
}

/// The phase, shared between the server and its admin port.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Phase>>);

impl Readiness {
    pub fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    pub fn get(&self) -> Phase {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    /// Set when there is something to count.
    registry: Arc<OnceLock<Registry>>,
}

pub fn router(readiness: Readiness, registry: Arc<OnceLock<Registry>>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Admin { readiness, registry })
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let unavailable = |text: String| (StatusCode::SERVICE_UNAVAILABLE, text);
    match admin.readiness.get() {
        Phase::Ready => (StatusCode::OK, "ready\n".to_owned()),
        Phase::Starting => unavailable("not ready: starting\n".into()),
        Phase::NoStore(problem) => unavailable(format!(
            "not ready: the store does not answer: {problem}\ninline leads are scored all the same\n"
        )),
        Phase::Draining => unavailable("not ready: draining\n".into()),
        Phase::NoRules { folder, diagnostics, sources } => {
            let shown: String = diagnostics.iter().map(|d| d.render(&folder, &sources)).collect();
            unavailable(format!("not ready: the rules can't be loaded\n\n{shown}"))
        }
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let mut text = String::new();
    let Some(registry) = admin.registry.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response();
    };
    match encode(&mut text, registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
