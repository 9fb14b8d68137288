//! Sinks: how downstream systems are told.
