//! Legal clocks as data: how long the law gives for something, and when that is over.
//!
//! The numbers are in `data/`, each with its law, source and day, because law moves; here is only how
//! a period is reckoned. "30 days" is not "one month", business days differ by country and year, a
//! breach's hours run through weekends, and a month from 31 January ends on the last of February.
//!
//! It refuses to say what a company has to do: which clock runs for what is for people to declare.
//!
//! Reading order: [`data`], [`due`].

pub mod data;
pub mod due;

pub use data::{Calendar, Clock, Data, Limit, Unit};
pub use due::{Due, NotReckoned, Pause, due};
