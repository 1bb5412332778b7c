//! Who gets in, and how much is held for whom: places for calls, and bytes for what is received and not yet handled or
//! answered and not yet read. Everything is shared by all callers, and no connection gets more than its share, so that
//! one cheap caller is never everybody's trouble.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::body::Body;

use super::methods::Method;
use super::status::{self, Reason};
use super::{MAX_MESSAGE, codec};
use crate::priority::{aside, aside_of_tasks};

/// How many streams and answers may be open on a connection.
pub const STREAMS_A_CONNECTION: u32 = 256;
/// How long a request may take to arrive as a whole, and how long nothing of it may arrive.
const REQUEST_TIME: Duration = Duration::from_secs(30);
const REQUEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a large request waits for bytes of the budget that others hold.
const BUDGET_TIME: Duration = Duration::from_secs(5);
/// Requests up to this size draw on a budget of their own, so that large ones never keep them out.
const SMALL: usize = 16 << 10;
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

/// So much of something, shared by all connections. Each may hold a part of it.
struct Pool {
    all: Arc<Semaphore>,
    share: usize,
}

impl Pool {
    fn new(all: usize, share: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), share: share.clamp(1, all) }
    }

    fn share(&self) -> Share {
        Share { own: Arc::new(Semaphore::new(self.share)), all: self.all.clone() }
    }
}

/// What one connection may hold of a pool.
pub struct Share {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// A part of a pool that is held until it is dropped.
pub struct Taken {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Share {
    pub fn try_take(&self, amount: usize) -> Option<Taken> {
        let amount = u32::try_from(amount).ok()?;
        let own = self.own.clone().try_acquire_many_owned(amount).ok()?;
        Some(Taken { own, all: self.all.clone().try_acquire_many_owned(amount).ok()? })
    }

    /// Waits until the amount is free.
    async fn take(&self, amount: usize) -> Option<Taken> {
        let amount = u32::try_from(amount).ok()?;
        let own = self.own.clone().acquire_many_owned(amount).await.ok()?;
        Some(Taken { own, all: self.all.clone().acquire_many_owned(amount).await.ok()? })
    }
}

impl Taken {
    fn add(&mut self, more: Taken) {
        self.own.merge(more.own);
        self.all.merge(more.all);
    }
}

/// All that callers share. A clone is a handle to the same.
#[derive(Clone)]
pub struct Admission(Arc<Pools>);

struct Pools {
    places: Pool,
    streams: Pool,
    health: Pool,
    /// In KiB, as all budgets: of requests up to [`SMALL`] and the beginnings of larger ones, of what else is received,
    /// and of answers.
    small: Pool,
    large: Pool,
    answers: Pool,
    /// Held by whoever decompresses, weighs or decodes a heavy request.
    turn: Arc<Semaphore>,
    /// Every call that has begun and not ended.
    calls: TaskTracker,
}

/// The budgets, in KiB.
const SMALL_BUDGET: usize = 32 * MEBIBYTE / KIBIBYTE;
const LARGE_BUDGET: usize = 96 * MEBIBYTE / KIBIBYTE;
const ANSWER_BUDGET: usize = 48 * MEBIBYTE / KIBIBYTE;
/// How many questions about our health are open at a time: most of them are watches.
const HEALTH_CALLS: usize = 1_024;

impl Admission {
    /// At most `calls` are worked on at a time, and a quarter as many streams are open besides.
    pub fn new(calls: usize) -> Self {
        let streams = calls.div_ceil(4);
        Self(Arc::new(Pools {
            places: Pool::new(calls, calls.div_ceil(4)),
            streams: Pool::new(streams, streams.div_ceil(2)),
            health: Pool::new(HEALTH_CALLS, HEALTH_CALLS / 8),
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
            streams: self.0.streams.share(),
            health: self.0.health.share(),
            small: self.0.small.share(),
            large: self.0.large.share(),
            answers: self.0.answers.share(),
            ending,
        }))
    }

    /// Notes in gauges how many bytes are held.
    pub fn tell(&self, received: &Gauge, answered: &Gauge) {
        let held = |pool: &Pool, most: usize| (most - pool.all.available_permits()) * KIBIBYTE;
        received.set((held(&self.0.small, SMALL_BUDGET) + held(&self.0.large, LARGE_BUDGET)) as i64);
        answered.set(held(&self.0.answers, ANSWER_BUDGET) as i64);
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
    streams: Share,
    health: Share,
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
            let place = shares.streams.try_take(1).ok_or_else(status::overloaded)?;
            return Ok(Admitted { body, held: vec![place] });
        }
        // Whoever asks how we are must hear it most of all when there is too much to do.
        if method.is_health {
            let place = shares.health.try_take(1).ok_or_else(status::overloaded)?;
            let received = receive(shares, body, HEALTH_MESSAGE).await?;
            let plain = self.plain(shares, &method, gzip, received).await?;
            return Ok(Admitted { body: plain.body, held: vec![place] });
        }
        let received = receive(shares, body, MAX_MESSAGE).await?;
        let Admitted { body, mut held } = self.plain(shares, &method, gzip, received).await?;
        held.push(shares.places.try_take(1).ok_or_else(status::overloaded)?);
        Ok(Admitted { body, held })
    }

    /// The request decompressed and weighed. What takes long is done by turns, off the runtime's threads; the turn lasts
    /// until the message is decoded.
    async fn plain(
        &self,
        shares: &Shares,
        method: &Method,
        gzip: bool,
        received: Received,
    ) -> Result<Admitted, Status> {
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
        Ok(Admitted { body: Body::new(http_body_util::Full::new(bytes)), held })
    }

    async fn by_turns(
        &self,
        shares: &Shares,
        method: &Method,
        bytes: Bytes,
        compressed: bool,
        mut held: Vec<Taken>,
    ) -> Result<Admitted, Status> {
        let turn = self.0.turn.clone().acquire_owned().await.map_err(|_| status::overloaded())?;
        let most = if method.is_health { HEALTH_MESSAGE } else { MAX_MESSAGE } + FRAME;
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
        let body = http_body_util::Full::new(bytes);
        // Whoever has taken all of the body has decoded it.
        let body = body.map_frame(move |frame| {
            let _until_then = &turn;
            frame
        });
        Ok(Admitted { body: Body::new(body), held })
    }

    /// Room for what a request takes beyond its bytes when it is decoded.
    async fn weighed(&self, shares: &Shares, weight: usize) -> Result<Option<Taken>, Status> {
        match weight {
            0 => Ok(None),
            weight => room(&shares.large, weight.div_ceil(KIBIBYTE)).await.map(Some),
        }
    }
}

struct Received {
    bytes: Bytes,
    held: Vec<Taken>,
}

fn too_large(most: usize) -> Status {
    let message = format!("the request is larger than {most} bytes, or becomes so when it is decompressed");
    status::plain(Reason::MessageTooLarge, message)
}

async fn room(share: &Share, kibibytes: usize) -> Result<Taken, Status> {
    if let Some(taken) = share.try_take(kibibytes) {
        return Ok(taken);
    }
    let waited = tokio::time::timeout(BUDGET_TIME, share.take(kibibytes)).await;
    waited.ok().flatten().ok_or_else(status::overloaded)
}

/// What has come of a request. It is put together only when it is whole: a buffer that grows leaves all its former sizes
/// behind in the allocator, which is as much again for each request that is under way.
#[derive(Default)]
struct Pieces {
    /// A call in one piece, as nearly all are, is not copied.
    first: Bytes,
    chunks: Vec<BytesMut>,
}

/// The size of a chunk. What comes is copied into it, since the smallest frame may hold a large buffer of its connection.
const CHUNK: usize = 64 << 10;

impl Pieces {
    fn add(&mut self, data: Bytes) {
        if self.first.is_empty() && self.chunks.is_empty() {
            self.first = data;
            return;
        }
        if self.chunks.is_empty() {
            let first = std::mem::take(&mut self.first);
            self.copy(first);
        }
        self.copy(data);
    }

    fn copy(&mut self, mut data: Bytes) {
        while !data.is_empty() {
            match self.chunks.last_mut().filter(|chunk| chunk.len() < chunk.capacity()) {
                Some(chunk) => {
                    let fits = data.split_to(data.len().min(chunk.capacity() - chunk.len()));
                    chunk.extend_from_slice(&fits);
                }
                None => self.chunks.push(BytesMut::with_capacity(CHUNK)),
            }
        }
    }

    /// At least the first bytes, as far as they have come.
    fn beginning(&self) -> &[u8] {
        self.chunks.first().map_or(&self.first, |chunk| chunk)
    }

    fn whole(self) -> Bytes {
        if self.chunks.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::with_capacity(self.chunks.iter().map(BytesMut::len).sum());
        for chunk in self.chunks {
            whole.extend_from_slice(&chunk);
        }
        whole.freeze()
    }
}

/// Takes a request in, within the budget of bytes and its time.
async fn receive(shares: &Shares, mut body: Body, most: usize) -> Result<Received, Status> {
    let late = || {
        let message = format!(
            "the request did not arrive: nothing came for {REQUEST_PAUSE:?}, or not all of it within {REQUEST_TIME:?}"
        );
        status::plain(Reason::DeadlineExceeded, message)
    };
    let end = Instant::now() + REQUEST_TIME;
    let mut pieces = Pieces::default();
    let mut received = 0;
    // One after the other, since their budgets differ: of a large request the beginning is small.
    let (mut small, mut large): (Option<Taken>, Option<Taken>) = (None, None);
    let (mut small_paid, mut large_paid) = (0, 0);
    loop {
        // What is here already needs no timer.
        let frame = match body.frame().now_or_never() {
            Some(frame) => frame,
            None => {
                let by = end.min(Instant::now() + REQUEST_PAUSE);
                timeout_at(by, body.frame()).await.map_err(|_| late())?
            }
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| status::plain(Reason::Cancelled, "the caller went away"))?;
        let Ok(data) = frame.into_data() else { continue };
        received += data.len();
        if received > most + FRAME {
            return Err(too_large(most));
        }
        let small_due = received.min(SMALL).div_ceil(KIBIBYTE);
        if small_due > small_paid {
            let more = shares.small.try_take(small_due - small_paid).ok_or_else(status::overloaded)?;
            small_paid = small_due;
            match &mut small {
                Some(held) => held.add(more),
                None => small = Some(more),
            }
        }
        let large_due = received.saturating_sub(SMALL).div_ceil(KIBIBYTE);
        if large_due > large_paid {
            let more = room(&shares.large, large_due - large_paid).await?;
            large_paid = large_due;
            match &mut large {
                Some(held) => held.add(more),
                None => large = Some(more),
            }
        }
        pieces.add(data);
        let length = pieces.beginning().get(1..FRAME).and_then(|length| length.try_into().ok());
        if length.is_some_and(|length| u32::from_be_bytes(length) as usize > most) {
            return Err(too_large(most));
        }
    }
    let bytes = match received > HEAVY {
        true => aside_of_tasks(|| pieces.whole()),
        false => pieces.whole(),
    };
    let held = small.into_iter().chain(large).collect();
    Ok(Received { bytes, held })
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
