//! Whether a signature holds, for every kind of key that is checked without a library of its own.

use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};

use crate::digest::to_hex;

/// The points of Edwards25519 whose order divides 8, by their y as it is encoded, canonically or not, without the sign of x.
/// [S libsodium `ge25519_has_small_order`]
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Whether `signature` of `message` holds under `key`, in the encodings of `algorithm`.
///
/// An Ed25519 key of small order signs nothing: a signature that holds for every message can be written down without any secret, and
/// RFC 8032 leaves open whether it counts.
pub(crate) fn holds(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    !is_of_small_order(key)
        && UnparsedPublicKey::new(algorithm, key)
            .verify(message, signature)
            .is_ok()
}

/// Only keys of Ed25519 have 32 bytes: a point of another curve has both coordinates, and what it is.
fn is_of_small_order(key: &[u8]) -> bool {
    let Ok(mut y) = <[u8; 32]>::try_from(key) else {
        return false;
    };
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&to_hex(&y).as_str())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _};

    use super::*;
    use crate::digest::from_hex;

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // R is the neutral point and S is 0: what the equation asks for, whatever the message.
        let mut signature = [0; 64];
        signature[0] = 1;
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let alone = UnparsedPublicKey::new(&ED25519, &neutral);
        assert!(alone.verify(b"any text", &signature).is_ok());
        assert!(!holds(&ED25519, &neutral, b"any text", &signature));
        for text in SMALL_ORDER {
            let mut key = from_hex(text).expect("hex");
            assert!(is_of_small_order(&key), "{text}");
            key[31] |= 0x80;
            assert!(is_of_small_order(&key), "{text}, with the sign");
        }
    }

    #[test]
    fn a_usual_key_signs() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
        let key = pair.public_key().as_ref();
        let signature = pair.sign(b"a text");
        assert!(holds(&ED25519, key, b"a text", signature.as_ref()));
        assert!(!holds(&ED25519, key, b"another", signature.as_ref()));
    }
}
