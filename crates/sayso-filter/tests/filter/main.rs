//! What comes out of a file is what the rule allows, and nothing else.

#[cfg(test)]
mod files;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod world;
