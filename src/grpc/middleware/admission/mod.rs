//! Who gets in, and how much is held for whom: places for calls, and bytes for what is received and not yet handled or
//! answered and not yet read. Everything is shared by all callers, and no connection gets more than its share, so that
//! one cheap caller is never everybody's trouble.

mod items;
mod pools;
mod receive;

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::body::Body;

use crate::grpc::methods::Method;
use crate::grpc::middleware::codec;
use crate::grpc::status::{self, Reason};
use crate::grpc::{MAX_ITEM, MAX_MESSAGE};
use crate::priority::aside;
pub use pools::Taken;
use pools::{Pool, Share};
use receive::{BUDGET_TIME, Budget, Incoming, Received};

/// How many streams and answers may be open on a connection.
pub const STREAMS_A_CONNECTION: u32 = 256;
/// Requests up to these sizes draw on budgets of their own, so that larger ones never keep them out.
const TINY: usize = 2 << 10;
const SMALL: usize = 16 << 10;
/// How old a request gets, small or large, when others wait for what it holds.
const STUCK: Duration = Duration::from_secs(1);
const STUCK_LARGE: Duration = Duration::from_secs(10);
/// How long a new stream waits for the place of one that rests.
const STREAM_TIME: Duration = Duration::from_secs(3);
/// The most bytes of a question about our health.
const HEALTH_MESSAGE: usize = 4 << 10;
/// What is larger is read, weighed and decoded by turns, off the threads that serve everybody.
pub const HEAVY: usize = 256 << 10;
/// How far a compressed request is decompressed on the spot.
const AT_ONCE: usize = 64 << 10;
/// The bytes before a message: whether it is compressed, and its length.
const FRAME: usize = 5;

const KIBIBYTE: usize = 1 << 10;
const MEBIBYTE: usize = 1 << 20;

/// All that callers share. A clone is a handle to the same.
#[derive(Clone)]
pub struct Admission(Arc<Pools>);

struct Pools {
    places: Pool,
    /// Of lists, which may wait long for their turn to read: other calls never wait for them.
    lists: Pool,
    streams: Pool,
    /// Of questions about our health, and of those who watch it.
    checks: Pool,
    watches: Pool,
    /// In KiB, as all budgets: of requests up to [`TINY`] and [`SMALL`] and the beginnings of larger ones, of what else
    /// is received, and of answers.
    tiny: Pool,
    small: Pool,
    large: Pool,
    answers: Pool,
    /// Held by whoever decompresses, weighs or decodes a heavy request.
    turn: Arc<Semaphore>,
    /// Every call that has begun and not ended.
    calls: TaskTracker,
}

/// The budgets, in KiB.
const TINY_BUDGET: usize = 16 * MEBIBYTE / KIBIBYTE;
const SMALL_BUDGET: usize = 16 * MEBIBYTE / KIBIBYTE;
const LARGE_BUDGET: usize = 96 * MEBIBYTE / KIBIBYTE;
const ANSWER_BUDGET: usize = 48 * MEBIBYTE / KIBIBYTE;
/// How many questions about our health are under way at a time, and how many watch it: a caller needs one.
const CHECKS: usize = 1_024;
const WATCHES: usize = 1_024;

impl Admission {
    /// At most `calls` are worked on at a time, and a quarter as many streams are open besides.
    pub fn new(calls: usize) -> Self {
        let streams = calls.div_ceil(4);
        Self(Arc::new(Pools {
            places: Pool::new(calls, calls.div_ceil(4)),
            lists: Pool::new(calls.div_ceil(8), calls.div_ceil(32)),
            streams: Pool::new(streams, streams.div_ceil(2)),
            checks: Pool::new(CHECKS, CHECKS / 8),
            watches: Pool::new(WATCHES, WATCHES / 64),
            tiny: Pool::new(TINY_BUDGET, TINY_BUDGET / 8),
            small: Pool::new(SMALL_BUDGET, SMALL_BUDGET / 4),
            // The largest request that is legal fits into a share: 16 MiB, and 64 MiB when it is decoded.
            large: Pool::new(LARGE_BUDGET, LARGE_BUDGET / 8 * 7),
            answers: Pool::new(ANSWER_BUDGET, ANSWER_BUDGET / 2),
            turn: Arc::new(Semaphore::new(1)),
            calls: TaskTracker::new(),
        }))
    }

    /// Counts a call until the token is dropped.
    pub fn count(&self) -> TaskTrackerToken {
        self.0.calls.token()
    }

    /// Waits until no call is under way; none may begin any more.
    pub async fn no_calls(&self) {
        self.0.calls.close();
        self.0.calls.wait().await;
    }

    pub fn calls(&self) -> usize {
        self.0.calls.len()
    }

    /// The shares of a new connection.
    pub fn caller(&self, ending: Ending) -> Caller {
        Caller(Arc::new(Shares {
            places: self.0.places.share(),
            lists: self.0.lists.share(),
            streams: self.0.streams.share(),
            checks: self.0.checks.share(),
            watches: self.0.watches.share(),
            tiny: self.0.tiny.share(),
            small: self.0.small.share(),
            large: self.0.large.share(),
            answers: self.0.answers.share(),
            ending,
        }))
    }

    /// Notes in gauges how many bytes are held.
    pub fn tell(&self, received: &Gauge, answered: &Gauge) {
        let pools = &self.0;
        let of_requests = pools.tiny.held() + pools.small.held() + pools.large.held();
        received.set((of_requests * KIBIBYTE) as i64);
        answered.set((pools.answers.held() * KIBIBYTE) as i64);
    }
}

/// How a connection comes to its end: first what rests is ended, then everything.
#[derive(Clone, Default)]
pub struct Ending {
    /// No new calls come; streams on which nothing happens are ended.
    pub soon: CancellationToken,
    /// Whatever is still open is ended.
    pub now: CancellationToken,
}

impl Ending {
    /// The end of one connection: it comes at the latest when all end.
    pub fn of_one(&self) -> Self {
        Self { soon: self.soon.child_token(), now: self.now.child_token() }
    }
}

/// What a connection may hold; it travels with each of its requests.
#[derive(Clone)]
pub struct Caller(Arc<Shares>);

struct Shares {
    places: Share,
    lists: Share,
    streams: Share,
    checks: Share,
    watches: Share,
    tiny: Share,
    small: Share,
    large: Share,
    answers: Share,
    ending: Ending,
}

impl Caller {
    pub fn ending(&self) -> &Ending {
        &self.0.ending
    }

    /// Room for an answer that waits to be read.
    pub fn room_for_answer(&self, bytes: usize) -> Option<Taken> {
        self.0.answers.try_take(bytes.div_ceil(KIBIBYTE))
    }
}

/// What a call that was let in holds.
pub struct Admitted {
    pub body: Body,
    /// Given back when the work is done: a place, and the bytes of the request.
    pub held: Vec<Taken>,
    /// Of a stream: from when on it ends as soon as it rests, since others wait for its place.
    pub shortage: Option<CancellationToken>,
}

impl Admission {
    /// Lets a call in: with its request whole, unless that is a stream, and with a place to be worked on. Everybody waits
    /// for no one but themselves: whoever sends slowly holds no place.
    pub async fn admit(
        &self,
        caller: &Caller,
        method: Method,
        gzip: bool,
        body: Body,
    ) -> Result<Admitted, Status> {
        let shares = &caller.0;
        if method.streams_in {
            let place = shares.streams.take(1, STREAM_TIME).await.ok_or_else(status::overloaded)?;
            let shortage = Some(shares.streams.shortage());
            let body = items::by_items(self.clone(), caller.clone(), method, gzip, body);
            return Ok(Admitted { body, held: vec![place], shortage });
        }
        // Whoever asks how we are must hear it most of all when there is too much to do: of the budgets for others he
        // needs nothing.
        if method.is_health {
            let check = shares.checks.take(1, BUDGET_TIME).await.ok_or_else(status::overloaded)?;
            let budget = Budget { up_to: 0, share: &shares.checks, stuck_after: STUCK };
            let received = Incoming::new(body).whole(&[budget], HEALTH_MESSAGE).await?;
            let plain = self.plain(shares, method, gzip, received).await?;
            let place = match method.streams_out {
                true => shares.watches.try_take(1).ok_or_else(status::overloaded)?,
                false => check,
            };
            return Ok(Admitted { body: whole_body(plain), held: vec![place], shortage: None });
        }
        let received = Incoming::new(body).whole(&shares.budgets(), MAX_MESSAGE).await?;
        let Plain { bytes, mut held, turn } = self.plain(shares, method, gzip, received).await?;
        let places = if method.is_list { &shares.lists } else { &shares.places };
        held.push(places.try_take(1).ok_or_else(status::overloaded)?);
        let body = whole_body(Plain { bytes, held: Vec::new(), turn });
        Ok(Admitted { body, held, shortage: None })
    }

    /// A message decompressed and weighed. What takes long is done by turns, off the runtime's threads.
    async fn plain(
        &self,
        shares: &Shares,
        method: Method,
        gzip: bool,
        received: Received,
    ) -> Result<Plain, Status> {
        let Received { mut bytes, mut held } = received;
        let compressed = bytes.first() == Some(&1);
        if compressed && !gzip {
            return Err(status::plain(Reason::Unimplemented, "this compression is not supported: use gzip"));
        }
        if compressed {
            match inflated(&bytes, AT_ONCE)? {
                Some(plain) => bytes = plain,
                None => return self.by_turns(shares, method, bytes, true, held).await,
            }
        }
        if bytes.len() > HEAVY {
            return self.by_turns(shares, method, bytes, false, held).await;
        }
        held.extend(self.weighed(shares, codec::weigh_request(method.input, &bytes)?).await?);
        Ok(Plain { bytes, held, turn: None })
    }

    async fn by_turns(
        &self,
        shares: &Shares,
        method: Method,
        bytes: Bytes,
        compressed: bool,
        mut held: Vec<Taken>,
    ) -> Result<Plain, Status> {
        let turn = self.0.turn.clone().acquire_owned().await.map_err(|_| status::overloaded())?;
        let most = FRAME
            + match (method.is_health, method.streams_in) {
                (true, _) => HEALTH_MESSAGE,
                (false, true) => MAX_ITEM,
                (false, false) => MAX_MESSAGE,
            };
        let input = method.input;
        let work = move || {
            let bytes = match compressed {
                true => inflated(&bytes, most)?.ok_or_else(|| too_large(most - FRAME))?,
                false => bytes,
            };
            let weight = codec::weigh_request(input, &bytes)?;
            Ok::<_, Status>((bytes, weight, turn))
        };
        let worked = tokio::task::spawn_blocking(|| aside(work)).await;
        let (bytes, weight, turn) =
            worked.map_err(|_| status::plain(Reason::Internal, "the request could not be read"))??;
        held.extend(self.weighed(shares, weight).await?);
        Ok(Plain { bytes, held, turn: Some(turn) })
    }

    /// Room for what a request takes beyond its bytes when it is decoded.
    async fn weighed(&self, shares: &Shares, weight: usize) -> Result<Option<Taken>, Status> {
        match weight {
            0 => Ok(None),
            weight => {
                let room = shares.large.take(weight.div_ceil(KIBIBYTE), BUDGET_TIME).await;
                room.ok_or_else(status::overloaded).map(Some)
            }
        }
    }
}

impl Shares {
    /// The budgets of what this connection sends.
    fn budgets(&self) -> [Budget<'_>; 3] {
        [
            Budget { up_to: TINY, share: &self.tiny, stuck_after: STUCK },
            Budget { up_to: SMALL, share: &self.small, stuck_after: STUCK },
            Budget { up_to: usize::MAX, share: &self.large, stuck_after: STUCK_LARGE },
        ]
    }
}

/// A message that can be decoded.
struct Plain {
    bytes: Bytes,
    held: Vec<Taken>,
    /// Kept until it is decoded, if that is much.
    turn: Option<OwnedSemaphorePermit>,
}

/// A message as a body. Whoever has taken all of it has decoded it, and another's turn comes.
fn whole_body(message: Plain) -> Body {
    let body = http_body_util::Full::new(message.bytes);
    match message.turn {
        None => Body::new(body),
        Some(turn) => Body::new(body.map_frame(move |frame| {
            let _until_then = &turn;
            frame
        })),
    }
}

fn too_large(most: usize) -> Status {
    let message = format!("the request is larger than {most} bytes, or becomes so when it is decompressed");
    status::plain(Reason::MessageTooLarge, message)
}

/// A compressed message as a plain one, unless that takes more than some bytes.
fn inflated(bytes: &[u8], most: usize) -> Result<Option<Bytes>, Status> {
    let malformed = || status::plain(Reason::MalformedRequest, "the compressed message can't be read");
    let content = bytes.get(FRAME..).ok_or_else(malformed)?;
    let mut plain = vec![0; FRAME];
    let mut reader = flate2::read::GzDecoder::new(content).take(most as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|_| malformed())?;
    let length = plain.len() - FRAME;
    if length > most {
        return Ok(None);
    }
    let length = u32::try_from(length).map_err(|_| malformed())?;
    plain[1..FRAME].copy_from_slice(&length.to_be_bytes());
    Ok(Some(plain.into()))
}
