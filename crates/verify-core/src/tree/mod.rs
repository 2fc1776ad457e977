//! The tree digest `git-sha256`, the walker that takes it, and the comparison of two trees.
//!
//! The digest is the id that git gives a folder in a repository of object format SHA-256 (`git init --object-format=sha256`,
//! `git add -A -f`, `git write-tree`), so anybody can check it without this program. docs/formats.md has the full text.

use std::path::PathBuf;

/// What one digest covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeSpec {
    /// The folder whose content is digested. A symlink here is refused: the caller resolves what OpenClaw would load first.
    pub root: PathBuf,
    /// Symlinks inside `root` may point anywhere inside this folder, and nowhere else. `root` itself or one of its ancestors.
    pub boundary: PathBuf,
    /// What does not count.
    pub leave_out: Vec<LeaveOut>,
}

/// One thing at one exact place that a digest leaves out. Paths are relative to [`TreeSpec::root`], `/` between names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveOut {
    /// Another part of the same subject, digested by itself. Left out only when it is a real folder; anything else of that name
    /// stays in.
    Folder(String),
    /// A record that OpenClaw or npm rewrites without a change of code. Left out only as a regular file of at most 1 MiB that
    /// parses strictly as that record; anything else of that name stays in.
    Record(String, RecordKind),
    /// OpenClaw's link to the host package, `node_modules/openclaw`. Left out only when it is a symlink whose real path is `host`.
    /// Without a host, or when it dangles, the digest leaves it out too and says so in [`TreeNote::HostLinkUnknown`]; another
    /// target is unsafe.
    HostLink {
        /// The place of the link.
        path: String,
        /// Real path of the host package that the operator named.
        host: Option<PathBuf>,
    },
}

/// The records that a digest may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind {
    /// `.openclaw/source-origin.json` of a skill.
    SkillSourceOrigin,
    /// `.clawhub/origin.json` or `.clawdhub/origin.json` of a skill, either dialect.
    ClawhubOrigin,
    /// `node_modules/.package-lock.json`, npm's hidden lockfile.
    HiddenLockfile,
}
