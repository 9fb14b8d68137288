//! Delivery: a follower of the ledger per recipient, which tells it what it may do now.
//!
//! What a recipient is owed is not a queue of changes but the set of people whose newest change it
//! has not applied, and that set is folded from the ledger. So the backlog of a system that was
//! down for a month is as long as the number of people, each is told the newest state only, and
//! nothing about deliveries has to be kept anywhere: a restart asks the ledger again.
//!
//! In order for each person (one message under way at a time), in parallel across people. The
//! cursor is committed after delivery: a crash between the two sends again, which receivers
//! tolerate; the other order would lose it. There is no giving up.

mod board;
mod debt;
mod dispatcher;
mod encode;
mod lanes;
mod mark;
mod watcher;

pub use board::{Board, Parked, Standing, Trace};
pub use dispatcher::Dispatcher;
pub use encode::{CloudEvent, PermissionData, PermissionsData, encode};
pub use mark::{RANGES, line, mark, of_line, range, sum};
pub use watcher::Watcher;
