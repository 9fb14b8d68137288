//! What comes out of a file is what the rule allows, and nothing else.

mod files;
mod laws;
mod world;
