//! A strict reader of zip files (PKWARE APPNOTE 6.3). It writes nothing to the disk, and refuses what two readers could understand in
//! two ways. Some read the central directory, others the local headers one after the other: both have to see the same entries with the
//! same names, sizes and bytes, and nothing may lie between them. Refused are entries that overlap or leave gaps, names that stand twice
//! or have two spellings, data descriptors where only the directory tells the end, and what follows the compressed data.

mod fields;

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use flate2::read::DeflateDecoder;

use self::fields::{Fields, Slice};
use crate::{read, text};

/// Most entries of one zip. The largest that is published, of npm, has some 215,000.
const MAX_ENTRIES: u64 = 1_000_000;
/// Most bytes of its central directory.
const MAX_DIRECTORY: u64 = 256 << 20;
/// Most bytes that all entries together unpack to.
const MAX_UNPACKED: u64 = 16 << 30;
/// Most bytes that one packed byte may become; deflate cannot do more.
const MAX_RATIO: u64 = 1_032;
/// Bytes of the end record, and of the longest comment after it.
const END: u64 = 22;
const MAX_COMMENT: u64 = 0xffff;

/// A flag: sizes and checksum stand behind the data.
const DESCRIPTOR: u16 = 1 << 3;
/// A flag: the name is UTF-8.
const UTF8: u16 = 1 << 11;
/// The flags that decide how an entry is read; others say how hard it was compressed.
const DECIDING: u16 = 0x2869;

/// What is wrong with a zip, and where. Safe to show.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub(crate) struct ZipError {
    place: String,
    why: String,
}

/// An open zip.
pub(crate) struct Zip {
    file: File,
    entries: Vec<ZipEntry>,
}

/// One file of it.
pub(crate) struct ZipEntry {
    /// Its name, as written; relative, without `..`.
    pub name: String,
    /// Bytes that it unpacks to.
    pub size: u64,
    /// Type and permissions, where a Unix wrote it.
    pub unix: Option<u32>,
    packed: u64,
    crc: u32,
    stored: bool,
    flags: u16,
    /// Where its local header stands.
    at: u64,
    /// Where the next entry or the central directory begins.
    end: u64,
}

/// Why an entry was not unpacked.
pub(crate) enum UnpackFailure<E> {
    /// It is not as it should be.
    Zip(ZipError),
    /// The caller did not want the bytes.
    Taker(E),
}

impl<E> From<ZipError> for UnpackFailure<E> {
    fn from(error: ZipError) -> Self {
        Self::Zip(error)
    }
}

impl ZipEntry {
    fn wrong(&self, why: &str) -> ZipError {
        ZipError {
            place: format!("`{}`", text::excerpt(&self.name, 120)),
            why: why.to_owned(),
        }
    }
}

impl Zip {
    /// Reads the central directory of the zip at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, ZipError> {
        let whole = |why: String| ZipError {
            place: "the file".to_owned(),
            why,
        };
        let (file, metadata) = read::open(path).map_err(|error| whole(error.to_string()))?;
        let length = metadata.len();
        let mut zip = Self {
            file,
            entries: Vec::new(),
        };
        let (count, size, start, directory_end) = zip.end(length)?;
        if count > MAX_ENTRIES {
            return Err(whole(format!(
                "has {count} entries, more than the {MAX_ENTRIES} accepted"
            )));
        }
        if size > MAX_DIRECTORY {
            return Err(whole(format!(
                "has a central directory of {size} bytes, more than the {MAX_DIRECTORY} accepted"
            )));
        }
        if start.checked_add(size) != Some(directory_end) {
            return Err(whole(
                "has a central directory that does not end where its end record begins".to_owned(),
            ));
        }
        let bytes = zip.bytes(start, size)?;
        zip.directory(&bytes, count, start)?;
        Ok(zip)
    }

    /// Its files, in the order of the central directory.
    pub(crate) fn entries(&self) -> &[ZipEntry] {
        &self.entries
    }

    /// The open file, for its digest.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The unpacked bytes of an entry, whose size and checksum have to be as stated.
    pub(crate) fn unpack(&self, entry: &ZipEntry) -> Result<Vec<u8>, ZipError> {
        let mut unpacked = Vec::with_capacity(usize::try_from(entry.size).unwrap_or(0));
        self.unpack_to(entry, |bytes| {
            unpacked.extend_from_slice(bytes);
            Ok::<(), Infallible>(())
        })
        .map_err(|error| match error {
            UnpackFailure::Zip(error) => error,
            UnpackFailure::Taker(never) => match never {},
        })?;
        Ok(unpacked)
    }

    /// Gives the unpacked bytes of an entry to `take`, piece by piece. Size and checksum are known to be as stated only at the end: what
    /// was taken before an error is worth nothing.
    pub(crate) fn unpack_to<E>(
        &self,
        entry: &ZipEntry,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), UnpackFailure<E>> {
        let from = self.data(entry)?;
        let packed = Slice {
            file: &self.file,
            at: from,
            end: from + entry.packed,
        };
        let mut crc = flate2::Crc::new();
        let mut size = 0u64;
        let mut buffer = vec![0; 64 << 10];
        let mut count = |bytes: &[u8]| {
            crc.update(bytes);
            size += bytes.len() as u64;
            size <= entry.size
        };
        let wrong = |why: &str| UnpackFailure::Zip(entry.wrong(why));
        let unreadable = |error: io::Error| {
            UnpackFailure::Zip(entry.wrong(&format!("cannot be unpacked: {error}")))
        };
        let (mut stored, mut deflated) = if entry.stored {
            (Some(packed), None)
        } else {
            (None, Some(DeflateDecoder::new(packed)))
        };
        loop {
            let got = match (&mut stored, &mut deflated) {
                (Some(packed), _) => packed.read(&mut buffer),
                (_, Some(decoder)) => decoder.read(&mut buffer),
                _ => Ok(0),
            };
            let bytes = buffer.get(..got.map_err(unreadable)?).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            if !count(bytes) {
                return Err(wrong("does not end where the directory says"));
            }
            take(bytes).map_err(UnpackFailure::Taker)?;
        }
        if deflated.is_some_and(|decoder| decoder.total_in() != entry.packed) {
            return Err(wrong("does not end where the directory says"));
        }
        if size != entry.size || crc.sum() != entry.crc {
            return Err(wrong("is not as long, or not what, the directory says"));
        }
        Ok(())
    }

    /// Where the packed bytes of an entry begin: behind a local header that says what the directory says. They reach, with the data
    /// descriptor that some writers put behind them, exactly to what stands next.
    fn data(&self, entry: &ZipEntry) -> Result<u64, ZipError> {
        let wrong = |why: &str| entry.wrong(why);
        let head = self.bytes(entry.at, 30)?;
        let mut head = Fields::new(&head);
        let local = (|| {
            let (magic, _, flags, method) = (head.u32()?, head.u16()?, head.u16()?, head.u16()?);
            head.skip(4)?;
            let sizes = (head.u32()?, head.u32()?, head.u32()?);
            Some((magic, flags, method, sizes, head.u16()?, head.u16()?))
        })();
        let Some((0x0403_4b50, flags, method, (crc, packed, size), name, extra)) = local else {
            return Err(wrong("has no local header where the directory says"));
        };
        if (flags ^ entry.flags) & DECIDING != 0 || method != if entry.stored { 0 } else { 8 } {
            return Err(wrong(
                "has a local header that says something else than the directory",
            ));
        }
        if self.bytes(entry.at + 30, u64::from(name))? != entry.name.as_bytes() {
            return Err(wrong("has another name in its local header"));
        }
        let extra_bytes = self.bytes(entry.at + 30 + u64::from(name), u64::from(extra))?;
        if !names_nothing_else(&extra_bytes, &entry.name) {
            return Err(wrong("has another name in its extra fields"));
        }
        let described = entry.flags & DESCRIPTOR != 0;
        // Behind a header that is written before the data is known, each of the three is zero, or right already.
        let (packed, size, ..) = zip64(&extra_bytes, packed, size, 0, 0)
            .ok_or_else(|| wrong("has a broken zip64 field in its local header"))?;
        let pairs = [
            (u64::from(crc), u64::from(entry.crc)),
            (packed, entry.packed),
            (size, entry.size),
        ];
        let fits = |(local, stated): &(u64, u64)| local == stated || (described && *local == 0);
        if !pairs.iter().all(fits) {
            return Err(wrong(
                "has a local header that says something else than the directory",
            ));
        }
        let from = entry.at + 30 + u64::from(name) + u64::from(extra);
        let Some(end) = from
            .checked_add(entry.packed)
            .filter(|end| *end <= entry.end)
        else {
            return Err(wrong("overlaps with what stands after it"));
        };
        let rest = entry.end - end;
        if !described {
            return if rest == 0 {
                Ok(from)
            } else {
                Err(wrong("has bytes behind it that belong to no entry"))
            };
        }
        self.check_descriptor(entry, end, rest)?;
        Ok(from)
    }

    /// The data descriptor of `rest` bytes at `end`, which says what the directory says.
    fn check_descriptor(&self, entry: &ZipEntry, end: u64, rest: u64) -> Result<(), ZipError> {
        let wrong = |why: &str| entry.wrong(why);
        // Without compression nothing but the directory tells where the data ends.
        if entry.stored && entry.size > 0 {
            return Err(wrong(
                "is stored with its size behind it, which some read otherwise",
            ));
        }
        if rest > 24 {
            return Err(wrong("has bytes behind it that belong to no entry"));
        }
        let descriptor = self.bytes(end, rest)?;
        let mut fields = Fields::new(&descriptor);
        // With its sign: without, its first bytes could be taken for one.
        let read = (|| {
            let magic = fields.u32()?;
            let crc = fields.u32()?;
            let (packed, size) = if rest == 24 {
                (fields.u64()?, fields.u64()?)
            } else {
                (u64::from(fields.u32()?), u64::from(fields.u32()?))
            };
            fields.is_empty().then_some((magic, crc, packed, size))
        })();
        if read == Some((0x0807_4b50, entry.crc, entry.packed, entry.size)) {
            Ok(())
        } else {
            Err(wrong(
                "has a data descriptor that says something else than the directory",
            ))
        }
    }

    /// Entries, size and place of the central directory, and where its end record begins.
    fn end(&self, length: u64) -> Result<(u64, u64, u64, u64), ZipError> {
        let wrong = |why: &str| ZipError {
            place: format!("byte {length}"),
            why: why.to_owned(),
        };
        let tail_size = length.min(END + MAX_COMMENT);
        let tail = self.bytes(length - tail_size, tail_size)?;
        // The comment has to reach to the end of the file; of several places that fit, two readers could take different ones.
        let fits = |at: &usize| {
            let comment = tail
                .get(at + 20..at + 22)
                .and_then(|two| two.try_into().ok());
            tail.get(*at..at + 4) == Some(b"PK\x05\x06")
                && comment
                    .map(u16::from_le_bytes)
                    .is_some_and(|comment| at + 22 + usize::from(comment) == tail.len())
        };
        let mut found = (0..tail.len().saturating_sub(21)).filter(fits);
        let (Some(at), None) = (found.next(), found.next()) else {
            return Err(wrong(
                "no end record of a zip, or several; the file may be cut off",
            ));
        };
        let mut end = Fields::new(tail.get(at + 4..).unwrap_or_default());
        let read = (|| {
            let disks = (end.u16()?, end.u16()?);
            let entries = (end.u16()?, end.u16()?);
            Some((disks, entries, end.u32()?, end.u32()?))
        })();
        let Some((disks, (here, count), size, start)) = read else {
            return Err(wrong("the end record is cut off"));
        };
        let end_at = length - tail_size + at as u64;
        if count != 0xffff && size != u32::MAX && start != u32::MAX {
            if disks != (0, 0) || here != count {
                return Err(wrong("the zip is one of several parts"));
            }
            return Ok((u64::from(count), u64::from(size), u64::from(start), end_at));
        }
        // Zip64: a locator stands before the end record, and says where the larger record is.
        let Some(locator_at) = end_at.checked_sub(20) else {
            return Err(wrong("no zip64 record"));
        };
        let locator = self.bytes(locator_at, 20)?;
        let mut locator = Fields::new(&locator);
        let record_at = (|| {
            let magic = locator.u32()?;
            let disk = locator.u32()?;
            let at = locator.u64()?;
            (magic == 0x0706_4b50 && disk == 0 && locator.u32()? <= 1).then_some(at)
        })();
        let Some(record_at) = record_at.filter(|at| at.checked_add(56) == Some(locator_at)) else {
            return Err(wrong("no zip64 record where its locator says"));
        };
        let record = self.bytes(record_at, 56)?;
        let mut record = Fields::new(&record);
        let read = (|| {
            let magic = record.u32()?;
            record.skip(12)?;
            let disks = (record.u32()?, record.u32()?);
            let entries = (record.u64()?, record.u64()?);
            (magic == 0x0606_4b50 && disks == (0, 0) && entries.0 == entries.1).then_some((
                entries.1,
                record.u64()?,
                record.u64()?,
            ))
        })();
        let (count, size, start) = read.ok_or_else(|| wrong("the zip64 record is damaged"))?;
        Ok((count, size, start, record_at))
    }

    fn directory(&mut self, bytes: &[u8], count: u64, start: u64) -> Result<(), ZipError> {
        let mut fields = Fields::new(bytes);
        let mut names = HashSet::new();
        let mut unpacked = 0u64;
        let capacity = usize::try_from(count).unwrap_or(0).min(bytes.len() / 46);
        self.entries.reserve(capacity);
        for number in 1..=count {
            let wrong = |why: &str| ZipError {
                place: format!("entry {number} of the central directory"),
                why: why.to_owned(),
            };
            let entry = entry(&mut fields).map_err(|why| wrong(&why))?;
            if !names.insert(entry.name.clone()) {
                let name = text::excerpt(&entry.name, 120);
                return Err(wrong(&format!("`{name}` stands twice")));
            }
            unpacked = unpacked.saturating_add(entry.size);
            if unpacked > MAX_UNPACKED {
                return Err(wrong(&format!(
                    "the zip unpacks to more than the {MAX_UNPACKED} bytes accepted"
                )));
            }
            if entry.size > entry.packed.saturating_mul(MAX_RATIO).saturating_add(64) {
                return Err(wrong("states a size that its packed bytes cannot have"));
            }
            if entry.packed > entry.size.saturating_mul(2).saturating_add(1_024) {
                return Err(wrong("is packed into more than it holds"));
            }
            self.entries.push(entry);
        }
        if !fields.is_empty() {
            return Err(ZipError {
                place: "the central directory".to_owned(),
                why: format!("holds more than the {count} entries that it states"),
            });
        }
        // Readers that go from header to header begin at the first byte.
        if self
            .entries
            .iter()
            .map(|entry| entry.at)
            .min()
            .unwrap_or(start)
            != 0
        {
            return Err(ZipError {
                place: "byte 0".to_owned(),
                why: "something stands before the first entry".to_owned(),
            });
        }
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|at| self.entries.get(*at).map(|entry| entry.at));
        let mut next = start;
        for at in order.into_iter().rev() {
            let Some(entry) = self.entries.get_mut(at) else {
                continue;
            };
            entry.end = next;
            let least = entry
                .at
                .checked_add(30 + entry.name.len() as u64)
                .and_then(|from| from.checked_add(entry.packed));
            if least.is_none_or(|least| least > next) {
                return Err(ZipError {
                    place: format!("`{}`", text::excerpt(&entry.name, 120)),
                    why: "overlaps with what stands after it".to_owned(),
                });
            }
            next = entry.at;
        }
        Ok(())
    }

    fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>, ZipError> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        match self.file.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(ZipError {
                place: format!("byte {at}"),
                why: format!("cannot be read: {error}"),
            }),
        }
    }
}

/// One row of the central directory.
fn entry(fields: &mut Fields<'_>) -> Result<ZipEntry, String> {
    const CUT: &str = "is cut off";
    if fields.u32().ok_or(CUT)? != 0x0201_4b50 {
        return Err("is none".to_owned());
    }
    let made_by = fields.u16().ok_or(CUT)?;
    fields.skip(2).ok_or(CUT)?;
    let flags = fields.u16().ok_or(CUT)?;
    let method = fields.u16().ok_or(CUT)?;
    fields.skip(4).ok_or(CUT)?;
    let crc = fields.u32().ok_or(CUT)?;
    let (packed, size) = (fields.u32().ok_or(CUT)?, fields.u32().ok_or(CUT)?);
    let name_length = fields.u16().ok_or(CUT)?;
    let extra_length = fields.u16().ok_or(CUT)?;
    let comment_length = fields.u16().ok_or(CUT)?;
    let disk = fields.u16().ok_or(CUT)?;
    fields.skip(2).ok_or(CUT)?;
    let attributes = fields.u32().ok_or(CUT)?;
    let at = fields.u32().ok_or(CUT)?;
    let name = fields.take(usize::from(name_length)).ok_or(CUT)?;
    let extra = fields.take(usize::from(extra_length)).ok_or(CUT)?;
    fields.skip(usize::from(comment_length)).ok_or(CUT)?;
    let name = std::str::from_utf8(name).map_err(|_| "has a name that is not UTF-8")?;
    if !is_inside(name) {
        let name = text::excerpt(name, 120);
        return Err(format!(
            "has the name `{name}`, which leads out of the zip or cannot be shown"
        ));
    }
    if flags & 0x2041 != 0 {
        return Err("is encrypted".to_owned());
    }
    if flags & 0x20 != 0 {
        return Err("is a patch of another file".to_owned());
    }
    // Without the flag, some readers take the bytes for the letters of an old code page.
    if !name.is_ascii() && flags & UTF8 == 0 {
        return Err("has a name of which it is not said that it is UTF-8".to_owned());
    }
    if !names_nothing_else(extra, name) {
        return Err("has another name in its extra fields".to_owned());
    }
    if method != 0 && method != 8 {
        return Err(format!("is packed by method {method}; 0 and 8 are read"));
    }
    let (packed, size, at, disk) =
        zip64(extra, packed, size, at, disk).ok_or("has a broken zip64 field")?;
    if disk != 0 {
        return Err("lies in another part".to_owned());
    }
    if method == 0 && packed != size {
        return Err("is stored and yet has two sizes".to_owned());
    }
    Ok(ZipEntry {
        name: name.to_owned(),
        size,
        packed,
        crc,
        stored: method == 0,
        flags,
        // 3 is Unix, 19 macOS.
        unix: matches!(made_by >> 8, 3 | 19).then_some(attributes >> 16),
        at,
        end: 0,
    })
}

/// The large numbers of the extra field, each there only where the small one is full.
fn zip64(extra: &[u8], packed: u32, size: u32, at: u32, disk: u16) -> Option<(u64, u64, u64, u64)> {
    let mut fields = Fields::new(extra);
    let mut large = None;
    while !fields.is_empty() {
        let (id, length) = (fields.u16()?, fields.u16()?);
        let data = fields.take(usize::from(length))?;
        if id == 1 && large.replace(Fields::new(data)).is_some() {
            return None;
        }
    }
    let mut large = large.unwrap_or(Fields::new(&[]));
    let mut wide = |small: u32| match small {
        u32::MAX => large.u64(),
        small => Some(u64::from(small)),
    };
    let size = wide(size)?;
    let packed = wide(packed)?;
    let at = wide(at)?;
    Some((packed, size, at, u64::from(disk)))
}

/// Whether no extra field gives the entry another name: some readers take it from there (0x7075, Info-ZIP).
fn names_nothing_else(extra: &[u8], name: &str) -> bool {
    let mut fields = Fields::new(extra);
    while !fields.is_empty() {
        let Some(data) = (|| {
            let (id, length) = (fields.u16()?, fields.u16()?);
            Some((id, fields.take(usize::from(length))?))
        })() else {
            return false;
        };
        if let (0x7075, data) = data
            && data.get(5..) != Some(name.as_bytes())
        {
            return false;
        }
    }
    true
}

fn is_inside(name: &str) -> bool {
    let parts = name.strip_suffix('/').unwrap_or(name).split('/');
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !name.contains('\\') && !name.chars().any(text::is_hazard) && parts.into_iter().all(plain)
}
