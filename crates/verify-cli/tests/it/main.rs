//! The real binary, on a state that a real OpenClaw made. One binary for all tests, because linking is what takes the time.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod first_run;
mod formats;
mod hostile;
mod kill;
mod real;
mod relock;
mod review;
mod review_real;
mod support;
mod tamper;
