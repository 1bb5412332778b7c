//! One caller who costs more than it pays: the others go on, and memory stays bounded. Each attack was seen to break the
//! service before it was mended; `--nocapture` prints the figures.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use assay::grpc::middleware::admission::STREAMS_A_CONNECTION;
use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::attacks::{self, refusal};
use crate::support::process::{Served, cpu, forget_most_resident, most_resident};
use crate::support::{eventually, http_get, inline, made, shipped, within};

/// The longest that another's call may take meanwhile.
const SLOWEST: Duration = Duration::from_secs(3);
/// The most memory that any of these attacks may make the server take. A build without optimisation takes more, since its
/// answers are longer on their way; the bench shows that of a release.
const MOST_MEMORY: u64 = 400 << 20;

fn serve(more: &[&str]) -> (Served, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), more);
    (served, dir)
}

async fn connect(served: &Served) -> Channel {
    attacks::connect(&served.url()).await
}

/// What other callers see while an attack goes on: scores one lead after the other, on a connection of its own.
struct Others {
    worst: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Others {
    async fn start(served: &Served) -> Self {
        let (worst, calls): (Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
        forget_most_resident(served.child.id());
        let mut scoring = ScoringServiceClient::new(connect(served).await);
        let (seen, counted) = (worst.clone(), calls.clone());
        let task = tokio::spawn(async move {
            loop {
                let begin = Instant::now();
                scoring.score_lead(inline(made::company("Acme", Some(80)))).await.expect("others go on");
                seen.fetch_max(begin.elapsed().as_micros() as u64, Ordering::Relaxed);
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        Self { worst, calls, task }
    }

    /// Waits until so many more calls were answered.
    async fn go_on(&self, calls: u64) {
        let target = self.calls.load(Ordering::Relaxed) + calls;
        eventually(async || {
            assert!(!self.task.is_finished(), "the others were refused");
            (self.calls.load(Ordering::Relaxed) >= target).then_some(())
        })
        .await;
    }

    fn end(self, attack: &str, served: &Served) {
        let memory = most_resident(served.child.id());
        let worst = Duration::from_micros(self.worst.load(Ordering::Relaxed));
        println!(
            "{attack}: {} calls of others, the slowest {:.1} ms; {} MiB resident at most",
            self.calls.load(Ordering::Relaxed),
            worst.as_secs_f64() * 1e3,
            memory >> 20
        );
        // Of builds without optimisation, beside other tests; the bench tells how much it really is.
        assert!(worst < SLOWEST, "{worst:?}");
        assert!(!self.task.is_finished(), "the others were refused");
        assert!(memory < MOST_MEMORY, "{} MiB", memory >> 20);
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_body_shut_nobody_out_and_end() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let calls = attacks::calls_without_a_body(&served.url()).await;
    others.go_on(200).await;
    // A request of which nothing comes for five seconds ends. Which of them came to a place on the connection first is left
    // to chance, so as many as have places are waited for.
    let mut calls: futures::stream::FuturesUnordered<_> = calls.into_iter().collect();
    for _ in 0..STREAMS_A_CONNECTION {
        let ended = within(calls.next()).await.unwrap().unwrap();
        assert_eq!(refusal(&ended).unwrap().code(), tonic::Code::DeadlineExceeded);
    }
    others.end("1,024 calls without a body", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_that_never_end_hold_a_bounded_budget() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let calls = attacks::large_requests_that_never_end(&served.url()).await;
    let mut calls: futures::stream::FuturesUnordered<_> = calls.into_iter().collect();
    others.go_on(500).await;
    // Whoever finds no room is told so, and whoever stops is ended: all within the time for a request.
    let ended = within(calls.next()).await.unwrap().unwrap();
    let status = refusal(&ended).unwrap();
    assert!(
        matches!(status.code(), tonic::Code::ResourceExhausted | tonic::Code::DeadlineExceeded),
        "{status:?}"
    );
    others.end("200 requests of 16 MiB that never end", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_hold_a_bounded_budget() {
    let (served, _dir) = serve(&[]);
    attacks::large_leads(&served.url()).await;
    let others = Others::start(&served).await;
    let answers = attacks::answers_that_nobody_reads(&served.url()).await;
    let (refused, unread): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| refusal(answer).is_some());
    others.go_on(200).await;
    println!("{} answers wait to be read, {} were refused at once", unread.len(), refused.len());
    others.end("400 answers that nobody reads", &served);
    // Whoever reads in time gets the rest; whoever found no room, or did not read in time, learns it at the end.
    let mut codes = std::collections::BTreeMap::<String, usize>::new();
    // All at once: what one of them holds of its connection's window, the next one waits for.
    let ends = unread.into_iter().map(|response| async {
        let end = tokio::time::timeout(Duration::from_secs(30), response.into_body().collect()).await;
        end.unwrap_or_else(|_| panic!("an answer does not end"))
    });
    for body in futures::future::join_all(ends).await {
        let trailers = body.ok().and_then(|body| body.trailers().cloned()).unwrap_or_default();
        let code = tonic::Status::from_header_map(&trailers).map(|status| status.code());
        *codes.entry(format!("{code:?}")).or_default() += 1;
    }
    println!("how they ended: {codes:?}");
    let known = ["Some(Ok)", "Some(ResourceExhausted)", "Some(DeadlineExceeded)"];
    assert!(codes.keys().all(|code| known.contains(&code.as_str())), "{codes:?}");
    assert!(codes.contains_key("Some(ResourceExhausted)"), "the budget was not met: {codes:?}");
    // Nothing is held any more: a caller who reads gets a whole page.
    let mut leads = LeadServiceClient::new(connect(&served).await);
    let page = leads.list_leads(pb::ListLeadsRequest { page_size: 1_000, ..Default::default() });
    assert!(within(page).await.unwrap().into_inner().leads.len() > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_and_watches_are_bounded_too() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let open = attacks::health_checks_and_watches(&served.url()).await;
    others.go_on(200).await;
    // Somebody else is still told how we are.
    let mut health = HealthClient::new(connect(&served).await);
    within(health.check(HealthCheckRequest::default())).await.unwrap();
    others.end("800 health checks and watches", &served);
    open.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_streams_that_never_end_hold_a_bounded_budget() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let calls = attacks::items_that_never_end(&served.url()).await;
    others.go_on(300).await;
    // An item of which nothing comes for five seconds ends its stream, and one for which there is no room.
    let mut calls: futures::stream::FuturesUnordered<_> = calls.into_iter().collect();
    let known = [tonic::Code::DeadlineExceeded, tonic::Code::ResourceExhausted, tonic::Code::Unavailable];
    for _ in 0..20 {
        let end = tokio::time::timeout(Duration::from_secs(20), calls.next()).await.expect("they are ended");
        let code = refusal(&end.unwrap().unwrap()).unwrap().code();
        assert!(known.contains(&code), "{code:?}");
    }
    others.end("512 items of 4 MiB that never end", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_requests_that_never_end_shut_out_neither_calls_nor_health() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let calls = attacks::small_requests_that_never_end(&served.url()).await;
    let mut health = HealthClient::new(connect(&served).await);
    for _ in 0..30 {
        within(health.check(HealthCheckRequest::default())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    others.go_on(100).await;
    others.end("2,500 requests of 16 KiB that never end", &served);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_keep_no_check_from_its_answer() {
    let (served, _dir) = serve(&[]);
    let open = attacks::watches(&served.url()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut health = HealthClient::new(connect(&served).await);
    within(health.check(HealthCheckRequest::default())).await.unwrap();
    let mut watch = within(health.watch(HealthCheckRequest::default())).await.unwrap().into_inner();
    within(watch.message()).await.unwrap().unwrap();
    open.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_rest_make_room_when_others_need_their_places() {
    let (served, _dir) = serve(&[]);
    let open = attacks::streams_that_rest(&served.url()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut scoring = ScoringServiceClient::new(connect(&served).await);
    let item =
        pb::ScoreLeadsRequest { id: "1".into(), request: Some(inline(made::company("Acme", Some(80)))) };
    let items = futures::stream::iter([item]);
    let mut scored = within(scoring.score_leads(items)).await.unwrap().into_inner();
    assert_eq!(within(scored.message()).await.unwrap().unwrap().id, "1");
    // Those that rested learn that they may go on elsewhere.
    let (ended, _, rest) = futures::future::select_all(open).await;
    assert_eq!(refusal(&ended.unwrap()).unwrap().code(), tonic::Code::Unavailable);
    rest.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_decompress_to_much_are_weighed_off_everybodys_way() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let channels = futures::future::join_all((0..16).map(|_| connect(&served))).await;
    let attack = channels.iter().map(|channel| attacks::stream_of_bombs(channel, 20));
    // A build without optimisation weighs each for a third of a second, on threads that stand back behind all the tests that
    // run meanwhile: that takes its time, and how long is not what is asked here.
    let ends = tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(attack)).await;
    for end in ends.expect("all are refused in the end") {
        assert_eq!(refusal(&end).unwrap().code(), tonic::Code::ResourceExhausted);
    }
    others.go_on(100).await;
    others.end("16 streams of items of 4 KB of gzip that become 4 MiB", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_wait_for_their_turn_take_no_places_of_others() {
    let (served, _dir) = serve(&["--list-timeout", "3s"]);
    let mut leads = LeadServiceClient::new(connect(&served).await);
    let filter = made::heavy_leads(&mut leads, 5).await;
    let others = Others::start(&served).await;
    let channels = futures::future::join_all((0..6).map(|_| connect(&served))).await;
    let list = |i: usize| {
        let mut leads = LeadServiceClient::new(channels[i % 6].clone());
        let request = pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() };
        async move { leads.list_leads(request).await.map(drop) }
    };
    let mut refused = 0;
    for ended in within(futures::future::join_all((0..1_400).map(list))).await {
        refused += usize::from(ended.is_err_and(|status| status.code() == tonic::Code::ResourceExhausted));
    }
    assert!(refused > 1_000, "{refused}");
    others.go_on(50).await;
    others.end("1,400 heavy lists at a time", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn little_that_decompresses_to_much_is_refused_off_everybodys_way() {
    let (served, _dir) = serve(&[]);
    let bomb = attacks::gzip_bomb();
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    let others = Others::start(&served).await;
    others.go_on(200).await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let attackers: Vec<_> = futures::future::join_all((0..16).map(|_| connect(&served)))
        .await
        .into_iter()
        .map(|channel| {
            let (bomb, stop) = (bomb.clone(), stop.clone());
            tokio::spawn(async move {
                let mut refused = 0;
                while !stop.load(Ordering::Relaxed) {
                    let status = refusal(&attacks::send_bomb(&channel, &bomb).await).unwrap();
                    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}");
                    refused += 1;
                }
                refused
            })
        })
        .collect();
    others.go_on(300).await;
    let begin = Instant::now();
    assert_eq!(crate::support::http_get(&served.admin, "/livez").await.0, 200);
    println!("/livez answers in {:?}", begin.elapsed());
    stop.store(true, Ordering::Relaxed);
    let mut refused = 0;
    // Each of them waits for its turn, which a build without optimisation takes long over; what counts is that others don't wait.
    let all = futures::future::join_all(attackers);
    for count in tokio::time::timeout(Duration::from_secs(60), all).await.expect("all come to their turn") {
        refused += count.unwrap();
    }
    println!("{refused} such requests were refused");
    others.end("16 callers with 16 KB of gzip", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_deadlines_do_not_end_a_shared_connection() {
    let (served, _dir) = serve(&[]);
    let channel = connect(&served).await;
    for _ in 0..20 {
        for ended in attacks::given_up_at_once(&channel, 200).await {
            ended.expect("nothing but the caller's own deadline ends a call");
        }
    }
    ScoringServiceClient::new(channel).score_lead(inline(made::company("Acme", None))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_and_stopped_clients_hold_up_no_stop() {
    let (mut served, _dir) = serve(&["--drain-delay", "0s"]);
    let _silent = tokio::net::TcpStream::connect(&served.address).await.unwrap();
    let mut begun = tokio::net::TcpStream::connect(&served.address).await.unwrap();
    begun.write_all(b"PRI * HT").await.unwrap();
    // A client that has been served, and then reads and answers nothing more.
    let mut stopped = tokio::net::TcpStream::connect(&served.address).await.unwrap();
    stopped.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    ScoringServiceClient::new(connect(&served).await)
        .score_lead(inline(made::company("Acme", None)))
        .await
        .unwrap();
    let begin = Instant::now();
    served.signal("-TERM");
    assert_eq!(served.wait().code(), Some(0));
    let took = begin.elapsed();
    println!("the stop took {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(served.logged(&["calls in flight are ended"]).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_at_rest_are_told_of_the_end_of_the_server_and_of_their_connection() {
    for (more, stops) in [(["--drain-delay", "0s"], true), (["--max-connection-age", "1s"], false)] {
        let (served, _dir) = serve(&more);
        let channel = connect(&served).await;
        let (requests, outgoing) = tokio::sync::mpsc::channel::<pb::ScoreLeadsRequest>(1);
        let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
        let mut answers =
            ScoringServiceClient::new(channel.clone()).score_leads(outgoing).await.unwrap().into_inner();
        requests
            .send(pb::ScoreLeadsRequest {
                id: "1".into(),
                request: Some(inline(made::company("Acme", None))),
            })
            .await
            .unwrap();
        assert_eq!(within(answers.message()).await.unwrap().unwrap().id, "1");
        if stops {
            served.signal("-TERM");
        }
        let (code, reason, _) = crate::support::failure(within(answers.message()).await);
        assert_eq!((code, reason.as_str()), (tonic::Code::Unavailable, "DRAINING"));
        if !stops {
            // The client opens another connection by itself, once it has noticed.
            eventually(async || {
                let mut scoring = ScoringServiceClient::new(channel.clone());
                scoring.score_lead(inline(made::company("Acme", None))).await.ok()
            })
            .await;
        }
    }
}

/// Sets how many descriptors a process may have from now on.
fn limit_descriptors(served: &Served, most: usize) {
    let (pid, limit) = (served.child.id().to_string(), format!("--nofile={most}:"));
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptors_that_run_out_are_told_and_keep_nobody_busy() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    others.go_on(10).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", served.child.id())).unwrap().count();
    limit_descriptors(&served, open + 2);
    let mut taken = Vec::new();
    for _ in 0..20 {
        taken.push(tokio::net::TcpStream::connect(&served.address).await.unwrap());
    }
    eventually(async || served.logged(&["no connection can be accepted", "Too many open files"])).await;
    let (before, begin) = (cpu(served.child.id()), Instant::now());
    let calls = others.calls.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calls = others.calls.load(Ordering::Relaxed) - calls;
    assert!(calls > 10, "{calls}");
    println!(
        "without descriptors: {calls} calls of others at {:.0} % of a processor, {} warnings",
        (cpu(served.child.id()) - before).as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0,
        served.log().iter().filter(|line| line.contains("no connection can be accepted")).count()
    );
    // It rests between tries: five in a second, and not a storm of them.
    let told = served.log().iter().filter(|line| line.contains("no connection can be accepted")).count();
    assert!(told < 30, "{told}");
    limit_descriptors(&served, 1_000);
    drop(taken);
    let mut anew = HealthClient::new(connect(&served).await);
    within(anew.check(HealthCheckRequest::default())).await.unwrap();
    others.end("20 connections without descriptors", &served);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_on_the_port_of_calls_is_sent_away() {
    use tokio::io::AsyncReadExt as _;
    let (served, _dir) = serve(&[]);
    let mut silent = tokio::net::TcpStream::connect(&served.address).await.unwrap();
    let begin = Instant::now();
    let end = tokio::time::timeout(Duration::from_secs(20), silent.read(&mut [0; 64])).await;
    assert_eq!(end.expect("it is ended").unwrap(), 0);
    assert!(begin.elapsed() > Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_the_admin_port_take_no_descriptors_from_calls() {
    let (served, _dir) = serve(&[]);
    let others = Others::start(&served).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", served.child.id())).unwrap().count();
    limit_descriptors(&served, open + 80);
    let mut silent = Vec::new();
    for _ in 0..150 {
        silent.push(tokio::net::TcpStream::connect(&served.admin).await.unwrap());
    }
    let accepted = async || {
        let open_now = std::fs::read_dir(format!("/proc/{}/fd", served.child.id())).unwrap().count();
        (open_now >= open + 60).then_some(())
    };
    eventually(accepted).await;
    let mut anew = HealthClient::new(connect(&served).await);
    within(anew.check(HealthCheckRequest::default())).await.unwrap();
    others.go_on(50).await;
    // Those who say nothing are sent away, so that whoever probes gets in, though they come back.
    for _ in 0..3 {
        let begin = Instant::now();
        let probe = tokio::time::timeout(Duration::from_secs(8), http_get(&served.admin, "/livez"));
        assert_eq!(probe.await.expect("a probe gets in").0, 200);
        println!("a probe of the admin port was answered after {:?}", begin.elapsed());
        for _ in 0..64 {
            silent.push(tokio::net::TcpStream::connect(&served.admin).await.unwrap());
        }
    }
    others.end("150 silent connections to the admin port", &served);
}
