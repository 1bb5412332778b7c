//! Acceptance on real leads: all rows through ScoreLeads of the real server while the rules change.
//!
//! The data is not part of the project. Without it the test says so and counts as skipped.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Of the shared support, this test uses only a part.
#[allow(dead_code)]
#[path = "../service/support/mod.rs"]
mod support;

mod scorecard;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assay::cli::leads_file::LeadsFile;
use assay::cli::rows::FileArg;
use assay::domain::canvas::bmml;
use assay::domain::check::Checker;
use assay::grpc::pb::rule_service_client::RuleServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use assay::grpc::pb::{self, score_leads_response};
use assay::rules::source::Sources;
use support::process::Served;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

const WAVES: usize = 3;
const STREAMS_PER_WAVE: usize = 8;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    models_of_the_format_s_author_come_and_go_unchanged(&root.join("../shared/data/bmml"));
    let data = std::env::var_os("ASSAY_X_EDUCATION").map(PathBuf::from);
    let data = data.unwrap_or_else(|| root.join("../shared/data/x_education_leads.csv"));
    if !data.exists() {
        println!("SKIPPED: there is no {}; name the file with ASSAY_X_EDUCATION", data.display());
        println!("0 passed, 0 failed, 4 skipped");
        return;
    }
    three_commands_lead_to_an_explained_a(&data);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(real_leads_by_changing_rules(&root.join("tests/x_education/scripts"), &data));
    scorecard::written_rules_foretell_leads_that_they_have_not_seen(&data);
    scorecard::what_knows_the_answer_is_held_back(&data);
    println!("4 passed, 0 failed, 0 skipped");
}

/// The examples that the format's author publishes, where they are: read, checked, written and compared.
fn models_of_the_format_s_author_come_and_go_unchanged(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("SKIPPED: there is no {}", folder.display());
        return;
    };
    for path in
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "bmml"))
    {
        let model: serde_json::Value =
            serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut c = Checker::at("");
        let canvas = bmml::read(&mut c, &"canvases/example".parse().unwrap(), &model);
        canvas.content.check(&mut c);
        c.finish(()).unwrap();
        let mut dropped = Vec::new();
        assert_eq!(bmml::write(&canvas, &mut dropped), model, "{}", path.display());
        assert!(dropped.is_empty(), "{dropped:?}");
        println!("ok: {} comes and goes unchanged", path.file_name().unwrap().to_string_lossy());
    }
}

/// What a person does who has nothing but the file.
fn three_commands_lead_to_an_explained_a(data: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = support::process::assay().args(arguments).current_dir(dir.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    };
    let data = data.canonicalize().unwrap();
    let data = data.to_str().unwrap();
    run(&["init", "x", "--from", data]);
    let by = ["--scripts", "x/scripts", "--profile-file", "x/profile.json", "--as-of", "2026-06-01"];
    let scored = run(&[&["score", data][..], &by].concat());
    let mut reader = csv::Reader::from_reader(scored.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), csv::Reader::from_path(data).unwrap().records().count(), "no row is lost");
    let best =
        rows.iter().position(|row| row.iter().any(|cell| cell == "A")).expect("some lead reaches an A");
    let explained = run(&[&["explain", data, "--row", &(best + 1).to_string()][..], &by].concat());
    assert!(explained.contains("Grade A"), "{explained}");
    println!("ok: three commands from {} rows to an explained A", rows.len());
}

/// A row: its request, and whether the lead was won.
struct Lead {
    id: String,
    request: pb::ScoreLeadRequest,
    converted: bool,
}

fn leads(scripts: &Path, data: &Path) -> Vec<Lead> {
    let vocabulary = assay::rules::vocabulary(&Sources::read(scripts).unwrap()).unwrap();
    let as_of = "2026-06-01T00:00:00Z".parse().unwrap();
    let mut file = LeadsFile::open(data, &FileArg::default(), &vocabulary, "EUR", as_of).unwrap();
    let converted = file.columns(&["Converted".into()]).unwrap()[0];
    let mut leads = Vec::new();
    while let Some(row) = file.read().unwrap() {
        let lead = row.lead.unwrap_or_else(|problem| panic!("{problem}"));
        let converted = row.row.cells[converted] == "1";
        leads.push(Lead { id: lead.id, request: support::inline(lead.lead), converted });
    }
    leads
}

/// A stream in the middle of its work.
struct Stream {
    requests: mpsc::Sender<pb::ScoreLeadsRequest>,
    answers: tonic::Streaming<pb::ScoreLeadsResponse>,
    pinned: String,
}

impl Stream {
    async fn open(channel: &Channel) -> Self {
        let (requests, outgoing) = mpsc::channel(10_000);
        let mut scoring = ScoringServiceClient::new(channel.clone());
        let answer = scoring.score_leads(ReceiverStream::new(outgoing)).await.unwrap();
        let pinned = answer.metadata().get("assay-rule-set").unwrap().to_str().unwrap().to_owned();
        Self { requests, answers: answer.into_inner(), pinned }
    }

    /// Scores leads in order; every item succeeds by the stream's own rule set.
    async fn score(&mut self, leads: &[Lead]) -> Vec<(String, bool)> {
        for lead in leads {
            let item = pb::ScoreLeadsRequest { id: lead.id.clone(), request: Some(lead.request.clone()) };
            self.requests.send(item).await.unwrap();
        }
        let mut grades = Vec::new();
        for lead in leads {
            let answer = self.answers.message().await.unwrap().unwrap();
            assert_eq!(answer.id, lead.id, "answers come in order");
            match answer.result.unwrap() {
                score_leads_response::Result::Score(score) => {
                    assert_eq!(score.rule_set, self.pinned, "a stream has one rule set");
                    let total: i64 = score.contributions.iter().map(|c| c.points_hundredths).sum();
                    assert_eq!(score.total_hundredths, total);
                    grades.push((score.grade, lead.converted));
                }
                score_leads_response::Result::Error(error) => panic!("{}: {}", lead.id, error.message),
            }
        }
        grades
    }
}

async fn real_leads_by_changing_rules(shipped: &Path, data: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    support::copy_dir(shipped, &scripts);
    let served = Served::start(&dir.path().join("assay.db"), &scripts, &[]);
    let channel = Channel::from_shared(served.url()).unwrap().connect().await.unwrap();
    let script = scripts.join("lead_scoring/default.rhai");
    let leads = leads(&scripts, data);
    assert_eq!(leads.len(), 9_240);

    let begin = Instant::now();
    let mut sets = BTreeSet::new();
    let mut grades = Vec::new();
    let mut saves = Vec::new();
    let share = leads.len().div_ceil(WAVES * STREAMS_PER_WAVE);
    let shares: Vec<&[Lead]> = leads.chunks(share).collect();
    assert!(shares.len() >= 20);
    for (wave, shares) in shares.chunks(STREAMS_PER_WAVE).enumerate() {
        let mut streams = Vec::new();
        for share in shares {
            let mut stream = Stream::open(&channel).await;
            grades.extend(stream.score(&share[..share.len() / 2]).await);
            sets.insert(stream.pinned.clone());
            streams.push(stream);
        }
        // All streams of the wave are in the middle of their work: now somebody edits and saves.
        if wave + 1 < WAVES {
            saves.push(save(&channel, &script, wave).await);
        }
        for (stream, share) in streams.iter_mut().zip(shares) {
            grades.extend(stream.score(&share[share.len() / 2..]).await);
        }
    }
    let took = begin.elapsed();
    println!(
        "{} leads in {} streams within {took:?}; saves counted after {saves:?}",
        grades.len(),
        shares.len()
    );
    assert_eq!(grades.len(), leads.len());
    assert_eq!(sets.len(), 3, "the first rules and two edits");
    assert!(saves.iter().all(|save| *save < Duration::from_secs(1)), "{saves:?}");
    check_conversion(&grades);
}

/// Edits the script and waits until the change is in force; gives how long that took.
async fn save(channel: &Channel, script: &Path, wave: usize) -> Duration {
    let mut rules = RuleServiceClient::new(channel.clone());
    let mut active = async || {
        let status = rules.get_rule_status(pb::GetRuleStatusRequest {}).await.unwrap().into_inner();
        assert!(status.pending.is_none(), "{:?}", status.pending);
        status.active.unwrap().rule_set
    };
    let before = active().await;
    let text = std::fs::read_to_string(script).unwrap();
    let edited = match wave {
        0 => text.replace("then 4 because \"Comes again\"", "then 5 because \"Comes again\""),
        _ => text.replace("then 4 because \"Names a field\"", "then 3 because \"Names a field\""),
    };
    assert_ne!(edited, text);
    let begin = Instant::now();
    std::fs::write(script, edited).unwrap();
    support::eventually(async || (active().await != before).then_some(())).await;
    begin.elapsed()
}

fn check_conversion(grades: &[(String, bool)]) {
    let mut table: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (grade, converted) in grades {
        let row = table.entry(grade).or_default();
        row.0 += 1;
        row.1 += usize::from(*converted);
    }
    println!("grade  leads  converted  share");
    for (grade, (leads, converted)) in &table {
        println!(
            "{grade:>5}  {leads:>5}  {converted:>9}  {:.1} %",
            *converted as f64 * 100.0 / *leads as f64
        );
    }
    let share = |grade: &str| {
        let (leads, converted) = table[grade];
        assert!(leads >= 500, "only {leads} leads have the grade {grade}");
        converted as f64 / leads as f64
    };
    assert!(share("A") >= 2.0 * share("C"), "A leads must convert at least twice as often as C leads");
}
