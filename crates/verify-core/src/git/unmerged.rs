//! Both sides of a file in the middle of a merge, each whole, as git keeps them until the merge is finished.
//!
//! The file itself holds them only where they are in conflict: beside that git puts lines of either side, and does not say whose.

use std::fs;
use std::path::{Path, PathBuf};

use super::{GitError, ObjectKind, Repository, tracked};
use crate::digest::GitOid;
use crate::operator_file::MAX_BYTES;
use crate::read;

/// Stages of the index: this side and the other.
const OURS: u8 = 2;
const THEIRS: u8 = 3;
/// Most bytes of a file that names a folder.
const MAX_NAME: u64 = 4096;

/// This side of the file at `path` and the other, from the repository in whose work tree it is, which may be a linked one. No process is
/// started, and nothing of the repository's configuration is followed.
///
/// # Errors
/// [`GitError::NotARepository`] where no repository has it in a merge, and what keeps the repository from being read.
pub fn unmerged_sides(path: &Path) -> Result<(String, String), GitError> {
    let none = || {
        let why = "git holds no two sides of this file: no merge of it is open here";
        GitError::NotARepository(why.to_owned())
    };
    let io = |source| GitError::Io {
        place: "the folder of the file".to_owned(),
        source,
    };
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(io)?;
    let top = folder
        .ancestors()
        .find(|top| top.join(".git").symlink_metadata().is_ok())
        .ok_or_else(none)?;
    let below = folder.strip_prefix(top).map_err(|_| none())?;
    let name = below.join(path.file_name().ok_or_else(none)?);
    let (git_dir, objects) = folders(top)?;
    let entries = tracked(&git_dir)?;
    let object = |stage| {
        let mut entries = entries.iter();
        let found = entries.find(|one| one.stage == stage && Path::new(&one.path) == name);
        found.map(|one| &one.object).ok_or_else(none)
    };
    let (ours, theirs) = (object(OURS)?, object(THEIRS)?);
    let repository = Repository::open(&objects)?;
    let text = |id: &GitOid| {
        let object = repository.read(id, MAX_BYTES)?;
        match (object.kind, String::from_utf8(object.bytes)) {
            (ObjectKind::Blob, Ok(text)) => Ok(text),
            _ => Err(GitError::damaged("index", "a side of the merge is no text")),
        }
    };
    Ok((text(ours)?, text(theirs)?))
}

/// Where the index of the work tree `top` is, and where its objects are. `gitrepository-layout(5)`, `gitdir` and `commondir`.
fn folders(top: &Path) -> Result<(PathBuf, PathBuf), GitError> {
    let dot = top.join(".git");
    if dot.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Ok((dot.clone(), dot));
    }
    let text = |file: &Path| read::text(file, MAX_NAME);
    let named = text(&dot).map_err(|error| GitError::from_read(".git", error))?;
    let named = named.trim().strip_prefix("gitdir:").map(str::trim);
    let named = named.ok_or_else(|| GitError::damaged(".git", "it names no repository"))?;
    let git_dir = top.join(named);
    let objects = match text(&git_dir.join("commondir")) {
        Ok(common) => git_dir.join(common.trim()),
        Err(read::ReadError::NotFound) => git_dir.clone(),
        Err(error) => return Err(GitError::from_read("commondir", error)),
    };
    Ok((git_dir, objects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_git::git;

    #[test]
    fn both_sides_are_whole_in_any_work_tree() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (root, linked) = (dir.path().join("main"), dir.path().join("linked"));
        let file = |tree: &Path| tree.join("below/file");
        fs::create_dir_all(root.join("below")).expect("folder");
        git(&root, &["init", "-q", "-b", "main"]);
        let commit = |text: &str| {
            fs::write(file(&root), text).expect("file");
            git(&root, &["add", "."]);
            git(&root, &["commit", "-qm", "x"]);
        };
        commit("a\nb\nc\nd\n");
        assert!(unmerged_sides(&file(&root)).is_err(), "no merge");
        git(&root, &["checkout", "-q", "-b", "other"]);
        let (ours, theirs) = ("a\nb\nc\nours\n", "theirs\nb\nc\ntheirs\n");
        commit(theirs);
        git(&root, &["checkout", "-q", "main"]);
        commit(ours);
        let place = linked.to_str().expect("text");
        git(&root, &["worktree", "add", "-q", "-b", "here", place]);
        for tree in [&root, &linked] {
            let merge = std::process::Command::new("git")
                .current_dir(tree)
                .args(["merge", "-q", "other"])
                .output()
                .expect("git");
            assert!(!merge.status.success(), "a conflict");
            let merged = fs::read_to_string(file(tree)).expect("file");
            assert!(merged.starts_with("theirs\nb\n"), "git's own: {merged}");
            let sides = unmerged_sides(&file(tree)).expect("sides");
            assert_eq!(sides, (ours.to_owned(), theirs.to_owned()));
            assert!(unmerged_sides(&tree.join("below/none")).is_err());
        }
        assert!(unmerged_sides(&dir.path().join("file")).is_err());
    }
}
