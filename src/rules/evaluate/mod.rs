//! Compiled scripts × facts → scores and priorities, with a reason for every point.

pub mod alone;
pub mod collection;
pub mod criteria;
pub mod evaluator;
pub mod facts;
mod functions;
mod list;
mod operators;
pub mod outlook;
pub mod score;
pub mod value;
