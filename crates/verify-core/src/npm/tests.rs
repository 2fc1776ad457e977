use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// Writes files below a temporary project; the text of a `package.json` may be given as JSON.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temp dir");
    for (path, text) in files {
        let file = dir.path().join(path);
        fs::create_dir_all(file.parent().expect("parent")).expect("folder");
        fs::write(file, text).expect("file");
    }
    dir
}

fn read_all(dir: &tempfile::TempDir) -> NpmTree {
    read(dir.path(), dir.path(), &NpmLimits::default())
}

fn paths(tree: &NpmTree) -> Vec<&str> {
    tree.instances.iter().map(|one| one.path.as_str()).collect()
}

fn edges(tree: &NpmTree) -> Vec<(&str, &str)> {
    let name = |at: usize| tree.instances[at].path.as_str();
    tree.edges
        .iter()
        .map(|edge| (edge.from.map_or("", name), name(edge.to)))
        .collect()
}

#[test]
fn instances_and_edges_are_those_of_node() {
    let dir = project(&[
        ("package.json", r#"{"dependencies":{"a":"1"}}"#),
        ("node_modules/.bin/a", ""),
        (
            "node_modules/a/package.json",
            r#"{"name":"a","version":"1.0.0","dependencies":{"b":"^9","@s/c":"1","gone":"1"}}"#,
        ),
        (
            "node_modules/a/node_modules/b/package.json",
            r#"{"name":"b","version":"9.0.0","dependencies":{"@s/c":"1"}}"#,
        ),
        (
            "node_modules/b/package.json",
            r#"{"name":"b","version":"1.0.0"}"#,
        ),
        (
            "node_modules/@s/c/package.json",
            r#"{"name":"@s/c","version":"1.0.0","peerDependencies":{"b":"7"}}"#,
        ),
        (
            "node_modules/@s/node_modules/b/package.json",
            r#"{"name":"b","version":"0.0.1"}"#,
        ),
        ("node_modules/a/test/package.json", r#"{"name":"fixture"}"#),
    ]);
    let tree = read_all(&dir);
    assert_eq!(
        paths(&tree),
        [
            "node_modules/@s/c",
            "node_modules/@s/node_modules/b",
            "node_modules/a",
            "node_modules/a/node_modules/b",
            "node_modules/b"
        ]
    );
    assert_eq!(
        edges(&tree),
        [
            ("", "node_modules/a"),
            ("node_modules/@s/c", "node_modules/@s/node_modules/b"),
            ("node_modules/a", "node_modules/@s/c"),
            ("node_modules/a", "node_modules/a/node_modules/b"),
            ("node_modules/a/node_modules/b", "node_modules/@s/c"),
        ]
    );
    assert_eq!(tree.unresolved.len(), 1);
    assert!(tree.complete && tree.notes.is_empty(), "{:?}", tree.notes);
}

#[test]
fn bundled_packages_are_found_over_edges() {
    let dir = project(&[
        (
            "node_modules/p/package.json",
            r#"{"name":"p","dependencies":{"a":"1","z":"1"},"bundleDependencies":["a"]}"#,
        ),
        (
            "node_modules/p/node_modules/a/package.json",
            r#"{"name":"a","dependencies":{"b":"1","out":"1"}}"#,
        ),
        (
            "node_modules/p/node_modules/b/package.json",
            r#"{"name":"b"}"#,
        ),
        (
            "node_modules/p/node_modules/z/package.json",
            r#"{"name":"z"}"#,
        ),
        ("node_modules/out/package.json", r#"{"name":"out"}"#),
    ]);
    let tree = read_all(&dir);
    let bundled: Vec<_> = tree
        .instances
        .iter()
        .filter(|one| one.bundled)
        .map(|one| one.path.as_str())
        .collect();
    assert_eq!(
        bundled,
        [
            "node_modules/p/node_modules/a",
            "node_modules/p/node_modules/b"
        ]
    );
}

#[test]
fn install_scripts_and_implicit_gyp_are_seen() {
    let dir = project(&[
        (
            "node_modules/a/package.json",
            r#"{"name":"a","scripts":{"postinstall":"x","prepare":"y","test":"z"}}"#,
        ),
        ("node_modules/gyp/package.json", r#"{"name":"gyp"}"#),
        ("node_modules/gyp/binding.gyp", "{}"),
        (
            "node_modules/off/package.json",
            r#"{"name":"off","gypfile":false}"#,
        ),
        ("node_modules/off/binding.gyp", "{}"),
        ("node_modules/bare/binding.gyp", "{}"),
        ("package.json", "{}"),
        ("binding.gyp", "{}"),
    ]);
    let tree = read_all(&dir);
    assert!(tree.root_implicit_gyp);
    let a = &tree.instances[0];
    assert_eq!(
        a.manifest
            .install_scripts()
            .map(|script| script.name)
            .collect::<Vec<_>>(),
        ["postinstall"]
    );
    let gyp: Vec<_> = tree
        .instances
        .iter()
        .filter(|one| one.implicit_gyp)
        .map(|one| one.folder_name.as_str())
        .collect();
    assert_eq!(gyp, ["bare", "gyp"]);
}

#[test]
fn links_are_followed_only_inside_the_project() {
    let outside = project(&[("evil/package.json", r#"{"name":"evil"}"#)]);
    let dir = project(&[
        (
            "package.json",
            r#"{"dependencies":{"ws":"1","evil":"1","pn":"1","gone":"1"}}"#,
        ),
        ("node_modules/dep/package.json", r#"{"name":"dep"}"#),
        (
            "packages/ws/package.json",
            r#"{"name":"ws","dependencies":{"dep":"1"}}"#,
        ),
        (
            "node_modules/.pnpm/pn@1/node_modules/pn/package.json",
            r#"{"name":"pn","dependencies":{"q":"1"}}"#,
        ),
        (
            "node_modules/.pnpm/q@1/node_modules/q/package.json",
            r#"{"name":"q"}"#,
        ),
    ]);
    let modules = dir.path().join("node_modules");
    symlink("../packages/ws", modules.join("ws")).expect("link");
    symlink(outside.path().join("evil"), modules.join("evil")).expect("link");
    symlink("nowhere", modules.join("gone")).expect("link");
    symlink(".pnpm/pn@1/node_modules/pn", modules.join("pn")).expect("link");
    symlink(
        "../../q@1/node_modules/q",
        modules.join(".pnpm/pn@1/node_modules/q"),
    )
    .expect("link");
    symlink("loop", modules.join("loop")).expect("link");
    let tree = read_all(&dir);
    let (pn, q) = (
        "node_modules/.pnpm/pn@1/node_modules/pn",
        "node_modules/.pnpm/q@1/node_modules/q",
    );
    assert_eq!(paths(&tree), [pn, q, "node_modules/dep", "packages/ws"]);
    assert_eq!(
        edges(&tree),
        [
            ("", pn),
            ("", "packages/ws"),
            (pn, q),
            ("packages/ws", "node_modules/dep")
        ]
    );
    let links: Vec<_> = tree
        .unresolved
        .iter()
        .map(|one| (one.dependency.name.as_str(), one.link.as_deref()))
        .collect();
    assert_eq!(links, [("evil", Some("node_modules/evil")), ("gone", None)]);
    let outside = |note: &&Note| matches!(note.kind, NoteKind::Link { inside: false, .. });
    assert_eq!(
        tree.notes.iter().filter(outside).count(),
        3,
        "{:?}",
        tree.notes
    );
}

#[test]
fn hostile_folders_become_notes() {
    let dir = project(&[
        ("node_modules/a/package.json", "[[["),
        ("node_modules/empty/README", ""),
        ("node_modules/loose.js", ""),
        ("node_modules/.hidden/index.js", ""),
        (
            "node_modules/.package-lock.json",
            r#"{"lockfileVersion":3,"lockfileVersion":3,"packages":{}}"#,
        ),
    ]);
    let modules = dir.path().join("node_modules");
    fs::create_dir(modules.join("fifo")).expect("folder");
    crate::read::make_fifo(&modules.join("fifo/package.json"));
    fs::create_dir(modules.join("sparse")).expect("folder");
    fs::File::create(modules.join("sparse/package.json"))
        .and_then(|file| file.set_len(4 << 30))
        .expect("sparse file");
    symlink("/tmp", modules.join("@scope")).expect("link");
    let tree = read_all(&dir);
    assert_eq!(tree.instances.len(), 4);
    assert!(!tree.complete);
    let has = |wanted: &dyn Fn(&NoteKind) -> bool| {
        tree.notes.iter().filter(|note| wanted(&note.kind)).count()
    };
    assert_eq!(
        has(&|kind| matches!(kind, NoteKind::Unreadable { .. })),
        3,
        "{:?}",
        tree.notes
    );
    assert_eq!(has(&|kind| matches!(kind, NoteKind::NoManifest)), 1);
    assert_eq!(has(&|kind| matches!(kind, NoteKind::LooseFile)), 1);
    assert_eq!(has(&|kind| matches!(kind, NoteKind::DotEntry)), 1);
    assert_eq!(
        has(&|kind| matches!(kind, NoteKind::BadHiddenLockfile { .. })),
        1
    );
    assert_eq!(
        has(&|kind| matches!(kind, NoteKind::Link { inside: false, .. })),
        1
    );
}

#[test]
fn limits_are_reached_and_said() {
    let deep = format!(
        "{}x/package.json",
        "node_modules/x/".repeat(40).trim_end_matches("x/")
    );
    let dir = project(&[(deep.as_str(), "{}")]);
    let tree = read_all(&dir);
    assert_eq!(tree.instances.len(), 32);
    assert!(
        !tree.complete
            && tree
                .notes
                .iter()
                .any(|note| note.kind == NoteKind::Limit { what: "depth" })
    );
    let few = NpmLimits {
        instances: 3,
        ..NpmLimits::default()
    };
    let tree = read(dir.path(), dir.path(), &few);
    assert_eq!((tree.instances.len(), tree.complete), (3, false));
}

#[test]
fn hidden_lockfile_is_used_only_where_it_agrees() {
    let integrity = crate::digest::Sri::of(b"archive");
    let lock = format!(
        r#"{{"lockfileVersion":3,"packages":{{
            "node_modules/a":{{"version":"1.0.0","integrity":"{integrity}","resolved":"https://registry.example/a.tgz"}},
            "node_modules/b":{{"version":"1.0.0","integrity":"{integrity}"}},
            "node_modules/alias":{{"name":"c","version":"1.0.0","integrity":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}},
            "node_modules/gone":{{"version":"1.0.0"}}}}}}"#
    );
    let dir = project(&[
        ("node_modules/.package-lock.json", &lock),
        (
            "node_modules/a/package.json",
            r#"{"name":"a","version":"v1.0.0"}"#,
        ),
        (
            "node_modules/b/package.json",
            r#"{"name":"b","version":"6.6.6"}"#,
        ),
        (
            "node_modules/alias/package.json",
            r#"{"name":"c","version":"1.0.0"}"#,
        ),
        (
            "node_modules/new/package.json",
            r#"{"name":"new","version":"1.0.0"}"#,
        ),
    ]);
    let tree = read_all(&dir);
    let locked: Vec<_> = tree
        .instances
        .iter()
        .map(|one| one.locked.as_ref().map(|locked| locked.integrity))
        .collect();
    assert_eq!(locked, [Some(Some(integrity)), Some(None), None, None]);
    let kinds: Vec<_> = tree
        .notes
        .iter()
        .map(|note| (note.path.as_str(), &note.kind))
        .collect();
    assert!(
        matches!(
            kinds[0],
            (
                "node_modules/b",
                NoteKind::LockDiffers {
                    field: "version",
                    ..
                }
            )
        ),
        "{kinds:?}"
    );
    assert!(matches!(
        kinds[1],
        ("node_modules/gone", NoteKind::OnlyInLock)
    ));
    assert!(matches!(
        kinds[2],
        ("node_modules/new", NoteKind::NotInLock)
    ));
}
