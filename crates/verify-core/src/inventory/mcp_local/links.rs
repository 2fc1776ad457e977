//! Links by which a command line leads to its files. Whoever can change one starts something else, so each is in the tree by its text.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::super::paths::{Located, Paths};
use super::only_root_writes;

/// Most links on the way to one file, as Linux follows them.
const MAX_LINKS: usize = 40;

/// The links on the way from a written path to its file, and from those, that others than root can put something else in the place of.
pub(super) fn on_the_way(paths: &Paths, roots: &[PathBuf], written: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut todo = reversed(written);
    let mut at = PathBuf::from("/");
    let mut followed = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let Ok(target) = std::fs::read_link(&next) else {
            at = next;
            continue;
        };
        followed += 1;
        if followed > MAX_LINKS {
            break;
        }
        if can_be_changed(roots, &next) {
            paths.looked_at(&next);
            found.insert(next);
        }
        if target.is_absolute() {
            // In a copy it means another place, or none that is here.
            let meant = match target.to_str().map(|text| paths.locate(text)) {
                _ if !paths.relocated() => target,
                Some(Located::At(place)) => place,
                _ => break,
            };
            at = PathBuf::from("/");
            todo.extend(reversed(&meant));
        } else {
            todo.extend(reversed(&target));
        }
    }
    found
}

/// The names of a path, the last first.
fn reversed(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    names.collect()
}

fn can_be_changed(roots: &[PathBuf], link: &Path) -> bool {
    // A home folder, workspace or state directory that is a link as a whole is a place, and no part of a command line.
    let leads_to = std::fs::canonicalize(link);
    if leads_to.is_ok_and(|place| roots.iter().any(|root| root.starts_with(&place))) {
        return false;
    }
    let inside = roots.iter().any(|root| link.starts_with(root));
    inside || !link.parent().is_some_and(only_root_writes)
}
