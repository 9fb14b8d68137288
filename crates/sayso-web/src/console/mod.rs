//! The pages for operators.

mod chart;
mod overview;
mod sample;
mod sink;

pub use chart::Chart;
pub use overview::{Alert, Head, LastError, Ordered, Overview, Parked, SystemRow, SystemState};
pub use sink::{CanaryView, ComparedView, Hour, SinkView};
