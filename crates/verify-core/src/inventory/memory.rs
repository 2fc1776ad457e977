//! What a process that checks more than once keeps between its runs: digests of folders in which the system saw no change, what the
//! database said, and which places were looked at.
//!
//! It believes its caller: a folder that changed and was not forgotten is taken for what it was. So it is only for a caller that the
//! system tells of every change, and that forgets everything now and then. A run without it reads every byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::index::CachedRows;
use crate::tree::{FileMemory, LeaveOut, Tree, TreeError, TreeSpec};

/// What is kept between runs.
#[derive(Default)]
pub struct Memory(Mutex<Inner>, FileMemory);

#[derive(Default)]
struct Inner {
    /// By root; one root may be digested in more than one way.
    trees: BTreeMap<PathBuf, Vec<(TreeSpec, Tree)>>,
    database: Option<CachedRows>,
    /// Whether the database may be copied again.
    keep_database: bool,
    /// Whether it moved since it was copied.
    database_moved: bool,
    places: Places,
}

/// The places that the last run looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// Paths whose presence, kind, owner or content counts, whether there is something or not.
    pub looked_at: BTreeSet<PathBuf>,
    /// Folders of which every entry counts.
    pub listed: BTreeSet<PathBuf>,
    /// Folders of which everything below counts, but for what the digests leave out.
    pub trees: Vec<TreeSpec>,
    /// OpenClaw's database and its log, in which other rows change than those that count.
    pub database: Vec<PathBuf>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What is kept is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, so that the next run reads every byte.
    pub fn forget_all(&self) {
        *self.inner() = Inner::default();
        self.1.forget_all();
    }

    /// Forgets the digests of folders that hold `path` or lie in it, and what was read there.
    pub fn forget(&self, path: &Path) {
        self.1.forget(path);
        let mut inner = self.inner();
        // Where the links of a tree may lead counts too, and the place of the host package that they are compared with.
        let by_links = |(spec, _): &(TreeSpec, Tree)| {
            let hosts = spec.leave_out.iter().filter_map(|left| match left {
                LeaveOut::HostLink { host, .. } => host.as_ref(),
                _ => None,
            });
            path.starts_with(&spec.boundary) || hosts.into_iter().any(|host| host.starts_with(path))
        };
        inner.trees.retain(|root, kept| {
            !root.starts_with(path) && !path.starts_with(root) && !kept.iter().any(by_links)
        });
    }

    /// Whether the next runs take the database as it was copied last, whatever became of it.
    pub fn keep_database(&self, keep: bool) {
        self.inner().keep_database = keep;
    }

    /// Whether the database was taken as it was in the last run, though it moved.
    #[must_use]
    pub fn database_moved(&self) -> bool {
        self.inner().database_moved
    }

    /// The places that were looked at since this was asked last.
    #[must_use]
    pub fn take_places(&self) -> Places {
        std::mem::take(&mut self.inner().places)
    }

    /// Whether `path` counts for a digest of `spec`.
    #[must_use]
    pub fn counts(spec: &TreeSpec, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&spec.root) else {
            return false;
        };
        let is_at = |named: &str| inside.starts_with(named);
        spec.leave_out.iter().all(|left| match left {
            LeaveOut::Entry(name) => !is_at(name),
            LeaveOut::AllBut(names) => names
                .iter()
                .any(|name| is_at(name) || Path::new(name).starts_with(inside)),
            LeaveOut::Inside { folder, kept } => {
                let mut kept = kept.iter();
                !is_at(folder)
                    || kept.any(|name| is_at(name) || Path::new(name).starts_with(inside))
            }
            // Other parts, and records that are judged by what they hold.
            _ => true,
        })
    }

    pub(super) fn looked_at(&self, path: &Path) {
        let places = &mut self.inner().places;
        if !places.looked_at.contains(path) {
            places.looked_at.insert(path.to_owned());
        }
    }

    pub(super) fn listed(&self, folder: &Path) {
        self.inner().places.listed.insert(folder.to_owned());
    }

    pub(super) fn has_trees<'a>(&self, specs: impl Iterator<Item = &'a TreeSpec>) {
        self.inner().places.trees.extend(specs.cloned());
    }

    /// The digests of `specs`: those that are kept, and the others as `digest` finds them.
    pub(crate) fn digests(
        &self,
        specs: &[TreeSpec],
        digest: impl FnOnce(&[TreeSpec]) -> Vec<Result<Tree, TreeError>>,
    ) -> Vec<Result<Tree, TreeError>> {
        let kept: Vec<Option<Tree>> = {
            let inner = self.inner();
            specs.iter().map(|spec| inner.tree(spec).cloned()).collect()
        };
        let missing: Vec<TreeSpec> = specs
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| kept.is_none())
            .map(|(spec, _)| spec.clone())
            .collect();
        let mut found = digest(&missing).into_iter();
        let mut inner = self.inner();
        let all = specs.iter().zip(kept).map(|(spec, kept)| {
            if let Some(tree) = kept {
                return Ok(tree);
            }
            let tree = found.next().unwrap_or(Err(TreeError::Missing));
            if let Ok(tree) = &tree {
                let of_root = inner.trees.entry(spec.root.clone()).or_default();
                of_root.push((spec.clone(), tree.clone()));
            }
            tree
        });
        all.collect()
    }

    /// The files that were read.
    pub(crate) fn files(&self) -> &FileMemory {
        &self.1
    }

    pub(super) fn database(&self) -> (Option<CachedRows>, bool) {
        let inner = self.inner();
        (inner.database.clone(), inner.keep_database)
    }

    pub(super) fn set_database(&self, kept: Option<CachedRows>) {
        let mut inner = self.inner();
        inner.database = kept;
        inner.database_moved = false;
    }

    pub(super) fn set_database_moved(&self) {
        self.inner().database_moved = true;
    }

    pub(super) fn set_database_files(&self, files: Vec<PathBuf>) {
        self.inner().places.database = files;
    }
}

impl Inner {
    fn tree(&self, spec: &TreeSpec) -> Option<&Tree> {
        let of_root = self.trees.get(&spec.root)?;
        of_root
            .iter()
            .find(|(known, _)| known == spec)
            .map(|(_, tree)| tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{TreeOptions, digest_all};

    fn digests(memory: &Memory, specs: &[TreeSpec]) -> (Vec<String>, usize) {
        let mut read = 0;
        let options = TreeOptions {
            files: Some(memory.files()),
            ..TreeOptions::default()
        };
        let found = memory.digests(specs, |missing| {
            read = missing.len();
            digest_all(missing, &options)
        });
        let found = found.into_iter();
        let text = |tree: Result<Tree, TreeError>| tree.expect("tree").digest.to_string();
        (found.map(text).collect(), read)
    }

    #[test]
    fn only_what_was_forgotten_is_read_again() {
        let dir = tempfile::tempdir().expect("folder");
        let root = dir.path().canonicalize().expect("real");
        for name in ["a", "b"] {
            std::fs::create_dir(root.join(name)).expect("folder");
            std::fs::write(root.join(name).join("x"), "1").expect("file");
        }
        let specs = ["a", "b"].map(|name| TreeSpec::whole(root.join(name)));
        let memory = Memory::default();
        let (first, read) = digests(&memory, &specs);
        assert_eq!(read, 2);
        std::fs::write(root.join("a/x"), "2").expect("file");
        assert_eq!(digests(&memory, &specs), (first.clone(), 0));
        memory.forget(&root.join("a/x"));
        let (second, read) = digests(&memory, &specs);
        assert_eq!((read, &second[1]), (1, &first[1]));
        assert_ne!(second[0], first[0]);
        // A folder above one that is kept, and another way to digest the same.
        memory.forget(&root);
        assert_eq!(digests(&memory, &specs).1, 2);
        let mut other = specs[0].clone();
        other.leave_out.push(LeaveOut::Entry("x".to_owned()));
        assert_eq!(digests(&memory, &[other]).1, 1);
        memory.forget_all();
        assert_eq!(digests(&memory, &specs).1, 2);
        // Where its links may lead, and the host that they are compared with.
        let mut linked = specs[0].clone();
        linked.boundary.clone_from(&root);
        let host = Some(PathBuf::from("/opt/host"));
        linked.leave_out.push(LeaveOut::HostLink {
            path: "node_modules/openclaw".to_owned(),
            host,
            copied: false,
        });
        let linked = [linked];
        for (place, read) in [("b/x", 1), ("/opt", 1), ("/srv", 0)] {
            digests(&memory, &linked);
            memory.forget(&root.join(place));
            assert_eq!(digests(&memory, &linked).1, read, "{place}");
        }
    }

    #[test]
    fn what_a_digest_leaves_out_does_not_count() {
        let mut spec = TreeSpec::whole("/r");
        assert!(
            Memory::counts(&spec, Path::new("/r/a")) && !Memory::counts(&spec, Path::new("/q"))
        );
        spec.leave_out.push(LeaveOut::Entry("data".to_owned()));
        assert!(!Memory::counts(&spec, Path::new("/r/data/x")));
        assert!(Memory::counts(&spec, Path::new("/r/data2")));
        let only = LeaveOut::AllBut(vec!["bin/run".to_owned()]);
        spec.leave_out = vec![only];
        assert!(Memory::counts(&spec, Path::new("/r/bin")));
        assert!(Memory::counts(&spec, Path::new("/r/bin/run/x")));
        assert!(!Memory::counts(&spec, Path::new("/r/bin/other")));
    }
}
