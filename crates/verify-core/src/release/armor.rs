//! ASCII armor of signature blocks, read strictly: one spelling, so that no two readers see different bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether header lines, a blank line and a checksum may be in the block, as in OpenPGP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    OpenPgp,
}

/// The bytes inside a block. Its first and last lines are those that the tag parser found.
pub(super) fn decode(armor: &[u8], style: Style) -> Result<Vec<u8>, &'static str> {
    let text = std::str::from_utf8(armor).map_err(|_| "the signature block is not text")?;
    let mut lines: Vec<&str> = text
        .strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .collect();
    let last = lines.pop().unwrap_or_default();
    if lines.is_empty() {
        return Err("the signature block is empty");
    }
    let first = lines.remove(0);
    if !first.ends_with("-----") || last != first.replacen("BEGIN", "END", 1) {
        return Err("the signature block begins and ends with different lines");
    }
    let mut lines = lines.as_slice();
    let mut checksum = None;
    if style == Style::OpenPgp {
        let blank = lines
            .iter()
            .position(|line| line.trim_ascii().is_empty())
            .ok_or("the armor has no blank line")?;
        // These headers are not signed, and are not read here.
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !lines[..blank]
            .iter()
            .all(|line| line.split_once(": ").is_some_and(|(name, _)| is_name(name)))
        {
            return Err("the armor has a header line that is none");
        }
        lines = &lines[blank + 1..];
        if let Some((last, before)) = lines.split_last()
            && let Some(text) = last.strip_prefix('=')
        {
            let bytes = STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| <[u8; 3]>::try_from(bytes).ok());
            checksum = Some(bytes.ok_or("the checksum of the armor is malformed")?);
            lines = before;
        }
    }
    let (tail, full) = lines.split_last().ok_or("the signature block is empty")?;
    // ssh-keygen writes 70 characters a line, OpenPGP and PEM 64, RFC 2045 allows 76.
    let width = full.first().map_or(tail.len(), |line| line.len());
    if width > 76
        || full.iter().any(|line| line.len() != width)
        || tail.is_empty()
        || tail.len() > width
    {
        return Err("the lines of the signature block are not those that a signer writes");
    }
    let bytes = STANDARD
        .decode(lines.concat())
        .map_err(|_| "the signature block is not base64")?;
    // No protection, but GnuPG refuses a wrong one, and what it refuses is not accepted here.
    if checksum.is_some_and(|checksum| checksum != crc24(&bytes)) {
        return Err("the checksum of the armor does not fit");
    }
    Ok(bytes)
}

/// A block as OpenSSH writes it: 70 characters a line.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, letter) in STANDARD.encode(bytes).chars().enumerate() {
        if at > 0 && at % 70 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// The checksum of OpenPGP's armor (RFC 4880 section 6.1).
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let step = |crc: u32| {
        if crc & 0x80_0000 == 0 {
            crc << 1
        } else {
            (crc << 1) ^ 0x186_4cfb
        }
    };
    let crc = bytes.iter().fold(0xb7_04ce, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 16), |crc, _| step(crc))
    });
    let [_, checksum @ ..] = crc.to_be_bytes();
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        let block = |inner: &str| format!("-----BEGIN X-----\n{inner}-----END X-----\n");
        assert_eq!(
            decode(block("AAAA\nAA==\n").as_bytes(), Style::Plain),
            Ok(vec![0; 4])
        );
        for inner in [
            "",
            "\n",
            "AAAA\n\nAAAA\n",
            "AA==\nAAAA\n",
            "AAAA \n",
            "AAAA\r\n",
            "AAB=\n",
            "AAAA\nAAAAAA==\n",
            " AAAA\n",
        ] {
            assert!(
                decode(block(inner).as_bytes(), Style::Plain).is_err(),
                "{inner:?}"
            );
        }
        assert!(
            decode(
                block(&format!("{}\n", "A".repeat(80))).as_bytes(),
                Style::Plain
            )
            .is_err()
        );
        assert!(decode(b"-----BEGIN X-----\nAAAA\n-----END Y-----\n", Style::Plain).is_err());
    }

    #[test]
    fn openpgp_headers_and_checksum_are_skipped() {
        let block = |inner: &str| format!("-----BEGIN X-----\n{inner}-----END X-----\n");
        assert_eq!(
            decode(
                block("Version: 1\n\nSGVsbG8=\n=EHJM\n").as_bytes(),
                Style::OpenPgp
            ),
            Ok(b"Hello".to_vec())
        );
        assert_eq!(
            decode(block("\nAAAA\n").as_bytes(), Style::OpenPgp),
            Ok(vec![0; 3])
        );
        for inner in [
            "AAAA\n",
            "junk\n\nAAAA\n",
            "a:: b\n\nAAAA\n",
            ": b\n\nAAAA\n",
            "\nAAAA\n=abc\n",
            "\nAAAA\n=abcd\n",
            "\nAAAA\n=abcd\nAAAA\n",
            "\n\nAAAA\n",
        ] {
            assert!(
                decode(block(inner).as_bytes(), Style::OpenPgp).is_err(),
                "{inner:?}"
            );
        }
    }
}
