//! Repositories of an attacker: nothing hangs, nothing is believed, nothing costs much.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use openclaw_verify_core::git::{
    CheckoutState, CommitTree, GitError, ObjectKind, ObjectReader, Repository, TreeLimits,
    compare_checkout, object_id,
};
use openclaw_verify_core::tree::{ChangeKind, LeaveOut, Manifest, Mode, TreeOptions, TreeSpec};

use crate::mint::{Mint, run};
use crate::special::make_fifo;
use crate::support;

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    make_fifo(path);
}

fn open_error(mint: &Mint) -> String {
    Repository::open(&mint.repo())
        .expect_err("refused")
        .to_string()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("deflate");
    encoder.finish().expect("deflate")
}

fn loose_path(mint: &Mint, oid: &str) -> std::path::PathBuf {
    mint.repo().join("objects").join(&oid[..2]).join(&oid[2..])
}

/// A good tag object of some size.
fn a_tag(mint: &Mint, name: &str) -> String {
    mint.put_tag(name, &mint.payload(name, 1_700_000_000))
}

#[test]
fn fifos_and_links_are_refused_before_they_are_opened() {
    for place in [
        "HEAD",
        "config",
        "packed-refs",
        "objects/info/alternates",
        "objects/pack/pack-1.idx",
        "refs/tags/v1",
        "refs/tags",
        "objects/pack",
    ] {
        for link in [false, true] {
            let mint = Mint::new();
            let oid = a_tag(&mint, "v1");
            let path = mint.repo().join(place);
            if path.is_dir() {
                fs::remove_dir_all(&path).expect("remove");
            }
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            if link {
                let _ = fs::remove_file(&path);
                std::os::unix::fs::symlink("/etc", &path).expect("symlink");
            } else {
                fifo(&path);
            }
            let read = Repository::open(&mint.repo()).and_then(|repository| {
                repository.head()?;
                repository.tag("v1")?;
                repository.read(&oid.parse().expect("an id"), 1 << 20)
            });
            assert!(read.is_err(), "{place}, link: {link}");
        }
    }
    let mint = Mint::new();
    let oid = a_tag(&mint, "v1");
    fifo(&loose_path(&mint, &oid));
    let repository = Repository::open(&mint.repo()).expect("a repository");
    assert!(matches!(
        repository.read(&oid.parse().expect("an id"), 1 << 20),
        Err(GitError::Unsafe { .. })
    ));
}

#[test]
fn other_kinds_of_repository_are_named() {
    let mint = Mint::new();
    fs::write(mint.repo().join("objects/info/alternates"), "/elsewhere\n").expect("write");
    assert!(open_error(&mint).contains("borrows objects"));

    let mint = Mint::new();
    mint.git(&["config", "remote.origin.promisor", "true"], b"");
    fs::write(mint.repo().join("objects/pack/pack-1.promisor"), "").expect("write");
    assert!(open_error(&mint).contains("partial clone"));

    let dir = tempfile::tempdir().expect("temp dir");
    for (name, options, what) in [
        ("a", "--object-format=sha256", "sha256"),
        ("b", "--ref-format=reftable", "reftable"),
    ] {
        let path = dir.path().join(name);
        let output = run(
            std::process::Command::new("git")
                .args(["init", "-q", options])
                .arg(&path),
            b"",
        );
        assert!(output.status.success());
        let error = Repository::open(&path).expect_err("refused");
        assert!(
            matches!(&error, GitError::Unsupported(why) if why.contains(what)),
            "{error}"
        );
        // Also when the configuration hides it.
        fs::write(path.join(".git/config"), "").expect("write");
        let error = Repository::open(&path).and_then(|repository| repository.head());
        assert!(
            name == "a" || matches!(error, Err(GitError::Unsupported(_))),
            "{error:?}"
        );
    }

    let work = dir.path().join("linked");
    fs::create_dir(&work).expect("folder");
    fs::write(
        work.join(".git"),
        format!("gitdir: {}\n", mint.repo().display()),
    )
    .expect("write");
    assert!(matches!(
        Repository::open(&work),
        Err(GitError::Unsupported(_))
    ));
    fs::remove_file(work.join(".git")).expect("remove");
    std::os::unix::fs::symlink(mint.repo(), work.join(".git")).expect("symlink");
    assert!(matches!(
        Repository::open(&work),
        Err(GitError::Unsafe { .. })
    ));
    assert!(matches!(
        Repository::open(dir.path()),
        Err(GitError::NotARepository(_))
    ));
}

#[test]
fn an_object_under_another_id_is_seen() {
    let mint = Mint::new();
    let (a, b) = (a_tag(&mint, "a"), a_tag(&mint, "b"));
    let repository = Repository::open(&mint.repo()).expect("a repository");
    fs::remove_file(loose_path(&mint, &a)).expect("remove");
    fs::copy(loose_path(&mint, &b), loose_path(&mint, &a)).expect("copy");
    assert!(matches!(
        repository.read(&a.parse().expect("an id"), 1 << 20),
        Err(GitError::WrongId(_))
    ));

    // The same in a pack, by changing the ids in its index.
    let mint = Mint::new();
    let (a, b) = (a_tag(&mint, "a"), a_tag(&mint, "b"));
    mint.git(&["repack", "-adq"], b"");
    mint.git(&["prune-packed"], b"");
    let index = fs::read_dir(mint.repo().join("objects/pack"))
        .expect("packs")
        .map(|entry| entry.expect("entry").path());
    let index = index
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .expect("an index");
    let mut bytes = fs::read(&index).expect("an index");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    assert_eq!(
        repository
            .read(&a.parse().expect("an id"), 1 << 20)
            .map(|object| object.kind)
            .ok(),
        Some(ObjectKind::Tag)
    );
    let raw = |oid: &str| openclaw_verify_core::digest::from_hex(oid).expect("hex");
    let at = |bytes: &[u8], oid: &str| {
        bytes
            .windows(20)
            .position(|window| window == raw(oid))
            .expect("in the index")
    };
    let (at_a, at_b) = (at(&bytes, &a), at(&bytes, &b));
    let count = u32::from_be_bytes(bytes[8 + 1020..8 + 1024].try_into().expect("count")) as usize;
    let offsets = 8 + 1024 + count * 24;
    let (nth_a, nth_b) = ((at_a - 1032) / 20, (at_b - 1032) / 20);
    let offset_b: [u8; 4] = bytes[offsets + 4 * nth_b..offsets + 4 * nth_b + 4]
        .try_into()
        .expect("offset");
    bytes[offsets + 4 * nth_a..offsets + 4 * nth_a + 4].copy_from_slice(&offset_b);
    fs::remove_file(&index).expect("remove");
    fs::write(&index, bytes).expect("write");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    assert!(matches!(
        repository.read(&a.parse().expect("an id"), 1 << 20),
        Err(GitError::WrongId(_))
    ));
}

#[test]
fn bombs_cost_neither_time_nor_memory() {
    let mint = Mint::new();
    let oid = "a".repeat(40);
    let path = loose_path(&mint, &oid);
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    // Two gigabytes, as stated and as stored behind a lie.
    let zeros = vec![0; 32 << 20];
    for head in [
        &b"tag 2147483648\0"[..],
        b"tag 100\0",
        b"tag 99999999999999999999\0",
        b"tag",
    ] {
        fs::write(&path, zlib(&[head, &zeros].concat())).expect("write");
        let repository = Repository::open(&mint.repo()).expect("a repository");
        assert!(
            repository
                .read(&oid.parse().expect("an id"), 1 << 20)
                .is_err()
        );
    }
    // A file without end, which is not read to its end.
    fs::File::create(&path)
        .and_then(|file| file.set_len(64 << 30))
        .expect("sparse file");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    assert!(
        repository
            .read(&oid.parse().expect("an id"), 1 << 20)
            .is_err()
    );
}

/// A pack in which a small tag is a delta against a blob of 256 MiB that takes 260 kB.
#[test]
fn the_base_of_a_delta_is_bounded_too() {
    let mint = Mint::new();
    let size: usize = 256 << 20;
    let tag = vec![0; 100];
    let oid = object_id(ObjectKind::Tag, &tag).expect("an id").to_string();
    let entry_head = |kind: u8, mut size: usize| {
        let mut head = vec![(kind << 4) | (size & 15) as u8];
        size >>= 4;
        while size > 0 {
            *head.last_mut().expect("a byte") |= 0x80;
            head.push((size & 0x7f) as u8);
            size >>= 7;
        }
        head
    };
    let mut pack = [&b"PACK"[..], &2_u32.to_be_bytes(), &2_u32.to_be_bytes()].concat();
    pack.extend(entry_head(4, size));
    pack.extend(zlib(&vec![0; size]));
    let second = pack.len();
    let mut delta = Vec::new();
    for mut number in [size, 100] {
        while number >= 0x80 {
            delta.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        delta.push(number as u8);
    }
    delta.extend([0x90, 100]);
    pack.extend(entry_head(6, delta.len()));
    let mut back = second - 12;
    let mut offset = vec![(back & 0x7f) as u8];
    back >>= 7;
    while back > 0 {
        back -= 1;
        offset.push((back & 0x7f) as u8 | 0x80);
        back >>= 7;
    }
    offset.reverse();
    pack.extend(offset);
    pack.extend(zlib(&delta));
    pack.extend([0; 20]);
    let id = openclaw_verify_core::digest::from_hex(&oid).expect("hex");
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255_u8 {
        index.extend(u32::from(first >= id[0]).to_be_bytes());
    }
    index.extend(&id);
    index.extend([0; 4]);
    index.extend((second as u32).to_be_bytes());
    index.extend([0; 40]);
    fs::write(mint.repo().join("objects/pack/pack-1.pack"), &pack).expect("pack");
    fs::write(mint.repo().join("objects/pack/pack-1.idx"), &index).expect("index");
    println!("a pack of {} bytes", pack.len());

    let repository = Repository::open(&mint.repo()).expect("a repository");
    let oid = oid.parse().expect("an id");
    assert!(matches!(
        repository.read(&oid, 1 << 20),
        Err(GitError::TooLarge { .. })
    ));
    // The pack is valid: a reader that accepts a base of that size gets the tag.
    assert_eq!(
        repository
            .read(&oid, 512 << 20)
            .map(|object| object.bytes)
            .ok(),
        Some(tag)
    );
}

#[test]
fn every_prefix_and_change_of_a_pack_is_survived() {
    let mint = Mint::new();
    let oid = a_tag(&mint, "v1").parse().expect("an id");
    mint.git(&["repack", "-adq"], b"");
    mint.git(&["prune-packed"], b"");
    let files: Vec<_> = fs::read_dir(mint.repo().join("objects/pack"))
        .expect("packs")
        .map(|entry| entry.expect("entry").path())
        .collect();
    let mut wrong = 0;
    for path in files.iter().filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "idx" || extension == "pack")
    }) {
        let bytes = fs::read(path).expect("a file");
        fs::remove_file(path).expect("remove");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            for hostile in [&changed[..], &bytes[..at]] {
                fs::write(path, hostile).expect("write");
                let read = Repository::open(&mint.repo())
                    .and_then(|repository| repository.read(&oid, 1 << 20));
                match read {
                    Ok(object) => {
                        assert_eq!(object_id(object.kind, &object.bytes).as_ref(), Some(&oid))
                    }
                    Err(_) => wrong += 1,
                }
            }
        }
        fs::write(path, &bytes).expect("write");
    }
    assert!(wrong > 100);
}

fn listing(repository: &Repository, commit: &str) -> CommitTree {
    repository
        .commit_tree(&commit.parse().expect("an id"), &TreeLimits::default())
        .expect("a tree")
}

#[test]
fn a_commit_lists_as_git_lists_it() {
    let mint = Mint::new();
    let blob = mint.git(&["hash-object", "-w", "--stdin"], b"x\n");
    let inner = mint.git(
        &["mktree"],
        format!("100755 blob {blob}\trun\n120000 blob {blob}\tlink\n").as_bytes(),
    );
    let tree = format!(
        "040000 tree {inner}\ta\n100644 blob {blob}\ta.b\n160000 commit {}\tsub\n",
        mint.commit
    );
    let tree = mint.git(&["mktree"], tree.as_bytes());
    let commit = mint.git(&["commit-tree", &tree, "-m", "two"], b"");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let ours = listing(&repository, &commit);
    let shown: Vec<_> = ours
        .entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry.mode))
        .collect();
    assert_eq!(
        shown,
        [
            ("a.b", Mode::Regular),
            ("a/link", Mode::Symlink),
            ("a/run", Mode::Executable)
        ]
    );
    assert_eq!(ours.submodules, ["sub"]);
}

#[test]
fn a_tree_that_multiplies_itself_is_cut_off() {
    let mint = Mint::new();
    let blob = mint.git(&["hash-object", "-w", "--stdin"], b"x\n");
    let mut level = (0..10)
        .map(|nth| format!("100644 blob {blob}\tf{nth}\n"))
        .collect::<String>();
    for _ in 0..10 {
        let tree = mint.git(&["mktree"], level.as_bytes());
        level = (0..10)
            .map(|nth| format!("040000 tree {tree}\td{nth}\n"))
            .collect();
    }
    let tree = mint.git(&["mktree"], level.as_bytes());
    let commit = mint
        .git(&["commit-tree", &tree, "-m", "bomb"], b"")
        .parse()
        .expect("an id");
    let repository = Repository::open(&mint.repo()).expect("a repository");
    let result = repository.commit_tree(&commit, &TreeLimits::default());
    assert!(matches!(result, Err(GitError::Exhausted(_))), "{result:?}");
}

fn walk(root: &Path) -> Manifest {
    let mut spec = TreeSpec::whole(root);
    spec.leave_out.push(LeaveOut::Folder(".git".to_owned()));
    openclaw_verify_core::tree::digest(&spec, &TreeOptions::default())
        .expect("a tree")
        .manifest
}

/// git checks out, and we compare: line endings that the commit asks for are a note, anything else is a difference.
#[test]
fn a_checkout_is_compared_with_its_commit() {
    let dir = tempfile::tempdir().expect("temp dir");
    let root = dir.path();
    let git = |arguments: &[&str]| support::git::git(root, arguments);
    git(&["init", "-q"]);
    let write = |name: &str, text: &str| {
        fs::create_dir_all(root.join(name).parent().expect("parent")).expect("folder");
        fs::write(root.join(name), text).expect("write");
    };
    write(
        ".gitattributes",
        "* text=auto\n*.bat eol=crlf\n*.cmd text eol=crlf\nvendor/** -text\n",
    );
    for name in [
        "a.js",
        "a.bat",
        "sub/b.cmd",
        "vendor/c.bat",
        "sub/deep/d.bat",
    ] {
        write(name, "one\ntwo\n");
    }
    write("sub/.gitattributes", "deep/*.bat -text\n");
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "one"]);
    let repository = Repository::open(root).expect("a repository");
    let commit = repository.head().expect("head").expect("a commit");
    let tree = repository
        .commit_tree(&commit, &TreeLimits::default())
        .expect("a tree");
    let compare = || {
        compare_checkout(&repository, &tree, &walk(root), &TreeLimits::default())
            .expect("a comparison")
    };
    assert_eq!(compare(), CheckoutState::Equal, "as written");

    git(&["rm", "-rq", "--cached", "."]);
    git(&["reset", "-q", "--hard"]);
    for name in [
        "a.js",
        "a.bat",
        "sub/b.cmd",
        "vendor/c.bat",
        "sub/deep/d.bat",
    ] {
        fs::remove_file(root.join(name)).expect("remove");
    }
    git(&["checkout", "-q", "."]);
    let converted = |names: &[&str]| {
        CheckoutState::EqualAfterEol(names.iter().map(|name| (*name).to_owned()).collect())
    };
    assert_eq!(compare(), converted(&["a.bat", "sub/b.cmd"]));

    write("a.js", "one\r\ntwo\r\n");
    write("new", "");
    fs::remove_file(root.join("vendor/c.bat")).expect("remove");
    let run_bit = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(root.join("sub/deep/d.bat"), run_bit).expect("mode");
    let CheckoutState::Different(changes) = compare() else {
        panic!("it differs")
    };
    let shown: Vec<_> = changes
        .iter()
        .map(|change| (change.path.as_str(), change.kind))
        .collect();
    let expected = [
        ("a.js", ChangeKind::Changed),
        ("new", ChangeKind::Added),
        ("sub/deep/d.bat", ChangeKind::ModeChanged),
        ("vendor/c.bat", ChangeKind::Removed),
    ];
    assert_eq!(shown, expected);
}

/// Long chains of deltas, by offset and by id, give the same bytes as git.
#[test]
fn deltas_give_what_git_gives() {
    for by_offset in ["true", "false"] {
        let mint = Mint::new();
        let mut text = (0..2000)
            .map(|line| format!("line {line}\n"))
            .collect::<Vec<_>>();
        let mut oids = Vec::new();
        for nth in 0..60 {
            text[nth * 31] = format!("changed {nth}\n");
            oids.push(mint.git(&["hash-object", "-w", "--stdin"], text.concat().as_bytes()));
        }
        let names: String = oids
            .iter()
            .enumerate()
            .map(|(nth, oid)| format!("100644 blob {oid}\tf{nth:03}\n"))
            .collect();
        let tree = mint.git(&["mktree"], names.as_bytes());
        let commit = mint.git(&["commit-tree", &tree, "-m", "deltas"], b"");
        fs::write(mint.repo().join("refs/heads/main"), format!("{commit}\n")).expect("ref");
        mint.git(&["config", "repack.usedeltabaseoffset", by_offset], b"");
        mint.git(&["repack", "-adfq", "--depth=60", "--window=60"], b"");
        mint.git(&["prune-packed"], b"");
        let deepest = mint.git(
            &[
                "cat-file",
                "--batch-all-objects",
                "--batch-check=%(deltabase)",
            ],
            b"",
        );
        assert!(
            deepest
                .lines()
                .filter(|base| base.contains(|c| c != '0'))
                .count()
                > 40,
            "the pack has deltas"
        );

        let repository = Repository::open(&mint.repo()).expect("a repository");
        let ours = listing(&repository, &commit);
        let mut reader = ObjectReader::new(&repository, 1 << 30);
        let listed: Vec<_> = ours
            .entries
            .iter()
            .map(|entry| entry.oid.to_string())
            .collect();
        assert_eq!(listed, oids);
        assert_eq!(
            ours.manifest(&mut reader, &TreeLimits::default())
                .expect("blobs")
                .entries()
                .len(),
            oids.len()
        );
        for oid in &oids {
            assert!(
                repository
                    .read(&oid.parse().expect("an id"), 1 << 20)
                    .is_ok(),
                "{oid}"
            );
        }
    }
}
