//! Assay decides which customers are worth serving, and says why.

pub mod app;
pub mod domain;
pub mod grpc;
pub mod rules;
pub mod storage;
