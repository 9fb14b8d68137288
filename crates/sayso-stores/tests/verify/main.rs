//! The embedded ledger from outside: two verifiers that share no code agree on it, nothing that is
//! changed goes unnoticed, erasure leaves no trace, and a restart or a failing disk forgets no one's
//! no.
//!
//! The second verifier is `tools/verify.py`. Where Python with PyNaCl is missing its half is
//! skipped, with a word; with `SAYSO_REQUIRE_ALL=1` it is a failure.

#[cfg(test)]
mod erasure;
#[cfg(test)]
mod example;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod flips;
#[cfg(test)]
mod former;
#[cfg(test)]
mod given;
#[cfg(test)]
mod image;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod obey;
#[cfg(test)]
mod python;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod rigged;
#[cfg(test)]
mod rogue;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod told;
#[cfg(test)]
mod world;
#[cfg(test)]
mod writers;
