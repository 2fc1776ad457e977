//! The parallel half of a digest: hashes the files of all walks, then looks once more at every folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::names::shown;
use super::object::{BlobHasher, BlobId, Mode};
use super::open::{Beneath, Stamp};
use super::walk::{MAX_NOTED, Walk, read_error};
use super::{Manifest, Options, Progress, Tree, TreeError, TreeLimit, TreeNote, TreeSpec};

const BUFFER: usize = 128 << 10;
/// Files between two reports of progress by one thread.
const PROGRESS_STEP: u64 = 64;

/// Turns walks into trees, in the same order.
pub(crate) fn hash_all(
    specs: &[TreeSpec],
    walks: Vec<Result<Walk, TreeError>>,
    options: &Options<'_>,
) -> Vec<Result<Tree, TreeError>> {
    let pool = Pool::new(&walks, options);
    let mut done = pool.run();
    done.sort_unstable_by_key(|file| (file.tree, file.entry));
    let failures: Vec<Option<TreeError>> = pool.failures.into_iter().map(take_failure).collect();
    let noted = links_that_leave(specs, &done);

    let mut trees = Vec::with_capacity(walks.len());
    let mut rest = done.as_slice();
    for ((tree, walk), failure) in walks.into_iter().enumerate().zip(failures) {
        let (mine, others) = rest.split_at(rest.partition_point(|file| file.tree <= tree));
        rest = others;
        let leaving = mine.iter().filter(|file| file.link.is_some_and(|link| noted.contains(&(tree, link.inode, link.device))));
        trees.push(match (walk, failure) {
            (Err(error), _) | (Ok(_), Some(error)) => Err(error),
            (Ok(walk), None) => finish(walk, mine, &leaving.collect::<Vec<_>>()),
        });
    }
    trees
}

/// One file that was hashed.
struct Done {
    tree: usize,
    entry: usize,
    id: BlobId,
    executable: bool,
    bytes: u64,
    link: Option<HardLink>,
}

/// A file that has more than one name.
#[derive(Clone, Copy)]
struct HardLink {
    device: u64,
    inode: u64,
    names: u64,
}

/// A failure of one tree, with the number of the job in which it happened.
type Failure = Mutex<Option<(usize, TreeError)>>;

struct Pool<'a> {
    walks: &'a [Result<Walk, TreeError>],
    options: &'a Options<'a>,
    /// (tree, entry) of every file.
    files: Vec<(usize, usize)>,
    /// (tree, folder) of every folder, looked at after the files.
    folders: Vec<(usize, usize)>,
    next: AtomicUsize,
    hashed_files: AtomicU64,
    hashed_bytes: AtomicU64,
    /// Stated bytes of each tree.
    stated: Vec<AtomicU64>,
    /// The first job of each tree that failed; `usize::MAX` for none.
    failed: Vec<AtomicUsize>,
    failures: Vec<Failure>,
}

impl<'a> Pool<'a> {
    fn new(walks: &'a [Result<Walk, TreeError>], options: &'a Options<'a>) -> Self {
        let good = || walks.iter().enumerate().filter_map(|(tree, walk)| Some((tree, walk.as_ref().ok()?)));
        let is_file = |walk: &Walk, entry: &usize| walk.entries.get(*entry).is_some_and(|entry| entry.mode != Mode::Symlink);
        let files = good().flat_map(|(tree, walk)| {
            (0..walk.entries.len()).filter(move |entry| is_file(walk, entry)).map(move |entry| (tree, entry))
        });
        Self {
            walks,
            options,
            files: files.collect(),
            folders: good().flat_map(|(tree, walk)| (0..walk.folders.len()).map(move |folder| (tree, folder))).collect(),
            next: AtomicUsize::new(0),
            hashed_files: AtomicU64::new(0),
            hashed_bytes: AtomicU64::new(0),
            stated: walks.iter().map(|_| AtomicU64::new(0)).collect(),
            failed: walks.iter().map(|_| AtomicUsize::new(usize::MAX)).collect(),
            failures: walks.iter().map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Works through all jobs on as many threads as wanted, the calling one among them.
    fn run(&self) -> Vec<Done> {
        let wanted = match self.options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let helpers = wanted.min(self.files.len() + self.folders.len()).saturating_sub(1);
        std::thread::scope(|scope| {
            // A thread that the system refuses is one helper less.
            let helpers: Vec<_> =
                (0..helpers).map_while(|_| std::thread::Builder::new().spawn_scoped(scope, || self.work()).ok()).collect();
            let mut done = self.work();
            for helper in helpers {
                match helper.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        })
    }

    fn work(&self) -> Vec<Done> {
        let mut buffer = vec![0; BUFFER];
        let mut done = Vec::new();
        loop {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            let (tree, result) = if let Some(&(tree, entry)) = self.files.get(job) {
                if self.has_failed(tree, job) {
                    continue;
                }
                (tree, self.file(tree, entry, &mut buffer).map(|file| done.push(file)))
            } else if let Some(&(tree, folder)) = job.checked_sub(self.files.len()).and_then(|job| self.folders.get(job)) {
                if self.has_failed(tree, job) {
                    continue;
                }
                (tree, self.folder(tree, folder))
            } else {
                return done;
            };
            if let Err(error) = result {
                self.fail(tree, job, error);
            }
        }
    }

    fn file(&self, tree: usize, entry: usize, buffer: &mut [u8]) -> Result<Done, TreeError> {
        let Some((walk, entry_of)) =
            self.walks.get(tree).and_then(|walk| walk.as_ref().ok()).and_then(|walk| Some((walk, walk.entries.get(entry)?)))
        else {
            return Err(TreeError::Cancelled);
        };
        let path = entry_of.path.as_str();
        let io = |errno: Errno| read_error(path, errno);
        let fd = walk.root.file(path).map_err(io)?;
        let before = rustix::fs::fstat(&fd).map_err(io)?;
        let changed = || TreeError::Changed { path: shown(path.as_bytes()) };
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
            return Err(changed());
        }
        let size = u64::try_from(before.st_size).map_err(|_| changed())?;
        let stated = self.stated.get(tree).map_or(size, |stated| stated.fetch_add(size, Ordering::Relaxed).saturating_add(size));
        if stated > self.options.max_bytes {
            return Err(TreeError::Limit { limit: TreeLimit::Bytes, max: self.options.max_bytes });
        }
        let mut file = File::from(fd);
        let id = self.hash(&mut file, size, path, buffer)?;
        let after = rustix::fs::fstat(&file).map_err(io)?;
        if Stamp::of(&after) != Stamp::of(&before) || after.st_mode != before.st_mode {
            return Err(changed());
        }
        self.report(size);
        let link = HardLink::of(&before);
        Ok(Done { tree, entry, id, executable: before.st_mode & 0o100 != 0, bytes: size, link })
    }

    /// The id of exactly `size` bytes; one more or one less is a change.
    fn hash(&self, file: &mut File, size: u64, path: &str, buffer: &mut [u8]) -> Result<BlobId, TreeError> {
        let mut hasher = BlobHasher::new(size);
        let mut read = 0;
        loop {
            if self.cancelled() {
                return Err(TreeError::Cancelled);
            }
            let wanted = usize::try_from(size - read).unwrap_or(usize::MAX).saturating_add(1).min(buffer.len());
            let Some(chunk) = buffer.get_mut(..wanted) else { return Err(TreeError::Cancelled) };
            let got = match file.read(chunk) {
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(TreeError::Io { path: shown(path.as_bytes()), source }),
            };
            read += got as u64;
            if read > size || (got == 0 && read < size) {
                return Err(TreeError::Changed { path: shown(path.as_bytes()) });
            }
            hasher.update(chunk.get(..got).unwrap_or_default());
            // More was asked for than given: that was the end.
            if read == size && got < wanted {
                return Ok(hasher.finish());
            }
        }
    }

    /// What is listed in a folder must be what was walked.
    fn folder(&self, tree: usize, folder: usize) -> Result<(), TreeError> {
        let walk = self.walks.get(tree).and_then(|walk| walk.as_ref().ok());
        let Some((walk, (path, stamp))) = walk.and_then(|walk| Some((walk, walk.folders.get(folder)?))) else {
            return Ok(());
        };
        let now = stamp_of_folder(&walk.root, path).map_err(|errno| read_error(path, errno))?;
        if now == *stamp {
            return Ok(());
        }
        Err(TreeError::Changed { path: if path.is_empty() { ".".to_owned() } else { shown(path.as_bytes()) } })
    }

    fn report(&self, bytes: u64) {
        let files = self.hashed_files.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.hashed_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let of = self.files.len() as u64;
        if let Some(progress) = self.options.progress
            && (files.is_multiple_of(PROGRESS_STEP) || files == of)
        {
            progress(Progress { files, of, bytes });
        }
    }

    fn cancelled(&self) -> bool {
        self.options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    /// Whether a job before this one failed. One after it does not count: the first failure is the answer.
    fn has_failed(&self, tree: usize, job: usize) -> bool {
        self.failed.get(tree).is_some_and(|failed| failed.load(Ordering::Relaxed) < job)
    }

    /// Keeps the failure of the first job, so that the answer does not depend on which thread was faster.
    fn fail(&self, tree: usize, job: usize, error: TreeError) {
        let (Some(failed), Some(failure)) = (self.failed.get(tree), self.failures.get(tree)) else { return };
        let mut failure = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if failure.as_ref().is_none_or(|(first, _)| job < *first) {
            *failure = Some((job, error));
        }
        failed.fetch_min(job, Ordering::Relaxed);
    }
}

impl HardLink {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the widths differ between systems")]
    fn of(stat: &rustix::fs::Stat) -> Option<Self> {
        let names = stat.st_nlink as u64;
        (names > 1).then_some(Self { device: stat.st_dev as u64, inode: stat.st_ino as u64, names })
    }
}

fn stamp_of_folder(root: &Beneath, path: &str) -> Result<Stamp, Errno> {
    Ok(Stamp::of(&rustix::fs::fstat(root.folder(path)?)?))
}

fn take_failure(failure: Failure) -> Option<TreeError> {
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map(|(_, error)| error)
}

/// (tree, inode, device) of files that have more names than the trees of their boundary showed.
fn links_that_leave(specs: &[TreeSpec], done: &[Done]) -> std::collections::HashSet<(usize, u64, u64)> {
    let links = || done.iter().filter_map(|file| Some((file.tree, file.link?)));
    let boundary = |tree: usize| specs.get(tree).map(|spec| spec.boundary.as_path());
    let mut seen: HashMap<(Option<&Path>, u64, u64), u64> = HashMap::new();
    for (tree, link) in links() {
        *seen.entry((boundary(tree), link.inode, link.device)).or_default() += 1;
    }
    let leaves =
        |tree: usize, link: HardLink| seen.get(&(boundary(tree), link.inode, link.device)).is_none_or(|seen| *seen < link.names);
    links().filter(|(tree, link)| leaves(*tree, *link)).map(|(tree, link)| (tree, link.inode, link.device)).collect()
}

fn finish(mut walk: Walk, files: &[Done], leaving: &[&Done]) -> Result<Tree, TreeError> {
    let mut bytes = 0;
    for file in files {
        if let Some(entry) = walk.entries.get_mut(file.entry) {
            entry.id = file.id;
            entry.mode = if file.executable { Mode::Executable } else { Mode::Regular };
            bytes += file.bytes;
        }
    }
    if !leaving.is_empty() {
        let shown_path = |file: &&Done| walk.entries.get(file.entry).map(|entry| shown(entry.path.as_bytes()));
        let paths = leaving.iter().filter_map(shown_path).take(MAX_NOTED).collect();
        walk.notes.push(TreeNote::HardLinksLeave { paths, count: leaving.len() });
    }
    // A file system that lists a name twice answers for nothing.
    let manifest = Manifest::new(walk.entries).map_err(|error| TreeError::Changed { path: error.to_string() })?;
    Ok(Tree { digest: manifest.digest(), files: manifest.entries().len() as u64, bytes, manifest, notes: walk.notes })
}
