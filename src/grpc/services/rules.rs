use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::domain::check::Checker;
use crate::grpc::convert;
use crate::grpc::pb;
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
        c.require(!request.files.is_empty(), "files", "needs at least one file");
        c.count("files", request.files.len(), MAX_FILES);
        let mut files = BTreeMap::new();
        c.each("files", request.files, |c, file| {
            c.length("path", &file.path, 1, 200);
            if files.insert(file.path, file.content).is_some() {
                c.wrong_field("path", "stands twice");
            }
        });
        c.finish(())?;
        let (valid, rule_set, diagnostics) = match self.0.check_rules(Sources::new(files)).await? {
            Ok((set, warnings)) => (true, set.name(), warnings),
            Err(diagnostics) => (false, String::new(), diagnostics),
        };
        let diagnostics = diagnostics.iter().map(convert::rules::diagnostic).collect();
        Ok(Response::new(pb::CheckRulesResponse { valid, diagnostics, rule_set }))
    }
}
