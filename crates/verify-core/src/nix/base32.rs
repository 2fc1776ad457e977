//! Nix's own base 32: an alphabet without `e`, `o`, `t` and `u`, and the last bits first. [S nix 2.8 `libutil/hash.cc`]

const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// The digits of `bytes`: 32 for 20 bytes, 52 for 32.
pub(super) fn encode(bytes: &[u8]) -> String {
    let digits = (bytes.len() * 8).div_ceil(5);
    let digit = |n: usize| {
        let (at, shift) = (n * 5 / 8, n * 5 % 8);
        let low = u16::from(bytes.get(at).copied().unwrap_or(0));
        let high = u16::from(bytes.get(at + 1).copied().unwrap_or(0));
        let five = ((high << 8 | low) >> shift) & 31;
        char::from(ALPHABET.get(usize::from(five)).copied().unwrap_or(b'0'))
    };
    (0..digits).rev().map(digit).collect()
}

/// The `N` bytes of `text`; none where it is of another length or holds another character.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = (N * 8).div_ceil(5);
    if text.len() != digits {
        return None;
    }
    let mut bytes = [0_u8; N];
    for (n, digit) in text.bytes().rev().enumerate() {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        let five = u16::try_from(value).ok()? << (n * 5 % 8);
        let at = n * 5 / 8;
        let [high, low] = five.to_be_bytes();
        *bytes.get_mut(at)? |= low;
        match bytes.get_mut(at + 1) {
            Some(byte) => *byte |= high,
            // Bits beyond the last byte would be another text for the same bytes.
            None if high != 0 => return None,
            None => {}
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::from_hex;

    #[test]
    fn digits_are_those_of_nix() {
        // `nix-hash --type sha256 --to-base32`.
        let hex = "5133523c3aeefeaccddb5e1fee9ad2aa70eb0f06fcd3af15366d66a65fd26881";
        let text = "10b8s9gscrkd6qaszlzw0q7ynw5asadfw7syvg6srzpf78y54csi";
        let bytes: [u8; 32] = from_hex(hex).expect("hex").try_into().expect("32 bytes");
        assert_eq!(encode(&bytes), text);
        assert_eq!(decode::<32>(text), Some(bytes));
        for wrong in [
            "",
            "10b8s9gscrkd6qaszlzw0q7ynw5asadfw7syvg6srzpf78y54cs",
            "10b8s9gscrkd6qaszlzw0q7ynw5asadfw7syvg6srzpf78y54cse",
            "z0b8s9gscrkd6qaszlzw0q7ynw5asadfw7syvg6srzpf78y54csi",
        ] {
            assert_eq!(decode::<32>(wrong), None, "{wrong}");
        }
    }
}
