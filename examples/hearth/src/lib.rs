//! Hearth, the sample company: catalog, customers and downstream systems.
//!
//! Hearth makes ovens, furnaces, hatchbacks, a voice assistant and webcams. The demonstration,
//! the golden examples and the documentation speak of it.
//!
//! This crate uses no other crate of the workspace, on purpose. A downstream system is somebody
//! else's program: it knows Sayso by what goes over HTTP and by nothing else. If something here
//! could only be built with a type of Sayso's, the interface would be lacking, not this crate.
//!
//! Reading order: [`mod@people`], then [`system`] with `verify`, `receive`, `table`, `writer` and
//! `report`, which is the way that a message takes.

pub mod people;
pub mod system;

pub use people::{Person, people};

/// Hearth's catalog, as written by its privacy officer.
pub const CATALOG: &str = include_str!("../catalog.yaml");
