//! Helpers for tests.

use std::path::{Path, PathBuf};

pub mod mint;
#[cfg(feature = "online")]
pub(crate) mod server;

/// The folder of additional material beside the checkout, when there is one. Prints a line when it is missing, so that a skipped
/// test is seen.
#[allow(dead_code, reason = "used by the parts that have such material")]
pub(crate) fn shared(what: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(what);
    if folder.exists() {
        Some(folder)
    } else {
        println!("skipped: ../shared/{what} is not here");
        None
    }
}
