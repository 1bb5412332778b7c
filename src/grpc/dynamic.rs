//! Messages that are known only by their descriptors: for whoever works with all kinds of resources alike.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::MAX_RESPONSE;
use super::pb::POOL;

/// The descriptor of a message of `assay.v1`.
pub fn message(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(&format!("assay.v1.{name}"))
}

/// The descriptor of a method, such as `CanvasService` and `GetCanvas`.
pub fn method(service: &str, name: &str) -> Option<MethodDescriptor> {
    let service = POOL.get_service_by_name(&format!("assay.v1.{service}"))?;
    service.methods().find(|method| method.name() == name)
}

/// Reads protobuf JSON, with names in either case; tells the nearest name of a field that there is not.
pub fn from_json(descriptor: MessageDescriptor, json: serde_json::Value) -> Result<DynamicMessage, String> {
    DynamicMessage::deserialize(descriptor, json).map_err(|error| error.to_string())
}

/// Protobuf JSON with the names of the proto, without what is not set.
pub fn to_json(message: &DynamicMessage) -> serde_json::Value {
    let options =
        prost_reflect::SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    let mut json =
        message.serialize_with_options(serde_json::value::Serializer, &options).unwrap_or_default();
    write_whole_numbers(&mut json);
    json
}

/// Writes numbers without decimals as people do: 6500, not 6500.0.
fn write_whole_numbers(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15) {
                *json = (whole as i64).into();
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers),
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
