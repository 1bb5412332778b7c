//! Floor 3: the wire. Convert, call a use case, convert.

pub mod convert;
mod mask;
mod page;
pub mod pb;
pub mod status;
