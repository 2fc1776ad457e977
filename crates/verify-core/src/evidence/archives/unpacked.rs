//! An archive as npm installs it.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::Digest as _;

use super::layout::plain;
use crate::archive::{self, Archive, ArchiveError, ArchiveLimits};
use crate::digest::Sri;
use crate::fact::{Fact, NotEstablished};
use crate::inventory::packed::is_manifest;
use crate::read;
use crate::tree::{BlobId, Manifest};

/// A lockfile that npm takes from inside a package.
pub(crate) const SHRINKWRAP: &str = "npm-shrinkwrap.json";

/// What npm makes of an archive.
#[derive(Clone, Debug)]
pub(super) struct Unpacked {
    /// SHA-512 of the bytes that were read.
    pub(super) integrity: Sri,
    /// Files as npm installs them, but for what it does to files named in `bin`.
    pub(super) manifest: Manifest,
    /// Files named in `bin`, of the package and of those it bundles: npm makes them executable, and ends their first line as Unix does.
    pub(super) bins: BTreeSet<String>,
    /// Name and version that its `package.json` states.
    pub(super) stated: (Option<String>, Option<String>),
    /// Where it lies.
    pub(super) path: PathBuf,
}

impl Unpacked {
    /// Reads the archive at `path`, which must have the integrity `expected` when one is known.
    ///
    /// An archive that is refused cannot be compared: that is neither good nor tampering, because old and odd archives exist.
    pub(super) fn read(path: &Path, expected: Option<Sri>) -> Fact<Self> {
        let offline = |why: String| Fact::not_established(NotEstablished::Offline, why);
        let file = match read::open(path) {
            Ok((file, _)) => file,
            Err(error) => return offline(format!("its archive {error}")),
        };
        let archive = match archive::read(file, &ArchiveLimits::default(), is_manifest) {
            Ok(archive) => archive,
            Err(ArchiveError::Io(error)) => {
                return offline(format!("its archive cannot be read: {error}"));
            }
            Err(error) => {
                // Bytes that are not the recorded ones are that, whatever can be read of them.
                let other = expected.and_then(|expected| {
                    let found = bytes_of(path)?;
                    (found != expected).then(|| other_bytes(expected, found))
                });
                return other.unwrap_or_else(|| {
                    Fact::not_established(
                        NotEstablished::UnsupportedSchema,
                        format!("its archive is refused: it {error}"),
                    )
                });
            }
        };
        if let Some(expected) = expected
            && archive.integrity != expected
        {
            return other_bytes(expected, archive.integrity);
        }
        let Ok(manifest) = archive.manifest_of_npm() else {
            return Fact::not_established(
                NotEstablished::UnsupportedSchema,
                "its archive cannot be installed as it is",
            );
        };
        let package = package_json(&archive, "package.json");
        let text = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
        Fact::Verified(Self {
            integrity: archive.integrity,
            manifest,
            bins: bins(&archive),
            stated: (text("name"), text("version")),
            path: path.to_owned(),
        })
    }

    /// The id of a file named in `bin` after npm ended its first line with a plain line feed; none when that changes nothing.
    pub(super) fn unix_first_line(&self, path: &str) -> Option<BlobId> {
        let (file, _) = read::open(&self.path).ok()?;
        let archive = archive::read(file, &ArchiveLimits::default(), |kept| kept == path).ok()?;
        if archive.integrity != self.integrity {
            return None;
        }
        unix_first_line(archive.content(path)?).map(|bytes| BlobId::of(&bytes))
    }
}

/// The SHA-512 of a file that is no longer than an archive may be.
fn bytes_of(path: &Path) -> Option<Sri> {
    let (file, metadata) = read::open(path).ok()?;
    let limit = ArchiveLimits::default().packed;
    if metadata.len() > limit {
        return None;
    }
    let mut hash = sha2::Sha512::new();
    let mut file = file.take(limit);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(Sri(hash.finalize().into())),
            length => hash.update(buffer.get(..length)?),
        }
    }
}

fn other_bytes<T>(expected: Sri, found: Sri) -> Fact<T> {
    Fact::violated(
        None,
        format!("the integrity {expected} is recorded, its archive has {found}"),
    )
}

/// npm's `bin-links`: `#!…\r\n` at the start becomes `#!…\n`, and nothing else.
fn unix_first_line(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = bytes.get(..end)?.strip_suffix(b"\r")?;
    // At least one character follows `#!`, as in npm's pattern.
    (line.starts_with(b"#!") && line.len() > 2)
        .then(|| [line, bytes.get(end..).unwrap_or_default()].concat())
}

fn bins(archive: &Archive) -> BTreeSet<String> {
    let mut bins = BTreeSet::new();
    for entry in archive
        .entries
        .iter()
        .filter(|entry| is_manifest(&entry.path))
    {
        let folder = entry.path.strip_suffix("package.json").unwrap_or_default();
        if !is_node(folder) {
            continue;
        }
        let package = package_json(archive, &entry.path);
        match package.get("bin") {
            Some(Value::String(file)) => {
                bins.insert(format!("{folder}{}", plain(file)));
            }
            Some(Value::Array(files)) => {
                bins.extend(
                    files
                        .iter()
                        .filter_map(Value::as_str)
                        .map(|file| format!("{folder}{}", plain(file))),
                );
            }
            Some(Value::Object(files)) => {
                bins.extend(
                    files
                        .values()
                        .filter_map(Value::as_str)
                        .map(|file| format!("{folder}{}", plain(file))),
                );
            }
            _ => {
                if let Some(below) = package.pointer("/directories/bin").and_then(Value::as_str) {
                    let below = format!("{folder}{}/", plain(below));
                    let inside = archive
                        .entries
                        .iter()
                        .map(|entry| &entry.path)
                        .filter(|path| path.starts_with(&below));
                    bins.extend(inside.cloned());
                }
            }
        }
    }
    bins
}

/// Whether `folder` is one of npm's tree: the package's own, or reached through `node_modules` alone. Others, such as fixtures of tests,
/// npm leaves as they are.
fn is_node(folder: &str) -> bool {
    let mut rest = folder;
    while let Some(below) = rest.strip_prefix("node_modules/") {
        let scoped = below.starts_with('@');
        rest = below
            .splitn(if scoped { 3 } else { 2 }, '/')
            .last()
            .unwrap_or_default();
    }
    rest.is_empty()
}

fn package_json(archive: &Archive, path: &str) -> Value {
    let text = archive
        .content(path)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{is_node, unix_first_line};

    #[test]
    fn only_packages_of_the_tree_have_commands() {
        for node in [
            "",
            "node_modules/a/",
            "node_modules/@s/b/",
            "node_modules/a/node_modules/@s/b/",
        ] {
            assert!(is_node(node), "{node}");
        }
        for other in [
            "test/node_modules/a/",
            "node_modules/a/lib/",
            "node_modules/a/test/node_modules/b/",
        ] {
            assert!(!is_node(other), "{other}");
        }
    }

    #[test]
    fn only_a_first_line_with_a_program_changes() {
        assert_eq!(
            unix_first_line(b"#!/usr/bin/env node\r\nx\r\n").as_deref(),
            Some(&b"#!/usr/bin/env node\nx\r\n"[..])
        );
        for same in [
            &b"#!/usr/bin/env node\nx\r\n"[..],
            b"x\r\n#!y\r\n",
            b"#!\r\n",
            b"",
            b"#!node\r",
        ] {
            assert_eq!(unix_first_line(same), None);
        }
    }
}
