//! A copy of what was staged, for people to read and lock.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::protocol::Request;
use crate::digest::{Sha256Digest, TreeDigest};
use crate::json;
use crate::read;
use crate::subject::SubjectId;

/// A copy that was kept of a staged install.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StagedCopy {
    /// What was asked, with the path of the copy.
    pub request: Request,
    /// The name of the copy's folder, which tells what was kept; none for what was never in the spool.
    pub(super) name: Option<String>,
}

/// Most bytes of the request that is kept with a copy.
pub(crate) const MAX_REQUEST: u64 = 512 << 10;

/// How the name of a copy begins that was kept before its digest was known.
pub(crate) const UNDECIDED: &str = "undecided-";

/// The name of a kept copy: it is in the command that the operator is given, so a copy that is changed after that is noticed.
pub(crate) fn name_of(
    id: &SubjectId,
    tree: TreeDigest,
    dependencies: Option<TreeDigest>,
) -> String {
    let dependencies = dependencies
        .map(|digest| digest.to_string())
        .unwrap_or_default();
    let name = Sha256Digest::of(format!("{id}\n{tree}\n{dependencies}").as_bytes()).hex();
    name.chars().take(16).collect()
}

/// Why a folder is no copy that the gate kept. Safe to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoCopy {
    /// The path ends in no name.
    #[error("name the folder itself, as it was printed")]
    NotNamed,
    /// Another user may have put another copy in its place.
    #[error("it is a symbolic link; find out who can write to the gate's spool")]
    Link,
    /// The request that was kept with it.
    #[error("request.json {0}")]
    Request(String),
    /// The folder cannot be looked at.
    #[error("{0}")]
    Folder(#[source] std::io::Error),
    /// A request names its files in UTF-8.
    #[error("the path of the copy is not UTF-8")]
    NotUtf8,
}

impl StagedCopy {
    /// Whether the copy still holds what was kept under its name, as far as the name tells. `ids` are those that it may have been kept under.
    pub(crate) fn is_unchanged(
        &self,
        ids: &[SubjectId],
        tree: TreeDigest,
        dependencies: Option<TreeDigest>,
    ) -> bool {
        self.name.as_ref().is_none_or(|name| {
            name.starts_with(UNDECIDED)
                || ids
                    .iter()
                    .any(|id| name_of(id, tree, dependencies) == *name)
        })
    }

    /// Reads a kept copy, to lock what it holds. Its digests are taken anew from its content.
    ///
    /// # Errors
    /// When the folder is no kept copy.
    pub fn open(folder: &Path) -> Result<Self, NoCopy> {
        // The name says what was kept, so it is the one that the caller gave, whatever lies there now.
        let name = folder
            .file_name()
            .ok_or(NoCopy::NotNamed)?
            .to_string_lossy()
            .into_owned();
        if fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink()) {
            return Err(NoCopy::Link);
        }
        let text = read::text(&folder.join("request.json"), MAX_REQUEST)
            .map_err(|error| NoCopy::Request(error.to_string()))?;
        let mut value = json::strict(&text).map_err(|error| NoCopy::Request(error.to_string()))?;
        let relative = value
            .get("relative")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if relative.split('/').any(|part| part == "..") || relative.starts_with('/') {
            return Err(NoCopy::Request("names a path outside the copy".to_owned()));
        }
        let folder = fs::canonicalize(folder).map_err(NoCopy::Folder)?;
        let path = if relative.is_empty() {
            folder.join("content")
        } else {
            folder.join("content").join(relative)
        };
        let path = path.to_str().ok_or(NoCopy::NotUtf8)?;
        if let Some(request) = value.get_mut("request").and_then(Value::as_object_mut) {
            request.insert("sourcePath".to_owned(), path.into());
        }
        let request = value
            .get("request")
            .map(Value::to_string)
            .unwrap_or_default();
        let request = Request::parse(request.as_bytes())
            .map_err(|error| NoCopy::Request(format!("is no request: {error}")))?;
        Ok(Self {
            request,
            name: Some(name),
        })
    }
}
