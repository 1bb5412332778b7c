//! The codec of our services: protobuf as usual, but a request that would swell when it is decoded is refused before.
//!
//! The limit on a message's bytes does not bound its memory: an empty element of a list takes two bytes on the wire and
//! hundreds as a structure.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::LazyLock;

use prost::bytes::Buf as _;
use prost::encoding::{WireType, decode_key, decode_varint, skip_field};
use prost::{Message, Name};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic_prost::ProstCodec;

use crate::grpc::limits;
use crate::grpc::middleware::admission::HEAVY;
use crate::grpc::pb::POOL;
use crate::grpc::status::{self, Reason};
use crate::priority::aside_of_tasks;

/// The most memory that a request may take when it is decoded, by estimate.
const MAX_DECODED: usize = 64 << 20;
/// What is smaller on the wire can't swell to more than that.
const HARMLESS: usize = 64 << 10;
/// What a text, list, map or absent box takes by itself.
const HEADER: usize = 24;
/// As deep as messages are decoded.
const MAX_DEPTH: usize = 100;

/// [`ProstCodec`] with that limit.
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Name + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = BoundedEncoder<T, U>;
    type Decoder = BoundedDecoder<T, U>;

    fn encoder(&mut self) -> Self::Encoder {
        BoundedEncoder(ProstCodec::<T, U>::default().encoder())
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(ProstCodec::<T, U>::default().decoder())
    }
}

pub struct BoundedDecoder<T, U>(<ProstCodec<T, U> as Codec>::Decoder)
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static;

impl<T, U> Decoder for BoundedDecoder<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // Requests in one piece were weighed when they were let in; these are the items of streams.
        if source.remaining() > HARMLESS
            && let Some(request) = STREAMED.get(U::full_name().as_str())
        {
            weight(request, source.chunk())?;
        }
        limits::check_request::<U>(source.chunk()).map_err(Status::from)?;
        if source.remaining() > HEAVY {
            return aside_of_tasks(|| self.0.decode(source));
        }
        self.0.decode(source)
    }
}

pub struct BoundedEncoder<T, U>(<ProstCodec<T, U> as Codec>::Encoder)
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static;

impl<T, U> Encoder for BoundedEncoder<T, U>
where
    T: Message + Name + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // Scores are small, and too many to be measured twice.
        if T::NAME != "Score" && item.encoded_len() > HEAVY {
            return aside_of_tasks(|| self.0.encode(item, buffer));
        }
        self.0.encode(item, buffer)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

/// About how many bytes a framed request takes beyond its own when it is decoded; an error if that is too much.
pub fn weigh_request(request: Option<&MessageDescriptor>, framed: &[u8]) -> Result<usize, Status> {
    match (request, framed.get(5..)) {
        (Some(request), Some(message)) if message.len() > HARMLESS => weight(request, message),
        _ => Ok(0),
    }
}

fn weight(request: &MessageDescriptor, message: &[u8]) -> Result<usize, Status> {
    let mut left = MAX_DECODED.saturating_sub(size(request, 0));
    match weigh(request, message, &mut left, 0) {
        Some(()) => Ok(MAX_DECODED - left),
        None => {
            let message = format!("the message takes more than {} MiB when it is decoded", MAX_DECODED >> 20);
            Err(status::plain(Reason::MessageTooLarge, message))
        }
    }
}

/// What our streams take, by full name.
static STREAMED: LazyLock<HashMap<String, MessageDescriptor>> = LazyLock::new(|| {
    let services: Vec<_> = POOL.services().collect();
    let methods = services.iter().flat_map(|service| service.methods());
    let inputs = methods.filter(|method| method.is_client_streaming()).map(|method| method.input());
    inputs.map(|input| (input.full_name().to_owned(), input)).collect()
});

/// About how many bytes a message takes as a structure, without what its texts and lists hold.
fn size(message: &MessageDescriptor, depth: usize) -> usize {
    let of_field = |field: FieldDescriptor| match field.kind() {
        Kind::Message(inner) if !field.is_list() && !field.is_map() && depth < 4 => size(&inner, depth + 1),
        _ => HEADER,
    };
    message.fields().map(of_field).sum()
}

/// Takes what a message holds off the bytes that are left; `None` once there are too few. What can't be read is left to
/// the decoder.
fn weigh(message: &MessageDescriptor, mut bytes: &[u8], left: &mut usize, depth: usize) -> Option<()> {
    while !bytes.is_empty() && depth < MAX_DEPTH {
        let Ok((number, wire)) = decode_key(&mut bytes) else { return Some(()) };
        if wire != WireType::LengthDelimited {
            let Ok(()) = skip_field(wire, number, &mut bytes, Default::default()) else { return Some(()) };
            continue;
        }
        let length = decode_varint(&mut bytes).ok().and_then(|length| usize::try_from(length).ok());
        let Some((content, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else {
            return Some(());
        };
        bytes = rest;
        let Some(field) = message.get_field(number) else { continue };
        let repeated = field.is_list() || field.is_map();
        match field.kind() {
            Kind::Message(inner) => {
                *left = left.checked_sub(if repeated { size(&inner, 0) } else { 0 })?;
                weigh(&inner, content, left, depth + 1)?;
            }
            _ => *left = left.checked_sub(content.len() + if repeated { HEADER } else { 0 })?,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::pb;

    /// Whether a request of some bytes is let through to the decoder.
    fn passes(request: &str, bytes: &[u8]) -> bool {
        let mut left = MAX_DECODED;
        weigh(&POOL.get_message_by_name(request).unwrap(), bytes, &mut left, 0).is_some()
    }

    #[test]
    fn what_would_swell_is_refused_and_what_is_merely_large_is_not() {
        let batch = "assay.v1.BatchUpsertLeadsRequest";
        assert!(!passes(batch, &[0x12, 0].repeat(1 << 20)));
        let name = "x".repeat(15_000);
        let company = pb::Company { display_name: name, ..Default::default() };
        let lead = pb::Lead { subject: Some(pb::lead::Subject::Company(company)), ..Default::default() };
        let items = vec![pb::UpsertLead { id: "1".into(), lead: Some(lead), ..Default::default() }; 1_000];
        let large = pb::BatchUpsertLeadsRequest { items, ..Default::default() };
        assert!(passes(batch, &large.encode_to_vec()));
        // Deep down, too: contacts of a lead, words of a list.
        let contacts = [0x0a, 0].repeat(1 << 20);
        let list = pb::ContactList { contacts: vec![pb::Contact::default(); 1 << 20] };
        assert_eq!(list.encode_to_vec(), contacts);
        let lead = pb::Lead { contacts: Some(list), ..Default::default() };
        let create = pb::CreateLeadRequest { lead: Some(lead), ..Default::default() };
        assert!(!passes("assay.v1.CreateLeadRequest", &create.encode_to_vec()));
        // What is no message is the decoder's to refuse.
        assert!(passes(batch, &[0xff; 100]));
    }

    #[test]
    fn the_estimate_is_about_what_a_structure_takes() {
        for (name, actual) in [
            ("assay.v1.Lead", size_of::<pb::Lead>()),
            ("assay.v1.Contact", size_of::<pb::Contact>()),
            ("assay.v1.Canvas", size_of::<pb::Canvas>()),
            ("assay.v1.Activity", size_of::<pb::Activity>()),
            ("assay.v1.Profile", size_of::<pb::Profile>()),
        ] {
            let estimate = size(&POOL.get_message_by_name(name).unwrap(), 0);
            assert!((actual / 2..=actual * 2).contains(&estimate), "{name}: {estimate}, not {actual}");
        }
    }
}
