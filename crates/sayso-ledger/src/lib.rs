//! Append, follow, deliver, verify.
