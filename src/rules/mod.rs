//! Floor 1: the rule language. A folder of scripts becomes one immutable [`set::RuleSet`], which scores
//! leads and ranks segments.

mod assess;
pub mod catalogue;
mod compile;
mod criteria;
pub mod diagnostic;
mod evaluate;
mod facts;
mod facts_toml;
pub mod live;
mod program;
pub mod set;
mod smoke;
pub mod source;
mod syntax;
pub mod types;
pub mod watch;

#[cfg(test)]
mod tests;

pub use assess::RuleError;
pub use compile::{Compiled, compile, compile_and_try, compile_kept};
pub use facts::{LeadFacts, SegmentFacts};
pub use program::{Entry, Script, ScriptKind};
pub use smoke::smoke;

/// What facts.toml declares; nothing if there is none.
pub fn vocabulary(
    sources: &source::Sources,
) -> Result<crate::domain::vocabulary::Vocabulary, Vec<diagnostic::Diagnostic>> {
    sources.get(facts_toml::PATH).map_or_else(|| Ok(Default::default()), facts_toml::parse)
}
