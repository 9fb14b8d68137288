//! The exec sink: a program of the company's own for each batch.
//!
//! It is started by its absolute path with a list of arguments, never by a shell, and gets the
//! messages as lines on its standard input. What it says of each on its standard output counts;
//! otherwise its exit status does. One that takes too long is killed with everything that it started.
//!
//! It refuses to inherit: the program sees the environment that the settings give it and nothing of
//! ours.
//!
//! Reading order: [`config`], `run`, `deliver`.

pub mod config;
mod deliver;
mod run;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::Exec;
