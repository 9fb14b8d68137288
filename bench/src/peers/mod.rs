//! Other programs, asked the same: policy engines in the process, stores over a socket, data tools
//! in a process of their own.
//!
//! The engines are told the crowd of [`crate::crowd`] in whatever form suits them, and have to give
//! Sayso's answers before they are measured. The stores are asked for a decision that somebody else
//! has made, and so are the data tools, about an audience of many at once. Reading order: `told`,
//! `tell`, `store` and `tables`, then one file a peer.

#[cfg(feature = "peers")]
mod casbin;
#[cfg(feature = "peers")]
mod cedar;
mod postgres;
mod process;
mod redis;
#[cfg(feature = "peers")]
mod rego;
mod store;
mod tables;
#[cfg(feature = "peers")]
mod tell;
mod told;

pub(crate) use store::{Store, all as stores};
pub(crate) use tables::{Found, TOOLS, Tables, Tool};
#[cfg(feature = "peers")]
pub(crate) use tell::told;
pub(crate) use told::Told;
