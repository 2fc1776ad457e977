//! Lock, policy and reviews: an error with a span, or a file that is written back and read again as the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use openclaw_verify_core::lock::Lock;
use openclaw_verify_core::policy::Policy;
use openclaw_verify_core::review::Reviews;
use openclaw_verify_core::rules;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse(Path::new("lock"), text) {
        let written = lock.write();
        let again = Lock::parse(Path::new("lock"), &written).expect("what was written is read");
        assert_eq!(again.write(), written);
    }
    let today = jiff::civil::date(2026, 11, 22);
    let _ = Policy::parse(Path::new("policy"), text, &rules::infos(), today);
    let _ = Reviews::parse(Path::new("reviews"), text);
});
