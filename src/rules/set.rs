//! An immutable, compiled rule set.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::canvas::lint::{Diagnostic, Item};
use crate::domain::check::Checker;
use crate::domain::profile::{Criterion, Expectation, ProfileContent};
use crate::domain::score::{Assessment, Outlook, PriorityAssessment};
use crate::domain::text::suggestion;
use crate::domain::value::Value as Plain;
use crate::domain::vocabulary::Vocabulary;
use crate::rules::evaluate::criteria::expectation_met;
use crate::rules::evaluate::facts::{ItemFacts, LeadFacts, SegmentFacts};
use crate::rules::evaluate::outlook::outlook;
use crate::rules::evaluate::score::{self, Found, RuleError};
use crate::rules::evaluate::value::{Value, Words};
use crate::rules::language::ScriptKind;
use crate::rules::language::catalogue::Catalogue;
use crate::rules::language::types::Type;
use crate::rules::program::Script;
use crate::rules::source::Sources;

/// Everything that a call needs of the rules. Shared behind an [`Arc`]; never changes.
#[derive(Debug)]
pub struct RuleSet {
    /// The SHA-256 of the sources, in hexadecimal.
    pub id: String,
    pub sources: Sources,
    pub vocabulary: Vocabulary,
    pub catalogue: Catalogue,
    scripts: BTreeMap<(&'static str, String), Arc<Script>>,
}

/// There is no script of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no script {folder}/{name}.rhai; {help}")]
pub struct NoScript {
    pub folder: &'static str,
    pub name: String,
    pub help: String,
}

impl RuleSet {
    pub(super) fn new(
        sources: Sources,
        vocabulary: Vocabulary,
        catalogue: Catalogue,
        scripts: BTreeMap<(&'static str, String), Arc<Script>>,
    ) -> Self {
        Self { id: sources.id(), sources, vocabulary, catalogue, scripts }
    }

    /// The set's resource name.
    pub fn name(&self) -> String {
        format!("ruleSets/{}", self.id)
    }

    pub fn scripts(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.scripts.values()
    }

    pub fn script(&self, kind: ScriptKind, name: &str) -> Result<&Arc<Script>, NoScript> {
        self.scripts.get(&(kind.folder(), name.to_owned())).ok_or_else(|| {
            let known = self.scripts.keys().filter(|(folder, _)| *folder == kind.folder());
            let known: Vec<&str> = known.map(|(_, name)| name.as_str()).collect();
            let help = suggestion(name, known);
            NoScript { folder: kind.folder(), name: name.into(), help }
        })
    }

    /// Scores a lead's facts by a script of this set.
    pub fn assess(&self, script: &Script, facts: LeadFacts) -> Result<Assessment, RuleError> {
        self.assess_counting(script, facts).0
    }

    /// The same, with the steps that it took.
    pub fn assess_counting(&self, script: &Script, facts: LeadFacts) -> (Result<Assessment, RuleError>, u32) {
        score::assess(script, &self.catalogue, facts)
    }

    /// What the unknown could still make of an assessment of a lead's facts by a script of this set.
    pub fn outlook(&self, script: &Script, facts: LeadFacts, assessment: &Assessment) -> Outlook {
        outlook(script, &self.catalogue, facts, assessment)
    }

    /// Judges a segment's facts by a script of this set.
    pub fn prioritize(&self, script: &Script, facts: SegmentFacts) -> Result<PriorityAssessment, RuleError> {
        self.prioritize_counting(script, facts).0
    }

    /// The same, with the steps that it took.
    pub fn prioritize_counting(
        &self,
        script: &Script,
        facts: SegmentFacts,
    ) -> (Result<PriorityAssessment, RuleError>, u32) {
        score::prioritize(script, &self.catalogue, facts)
    }

    /// What the scripts of canvas_lint/ find doubtful about the notes and segments of a canvas. That a script fails is a finding
    /// too, beside those of all others.
    pub fn canvas_findings(&self, items: &[Item]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for script in self.scripts().filter(|script| script.kind == ScriptKind::CanvasLint) {
            for item in items {
                match self.findings_counting(script, item).0 {
                    Ok(judged) => found.extend(judged.into_iter().map(|(verdict, severity)| {
                        Diagnostic::own(&verdict.id, severity, &item.path, &verdict.because)
                    })),
                    Err(error) => {
                        found.push(Diagnostic::script_fails(&script.name, &error.to_string()));
                        break;
                    }
                }
            }
        }
        found
    }

    /// What one script finds about one item, with the steps that it took.
    pub fn findings_counting<'s>(
        &self,
        script: &'s Script,
        item: &Item,
    ) -> (Result<Found<'s>, RuleError>, u32) {
        score::findings(script, &self.catalogue, ItemFacts(item))
    }

    /// Checks a profile against the words and scripts of this set.
    pub fn check_profile(&self, c: &mut Checker, profile: &ProfileContent) {
        profile.check(c, &self.vocabulary);
        if let Err(missing) = self.script(ScriptKind::LeadScoring, &profile.scoring_script) {
            c.wrong_field("scoring_script", missing.to_string());
        }
        for (field, criteria) in [("criteria", &profile.criteria), ("disqualifiers", &profile.disqualifiers)]
        {
            c.each(field, criteria, |c, criterion| self.check_criterion(c, criterion));
        }
    }

    /// Checks one criterion of a profile.
    pub fn check_criterion(&self, c: &mut Checker, criterion: &Criterion) {
        let Some(index) = self.catalogue.find(&criterion.fact, ScriptKind::LeadScoring) else {
            let help = c.suggestion(&criterion.fact, self.catalogue.names(ScriptKind::LeadScoring));
            return c.wrong_field("fact", format!("there is no fact \"{}\"; {help}", criterion.fact));
        };
        let ty = &self.catalogue.facts[index].ty;
        let sample = match ty {
            Type::Number => Value::Number(0.0),
            Type::YesNo => Value::YesNo(false),
            Type::Text | Type::Choice(_) => Value::Text(""),
            Type::Words => Value::Words(Words::Fact(&[], None)),
            _ => Value::Nothing,
        };
        if expectation_met(&criterion.expectation, None, sample).is_none() {
            c.wrong_field(
                "expectation",
                format!("`{}` is {ty}, which this can't be asked of", criterion.fact),
            );
        }
        if let Type::Choice(choices) = ty {
            let words: Vec<&str> = match &criterion.expectation {
                Expectation::In(words) | Expectation::NotIn(words) => {
                    words.iter().map(String::as_str).collect()
                }
                Expectation::Equals(Plain::Text(word)) => vec![word],
                _ => Vec::new(),
            };
            for word in words.into_iter().filter(|word| !choices.words.iter().any(|known| known == word)) {
                let help = c.suggestion(word, choices.words.iter().map(String::as_str));
                c.wrong_field("expectation", format!("\"{word}\" is not a word of {}; {help}", choices.of));
            }
        }
    }
}
