//! A call from its begin to its end, and its answer on the way out.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::grpc::middleware::admission::{Admission, Caller, Taken};
use crate::grpc::middleware::answer::{Chunk, Piece, Rest};
use crate::grpc::middleware::observe::{CallLabels, RpcMetrics, lacks_details, too_late};
use crate::grpc::status;

/// How long a stream may rest once the server or its connection is coming to its end.
const STREAM_REST: Duration = Duration::from_secs(2);

/// Comes true when a stream has to end: at once, or as soon as it rests. Whoever awaits it begins anew when something
/// moves.
async fn end_of_stream(caller: Caller, shortage: Option<CancellationToken>) {
    let ending = caller.ending();
    let short = async {
        match shortage {
            Some(shortage) => shortage.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = ending.now.cancelled() => {}
        () = async {
            tokio::select! {
                () = ending.soon.cancelled() => {}
                () = short => {}
            }
            tokio::time::sleep(STREAM_REST).await;
        } => {}
    }
}

type EndOfStream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether a status counts as a failure of the server, by the conventions of OpenTelemetry.
fn is_our_failure(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// A call from its begin to its end, whichever way it ends: counted when dropped.
pub struct Call {
    method: &'static str,
    pub metrics: Arc<RpcMetrics>,
    span: Span,
    begin: Instant,
    /// Unknown until the trailers: a caller that goes away before them has cancelled.
    pub code: Option<Code>,
    /// The place of a stream, until it ends.
    pub held: Vec<Taken>,
    /// Of a stream: when others wait for its place.
    pub shortage: Option<CancellationToken>,
    _counted: TaskTrackerToken,
}

impl Call {
    pub fn begin(method: &'static str, metrics: Arc<RpcMetrics>, admission: &Admission, span: Span) -> Self {
        metrics.in_flight.inc();
        let counted = admission.count();
        let (begin, held) = (Instant::now(), Vec::new());
        Self { method, metrics, span, begin, code: None, held, shortage: None, _counted: counted }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        let elapsed = self.begin.elapsed();
        self.metrics.in_flight.dec();
        let method = self.method;
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

/// A response's body that notes the status in its trailers, and is handed over as it is read.
pub struct Counted {
    body: Body,
    call: Call,
    caller: Caller,
    timer: Option<Pin<Box<Sleep>>>,
    /// Of a stream: when it has to end although it could go on.
    end: Option<EndOfStream>,
    /// What is left of a large chunk.
    rest: Option<Rest>,
    /// Whether something was handed over since the end was awaited.
    moved: bool,
}

impl Counted {
    /// The answer to a call, which ends at a time, and, if it is a stream, when its connection does.
    pub fn new(body: Body, call: Call, caller: Caller, deadline: Option<Instant>, is_stream: bool) -> Self {
        // What was refused is said in full already; an open answer ends at the deadline too.
        let open = call.code.is_none();
        let timer = deadline.filter(|_| open).map(|at| Box::pin(tokio::time::sleep_until(at)));
        let end_of_stream = || Box::pin(end_of_stream(caller.clone(), call.shortage.clone())) as EndOfStream;
        let end = (open && is_stream).then(end_of_stream);
        Self { body, call, caller, timer, end, rest: None, moved: false }
    }

    /// Ends the answer with a failure. The work behind the body ends with it.
    fn fail(&mut self, failure: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.timer = None;
        self.end = None;
        self.rest = None;
        self.body = Body::empty();
        self.call.code = Some(failure.code());
        Poll::Ready(ending(failure).map(Ok))
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }

    /// Whether a stream has to end now.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(end) = &mut self.end else { return false };
        let is_ending = self.caller.ending().soon.is_cancelled()
            || self.call.shortage.as_ref().is_some_and(CancellationToken::is_cancelled);
        if std::mem::take(&mut self.moved) && is_ending {
            *end = Box::pin(end_of_stream(self.caller.clone(), self.call.shortage.clone()));
        }
        end.as_mut().poll(cx).is_ready()
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        // What is there is handed over; only a stream could go on with that for ever.
        if this.end.is_some() && this.is_late(cx) {
            return this.fail(&too_late());
        }
        if let Some(rest) = &this.rest {
            match rest.next() {
                Piece::Next(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Piece::End => this.rest = None,
                Piece::Gone => return this.fail(&status::unread()),
            }
        }
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.moved = true;
                match frame.into_data() {
                    Ok(data) => match Chunk::of(&this.caller, data) {
                        Chunk::Whole(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                        Chunk::NoRoom => this.fail(&status::overloaded()),
                        Chunk::Pieces(rest) => {
                            let first = rest.next();
                            this.rest = Some(rest);
                            match first {
                                Piece::Next(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                                _ => this.fail(&status::unread()),
                            }
                        }
                    },
                    Err(frame) => Poll::Ready(Some(Ok(this.trailers(frame)))),
                }
            }
            Poll::Ready(Some(Err(status))) => {
                this.call.code = Some(status.code());
                Poll::Ready(Some(Err(status)))
            }
            Poll::Ready(None) => {
                this.call.code.get_or_insert(Code::Ok);
                Poll::Ready(None)
            }
            Poll::Pending if this.is_late(cx) => this.fail(&too_late()),
            Poll::Pending if this.is_over(cx) => this.fail(&status::draining()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.timer.is_none() && self.rest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.rest {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}

impl Counted {
    /// The trailers, with the details that tonic's own failures lack.
    fn trailers(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let Some(trailers) = frame.trailers_ref() else { return frame };
        let status = Status::from_header_map(trailers);
        self.call.code = status.as_ref().map(Status::code);
        let Some(failure) = status.filter(|status| status.code() != Code::Ok) else { return frame };
        let failure = if lacks_details(&failure) { status::catalogued(&failure) } else { failure };
        self.call.code = Some(failure.code());
        ending(&failure).unwrap_or(frame)
    }
}

/// The trailers that end an answer with a failure.
fn ending(failure: &Status) -> Option<Frame<Bytes>> {
    let mut trailers = HeaderMap::new();
    failure.add_header(&mut trailers).ok()?;
    status::spell_out(&mut trailers);
    Some(Frame::trailers(trailers))
}
