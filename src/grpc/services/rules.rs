use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::analyze_impact::ImpactWanted;
use crate::app::publish_rules::Activation;
use crate::domain::check::Checker;
use crate::domain::rule_change::RuleChange;
use crate::grpc::convert::{self, optional};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::PageRequest;
use crate::grpc::pb;
use crate::grpc::services::lead::operation;
use crate::grpc::services::operations::operation as operation_id;
use crate::rules::source::{MAX_FILES, Sources};
use crate::storage::ListedRuleSet;

pub struct Service(pub Arc<App>);

/// The digest in `ruleSets/{sha256}`; nothing if the field is empty.
fn digest(c: &mut Checker, field: &str, name: &str) -> Option<String> {
    let digest = name.strip_prefix("ruleSets/");
    let hex =
        |digest: &str| digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    c.require(name.is_empty() || digest.is_some_and(hex), field, "must look like ruleSets/{sha256}");
    digest.map(str::to_owned)
}

/// The same of a field that must not be empty.
fn required_digest(c: &mut Checker, field: &str, name: &str) -> String {
    c.require(!name.is_empty(), field, "is required");
    digest(c, field, name).unwrap_or_default()
}

#[tonic::async_trait]
impl pb::rule_service_server::RuleService for Service {
    async fn get_rule_set(
        &self,
        request: Request<pb::GetRuleSetRequest>,
    ) -> Result<Response<pb::RuleSet>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let id = digest(&mut c, "name", &request.name);
        let (stored, set) = self.0.stored_rule_set(c.finish(id)?.as_deref()).await?;
        Ok(Response::new(convert::rules::rule_set(&stored, &set)))
    }

    async fn list_rule_sets(
        &self,
        request: Request<pb::ListRuleSetsRequest>,
    ) -> Result<Response<pb::ListRuleSetsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let page = PageRequest::read(&mut c, "rule sets", "", request.page_size, &request.page_token);
        c.finish(())?;
        let found = self.0.rule_sets(page.window()).await?;
        let key = |set: &ListedRuleSet| set.number.to_string();
        let (rule_sets, next_page_token) = page.cut(found, key, convert::rules::listed_rule_set);
        Ok(Response::new(pb::ListRuleSetsResponse { rule_sets, next_page_token }))
    }

    async fn list_rule_changes(
        &self,
        request: Request<pb::ListRuleChangesRequest>,
    ) -> Result<Response<pb::ListRuleChangesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let page = PageRequest::read(&mut c, "rule changes", "", request.page_size, &request.page_token);
        c.finish(())?;
        let found = self.0.rule_changes(page.window()).await?;
        let key = |change: &RuleChange| change.number.to_string();
        let (rule_changes, next_page_token) = page.cut(found, key, convert::rules::rule_change);
        Ok(Response::new(pb::ListRuleChangesResponse { rule_changes, next_page_token }))
    }

    async fn diff_rule_sets(
        &self,
        request: Request<pb::DiffRuleSetsRequest>,
    ) -> Result<Response<pb::DiffRuleSetsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let before = digest(&mut c, "before", &request.before);
        let after = digest(&mut c, "after", &request.after);
        let files = match request.files.is_empty() {
            true => None,
            false => Some(files_of(&mut c, request.files)),
        };
        c.require(after.is_none() || files.is_none(), "files", "is only for a set that is not kept");
        c.finish(())?;
        let found = self.0.diff_rule_sets(before, after, files).await?;
        Ok(Response::new(convert::rules::difference(found)))
    }

    async fn publish_rules(
        &self,
        request: Request<pb::PublishRulesRequest>,
    ) -> Result<Response<pb::RuleChange>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let files = files_of(&mut c, request.files);
            c.finish(())?;
            Ok(self.0.publish_rules(Sources::new(files), once).await?)
        };
        mutation.answer(once::plain(convert::rules::rule_change), work).await
    }

    async fn activate_rule_set(
        &self,
        request: Request<pb::ActivateRuleSetRequest>,
    ) -> Result<Response<pb::RuleChange>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let rule_set = required_digest(&mut c, "name", &request.name);
            let expected = digest(&mut c, "expected_rule_set", &request.expected_rule_set);
            let analysis = match request.analysis.is_empty() {
                true => None,
                false => operation_id(&mut c, "analysis", &request.analysis),
            };
            let overrides_guard = request.override_guard;
            let activation = c.finish(Activation { rule_set, expected, analysis, overrides_guard })?;
            Ok(self.0.activate_rules(activation, once).await?)
        };
        mutation.answer(once::plain(convert::rules::rule_change), work).await
    }

    async fn rollback_rules(
        &self,
        request: Request<pb::RollbackRulesRequest>,
    ) -> Result<Response<pb::RuleChange>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let to = digest(&mut c, "name", &request.name);
            let expected = digest(&mut c, "expected_rule_set", &request.expected_rule_set);
            c.finish(())?;
            Ok(self.0.roll_back_rules(to, expected, once).await?)
        };
        mutation.answer(once::plain(convert::rules::rule_change), work).await
    }

    async fn accept_rules(
        &self,
        request: Request<pb::AcceptRulesRequest>,
    ) -> Result<Response<pb::RuleChange>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let rule_set = required_digest(&mut c, "name", &request.name);
            let rule_set = c.finish(rule_set)?;
            Ok(self.0.accept_rules(&rule_set, once).await?)
        };
        mutation.answer(once::plain(convert::rules::rule_change), work).await
    }

    async fn start_shadow(
        &self,
        request: Request<pb::StartShadowRequest>,
    ) -> Result<Response<pb::RuleChange>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let files = files_of(&mut c, request.files);
            let share = if request.share == 0.0 { 0.1 } else { request.share };
            c.require(share > 0.0 && share <= 1.0, "share", "must be above 0, at most 1");
            let days = if request.days == 0 { 1 } else { request.days };
            c.require((1..=30).contains(&days), "days", "must be 1 to 30");
            c.finish(())?;
            Ok(self.0.start_shadow(Sources::new(files), share, days.into(), once).await?)
        };
        mutation.answer(once::plain(convert::rules::rule_change), work).await
    }

    async fn get_shadow(&self, _: Request<pb::GetShadowRequest>) -> Result<Response<pb::Shadow>, Status> {
        Ok(Response::new(convert::rules::shadow(&self.0.shadow_report().await?)))
    }

    async fn stop_shadow(
        &self,
        request: Request<pb::StopShadowRequest>,
    ) -> Result<Response<pb::RuleChange>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |c: Checker, once| {
            c.finish(())?;
            Ok(self.0.stop_shadow(once).await?)
        };
        mutation.answer(once::plain(convert::rules::rule_change), work).await
    }

    async fn get_rule_counts(
        &self,
        request: Request<pb::GetRuleCountsRequest>,
    ) -> Result<Response<pb::GetRuleCountsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let id = digest(&mut c, "rule_set", &request.rule_set);
        let (set, counts) = self.0.rule_counts(c.finish(id)?.as_deref()).await?;
        let scripts = counts.iter().map(|(script, counts)| convert::rules::script_counts(script, counts));
        Ok(Response::new(pb::GetRuleCountsResponse { rule_set: set.name(), scripts: scripts.collect() }))
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
            let (is_of_now, as_of) = (as_of.is_none(), as_of.unwrap_or_else(|| self.0.now()));
            let wanted =
                ImpactWanted { files, filter: request.filter, profile, qualifying, as_of, is_of_now };
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
