//! Protobuf JSON, as `buf curl` and the official libraries write it.

use anyhow::Context as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::grpc::pb;

/// Reads a profile.
pub fn profile(text: &str) -> anyhow::Result<pb::Profile> {
    Ok(message("assay.v1.Profile", text)?.transcode_to()?)
}

/// Reads a message of ours by its name.
pub fn message(name: &str, text: &str) -> anyhow::Result<DynamicMessage> {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS)?;
    let descriptor = pool.get_message_by_name(name).context("no such message")?;
    let mut json = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor, &mut json)?;
    json.end()?;
    Ok(message)
}
