//! Too much, too long, too slow: calls are refused or end, and memory stays bounded.

use std::time::{Duration, Instant};

use assay::config::Settings;
use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::process::{Served, resident};
use crate::support::{TestServer, copy_dir, eventually, inline, made, sample, shipped};

#[tokio::test(flavor = "multi_thread")]
async fn above_the_limit_streams_are_refused_at_once_while_calls_and_health_go_on() {
    let write = |scripts: &std::path::Path| copy_dir(&shipped(), scripts);
    let settings = Settings { max_calls: Some(1), ..Settings::default() };
    let server = TestServer::start_with(write, settings).await;
    server.wait_for_health("", ServingStatus::Serving).await;
    let stream = || {
        let (requests, outgoing) = tokio::sync::mpsc::channel::<pb::ScoreLeadsRequest>(1);
        (requests, ReceiverStream::new(outgoing))
    };
    let (_requests, outgoing) = stream();
    let answers = server.scoring().score_leads(outgoing).await.unwrap();
    let (_more, outgoing) = stream();
    let status = server.scoring().score_leads(outgoing).await.unwrap_err();
    let (code, reason, _) = crate::support::failure::<()>(Err(status.clone()));
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    use tonic_types::StatusExt as _;
    assert!(status.get_error_details().retry_info().is_some());
    server.scoring().score_lead(inline(made::company("Acme", None))).await.unwrap();
    let health = server.health().check(HealthCheckRequest { service: String::new() }).await.unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);
    assert_eq!(sample(&server.get("/metrics").await.1, "assay_calls_shed_total"), Some(1.0));
    // The stream ends, and its place is free.
    drop((_requests, answers));
    eventually(async || {
        let (requests, outgoing) = stream();
        drop(requests);
        server.scoring().score_leads(outgoing).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_its_callers_deadline() {
    let server = TestServer::start().await;
    let (_requests, outgoing) = tokio::sync::mpsc::channel::<assay::grpc::pb::ScoreLeadsRequest>(1);
    let mut request = tonic::Request::new(tokio_stream::wrappers::ReceiverStream::new(outgoing));
    request.set_timeout(Duration::from_secs(2));
    let mut answers = server.scoring().score_leads(request).await.unwrap().into_inner();
    let ended = crate::support::within(answers.message()).await;
    let (code, reason, _) = crate::support::failure(ended);
    assert_eq!((code, reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

/// A stream's items without end.
fn endless() -> impl tokio_stream::Stream<Item = pb::ScoreLeadsRequest> {
    let item =
        pb::ScoreLeadsRequest { id: String::new(), request: Some(inline(made::company("Acme", Some(80)))) };
    futures::stream::repeat(item)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_stops_and_is_counted() {
    let server = TestServer::start().await;
    let scored = async || {
        let (_, body) = server.get("/metrics").await;
        let scores = body.lines().filter(|line| line.starts_with("assay_scores_total"));
        scores.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    // Requests keep coming until the caller goes away, more than are ever answered.
    let (requests, outgoing) = tokio::sync::mpsc::channel(1);
    let caller = tokio::spawn(async move {
        let mut items = endless();
        while let Some(item) = futures::StreamExt::next(&mut items).await {
            if requests.send(item).await.is_err() {
                break;
            }
        }
    });
    let mut answers = server.scoring().score_leads(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
    for _ in 0..100 {
        answers.message().await.unwrap().unwrap();
    }
    caller.abort();
    drop(answers);
    let cancelled = "rpc_server_call_duration_seconds_count{rpc_system_name=\"grpc\",\
                     rpc_method=\"assay.v1.ScoringService/ScoreLeads\",rpc_response_status_code=\"CANCELLED\"}";
    eventually(async || (sample(&server.get("/metrics").await.1, cancelled) == Some(1.0)).then_some(()))
        .await;
    assert_eq!(sample(&server.get("/metrics").await.1, "assay_calls_in_flight"), Some(0.0));
    let at_the_end = scored().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(scored().await, at_the_end, "nothing is scored for a caller who has gone");
    assert!(at_the_end >= 100);
}

const MEBIBYTE: u64 = 1 << 20;
const READERS: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_cost_bounded_memory() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &[]);
    let mut open = Vec::new();
    // Warm first, so that only what the readers cost is measured.
    let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
    let before = resident(served.child.id());
    for _ in 0..READERS {
        let endpoint =
            tonic::transport::Endpoint::new(served.url()).unwrap().initial_stream_window_size(65_535);
        let mut scoring = ScoringServiceClient::new(endpoint.connect().await.unwrap());
        // Answers come until the window is full, and nobody takes them.
        open.push(scoring.score_leads(endless()).await.unwrap());
    }
    let mut scored = 0.0;
    // They are all held back once nothing is scored any more.
    let begin = Instant::now();
    eventually(async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (_, body) = crate::support::http_get(&served.admin, "/metrics").await;
        let now = body.lines().filter(|line| line.starts_with("assay_scores_total"));
        let now: f64 = now.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        let held_back = now == scored && now > 0.0;
        scored = now;
        held_back.then_some(())
    })
    .await;
    let each = (resident(served.child.id()).saturating_sub(before)) / READERS;
    println!("a slow reader costs {} KiB; {scored} leads were scored in {:?}", each / 1_024, begin.elapsed());
    assert!(each < MEBIBYTE, "{each} bytes for each slow reader");
    // Nobody was cut off for being slow: whoever reads on gets on.
    for answers in &mut open {
        for _ in 0..300 {
            answers.get_mut().message().await.unwrap().unwrap();
        }
    }
    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
}

const IDLE: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_cost_bounded_memory() {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(
        limit > IDLE as u64 + 1_000,
        "{limit} open files are too few for this test: raise the hard limit"
    );
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("a.db"), &shipped(), &[]);
    let mut scoring = ScoringServiceClient::connect(served.url()).await.unwrap();
    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
    let before = resident(served.child.id());
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut connection = tokio::net::TcpStream::connect(&served.address).await.unwrap();
        // The preface of HTTP/2 and empty settings: a client that has nothing to say.
        connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        idle.push(connection);
    }
    for connection in &mut idle {
        // The server has taken it when its own settings arrive.
        let mut settings = [0; 9];
        connection.read_exact(&mut settings).await.unwrap();
        assert_eq!(settings[3], 4, "{settings:?}");
    }
    let each = (resident(served.child.id()).saturating_sub(before)) / IDLE as u64;
    println!("an idle connection costs {:.1} KiB", each as f64 / 1_024.0);
    assert!(each < 64 * 1_024, "{each} bytes for each idle connection");
    scoring.score_lead(inline(made::company("Acme", None))).await.unwrap();
}

const LISTS: i32 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nobody_waits_for_any_more_stops() {
    for database in [None, Some(crate::support::postgres::database("abandoned"))] {
        let dir = tempfile::tempdir().unwrap();
        let database = database.map_or_else(|| dir.path().join("a.db"), Into::into);
        let served = Served::start(&database, &shipped(), &[]);
        let channel = Channel::from_shared(served.url()).unwrap().connect().await.unwrap();
        let mut leads = LeadServiceClient::new(channel.clone());
        // Each of these looks at every lead many times, and its caller soon goes away.
        let filter = made::heavy_leads(&mut leads, 8).await;
        let begin = Instant::now();
        leads
            .list_leads(pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() })
            .await
            .unwrap();
        let alone = begin.elapsed();
        let begin = Instant::now();
        let mut calls = Vec::new();
        for _ in 0..LISTS {
            let mut leads = LeadServiceClient::new(channel.clone());
            let mut request =
                tonic::Request::new(pb::ListLeadsRequest { filter: filter.clone(), ..Default::default() });
            request.set_timeout(alone / 4);
            calls.push(tokio::spawn(async move { leads.list_leads(request).await }));
        }
        let mut cut_off = 0;
        for call in calls {
            // The client has a timer too, which says that the call was cancelled.
            let ended = [Code::DeadlineExceeded, Code::Cancelled];
            cut_off += i32::from(call.await.unwrap().is_err_and(|status| ended.contains(&status.code())));
        }
        assert!(cut_off > LISTS / 2, "{cut_off} lists were cut off: they are too short for this test");
        // All of them would take two processors twenty times as long as one.
        let limit = 12 * alone + Duration::from_millis(500);
        // The server may hear of those who went away a moment after this call, which then finds no place yet.
        let short = pb::ListLeadsRequest { page_size: 1, ..Default::default() };
        while let Err(status) = leads.list_leads(short.clone()).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            assert!(begin.elapsed() < limit, "{status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = begin.elapsed();
        println!(
            "a long list takes {alone:?}; {cut_off} of {LISTS} were cut off, the next short one came after {took:?}"
        );
        assert!(took < limit, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_method_has_no_series() {
    let server = TestServer::start().await;
    for i in 0..5 {
        let mut client = tonic::client::Grpc::new(server.channel.clone());
        client.ready().await.unwrap();
        let path = format!("/x.y/random{i}").parse().unwrap();
        let codec = tonic_prost::ProstCodec::<pb::GetRuleStatusRequest, pb::RuleStatus>::default();
        let refused = client.unary(tonic::Request::new(pb::GetRuleStatusRequest {}), path, codec).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    }
    let (_, metrics) = server.get("/metrics").await;
    assert!(!metrics.contains("random") && metrics.contains("rpc_method=\"_OTHER\""), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_request_that_would_swell_is_refused_before() {
    let server = TestServer::start().await;
    let items = vec![pb::UpsertLead::default(); 1 << 20];
    let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
    let (code, reason, _) = crate::support::failure(server.leads().batch_upsert_leads(request).await);
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_large_items_are_cut_where_clients_can_take_them() {
    let server = TestServer::start().await;
    let mut leads = server.leads();
    let contact = |i| pb::Contact { id: format!("c{i}"), title: "x".repeat(900), ..Default::default() };
    let contacts = pb::ContactList { contacts: (0..200).map(contact).collect() };
    for i in 0..40 {
        let lead = pb::Lead { contacts: Some(contacts.clone()), ..made::company("Acme", Some(i)) };
        let request =
            pb::CreateLeadRequest { lead: Some(lead), lead_id: format!("l{i:02}"), ..Default::default() };
        leads.create_lead(request).await.unwrap();
    }
    let mut request = pb::ListLeadsRequest { page_size: 1_000, ..Default::default() };
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        // A client that takes no more than is usual: 4 MiB.
        let page = leads.list_leads(request.clone()).await.unwrap().into_inner();
        names.extend(page.leads.into_iter().map(|lead| lead.name));
        pages += 1;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, 2);
    assert_eq!(names, (0..40).map(|i| format!("leads/l{i:02}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_much_checked_takes_no_places_from_others() {
    let server = TestServer::start().await;
    let script = made::script(1);
    let checks: Vec<_> = (0..200)
        .map(|i| {
            let (mut rules, text) = (server.rules(), format!("{script}// {i}\n"));
            let file = pb::RuleFile { path: "lead_scoring/default.rhai".into(), content: text };
            tokio::spawn(async move { rules.check_rules(pb::CheckRulesRequest { files: vec![file] }).await })
        })
        .collect();
    for _ in 0..50 {
        server.scoring().score_lead(inline(made::company("Acme", None))).await.unwrap();
    }
    let mut refused = 0;
    for check in checks {
        match check.await.unwrap() {
            Ok(checked) => assert!(checked.into_inner().valid),
            Err(status) => {
                let (code, reason, _) = crate::support::failure::<()>(Err(status));
                assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "OVERLOADED"));
                refused += 1;
            }
        }
    }
    assert!((100..200).contains(&refused), "{refused}");
}

/// Calls that are cut off while they wait for another's lock leave no connection behind that waits on.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_nobody_waits_for_block_no_reads_on_postgres() {
    let database = crate::support::postgres::database("blocked");
    let served = Served::start(std::path::Path::new(&database), &shipped(), &[]);
    let mut leads = LeadServiceClient::connect(served.url()).await.unwrap();
    let request = pb::CreateLeadRequest {
        lead: Some(made::company("Acme", None)),
        lead_id: "acme".into(),
        ..Default::default()
    };
    leads.create_lead(request).await.unwrap();
    let (mut lock, url) = (std::process::Command::new("psql"), crate::support::postgres::url());
    lock.args([&url, "-qc", "BEGIN; LOCK TABLE blocked.leads IN EXCLUSIVE MODE; SELECT pg_sleep(60)"]);
    let mut lock = lock.spawn().unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'blocked.leads'::regclass AND granted
                AND mode = 'ExclusiveLock'";
    eventually(async || (crate::support::postgres::sql(held) == "1").then_some(())).await;
    let writes: Vec<_> = (0..40)
        .map(|i| {
            let mut leads = leads.clone();
            let lead = Some(made::company("Blocked", Some(i)));
            let mut request = tonic::Request::new(pb::CreateLeadRequest { lead, ..Default::default() });
            request.set_timeout(Duration::from_millis(300));
            tokio::spawn(async move { leads.create_lead(request).await.unwrap_err() })
        })
        .collect();
    for write in writes {
        let code = write.await.unwrap().code();
        assert!([Code::DeadlineExceeded, Code::Cancelled, Code::Unavailable].contains(&code), "{code:?}");
    }
    // That lock lets others read; nobody waits behind the writes that were given up.
    for _ in 0..20 {
        let mut request = tonic::Request::new(pb::GetLeadRequest { name: "leads/acme".into(), revision: 0 });
        request.set_timeout(Duration::from_secs(3));
        leads.get_lead(request).await.unwrap();
    }
    // Whoever sets no deadline is told in the end.
    let request = pb::CreateLeadRequest { lead: Some(made::company("Blocked", None)), ..Default::default() };
    let status = leads.create_lead(request).await.unwrap_err();
    assert!(tonic_types::StatusExt::get_error_details(&status).retry_info().is_some());
    let (code, reason, _) = crate::support::failure::<()>(Err(status));
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "STORE_BUSY"));
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    eventually(async || (crate::support::postgres::sql(waiting) == "0").then_some(())).await;
    lock.kill().unwrap();
    lock.wait().unwrap();
}
