//! Who can reach a file: not its mode bits alone, but those of every folder above it, their owners, and who is in their groups.
//!
//! A file is readable by others only if its own bits say so *and* every folder above lets them in. It is writable by whom its bits let
//! write, and by anyone who can write into a folder above it and so replace it; a sticky folder prevents that.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::accounts::Accounts;
use crate::text;

/// The attribute in which Linux keeps an access control list.
#[cfg(target_os = "linux")]
const ACL: &str = "system.posix_acl_access";
/// Who stands for files of users that this user namespace does not know.
const OVERFLOW: u32 = 65534;

/// What others can do with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Nobody,
    /// Its own bits would let them, a folder above does not.
    Latent,
    /// These can, by this place.
    Others {
        /// Who, in words.
        who: String,
        /// The file, or the folder above it that lets them.
        by: PathBuf,
    },
    /// It cannot be told, and why.
    Unknown(String),
}

/// One file or folder of the way to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// It has an access control list.
    pub(super) acl: bool,
}

/// Who others are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Any user of the machine.
    Any,
    /// A member of this group.
    Group(u32),
}

/// Judges files of one owner.
pub(super) struct Reach<'a> {
    /// To whom the state belongs.
    pub(super) owner: u32,
    accounts: &'a Accounts,
    /// Whether the operator says that members of a file's group belong to the same trust.
    group_shared: bool,
    seen: RefCell<BTreeMap<PathBuf, Option<Facts>>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(owner: u32, accounts: &'a Accounts, group_shared: bool) -> Self {
        Self {
            owner,
            accounts,
            group_shared,
            seen: RefCell::default(),
        }
    }

    /// What stands at a place, without following a link.
    pub(super) fn facts(&self, path: &Path) -> Option<Facts> {
        if let Some(known) = self.seen.borrow().get(path) {
            return *known;
        }
        let found = facts(path);
        self.seen.borrow_mut().insert(path.to_owned(), found);
        found
    }

    /// Who can read a file.
    pub(super) fn read(&self, real: &Path) -> Verdict {
        self.judged(real, 0o4, false)
    }

    /// Who can change a file, or put another in its place.
    pub(super) fn write(&self, real: &Path) -> Verdict {
        self.judged(real, 0o2, true)
    }

    /// Who can change a file by its own bits, not who could put another in its place.
    pub(super) fn write_itself(&self, real: &Path) -> Verdict {
        self.judged(real, 0o2, false)
    }

    fn judged(&self, real: &Path, bit: u32, replace: bool) -> Verdict {
        let Some(own) = self.facts(real) else {
            return Verdict::Unknown("it cannot be looked at".to_owned());
        };
        let mut above = Vec::new();
        for folder in real
            .ancestors()
            .skip(1)
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            match self.facts(folder) {
                Some(found) => above.push((folder, found)),
                None => return Verdict::Unknown(format!("{} cannot be looked at", shown(folder))),
            }
        }
        above.reverse();
        let mut latent = false;
        let mut unknown = None;
        for class in self.classes(above.iter().map(|(_, facts)| facts).chain([&own])) {
            let mut enters = true;
            for (folder, facts) in &above {
                let bits = self.bits(facts, class);
                // A sticky folder lets only an entry's owner replace it.
                if replace && enters && bits & 0o3 == 0o3 && facts.mode & 0o1000 == 0 {
                    match self.others(class) {
                        Some(who) => {
                            return Verdict::Others {
                                who,
                                by: (*folder).to_owned(),
                            };
                        }
                        None => unknown = Some("who is in its group is not known".to_owned()),
                    }
                }
                enters &= bits & 0o1 != 0;
            }
            if self.bits(&own, class) & bit == 0 {
                continue;
            }
            if !enters {
                latent = true;
                continue;
            }
            match self.others(class) {
                Some(who) => {
                    return Verdict::Others {
                        who,
                        by: real.to_owned(),
                    };
                }
                None => unknown = Some("who is in its group is not known".to_owned()),
            }
        }
        let listed = above
            .iter()
            .map(|(folder, facts)| (*folder, facts))
            .chain([(real, &own)])
            .find(|(_, facts)| facts.acl);
        match (unknown, listed) {
            (Some(why), _) => Verdict::Unknown(why),
            (None, Some((place, _))) => {
                Verdict::Unknown(format!("{} has an access control list", shown(place)))
            }
            (None, None) if latent => Verdict::Latent,
            (None, None) => Verdict::Nobody,
        }
    }

    /// Any user, and the members of each group on the way that has others than the owner.
    fn classes<'f>(&self, facts: impl Iterator<Item = &'f Facts>) -> Vec<Class> {
        let groups: BTreeSet<u32> = facts.map(|facts| facts.gid).collect();
        let with_others = groups.into_iter().filter(|gid| {
            !self.group_shared && self.accounts.has_others(*gid, self.owner) != Some(false)
        });
        std::iter::once(Class::Any)
            .chain(with_others.map(Class::Group))
            .collect()
    }

    /// The bits that count for a class.
    fn bits(&self, facts: &Facts, class: Class) -> u32 {
        match class {
            Class::Group(gid) if facts.gid == gid => (facts.mode >> 3) & 0o7,
            _ => facts.mode & 0o7,
        }
    }

    /// A class in words; none where it is not known whether it has anyone.
    fn others(&self, class: Class) -> Option<String> {
        match class {
            Class::Any => Some("every user of this machine".to_owned()),
            Class::Group(gid) => {
                self.accounts.has_others(gid, self.owner)?;
                Some(format!("members of the group {}", self.accounts.group(gid)))
            }
        }
    }

    /// The first place on the way to a file, or the file, that belongs to neither the owner nor root, and to whom.
    pub(super) fn foreign(&self, real: &Path) -> Option<(PathBuf, u32)> {
        real.ancestors()
            .filter(|place| !place.as_os_str().is_empty())
            .filter_map(|place| Some((place.to_owned(), self.facts(place)?.uid)))
            .filter(|(_, uid)| *uid != self.owner && *uid != 0)
            .last()
    }

    /// Whether a user can change a file or put another in its place.
    pub(super) fn can_write(&self, real: &Path, uid: u32) -> bool {
        if uid == 0 {
            return true;
        }
        let groups = self.accounts.numbers_of(uid);
        let bits = |facts: &Facts| {
            if facts.uid == uid {
                (facts.mode >> 6) & 0o7
            } else if groups.contains(&facts.gid) {
                (facts.mode >> 3) & 0o7
            } else {
                facts.mode & 0o7
            }
        };
        let mut above: Vec<&Path> = real.ancestors().skip(1).collect();
        above.reverse();
        let mut enters = true;
        for (n, folder) in above.iter().enumerate() {
            let Some(facts) = self.facts(folder) else {
                continue;
            };
            let entry = above.get(n + 1).copied().unwrap_or(real);
            let of_entry = self.facts(entry).map(|facts| facts.uid);
            let sticky = facts.mode & 0o1000 != 0 && facts.uid != uid && of_entry != Some(uid);
            let may = bits(&facts);
            if enters && (facts.uid == uid || (may & 0o3 == 0o3 && !sticky)) {
                return true;
            }
            enters &= may & 0o1 != 0;
        }
        let own = self.facts(real);
        enters && own.is_some_and(|facts| facts.uid == uid || bits(&facts) & 0o2 != 0)
    }
}

fn facts(path: &Path) -> Option<Facts> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some(Facts {
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        acl: has_acl(path),
    })
}

#[cfg(target_os = "linux")]
fn has_acl(path: &Path) -> bool {
    let mut none: [u8; 0] = [];
    rustix::fs::lgetxattr(path, ACL, &mut none).is_ok_and(|size| size > 0)
}

#[cfg(not(target_os = "linux"))]
fn has_acl(_: &Path) -> bool {
    false
}

/// Whether numbers of users in this namespace are those of the machine; a number that the namespace does not know shows as another.
pub(super) fn is_mapped(proc: &Path, uid: u32) -> bool {
    let map = super::mounts::table(&proc.join("self/uid_map"));
    let whole = map.is_some_and(|map| {
        let numbers: Vec<&str> = map.split_whitespace().collect();
        numbers == ["0", "0", "4294967295"]
    });
    whole || uid != OVERFLOW
}

fn shown(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}

/// The real places of a path that decide: where it leads, and each folder that holds a link on the way.
pub(super) fn places(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::canonicalize(path).into_iter().collect();
    for place in path.ancestors() {
        let link = std::fs::symlink_metadata(place).is_ok_and(|found| found.is_symlink());
        if let (true, Some(folder)) = (link, place.parent())
            && let Ok(real) = std::fs::canonicalize(folder)
        {
            found.push(real.join(place.file_name().unwrap_or_default()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges invented places.
    fn judged(places: &[(&str, u32, u32, u32)], file: &str, write: bool) -> Verdict {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(
            dir.path().join("passwd"),
            "root:x:0:0::/:\nada:x:1000:1000::/:\nbob:x:1001:1001::/:\n",
        )
        .expect("passwd");
        std::fs::write(
            dir.path().join("group"),
            "root:x:0:\nada:x:1000:\nbob:x:1001:\nteam:x:50:ada,bob\n",
        )
        .expect("group");
        let accounts = Accounts::read(dir.path());
        let reach = Reach::new(1000, &accounts, false);
        for (path, mode, uid, gid) in places {
            let facts = Facts {
                mode: *mode,
                uid: *uid,
                gid: *gid,
                acl: false,
            };
            reach
                .seen
                .borrow_mut()
                .insert(PathBuf::from(path), Some(facts));
        }
        let file = Path::new(file);
        if write {
            reach.write(file)
        } else {
            reach.read(file)
        }
    }

    fn is_open(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Others { .. })
    }

    #[test]
    fn a_readable_file_below_a_closed_folder_is_only_latent() {
        let way = |folder: u32, file: u32, gid: u32| {
            judged(
                &[
                    ("/", 0o755, 0, 0),
                    ("/s", folder, 1000, gid),
                    ("/s/f", file, 1000, gid),
                ],
                "/s/f",
                false,
            )
        };
        assert_eq!(way(0o700, 0o644, 1000), Verdict::Latent);
        assert_eq!(way(0o755, 0o600, 1000), Verdict::Nobody);
        assert!(is_open(&way(0o755, 0o644, 1000)));
        assert!(
            is_open(&way(0o711, 0o644, 1000)),
            "anyone who knows the name"
        );
        // The owner's private group is no other.
        assert_eq!(way(0o750, 0o640, 1000), Verdict::Nobody);
        assert!(is_open(&way(0o750, 0o640, 50)));
        assert_eq!(way(0o750, 0o600, 50), Verdict::Nobody);
    }

    #[test]
    fn a_user_who_writes_a_folder_above_can_replace_a_file() {
        let way = |top: u32, folder: u32| {
            judged(
                &[
                    ("/", 0o755, 0, 0),
                    ("/t", top, 0, 0),
                    ("/t/s", folder, 1000, 1000),
                    ("/t/s/f", 0o600, 1000, 1000),
                ],
                "/t/s/f",
                true,
            )
        };
        assert!(is_open(&way(0o777, 0o700)));
        assert_eq!(way(0o1777, 0o700), Verdict::Nobody, "sticky");
        assert!(is_open(&way(0o755, 0o777)));
        assert_eq!(way(0o700, 0o777), Verdict::Nobody);
    }

    #[test]
    fn what_cannot_be_looked_at_or_has_a_list_is_not_known() {
        assert!(matches!(
            judged(&[], "/nowhere-at-all/f", false),
            Verdict::Unknown(_)
        ));
        let accounts = Accounts::default();
        let reach = Reach::new(1000, &accounts, false);
        let facts = |mode, acl| {
            Some(Facts {
                mode,
                uid: 1000,
                gid: 1000,
                acl,
            })
        };
        reach
            .seen
            .borrow_mut()
            .insert(PathBuf::from("/"), facts(0o755, false));
        reach
            .seen
            .borrow_mut()
            .insert(PathBuf::from("/f"), facts(0o600, true));
        assert!(matches!(reach.read(Path::new("/f")), Verdict::Unknown(_)));
        reach
            .seen
            .borrow_mut()
            .insert(PathBuf::from("/g"), facts(0o640, false));
        assert!(
            matches!(reach.read(Path::new("/g")), Verdict::Unknown(_)),
            "nothing is known of groups"
        );
    }

    #[test]
    fn a_user_writes_what_they_own_or_can_replace() {
        let accounts = Accounts::default();
        let reach = Reach::new(1000, &accounts, false);
        let set = |path: &str, mode, uid| {
            let facts = Facts {
                mode,
                uid,
                gid: 0,
                acl: false,
            };
            reach
                .seen
                .borrow_mut()
                .insert(PathBuf::from(path), Some(facts));
        };
        set("/", 0o755, 0);
        set("/etc", 0o755, 0);
        set("/etc/f", 0o644, 0);
        set("/t", 0o1777, 0);
        set("/t/f", 0o644, 0);
        set("/h", 0o755, 1000);
        set("/h/f", 0o444, 0);
        let can = |path: &str| reach.can_write(Path::new(path), 1000);
        assert!(!can("/etc/f") && !can("/t/f") && can("/h/f"));
        assert!(reach.can_write(Path::new("/etc/f"), 0));
    }
}
