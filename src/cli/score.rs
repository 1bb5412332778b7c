use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Done;
use super::connect::Clients;
use super::leads_file::{LeadRow, LeadsFile};
use super::local::Local;
use super::mapping::Mapped;
use super::rows::{FileArg, Row};
use super::scored::{Rejected, Scored, Sink};
use super::sheet_out::Format;
use super::table::{Table, bar, counted};
use crate::app::{Clock as _, SystemClock};
use crate::config::currency;
use crate::domain::time::Time;
use crate::domain::vocabulary::Vocabulary;
use crate::grpc::pb::score_lead_request::{self, ProfileChoice};
use crate::grpc::pb::{self, score_leads_response};

#[derive(Args)]
#[command(after_help = "\
Columns become facts as facts.toml maps them; the scripts folder of the server, or --scripts, decides.
A cell that can't be read is an unknown fact and a warning; numbers are read as the whole column writes them.

Examples:
  assay score leads.csv                                 in this process, by scripts/lead_scoring/default.rhai
  assay score leads.csv --profile-file icp.json --out scored.csv
  assay score export.xlsx --keep Owner,Phone --out scored.csv
  assay score old.csv --encoding windows-1252 --as-of 2026-06-01
  assay score leads.csv --server http://127.0.0.1:50051 --profile profiles/main --format jsonl

A profile file is YAML or JSON, as `assay get profiles/main` writes it: {\"display_name\": \"Main\", \"industries\": [\"software\"]}")]
pub struct Score {
    /// The file: delimited text with a header line, JSON Lines, Parquet, or a spreadsheet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub by: ScoredBy,
    /// Where the result goes; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: PathBuf,
    /// How the result looks [default: by the ending of --out, else csv]
    #[arg(long)]
    format: Option<Format>,
    /// Where rows that could not be scored go [default: FILE.errors.csv]
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    #[command(flatten)]
    input: FileArg,
    /// Columns of the file that the result carries too, separated by commas; `all` for every one
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    keep: Vec<String>,
    /// How many reasons each row gets
    #[arg(long, default_value_t = 3, value_name = "N")]
    top: usize,
}

/// By what leads from a file are scored.
#[derive(Args, Clone)]
pub struct ScoredBy {
    /// A running server; without it the file is scored in this process
    #[arg(long, env = "ASSAY_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The rules for scoring in this process
    #[arg(long, env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    pub scripts: PathBuf,
    /// The script for scoring without a profile
    #[arg(long, default_value = "default", conflicts_with_all = ["profile", "profile_file", "server"], value_name = "NAME")]
    pub script: String,
    /// A stored profile of the server
    #[arg(long, conflicts_with = "profile_file", requires = "server", value_name = "NAME")]
    pub profile: Option<String>,
    /// A profile from a file of YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub profile_file: Option<PathBuf>,
    /// The time that the scores speak of, such as 2026-06-01 [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// The currency of plain amounts
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    pub currency: String,
}

/// Whatever scores, with the words that it knows.
pub struct Scorer {
    judge: Judge,
    pub vocabulary: Vocabulary,
    /// The time that the scores speak of.
    pub as_of: Time,
}

enum Judge {
    Local(Box<Local>),
    Server { clients: Clients, choice: Box<Option<ProfileChoice>>, as_of: Option<Time> },
}

impl ScoredBy {
    pub async fn connect(&self) -> anyhow::Result<Scorer> {
        let choice = self.choice()?;
        let asked = self.as_of.as_deref().map(moment).transpose().context("--as-of")?;
        let as_of = asked.unwrap_or_else(|| SystemClock.now());
        let (judge, vocabulary) = match (&self.server, choice) {
            (Some(url), choice) => {
                let clients = Clients::connect(url).await?;
                let vocabulary = clients.vocabulary().await?;
                (Judge::Server { clients, choice: Box::new(choice), as_of: asked }, vocabulary)
            }
            (None, Some(ProfileChoice::InlineProfile(profile))) => {
                let local = Local::new(&self.scripts, profile, &self.currency, as_of)?;
                let vocabulary = local.rules.vocabulary.clone();
                (Judge::Local(Box::new(local)), vocabulary)
            }
            (None, _) => bail!("a stored profile needs the server that has it: name it with --server URL"),
        };
        Ok(Scorer { judge, vocabulary, as_of })
    }

    fn choice(&self) -> anyhow::Result<Option<ProfileChoice>> {
        if let Some(name) = &self.profile {
            return Ok(Some(ProfileChoice::Profile(name.clone())));
        }
        if let Some(path) = &self.profile_file {
            return Ok(Some(ProfileChoice::InlineProfile(super::documents::profile(path)?)));
        }
        if self.server.is_some() {
            return Ok(None);
        }
        let display_name = "No profile".to_owned();
        let blank =
            pb::Profile { display_name, scoring_script: self.script.clone(), ..pb::Profile::default() };
        Ok(Some(ProfileChoice::InlineProfile(blank)))
    }
}

/// A time, or the beginning of a day.
pub fn moment(text: &str) -> anyhow::Result<Time> {
    Time::of_date(text).map_or_else(|| Ok(text.parse()?), Ok)
}

impl Scorer {
    /// Scores one lead of a file.
    pub async fn score(&self, lead: pb::Lead, activities: Vec<pb::Activity>) -> anyhow::Result<pb::Score> {
        match &self.judge {
            Judge::Local(local) => local.score(lead, activities).map_err(|problem| anyhow::anyhow!(problem)),
            Judge::Server { clients, choice, as_of } => {
                let request = request(choice, *as_of, inline(lead, activities));
                Ok(clients.scoring().score_lead(request).await?.into_inner())
            }
        }
    }

    /// Scores a stored lead; gives its name for people with the score.
    pub async fn score_stored(&self, name: &str) -> anyhow::Result<(pb::Lead, pb::Score)> {
        let Judge::Server { clients, choice, as_of } = &self.judge else {
            bail!("{name} is a stored lead: name the server that has it with --server URL");
        };
        let get = pb::GetLeadRequest { name: name.to_owned(), revision: 0 };
        let lead = clients.leads().get_lead(get).await?.into_inner();
        let request = request(choice, *as_of, score_lead_request::Subject::Lead(name.to_owned()));
        Ok((lead, clients.scoring().score_lead(request).await?.into_inner()))
    }
}

fn inline(lead: pb::Lead, activities: Vec<pb::Activity>) -> score_lead_request::Subject {
    score_lead_request::Subject::Inline(pb::InlineLead { lead: Some(lead), activities })
}

fn request(
    choice: &Option<ProfileChoice>,
    as_of: Option<Time>,
    subject: score_lead_request::Subject,
) -> pb::ScoreLeadRequest {
    pb::ScoreLeadRequest {
        subject: Some(subject),
        profile_choice: choice.clone(),
        as_of_time: as_of.map(crate::grpc::convert::timestamp),
        record: false,
        ..Default::default()
    }
}

impl Score {
    pub async fn run(self) -> anyhow::Result<Done> {
        std::fs::metadata(&self.file).with_context(|| self.file.display().to_string())?;
        let errors = self.errors.clone().unwrap_or_else(|| self.file.with_extension("errors.csv"));
        self.check_files(&errors)?;
        let scorer = self.by.connect().await?;
        let format = Format::of(self.format, &self.out);
        // What is no table must not cost the result of a former run.
        let mut file =
            LeadsFile::open(&self.file, &self.input, &scorer.vocabulary, &self.by.currency, scorer.as_of)?;
        let kept = file.columns(&self.keep)?;
        let names = kept.iter().map(|column| file.header[*column].trim().to_owned()).collect();
        let mut results = Results {
            sink: Sink::open(&self.out, format, self.top, names)?,
            rejected: Rejected::new(errors, file.header.clone())?,
            grades: BTreeMap::new(),
            kept,
            progress: progress(file.count),
        };
        match &scorer.judge {
            Judge::Local(local) => {
                while let Some(row) = file.read()? {
                    let Some((mapped, row)) = results.usable(row)? else { continue };
                    let score = local.score(mapped.lead, mapped.activities);
                    results.take(&Waiting { id: mapped.id, name: mapped.name, row }, score)?;
                }
            }
            Judge::Server { clients, choice, as_of } => {
                score_by_stream(clients, &mut file, &mut results, |mapped| {
                    request(choice, *as_of, inline(mapped.0, mapped.1))
                })
                .await?;
            }
        }
        results.progress.finish_and_clear();
        file.tell();
        results.finish()
    }
}

/// A row whose score is awaited.
struct Waiting {
    id: String,
    name: String,
    row: Row,
}

/// How many rows are under way at a time.
const UNDER_WAY: usize = 256;

async fn score_by_stream(
    clients: &Clients,
    file: &mut LeadsFile<'_>,
    results: &mut Results,
    request: impl Fn((pb::Lead, Vec<pb::Activity>)) -> pb::ScoreLeadRequest,
) -> anyhow::Result<()> {
    let (requests, outgoing) = mpsc::channel(UNDER_WAY);
    let mut answers = clients.scoring().score_leads(ReceiverStream::new(outgoing)).await?.into_inner();
    let mut requests = Some(requests);
    // Answers come in the order of the requests.
    let mut waiting = VecDeque::new();
    loop {
        let room = requests.as_ref().filter(|_| waiting.len() < UNDER_WAY);
        if let Some(room) = room {
            match file.read()? {
                None => requests = None,
                Some(row) => {
                    let Some((mapped, row)) = results.usable(row)? else { continue };
                    let item = pb::ScoreLeadsRequest {
                        id: mapped.id.clone(),
                        request: Some(request((mapped.lead, mapped.activities))),
                    };
                    // There is room: no more are under way than the channel takes.
                    room.try_send(item).context("the server ended the stream")?;
                    waiting.push_back(Waiting { id: mapped.id, name: mapped.name, row });
                }
            }
            continue;
        }
        let Some(answer) = answers.message().await? else { break };
        let row = waiting.pop_front().context("the server answered what was not asked")?;
        let score = match answer.result {
            Some(score_leads_response::Result::Score(score)) => Ok(score),
            Some(score_leads_response::Result::Error(error)) => Err(problem(&error)),
            None => Err("the server gave no answer".to_owned()),
        };
        results.take(&row, score)?;
    }
    match waiting.is_empty() {
        true => Ok(()),
        false => bail!("the server ended the stream"),
    }
}

impl Score {
    /// Refuses to write over what is read, or twice to the same file.
    fn check_files(&self, errors: &std::path::Path) -> anyhow::Result<()> {
        let same = |a: &std::path::Path, b: &std::path::Path| {
            a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
        };
        for (flag, path) in [("--out", self.out.as_path()), ("--errors", errors)] {
            if same(path, &self.file) {
                bail!("{flag} {} would overwrite the file that is read", path.display());
            }
        }
        if same(&self.out, errors) {
            bail!("--out and --errors are the same file, {}", errors.display());
        }
        Ok(())
    }
}

/// What was scored so far, and what could not be.
struct Results {
    sink: Sink,
    rejected: Rejected,
    grades: BTreeMap<String, usize>,
    kept: Vec<usize>,
    progress: ProgressBar,
}

impl Results {
    /// The lead of a row, unless the row can't be used: then that is noted.
    fn usable(&mut self, row: LeadRow) -> anyhow::Result<Option<(Mapped, Row)>> {
        self.progress.inc(1);
        match row.lead {
            Ok(mapped) => Ok(Some((*mapped, row.row))),
            Err(problem) => self.rejected.note(&row.row, &problem).map(|()| None),
        }
    }

    fn take(&mut self, waiting: &Waiting, score: Result<pb::Score, String>) -> anyhow::Result<()> {
        let Waiting { id, name, row } = waiting;
        match score {
            Ok(score) => {
                *self.grades.entry(grade_or_status(&score)).or_default() += 1;
                let kept: Vec<String> = self
                    .kept
                    .iter()
                    .map(|column| row.cells.get(*column).cloned().unwrap_or_default())
                    .collect();
                self.sink.write(Scored { id, name, kept: &kept, score: &score })
            }
            Err(problem) => self.rejected.note(row, &problem),
        }
    }

    fn finish(self) -> anyhow::Result<Done> {
        self.sink.finish()?;
        eprint!("{}", grades_table(&self.grades));
        let Rejected { count, path, common, .. } = self.rejected.finish()?;
        if count == 0 {
            return Ok(Done::Well);
        }
        let why = common.map(|why| format!(" ({why})")).unwrap_or_default();
        eprintln!("{} could not be scored{why}: see {}", counted(count, "row"), path.display());
        Ok(if self.grades.is_empty() { Done::No } else { Done::Partly })
    }
}

/// An item's error with all its violations.
pub fn problem(error: &tonic_types::Status) -> String {
    use tonic_types::RpcStatusExt as _;
    let details = error.get_error_details();
    let violations = details.bad_request().map_or(&[][..], |request| &request.field_violations);
    match violations.len() {
        0 | 1 => error.message.clone(),
        _ => {
            let each = violations.iter().map(|v| format!("{}: {}", v.field, v.description));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

fn progress(rows: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {per_sec}  {eta} left");
    ProgressBar::new(rows as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The grade, or why there is none.
pub fn grade_or_status(score: &pb::Score) -> String {
    match score.status() {
        pb::ScoreStatus::Scored => score.grade.clone(),
        pb::ScoreStatus::Disqualified => "disqualified".into(),
        pb::ScoreStatus::InsufficientData => "insufficient data".into(),
        pb::ScoreStatus::Unspecified => String::new(),
    }
}

/// The grades with their counts and bars.
pub fn grades_table(grades: &BTreeMap<String, usize>) -> String {
    let total: usize = grades.values().sum();
    let mut table = Table::new(&["grade", "leads", "share", ""], &[1, 2]);
    // Grades come first, statuses without a grade last.
    let mut rows: Vec<_> = grades.iter().collect();
    rows.sort_by_key(|(grade, _)| (grade.chars().count() > 2, (*grade).clone()));
    for (grade, count) in rows {
        let share = format!("{:.1} %", *count as f64 * 100.0 / total.max(1) as f64);
        table.row([grade.clone(), count.to_string(), share, bar(*count, total, 40)]);
    }
    table.render()
}
