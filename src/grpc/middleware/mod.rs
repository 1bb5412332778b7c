//! What every call passes: how browsers write it, admission with its budgets, decoding within bounds, span, metrics and
//! deadline, and the answer on its way out.

pub mod admission;
mod answer;
mod call;
pub mod codec;
pub mod observe;
pub mod web;
