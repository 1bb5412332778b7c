//! The generated code, and the descriptors that reflection and field masks use.
#![allow(clippy::all, missing_docs)]

pub mod assay {
    pub mod v1 {
        tonic::include_proto!("assay.v1");
    }
}

pub mod google {
    pub mod r#type {
        include!(concat!(env!("OUT_DIR"), "/google.r#type.rs"));
    }
}

pub use assay::v1::*;
pub use google::r#type::Money;

/// The encoded file descriptor set.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
