//! Tests through the public interface; one file a part, one binary for all of them, because linking is what takes the time.

mod git;
mod mint;
#[cfg(feature = "openpgp")]
mod openpgp;
mod release;
mod support;
