//! What a file shows beside its bytes: other names, and rights that its user does not have.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use rustix::fs::RawMode;

use super::TreeSpec;

/// Why a file would run with more rights than the user who starts it. Only an executable file can carry capabilities that count.
pub(super) fn power(mode: RawMode, file: &File) -> Option<&'static str> {
    if mode & 0o6000 != 0 {
        return Some("setuid");
    }
    #[cfg(target_os = "linux")]
    if mode & 0o111 != 0 {
        let mut buffer = [0_u8; 64];
        let found = rustix::fs::fgetxattr(file, "security.capability", &mut buffer[..]);
        if found.is_ok_and(|length| length > 0) {
            return Some("file-capability");
        }
    }
    let _ = file;
    None
}

/// A file that has more than one name.
#[derive(Clone, Copy)]
pub(super) struct HardLink {
    pub(super) device: u64,
    pub(super) inode: u64,
    names: u64,
}

impl HardLink {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the widths differ between systems"
    )]
    pub(super) fn of(stat: &rustix::fs::Stat) -> Option<Self> {
        let names = stat.st_nlink as u64;
        (names > 1).then_some(Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            names,
        })
    }
}

/// (tree, inode, device) of files that have more names than the trees of their boundary showed.
pub(super) fn links_that_leave(
    specs: &[TreeSpec],
    links: &[(usize, HardLink)],
) -> Vec<(usize, u64, u64)> {
    let mut numbers: HashMap<&Path, usize> = HashMap::new();
    // The number of each tree's boundary: a path is long to hash, and every file of a pnpm store is a link.
    let boundaries: Vec<usize> = specs
        .iter()
        .map(|spec| {
            let next = numbers.len();
            *numbers.entry(&spec.boundary).or_insert(next)
        })
        .collect();
    let mut seen: HashMap<(Option<usize>, u64, u64), u64> = HashMap::with_capacity(links.len());
    let place = |(tree, link): (usize, HardLink)| {
        let boundary = boundaries.get(tree).copied();
        (boundary, link.inode, link.device)
    };
    for link in links {
        *seen.entry(place(*link)).or_default() += 1;
    }
    let leaves = |link: &&(usize, HardLink)| {
        let shown = seen.get(&place(**link));
        shown.is_none_or(|shown| *shown < link.1.names)
    };
    let leaving = links.iter().filter(leaves);
    let mut leaving: Vec<_> = leaving
        .map(|(tree, link)| (*tree, link.inode, link.device))
        .collect();
    leaving.sort_unstable();
    leaving
}
