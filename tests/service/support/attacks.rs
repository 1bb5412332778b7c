//! Callers who cost more than they pay. The tests meet them one by one and look at what they are told; the bench `attack`
//! lets each go on and times everybody else.

use std::time::Duration;

use assay::grpc::pb;
use assay::grpc::pb::lead_service_client::LeadServiceClient;
use assay::grpc::pb::scoring_service_client::ScoringServiceClient;
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{Full, StreamBody};
use prost::Message as _;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{Service as _, ServiceExt as _};

use super::{inline, made};

const SCORE: &str = "/assay.v1.ScoringService/ScoreLead";
const UPSERT: &str = "/assay.v1.LeadService/BatchUpsertLeads";
const LIST: &str = "/assay.v1.LeadService/ListLeads";

pub type Response = http::Response<Body>;

/// What a call was refused with, or nothing if its answer has begun.
pub fn refusal(response: &Response) -> Option<tonic::Status> {
    tonic::Status::from_header_map(response.headers())
}

pub async fn connect(url: &str) -> Channel {
    Endpoint::new(url.to_owned()).unwrap().connect().await.unwrap()
}

/// Sends a request whose body is as given, which no client library would. Waits for ever if the connection breaks, as it
/// does when the test is over.
async fn raw(channel: &Channel, path: &str, encoding: Option<&str>, body: Body) -> Response {
    let mut request = http::Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let mut channel = channel.clone();
    let answer = async { channel.ready().await?.call(request.body(body).unwrap()).await };
    match answer.await {
        Ok(answer) => answer,
        Err(_) => futures::future::pending().await,
    }
}

/// A body that begins so and never ends.
fn unfinished(begun: Bytes) -> Body {
    // Nothing at all where nothing is begun: h2 takes many empty frames for an attack of their own.
    let begun = Some(begun).filter(|begun| !begun.is_empty());
    let begun =
        futures::stream::iter(begun.map(|begun| Ok::<_, tonic::Status>(http_body::Frame::data(begun))));
    Body::new(StreamBody::new(begun.chain(futures::stream::pending())))
}

fn whole(bytes: Bytes) -> Body {
    Body::new(Full::new(bytes))
}

/// A message with the five bytes before it.
fn framed(compressed: bool, message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[u8::from(compressed)], &length[..], message].concat().into()
}

/// All but the last byte of a message of zeros.
fn all_but_the_last(length: usize) -> Bytes {
    let message = framed(false, &vec![0; length]);
    message.slice(..message.len() - 1)
}

/// 1,024 calls on one connection of which not one has a body.
pub async fn calls_without_a_body(url: &str) -> Vec<JoinHandle<Response>> {
    let channel = connect(url).await;
    let call = |channel: Channel| async move { raw(&channel, SCORE, None, unfinished(Bytes::new())).await };
    (0..1_024).map(|_| tokio::spawn(call(channel.clone()))).collect()
}

/// 200 requests of 15 MiB on ten connections that never end.
pub async fn large_requests_that_never_end(url: &str) -> Vec<JoinHandle<Response>> {
    let begun = all_but_the_last(15 << 20);
    let channels = futures::future::join_all((0..10).map(|_| connect(url))).await;
    let call = |i: usize| {
        let (channel, begun) = (channels[i % 10].clone(), begun.clone());
        tokio::spawn(async move { raw(&channel, UPSERT, None, unfinished(begun)).await })
    };
    (0..200).map(call).collect()
}

/// Leads of which a page of a thousand takes 4 MiB.
pub async fn large_leads(url: &str) {
    let mut leads = LeadServiceClient::new(connect(url).await);
    for batch in 0..4 {
        let contact = |i| pb::Contact { id: format!("c{i}"), title: "x".repeat(150), ..Default::default() };
        let contacts = pb::ContactList { contacts: (0..100).map(contact).collect() };
        let item = |i: i32| {
            let lead = pb::Lead { contacts: Some(contacts.clone()), ..made::company("Acme", Some(i.into())) };
            let id = format!("{batch}-{i}");
            pb::UpsertLead {
                id: id.clone(),
                lead: Some(made::with_id(lead, "crm", &id)),
                ..Default::default()
            }
        };
        let items = (0..100).map(item).collect();
        let request = pb::BatchUpsertLeadsRequest { system: "crm".into(), items, ..Default::default() };
        leads.batch_upsert_leads(request).await.unwrap();
    }
}

/// 400 pages of [`large_leads`] on four connections, from which nobody takes more than their first bytes.
pub async fn answers_that_nobody_reads(url: &str) -> Vec<Response> {
    let request = pb::ListLeadsRequest { page_size: 1_000, ..Default::default() };
    let request = framed(false, &request.encode_to_vec());
    let mut unread = Vec::new();
    for _ in 0..4 {
        let channel = connect(url).await;
        for _ in 0..100 {
            unread.push(raw(&channel, LIST, None, whole(request.clone())).await);
        }
    }
    unread
}

/// 400 watches and 400 unfinished checks of health on eight connections.
pub async fn health_checks_and_watches(url: &str) -> Vec<JoinHandle<()>> {
    let begun = all_but_the_last(3 << 20);
    let mut open = Vec::new();
    for _ in 0..8 {
        let channel = connect(url).await;
        for i in 0..100 {
            let (channel, begun) = (channel.clone(), begun.clone());
            open.push(tokio::spawn(async move {
                if i % 2 == 0 {
                    let watch = HealthClient::new(channel).watch(HealthCheckRequest::default()).await;
                    if let Ok(watch) = watch {
                        watch.into_inner().for_each(|_| async {}).await;
                    }
                } else {
                    raw(&channel, "/grpc.health.v1.Health/Check", None, unfinished(begun)).await;
                }
            }));
        }
    }
    open
}

/// 16 KB of gzip that become 15 MiB of elements of two bytes each.
pub fn gzip_bomb() -> Bytes {
    use std::io::Write as _;
    let items = [0x12, 0].repeat(15 << 19);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&items).unwrap();
    framed(true, &gzip.finish().unwrap())
}

pub async fn send_bomb(channel: &Channel, bomb: &Bytes) -> Response {
    raw(channel, UPSERT, Some("gzip"), whole(bomb.clone())).await
}

/// So many calls on a connection, all given up after a millisecond. Gives those that ended before.
pub async fn given_up_at_once(channel: &Channel, calls: usize) -> Vec<Result<(), tonic::Status>> {
    let calls = (0..calls).map(|_| {
        let mut scoring = ScoringServiceClient::new(channel.clone());
        async move {
            let call = scoring.score_lead(inline(made::company("Acme", None)));
            tokio::time::timeout(Duration::from_millis(1), call).await
        }
    });
    let ended = futures::future::join_all(calls).await;
    ended.into_iter().flatten().map(|ended| ended.map(drop)).collect()
}

const SCORES: &str = "/assay.v1.ScoringService/ScoreLeads";
const REFLECT: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// 512 streams on four connections, each with an item of 4 MiB that never ends: half of them score leads, half ask for
/// descriptors.
pub async fn items_that_never_end(url: &str) -> Vec<JoinHandle<Response>> {
    let begun = all_but_the_last((4 << 20) - 100);
    let mut calls = Vec::new();
    for _ in 0..4 {
        let channel = connect(url).await;
        for path in [SCORES, REFLECT].repeat(64) {
            let (channel, begun) = (channel.clone(), begun.clone());
            calls.push(tokio::spawn(async move {
                drain(raw(&channel, path, None, unfinished(begun)).await).await
            }));
        }
    }
    calls
}

/// The answer, whose body is read to its end.
async fn drain(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let read = http_body_util::BodyExt::collect(body).await;
    let mut parts = parts;
    parts.headers.extend(read.ok().and_then(|body| body.trailers().cloned()).unwrap_or_default());
    http::Response::from_parts(parts, Body::empty())
}

/// 2,500 requests of 16 KiB on ten connections, of which a byte comes each second.
pub async fn small_requests_that_never_end(url: &str) -> Vec<JoinHandle<Response>> {
    let begun = all_but_the_last(16 << 10);
    let channels = futures::future::join_all((0..10).map(|_| connect(url))).await;
    let call = |i: usize| {
        let (channel, begun) = (channels[i % 10].clone(), begun.clone());
        tokio::spawn(async move {
            let some = begun.slice(..begun.len() - 60);
            let more = futures::stream::iter(0..60).then(move |i| {
                let byte = begun.slice(begun.len() - 60 + i..begun.len() - 59 + i);
                async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok::<_, tonic::Status>(http_body::Frame::data(byte))
                }
            });
            let begin = futures::stream::iter([Ok(http_body::Frame::data(some))]);
            raw(&channel, SCORE, None, Body::new(StreamBody::new(begin.chain(more).boxed()))).await
        })
    };
    (0..2_500).map(call).collect()
}

/// 1,024 watches of our health on eight connections.
pub async fn watches(url: &str) -> Vec<JoinHandle<()>> {
    let mut open = Vec::new();
    for _ in 0..8 {
        let channel = connect(url).await;
        for _ in 0..128 {
            let mut health = HealthClient::new(channel.clone());
            open.push(tokio::spawn(async move {
                if let Ok(watch) = health.watch(HealthCheckRequest::default()).await {
                    watch.into_inner().for_each(|_| async {}).await;
                }
            }));
        }
    }
    open
}

/// 256 streams on two connections on which nothing is ever sent.
pub async fn streams_that_rest(url: &str) -> Vec<JoinHandle<Response>> {
    let mut calls = Vec::new();
    for _ in 0..2 {
        let channel = connect(url).await;
        for _ in 0..128 {
            let channel = channel.clone();
            calls.push(tokio::spawn(async move {
                drain(raw(&channel, SCORES, None, unfinished(Bytes::new())).await).await
            }));
        }
    }
    calls
}

/// A stream of items of 4 KB of gzip that become 4 MiB of empty elements each.
pub async fn stream_of_bombs(channel: &Channel, items: usize) -> Response {
    use std::io::Write as _;
    // An inline lead whose contacts are all empty.
    let contacts = [0x0a, 0].repeat((4 << 20) / 2 - 50);
    let wrap = |tag: u8, inner: Vec<u8>| {
        let mut outer = vec![tag];
        prost::encoding::encode_varint(inner.len() as u64, &mut outer);
        outer.extend(inner);
        outer
    };
    let (contact_list, lead, inline, request) = (0x2a, 0x0a, 0x12, 0x12);
    let message = wrap(request, wrap(inline, wrap(lead, wrap(contact_list, contacts))));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&message).unwrap();
    let item = framed(true, &gzip.finish().unwrap());
    let body = futures::stream::iter(
        (0..items).map(move |_| Ok::<_, tonic::Status>(http_body::Frame::data(item.clone()))),
    );
    drain(raw(channel, SCORES, Some("gzip"), Body::new(StreamBody::new(body))).await).await
}
