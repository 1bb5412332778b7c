//! The services, a file each: they convert a request, call a use case, and convert what it answers.

pub mod canvas;
pub mod health;
pub mod interview;
pub mod lead;
pub mod operations;
pub mod profile;
pub mod rules;
pub mod scoring;
pub mod segment;
