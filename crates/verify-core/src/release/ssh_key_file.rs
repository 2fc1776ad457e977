//! Private keys in files of OpenSSH (its PROTOCOL.key), to sign files as `ssh-keygen -Y sign` does. Ed25519 and P-256, without a
//! passphrase: what asks for one, an agent or a security key, is `ssh-keygen`'s to use.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};

use super::armor::{self, Style};
use super::sshsig;
use super::wire::{Reader, SshKey, put_string};
use crate::provenance::KeyError;
use crate::text;

const MAGIC: &[u8] = b"openssh-key-v1\0";
const FIRST: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const ED25519: &str = "ssh-ed25519";
const P256: &str = "ecdsa-sha2-nistp256";

/// A key that signs.
pub struct SshSigningKey {
    public: SshKey,
    blob: Vec<u8>,
    pair: Pair,
}

enum Pair {
    Ed25519(Box<Ed25519KeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl SshSigningKey {
    /// The key in the text of a file such as `~/.ssh/id_ed25519`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if !text.starts_with(FIRST) {
            return Err(KeyError::Form("private key of OpenSSH"));
        }
        let bytes = armor::decode(text.as_bytes(), Style::Plain)
            .map_err(|_| KeyError::Form("whole private key of OpenSSH"))?;
        let damaged = || KeyError::Damaged;
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or_else(damaged)?);
        let (cipher, kdf) = (reader.text(), reader.text());
        if cipher != Some("none") || kdf != Some("none") {
            return Err(KeyError::Passphrase);
        }
        let mut parts = || {
            reader.string().filter(|options| options.is_empty())?;
            (reader.u32()? == 1).then_some(())?;
            let (public, private) = (reader.string()?, reader.string()?);
            reader.end()?;
            Some((public, private))
        };
        let (blob, private) = parts().ok_or_else(damaged)?;
        let public = SshKey::from_blob(blob).ok_or_else(damaged)?;
        let pair = pair(&public, blob, private)?;
        Ok(Self {
            public,
            blob: blob.to_vec(),
            pair,
        })
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &SshKey {
        &self.public
    }

    /// The armored signature of `message` for `namespace`, as `ssh-keygen -Y sign -n NAMESPACE` writes it. Of an Ed25519 key it is
    /// always the same.
    ///
    /// # Errors
    /// When the arithmetic fails.
    pub fn sign(&self, message: &[u8], namespace: &str) -> Result<String, KeyError> {
        sshsig::sign(message, namespace, &self.blob, |signed| match &self.pair {
            Pair::Ed25519(pair) => Ok((ED25519, pair.sign(signed).as_ref().to_vec())),
            Pair::P256(pair) => {
                let signature = pair
                    .sign(&SystemRandom::new(), signed)
                    .map_err(|_| KeyError::Signing)?;
                let mut value = Vec::new();
                let (r, s) = signature.as_ref().split_at(signature.as_ref().len() / 2);
                put_positive(&mut value, r);
                put_positive(&mut value, s);
                Ok((P256, value))
            }
        })
    }
}

/// A key is never shown.
impl fmt::Debug for SshSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshSigningKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

fn pair(public: &SshKey, blob: &[u8], private: &[u8]) -> Result<Pair, KeyError> {
    let damaged = || KeyError::Damaged;
    let mut reader = Reader(private);
    // Twice the same number, by which the right passphrase is known.
    if reader.u32().is_none_or(|first| reader.u32() != Some(first)) {
        return Err(damaged());
    }
    let kind = reader.text().ok_or_else(damaged)?;
    if kind != public.type_name() {
        return Err(damaged());
    }
    let point = |mut blob: Reader<'_>, curve: bool| {
        blob.text()?;
        if curve {
            blob.text()?;
        }
        Some(blob.string()?.to_vec())
    };
    let pair = match kind {
        ED25519 => {
            let own = reader.string().ok_or_else(damaged)?;
            let secret = reader.string().filter(|secret| secret.len() == 64);
            let seed = secret
                .and_then(|secret| secret.get(..32))
                .ok_or_else(damaged)?;
            if point(Reader(blob), false).as_deref() != Some(own) {
                return Err(damaged());
            }
            Ed25519KeyPair::from_seed_and_public_key(seed, own)
                .map(|pair| Pair::Ed25519(Box::new(pair)))
                .map_err(|_| damaged())?
        }
        P256 => {
            let (_, own) = (reader.text(), reader.string().ok_or_else(damaged)?);
            let number = reader.positive().filter(|number| number.len() <= 32);
            let number = number.ok_or_else(damaged)?;
            if point(Reader(blob), true).as_deref() != Some(own) {
                return Err(damaged());
            }
            let mut secret = vec![0; 32 - number.len()];
            secret.extend_from_slice(number);
            EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &secret,
                own,
            )
            .map(|pair| Pair::P256(Box::new(pair)))
            .map_err(|_| damaged())?
        }
        other => {
            return Err(KeyError::Algorithm(format!(
                "the type {}, which is not signed with here",
                text::excerpt(other, 80)
            )));
        }
    };
    // A comment, and 1, 2, 3 … up to a whole block.
    reader.string().ok_or_else(damaged)?;
    if reader.0.len() >= 8
        || !reader
            .0
            .iter()
            .zip(1..)
            .all(|(byte, number)| *byte == number)
    {
        return Err(damaged());
    }
    Ok(pair)
}

/// A number as SSH writes it: without leading zeros, and with one where it would read as negative.
fn put_positive(to: &mut Vec<u8>, bytes: &[u8]) {
    let start = bytes
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(bytes.len());
    let digits = bytes.get(start..).unwrap_or_default();
    if digits.first().is_some_and(|byte| byte & 0x80 != 0) {
        put_string(to, &[&[0], digits].concat());
    } else {
        put_string(to, digits);
    }
}
