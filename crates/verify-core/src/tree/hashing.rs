//! The parallel half of a digest: hashes what the walk found while the walk goes on, then looks once more at every folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::hard_links::{HardLink, links_that_leave, power};
use super::names::shown;
use super::object::{BlobHasher, BlobId, Mode};
use super::open::{Beneath, Stamp};
use super::queue::Queue;
use super::walk::{MAX_NOTED, read_error, shown_folder, walk};
use super::{
    HashProgress, Manifest, Tree, TreeEntry, TreeError, TreeLimit, TreeNote, TreeOptions, TreeSpec,
};

const BUFFER: usize = 128 << 10;
/// Entries that go to a thread at once.
const BATCH: usize = 64;
/// Entries that are not shared out any further when threads have nothing to do.
const SMALL_BATCH: usize = 4;
/// Folders that one thread looks at again at once.
const LOOKS: usize = 256;
/// Files between two reports of progress.
const PROGRESS_STEP: u64 = 64;

/// Walks and hashes what `specs` cover; the results are in the same order.
pub(crate) fn digest_all(
    specs: &[TreeSpec],
    options: &TreeOptions<'_>,
) -> Vec<Result<Tree, TreeError>> {
    let pool = Pool::new(specs, options);
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let (walks, mut hashed) = std::thread::scope(|scope| {
        let helper = || std::thread::Builder::new().spawn_scoped(scope, || pool.work());
        // A thread that the system refuses is one helper less.
        let helpers: Vec<_> = (1..threads).map_while(|_| helper().ok()).collect();
        let (walks, mut hashed) = pool.walk_all(specs);
        pool.all_found.store(true, Ordering::Relaxed);
        hashed.extend(pool.work());
        for helper in helpers {
            match helper.join() {
                Ok(more) => hashed.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (walks, hashed)
    });
    hashed.sort_unstable_by_key(|batch| (batch.tree, batch.number));
    let links: Vec<_> = hashed
        .iter()
        .flat_map(|batch| batch.links.iter().map(|(_, link)| (batch.tree, *link)))
        .collect();
    let leaving = links_that_leave(specs, &links);
    let mut batches = hashed.into_iter().peekable();
    let failures = pool.trees.into_iter().map(|tree| {
        let failure = tree.failure.into_inner();
        failure.unwrap_or_else(PoisonError::into_inner)
    });
    let mut trees = Vec::with_capacity(walks.len());
    for ((tree, walk), failure) in walks.into_iter().enumerate().zip(failures) {
        let mine: Vec<_> =
            std::iter::from_fn(|| batches.next_if(|batch| batch.tree == tree)).collect();
        trees.push(match (walk, failure) {
            (Err(error), _) | (Ok(_), Some((_, error))) => Err(error),
            (Ok(notes), None) => finish(notes, mine, &leaving),
        });
    }
    trees
}

/// What a walk noted, or why it ended.
type Walk = Result<Vec<TreeNote>, TreeError>;

/// What a thread does next. A job holds the root of its tree open, a result does not: the jobs that wait bound how many are.
enum Job {
    Hash(Arc<Beneath>, Batch),
    /// Look whether the folders from `first` on are what they were when they were listed.
    Look {
        tree: usize,
        walked: Walked,
        first: usize,
    },
}

/// Some entries of a tree, in its order.
struct Batch {
    tree: usize,
    /// The number of its first entry.
    number: usize,
    entries: Vec<TreeEntry>,
    bytes: u64,
    /// Entries that have more than one name.
    links: Vec<(usize, HardLink)>,
    /// Entries that run with more rights than the user who starts them.
    powers: Vec<(usize, &'static str)>,
}

/// What has to be looked at again when all files of a tree were hashed.
#[derive(Clone)]
struct Walked {
    root: Arc<Beneath>,
    folders: Arc<Vec<(String, Stamp)>>,
    entries: usize,
}

/// How far one tree has come.
struct InWork {
    /// Its walk, and its batches that are not hashed.
    pending: AtomicUsize,
    walked: Mutex<Option<Walked>>,
    /// Stated bytes of its files.
    stated: AtomicU64,
    /// The first job that failed; `usize::MAX` for none.
    failed: AtomicUsize,
    failure: Mutex<Option<(usize, TreeError)>>,
}

/// What one file showed beside its bytes.
struct Seen {
    size: u64,
    link: Option<HardLink>,
    power: Option<&'static str>,
}

struct Pool<'a> {
    specs: &'a [TreeSpec],
    options: &'a TreeOptions<'a>,
    queue: Queue<Job>,
    found_files: AtomicU64,
    /// Whether every tree was walked.
    all_found: AtomicBool,
    hashed_files: AtomicU64,
    hashed_bytes: AtomicU64,
    trees: Vec<InWork>,
}

impl<'a> Pool<'a> {
    fn new(specs: &'a [TreeSpec], options: &'a TreeOptions<'a>) -> Self {
        Self {
            specs,
            options,
            queue: Queue::new(),
            found_files: AtomicU64::new(0),
            all_found: AtomicBool::new(false),
            hashed_files: AtomicU64::new(0),
            hashed_bytes: AtomicU64::new(0),
            trees: specs.iter().map(|_| InWork::new()).collect(),
        }
    }

    /// Walks one tree after the other and gives what is found to the threads; does a job itself whenever too many wait. Gives what was
    /// noted of each tree, and what this thread hashed.
    fn walk_all(&self, specs: &[TreeSpec]) -> (Vec<Walk>, Vec<Batch>) {
        // Also when a walk should panic: the threads would wait for ever.
        let _close = CloseWhenDropped(self);
        let mut walks = Vec::with_capacity(specs.len());
        let mut buffer = vec![0; BUFFER];
        let mut hashed = Vec::new();
        for (tree, (spec, state)) in specs.iter().zip(&self.trees).enumerate() {
            let (mut number, mut batch) = (0, Vec::new());
            let mut send = |root: &Arc<Beneath>, entry: Option<TreeEntry>| {
                let last = entry.is_none();
                batch.extend(entry);
                if batch.len() == BATCH || (last && !batch.is_empty()) {
                    let entries = std::mem::take(&mut batch);
                    let files = entries
                        .iter()
                        .filter(|entry| entry.mode != Mode::Symlink)
                        .count();
                    self.found_files.fetch_add(files as u64, Ordering::Relaxed);
                    state.pending.fetch_add(1, Ordering::Relaxed);
                    let first = number;
                    number += entries.len();
                    let job = Job::Hash(Arc::clone(root), Batch::new(tree, first, entries));
                    self.queue.push(job);
                    while let Some(job) = self.queue.take_if_full() {
                        hashed.extend(self.run(job, &mut buffer));
                    }
                }
            };
            walks.push(match walk(spec, self.options, &mut send) {
                Ok(walk) => {
                    let mut walked = state.walked.lock().unwrap_or_else(PoisonError::into_inner);
                    *walked = Some(Walked {
                        root: walk.root,
                        folders: Arc::new(walk.folders),
                        entries: number,
                    });
                    Ok(walk.notes)
                }
                Err(error) => {
                    // The ids of its files are no longer needed.
                    state.failed.store(0, Ordering::Relaxed);
                    Err(error)
                }
            });
            self.done(tree);
        }
        (walks, hashed)
    }

    fn work(&self) -> Vec<Batch> {
        let mut buffer = vec![0; BUFFER];
        let mut hashed = Vec::new();
        while let Some(job) = self.queue.next(|job| self.halve(job)) {
            hashed.extend(self.run(job, &mut buffer));
        }
        hashed
    }

    /// The second half of a job that others can do.
    fn halve(&self, job: &mut Job) -> Option<Job> {
        let Job::Hash(root, batch) = job else {
            return None;
        };
        if batch.entries.len() <= SMALL_BATCH {
            return None;
        }
        let keep = batch.entries.len() / 2;
        let entries = batch.entries.split_off(keep);
        let state = self.trees.get(batch.tree)?;
        state.pending.fetch_add(1, Ordering::Relaxed);
        let half = Batch::new(batch.tree, batch.number + keep, entries);
        Some(Job::Hash(Arc::clone(root), half))
    }

    /// Does a job; gives a batch that was hashed.
    fn run(&self, job: Job, buffer: &mut [u8]) -> Option<Batch> {
        match job {
            Job::Hash(root, mut batch) => {
                let (tree, number) = (batch.tree, batch.number);
                let hashed = !self.has_failed(tree, number)
                    && match self.hash_batch(&root, &mut batch, buffer) {
                        Ok(()) => true,
                        Err(error) => {
                            self.fail(tree, number, error);
                            false
                        }
                    };
                drop(root);
                self.done(tree);
                hashed.then_some(batch)
            }
            Job::Look {
                tree,
                walked,
                first,
            } => {
                self.look(tree, &walked, first);
                None
            }
        }
    }

    /// One thing less to do for a tree. After the last, its folders are looked at again: whatever was put in the place of one before its
    /// files were read is seen.
    fn done(&self, tree: usize) {
        let Some(state) = self.trees.get(tree) else {
            return;
        };
        if state.pending.fetch_sub(1, Ordering::AcqRel) != 1
            || state.failed.load(Ordering::Relaxed) != usize::MAX
        {
            return;
        }
        let walked = state
            .walked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(walked) = walked {
            for first in (LOOKS..walked.folders.len()).step_by(LOOKS) {
                self.queue.push(Job::Look {
                    tree,
                    walked: walked.clone(),
                    first,
                });
            }
            // At once, so that a small tree is closed at once.
            self.look(tree, &walked, 0);
        }
    }

    fn look(&self, tree: usize, walked: &Walked, first: usize) {
        let some = walked.folders.iter().zip(walked.entries..);
        let mut some = some.skip(first).take(LOOKS);
        let changed = some.find_map(|((path, stamp), number)| {
            Some((number, look_again(&walked.root, path, stamp).err()?))
        });
        if let Some((number, error)) = changed {
            self.fail(tree, number, error);
        }
    }

    fn hash_batch(
        &self,
        root: &Beneath,
        batch: &mut Batch,
        buffer: &mut [u8],
    ) -> Result<(), TreeError> {
        for (at, entry) in batch
            .entries
            .iter_mut()
            .enumerate()
            .filter(|(_, entry)| entry.mode != Mode::Symlink)
        {
            let seen = self.hash_file(batch.tree, root, entry, buffer)?;
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
        let stated = self.trees.get(tree).map_or(size, |tree| {
            tree.stated
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
        let kept = self.options.files.zip(self.specs.get(tree));
        let known =
            kept.and_then(|(files, spec)| files.known(&spec.root, path, &Stamp::of(&before)));
        let id = match known {
            Some(id) => id,
            None => self.hash(&mut file, size, path, buffer)?,
        };
        let after = rustix::fs::fstat(&file).map_err(io)?;
        if Stamp::of(&after) != Stamp::of(&before) || after.st_mode != before.st_mode {
            return Err(changed());
        }
        if let (Some((files, spec)), None) = (kept, known) {
            files.learn(&spec.root, path, Stamp::of(&before), id);
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
            progress(HashProgress {
                files,
                of,
                bytes,
                complete: self.all_found.load(Ordering::Relaxed),
            });
        }
    }

    /// Whether a job before this one failed. One after it does not count: the first failure is the answer, whichever thread was
    /// faster.
    fn has_failed(&self, tree: usize, number: usize) -> bool {
        self.trees
            .get(tree)
            .is_some_and(|tree| tree.failed.load(Ordering::Relaxed) < number)
    }

    fn fail(&self, tree: usize, number: usize, error: TreeError) {
        let Some(state) = self.trees.get(tree) else {
            return;
        };
        let mut failure = state.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(|(first, _)| number < *first) {
            *failure = Some((number, error));
        }
        state.failed.fetch_min(number, Ordering::Relaxed);
    }
}

struct CloseWhenDropped<'a>(&'a Pool<'a>);

impl Drop for CloseWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

impl InWork {
    fn new() -> Self {
        Self {
            pending: AtomicUsize::new(1),
            walked: Mutex::default(),
            stated: AtomicU64::new(0),
            failed: AtomicUsize::new(usize::MAX),
            failure: Mutex::default(),
        }
    }
}

impl Batch {
    fn new(tree: usize, number: usize, entries: Vec<TreeEntry>) -> Self {
        Self {
            tree,
            number,
            entries,
            bytes: 0,
            links: Vec::new(),
            powers: Vec::new(),
        }
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

fn finish(
    mut notes: Vec<TreeNote>,
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
        notes.push(TreeNote::Privileged { what, paths, count });
    }
    if count > 0 {
        notes.push(TreeNote::HardLinksLeave { paths, count });
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
        notes,
    })
}
