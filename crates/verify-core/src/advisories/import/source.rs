//! What holds records: a zip, a folder, single files. What of it is no record is noted, and nothing is passed over in silence.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{BrokenRecord, Gathered, MAX_OTHER};
use crate::advisories::record::MAX_BYTES;
use crate::archive::zip::Zip;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::{read, text};

/// Most files of one folder.
const MAX_FILES: usize = 1_000_000;
/// Most folders inside each other.
const MAX_DEPTH: usize = 16;

/// What holds records.
pub(super) enum Source {
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
pub(super) struct Other {
    /// How many files.
    pub(super) count: u64,
    /// The first of them, safe to show.
    pub(super) names: BTreeSet<String>,
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
    pub(super) fn open(path: &Path) -> Result<Self> {
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

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Zip { at, .. } => at.len(),
            Self::Files { files, .. } => files.len(),
        }
    }

    /// Files that are no `.json`, and so no records.
    pub(super) fn other(&self) -> &Other {
        match self {
            Self::Zip { other, .. } | Self::Files { other, .. } => other,
        }
    }

    /// What may hold records and is not read.
    pub(super) fn unread(&self) -> &[BrokenRecord] {
        &self.other().unread
    }

    /// Reads one file of it into `gathered`.
    pub(super) fn read(&self, number: usize, gathered: &mut Gathered) -> Result<()> {
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

    pub(super) fn digest(&self, read: &Gathered) -> Result<Sha256Digest> {
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
pub(super) fn file_name(path: &Path) -> String {
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
