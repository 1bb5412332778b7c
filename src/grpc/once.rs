//! Mutations under a request id: a repetition within a day gets the first answer, byte for byte.

use std::future::Future;

use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Response, Status};

use super::status::{self, Reason};
use super::{convert, pb};
use crate::app::App;
use crate::app::once::Once;
use crate::domain::check::Checker;
use crate::domain::name::LeadName;
use crate::domain::text::hex;
use crate::domain::version::Change;
use crate::storage::{Answer, RequestKey};

/// The most characters of a request id.
const MAX_REQUEST_ID: usize = 128;

/// A call that changes something, and the id that it may be repeated under.
pub struct Mutation<'a> {
    app: &'a App,
    key: Option<RequestKey>,
    checker: Checker,
    change: Change,
}

/// A request that changes something.
pub trait Changing: Message {
    /// The service and the method, under which a repetition is recognised.
    const METHOD: &'static str;
    /// The id that makes it safe to repeat, or nothing.
    fn request_id(&self) -> &str;
    /// Who makes the change and why, where that is kept.
    fn change(&self) -> Option<pb::Change>;
}

macro_rules! changing {
    ($change:expr; $($request:ident of $method:literal,)+) => {
        $(impl Changing for pb::$request {
            const METHOD: &'static str = $method;

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn change(&self) -> Option<pb::Change> {
                let told: fn(&Self) -> Option<pb::Change> = $change;
                told(self)
            }
        })+
    };
}

changing! { |request| request.change.clone();
    CreateCanvasRequest of "CanvasService/CreateCanvas",
    UpdateCanvasRequest of "CanvasService/UpdateCanvas",
    DeleteCanvasRequest of "CanvasService/DeleteCanvas",
    UndeleteCanvasRequest of "CanvasService/UndeleteCanvas",
    RestoreCanvasRequest of "CanvasService/RestoreCanvas",
    ForkCanvasRequest of "CanvasService/ForkCanvas",
    CreateSegmentRequest of "SegmentService/CreateSegment",
    UpdateSegmentRequest of "SegmentService/UpdateSegment",
    DeleteSegmentRequest of "SegmentService/DeleteSegment",
    CreatePersonaRequest of "SegmentService/CreatePersona",
    UpdatePersonaRequest of "SegmentService/UpdatePersona",
    DeletePersonaRequest of "SegmentService/DeletePersona",
    CreateProfileRequest of "ProfileService/CreateProfile",
    UpdateProfileRequest of "ProfileService/UpdateProfile",
    DeleteProfileRequest of "ProfileService/DeleteProfile",
    UndeleteProfileRequest of "ProfileService/UndeleteProfile",
    CreateLeadRequest of "LeadService/CreateLead",
    UpdateLeadRequest of "LeadService/UpdateLead",
    TransitionLeadRequest of "LeadService/TransitionLead",
    CompleteReviewRequest of "ProfileService/CompleteReview",
    BatchUpsertLeadsRequest of "LeadService/BatchUpsertLeads",
    PublishRulesRequest of "RuleService/PublishRules",
    CreateInterviewRequest of "InterviewService/CreateInterview",
    ActivateRuleSetRequest of "RuleService/ActivateRuleSet",
    RollbackRulesRequest of "RuleService/RollbackRules",
    AcceptRulesRequest of "RuleService/AcceptRules",
    StartShadowRequest of "RuleService/StartShadow",
    StopShadowRequest of "RuleService/StopShadow",
}

// What these write has no revisions that could keep it.
changing! { |_| None;
    DeleteLeadRequest of "LeadService/DeleteLead",
    RecordActivitiesRequest of "LeadService/RecordActivities",
    DeleteActivitiesRequest of "LeadService/DeleteActivities",
    DeriveProfileRequest of "ProfileService/DeriveProfile",
    ReviewProfileRequest of "ProfileService/ReviewProfile",
    ApplyRetentionRequest of "LeadService/ApplyRetention",
    AnalyzeImpactRequest of "RuleService/AnalyzeImpact",
    DeleteInterviewRequest of "InterviewService/DeleteInterview",
    ProposeCriteriaRequest of "InterviewService/ProposeCriteria",
}

impl Changing for pb::ImportCanvasRequest {
    const METHOD: &'static str = "CanvasService/ImportCanvas";

    /// Only looking at what would come of it can be repeated as it is.
    fn request_id(&self) -> &str {
        if self.validate_only { "" } else { &self.request_id }
    }

    fn change(&self) -> Option<pb::Change> {
        self.change.clone()
    }
}

impl Changing for pb::EditCanvasRequest {
    const METHOD: &'static str = "CanvasService/EditCanvas";

    /// Only looking at what would come of it can be repeated as it is.
    fn request_id(&self) -> &str {
        if self.validate_only { "" } else { &self.request_id }
    }

    fn change(&self) -> Option<pb::Change> {
        self.change.clone()
    }
}

impl Changing for pb::ScoreLeadRequest {
    const METHOD: &'static str = "ScoringService/ScoreLead";

    /// Scoring that records nothing can be repeated as it is.
    fn request_id(&self) -> &str {
        if self.record { &self.request_id } else { "" }
    }

    fn change(&self) -> Option<pb::Change> {
        None
    }
}

impl<'a> Mutation<'a> {
    pub fn of<R: Changing>(app: &'a App, request: &R) -> Self {
        let request_id = request.request_id();
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
            RequestKey { method: R::METHOD, id: request_id.to_owned(), digest, time: app.now() }
        });
        let change = convert::change(&mut checker, request.change());
        Self { app, key, checker, change }
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
        let Self { app, key, checker, change } = self;
        let Some(key) = key else {
            return Ok(Response::new(answer(&work(checker, Once::unkept().by(change)).await?).0));
        };
        if let Some(kept) = kept(app, &key).await? {
            return Ok(kept);
        }
        let encode = answer.clone();
        let once = Once::kept(key.clone(), move |outcome| {
            let (message, leads) = encode(outcome);
            Answer { bytes: message.encode_to_vec(), leads }
        })
        .by(change);
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
