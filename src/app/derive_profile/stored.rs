//! A profile and rules out of the leads that are stored: of those with an outcome, or of customers that are golden or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Accounts, Collector, Derived, Learning, cases, derive, profile, report, script};
use crate::app::jobs::{Progress, Work};
use crate::app::once::Once;
use crate::app::{App, Error, Result};
use crate::domain::canonical::same_word;
use crate::domain::check::{Checker, Invalid, Violation};
use crate::domain::filter::Filter;
use crate::domain::golden::{GoldenWeights, Standing};
use crate::domain::job::Job;
use crate::domain::lead::{LeadRecord, LeadStage, OutcomeKind, Subject};
use crate::domain::listing::LEAD;
use crate::domain::profile::ProfileContent;
use crate::domain::profile::roles::{Reached, RoleEvidence};
use crate::domain::scorecard::learn::{MOST_SCALE, MOST_TO_DOUBLE, Wanted};
use crate::domain::text::suggestion;
use crate::domain::time::Time;
use crate::rules::set::RuleSet;
use crate::rules::{LeadFacts, ScriptKind, compile, testing};
use crate::storage::StoreError;

/// What tells good accounts from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Won and lost ones. Leads that sales rejected for one of these reasons count as lost.
    Outcome { lost_reasons: Vec<String> },
    /// Golden customers, and ordinary and churned ones.
    Golden(GoldenWeights),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredLeads {
    /// Which leads count, as lists are filtered.
    pub filter: String,
    pub label: Label,
    /// Facts that a person vouches for: they don't know the answer.
    pub trusted: Vec<String>,
    /// Facts that are not looked at.
    pub ignored: Vec<String>,
    pub folds: usize,
    pub seed: u64,
    /// The points of the best account.
    pub points: i64,
    /// Instead of that, how many points double the odds.
    #[serde(default)]
    pub to_double_odds: Option<i64>,
    pub as_of: Time,
}

/// What came of it. Nothing in it names a lead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DerivedProfile {
    pub report: serde_json::Value,
    /// Rules as a person would write them; none if nothing has an effect.
    pub script: Option<String>,
    /// Tests for them, which they pass; none if no made-up lead can state what they ask for.
    #[serde(default)]
    pub tests: Option<String>,
    pub profile: Option<ProfileContent>,
    /// How many leads told no outcome.
    pub undecided: u64,
}

/// The most leads that are learnt from: a million of thirty facts take some 230 MiB.
const MAX_ACCOUNTS: usize = 1_000_000;
/// So many leads prove that the script says what was learnt.
const PROVEN: usize = 2_000;
/// How the script is called in what it was made of.
const FILE: &str = "the stored leads";

impl StoredLeads {
    /// Checks what is asked by the rules in force.
    fn check(&self, c: &mut Checker, rules: &RuleSet) {
        Filter::read(c, &self.filter, &LEAD);
        if let Some(points) = self.to_double_odds {
            let told = format!("must be 1 to {MOST_TO_DOUBLE}, or 0 for a scale of points");
            c.require((1..=MOST_TO_DOUBLE).contains(&points), "points_to_double_odds", told);
        }
        c.require((5..=MOST_SCALE).contains(&self.points), "points", format!("must be 5 to {MOST_SCALE}"));
        c.require(self.folds != 1 && self.folds <= 100, "folds", "must be 2 to 100, or 0 for not at all");
        let observed = rules.observed();
        for (field, names) in [("trusted_facts", &self.trusted), ("ignored_facts", &self.ignored)] {
            c.each(field, names, |c, name| {
                if !observed.iter().any(|fact| same_word(&fact.fact, name)) {
                    let help = suggestion(name, observed.iter().map(|fact| fact.fact.as_str()));
                    c.wrong(format!("there is no fact \"{name}\" that can be learnt from; {help}"));
                }
            });
        }
        match &self.label {
            Label::Golden(weights) => c.within("golden", |c| weights.check(c)),
            Label::Outcome { lost_reasons } => {
                let declared = &rules.vocabulary.reasons;
                c.each("lost_reasons", lost_reasons, |c, reason| {
                    if !declared.is_empty() && !declared.contains_key(reason) {
                        let help = c.suggestion(reason, declared.keys().map(String::as_str));
                        c.wrong(format!("facts.toml declares no reason \"{reason}\"; {help}"));
                    }
                });
            }
        }
    }

    /// Whether a lead is one of the good ones; `None` if that is not known yet. With it, what kind of customer it is.
    fn judge(&self, record: &LeadRecord) -> Option<(bool, Option<Standing>)> {
        let content = &record.lead.content;
        match &self.label {
            Label::Outcome { lost_reasons } => match &content.outcome {
                Some(outcome) => Some((outcome.kind == OutcomeKind::Won, None)),
                None => {
                    let is_refused =
                        content.stage == LeadStage::Rejected && lost_reasons.contains(&content.stage_reason);
                    is_refused.then_some((false, None))
                }
            },
            Label::Golden(weights) => {
                let standing = weights.standing(content.customer.as_ref()?)?;
                Some((standing == Standing::Golden, Some(standing)))
            }
        }
    }
}

/// Leads as they are gathered.
struct Gathering {
    collector: Collector,
    standings: BTreeMap<Standing, u64>,
    undecided: u64,
    rows: usize,
    reached: Reached,
    /// The first leads, to prove the script by.
    first: Vec<LeadRecord>,
}

impl App {
    pub async fn start_derivation(
        &self,
        asked: StoredLeads,
        violations: Vec<Violation>,
        once: Once<Job>,
    ) -> Result<Job> {
        let mut c = Checker::resume("", violations);
        asked.check(&mut c, &*self.rule_set()?);
        c.finish(())?;
        self.start_job(&Work::DeriveProfile(asked), once).await
    }

    pub(in crate::app) async fn derive_profile(
        &self,
        asked: StoredLeads,
        progress: &Progress,
    ) -> Result<DerivedProfile> {
        let rules = self.rule_set()?;
        let mut c = Checker::at("");
        let filter = Filter::read(&mut c, &asked.filter, &LEAD);
        let filter = c.finish(filter)?;
        let facts = rules.observed().into_iter();
        let facts = facts.filter(|fact| !asked.ignored.iter().any(|name| same_word(name, &fact.fact)));
        let facts: Vec<_> = facts.map(|fact| (fact.clone(), fact.fact)).collect();
        let mut gathering = Gathering {
            collector: Collector::of(facts),
            standings: BTreeMap::new(),
            undecided: 0,
            rows: 0,
            reached: Reached::default(),
            first: Vec::new(),
        };
        let currency = self.settings.currency.clone();
        self.walk_leads(filter, |record| {
            if gathering.rows < MAX_ACCOUNTS {
                gathering.see(&asked, &rules, record, &currency);
            }
            if gathering.rows.is_multiple_of(1_000) {
                progress.tell(0.0, format!("{} leads read", gathering.rows));
            }
        })
        .await?;
        let progress = progress.clone();
        // Learning takes its seconds: not on a thread that answers calls.
        let learnt =
            tokio::task::spawn_blocking(move || learn(gathering, &asked, &rules, &currency, &progress));
        learnt.await.map_err(StoreError::failed)?
    }
}

impl Gathering {
    fn see(&mut self, asked: &StoredLeads, rules: &RuleSet, record: LeadRecord, currency: &str) {
        let Some((is_good, standing)) = asked.judge(&record) else {
            self.undecided += 1;
            return;
        };
        let nothing = ProfileContent::default();
        self.collector.see(&facts_of(&record, &nothing, rules, currency, asked.as_of), is_good);
        standing.into_iter().for_each(|standing| *self.standings.entry(standing).or_default() += 1);
        self.rows += 1;
        self.reached.see(&record.lead.content, is_good);
        if self.first.len() < PROVEN {
            self.first.push(record);
        }
    }
}

/// A lead as the rules see it that are learnt: without what it has done since.
fn facts_of<'a>(
    record: &'a LeadRecord,
    profile: &'a ProfileContent,
    rules: &'a RuleSet,
    currency: &'a str,
    as_of: Time,
) -> LeadFacts<'a> {
    LeadFacts {
        lead: &record.lead.content,
        activities: &[],
        profile,
        created: Some(record.lead.version.create_time),
        as_of,
        currency,
        vocabulary: &rules.vocabulary,
    }
}

fn learn(
    gathering: Gathering,
    asked: &StoredLeads,
    rules: &RuleSet,
    currency: &str,
    progress: &Progress,
) -> Result<DerivedProfile> {
    let Gathering { collector, standings, undecided, first, reached, .. } = gathering;
    let accounts = collector.finish();
    let (rows, won) = (accounts.sample.rows(), accounts.sample.count_won());
    if won == 0 || won == rows {
        let told = format!(
            "of {rows} leads whose outcome is known, {won} are good and {} are not: it takes both to see what sets them apart",
            rows - won
        );
        return Err(Invalid::one("filter", told).into());
    }
    progress.tell(0.3, format!("learning from {rows} leads"));
    let trusted = accounts.questions.iter().enumerate();
    let trusted =
        trusted.filter(|(_, question)| asked.trusted.iter().any(|name| same_word(name, &question.fact)));
    let learning = Learning {
        trusted: trusted.map(|(place, _)| place).collect(),
        folds: asked.folds,
        seed: asked.seed,
        wanted: Wanted { scale: asked.points, to_double_odds: asked.to_double_odds },
    };
    let mut turn = 0;
    let derived = derive(&accounts, &learning, || {
        turn += 1;
        let share = 0.4 + 0.5 * f64::from(turn) / asked.folds.max(1) as f64;
        progress.tell(share.min(0.9), format!("measuring: {turn} of {} folds", asked.folds));
        !progress.is_stopped()
    });
    progress.tell(0.95, "proving the rules");
    let written = script(&accounts, &derived, FILE);
    let roles = reached.learnt();
    let mut content = written.as_ref().map(|_| profile(&accounts, &derived, FILE, asked.as_of));
    if let Some(content) = &mut content {
        content.decision_roles = roles.iter().map(RoleEvidence::as_decision_role).collect();
    }
    let is_person = !first.is_empty()
        && first.iter().all(|record| matches!(record.lead.content.subject, Subject::Person(_)));
    let mut tests = cases(&accounts, &derived, FILE, asked.as_of, is_person);
    if let (Some(text), Some(content)) = (&written, &content) {
        let made = prove(&accounts, &derived, (text, content), (rules, currency), (&first, asked.as_of))?;
        tests = tests.filter(|tests| pass(&made, content, tests, currency));
    }
    let mut report = report::json(&accounts, &derived);
    if let Some(fields) = report.as_object_mut() {
        fields.insert("roles".into(), roles.iter().map(role).collect());
        let count = |standing| standings.get(&standing).copied().unwrap_or_default();
        if let Label::Golden(_) = asked.label {
            fields.insert("golden".into(), count(Standing::Golden).into());
            fields.insert("ordinary".into(), count(Standing::Ordinary).into());
            fields.insert("churned".into(), count(Standing::Churned).into());
        }
    }
    Ok(DerivedProfile { report, script: written, tests, profile: content, undecided })
}

/// A role as the report tells of it.
fn role(evidence: &RoleEvidence) -> serde_json::Value {
    let RoleEvidence { role, reached, known, lift, chance, required } = evidence;
    serde_json::json!({
        "role": role,
        "won": reached.won,
        "won_known": known.won,
        "lost": reached.lost,
        "lost_known": known.lost,
        "lift": lift,
        "chance": chance,
        "required": required,
    })
}

/// Runs the script over leads that were learnt from: beside the words in force it has to load, and to give what was learnt,
/// point by point.
fn prove(
    accounts: &Accounts,
    derived: &Derived,
    (text, profile): (&str, &ProfileContent),
    (rules, currency): (&RuleSet, &str),
    (leads, as_of): (&[LeadRecord], Time),
) -> Result<Arc<RuleSet>> {
    let wrong = |told: String| {
        Error::from(StoreError::failed(format!("the rules that were learnt are wrong: {told}")))
    };
    let path = format!("{}/{}.rhai", ScriptKind::LeadScoring.folder(), profile.scoring_script);
    let sources = rules.sources.clone().with(&path, text);
    let (made, _) = compile(sources).map_err(|findings| {
        wrong(findings.first().map(|finding| finding.message.clone()).unwrap_or_default())
    })?;
    let made = Arc::new(made);
    let Some(card) = &derived.card else { return Ok(made) };
    let script = made.script(ScriptKind::LeadScoring, &profile.scoring_script)?;
    for (lead, expected) in leads.iter().zip(card.totals(&accounts.sample)) {
        let total = made.assess(script, facts_of(lead, profile, &made, currency, as_of))?.total.0;
        if total != expected * 100 {
            return Err(wrong(format!("they give {} points where {expected} were learnt", total / 100)));
        }
    }
    Ok(made)
}

/// Whether tests pass by the rules that they were made for. Where leads are companies and persons, a made-up one can't have the facts
/// of both: then there are no tests.
fn pass(made: &RuleSet, profile: &ProfileContent, tests: &str, currency: &str) -> bool {
    let reading = testing::Reading { vocabulary: &made.vocabulary, currency };
    let suite = testing::read(&profile.scoring_script, tests, reading);
    let ran = suite.ok().and_then(|suite| suite.run(made, currency, "").ok());
    ran.is_some_and(|report| report.cases.iter().all(|case| case.differences.is_empty()))
}
