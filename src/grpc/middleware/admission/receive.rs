//! Requests on their way in: whole ones, and the items of streams, each within the budgets of bytes and its time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use super::pools::{Share, Taken};
use super::{FRAME, HEAVY, KIBIBYTE, too_large};
use crate::grpc::status::{self, Reason};
use crate::priority::aside_of_tasks;

/// How long a message may take to arrive as a whole, and how long nothing of it may arrive.
const MESSAGE_TIME: Duration = Duration::from_secs(30);
const MESSAGE_PAUSE: Duration = Duration::from_secs(5);
/// How long a message waits for bytes of a budget that others hold.
pub const BUDGET_TIME: Duration = Duration::from_secs(5);

/// A budget for the bytes of a message up to some size. What is beyond it draws on the next one, so that those who send
/// much never keep those out who send little.
pub struct Budget<'a> {
    /// 0 for a place, which the message holds from its beginning.
    pub up_to: usize,
    pub share: &'a Share,
    /// How old a message may get when others wait for this budget.
    pub stuck_after: Duration,
}

/// A message as it came, with its frame, and what it holds of the budgets.
pub struct Received {
    pub bytes: Bytes,
    pub held: Vec<Taken>,
}

/// A body that is read message by message.
pub struct Incoming {
    body: Body,
    /// What came behind the message that was read last.
    rest: Bytes,
}

impl Incoming {
    pub fn new(body: Body) -> Self {
        Self { body, rest: Bytes::new() }
    }

    /// All of the body, which is to be one message.
    pub async fn whole(mut self, budgets: &[Budget<'_>], most: usize) -> Result<Received, Status> {
        let mut message = Message::new(budgets, most);
        while let Some(data) = message.next_of(&mut self).await? {
            message.add(data).await?;
        }
        Ok(message.received())
    }

    /// The next message of a stream; nothing at its end. A stream may rest between messages for as long as it likes.
    pub async fn next(&mut self, budgets: &[Budget<'_>], most: usize) -> Result<Option<Received>, Status> {
        let mut data = std::mem::take(&mut self.rest);
        while data.is_empty() {
            match self.body.frame().await {
                Some(frame) => data = frame.map_err(|_| gone())?.into_data().unwrap_or_default(),
                None => return Ok(None),
            }
        }
        let mut message = Message::new(budgets, most);
        loop {
            // What comes in small pieces may not even have the length yet.
            while !data.is_empty() {
                let lacks = message.lacks();
                if lacks == 0 {
                    break;
                }
                message.add(data.split_to(lacks.min(data.len()))).await?;
            }
            if message.lacks() == 0 {
                self.rest = data;
                return Ok(Some(message.received()));
            }
            match message.next_of(self).await? {
                Some(more) => data = more,
                None => return Err(gone()),
            }
        }
    }
}

fn gone() -> Status {
    status::plain(Reason::Cancelled, "the caller went away")
}

/// What a message holds of a budget.
struct Held {
    kibibytes: usize,
    taken: Option<Taken>,
    /// Is cancelled when the budget runs short. Only who has to wait for its own bytes looks at it.
    shortage: Option<CancellationToken>,
}

/// A message that is under way.
struct Message<'a> {
    budgets: &'a [Budget<'a>],
    most: usize,
    begin: Instant,
    /// For each budget.
    held: Vec<Held>,
    received: usize,
    pieces: Pieces,
}

impl<'a> Message<'a> {
    fn new(budgets: &'a [Budget<'a>], most: usize) -> Self {
        let held = budgets.iter().map(|_| Held { kibibytes: 0, taken: None, shortage: None }).collect();
        Self { budgets, most, begin: Instant::now(), held, received: 0, pieces: Pieces::default() }
    }

    /// What comes next, within the message's time.
    async fn next_of(&mut self, incoming: &mut Incoming) -> Result<Option<Bytes>, Status> {
        loop {
            // What is here already needs no timer.
            let frame = match incoming.body.frame().now_or_never() {
                Some(frame) => frame,
                None => {
                    for (budget, held) in self.budgets.iter().zip(&mut self.held) {
                        held.shortage.get_or_insert_with(|| budget.share.shortage());
                    }
                    let by = (self.begin + MESSAGE_TIME).min(Instant::now() + MESSAGE_PAUSE);
                    tokio::select! {
                        frame = timeout_at(by, incoming.body.frame()) => frame.map_err(|_| late())?,
                        () = self.is_stuck() => return Err(status::overloaded()),
                    }
                }
            };
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(|_| gone())?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Comes true when others wait for what this message holds, and it has had its time.
    async fn is_stuck(&self) {
        let holds = |(budget, held): &(&Budget, &Held)| budget.up_to == 0 || held.kibibytes > 0;
        let holds = self.budgets.iter().zip(&self.held).filter(holds);
        let stuck = holds.filter_map(|(budget, held)| Some((budget, held.shortage.as_ref()?)));
        let stuck = stuck.map(|(budget, shortage)| {
            Box::pin(async move {
                shortage.cancelled().await;
                sleep_until(self.begin + budget.stuck_after).await;
            })
        });
        let stuck: Vec<_> = stuck.collect();
        match stuck.is_empty() {
            true => futures::future::pending().await,
            false => drop(futures::future::select_all(stuck).await),
        }
    }

    async fn add(&mut self, data: Bytes) -> Result<(), Status> {
        self.received += data.len();
        if self.received > self.most + FRAME {
            return Err(too_large(self.most));
        }
        let mut from = 0;
        for (budget, held) in self.budgets.iter().zip(&mut self.held) {
            let due = self.received.min(budget.up_to).saturating_sub(from).div_ceil(KIBIBYTE);
            from = budget.up_to;
            if due > held.kibibytes {
                let more = budget.share.take(due - held.kibibytes, BUDGET_TIME).await;
                let more = more.ok_or_else(status::overloaded)?;
                held.kibibytes = due;
                match &mut held.taken {
                    Some(taken) => taken.add(more),
                    None => held.taken = Some(more),
                }
            }
        }
        self.pieces.add(data);
        match self.length() {
            Some(length) if length > self.most => Err(too_large(self.most)),
            _ => Ok(()),
        }
    }

    /// The length that the frame says.
    fn length(&self) -> Option<usize> {
        let length = self.pieces.beginning().get(1..FRAME)?.try_into().ok()?;
        Some(u32::from_be_bytes(length) as usize)
    }

    /// How many bytes of it have not come, as far as is known.
    fn lacks(&self) -> usize {
        match self.length() {
            Some(length) => (FRAME + length).saturating_sub(self.received),
            None => FRAME - self.received,
        }
    }

    fn received(self) -> Received {
        let bytes = match self.received > HEAVY {
            true => aside_of_tasks(|| self.pieces.whole()),
            false => self.pieces.whole(),
        };
        Received { bytes, held: self.held.into_iter().filter_map(|held| held.taken).collect() }
    }
}

fn late() -> Status {
    let message = format!(
        "the request did not arrive: nothing came for {MESSAGE_PAUSE:?}, or not all of it within {MESSAGE_TIME:?}"
    );
    status::plain(Reason::DeadlineExceeded, message)
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
