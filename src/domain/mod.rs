//! Floor 0: plain types, their invariants and pure functions. No I/O, no clock, no wire format.

pub mod allocation;
pub mod canonical;
pub mod canvas;
pub mod check;
pub mod filter;
pub mod funnel;
pub mod golden;
pub mod impact;
pub mod job;
pub mod labels;
pub mod lead;
pub mod listing;
pub mod name;
pub mod pains;
pub mod profile;
pub mod rule_change;
pub mod score;
pub mod scorecard;
pub mod segment;
pub mod service_tier;
pub mod text;
pub mod time;
pub mod value;
pub mod version;
pub mod vocabulary;
pub mod written;
