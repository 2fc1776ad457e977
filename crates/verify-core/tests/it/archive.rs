//! The archive reader against honest archives and against those of an attacker, one fixture an attack, refused by name.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use openclaw_verify_core::archive::{self, Archive, ArchiveError, ArchiveLimits, UnpackError};
use openclaw_verify_core::digest::Sri;
use openclaw_verify_core::tree::{self, Mode, TreeOptions, TreeSpec};
use proptest::prelude::*;

/// A header of 512 bytes with a right checksum.
fn header(path: &[u8], kind: u8, size: u64, link: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path);
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block
}

/// Writes the checksum.
fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

fn entry(path: &[u8], kind: u8, content: &[u8], link: &[u8]) -> Vec<u8> {
    [
        header(path, kind, content.len() as u64, link).to_vec(),
        padded(content),
    ]
    .concat()
}

fn file(path: &str, content: &str) -> Vec<u8> {
    entry(path.as_bytes(), b'0', content.as_bytes(), b"")
}

fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length += 1;
    }
    format!("{length}{rest}")
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let content: String = records
        .iter()
        .map(|(key, value)| record(key, value))
        .collect();
    entry(b"PaxHeader/x", b'x', content.as_bytes(), b"")
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("pack");
    packer.finish().expect("pack")
}

fn tgz(entries: &[Vec<u8>]) -> Vec<u8> {
    gzip(&tar(entries))
}

fn read(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    archive::read(bytes, &ArchiveLimits::default(), |path| {
        path == "package.json"
    })
}

#[track_caller]
fn refused(entries: &[Vec<u8>], code: &str) {
    refused_bytes(&tgz(entries), code);
}

#[track_caller]
fn refused_bytes(bytes: &[u8], code: &str) {
    match read(bytes) {
        Err(error) => assert_eq!(error.code(), code, "{error}"),
        Ok(archive) => panic!("read as {:?}", archive.entries),
    }
}

fn honest() -> Vec<Vec<u8>> {
    vec![
        file("package/package.json", "{}"),
        file("package/lib/index.js", "x"),
    ]
}

fn with(extra: Vec<u8>) -> Vec<Vec<u8>> {
    [honest(), vec![extra]].concat()
}

#[test]
fn honest_archive_is_the_tree_that_it_unpacks_to() {
    let bytes = tgz(&honest());
    let read = read(&bytes).expect("read");
    assert_eq!(
        (read.top.as_str(), read.entries.len(), read.packed),
        ("package", 2, bytes.len() as u64)
    );
    assert_eq!(read.content("package.json"), Some(b"{}".as_slice()));
    assert_eq!(read.content("lib/index.js"), None);
    assert_eq!(read.integrity, Sri::of(&bytes));
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::create_dir(dir.path().join("lib")).expect("folder");
    std::fs::write(dir.path().join("package.json"), "{}").expect("file");
    std::fs::write(dir.path().join("lib/index.js"), "x").expect("file");
    let tree = tree::digest(&TreeSpec::whole(dir.path()), &TreeOptions::default()).expect("digest");
    assert_eq!((tree.digest, tree.manifest), (read.digest, read.manifest));
}

#[test]
fn long_paths_by_pax_prefix_and_gnu_are_read() {
    let long = format!("package/{}/{}", "d".repeat(120), "f".repeat(90));
    let by_pax = [
        pax(&[("path", &long), ("mtime", "1700000000.5")]),
        file("package/short", "x"),
    ]
    .concat();
    let by_gnu = [
        entry(b"././@LongLink", b'L', format!("{long}\0").as_bytes(), b""),
        file("package/short", "x"),
    ]
    .concat();
    let mut block = header("f".repeat(90).as_bytes(), b'0', 1, b"");
    block[345..345 + 128].copy_from_slice(&long.as_bytes()[..128]);
    seal(&mut block);
    let by_prefix = [block.to_vec(), padded(b"x")].concat();
    for bytes in [by_pax, by_gnu, by_prefix] {
        let read = read(&tgz(&[bytes])).expect("read");
        assert_eq!(
            read.entries.first().map(|e| format!("package/{}", e.path)),
            Some(long.clone())
        );
    }
}

/// A header with `prefix` and `name`, after a pax header of `path`.
fn with_prefix(path: &str, prefix: &str, name: &str) -> Vec<u8> {
    let mut block = header(name.as_bytes(), b'0', 0, b"");
    block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
    seal(&mut block);
    [pax(&[("path", path)]), block.to_vec()].concat()
}

#[test]
fn npm_packs_names_above_100_bytes_with_path_and_prefix() {
    let name = "n".repeat(120);
    let path = format!("package/lib/{name}");
    let honest = with_prefix(&path, "package/lib", &name[..99]);
    let found = read(&tgz(&[honest])).expect("read");
    assert_eq!(
        found.entries.first().map(|e| e.path.clone()),
        Some(format!("lib/{name}"))
    );
    for (prefix, kept) in [
        ("package/bin", &name[..99]),
        ("package", &name[..99]),
        ("package/lib", &name[..98]),
        ("package/lib", &name[..100]),
        ("package/lib", "other"),
    ] {
        refused(&with(with_prefix(&path, prefix, kept)), "bad-header");
    }
    // A GNU long name with a prefix is not node-tar's.
    let mut block = header(&name.as_bytes()[..99], b'0', 0, b"");
    block[345..356].copy_from_slice(b"package/lib");
    seal(&mut block);
    let long = format!("{path}\0");
    let gnu = entry(b"././@LongLink", b'L', long.as_bytes(), b"");
    refused(&with([gnu, block.to_vec()].concat()), "bad-header");
}

#[test]
fn zero_padding_after_the_gzip_data_is_read_and_hashed() {
    let plain = tgz(&[file("package/f", "x")]);
    let padded = |zeros: usize| [plain.clone(), vec![0; zeros]].concat();
    for zeros in [1, 6_982, 10_240] {
        let found = read(&padded(zeros)).expect("read");
        assert_eq!(found.integrity, Sri::of(&padded(zeros)));
        assert_eq!(found.digest, read(&plain).expect("read").digest);
    }
    refused_bytes(&padded(10_241), "trailing-bytes");
    for end in [b"x".to_vec(), plain.clone()] {
        refused_bytes(&[padded(512), end].concat(), "trailing-bytes");
    }
    refused_bytes(
        &[plain.clone(), plain.clone()].concat(),
        "several-gzip-members",
    );
}

#[test]
fn version_bytes_of_old_npm_are_read_without_a_prefix() {
    let with_version = |version: &[u8; 2], prefix: &[u8]| {
        let mut block = header(b"package/f", b'0', 0, b"");
        block[263..265].copy_from_slice(version);
        block[345..345 + prefix.len()].copy_from_slice(prefix);
        seal(&mut block);
        with(block.to_vec())
    };
    for version in [b" \0", b" 0", b"00"] {
        assert!(read(&tgz(&with_version(version, b""))).is_ok());
    }
    // Only some readers take the prefix then.
    for version in [b" \0", b" 0"] {
        refused(&with_version(version, b"evil"), "bad-header");
    }
    for version in [b"01", b"0 ", b"\0\0", b"zz"] {
        refused(&with_version(version, b""), "bad-header");
    }
}

#[test]
fn folders_old_headers_and_global_comments_are_read() {
    let mut old = header(b"package/old", b'\0', 0, b"");
    old[257..265].fill(0);
    seal(&mut old);
    let comment = entry(
        b"pax_global_header",
        b'g',
        record("comment", &"a1".repeat(20)).as_bytes(),
        b"",
    );
    let folder = |path: &[u8]| entry(path, b'5', b"", b"");
    let read = read(&tgz(&[
        comment,
        folder(b"package/"),
        folder(b"package/a"),
        file("package/a/b", ""),
        folder(b"package/a/"),
        old.to_vec(),
    ]));
    let read = read.expect("read");
    assert_eq!(
        read.entries
            .iter()
            .map(|e| e.path.as_str())
            .collect::<Vec<_>>(),
        ["a/b", "old"]
    );
}

#[test]
fn modes_are_those_that_npm_sets() {
    let with_mode = |mode: &str| {
        let mut block = header(b"package/f", b'0', 0, b"");
        block[100..108].copy_from_slice(format!("{mode}\0").as_bytes());
        seal(&mut block);
        read(&tgz(&[block.to_vec()]))
            .expect("read")
            .entries
            .first()
            .map(|e| e.mode)
    };
    for (mode, expected) in [
        ("0000755", Mode::Executable),
        ("0000100", Mode::Executable),
        ("0000644", Mode::Regular),
        ("0004655", Mode::Regular),
    ] {
        assert_eq!(with_mode(mode), Some(expected), "{mode}");
    }
}

#[test]
fn npm_leaves_links_out_and_renames_gitignore() {
    let entries = [
        file("package/.gitignore", "a"),
        file("package/sub/.gitignore", "b"),
        file("package/sub/.npmignore", "c"),
        file("package/x.gitignore", "d"),
        entry(b"package/hard", b'1', b"", b"package/x.gitignore"),
        entry(b"package/soft", b'2', b"", b"x.gitignore"),
    ];
    let read = read(&tgz(&entries)).expect("read");
    assert_eq!(read.entries.len(), 6);
    let npm = read.manifest_of_npm().expect("manifest");
    assert_eq!(
        npm.entries()
            .iter()
            .map(|e| e.path.as_str())
            .collect::<Vec<_>>(),
        [".npmignore", "sub/.npmignore", "x.gitignore"]
    );
    assert_eq!(
        npm.get("sub/.npmignore").map(|e| e.id),
        read.entry("sub/.npmignore").map(|e| e.id)
    );
}

// Attacks: one test each.

#[test]
fn attack_path_traversal() {
    refused(&with(file("package/../../evil", "x")), "traversal");
    refused(&with(file("../evil", "x")), "traversal");
    refused(&with(file("package/a/..", "x")), "traversal");
    refused(
        &with(
            [
                pax(&[("path", "package/../../evil")]),
                file("package/good", "x"),
            ]
            .concat(),
        ),
        "traversal",
    );
    refused(
        &with(
            [
                entry(b"././@LongLink", b'L', b"package/../evil\0", b""),
                file("package/good", "x"),
            ]
            .concat(),
        ),
        "traversal",
    );
    refused(
        &with(entry(b"package/../../evil/", b'5', b"", b"")),
        "traversal",
    );
}

#[test]
fn attack_absolute_path() {
    refused(&with(file("/etc/cron.d/evil", "x")), "absolute-path");
    refused(
        &with([pax(&[("path", "/etc/evil")]), file("package/good", "x")].concat()),
        "absolute-path",
    );
}

#[test]
fn attack_symlink_leaves() {
    let link = |path: &[u8], target: &[u8]| entry(path, b'2', b"", target);
    refused(
        &with(link(b"package/l", b"../../etc/passwd")),
        "link-leaves",
    );
    refused(&with(link(b"package/l", b"/etc/passwd")), "link-leaves");
    refused(&with(link(b"package/l", b"")), "link-leaves");
    refused(&with(link(b"package/lib/l", b"../..")), "link-leaves");
    // By way of another link, whose order does not matter.
    refused(
        &with(
            [
                link(b"package/a", b"lib/b/x"),
                link(b"package/lib/b", b"../.."),
            ]
            .concat(),
        ),
        "link-leaves",
    );
    refused(
        &with([pax(&[("linkpath", "../../x")]), link(b"package/l", b"good")].concat()),
        "link-leaves",
    );
    assert!(
        read(&tgz(&with(
            [
                link(b"package/a", b"b"),
                link(b"package/b", b"a"),
                link(b"package/c", b"lib/../lib")
            ]
            .concat()
        )))
        .is_ok()
    );
}

#[test]
fn attack_file_through_a_symlink() {
    let link = entry(b"package/dir", b'2', b"", b"lib");
    refused(
        &with([link.clone(), file("package/dir/evil", "x")].concat()),
        "duplicate",
    );
    refused(
        &with([file("package/dir/evil", "x"), link].concat()),
        "duplicate",
    );
}

#[test]
fn attack_hard_link_leaves() {
    let link = |target: &[u8]| entry(b"package/l", b'1', b"", target);
    for target in [
        b"/etc/passwd".as_slice(),
        b"package/../../x",
        b"../x",
        b"package/none",
        b"other/lib/index.js",
        b"lib/index.js",
    ] {
        refused(&with(link(target)), "hard-link-leaves");
    }
    // One that comes before its file, and one to a symlink.
    refused(
        &[link(b"package/later"), file("package/later", "x")],
        "hard-link-leaves",
    );
    refused(
        &[entry(b"package/s", b'2', b"", b"x"), link(b"package/s")],
        "hard-link-leaves",
    );
    let read = read(&tgz(&with(link(b"package/lib/index.js")))).expect("read");
    assert_eq!(
        read.entry("l").map(|e| e.id),
        read.entry("lib/index.js").map(|e| e.id)
    );
}

#[test]
fn attack_duplicate_entries() {
    refused(
        &with(file("package/package.json", "{\"evil\":1}")),
        "duplicate",
    );
    let twice = |kind| {
        [
            entry(b"package/l", kind, b"", b"package/package.json"),
            entry(b"package/l", kind, b"", b"package/package.json"),
        ]
    };
    refused(&with(twice(b'1').concat()), "duplicate");
    refused(&with(twice(b'2').concat()), "duplicate");
    refused(
        &with(
            [
                entry(b"package/l", b'2', b"", b"lib"),
                file("package/l", "x"),
            ]
            .concat(),
        ),
        "duplicate",
    );
    let mut executable = header(b"package/package.json", b'0', 2, b"");
    executable[100..108].copy_from_slice(b"0000755\0");
    seal(&mut executable);
    refused(
        &with([executable.to_vec(), padded(b"{}")].concat()),
        "duplicate",
    );
    refused(&with(file("package/lib", "x")), "duplicate");
    refused(&with(file("package/package.json/x", "x")), "duplicate");
    refused(
        &with(entry(b"package/lib/index.js/", b'5', b"", b"")),
        "duplicate",
    );
}

#[test]
fn attack_case_and_normalisation_twins() {
    refused(&with(file("package/Package.json", "x")), "collision");
    refused(&with(file("package/LIB/other.js", "x")), "collision");
    refused(
        &[file("package/é", "x"), file("package/e\u{301}", "x")],
        "collision",
    );
}

#[test]
fn attack_special_files_and_unknown_types() {
    for kind in *b"346" {
        refused(&with(entry(b"package/dev", kind, b"", b"")), "special-file");
    }
    for kind in *b"7DMNVXAI9z" {
        refused(&with(entry(b"package/odd", kind, b"", b"")), "unknown-type");
    }
}

#[test]
fn attack_decompression_bombs() {
    let zeros = |megabytes: u64| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer
            .write_all(&header(b"package/zeros", b'0', megabytes << 20, b""))
            .expect("pack");
        for _ in 0..megabytes {
            packer.write_all(&vec![0; 1 << 20]).expect("pack");
        }
        packer.write_all(&[0; 1024]).expect("pack");
        packer.finish().expect("pack")
    };
    refused_bytes(&zeros(64), "bomb");
    let small = ArchiveLimits {
        unpacked: 1 << 20,
        ..ArchiveLimits::default()
    };
    assert!(matches!(
        archive::read(zeros(2).as_slice(), &small, |_| false),
        Err(ArchiveError::UnpackedTooLarge(_))
    ));
    let small = ArchiveLimits {
        packed: 1000,
        ..ArchiveLimits::default()
    };
    assert!(matches!(
        archive::read(zeros(8).as_slice(), &small, |_| false),
        Err(ArchiveError::PackedTooLarge(1000))
    ));
    // Zeros after the end of the archive are a bomb too.
    refused_bytes(&gzip(&[tar(&honest()), vec![0; 64 << 20]].concat()), "bomb");
    assert!(read(&gzip(&[tar(&honest()), vec![0; 1 << 20]].concat())).is_ok());
}

#[test]
fn attack_several_gzip_members() {
    refused_bytes(
        &[tgz(&honest()), tgz(&[file("package/evil", "x")])].concat(),
        "several-gzip-members",
    );
    // The archive cut in two members: `gzip -d` joins them.
    let whole = tar(&honest());
    let (a, b) = whole.split_at(512);
    refused_bytes(&[gzip(a), gzip(b)].concat(), "truncated");
}

#[test]
fn attack_trailing_data() {
    refused_bytes(
        &[tgz(&honest()), b"evil".to_vec()].concat(),
        "trailing-bytes",
    );
    refused_bytes(&[tgz(&honest()), vec![0, 1]].concat(), "trailing-bytes");
    refused_bytes(
        &gzip(&[tar(&honest()), tar(&[file("package/evil", "x")])].concat()),
        "trailing-data",
    );
    refused_bytes(
        &gzip(
            &[
                honest().concat(),
                vec![0; 512],
                file("package/evil", "x"),
                vec![0; 1024],
            ]
            .concat(),
        ),
        "trailing-data",
    );
}

#[test]
fn attack_truncated() {
    refused_bytes(&gzip(&honest().concat()), "truncated");
    refused_bytes(
        &gzip(&[honest().concat(), vec![0; 512]].concat()),
        "truncated",
    );
    refused_bytes(
        &gzip(&header(b"package/a", b'0', 10 << 20, b"")),
        "truncated",
    );
    let whole = tgz(&honest());
    refused_bytes(&whole[..whole.len() - 9], "bad-gzip");
    let mut flipped = whole.clone();
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    refused_bytes(&flipped, "bad-gzip");
    refused_bytes(b"", "bad-gzip");
    refused_bytes(&tar(&honest()), "bad-gzip");
}

#[test]
fn attack_bad_header() {
    let mut block = header(b"package/f", b'0', 0, b"");
    block[0] ^= 1;
    refused(&with(block.to_vec()), "bad-checksum");
    let change = |change: &dyn Fn(&mut [u8; 512])| {
        let mut block = header(b"package/f", b'0', 0, b"");
        change(&mut block);
        seal(&mut block);
        block.to_vec()
    };
    // Base 256, a sign, a gap, nothing at all.
    refused(
        &with(change(&|b| {
            b[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\0\x01")
        })),
        "bad-header",
    );
    refused(
        &with(change(&|b| b[124..136].copy_from_slice(b"-0000000001\0"))),
        "bad-header",
    );
    refused(
        &with(change(&|b| {
            b[124..136].copy_from_slice(b"0 1\0\0\0\0\0\0\0\0\0")
        })),
        "bad-header",
    );
    refused(&with(change(&|b| b[124..136].fill(0))), "bad-header");
    refused(
        &with(change(&|b| b[100..108].copy_from_slice(b"drwxr-x\0"))),
        "bad-header",
    );
    refused(
        &with(change(&|b| b[257..265].copy_from_slice(b"ustar\0zz"))),
        "bad-header",
    );
}

/// Found by comparing what is accepted here with what `node-tar` and GNU tar unpack.
#[test]
fn attack_headers_that_node_tar_reads_in_another_way() {
    let change = |change: &dyn Fn(&mut [u8; 512])| {
        let mut block = header(b"package/f", b'0', 0, b"");
        change(&mut block);
        seal(&mut block);
        with(block.to_vec())
    };
    // It takes this byte for the sign of a long prefix.
    refused(&change(&|b| b[475] = b'x'), "bad-header");
    // It drops what follows a NUL only up to a line feed.
    refused(&change(&|b| b[11] = b'\n'), "bad-header");
    refused(&change(&|b| b[160] = b'\n'), "bad-header");
    refused(&change(&|b| b[400] = b'\n'), "bad-header");
    // It leaves out an entry with a link target that is no link, or with numbers that it cannot read.
    refused(&change(&|b| b[157] = b'x'), "bad-header");
    refused(
        &with([pax(&[("linkpath", "x")]), file("package/f", "x")].concat()),
        "bad-header",
    );
    for at in [108, 116, 136, 329, 337, 476, 488] {
        refused(&change(&|b| b[at] = 0xbb), "bad-header");
    }
    for key in ["mtime", "uid", "SCHILY.dev"] {
        refused(
            &with([pax(&[(key, "never")]), file("package/f", "x")].concat()),
            "bad-extended-header",
        );
    }
    assert!(
        read(&tgz(&change(
            &|b| b[108..116].copy_from_slice(b"\x80\0\0\0\0\x7f\xff\xff")
        )))
        .is_ok()
    );
    // It drops a drive or a backslash at the beginning of what is installed, on every system.
    for path in [
        "package/c:/evil",
        "package/c:evil",
        "package/\\evil",
        "c:/package/evil",
    ] {
        refused(&with(file(path, "x")), "absolute-path");
    }
}

#[test]
fn attack_sizes_that_lie() {
    refused(
        &with([pax(&[("size", "1")]), file("package/f", "xx")].concat()),
        "size-lies",
    );
    refused(
        &with(entry(b"package/dir/", b'5', b"hidden", b"")),
        "size-lies",
    );
    refused(
        &with(entry(b"package/link", b'2', b"hidden", b"x")),
        "size-lies",
    );
    assert!(
        read(&tgz(&with(
            [pax(&[("size", "2")]), file("package/f", "xx")].concat()
        )))
        .is_ok()
    );
}

#[test]
fn attack_extended_headers() {
    let then = |extended: Vec<u8>| with([extended, file("package/f", "x")].concat());
    refused(
        &then(pax(&[("path", "package/a"), ("path", "package/b")])),
        "bad-extended-header",
    );
    refused(
        &then([pax(&[("path", "package/a")]), pax(&[("path", "package/b")])].concat()),
        "bad-extended-header",
    );
    refused(&then(pax(&[("mode", "511")])), "bad-extended-header");
    refused(
        &then(pax(&[("SCHILY.xattr.x", "1\n20 path=package/evil")])),
        "bad-extended-header",
    );
    refused(
        &then(pax(&[("path", "package/a\0b")])),
        "bad-extended-header",
    );
    refused(
        &then(entry(
            b"g",
            b'g',
            record("path", "package/evil").as_bytes(),
            b"",
        )),
        "bad-extended-header",
    );
    refused(
        &then(entry(b"x", b'x', &[b' '; 100_000], b"")),
        "bad-extended-header",
    );
    refused(&with(pax(&[("path", "package/a")])), "bad-extended-header");
    // Readers that put the prefix before the long path see another one.
    let mut block = header(b"f", b'0', 0, b"");
    block[345..349].copy_from_slice(b"evil");
    seal(&mut block);
    refused(
        &with([pax(&[("path", "package/f")]), block.to_vec()].concat()),
        "bad-header",
    );
}

#[test]
fn attack_sparse_files() {
    refused(&with(entry(b"package/s", b'S', b"", b"")), "sparse");
    refused(
        &with(
            [
                pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "package/x")]),
                file("package/s", "x"),
            ]
            .concat(),
        ),
        "sparse",
    );
    refused(
        &with([pax(&[("SCHILY.realsize", "9")]), file("package/s", "x")].concat()),
        "sparse",
    );
}

#[test]
fn attack_names() {
    refused(
        &with(entry(b"package/a\x1b[31m", b'0', b"", b"")),
        "control-character",
    );
    refused(
        &with(entry(b"package/a\nb", b'0', b"", b"")),
        "control-character",
    );
    refused(&with(entry(b"package/a\xff", b'0', b"", b"")), "not-utf8");
    for path in [
        "package//a",
        "package/a/",
        "./package/a",
        "package/a/.",
        "./a",
    ] {
        refused(&with(file(path, "x")), "bad-path");
    }
}

#[test]
fn the_same_file_twice_is_one_file() {
    let once = read(&tgz(&honest())).expect("read");
    let bytes = tgz(&with(
        [
            file("package/package.json", "{}"),
            file("package/./lib/index.js", "x"),
        ]
        .concat(),
    ));
    let twice = read(&bytes).expect("read");
    assert_eq!((twice.digest, twice.entries), (once.digest, once.entries));
    let dir = tempfile::tempdir().expect("temp dir");
    let unpacked = archive::unpack(
        bytes.as_slice(),
        &ArchiveLimits::default(),
        &twice.integrity,
        &dir.path().join("out"),
    );
    assert_eq!(unpacked.expect("unpack").digest, once.digest);
}

#[test]
fn a_dot_below_the_top_folder_is_nothing() {
    let archive = read(&tgz(&with(
        [
            file("package/./dist/./a", "x"),
            entry(b"package/./", b'5', b"", b""),
        ]
        .concat(),
    )))
    .expect("read");
    assert!(archive.entry("dist/a").is_some());
    refused(
        &with([file("package/dist/a", "x"), file("package/./dist/a", "y")].concat()),
        "duplicate",
    );
    refused(&with(file("package/./../x", "x")), "traversal");
}

#[test]
fn attack_several_top_folders() {
    refused(
        &with(file("other/package.json", "x")),
        "several-top-folders",
    );
    refused(&with(file("README", "x")), "no-top-folder");
    refused(&[entry(b"package", b'2', b"", b"/etc")], "no-top-folder");
    refused(&[], "empty");
    refused(&[entry(b"package/", b'5', b"", b"")], "empty");
}

#[test]
fn attack_too_many_entries_levels_and_paths() {
    let limits = ArchiveLimits {
        entries: 100,
        ..ArchiveLimits::default()
    };
    let many: Vec<_> = (0..101)
        .map(|n| file(&format!("package/{n}"), ""))
        .collect();
    let code = |bytes: &[u8], limits: &ArchiveLimits| {
        archive::read(bytes, limits, |_| true)
            .err()
            .map(|e| e.code())
    };
    assert_eq!(code(&tgz(&many), &limits), Some("too-many-entries"));
    let deep = format!("package/{}f", "d/".repeat(200));
    refused(
        &[[pax(&[("path", &deep)]), file("package/x", "")].concat()],
        "too-deep",
    );
    let limits = ArchiveLimits {
        path_bytes: 1000,
        ..ArchiveLimits::default()
    };
    let long = "n".repeat(600);
    let long = |n: u8| {
        [
            pax(&[("path", &format!("package/{n}{long}"))]),
            file("package/x", ""),
        ]
        .concat()
    };
    assert_eq!(
        code(&tgz(&[long(1), long(2)]), &limits),
        Some("too-many-path-bytes")
    );
    let limits = ArchiveLimits {
        kept_file: 10,
        ..ArchiveLimits::default()
    };
    assert_eq!(
        code(
            &tgz(&[file("package/package.json", &"x".repeat(11))]),
            &limits
        ),
        Some("file-too-large")
    );
}

#[test]
fn unpacking_writes_the_verified_bytes_or_nothing() {
    let dir = tempfile::tempdir().expect("temp dir");
    let target = dir.path().join("out");
    let bytes = tgz(&honest());
    let verified = read(&bytes).expect("read");
    let unpack = |bytes: &[u8]| {
        archive::unpack(
            bytes,
            &ArchiveLimits::default(),
            &verified.integrity,
            &target,
        )
    };
    let leftovers = || std::fs::read_dir(dir.path()).expect("list").count();

    // Swapped between verifying and unpacking.
    let swapped = tgz(&with(file("package/evil", "x")));
    assert!(matches!(
        unpack(&swapped),
        Err(UnpackError::Integrity { .. })
    ));
    let link = tgz(&with(entry(b"package/l", b'2', b"", b"lib")));
    let of_link = read(&link).expect("read").integrity;
    assert!(matches!(
        archive::unpack(
            link.as_slice(),
            &ArchiveLimits::default(),
            &of_link,
            &target
        ),
        Err(UnpackError::Link(_))
    ));
    assert!(matches!(unpack(&bytes[..50]), Err(UnpackError::Archive(_))));
    assert_eq!(leftovers(), 0);

    assert_eq!(unpack(&bytes).expect("unpack").digest, verified.digest);
    let tree = tree::digest(&TreeSpec::whole(&target), &TreeOptions::default()).expect("digest");
    assert_eq!(tree.digest, verified.digest);
    assert_eq!(leftovers(), 1);
    assert!(matches!(unpack(&bytes), Err(UnpackError::Exists(_))));
    std::fs::remove_dir_all(&target).expect("remove");
    std::os::unix::fs::symlink("/nowhere", &target).expect("symlink");
    assert!(matches!(unpack(&bytes), Err(UnpackError::Exists(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes, and an archive with any bytes changed, are read or refused, never more.
    #[test]
    fn damaged_archives_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>()) {
        let long = pax(&[("path", "package/long/path"), ("mtime", "1")]);
        let mut bytes = tar(&with([long, file("package/l", "x"), entry(b"package/s", b'2', b"", b"lib")].concat()));
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let _ = read(&gzip(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&gzip(&bytes));
        let mut packed = gzip(&bytes);
        for (at, byte) in &changes {
            let at = at.index(packed.len());
            packed[at] = *byte;
        }
        let _ = read(&packed);
    }
}

#[test]
fn gnu_tar_archives_are_the_trees_they_were_made_of() {
    for format in ["gnu", "ustar", "pax"] {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().join("package");
        let deep = root.join("d".repeat(60)).join("e".repeat(60));
        std::fs::create_dir_all(&deep).expect("folders");
        for n in 0..40 {
            std::fs::write(deep.join(format!("file-{n}")), "x".repeat(n * 100)).expect("file");
        }
        std::fs::write(root.join("ü"), "x").expect("file");
        std::os::unix::fs::symlink("ü", root.join("link")).expect("symlink");
        let archive = dir.path().join("a.tgz");
        let status = Command::new("tar")
            .arg("-czf")
            .arg(&archive)
            .arg(format!("--format={format}"))
            .arg("-C")
            .arg(dir.path())
            .arg("package")
            .status();
        assert!(status.expect("tar runs").success());
        let read = read(&std::fs::read(&archive).expect("archive")).expect(format);
        let tree = tree::digest(&TreeSpec::whole(&root), &TreeOptions::default()).expect("digest");
        assert_eq!(read.digest, tree.digest, "{format}");
    }
}

#[test]
#[ignore = "needs ../shared"]
fn archives_of_the_corpus_are_read() {
    let corpus = crate::support::shared("corpus");
    let mut found = 0;
    for folder in ["openclaw-state/sources", "sigstore/npm"] {
        for file in std::fs::read_dir(corpus.join(folder)).expect("list") {
            let path = file.expect("entry").path();
            if path.extension().is_some_and(|e| e == "tgz") {
                let read = read(&std::fs::read(&path).expect("archive"))
                    .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                assert!(read.content("package.json").is_some());
                found += 1;
            }
        }
    }
    assert!(found > 3);
}

/// Set `OPENCLAW_VERIFY_NPM_CACHE` to an npm cache to read every archive in it, and `OPENCLAW_VERIFY_NODE_MODULES` to compare those
/// that its hidden lockfile names with what npm installed.
#[test]
#[ignore = "needs OPENCLAW_VERIFY_NPM_CACHE, OPENCLAW_VERIFY_NODE_MODULES"]
fn npm_cache_is_read_and_installed_packages_are_their_archives() {
    let folder = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set"));
    let cache = folder("OPENCLAW_VERIFY_NPM_CACHE");
    let installed = folder("OPENCLAW_VERIFY_NODE_MODULES");
    let mut archives = std::collections::HashMap::new();
    let (mut all, mut refused) = (0, Vec::new());
    let mut open = vec![Path::new(&cache).join("_cacache/content-v2")];
    while let Some(folder) = open.pop() {
        for file in std::fs::read_dir(folder).expect("list") {
            let path = file.expect("entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let mut magic = [0; 2];
            if std::fs::File::open(&path)
                .and_then(|mut f| f.read_exact(&mut magic))
                .is_err()
                || magic != [0x1f, 0x8b]
            {
                continue;
            }
            all += 1;
            match read(&std::fs::read(&path).expect("archive")) {
                Ok(read) => drop(archives.insert(read.integrity.to_string(), read)),
                Err(error) => refused.push(format!("{} {error} {}", error.code(), path.display())),
            }
        }
    }
    println!("{all} archives, refused: {refused:#?}");
    let root = Path::new(&installed);
    let lock = std::fs::read_to_string(root.join(".package-lock.json")).expect("lockfile");
    let lock: serde_json::Value = serde_json::from_str(&lock).expect("JSON");
    let (mut same, mut other) = (0, Vec::new());
    for (path, package) in lock["packages"].as_object().expect("packages") {
        let Some(read) = package["integrity"]
            .as_str()
            .and_then(|integrity| archives.get(integrity))
        else {
            continue;
        };
        let folder = root.parent().expect("parent").join(path);
        // A package that bundles its dependencies has them in its archive.
        let leave_out = if read
            .entries
            .iter()
            .any(|entry| entry.path.starts_with("node_modules/"))
        {
            let host = std::fs::canonicalize(folder.join("node_modules/openclaw")).ok();
            vec![tree::LeaveOut::HostLink {
                path: "node_modules/openclaw".to_owned(),
                host,
                copied: false,
            }]
        } else {
            vec![tree::LeaveOut::Folder("node_modules".to_owned())]
        };
        let spec = TreeSpec {
            boundary: folder.clone(),
            root: folder,
            leave_out,
        };
        let Ok(tree) = tree::digest(&spec, &TreeOptions::default()) else {
            continue;
        };
        let npm = read.manifest_of_npm().expect("manifest");
        match tree::compare(&npm, &tree.manifest) {
            changes if changes.is_empty() => same += 1,
            changes => other.push(format!(
                "{path}: {} changes, first {:?}",
                changes.len(),
                changes.first()
            )),
        }
    }
    println!("{same} packages are their archives, not: {other:#?}");
    assert!(same + other.len() > 0);
}
