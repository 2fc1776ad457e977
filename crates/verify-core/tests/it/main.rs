//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

#[cfg(feature = "sbom")]
mod sbom;
mod support;
