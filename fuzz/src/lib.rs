//! The fuzz targets, by name. What they hold every input to are the very properties of the API's
//! hostile tests, and those are given the seeds as well.
//!
//! The server lives as long as the process: what one input recorded is there for the next.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/sayso-api/tests/hostile/property/mod.rs"]
mod property;

use std::cell::OnceCell;

use property::{
    targets::{self, Target},
    world::World,
};

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

fn run(target: Target, input: &[u8]) {
    WORLD.with(|world| target(world.get_or_init(World::new), input));
}

/// A request for decisions.
pub fn access(input: &[u8]) {
    run(targets::access, input);
}

/// A catalog.
pub fn catalog(input: &[u8]) {
    run(targets::catalog, input);
}

/// A choice.
pub fn choice(input: &[u8]) {
    run(targets::choice, input);
}

/// An identifier.
pub fn identifiers(input: &[u8]) {
    run(targets::identifiers, input);
}

/// An import file.
pub fn imports(input: &[u8]) {
    run(targets::imports, input);
}
