//! Signatures of store paths: Ed25519 over `1;<path>;sha256:<hash>;<size>;<references>`, by keys of the form `<name>:<base64>`.
//! [S nix 2.8 `libstore/path-info.cc`, `libutil/../crypto.cc`]

use aws_lc_rs::signature::ED25519;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::base32;
use super::database::Registered;
use crate::signature;

/// A key that may sign store paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreKey {
    name: String,
    public: [u8; 32],
}

/// What the signatures of a path prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// The key of this name signed it.
    By(String),
    /// It names this trusted key, whose signature does not hold.
    Invalid(String),
    /// No trusted key is named.
    No,
}

impl StoreKey {
    /// The key of a line such as `cache.example.org-1:6NCH…=`.
    ///
    /// # Errors
    /// What is wrong with it, safe to show.
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let (name, key) = line
            .split_once(':')
            .ok_or("has no `:` between name and key")?;
        let plain = |b: u8| b.is_ascii_graphic() && b != b';';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err("has no name before the `:`");
        }
        let public = STANDARD
            .decode(key)
            .map_err(|_| "is not base64 after the `:`")?;
        let public = public
            .try_into()
            .map_err(|_| "is not an Ed25519 public key of 32 bytes")?;
        Ok(Self {
            name: name.to_owned(),
            public,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What the signatures of `path` prove about the archive that its database says.
pub(crate) fn signed(path: &Registered, keys: &[StoreKey]) -> Signed {
    let mut invalid = None;
    for signature in &path.signatures {
        let Some((name, value)) = signature.split_once(':') else {
            continue;
        };
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            continue;
        };
        let holds = STANDARD.decode(value).is_ok_and(|value| {
            signature::holds(&ED25519, &key.public, fingerprint(path).as_bytes(), &value)
        });
        if holds {
            return Signed::By(key.name.clone());
        }
        invalid = Some(key.name.clone());
    }
    invalid.map_or(Signed::No, Signed::Invalid)
}

fn fingerprint(path: &Registered) -> String {
    let mut references: Vec<&str> = path.references.iter().map(String::as_str).collect();
    references.sort_unstable();
    format!(
        "1;{};sha256:{};{};{}",
        path.path,
        base32::encode(&path.sha256),
        path.bytes.unwrap_or_default(),
        references.join(",")
    )
}
