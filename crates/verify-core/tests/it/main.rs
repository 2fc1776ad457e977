//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, reason = "helpers of tests are tests too")]

mod git;
mod mint;
#[cfg(feature = "openpgp")]
mod openpgp;
mod release;
mod support;
