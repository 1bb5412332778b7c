//! Assay decides which customers are worth serving, and says why.

pub mod domain;
pub mod rules;
