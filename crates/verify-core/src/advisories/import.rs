//! From OSV records to an index: out of a zip as ecosystems publish them, a folder, or single files. Every record that cannot be read is
//! counted and named.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::index::{self, IndexMeta, IndexSource, Package};
use super::record::{Entry, MAX_BYTES, is_malware, is_violation, read_record};
use crate::archive::zip::Zip;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::{read, text};

/// Most files of one folder.
const MAX_FILES: usize = 1_000_000;
/// Most folders inside each other.
const MAX_DEPTH: usize = 16;
/// Most broken records that are named; all are counted.
const MAX_NAMED: usize = 100;
/// Most files that are no records and are named; all are counted.
const MAX_OTHER: usize = 5;
/// A record that says it is of the time after now plus this says nothing about how new the records are.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Broken records that may be left out; more, and no index is written.
    pub allow_broken: u64,
    /// Threads that read; 0 is one a core.
    pub threads: usize,
    /// The time; it decides which dates of records count.
    pub now: Timestamp,
}

/// What came of an import.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// What the index holds, or would hold.
    pub meta: IndexMeta,
    /// The digest of the index. None where none was written: more records were broken than allowed, or no record is about npm.
    pub index: Option<Sha256Digest>,
    /// The first records that could not be read, sorted by place.
    pub broken: Vec<BrokenRecord>,
    /// The first files that are taken for no records, by their names within their sources, safe to show.
    pub other: Vec<String>,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct BrokenRecord {
    /// Where, safe to show.
    pub place: String,
    /// Why, safe to show.
    pub why: String,
}

/// Reads the records of `sources` and writes the index at `path`.
///
/// # Errors
/// When a source cannot be read as what it is, or the index cannot be written.
pub fn import(sources: &[PathBuf], path: &Path, options: &ImportOptions) -> Result<Imported> {
    let mut all = Gathered::default();
    let (mut other_files, mut other) = (0, Vec::new());
    let mut described = Vec::with_capacity(sources.len());
    for source in sources {
        let opened = Source::open(source)?;
        let mut read = read_all(&opened, options)?;
        described.push(IndexSource {
            name: text::excerpt(&file_name(source), 120),
            digest: opened.digest(&read)?,
            files: opened.len() as u64,
        });
        read.broken.extend(opened.unread().iter().cloned());
        // One source holds each record once; which of two was meant cannot be known.
        read.broken.append(&mut read.twice);
        other_files += opened.other().count;
        let room = MAX_OTHER.saturating_sub(other.len());
        other.extend(opened.other().names.iter().take(room).cloned());
        all.add(read);
    }
    if all.files == 0 {
        return Err(Error::environment(
            "there is no record in what was named",
            "name a zip, a folder or files with OSV records, each record a .json file",
        ));
    }
    let Gathered {
        mut items,
        ids,
        mut broken,
        other_ecosystems,
        ..
    } = all;
    only_what_counts(&mut items, &ids);
    let records: HashSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    let said = ids
        .iter()
        .filter(|(id, known)| known.withdrawn || records.contains(id.as_str()));
    let malicious = items.iter().filter(|item| item.malicious);
    let malicious: HashSet<&str> = malicious.map(|item| item.id.as_str()).collect();
    let mut meta = IndexMeta {
        sources: described,
        records: records.len() as u64,
        malicious: malicious.len() as u64,
        packages: 0,
        withdrawn: ids.values().filter(|known| known.withdrawn).count() as u64,
        other_ecosystems,
        other_files,
        broken: broken.len() as u64,
        newest: newest(said, options.now),
    };
    drop(records);
    let packages = by_package(items);
    meta.packages = packages.len() as u64;
    broken.sort();
    let index = if meta.broken <= options.allow_broken && !meta.says_nothing() {
        Some(index::write(path, &meta, packages)?)
    } else {
        None
    };
    broken.truncate(MAX_NAMED);
    Ok(Imported {
        meta,
        index,
        broken,
        other,
    })
}

/// Leaves what says something, sorted.
fn only_what_counts(items: &mut Vec<Item>, ids: &HashMap<String, Known>) {
    // Of one record in several sources the newest form counts; one that was taken back says nothing.
    let counts = |id: &str, modified: Timestamp| {
        ids.get(id)
            .is_some_and(|known| known.modified == modified && !known.withdrawn)
    };
    items.retain(|item| counts(&item.id, item.modified));
    for item in items.iter_mut() {
        item.without_withdrawn(ids);
    }
    items.sort_by(|a, b| (&a.name, &a.id, &a.json).cmp(&(&b.name, &b.id, &b.json)));
    items.dedup_by(|a, b| (&a.name, &a.id, &a.json) == (&b.name, &b.id, &b.json));
}

/// When the newest record changed. What the operator's team adds says nothing about how new the rest is, nor do records about other
/// ecosystems.
fn newest<'a>(
    said: impl Iterator<Item = (&'a String, &'a Known)> + Clone,
    now: Timestamp,
) -> Option<Timestamp> {
    let latest = latest(now);
    let dates = |own: bool| {
        let some = said.clone().filter(|(id, _)| own || !is_violation(id));
        let some = some.map(|(_, known)| known.modified);
        some.filter(|date| *date <= latest).max()
    };
    dates(false).or_else(|| dates(true))
}

/// The last moment that has come, as far as clocks agree.
fn latest(now: Timestamp) -> Timestamp {
    now.checked_add(CLOCKS_DIFFER).unwrap_or(Timestamp::MAX)
}

/// Sorted items, those of each package together.
fn by_package(items: Vec<Item>) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for item in items {
        match packages
            .last_mut()
            .filter(|package| package.name == item.name)
        {
            Some(package) => package.entries.push(item.json),
            None => packages.push(Package {
                name: item.name,
                entries: vec![item.json],
            }),
        }
    }
    packages
}

/// What one record says of one package.
struct Item {
    name: String,
    id: String,
    modified: Timestamp,
    malicious: bool,
    json: Vec<u8>,
}

impl Item {
    /// Without the reports of malware among its aliases that were taken back: they make nothing malware.
    fn without_withdrawn(&mut self, ids: &HashMap<String, Known>) {
        if !self.malicious || is_malware(&self.id) {
            return;
        }
        let Ok(mut entry) = serde_json::from_slice::<Entry>(&self.json) else {
            return;
        };
        let is_back = |alias: &str| ids.get(alias).is_some_and(|known| known.withdrawn);
        entry
            .aliases
            .retain(|alias| !(is_malware(alias) && is_back(alias)));
        if let Ok(json) = serde_json::to_vec(&entry) {
            (self.malicious, self.json) = (entry.is_malicious(), json);
        }
    }
}

/// What is known of a record, whatever it names.
struct Known {
    modified: Timestamp,
    withdrawn: bool,
    place: String,
}

#[derive(Default)]
struct Gathered {
    /// What is dated later lies ahead.
    latest: Timestamp,
    items: Vec<Item>,
    ids: HashMap<String, Known>,
    broken: Vec<BrokenRecord>,
    /// Of a folder, the digest of each file.
    digests: BTreeMap<String, Sha256Digest>,
    /// Ids that one source holds twice.
    twice: Vec<BrokenRecord>,
    other_ecosystems: u64,
    files: usize,
}

impl Gathered {
    fn add(&mut self, other: Self) {
        self.items.extend(other.items);
        self.broken.extend(other.broken);
        self.digests.extend(other.digests);
        self.twice.extend(other.twice);
        self.other_ecosystems += other.other_ecosystems;
        self.files += other.files;
        for (id, known) in other.ids {
            self.know(id, known, false);
        }
    }

    fn know(&mut self, id: String, new: Known, of_one_source: bool) {
        let Some(old) = self.ids.get_mut(&id) else {
            self.ids.insert(id, new);
            return;
        };
        if of_one_source {
            let (first, second) = if old.place <= new.place {
                (&old.place, &new.place)
            } else {
                (&new.place, &old.place)
            };
            self.twice.push(BrokenRecord {
                why: format!("has the id {id}, as {first} has"),
                place: second.clone(),
            });
        }
        match new.modified.cmp(&old.modified) {
            std::cmp::Ordering::Greater => *old = new,
            // Of two that are equally new, one that still stands counts.
            std::cmp::Ordering::Equal => old.withdrawn &= new.withdrawn,
            std::cmp::Ordering::Less => {}
        }
    }

    fn record(&mut self, place: String, bytes: &[u8]) {
        self.files += 1;
        let record = match read_record(bytes) {
            Ok(record) => record,
            Err(why) => {
                let why = why.to_string();
                return self.broken.push(BrokenRecord { place, why });
            }
        };
        // One that will be taken back some day stands until then.
        let withdrawn = record.withdrawn.is_some_and(|at| at <= self.latest);
        if record.packages.is_empty() && !withdrawn {
            self.other_ecosystems += 1;
        }
        if !withdrawn {
            for (name, entry) in &record.packages {
                let Ok(json) = serde_json::to_vec(entry) else {
                    continue;
                };
                self.items.push(Item {
                    name: name.clone(),
                    id: record.id.clone(),
                    modified: record.modified,
                    malicious: entry.is_malicious(),
                    json,
                });
            }
        }
        let known = Known {
            modified: record.modified,
            withdrawn,
            place,
        };
        self.know(record.id, known, true);
    }
}

/// What holds records.
enum Source {
    Zip {
        shown: String,
        zip: Zip,
        at: Vec<usize>,
        other: Other,
    },
    Files {
        folder: bool,
        files: Vec<(PathBuf, String)>,
        other: Other,
    },
}

/// What of a source is no record.
#[derive(Default)]
struct Other {
    /// How many files.
    count: u64,
    /// The first of them, safe to show.
    names: BTreeSet<String>,
    /// What may hold records and is not read.
    unread: Vec<BrokenRecord>,
}

impl Other {
    /// A file of the source at `source` that is not named as a record is.
    fn add(&mut self, source: &str, name: &str) {
        let shown = text::excerpt(name, 200);
        if has_end(name, ".zip") {
            let place = format!("{source}: {shown}");
            let why = "is a zip inside of what was named; name it itself".to_owned();
            return self.unread.push(BrokenRecord { place, why });
        }
        self.count += 1;
        self.names.insert(shown);
        if self.names.len() > MAX_OTHER {
            self.names.pop_last();
        }
    }
}

/// Whether a name ends so, in capitals or not.
fn has_end(name: &str, end: &str) -> bool {
    let at = name.len().checked_sub(end.len());
    at.and_then(|at| name.get(at..))
        .is_some_and(|last| last.eq_ignore_ascii_case(end))
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        let shown = text::visible(&path.display().to_string()).into_owned();
        let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
        if metadata.is_dir() {
            let (mut files, mut other) = (Vec::new(), Other::default());
            walk(path, "", 0, &mut files, &mut other)?;
            files.sort();
            return Ok(Self::Files {
                folder: true,
                files,
                other,
            });
        }
        // A FIFO is never opened: it has no end that this program would see.
        if !metadata.is_file() {
            return Err(Error::environment(
                format!(
                    "{shown} is {}, not a regular file",
                    read::kind_of(&metadata)
                ),
                "name a zip, a folder or files with OSV records",
            ));
        }
        let mut magic = [0; 4];
        let head = fs::File::open(path).and_then(|mut file| {
            use std::io::Read as _;
            let mut read = 0;
            while let Some(rest) = magic.get_mut(read..).filter(|rest| !rest.is_empty()) {
                match file.read(rest)? {
                    0 => break,
                    more => read += more,
                }
            }
            Ok(read)
        });
        head.map_err(|error| Error::io("read", path, error))?;
        if !magic.starts_with(b"PK") {
            let name = file_name(path);
            let files = vec![(path.to_owned(), name)];
            return Ok(Self::Files {
                folder: false,
                files,
                other: Other::default(),
            });
        }
        let zip = Zip::open(path).map_err(|error| damaged(&shown, &error))?;
        let (mut at, mut other) = (Vec::new(), Other::default());
        for (number, entry) in (0..).zip(zip.entries()) {
            if has_end(&entry.name, ".json") {
                at.push(number);
            } else if !entry.name.ends_with('/') {
                other.add(&shown, &entry.name);
            } else if entry.size > 0 {
                let place = format!("{shown}: {}", text::excerpt(&entry.name, 200));
                let why = "is named as a folder and holds bytes".to_owned();
                other.unread.push(BrokenRecord { place, why });
            }
        }
        Ok(Self::Zip {
            shown,
            zip,
            at,
            other,
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Zip { at, .. } => at.len(),
            Self::Files { files, .. } => files.len(),
        }
    }

    /// Files that are no `.json`, and so no records.
    fn other(&self) -> &Other {
        match self {
            Self::Zip { other, .. } | Self::Files { other, .. } => other,
        }
    }

    /// What may hold records and is not read.
    fn unread(&self) -> &[BrokenRecord] {
        &self.other().unread
    }

    /// Reads one file of it into `gathered`.
    fn read(&self, number: usize, gathered: &mut Gathered) -> Result<()> {
        match self {
            Self::Zip { shown, zip, at, .. } => {
                let entry = at.get(number).and_then(|at| zip.entries().get(*at));
                let Some(entry) = entry else {
                    return Ok(());
                };
                let place = format!("{shown}: {}", text::excerpt(&entry.name, 200));
                if entry.size > MAX_BYTES as u64 {
                    gathered.files += 1;
                    let why = format!(
                        "has {} bytes, more than the {MAX_BYTES} accepted",
                        entry.size
                    );
                    gathered.broken.push(BrokenRecord { place, why });
                    return Ok(());
                }
                let bytes = zip.unpack(entry).map_err(|error| damaged(shown, &error))?;
                gathered.record(place, &bytes);
            }
            Self::Files { files, .. } => {
                let Some((path, name)) = files.get(number) else {
                    return Ok(());
                };
                let place = text::visible(&path.display().to_string()).into_owned();
                match read::bytes(path, MAX_BYTES as u64) {
                    Ok(bytes) => {
                        gathered
                            .digests
                            .insert(name.clone(), Sha256Digest::of(&bytes));
                        gathered.record(place, &bytes);
                    }
                    Err(error) => {
                        gathered.files += 1;
                        let why = error.to_string();
                        gathered.broken.push(BrokenRecord { place, why });
                    }
                }
            }
        }
        Ok(())
    }

    fn digest(&self, read: &Gathered) -> Result<Sha256Digest> {
        match self {
            Self::Zip { shown, zip, .. } => {
                use sha2::Digest as _;
                use std::io::{Read as _, Seek as _};
                let cannot = |error| Error::io("read", shown, error);
                let mut file = zip.file();
                file.rewind().map_err(cannot)?;
                let mut hasher = sha2::Sha256::new();
                let mut buffer = vec![0; 1 << 20];
                loop {
                    match file.read(&mut buffer).map_err(cannot)? {
                        0 => break,
                        length => hasher.update(buffer.get(..length).unwrap_or_default()),
                    }
                }
                Ok(Sha256Digest(hasher.finalize().into()))
            }
            Self::Files { folder: false, .. } => Ok(read
                .digests
                .values()
                .next()
                .copied()
                .unwrap_or(Sha256Digest::of(b""))),
            Self::Files { folder: true, .. } => {
                let lines: String = read
                    .digests
                    .iter()
                    .map(|(name, digest)| format!("{}  {name}\n", digest.hex()))
                    .collect();
                Ok(Sha256Digest::of(lines.as_bytes()))
            }
        }
    }
}

/// Reads every file of a source, on several threads; the order in which they come does not matter.
fn read_all(source: &Source, options: &ImportOptions) -> Result<Gathered> {
    const STEP: usize = 64;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match options.threads {
        0 => cores(),
        some => some,
    };
    let threads = threads.clamp(1, 64);
    let latest = latest(options.now);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Gathered> {
        let mut gathered = Gathered {
            latest,
            ..Gathered::default()
        };
        loop {
            let from = next.fetch_add(STEP, Ordering::Relaxed);
            if from >= source.len() {
                return Ok(gathered);
            }
            for number in from..(from + STEP).min(source.len()) {
                source.read(number, &mut gathered)?;
            }
        }
    };
    let parts: Vec<Result<Gathered>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let failed = || {
            Err(Error::environment(
                "the records could not be read",
                "please report this",
            ))
        };
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| failed()))
            .collect()
    });
    let mut all = Gathered::default();
    for part in parts {
        all.add_of_one_source(part?);
    }
    Ok(all)
}

impl Gathered {
    fn add_of_one_source(&mut self, mut other: Self) {
        for (id, known) in std::mem::take(&mut other.ids) {
            self.know(id, known, true);
        }
        self.add(other);
    }
}

fn walk(
    folder: &Path,
    inside: &str,
    depth: usize,
    files: &mut Vec<(PathBuf, String)>,
    other: &mut Other,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::environment(
            format!(
                "{} has folders inside each other deeper than {MAX_DEPTH}",
                text::visible(&folder.display().to_string())
            ),
            "name the folders that hold records",
        ));
    }
    let entries = fs::read_dir(folder).map_err(|error| Error::io("read", folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read", folder, error))?;
        let kind = entry
            .file_type()
            .map_err(|error| Error::io("read", entry.path(), error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = if inside.is_empty() {
            name.clone()
        } else {
            format!("{inside}/{name}")
        };
        if kind.is_dir() {
            if name != ".git" {
                walk(&entry.path(), &below, depth + 1, files, other)?;
            }
        } else if has_end(&name, ".json") || leads_to_folder(&entry.path()) {
            // Links are not followed: reading one says so.
            files.push((entry.path(), below));
            if files.len() > MAX_FILES {
                return Err(Error::environment(
                    format!(
                        "{} holds more than the {MAX_FILES} files accepted",
                        text::visible(&folder.display().to_string())
                    ),
                    "name the folders that hold records",
                ));
            }
        } else {
            let shown = text::visible(&folder.display().to_string()).into_owned();
            other.add(&shown, &name);
        }
    }
    Ok(())
}

/// Whether a link stands in the place of a folder with records.
fn leads_to_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

/// The last part of a path; of one such as `.`, of the folder that it is.
fn file_name(path: &Path) -> String {
    let real = match path.file_name() {
        Some(_) => None,
        None => fs::canonicalize(path).ok(),
    };
    real.as_deref()
        .unwrap_or(path)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn damaged(shown: &str, error: &dyn std::fmt::Display) -> Error {
    Error::environment(
        format!("{shown}: {error}"),
        "get the file again, and compare its digest with the one that its publisher states",
    )
}
