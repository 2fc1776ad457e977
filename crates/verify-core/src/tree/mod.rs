//! The tree digest `git-sha256`, the walker that takes it, and the comparison of two trees.
//!
//! The digest is the id that git gives a folder in a repository of object format SHA-256 (`git init --object-format=sha256`,
//! `git add -A -f`, `git write-tree`), so anyone can check it without this program. docs/formats.md has the full text.
//!
//! A tree is walked by one thread with an explicit stack; its files are hashed meanwhile by a pool that lives only for the call; the
//! folders are folded from the sorted listing. Nothing is followed, nothing but regular files is opened, and whatever changes meanwhile is
//! an error.

mod compare;
mod files;
pub(crate) mod git_sha1;
mod hard_links;
mod hashing;
mod links;
mod manifest;
pub(crate) mod names;
pub(crate) mod object;
mod open;
mod queue;
pub(crate) mod records;
pub(crate) mod skill_record;
mod store;
mod walk;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::digest::TreeDigest;
use crate::nix::StorePath;

#[doc(hidden)]
pub use files::FileMemory;

pub(crate) use compare::compare_rooted;
pub use compare::{ChangeKind, FileChange, compare};
pub use manifest::{Manifest, ManifestError, TreeEntry};
pub use object::{BlobId, Mode};
pub use store::{ManifestStore, StoreError};

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

impl TreeSpec {
    /// Everything in `root`, with `root` as the boundary.
    #[must_use]
    pub fn whole(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            boundary: root.clone(),
            root,
            leave_out: Vec::new(),
        }
    }

    /// Whether the digest covers what lies at `path`.
    pub(crate) fn holds(&self, path: &std::path::Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.root) else {
            return false;
        };
        let within = |places: &[String]| places.iter().any(|place| inside.starts_with(place));
        self.leave_out.iter().all(|left| match left {
            LeaveOut::AllBut(kept) => within(kept),
            LeaveOut::Inside { folder, kept } => !inside.starts_with(folder) || within(kept),
            LeaveOut::Entry(place) => !inside.starts_with(place),
            // Other parts, and records that are judged by what they hold.
            _ => true,
        })
    }
}

/// One thing at one exact place that a digest leaves out. Paths are relative to [`TreeSpec::root`], `/` between names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveOut {
    /// Another part of the same subject, digested by itself. Left out only when it is a real folder; anything else of that name
    /// stays in. A `.git` is digested nowhere, so no symlink of the tree may lead into it.
    Folder(String),
    /// A record that OpenClaw or npm rewrites without a change of code. Left out only as a regular file of at most 1 MiB that
    /// parses strictly as that record; anything else of that name stays in. No symlink of the tree may lead to it.
    Record(String, RecordKind),
    /// Data of a folder that also holds code: whatever has this name.
    Entry(String),
    /// Everything but these files and folders, and the folders above them. What does not count is not even looked at.
    AllBut(Vec<String>),
    /// Of one folder everything but these files and folders in it, and the folders above them.
    Inside {
        /// The folder.
        folder: String,
        /// What counts of it; relative to the root, not to the folder.
        kept: Vec<String>,
    },
    /// Where a symlink at this place leads. Its text counts, wherever it leads: what lies there is judged by itself.
    Target(String),
    /// OpenClaw's link to the host package, `node_modules/openclaw`. Left out only when it is a symlink whose real path is `host`.
    /// Without a host, or when it dangles, the digest leaves it out too and says so in [`TreeNote::HostLinkUnknown`]; another
    /// target is unsafe.
    HostLink {
        /// The place of the link.
        path: String,
        /// Real path of the host package that the operator named.
        host: Option<PathBuf>,
        /// Whether the tree is in a copy: then a link that leads elsewhere may lead to where the host package was, which is not known here.
        copied: bool,
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
    /// `.openclaw-lifecycle-pending` of the host package: its first start finishes the install and removes it.
    LifecyclePending,
}

/// How much a walk may take, and how it is watched.
#[derive(Clone, Copy)]
pub struct TreeOptions<'a> {
    /// Threads that hash; 0 means as many as the machine has. The digests do not depend on it.
    pub threads: usize,
    /// Levels of folders below the root.
    pub max_depth: usize,
    /// Files, folders and symlinks of one tree.
    pub max_entries: u64,
    /// Bytes of all regular files of one tree together, as they state their size.
    pub max_bytes: u64,
    /// Bytes of all paths of one tree together: what bounds the memory.
    pub max_path_bytes: u64,
    /// Count every symlink `node_modules/openclaw` as its text, wherever it leads, as git does. Only for folders of which it is not known
    /// what they are: a subject names its link to the host with [`LeaveOut::HostLink`], and the link is then checked.
    pub count_host_links: bool,
    /// The folder of a Nix store: links that stay in it on their way are listed in [`TreeNote::StoreLinks`] and are not unsafe.
    pub store: Option<&'a std::path::Path>,
    /// Set by the caller to stop.
    pub cancel: Option<&'a AtomicBool>,
    /// Called now and then from the hashing threads.
    pub progress: Option<&'a (dyn Fn(HashProgress) + Sync)>,
    /// Files that need not be read again; those that are read are added.
    #[doc(hidden)]
    pub files: Option<&'a FileMemory>,
}

impl Default for TreeOptions<'_> {
    fn default() -> Self {
        Self {
            threads: 0,
            max_depth: 256,
            max_entries: 2_000_000,
            max_bytes: 4 << 30,
            max_path_bytes: 256 << 20,
            count_host_links: false,
            store: None,
            cancel: None,
            progress: None,
            files: None,
        }
    }
}

/// How far the hashing has come, over all trees of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashProgress {
    /// Files hashed.
    pub files: u64,
    /// Files found so far; grows while the walk goes on.
    pub of: u64,
    /// Bytes hashed.
    pub bytes: u64,
    /// Whether all files were found, so that [`HashProgress::of`] grows no more.
    pub complete: bool,
}

/// The digest of a tree, and what it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tree {
    /// Its id.
    pub digest: TreeDigest,
    /// Files and symlinks that count.
    pub files: u64,
    /// Bytes of the regular files that count.
    pub bytes: u64,
    /// The listing behind the digest.
    pub manifest: Manifest,
    /// What the digest covers and policy may still refuse.
    pub notes: Vec<TreeNote>,
}

/// Something that does not stand against a digest, and that policy may refuse. At most one of each kind is in a tree, with its
/// first paths. Paths are safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeNote {
    /// Names that Windows cannot hold, or holds as another name.
    WindowsUnsafeNames {
        /// The first of them.
        paths: Vec<String>,
        /// All of them.
        count: usize,
    },
    /// Files with a hard link outside the trees of the same boundary in this call: something else can change their bytes.
    HardLinksLeave {
        /// The first of them.
        paths: Vec<String>,
        /// All of them.
        count: usize,
    },
    /// Files that run with more rights than the user who starts them: git knows nothing of that.
    Privileged {
        /// `setuid` or `file-capability`.
        what: &'static str,
        /// The first of them.
        paths: Vec<String>,
        /// All of them.
        count: usize,
    },
    /// Links that lead into a Nix store: what they lead to is in no digest, and has to be verified there.
    StoreLinks {
        /// The paths of the store by which they lead. Sorted.
        paths: Vec<StorePath>,
    },
    /// The link to the host package was left out, and it is not known whether it leads there.
    HostLinkUnknown {
        /// The place of the link.
        path: String,
        /// Its target.
        target: String,
        /// Whether the host package is named, and the link is in a copy of what led to it.
        copied: bool,
    },
}

/// How many entries are unsafe, in words.
fn unsafe_entries(total: &usize) -> String {
    format!(
        "{total} unsafe {}",
        if *total == 1 { "entry" } else { "entries" }
    )
}

/// Why a tree has no digest. Paths are relative to the root and safe to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// There is nothing at the root.
    #[error("there is no folder")]
    Missing,
    /// The tree holds what a digest cannot represent. None of that was followed or opened.
    #[error("{}, first {}", unsafe_entries(.total), .offenders.first().map_or_else(String::new, ToString::to_string))]
    Unsafe {
        /// The first of them by path order of the walk, at most [`MAX_OFFENDERS`].
        offenders: Vec<Offender>,
        /// All of them.
        total: usize,
    },
    /// Something changed while it was read.
    #[error("`{path}` changed while it was read")]
    Changed {
        /// What.
        path: String,
    },
    /// A limit of [`TreeOptions`] was reached.
    #[error("more than {max} {limit}")]
    Limit {
        /// Which.
        limit: TreeLimit,
        /// Its value.
        max: u64,
    },
    /// The operating system refused.
    #[error("cannot read `{path}`: {source}")]
    Io {
        /// What.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Most offenders that [`TreeError::Unsafe`] names.
pub const MAX_OFFENDERS: usize = 100;

/// A limit of [`TreeOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeLimit {
    /// [`TreeOptions::max_depth`].
    Depth,
    /// [`TreeOptions::max_entries`].
    Entries,
    /// [`TreeOptions::max_bytes`].
    Bytes,
    /// [`TreeOptions::max_path_bytes`].
    PathBytes,
    /// Components looked at to resolve all symlinks of a tree.
    SymlinkSteps,
}

impl std::fmt::Display for TreeLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Depth => "levels of folders",
            Self::Entries => "files and folders",
            Self::Bytes => "bytes",
            Self::PathBytes => "bytes of paths",
            Self::SymlinkSteps => "steps through symbolic links",
        })
    }
}

/// One entry that makes a tree unsafe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offender {
    /// Relative to the root, `.` being the root itself; safe to show.
    pub path: String,
    /// What is wrong with it.
    pub why: Why,
}

impl std::fmt::Display for Offender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.path, self.why)
    }
}

/// What makes an entry unsafe. All text is safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// A FIFO, socket or device; or a root that is no folder.
    #[error("is {0}")]
    SpecialFile(&'static str),
    /// A name that is not UTF-8 or holds control characters.
    #[error("has a name that {0}")]
    Name(&'static str),
    /// Another entry of the folder has the same name but for case, Unicode normalisation or invisible characters.
    #[error("is the same name as `{with}` where case or normalisation are ignored")]
    Collision {
        /// The other entry.
        with: String,
    },
    /// A symlink that leads out of the boundary, perhaps by way of another one.
    #[error("is a symbolic link to `{target}`, which leaves the folder")]
    LeavesSubject {
        /// What the link says.
        target: String,
    },
    /// A symlink with an absolute target: what it leads to depends on where the tree lies.
    #[error("is a symbolic link with the absolute target `{target}`")]
    AbsoluteTarget {
        /// What the link says.
        target: String,
    },
    /// A symlink that leads to something that no digest covers.
    #[error("is a symbolic link to `{target}`, which no digest covers")]
    IntoLeftOut {
        /// What the link says.
        target: String,
    },
    /// A symlink whose target cannot be judged: not UTF-8, control characters, or endless.
    #[error("is a symbolic link to `{target}`, which cannot be resolved")]
    BadTarget {
        /// What the link says.
        target: String,
    },
    /// The link to the host package leads to something else.
    #[error("is the link to the host package, and leads to `{target}` instead")]
    HostLinkElsewhere {
        /// What the link says.
        target: String,
    },
}

/// The digest of one tree.
///
/// # Errors
/// See [`TreeError`]; no error ever hides a digest that was taken in part.
pub fn digest(spec: &TreeSpec, options: &TreeOptions<'_>) -> Result<Tree, TreeError> {
    let mut results = digest_all(std::slice::from_ref(spec), options);
    results.pop().unwrap_or(Err(TreeError::Missing))
}

/// The digest of a whole folder, nothing left out: what `openclaw-verify tree FOLDER` prints.
///
/// # Errors
/// See [`TreeError`].
pub fn tree_digest(folder: &std::path::Path) -> Result<TreeDigest, TreeError> {
    let options = TreeOptions {
        count_host_links: true,
        ..TreeOptions::default()
    };
    digest(&TreeSpec::whole(folder), &options).map(|tree| tree.digest)
}

/// The digests of many trees, in the order of `specs`; one pool hashes the files of all of them.
#[must_use]
pub fn digest_all(specs: &[TreeSpec], options: &TreeOptions<'_>) -> Vec<Result<Tree, TreeError>> {
    hashing::digest_all(specs, options)
}
