use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::analyze_impact::ImpactWanted;
use crate::domain::check::Checker;
use crate::grpc::convert::{self, optional};
use crate::grpc::once::{self, Mutation};
use crate::grpc::pb;
use crate::grpc::services::lead::operation;
use crate::rules::source::{MAX_FILES, Sources};

pub struct Service(pub Arc<App>);

/// The digest in `ruleSets/{sha256}`.
fn digest<'a>(c: &mut Checker, name: &'a str) -> Option<&'a str> {
    let digest = name.strip_prefix("ruleSets/");
    let hex =
        |digest: &str| digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    c.require(name.is_empty() || digest.is_some_and(hex), "name", "must look like ruleSets/{sha256}");
    digest
}

#[tonic::async_trait]
impl pb::rule_service_server::RuleService for Service {
    async fn get_rule_set(
        &self,
        request: Request<pb::GetRuleSetRequest>,
    ) -> Result<Response<pb::RuleSet>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let id = digest(&mut c, &request.name);
        let (stored, set) = self.0.stored_rule_set(c.finish(id)?).await?;
        Ok(Response::new(convert::rules::rule_set(&stored, &set)))
    }

    async fn get_rule_status(
        &self,
        _: Request<pb::GetRuleStatusRequest>,
    ) -> Result<Response<pb::RuleStatus>, Status> {
        Ok(Response::new(convert::rules::status(&self.0.rules.status(), &self.0.settings)))
    }

    async fn check_rules(
        &self,
        request: Request<pb::CheckRulesRequest>,
    ) -> Result<Response<pb::CheckRulesResponse>, Status> {
        let mut c = Checker::at("");
        let request = request.into_inner();
        let files = files_of(&mut c, request.files);
        c.finish(())?;
        let (valid, rule_set, diagnostics) = match self.0.check_rules(Sources::new(files)).await? {
            Ok((set, warnings)) => (true, set.name(), warnings),
            Err(diagnostics) => (false, String::new(), diagnostics),
        };
        let diagnostics = diagnostics.iter().map(convert::rules::diagnostic).collect();
        Ok(Response::new(pb::CheckRulesResponse { valid, diagnostics, rule_set }))
    }

    async fn analyze_impact(
        &self,
        request: Request<pb::AnalyzeImpactRequest>,
    ) -> Result<Response<pb::Operation>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let files = files_of(&mut c, request.files);
            let profile = optional(&mut c, "profile", &request.profile);
            let as_of = convert::time(&mut c, "as_of_time", request.as_of_time);
            c.finish(())?;
            let qualifying = match request.qualifying_grades.is_empty() {
                true => ["A", "B"].map(String::from).to_vec(),
                false => request.qualifying_grades,
            };
            let as_of = as_of.unwrap_or_else(|| self.0.now());
            let wanted = ImpactWanted { files, filter: request.filter, profile, qualifying, as_of };
            Ok(self.0.start_impact(wanted, once).await?)
        };
        mutation.answer(once::plain(operation), work).await
    }
}

/// The files of a set, by path.
fn files_of(c: &mut Checker, given: Vec<pb::RuleFile>) -> BTreeMap<String, String> {
    c.require(!given.is_empty(), "files", "needs at least one file");
    c.count("files", given.len(), MAX_FILES);
    let mut files = BTreeMap::new();
    c.each("files", given, |c, file| {
        c.length("path", &file.path, 1, 200);
        if files.insert(file.path, file.content).is_some() {
            c.wrong_field("path", "stands twice");
        }
    });
    files
}
