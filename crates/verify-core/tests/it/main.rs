//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

#[cfg(feature = "sbom")]
mod sbom;
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod provenance;
mod provenance_attacks;
mod inventory;
mod git;
mod mint;
mod release;
mod support;
mod tree;
#[cfg(feature = "online")]
mod registry;
mod support;
#[cfg(feature = "online")]
mod trust_root;
