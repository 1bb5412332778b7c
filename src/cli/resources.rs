//! Looking at stored resources of any kind, and removing them.

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use prost_reflect::DynamicMessage;

use super::Done;
use super::apply::yaml;
use super::connect::{Clients, ServerArg};
use super::kinds::{Kind, text_of};
use super::table::{Table, counted};
use crate::cli::output::{out, outln};
use crate::grpc::document::Document;
use crate::grpc::dynamic;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shown {
    /// As `assay apply` takes it
    Yaml,
    /// With everything that the server sets
    Json,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay get canvases/acme > acme.yaml              to edit, and to `assay apply` again
  assay get leads/acme profiles/main --output json")]
pub struct Get {
    /// The resources
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// How they look
    #[arg(long, short, default_value = "yaml")]
    output: Shown,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Listed {
    Table,
    Yaml,
    Json,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay list leads --filter 'grade = A AND country IN (DE, AT)' --order-by 'total desc'
  assay list segments --parent canvases/acme
  assay list canvases --output yaml > canvases.yaml")]
pub struct List {
    /// canvases, segments, personas, profiles or leads
    #[arg(value_name = "KIND")]
    kind: String,
    /// What they belong to: the canvas of segments, the segment of personas
    #[arg(long, value_name = "NAME")]
    parent: Option<String>,
    /// Which of them
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// The order, such as: update_time desc
    #[arg(long, default_value = "", value_name = "FIELD")]
    order_by: String,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// How they look
    #[arg(long, short, default_value = "table")]
    output: Listed,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
A deleted canvas or profile can be taken back by an Undelete call; a lead is erased for good.

Examples:
  assay delete canvases/old
  assay delete leads/acme leads/rival")]
pub struct Delete {
    /// The resources
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    server: ServerArg,
}

impl Get {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        for (i, name) in self.names.iter().enumerate() {
            let kind = Kind::of_name(name)?;
            let found = kind.get(&clients, name).await?;
            let found = found.with_context(|| format!("{name} does not exist"))?;
            match self.output {
                Shown::Yaml => {
                    if i > 0 {
                        outln!("---");
                    }
                    out!("{}", yaml(&Document::of(&found))?);
                }
                Shown::Json => outln!("{}", serde_json::to_string_pretty(&dynamic::to_json(&found))?),
            }
        }
        Ok(Done::Well)
    }
}

impl List {
    pub async fn run(self) -> anyhow::Result<Done> {
        let kind = Kind::read(&self.kind)?;
        if matches!(kind, Kind::Segment | Kind::Persona) && self.parent.is_none() {
            bail!("{} belong to something: name it, such as --parent canvases/main", kind.plural());
        }
        let clients = Clients::connect(&self.server.server).await?;
        let parent = self.parent.as_deref();
        // One more tells that there is more.
        let mut found = kind.list(&clients, parent, &self.filter, &self.order_by, self.limit + 1).await?;
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        match self.output {
            Listed::Table => out!("{}", table(kind, &found)),
            Listed::Yaml => {
                for (i, item) in found.iter().enumerate() {
                    if i > 0 {
                        outln!("---");
                    }
                    out!("{}", yaml(&Document::of(item))?);
                }
            }
            Listed::Json => {
                let all: Vec<_> = found.iter().map(dynamic::to_json).collect();
                outln!("{}", serde_json::to_string_pretty(&all)?);
            }
        }
        if more {
            eprintln!("there are more than {}: --limit shows them", counted(self.limit, "resource"));
        }
        Ok(Done::Well)
    }
}

impl Delete {
    pub async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        for name in &self.names {
            Kind::of_name(name)?.delete(&clients, name).await.with_context(|| name.clone())?;
            outln!("deleted {name}");
        }
        Ok(Done::Well)
    }
}

/// The columns of each kind beside the name, by their paths.
fn columns(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Canvas => &[("display name", "display_name"), ("kind", "kind"), ("changed", "update_time")],
        Kind::Segment => {
            &[("display name", "display_name"), ("size", "size"), ("growth", "growth_rate"), ("fit", "fit")]
        }
        Kind::Persona => &[("display name", "display_name"), ("role", "decision_role")],
        Kind::Profile => &[
            ("display name", "display_name"),
            ("segment", "segment"),
            ("script", "scoring_script"),
            ("changed", "update_time"),
        ],
        Kind::Lead => &[
            ("display name", "company.display_name|person.display_name"),
            ("stage", "stage"),
            ("grade", "latest_score.grade"),
            ("points", "latest_score.total_hundredths"),
            ("owner", "owner"),
        ],
    }
}

fn table(kind: Kind, found: &[DynamicMessage]) -> String {
    let columns = columns(kind);
    let head: Vec<&str> = ["name"].into_iter().chain(columns.iter().map(|(head, _)| *head)).collect();
    let mut table = Table::new(&head, &[]);
    for item in found {
        let json = dynamic::to_json(item);
        let cells = columns.iter().map(|(_, paths)| cell(&json, paths));
        table.row([text_of(item, "name")].into_iter().chain(cells));
    }
    table.render()
}

/// The first of some paths that leads to something, as text.
fn cell(json: &serde_json::Value, paths: &str) -> String {
    let found = paths.split('|').find_map(|path| {
        let value = path.split('.').try_fold(json, |json, part| json.get(part))?;
        Some((path, value))
    });
    match found {
        None => String::new(),
        Some((path, value)) if path.ends_with("_hundredths") => {
            super::table::points(value.as_i64().unwrap_or_default())
        }
        Some((_, serde_json::Value::String(text))) => {
            // An enumeration by its last word.
            let word = ["CANVAS_KIND_", "LEAD_STAGE_"].iter().find_map(|prefix| text.strip_prefix(prefix));
            word.map_or_else(|| text.clone(), str::to_lowercase)
        }
        Some((_, value)) => value.to_string(),
    }
}
