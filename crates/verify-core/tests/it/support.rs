//! Helpers for tests.

use std::path::{Path, PathBuf};

pub(crate) mod facts;
pub(crate) mod git;
pub mod mint;
#[cfg(feature = "online")]
#[allow(dead_code, reason = "shared with the tests of the command")]
pub(crate) mod server;

/// The folder of additional material beside the checkout, for tests that are ignored because they need it.
#[allow(dead_code, reason = "used by the parts that have such material")]
pub(crate) fn shared(what: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(what);
    assert!(folder.exists(), "../shared/{what} is not here");
    folder
}
