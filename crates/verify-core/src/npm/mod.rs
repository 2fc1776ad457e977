//! Installed npm packages, read from disk: every instance under one `node_modules`, and the edges between them as Node resolves
//! them. The disk is the truth; npm's hidden lockfile only adds what the disk cannot tell.

mod hidden_lock;
mod manifest;
mod name;
mod resolve;
mod walk;

use std::path::{Path, PathBuf};

pub use hidden_lock::Locked;
pub use manifest::{Dependency, DependencyKind, PackageJson, Person, Script};
pub use name::is_package_name;

use crate::text;
use resolve::{Resolved, Resolver};

/// How much is read before the rest is left out with a [`NoteKind::Limit`].
#[derive(Clone, Copy, Debug)]
pub struct NpmLimits {
    /// Instances in one tree.
    pub instances: usize,
    /// Entries of all folders that are listed.
    pub entries: usize,
    /// `node_modules` inside `node_modules`.
    pub depth: usize,
    /// Bytes of one `package.json`.
    pub manifest_bytes: u64,
    /// Bytes of all `package.json` together.
    pub total_bytes: u64,
    /// Entries of all lists of dependencies together.
    pub dependencies: usize,
}

impl Default for NpmLimits {
    fn default() -> Self {
        Self {
            instances: 50_000,
            entries: 200_000,
            depth: 32,
            manifest_bytes: 4 << 20,
            total_bytes: 64 << 20,
            dependencies: 500_000,
        }
    }
}

/// The packages under one `node_modules`. Everything is sorted, so equal disks give equal values.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NpmTree {
    /// The folder that holds `node_modules`; all paths in the tree are relative to it.
    pub project: PathBuf,
    /// The `package.json` beside `node_modules`; none when there is none or it cannot be read.
    pub root: Option<PackageJson>,
    /// npm would run node-gyp in [`NpmTree::project`] itself, as for [`PackageInstance::implicit_gyp`].
    pub root_implicit_gyp: bool,
    /// Every installed package, sorted by path.
    pub instances: Vec<PackageInstance>,
    /// What Node resolves, sorted.
    pub edges: Vec<Edge>,
    /// Dependencies that lead nowhere, sorted. Packages for other platforms and absent peers are the rule here.
    pub unresolved: Vec<Unresolved>,
    /// What was odd, sorted.
    pub notes: Vec<Note>,
    /// Whether everything was read: no limit was reached, and no folder refused.
    pub complete: bool,
}

/// One installed package: a folder `node_modules/<name>` or `node_modules/@scope/<name>`, at any depth, or a folder of the
/// project to which such an entry links (npm workspaces, pnpm's store).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackageInstance {
    /// Path below [`NpmTree::project`], `/` between names: `node_modules/a/node_modules/@s/b`, as npm's lockfile writes it.
    pub path: String,
    /// The name under which Node finds it. Differs from the package's own for an alias.
    pub folder_name: String,
    /// What its `package.json` says; empty when that cannot be read (then there is a note).
    pub manifest: PackageJson,
    /// It came inside the archive of a package that contains it: some package around it names it in `bundleDependencies`, or
    /// leads to it from there.
    pub bundled: bool,
    /// npm would run node-gyp: there is a `binding.gyp`, no `install` or `preinstall` script, and no `gypfile: false`.
    pub implicit_gyp: bool,
    /// What npm's hidden lockfile says; none when there is none, or name or version disagree (then there is a note).
    pub locked: Option<Locked>,
}

/// A dependency that Node resolves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Edge {
    /// Index in [`NpmTree::instances`]; none for the root.
    pub from: Option<usize>,
    /// Index in [`NpmTree::instances`].
    pub to: usize,
    /// Which list names it; the strongest one when several do.
    pub kind: DependencyKind,
}

/// A dependency that Node does not find inside the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Unresolved {
    /// Index in [`NpmTree::instances`]; none for the root.
    pub from: Option<usize>,
    /// The entry that names it.
    pub dependency: Dependency,
    /// The link that Node follows out of the project to find it, below [`NpmTree::project`]: OpenClaw links its own package so.
    pub link: Option<String>,
}

/// Something odd at a place of the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Note {
    /// Path below [`NpmTree::project`]. Untrusted text.
    pub path: String,
    /// What is odd.
    pub kind: NoteKind,
}

/// What can be odd. Texts are safe to show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoteKind {
    /// A folder or file could not be read, or not as what it should be.
    Unreadable {
        /// Why.
        why: String,
    },
    /// A package folder without `package.json`. Node still loads an `index.js` from it.
    NoManifest,
    /// A field of `package.json` has a type that npm does not know; it counts as absent.
    WrongType {
        /// The field.
        field: &'static str,
    },
    /// The same key twice in a `package.json`, of which Node takes the last.
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A package, scope or `node_modules` that is a symbolic link. Only a package's link to another folder of the project is
    /// followed; the instance then stands under its real path.
    Link {
        /// Where it leads, as written.
        target: String,
        /// Whether its real path lies inside the boundary. A dangling link does not.
        inside: bool,
    },
    /// A file directly in `node_modules`, which Node loads by its name.
    LooseFile,
    /// A dot entry other than npm's own `.bin` and `.package-lock.json`. No package can have such a name, but Node loads it.
    DotEntry,
    /// A name that is not UTF-8.
    NotUtf8,
    /// A limit was reached, and the rest was not read.
    Limit {
        /// Which.
        what: &'static str,
    },
    /// The hidden lockfile is there and cannot be used.
    BadHiddenLockfile {
        /// Why.
        why: String,
    },
    /// The hidden lockfile and `package.json` disagree.
    LockDiffers {
        /// `name` or `version`.
        field: &'static str,
        /// What the lockfile says.
        locked: String,
        /// What `package.json` says.
        found: String,
    },
    /// The hidden lockfile does not know the package.
    NotInLock,
    /// The hidden lockfile names a package that is not there.
    OnlyInLock,
}

impl PackageInstance {
    /// The package's own name, or the folder's when `package.json` has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.manifest.name.as_deref().unwrap_or(&self.folder_name)
    }

    /// The version as npm reads it: `v2.1.5` and `=2.1.5` are 2.1.5. Other texts stay as written.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        let written = self.manifest.version.as_deref()?;
        let cleaned = written.trim().trim_start_matches(['=', 'v', ' ']);
        Some(if cleaned.starts_with(|c: char| c.is_ascii_digit()) {
            cleaned
        } else {
            written
        })
    }
}

impl NpmTree {
    /// The edges that leave one package; none for the root.
    pub fn edges_from(&self, from: Option<usize>) -> impl Iterator<Item = &Edge> {
        edges_from(&self.edges, from)
    }
}

/// Reads the packages in `project/node_modules`, which need not exist, and `project/package.json`. Never fails: whatever cannot be
/// read becomes a note.
///
/// No symbolic link is followed out of the project; `boundary` only decides whether such a link is noted as leading outside.
#[must_use]
pub fn read(project: &Path, boundary: &Path, limits: &NpmLimits) -> NpmTree {
    let mut walk = walk::NpmWalk::new(project, boundary, limits);
    let root = walk.run();
    let root_implicit_gyp = root
        .as_ref()
        .is_some_and(|root| walk.implicit_gyp("", root));
    let walk::NpmWalk {
        mut instances,
        mut notes,
        links,
        complete,
        ..
    } = walk;
    instances.sort_by(|a, b| a.path.cmp(&b.path));
    attach_hidden_lock(project, &mut instances, &mut notes);

    let resolver = Resolver::new(&instances, &links);
    let mut edges = Vec::new();
    let mut unresolved = Vec::new();
    let packages = instances
        .iter()
        .enumerate()
        .map(|(at, one)| (Some(at), one.path.as_str(), &one.manifest));
    for (from, path, manifest) in root.iter().map(|root| (None, "", root)).chain(packages) {
        for dependency in &manifest.dependencies {
            match resolver.resolve(path, &dependency.name) {
                Resolved::Instance(to) => edges.push(Edge {
                    from,
                    to,
                    kind: dependency.kind,
                }),
                Resolved::Link(link) => {
                    unresolved.push(Unresolved {
                        from,
                        dependency: dependency.clone(),
                        link: Some(link.to_owned()),
                    });
                }
                Resolved::Nothing => unresolved.push(Unresolved {
                    from,
                    dependency: dependency.clone(),
                    link: None,
                }),
            }
        }
    }
    edges.sort();
    // The same package may be a dependency and a peer: the first, stronger kind stays.
    edges.dedup_by(|later, earlier| (later.from, later.to) == (earlier.from, earlier.to));
    unresolved.sort();
    for at in resolve::bundled(&instances, &resolver, &edges) {
        instances[at].bundled = true;
    }
    notes.sort();
    NpmTree {
        project: project.to_owned(),
        root,
        root_implicit_gyp,
        instances,
        edges,
        unresolved,
        notes,
        complete,
    }
}

fn attach_hidden_lock(project: &Path, instances: &mut [PackageInstance], notes: &mut Vec<Note>) {
    let mut entries = match hidden_lock::read(&project.join("node_modules")) {
        Ok(Some(entries)) => entries,
        Ok(None) => return,
        Err(why) => {
            let path = "node_modules/.package-lock.json".to_owned();
            return notes.push(Note {
                path,
                kind: NoteKind::BadHiddenLockfile { why },
            });
        }
    };
    for instance in instances {
        let Some(locked) = entries.remove(&instance.path) else {
            notes.push(Note {
                path: instance.path.clone(),
                kind: NoteKind::NotInLock,
            });
            continue;
        };
        match disagreement(&locked, instance) {
            None => instance.locked = Some(locked),
            Some(kind) => notes.push(Note {
                path: instance.path.clone(),
                kind,
            }),
        }
    }
    notes.extend(
        entries
            .into_iter()
            .filter(|(_, locked)| !locked.link)
            .map(|(path, _)| Note {
                path,
                kind: NoteKind::OnlyInLock,
            }),
    );
}

fn disagreement(locked: &Locked, instance: &PackageInstance) -> Option<NoteKind> {
    let name = locked.name.as_deref().unwrap_or(&instance.folder_name);
    let version = locked.version.as_deref().unwrap_or_default();
    let found_version = instance.version().unwrap_or_default();
    [
        ("name", name, instance.name()),
        ("version", version, found_version),
    ]
    .into_iter()
    .find(|(_, locked, found)| locked != found)
    .map(|(field, locked, found)| NoteKind::LockDiffers {
        field,
        locked: text::excerpt(locked, 80),
        found: text::excerpt(found, 80),
    })
}

/// The edges that leave one package. `edges` are sorted.
fn edges_from(edges: &[Edge], from: Option<usize>) -> impl Iterator<Item = &Edge> {
    let start = edges.partition_point(|edge| edge.from < from);
    edges
        .iter()
        .skip(start)
        .take_while(move |edge| edge.from == from)
}

#[cfg(test)]
mod tests {
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
}
