//! Promises of the service, each as a figure of one run:
//!
//! - ScoreLead costs little more than an echo that decodes the same request and answers with a fixed message of
//!   equal size: server CPU a call, and calls a second;
//! - a save counts within a second;
//! - a server with 100,000 stored leads is SERVING soon after its start.
//!
//! `cargo bench --bench service`. The echo and the service run as processes of their own, in turns; CPU is read
//! from the kernel's account of each process.

// Of the tests' support, this bench uses only a part.
#[allow(dead_code)]
#[path = "../tests/service/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use assay::grpc::pb::scoring_service_server::{ScoringService, ScoringServiceServer};
use assay::grpc::pb::{self, score_lead_request};
use futures::stream::BoxStream;
use support::process::Served;
use support::{made, shipped};
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

const ROUNDS: usize = 9;
const CALLS: usize = 6_000;
const CALLERS: usize = 16;
const STORED: usize = 100_000;
const SAVES: usize = 15;

fn main() {
    if std::env::args().any(|argument| argument == "--echo") {
        return echo_process();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        against_echo().await;
        save_to_effect().await;
        start_with_stored_leads().await;
    });
}

/// Answers every ScoreLead with the score that came first over standard input.
struct Echo(pb::Score);

#[tonic::async_trait]
impl ScoringService for Echo {
    async fn score_lead(&self, _: Request<pb::ScoreLeadRequest>) -> Result<Response<pb::Score>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    type ScoreLeadsStream = BoxStream<'static, Result<pb::ScoreLeadsResponse, Status>>;

    async fn score_leads(
        &self,
        _: Request<Streaming<pb::ScoreLeadsRequest>>,
    ) -> Result<Response<Self::ScoreLeadsStream>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }

    async fn list_scores(
        &self,
        _: Request<pb::ListScoresRequest>,
    ) -> Result<Response<pb::ListScoresResponse>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }

    async fn replay_score(&self, _: Request<pb::ReplayScoreRequest>) -> Result<Response<pb::Score>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }
}

fn echo_process() {
    use prost::Message as _;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let bytes: Vec<u8> =
        (0..line.trim().len()).step_by(2).map(|i| u8::from_str_radix(&line[i..i + 2], 16).unwrap()).collect();
    let score = pb::Score::decode(bytes.as_slice()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder()
            .add_service(ScoringServiceServer::new(Echo(score)))
            .serve_with_incoming(incoming)
            .await
            .unwrap();
    });
}

/// The echo as a process; killed when dropped.
struct EchoProcess {
    child: Child,
    url: String,
}

impl EchoProcess {
    fn start(answer: &pb::Score) -> Self {
        use prost::Message as _;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--echo")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let hex: String = answer.encode_to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(child.stdin.take().unwrap(), "{hex}").unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, url: format!("http://{}", address.trim()) }
    }
}

impl Drop for EchoProcess {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The CPU time of a process so far, user and system.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // The kernel counts in hundredths of a second for user space, on every architecture.
    Duration::from_millis(ticks * 10)
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Many calls by several callers; gives how long they took.
async fn drive(channel: &Channel, request: &pb::ScoreLeadRequest) -> Duration {
    let begin = Instant::now();
    let callers = (0..CALLERS).map(|_| {
        let (mut scoring, request) = (ScoringServiceClient::new(channel.clone()), request.clone());
        tokio::spawn(async move {
            for _ in 0..CALLS / CALLERS {
                scoring.score_lead(request.clone()).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    begin.elapsed()
}

/// A lead of which most is known, scored by the shipped rules.
fn typical() -> pb::ScoreLeadRequest {
    let company = pb::Company {
        display_name: "Acme".into(),
        industry: "heating".into(),
        country: "DE".into(),
        domain: "acme.example".into(),
        employees: Some(120),
        technologies: Some(pb::TextList { values: vec!["datev".into(), "sap".into()] }),
        ..Default::default()
    };
    let contact = |role: &str| pb::Contact { decision_role: role.into(), inbound: 2, ..Default::default() };
    let contacts = pb::ContactList { contacts: vec![contact("champion"), contact("decision_maker")] };
    let number = |n| pb::FactValue {
        value: Some(pb::Value { kind: Some(pb::value::Kind::Number(n)) }),
        ..Default::default()
    };
    let lead = pb::Lead {
        subject: Some(pb::lead::Subject::Company(company)),
        contacts: Some(contacts),
        attributes: [
            ("pain_intensity".to_owned(), number(0.8)),
            ("digital_maturity".to_owned(), number(0.5)),
        ]
        .into(),
        ..Default::default()
    };
    let activity = |kind: &str, days: i64| pb::Activity {
        r#type: kind.into(),
        time: made::seconds(1_780_000_000 - days * 86_400),
        ..Default::default()
    };
    let activities = ["page_visit", "page_visit", "pricing_visit", "demo_request", "meeting"];
    let activities = (1..).zip(activities).map(|(days, kind)| activity(kind, days)).collect();
    let criterion = |fact: &str, expectation| pb::Criterion {
        fact: fact.into(),
        because: "It matters".into(),
        points_hundredths: 800,
        expectation: Some(expectation),
        ..Default::default()
    };
    use pb::criterion::Expectation;
    let profile = pb::Profile {
        criteria: vec![
            criterion("industry", Expectation::In(pb::TextList { values: vec!["heating".into()] })),
            criterion("employees", Expectation::AtLeast(50.0)),
        ],
        size_bands: vec![pb::SizeBand { min: 50, points_hundredths: 1_400, ..Default::default() }],
        decision_roles: vec![pb::DecisionRole { role: "champion".into(), required: true, min_contacts: 1 }],
        technologies: vec!["datev".into()],
        countries: vec!["DE".into()],
        ..made::profile()
    };
    pb::ScoreLeadRequest {
        subject: Some(score_lead_request::Subject::Inline(pb::InlineLead { lead: Some(lead), activities })),
        profile_choice: Some(score_lead_request::ProfileChoice::InlineProfile(profile)),
        as_of_time: made::seconds(1_780_000_000),
        record: false,
        ..Default::default()
    }
}

async fn connect(url: &str) -> Channel {
    Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap()
}

async fn against_echo() {
    use prost::Message as _;
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &["--log", "warn,assay=info"]);
    let service = connect(&served.url()).await;
    let request = typical();
    let score =
        ScoringServiceClient::new(service.clone()).score_lead(request.clone()).await.unwrap().into_inner();
    let echo = EchoProcess::start(&score);
    let echoed = connect(&echo.url).await;
    println!(
        "ScoreLead against an echo: request {} bytes, answer {} bytes with {} entries; {CALLERS} callers",
        request.encoded_len(),
        score.encoded_len(),
        score.contributions.len()
    );
    let (mut cpus, mut rates) = (Vec::new(), Vec::new());
    let (mut scored, mut plain) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let before = (cpu(served.child.id()), cpu(echo.child.id()));
        let took = (drive(&service, &request).await, drive(&echoed, &request).await);
        let used = (cpu(served.child.id()) - before.0, cpu(echo.child.id()) - before.1);
        // The first round warms both up.
        if round > 0 {
            scored.push(used.0.as_secs_f64() * 1e6 / CALLS as f64);
            plain.push(used.1.as_secs_f64() * 1e6 / CALLS as f64);
            cpus.push(used.0.as_secs_f64() / used.1.as_secs_f64());
            rates.push(took.1.as_secs_f64() / took.0.as_secs_f64());
        }
    }
    println!(
        "  server CPU a call: {:.1} µs, echo {:.1} µs, ratio {:.2}",
        median(&mut scored),
        median(&mut plain),
        median(&mut cpus)
    );
    println!("  throughput: {:.2} of the echo's", median(&mut rates));
}

async fn save_to_effect() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    support::copy_dir(&shipped(), &scripts);
    let served = Served::start(&dir.path().join("a.db"), &scripts, &[]);
    let mut scoring = ScoringServiceClient::new(connect(&served.url()).await);
    let path = scripts.join("lead_scoring/default.rhai");
    let text = std::fs::read_to_string(&path).unwrap();
    let request = typical();
    let mut took = Vec::new();
    for save in 0..SAVES {
        let before = scoring.score_lead(request.clone()).await.unwrap().into_inner().rule_set;
        std::fs::write(&path, format!("{text}// save {save}\n")).unwrap();
        let begin = Instant::now();
        while scoring.score_lead(request.clone()).await.unwrap().into_inner().rule_set == before {}
        took.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let most = took.iter().copied().fold(0.0, f64::max);
    println!("A save counts after {:.0} ms (median of {SAVES}), {most:.0} ms at most", median(&mut took));
}

async fn start_with_stored_leads() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("a.db");
    let empty = start(&database).await;
    {
        let served = Served::start(&database, &shipped(), &[]);
        let mut leads = LeadServiceClient::new(connect(&served.url()).await);
        let begin = Instant::now();
        for batch in (0..STORED).collect::<Vec<_>>().chunks(1_000) {
            let item = |i: &usize| pb::UpsertLead {
                id: i.to_string(),
                lead: Some(made::with_id(
                    made::company(&format!("Company {i}"), Some(50)),
                    "crm",
                    &i.to_string(),
                )),
            };
            let request = pb::BatchUpsertLeadsRequest {
                system: "crm".into(),
                items: batch.iter().map(item).collect(),
                ..Default::default()
            };
            leads.batch_upsert_leads(request).await.unwrap();
        }
        let rate = STORED as f64 / begin.elapsed().as_secs_f64();
        println!("{STORED} leads were stored in batches of 1,000 at {rate:.0} a second");
    }
    let full = start(&database).await;
    println!("From start to SERVING: {full:.0} ms with {STORED} stored leads, {empty:.0} ms with none");
}

/// How long a process takes until it is SERVING, in milliseconds: the median of several starts.
async fn start(database: &Path) -> f64 {
    let mut took = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let served = Served::start(database, &shipped(), &[]);
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(served);
    }
    median(&mut took)
}
