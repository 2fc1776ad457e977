//! What a signed policy says of the installation that it is about, and of other files that judge.

use std::path::PathBuf;

use crate::digest::Sha256Digest;

/// `[installation]`: where what is judged lies. Read where signatures of the operator's files are demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallationPlaces {
    /// OpenClaw's state directory.
    pub state_dir: Option<PathBuf>,
    /// The host package.
    pub openclaw: Option<PathBuf>,
    /// The home folder of the user who runs OpenClaw.
    pub home: Option<PathBuf>,
}

/// One `[[file]]`: a file that judges, by the digest that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinnedFile {
    /// The file, as other keys of the policy resolve it.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: Sha256Digest,
}
