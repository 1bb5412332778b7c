//! What the benches of the service share: an echo to compare with, a typical request, and how to measure.

// Each bench uses a part of this, and of the tests' support.
#![allow(dead_code)]

#[path = "../../tests/service/support/mod.rs"]
pub mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use assay::grpc::pb::scoring_service_server::{ScoringService, ScoringServiceServer};
use assay::grpc::pb::{self, score_lead_request};
use futures::stream::BoxStream;
use support::made;
use tokio::runtime::Handle;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

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

    async fn what_if(&self, _: Request<pb::WhatIfRequest>) -> Result<Response<pb::WhatIfResponse>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }

    async fn find_ways_to_grade(
        &self,
        _: Request<pb::FindWaysToGradeRequest>,
    ) -> Result<Response<pb::FindWaysToGradeResponse>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }

    async fn advise_lead(
        &self,
        _: Request<pb::AdviseLeadRequest>,
    ) -> Result<Response<pb::AdviseLeadResponse>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }

    async fn replay_score(&self, _: Request<pb::ReplayScoreRequest>) -> Result<Response<pb::Score>, Status> {
        Err(Status::unimplemented("the echo answers single calls"))
    }
}

/// Runs as the echo if the arguments say so: the benches start themselves once more for it.
pub fn echo_process() {
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
pub struct EchoProcess {
    pub child: Child,
    pub url: String,
}

impl EchoProcess {
    pub fn start(answer: &pb::Score) -> Self {
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

pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Two sides that were measured in turns, round by round.
#[derive(Default)]
pub struct Ratios {
    ours: Vec<f64>,
    theirs: Vec<f64>,
    ratios: Vec<f64>,
}

impl Ratios {
    /// Notes a round; the first, number 0, warms up.
    pub fn add(&mut self, round: usize, ours: f64, theirs: f64) {
        if round > 0 {
            self.ours.push(ours);
            self.theirs.push(theirs);
            self.ratios.push(ours / theirs);
        }
    }

    /// The medians of our side, theirs, and the ratio.
    pub fn medians(&mut self) -> (f64, f64, f64) {
        (median(&mut self.ours), median(&mut self.theirs), median(&mut self.ratios))
    }
}

/// A lead of which most is known, scored by the shipped rules.
pub fn typical() -> pb::ScoreLeadRequest {
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
        decision_roles: vec![pb::DecisionRole {
            role: "champion".into(),
            required: true,
            min_contacts: 1,
            ..Default::default()
        }],
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

pub async fn connect(url: &str) -> Channel {
    Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap()
}

/// Calls of one kind at a fixed rate.
pub struct Load {
    pub service: Channel,
    pub request: pb::ScoreLeadRequest,
    /// Calls a second.
    pub rate: f64,
}

impl Load {
    /// The 50th and 99th percentile of a round, in milliseconds.
    pub async fn percentiles(&self, round: Duration) -> (f64, f64) {
        let (scoring, request) = (ScoringServiceClient::new(self.service.clone()), self.request.clone());
        percentiles(self.rate, round, move || {
            let (mut scoring, request) = (scoring.clone(), request.clone());
            async move { scoring.score_lead(request).await.map(drop) }
        })
        .await
    }
}

/// The 50th and 99th percentile of a round of calls at a fixed rate a second, in milliseconds. Calls begin whether or not
/// former ones have ended, and each is timed from the moment it was due.
pub async fn percentiles<F>(rate: f64, round: Duration, call: impl Fn() -> F + Send + 'static) -> (f64, f64)
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let calls = (rate * round.as_secs_f64()) as usize;
    let times = Arc::new(Mutex::new(Vec::with_capacity(calls)));
    let (runtime, kept) = (Handle::current(), times.clone());
    // A thread of its own sleeps more exactly than a task does.
    let driver = tokio::task::spawn_blocking(move || {
        let begin = Instant::now();
        let tasks: Vec<_> = (0..calls)
            .map(|i| {
                let due = begin + Duration::from_secs_f64(i as f64 / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let (called, kept) = (call(), kept.clone());
                runtime.spawn(async move {
                    called.await.unwrap();
                    kept.lock().unwrap().push(due.elapsed().as_secs_f64() * 1e3);
                })
            })
            .collect();
        tasks
    });
    for task in driver.await.unwrap() {
        task.await.unwrap();
    }
    let mut times = times.lock().unwrap().clone();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Ratios of the 50th and the 99th percentile.
#[derive(Default)]
pub struct Figures([Ratios; 2]);

impl Figures {
    pub fn add(&mut self, round: usize, ours: (f64, f64), theirs: (f64, f64)) {
        self.0[0].add(round, ours.0, theirs.0);
        self.0[1].add(round, ours.1, theirs.1);
    }

    pub fn print(&mut self, what: &str, against: &str) {
        println!("{what}, against {against}");
        for (name, ratios) in ["p50", "p99"].into_iter().zip(&mut self.0) {
            let (ours, theirs, ratio) = ratios.medians();
            println!("  {name}: {ours:.2} ms against {theirs:.2} ms, ratio {ratio:.2}");
        }
    }
}

/// The bench once more, as somebody who attacks; killed when dropped. It stands back, so that of the machine's
/// processors only that is lost which it makes the service do.
pub struct AttackProcess(Child);

impl AttackProcess {
    /// Waits until it says that it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(std::env::current_exe().unwrap()).arg("--attack").args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        Self(child)
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for AttackProcess {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
