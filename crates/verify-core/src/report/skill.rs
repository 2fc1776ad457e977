//! What is inside a skill, as plain data.

use serde::Serialize;

use crate::archive::Binary;
use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::inventory::staged::skill::SkillForm;

/// What is inside a skill. Texts are untrusted and safe to show.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SkillContents {
    /// The id that it was judged as.
    pub id: String,
    /// Name in its front matter, else of its folder.
    pub name: String,
    /// Version in its front matter.
    pub version: Option<String>,
    /// In what it came.
    pub form: SkillForm,
    /// The archive that it came in; none for a folder.
    pub archive: Option<SkillArchive>,
    /// Digest of its files; none where something in it has none.
    pub tree: Option<TreeDigest>,
    /// Files and links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Records of an install that lie in it: its packer wrote them, so nothing of them is believed, and an install writes others.
    pub shipped_records: Vec<ShippedRecord>,
    /// What its front matter asks OpenClaw to install.
    pub install_steps: Vec<SkillStep>,
    /// Files that may be executed, sorted.
    pub executables: Vec<String>,
    /// Files with machine code, sorted.
    pub binaries: Vec<Binary>,
}

/// A record of an install that came with a skill.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ShippedRecord {
    /// The file.
    pub path: &'static str,
    /// From where it says that the skill came; none where it is not of the form of such a record.
    pub says: Option<String>,
}

/// An archive of a skill.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SkillArchive {
    /// SHA-512 of it, as npm writes it.
    pub integrity: Sri,
    /// SHA-256 of it.
    pub sha256: Sha256Digest,
    /// Its bytes.
    pub packed: u64,
}

/// An install step of a skill.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SkillStep {
    /// `node`, `brew`, `go`, `uv`, `download`, or what else was written.
    pub kind: String,
    /// Package, module, formula or address.
    pub target: String,
}
