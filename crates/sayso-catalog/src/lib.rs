//! Reads, checks and compares catalogs.
