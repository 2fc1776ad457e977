//! From OSV records to an index: out of a zip as ecosystems publish them, a folder, or single files. Every record that cannot be read is
//! counted and named.

mod source;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};

use self::source::{Source, file_name};
use super::index::{self, IndexMeta, IndexSource, Package};
use super::record::{Entry, is_malware, is_violation, read_record};
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::text;

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
