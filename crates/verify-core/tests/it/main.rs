//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

mod provenance;
mod provenance_attacks;
#[cfg(feature = "online")]
mod registry;
mod support;
#[cfg(feature = "online")]
mod trust_root;
