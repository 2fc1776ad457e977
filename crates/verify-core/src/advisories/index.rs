//! The index: one file that answers what is said of a package by reading a few blocks of it. Format: docs/formats.md, "Advisory index".
//!
//! Its body is cut into blocks of 2 KiB. The digest of each stands in a table, and the index's own digest is that of header,
//! description and table, which also stands at the end: so one digest stands for every byte, though a look-up reads and hashes only the blocks that it needs. A
//! package's bucket is found by the hash of its name; the bucket says which names it holds, so an answer "none" is one that was read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Entry;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::read;

/// `OCVADV`, and the version of the format.
const MAGIC: [u8; 8] = *b"OCVADV\x00\x02";
/// Bytes of the header: the magic, and the lengths of what follows.
const HEADER: u64 = 32;
/// Bytes of a block of the body. A look-up hashes two or three, and opening the index all of their digests: this size makes both small.
const BLOCK: u64 = 2 << 10;
/// Bytes of a digest.
const DIGEST: u64 = 32;
/// Most bytes of the description.
const MAX_META: u64 = 1 << 20;
/// Most bytes of the body.
const MAX_BODY: u64 = 4 << 30;
/// Most buckets.
const MAX_BUCKETS: u64 = 1 << 22;
/// Most blocks that are kept: 1 MiB.
const MAX_KEPT: usize = 512;
/// Most bytes of one bucket: a few packages, and what is said of them.
const MAX_BUCKET: u64 = 64 << 20;

/// What an index holds and was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IndexMeta {
    /// What was imported, in the order in which it was named.
    pub sources: Vec<IndexSource>,
    /// Records that say something about an npm package.
    pub records: u64,
    /// How many of them say that it is malware.
    pub malicious: u64,
    /// Packages that they name.
    pub packages: u64,
    /// Records that were taken back; left out.
    pub withdrawn: u64,
    /// Records about other ecosystems only; left out.
    pub other_ecosystems: u64,
    /// Files that are no `.json`; passed over.
    pub other_files: u64,
    /// Records that could not be read; left out, because the operator allowed it.
    pub broken: u64,
    /// When the newest record changed; none where there is no record.
    pub newest: Option<Timestamp>,
}

impl IndexMeta {
    /// Whether no record, not even one that was taken back, is about npm: an index of it would answer every question with silence.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        self.records == 0 && self.withdrawn == 0
    }

    /// Whole days since the newest record changed; none where that is not known, or lies ahead by more than clocks differ.
    #[must_use]
    pub fn age_days(&self, now: Timestamp) -> Option<i64> {
        let hours = now.duration_since(self.newest?).as_hours();
        (hours >= -24).then(|| hours.max(0) / 24)
    }
}

/// One thing that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IndexSource {
    /// Its file name, safe to show.
    pub name: String,
    /// Of a file, the digest of its bytes; of a folder, of the list of its files' names and digests.
    pub digest: Sha256Digest,
    /// Files with records in it.
    pub files: u64,
}

/// An open index.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    file: File,
    meta: IndexMeta,
    digest: Sha256Digest,
    table: Vec<u8>,
    buckets: u64,
    body_at: u64,
    body: u64,
    /// Blocks that say where buckets are, as they were when their digests were compared.
    kept: Mutex<BTreeMap<u64, Vec<u8>>>,
}

/// What the header says: the bytes of the description, how many buckets there are, and the bytes of the body.
fn lengths(path: &Path, header: &[u8]) -> Result<[u64; 3]> {
    if header.get(..8) != Some(&MAGIC) {
        return Err(broken(
            path,
            "byte 0",
            "this is no advisory index, or one of another version",
        ));
    }
    let number = |at: usize| {
        let bytes = header
            .get(at..at + 8)
            .and_then(|eight| eight.try_into().ok());
        bytes.map_or(u64::MAX, u64::from_le_bytes)
    };
    let (meta, buckets, body) = (number(8), number(16), number(24));
    let directory = buckets.saturating_add(1).saturating_mul(8);
    if meta > MAX_META
        || buckets > MAX_BUCKETS
        || !buckets.is_power_of_two()
        || body > MAX_BODY
        || directory > body
    {
        return Err(broken(
            path,
            "byte 8",
            "the lengths in the header cannot be",
        ));
    }
    Ok([meta, buckets, body])
}

impl Index {
    /// Opens the index at `path`; none when nothing is there.
    ///
    /// # Errors
    /// When what is there is no whole index of this version.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let (file, metadata) = match read::open(path) {
            Ok(open) => open,
            Err(read::ReadError::NotFound) => return Ok(None),
            Err(error) => return Err(broken(path, "the file", &error.to_string())),
        };
        let length = metadata.len();
        let cut = || broken(path, &format!("byte {length}"), "the index ends too early");
        if length < HEADER {
            return Err(cut());
        }
        let header = pread(path, &file, 0, HEADER)?;
        let [meta_length, buckets, body] = lengths(path, &header)?;
        let table_length = body.div_ceil(BLOCK) * DIGEST;
        let body_at = HEADER + meta_length + table_length;
        let end = body_at + body + DIGEST;
        match length.cmp(&end) {
            std::cmp::Ordering::Less => return Err(cut()),
            std::cmp::Ordering::Greater => {
                return Err(broken(
                    path,
                    &format!("byte {end}"),
                    "something stands after the end",
                ));
            }
            std::cmp::Ordering::Equal => {}
        }
        let meta_bytes = pread(path, &file, HEADER, meta_length)?;
        let table = pread(path, &file, HEADER + meta_length, table_length)?;
        let digest = digest_of(&[&header, &meta_bytes, &table]);
        if pread(path, &file, end - DIGEST, DIGEST)? != digest.0 {
            return Err(broken(
                path,
                "byte 0",
                "header, description and table do not have the digest at the end: the file was damaged or changed",
            ));
        }
        let meta = serde_json::from_slice(&meta_bytes).map_err(|error| {
            broken(
                path,
                &format!("byte {HEADER}"),
                &format!("the description cannot be read: {error}"),
            )
        })?;
        Ok(Some(Self {
            path: path.to_owned(),
            digest,
            file,
            meta,
            table,
            buckets,
            body_at,
            body,
            kept: Mutex::default(),
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds and was made from.
    #[must_use]
    pub fn meta(&self) -> &IndexMeta {
        &self.meta
    }

    /// The digest that stands for all of its bytes.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// What the records say of the npm package of exactly this name; empty when none names it.
    ///
    /// # Errors
    /// When the blocks that hold the answer are not what the index's digest stands for.
    pub fn entries(&self, name: &str) -> Result<Vec<Entry>> {
        let directory = (self.buckets + 1) * 8;
        let bucket = bucket_of(name, self.buckets);
        let ends = self.ends(bucket)?;
        let number = |at: usize| {
            let bytes = ends.get(at..at + 8).and_then(|eight| eight.try_into().ok());
            bytes.map_or(u64::MAX, u64::from_le_bytes)
        };
        let (from, to) = (number(0), number(8));
        let fault = |why: &str| broken(&self.path, &format!("bucket {bucket}"), why);
        let length = to.checked_sub(from).filter(|length| *length <= MAX_BUCKET);
        let (Some(length), true) = (length, to <= self.body - directory) else {
            return Err(fault("its place is not inside the index"));
        };
        let bytes = self.body_bytes(directory + from, length)?;
        let mut rest = bytes.as_slice();
        let mut before: Option<&[u8]> = None;
        let mut found = Vec::new();
        while !rest.is_empty() {
            let Some((own, entries, after)) = frame(rest) else {
                return Err(fault("a package in it is cut off"));
            };
            let text = std::str::from_utf8(own).map_err(|_| fault("a name is not UTF-8"))?;
            if before.is_some_and(|before| before >= own) || bucket_of(text, self.buckets) != bucket
            {
                return Err(fault("a package stands in the wrong place"));
            }
            if text == name {
                found = serde_json::from_slice(entries)
                    .map_err(|error| fault(&format!("what it says cannot be read: {error}")))?;
            }
            before = Some(own);
            rest = after;
        }
        Ok(found)
    }

    /// Where a bucket begins and ends. Many buckets share a block of these, so the blocks that were hashed are kept.
    fn ends(&self, bucket: u64) -> Result<Vec<u8>> {
        let (at, size) = (bucket * 8, 16);
        let (block, inside) = (at / BLOCK, at % BLOCK);
        if inside + size > BLOCK {
            return self.body_bytes(at, size);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains_key(&block) {
            let length = BLOCK.min(self.body - block * BLOCK);
            let bytes = self.body_bytes(block * BLOCK, length)?;
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(block, bytes);
        }
        let from = usize::try_from(inside).unwrap_or(usize::MAX);
        let ends = kept.get(&block).and_then(|bytes| bytes.get(from..));
        let ends = ends.and_then(|rest| rest.get(..16)).unwrap_or_default();
        Ok(ends.to_vec())
    }

    /// Bytes of the body, read with the whole blocks in which they lie.
    fn body_bytes(&self, at: u64, length: u64) -> Result<Vec<u8>> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let first = at / BLOCK;
        let end = (at + length).div_ceil(BLOCK) * BLOCK;
        let end = end.min(self.body);
        let mut bytes = pread(
            &self.path,
            &self.file,
            self.body_at + first * BLOCK,
            end - first * BLOCK,
        )?;
        let size = usize::try_from(BLOCK).unwrap_or(usize::MAX);
        for (number, block) in (first..).zip(bytes.chunks(size)) {
            let place = usize::try_from(number * DIGEST).unwrap_or(usize::MAX);
            let known = self.table.get(place..).and_then(|rest| rest.get(..32));
            if known != Some(&digest_of(&[block]).0[..]) {
                let at = self.body_at + number * BLOCK;
                return Err(broken(
                    &self.path,
                    &format!("byte {at}"),
                    "the block does not have its digest: the file was damaged or changed",
                ));
            }
        }
        let skip = usize::try_from(at - first * BLOCK).unwrap_or(usize::MAX);
        bytes.drain(..skip.min(bytes.len()));
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

/// What is written of one package: its name, and its entries as JSON, one after the other.
pub(super) struct Package {
    pub name: String,
    pub entries: Vec<Vec<u8>>,
}

/// Writes an index atomically: a reader sees the old one or the new one, whole. `packages` have names that differ.
pub(super) fn write(
    path: &Path,
    meta: &IndexMeta,
    mut packages: Vec<Package>,
) -> Result<Sha256Digest> {
    let cannot = |error: io::Error| Error::io("write", path, error);
    let buckets = ((packages.len() as u64) / 4)
        .max(1)
        .next_power_of_two()
        .min(MAX_BUCKETS);
    packages
        .sort_by_cached_key(|package| (bucket_of(&package.name, buckets), package.name.clone()));
    let mut ends = vec![0u64; usize::try_from(buckets + 1).unwrap_or(1)];
    for package in &packages {
        let bucket = usize::try_from(bucket_of(&package.name, buckets)).unwrap_or(0);
        if let Some(end) = ends.get_mut(bucket + 1) {
            *end += package.length();
        }
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    let body = ends.len() as u64 * 8 + sum;
    if body > MAX_BODY {
        return Err(Error::environment(
            format!("the index would have {body} bytes, more than the {MAX_BODY} accepted"),
            "import fewer records",
        ));
    }
    let meta_bytes = serde_json::to_vec(meta).map_err(|error| cannot(error.into()))?;
    let mut header = MAGIC.to_vec();
    for number in [meta_bytes.len() as u64, buckets, body] {
        header.extend(number.to_le_bytes());
    }
    let table_length = body.div_ceil(BLOCK) * DIGEST;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::Builder::new()
        .prefix(".openclaw-verify-")
        .suffix(".tmp")
        // It holds no secret, and a gate of another user reads it: what the umask leaves of rw-rw-rw-.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(cannot)?;
    let file = temporary.as_file_mut();
    let body_at = HEADER + meta_bytes.len() as u64 + table_length;
    file.seek(SeekFrom::Start(body_at)).map_err(cannot)?;
    let mut blocks = Blocks::new(BufWriter::with_capacity(1 << 20, &mut *file));
    for end in &ends {
        blocks.write_all(&end.to_le_bytes()).map_err(cannot)?;
    }
    for package in &packages {
        package.write(&mut blocks).map_err(cannot)?;
    }
    let table = blocks.finish().map_err(cannot)?;
    file.seek(SeekFrom::Start(0)).map_err(cannot)?;
    for part in [&header, &meta_bytes, &table] {
        file.write_all(part).map_err(cannot)?;
    }
    let digest = digest_of(&[&header, &meta_bytes, &table]);
    file.seek(SeekFrom::End(0)).map_err(cannot)?;
    file.write_all(&digest.0).map_err(cannot)?;
    file.sync_all().map_err(cannot)?;
    temporary
        .persist(path)
        .map_err(|error| cannot(error.error))?;
    if let Ok(folder) = File::open(folder) {
        // Not every file system lets a folder be flushed.
        let _ = folder.sync_all();
    }
    Ok(digest)
}

impl Package {
    /// Bytes of the entries as a JSON array.
    fn json_length(&self) -> u64 {
        let bytes: usize = self.entries.iter().map(Vec::len).sum();
        bytes as u64 + 2 + self.entries.len().saturating_sub(1) as u64
    }

    fn length(&self) -> u64 {
        2 + 4 + self.name.len() as u64 + self.json_length()
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let too_long = |_| io::Error::other("what is said of one package is too long");
        let name = u16::try_from(self.name.len()).map_err(too_long)?;
        let json = u32::try_from(self.json_length()).map_err(too_long)?;
        to.write_all(&name.to_le_bytes())?;
        to.write_all(&json.to_le_bytes())?;
        to.write_all(self.name.as_bytes())?;
        to.write_all(b"[")?;
        for (at, entry) in self.entries.iter().enumerate() {
            if at > 0 {
                to.write_all(b",")?;
            }
            to.write_all(entry)?;
        }
        to.write_all(b"]")
    }
}

/// Hashes what passes, block by block.
struct Blocks<W> {
    to: W,
    block: Vec<u8>,
    table: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            block: Vec::new(),
            table: Vec::new(),
        }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.table.extend(digest_of(&[&self.block]).0);
            self.to.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end_block()?;
        self.to.flush()?;
        Ok(self.table)
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(BLOCK).unwrap_or(usize::MAX) - self.block.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.block.extend_from_slice(taken);
        if self.block.len() as u64 == BLOCK {
            self.end_block()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Name, entries and what follows.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = bytes.split_at_checked(2)?;
    let (json, rest) = rest.split_at_checked(4)?;
    let name = usize::from(u16::from_le_bytes(name.try_into().ok()?));
    let json = usize::try_from(u32::from_le_bytes(json.try_into().ok()?)).ok()?;
    let (name, rest) = rest.split_at_checked(name)?;
    let (json, rest) = rest.split_at_checked(json)?;
    Some((name, json, rest))
}

fn bucket_of(name: &str, buckets: u64) -> u64 {
    let digest = digest_of(&[name.as_bytes()]).0;
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first) & (buckets - 1)
}

fn digest_of(parts: &[&[u8]]) -> Sha256Digest {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Sha256Digest(hasher.finalize().into())
}

fn pread(path: &Path, file: &File, at: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(broken(
            path,
            &format!("byte {at}"),
            &format!("cannot be read: {error}"),
        )),
    }
}

fn broken(path: &Path, place: &str, why: &str) -> Error {
    Error::environment(
        format!(
            "the advisory index {}, {place}: {why}",
            crate::text::visible(&path.display().to_string())
        ),
        "import the records again; an index that cannot be read never counts as one that names nothing",
    )
}
