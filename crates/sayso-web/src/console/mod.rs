//! The pages for operators.

mod overview;
mod sample;

pub use overview::{Alert, Head, LastError, Minute, Overview, Parked, SystemRow, SystemState};
