//! What holds for every input. Shared with the fuzz targets.

pub(crate) mod ask;
pub(crate) mod parsers;
pub(crate) mod samples;
pub(crate) mod targets;
pub(crate) mod world;
