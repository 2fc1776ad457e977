//! Finding a repository's folder and refusing the kinds that are not read.

use std::fs;
use std::path::{Path, PathBuf};

use super::GitError;
use super::pack::Pack;
use super::refs::PackedRefs;
use crate::read::{self, ReadError};
use crate::text::excerpt;

/// Bytes of a repository's `config` that are looked at.
const CONFIG_LIMIT: u64 = 1 << 20;
/// Packs in one repository; each keeps two files open. `git gc` leaves one.
const PACK_LIMIT: usize = 200;
/// Entries of `objects/pack` that are listed.
const PACK_ENTRY_LIMIT: usize = 10_000;

/// A local repository, with a work tree or bare.
#[derive(Debug)]
pub struct Repository {
    pub(super) git_dir: PathBuf,
    work_tree: Option<PathBuf>,
    pub(super) packs: Vec<Pack>,
    pub(super) packed_refs: PackedRefs,
}

impl Repository {
    /// Opens the repository whose work tree or bare folder is `path`. Parent folders are not searched.
    ///
    /// # Errors
    /// [`GitError::NotARepository`], [`GitError::Unsupported`] for a kind that is not read, [`GitError::Unsafe`] when a file or
    /// folder that git would open is something else.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let shown = excerpt(&path.display().to_string(), 200);
        let root = fs::canonicalize(path).map_err(|source| GitError::Io {
            place: shown.clone(),
            source,
        })?;
        let dot_git = root.join(".git");
        let (git_dir, work_tree) = match fs::symlink_metadata(&dot_git) {
            Ok(found) if found.is_dir() => (dot_git, Some(root)),
            Ok(found) if found.is_file() => {
                let why = ".git is a file (a linked worktree or a submodule): name the repository that it belongs to";
                return Err(GitError::Unsupported(why.to_owned()));
            }
            Ok(found) => {
                return Err(unsafe_place(
                    ".git",
                    format!("is {}, not a folder", read::kind_of(&found)),
                ));
            }
            Err(_)
                if root.join("HEAD").symlink_metadata().is_ok()
                    && root.join("objects").symlink_metadata().is_ok() =>
            {
                (root, None)
            }
            Err(_) => {
                return Err(GitError::NotARepository(format!(
                    "{shown} holds no git repository"
                )));
            }
        };
        check_layout(&git_dir)?;
        check_config(&git_dir)?;
        let packs = open_packs(&git_dir)?;
        let packed_refs = PackedRefs::read(&git_dir)?;
        Ok(Self {
            git_dir,
            work_tree,
            packs,
            packed_refs,
        })
    }

    /// The folder with the checked-out files; none for a bare repository.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// Whether `path` lies in the work tree or in the repository's own folder, or is reached through it. What does must not say
    /// whom to trust: the author of the repository chooses what is there, and where a symlink in it leads.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let root = match &self.work_tree {
            Some(root) => root.as_path(),
            // The repository was named by its `.git` folder.
            None if self.git_dir.file_name().is_some_and(|name| name == ".git") => {
                self.git_dir.parent().unwrap_or(&self.git_dir)
            }
            None => &self.git_dir,
        };
        let Ok(path) = std::path::absolute(path) else {
            return true;
        };
        path.ancestors()
            .any(|part| fs::canonicalize(part).is_ok_and(|real| real.starts_with(root)))
    }
}

/// Refuses what git would open and what is not a plain file or folder, and layouts that are not read.
fn check_layout(git_dir: &Path) -> Result<(), GitError> {
    for folder in ["objects", "refs"] {
        match kind(git_dir, folder)? {
            Some(Kind::Folder) => {}
            _ => return Err(unsafe_place(folder, "is not a folder".to_owned())),
        }
    }
    for folder in ["refs/tags", "objects/pack", "objects/info"] {
        if kind(git_dir, folder)? == Some(Kind::File) {
            return Err(unsafe_place(folder, "is not a folder".to_owned()));
        }
    }
    let unsupported = [
        (
            "objects/info/alternates",
            "the repository borrows objects from another place: run `git repack -a -d` and remove objects/info/alternates",
        ),
        (
            "commondir",
            "the folder is a linked worktree: name the repository that it belongs to",
        ),
        (
            "reftable",
            "the repository keeps its refs in the reftable format, which is not read: clone it with `--ref-format=files`",
        ),
    ];
    for (place, why) in unsupported {
        if kind(git_dir, place)?.is_some() {
            return Err(GitError::Unsupported(why.to_owned()));
        }
    }
    Ok(())
}

/// Looks in the repository's own configuration for a format that is not read. Nothing is taken from it: it can only make this
/// reader refuse. Includes are not followed; git does not honour extensions from included files either.
fn check_config(git_dir: &Path) -> Result<(), GitError> {
    let bytes = match read::bytes(&git_dir.join("config"), CONFIG_LIMIT) {
        Ok(bytes) => bytes,
        Err(ReadError::NotFound) => return Ok(()),
        Err(error) => return Err(GitError::from_read("config", error)),
    };
    match foreign_format(&String::from_utf8_lossy(&bytes)) {
        Some(why) => Err(GitError::Unsupported(why)),
        None => Ok(()),
    }
}

/// Why the format that this configuration declares is not read, if so. `git-config(1)`, `gitrepository-layout(5)`.
fn foreign_format(config: &str) -> Option<String> {
    let mut section = String::new();
    for line in config.lines() {
        let mut line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            let (name, rest) = rest.split_once(']').unwrap_or((rest, ""));
            section = name.trim().to_ascii_lowercase();
            line = rest.trim();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let value = value.split(['#', ';']).next().unwrap_or_default();
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        match (section.as_str(), key.as_str()) {
            ("core", "repositoryformatversion") if !matches!(value, "0" | "1") => {
                return Some(format!(
                    "repository format version {} is not read",
                    excerpt(value, 20)
                ));
            }
            ("extensions", "objectformat") if value == "sha1" => {}
            ("extensions", "refstorage") if value == "files" => {}
            ("extensions", "noop" | "preciousobjects" | "relativeworktrees" | "worktreeconfig") => {
            }
            ("extensions", "partialclone") => return Some(PARTIAL.to_owned()),
            ("extensions", _) => {
                return Some(format!(
                    "the repository needs `{} = {}`, which is not read",
                    excerpt(&key, 40),
                    excerpt(value, 40)
                ));
            }
            _ => {}
        }
    }
    None
}

const PARTIAL: &str =
    "the repository is a partial clone, which may lack objects: clone it without `--filter`";

fn open_packs(git_dir: &Path) -> Result<Vec<Pack>, GitError> {
    let folder = git_dir.join("objects/pack");
    let io = |source| GitError::Io {
        place: "objects/pack".to_owned(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut names = Vec::new();
    for (count, entry) in entries.enumerate() {
        if count == PACK_ENTRY_LIMIT {
            return Err(unsafe_place(
                "objects/pack",
                format!("holds more than {PACK_ENTRY_LIMIT} files"),
            ));
        }
        let name = entry.map_err(io)?.file_name();
        match name.to_str() {
            Some(name) if name.ends_with(".promisor") => {
                return Err(GitError::Unsupported(PARTIAL.to_owned()));
            }
            Some(name) if name.starts_with("pack-") => {
                names.extend(name.strip_suffix(".idx").map(str::to_owned))
            }
            _ => {}
        }
    }
    if names.len() > PACK_LIMIT {
        return Err(GitError::Unsupported(format!(
            "the repository has {} packs, more than {PACK_LIMIT}: run `git gc`",
            names.len()
        )));
    }
    // Any copy of an object has the same bytes, but which error is reported first must not depend on the file system.
    names.sort();
    names.iter().map(|name| Pack::open(&folder, name)).collect()
}

#[derive(PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

/// What lies at `place` in the repository; a link or a special file is refused.
fn kind(git_dir: &Path, place: &str) -> Result<Option<Kind>, GitError> {
    match fs::symlink_metadata(git_dir.join(place)) {
        Ok(found) if found.is_dir() => Ok(Some(Kind::Folder)),
        Ok(found) if found.is_file() => Ok(Some(Kind::File)),
        Ok(found) => Err(unsafe_place(place, format!("is {}", read::kind_of(&found)))),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(GitError::Io {
            place: place.to_owned(),
            source,
        }),
    }
}

pub(super) fn unsafe_place(place: &str, why: String) -> GitError {
    GitError::Unsafe {
        place: excerpt(place, 200),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_formats_are_seen_however_they_are_written() {
        assert_eq!(
            foreign_format(
                "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[include]\n\tpath = /dev/zero\n"
            ),
            None
        );
        assert_eq!(
            foreign_format(
                "[core]\nrepositoryformatversion = 1\n[extensions]\nobjectFormat = sha1 ; as ever\n"
            ),
            None
        );
        for config in [
            "[core]\n\trepositoryformatversion = 2\n",
            "[extensions]\n\tobjectformat = sha256\n",
            "[EXTENSIONS] ObjectFormat=sha256\n",
            "[ extensions ]\n refstorage = reftable",
            "[extensions]\npartialclone = origin",
            "[extensions]\nsomethingNew",
        ] {
            assert!(foreign_format(config).is_some(), "{config}");
        }
    }
}
