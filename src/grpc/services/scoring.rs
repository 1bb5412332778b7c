use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::app::App;
use crate::domain::check::Checker;
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::score::Score;
use crate::grpc::convert::{self, parsed};
use crate::grpc::limits;
use crate::grpc::once::Mutation;
use crate::grpc::page::{ListRequest, Wanted};
use crate::grpc::status::{self, Reason};
use crate::grpc::{finish, pb};
use crate::rules::set::RuleSet;

/// How many items of a stream are worked on at a time; the caller is held back beyond that.
const IN_FLIGHT: usize = 16;
/// The header that names the rule set which a stream or call is scored by.
const RULE_SET_HEADER: &str = "assay-rule-set";

pub struct Service(pub Arc<App>);

async fn score(app: &App, rules: &RuleSet, request: pb::ScoreLeadRequest) -> Result<pb::Score, Status> {
    let mutation = Mutation::of(app, &request);
    let work = async |c: Checker, once| {
        c.finish(())?;
        Ok(app.score_lead(rules, convert::score::request(request)?, once).await?)
    };
    let answer = |score: &Score| (convert::score::outward(score), score.basis.lead.iter().cloned().collect());
    Ok(mutation.answer(answer, work).await?.into_inner())
}

/// An item's answer. A panic is that item's error and ends nothing else.
async fn answer(app: Arc<App>, rules: Arc<RuleSet>, item: pb::ScoreLeadsRequest) -> pb::ScoreLeadsResponse {
    use pb::score_leads_response::Result as Outcome;
    let mut c = Checker::at("");
    item.request.iter().for_each(|request| limits::check_item(&mut c, request));
    if let Err(invalid) = c.finish(()) {
        let result = Some(Outcome::Error(crate::grpc::item_error(invalid.into())));
        return pb::ScoreLeadsResponse { id: item.id, result };
    }
    let scoring = AssertUnwindSafe(score(&app, &rules, item.request.unwrap_or_default())).catch_unwind();
    let result = match scoring.await {
        Ok(Ok(score)) => Outcome::Score(score),
        Ok(Err(error)) => Outcome::Error(crate::grpc::item_error(error)),
        Err(_panic) => {
            Outcome::Error(crate::grpc::item_error(status::plain(Reason::Internal, "the service failed")))
        }
    };
    pb::ScoreLeadsResponse { id: item.id, result: Some(result) }
}

fn with_rule_set<T>(body: T, rule_set: &str) -> Response<T> {
    let mut response = Response::new(body);
    if let Ok(name) = rule_set.parse() {
        response.metadata_mut().insert(RULE_SET_HEADER, name);
    }
    response
}

#[tonic::async_trait]
impl pb::scoring_service_server::ScoringService for Service {
    async fn score_lead(
        &self,
        request: Request<pb::ScoreLeadRequest>,
    ) -> Result<Response<pb::Score>, Status> {
        let rules = self.0.rule_set()?;
        let score = score(&self.0, &rules, request.into_inner()).await?;
        let rule_set = score.rule_set.clone();
        Ok(with_rule_set(score, &rule_set))
    }

    type ScoreLeadsStream = BoxStream<'static, Result<pb::ScoreLeadsResponse, Status>>;

    async fn score_leads(
        &self,
        request: Request<Streaming<pb::ScoreLeadsRequest>>,
    ) -> Result<Response<Self::ScoreLeadsStream>, Status> {
        let rules = self.0.rule_set()?;
        let (app, pinned) = (self.0.clone(), rules.clone());
        let answers = request.into_inner().map(move |item| {
            let (app, rules) = (app.clone(), pinned.clone());
            async move {
                match item {
                    Ok(item) => Ok(answer(app, rules, item).await),
                    Err(broken) => Err(status::catalogued(&broken)),
                }
            }
        });
        Ok(with_rule_set(answers.buffered(IN_FLIGHT).boxed(), &rules.name()))
    }

    async fn list_scores(
        &self,
        request: Request<pb::ListScoresRequest>,
    ) -> Result<Response<pb::ListScoresResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let wanted = Wanted {
            filter: &request.filter,
            order_by: &request.order_by,
            page_size: request.page_size,
            page_token: &request.page_token,
        };
        let parent = parsed(&mut c, "parent", &request.parent);
        let newest_first = Order { descending: true, ..Order::default() };
        let list =
            ListRequest::read(&mut c, ("scores", &request.parent), &listing::SCORE, newest_first, wanted);
        let found = self.0.scores(&finish(c, parent)?, list.query()).await?;
        let (scores, next_page_token) =
            list.cut(found, |score| score.cursor(list.order()), convert::score::outward);
        Ok(Response::new(pb::ListScoresResponse { scores, next_page_token }))
    }

    async fn replay_score(
        &self,
        request: Request<pb::ReplayScoreRequest>,
    ) -> Result<Response<pb::Score>, Status> {
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.get_ref().name);
        let score = self.0.replay_score(&finish(c, name)?).await?;
        Ok(Response::new(convert::score::outward(&score)))
    }

    async fn what_if(
        &self,
        request: Request<pb::WhatIfRequest>,
    ) -> Result<Response<pb::WhatIfResponse>, Status> {
        let rules = self.0.rule_set()?;
        let (request, otherwise) = convert::what_if::what_if(request.into_inner())?;
        let (before, after) = self.0.what_if(&rules, request, otherwise).await?;
        let score = |score| Some(convert::score::outward(score));
        let answer = pb::WhatIfResponse { before: score(&before), after: score(&after) };
        Ok(with_rule_set(answer, &rules.name()))
    }

    async fn find_ways_to_grade(
        &self,
        request: Request<pb::FindWaysToGradeRequest>,
    ) -> Result<Response<pb::FindWaysToGradeResponse>, Status> {
        let rules = self.0.rule_set()?;
        let pb::FindWaysToGradeRequest { score, grade } = request.into_inner();
        let found = self.0.ways_to_grade(&rules, convert::what_if::score_request(score)?, &grade).await?;
        Ok(with_rule_set(convert::what_if::found_out(&found), &rules.name()))
    }

    async fn advise_lead(
        &self,
        request: Request<pb::AdviseLeadRequest>,
    ) -> Result<Response<pb::AdviseLeadResponse>, Status> {
        let rules = self.0.rule_set()?;
        let request = request.into_inner();
        let language = request.language.clone();
        let advice = self.0.advise_lead(convert::score::advice_request(request)?).await?;
        Ok(Response::new(convert::score::advice_out(&advice, &rules.vocabulary.roles, &language)))
    }
}
