//! Around every call: a request id, a span, metrics, a limit on calls in flight, the caller's deadline, and the
//! promise that every error has its ErrorInfo and that a panic is somebody's INTERNAL and nobody else's trouble.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::status::{self, Reason};

/// The header that carries a request's id, in both directions.
pub const REQUEST_ID: &str = "x-request-id";

/// By the conventions of OpenTelemetry for RPCs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallLabels {
    method: String,
    code: &'static str,
    /// Whether that code counts as a failure of the server.
    failed: bool,
}

impl EncodeLabelSet for CallLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        ("rpc_system_name", "grpc").encode(encoder.encode_label())?;
        ("rpc_method", self.method.as_str()).encode(encoder.encode_label())?;
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
    duration: Family<CallLabels, Histogram>,
    in_flight: Gauge,
    shed: Counter,
}

impl Default for RpcMetrics {
    fn default() -> Self {
        Self {
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_1, 2.0, 18))),
            in_flight: Gauge::default(),
            shed: Counter::default(),
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
    }
}

#[derive(Clone)]
pub struct Observe {
    metrics: Arc<RpcMetrics>,
    places: Arc<Semaphore>,
    /// The methods that there are: what else callers name gets no series of its own.
    methods: Arc<BTreeSet<String>>,
}

impl Observe {
    /// At most `most` calls are in flight at a time, health checks apart.
    pub fn new(metrics: Arc<RpcMetrics>, most: usize) -> Self {
        Self { metrics, places: Arc::new(Semaphore::new(most)), methods: Arc::new(super::methods()) }
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, observe: self.clone() }
    }
}

#[derive(Clone)]
pub struct Observed<S> {
    inner: S,
    observe: Observe,
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

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let id = request_id(request.headers());
        let method = request.uri().path().trim_start_matches('/').to_owned();
        let span = call_span(&method, id.to_str().unwrap_or_default(), request.headers());
        // Whoever asks how we are must hear it most of all when there is too much to do.
        let exempt = method.starts_with("grpc.health.");
        let place = if exempt { None } else { Some(self.observe.places.clone().try_acquire_owned()) };
        let known = self.observe.methods.get(&method).cloned();
        let method = known.unwrap_or_else(|| "_OTHER".to_owned());
        let mut call = Call::begin(method, self.observe.metrics.clone(), span.clone());
        let deadline = deadline(request.headers());
        // The service that was polled ready is the one to call; the clone waits for the next call.
        let next = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, next);
        let work = async move {
            let mut response = match place.transpose() {
                Err(_full) => {
                    call.metrics.shed.inc();
                    status::overloaded().into_http()
                }
                Ok(place) => {
                    call.place = place;
                    let handled = AssertUnwindSafe(async move { ready.call(request).await }).catch_unwind();
                    match until(deadline, handled).await {
                        Some(Ok(Ok(response))) => response,
                        Some(Ok(Err(never))) => match never {},
                        Some(Err(_panic)) => {
                            tracing::error!("a handler panicked");
                            status::plain(Reason::Internal, "the service failed").into_http()
                        }
                        None => too_late().into_http(),
                    }
                }
            };
            response = complete(response);
            call.code = Status::from_header_map(response.headers()).map(|status| status.code());
            response.headers_mut().insert(REQUEST_ID, id);
            // What was refused is said in full already; an open answer ends at the deadline too.
            let open = call.code.is_none();
            let timer = deadline.filter(|_| open).map(|at| Box::pin(tokio::time::sleep_until(at)));
            Ok(response.map(|body| Body::new(Counted { body, call, timer })))
        };
        Box::pin(work.instrument(span))
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

/// Whether a status counts as a failure of the server, by the conventions of OpenTelemetry.
fn is_our_failure(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// The result of some work, unless the deadline comes first: then the work is dropped.
async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

fn too_late() -> Status {
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
    match Status::from_header_map(response.headers()) {
        Some(failure) if lacks_details(&failure) => status::catalogued(&failure).into_http(),
        _ => response,
    }
}

/// Whether tonic made a failure by itself: ours have details.
fn lacks_details(status: &Status) -> bool {
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

/// A call from its begin to its end, whichever way it ends: counted when dropped.
struct Call {
    method: String,
    metrics: Arc<RpcMetrics>,
    span: Span,
    begin: Instant,
    /// Unknown until the trailers: a caller that goes away before them has cancelled.
    code: Option<Code>,
    /// Its place among the calls in flight, until it ends.
    place: Option<OwnedSemaphorePermit>,
}

impl Call {
    fn begin(method: String, metrics: Arc<RpcMetrics>, span: Span) -> Self {
        metrics.in_flight.inc();
        Self { method, metrics, span, begin: Instant::now(), code: None, place: None }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        let elapsed = self.begin.elapsed();
        self.metrics.in_flight.dec();
        let method = std::mem::take(&mut self.method);
        let (failed, code) = (is_our_failure(code), status::code_name(code));
        if failed {
            self.span.set_status(opentelemetry::trace::Status::error(""));
            self.span.set_attribute("error.type", code);
        }
        let labels = CallLabels { method, code, failed };
        self.metrics.duration.get_or_create(&labels).observe(elapsed.as_secs_f64());
        let milliseconds = elapsed.as_secs_f64() * 1e3;
        self.span.set_attribute("rpc.response.status_code", code);
        self.span.in_scope(|| tracing::debug!(code, milliseconds, "call ended"));
    }
}

/// A response's body that notes the status in its trailers.
struct Counted {
    body: Body,
    call: Call,
    timer: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(timer) = &mut this.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            // The work behind the body ends with it.
            this.timer = None;
            this.body = Body::empty();
            this.call.code = Some(Code::DeadlineExceeded);
            let mut trailers = HeaderMap::new();
            if too_late().add_header(&mut trailers).is_ok() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        }
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let status = Status::from_header_map(trailers);
                    let status =
                        status.map(
                            |status| {
                                if lacks_details(&status) { status::catalogued(&status) } else { status }
                            },
                        );
                    this.call.code = status.as_ref().map(Status::code);
                    let mut complete = HeaderMap::new();
                    if status.is_some_and(|status| status.add_header(&mut complete).is_ok()) {
                        return Poll::Ready(Some(Ok(Frame::trailers(complete))));
                    }
                }
            }
            Poll::Ready(Some(Err(status))) => this.call.code = Some(status.code()),
            Poll::Ready(None) => _ = this.call.code.get_or_insert(Code::Ok),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.timer.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
        let mut service = Observe::new(Arc::default(), 10).layer(inner);
        let mut request = Request::new(Body::empty());
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
