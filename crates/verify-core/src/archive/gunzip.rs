//! Exactly one gzip member, unpacked within limits, while the packed bytes are hashed.

use std::io::{self, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::{ArchiveError, ArchiveLimits};

/// Below this an archive may unpack to any multiple of its size: a few zeros are no bomb.
const RATIO_FLOOR: u64 = 16 << 20;

/// Most zero bytes after the gzip data. `gzip`, Node and npm ignore them; old npm archives were filled up to a tape record.
const MAX_PADDING: u64 = 10_240;

/// The unpacked bytes of an archive.
pub(crate) struct Gunzip<R> {
    decoder: GzDecoder<BufReader<Hashed<R>>>,
    limits: ArchiveLimits,
    pub(crate) unpacked: u64,
}

/// Digests of the packed bytes.
pub(crate) struct Packed {
    pub(crate) bytes: u64,
    pub(crate) sha1: [u8; 20],
    pub(crate) sha256: [u8; 32],
    pub(crate) sha512: [u8; 64],
}

impl<R: Read> Gunzip<R> {
    pub(crate) fn new(reader: R, limits: &ArchiveLimits) -> Self {
        let hashed = Hashed {
            reader,
            limit: limits.packed,
            bytes: 0,
            sha1: Sha1::new(),
            sha256: Sha256::new(),
            sha512: Sha512::new(),
        };
        Self {
            decoder: GzDecoder::new(BufReader::with_capacity(64 << 10, hashed)),
            limits: *limits,
            unpacked: 0,
        }
    }

    /// Ends the reading: after the gzip data nothing may follow but a few zeros, which are hashed with the rest.
    pub(crate) fn finish(self) -> Result<Packed, ArchiveError> {
        let mut rest = self.decoder.into_inner();
        let mut next = Vec::new();
        (&mut rest)
            .take(MAX_PADDING + 1)
            .read_to_end(&mut next)
            .map_err(ArchiveError::from_io)?;
        match next.as_slice() {
            [0x1f, 0x8b, ..] => return Err(ArchiveError::SeveralMembers),
            rest if rest.len() as u64 > MAX_PADDING || rest.iter().any(|b| *b != 0) => {
                return Err(ArchiveError::TrailingBytes);
            }
            _ => {}
        }
        let hashed = rest.into_inner();
        Ok(Packed {
            bytes: hashed.bytes,
            sha1: hashed.sha1.finalize().into(),
            sha256: hashed.sha256.finalize().into(),
            sha512: hashed.sha512.finalize().into(),
        })
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.decoder.read(buffer)?;
        self.unpacked += got as u64;
        if self.unpacked > self.limits.unpacked {
            return Err(io::Error::other(ArchiveError::UnpackedTooLarge(
                self.limits.unpacked,
            )));
        }
        let packed = self.decoder.get_ref().get_ref().bytes;
        if self.unpacked > RATIO_FLOOR && self.unpacked > packed.saturating_mul(self.limits.ratio) {
            return Err(io::Error::other(ArchiveError::Bomb(self.limits.ratio)));
        }
        Ok(got)
    }
}

/// Hashes what passes.
struct Hashed<R> {
    reader: R,
    limit: u64,
    bytes: u64,
    sha1: Sha1,
    sha256: Sha256,
    sha512: Sha512,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        let Some(bytes) = buffer.get(..got) else {
            return Err(io::Error::other("the reader gave more than was asked for"));
        };
        self.bytes += got as u64;
        if self.bytes > self.limit {
            return Err(io::Error::other(ArchiveError::PackedTooLarge(self.limit)));
        }
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha512.update(bytes);
        Ok(got)
    }
}
