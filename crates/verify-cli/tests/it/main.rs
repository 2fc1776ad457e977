//! The real binary, on a state that a real OpenClaw made. One binary for all tests, because linking is what takes the time.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test fails by panicking")]

mod first_run;
mod formats;
mod gate;
mod hostile;
mod kill;
mod real;
mod real_gate;
mod relock;
mod support;
mod tamper;
