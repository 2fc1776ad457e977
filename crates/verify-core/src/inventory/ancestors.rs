//! `node_modules` folders above a subject: Node searches every one of them, so anyone who can write there can add code to the subject.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::paths::{Kind as Entry, Paths};
use super::{Inventory, NotCovered, NotCoveredGroup, Observation, Subject};
use crate::subject::{Kind, Source, SubjectId};
use crate::tree::TreeSpec;

/// Most links that are named of one folder.
const MAX_LINKS: usize = 8;

/// Folders that Node searches, and that no subject's digest covers.
pub(super) fn read(paths: &Paths, inventory: &mut Inventory) {
    // By their roots: each of thousands of plugins has a folder that is asked about, and a tree.
    let mut covered: HashMap<PathBuf, Vec<TreeSpec>> = HashMap::new();
    for tree in inventory
        .subjects
        .iter()
        .flat_map(|subject| subject.trees.all())
    {
        covered
            .entry(tree.root.clone())
            .or_default()
            .push(tree.clone());
    }
    let is_covered = |place: &Path| {
        let roots = place.ancestors().filter_map(|root| covered.get(root));
        roots.flatten().any(|tree| tree.holds(place))
    };
    let (mut searched, by_host) = searched(inventory);
    if let Some(home) = &paths.home {
        // `require` also looks there. [Node, "Loading from the global folders"]
        searched.extend([".node_modules", ".node_libraries"].map(|name| home.join(name)));
    }
    // The last of Node's global folders, of the prefix in which Node itself lies. That of the system is the system's.
    searched.extend(inventory.node_folders.iter().filter_map(|folder| {
        let prefix = folder.parent().filter(|_| folder.ends_with("bin"))?;
        let own = prefix != Path::new("/usr") && !prefix.starts_with("/nix/store");
        own.then(|| prefix.join("lib/node"))
    }));
    // In a copy, what lies above it says nothing about the original; the host package stands where the operator says.
    searched.retain(|folder| !paths.relocated() || folder.starts_with(&paths.state));
    let host_paths = paths.outside_copy();
    let looked_at = searched
        .difference(&by_host)
        .map(|folder| (folder, paths))
        .chain(by_host.iter().map(|folder| (folder, &host_paths)));
    for (folder, paths) in looked_at {
        if !is_covered(folder)
            && !holds_only(paths, folder, &is_covered)
            && paths.kind(folder) != Entry::Nothing
            && !without_packages(folder)
        {
            let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
            let inside = |subject: &&Subject| {
                let root = subject.trees.tree.as_ref().map(|tree| &tree.root);
                root.is_some_and(|root| root.starts_with(&real))
            };
            let holds = inventory.subjects.iter().find(inside);
            let observation = Observation::AncestorNodeModules {
                path: paths.shown(folder),
                holds: holds.map(|subject| subject.id.clone()),
                developed: developed(paths, inventory, folder),
                links: links(paths, &real),
            };
            inventory.observations.push(observation);
        }
    }
    if paths.relocated() {
        inventory.not_covered.push(NotCovered::new(
            NotCoveredGroup::NotSeen,
            "node_modules folders above the state directory",
            "the state directory is a copy; only its original's place tells what Node would search there",
        ));
    }
}

/// The folders that Node searches from the subjects upwards: those of all others, and those of the host package.
fn searched(inventory: &Inventory) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    let (mut searched, mut by_host) = (BTreeSet::new(), BTreeSet::new());
    for subject in &inventory.subjects {
        if !matches!(
            subject.kind,
            Kind::Core | Kind::Plugin | Kind::Bundle | Kind::HookPack | Kind::Runtime
        ) {
            continue;
        }
        let Some(root) = subject.trees.tree.as_ref().map(|tree| tree.root.as_path()) else {
            continue;
        };
        // Its own top folder is part of the subject; the folder of a global install is spoken of in `core`.
        let own = |folder: &PathBuf| subject.kind == Kind::Core && root.starts_with(folder);
        let above = root
            .ancestors()
            .skip(1)
            .filter(|folder| folder.file_name().is_none_or(|name| name != "node_modules"));
        let of_it = if subject.kind == Kind::Core {
            &mut by_host
        } else {
            &mut searched
        };
        of_it.extend(
            above
                .map(|folder| folder.join("node_modules"))
                .filter(|folder| !own(folder)),
        );
    }
    (searched, by_host)
}

/// Whether every package in a `node_modules` is covered by the digest of some subject, and nothing else lies there that Node would load.
fn holds_only(paths: &Paths, modules: &Path, is_covered: &dyn Fn(&Path) -> bool) -> bool {
    let Ok(entries) = paths.list(modules) else {
        return false;
    };
    let mut packages = Vec::new();
    for entry in entries {
        let name = entry.name.to_string_lossy().into_owned();
        match (entry.kind, name.starts_with('@')) {
            // Node asks for packages by name, and no name begins with a dot.
            _ if name.starts_with('.') => {}
            (Entry::Folder, true) => match paths.list(&entry.path) {
                Ok(inside) => packages.extend(inside.into_iter().map(|entry| entry.path)),
                Err(_) => return false,
            },
            _ => packages.push(entry.path),
        }
    }
    !packages.is_empty()
        && packages
            .iter()
            .all(|package| paths.real(package).is_ok_and(|real| is_covered(&real)))
}

/// A plugin that is loaded from a project whose packages are in `modules`. The home folder is no project: packages there were installed
/// in the wrong place.
fn developed(paths: &Paths, inventory: &Inventory, modules: &Path) -> Option<SubjectId> {
    let project = modules.parent()?;
    if paths.home.as_deref() == Some(project) {
        return None;
    }
    let found = inventory.subjects.iter().find(|subject| {
        let root = subject.trees.tree.as_ref().map(|tree| &tree.root);
        matches!(subject.source, Source::Link | Source::Load)
            && root.is_some_and(|root| root.starts_with(project) && !root.starts_with(modules))
    });
    found.map(|subject| subject.id.clone())
}

/// Where links of a `node_modules` lead that are not packages of their own.
fn links(paths: &Paths, modules: &Path) -> Vec<String> {
    let entries = paths.list(modules).unwrap_or_default();
    let scopes = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('@');
    let (scoped, own): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| scopes(&entry.name));
    let inside = scoped
        .iter()
        .flat_map(|scope| paths.list(&scope.path).unwrap_or_default());
    let links = own.into_iter().chain(inside).filter(|entry| entry.link);
    links
        .filter_map(|entry| {
            let real = paths.real(&entry.path).ok()?;
            Some(format!(
                "{} -> {}",
                paths.shown(&entry.path),
                paths.shown(&real)
            ))
        })
        .take(MAX_LINKS)
        .collect()
}

/// Provably without anything that Node is asked for by name: no package's name begins with a dot.
fn without_packages(folder: &Path) -> bool {
    let hidden = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
    };
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.all(hidden))
}
