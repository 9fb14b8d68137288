//! What the fuzz targets do with an input.
//!
//! The first byte of an input to the API chooses the endpoint, the rest is the body.

use super::{
    ask, parsers,
    samples::{self, Sample},
    world::World,
};

/// What is done with an input.
pub(crate) type Target = fn(&World, &[u8]);

/// Each by its name, which is that of its folder of seeds.
pub(crate) const TARGETS: [(&str, Target); 5] = [
    ("access", access),
    ("catalog", catalog),
    ("choice", choice),
    ("identifiers", identifiers),
    ("imports", imports),
];

fn send(world: &World, samples: &[Sample], input: &[u8]) {
    let Some((choice, body)) = input.split_first() else { return };
    let sample = &samples[usize::from(*choice) % samples.len()];
    ask::ask(world, sample.with(body.to_vec()));
}

/// A request for decisions.
pub(crate) fn access(world: &World, input: &[u8]) {
    let is_access = |sample: &Sample| sample.path.starts_with("/access/");
    send(world, &samples::json().into_iter().filter(is_access).collect::<Vec<_>>(), input);
}

/// A catalog.
pub(crate) fn catalog(_: &World, input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        parsers::catalog(text);
    }
}

/// A choice, as it is kept and as it is recorded through the API.
pub(crate) fn choice(world: &World, input: &[u8]) {
    parsers::choice(input);
    let records = |sample: &Sample| sample.path.ends_with("/choices");
    let body = [b"\0{\"choices\":[".as_slice(), input, b"]}"].concat();
    send(world, &samples::json().into_iter().filter(records).collect::<Vec<_>>(), &body);
}

/// An identifier of each kind.
pub(crate) fn identifiers(_: &World, input: &[u8]) {
    if let Ok(value) = std::str::from_utf8(input) {
        parsers::identifier(value);
    }
}

/// An import file, NDJSON or CSV.
pub(crate) fn imports(world: &World, input: &[u8]) {
    let is_import = |sample: &Sample| sample.path == "/v1/imports";
    send(world, &samples::all().into_iter().filter(is_import).collect::<Vec<_>>(), input);
}
