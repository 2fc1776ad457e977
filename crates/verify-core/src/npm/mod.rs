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
                kind: NoteKind::BadHiddenLockfile {
                    why: why.to_string(),
                },
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
mod tests;
