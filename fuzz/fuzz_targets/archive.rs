//! Archives by an attacker: refused by name or read within bounds; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::archive::{ArchiveLimits, read};

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, &ArchiveLimits::default(), |_| true);
});
