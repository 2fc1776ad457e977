//! Extended headers: POSIX `pax` records and GNU long names.

use super::ArchiveError;

/// What extended headers say about the next entry.
#[derive(Default)]
pub(crate) struct Extended {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    /// Kinds of the headers that were met: one of each at most, and pax never together with GNU.
    seen: Vec<u8>,
}

/// Keys that say nothing about path, type, size or content.
const HARMLESS: [&str; 3] = ["uname", "gname", "comment"];
const NUMBERS: [&str; 8] = [
    "atime",
    "ctime",
    "mtime",
    "uid",
    "gid",
    "SCHILY.dev",
    "SCHILY.ino",
    "SCHILY.nlink",
];
/// Keys of vendors begin so; those of sparse files are refused before.
const VENDORS: [&str; 4] = ["SCHILY.", "LIBARCHIVE.", "NODETAR.", "RHT."];

impl Extended {
    /// Whether any extended header waits for its entry.
    pub(crate) fn is_some(&self) -> bool {
        !self.seen.is_empty()
    }

    /// Whether it was a pax header, not GNU long names.
    pub(crate) fn is_pax(&self) -> bool {
        self.seen.contains(&b'x')
    }

    /// Takes in the content of an extended header of this kind: `x`, `L` or `K`.
    pub(crate) fn add(&mut self, kind: u8, content: &[u8]) -> Result<(), ArchiveError> {
        let bad = ArchiveError::BadExtendedHeader;
        if self.seen.contains(&kind)
            || (!self.seen.is_empty() && (kind == b'x' || self.seen.contains(&b'x')))
        {
            return Err(bad("two of them for one entry"));
        }
        self.seen.push(kind);
        if kind == b'x' {
            return self.pax(content);
        }
        let (name, end) = content.split_at(
            content
                .iter()
                .position(|b| *b == 0)
                .unwrap_or(content.len()),
        );
        if name.is_empty() || end.iter().any(|b| *b != 0) {
            return Err(bad("a long name with a NUL in it"));
        }
        *(if kind == b'L' {
            &mut self.path
        } else {
            &mut self.link
        }) = Some(name.to_vec());
        Ok(())
    }

    fn pax(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        let bad = ArchiveError::BadExtendedHeader;
        let mut keys = Vec::new();
        for (key, value) in records(content)? {
            if keys.contains(&key) {
                return Err(bad("a key stands twice"));
            }
            if matches!(key, "path" | "linkpath") && (value.is_empty() || value.contains(&0)) {
                return Err(bad("an empty path, or one with a NUL in it"));
            }
            match key {
                "path" => self.path = Some(value.to_vec()),
                "linkpath" => self.link = Some(value.to_vec()),
                "size" => self.size = Some(decimal(value).ok_or(bad("the size is no number"))?),
                key => check_harmless(key, value)?,
            }
            keys.push(key);
        }
        Ok(())
    }
}

/// Checks a global extended header: it may say nothing about what an entry is.
pub(crate) fn check_global(content: &[u8]) -> Result<(), ArchiveError> {
    records(content)?
        .into_iter()
        .try_for_each(|(key, value)| check_harmless(key, value))
}

fn check_harmless(key: &str, value: &[u8]) -> Result<(), ArchiveError> {
    if key.starts_with("GNU.sparse") || key == "SCHILY.realsize" {
        return Err(ArchiveError::Sparse);
    }
    if NUMBERS.contains(&key) && !is_number(value) {
        // `node-tar` leaves out an entry with such a value.
        return Err(ArchiveError::BadExtendedHeader(
            "a time or owner that is no number",
        ));
    }
    if NUMBERS.contains(&key)
        || HARMLESS.contains(&key)
        || VENDORS.iter().any(|vendor| key.starts_with(vendor))
    {
        return Ok(());
    }
    Err(ArchiveError::BadExtendedHeader("an unknown key"))
}

/// `length SP key=value LF` again and again. A line feed within a record is refused: `node-tar` splits at it, so it would see
/// other records.
fn records(content: &[u8]) -> Result<Vec<(&str, &[u8])>, ArchiveError> {
    let bad = ArchiveError::BadExtendedHeader;
    let mut records = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let space = rest
            .iter()
            .take(12)
            .position(|b| *b == b' ')
            .ok_or(bad("a record without length"))?;
        let (digits, _) = rest.split_at(space);
        let length = decimal(digits)
            .and_then(|n| usize::try_from(n).ok())
            .ok_or(bad("a record without length"))?;
        if length <= space + 1 || length > rest.len() {
            return Err(bad("a record with a wrong length"));
        }
        let (record, after) = rest.split_at(length);
        let body = record
            .get(space + 1..)
            .and_then(|body| body.strip_suffix(b"\n"))
            .ok_or(bad("a record with a wrong length"))?;
        let equals = body
            .iter()
            .position(|b| *b == b'=')
            .ok_or(bad("a record without value"))?;
        let (key, value) = (
            body.get(..equals).unwrap_or_default(),
            body.get(equals + 1..).unwrap_or_default(),
        );
        let key = std::str::from_utf8(key).map_err(|_| bad("a key that is not UTF-8"))?;
        if key.is_empty() || body.contains(&b'\n') {
            return Err(bad("a record that readers split differently"));
        }
        records.push((key, value));
        rest = after;
    }
    Ok(records)
}

/// Decimal digits, perhaps with a fraction.
fn is_number(value: &[u8]) -> bool {
    let mut parts = value.splitn(2, |b| *b == b'.');
    parts.all(|digits| {
        !digits.is_empty() && digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit)
    })
}

/// Decimal digits without a leading zero.
fn decimal(digits: &[u8]) -> Option<u64> {
    let plain = digits.iter().all(u8::is_ascii_digit)
        && (digits.len() == 1 || digits.first() != Some(&b'0'));
    if plain {
        std::str::from_utf8(digits).ok()?.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(content: &[u8]) -> Option<&'static str> {
        Extended::default()
            .add(b'x', content)
            .err()
            .map(|error| error.code())
    }

    #[test]
    fn records_are_read_strictly() {
        assert_eq!(
            code(b"12 path=a/b\n21 mtime=1700000000.5\n"),
            Some("bad-extended-header")
        );
        assert_eq!(code(b"12 path=a/b\n22 mtime=1700000000.5\n"), None);
        for content in [
            b"12 path=a/b\n12 path=a/c\n".as_slice(),
            b"012 path=a/b\n",
            b"11 path=a/b\n",
            b"99 path=a/b\n",
            b"12 path=a\nb\n",
            b"12 path=a\0b\n",
            b"8 path=\n",
            b"path=a\n",
            b"10 mode=7\n",
            b"16 hdrcharset=x\n",
            b"4 =\n",
            b"\n",
        ] {
            assert_eq!(
                code(content),
                Some("bad-extended-header"),
                "{:?}",
                String::from_utf8_lossy(content)
            );
        }
        assert_eq!(code(b"22 GNU.sparse.major=1\n"), Some("sparse"));
    }

    #[test]
    fn pax_and_gnu_are_never_mixed() {
        for (first, second) in [(b'x', b'x'), (b'L', b'L'), (b'x', b'L'), (b'L', b'x')] {
            let mut extended = Extended::default();
            let content = |kind| {
                if kind == b'x' {
                    b"12 path=a/b\n".as_slice()
                } else {
                    b"a/b\0"
                }
            };
            assert!(extended.add(first, content(first)).is_ok());
            assert!(extended.add(second, content(second)).is_err());
        }
        let mut extended = Extended::default();
        assert!(extended.add(b'L', b"a/b\0").is_ok() && extended.add(b'K', b"c\0").is_ok());
    }
}
