//! Requests that no honest client sends.

use assay::grpc::pb;
use proptest::prelude::*;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};

use crate::support::{TestServer, failure, made};

/// Sends bytes as they are, whatever they say.
#[derive(Default, Clone)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(into, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes::Buf::advance(from, bytes::Buf::remaining(from));
        Ok(Some(()))
    }
}

async fn send(server: &TestServer, method: &'static str, body: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(method);
    client.unary(tonic::Request::new(body), path, Raw).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_the_callers_mistake() {
    let server = TestServer::start().await;
    let (code, reason, _) = failure(send(&server, "/assay.v1.LeadService/CreateLead", vec![0xFF; 8]).await);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "MALFORMED_REQUEST"));
    let (code, reason, _) = failure(send(&server, "/assay.v1.LeadService/Nothing", vec![]).await);
    assert_eq!((code, reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
    let (code, reason, _) = failure(send(&server, "/assay.v1.NoService/Nothing", vec![]).await);
    assert_eq!((code, reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_refused_with_a_reason() {
    let server = TestServer::start().await;
    let lead = pb::Lead { owner: "x".repeat(assay::grpc::MAX_MESSAGE), ..made::company("Acme", None) };
    let request = pb::CreateLeadRequest { lead: Some(lead), lead_id: String::new(), ..Default::default() };
    let mut leads = server.leads().max_encoding_message_size(usize::MAX);
    let (code, reason, _) = failure(leads.create_lead(request).await);
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
}

#[test]
fn whatever_is_sent_is_answered_or_refused_with_a_reason() {
    const METHODS: [&str; 8] = [
        "/assay.v1.CanvasService/CreateCanvas",
        "/assay.v1.CanvasService/UpdateCanvas",
        "/assay.v1.SegmentService/CreateSegment",
        "/assay.v1.ProfileService/CreateProfile",
        "/assay.v1.LeadService/BatchUpsertLeads",
        "/assay.v1.LeadService/ListLeads",
        "/assay.v1.ScoringService/ScoreLead",
        "/assay.v1.RuleService/CheckRules",
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    // Field tags and lengths that hit more often than pure chance would.
    let byte =
        prop_oneof![Just(0x0A), Just(0x12), Just(0x1A), Just(0x22), Just(0x08), Just(0x02), any::<u8>()];
    let strategy = (0..METHODS.len(), prop::collection::vec(byte, 0..60));
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 500, ..Default::default() });
    runner
        .run(&strategy, |(method, body)| {
            if let Err(status) = runtime.block_on(send(&server, METHODS[method], body)) {
                let (code, ..) = failure::<()>(Err(status));
                prop_assert!(!matches!(code, Code::Internal | Code::Unknown | Code::Unavailable), "{code:?}");
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_in_a_mask_is_refused_with_the_nearest() {
    let server = TestServer::start().await;
    let request = pb::CreateLeadRequest {
        lead: Some(made::company("Acme", None)),
        lead_id: "acme".into(),
        ..Default::default()
    };
    let lead = server.leads().create_lead(request).await.unwrap().into_inner();
    let paths = ["ownr", "company.employees", "stage.x"].map(String::from).to_vec();
    let update_mask = Some(prost_types::FieldMask { paths });
    let request = pb::UpdateLeadRequest { lead: Some(lead), update_mask, ..Default::default() };
    let (code, _, fields) = failure(server.leads().update_lead(request).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(fields, ["update_mask.paths[0]", "update_mask.paths[2]"]);
}
