//! What Linux tells of changes: `inotify(7)`.
//!
//! One watch a folder. Asked is only for what changes something, so that reading, our own above all, makes no events: a check opens tens
//! of thousands of files. A folder that appears below one that is watched is watched before its own content is looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{
    CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch,
};
use rustix::io::Errno;

use super::interest::Interest;

/// Bytes that are taken at once; one event has at most some 300.
const BUFFER: usize = 64 << 10;
/// Changes that are kept by path; with more the whole is looked at.
const MOST: usize = 20_000;
const LIMIT: &str = "/proc/sys/fs/inotify/max_user_watches";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// At this path.
    Path(PathBuf),
    /// The file system of this folder went away.
    Unmounted(PathBuf),
    /// More than was told.
    Lost,
}

/// The watches.
pub(super) struct Kernel {
    descriptor: OwnedFd,
    /// One folder may be reached by more than one path.
    paths: HashMap<i32, BTreeSet<PathBuf>>,
    watches: BTreeMap<PathBuf, i32>,
    /// Roots whose folders are all watched.
    walked: BTreeSet<PathBuf>,
}

impl Kernel {
    /// # Errors
    /// In words, with what to do.
    pub(super) fn new() -> Result<Self, String> {
        let descriptor = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(|error| {
            format!(
                "the kernel tells of no changes ({error}): sysctl fs.inotify.max_user_instances says how many programs may be told"
            )
        })?;
        Ok(Self {
            descriptor,
            paths: HashMap::new(),
            watches: BTreeMap::new(),
            walked: BTreeSet::new(),
        })
    }

    /// How many folders are watched.
    pub(super) fn folders(&self) -> usize {
        self.paths.len()
    }

    /// Watches everything that counts, also what was walked before.
    ///
    /// # Errors
    /// In words, with what to do.
    pub(super) fn watch_all(&mut self, interest: &Interest) -> Result<(), String> {
        self.walked.clear();
        self.watch(interest).map(drop)
    }

    /// Watches what counts and is not watched yet, and says what that was.
    ///
    /// # Errors
    /// In words, with what to do.
    pub(super) fn watch(&mut self, interest: &Interest) -> Result<Vec<PathBuf>, String> {
        let mut new = Vec::new();
        for folder in interest.folders() {
            if !super::tells_nothing(folder) {
                self.add(folder, &mut new)?;
            }
        }
        for root in interest.roots() {
            if self.walked.insert(root.clone()) {
                self.walk(root, interest, &mut new)?;
            }
        }
        Ok(new)
    }

    /// Watches `root` and all folders below it that count.
    fn walk(
        &mut self,
        root: &Path,
        interest: &Interest,
        new: &mut Vec<PathBuf>,
    ) -> Result<(), String> {
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            if !interest.in_tree(&folder) {
                continue;
            }
            self.add(&folder, new)?;
            // Listed after it is watched: what comes meanwhile is told. What cannot be listed has no digest, and is a finding.
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(entry.path());
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, folder: &Path, new: &mut Vec<PathBuf>) -> Result<(), String> {
        if self.watches.contains_key(folder) {
            return Ok(());
        }
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        match add_watch(&self.descriptor, folder, flags) {
            Ok(watch) => {
                self.watches.insert(folder.to_owned(), watch);
                self.paths
                    .entry(watch)
                    .or_default()
                    .insert(folder.to_owned());
                new.push(folder.to_owned());
                Ok(())
            }
            Err(Errno::NOSPC) => {
                let limit = std::fs::read_to_string(LIMIT).unwrap_or_default();
                let needed = self.folders().saturating_mul(4).max(65_536);
                Err(format!(
                    "the kernel watches {} of the folders and no more (the limit is {}): sysctl fs.inotify.max_user_watches={needed}",
                    self.folders(),
                    limit.trim()
                ))
            }
            Err(Errno::NOMEM) => {
                Err("the kernel has no memory for more watches: give the machine more".to_owned())
            }
            // Not there, no folder, or not ours to look into: what it would hold is judged as that, and the folder above is watched.
            Err(_) => Ok(()),
        }
    }

    /// Waits until something happens, at most `pause`; then until nothing happened for `quiet`, at most `collect`.
    pub(super) fn wait(
        &mut self,
        pause: Duration,
        quiet: Duration,
        collect: Duration,
    ) -> Vec<Change> {
        let mut changes = Changes::default();
        if !self.ready(pause) {
            return Vec::new();
        }
        let since = Instant::now();
        loop {
            self.drain(&mut changes);
            let left = collect.saturating_sub(since.elapsed());
            if left.is_zero() || !self.ready(quiet.min(left)) {
                return changes.take();
            }
        }
    }

    fn ready(&self, pause: Duration) -> bool {
        let mut descriptors = [PollFd::new(&self.descriptor, PollFlags::IN)];
        let pause = Timespec {
            tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: pause.subsec_nanos().into(),
        };
        // A signal ends the wait, and what follows looks at it.
        poll(&mut descriptors, Some(&pause)).is_ok_and(|ready| ready > 0)
    }

    fn drain(&mut self, changes: &mut Changes) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = Vec::new();
        {
            let mut reader = Reader::new(&self.descriptor, &mut buffer);
            while let Ok(event) = reader.next() {
                let name = event.file_name();
                let name = name.map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
                events.push((event.wd(), event.events(), name));
                if events.len() >= MOST && reader.is_buffer_empty() {
                    break;
                }
            }
        }
        for (watch, what, name) in events {
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.lost = true;
                continue;
            }
            let folders = self.paths.get(&watch).cloned().unwrap_or_default();
            for folder in folders {
                self.event(&folder, what, name.as_deref(), changes);
            }
            if what.contains(ReadFlags::IGNORED) {
                self.forget(watch);
            }
        }
    }

    fn event(
        &mut self,
        folder: &Path,
        what: ReadFlags,
        name: Option<&OsStr>,
        changes: &mut Changes,
    ) {
        if what.contains(ReadFlags::UNMOUNT) {
            changes.other.push(Change::Unmounted(folder.to_owned()));
            return;
        }
        let Some(name) = name else {
            if what.contains(ReadFlags::MOVE_SELF) {
                self.leave(folder);
            }
            changes.path(folder.to_owned());
            return;
        };
        let path = folder.join(name);
        if what.contains(ReadFlags::ISDIR) {
            if what.contains(ReadFlags::MOVED_FROM) {
                self.leave(&path);
            }
            if what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                // Walked again before anything of it is read.
                let roots = self.walked.iter().filter(|root| path.starts_with(root));
                let again: Vec<PathBuf> = roots.cloned().collect();
                again.iter().for_each(|root| {
                    self.walked.remove(root);
                });
            }
        }
        changes.path(path);
    }

    /// Takes back the watches of a folder that is called otherwise now, and of all below it.
    fn leave(&mut self, folder: &Path) {
        let below: Vec<(PathBuf, i32)> = self
            .watches
            .range(folder.to_owned()..)
            .take_while(|(path, _)| path.starts_with(folder))
            .map(|(path, watch)| (path.clone(), *watch))
            .collect();
        for (path, watch) in below {
            self.watches.remove(&path);
            if let Some(paths) = self.paths.get_mut(&watch) {
                paths.remove(&path);
                if paths.is_empty() {
                    self.paths.remove(&watch);
                    let _ = remove_watch(&self.descriptor, watch);
                }
            }
        }
    }

    /// The kernel took the watch back.
    fn forget(&mut self, watch: i32) {
        for path in self.paths.remove(&watch).unwrap_or_default() {
            self.watches.remove(&path);
        }
    }
}

/// Each path once.
#[derive(Default)]
struct Changes {
    paths: BTreeSet<PathBuf>,
    other: Vec<Change>,
    lost: bool,
}

impl Changes {
    fn path(&mut self, path: PathBuf) {
        if self.paths.len() >= MOST {
            self.lost = true;
        } else {
            self.paths.insert(path);
        }
    }

    fn take(self) -> Vec<Change> {
        let lost = self.lost.then_some(Change::Lost);
        let paths = self.paths.into_iter().map(Change::Path);
        lost.into_iter().chain(self.other).chain(paths).collect()
    }
}
