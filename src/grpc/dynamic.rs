//! Messages that are known only by their descriptors: for whoever works with all kinds of resources alike.

use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::Value as Json;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::MAX_RESPONSE;
use super::pb::POOL;
use crate::domain::check::{Checker, Invalid};

/// The descriptor of a message of `assay.v1`.
pub fn message(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(&format!("assay.v1.{name}"))
}

/// The descriptor of a method, such as `CanvasService` and `GetCanvas`.
pub fn method(service: &str, name: &str) -> Option<MethodDescriptor> {
    let service = POOL.get_service_by_name(&format!("assay.v1.{service}"))?;
    service.methods().find(|method| method.name() == name)
}

/// Reads protobuf JSON, with names in either case. Names of fields and words of enums that there are not, and values of
/// another type, are told all at once, each with its path and what would be right.
pub fn from_json(descriptor: MessageDescriptor, json: Json) -> Result<DynamicMessage, Invalid> {
    let mut c = Checker::at("");
    check_message(&mut c, &descriptor, &json);
    c.finish(())?;
    DynamicMessage::deserialize(descriptor, json).map_err(|error| Invalid::one("", error.to_string()))
}

fn check_message(c: &mut Checker, descriptor: &MessageDescriptor, json: &Json) {
    let Json::Object(fields) = json else { return };
    for (name, value) in fields {
        let known = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
        let Some(field) = known else {
            let all: Vec<String> = descriptor.fields().map(|field| field.name().to_owned()).collect();
            let help = c.suggestion(name, all.iter().map(String::as_str));
            c.wrong_field(name, format!("there is no such field; {help}"));
            continue;
        };
        // A value is right if it is all that a message has, and that can be read.
        let alone = |value: Json| Json::Object([(name.clone(), value)].into_iter().collect());
        match (value, field.kind()) {
            (Json::Object(entries), Kind::Message(entry)) if field.is_map() => {
                let kind = entry.map_entry_value_field().kind();
                c.within(name, |c| {
                    for (key, value) in entries {
                        let whole =
                            || alone(Json::Object([(key.clone(), value.clone())].into_iter().collect()));
                        c.within(key, |c| check_value(c, descriptor, &kind, value, whole));
                    }
                });
            }
            (Json::Array(items), kind) if field.is_list() => {
                c.each(name, items, |c, item| {
                    check_value(c, descriptor, &kind, item, || alone(Json::Array(vec![item.clone()])));
                });
            }
            (value, kind) => {
                let inner = if field.is_map() || field.is_list() { None } else { Some(&kind) };
                c.within(name, |c| match inner {
                    Some(kind) => check_value(c, descriptor, kind, value, || alone(value.clone())),
                    None if value.is_null() => {}
                    None if field.is_list() => {
                        c.wrong(format!("a list is wanted here, not {}", shown(value)))
                    }
                    None => c.wrong(format!("names with values are wanted here, not {}", shown(value))),
                });
            }
        }
    }
}

fn check_value(
    c: &mut Checker,
    descriptor: &MessageDescriptor,
    kind: &Kind,
    value: &Json,
    whole: impl FnOnce() -> Json,
) {
    match (kind, value) {
        (Kind::Message(inner), Json::Object(_)) if inner.package_name() != "google.protobuf" => {
            return check_message(c, inner, value);
        }
        (Kind::Enum(words), Json::String(word)) if words.get_value_by_name(word).is_none() => {
            let all: Vec<String> = words.values().map(|known| known.name().to_owned()).collect();
            let help = c.suggestion(word, all.iter().map(String::as_str));
            return c.wrong(format!("there is no \"{word}\"; {help}"));
        }
        _ => {}
    }
    if DynamicMessage::deserialize(descriptor.clone(), whole()).is_err() {
        c.wrong(format!("{} is wanted here, not {}", wanted(kind), shown(value)));
    }
}

/// What a kind of value is, to somebody who writes one.
fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Message(inner) => match inner.name() {
            "Timestamp" => "a time such as \"2026-11-26T09:00:00Z\"",
            "Duration" => "a duration such as \"3600s\"",
            "FieldMask" => "a text with the names of fields",
            _ => "an object with fields of its own",
        },
        Kind::Enum(_) => "a word",
        Kind::Bool => "true or false",
        Kind::String => "a text, in quotes where YAML would take it for something else,",
        Kind::Bytes => "a text in base64",
        Kind::Double | Kind::Float => "a number such as 0.8",
        _ => "a whole number such as 1300",
    }
}

/// A value, shortened.
fn shown(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Protobuf JSON with the names of the proto, without what is not set.
pub fn to_json(message: &DynamicMessage) -> Json {
    let options =
        prost_reflect::SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    let mut json =
        message.serialize_with_options(serde_json::value::Serializer, &options).unwrap_or_default();
    write_whole_numbers(&mut json);
    json
}

/// Writes numbers without decimals as people do: 6500, not 6500.0.
fn write_whole_numbers(json: &mut Json) {
    match json {
        Json::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15) {
                *json = (whole as i64).into();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Json::Object(fields) => fields.values_mut().for_each(write_whole_numbers),
        _ => {}
    }
}

/// A message of ours as one that is known by its descriptor.
pub fn of<M: prost::Message>(message: &M, name: &str) -> Option<DynamicMessage> {
    DynamicMessage::decode(self::message(name)?, message.encode_to_vec().as_slice()).ok()
}

/// A field mask.
pub fn mask(paths: &[String]) -> Option<DynamicMessage> {
    let descriptor = POOL.get_message_by_name("google.protobuf.FieldMask")?;
    let mask = prost_types::FieldMask { paths: paths.to_vec() };
    DynamicMessage::decode(descriptor, mask.encode_to_vec().as_slice()).ok()
}

/// Calls a unary method.
pub async fn call(
    channel: Channel,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<DynamicMessage, Status> {
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_RESPONSE);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path = path.parse().map_err(|_| Status::internal("the method has no path"))?;
    let codec = DynamicCodec(method.output());
    Ok(client.unary(Request::new(request), path, codec).await?.into_inner())
}

/// Sends any message, and reads answers of one type.
struct DynamicCodec(MessageDescriptor);

struct DynamicEncoder;

struct DynamicDecoder(MessageDescriptor);

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> DynamicEncoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder(self.0.clone())
    }
}

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), buffer);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
