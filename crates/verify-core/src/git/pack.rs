//! Pack files and their indexes, version 2 (`gitformat-pack(5)`). Nothing read here is believed: offsets and sizes are bounded, and
//! the caller computes the id of what comes out.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use flate2::bufread::ZlibDecoder;

use super::GitError;
use super::objects::{Id, ObjectKind};
use crate::read;
use crate::text::excerpt;

const HEADER: u64 = 8;
const FANOUT: usize = 256 * 4;
const ID: u64 = 20;
/// Digest of the pack and of the index, at the end of an index.
const TRAILER: u64 = 40;
/// Bytes that are enough for the head of an entry: size, then an offset or an id.
const ENTRY_HEAD: usize = 64;

/// A pack and its index, both open.
#[derive(Debug)]
pub(super) struct Pack {
    place: String,
    index: File,
    data: File,
    data_len: u64,
    fanout: Vec<u32>,
    index_len: u64,
}

/// What stands at an offset of a pack.
pub(super) struct PackEntry {
    pub(super) kind: EntryKind,
    /// Bytes after inflating, as the pack claims.
    pub(super) size: u64,
    /// Where the compressed bytes begin.
    body: u64,
}

pub(super) enum EntryKind {
    Whole(ObjectKind),
    /// A delta against the entry at this offset of the same pack.
    OffsetDelta(u64),
    /// A delta against this object.
    IdDelta(Id),
}

impl Pack {
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self, GitError> {
        let place = format!("objects/pack/{}", excerpt(name, 100));
        let open = |suffix: &str| {
            read::open(&folder.join(format!("{name}.{suffix}")))
                .map_err(|error| GitError::from_read(&format!("{place}.{suffix}"), error))
        };
        let (index, index_meta) = open("idx")?;
        let (data, data_meta) = open("pack")?;
        let mut head = [0; HEADER as usize + FANOUT];
        index
            .read_exact_at(&mut head, 0)
            .map_err(|_| GitError::damaged(&place, "the index is too short"))?;
        if head[..4] != *b"\xfftOc" || head[4..8] != 2_u32.to_be_bytes() {
            return Err(GitError::Unsupported(format!(
                "{place}.idx is not of version 2: run `git gc`"
            )));
        }
        let fanout: Vec<u32> = head[8..]
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_be_bytes(*word))
            .collect();
        let count = u64::from(fanout.last().copied().unwrap_or(0));
        let index_len = index_meta.len();
        // Checked once, so that the searches below need no bounds of their own: with a sorted fan-out every
        // position found is below `count`, and the file holds that many ids, checksums and offsets.
        if !fanout.is_sorted()
            || index_len < HEADER + FANOUT as u64 + count * (ID + 4 + 4) + TRAILER
        {
            return Err(GitError::damaged(
                &place,
                "the index does not hold as many ids as it says",
            ));
        }
        Ok(Self {
            place,
            index,
            data,
            data_len: data_meta.len(),
            fanout,
            index_len,
        })
    }

    /// Where the object `id` begins, if the index names it.
    pub(super) fn find(&self, id: &Id) -> Result<Option<u64>, GitError> {
        // The fan-out says how many ids begin with this byte or a lower one, so the entry before it is where
        // ids with this byte begin.
        let first = usize::from(id[0]);
        let mut low = if first == 0 {
            0
        } else {
            u64::from(self.fanout[first - 1])
        };
        let mut high = u64::from(self.fanout[first]);
        while low < high {
            let middle = low.midpoint(high);
            let found: Id = self.index_bytes(HEADER + FANOUT as u64 + middle * ID)?;
            match found.cmp(id) {
                std::cmp::Ordering::Equal => return self.offset(middle).map(Some),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Where the object that is `nth` in the index begins in the pack. An offset of 31 bits is written in place; in
    /// packs beyond 2 GiB the highest bit says that the rest is a position in a second table of 64 bits. That
    /// table has no stated length, hence the check against the end of the file.
    fn offset(&self, nth: u64) -> Result<u64, GitError> {
        const LARGE: u32 = 1 << 31;
        let count = u64::from(self.fanout[255]);
        let offsets = HEADER + FANOUT as u64 + count * (ID + 4);
        let offset = u32::from_be_bytes(self.index_bytes(offsets + nth * 4)?);
        if offset & LARGE == 0 {
            return Ok(u64::from(offset));
        }
        let large = offsets + count * 4 + u64::from(offset & !LARGE) * 8;
        if large + 8 + TRAILER > self.index_len {
            return Err(GitError::damaged(
                &self.place,
                "an offset lies outside the index",
            ));
        }
        Ok(u64::from_be_bytes(self.index_bytes(large)?))
    }

    fn index_bytes<const N: usize>(&self, at: u64) -> Result<[u8; N], GitError> {
        let mut bytes = [0; N];
        self.index
            .read_exact_at(&mut bytes, at)
            .map_err(|source| GitError::Io {
                place: self.place.clone(),
                source,
            })?;
        Ok(bytes)
    }

    /// The head of the entry at `offset`.
    pub(super) fn entry(&self, offset: u64) -> Result<PackEntry, GitError> {
        let bad = |why: &str| GitError::damaged(&self.place, why);
        if offset >= self.data_len {
            return Err(bad("an offset lies outside the pack"));
        }
        let mut head = Vec::with_capacity(ENTRY_HEAD);
        let source = At {
            file: &self.data,
            at: offset,
        };
        source
            .take(ENTRY_HEAD as u64)
            .read_to_end(&mut head)
            .map_err(|source| GitError::Io {
                place: self.place.clone(),
                source,
            })?;
        let mut rest = head.iter().copied();
        let mut next = || rest.next().ok_or_else(|| bad("an entry is cut off"));

        // The first byte holds a flag, three bits of kind and the lowest four bits of the size; seven more bits of
        // the size follow in each byte while the flag is set.
        let first = next()?;
        let mut size = u64::from(first & 15);
        let mut shift = 4;
        let mut byte = first;
        while byte & 0x80 != 0 {
            byte = next()?;
            // 53 + 7 bits are the last that fit: a further shift would drop bits, and the size would wrap to a
            // small one that passes the caller's limit.
            if shift > 53 {
                return Err(bad("an entry has an absurd size"));
            }
            size |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        let kind = match (first >> 4) & 7 {
            1 => EntryKind::Whole(ObjectKind::Commit),
            2 => EntryKind::Whole(ObjectKind::Tree),
            3 => EntryKind::Whole(ObjectKind::Blob),
            4 => EntryKind::Whole(ObjectKind::Tag),
            6 => {
                // Unlike the size, this number is big-endian, and each byte but the last adds one, so that no offset
                // can be written in two ways.
                let mut byte = next()?;
                let mut back = u64::from(byte & 0x7f);
                while byte & 0x80 != 0 {
                    byte = next()?;
                    if back > u64::MAX >> 9 {
                        return Err(bad("a delta has an absurd offset"));
                    }
                    back = ((back + 1) << 7) | u64::from(byte & 0x7f);
                }
                // A base always lies before its delta. An entry that names itself would be resolved without end.
                let base = offset
                    .checked_sub(back)
                    .filter(|base| *base > 0 && back > 0);
                EntryKind::OffsetDelta(base.ok_or_else(|| bad("a delta points outside the pack"))?)
            }
            7 => {
                let mut id = Id::default();
                for byte in &mut id {
                    *byte = next()?;
                }
                EntryKind::IdDelta(id)
            }
            _ => return Err(bad("an entry is of no known kind")),
        };
        let body = offset + (head.len() - rest.len()) as u64;
        Ok(PackEntry { kind, size, body })
    }

    /// The inflated bytes of an entry. The caller has bounded [`PackEntry::size`].
    pub(super) fn inflate(&self, entry: &PackEntry) -> Result<Vec<u8>, GitError> {
        let source = At {
            file: &self.data,
            at: entry.body,
        }
        .take(compressed_limit(entry.size));
        let source = BufReader::with_capacity(4096, source);
        inflate_exact(source, entry.size).map_err(|why| GitError::damaged(&self.place, why))
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

/// Most bytes that an object of `size` bytes takes when compressed, with room to spare: empty deflate blocks cost time and give
/// nothing, so they are not read without end.
pub(super) fn compressed_limit(size: u64) -> u64 {
    size + size / 64 + 4096
}

/// Exactly `size` bytes of a zlib stream that must end there.
pub(super) fn inflate_exact(source: impl io::BufRead, size: u64) -> Result<Vec<u8>, &'static str> {
    // The claimed size is not reserved at once: a small file that claims much must not cost memory.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(64 << 10));
    // One byte more than stated, so that a longer stream is noticed and not cut. A bomb is inflated no further.
    let mut stream = ZlibDecoder::new(source).take(size + 1);
    stream
        .read_to_end(&mut bytes)
        .map_err(|_| "a compressed object cannot be inflated")?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err("an object does not have the size that it states")
    }
}

/// Applies a delta: copies from `base` and inserted bytes. `limit` bounds the result.
pub(super) fn apply_delta(base: &[u8], delta: &[u8], limit: u64) -> Result<Vec<u8>, DeltaError> {
    let mut rest = delta;
    // A delta made for another base would give bytes that no id covers until they are hashed; refused early.
    if read_size(&mut rest)? != base.len() as u64 {
        return Err(DeltaError::Damaged);
    }
    let size = read_size(&mut rest)?;
    if size > limit {
        return Err(DeltaError::TooLarge);
    }
    let size = usize::try_from(size).map_err(|_| DeltaError::TooLarge)?;
    // A few bytes of delta can state and copy gigabytes, so the result grows as it is made.
    let mut result = Vec::with_capacity(size.min(1 << 20));
    while let Some((&operation, after)) = rest.split_first() {
        rest = after;
        let part = if operation & 0x80 != 0 {
            let offset = read_masked(&mut rest, operation & 0x0f)?;
            let length = match read_masked(&mut rest, (operation >> 4) & 7)? {
                // Nothing to copy would be useless, so the format gives this value the next larger length.
                0 => 0x10000,
                length => length,
            };
            let end = offset.checked_add(length).ok_or(DeltaError::Damaged)?;
            base.get(offset..end).ok_or(DeltaError::Damaged)?
        } else {
            let (part, after) = rest
                .split_at_checked(usize::from(operation))
                .ok_or(DeltaError::Damaged)?;
            rest = after;
            // Operation 0 is reserved. Passing over it would let two readers disagree once it means something.
            if part.is_empty() {
                return Err(DeltaError::Damaged);
            }
            part
        };
        if result.len() + part.len() > size {
            return Err(DeltaError::Damaged);
        }
        result.extend_from_slice(part);
    }
    if result.len() == size {
        Ok(result)
    } else {
        Err(DeltaError::Damaged)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum DeltaError {
    Damaged,
    TooLarge,
}

fn read_size(rest: &mut &[u8]) -> Result<u64, DeltaError> {
    let mut size = 0;
    let mut shift = 0;
    loop {
        let (&byte, after) = rest.split_first().ok_or(DeltaError::Damaged)?;
        *rest = after;
        if shift > 56 {
            return Err(DeltaError::Damaged);
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(size);
        }
    }
}

/// A little-endian number of which only the bytes named by `mask` are there.
fn read_masked(rest: &mut &[u8], mask: u8) -> Result<usize, DeltaError> {
    let mut value = 0;
    for nth in 0..4 {
        if mask & (1 << nth) != 0 {
            let (&byte, after) = rest.split_first().ok_or(DeltaError::Damaged)?;
            *rest = after;
            value |= usize::from(byte) << (8 * nth);
        }
    }
    Ok(value)
}

/// A reader from an offset that does not move the file's own position, so one open file serves many readers.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_copy_and_insert() {
        // Base of 5, result of 7: copy 5 from 0, insert 2.
        assert_eq!(
            apply_delta(b"hello", &[5, 7, 0x90, 5, 2, b'!', b'?'], 100),
            Ok(b"hello!?".to_vec())
        );
    }

    #[test]
    fn hostile_deltas_are_refused() {
        for delta in [
            &[][..],
            &[5],
            &[4, 1, 1, b'x'],             // another base
            &[5, 1, 0],                   // reserved operation
            &[5, 9, 0x91, 3, 9],          // copy beyond the base
            &[5, 2, 1, b'x'],             // shorter than stated
            &[5, 1, 2, b'x', b'y'],       // longer than stated
            &[5, 3, 5, b'x'],             // insert beyond the delta
            &[0xff; 20],                  // endless size
            &[5, 1, 0x8f, 255, 255, 255], // cut off
        ] {
            assert_eq!(
                apply_delta(b"hello", delta, 100),
                Err(DeltaError::Damaged),
                "{delta:?}"
            );
        }
        assert_eq!(
            apply_delta(b"hello", &[5, 0xff, 0xff, 0x03], 100),
            Err(DeltaError::TooLarge)
        );
    }

    #[test]
    fn a_bomb_is_cut_at_its_stated_size() {
        use std::io::Write as _;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 8 << 20]).expect("deflate");
        let bomb = encoder.finish().expect("deflate");
        assert!(inflate_exact(&bomb[..], 100).is_err());
        assert_eq!(
            inflate_exact(&bomb[..], 8 << 20).map(|bytes| bytes.len()),
            Ok(8 << 20)
        );
        assert!(inflate_exact(&bomb[..bomb.len() - 1], 8 << 20).is_err());
    }
}
