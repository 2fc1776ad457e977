//! The operator's `allowed_signers` and revocation files: an error with a span, or a list; never a panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::release::{AllowedSigners, RevokedKeys};

fuzz_target!(|bytes: &[u8]| {
    let _ = RevokedKeys::parse(Path::new("revoked"), bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = AllowedSigners::parse(Path::new("allowed_signers"), text);
    }
});
