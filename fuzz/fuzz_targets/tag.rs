//! The strict tag parser.
#![no_main]

#[path = "../../crates/verify-core/tests/it/fuzzed.rs"]
#[allow(dead_code, reason = "each target uses one of the functions")]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::tag(bytes));
