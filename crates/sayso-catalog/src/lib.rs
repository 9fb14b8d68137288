//! Reads, checks and compares catalogs: text in, values out.
//!
//! The crate opens no file and knows no ledger. It refuses to be lenient: a catalog that has one
//! problem is not read at all, and every problem is reported at once with its line, its column
//! and, where there is one, a hint. A catalog that came through [`read`] therefore never has to
//! be doubted again further down.
//!
//! Reading order:
//!
//! 1. [`read`]: the way through the crate, in one screen.
//! 2. `parse`, `tree`: YAML (or JSON, which is YAML) into a small tree that remembers where things
//!    stand.
//! 3. [`schema`] and `shape`: the published JSON Schema, and its complaints in plain words.
//! 4. `check`: what a schema cannot say: references, texts, promises that contradict.
//! 5. [`compare`]: what differs between two catalogs, as an officer reads it.
//!
//! Why not `serde` straight from YAML: it stops at the first problem, has lost the positions by
//! the time that a reference turns out to be missing, and drops the first of two equal keys.

mod check;
mod compare;
mod parse;
mod problem;
mod schema;
mod shape;
mod tree;
mod words;

pub use compare::{Change, Kind, compare};
pub use parse::{BYTES_MAX, DEPTH_MAX};
pub use problem::{PROBLEMS_MAX, Problem};
pub use schema::{ENTRIES_MAX, LIST_MAX, SCHEMA_ID, schema};
pub use words::did_you_mean;

use sayso_consent::Catalog;

use problem::{Place, Problems};

/// Reads a catalog in YAML or JSON. `file` is only what problems are reported under.
///
/// ```
/// let problems = sayso_catalog::read("sayso: 2", "catalog.yaml").unwrap_err();
/// assert!(problems[0].to_string().starts_with("catalog.yaml:1:1: `activities` is missing"));
/// ```
pub fn read(text: &str, file: &str) -> Result<Catalog, Vec<Problem>> {
    let mut problems = Problems::new(file);
    let Some(root) = parse::parse(text, &mut problems) else { return Err(problems.finish()) };
    let mut value = root.to_value();
    shape::check(&root, &mut value, &mut problems);
    check::check(&root, &value, &mut problems);
    if !problems.is_empty() {
        return Err(problems.finish());
    }
    serde_json::from_value(value).map_err(|error| {
        problems.add(Place::START, "", format!("the catalog cannot be read: {error}"), None);
        problems.finish()
    })
}
