//! What the fuzz targets hold every input to: the very properties of the API's hostile tests.
//!
//! The first byte of an input to the API chooses the endpoint, the rest is the body. The server
//! lives as long as the process: what one input recorded is there for the next.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/sayso-api/tests/hostile/property/mod.rs"]
mod property;

use std::cell::OnceCell;

use property::{
    ask,
    samples::{self, Sample},
    world::World,
};

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

fn send(samples: &[Sample], input: &[u8]) {
    let Some((choice, body)) = input.split_first() else { return };
    let sample = &samples[usize::from(*choice) % samples.len()];
    WORLD.with(|world| ask::ask(world.get_or_init(World::new), sample.with(body.to_vec())));
}

/// A request for decisions.
pub fn access(input: &[u8]) {
    let is_access = |sample: &Sample| sample.path.starts_with("/access/");
    send(&samples::json().into_iter().filter(is_access).collect::<Vec<_>>(), input);
}

/// A catalog.
pub fn catalog(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        property::parsers::catalog(text);
    }
}

/// A choice, as it is kept and as it is recorded through the API.
pub fn choice(input: &[u8]) {
    property::parsers::choice(input);
    let records = |sample: &Sample| sample.path.ends_with("/choices");
    let body = [b"\0{\"choices\":[".as_slice(), input, b"]}"].concat();
    send(&samples::json().into_iter().filter(records).collect::<Vec<_>>(), &body);
}

/// An identifier of each kind.
pub fn identifiers(input: &[u8]) {
    if let Ok(value) = std::str::from_utf8(input) {
        property::parsers::identifier(value);
    }
}

/// An import file, NDJSON or CSV.
pub fn imports(input: &[u8]) {
    let is_import = |sample: &Sample| sample.path == "/v1/imports";
    send(&samples::all().into_iter().filter(is_import).collect::<Vec<_>>(), input);
}
