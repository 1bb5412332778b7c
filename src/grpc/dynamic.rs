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

/// Reads protobuf JSON, with names in either case. Names of fields and words of enums that there are not are told all
/// at once, each with its path and the nearest that there is.
pub fn from_json(descriptor: MessageDescriptor, json: Json) -> Result<DynamicMessage, Invalid> {
    let mut c = Checker::at("");
    check_words(&mut c, &descriptor, &json);
    c.finish(())?;
    DynamicMessage::deserialize(descriptor, json).map_err(|error| Invalid::one("", error.to_string()))
}

fn check_words(c: &mut Checker, descriptor: &MessageDescriptor, json: &Json) {
    // Times, durations and masks are written as texts.
    let Json::Object(fields) = json else { return };
    if descriptor.package_name() == "google.protobuf" {
        return;
    }
    for (name, value) in fields {
        let known = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
        let Some(field) = known else {
            let all: Vec<String> = descriptor.fields().map(|field| field.name().to_owned()).collect();
            let help = c.suggestion(name, all.iter().map(String::as_str));
            c.wrong_field(name, format!("there is no such field; {help}"));
            continue;
        };
        match (value, field.kind()) {
            (Json::Object(entries), Kind::Message(entry)) if field.is_map() => {
                let kind = entry.map_entry_value_field().kind();
                c.within(name, |c| {
                    for (key, value) in entries {
                        c.within(key, |c| check_word(c, &kind, value));
                    }
                });
            }
            (Json::Array(items), kind) if field.is_list() => {
                c.each(name, items, |c, item| check_word(c, &kind, item));
            }
            (value, kind) => c.within(name, |c| check_word(c, &kind, value)),
        }
    }
}

fn check_word(c: &mut Checker, kind: &Kind, json: &Json) {
    match (kind, json) {
        (Kind::Message(inner), json) => check_words(c, inner, json),
        (Kind::Enum(words), Json::String(word)) if words.get_value_by_name(word).is_none() => {
            let all: Vec<String> = words.values().map(|known| known.name().to_owned()).collect();
            let help = c.suggestion(word, all.iter().map(String::as_str));
            c.wrong(format!("there is no \"{word}\"; {help}"));
        }
        _ => {}
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
