//! Delivery: a follower of the ledger per recipient, which tells it what it may do now.
//!
//! What a recipient is owed is not a queue of changes but the set of people whose newest change it
//! has not applied, and that set is folded from the ledger. So the backlog of a system that was
//! down for a month is as long as the number of people, each is told the newest state only, and
//! nothing about deliveries has to be kept anywhere: a restart asks the ledger again.
//!
//! Whether it obeyed is seen by reading it back: sums of marks over ranges of keys are compared with
//! the ledger's, and whoever differs is owed again, which is an entry like any other. So a system that
//! lost what it had is late with it, and cut off, until it has it again.
//!
//! Reading order: `lanes` (who is next, without I/O), `compose` and `encode` (what is said),
//! `dispatcher` (the loop of one recipient; `round` goes through everybody, `report` records what was
//! applied), `mark` and `compare` (reading back), `overseer` (when; and the canary), `deliveries` (all
//! of them), [`declare`] (how one comes about), `board`, `stage` and `times` (what is shown), `watcher` (those without a sink).
//!
//! In order for each person (one message under way at a time), in parallel across people. The
//! cursor is committed after delivery: a crash between the two sends again, which receivers
//! tolerate; the other order would lose it. There is no giving up.

mod allowance;
mod board;
mod compare;
mod compose;
mod debt;
pub mod declare;
mod deliveries;
mod dispatcher;
mod encode;
mod lanes;
mod mark;
mod overseer;
mod report;
mod round;
mod stage;
mod times;
mod watcher;

pub use board::{Backfill, Board, Canary, Parked, Reading, Standing, Trace};
pub use deliveries::{Deliveries, Drivers, Open};
pub use dispatcher::Dispatcher;
pub use encode::{CloudEvent, PermissionData, PermissionsData, encode};
pub use mark::{RANGES, line, mark, of_line, range, sum};
pub use stage::{Effect, Stage, effects};
pub use times::{MINUTES, Minute};
pub use watcher::Watcher;
