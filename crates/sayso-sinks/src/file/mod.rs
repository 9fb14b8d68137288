//! The file sink: events as lines of files, for whoever fetches them.
//!
//! A message is delivered once its line is on the disk. Lines are written to a file that ends in
//! `.part`; when it is old or large enough it gets its finished name, `mailer-000017.ndjson`, once and
//! for all, and is not touched again. Nothing is ever overwritten, and nothing is removed: whoever
//! fetches the files does that.
//!
//! It refuses to make the folder, to read what it wrote, and to say that anything was applied.
//!
//! Reading order: [`config`], `spool`, `deliver`.

pub mod config;
mod deliver;
mod spool;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::File;
