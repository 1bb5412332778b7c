//! The generated code, and the descriptors that reflection and field masks use.
#![allow(clippy::all, missing_docs)]

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

pub mod assay {
    pub mod v1 {
        tonic::include_proto!("assay.v1");
    }
}

pub mod google {
    pub mod longrunning {
        tonic::include_proto!("google.longrunning");
    }
    pub mod r#type {
        include!(concat!(env!("OUT_DIR"), "/google.r#type.rs"));
    }
}

pub use assay::v1::*;
pub use google::longrunning::*;
pub use google::r#type::Money;

/// The encoded file descriptor set.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The same, decoded.
pub static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap_or_default());
