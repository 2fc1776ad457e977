//! Install requests by an attacker: always one valid reply, never a panic; and nothing passes that the lock does not hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::Verifier;
use openclaw_verify_core::gate::{Gate, Verdict};

fuzz_target!(|bytes: &[u8]| {
    let Ok(now) = "2026-11-22T12:00:00Z".parse() else { return };
    let Ok(verifier) = Verifier::builder(now).build() else { return };
    let reply = Gate::new(verifier).answer(bytes);
    let text = reply.to_json();
    assert!(text.starts_with(r#"{"protocolVersion":1,"decision":""#) && text.len() < 32 << 10);
    assert!(reply.verdict() == Verdict::Allow || text.contains(r#""reason":""#));
});
