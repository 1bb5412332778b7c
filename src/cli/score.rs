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
use super::csv_leads::Mapping;
use super::scored::{Format, Rejected, Sink};
use super::table::{Table, bar};
use crate::config::Settings;
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
    /// What separates the cells; `\\t` is a tab
    #[arg(long, default_value = ",", value_name = "CHAR")]
    delimiter: String,
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
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_name = "ISO4217")]
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

/// What the reader of the file hands over.
enum Read {
    Row { number: usize, id: String, lead: Box<pb::Lead> },
    Bad { number: usize, id: String, problems: Vec<String> },
}

impl Score {
    pub async fn run(self) -> anyhow::Result<Done> {
        let size = std::fs::metadata(&self.file).with_context(|| self.file.display().to_string())?.len();
        let errors = self.errors.clone().unwrap_or_else(|| self.file.with_extension("errors.csv"));
        self.check_files(&errors)?;
        let delimiter = match self.delimiter.as_str() {
            "\\t" => b'\t',
            text if text.len() == 1 => text.as_bytes()[0],
            other => bail!("--delimiter \"{other}\": write one character, such as ; or \\t"),
        };
        let scorer = self.by.connect().await?;
        let format = self.format.unwrap_or_else(|| match self.out.extension().and_then(|e| e.to_str()) {
            Some("jsonl" | "ndjson") => Format::Jsonl,
            _ => Format::Csv,
        });
        let mut sink = Sink::open(&self.out, format, self.top)?;
        let mut rejected = Rejected::new(errors);
        let progress = progress(size);

        let (rows, mut read) = mpsc::channel::<(u64, Read)>(256);
        let (file, currency, vocabulary) =
            (self.file.clone(), self.by.currency.clone(), scorer.vocabulary.clone());
        let reader =
            tokio::task::spawn_blocking(move || read_rows(&file, delimiter, &currency, &vocabulary, &rows));
        let (requests, outgoing) = mpsc::channel(256);
        let mut answers =
            scorer.clients.scoring().score_leads(ReceiverStream::new(outgoing)).await?.into_inner();
        let mut grades: BTreeMap<String, usize> = BTreeMap::new();
        let mut requests = Some(requests);
        loop {
            tokio::select! {
                row = read.recv(), if requests.is_some() => match row {
                    None => requests = None,
                    Some((position, Read::Row { number, id, lead })) => {
                        progress.set_position(position);
                        let item = pb::ScoreLeadsRequest {
                            id: format!("{number}\n{id}"),
                            request: Some(scorer.request(*lead)),
                        };
                        if let Some(requests) = &requests {
                            send_while_reading(requests, item, &mut answers, &mut sink, &mut rejected, &mut grades).await?;
                        }
                    }
                    Some((_, Read::Bad { number, id, problems })) => {
                        rejected.note(&number.to_string(), &id, &problems.join("; "))?;
                    }
                },
                answer = answers.message() => match answer? {
                    Some(answer) => take(answer, &mut sink, &mut rejected, &mut grades)?,
                    None => break,
                },
            }
        }
        reader.await??;
        sink.finish()?;
        progress.finish_and_clear();
        scorer.stop().await?;
        summarise(&grades, &rejected);
        Ok(if rejected.count == 0 { Done::Well } else { Done::Partly })
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

/// Sends an item; meanwhile takes answers, so that neither side waits for the other.
async fn send_while_reading(
    requests: &mpsc::Sender<pb::ScoreLeadsRequest>,
    item: pb::ScoreLeadsRequest,
    answers: &mut tonic::Streaming<pb::ScoreLeadsResponse>,
    sink: &mut Sink,
    rejected: &mut Rejected,
    grades: &mut BTreeMap<String, usize>,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            permit = requests.reserve() => {
                permit.context("the server ended the stream")?.send(item);
                return Ok(());
            }
            answer = answers.message() => match answer? {
                Some(answer) => take(answer, sink, rejected, grades)?,
                None => bail!("the server ended the stream"),
            },
        }
    }
}

fn take(
    answer: pb::ScoreLeadsResponse,
    sink: &mut Sink,
    rejected: &mut Rejected,
    grades: &mut BTreeMap<String, usize>,
) -> anyhow::Result<()> {
    let (number, id) = answer.id.split_once('\n').unwrap_or(("", &answer.id));
    match answer.result {
        Some(score_leads_response::Result::Score(score)) => {
            *grades.entry(grade_or_status(&score)).or_default() += 1;
            sink.write(id, &score)
        }
        Some(score_leads_response::Result::Error(error)) => rejected.note(number, id, &error.message),
        None => rejected.note(number, id, "the server gave no answer"),
    }
}

fn read_rows(
    path: &std::path::Path,
    delimiter: u8,
    currency: &str,
    vocabulary: &Vocabulary,
    rows: &mpsc::Sender<(u64, Read)>,
) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_path(path)?;
    let header = reader.headers().context("the header line can't be read")?.clone();
    check_header(path, &header)?;
    let mapping = Mapping::new(vocabulary, &header, currency);
    if mapping.is_empty() {
        bail!(
            "no column of {} is a fact; its columns are {}; facts.toml maps columns to facts under [columns] and [attributes]",
            path.display(),
            mapping.ignored.join(", ")
        );
    }
    for missing in &mapping.missing {
        eprintln!("warning: {missing}");
    }
    if !mapping.ignored.is_empty() {
        eprintln!("note: columns that facts.toml does not map are ignored: {}", mapping.ignored.join(", "));
    }
    let mut record = csv::StringRecord::new();
    let mut number = 0;
    loop {
        number += 1;
        let read = match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) if record.len() != header.len() => {
                let mut problem = format!("the row has {} cells, the header {}", record.len(), header.len());
                if record.iter().any(|cell| cell.contains('\n')) {
                    problem += "; it spans several lines: is a quote left open?";
                }
                Read::Bad { number, id: String::new(), problems: vec![problem] }
            }
            Ok(true) => match mapping.row(number, &record) {
                Ok(row) => Read::Row { number, id: row.id, lead: Box::new(row.lead) },
                Err((id, problems)) => Read::Bad { number, id, problems },
            },
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                Read::Bad { number, id: String::new(), problems: vec!["the row is not UTF-8 text".into()] }
            }
            Err(error) => return Err(error.into()),
        };
        if rows.blocking_send((reader.position().byte(), read)).is_err() {
            return Ok(());
        }
    }
}

/// Refuses what is not a table with a header.
fn check_header(path: &std::path::Path, header: &csv::StringRecord) -> anyhow::Result<()> {
    let shown = path.display();
    match (header.len(), header.get(0).unwrap_or_default()) {
        (0, _) | (1, "") => bail!("{shown} is empty: the first line must name the columns"),
        (1, only) if only.contains(';') => {
            bail!("{shown} separates its cells by semicolons: say --delimiter ';'")
        }
        (1, only) if only.contains('\t') => {
            bail!("{shown} separates its cells by tabs: say --delimiter '\\t'")
        }
        _ => Ok(()),
    }
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

fn summarise(grades: &BTreeMap<String, usize>, rejected: &Rejected) {
    eprint!("{}", grades_table(grades));
    if rejected.count > 0 {
        let why = rejected.common.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        eprintln!("{} rows could not be scored{why}: see {}", rejected.count, rejected.path.display());
    }
}
