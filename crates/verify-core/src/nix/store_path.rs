//! Names of store paths, and what a name proves: that of a content-addressed path is made from its content. [S nix 2.8
//! `libstore/store-api.cc`, `libstore/content-address.cc`]

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::base32;
use crate::digest::{from_hex, to_hex};

/// Characters of the hash in a name.
const HASH: usize = 32;
/// Longest name.
const MAX_NAME: usize = 211;

/// One path of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorePath {
    /// `<hash>-<name>`.
    base: String,
}

impl StorePath {
    /// The store path in which `place` lies, in the store at the folder `store`.
    pub(crate) fn of(store: &Path, place: &Path) -> Option<Self> {
        let base = place.strip_prefix(store).ok()?.components().next()?;
        Self::parse(base.as_os_str().to_str()?)
    }

    fn parse(base: &str) -> Option<Self> {
        let (hash, name) = base.split_at_checked(HASH)?;
        base32::decode::<20>(hash)?;
        let name = name.strip_prefix('-')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
        let good = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(plain);
        (good && !name.starts_with('.')).then(|| Self {
            base: base.to_owned(),
        })
    }

    /// `<hash>-<name>`, as the folder in the store is called.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    fn name(&self) -> &str {
        self.base.get(HASH + 1..).unwrap_or_default()
    }
}

/// The content of a path as its database says that it is addressed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// `fixed:r:sha256:…`: the SHA-256 of its archive.
    Archive([u8; 32]),
    /// `fixed:sha256:…` or `text:sha256:…`: the SHA-256 of its one file.
    File {
        /// Of the bytes.
        sha256: [u8; 32],
        /// `text:`, whose name also holds what it refers to.
        text: bool,
    },
}

impl Content {
    /// What the column `ca` says; none for a form of which nothing is known.
    pub(crate) fn parse(ca: &str) -> Option<Self> {
        let sha256 =
            |text: &str| base32::decode::<32>(text).or_else(|| from_hex(text)?.try_into().ok());
        if let Some(hash) = ca.strip_prefix("fixed:r:sha256:") {
            return sha256(hash).map(Self::Archive);
        }
        if let Some(hash) = ca.strip_prefix("fixed:sha256:") {
            return Some(Self::File {
                sha256: sha256(hash)?,
                text: false,
            });
        }
        let hash = ca.strip_prefix("text:sha256:")?;
        Some(Self::File {
            sha256: sha256(hash)?,
            text: true,
        })
    }

    /// Whether `path` of the store called `store`, which refers to `references` (whole paths), has the name that Nix makes from this
    /// content. None where the path refers to itself: then its content was hashed without its own name.
    pub(crate) fn names(
        &self,
        path: &StorePath,
        store: &str,
        references: &[String],
    ) -> Option<bool> {
        let own = format!("{store}/{}", path.base());
        if references.contains(&own) {
            return None;
        }
        let mut sorted: Vec<&str> = references.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let with = |kind: &str| {
            sorted.iter().fold(kind.to_owned(), |kind, reference| {
                format!("{kind}:{reference}")
            })
        };
        let (kind, inner) = match self {
            Self::Archive(sha256) => (with("source"), to_hex(sha256)),
            Self::File { sha256, text: true } => (with("text"), to_hex(sha256)),
            Self::File { .. } if !sorted.is_empty() => return Some(false),
            Self::File {
                sha256,
                text: false,
            } => {
                let fixed = format!("fixed:out:sha256:{}:", to_hex(sha256));
                ("output:out".to_owned(), to_hex(&Sha256::digest(fixed)))
            }
        };
        let whole = format!("{kind}:sha256:{inner}:{store}:{}", path.name());
        let folded = fold(&Sha256::digest(whole).into());
        let made = format!("{}-{}", base32::encode(&folded), path.name());
        Some(made == path.base())
    }
}

/// 32 bytes folded to 20.
fn fold(hash: &[u8; 32]) -> [u8; 20] {
    let mut folded = [0_u8; 20];
    for (at, byte) in hash.iter().enumerate() {
        if let Some(into) = folded.get_mut(at % 20) {
            *into ^= byte;
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "3p77vh1p0n298ic4jgxc8gcdqmmjnap5-src";
    const CA: &str = "fixed:r:sha256:10b8s9gscrkd6qaszlzw0q7ynw5asadfw7syvg6srzpf78y54csi";

    #[test]
    fn a_name_is_made_from_the_content() {
        let store = Path::new("/nix/store");
        let path = StorePath::of(store, &store.join(PATH).join("bin/x")).expect("store path");
        let content = Content::parse(CA).expect("content");
        assert_eq!(content.names(&path, "/nix/store", &[]), Some(true));
        assert_eq!(content.names(&path, "/other/store", &[]), Some(false));
        let other = StorePath::parse(&PATH.replace("src", "sro")).expect("store path");
        assert_eq!(content.names(&other, "/nix/store", &[]), Some(false));
        let refers = ["/nix/store/00000000000000000000000000000000-a".to_owned()];
        assert_eq!(content.names(&path, "/nix/store", &refers), Some(false));
        let itself = [format!("/nix/store/{PATH}")];
        assert_eq!(content.names(&path, "/nix/store", &itself), None);
    }

    #[test]
    fn only_names_of_a_store_are_store_paths() {
        let store = Path::new("/nix/store");
        for not in [
            "/nix/store",
            "/nix/store/.links/x",
            "/nix/store/src",
            "/nix/store/3p77vh1p0n298ic4jgxc8gcdqmmjnap5-",
            "/nix/store/3p77vh1p0n298ic4jgxc8gcdqmmjnap5-a b",
            "/nix/store/ep77vh1p0n298ic4jgxc8gcdqmmjnap5-src",
            "/nix/stores/3p77vh1p0n298ic4jgxc8gcdqmmjnap5-src",
        ] {
            assert_eq!(StorePath::of(store, Path::new(not)), None, "{not}");
        }
        assert_eq!(Content::parse("fixed:r:sha1:x"), None);
        assert_eq!(Content::parse("fixed:r:sha256:x"), None);
    }
}
