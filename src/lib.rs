//! Assay decides which customers are worth serving, and says why.
//!
//! Five floors; imports point down only, and siblings never meet (`tests/service/floors.rs` keeps it so):
//!
//! ```text
//! 4 assembly   main, cli, config, server, connections, admin, shutdown, telemetry, vitals
//! 3 grpc       the wire: convert, call a use case, convert
//! 2 app        use cases, a file each
//! 1 storage    where resources are kept      1 rules   the rule language      1 render  pictures and pages      1 assistant  a language model
//! 0 domain     plain types, invariants, pure functions
//! ```

pub mod domain;
/// Beside the floors: all may use it.
pub mod priority;

pub mod assistant;
pub mod render;
pub mod rules;
pub mod storage;

pub mod app;

pub mod grpc;

pub mod admin;
pub mod cli;
pub mod config;
pub mod connections;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod vitals;
