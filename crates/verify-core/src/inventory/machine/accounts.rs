//! Users and groups of the machine, by its own files: who else is in a group, and in which groups a user is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::read;

/// Most bytes of `passwd` or `group`.
const MAX_FILE: u64 = 8 << 20;
/// Most lines of either.
const MAX_LINES: usize = 200_000;

/// What `passwd` and `group` say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    /// Name and groups' first number by user number.
    users: BTreeMap<u32, (String, u32)>,
    /// Name and members by group number.
    groups: BTreeMap<u32, (String, BTreeSet<String>)>,
    /// Whether both files were read.
    known: bool,
}

impl Accounts {
    /// Reads `passwd` and `group` of a folder. What cannot be read is not known.
    pub(super) fn read(etc: &Path) -> Self {
        let (passwd, group) = (text(&etc.join("passwd")), text(&etc.join("group")));
        let known = passwd.is_some() && group.is_some();
        let mut found = Self {
            known,
            ..Self::default()
        };
        for line in passwd.unwrap_or_default().lines().take(MAX_LINES) {
            let parts: Vec<&str> = line.split(':').collect();
            if let [name, _, uid, gid, ..] = parts.as_slice()
                && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
            {
                found.users.entry(uid).or_insert(((*name).to_owned(), gid));
            }
        }
        for line in group.unwrap_or_default().lines().take(MAX_LINES) {
            let parts: Vec<&str> = line.split(':').collect();
            if let [name, _, gid, members, ..] = parts.as_slice()
                && let Ok(gid) = gid.parse()
            {
                let members = members
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                let entry: &mut (String, BTreeSet<String>) = found
                    .groups
                    .entry(gid)
                    .or_insert_with(|| ((*name).to_owned(), BTreeSet::new()));
                entry.1.extend(members.map(str::to_owned));
            }
        }
        found
    }

    /// Whether others than `owner` and root are in a group; none where the files were not read.
    pub(super) fn has_others(&self, gid: u32, owner: u32) -> Option<bool> {
        if !self.known {
            return None;
        }
        let own = self.users.get(&owner).map(|(name, _)| name.as_str());
        let root = self.users.get(&0).map_or("root", |(name, _)| name.as_str());
        let by_number = self
            .users
            .iter()
            .any(|(uid, (_, primary))| *primary == gid && *uid != owner && *uid != 0);
        let members = self.groups.get(&gid).map(|(_, members)| members);
        let by_name = members
            .into_iter()
            .flatten()
            .any(|name| Some(name.as_str()) != own && name != root);
        Some(by_number || by_name)
    }

    /// The name of a group, or its number.
    pub(super) fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).map_or_else(
            || gid.to_string(),
            |(name, _)| crate::text::excerpt(name, 60),
        )
    }

    /// The name of a user, or the number.
    pub(super) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).map_or_else(
            || uid.to_string(),
            |(name, _)| crate::text::excerpt(name, 60),
        )
    }

    /// Names of the groups that a user is in, sorted.
    pub(crate) fn groups_of(&self, uid: u32) -> Vec<String> {
        let Some((name, primary)) = self.users.get(&uid) else {
            return Vec::new();
        };
        let mut found: Vec<String> = self
            .groups
            .iter()
            .filter(|(gid, (_, members))| *gid == primary || members.contains(name))
            .map(|(_, (group, _))| group.clone())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Users who are in more than one of these groups, by number.
    pub(super) fn in_several(&self, groups: &[u32]) -> Vec<u32> {
        let members: Vec<(u32, Option<&BTreeSet<String>>)> = groups
            .iter()
            .map(|gid| (*gid, self.groups.get(gid).map(|(_, members)| members)))
            .collect();
        let is_in =
            |name: &str, primary: u32, (gid, members): &(u32, Option<&BTreeSet<String>>)| {
                primary == *gid || members.is_some_and(|members| members.contains(name))
            };
        let users = self.users.iter().filter(|(_, (name, primary))| {
            let of = members.iter().filter(|group| is_in(name, *primary, group));
            of.count() > 1
        });
        users.map(|(uid, _)| *uid).collect()
    }

    /// Numbers of the groups that a user is in.
    pub(super) fn numbers_of(&self, uid: u32) -> BTreeSet<u32> {
        let Some((name, primary)) = self.users.get(&uid) else {
            return BTreeSet::new();
        };
        let by_name = self
            .groups
            .iter()
            .filter(|(_, (_, members))| members.contains(name))
            .map(|(gid, _)| *gid);
        by_name.chain([*primary]).collect()
    }
}

fn text(file: &Path) -> Option<String> {
    let real = std::fs::canonicalize(file).ok()?;
    read::text(&real, MAX_FILE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_one_user_is_private() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(
            dir.path().join("passwd"),
            "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nbob:x:1001:100::/:/bin/sh\nbroken\n",
        )
        .expect("passwd");
        std::fs::write(
            dir.path().join("group"),
            "root:x:0:\nada:x:1000:\nusers:x:100:\ndocker:x:999:ada,bob\nsecret:x:50:ada,root\n",
        )
        .expect("group");
        let accounts = Accounts::read(dir.path());
        for (gid, others) in [
            (1000, false),
            (100, true),
            (999, true),
            (50, false),
            (0, false),
        ] {
            assert_eq!(accounts.has_others(gid, 1000), Some(others), "{gid}");
        }
        assert_eq!(accounts.groups_of(1000), ["ada", "docker", "secret"]);
        assert_eq!(
            Accounts::read(&dir.path().join("none")).has_others(1000, 1000),
            None
        );
    }
}
