//! Systems whose kernel is not asked here.

use std::path::PathBuf;
use std::time::Duration;

use super::interest::Interest;

/// Something that happened.
#[allow(dead_code, reason = "nothing is told here")]
pub(super) enum Change {
    Path(PathBuf),
    Unmounted(PathBuf),
    Lost,
}

/// Nothing: there is none on this system.
pub(super) struct Kernel(std::convert::Infallible);

impl Kernel {
    pub(super) fn new() -> Result<Self, String> {
        Err("changes are told on Linux only".to_owned())
    }

    pub(super) fn folders(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn watch_all(&mut self, _: &Interest) -> Result<(), String> {
        match self.0 {}
    }

    pub(super) fn watch(&mut self, _: &Interest) -> Result<Vec<PathBuf>, String> {
        match self.0 {}
    }

    pub(super) fn wait(&mut self, _: Duration, _: Duration, _: Duration) -> Vec<Change> {
        match self.0 {}
    }
}
