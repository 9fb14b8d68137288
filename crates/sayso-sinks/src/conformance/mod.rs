//! What every sink must do, tried on the real receiving system. A driver is done when [`run`]
//! returns.
//!
//! A driver's test implements [`Rig`]: a way to the system, a way to read what the system ends up
//! holding, and ways to break it. What a system cannot be made to do is said with the reason, and
//! shows in the output of the test.
//!
//! The suite is tried as well: wrappers around a good sink, each with one planted fault, must all
//! be caught ([`planted`]). A rule that catches nothing would otherwise look like a rule that holds.
//!
//! Reading order: [`rig`], [`people`], [`bench`], [`cases`], [`run`].

mod bench;
mod cases;
mod ledger;
mod memory;
pub(crate) mod people;
mod planted;
pub(crate) mod rig;
pub(crate) mod run;
