//! Mutations under a request id: a repetition within a day gets the first answer, byte for byte.

use std::future::Future;

use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Response, Status};

use super::status::{self, Reason};
use crate::app::App;
use crate::app::once::Once;
use crate::domain::check::Checker;
use crate::domain::name::LeadName;
use crate::domain::text::hex;
use crate::storage::{Answer, RequestKey};

/// The most characters of a request id.
const MAX_REQUEST_ID: usize = 128;

/// A call that changes something, and the id that it may be repeated under.
pub struct Mutation<'a> {
    app: &'a App,
    key: Option<RequestKey>,
    checker: Checker,
}

impl<'a> Mutation<'a> {
    pub fn of(app: &'a App, method: &'static str, request_id: &str, request: &impl Message) -> Self {
        let mut checker = Checker::at("");
        let printable =
            request_id.len() <= MAX_REQUEST_ID && request_id.chars().all(|c| c.is_ascii_graphic());
        checker.require(
            printable,
            "request_id",
            format!("must be up to {MAX_REQUEST_ID} printable ASCII characters without spaces"),
        );
        let key = (printable && !request_id.is_empty()).then(|| {
            let digest = hex(&Sha256::digest(request.encode_to_vec()));
            RequestKey { method, id: request_id.to_owned(), digest, time: app.now() }
        });
        Self { app, key, checker }
    }

    /// Does the work, or answers as it was answered before. `answer` also tells which leads it speaks of, so that
    /// nothing of them is kept beyond their erasure. The work gets a checker that knows of a bad request id.
    pub async fn answer<T, A, F>(
        self,
        answer: impl Fn(&T) -> (A, Vec<LeadName>) + Clone + Send + Sync + 'static,
        work: impl FnOnce(Checker, Once<T>) -> F,
    ) -> Result<Response<A>, Status>
    where
        T: 'static,
        A: Message + Default,
        F: Future<Output = Result<T, Status>>,
    {
        let Self { app, key, checker } = self;
        let Some(key) = key else {
            return Ok(Response::new(answer(&work(checker, Once::unkept()).await?).0));
        };
        if let Some(kept) = kept(app, &key).await? {
            return Ok(kept);
        }
        let encode = answer.clone();
        let once = Once::kept(key.clone(), move |outcome| {
            let (message, leads) = encode(outcome);
            Answer { bytes: message.encode_to_vec(), leads }
        });
        match work(checker, once).await {
            Ok(outcome) => Ok(Response::new(answer(&outcome).0)),
            // The same request may have been answered meanwhile, which this one then stumbled over.
            // So is the outcome learnt of a commit whose answer was lost.
            Err(error) => kept(app, &key).await.ok().flatten().ok_or(error),
        }
    }
}

async fn kept<A: Message + Default>(app: &App, key: &RequestKey) -> Result<Option<Response<A>>, Status> {
    let Some(bytes) = app.answer(key).await? else { return Ok(None) };
    match A::decode(bytes.as_slice()) {
        Ok(message) => Ok(Some(Response::new(message))),
        Err(error) => {
            tracing::error!(%error, "a kept answer can't be read");
            Err(status::plain(Reason::Internal, "a kept answer can't be read"))
        }
    }
}

/// An answer that tells of no lead.
pub fn plain<T, A>(answer: impl Fn(&T) -> A + Clone) -> impl Fn(&T) -> (A, Vec<LeadName>) + Clone {
    move |outcome| (answer(outcome), Vec::new())
}

/// The answer to a deletion.
pub fn nothing((): &()) -> ((), Vec<LeadName>) {
    ((), Vec::new())
}
