//! The body of a stream, handed on item by item: what of it is under way is bounded in bytes and time as whole requests are,
//! and no item is decompressed or decoded before it was weighed.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Status;
use tonic::body::Body;

use super::receive::Incoming;
use super::{Admission, Caller, MAX_ITEM, Plain};
use crate::grpc::methods::Method;

/// The body in whole, plain items. What an item holds of the budgets is given back when the next one is asked for: then it
/// is handled, or on its way to be.
pub fn by_items(admission: Admission, caller: Caller, method: Method, gzip: bool, body: Body) -> Body {
    let begin = (Incoming::new(body), Vec::new());
    let items = futures::stream::try_unfold(begin, move |(mut incoming, held)| {
        let (admission, caller) = (admission.clone(), caller.clone());
        async move {
            drop(held);
            let shares = &caller.0;
            let Some(received) = incoming.next(&shares.budgets(), MAX_ITEM).await? else { return Ok(None) };
            // Its turn is over when it is weighed: a stream may stand still for long before it decodes.
            let Plain { bytes, held, turn: _ } = admission.plain(shares, method, gzip, received).await?;
            Ok::<_, Status>(Some((Frame::<Bytes>::data(bytes), (incoming, held))))
        }
    });
    Body::new(StreamBody::new(items))
}
