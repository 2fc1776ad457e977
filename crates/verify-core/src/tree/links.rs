//! Where a symlink leads: resolved component by component inside the boundary, as the kernel would, without ever stepping out.

use rustix::io::Errno;

use super::names::shown;
use super::open::Beneath;
use super::{LeaveOut, TreeSpec, Why};

/// As many symlinks as Linux follows in one path; a chain that is longer leads nowhere.
const MAX_FOLLOWED: usize = 40;
/// Components that are looked at for one symlink. Real ones have fewer than twenty.
const MAX_STEPS: usize = 1024;

/// What is known about the surroundings of the symlinks of one tree.
pub(crate) struct Links<'a> {
    boundary: &'a Beneath,
    /// The tree's root, relative to the boundary.
    root: &'a str,
    /// Places, relative to the boundary, whose content no digest covers.
    uncovered: Vec<String>,
    /// What the digest leaves out, relative to the tree's root.
    leave_out: &'a [LeaveOut],
}

impl<'a> Links<'a> {
    pub(crate) fn new(spec: &'a TreeSpec, boundary: &'a Beneath, root: &'a str) -> Self {
        let place = |leave_out: &LeaveOut| match leave_out {
            LeaveOut::Record(path, _) | LeaveOut::Entry(path) => Some(join(root, path)),
            // Another folder is digested as a part of the subject by itself; the history of a checkout is not.
            LeaveOut::Folder(path) if path.rsplit('/').next() == Some(".git") => {
                Some(join(root, path))
            }
            LeaveOut::Folder(_)
            | LeaveOut::HostLink { .. }
            | LeaveOut::AllBut(_)
            | LeaveOut::Inside { .. }
            | LeaveOut::Target(_) => None,
        };
        Self {
            boundary,
            root,
            uncovered: spec.leave_out.iter().filter_map(place).collect(),
            leave_out: &spec.leave_out,
        }
    }

    /// Whether a digest covers a place, relative to the boundary, as far as the tree leaves out all but some.
    fn is_kept(&self, place: &str) -> bool {
        let inside = match self.root {
            "" => Some(place),
            root => place
                .strip_prefix(root)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        inside.is_none_or(|inside| super::walk::may_count(self.leave_out, inside))
    }

    /// Why the symlink in `folder` (relative to the root) that says `target` may not be followed, if it may not. Adds the number of
    /// components that were looked at to `steps`.
    ///
    /// A target that does not exist, or a loop, is text that leads nowhere; git keeps it, and so does the digest.
    pub(crate) fn refuse(&self, folder: &str, target: &[u8], steps: &mut u64) -> Option<Why> {
        let leaves = || Why::LeavesSubject {
            target: shown(target),
        };
        let bad = || Why::BadTarget {
            target: shown(target),
        };
        let left_out = || Why::IntoLeftOut {
            target: shown(target),
        };
        let plain = |text: &&str| !text.chars().any(char::is_control);
        let Some(text) = std::str::from_utf8(target).ok().filter(plain) else {
            return Some(bad());
        };
        if text.starts_with('/') {
            return Some(Why::AbsoluteTarget {
                target: shown(target),
            });
        }
        let mut at: Vec<String> = components(&join(self.root, folder))
            .map(str::to_owned)
            .collect();
        let mut todo: Vec<String> = components(text).rev().map(str::to_owned).collect();
        let (mut followed, mut exists) = (0, true);
        for _ in 0..MAX_STEPS {
            let name = match todo.pop() {
                None if self.is_kept(&at.join("/")) => return None,
                None => return Some(left_out()),
                Some(name) if name == ".." => {
                    if at.pop().is_none() {
                        return Some(leaves());
                    }
                    continue;
                }
                Some(name) => name,
            };
            *steps += 1;
            at.push(name);
            let path = at.join("/");
            if self.uncovered.contains(&path) {
                return Some(left_out());
            }
            if !exists {
                continue;
            }
            match rustix::fs::readlinkat(self.boundary.as_fd(), &path, Vec::new())
                .map(|next| next.into_string())
            {
                // Not a symlink.
                Err(Errno::INVAL) => {}
                Err(Errno::NOENT | Errno::NOTDIR) => exists = false,
                Ok(Ok(next)) if !next.starts_with('/') => {
                    followed += 1;
                    if followed > MAX_FOLLOWED {
                        return None;
                    }
                    at.pop();
                    todo.extend(components(&next).rev().map(str::to_owned));
                }
                Ok(_) => return Some(leaves()),
                Err(_) => return Some(bad()),
            }
        }
        Some(bad())
    }
}

/// The names in a path; empty ones and `.` mean nothing.
fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/')
        .filter(|name| !name.is_empty() && *name != ".")
}

pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
