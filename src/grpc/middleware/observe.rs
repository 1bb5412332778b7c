//! Around every call: a request id, a span, metrics, admission, the caller's deadline or ours, and the promise that every error has its ErrorInfo and that a panic is somebody's INTERNAL and nobody else's trouble.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::grpc::http_json::{self, Asked, JsonCall};
use crate::grpc::methods::{self, Method};
use crate::grpc::middleware::admission::{Admission, Admitted, Caller, Taken};
use crate::grpc::middleware::call::{Call, Counted};
use crate::grpc::status::{self, Reason};

/// The header that carries a request's id, in both directions.
pub const REQUEST_ID: &str = "x-request-id";

/// By the conventions of OpenTelemetry for RPCs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallLabels {
    pub method: &'static str,
    pub code: &'static str,
    /// Whether that code counts as a failure of the server.
    pub failed: bool,
}

impl EncodeLabelSet for CallLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        ("rpc_system_name", "grpc").encode(encoder.encode_label())?;
        ("rpc_method", self.method).encode(encoder.encode_label())?;
        ("rpc_response_status_code", self.code).encode(encoder.encode_label())?;
        match self.failed {
            true => ("error_type", self.code).encode(encoder.encode_label()),
            false => Ok(()),
        }
    }
}

/// What is counted of calls.
#[derive(Clone)]
pub struct RpcMetrics {
    pub(super) duration: Family<CallLabels, Histogram>,
    pub(super) in_flight: Gauge,
    shed: Counter,
    received: Gauge,
    answered: Gauge,
}

impl Default for RpcMetrics {
    fn default() -> Self {
        Self {
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_1, 2.0, 18))),
            in_flight: Gauge::default(),
            shed: Counter::default(),
            received: Gauge::default(),
            answered: Gauge::default(),
        }
    }
}

impl RpcMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let help = "How long calls took until their last byte, by method and status";
        registry.register_with_unit("rpc_server_call_duration", help, Unit::Seconds, self.duration.clone());
        let help = "Calls that have begun and not ended";
        registry.register("assay_calls_in_flight", help, self.in_flight.clone());
        let help = "Calls that were refused because too many were in flight";
        registry.register("assay_calls_shed", help, self.shed.clone());
        let help = "Memory of requests that are not handled yet";
        registry.register_with_unit("assay_received", help, Unit::Bytes, self.received.clone());
        let help = "Memory of answers that are not read yet";
        registry.register_with_unit("assay_answered", help, Unit::Bytes, self.answered.clone());
    }
}

/// How long calls may take that bring no deadline, or a later one.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub call: Duration,
    /// Lists may read much, and nobody pages by hand for longer.
    pub list: Duration,
}

#[derive(Clone)]
pub struct Observe(Arc<Around>);

/// What surrounds every call.
struct Around {
    metrics: Arc<RpcMetrics>,
    admission: Admission,
    times: Times,
    /// Whether the rules were looked at: before that there is nothing to answer by.
    started: watch::Receiver<bool>,
}

/// How long a call waits for a server that has just started.
const START: Duration = Duration::from_secs(10);

impl Observe {
    pub fn new(
        metrics: Arc<RpcMetrics>,
        admission: Admission,
        times: Times,
        started: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Around { metrics, admission, times, started }))
    }
}

impl Around {
    /// When a call must have ended, its caller's wish and ours considered.
    fn deadline(&self, method: &Method, headers: &HeaderMap) -> Option<Instant> {
        let asked = deadline(headers);
        if method.streams_in || method.streams_out {
            return asked;
        }
        let ours = Instant::now() + if method.is_list { self.times.list } else { self.times.call };
        Some(asked.map_or(ours, |asked| asked.min(ours)))
    }

    /// Waits until the rules were looked at for the first time.
    async fn wait_for_the_start(&self) -> Result<(), Status> {
        if *self.started.borrow() {
            return Ok(());
        }
        let mut started = self.started.clone();
        match tokio::time::timeout(START, started.wait_for(|started| *started)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(status::starting()),
        }
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, around: self.0.clone() }
    }
}

#[derive(Clone)]
pub struct Observed<S> {
    inner: S,
    around: Arc<Around>,
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let id = request_id(request.headers());
        let json = match http_json::is_grpc(&request) {
            true => None,
            false => match JsonCall::of(&request) {
                Asked::Call(json) => Some(json),
                Asked::Answer(mut response) => {
                    response.headers_mut().insert(REQUEST_ID, id);
                    return Box::pin(std::future::ready(Ok(response)));
                }
            },
        };
        let path = json.as_ref().map(JsonCall::path);
        let method = methods::of_path(path.as_deref().unwrap_or_else(|| request.uri().path()));
        let span = call_span(method.name, id.to_str().unwrap_or_default(), request.headers());
        let mut call =
            Call::begin(method.name, self.around.metrics.clone(), &self.around.admission, span.clone());
        let deadline = self.around.deadline(&method, request.headers());
        let caller = request.extensions_mut().remove::<Caller>();
        let caller = caller.unwrap_or_else(|| self.around.admission.caller(Default::default()));
        let around = self.around.clone();
        // The service that was polled ready is the one to call; the clone waits for the next call.
        let next = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, next);
        let of_caller = caller.clone();
        let work = async move {
            let handled = async {
                let (request, held, shortage) =
                    around.let_in(&of_caller, method, json.as_ref(), request).await?;
                let response = AssertUnwindSafe(ready.call(request)).catch_unwind().await;
                Ok::<_, Status>((response, held, shortage))
            };
            let mut response = match until(deadline, ended_with(&caller, handled)).await {
                Some(Ok((Ok(Ok(response)), held, shortage))) => {
                    call.shortage = shortage;
                    // The work on a stream goes on; of anything else only the answer is left.
                    call.held = if method.streams_in || method.streams_out { held } else { Vec::new() };
                    response
                }
                Some(Ok((Ok(Err(never)), ..))) => match never {},
                Some(Ok((Err(_panic), ..))) => {
                    tracing::error!("a handler panicked");
                    status::plain(Reason::Internal, "the service failed").into_http()
                }
                Some(Err(refused)) => {
                    if status::is_overload(&refused) {
                        call.metrics.shed.inc();
                    }
                    refused.into_http()
                }
                None => too_late().into_http(),
            };
            response = complete(response);
            call.code = Status::from_header_map(response.headers()).map(|status| status.code());
            if let Some(json) = &json {
                let (translated, code) = json.answer(response).await;
                (response, call.code) = (translated, Some(code));
            }
            response.headers_mut().insert(REQUEST_ID, id);
            let is_stream = method.streams_out;
            Ok(response.map(|body| Body::new(Counted::new(body, call, caller, deadline, is_stream))))
        };
        Box::pin(work.instrument(span))
    }
}

impl Around {
    /// Waits for the start, then for the request, and gives it with what it holds.
    async fn let_in(
        &self,
        caller: &Caller,
        method: Method,
        json: Option<&JsonCall>,
        request: Request<Body>,
    ) -> Result<(Request<Body>, Vec<Taken>, Option<CancellationToken>), Status> {
        if !method.is_health {
            self.wait_for_the_start().await?;
        }
        // JSON is weighed when it has become a message.
        let (method, request) = match json {
            Some(_) => (Method { input: None, ..method }, JsonCall::framed(request)),
            None => (method, request),
        };
        let (mut parts, body) = request.into_parts();
        let gzip = parts.headers.get(ENCODING).is_some_and(|encoding| encoding == "gzip");
        let admitted = self.admission.admit(caller, method, gzip, body).await;
        self.admission.tell(&self.metrics.received, &self.metrics.answered);
        let Admitted { body, held, shortage } = admitted?;
        // The body is a plain one now.
        parts.headers.remove(ENCODING);
        match json {
            Some(json) => Ok((json.request(parts, body).await?, held, shortage)),
            None => Ok((Request::from_parts(parts, body), held, shortage)),
        }
    }
}

/// The header that says how a request's messages are compressed.
const ENCODING: &str = "grpc-encoding";

/// Some work, unless its connection ends first.
async fn ended_with<T>(caller: &Caller, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::select! {
        biased;
        done = work => done,
        () = caller.ending().now.cancelled() => Err(status::draining()),
    }
}

/// The span of a call, a child of the caller's where traces are sent and the caller names one.
fn call_span(method: &str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        method,
        request_id,
        otel.name = tracing::field::Empty,
        otel.kind = tracing::field::Empty
    );
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    if span.set_parent(parent).is_ok() {
        span.record("otel.name", method);
        span.record("otel.kind", "server");
        span.set_attribute("rpc.system.name", "grpc");
        span.set_attribute("rpc.method", method.to_owned());
    }
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// The result of some work, unless the deadline comes first: then the work is dropped.
async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

pub(super) fn too_late() -> Status {
    status::plain(Reason::DeadlineExceeded, "the deadline passed before the answer was ready")
}

/// When the caller stops waiting. A little before that, so that our answer is there before tonic's own timer,
/// which knows no better than CANCELLED.
fn deadline(headers: &HeaderMap) -> Option<Instant> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    let timeout = match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    };
    Instant::now().checked_add(timeout - (timeout / 10).min(Duration::from_millis(5)))
}

/// Gives a failure that tonic made by itself its ErrorInfo.
fn complete(response: Response<Body>) -> Response<Body> {
    let mut response = match Status::from_header_map(response.headers()) {
        Some(failure) if lacks_details(&failure) => status::catalogued(&failure).into_http(),
        _ => response,
    };
    status::spell_out(response.headers_mut());
    response
}

/// Whether tonic made a failure by itself: ours have details.
pub(super) fn lacks_details(status: &Status) -> bool {
    status.code() != Code::Ok && status.details().is_empty()
}

/// The caller's id if it is a short printable one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let usable = |value: &&HeaderValue| {
        value.len() <= 128
            && value.to_str().is_ok_and(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()))
    };
    headers.get(REQUEST_ID).filter(usable).cloned().unwrap_or_else(|| {
        let id = format!("{:016x}", rand::random::<u64>());
        HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("none"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls a handler through the layer; gives the status of its answer.
    async fn observed<F>(handler: fn() -> F, timeout: Option<&str>) -> Status
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let inner = tower::service_fn(move |_: Request<Body>| async move { Ok(handler().await) });
        let times = Times { call: Duration::from_secs(60), list: Duration::from_secs(10) };
        let started = watch::channel(true).1;
        let mut service = Observe::new(Arc::default(), Admission::new(10), times, started).layer(inner);
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        if let Some(timeout) = timeout {
            request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        let response = service.call(request).await.unwrap();
        Status::from_header_map(response.headers()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_internal_and_the_next_call_goes_on() {
        let status = observed(|| async { panic!("a defect") }, None).await;
        assert_eq!((status.code(), status.message()), (Code::Internal, "the service failed"));
        let details = tonic_types::StatusExt::get_error_details(&status);
        assert_eq!(details.error_info().unwrap().reason, "INTERNAL");
        let fine = observed(|| async { Status::not_found("x").into_http() }, None).await;
        assert_eq!(fine.code(), Code::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_the_work() {
        let begin = Instant::now();
        let status = observed(std::future::pending, Some("300m")).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(begin.elapsed().as_millis(), 295);
        for malformed in ["", "m", "300", "999999999m", "-5m", "5x"] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", malformed.parse().unwrap());
            assert!(deadline(&headers).is_none(), "{malformed}");
        }
    }
}
