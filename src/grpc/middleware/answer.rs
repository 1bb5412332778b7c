//! An answer on its way to a caller who may be slow to read it, or never does. A large one is handed over in pieces as
//! it is read, its rest within the budget of bytes; one that nobody reads is ended and its bytes are freed, although
//! the connection waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes};

use crate::grpc::middleware::admission::{Caller, Taken};

/// Answers up to this size are handed over whole: as much waits on any connection.
const WHOLE: usize = 16 << 10;
/// How much of a larger one is handed over at a time.
const PIECE: usize = 32 << 10;
/// How long nothing of an answer may be read.
const PATIENCE: Duration = Duration::from_secs(20);

/// A chunk of an answer of which not all has been handed over.
pub struct Rest(Arc<Mutex<Option<Held>>>);

struct Held {
    bytes: Bytes,
    /// How many pieces were taken.
    taken: u64,
    _room: Taken,
}

/// What to do with a chunk of an answer.
pub enum Chunk {
    /// Hand it over as it is.
    Whole(Bytes),
    /// Take pieces of it.
    Pieces(Rest),
    /// There is no room: too many answers wait to be read.
    NoRoom,
}

/// A part of a chunk.
pub enum Piece {
    Next(Bytes),
    /// Everything was handed over.
    End,
    /// Nobody read it for so long that the rest is gone.
    Gone,
}

impl Chunk {
    pub fn of(caller: &Caller, bytes: Bytes) -> Self {
        if bytes.len() <= WHOLE {
            return Chunk::Whole(bytes);
        }
        let Some(room) = caller.room_for_answer(bytes.len()) else { return Chunk::NoRoom };
        let rest = Arc::new(Mutex::new(Some(Held { bytes, taken: 0, _room: room })));
        tokio::spawn(give_up_when_unread(Arc::downgrade(&rest)));
        Chunk::Pieces(Rest(rest))
    }
}

impl Rest {
    pub fn next(&self) -> Piece {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rest) = held.as_mut() else { return Piece::Gone };
        if rest.bytes.is_empty() {
            return Piece::End;
        }
        rest.taken += 1;
        // A copy: a piece that waits must not keep the whole from being freed.
        let piece = rest.bytes.slice(..rest.bytes.len().min(PIECE));
        rest.bytes.advance(piece.len());
        Piece::Next(Bytes::copy_from_slice(&piece))
    }
}

/// Frees an answer when nothing of it was taken for a while. Whoever waits for it to be read is not woken by that, so a
/// task of its own looks.
async fn give_up_when_unread(rest: std::sync::Weak<Mutex<Option<Held>>>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(PATIENCE).await;
        let Some(rest) = rest.upgrade() else { return };
        let mut held = rest.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref() {
            Some(now) if now.taken != seen => seen = now.taken,
            _ => {
                *held = None;
                return;
            }
        }
    }
}
