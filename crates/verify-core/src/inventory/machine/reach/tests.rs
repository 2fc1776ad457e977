use super::*;
use crate::inventory::machine::acl::List;

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
            acl: Acl::None,
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
    matches!(verdict, Verdict::Others(_))
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
fn what_cannot_be_looked_at_or_has_a_list_that_cannot_be_read_is_not_known() {
    assert!(matches!(
        judged(&[], "/nowhere-at-all/f", false),
        Verdict::Unknown(_)
    ));
    let accounts = Accounts::default();
    let reach = Reach::new(1000, &accounts, false);
    let set = |path: &str, mode, acl| {
        let facts = Facts {
            mode,
            uid: 1000,
            gid: 1000,
            acl,
        };
        let mut seen = reach.seen.borrow_mut();
        seen.insert(PathBuf::from(path), Some(facts));
    };
    set("/", 0o755, Acl::None);
    set("/f", 0o640, Acl::Unreadable);
    assert!(matches!(reach.read(Path::new("/f")), Verdict::Unknown(_)));
    set("/g", 0o640, Acl::None);
    assert!(
        matches!(reach.read(Path::new("/g")), Verdict::Unknown(_)),
        "nothing is known of groups"
    );
    // What a list can give at most is not enough, or is given to everyone anyway.
    set("/h", 0o710, Acl::Unreadable);
    set("/h/f", 0o600, Acl::None);
    assert_eq!(reach.read(Path::new("/h/f")), Verdict::Nobody);
    set("/i", 0o664, Acl::Unreadable);
    assert!(is_open(&reach.read(Path::new("/i"))));
}

/// A mode, and the rights of users and groups that a list names.
type Listed<'l> = (u32, &'l [(u32, u32)], &'l [(u32, u32)]);

/// Judges `/s/f` where folder and file have these modes and lists.
fn listed(folder: Listed<'_>, file: Listed<'_>, write: bool) -> Vec<String> {
    let dir = tempfile::tempdir().expect("temp dir");
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text);
    let users = "root:x:0:0::/:\nada:x:1000:1000::/:\nbob:x:1001:1001::/:\n";
    put("passwd", users).expect("passwd");
    let groups = "root:x:0:\nada:x:1000:\nbob:x:1001:\nteam:x:50:ada,bob\nown:x:51:ada\n";
    put("group", groups).expect("group");
    let accounts = Accounts::read(dir.path());
    let reach = Reach::new(1000, &accounts, false);
    let of = |(mode, users, groups): Listed<'_>| Facts {
        mode,
        uid: 1000,
        gid: 1000,
        acl: Acl::List(List {
            own_group: 0,
            users: users.to_vec(),
            groups: groups.to_vec(),
        }),
    };
    let root = Facts {
        mode: 0o755,
        uid: 0,
        gid: 0,
        acl: Acl::None,
    };
    for (path, facts) in [("/", root), ("/s", of(folder)), ("/s/f", of(file))] {
        let mut seen = reach.seen.borrow_mut();
        seen.insert(PathBuf::from(path), Some(facts));
    }
    let file = Path::new("/s/f");
    match if write {
        reach.write(file)
    } else {
        reach.read(file)
    } {
        Verdict::Others(openings) => openings.into_iter().map(|one| one.who).collect(),
        Verdict::Nobody | Verdict::Latent => Vec::new(),
        Verdict::Unknown(why) => vec![why],
    }
}

#[test]
fn a_list_gives_its_users_and_groups_more_than_the_mode_says() {
    let enter = (0o710, &[(1001, 1)][..], &[][..]);
    let read = (0o640, &[(1001, 4)][..], &[][..]);
    let none = (0o700, &[][..], &[][..]);
    assert_eq!(listed(enter, read, false), ["the user bob"]);
    assert_eq!(listed(enter, read, true), [""; 0]);
    assert_eq!(listed(none, read, false), [""; 0], "cannot enter");
    assert_eq!(listed(enter, none, false), [""; 0]);
    let team = (0o640, &[][..], &[(50, 4)][..]);
    assert_eq!(listed(enter, team, false), ["the user bob"], "by both");
    let all = (0o755, &[][..], &[][..]);
    assert_eq!(listed(all, team, false), ["members of the group team"]);
    // It puts another in its place.
    let replace = (0o770, &[(7777, 7)][..], &[][..]);
    assert_eq!(listed(replace, none, true), ["the user 7777"]);
}

#[test]
fn a_list_for_the_owner_for_root_or_for_nobody_else_opens_nothing() {
    let own = (
        0o775,
        &[(0, 7), (1000, 7)][..],
        &[(51, 7), (0, 7), (1000, 7)][..],
    );
    let file = (0o660, own.1, own.2);
    assert_eq!(listed(own, file, false), [""; 0]);
    assert_eq!(listed(own, file, true), [""; 0]);
    // The bits of the group are the mask of a list, and no right of anyone.
    let team = (0o775, &[][..], &[(50, 1)][..]);
    assert_eq!(listed(team, (0o660, &[], &[(50, 0)]), true), [""; 0]);
    // One whom the list refuses is not let in by what all others may.
    let but_bob = (0o755, &[(1001, 0)][..], &[][..]);
    assert_eq!(listed(but_bob, (0o640, &[(1001, 4)], &[]), false), [""; 0]);
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
            acl: Acl::None,
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
