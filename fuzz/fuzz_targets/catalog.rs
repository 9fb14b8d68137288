//! See `sayso_fuzz::catalog`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sayso_fuzz::catalog(input));
