//! Floor 1: the rule language. A folder of scripts becomes one immutable [`set::RuleSet`], which scores
//! leads and ranks segments.

mod assess;
pub mod catalogue;
mod compile;
pub mod diagnostic;
mod evaluate;
mod facts;
mod facts_toml;
mod program;
pub mod set;
pub mod source;
mod syntax;
pub mod types;

#[cfg(test)]
mod tests;

pub use assess::RuleError;
pub use compile::{Compiled, compile};
pub use facts::{LeadFacts, SegmentFacts, SegmentLeads};
pub use program::{Entry, Script, ScriptKind};
