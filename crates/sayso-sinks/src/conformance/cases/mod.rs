//! The rules, a file an idea.

pub(super) mod backfill;
pub(super) mod check;
pub(super) mod crash;
pub(super) mod credentials;
pub(super) mod dispatch;
pub(super) mod mirror;
pub(super) mod newest;
pub(super) mod outage;
pub(super) mod poison;
pub(super) mod privacy;
