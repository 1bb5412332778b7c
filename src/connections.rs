//! Accepting connections and serving them: each gets its time to begin, its age, and its end.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

use crate::grpc::middleware::admission::{Admission, Ending, STREAMS_A_CONNECTION};

/// How long a connection may take to say that it speaks HTTP/2.
const FIRST_BYTES: Duration = Duration::from_secs(10);
/// How long the headers of a request over HTTP/1 may take.
const HEADERS: Duration = Duration::from_secs(10);
/// How many bytes that takes.
const PREFACE: u64 = 24;
/// How long an old connection's last streams may go on.
const LAST_STREAMS: Duration = Duration::from_secs(600);
/// How long accepting rests when there are no descriptors left.
const REST: Duration = Duration::from_millis(200);
/// How long the last answers of a connection have to leave.
pub const FLUSH: Duration = Duration::from_millis(500);
/// How many callers the admin port has at a time: it must leave descriptors to the others.
const ADMIN_CONNECTIONS: usize = 64;
/// How long such a caller may take to ask.
const ADMIN_REQUEST: Duration = Duration::from_secs(10);
/// How long its whole connection lasts: whoever scrapes opens another.
const ADMIN_AGE: Duration = Duration::from_secs(120);
/// How long it lasts while others wait for its place.
const ADMIN_AGE_IN_A_CROWD: Duration = Duration::from_secs(1);

/// What all connections of the gRPC port have in common.
pub struct Connections {
    pub admission: Admission,
    /// After about this time a connection is asked to end, so that load moves to new replicas.
    pub max_age: Duration,
    /// How many there may be; others wait until one ends.
    pub most: usize,
    pub ending: Ending,
}

impl Connections {
    /// Serves until `ending.soon`, and then what is left, until all calls have ended or `ending.now` comes.
    pub async fn serve<S>(self, listener: TcpListener, service: S)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.most));
        let soon = self.ending.soon.clone();
        let crowded = watch::Sender::new(());
        while let Some((stream, place)) = accept(&listener, &places, &soon, "gRPC", &crowded).await {
            let ending = self.ending.of_one();
            let caller = self.admission.caller(ending.clone());
            let service = service.clone().map_request(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(caller.clone());
                request
            });
            let age = jittered(self.max_age);
            tasks.spawn(async move {
                serve_one(stream, service, age, ending).await;
                drop(place);
            });
        }
        drop(listener);
        tasks.close();
        // Only calls count: a connection on which there are none may belong to somebody who has stopped.
        tokio::select! {
            () = tasks.wait() => {}
            () = self.admission.no_calls() => {
                _ = tokio::time::timeout(FLUSH, tasks.wait()).await;
            }
        }
        self.ending.now.cancel();
        tasks.wait().await;
    }
}

/// Between nine and eleven tenths of a time, so that connections that began together don't end together.
fn jittered(age: Duration) -> Duration {
    age.mul_f64(rand::rng().random_range(0.9..1.1))
}

async fn serve_one<S>(stream: TcpStream, service: S, age: Duration, ending: Ending)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let read = Arc::new(AtomicU64::new(0));
    let io = TokioIo::new(Metered { stream, read: read.clone() });
    let mut http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    // JSON and gRPC-Web come over HTTP/1 too.
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(60)))
        .max_concurrent_streams(STREAMS_A_CONNECTION)
        // Callers whose deadlines are short reset their streams; that is no attack, and places are bounded.
        .max_pending_accept_reset_streams(64 * STREAMS_A_CONNECTION as usize)
        .max_local_error_reset_streams(None)
        // What a caller may send ahead of our reading bounds the memory of streams that are held back. h2 takes many
        // small frames that nobody reads for an attack, and ends the connection, when they pass half of the
        // connection's window: 64 MiB leave room for a hundred streams of small items, all held back.
        .initial_stream_window_size(128 << 10)
        .initial_connection_window_size(64 << 20);
    let mut connection = pin!(http.serve_connection(io, TowerToHyperService::new(service)));
    let mut beginning = pin!(tokio::time::sleep(FIRST_BYTES));
    let mut aging = pin!(tokio::time::sleep(age));
    let (mut has_begun, mut is_last) = (false, false);
    loop {
        tokio::select! {
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection failed");
                }
                return;
            }
            () = &mut beginning, if !has_begun => {
                has_begun = true;
                if read.load(Ordering::Relaxed) < PREFACE {
                    return;
                }
            }
            () = ending.soon.cancelled(), if !is_last => {
                is_last = true;
                // Whoever has said nothing has nothing to lose.
                if read.load(Ordering::Relaxed) < PREFACE {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                aging.as_mut().reset(tokio::time::Instant::now() + LAST_STREAMS);
            }
            () = ending.now.cancelled() => {
                // Calls are told; what they are told needs a moment to leave.
                _ = tokio::time::timeout(FLUSH, connection.as_mut()).await;
                return;
            }
            () = &mut aging => match is_last {
                false => ending.soon.cancel(),
                true => ending.now.cancel(),
            },
        }
    }
}

/// The next connection, with its place; nothing once the end is near. `crowded` is told when all places are taken.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    soon: &CancellationToken,
    port: &str,
    crowded: &watch::Sender<()>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let mut told = false;
    loop {
        let next = async {
            if places.available_permits() == 0 {
                crowded.send_replace(());
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(port, "as many connections as there may be are open: others wait");
                }
            }
            let place = places.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = soon.cancelled() => return None,
            next = next => next?,
        };
        match accepted {
            Ok((stream, _)) => {
                _ = stream.set_nodelay(true);
                return Some((stream, place));
            }
            // Trying again at once would take a processor until somebody leaves.
            Err(error) if is_shortage(&error) => {
                tracing::warn!(port, %error, "no connection can be accepted; trying again in {REST:?}");
                tokio::time::sleep(REST).await;
            }
            Err(error) => tracing::debug!(port, %error, "a connection was gone before it was accepted"),
        }
    }
}

/// Whether descriptors or memory have run out, rather than a caller away.
fn is_shortage(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// Serves the admin port over HTTP/1 until `closed`.
pub async fn serve_admin(listener: TcpListener, router: axum::Router, closed: CancellationToken) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let crowded = watch::Sender::new(());
    while let Some((stream, place)) = accept(&listener, &places, &closed, "admin", &crowded).await {
        let (router, closed) = (router.clone(), closed.clone());
        let mut crowded = crowded.subscribe();
        let begin = tokio::time::Instant::now();
        tasks.spawn(async move {
            let aging = async {
                tokio::select! {
                    () = tokio::time::sleep(ADMIN_AGE) => {}
                    _ = crowded.changed() => tokio::time::sleep_until(begin + ADMIN_AGE_IN_A_CROWD).await,
                }
            };
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(ADMIN_REQUEST);
            let service = router.map_request(|request: Request<Incoming>| request.map(axum::body::Body::new));
            let mut connection =
                pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
            tokio::select! {
                _ = connection.as_mut() => {}
                () = closed.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    _ = tokio::time::timeout(FLUSH, connection).await;
                }
                () = aging => {
                    connection.as_mut().graceful_shutdown();
                    _ = tokio::time::timeout(FLUSH, connection).await;
                }
            }
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// A stream that counts what is read from it.
struct Metered {
    stream: TcpStream,
    read: Arc<AtomicU64>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, to);
        self.read.fetch_add((to.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_began_together_do_not_end_together() {
        let age = Duration::from_secs(1000);
        let ages: Vec<_> = (0..1000).map(|_| jittered(age)).collect();
        assert!(ages.iter().all(|one| (900..=1100).contains(&one.as_secs())));
        let (first, last) = (ages.iter().min().unwrap(), ages.iter().max().unwrap());
        // Of a thousand, some come near to both ends.
        assert!(*last - *first > Duration::from_secs(150), "{first:?} to {last:?}");
    }
}
