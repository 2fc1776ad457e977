//! Which paths count: what the last runs looked at, and what lies in folders that have a digest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use openclaw_verify_core::tree::TreeSpec;
use openclaw_verify_core::{Memory, Places};

use super::tells_nothing;

/// What a change at a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Nothing,
    /// OpenClaw's database or its log.
    Database,
    /// Something else that a verdict stands on.
    Counts,
}

/// The places that count.
#[derive(Default)]
pub(super) struct Interest {
    /// The state directory; its real path.
    pub(super) state: PathBuf,
    looked_at: BTreeSet<PathBuf>,
    listed: BTreeSet<PathBuf>,
    trees: BTreeMap<PathBuf, Vec<TreeSpec>>,
    database: BTreeSet<PathBuf>,
}

#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "nothing is watched there")
)]
impl Interest {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            ..Self::default()
        }
    }

    /// Adds what a run looked at, and the operator's own files. Returns whether any of it is new.
    pub(super) fn add(&mut self, places: Places, own: &[PathBuf]) -> bool {
        let before = self.size();
        self.database.extend(places.database);
        let looked_at = places.looked_at.into_iter().chain(own.iter().cloned());
        self.looked_at
            .extend(looked_at.filter(|path| !tells_nothing(path)));
        self.listed.extend(
            places
                .listed
                .into_iter()
                .filter(|path| !tells_nothing(path)),
        );
        for spec in places.trees {
            let of_root = self.trees.entry(spec.root.clone()).or_default();
            if !of_root.contains(&spec) {
                of_root.push(spec);
            }
        }
        self.size() != before
    }

    fn size(&self) -> usize {
        let trees: usize = self.trees.values().map(Vec::len).sum();
        self.looked_at.len() + self.listed.len() + trees
    }

    /// Whether `path` lies in a folder that has a digest, and counts for it.
    pub(super) fn in_tree(&self, path: &Path) -> bool {
        path.ancestors()
            .filter_map(|above| self.trees.get(above))
            .flatten()
            .any(|spec| Memory::counts(spec, path))
    }

    /// What a change at `path` means.
    pub(super) fn what(&self, path: &Path) -> What {
        if self.database.contains(path) {
            return What::Database;
        }
        let in_folder = |path: &Path| self.listed.contains(path);
        let counts = self.looked_at.contains(path)
            || in_folder(path)
            || path.parent().is_some_and(in_folder)
            || self.in_tree(path)
            || self.is_above(path);
        if counts { What::Counts } else { What::Nothing }
    }

    /// Whether something that counts lies below `path`.
    fn is_above(&self, path: &Path) -> bool {
        let from = (Bound::Excluded(path), Bound::Unbounded);
        let below = |next: Option<&PathBuf>| next.is_some_and(|next| next.starts_with(path));
        below(self.looked_at.range::<Path, _>(from).next())
            || below(self.listed.range::<Path, _>(from).next())
            || below(
                self.trees
                    .range::<Path, _>(from)
                    .next()
                    .map(|(root, _)| root),
            )
    }

    /// The roots of the folders that have a digest.
    pub(super) fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        self.trees.keys()
    }

    /// Every folder in which a change of a name can count, without those below the roots.
    pub(super) fn folders(&self) -> BTreeSet<&Path> {
        let mut folders: BTreeSet<&Path> = self.listed.iter().map(PathBuf::as_path).collect();
        let paths = self
            .looked_at
            .iter()
            .chain(&self.listed)
            .chain(self.trees.keys());
        for path in paths {
            for above in path.ancestors().skip(1) {
                // What lies above one that is known is known.
                if !folders.insert(above) && !self.listed.contains(above) {
                    break;
                }
            }
        }
        folders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_looked_at_counts() {
        let mut interest = Interest::new(Path::new("/s"));
        let mut places = Places::default();
        places.looked_at.insert("/s/openclaw.json".into());
        places.looked_at.insert("/home/u/.agents/skills".into());
        places.looked_at.insert("/proc/1/cmdline".into());
        places.listed.insert("/s/skills".into());
        places.trees.push(TreeSpec::whole("/s/extensions/a"));
        places.database.push("/s/state/db".into());
        assert!(interest.add(places.clone(), &["/etc/v/lock".into()]));
        assert!(!interest.add(places, &["/etc/v/lock".into()]));
        let what = |path: &str| interest.what(Path::new(path));
        for counts in [
            "/s/openclaw.json",
            "/s/skills/new",
            "/s/skills",
            "/s/extensions/a/deep/er",
            // Made or replaced on the way to what counts.
            "/home/u/.agents",
            "/s/extensions",
            "/etc/v/lock",
        ] {
            assert_eq!(what(counts), What::Counts, "{counts}");
        }
        for nothing in [
            "/s/logs/x",
            "/s/skills/new/deep",
            "/home/u/x",
            "/s/openclaw.json.bak",
            "/proc/1",
        ] {
            assert_eq!(what(nothing), What::Nothing, "{nothing}");
        }
        assert_eq!(what("/s/state/db"), What::Database);
        let folders = interest.folders();
        for folder in [
            "/",
            "/s",
            "/home/u/.agents",
            "/home/u",
            "/s/skills",
            "/s/extensions",
            "/etc/v",
        ] {
            assert!(folders.contains(Path::new(folder)), "{folder} {folders:?}");
        }
        assert!(!folders.contains(Path::new("/proc/1")));
    }
}
