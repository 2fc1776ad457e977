//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod provenance;
mod provenance_attacks;
#[cfg(feature = "sbom")]
mod sbom;
mod support;
mod tree;
