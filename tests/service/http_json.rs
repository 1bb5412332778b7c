//! Those without gRPC: JSON over HTTP/1, and gRPC-Web, on the port of gRPC.

use assay::grpc::pb;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{TestServer, inline, made};

/// Sends a request over HTTP/1.1; gives the code, the headers and the body of the answer.
async fn send(
    server: &TestServer,
    verb: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> (u16, String, Vec<u8>) {
    let mut stream = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    let length = body.len();
    let head = format!(
        "{verb} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let body = answer[end + 4..].to_vec();
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    (code, head, if chunked { unchunked(&body) } else { body })
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|part| part == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[line + 2..line + 2 + size]);
        body = &body[line + 4 + size..];
    }
}

async fn json(server: &TestServer, verb: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (code, head, answer) = send(server, verb, path, "application/json", body.as_bytes()).await;
    assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
    assert!(head.to_lowercase().contains("x-request-id: "), "{head}");
    (code, serde_json::from_slice(&answer).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_made_changed_listed_and_scored_as_json() {
    let server = TestServer::start().await;
    let profile =
        json!({ "displayName": "Main", "industries": ["heating"], "size_bands": [{ "min": "50" }] });
    let (code, made) = json(&server, "POST", "/v1/profiles?profile_id=main", profile).await;
    assert_eq!(
        (code, made["name"].as_str(), made["revision"].as_str()),
        (200, Some("profiles/main"), Some("1"))
    );
    let lead = json!({ "company": { "displayName": "Acme", "employees": "80" }, "owner": "an", "profile": "profiles/main" });
    let (code, made) =
        json(&server, "POST", "/v1/leads?leadId=acme&change.author=bo&change.reason=a+call%21", lead).await;
    assert_eq!((code, &made["change"]), (200, &json!({ "author": "bo", "reason": "a call!" })));
    // Fields that are set change; a mask in the query names others.
    let (code, changed) = json(
        &server,
        "PATCH",
        "/v1/leads/acme?update_mask=owner,company.employees",
        json!({ "owner": "cy" }),
    )
    .await;
    assert_eq!(
        (code, &changed["owner"], &changed["company"]),
        (200, &json!("cy"), &json!({ "displayName": "Acme" }))
    );
    let visit = json!({ "activities": [{ "type": "page_visit", "time": "2026-01-01T00:00:00Z" }] });
    let (code, recorded) = json(&server, "POST", "/v1/leads/acme/activities:record", visit).await;
    assert_eq!((code, &recorded["activityCount"]), (200, &json!("1")));
    let (code, scored) =
        json(&server, "POST", "/v1/leads:score", json!({ "lead": "leads/acme", "record": true })).await;
    assert_eq!((code, &scored["name"]), (200, &json!("leads/acme/scores/1")));
    let (code, again) = json(&server, "POST", "/v1/leads/acme/scores/1:replay", Value::Null).await;
    assert_eq!((code, again), (200, scored));
    let path = "/v1/leads?filter=owner%20%3D%20cy&page_size=5&orderBy=total+desc";
    let (code, listed) = json(&server, "GET", path, Value::Null).await;
    assert_eq!((code, listed["leads"].as_array().unwrap().len()), (200, 1));
    let (code, revisions) = json(&server, "GET", "/v1/leads/acme:listRevisions", Value::Null).await;
    assert_eq!((code, revisions["leads"].as_array().unwrap().len()), (200, 2));
    assert_eq!(json(&server, "DELETE", "/v1/leads/acme", Value::Null).await, (200, json!({})));
    // What gRPC knows is the same.
    assert_eq!(
        server
            .profiles()
            .get_profile(pb::GetProfileRequest { name: "profiles/main".into(), revision: 0 })
            .await
            .unwrap()
            .into_inner()
            .size_bands[0]
            .min,
        50
    );
    let (_, metrics) = server.get("/metrics").await;
    assert!(
        metrics.contains("rpc_method=\"assay.v1.LeadService/DeleteLead\",rpc_response_status_code=\"OK\""),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_statuses_in_json_with_their_details() {
    let server = TestServer::start().await;
    let (code, error) = json(&server, "GET", "/v1/leads/none", Value::Null).await;
    assert_eq!(
        (code, &error["code"], &error["message"]),
        (404, &json!(5), &json!("leads/none does not exist"))
    );
    assert_eq!(error["details"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
    assert_eq!(
        (&error["details"][0]["domain"], &error["details"][0]["reason"]),
        (&json!("assay"), &json!("NOT_FOUND"))
    );
    let lead = json!({ "company": { "displayName": "", "employees": "-1" } });
    let (code, error) = json(&server, "POST", "/v1/leads", lead).await;
    let violations =
        error["details"].as_array().unwrap().iter().find_map(|detail| detail.get("fieldViolations"));
    let fields: Vec<_> =
        violations.unwrap().as_array().unwrap().iter().map(|v| v["field"].as_str().unwrap()).collect();
    assert_eq!((code, fields), (400, vec!["lead.company.display_name", "lead.company.employees"]));

    for (verb, path, body, code, expected) in [
        ("GET", "/", "", 404, "/openapi.json"),
        ("PUT", "/v1/leads/a", "", 405, "GET and PATCH and DELETE"),
        ("GET", "/v1/leads?pagesize=3", "", 400, "did you mean \\\"page_size\\\"?"),
        ("POST", "/v1/leads", "{\"ownr\": 1}", 400, "ownr"),
        ("POST", "/v1/leads", "{", 400, "the body is no JSON"),
        ("GET", "/v1/leads", "{}", 400, "takes no body"),
        ("GET", "/v1/profiles?show_deleted=maybe", "", 400, "true or false"),
    ] {
        let (found, _, answer) = send(&server, verb, path, "application/json", body.as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(found == code && answer.contains(expected), "{verb} {path}: {found} {answer}");
    }
    let large = format!("{{\"owner\": \"{}\"}}", "x".repeat(5 << 20));
    let (code, _, answer) = send(&server, "POST", "/v1/leads", "application/json", large.as_bytes()).await;
    assert_eq!(code, 413, "{}", String::from_utf8_lossy(&answer));
}

/// What stands in the document can be called, and what it refers to is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_every_path() {
    let server = TestServer::start().await;
    let (code, document) = json(&server, "GET", "/openapi.json", Value::Null).await;
    assert_eq!((code, &document["openapi"]), (200, &json!("3.0.3")));
    let paths = document["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(operations, 97);
    let update = &paths["/v1/canvases/{canvas}/segments/{segment}"]["patch"];
    assert_eq!(
        update["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/assay.v1.Segment"
    );
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    let owner = &schemas["assay.v1.Lead"]["properties"]["owner"];
    assert_eq!((&owner["type"], &owner["description"]), (&json!("string"), &json!("Who works on it.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_is_spoken_too() {
    let server = TestServer::start().await;
    let request = inline(made::company("Acme", Some(80))).encode_to_vec();
    let framed = [&[0][..], &u32::try_from(request.len()).unwrap().to_be_bytes(), &request].concat();
    let path = "/assay.v1.ScoringService/ScoreLead";
    let (code, head, answer) = send(&server, "POST", path, "application/grpc-web+proto", &framed).await;
    assert!(code == 200 && head.contains("application/grpc-web+proto"), "{head}");
    let length = u32::from_be_bytes(answer[1..5].try_into().unwrap()) as usize;
    let score = pb::Score::decode(&answer[5..5 + length]).unwrap();
    assert!(!score.contributions.is_empty() || !score.unknowns.is_empty());
    let trailers = String::from_utf8_lossy(&answer[5 + length..]).into_owned();
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
}

/// Without this, any page that somebody visits could write to a server on their own machine.
#[tokio::test(flavor = "multi_thread")]
async fn pages_call_only_where_their_origin_is_named() {
    let server = crate::support::TestServer::start_with(
        |scripts| crate::support::copy_dir(&crate::support::shipped(), scripts),
        assay::config::Settings {
            web_origins: Some(vec!["https://app.example".into()]),
            ..Default::default()
        },
    )
    .await;
    // A header more, by the way in which `send` writes the type of the content.
    let ask = async |verb: &str, path: &str, origin: &str, more: &str| {
        let kind = format!("text/plain\r\nOrigin: {origin}{more}");
        send(&server, verb, path, &kind, b"{}").await
    };
    let (code, head, body) = ask("POST", "/v1/profiles?profile_id=evil", "https://evil.example", "").await;
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((code, &told["details"][0]["reason"]), (403, &json!("ORIGIN_REFUSED")), "{told}");
    assert!(!head.to_lowercase().contains("access-control"), "{head}");
    assert_eq!(json(&server, "GET", "/v1/profiles/evil", Value::Null).await.0, 404);

    let preflight = "\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type";
    let (code, head, _) =
        ask("OPTIONS", "/assay.v1.ScoringService/ScoreLead", "https://app.example", preflight).await;
    let head = head.to_lowercase();
    assert_eq!(code, 200);
    assert!(head.contains("access-control-allow-origin: https://app.example"), "{head}");
    assert!(head.contains("access-control-allow-headers: content-type"), "{head}");
    let (code, head, _) = ask("GET", "/v1/ruleStatus", "https://app.example", "").await;
    assert!(
        head.to_lowercase().contains("access-control-allow-origin: https://app.example"),
        "{code} {head}"
    );
}
