//! The strict tag parser: never panics, and what it accepts is exactly what it was given.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::release::parse_tag;

fuzz_target!(|body: &[u8]| {
    if let Ok(tag) = parse_tag(body) {
        // A parser that drops or reorders bytes would let a signature stand over something else than what is shown.
        let mut whole = tag.payload().to_vec();
        whole.extend_from_slice(tag.armor());
        assert_eq!(whole, body);
    }
});
