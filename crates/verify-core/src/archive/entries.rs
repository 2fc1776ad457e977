//! The paths of an archive: what one may be, and that no two are the same anywhere.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{ArchiveError, ArchiveLimits};
use crate::tree::names::{collision_key, shown};

/// As many symlinks as Linux follows in one path.
const MAX_FOLLOWED: usize = 40;
/// Components looked at for one symlink. Real ones have fewer than twenty.
const MAX_STEPS: usize = 1024;

/// Every path so far.
pub(crate) struct ArchivePaths {
    limits: ArchiveLimits,
    /// Whether names that differ by case or normalisation are two names, as on the machine that the archive was made of.
    exact: bool,
    top: Option<String>,
    entries: u64,
    bytes: u64,
    /// What is known by the key of each path below the top folder, and of every folder above it.
    known: HashMap<String, Known>,
}

/// A path that was taken in.
pub(crate) struct Added {
    /// What lies below the top folder.
    pub(crate) path: String,
    /// It stood before, as a file if it is one and as a folder if it is one.
    pub(crate) again: bool,
}

struct Known {
    path: String,
    folder: bool,
}

impl ArchivePaths {
    pub(crate) fn new(limits: &ArchiveLimits, exact: bool) -> Self {
        Self {
            limits: *limits,
            exact,
            top: None,
            entries: 0,
            bytes: 0,
            known: HashMap::new(),
        }
    }

    /// The folder at the top.
    pub(crate) fn top(self) -> Option<String> {
        self.top
    }

    /// Takes in the path of an entry, and gives what lies below the top folder; `None` for the top folder itself.
    pub(crate) fn add(&mut self, raw: &[u8], folder: bool) -> Result<Option<Added>, ArchiveError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ArchiveError::TooManyEntries(self.limits.entries));
        }
        let path = &*plain(raw, folder)?;
        let (top, rest) = match path.split_once('/') {
            Some((top, rest)) => (top, Some(rest)),
            None if folder => (path, None),
            None => return Err(ArchiveError::NoTopFolder(shown(raw))),
        };
        match &self.top {
            None => self.top = Some(top.to_owned()),
            Some(first) if first == top => {}
            Some(first) => {
                return Err(ArchiveError::SeveralTopFolders(
                    shown(first.as_bytes()),
                    shown(top.as_bytes()),
                ));
            }
        }
        let Some(path) = rest else { return Ok(None) };
        if path.split('/').count() > self.limits.depth {
            return Err(ArchiveError::TooDeep {
                path: shown(raw),
                max: self.limits.depth,
            });
        }
        let again = !self.learn(path, folder)?;
        // Folders above it, from the nearest up to one that is known.
        for (end, _) in path.rmatch_indices('/') {
            let (above, _) = path.split_at(end);
            if !self.learn(above, true)? {
                break;
            }
        }
        Ok(Some(Added {
            path: path.to_owned(),
            again,
        }))
    }

    /// Notes one path; says whether it is new. Whether a file may stand twice is for the caller to say.
    fn learn(&mut self, path: &str, folder: bool) -> Result<bool, ArchiveError> {
        self.bytes += path.len() as u64;
        if self.bytes > self.limits.path_bytes {
            return Err(ArchiveError::TooManyPathBytes(self.limits.path_bytes));
        }
        let key = if self.exact {
            path.to_owned()
        } else {
            collision_key(path)
        };
        match self.known.get(&key) {
            None => {
                self.known.insert(
                    key,
                    Known {
                        path: path.to_owned(),
                        folder,
                    },
                );
                Ok(true)
            }
            Some(known) if known.path != path => Err(ArchiveError::Collision {
                path: shown(path.as_bytes()),
                with: shown(known.path.as_bytes()),
            }),
            // A folder may be named again, before or after what lies in it.
            Some(known) if known.folder == folder => Ok(false),
            Some(_) => Err(ArchiveError::Duplicate(shown(path.as_bytes()))),
        }
    }

    /// Where a hard link leads: a path of the archive, in the same form as that of an entry.
    pub(crate) fn hard_link_target(&self, path: &str, raw: &[u8]) -> Result<String, ArchiveError> {
        let leaves = || ArchiveError::HardLinkLeaves {
            path: shown(path.as_bytes()),
            target: shown(raw),
        };
        let target = plain(raw, false).map_err(|_| leaves())?;
        let (top, rest) = target.split_once('/').ok_or_else(leaves)?;
        if self.top.as_deref() == Some(top) {
            Ok(rest.to_owned())
        } else {
            Err(leaves())
        }
    }
}

/// `raw` as a path without tricks. `.` after the top folder is dropped, as every reader does: one in a hundred packages of the
/// registry has `package/./dist/…`. As the top folder itself it would be what npm strips, in place of the real one.
fn plain(raw: &[u8], folder: bool) -> Result<Cow<'_, str>, ArchiveError> {
    let path = std::str::from_utf8(raw).map_err(|_| ArchiveError::NotUtf8(shown(raw)))?;
    if path.chars().any(char::is_control) {
        return Err(ArchiveError::ControlCharacter(shown(raw)));
    }
    if path.starts_with('/') {
        return Err(ArchiveError::AbsolutePath(shown(raw)));
    }
    if path.split('/').any(|name| name == "..") {
        return Err(ArchiveError::Traversal(shown(raw)));
    }
    // `node-tar` takes a drive or backslash at the beginning of what it installs for the root of a path, on every system, and drops it.
    let below_top = path.split_once('/').map_or("", |(_, below)| below);
    if is_windows_root(path) || is_windows_root(below_top) {
        return Err(ArchiveError::AbsolutePath(shown(raw)));
    }
    let path = if folder {
        path.strip_suffix('/').unwrap_or(path)
    } else {
        path
    };
    let mut names = path.split('/');
    if names.next() == Some(".")
        || path.split('/').any(str::is_empty)
        || (!folder && path.ends_with("/."))
    {
        return Err(ArchiveError::BadPath(shown(raw)));
    }
    if names.any(|name| name == ".") {
        let names: Vec<_> = path.split('/').filter(|name| *name != ".").collect();
        return Ok(Cow::Owned(names.join("/")));
    }
    Ok(Cow::Borrowed(path))
}

fn is_windows_root(path: &str) -> bool {
    path.starts_with('\\')
        || (path.starts_with(|c: char| c.is_ascii_alphabetic()) && path.get(1..2) == Some(":"))
}

/// Checks that no symlink leaves the tree, not even by way of others. `links` holds path and target of each.
pub(crate) fn check_links(links: &HashMap<String, String>) -> Result<(), ArchiveError> {
    let mut sorted: Vec<_> = links.iter().collect();
    sorted.sort_unstable();
    for (path, target) in sorted {
        if !stays_inside(path, target, links) {
            return Err(ArchiveError::LinkLeaves {
                path: shown(path.as_bytes()),
                target: shown(target.as_bytes()),
            });
        }
    }
    Ok(())
}

fn stays_inside(path: &str, target: &str, links: &HashMap<String, String>) -> bool {
    let names = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|name| !name.is_empty() && *name != ".")
            .map(str::to_owned)
            .collect()
    };
    if target.starts_with('/') || target.chars().any(char::is_control) {
        return false;
    }
    let mut at = names(path);
    at.pop();
    let mut todo = names(target);
    todo.reverse();
    let mut followed = 0;
    for _ in 0..MAX_STEPS {
        match todo.pop() {
            None => return true,
            Some(name) if name == ".." => {
                if at.pop().is_none() {
                    return false;
                }
            }
            Some(name) => {
                at.push(name);
                if let Some(next) = links.get(&at.join("/")) {
                    followed += 1;
                    if followed > MAX_FOLLOWED {
                        // A loop leads nowhere.
                        return true;
                    }
                    if next.starts_with('/') {
                        return false;
                    }
                    at.pop();
                    todo.extend(names(next).into_iter().rev());
                }
            }
        }
    }
    false
}
