//! Tests of the language: helpers here, then what scripts mean, what is found wrong with them, and that nothing
//! makes the compiler fall over.

mod determinism;
mod explained;
mod findings;
mod lints;
mod outlook;
mod properties;
mod recipes;
mod rhai;
mod semantics;

use super::*;
use crate::domain::lead::*;
use crate::domain::profile::{Criterion, Expectation, ProfileContent};
use crate::domain::score::*;
use crate::domain::time::{DAY, Time};
use crate::domain::value::{FactValue, Money, Value};
use crate::rules::diagnostics::{Code, Diagnostic};
use crate::rules::set::RuleSet;
use crate::rules::source::Sources;

const FACTS: &str = r#"
[time]
zone = "Europe/Berlin"
[attributes.budget]
type = "money"
meaning = "Budget"
[attributes.urgency]
type = "choice"
choices = ["now", "later"]
meaning = "Urgency"
[attributes.score]
type = "number"
meaning = "A number"
[attributes.flag]
type = "yes_no"
meaning = "A flag"
[attributes.tags]
type = "list"
meaning = "Tags"
[aliases.country]
DE = ["Germany", "Deutschland"]
[aliases.industry]
software = ["IT"]
[aliases.tech]
sap = ["SAP R/3"]
[aliases.tags]
vip = ["very important"]
[activities.page_visit]
meaning = "Visit"
[activities.page_visit.properties.page]
type = "text"
meaning = "The page's path"
[activities.page_visit.properties.seconds]
type = "number"
meaning = "How long"
[contacts.attributes.signs]
type = "yes_no"
meaning = "Signs contracts"
[activities.demo_request]
meaning = "Demo"
[roles.champion]
meaning = "Champion"
[roles.buyer]
meaning = "Buyer"
[seniorities.head]
meaning = "Head"
[factors.effort]
meaning = "Effort"
"#;

fn sources(files: &[(&str, &str)]) -> Sources {
    let facts = ("facts.toml", FACTS);
    Sources::new(files.iter().chain([&facts]).map(|(p, t)| ((*p).into(), (*t).into())).collect())
}

fn compiled(script: &str) -> RuleSet {
    let script = if script.contains("grade ") {
        script.to_owned()
    } else {
        format!("{script}\ngrade \"D\" otherwise;")
    };
    let sources = sources(&[("lead_scoring/t.rhai", &script)]);
    match compile(sources.clone()) {
        Ok((set, _)) => set,
        Err(found) => panic!("{}", found.iter().map(|d| d.render("scripts", &sources)).collect::<String>()),
    }
}

fn rendered(files: &[(&str, &str)]) -> String {
    let sources = sources(files);
    let found = match compile(sources.clone()) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    found.iter().map(|d: &Diagnostic| d.render("scripts", &sources)).collect()
}

fn now() -> Time {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn company() -> Company {
    Company { display_name: "Acme".into(), ..Company::default() }
}

fn lead(company: Company) -> LeadContent {
    LeadContent::of(Subject::Company(company))
}

fn days_ago(kind: &str, days: f64) -> Activity {
    let time = Time::from_micros(now().micros() - (days * DAY as f64) as i64).unwrap();
    Activity {
        id: None,
        kind: kind.into(),
        time,
        known_time: time,
        amount: 1.0,
        contact: None,
        properties: Default::default(),
    }
}

fn assess(script: &str, lead: &LeadContent, activities: &[Activity]) -> Result<Assessment, RuleError> {
    assess_by(&ProfileContent::default(), script, lead, activities)
}

fn assess_by(
    profile: &ProfileContent,
    script: &str,
    lead: &LeadContent,
    activities: &[Activity],
) -> Result<Assessment, RuleError> {
    let set = compiled(script);
    let facts = LeadFacts {
        lead,
        activities,
        profile,
        created: None,
        as_of: now(),
        currency: "EUR",
        vocabulary: &set.vocabulary,
    };
    set.assess(set.script(ScriptKind::LeadScoring, "t").unwrap(), facts)
}

fn points_of(script: &str, lead: &LeadContent) -> f64 {
    assess(script, lead, &[]).unwrap().total.number()
}

fn unknowns(assessment: &Assessment) -> Vec<(&str, &str)> {
    assessment.unknowns.iter().map(|u| (&*u.rule, &*u.fact)).collect()
}
