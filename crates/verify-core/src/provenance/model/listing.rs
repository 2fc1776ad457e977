//! What a signature of a folder lists, and whether the folder is that.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::Digest as _;

use super::{Fetch, PREDICATE, SignedFolder};
use crate::fact::Fault;
use crate::provenance::fault::RefusedBundle;
use crate::provenance::statement::Statement;
use crate::text;
use crate::tree::{BlobId, Mode};

/// Most resources of one signature. The largest signed skills seen list some hundreds of files.
const MAX_RESOURCES: usize = 200_000;

/// The files of a signed folder by path, each with its pieces in order.
#[derive(Debug)]
pub(super) struct Listing {
    name: String,
    root: crate::digest::Sha256Digest,
    files: BTreeMap<String, Vec<Piece>>,
    hash: Hash,
    /// Bytes of a piece; none where each file is one.
    shard: Option<u64>,
}

#[derive(Debug, PartialEq)]
struct Piece {
    start: u64,
    /// None: to the end of the file.
    end: Option<u64>,
    digest: String,
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
    Blake2b,
}

impl Hash {
    fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256 => crate::digest::to_hex(&sha2::Sha256::digest(bytes)),
            Self::Sha384 => crate::digest::to_hex(&sha2::Sha384::digest(bytes)),
            Self::Sha512 => crate::digest::to_hex(&sha2::Sha512::digest(bytes)),
            Self::Blake2b => {
                crate::digest::to_hex(&<blake2::Blake2b512 as blake2::Digest>::digest(bytes))
            }
        }
    }
}

/// By which digest files are listed, with its name.
fn hash_of(serialization: &Map<String, Value>) -> Result<(Hash, &'static str), RefusedBundle> {
    match word(serialization, "hash_type")? {
        "sha256" => Ok((Hash::Sha256, "sha256")),
        "sha384" => Ok((Hash::Sha384, "sha384")),
        "sha512" => Ok((Hash::Sha512, "sha512")),
        "blake2b" => Ok((Hash::Blake2b, "blake2b")),
        other => Err(unknown("the kind of digest", other)),
    }
}

/// Into pieces of how many bytes files are cut; none where they are listed whole.
fn shard_of(serialization: &Map<String, Value>) -> Result<Option<u64>, RefusedBundle> {
    match word(serialization, "method")? {
        "files" => Ok(None),
        "shards" => {
            let size = whole(serialization.get("shard_size")).filter(|size| *size > 0);
            size.map(Some)
                .ok_or_else(|| bad("its `shard_size` is no positive whole number"))
        }
        other => Err(unknown("the way of listing files", other)),
    }
}

fn word<'a>(serialization: &'a Map<String, Value>, key: &str) -> Result<&'a str, RefusedBundle> {
    let value = serialization.get(key).and_then(Value::as_str);
    value.ok_or_else(|| bad(&format!("its `{key}` is no text")))
}

impl Listing {
    /// Reads the predicate. Nothing of it is proven before its signature is.
    pub(super) fn of(statement: &Statement) -> Result<Self, RefusedBundle> {
        if statement.predicate_type != PREDICATE {
            return Err(RefusedBundle::Unsupported(format!(
                "the signature is a statement of the type {}, and only {PREDICATE} is read",
                text::excerpt(&statement.predicate_type, 100)
            )));
        }
        let [subject] = statement.subjects.as_slice() else {
            return Err(bad("it names several subjects"));
        };
        let [(algorithm, root)] = subject.digests.as_slice() else {
            return Err(bad("its subject has several digests"));
        };
        if algorithm != "sha256" {
            return Err(unknown("the digest of the subject", algorithm));
        }
        let serialization = statement
            .predicate
            .get("serialization")
            .and_then(Value::as_object)
            .ok_or_else(|| bad("it has no `serialization`"))?;
        let known = [
            "method",
            "hash_type",
            "allow_symlinks",
            "ignore_paths",
            "shard_size",
        ];
        if let Some(other) = serialization
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            return Err(unknown("a key of `serialization`", other));
        }
        let (hash, hash_name) = hash_of(serialization)?;
        let shard = shard_of(serialization)?;
        let algorithm = match shard {
            None => hash_name.to_owned(),
            Some(size) => format!("{hash_name}-sharded-{size}"),
        };
        let resources = statement
            .predicate
            .get("resources")
            .and_then(Value::as_array)
            .filter(|all| all.len() <= MAX_RESOURCES)
            .ok_or_else(|| bad("it has no usable `resources`"))?;
        let mut listing = Self {
            name: subject.name.clone(),
            root: crate::digest::from_hex(root)
                .and_then(|bytes| bytes.try_into().ok())
                .map(crate::digest::Sha256Digest)
                .ok_or_else(|| bad("the digest of its subject is none"))?,
            files: BTreeMap::new(),
            hash,
            shard,
        };
        let mut all = sha2::Sha256::new();
        for resource in resources {
            let raw = listing.add(resource, &algorithm, hash_name)?;
            all.update(raw);
        }
        if crate::digest::to_hex(&all.finalize()) != listing.root.hex() {
            return Err(RefusedBundle::wrong(
                Fault::Subject,
                "the digest of its subject is not that of the resources that it lists",
            ));
        }
        Ok(listing)
    }

    /// The digest of everything that is listed, which is the subject of the statement.
    pub(super) fn root(&self) -> crate::digest::Sha256Digest {
        self.root
    }

    /// Adds one resource; its digest as bytes.
    fn add(
        &mut self,
        resource: &Value,
        algorithm: &str,
        hash_name: &str,
    ) -> Result<Vec<u8>, RefusedBundle> {
        let word = |key: &str| {
            let value = resource.get(key).and_then(Value::as_str);
            value.ok_or_else(|| bad(&format!("a resource has no `{key}`")))
        };
        let (name, digest, said) = (word("name")?, word("digest")?, word("algorithm")?);
        if said != algorithm && (self.shard.is_some() || said != hash_name) {
            return Err(bad(&format!(
                "the digest of {} is of another kind ({}) than it says of all",
                text::excerpt(name, 100),
                text::excerpt(said, 40)
            )));
        }
        let (path, start, end) = match self.shard {
            None => (name, 0, None),
            Some(_) => {
                let mut parts = name.rsplitn(3, ':');
                let end = parts.next().and_then(number);
                let start = parts.next().and_then(number);
                match (parts.next(), start, end) {
                    (Some(path), Some(start), Some(end)) => (path, start, Some(end)),
                    _ => {
                        return Err(bad(&format!(
                            "{} names no piece of a file",
                            text::excerpt(name, 100)
                        )));
                    }
                }
            }
        };
        let usable = !path.is_empty()
            && !path.contains(['\0', '\\'])
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !usable {
            return Err(bad(&format!(
                "{} is no path below the folder",
                text::excerpt(path, 100)
            )));
        }
        let raw = crate::digest::from_hex(digest)
            .ok_or_else(|| bad("a digest of a resource is no lower-case hex"))?;
        let pieces = self.files.entry(path.to_owned()).or_default();
        if self.shard.is_none() && !pieces.is_empty() {
            return Err(bad(&format!(
                "{} is listed twice",
                text::excerpt(path, 100)
            )));
        }
        pieces.push(Piece {
            start,
            end,
            digest: digest.to_owned(),
        });
        Ok(raw)
    }

    /// Whether the folder is exactly what is listed. Stricter than the format: nothing may lie there that is not listed, whatever
    /// `ignore_paths` says, because OpenClaw and the model read whatever lies there.
    pub(super) fn compare(&self, folder: &SignedFolder<'_>) -> Result<(), RefusedBundle> {
        let wrong = |why: String| Err(RefusedBundle::wrong(Fault::Artifact, why));
        if !folder.names.contains(&self.name.as_str()) {
            let here = folder.names.first().copied().unwrap_or_default();
            return wrong(format!(
                "the signature is for a folder of the name {}, and this one is {}",
                text::excerpt(&self.name, 100),
                text::excerpt(here, 100)
            ));
        }
        if self.files.contains_key(folder.signature) {
            return wrong("the signature lists itself".to_owned());
        }
        for entry in folder.files.entries() {
            let shown = || text::excerpt(&entry.path, 200);
            if entry.path == folder.signature {
                continue;
            }
            // In pieces an empty file has none, and the format lists only pieces.
            let no_pieces = Vec::new();
            let listed = self.files.get(&entry.path);
            let pieces = match (listed, self.shard) {
                (Some(pieces), _) => pieces,
                (None, Some(_)) if entry.id == BlobId::of(b"") => &no_pieces,
                _ => return wrong(format!("{} is not in the signature", shown())),
            };
            if entry.mode == Mode::Symlink {
                return wrong(format!("{} is a link, and links are not signed", shown()));
            }
            let bytes = match (folder.read)(entry) {
                Fetch::Bytes(bytes) => bytes,
                Fetch::Unread(why) => {
                    return Err(RefusedBundle::Unsupported(format!("{}: {why}", shown())));
                }
            };
            if !self.is(pieces, &bytes) {
                return wrong(format!("{} is not what was signed", shown()));
            }
        }
        let gone = self
            .files
            .keys()
            .find(|path| folder.files.get(path).is_none());
        match gone {
            Some(path) => wrong(format!(
                "{} was signed and is not there",
                text::excerpt(path, 200)
            )),
            None => Ok(()),
        }
    }

    fn is(&self, pieces: &[Piece], bytes: &[u8]) -> bool {
        let Some(size) = self.shard else {
            return matches!(pieces, [one] if one.digest == self.hash.of(bytes));
        };
        let length = bytes.len() as u64;
        let mut sorted: Vec<&Piece> = pieces.iter().collect();
        sorted.sort_by_key(|piece| piece.start);
        let mut at = 0_u64;
        for piece in sorted {
            // Every piece has its one place: none overlaps, none is left out.
            let end = at.saturating_add(size).min(length);
            if piece.start != at || piece.end != Some(end) || (end == at && length > 0) {
                return false;
            }
            let range = usize::try_from(at)
                .ok()
                .zip(usize::try_from(end).ok())
                .and_then(|(from, to)| bytes.get(from..to));
            if range.is_none_or(|range| self.hash.of(range) != piece.digest) {
                return false;
            }
            at = end;
        }
        at == length
    }
}

/// A whole number as JSON writes it; protobuf's writer adds a fraction of nought.
fn whole(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        let exact = float.fract() == 0.0 && (0.0..9e15).contains(&float);
        format!("{float:.0}").parse().ok().filter(|_| exact)
    })
}

/// Digits only, without leading noughts: one spelling a number.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

pub(super) fn bad(why: &str) -> RefusedBundle {
    RefusedBundle::wrong(Fault::Bundle, format!("the signature is malformed: {why}"))
}

fn unknown(what: &str, found: &str) -> RefusedBundle {
    RefusedBundle::Unsupported(format!(
        "{what} is none that this program reads: {}",
        text::excerpt(found, 60)
    ))
}
