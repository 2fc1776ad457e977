//! Refs as files: loose ones and `packed-refs`. A loose ref wins over a packed one, as in git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::repository::unsafe_place;
use super::{GitError, Repository};
use crate::digest::GitOid;
use crate::read::{self, ReadError};
use crate::text::excerpt;

/// Bytes of a loose ref: an id and a line feed, or `ref: ` and a name.
const REF_LIMIT: u64 = 4096;
/// Bytes of `packed-refs`, some 600,000 refs.
const PACKED_REFS_LIMIT: u64 = 64 << 20;
/// Folders and files below `refs/tags` that are listed.
const LISTING_LIMIT: usize = 200_000;
/// Names between `refs/tags` and a tag.
const DEPTH_LIMIT: usize = 32;
/// Symbolic refs from `HEAD` to a branch; git follows five.
const SYMREF_LIMIT: usize = 5;
/// Bytes of a tag's name; a component of a path has at most 255.
const NAME_LIMIT: usize = 1024;

/// The refs of `packed-refs`.
#[derive(Debug, Default)]
pub(super) struct PackedRefs(BTreeMap<String, GitOid>);

/// Whether git accepts `refs/tags/<name>` as the name of a ref (`git check-ref-format`), and the name is UTF-8 of a sane length.
#[must_use]
pub fn is_valid_tag_name(name: &str) -> bool {
    let component = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock") && part.len() <= 255
    };
    let forbidden =
        |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    name.len() <= NAME_LIMIT
        && name.split('/').all(component)
        && !name.chars().any(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
}

impl Repository {
    /// What `refs/tags/<name>` points at: a tag object, or something else for a lightweight tag. `None` when there is no such tag.
    ///
    /// # Errors
    /// [`GitError::Unsafe`] for a name that git refuses, a symbolic ref, a link or a special file.
    pub fn tag(&self, name: &str) -> Result<Option<GitOid>, GitError> {
        if !is_valid_tag_name(name) {
            return Err(unsafe_place(
                &format!("refs/tags/{name}"),
                "is no name that git accepts for a tag".to_owned(),
            ));
        }
        let full = format!("refs/tags/{name}");
        match self.reference(&full)? {
            Some(Target::Object(oid)) => Ok(Some(oid)),
            Some(Target::Symbolic(_)) => Err(unsafe_place(
                &full,
                "is a symbolic ref, not a tag".to_owned(),
            )),
            None => Ok(None),
        }
    }

    /// The names of all tags, without `refs/tags/`, sorted by bytes.
    ///
    /// # Errors
    /// A name that is not UTF-8 or that git refuses, or more than 200,000 of them.
    pub fn tag_names(&self) -> Result<Vec<String>, GitError> {
        let mut names: BTreeSet<String> = self.loose_tag_names()?.into_iter().collect();
        names.extend(
            self.packed_refs
                .0
                .keys()
                .filter_map(|name| name.strip_prefix("refs/tags/"))
                .map(str::to_owned),
        );
        if let Some(bad) = names.iter().find(|name| !is_valid_tag_name(name)) {
            return Err(unsafe_place(
                &format!("refs/tags/{bad}"),
                "is no name that git accepts for a tag".to_owned(),
            ));
        }
        Ok(names.into_iter().collect())
    }

    /// The commit that `HEAD` names. `None` for a branch without a commit.
    pub fn head(&self) -> Result<Option<GitOid>, GitError> {
        let mut name = "HEAD".to_owned();
        for _ in 0..=SYMREF_LIMIT {
            match self.reference(&name)? {
                None => return Ok(None),
                Some(Target::Object(oid)) => return Ok(Some(oid)),
                Some(Target::Symbolic(next)) => name = next,
            }
        }
        Err(unsafe_place(
            "HEAD",
            format!("follows more than {SYMREF_LIMIT} symbolic refs"),
        ))
    }

    fn reference(&self, full: &str) -> Result<Option<Target>, GitError> {
        let mut path = self.git_dir.clone();
        let mut parts = full.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            if parts.peek().is_none() {
                break;
            }
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_file() => return Ok(self.packed(full)),
                Ok(found) => {
                    return Err(unsafe_place(
                        full,
                        format!("goes through {}", read::kind_of(&found)),
                    ));
                }
                Err(_) => return Ok(self.packed(full)),
            }
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(self.packed(full));
        }
        match read::bytes(&path, REF_LIMIT) {
            Ok(bytes) => parse_target(&bytes, full).map(Some),
            Err(ReadError::NotFound) => Ok(self.packed(full)),
            Err(error) => Err(GitError::from_read(full, error)),
        }
    }

    fn packed(&self, full: &str) -> Option<Target> {
        self.packed_refs.0.get(full).cloned().map(Target::Object)
    }

    fn loose_tag_names(&self) -> Result<Vec<String>, GitError> {
        let mut names = Vec::new();
        let mut pending = vec![(self.git_dir.join("refs/tags"), String::new(), 0)];
        let mut seen = 0;
        while let Some((folder, prefix, depth)) = pending.pop() {
            let shown = format!("refs/tags/{prefix}");
            let io = |source| GitError::Io {
                place: excerpt(&shown, 200),
                source,
            };
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io(error)),
            };
            for entry in entries {
                let entry = entry.map_err(io)?;
                seen += 1;
                if seen > LISTING_LIMIT || depth > DEPTH_LIMIT {
                    return Err(unsafe_place(
                        &shown,
                        "holds more entries or levels than any honest repository".to_owned(),
                    ));
                }
                let Some(name) = entry
                    .file_name()
                    .to_str()
                    .map(|name| format!("{prefix}{name}"))
                else {
                    return Err(unsafe_place(
                        &shown,
                        "holds a name that is not UTF-8".to_owned(),
                    ));
                };
                let kind = entry.file_type().map_err(io)?;
                if kind.is_dir() {
                    pending.push((entry.path(), format!("{name}/"), depth + 1));
                } else if !name.ends_with(".lock") {
                    // What is not a regular file is refused when the tag is read, under its own name.
                    names.push(name);
                }
            }
        }
        Ok(names)
    }
}

impl PackedRefs {
    pub(super) fn read(git_dir: &Path) -> Result<Self, GitError> {
        match read::text(&git_dir.join("packed-refs"), PACKED_REFS_LIMIT) {
            Ok(text) => Self::parse(&text),
            Err(ReadError::NotFound) => Ok(Self::default()),
            Err(error) => Err(GitError::from_read("packed-refs", error)),
        }
    }

    fn parse(text: &str) -> Result<Self, GitError> {
        let mut refs = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.starts_with('^') {
                continue;
            }
            let bad = || {
                unsafe_place(
                    "packed-refs",
                    format!("is damaged: line {} is not `<id> <name>`", at + 1),
                )
            };
            let (oid, name) = line.split_once(' ').ok_or_else(bad)?;
            let oid = parse_oid(oid).ok_or_else(bad)??;
            if refs.insert(name.to_owned(), oid).is_some() {
                return Err(unsafe_place(
                    "packed-refs",
                    format!("is damaged: line {} repeats a name", at + 1),
                ));
            }
        }
        Ok(Self(refs))
    }
}

enum Target {
    Object(GitOid),
    Symbolic(String),
}

fn parse_target(bytes: &[u8], full: &str) -> Result<Target, GitError> {
    let bad = || unsafe_place(full, "holds no object id".to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    if let Some(name) = text.strip_prefix("ref: ") {
        if name == "refs/heads/.invalid" {
            return Err(GitError::Unsupported(
                "the repository keeps its refs in a format that is not read".to_owned(),
            ));
        }
        let safe = name.starts_with("refs/") && is_valid_tag_name(name);
        return if safe {
            Ok(Target::Symbolic(name.to_owned()))
        } else {
            Err(bad())
        };
    }
    parse_oid(text).ok_or_else(bad)?.map(Target::Object)
}

/// An id of SHA-1; one of SHA-256 says that the repository is of a kind that is not read.
fn parse_oid(text: &str) -> Option<Result<GitOid, GitError>> {
    let oid: GitOid = text.parse().ok()?;
    Some(match oid.as_str().len() {
        40 => Ok(oid),
        _ => Err(GitError::Unsupported(
            "the repository uses SHA-256, which is not read yet".to_owned(),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_names_follow_git_check_ref_format() {
        for good in ["v1.0", "v2026.9.5-1", "a/b", "é", "@", "v1-", "nightly@x"] {
            assert!(is_valid_tag_name(good), "{good}");
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "..", "a..b", "../x", ".a", "a/.b", "a.lock", "a b", "a~",
            "a:b", "a\\b", "a@{b", "a.", "a\nb", "a*",
        ] {
            assert!(!is_valid_tag_name(bad), "{bad}");
        }
    }

    #[test]
    fn packed_refs_are_strict() {
        let id = "a".repeat(40);
        assert!(
            PackedRefs::parse(&format!(
                "# pack-refs with: peeled\n{id} refs/tags/a\n^{id}\n"
            ))
            .is_ok()
        );
        assert!(PackedRefs::parse(&format!("{id} refs/tags/a\n{id} refs/tags/a\n")).is_err());
        assert!(PackedRefs::parse("junk\n").is_err());
        let long = "a".repeat(64);
        assert!(matches!(
            PackedRefs::parse(&format!("{long} refs/tags/a\n")),
            Err(GitError::Unsupported(_))
        ));
    }
}
