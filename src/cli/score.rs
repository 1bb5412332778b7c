use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Done;
use super::connect::{Clients, OwnServer};
use super::csv_rows::{CsvArg, Read, Rows};
use super::scored::{Format, Rejected, Sink};
use super::table::{Table, bar, counted};
use crate::config::{Settings, currency};
use crate::domain::vocabulary::Vocabulary;
use crate::grpc::pb::{self, score_lead_request, score_leads_response};
use crate::rules::source::Sources;

#[derive(Args)]
#[command(after_help = "\
Columns become facts as facts.toml maps them; the scripts folder of the server, or --scripts, decides.

Examples:
  assay score leads.csv                                 in this process, by scripts/lead_scoring/default.rhai
  assay score leads.csv --profile-file icp.json --out scored.csv
  assay score leads.csv --server http://127.0.0.1:50051 --profile profiles/main --format jsonl

A profile file is protobuf JSON of assay.v1.Profile: {\"displayName\": \"Main\", \"industries\": [\"software\"]}")]
pub struct Score {
    /// The CSV file, with a header line
    #[arg(value_name = "FILE.csv")]
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
    csv: CsvArg,
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
    /// A profile from a file
    #[arg(long, value_name = "FILE.json")]
    pub profile_file: Option<PathBuf>,
    /// The time that the scores speak of [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// The currency of plain amounts
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    pub currency: String,
}

/// A connection to whatever scores, with the words that it knows.
pub struct Scorer {
    pub clients: Clients,
    own: Option<OwnServer>,
    pub vocabulary: Vocabulary,
    choice: Option<score_lead_request::ProfileChoice>,
    as_of: Option<prost_types::Timestamp>,
}

impl ScoredBy {
    pub async fn connect(&self) -> anyhow::Result<Scorer> {
        let choice = self.choice()?;
        let as_of = self.as_of.as_deref().map(|text| text.parse::<crate::domain::time::Time>());
        let as_of = as_of.transpose().context("--as-of")?.map(crate::grpc::convert::timestamp);
        let (clients, own) = match &self.server {
            Some(url) => (Clients::connect(url).await?, None),
            None => {
                let settings = Settings { currency: Some(self.currency.clone()), ..Settings::default() };
                let own = OwnServer::start(self.scripts.clone(), settings).await?;
                (own.clients.clone(), Some(own))
            }
        };
        let set = clients.rules().get_rule_set(pb::GetRuleSetRequest::default()).await?.into_inner();
        let files: BTreeMap<_, _> = set.files.into_iter().map(|file| (file.path, file.content)).collect();
        let vocabulary = crate::rules::vocabulary(&Sources::new(files));
        let vocabulary = vocabulary.map_err(|_| anyhow::anyhow!("the server's facts.toml can't be read"))?;
        Ok(Scorer { clients, own, vocabulary, choice, as_of })
    }

    fn choice(&self) -> anyhow::Result<Option<score_lead_request::ProfileChoice>> {
        use score_lead_request::ProfileChoice;
        if let Some(name) = &self.profile {
            return Ok(Some(ProfileChoice::Profile(name.clone())));
        }
        if let Some(path) = &self.profile_file {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let profile = super::json::profile(&text).with_context(|| path.display().to_string())?;
            return Ok(Some(ProfileChoice::InlineProfile(profile)));
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

impl Scorer {
    pub fn request(&self, lead: pb::Lead) -> pb::ScoreLeadRequest {
        let inline = pb::InlineLead { lead: Some(lead), activities: Vec::new() };
        pb::ScoreLeadRequest {
            subject: Some(score_lead_request::Subject::Inline(inline)),
            profile_choice: self.choice.clone(),
            as_of_time: self.as_of,
            record: false,
            ..Default::default()
        }
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        match self.own {
            Some(own) => own.stop().await,
            None => Ok(()),
        }
    }
}

impl Score {
    pub async fn run(self) -> anyhow::Result<Done> {
        let size = std::fs::metadata(&self.file).with_context(|| self.file.display().to_string())?.len();
        let errors = self.errors.clone().unwrap_or_else(|| self.file.with_extension("errors.csv"));
        self.check_files(&errors)?;
        let scorer = self.by.connect().await?;
        let format = self.format.unwrap_or_else(|| match self.out.extension().and_then(|e| e.to_str()) {
            Some("jsonl" | "ndjson") => Format::Jsonl,
            _ => Format::Csv,
        });
        let progress = progress(size);
        let (rows, mut read) = mpsc::channel::<(u64, Read)>(256);
        let (file, csv, currency) = (self.file.clone(), self.csv.clone(), self.by.currency.clone());
        let vocabulary = scorer.vocabulary.clone();
        // What is no table must not cost the result of a former run.
        drop(Rows::open(&file, &csv, &vocabulary, &currency)?);
        let mut results = Results {
            sink: Sink::open(&self.out, format, self.top)?,
            rejected: Rejected::new(errors)?,
            grades: BTreeMap::new(),
        };
        let reader =
            tokio::task::spawn_blocking(move || read_rows(&file, &csv, &currency, &vocabulary, &rows));
        let (requests, outgoing) = mpsc::channel(256);
        let mut answers =
            scorer.clients.scoring().score_leads(ReceiverStream::new(outgoing)).await?.into_inner();
        let mut requests = Some(requests);
        loop {
            tokio::select! {
                row = read.recv(), if requests.is_some() => match row {
                    None => requests = None,
                    Some((position, Read { number, id, lead })) => {
                        progress.set_position(position);
                        match (lead, &requests) {
                            (Err(problems), _) => {
                                results.rejected.note(&number.to_string(), &id, &problems.join("; "))?;
                            }
                            (Ok(lead), Some(requests)) => {
                                let id = format!("{number}\n{id}");
                                let item = pb::ScoreLeadsRequest { id, request: Some(scorer.request(*lead)) };
                                send_while_reading(requests, item, &mut answers, &mut results).await?;
                            }
                            (Ok(_), None) => {}
                        }
                    }
                },
                answer = answers.message() => match answer? {
                    Some(answer) => results.take(answer)?,
                    None => break,
                },
            }
        }
        reader.await??;
        progress.finish_and_clear();
        scorer.stop().await?;
        results.finish()
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
}

impl Results {
    fn take(&mut self, answer: pb::ScoreLeadsResponse) -> anyhow::Result<()> {
        let (number, id) = answer.id.split_once('\n').unwrap_or(("", &answer.id));
        match answer.result {
            Some(score_leads_response::Result::Score(score)) => {
                *self.grades.entry(grade_or_status(&score)).or_default() += 1;
                self.sink.write(id, &score)
            }
            Some(score_leads_response::Result::Error(error)) => {
                self.rejected.note(number, id, &problem(&error))
            }
            None => self.rejected.note(number, id, "the server gave no answer"),
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
fn problem(error: &tonic_types::Status) -> String {
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

/// Sends an item; meanwhile takes answers, so that neither side waits for the other.
async fn send_while_reading(
    requests: &mpsc::Sender<pb::ScoreLeadsRequest>,
    item: pb::ScoreLeadsRequest,
    answers: &mut tonic::Streaming<pb::ScoreLeadsResponse>,
    results: &mut Results,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            permit = requests.reserve() => {
                permit.context("the server ended the stream")?.send(item);
                return Ok(());
            }
            answer = answers.message() => match answer? {
                Some(answer) => results.take(answer)?,
                None => bail!("the server ended the stream"),
            },
        }
    }
}

fn read_rows(
    path: &std::path::Path,
    csv: &CsvArg,
    currency: &str,
    vocabulary: &Vocabulary,
    rows: &mpsc::Sender<(u64, Read)>,
) -> anyhow::Result<()> {
    let mut file = Rows::open(path, csv, vocabulary, currency)?;
    for missing in &file.mapping.missing {
        eprintln!("warning: {missing}");
    }
    if !file.mapping.ignored.is_empty() {
        let ignored = file.mapping.ignored.join(", ");
        eprintln!("note: columns that facts.toml does not map are ignored: {ignored}");
    }
    while let Some(read) = file.read()? {
        if rows.blocking_send((file.position(), read)).is_err() {
            break;
        }
    }
    Ok(())
}

fn progress(size: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {bytes_per_sec}  {eta} left");
    ProgressBar::new(size).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
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
