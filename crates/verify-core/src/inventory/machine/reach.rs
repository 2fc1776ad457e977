//! Who can reach a file: not its mode bits alone, but those of every folder above it, their owners, and who is in their groups.
//!
//! A file is readable by others only if its own bits say so *and* every folder above lets them in. It is writable by whom its bits let
//! write, and by anyone who can write into a folder above it and so replace it; a sticky folder prevents that.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::accounts::Accounts;
use super::acl::Acl;
use crate::text;

/// Who stands for files of users that this user namespace does not know.
const OVERFLOW: u32 = 65534;

/// What others can do with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Nobody,
    /// Its own bits would let them, a folder above does not.
    Latent,
    /// These can, each by the outermost place that lets them; at least one.
    Others(Vec<Opening>),
    /// It cannot be told, and why.
    Unknown(String),
}

/// Who can do something with a file, and by which place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Opening {
    /// The file, or the folder above it that lets them.
    pub(crate) by: PathBuf,
    /// Who, in words.
    pub(crate) who: String,
}

/// All of them in words.
pub(crate) fn who(openings: &[Opening]) -> String {
    let all: BTreeSet<&str> = openings.iter().map(|one| one.who.as_str()).collect();
    all.into_iter().collect::<Vec<_>>().join(", ")
}

/// One file or folder of the way to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) acl: Acl,
}

impl Facts {
    /// The rights of a user in these groups, or of anyone else where none is named; of a list that cannot be read, all that it can give.
    fn rights(&self, user: Option<u32>, is_in: impl Fn(u32) -> bool) -> u32 {
        if user == Some(self.uid) {
            return (self.mode >> 6) & 0o7;
        }
        let (of_group, of_others) = ((self.mode >> 3) & 0o7, self.mode & 0o7);
        match &self.acl {
            Acl::None if is_in(self.gid) => of_group,
            Acl::None => of_others,
            Acl::List(list) => list.rights(user, self.gid, is_in).unwrap_or(of_others),
            Acl::Unreadable if user.is_none() => of_others,
            Acl::Unreadable => of_group | of_others,
        }
    }
}

/// Who others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Any user of the machine.
    Any,
    /// A member of this group.
    Group(u32),
    /// This user.
    User(u32),
}

/// Whether a class gets to a file.
enum Way {
    Closed,
    /// The file would let it, a folder above does not.
    Latent,
    /// By this place.
    Open(PathBuf),
}

/// A right that is asked about.
#[derive(Clone, Copy)]
struct Question<'a> {
    /// The bit of it.
    bit: u32,
    /// Whether it counts who can put another file in its place, in this folder or one below it.
    replaced_in: Option<&'a Path>,
}

/// Judges files of one owner.
pub(super) struct Reach<'a> {
    /// To whom the state belongs.
    pub(super) owner: u32,
    accounts: &'a Accounts,
    /// Whether the operator says that members of a file's group belong to the same trust.
    group_shared: bool,
    seen: RefCell<BTreeMap<PathBuf, Option<Facts>>>,
    /// Whether others are in a group.
    others: RefCell<BTreeMap<u32, Option<bool>>>,
    /// Users who are in several of these groups.
    several: RefCell<BTreeMap<Vec<u32>, Vec<u32>>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(owner: u32, accounts: &'a Accounts, group_shared: bool) -> Self {
        Self {
            owner,
            accounts,
            group_shared,
            seen: RefCell::default(),
            others: RefCell::default(),
            several: RefCell::default(),
        }
    }

    /// What stands at a place, without following a link.
    pub(super) fn facts(&self, path: &Path) -> Option<Facts> {
        if let Some(known) = self.seen.borrow().get(path) {
            return known.clone();
        }
        let found = facts(path);
        self.seen
            .borrow_mut()
            .insert(path.to_owned(), found.clone());
        found
    }

    /// Whether others than the owner and root are in a group; none where that is not known.
    pub(super) fn has_others(&self, gid: u32) -> Option<bool> {
        let mut known = self.others.borrow_mut();
        let found = || self.accounts.has_others(gid, self.owner);
        *known.entry(gid).or_insert_with(found)
    }

    /// Who can read a file.
    pub(super) fn read(&self, real: &Path) -> Verdict {
        let question = Question {
            bit: 0o4,
            replaced_in: None,
        };
        self.judged(real, question)
    }

    /// Who can change a file, or put another in its place.
    pub(super) fn write(&self, real: &Path) -> Verdict {
        self.write_below(real, Path::new("/"))
    }

    /// Who can change a file, or put another in its place by a folder that is `root` or lies below it.
    pub(super) fn write_below(&self, real: &Path, root: &Path) -> Verdict {
        let question = Question {
            bit: 0o2,
            replaced_in: Some(root),
        };
        self.judged(real, question)
    }

    /// Who can change a file by its own bits, not who could put another in its place.
    pub(super) fn write_itself(&self, real: &Path) -> Verdict {
        let question = Question {
            bit: 0o2,
            replaced_in: None,
        };
        self.judged(real, question)
    }

    fn judged(&self, real: &Path, question: Question<'_>) -> Verdict {
        let way = match self.way(real) {
            Ok(way) => way,
            Err(why) => return Verdict::Unknown(why),
        };
        let unread = way.iter().find(|(_, facts)| facts.acl == Acl::Unreadable);
        let (mut latent, mut unknown, mut open) = (false, None, Vec::new());
        for class in self.classes(&way, unread.is_none()) {
            match opened(&way, question, |facts| self.rights(facts, class)) {
                Way::Closed => {}
                Way::Latent => latent = true,
                Way::Open(place) => match self.others(class) {
                    Some(who) => open.push((class, Opening { by: place, who })),
                    None => unknown = Some("who is in its group is not known".to_owned()),
                },
            }
        }
        if !open.is_empty() {
            return Verdict::Others(self.without_implied(&open));
        }
        // Who of all others a list that cannot be read lets in cannot be known.
        let most = |facts: &Facts| (facts.mode | facts.mode >> 3) & 0o7;
        if let Some((place, _)) = unread
            && matches!(opened(&way, question, most), Way::Open(_))
        {
            let place = shown(place);
            return Verdict::Unknown(format!(
                "{place} has an access control list that cannot be read"
            ));
        }
        match unknown {
            Some(why) => Verdict::Unknown(why),
            None if latent => Verdict::Latent,
            None => Verdict::Nobody,
        }
    }

    /// Every folder on the way to a file from the outermost, and the file.
    fn way<'p>(&self, real: &'p Path) -> Result<Vec<(&'p Path, Facts)>, String> {
        let mut way = Vec::new();
        let places = real.ancestors();
        for place in places.filter(|place| !place.as_os_str().is_empty()) {
            match self.facts(place) {
                Some(found) => way.push((place, found)),
                None if place == real => return Err("it cannot be looked at".to_owned()),
                None => return Err(format!("{} cannot be looked at", shown(place))),
            }
        }
        way.reverse();
        Ok(way)
    }

    /// Any user; the members of each group on the way that has others than the owner; users whom a list names, or who are in several of
    /// these groups and so have the rights of all. Where a list cannot be read, what a mode says of groups is not known to be so.
    fn classes(&self, way: &[(&Path, Facts)], is_known: bool) -> Vec<Class> {
        let mut found = vec![Class::Any];
        if !is_known {
            return found;
        }
        let all = way.iter().map(|(_, facts)| facts);
        let lists = || {
            all.clone().filter_map(|facts| match &facts.acl {
                Acl::List(list) => Some(list),
                Acl::None | Acl::Unreadable => None,
            })
        };
        let of_files: BTreeSet<u32> = all.clone().map(|facts| facts.gid).collect();
        let named = lists().flat_map(|list| list.groups.iter().map(|(gid, _)| *gid));
        let groups: BTreeSet<u32> = match self.group_shared {
            true => named.filter(|gid| !of_files.contains(gid)).collect(),
            false => named.chain(of_files).collect(),
        };
        let groups = groups.into_iter();
        let groups: Vec<u32> = groups
            .filter(|gid| self.has_others(*gid) != Some(false))
            .collect();
        let mut users: BTreeSet<u32> = lists()
            .flat_map(|list| list.users.iter().map(|(uid, _)| *uid))
            .collect();
        if let (true, Some((_, own))) = (self.group_shared, way.last()) {
            users.retain(|uid| !self.accounts.numbers_of(*uid).contains(&own.gid));
        }
        if groups.len() > 1 {
            let mut several = self.several.borrow_mut();
            let of = || self.accounts.in_several(&groups);
            users.extend(several.entry(groups.clone()).or_insert_with(of).iter());
        }
        users.retain(|uid| *uid != self.owner && *uid != 0);
        found.extend(groups.into_iter().map(Class::Group));
        found.extend(users.into_iter().map(Class::User));
        found
    }

    /// The rights of a class.
    fn rights(&self, facts: &Facts, class: Class) -> u32 {
        match class {
            Class::Any => facts.rights(None, |_| false),
            Class::Group(group) => facts.rights(None, |gid| gid == group),
            Class::User(uid) => {
                let groups = self.accounts.numbers_of(uid);
                facts.rights(Some(uid), |gid| groups.contains(&gid))
            }
        }
    }

    /// Without those who are also in another class that gets there by the same place or one above it.
    fn without_implied(&self, open: &[(Class, Opening)]) -> Vec<Opening> {
        let is_part = |class: Class, of: Class| match (class, of) {
            (Class::Group(_) | Class::User(_), Class::Any) => true,
            (Class::User(uid), Class::Group(gid)) => self.accounts.numbers_of(uid).contains(&gid),
            _ => false,
        };
        let all = open.iter().filter(|(class, opening)| {
            !open
                .iter()
                .any(|(of, wider)| is_part(*class, *of) && opening.by.starts_with(&wider.by))
        });
        let mut found: Vec<Opening> = all.map(|(_, opening)| opening.clone()).collect();
        found.sort();
        found
    }

    /// A class in words; none where it is not known whether it has anyone.
    fn others(&self, class: Class) -> Option<String> {
        match class {
            Class::Any => Some("every user of this machine".to_owned()),
            Class::Group(gid) => {
                self.has_others(gid)?;
                Some(format!("members of the group {}", self.accounts.group(gid)))
            }
            // The kernel shows so whom this user namespace does not know.
            Class::User(u32::MAX) => Some("a user who has no number here".to_owned()),
            Class::User(uid) => Some(format!("the user {}", self.accounts.user(uid))),
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
        let bits = |facts: &Facts| facts.rights(Some(uid), |gid| groups.contains(&gid));
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

/// Whether someone with these rights gets to what the way ends at.
fn opened(way: &[(&Path, Facts)], question: Question<'_>, rights: impl Fn(&Facts) -> u32) -> Way {
    let Some(((real, own), above)) = way.split_last() else {
        return Way::Closed;
    };
    let mut enters = true;
    for (folder, facts) in above {
        let bits = rights(facts);
        let counts = question
            .replaced_in
            .is_some_and(|root| folder.starts_with(root));
        // A sticky folder lets only an entry's owner replace it.
        if counts && enters && bits & 0o3 == 0o3 && facts.mode & 0o1000 == 0 {
            return Way::Open((*folder).to_owned());
        }
        enters &= bits & 0o1 != 0;
    }
    match (rights(own) & question.bit != 0, enters) {
        (false, _) => Way::Closed,
        (true, false) => Way::Latent,
        (true, true) => Way::Open((*real).to_owned()),
    }
}

fn facts(path: &Path) -> Option<Facts> {
    let found = std::fs::symlink_metadata(path).ok()?;
    let mode = found.mode() & 0o7777;
    let acl = match found.is_symlink() {
        true => Acl::None,
        false => Acl::of(path, mode),
    };
    Some(Facts {
        mode,
        uid: found.uid(),
        gid: found.gid(),
        acl,
    })
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
mod tests;
