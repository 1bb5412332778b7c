//! Black-box tests: a real server on a free port, a real client, a real SQLite file or PostgreSQL. A file for a noun or a promise.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attack;
mod canvas;
mod canvas_edit;
mod canvas_files;
mod command_line;
mod derive;
mod durability;
mod failure;
mod files;
mod floors;
mod health;
mod hostile;
mod http_json;
mod impact;
mod interviews;
mod lead;
mod lead_way;
mod list;
mod long_work;
mod malformed;
mod observe;
mod overload;
mod picture;
mod profile;
mod reload;
mod repeat;
mod replicas;
mod rule_sets;
mod rules_test;
mod scoring;
mod segment;
mod shutdown;
mod stored_files;
mod support;
mod what_if;
