//! The suppression sink: complete lists of who must not be used, for systems that take nothing else.
//!
//! The newest state of everybody is kept in a database of its own, in a folder that nobody else may
//! look into. A message is delivered once it is durable there. Every so often, if anything changed,
//! a complete list is written, whole or not at all, with a manifest beside it. The partner takes a
//! list by removing it, moving it away, or putting `<list>.taken` beside it; what it held counts as
//! applied from then on, and not before.
//!
//! Who is leaving stays on the lists, marked so, until one of them was taken; then their names are
//! forgotten.
//!
//! It refuses to guess what the partner did with a list.
//!
//! Reading order: [`config`], `state`, `export`, `deliver`.

pub mod config;
mod deliver;
mod export;
mod state;
#[cfg(test)]
mod tests;

pub use config::{Form, KIND, Settings};
pub use deliver::Suppression;
