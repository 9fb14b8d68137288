//! The snapshot that decisions are read from.
