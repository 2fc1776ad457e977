//! See [`fuzzed::signers`].
#![no_main]

#[path = "../../crates/verify-core/tests/it/fuzzed/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses one of the functions")]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::signers(bytes));
