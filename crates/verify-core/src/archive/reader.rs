//! The entries of a tar archive, one after the other.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};

use super::entries::{Added, ArchivePaths, check_links};
use super::gunzip::Gunzip;
use super::header::{BLOCK, Header};
use super::pax::{Extended, check_global};
use super::{Archive, ArchiveEntry, ArchiveError, ArchiveLimits, PRIVILEGED, Sink};
use crate::digest::{Sha256Digest, Sri};
use crate::tree::names::shown;
use crate::tree::object::BlobHasher;
use crate::tree::{BlobId, Manifest, ManifestError, Mode, TreeEntry};

/// Most bytes of one extended header. A path needs a few thousand.
const MAX_EXTENDED: u64 = 64 << 10;

/// Reads a whole archive, giving the content of its files to `sink`.
pub(crate) fn read(
    reader: impl Read,
    limits: &ArchiveLimits,
    sink: &mut dyn Sink,
) -> Result<Archive, ArchiveError> {
    read_below(reader, limits, sink, None)
}

/// The same of an archive without one folder at the top: every path is taken as if it lay in `top`.
pub(super) fn read_below(
    reader: impl Read,
    limits: &ArchiveLimits,
    sink: &mut dyn Sink,
    top: Option<&'static str>,
) -> Result<Archive, ArchiveError> {
    let mut tar = Tar {
        top,
        input: Gunzip::new(reader, limits),
        paths: ArchivePaths::new(limits, top.is_some()),
        files: HashMap::new(),
        entries: Vec::new(),
        links: HashMap::new(),
        privileged: BTreeSet::new(),
        buffer: vec![0; 64 << 10],
    };
    tar.entries(sink)?;
    check_links(&tar.links)?;
    let unpacked = tar.input.unpacked;
    let packed = tar.input.finish()?;
    let mut entries = tar.entries;
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let listing = entries
        .iter()
        .map(|entry| TreeEntry {
            path: entry.path.clone(),
            mode: entry.mode,
            id: entry.id,
        })
        .collect();
    let manifest = Manifest::new(listing).map_err(|error| match error {
        ManifestError::Path(path) => ArchiveError::BadPath(path),
        error => ArchiveError::Duplicate(error.to_string()),
    })?;
    let (Some(top), false) = (tar.paths.top(), entries.is_empty()) else {
        return Err(ArchiveError::Empty);
    };
    Ok(Archive {
        top,
        digest: manifest.digest(),
        entries,
        manifest,
        packed: packed.bytes,
        unpacked,
        integrity: Sri(packed.sha512),
        sha256: Sha256Digest(packed.sha256),
        shasum: packed.sha1,
        binaries: Vec::new(),
        privileged: tar.privileged.into_iter().collect(),
        kept: std::collections::BTreeMap::new(),
    })
}

struct Tar<R> {
    /// The folder that every path is put into.
    top: Option<&'static str>,
    input: Gunzip<R>,
    paths: ArchivePaths,
    /// Index of every file by its path, for hard links.
    files: HashMap<String, usize>,
    entries: Vec<ArchiveEntry>,
    /// Targets of symlinks by their path.
    links: HashMap<String, String>,
    /// Paths of files with a setuid or setgid bit.
    privileged: BTreeSet<String>,
    buffer: Vec<u8>,
}

impl<R: Read> Tar<R> {
    fn entries(&mut self, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
        let mut extended = Extended::default();
        loop {
            let block = self.block()?;
            if block == [0; BLOCK] {
                if extended.is_some() {
                    return Err(ArchiveError::BadExtendedHeader("it stands before no entry"));
                }
                return self.end();
            }
            let header = Header::parse(&block)?;
            match header.kind {
                kind @ (b'x' | b'L' | b'K') => {
                    let content = self.extended(&header)?;
                    extended.add(kind, &content)?;
                }
                b'g' if extended.is_some() => {
                    return Err(ArchiveError::BadExtendedHeader(
                        "a global one between another and its entry",
                    ));
                }
                b'g' => check_global(&self.extended(&header)?)?,
                _ => self.entry(header, std::mem::take(&mut extended), sink)?,
            }
        }
    }

    fn entry(
        &mut self,
        header: Header,
        extended: Extended,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        let contradicts = |path: &Vec<u8>| header.contradicts(path, extended.is_pax());
        if extended.path.as_ref().is_some_and(contradicts) {
            return Err(ArchiveError::BadHeader("a prefix beside a long path"));
        }
        let raw = &self.placed(extended.path.as_ref().unwrap_or(&header.path));
        if extended.size.is_some_and(|size| size != header.size) {
            return Err(ArchiveError::SizeLies(shown(raw)));
        }
        let link = extended.link.as_ref().unwrap_or(&header.link);
        if !link.is_empty() && !matches!(header.kind, b'1' | b'2') {
            // `node-tar` leaves such an entry out.
            return Err(ArchiveError::BadHeader("a link target on what is no link"));
        }
        let no_content = || {
            if header.size == 0 {
                Ok(())
            } else {
                Err(ArchiveError::SizeLies(shown(raw)))
            }
        };
        match header.kind {
            0 | b'0' => self.regular(raw, &header, sink)?,
            b'5' => {
                no_content()?;
                self.paths.add(raw, true)?;
            }
            b'1' => {
                no_content()?;
                self.hard_link(raw, link)?;
            }
            b'2' => {
                no_content()?;
                self.symlink(raw, link)?;
            }
            b'3' | b'4' | b'6' => return Err(ArchiveError::SpecialFile(shown(raw))),
            b'S' => return Err(ArchiveError::Sparse),
            kind => {
                return Err(ArchiveError::UnknownType {
                    path: shown(raw),
                    kind: char::from(kind),
                });
            }
        }
        Ok(())
    }

    fn regular(
        &mut self,
        raw: &[u8],
        header: &Header,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        let Added { path, again } = self
            .paths
            .add(raw, false)?
            .ok_or_else(|| ArchiveError::NoTopFolder(shown(raw)))?;
        let mode = if header.mode & 0o100 != 0 {
            Mode::Executable
        } else {
            Mode::Regular
        };
        if header.mode & PRIVILEGED != 0 {
            self.privileged.insert(path.clone());
        }
        if again && self.top.is_some() {
            // What OpenClaw packs itself holds nothing twice.
            return Err(ArchiveError::Duplicate(shown(path.as_bytes())));
        }
        if again {
            return self.same_file_again(&path, mode, header.size);
        }
        let id = self.file(&path, mode, header.size, sink)?;
        self.files.insert(path.clone(), self.entries.len());
        self.entries.push(ArchiveEntry {
            path,
            mode,
            size: header.size,
            id,
            hard_link: false,
        });
        Ok(())
    }

    fn hard_link(&mut self, raw: &[u8], link: &[u8]) -> Result<(), ArchiveError> {
        let path = self.link_path(raw)?;
        let target = self.paths.hard_link_target(&path, link)?;
        let original = self.files.get(&target).and_then(|at| self.entries.get(*at));
        let Some(original) = original else {
            return Err(ArchiveError::HardLinkLeaves {
                path: shown(path.as_bytes()),
                target: shown(link),
            });
        };
        let entry = ArchiveEntry {
            path,
            hard_link: true,
            ..original.clone()
        };
        self.entries.push(entry);
        Ok(())
    }

    fn symlink(&mut self, raw: &[u8], link: &[u8]) -> Result<(), ArchiveError> {
        let path = self.link_path(raw)?;
        let target = std::str::from_utf8(link).ok();
        let Some(target) = target.filter(|target| !target.is_empty()) else {
            return Err(ArchiveError::LinkLeaves {
                path: shown(path.as_bytes()),
                target: shown(link),
            });
        };
        self.links.insert(path.clone(), target.to_owned());
        self.entries.push(ArchiveEntry {
            path,
            mode: Mode::Symlink,
            size: link.len() as u64,
            id: BlobId::of(link),
            hard_link: false,
        });
        Ok(())
    }

    fn placed<'a>(&self, raw: &'a [u8]) -> Cow<'a, [u8]> {
        match self.top {
            Some(top) => Cow::Owned([top.as_bytes(), b"/", raw].concat()),
            None => Cow::Borrowed(raw),
        }
    }

    /// The path of a link, which may not stand twice.
    fn link_path(&mut self, raw: &[u8]) -> Result<String, ArchiveError> {
        match self.paths.add(raw, false)? {
            None => Err(ArchiveError::NoTopFolder(shown(raw))),
            Some(Added { again: true, .. }) => Err(ArchiveError::Duplicate(shown(raw))),
            Some(Added { path, .. }) => Ok(path),
        }
    }

    /// A file may stand twice when that changes nothing: `npm pack` makes such archives (`agent-base` 7, `https-proxy-agent` 7).
    fn same_file_again(&mut self, path: &str, mode: Mode, size: u64) -> Result<(), ArchiveError> {
        let id = self.file(path, mode, size, &mut Nothing)?;
        let first = self.files.get(path).and_then(|at| self.entries.get(*at));
        match first {
            Some(first) if first.id == id && first.mode == mode => Ok(()),
            _ => Err(ArchiveError::Duplicate(shown(path.as_bytes()))),
        }
    }

    /// Reads the content of a file.
    fn file(
        &mut self,
        path: &str,
        mode: Mode,
        size: u64,
        sink: &mut dyn Sink,
    ) -> Result<BlobId, ArchiveError> {
        let mut hasher = BlobHasher::new(size);
        sink.begin(path, mode, size)?;
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            let chunk = self.buffer.get_mut(..wanted).unwrap_or_default();
            read_exact(&mut self.input, chunk)?;
            hasher.update(chunk);
            sink.data(chunk)?;
            left -= wanted as u64;
        }
        sink.end()?;
        self.padding(size)?;
        Ok(hasher.finish())
    }

    /// The content of an extended header.
    fn extended(&mut self, header: &Header) -> Result<Vec<u8>, ArchiveError> {
        if header.size == 0 || header.size > MAX_EXTENDED {
            return Err(ArchiveError::BadExtendedHeader("empty or too large"));
        }
        let mut content = vec![0; usize::try_from(header.size).unwrap_or(0)];
        read_exact(&mut self.input, &mut content)?;
        self.padding(header.size)?;
        Ok(content)
    }

    /// What fills the last block of an entry.
    fn padding(&mut self, size: u64) -> Result<(), ArchiveError> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            let mut rest = [0; BLOCK];
            read_exact(&mut self.input, rest.get_mut(over..).unwrap_or_default())?;
        }
        Ok(())
    }

    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        let mut block = [0; BLOCK];
        read_exact(&mut self.input, &mut block)?;
        Ok(block)
    }

    /// After one block of zeros: another, then nothing but zeros.
    fn end(&mut self) -> Result<(), ArchiveError> {
        let second = self.block()?;
        if second != [0; BLOCK] {
            return Err(ArchiveError::TrailingData);
        }
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(got) if self.buffer.iter().take(got).any(|b| *b != 0) => {
                    return Err(ArchiveError::TrailingData);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ArchiveError::from_io(error)),
            }
        }
    }
}

/// Keeps nothing.
struct Nothing;

impl Sink for Nothing {
    fn begin(&mut self, _: &str, _: Mode, _: u64) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        Ok(())
    }
}

/// Fills `chunk`. An end of the unpacked data is a cut tar archive; an end of the packed data is damaged gzip.
fn read_exact(input: &mut impl Read, chunk: &mut [u8]) -> Result<(), ArchiveError> {
    let mut filled = 0;
    while let Some(rest) = chunk.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => return Err(ArchiveError::Truncated),
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArchiveError::from_io(error)),
        }
    }
    Ok(())
}
