//! The parallel half of a digest: hashes what the walk found while the walk goes on, then looks once more at every folder.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::names::shown;
use super::object::{BlobHasher, BlobId, Mode};
use super::open::{Beneath, Stamp};
use super::walk::{MAX_NOTED, TreeWalk, read_error, shown_folder, walk};
use super::{
    HashProgress, Manifest, Tree, TreeEntry, TreeError, TreeLimit, TreeNote, TreeOptions, TreeSpec,
};

const BUFFER: usize = 128 << 10;
/// Entries that go to a thread at once: few enough that no thread waits long for another at the end.
const BATCH: usize = 16;
/// Files between two reports of progress.
const PROGRESS_STEP: u64 = 64;

/// Walks and hashes what `specs` cover; the results are in the same order.
pub(crate) fn digest_all(
    specs: &[TreeSpec],
    options: &TreeOptions<'_>,
) -> Vec<Result<Tree, TreeError>> {
    let pool = Pool::new(specs.len(), options);
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let (walks, mut hashed) = std::thread::scope(|scope| {
        let helper = || std::thread::Builder::new().spawn_scoped(scope, || pool.work());
        // A thread that the system refuses is one helper less.
        let helpers: Vec<_> = (1..threads).map_while(|_| helper().ok()).collect();
        let walks = pool.walk_all(specs);
        let mut hashed = pool.work();
        for helper in helpers {
            match helper.join() {
                Ok(more) => hashed.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (walks, hashed)
    });
    hashed.sort_unstable_by_key(|batch| (batch.tree, batch.number));
    let leaving = links_that_leave(specs, &hashed);
    let mut batches = hashed.into_iter().peekable();
    let failures = pool
        .failures
        .into_iter()
        .map(|failure| failure.into_inner().unwrap_or_else(PoisonError::into_inner));
    let mut trees = Vec::with_capacity(walks.len());
    for ((tree, walk), failure) in walks.into_iter().enumerate().zip(failures) {
        let mine: Vec<_> =
            std::iter::from_fn(|| batches.next_if(|batch| batch.tree == tree)).collect();
        trees.push(match (walk, failure) {
            (Err(error), _) | (Ok(_), Some((_, error))) => Err(error),
            (Ok(walk), None) => finish(walk, mine, &leaving),
        });
    }
    trees
}

/// What a thread does next.
enum Job {
    Hash(Batch),
    /// Look whether the folders from `first` on are what they were when they were listed.
    Look {
        tree: usize,
        number: usize,
        root: Arc<Beneath>,
        folders: Arc<Vec<(String, Stamp)>>,
        first: usize,
    },
}

/// Some entries of a tree, in its order.
struct Batch {
    tree: usize,
    number: usize,
    root: Arc<Beneath>,
    entries: Vec<TreeEntry>,
    bytes: u64,
    /// Entries that have more than one name.
    links: Vec<(usize, HardLink)>,
    /// Entries that run with more rights than the user who starts them.
    powers: Vec<(usize, &'static str)>,
}

/// What one file showed beside its bytes.
struct Seen {
    size: u64,
    link: Option<HardLink>,
    power: Option<&'static str>,
}

/// Why a file would run with more rights than the user who starts it. Only an executable file can carry capabilities that count.
fn power(mode: u32, file: &File) -> Option<&'static str> {
    if mode & 0o6000 != 0 {
        return Some("setuid");
    }
    #[cfg(target_os = "linux")]
    if mode & 0o111 != 0 {
        let mut buffer = [0_u8; 64];
        let found = rustix::fs::fgetxattr(file, "security.capability", &mut buffer[..]);
        if found.is_ok_and(|length| length > 0) {
            return Some("file-capability");
        }
    }
    let _ = file;
    None
}

/// A file that has more than one name.
#[derive(Clone, Copy)]
struct HardLink {
    device: u64,
    inode: u64,
    names: u64,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Pool<'a> {
    options: &'a TreeOptions<'a>,
    queue: Mutex<Queue>,
    filled: Condvar,
    found_files: AtomicU64,
    hashed_files: AtomicU64,
    hashed_bytes: AtomicU64,
    /// Stated bytes of each tree.
    stated: Vec<AtomicU64>,
    /// The first job of each tree that failed; `usize::MAX` for none.
    failed: Vec<AtomicUsize>,
    failures: Vec<Mutex<Option<(usize, TreeError)>>>,
}

impl<'a> Pool<'a> {
    fn new(trees: usize, options: &'a TreeOptions<'a>) -> Self {
        Self {
            options,
            queue: Mutex::default(),
            filled: Condvar::new(),
            found_files: AtomicU64::new(0),
            hashed_files: AtomicU64::new(0),
            hashed_bytes: AtomicU64::new(0),
            stated: (0..trees).map(|_| AtomicU64::new(0)).collect(),
            failed: (0..trees).map(|_| AtomicUsize::new(usize::MAX)).collect(),
            failures: (0..trees).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Walks one tree after the other and gives what is found to the threads.
    fn walk_all(&self, specs: &[TreeSpec]) -> Vec<Result<TreeWalk, TreeError>> {
        // Also when a walk should panic: the threads would wait for ever.
        let _close = CloseWhenDropped(self);
        let mut walks = Vec::with_capacity(specs.len());
        let mut numbers = Vec::with_capacity(specs.len());
        for (tree, spec) in specs.iter().enumerate() {
            let (mut number, mut batch) = (0, Vec::new());
            let mut send = |root: &Arc<Beneath>, entry: Option<TreeEntry>| {
                let last = entry.is_none();
                batch.extend(entry);
                if batch.len() == BATCH || (last && !batch.is_empty()) {
                    let entries = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                    let files = entries
                        .iter()
                        .filter(|entry| entry.mode != Mode::Symlink)
                        .count();
                    self.found_files.fetch_add(files as u64, Ordering::Relaxed);
                    let root = Arc::clone(root);
                    self.push(Job::Hash(Batch {
                        tree,
                        number,
                        root,
                        entries,
                        bytes: 0,
                        links: Vec::new(),
                        powers: Vec::new(),
                    }));
                    number += 1;
                }
            };
            let walk = walk(spec, self.options, &mut send);
            if let (Err(_), Some(failed)) = (&walk, self.failed.get(tree)) {
                // The ids of its files are no longer needed.
                failed.store(0, Ordering::Relaxed);
            }
            walks.push(walk);
            numbers.push(number);
        }
        for ((tree, walk), mut number) in walks.iter().enumerate().zip(numbers) {
            let Ok(TreeWalk { root, folders, .. }) = walk else {
                continue;
            };
            for first in (0..folders.len()).step_by(BATCH) {
                self.push(Job::Look {
                    tree,
                    number,
                    root: Arc::clone(root),
                    folders: Arc::clone(folders),
                    first,
                });
                number += 1;
            }
        }
        walks
    }

    fn work(&self) -> Vec<Batch> {
        let mut buffer = vec![0; BUFFER];
        let mut hashed = Vec::new();
        while let Some(job) = self.next() {
            match job {
                Job::Hash(mut batch) => {
                    if self.has_failed(batch.tree, batch.number) {
                        continue;
                    }
                    match self.hash_batch(&mut batch, &mut buffer) {
                        Ok(()) => hashed.push(batch),
                        Err(error) => self.fail(batch.tree, batch.number, error),
                    }
                }
                Job::Look {
                    tree,
                    number,
                    root,
                    folders,
                    first,
                } => {
                    let some = folders.iter().skip(first).take(BATCH);
                    if let Some(error) = some
                        .filter_map(|(path, stamp)| look_again(&root, path, stamp).err())
                        .next()
                    {
                        self.fail(tree, number, error);
                    }
                }
            }
        }
        hashed
    }

    fn hash_batch(&self, batch: &mut Batch, buffer: &mut [u8]) -> Result<(), TreeError> {
        for (at, entry) in batch
            .entries
            .iter_mut()
            .enumerate()
            .filter(|(_, entry)| entry.mode != Mode::Symlink)
        {
            let seen = self.hash_file(batch.tree, &batch.root, entry, buffer)?;
            batch.bytes += seen.size;
            batch.links.extend(seen.link.map(|link| (at, link)));
            batch.powers.extend(seen.power.map(|power| (at, power)));
        }
        Ok(())
    }

    /// Completes `entry`; gives its bytes.
    fn hash_file(
        &self,
        tree: usize,
        root: &Beneath,
        entry: &mut TreeEntry,
        buffer: &mut [u8],
    ) -> Result<Seen, TreeError> {
        let path = entry.path.as_str();
        let io = |errno: Errno| read_error(path, errno);
        let changed = || TreeError::Changed {
            path: shown(path.as_bytes()),
        };
        let fd = root.file(path).map_err(io)?;
        let before = rustix::fs::fstat(&fd).map_err(io)?;
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
            return Err(changed());
        }
        let size = u64::try_from(before.st_size).map_err(|_| changed())?;
        let stated = self.stated.get(tree).map_or(size, |stated| {
            stated
                .fetch_add(size, Ordering::Relaxed)
                .saturating_add(size)
        });
        if stated > self.options.max_bytes {
            return Err(TreeError::Limit {
                limit: TreeLimit::Bytes,
                max: self.options.max_bytes,
            });
        }
        let mut file = File::from(fd);
        let id = self.hash(&mut file, size, path, buffer)?;
        let after = rustix::fs::fstat(&file).map_err(io)?;
        if Stamp::of(&after) != Stamp::of(&before) || after.st_mode != before.st_mode {
            return Err(changed());
        }
        entry.id = id;
        entry.mode = if before.st_mode & 0o100 != 0 {
            Mode::Executable
        } else {
            Mode::Regular
        };
        self.report(size);
        Ok(Seen {
            size,
            link: HardLink::of(&before),
            power: power(before.st_mode, &file),
        })
    }

    /// The id of exactly `size` bytes; one more or one less is a change.
    fn hash(
        &self,
        file: &mut File,
        size: u64,
        path: &str,
        buffer: &mut [u8],
    ) -> Result<BlobId, TreeError> {
        let mut hasher = BlobHasher::new(size);
        let mut read = 0;
        loop {
            if self
                .options
                .cancel
                .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
            {
                return Err(TreeError::Cancelled);
            }
            let wanted = usize::try_from(size - read)
                .unwrap_or(usize::MAX)
                .saturating_add(1)
                .min(buffer.len());
            let chunk = buffer.get_mut(..wanted).unwrap_or_default();
            let got = match file.read(chunk) {
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(TreeError::Io {
                        path: shown(path.as_bytes()),
                        source,
                    });
                }
            };
            read += got as u64;
            if read > size || (got == 0 && read < size) {
                return Err(TreeError::Changed {
                    path: shown(path.as_bytes()),
                });
            }
            hasher.update(chunk.get(..got).unwrap_or_default());
            // More was asked for than given: that was the end.
            if read == size && got < wanted {
                return Ok(hasher.finish());
            }
        }
    }

    fn report(&self, bytes: u64) {
        let files = self.hashed_files.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.hashed_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let of = self.found_files.load(Ordering::Relaxed);
        if let Some(progress) = self.options.progress
            && (files.is_multiple_of(PROGRESS_STEP) || files == of)
        {
            progress(HashProgress { files, of, bytes });
        }
    }

    /// Whether a job before this one failed. One after it does not count: the first failure is the answer, whichever thread was
    /// faster.
    fn has_failed(&self, tree: usize, number: usize) -> bool {
        self.failed
            .get(tree)
            .is_some_and(|failed| failed.load(Ordering::Relaxed) < number)
    }

    fn fail(&self, tree: usize, number: usize, error: TreeError) {
        let (Some(failed), Some(failure)) = (self.failed.get(tree), self.failures.get(tree)) else {
            return;
        };
        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(|(first, _)| number < *first) {
            *failure = Some((number, error));
        }
        failed.fetch_min(number, Ordering::Relaxed);
    }

    fn push(&self, job: Job) {
        self.lock().jobs.push_back(job);
        self.filled.notify_one();
    }

    /// The next job, waiting for one as long as the walk goes on.
    fn next(&self) -> Option<Job> {
        let open_and_empty = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closed;
        let mut queue = self
            .filled
            .wait_while(self.lock(), open_and_empty)
            .unwrap_or_else(PoisonError::into_inner);
        queue.jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct CloseWhenDropped<'a>(&'a Pool<'a>);

impl Drop for CloseWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_all();
    }
}

impl HardLink {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the widths differ between systems"
    )]
    fn of(stat: &rustix::fs::Stat) -> Option<Self> {
        let names = stat.st_nlink as u64;
        (names > 1).then_some(Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            names,
        })
    }
}

/// What is listed in a folder must be what was walked. A folder above it that became a symlink meanwhile changed the folder in which
/// it stands, and that one is looked at too.
fn look_again(root: &Beneath, path: &str, stamp: &Stamp) -> Result<(), TreeError> {
    let named = if path.is_empty() { "." } else { path };
    let now = match rustix::fs::statat(root.as_fd(), named, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NAMETOOLONG) => root.folder(path).and_then(rustix::fs::fstat),
        stat => stat,
    };
    let now = now.map_err(|errno| read_error(path, errno))?;
    if Stamp::of(&now) == *stamp {
        Ok(())
    } else {
        Err(TreeError::Changed {
            path: shown_folder(path),
        })
    }
}

/// (tree, inode, device) of files that have more names than the trees of their boundary showed.
fn links_that_leave(specs: &[TreeSpec], hashed: &[Batch]) -> Vec<(usize, u64, u64)> {
    let links = || {
        hashed
            .iter()
            .flat_map(|batch| batch.links.iter().map(|(_, link)| (batch.tree, *link)))
    };
    let boundary = |tree: usize| specs.get(tree).map(|spec| spec.boundary.as_path());
    let mut seen: HashMap<(Option<&Path>, u64, u64), u64> = HashMap::new();
    for (tree, link) in links() {
        *seen
            .entry((boundary(tree), link.inode, link.device))
            .or_default() += 1;
    }
    let leaves = |tree, link: HardLink| {
        seen.get(&(boundary(tree), link.inode, link.device))
            .is_none_or(|n| *n < link.names)
    };
    let leaving = links().filter(|(tree, link)| leaves(*tree, *link));
    let mut leaving: Vec<_> = leaving
        .map(|(tree, link)| (tree, link.inode, link.device))
        .collect();
    leaving.sort_unstable();
    leaving
}

fn finish(
    mut walk: TreeWalk,
    batches: Vec<Batch>,
    leaving: &[(usize, u64, u64)],
) -> Result<Tree, TreeError> {
    let mut entries = Vec::with_capacity(batches.iter().map(|batch| batch.entries.len()).sum());
    let (mut bytes, mut paths, mut count) = (0, Vec::new(), 0);
    let mut powers: BTreeMap<&'static str, (usize, Vec<String>)> = BTreeMap::new();
    for batch in batches {
        bytes += batch.bytes;
        for (at, link) in batch.links {
            if leaving
                .binary_search(&(batch.tree, link.inode, link.device))
                .is_ok()
            {
                count += 1;
                paths.extend(
                    batch
                        .entries
                        .get(at)
                        .filter(|_| count <= MAX_NOTED)
                        .map(|entry| shown(entry.path.as_bytes())),
                );
            }
        }
        for (at, what) in batch.powers {
            let (count, paths) = powers.entry(what).or_insert_with(|| (0, Vec::new()));
            *count += 1;
            let entry = batch.entries.get(at).filter(|_| *count <= MAX_NOTED);
            paths.extend(entry.map(|entry| shown(entry.path.as_bytes())));
        }
        entries.extend(batch.entries);
    }
    for (what, (count, paths)) in powers {
        walk.notes.push(TreeNote::Privileged { what, paths, count });
    }
    if count > 0 {
        walk.notes.push(TreeNote::HardLinksLeave { paths, count });
    }
    // A file system that lists a name twice answers for nothing.
    let manifest = Manifest::new(entries).map_err(|error| TreeError::Changed {
        path: error.to_string(),
    })?;
    Ok(Tree {
        digest: manifest.digest(),
        files: manifest.entries().len() as u64,
        bytes,
        manifest,
        notes: walk.notes,
    })
}
