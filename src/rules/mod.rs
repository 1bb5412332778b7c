//! Floor 1: the rule language. A folder of scripts becomes one immutable [`set::RuleSet`], which scores
//! leads and ranks segments.

pub mod assist;
mod compile;
pub mod diagnostics;
pub mod diff;
mod evaluate;
pub mod format;
pub mod language;
pub mod lint;
pub mod live;
pub mod observe;
mod program;
pub mod set;
pub mod source;
mod syntax;
pub mod testing;
pub mod unaffected;

pub mod whatif;

#[cfg(test)]
mod tests;

pub use compile::smoke::smoke;
pub use compile::{Compiled, compile, compile_and_try, compile_kept, compile_watched};
pub use evaluate::evaluator::MAX_STEPS;
pub use evaluate::facts::{LeadFacts, SegmentFacts};
pub use evaluate::score::RuleError;
pub use language::ScriptKind;
pub use program::{Entry, Script};

/// What facts.toml declares; nothing if there is none.
pub fn vocabulary(
    sources: &source::Sources,
) -> Result<crate::domain::vocabulary::Vocabulary, Vec<diagnostics::Diagnostic>> {
    sources.get(source::facts_toml::PATH).map_or_else(|| Ok(Default::default()), source::facts_toml::parse)
}

/// Compiles a set, tries it on made-up examples, and runs the tests beside its scripts: what passes all of it may come into force.
pub fn compile_and_test(sources: source::Sources, currency: &str, nice: crate::priority::Nice) -> Compiled {
    let (set, warnings) = compile_and_try(sources, currency, nice)?;
    let failed = testing::check(&set, currency);
    if failed.is_empty() { Ok((set, warnings)) } else { Err(failed.into_iter().chain(warnings).collect()) }
}
