//! Leads from a file into a server: idempotent by their ids, so that an import that was cut off is simply run again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Done;
use super::connect::{Clients, ServerArg};
use super::leads_file::LeadsFile;
use super::mapping::Mapped;
use super::rows::{FileArg, Row};
use super::score::{grade_or_status, grades_table, moment, problem};
use super::scored::Rejected;
use super::table::{Table, counted};
use crate::app::{Clock as _, SystemClock};
use crate::config::currency;
use crate::grpc::pb::{self, score_leads_response, upsert_lead_result};
use crate::grpc::{convert, mask};

#[derive(Args)]
#[command(after_help = "\
Columns become facts as the server's facts.toml maps them; stages and outcomes come in too. A lead is known by its id in
--system: a new one is created, one that exists gets what the row knows and keeps the rest. So importing twice is importing
once, and an import that was cut off is run again.

Examples:
  assay import leads.csv --dry-run                    what it would do: new, changed, unchanged, refused
  assay import leads.csv --profile profiles/main --score
  assay import export.xlsx --system hubspot --profile profiles/main --author an --reason \"the fair\"")]
pub struct Import {
    /// The file: delimited text with a header line, JSON Lines, Parquet, or a spreadsheet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The system that the ids belong to
    #[arg(long, default_value = "file", value_name = "NAME")]
    system: String,
    /// The profile that new leads are scored with
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Score each lead too, by its profile, and keep the scores: lists and exports show them then
    #[arg(long, conflicts_with = "dry_run")]
    score: bool,
    /// Who imports, kept with each revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why, kept with each revision [default: import of FILE]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Where rows that could not be imported go [default: FILE.errors.csv]
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// The time that ages in the file speak of [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// The currency of plain amounts
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    currency: String,
    #[command(flatten)]
    input: FileArg,
    #[command(flatten)]
    server: ServerArg,
}

/// How many leads go in one call.
const BATCH: usize = 250;
/// How often a call that passed by is tried, and how long after the first time.
const ATTEMPTS: u32 = 6;
const AGAIN: Duration = Duration::from_millis(250);

impl Import {
    pub async fn run(self) -> anyhow::Result<Done> {
        std::fs::metadata(&self.file).with_context(|| self.file.display().to_string())?;
        let errors = self.errors.clone().unwrap_or_else(|| self.file.with_extension("errors.csv"));
        if errors == self.file {
            bail!("--errors {} would overwrite the file that is read", errors.display());
        }
        let clients = Clients::connect(&self.server.server).await?;
        let vocabulary = clients.vocabulary().await?;
        let as_of = self.as_of.as_deref().map(moment).transpose().context("--as-of")?;
        let as_of = as_of.unwrap_or_else(|| SystemClock.now());
        let mut file = LeadsFile::open(&self.file, &self.input, &vocabulary, &self.currency, as_of)?;
        if !file.has_id() {
            bail!(
                "{} has no column with ids, without which importing twice would make everything twice; name it in facts.toml: \
                 [columns] id = \"…\"; the columns are {}",
                self.file.display(),
                file.header.join(", ")
            );
        }
        let mut importing = Importing {
            clients,
            import: &self,
            has_names: file.has_names(),
            rejected: Rejected::new(errors, file.header.clone())?,
            progress: progress(file.count),
            counts: Counts::default(),
            seen: BTreeSet::new(),
        };
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(row) = file.read()? {
            match row.lead {
                Err(problem) => importing.refuse(&row.row, &problem)?,
                // The last row of an id would win, but perhaps not in this order.
                Ok(mapped) if !importing.seen.insert(mapped.id.clone()) => {
                    importing.refuse(
                        &row.row,
                        &format!("the id {} stood before: only the first row counts", mapped.id),
                    )?;
                }
                Ok(mapped) => batch.push((*mapped, row.row)),
            }
            if batch.len() == BATCH {
                importing.take(std::mem::take(&mut batch)).await?;
            }
        }
        importing.take(batch).await?;
        importing.progress.finish_and_clear();
        file.tell();
        importing.finish()
    }
}

#[derive(Default)]
struct Counts {
    created: usize,
    changed: usize,
    unchanged: usize,
    activities: usize,
    /// How many leads got which grade, and why some got none.
    grades: BTreeMap<String, usize>,
    unscored: BTreeMap<String, usize>,
}

struct Importing<'a> {
    clients: Clients,
    import: &'a Import,
    has_names: bool,
    rejected: Rejected,
    progress: ProgressBar,
    counts: Counts,
    seen: BTreeSet<String>,
}

impl Importing<'_> {
    fn refuse(&mut self, row: &Row, problem: &str) -> anyhow::Result<()> {
        self.progress.inc(1);
        self.rejected.note(row, problem)
    }

    async fn take(&mut self, batch: Vec<(Mapped, Row)>) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let read = u64::try_from(batch.len()).unwrap_or(0);
        if self.import.dry_run {
            self.compare(batch).await?;
        } else {
            self.store(batch).await?;
        }
        self.progress.inc(read);
        Ok(())
    }

    /// The lead of a row, with its id and the fields that the row knows.
    fn item(&self, mapped: &Mapped) -> pb::UpsertLead {
        let mut lead = mapped.lead.clone();
        lead.external_ids.insert(self.import.system.clone(), mapped.id.clone());
        let mut known = mask::known_paths(&lead, "Lead", &["company", "person"]);
        // A lead that exists has been seen already.
        known.retain(|path| path != "first_seen_time");
        if !self.has_names {
            // A name that is made of the id is better than none, but not than the one there is.
            known.retain(|path| !path.ends_with(".display_name"));
        }
        // A lead that exists keeps its profile, unless its row names one.
        if lead.profile.is_empty() {
            lead.profile = self.import.profile.clone().unwrap_or_default();
        }
        let update_mask = Some(prost_types::FieldMask { paths: known });
        pb::UpsertLead { id: mapped.id.clone(), lead: Some(lead), update_mask }
    }

    async fn store(&mut self, batch: Vec<(Mapped, Row)>) -> anyhow::Result<()> {
        let items: Vec<_> = batch.iter().map(|(mapped, _)| self.item(mapped)).collect();
        let shown = self.import.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let reason = self.import.reason.clone();
        let reason = reason.unwrap_or_else(|| format!("import of {}", shown.unwrap_or_default()));
        let request = pb::BatchUpsertLeadsRequest {
            system: self.import.system.clone(),
            items,
            change: Some(pb::Change { author: self.import.author.clone(), reason }),
            ..Default::default()
        };
        // Tried again, it is not done twice; run again, it is compared with what is there.
        let request_id = format!("import-{:032x}", rand::random::<u128>());
        let request = pb::BatchUpsertLeadsRequest { request_id, ..request };
        let answer =
            patiently(async || self.clients.leads().batch_upsert_leads(request.clone()).await).await?;
        let mut stored = Vec::new();
        for ((mapped, row), result) in batch.into_iter().zip(answer.results) {
            match result.result {
                Some(upsert_lead_result::Result::Lead(lead)) => {
                    match (result.created, result.changed) {
                        (true, _) => self.counts.created += 1,
                        (false, true) => self.counts.changed += 1,
                        (false, false) => self.counts.unchanged += 1,
                    }
                    self.record(&lead.name, mapped.activities).await?;
                    stored.push(lead.name);
                }
                Some(upsert_lead_result::Result::Error(error)) => {
                    self.rejected.note(&row, &problem(&error))?
                }
                None => self.rejected.note(&row, "the server gave no answer")?,
            }
        }
        if self.import.score { self.score(stored).await } else { Ok(()) }
    }

    /// Scores stored leads, and has the scores kept.
    async fn score(&mut self, leads: Vec<String>) -> anyhow::Result<()> {
        let requests = leads.into_iter().map(|lead| {
            let subject = Some(pb::score_lead_request::Subject::Lead(lead.clone()));
            let request = pb::ScoreLeadRequest { subject, record: true, ..Default::default() };
            pb::ScoreLeadsRequest { id: lead, request: Some(request) }
        });
        let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
        let mut answers = self.clients.scoring().score_leads(requests).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.result {
                Some(score_leads_response::Result::Score(score)) => {
                    *self.counts.grades.entry(grade_or_status(&score)).or_default() += 1;
                }
                Some(score_leads_response::Result::Error(error)) => {
                    *self.counts.unscored.entry(problem(&error)).or_default() += 1;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Records what happened to a lead. The first, second and so on of each type has an id of its own: where a later file
    /// counts more of them, only those that are more are recorded.
    async fn record(&mut self, lead: &str, activities: Vec<pb::Activity>) -> anyhow::Result<()> {
        if activities.is_empty() {
            return Ok(());
        }
        let mut numbers = BTreeMap::<String, usize>::new();
        let activities: Vec<_> = activities
            .into_iter()
            .map(|activity| {
                let number = numbers.entry(activity.r#type.clone()).or_default();
                *number += 1;
                let id = format!("{}:{}:{number}", self.import.system, activity.r#type);
                pb::Activity { id, ..activity }
            })
            .collect();
        for part in activities.chunks(1_000) {
            let request = pb::RecordActivitiesRequest {
                lead: lead.to_owned(),
                activities: part.to_vec(),
                ..Default::default()
            };
            let answer =
                patiently(async || self.clients.leads().record_activities(request.clone()).await).await?;
            self.counts.activities += part.len() - usize::try_from(answer.repeated_count).unwrap_or(0);
        }
        Ok(())
    }

    /// Counts what storing a batch would do.
    async fn compare(&mut self, batch: Vec<(Mapped, Row)>) -> anyhow::Result<()> {
        let mut stored = BTreeMap::new();
        let ids: Vec<&str> = batch.iter().map(|(mapped, _)| mapped.id.as_str()).collect();
        for part in ids.chunks(40) {
            let quoted: Vec<String> = part.iter().map(|id| format!("\"{}\"", escaped(id))).collect();
            let filter =
                format!("external_ids.\"{}\" IN ({})", escaped(&self.import.system), quoted.join(", "));
            let request = pb::ListLeadsRequest { filter, page_size: 1_000, ..Default::default() };
            for lead in self.clients.every_lead(request).await? {
                if let Some(id) = lead.external_ids.get(&self.import.system) {
                    stored.insert(id.clone(), lead.clone());
                }
            }
        }
        for (mapped, _) in &batch {
            let item = self.item(mapped);
            self.counts.activities += mapped.activities.len();
            let Some(current) = stored.get(&mapped.id) else {
                self.counts.created += 1;
                continue;
            };
            match would_change(current, &item) {
                true => self.counts.changed += 1,
                false => self.counts.unchanged += 1,
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Done> {
        let Counts { created, changed, unchanged, activities, grades, unscored } = self.counts;
        let (dry, system) = (self.import.dry_run, &self.import.system);
        let mut table = Table::new(&["leads", "rows"], &[1]);
        let of = |done: &str, would: &str| if dry { would.to_owned() } else { done.to_owned() };
        table.row([of("created", "would be created"), created.to_string()]);
        table.row([of("changed", "would be changed"), changed.to_string()]);
        table.row(["unchanged".into(), unchanged.to_string()]);
        eprint!("{}", table.render());
        if activities > 0 {
            let told = if dry { "are told of" } else { "were recorded" };
            eprintln!("{} {told}", counted(activities, "activity").replace("activitys", "activities"));
        }
        if !grades.is_empty() {
            eprint!("{}", grades_table(&grades));
        }
        for (why, count) in &unscored {
            eprintln!("{} could not be scored: {why}", counted(*count, "lead"));
        }
        let Rejected { count, path, common, .. } = self.rejected.finish()?;
        if dry {
            eprintln!("nothing was stored: this was a dry run; leads are known by their id in \"{system}\"");
        }
        if count == 0 {
            return Ok(if unscored.is_empty() { Done::Well } else { Done::Partly });
        }
        let why = common.map(|why| format!(" ({why})")).unwrap_or_default();
        eprintln!("{} could not be imported{why}: see {}", counted(count, "row"), path.display());
        Ok(if created + changed + unchanged == 0 { Done::No } else { Done::Partly })
    }
}

/// Whether an item would change a lead that is there.
fn would_change(current: &pb::Lead, item: &pb::UpsertLead) -> bool {
    let Some(update) = &item.lead else { return false };
    let read = |lead: pb::Lead| convert::lead::draft(&mut Default::default(), lead);
    let merged = mask::edit("Lead", "lead", current.clone(), update, item.update_mask.as_ref(), |c, lead| {
        convert::lead::draft(c, lead)
    });
    merged.content.content != read(current.clone()).content
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Calls again, ever later, what passed by: a server that restarts or is busy must not cost an import.
async fn patiently<T>(
    call: impl AsyncFn() -> Result<tonic::Response<T>, tonic::Status>,
) -> anyhow::Result<T> {
    let mut wait = AGAIN;
    for attempt in 1.. {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if attempt < ATTEMPTS && status.code() == tonic::Code::Unavailable => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(status) => {
                return Err(anyhow::Error::new(status).context(
                    "the import stopped here; what was stored stays, and running it again goes on",
                ));
            }
        }
    }
    bail!("nothing was tried")
}

fn progress(rows: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {per_sec}  {eta} left");
    ProgressBar::new(rows as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
