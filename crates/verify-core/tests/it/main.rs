//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod gate;
mod git;
mod inventory;
mod inventory_b;
mod mint;
mod provenance;
mod provenance_attacks;
#[cfg(feature = "online")]
mod registry;
mod release;
#[cfg(feature = "sbom")]
mod sbom;
mod support;
mod tree;
#[cfg(feature = "online")]
mod trust_root;
