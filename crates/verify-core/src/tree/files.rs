//! Ids of files that were read before, for a process that digests the same folders again.
//!
//! A file counts as known while it is the same inode with the same size and times, to the nanosecond. The owner of a file can forge all
//! of these but the time of its last change, and even that with the clock of the machine. So this is for a caller that hears of changes
//! too ([`FileMemory::forget`]), and that reads everything now and then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::object::BlobId;
use super::open::Stamp;

/// Ids of files by root and path.
#[derive(Default)]
pub struct FileMemory(Mutex<BTreeMap<PathBuf, Files>>);

type Files = BTreeMap<String, (Stamp, BlobId)>;

impl FileMemory {
    fn all(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Files>> {
        // What is kept is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets `path`, and what lies below it.
    pub(crate) fn forget(&self, path: &Path) {
        let mut all = self.all();
        all.retain(|root, _| !root.starts_with(path));
        for (root, files) in all.iter_mut().filter(|(root, _)| path.starts_with(root)) {
            let Some(inside) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
                files.clear();
                continue;
            };
            files.remove(inside);
            let folder = format!("{inside}/");
            let below = files.range(folder.clone()..);
            let below: Vec<String> = below
                .take_while(|(path, _)| path.starts_with(&folder))
                .map(|(path, _)| path.clone())
                .collect();
            for path in below {
                files.remove(&path);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        self.all().clear();
    }

    pub(super) fn known(&self, root: &Path, path: &str, stamp: &Stamp) -> Option<BlobId> {
        let all = self.all();
        let (then, id) = all.get(root)?.get(path)?;
        (then == stamp).then_some(*id)
    }

    pub(super) fn learn(&self, root: &Path, path: &str, stamp: Stamp, id: BlobId) {
        let mut all = self.all();
        let files = match all.get_mut(root) {
            Some(files) => files,
            None => all.entry(root.to_owned()).or_default(),
        };
        files.insert(path.to_owned(), (stamp, id));
    }
}
