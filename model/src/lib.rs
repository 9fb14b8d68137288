//! The engine's slot, as loom tries it: `cargo xtask heavy model`. Without `--cfg loom` it is empty.
//!
//! It is a package of its own because that flag reaches everything that is built with it. Other
//! crates know the word too: what the engine is built upon would ask for a loom that is not there.

#![cfg(loom)]

#[expect(dead_code, reason = "the engine uses more of it")]
#[path = "../../crates/sayso-decision/src/engine/slot.rs"]
mod slot;
