//! See `sayso_fuzz::choice`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sayso_fuzz::choice(input));
