//! A published `.tgz` as a tree: read once, in bounded memory, without writing anything, refusing by name whatever two readers could
//! understand in two ways.
//!
//! Formats: RFC 1952 (gzip), POSIX `ustar` and `pax`, GNU long names. npm unpacks such an archive with `node-tar`, which strips the
//! first component of every path; the tree here is what lies below it. Where `node-tar`, GNU tar and libarchive differ, the archive
//! is refused: an archive that has two meanings is an attack or broken.

mod backup;
mod entries;
mod error;
mod gunzip;
mod header;
mod node_tar;
mod pax;
mod reader;
mod unpack;
pub(crate) mod zip;
mod zipped;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::tree::{BlobId, Manifest, ManifestError, Mode, TreeEntry};

pub use backup::{BACKUP_LIMITS, Backup, STATE_OF_CELL, unpack_backup};
pub use error::ArchiveError;
pub(crate) use unpack::unpack_zip;
pub use unpack::{UnpackError, copy_tree, unpack};

/// The bits of a mode by which a file runs as its owner or group, whichever user starts it.
const PRIVILEGED: u32 = 0o6000;

/// How much of an archive is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of the archive itself.
    pub packed: u64,
    /// Bytes that it unpacks to, headers included.
    pub unpacked: u64,
    /// Unpacked bytes for one packed byte, above the first 16 MiB. Text packs some 10 to 1, deflate at most 1032 to 1.
    pub ratio: u64,
    /// Files, folders and links.
    pub entries: u64,
    /// Levels of folders.
    pub depth: usize,
    /// Bytes of all paths together, each folder counted once.
    pub path_bytes: u64,
    /// Bytes of one file whose content is kept.
    pub kept_file: u64,
    /// Bytes of all files whose content is kept.
    pub kept: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            packed: 512 << 20,
            unpacked: 2 << 30,
            ratio: 200,
            entries: 200_000,
            depth: 128,
            path_bytes: 64 << 20,
            kept_file: 4 << 20,
            kept: 64 << 20,
        }
    }
}

/// One file or link of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveEntry {
    /// Path below the top folder, `/` between names. UTF-8 without control characters.
    pub path: String,
    /// Kind and executable bit, as git sees it.
    pub mode: Mode,
    /// Bytes of the file, or of the target of the link.
    pub size: u64,
    /// Id of the bytes, or of the target of the link.
    pub id: BlobId,
    /// A hard link in the archive. The tree has a copy of the file; npm leaves such an entry out.
    pub hard_link: bool,
}

/// An archive that was read whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Archive {
    /// The one folder at the top, in npm's archives `package`.
    pub top: String,
    /// Everything below it, sorted by the bytes of the path.
    pub entries: Vec<ArchiveEntry>,
    /// The listing of the tree.
    pub manifest: Manifest,
    /// The digest of the tree, as [`crate::tree::digest`] gives it for the unpacked folder.
    pub digest: TreeDigest,
    /// Bytes of the archive itself.
    pub packed: u64,
    /// Bytes that it unpacked to.
    pub unpacked: u64,
    /// SHA-512 of the archive itself: what npm's `integrity` is.
    pub integrity: Sri,
    /// SHA-256 of the archive itself.
    pub sha256: Sha256Digest,
    /// SHA-1 of the archive itself: npm's `shasum`. Good for finding a conflict, never for trust.
    pub shasum: [u8; 20],
    /// Files that hold machine code, by their first bytes, sorted by path.
    pub binaries: Vec<Binary>,
    /// Files to which the archive gives a setuid or setgid bit, sorted by path. The tree knows nothing of those bits.
    pub privileged: Vec<String>,
    kept: BTreeMap<String, Vec<u8>>,
}

/// A file of an archive that holds machine code.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Binary {
    /// Path below the top folder.
    pub path: String,
    /// `ELF`, `PE`, `Mach-O`, `Mach-O or Java`, or `WebAssembly`.
    pub format: &'static str,
}

impl Archive {
    /// The entry at `path`.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&ArchiveEntry> {
        self.entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .ok()
            .and_then(|at| self.entries.get(at))
    }

    /// The bytes of a file that the caller of [`read`] wanted to keep.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.kept.get(path).map(Vec::as_slice)
    }

    /// The listing of what npm installs from this archive: links are left out, and `.gitignore` becomes `.npmignore`, unless there
    /// is one (pacote, `fetcher.js`). npm also makes the files named in `bin` executable; that is not done here.
    ///
    /// # Errors
    /// When a renamed file would stand where a folder stands.
    pub fn manifest_of_npm(&self) -> Result<Manifest, ManifestError> {
        let installed = self
            .entries
            .iter()
            .filter(|entry| entry.mode != Mode::Symlink && !entry.hard_link)
            .filter_map(|entry| {
                let path = match entry.path.strip_suffix(".gitignore") {
                    Some(folder) if folder.is_empty() || folder.ends_with('/') => {
                        let renamed = format!("{folder}.npmignore");
                        if self
                            .entry(&renamed)
                            .is_some_and(|other| other.mode != Mode::Symlink)
                        {
                            return None;
                        }
                        renamed
                    }
                    _ => entry.path.clone(),
                };
                Some(TreeEntry {
                    path,
                    mode: entry.mode,
                    id: entry.id,
                })
            });
        Manifest::new(installed.collect())
    }
}

/// Reads a whole archive. The content of files for whose path `keep` says yes is kept in memory.
///
/// # Errors
/// When the archive is refused, with the reason; when `reader` fails. Nothing of a refused archive may be used.
pub fn read(
    reader: impl Read,
    limits: &ArchiveLimits,
    keep: impl Fn(&str) -> bool,
) -> Result<Archive, ArchiveError> {
    keeping(limits, &keep, |sink| reader::read(reader, limits, sink))
}

/// Reads the whole zip at `path`, which must not change meanwhile. A file named `root` at the top says that there is no top folder;
/// [`Archive::top`] is empty then.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_zip(
    path: &Path,
    limits: &ArchiveLimits,
    root: &str,
    keep: impl Fn(&str) -> bool,
) -> Result<Archive, ArchiveError> {
    keeping(limits, &keep, |sink| zipped::read(path, limits, root, sink))
}

fn keeping(
    limits: &ArchiveLimits,
    keep: &dyn Fn(&str) -> bool,
    read: impl FnOnce(&mut dyn Sink) -> Result<Archive, ArchiveError>,
) -> Result<Archive, ArchiveError> {
    let mut kept = InMemory {
        wanted: keep,
        limits,
        total: 0,
        open: None,
        files: BTreeMap::new(),
        head: Head::default(),
        binaries: Vec::new(),
    };
    let mut archive = read(&mut kept)?;
    kept.binaries.sort_by(|a, b| a.path.cmp(&b.path));
    archive.binaries = kept.binaries;
    archive.kept = kept.files;
    Ok(archive)
}

/// Reads a whole archive and makes sure that it is the one with the integrity `expected`: that of a lock, a registry or an attestation.
/// No content is kept; to write it out, give the archive's integrity to [`unpack`].
///
/// # Errors
/// When the archive is refused, has another integrity, or `reader` fails. Nothing of it may be used then.
///
/// ```no_run
/// use openclaw_verify_core::archive::{ArchiveLimits, unpack};
/// use openclaw_verify_core::{Sri, verify_archive};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let expected: Sri = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==".parse()?;
/// let open = || std::fs::File::open("notes-1.4.0.tgz");
/// let archive = verify_archive(open()?, &ArchiveLimits::default(), &expected)?;
/// println!("{} files, {}", archive.entries.len(), archive.digest);
/// unpack(open()?, &ArchiveLimits::default(), &archive.integrity, "notes".as_ref())?; // reads it again, and compares again
/// # Ok(())
/// # }
/// ```
pub fn verify(
    reader: impl Read,
    limits: &ArchiveLimits,
    expected: &Sri,
) -> Result<Archive, UnpackError> {
    let archive = read(reader, limits, |_| false)?;
    if archive.integrity == *expected {
        Ok(archive)
    } else {
        Err(UnpackError::Integrity {
            expected: expected.to_string(),
            found: archive.integrity.to_string(),
        })
    }
}

/// Takes the content of files while an archive is read. Paths are safe: relative, without `..`, each named once.
pub(crate) trait Sink {
    fn begin(&mut self, path: &str, mode: Mode, size: u64) -> Result<(), ArchiveError>;
    fn data(&mut self, bytes: &[u8]) -> Result<(), ArchiveError>;
    fn end(&mut self) -> Result<(), ArchiveError>;
}

/// Keeps some files in memory.
struct InMemory<'a> {
    wanted: &'a dyn Fn(&str) -> bool,
    limits: &'a ArchiveLimits,
    total: u64,
    open: Option<(String, Vec<u8>)>,
    files: BTreeMap<String, Vec<u8>>,
    head: Head,
    binaries: Vec<Binary>,
}

/// The first bytes of the file that is being read.
#[derive(Default)]
struct Head {
    path: String,
    bytes: [u8; 4],
    len: usize,
}

impl Head {
    /// The format that begins so. A Java class begins like a Mach-O file for several processors.
    fn format(&self) -> Option<&'static str> {
        format_of(self.bytes.get(..self.len).unwrap_or_default())
    }
}

/// The format of machine code that begins with these bytes, of which four are enough.
pub(crate) fn format_of(first: &[u8]) -> Option<&'static str> {
    match first {
        [0x7f, b'E', b'L', b'F', ..] => Some("ELF"),
        [0, b'a', b's', b'm', ..] => Some("WebAssembly"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xcf | 0xce, ..] => Some("Mach-O"),
        [0xca, 0xfe, 0xba, 0xbe, ..] => Some("Mach-O or Java"),
        [b'M', b'Z', _, _, ..] => Some("PE"),
        _ => None,
    }
}

impl Sink for InMemory<'_> {
    fn begin(&mut self, path: &str, _: Mode, size: u64) -> Result<(), ArchiveError> {
        self.head = Head {
            path: path.to_owned(),
            ..Head::default()
        };
        if (self.wanted)(path) {
            self.total = self.total.saturating_add(size);
            if size > self.limits.kept_file || self.total > self.limits.kept {
                return Err(ArchiveError::FileTooLarge {
                    path: path.to_owned(),
                    size,
                });
            }
            self.open = Some((path.to_owned(), Vec::new()));
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        for (place, byte) in self.head.bytes.iter_mut().skip(self.head.len).zip(bytes) {
            *place = *byte;
            self.head.len += 1;
        }
        if let Some((_, content)) = &mut self.open {
            content.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        if let Some(format) = self.head.format() {
            self.binaries.push(Binary {
                path: std::mem::take(&mut self.head.path),
                format,
            });
        }
        self.files.extend(self.open.take());
        Ok(())
    }
}
