//! Stored leads into a file that people open, and that `assay import` and `assay score` read again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::Done;
use super::connect::{Clients, ServerArg};
use super::sheet_out::{Cell, Column, Format, Kind as CellKind, Sheet};
use super::table::counted;
use crate::domain::vocabulary::{AttributeType, Vocabulary};
use crate::grpc::convert;
use crate::grpc::pb::{self, lead::Subject, value::Kind};

#[derive(Args)]
#[command(after_help = "\
The columns are called like the facts, so that `assay import` and `assay score` read the file as it is.

Examples:
  assay export --out leads.csv
  assay export --filter 'grade IN (A, B) AND stage = sql' --out best.csv
  assay export --system hubspot --columns display_name,grade,total,owner
  assay export --out leads.parquet")]
pub struct Export {
    /// Which leads, such as: grade = A AND country IN (DE, AT)
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// The order, such as: total desc
    #[arg(long, default_value = "", value_name = "FIELD")]
    order_by: String,
    /// The system whose ids stand in the column `id`; leads without one get their name there
    #[arg(long, default_value = "file", value_name = "NAME")]
    system: String,
    /// Only these columns, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    columns: Vec<String>,
    /// Where they go; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: PathBuf,
    /// How they look [default: by the ending of --out, else csv]
    #[arg(long)]
    format: Option<Format>,
    #[command(flatten)]
    server: ServerArg,
}

/// The columns beside attributes, in the order in which they stand.
const COLUMNS: [&str; 34] = [
    "id",
    "display_name",
    "domain",
    "industry",
    "country",
    "region",
    "employees",
    "revenue",
    "founded_year",
    "growth_stage",
    "tech",
    "birth_year",
    "city",
    "occupation",
    "language",
    "owner",
    "source",
    "stage",
    "stage_reason",
    "outcome",
    "outcome_time",
    "outcome_reason",
    "profile",
    "segment",
    "status",
    "grade",
    "total",
    "fit",
    "engagement",
    "stale",
    "created",
    "updated",
    "last_activity",
    "lead",
];

impl Export {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let vocabulary = clients.vocabulary().await?;
        let columns = self.chosen(&vocabulary)?;
        let typed = columns.iter().map(|name| Column::new(name, kind(name, &vocabulary))).collect();
        let mut sheet = Sheet::create(&self.out, Format::of(self.format, &self.out), typed)?;
        let (mut count, mut page_token) = (0, String::new());
        loop {
            let request = pb::ListLeadsRequest {
                page_size: 1_000,
                page_token,
                filter: self.filter.clone(),
                order_by: self.order_by.clone(),
            };
            let page = clients.leads().list_leads(request).await?.into_inner();
            for lead in &page.leads {
                let cells = columns.iter().map(|column| cell(lead, column, &self.system)).collect::<Vec<_>>();
                sheet.write(cells)?;
                count += 1;
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        sheet.finish()?;
        if self.out.as_os_str() != "-" {
            eprintln!("{} in {}", counted(count, "lead"), self.out.display());
        }
        Ok(Done::Well)
    }

    /// The columns that are wanted; without a wish, all.
    fn chosen(&self, vocabulary: &Vocabulary) -> anyhow::Result<Vec<String>> {
        let known: Vec<String> =
            COLUMNS.iter().map(ToString::to_string).chain(vocabulary.attributes.keys().cloned()).collect();
        if self.columns.is_empty() {
            return Ok(known);
        }
        let names: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        for column in &self.columns {
            if !names.contains(column.as_str()) {
                let help = crate::domain::text::suggestion(column, names.iter().copied());
                anyhow::bail!("--columns: there is no column \"{column}\"; {help}");
            }
        }
        Ok(self.columns.clone())
    }
}

/// The type of a column's cells.
fn kind(column: &str, vocabulary: &Vocabulary) -> CellKind {
    match column {
        "employees" | "founded_year" | "birth_year" | "total" | "fit" | "engagement" => CellKind::Number,
        "stale" => CellKind::YesNo,
        _ => match vocabulary.attributes.get(column).map(|attribute| &attribute.kind) {
            Some(AttributeType::Number) => CellKind::Number,
            Some(AttributeType::YesNo) => CellKind::YesNo,
            _ => CellKind::Text,
        },
    }
}

fn text(text: &str) -> Cell {
    Cell::text(text)
}

fn number(number: Option<impl Into<f64>>) -> Cell {
    number.map_or(Cell::Empty, |number| Cell::Number(number.into()))
}

/// A word of an enumeration, as scripts and filters write it.
fn word(name: &str, prefix: &str) -> Cell {
    match name.trim_start_matches(prefix) {
        "UNSPECIFIED" => Cell::Empty,
        word => Cell::Text(word.to_lowercase()),
    }
}

fn day(time: Option<prost_types::Timestamp>) -> Cell {
    let time = convert::time(&mut Default::default(), "", time);
    time.map_or(Cell::Empty, |time| Cell::Text(time.to_string()))
}

fn cell(lead: &pb::Lead, column: &str, system: &str) -> Cell {
    let score = lead.latest_score.as_ref();
    let points = |of: fn(&pb::LatestScore) -> i64| number(score.map(|score| of(score) as f64 / 100.0));
    match column {
        "id" => text(lead.external_ids.get(system).unwrap_or(&lead.name)),
        "lead" => text(&lead.name),
        "owner" => text(&lead.owner),
        "source" => text(&lead.source),
        "stage" => word(lead.stage().as_str_name(), "LEAD_STAGE_"),
        "stage_reason" => text(&lead.stage_reason),
        "outcome" => word(lead.outcome.clone().unwrap_or_default().kind().as_str_name(), "OUTCOME_KIND_"),
        "outcome_time" => day(lead.outcome.as_ref().and_then(|outcome| outcome.time)),
        "outcome_reason" => text(lead.outcome.as_ref().map_or("", |outcome| &outcome.reason)),
        "profile" => text(&lead.profile),
        "segment" => text(&lead.segment),
        "status" => score.map_or(Cell::Empty, |score| word(score.status().as_str_name(), "SCORE_STATUS_")),
        "grade" => text(score.map_or("", |score| &score.grade)),
        "total" => points(|score| score.total_hundredths),
        "fit" => points(|score| score.fit_hundredths),
        "engagement" => points(|score| score.engagement_hundredths),
        "stale" => score.map_or(Cell::Empty, |score| Cell::YesNo(score.stale)),
        "created" => day(lead.first_seen_time.or(lead.create_time)),
        "updated" => day(lead.update_time),
        "last_activity" => day(lead.last_activity_time),
        other => of_subject(lead, other)
            .or_else(|| Some(attribute(lead.attributes.get(other)?.value.as_ref()?)))
            .unwrap_or(Cell::Empty),
    }
}

fn of_subject(lead: &pb::Lead, column: &str) -> Option<Cell> {
    match (lead.subject.as_ref()?, column) {
        (Subject::Company(company), column) => Some(match column {
            "display_name" => text(&company.display_name),
            "domain" => text(&company.domain),
            "industry" => text(&company.industry),
            "country" => text(&company.country),
            "region" => text(&company.region),
            "employees" => number(company.employees.map(|number| number as f64)),
            "revenue" => company.annual_revenue.as_ref().map_or(Cell::Empty, money),
            "founded_year" => number(company.founded_year),
            "growth_stage" => word(company.growth_stage().as_str_name(), "GROWTH_STAGE_"),
            "tech" => company.technologies.as_ref().map_or(Cell::Empty, |tech| text(&tech.values.join("; "))),
            _ => return None,
        }),
        (Subject::Person(person), column) => Some(match column {
            "display_name" => text(&person.display_name),
            "birth_year" => number(person.birth_year),
            "country" => text(&person.country),
            "region" => text(&person.region),
            "city" => text(&person.city),
            "occupation" => text(&person.occupation),
            "language" => text(&person.language),
            _ => return None,
        }),
    }
}

/// An amount as `assay import` reads it: with its currency.
fn money(money: &pb::Money) -> Cell {
    let fraction = format!("{:09}", money.nanos.unsigned_abs());
    let fraction = fraction.trim_end_matches('0');
    let sign = if money.units < 0 || money.nanos < 0 { "-" } else { "" };
    let dot = if fraction.is_empty() { "" } else { "." };
    Cell::Text(format!("{} {sign}{}{dot}{fraction}", money.currency_code, money.units.unsigned_abs()))
}

fn attribute(value: &pb::Value) -> Cell {
    match &value.kind {
        Some(Kind::Number(value)) => Cell::Number(*value),
        Some(Kind::Text(word)) => text(word),
        Some(Kind::YesNo(yes)) => Cell::YesNo(*yes),
        Some(Kind::List(list)) => text(&list.values.join("; ")),
        Some(Kind::Money(amount)) => money(amount),
        None => Cell::Empty,
    }
}
