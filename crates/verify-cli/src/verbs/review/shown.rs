//! What was last shown of a subject, so that a review of something else is not recorded.

use std::path::PathBuf;

use openclaw_verify_core::digest::Sha256Digest;
use openclaw_verify_core::subject::SubjectId;
use openclaw_verify_core::{Error, Result, ReviewMaterial, operator_file, read};
use serde::{Deserialize, Serialize};

use crate::{operator, render};

/// One showing. All digests are text, as they are in the reviews file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub subject: String,
    pub content: String,
    pub from: Option<String>,
    pub since: Option<String>,
    pub dependencies: Option<String>,
    #[serde(default)]
    pub dependencies_from: Option<String>,
}

impl Shown {
    fn of(reading: &ReviewMaterial) -> Self {
        Self {
            subject: reading.subject.to_string(),
            content: reading.content.to_string(),
            from: reading.from.map(|from| from.to_string()),
            since: reading.since.clone(),
            dependencies: reading.dependencies.map(|digest| digest.to_string()),
            dependencies_from: reading.dependencies_from.map(|digest| digest.to_string()),
        }
    }
}

/// Remembers what is shown now.
pub(super) fn remember(reading: &ReviewMaterial) -> Result<()> {
    let path = path(&reading.subject)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    }
    operator_file::write_atomic(&path, &render::json(&Shown::of(reading))?).map(|_| ())
}

/// What was shown last; none when nothing was, or when it cannot be read any more.
pub(super) fn last(id: &SubjectId) -> Option<Shown> {
    let text = read::text(&path(id).ok()?, 1 << 16).ok()?;
    serde_json::from_str::<Shown>(&text)
        .ok()
        .filter(|shown| shown.subject == id.as_str())
}

/// Forgets it, once it was recorded.
pub(super) fn forget(id: &SubjectId) {
    if let Ok(path) = path(id) {
        let _ = std::fs::remove_file(path);
    }
}

fn path(id: &SubjectId) -> Result<PathBuf> {
    let cache = operator::cache_folder().ok_or_else(|| {
        Error::environment(
            "there is no cache folder: HOME is not set",
            "set HOME or XDG_CACHE_HOME",
        )
    })?;
    Ok(cache.join("shown").join(format!(
        "{}.json",
        Sha256Digest::of(id.as_str().as_bytes()).hex()
    )))
}
