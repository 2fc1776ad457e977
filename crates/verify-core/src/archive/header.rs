//! The 512 bytes before every entry of a tar archive (POSIX `ustar`, GNU, and the old format without a magic), read strictly.

use super::ArchiveError;

pub(crate) const BLOCK: usize = 512;

/// One header.
pub(crate) struct Header {
    pub(crate) kind: u8,
    /// Prefix and name.
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// Bytes of the prefix in `path`, none where the field is empty. Some readers put it before the path of an extended header
    /// too, others do not.
    pub(crate) prefix: Option<usize>,
}

impl Header {
    /// The header in `block`.
    pub(crate) fn parse(block: &[u8; BLOCK]) -> Result<Self, ArchiveError> {
        let bad = ArchiveError::BadHeader;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                u64::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    *byte
                })
            })
            .sum();
        if octal(&block[148..156]) != Some(sum) {
            return Err(ArchiveError::BadChecksum);
        }
        let size = octal(&block[124..136]).ok_or(bad("the size is no octal number"))?;
        // An empty mode is none at all.
        let mode = if block[100..108].iter().all(|b| matches!(b, 0 | b' ')) {
            Some(0)
        } else {
            octal(&block[100..108])
        };
        let mode = mode
            .and_then(|mode| u32::try_from(mode).ok())
            .ok_or(bad("the mode is no octal number"))?;
        // User, group, time, device: no part of the tree, but `node-tar` leaves out an entry in which it cannot read them.
        let others = [
            &block[108..116],
            &block[116..124],
            &block[136..148],
            &block[329..337],
            &block[337..345],
        ];
        if !others.into_iter().all(harmless_number) {
            return Err(bad("an owner, time or device is no octal number"));
        }
        // Behind the first NUL `node-tar` drops what follows, but only up to a line feed.
        let plain = |field: &[u8]| field.iter().skip_while(|b| **b != 0).all(|b| *b == 0);
        if !plain(&block[0..100]) || !plain(&block[157..257]) {
            return Err(bad("a name that goes on after its end"));
        }
        let name = text(&block[0..100]);
        let (path, prefix) = match &block[257..265] {
            b"ustar\x0000" => {
                let prefix = text(&block[345..500]);
                // `node-tar` takes byte 475 for the sign of a long prefix; other readers look for the first NUL.
                if prefix.len() < 131 {
                    // Behind a short prefix it looks for times.
                    if !plain(&block[345..476])
                        || !harmless_number(&block[476..488])
                        || !harmless_number(&block[488..500])
                    {
                        return Err(bad("the prefix goes on after its end"));
                    }
                }
                match prefix {
                    [] => (name.to_vec(), None),
                    prefix => ([prefix, b"/", name].concat(), Some(prefix.len())),
                }
            }
            // GNU has times where `ustar` has the prefix.
            b"ustar  \0" => (name.to_vec(), None),
            // Old npm wrote these version bytes. `node-tar` takes the prefix only after `00`, other readers after any version, so
            // there must be none.
            b"ustar\0 \0" | b"ustar\0 0" if block[345..500].iter().all(|b| *b == 0) => {
                (name.to_vec(), None)
            }
            magic if magic.iter().all(|b| *b == 0) => (name.to_vec(), None),
            _ => return Err(bad("the magic is unknown")),
        };
        Ok(Self {
            kind: block[156],
            path,
            link: text(&block[157..257]).to_vec(),
            size,
            mode,
            prefix,
        })
    }

    /// Whether its prefix makes a second path beside that of a pax header, or of a GNU long name.
    pub(crate) fn contradicts(&self, extended: &[u8], is_pax: bool) -> bool {
        let Some((prefix, name)) = self.prefix.and_then(|at| {
            let (prefix, rest) = self.path.split_at_checked(at)?;
            Some((prefix, rest.strip_prefix(b"/")?))
        }) else {
            return false;
        };
        !(is_pax && super::node_tar::is_truncation(extended, prefix, name))
    }
}

/// What stands before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// Spaces, octal digits, then only NULs and spaces. Everything else (signs, base 256, digits after a gap) is read differently by
/// different programs.
fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|b| *b != b' ')?;
    let digits = field.get(start..)?;
    let end = digits
        .iter()
        .position(|b| !(b'0'..=b'7').contains(b))
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() || rest.iter().any(|b| !matches!(b, 0 | b' ')) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |value, digit| value * 8 + u64::from(digit - b'0')),
    )
}

/// A number that says nothing about the tree: blank, octal, or a large user id as GNU tar writes it.
fn harmless_number(field: &[u8]) -> bool {
    field.iter().all(|b| matches!(b, 0 | b' '))
        || octal(field).is_some()
        || (field.len() == 8 && field.starts_with(&[0x80, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_read_in_two_ways_are_none() {
        assert_eq!(octal(b"0000644\0"), Some(0o644));
        assert_eq!(octal(b"   644 \0"), Some(0o644));
        assert_eq!(octal(b"77777777777\0"), Some(0o77777777777));
        for field in [
            b"12 34\0\0\0".as_slice(),
            b"-1\0",
            b"\x80\0\0\0\0\0\0\x10",
            b"0x10\0",
            b"8\0",
            b"\0\0\0",
            b"   ",
            b"12\x001",
        ] {
            assert_eq!(octal(field), None, "{field:?}");
        }
    }
}
