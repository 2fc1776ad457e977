//! What is not installed yet and yet wants to be read and locked: a copy that the gate kept, or an archive.

use std::path::{Path, PathBuf};

use openclaw_verify_core::gate::{NotStaged, StagedCopy};
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Result, temporary};

use super::Start;
use crate::cli::Common;
use crate::operator;

/// It, and where it lies; an archive is unpacked for as long as this lives.
pub(super) struct Staged {
    pub kept: StagedCopy,
    _unpacked: Option<temporary::Folder>,
}

impl Staged {
    /// What `--from` names.
    pub(super) fn open(from: &Path, id: &SubjectId) -> Result<Self> {
        if !from.is_file() {
            let kept = StagedCopy::open(from).map_err(|why| {
                let what = format!(
                    "{} is no copy that the gate kept: {why}",
                    operator::shown(from)
                );
                Error::environment(what, "name the folder that the gate's reason names")
            })?;
            return Ok(Self {
                kept,
                _unpacked: None,
            });
        }
        let folder = temporary::Folder::in_shared(&std::env::temp_dir())
            .map_err(|error| Error::io("create", "a temporary folder", error))?;
        let kept = StagedCopy::of_archive(from, id, folder.path()).map_err(|why| {
            let what = format!(
                "{id} cannot be staged from {}: {why}",
                operator::shown(from)
            );
            let help = match &why {
                NotStaged::OtherPlugin(name) | NotStaged::OtherPackage(name) => {
                    format!("name what it holds: {}:{name}", id.scheme())
                }
                _ => "install it: the gate refuses, and its reason names a copy that it kept"
                    .to_owned(),
            };
            Error::environment(what, help)
        })?;
        Ok(Self {
            kept,
            _unpacked: Some(folder),
        })
    }
}

/// The spool in which a kept copy lies; none for an archive.
pub(super) fn spool(from: &Path) -> Option<PathBuf> {
    from.canonicalize()
        .ok()?
        .ancestors()
        .nth(2)
        .filter(|_| from.is_dir())
        .map(Path::to_owned)
}

/// What the gate refused may be the first thing ever to be installed: then there is no installation to look at. What is fetched about
/// a kept copy is kept beside it, because the gate cannot ask and knows no other cache.
pub(super) fn start(common: &Common, from: Option<&Path>) -> Result<Start> {
    let first = from.is_some() && operator::installation(common).is_err();
    let start = super::start(&Common {
        lock_only: common.lock_only || first,
        ..common.clone()
    })?;
    #[cfg(feature = "online")]
    if let Some(spool) = from.filter(|_| common.online).and_then(spool) {
        let cache = super::gate::downloads(&spool);
        let client =
            crate::network::client_into(common, start.builder.clone().build()?.policy(), cache)?;
        return Ok(Start {
            builder: start.builder.registry(client),
            ..start
        });
    }
    Ok(start)
}
