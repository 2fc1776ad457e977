use std::path::Path;

use super::super::HighlightKind;
use super::*;
use crate::tree::TreeSpec;

/// A folder with these files; a name that ends in `*` is executable.
fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Contents<'static>) {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("temp dir");
    for (name, bytes) in files {
        let path = dir.path().join(name.trim_end_matches('*'));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("folder");
        std::fs::write(&path, bytes).expect("write");
        if name.ends_with('*') {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        }
    }
    let tree =
        tree::digest(&TreeSpec::whole(dir.path()), &tree::TreeOptions::default()).expect("tree");
    let contents = Contents::folder(
        std::borrow::Cow::Owned(tree.manifest),
        dir.path().to_owned(),
        "x".to_owned(),
    );
    (dir, contents)
}

#[test]
fn what_tells_most_comes_first() {
    let old = folder(&[
        ("package.json", br#"{"dependencies":{"a":"1.0.0"}}"#),
        ("README.md", b"one\n"),
    ]);
    let new = folder(&[
        ("package.json", br#"{"main":"lib/x.js","scripts":{"postinstall":"node x"},"dependencies":{"a":"1.0.1","b":"*"}}"#),
        ("README.md", b"two\n"),
        ("bin/run*", b"#!/bin/sh\n"),
        ("lib/x.js", b"1;\n"),
        ("aaa.js", b"2;\n"),
        ("logo.png", b"\x89PNG\0\0"),
    ]);
    let found = difference(Some(&old.1), &new.1).expect("difference");
    let first: Vec<_> = found
        .first
        .iter()
        .map(|h| (h.what, h.path.as_str(), h.detail.as_str()))
        .collect();
    assert_eq!(
        first,
        [
            (
                HighlightKind::LifecycleScript,
                "package.json",
                "postinstall: node x"
            ),
            (
                HighlightKind::Dependency,
                "package.json",
                "a 1.0.1 (was 1.0.0)"
            ),
            (HighlightKind::Dependency, "package.json", "b *"),
            (HighlightKind::Executable, "bin/run", ""),
            (HighlightKind::EntryPoint, "lib/x.js", ""),
        ]
    );
    let order: Vec<_> = found.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        order,
        ["package.json", "bin/run", "lib/x.js", "README.md", "aaa.js"]
    );
    assert_eq!(
        (
            found.named[0].path.as_str(),
            found.named[0].why,
            found.named[0].size
        ),
        ("logo.png", "binary", Some(6))
    );
    assert_eq!(
        found.cost,
        Cost {
            files: 6,
            lines: Some(7)
        }
    );
    assert_eq!(
        cost(Some(&old.1), &new.1, CostLimits::BACKLOG),
        Some(found.cost)
    );
}

#[test]
fn one_long_line_hides_nothing_and_a_bundle_is_named() {
    let long = format!("{}\nevil();\n", "x".repeat(5_000));
    let mixed = format!("{}{long}", "readable line\n".repeat(1_000));
    let new = folder(&[
        ("bundle.js", "y;".repeat(20_000).as_bytes()),
        ("mixed.js", mixed.as_bytes()),
        ("short.js", long.as_bytes()),
    ]);
    let found = difference(None, &new.1).expect("difference");
    assert_eq!(
        found
            .named
            .iter()
            .map(|named| (named.path.as_str(), named.why))
            .collect::<Vec<_>>(),
        [("bundle.js", "minified")]
    );
    assert_eq!(found.files.len(), 2);
}

#[test]
fn nothing_acts_on_the_terminal_and_no_file_is_shown_that_changed() {
    let new = folder(&[("a.js", "a\u{202e}b\u{1b}[2Kc\r\n\tx".as_bytes())]);
    let found = difference(None, &new.1).expect("difference");
    let lines = [
        "+a\\u{202e}b\\u{1b}[2Kc\\u{d}",
        "+\tx",
        "\\ No newline at end of file",
    ];
    assert_eq!(found.files[0].hunks[0].lines, lines);
    std::fs::write(new.0.path().join("a.js"), "other").expect("write");
    assert!(matches!(
        difference(None, &new.1),
        Err((_, ContentsError::Changed))
    ));
}

#[test]
fn a_listing_alone_leaves_out_what_is_the_same_and_the_rest_is_shown_whole() {
    let old = folder(&[
        ("same.js", b"1;\n"),
        ("other.js", b"2;\n"),
        ("gone.js", b"3;\n"),
        ("kept.js", b"4;\n"),
    ]);
    let new = folder(&[
        ("same.js", b"1;\n"),
        ("other.js", b"5;\n6;\n"),
        ("new.js", b"7;\n"),
        ("kept.js", b"4;\n8;\n"),
    ]);
    let dir = tempfile::tempdir().expect("temp dir");
    let store = super::super::ContentStore::new(dir.path());
    store.put(b"4;\n").expect("put");
    let listed = Contents::store(old.1.manifest.clone().into_owned(), store);
    let found = difference(Some(&listed), &new.1).expect("difference");
    let shown = |file: &FileDifference| {
        let lines = file
            .hunks
            .iter()
            .flat_map(|hunk| hunk.lines.clone())
            .collect::<Vec<_>>()
            .join("|");
        format!("{} {} {} {lines}", file.path, file.change, file.old_lost)
    };
    assert_eq!(
        found.files.iter().map(shown).collect::<Vec<_>>(),
        [
            "gone.js removed true ",
            "kept.js changed false  4;|+8;",
            "new.js added false +7;",
            "other.js changed true +5;|+6;"
        ]
    );
    assert_eq!(
        cost(Some(&listed), &new.1, CostLimits::CHECK),
        Some(found.cost)
    );
    assert_eq!(
        found.cost,
        Cost {
            files: 4,
            lines: Some(4)
        }
    );
}

#[test]
fn two_texts_without_a_line_in_common_cost_no_square() {
    let text = |n: u32| {
        (0..120_000)
            .map(|at| format!("{n}{at}\n"))
            .collect::<String>()
    };
    let (old, new) = (text(1), text(2));
    let mut counter = Counter::default();
    assert_eq!(counter.hunks(&old, &new).len(), 1);
    assert_eq!(counter.lines, 240_000);
}
