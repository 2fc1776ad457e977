//! Access control lists of POSIX, as Linux keeps them beside a file. Format: `struct posix_acl_xattr_header` and `_entry` of the kernel;
//! which entry counts: acl(5), "ACCESS CHECK ALGORITHM".

use std::path::Path;

/// The attribute in which Linux keeps the list.
#[cfg(target_os = "linux")]
const NAME: &str = "system.posix_acl_access";
/// Most bytes of an attribute. [`XATTR_SIZE_MAX` of the kernel]
#[cfg(target_os = "linux")]
const MAX_SIZE: usize = 65_536;
/// The version of the format.
const VERSION: [u8; 4] = [2, 0, 0, 0];
/// Bytes of an entry: tag, rights, number.
const ENTRY: usize = 8;

/// The list of a file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Acl {
    /// It has none: its mode says everything.
    None,
    /// It has this one.
    List(List),
    /// It may have one, which cannot be read.
    Unreadable,
}

/// Rights of named users and groups, in the order of a mode's three bits, already cut down to the mask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Of the file's own group.
    pub(super) own_group: u32,
    /// Of other users, by number.
    pub(super) users: Vec<(u32, u32)>,
    /// Of other groups, by number.
    pub(super) groups: Vec<(u32, u32)>,
}

impl Acl {
    /// The list of a place, without following a link. `mode`: its mode, whose bits of the group are the mask of a list: where they are all
    /// off, a list gives no other user anything.
    pub(super) fn of(path: &Path, mode: u32) -> Self {
        match mode & 0o070 {
            0 => Self::None,
            _ => read(path),
        }
    }
}

#[cfg(target_os = "linux")]
fn read(path: &Path) -> Acl {
    use rustix::io::Errno;

    let mut bytes = vec![0; 512];
    loop {
        // An empty buffer would answer 0 for every list.
        match rustix::fs::lgetxattr(path, NAME, bytes.as_mut_slice()) {
            Ok(length) => {
                let list = bytes.get(..length).and_then(List::parse);
                return list.map_or(Acl::Unreadable, Acl::List);
            }
            Err(Errno::RANGE) if bytes.len() < MAX_SIZE => bytes.resize(MAX_SIZE, 0),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Acl::None,
            Err(_) => return Acl::Unreadable,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn read(_: &Path) -> Acl {
    Acl::None
}

impl List {
    /// Reads the bytes of the attribute; none where they are something else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let entries = bytes.strip_prefix(&VERSION)?;
        let mut found = Self::default();
        let mut mask = 0o7;
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        for [t0, t1, r0, r1, n0, n1, n2, n3] in entries.iter().copied() {
            let tag = u16::from_le_bytes([t0, t1]);
            let rights = u32::from(u16::from_le_bytes([r0, r1]));
            let number = u32::from_le_bytes([n0, n1, n2, n3]);
            match tag {
                // The owner, and all others: the mode says the same.
                0x01 | 0x20 => {}
                0x02 => found.users.push((number, rights)),
                0x04 => found.own_group = rights,
                0x08 => found.groups.push((number, rights)),
                0x10 => mask = rights,
                _ => return None,
            }
            if rights > 0o7 {
                return None;
            }
        }
        let named = found.users.iter_mut().chain(&mut found.groups);
        for (_, rights) in named {
            *rights &= mask;
        }
        found.own_group &= mask;
        rest.is_empty().then_some(found)
    }

    /// The rights of a user by this list: of the entry that names the user, else of all groups the user is in together; none where neither
    /// says anything, so that the rights of all others count.
    pub(super) fn rights(
        &self,
        user: Option<u32>,
        own_group: u32,
        is_in: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        if let Some((_, rights)) = self.users.iter().find(|(uid, _)| Some(*uid) == user) {
            return Some(*rights);
        }
        let groups = self.groups.iter().copied();
        groups
            .chain([(own_group, self.own_group)])
            .filter(|(gid, _)| is_in(*gid))
            .map(|(_, rights)| rights)
            .reduce(|all, rights| all | rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = VERSION.to_vec();
        for (tag, rights, number) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_mask_cuts_what_is_named_and_a_user_wins_over_groups() {
        let none = u32::MAX;
        let list = List::parse(&bytes(&[
            (1, 7, none),
            (2, 6, 7),
            (2, 0, 8),
            (4, 1, none),
            (8, 7, 50),
            (16, 5, none),
            (32, 0, none),
        ]))
        .expect("a list");
        let of = |user, groups: &[u32]| list.rights(user, 100, |gid| groups.contains(&gid));
        assert_eq!(of(Some(7), &[50]), Some(4));
        assert_eq!(of(Some(8), &[50]), Some(0));
        assert_eq!(of(Some(9), &[50]), Some(5));
        assert_eq!(of(Some(9), &[100]), Some(1));
        assert_eq!(of(Some(9), &[]), None);
        assert_eq!(of(None, &[]), None);
    }

    #[test]
    fn what_is_no_list_is_not_read_as_one() {
        for other in [
            &[][..],
            &[1, 0, 0, 0],
            &[2, 0, 0, 0, 1],
            &bytes(&[(3, 7, 0)]),
            &bytes(&[(2, 9, 0)]),
        ] {
            assert_eq!(List::parse(other), None, "{other:?}");
        }
        assert_eq!(List::parse(&VERSION), Some(List::default()));
    }
}
