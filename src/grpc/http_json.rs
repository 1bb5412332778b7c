//! JSON over HTTP for those without gRPC: the unary methods, by the `google.api.http` annotations of the protos. A call is
//! let in, timed and counted as any other; only its request and its answer are translated.

mod route;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use std::future::ready;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Method as Verb, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind};
use serde_json::{Map, Value as Json};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::middleware::admission::HEAVY;
use super::status::{self, Reason};
use super::{dynamic, openapi};
use crate::priority::aside_of_tasks;
use route::unescaped;
pub use route::{ROUTES, Route};

/// The bytes before a message: whether it is compressed, and its length.
const FRAME: usize = 5;

/// The most bytes of a body: JSON takes many times as much when it is read.
const MAX_JSON: usize = 4 << 20;
/// Large bodies are read one after the other.
static TURN: Semaphore = Semaphore::const_new(1);

/// Whether a request is one of gRPC's.
pub fn is_grpc<B>(request: &Request<B>) -> bool {
    let content = request.headers().get(header::CONTENT_TYPE);
    content.is_some_and(|content| content.as_bytes().starts_with(b"application/grpc"))
        // Whoever calls a method by its path and forgets the type is told by gRPC's own means.
        || request.uri().path().starts_with("/assay.v1.") || request.uri().path().starts_with("/grpc.")
}

/// A call over HTTP: which method, and what its path and query say.
pub struct JsonCall {
    route: &'static Route,
    fields: Vec<(String, String)>,
}

/// What a request of HTTP comes to without a call.
pub enum Asked {
    Call(JsonCall),
    Answer(Response<Body>),
}

impl JsonCall {
    /// The call that a request makes, or the answer that is known without one.
    pub fn of<B>(request: &Request<B>) -> Asked {
        let (verb, path) = (request.method(), request.uri().path());
        if verb == Verb::GET && path == "/openapi.json" {
            return Asked::Answer(answer(StatusCode::OK, openapi::document()));
        }
        let mut others = Vec::new();
        for route in ROUTES.iter() {
            let Some(mut fields) = route.matches(path) else { continue };
            if route.verb != *verb {
                others.push(route.verb.as_str());
                continue;
            }
            let query = request.uri().query().unwrap_or_default();
            let pairs = query.split('&').filter(|pair| !pair.is_empty());
            fields.extend(pairs.map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (unescaped(&name.replace('+', " ")), unescaped(&value.replace('+', " ")))
            }));
            return Asked::Call(JsonCall { route, fields });
        }
        let (code, reason, message) = match others.is_empty() {
            true => (
                StatusCode::NOT_FOUND,
                Reason::NotFound,
                format!("there is no {verb} {path}; GET /openapi.json lists all paths"),
            ),
            false => (
                StatusCode::METHOD_NOT_ALLOWED,
                Reason::Unimplemented,
                format!("{path} takes {}, not {verb}", others.join(" and ")),
            ),
        };
        Asked::Answer(answer(code, error_json(&status::plain(reason, message))))
    }

    /// The path under which gRPC knows the method.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.route.method.parent_service().full_name(), self.route.method.name())
    }

    /// The body as it comes, with the frame before it that says how long it is: so it is let in like any other request.
    pub fn framed(request: Request<Body>) -> Request<Body> {
        let length = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        request.map(|body| {
            let frame = stream::once(ready(Ok(Frame::data(framed(&[], length.unwrap_or(0))))));
            Body::new(StreamBody::new(frame.chain(BodyStream::new(body))))
        })
    }

    /// The request for gRPC, out of the whole body with its frame.
    pub async fn request(&self, parts: http::request::Parts, body: Body) -> Result<Request<Body>, Status> {
        let bytes = body.collect().await.map_err(|_| malformed("the body can't be read"))?.to_bytes();
        let json = bytes.get(FRAME..).unwrap_or_default();
        if json.len() > MAX_JSON {
            let message = format!(
                "the body has {} bytes, as JSON at most {MAX_JSON} are allowed: send it over gRPC",
                json.len()
            );
            return Err(status::plain(Reason::MessageTooLarge, message));
        }
        let message = match json.len() > HEAVY {
            true => {
                let _turn = TURN.acquire().await.map_err(|_| status::overloaded())?;
                aside_of_tasks(|| self.message(json))?
            }
            false => self.message(json)?,
        };
        let mut request = Request::new(Body::new(Full::new(framed(&message.encode_to_vec(), 0))));
        *request.method_mut() = Verb::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = self.path().parse().map_err(|_| malformed("the path can't be read"))?;
        *request.headers_mut() = parts.headers;
        *request.extensions_mut() = parts.extensions;
        let headers = request.headers_mut();
        for name in [
            header::CONTENT_LENGTH,
            header::ACCEPT_ENCODING,
            header::CONTENT_ENCODING,
            header::TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        Ok(request)
    }

    fn message(&self, body: &[u8]) -> Result<DynamicMessage, Status> {
        let input = self.route.method.input();
        let mut json = match &self.route.body {
            None if !body.iter().all(u8::is_ascii_whitespace) => {
                return Err(malformed(
                    "this method takes no body: its arguments stand in the path and the query",
                ));
            }
            None => Json::Object(Map::new()),
            Some(_) if body.iter().all(u8::is_ascii_whitespace) => Json::Object(Map::new()),
            Some(field) => {
                let read: Json = serde_json::from_slice(body)
                    .map_err(|error| malformed(format!("the body is no JSON: {error}")))?;
                if field == "*" { read } else { Json::Object([(field.clone(), read)].into_iter().collect()) }
            }
        };
        for (name, value) in &self.fields {
            put(&mut json, &input, name, value)?;
        }
        dynamic::from_json(input, json).map_err(|invalid| match invalid.0.as_slice() {
            [only] if only.field.is_empty() => malformed(&only.description),
            _ => invalid.into(),
        })
    }
}

/// Puts a value of the path or the query into a request.
fn put(
    json: &mut Json,
    input: &prost_reflect::MessageDescriptor,
    name: &str,
    value: &str,
) -> Result<(), Status> {
    let (mut at, mut descriptor) = (json, input.clone());
    let mut steps = name.split('.').peekable();
    while let Some(step) = steps.next() {
        let known = descriptor.fields().find(|field| field.name() == step || field.json_name() == step);
        let field = known.ok_or_else(|| {
            let names: Vec<String> = descriptor.fields().map(|field| field.name().to_owned()).collect();
            let help = crate::domain::text::suggestion(step, names.iter().map(String::as_str));
            malformed(format!("there is no parameter \"{name}\"; {help}"))
        })?;
        let Json::Object(fields) = at else {
            return Err(malformed(format!("\"{step}\" has no parts")));
        };
        // By whichever of its names the body has it already.
        let key =
            if fields.contains_key(field.json_name()) { field.json_name() } else { field.name() }.to_owned();
        if steps.peek().is_some() {
            match field.kind() {
                Kind::Message(inner) if !field.is_list() && !field.is_map() => descriptor = inner,
                _ => return Err(malformed(format!("\"{step}\" has no parts"))),
            }
            at = fields.entry(key).or_insert_with(|| Json::Object(Map::new()));
            continue;
        }
        let text = || Json::String(value.to_owned());
        let one = match field.kind() {
            Kind::Bool => {
                Json::Bool(value.parse().map_err(|_| malformed(format!("{name} is true or false")))?)
            }
            Kind::Message(inner) if inner.full_name() == "google.protobuf.FieldMask" => {
                Json::String(camel_case(value))
            }
            _ => text(),
        };
        if field.is_list() {
            let list = fields.entry(key).or_insert_with(|| Json::Array(Vec::new()));
            if let Json::Array(list) = list {
                list.push(one);
            }
        } else {
            fields.insert(key, one);
        }
        return Ok(());
    }
    Ok(())
}

/// The paths of a field mask as protobuf JSON has them.
fn camel_case(paths: &str) -> String {
    let mut out = String::with_capacity(paths.len());
    let mut up = false;
    for c in paths.chars() {
        match c {
            '_' => up = true,
            c if up => {
                out.extend(c.to_uppercase());
                up = false;
            }
            c => out.push(c),
        }
    }
    out
}

fn malformed(message: impl Into<String>) -> Status {
    status::plain(Reason::MalformedRequest, message.into())
}

/// A message with its frame; `more` bytes of it are still to come.
fn framed(message: &[u8], more: usize) -> Bytes {
    let mut bytes = BytesMut::with_capacity(FRAME + message.len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len() + more).unwrap_or(u32::MAX));
    bytes.put_slice(message);
    bytes.freeze()
}

impl JsonCall {
    /// The answer of gRPC as one of HTTP, with its code.
    pub async fn answer(&self, response: Response<Body>) -> (Response<Body>, Code) {
        let told = Status::from_header_map(response.headers());
        let (parts, body) = response.into_parts();
        let collected = match told {
            Some(status) => Err(status),
            None => self.collected(body).await,
        };
        let (mut out, code) = match collected {
            Ok(json) => (answer(StatusCode::OK, json), Code::Ok),
            Err(status) => {
                let status = if status.details().is_empty() { status::catalogued(&status) } else { status };
                (answer(http_status(&status), error_json(&status)), status.code())
            }
        };
        let kept = |name: &&header::HeaderName| {
            !name.as_str().starts_with("grpc-") && name.as_str() != "content-type"
        };
        for (name, value) in parts.headers.iter().filter(|(name, _)| kept(name)) {
            out.headers_mut().insert(name.clone(), value.clone());
        }
        if let Some(wait) = retry_after(&parts.headers) {
            out.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        (out, code)
    }

    async fn collected(&self, body: Body) -> Result<Json, Status> {
        let collected = body.collect().await?;
        let told = collected.trailers().and_then(Status::from_header_map);
        if let Some(status) = told.filter(|status| status.code() != Code::Ok) {
            return Err(status);
        }
        let bytes = collected.to_bytes();
        let output = self.route.method.output();
        let large = bytes.len() > HEAVY;
        let read = move || {
            DynamicMessage::decode(output, bytes.get(FRAME..).unwrap_or_default()).map(|m| to_json(&m))
        };
        let read = if large { aside_of_tasks(read) } else { read() };
        read.map_err(|error| status::plain(Reason::Internal, error.to_string()))
    }
}

/// Protobuf JSON as the specification has it: names in lowerCamelCase, 64-bit numbers as texts.
fn to_json(message: &DynamicMessage) -> Json {
    message.serialize_with_options(serde_json::value::Serializer, &Default::default()).unwrap_or_default()
}

fn answer(code: StatusCode, json: Json) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(json.to_string()))));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A refusal of a call that was not looked at.
pub fn refusal(status: &Status) -> Response<Body> {
    answer(http_status(status), error_json(status))
}

/// As a whole second at least, from what gRPC is told in milliseconds.
fn retry_after(headers: &HeaderMap) -> Option<HeaderValue> {
    let pushback: u64 = headers.get("grpc-retry-pushback-ms")?.to_str().ok()?.parse().ok()?;
    HeaderValue::from_str(&pushback.div_ceil(1_000).max(1).to_string()).ok()
}

/// The types of the details of errors.
static DETAILS: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap_or_default());

/// An error as google.rpc.Status in JSON.
fn error_json(status: &Status) -> Json {
    let known = DETAILS.get_message_by_name("google.rpc.Status");
    let read = known.and_then(|known| DynamicMessage::decode(known, status.details()).ok());
    let json = read.filter(|_| !status.details().is_empty()).map(|read| to_json(&read));
    json.unwrap_or_else(|| serde_json::json!({ "code": status.code() as i32, "message": status.message() }))
}

/// As the documentation of google.rpc.Code pairs them.
fn http_status(status: &Status) -> StatusCode {
    let details = status.get_error_details();
    if details.error_info().is_some_and(|info| info.reason == Reason::MessageTooLarge.as_str()) {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    match status.code() {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        // Of nginx: the caller went away.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Fields by name, for those who describe them.
pub fn query_fields(route: &Route) -> BTreeMap<String, prost_reflect::FieldDescriptor> {
    let in_path: Vec<&str> =
        route.captures.iter().map(|(field, ..)| field.split('.').next().unwrap_or(field)).collect();
    let input = route.method.input();
    let free = input.fields().filter(|field| {
        let is_body = route.body.as_deref().is_some_and(|body| body == "*" || body == field.name());
        let is_plain =
            !matches!(field.kind(), Kind::Message(inner) if inner.full_name() != "google.protobuf.FieldMask");
        !is_body && is_plain && !in_path.contains(&field.name())
    });
    free.map(|field| (field.name().to_owned(), field)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::pb::POOL;

    fn found(verb: &Verb, path: &str) -> Option<(&'static str, Vec<(String, String)>)> {
        let route = ROUTES.iter().find(|route| route.verb == *verb && route.matches(path).is_some())?;
        let fields = route.matches(path)?;
        Some((Box::leak(route.method.name().to_owned().into_boxed_str()), fields))
    }

    #[test]
    fn every_unary_method_has_a_path_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for method in POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let routes = ROUTES.iter().filter(|route| route.method == method).count();
            let streams = method.is_client_streaming() || method.is_server_streaming();
            assert_eq!(routes > 0, !streams, "{}", method.full_name());
        }
        for route in ROUTES.iter() {
            assert!(seen.insert((route.verb.as_str(), route.template.clone())), "{}", route.template);
        }
    }

    #[test]
    fn paths_name_methods_and_their_fields() {
        let get = |path: &str| found(&Verb::GET, path);
        let name = |value: &str| vec![("name".to_owned(), value.to_owned())];
        assert_eq!(get("/v1/leads/acme"), Some(("GetLead", name("leads/acme"))));
        assert_eq!(get("/v1/canvases/a/segments/b"), Some(("GetSegment", name("canvases/a/segments/b"))));
        assert_eq!(get("/v1/canvases/a:listRevisions"), Some(("ListCanvasRevisions", name("canvases/a"))));
        let parent = vec![("parent".to_owned(), "canvases/a".to_owned())];
        assert_eq!(get("/v1/canvases/a/segments:prioritize"), Some(("PrioritizeSegments", parent)));
        assert_eq!(get("/v1/leads/a%2Fb"), Some(("GetLead", name("leads/a/b"))));
        assert_eq!(get("/v1/leads/"), None);
        assert_eq!(get("/v1/leads:score"), None, "it is posted");
        assert_eq!(found(&Verb::POST, "/v1/leads:score").unwrap().0, "ScoreLead");
        assert_eq!(camel_case("display_name,company.annual_revenue"), "displayName,company.annualRevenue");
    }
}
