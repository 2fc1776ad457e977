//! Where the files behind a reviewed digest can still be had, so that only a difference has to be read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use crate::archive;
use crate::digest::{GitOid, TreeDigest};
use crate::git::{CommitTree, ObjectKind, ObjectReader, Repository, TreeLimits};
use crate::inventory::{Observation, Subject};
use crate::review::{ContentStore, Contents};
use crate::subject::Source;
use crate::text;
use crate::tree::{self, BlobId, Manifest, ManifestStore, TreeEntry, TreeSpec};

/// Archives beside the recorded one that are looked at.
const MAX_ARCHIVES: usize = 32;
const MAX_LISTED: usize = 10_000;
/// Commits of a checkout's history that are looked at: tags, then what HEAD descends from.
const MAX_COMMITS: usize = 64;

/// The places to look at.
#[derive(Clone, Copy)]
pub(crate) struct BaseSources<'a> {
    pub manifests: Option<&'a ManifestStore>,
    pub contents: Option<&'a ContentStore>,
    pub state_dir: Option<&'a Path>,
    /// The state directory is a copy: nothing outside it may be opened.
    pub copy: bool,
    pub options: tree::TreeOptions<'a>,
}

/// The old files of a subject, by digest.
pub(crate) type FilesByDigest = HashMap<TreeDigest, Vec<Contents<'static>>>;

impl BaseSources<'_> {
    /// Every place that holds the files of one of `wanted`. What cannot be read is no place.
    pub(crate) fn find(&self, subject: &Subject, wanted: &[TreeDigest]) -> FilesByDigest {
        let mut found = self.kept(wanted);
        if wanted.is_empty() {
            return found;
        }
        let mut add = |digest: TreeDigest, contents: Contents<'static>| {
            if wanted.contains(&digest) {
                found.entry(digest).or_default().push(contents);
            }
        };
        self.generations(subject, &mut add);
        self.archives(subject, wanted, &mut add);
        history(subject, wanted, &mut add);
        found
    }

    /// Those of `wanted` whose listing was kept. Files of them may be gone: then all is read of those that differ.
    pub(crate) fn kept(&self, wanted: &[TreeDigest]) -> FilesByDigest {
        let (Some(manifests), Some(contents)) = (self.manifests, self.contents) else {
            return FilesByDigest::new();
        };
        let listed = wanted
            .iter()
            .filter_map(|digest| Some((*digest, manifests.get(digest).ok().flatten()?)));
        listed
            .map(|(digest, manifest)| (digest, vec![Contents::store(manifest, contents.clone())]))
            .collect()
    }

    /// Old generations that OpenClaw left on the disk.
    pub(super) fn generations(
        &self,
        subject: &Subject,
        add: &mut dyn FnMut(TreeDigest, Contents<'static>),
    ) {
        let (Some(state_dir), Some(spec)) = (self.state_dir, &subject.trees.tree) else {
            return;
        };
        for observation in &subject.observations {
            let Observation::StaleGeneration { path, .. } = observation else {
                continue;
            };
            let Some(spec) = moved(spec, &state_dir.join(path)) else {
                continue;
            };
            let root = spec.root.clone();
            if let Ok(tree) = tree::digest(&spec, &self.options) {
                let place = format!("the old generation at {path}");
                add(
                    tree.digest,
                    Contents::folder(Cow::Owned(tree.manifest), root, place),
                );
            }
        }
    }

    /// The archive that the subject was installed from, and those beside it.
    fn archives(
        &self,
        subject: &Subject,
        wanted: &[TreeDigest],
        add: &mut dyn FnMut(TreeDigest, Contents<'static>),
    ) {
        let recorded = subject
            .record
            .as_ref()
            .and_then(|record| record.source_path.as_deref())
            .map(Path::new);
        let Some(folder) = recorded
            .filter(|path| path.is_absolute() && is_archive(path))
            .and_then(Path::parent)
        else {
            return;
        };
        if self.copy {
            return;
        }
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        let mut paths: Vec<_> = entries
            .flatten()
            .take(MAX_LISTED)
            .map(|entry| entry.path())
            .filter(|path| is_archive(path))
            .collect();
        paths.sort();
        for path in paths.iter().take(MAX_ARCHIVES) {
            if let Some((digest, contents)) = of_archive(path, |digest| wanted.contains(&digest)) {
                add(digest, contents);
            }
        }
    }
}

/// The files of an archive as one of the two trees that it can be installed as: as it was packed, or as npm unpacks it. The first that
/// is `wanted`, where either is, is that of npm.
pub(crate) fn of_archive(
    path: &Path,
    wanted: impl Fn(TreeDigest) -> bool,
) -> Option<(TreeDigest, Contents<'static>)> {
    let limits = archive::ArchiveLimits {
        packed: 64 << 20,
        unpacked: 256 << 20,
        ..archive::ArchiveLimits::default()
    };
    let read = |keep: bool| {
        let file: File = crate::read::open(path).ok()?.0;
        archive::read(file, &limits, |_| keep).ok()
    };
    let archive = read(false)?;
    let manifests = [
        archive.manifest_of_npm().ok(),
        Some(archive.manifest.clone()),
    ];
    let manifest = manifests
        .into_iter()
        .flatten()
        .find(|manifest| wanted(manifest.digest()))?;
    let archive = read(true)?;
    let files = archive
        .entries
        .iter()
        .filter_map(|entry| Some((entry.id, archive.content(&entry.path)?.to_vec())));
    let place = format!("the archive {}", text::visible(&path.to_string_lossy()));
    Some((
        manifest.digest(),
        Contents::memory(manifest, files.collect(), place),
    ))
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "tgz") || path.to_string_lossy().ends_with(".tar.gz")
}

/// What `spec` covers, at another root of the same shape.
fn moved(spec: &TreeSpec, root: &Path) -> Option<TreeSpec> {
    let below = spec.root.strip_prefix(&spec.boundary).ok()?;
    let boundary = root
        .ancestors()
        .nth(below.components().count())
        .filter(|_| root.ends_with(below))?;
    Some(TreeSpec {
        root: root.to_owned(),
        boundary: boundary.to_owned(),
        ..spec.clone()
    })
}

/// Tags and ancestors of a git checkout.
fn history(
    subject: &Subject,
    wanted: &[TreeDigest],
    add: &mut dyn FnMut(TreeDigest, Contents<'static>),
) {
    let is_checkout = subject.source == Source::Git;
    let Some(spec) = subject.trees.tree.as_ref().filter(|_| is_checkout) else {
        return;
    };
    let Ok(repository) = Repository::open(&spec.root) else {
        return;
    };
    let limits = TreeLimits {
        work: 256 << 20,
        ..TreeLimits::default()
    };
    let mut reader = ObjectReader::new(&repository, limits.work);
    for commit in commits(&repository, &mut reader) {
        let Ok(tree) = repository.commit_tree(&commit, &limits) else {
            continue;
        };
        let Some((manifest, files)) = listing(&tree, &mut reader, &limits) else {
            return;
        };
        let digest = manifest.digest();
        if wanted.contains(&digest) {
            add(
                digest,
                Contents::memory(
                    manifest,
                    files,
                    format!("commit {commit} of its repository"),
                ),
            );
        }
    }
}

fn commits(repository: &Repository, reader: &mut ObjectReader<'_>) -> Vec<GitOid> {
    let mut commits = Vec::new();
    let mut next = repository.head().ok().flatten();
    while let Some(oid) = next.take().filter(|_| commits.len() < MAX_COMMITS / 2) {
        next = header(reader, &oid, ObjectKind::Commit, "parent ");
        commits.push(oid);
    }
    let tags = repository.tag_names().unwrap_or_default();
    for tag in tags.iter().rev().take(MAX_COMMITS / 2) {
        let Some(oid) = repository.tag(tag).ok().flatten() else {
            continue;
        };
        let commit = header(reader, &oid, ObjectKind::Tag, "object ").unwrap_or(oid);
        if !commits.contains(&commit) {
            commits.push(commit);
        }
    }
    commits
}

/// The first header of this name, of an object of this kind.
fn header(
    reader: &mut ObjectReader<'_>,
    oid: &GitOid,
    kind: ObjectKind,
    name: &str,
) -> Option<GitOid> {
    let object = reader
        .read(oid, 1 << 20)
        .ok()
        .filter(|object| object.kind == kind)?;
    let text = String::from_utf8_lossy(&object.bytes).into_owned();
    let headers = text.lines().take_while(|line| !line.is_empty());
    headers
        .filter_map(|line| line.strip_prefix(name))
        .find_map(|oid| oid.parse().ok())
}

/// The listing of a commit as a checkout has it, and its files; none when the budget is used up.
fn listing(
    tree: &CommitTree,
    reader: &mut ObjectReader<'_>,
    limits: &TreeLimits,
) -> Option<(Manifest, HashMap<BlobId, Vec<u8>>)> {
    let mut files = HashMap::new();
    let mut entries = Vec::new();
    for entry in &tree.entries {
        let bytes = reader.read(&entry.oid, limits.file_bytes).ok()?.bytes;
        let id = BlobId::of(&bytes);
        entries.push(TreeEntry {
            path: entry.path.clone(),
            mode: entry.mode,
            id,
        });
        files.insert(id, bytes);
    }
    Some((Manifest::new(entries).ok()?, files))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;
    use crate::inventory::{Place, Record};
    use crate::subject::{Kind, SubjectId};
    use crate::test_git::git;

    fn subject(source: Source, root: PathBuf) -> Subject {
        let place = Place {
            absolute: root.clone(),
            shown: "x".to_owned(),
        };
        let mut subject = Subject::new(SubjectId::new("npm", "a"), Kind::Plugin, source, place);
        subject.trees.tree = Some(TreeSpec::whole(root));
        subject
    }

    fn bases(state_dir: Option<&Path>) -> BaseSources<'_> {
        BaseSources {
            manifests: None,
            contents: None,
            state_dir,
            copy: false,
            options: tree::TreeOptions::default(),
        }
    }

    fn digest(root: &Path) -> TreeDigest {
        tree::digest(&TreeSpec::whole(root), &tree::TreeOptions::default())
            .expect("digest")
            .digest
    }

    #[test]
    fn an_old_generation_is_a_base_only_when_it_is_what_was_reviewed() {
        let dir = tempfile::tempdir().expect("temp dir");
        let old = dir.path().join("npm/old/node_modules/a");
        let new = dir.path().join("npm/new/node_modules/a");
        for (root, text) in [(&old, "old"), (&new, "new")] {
            fs::create_dir_all(root).expect("folder");
            fs::write(root.join("index.js"), text).expect("write");
        }
        let mut subject = subject(Source::Npm, new.clone());
        subject.trees.tree = Some(TreeSpec {
            boundary: dir.path().join("npm/new"),
            ..TreeSpec::whole(new.clone())
        });
        subject.observations.push(Observation::StaleGeneration {
            path: "npm/old/node_modules/a".to_owned(),
            same_version: false,
        });
        let found = bases(Some(dir.path())).find(&subject, &[digest(&old)]);
        let contents = &found[&digest(&old)][0];
        assert_eq!(
            contents
                .read(&contents.manifest.entries()[0])
                .expect("read"),
            b"old"
        );
        fs::write(old.join("index.js"), "swapped").expect("write");
        assert!(
            contents.read(&contents.manifest.entries()[0]).is_err(),
            "checked against the listing"
        );
        assert!(
            bases(Some(dir.path()))
                .find(&subject, &[digest(&new)])
                .is_empty()
        );
    }

    #[test]
    fn archives_beside_the_recorded_one_are_bases() {
        let dir = tempfile::tempdir().expect("temp dir");
        let tree = dir.path().join("package");
        fs::create_dir(&tree).expect("folder");
        fs::write(tree.join("package.json"), "{}").expect("write");
        let old = dir.path().join("a-1.0.0.tgz");
        let done = Command::new("tar")
            .arg("-C")
            .arg(dir.path())
            .arg("-czf")
            .arg(&old)
            .arg("package/package.json")
            .status();
        assert!(done.expect("tar").success());
        fs::write(dir.path().join("broken.tgz"), "no archive").expect("write");
        let mut subject = subject(Source::NpmPack, dir.path().join("none"));
        subject.record = Some(Record {
            source_path: Some(
                dir.path()
                    .join("a-1.1.0.tgz")
                    .to_string_lossy()
                    .into_owned(),
            ),
            ..Record::default()
        });
        let wanted = [digest(&tree)];
        let found = bases(None).find(&subject, &wanted);
        assert_eq!(
            found[&wanted[0]][0]
                .read(&found[&wanted[0]][0].manifest.entries()[0])
                .expect("read"),
            b"{}"
        );
        let copy = BaseSources {
            copy: true,
            ..bases(None)
        };
        assert!(
            copy.find(&subject, &wanted).is_empty(),
            "nothing outside a copy is opened"
        );
    }

    #[test]
    fn the_history_of_a_checkout_is_a_base() {
        let dir = tempfile::tempdir().expect("temp dir");
        let git = |arguments: &[&str]| git(dir.path(), arguments);
        git(&["init", "-q"]);
        let commit = |text: &str| {
            fs::write(dir.path().join("index.js"), text).expect("write");
            git(&["add", "-A"]);
            git(&["commit", "-q", "-m", "x"]);
        };
        commit("one");
        let other = tempfile::tempdir().expect("temp dir");
        fs::write(other.path().join("index.js"), "one").expect("write");
        commit("two");
        let subject = subject(Source::Git, dir.path().to_owned());
        let wanted = [digest(other.path())];
        let found = bases(None).find(&subject, &wanted);
        assert!(found[&wanted[0]][0].place.starts_with("commit "));
        assert_eq!(
            found[&wanted[0]][0]
                .read(&found[&wanted[0]][0].manifest.entries()[0])
                .expect("read"),
            b"one"
        );
    }
}
