//! Software Heritage ids: the SHA-1 git id of a folder's content, and of a commit. They say which public source a folder would be;
//! no verdict stands on them.

use crate::digest::GitOid;
use crate::tree::{TreeSpec, git_sha1};

/// `swh:1:rev:…` for a commit of a SHA-1 repository.
pub(super) fn of_commit(commit: &str) -> Option<String> {
    let commit: GitOid = commit.parse().ok()?;
    (commit.as_str().len() == 40).then(|| format!("swh:1:rev:{commit}"))
}

/// `swh:1:dir:…` for what the subject's own tree digest covers, where git would give it an id.
pub(super) fn of_folder(spec: &TreeSpec) -> Option<String> {
    git_sha1::of_folder(spec).map(|id| format!("swh:1:dir:{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_sha1_commits_get_an_id() {
        assert_eq!(
            of_commit(&"a".repeat(40)),
            Some(format!("swh:1:rev:{}", "a".repeat(40)))
        );
        assert_eq!(of_commit(&"a".repeat(64)), None);
        assert_eq!(of_commit("main"), None);
    }
}
