//! A zip as a tree, under the rules of a `.tgz`: one folder at the top or none, plain paths, no links, no two names for one file.
//!
//! The executable bit is the owner's, where a Unix wrote the zip; other systems have none.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::entries::{Added, ArchivePaths};
use super::zip::{UnpackFailure, Zip, ZipEntry};
use super::{Archive, ArchiveEntry, ArchiveError, ArchiveLimits, PRIVILEGED, Sink};
use crate::digest::{Sha256Digest, Sri};
use crate::tree::names::shown;
use crate::tree::object::BlobHasher;
use crate::tree::{Manifest, ManifestError, Mode, TreeEntry};

/// Below this an archive may unpack to any multiple of its size.
const RATIO_FLOOR: u64 = 16 << 20;
/// In place of a top folder, where there is none.
const NO_TOP: &str = "top";
/// The types of files, as Unix writes them (`S_IFMT`).
const TYPE: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// Reads the zip at `path`, which must not change meanwhile, giving the content of its files to `sink`. A file named `root` at the top
/// says that there is no top folder; [`Archive::top`] is empty then.
pub(super) fn read(
    path: &Path,
    limits: &ArchiveLimits,
    root: &str,
    sink: &mut dyn Sink,
) -> Result<Archive, ArchiveError> {
    let zip = Zip::open(path).map_err(|error| ArchiveError::Zip(error.to_string()))?;
    let packed = hash(zip.file(), limits)?;
    let top_less = zip.entries().iter().any(|entry| entry.name == root);
    let unpacked = unpacked_size(&zip, packed.bytes, limits)?;
    let mut paths = ArchivePaths::new(limits, false);
    let mut entries = Vec::new();
    let mut privileged = BTreeSet::new();
    for entry in zip.entries() {
        let raw = if top_less {
            format!("{NO_TOP}/{}", entry.name)
        } else {
            entry.name.clone()
        };
        let folder = entry.name.ends_with('/');
        let mode = mode(entry, folder)?;
        let added = paths
            .add(raw.as_bytes(), folder)
            .map_err(|error| as_written(error, entry))?;
        if folder {
            // Its header is compared with the directory like any other.
            if entry.size != 0 {
                return Err(ArchiveError::SizeLies(shown(entry.name.as_bytes())));
            }
            take(&zip, entry, &mut |_| Ok(()))?;
            continue;
        }
        let path = match added {
            None => return Err(ArchiveError::NoTopFolder(shown(entry.name.as_bytes()))),
            Some(Added { again: true, .. }) => {
                return Err(ArchiveError::Duplicate(shown(entry.name.as_bytes())));
            }
            Some(Added { path, .. }) => path,
        };
        if entry.unix.is_some_and(|unix| unix & PRIVILEGED != 0) {
            privileged.insert(path.clone());
        }
        let mut hasher = BlobHasher::new(entry.size);
        sink.begin(&path, mode, entry.size)?;
        take(&zip, entry, &mut |bytes| {
            hasher.update(bytes);
            sink.data(bytes)
        })?;
        sink.end()?;
        entries.push(ArchiveEntry {
            path,
            mode,
            size: entry.size,
            id: hasher.finish(),
            hard_link: false,
        });
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let manifest = manifest(&entries)?;
    let (Some(top), false) = (paths.top(), entries.is_empty()) else {
        return Err(ArchiveError::Empty);
    };
    Ok(Archive {
        top: if top_less { String::new() } else { top },
        digest: manifest.digest(),
        entries,
        manifest,
        packed: packed.bytes,
        unpacked,
        integrity: packed.integrity,
        sha256: packed.sha256,
        shasum: packed.shasum,
        binaries: Vec::new(),
        privileged: privileged.into_iter().collect(),
        kept: std::collections::BTreeMap::new(),
    })
}

/// An error about the path as it is written, without what was put before it.
fn as_written(error: ArchiveError, entry: &ZipEntry) -> ArchiveError {
    match error {
        ArchiveError::TooDeep { max, .. } => ArchiveError::TooDeep {
            path: shown(entry.name.as_bytes()),
            max,
        },
        error => error,
    }
}

/// The bytes that the directory promises, where they are not too many.
fn unpacked_size(zip: &Zip, packed: u64, limits: &ArchiveLimits) -> Result<u64, ArchiveError> {
    let stated = |sum: u64, entry: &ZipEntry| sum.saturating_add(entry.size);
    let unpacked = zip.entries().iter().fold(0, stated);
    if unpacked > limits.unpacked {
        return Err(ArchiveError::UnpackedTooLarge(limits.unpacked));
    }
    if unpacked > RATIO_FLOOR && unpacked > packed.saturating_mul(limits.ratio) {
        return Err(ArchiveError::Bomb(limits.ratio));
    }
    Ok(unpacked)
}

fn manifest(entries: &[ArchiveEntry]) -> Result<Manifest, ArchiveError> {
    let listing = entries.iter().map(|entry| TreeEntry {
        path: entry.path.clone(),
        mode: entry.mode,
        id: entry.id,
    });
    Manifest::new(listing.collect()).map_err(|error| match error {
        ManifestError::Path(path) => ArchiveError::BadPath(path),
        error => ArchiveError::Duplicate(error.to_string()),
    })
}

fn take(
    zip: &Zip,
    entry: &ZipEntry,
    take: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    zip.unpack_to(entry, take).map_err(|failure| match failure {
        UnpackFailure::Zip(error) => ArchiveError::Zip(error.to_string()),
        UnpackFailure::Taker(error) => error,
    })
}

/// What an entry is. One that says two things of itself is refused: by its name a folder, by its mode a file.
fn mode(entry: &ZipEntry, folder: bool) -> Result<Mode, ArchiveError> {
    let name = || shown(entry.name.as_bytes());
    let Some(unix) = entry.unix else {
        return Ok(Mode::Regular);
    };
    match unix & TYPE {
        // Programs that only know permissions leave the type out.
        0 => {}
        FOLDER if folder => {}
        REGULAR if !folder => {}
        FOLDER | REGULAR => return Err(ArchiveError::BadPath(name())),
        SYMLINK => return Err(ArchiveError::Link(name())),
        _ => return Err(ArchiveError::SpecialFile(name())),
    }
    Ok(if unix & 0o100 != 0 {
        Mode::Executable
    } else {
        Mode::Regular
    })
}

struct Hashes {
    bytes: u64,
    integrity: Sri,
    sha256: Sha256Digest,
    shasum: [u8; 20],
}

fn hash(mut file: &File, limits: &ArchiveLimits) -> Result<Hashes, ArchiveError> {
    let (mut sha1, mut sha256, mut sha512) = (Sha1::new(), Sha256::new(), Sha512::new());
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let got = file.read(&mut buffer).map_err(ArchiveError::Io)?;
        let read = buffer.get(..got).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        bytes += got as u64;
        if bytes > limits.packed {
            return Err(ArchiveError::PackedTooLarge(limits.packed));
        }
        sha1.update(read);
        sha256.update(read);
        sha512.update(read);
    }
    Ok(Hashes {
        bytes,
        integrity: Sri(sha512.finalize().into()),
        sha256: Sha256Digest(sha256.finalize().into()),
        shasum: sha1.finalize().into(),
    })
}
