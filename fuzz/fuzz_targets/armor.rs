//! Signature blocks of all schemes behind one good tag body.
#![no_main]

#[path = "../../crates/verify-core/tests/it/fuzzed.rs"]
#[allow(dead_code, reason = "each target uses one of the functions")]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::armor(bytes));
