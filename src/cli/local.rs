//! Scoring in this process: the rules of a folder, no server, no port, no store.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;

use crate::domain::check::Checker;
use crate::domain::lead::{Activity, LeadContent};
use crate::domain::profile::ProfileContent;
use crate::domain::score::{Assessment, Basis, REMARKS, Score};
use crate::domain::time::Time;
use crate::grpc::{convert, pb};
use crate::rules::set::RuleSet;
use crate::rules::{LeadFacts, Script, ScriptKind};

/// Rules and a profile to score by, as of a time.
pub struct Local {
    pub rules: RuleSet,
    profile: ProfileContent,
    currency: String,
    as_of: Time,
}

impl Local {
    /// Compiles the rules of a folder and checks the profile; fails with what is wrong.
    pub fn new(scripts: &Path, profile: pb::Profile, currency: &str, as_of: Time) -> anyhow::Result<Self> {
        if !scripts.is_dir() {
            bail!(
                "there is no folder {} with rules: name one with --scripts, or make one with `assay init`",
                scripts.display()
            );
        }
        let (_, compiled) = super::rules::examine(scripts, currency);
        let rules = match compiled {
            Ok((rules, _)) => rules,
            Err(findings) => {
                let first = findings.iter().find(|finding| finding.is_error()).or(findings.first());
                let first = first.map(|finding| finding.message.as_str()).unwrap_or_default();
                bail!(
                    "the rules can't be loaded: {first}; `assay rules check {}` shows all",
                    scripts.display()
                )
            }
        };
        Self::of(rules, profile, currency, as_of)
    }

    /// The same for rules that are compiled already.
    pub fn of(rules: RuleSet, profile: pb::Profile, currency: &str, as_of: Time) -> anyhow::Result<Self> {
        let mut c = Checker::at("profile");
        let content = convert::profile::content(&mut c, profile);
        rules.check_profile(&mut c, &content);
        let profile = c.finish(content)?;
        Ok(Self { rules, profile, currency: currency.into(), as_of })
    }

    /// Scores a lead, or says why it can't be.
    pub fn score(&self, lead: pb::Lead, activities: Vec<pb::Activity>) -> Result<pb::Score, String> {
        let read = self.read(lead, activities)?;
        let script = self.script()?;
        let mut assessment =
            self.rules.assess(script, self.facts(&read)).map_err(|error| error.to_string())?;
        assessment.outlook = Some(self.rules.outlook(script, self.facts(&read), &assessment));
        let basis = Basis {
            lead: None,
            lead_revision: 0,
            profile: None,
            profile_revision: 0,
            rule_set: self.rules.id.clone(),
            script: script.name.to_string(),
            as_of: self.as_of,
            activity_count: read.1.len() as i64,
            currency: self.currency.clone(),
            remarks: REMARKS,
        };
        Ok(convert::score::outward(&Score { name: None, basis, assessment }))
    }

    /// The same without what the unknown could still make of it.
    pub fn assess(&self, lead: pb::Lead, activities: Vec<pb::Activity>) -> Result<Assessment, String> {
        let read = self.read(lead, activities)?;
        self.rules.assess(self.script()?, self.facts(&read)).map_err(|error| error.to_string())
    }

    /// The grades of the profile's script, from the best.
    pub fn grades(&self) -> Vec<String> {
        let script = self.script();
        script
            .map(|script| script.grades.iter().map(|grade| grade.id.to_string()).collect())
            .unwrap_or_default()
    }

    fn script(&self) -> Result<&Arc<Script>, String> {
        let found = self.rules.script(ScriptKind::LeadScoring, &self.profile.scoring_script);
        found.map_err(|missing| missing.to_string())
    }

    fn read(
        &self,
        lead: pb::Lead,
        activities: Vec<pb::Activity>,
    ) -> Result<(LeadContent, Vec<Activity>), String> {
        let mut c = Checker::at("");
        let lead = convert::lead::content(&mut c, lead);
        let activities = convert::lead::activities(&mut c, activities, None);
        lead.check(&mut c, &self.rules.vocabulary);
        c.finish((lead, activities)).map_err(|invalid| invalid.to_string())
    }

    fn facts<'a>(&'a self, (lead, activities): &'a (LeadContent, Vec<Activity>)) -> LeadFacts<'a> {
        LeadFacts {
            lead,
            activities,
            profile: &self.profile,
            created: None,
            as_of: self.as_of,
            currency: &self.currency,
            vocabulary: &self.rules.vocabulary,
        }
    }
}
