//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod advisories;
mod archive;
mod differential;
mod files;
mod fuzz;
mod fuzzed;
mod gate;
mod git;
#[cfg(feature = "online")]
mod imports;
mod inventory;
mod inventory_b;
mod mint;
#[cfg(feature = "online")]
mod npm_installs;
#[cfg(feature = "openpgp")]
mod openpgp;
mod provenance;
mod provenance_attacks;
#[cfg(feature = "online")]
mod published;
#[cfg(feature = "online")]
mod registry;
mod release;
#[cfg(feature = "sbom")]
mod sbom;
mod signed_folders;
mod special;
mod statements;
mod support;
#[cfg(feature = "online")]
mod tls;
mod tree;
#[cfg(feature = "online")]
mod trust_root;
