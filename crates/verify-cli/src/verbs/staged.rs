//! What is not installed yet and yet wants to be read and locked: a copy that the gate kept, or an archive.

use std::path::Path;

use openclaw_verify_core::gate::Kept;
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Result};

use super::Start;
use crate::cli::Common;
use crate::operator;

/// It, and where it lies; an archive is unpacked for as long as this lives.
pub(super) struct Staged {
    pub kept: Kept,
    _unpacked: Option<tempfile::TempDir>,
}

impl Staged {
    /// What `--from` names.
    pub(super) fn open(from: &Path, id: &SubjectId) -> Result<Self> {
        if !from.is_file() {
            let kept = Kept::open(from).map_err(|why| {
                let what = format!("{} is no copy that the gate kept: {why}", operator::shown(from));
                Error::environment(what, "name the folder that the gate's reason names")
            })?;
            return Ok(Self { kept, _unpacked: None });
        }
        let folder = tempfile::tempdir().map_err(|error| Error::io("create", "a temporary folder", error))?;
        let kept = Kept::of_archive(from, id, folder.path()).map_err(|why| {
            let what = format!("{id} cannot be staged from {}: {why}", operator::shown(from));
            Error::environment(what, "install it: the gate refuses, and its reason names a copy that it kept")
        })?;
        Ok(Self { kept, _unpacked: Some(folder) })
    }
}

/// What the gate refused may be the first thing ever to be installed: then there is no installation to look at.
pub(super) fn start(common: &Common, from: Option<&Path>) -> Result<Start> {
    let first = from.is_some() && operator::installation(common).is_err();
    super::start(&Common { lock_only: common.lock_only || first, ..common.clone() })
}
