//! What the lock says of its entries: digests, and no verdicts.

use super::verdicts::{SubjectVerdict, Verdicts};
use crate::lock::Lock;

/// The locked digests.
pub(super) fn verdicts(lock: &Lock) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for package in lock.packages() {
        let verdict = SubjectVerdict {
            tree: package.tree,
            dependencies: package.dependencies,
            files: package.files,
            commit: package.commit.as_ref().map(ToString::to_string),
            ..SubjectVerdict::default()
        };
        verdicts.subjects.insert(package.id.clone(), verdict);
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use crate::digest::{Sha256Digest, Sri, TreeDigest};
    use crate::lock::{Lock, LockedPackage};
    use crate::sbom::{SbomOptions, from_lock};
    use crate::subject::{Kind, Source, SubjectId};

    #[test]
    fn the_lock_alone_gives_an_sbom_without_verdicts() {
        let archive = Sri::of(b"a");
        let mut npm = LockedPackage::new(SubjectId::new("npm", "@s/p"), Kind::Plugin, Source::Npm);
        (npm.version, npm.archive, npm.tree) = (
            Some("1.0.0".to_owned()),
            Some(archive),
            Some(TreeDigest([1; 32])),
        );
        let mut git = LockedPackage::new(
            SubjectId::new("git", "github.com/acme/notes"),
            Kind::Plugin,
            Source::Git,
        );
        git.commit = "a".repeat(40).parse().ok();
        git.spec = Some("git:github.com/acme/notes@v1.3.0".to_owned());
        git.tree = Some(TreeDigest([2; 32]));
        let mut server = LockedPackage::new(
            SubjectId::new("mcp", "files"),
            Kind::McpServer,
            Source::Config,
        );
        (server.definition, server.spec) = (
            Some(Sha256Digest([3; 32])),
            Some("npx -y @acme/files@1.2.3".to_owned()),
        );
        let lock = Lock::new(vec![npm, git, server], Vec::new()).expect("lock");

        let bom = from_lock(&lock, &SbomOptions::default())
            .expect("SBOM")
            .value()
            .clone();
        assert_eq!(bom["metadata"]["lifecycles"][0]["phase"], "pre-build");
        let purls: Vec<_> = bom["components"]
            .as_array()
            .expect("components")
            .iter()
            .map(|one| one["purl"].clone())
            .collect();
        assert_eq!(
            purls,
            [
                format!("pkg:github/acme/notes@{}", "a".repeat(40)).as_str(),
                "pkg:npm/%40s/p@1.0.0"
            ]
        );
        let npm = &bom["components"][1];
        assert_eq!(
            (
                npm.get("hashes"),
                &npm["externalReferences"][0]["hashes"][0]["content"]
            ),
            (None, &archive.hex().into())
        );
        assert_eq!(bom["services"][0]["bom-ref"], "mcp:files");
        assert_eq!(bom.get("declarations"), None);
        let text = bom.to_string();
        assert!(
            !text.contains("verified") && !text.contains("openclaw:verify:"),
            "{text}"
        );
    }
}
