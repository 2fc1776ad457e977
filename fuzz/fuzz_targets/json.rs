//! JSON and JSON5 of the thing under test: bounded in depth, never a panic or an overflow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::json;

fuzz_target!(|text: &str| {
    let _ = json::strict(text);
    let _ = json::last_wins(text);
    let _ = json::json5(text);
});
