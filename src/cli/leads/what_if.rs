//! `assay leads whatif` and `assay leads ways`: what a lead would score, and how it would reach a grade.

use anyhow::{Context as _, bail};
use clap::Args;

use crate::app::{Clock as _, SystemClock};
use crate::cli::Done;
use crate::cli::connect::{Clients, ServerArg};
use crate::cli::output::{out, outln};
use crate::cli::table::{Table, bold, plain, points, signed};
use crate::domain::vocabulary::{AttributeType, Vocabulary};
use crate::grpc::{convert, pb};

#[derive(Args)]
#[command(after_help = "\
Nothing is recorded.

Examples:
  assay leads whatif leads/acme --set urgency=now --set employees=250
  assay leads whatif leads/acme --activity demo_request --reach champion")]
pub struct WhatIfVerb {
    /// The lead
    #[arg(value_name = "LEAD")]
    lead: String,
    /// A fact that would be another; nothing behind the = makes an attribute unknown
    #[arg(long = "set", value_name = "FACT=VALUE")]
    facts: Vec<String>,
    /// An activity there would be more, by its type
    #[arg(long = "activity", value_name = "TYPE")]
    activities: Vec<String>,
    /// A role whose holder would have answered
    #[arg(long = "reach", value_name = "ROLE")]
    roles: Vec<String>,
    #[command(flatten)]
    server: ServerArg,
}

/// What is scored: a stored lead by its usual profile, now.
fn of(lead: &str) -> Option<pb::ScoreLeadRequest> {
    let subject = Some(pb::score_lead_request::Subject::Lead(lead.to_owned()));
    Some(pb::ScoreLeadRequest { subject, view: pb::ScoreView::Basic as i32, ..Default::default() })
}

/// A value as somebody writes it on a command line: in the type that the fact has.
fn value(fact: &str, text: &str, vocabulary: &Vocabulary) -> pb::Value {
    use pb::value::Kind;
    let words = || text.split(',').map(|word| word.trim().to_owned()).collect();
    let kind = match vocabulary.attributes.get(fact).map(|attribute| &attribute.kind) {
        Some(AttributeType::YesNo) => Kind::YesNo(matches!(text, "yes" | "true" | "1")),
        Some(AttributeType::List) => Kind::List(pb::TextList { values: words() }),
        Some(AttributeType::Text | AttributeType::Choice(_) | AttributeType::Date) => {
            Kind::Text(text.to_owned())
        }
        None if fact == "tech" => Kind::List(pb::TextList { values: words() }),
        Some(AttributeType::Number | AttributeType::Money) | None => match text.parse() {
            Ok(number) => Kind::Number(number),
            Err(_) => Kind::Text(text.to_owned()),
        },
    };
    pb::Value { kind: Some(kind) }
}

impl WhatIfVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        if self.facts.is_empty() && self.activities.is_empty() && self.roles.is_empty() {
            bail!("what would be otherwise? Say --set FACT=VALUE, --activity TYPE or --reach ROLE");
        }
        let clients = Clients::connect(&self.server.server).await?;
        let vocabulary = clients.vocabulary().await?;
        let mut facts = Vec::new();
        for given in &self.facts {
            let (fact, text) =
                given.split_once('=').with_context(|| format!("--set {given}: write FACT=VALUE"))?;
            let value = (!text.is_empty()).then(|| value(fact, text, &vocabulary));
            facts.push(pb::FactChange { fact: fact.to_owned(), value });
        }
        let now = Some(convert::timestamp(SystemClock.now()));
        let activity = |kind: &String| pb::Activity { r#type: kind.clone(), time: now, ..Default::default() };
        let contact = |(number, role): (usize, &String)| pb::Contact {
            id: format!("what-if-{number}"),
            decision_role: role.clone(),
            inbound: 1,
            last_engaged_time: now,
            ..Default::default()
        };
        let request = pb::WhatIfRequest {
            score: of(&self.lead),
            facts,
            activities: self.activities.iter().map(activity).collect(),
            contacts: self.roles.iter().enumerate().map(contact).collect(),
        };
        let answer = clients.scoring().what_if(request).await?.into_inner();
        let (before, after) = (answer.before.unwrap_or_default(), answer.after.unwrap_or_default());
        outln!("{} → {}", bold(&standing(&before)), bold(&standing(&after)));
        let mut table = Table::new(&["rule", "before", "after", "because"], &[1, 2]);
        let named = |score: &pb::Score| -> Vec<(String, i64, String)> {
            let entries = score.contributions.iter();
            entries.map(|entry| (entry.rule.clone(), entry.points_hundredths, entry.reason.clone())).collect()
        };
        let (old, new) = (named(&before), named(&after));
        let mut rules: Vec<&String> = old.iter().chain(&new).map(|(rule, ..)| rule).collect();
        rules.dedup();
        let mut told = std::collections::BTreeSet::new();
        for rule in rules {
            let side = |entries: &[(String, i64, String)]| {
                entries
                    .iter()
                    .find(|(known, ..)| known == rule)
                    .map(|(_, points, why)| (*points, why.clone()))
            };
            let (was, is) = (side(&old), side(&new));
            if !told.insert(rule)
                || was.as_ref().map(|(points, _)| points) == is.as_ref().map(|(points, _)| points)
            {
                continue;
            }
            let shown =
                |side: &Option<(i64, String)>| side.as_ref().map_or(String::new(), |(p, _)| signed(*p));
            let why = is.clone().or(was.clone()).map(|(_, why)| why).unwrap_or_default();
            table.row([rule.clone(), shown(&was), shown(&is), plain(&why)]);
        }
        out!("\n{}", table.render());
        Ok(Done::Well)
    }
}

/// Grade and points.
fn standing(score: &pb::Score) -> String {
    let grade = match score.status() {
        pb::ScoreStatus::Scored => score.grade.as_str(),
        pb::ScoreStatus::Disqualified => "disqualified",
        pb::ScoreStatus::InsufficientData | pb::ScoreStatus::Unspecified => "too little known",
    };
    format!("{grade} ({} points)", points(score.total_hundredths))
}

#[derive(Args)]
#[command(after_help = "\
Among what facts.toml declares `actionable = true`: attributes, types of activity, and roles. Each way was tried on the lead.
Exit code 1 if there is none.

Examples:
  assay leads ways leads/acme
  assay leads ways leads/acme --to A")]
pub struct WaysVerb {
    /// The lead
    #[arg(value_name = "LEAD")]
    lead: String,
    /// The grade to reach, or a better one
    #[arg(long = "to", default_value = "A", value_name = "GRADE")]
    grade: String,
    #[command(flatten)]
    server: ServerArg,
}

impl WaysVerb {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::FindWaysToGradeRequest { score: of(&self.lead), grade: self.grade.clone() };
        let found = clients.scoring().find_ways_to_grade(request).await?.into_inner();
        let score = found.score.unwrap_or_default();
        outln!("{} is {} now.", self.lead, bold(&standing(&score)));
        if !found.holding_back.is_empty() {
            outln!("\n{}", bold("What holds it back"));
            for entry in &found.holding_back {
                let points = match entry.points_hundredths {
                    0 => String::new(),
                    hundredths => format!(" {}", signed(hundredths)),
                };
                let because = if entry.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", plain(&entry.reason))
                };
                outln!("  {}{points}{because}", entry.rule);
            }
        }
        for (number, way) in (1..).zip(&found.ways) {
            let steps: Vec<String> = way.steps.iter().map(step).collect();
            outln!("\n{} {}", bold(&format!("{number}.")), steps.join(", and "));
            outln!("   makes it {} ({} points)", way.grade, points(way.total_hundredths));
        }
        if found.is_reached {
            outln!("That is {} or better already.", self.grade);
        } else if found.ways.is_empty() {
            let among = if found.is_complete { "" } else { " among those that were tried" };
            outln!(
                "\nThere is no way to {} in three steps{among}: facts.toml says what is actionable.",
                self.grade
            );
            return Ok(Done::No);
        }
        Ok(Done::Well)
    }
}

fn step(step: &pb::Step) -> String {
    use pb::step::Kind;
    match &step.kind {
        Some(Kind::Fact(change)) => {
            let value = change.value.as_ref().map(crate::cli::explain::shown).unwrap_or_default();
            format!("{} is {value}", change.fact)
        }
        Some(Kind::Activities(more)) if more.count == 1 => format!("one more {}", more.r#type),
        Some(Kind::Activities(more)) => format!("{} more {}", more.count, more.r#type),
        Some(Kind::ReachedRole(role)) => format!("a {role} answers"),
        None => String::new(),
    }
}
