//! How a package manager laid out the host package and its dependencies, and which folder's digest covers the latter.
//!
//! - npm, in a project: `<project>/node_modules/openclaw`, with `.package-lock.json` beside it; globally, everything is below the package.
//! - bun and yarn 1: `<project>/node_modules/openclaw`, with their own lockfile in the project.
//! - pnpm, and bun's isolated installs: `<store>/openclaw@<version>/node_modules/openclaw`, where `<store>` is `.pnpm` or `.bun`, in a
//!   `node_modules` or, for pnpm's global packages, beside one; dependencies are links beside the package.
//! - pnpm 11 globally: `<store>/links/@/openclaw/<version>/<hash>/node_modules/openclaw`, in a store that all projects share; only
//!   what links lead to from there belongs to OpenClaw.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::paths::{Kind as Entry, Paths};
use super::plugin::file_name;
use crate::text;
use crate::tree::{LeaveOut, RecordKind, TreeSpec};

/// Most packages of a shared store that are looked at.
const MAX_PACKAGES: usize = 100_000;

/// Where the packages beside the host are.
pub(super) struct HostLayout {
    /// What links inside the host package may lead to.
    pub(super) boundary: PathBuf,
    /// The packages beside the host; none where it brings everything itself.
    pub(super) siblings: Option<TreeSpec>,
    /// The project that holds npm's lockfiles.
    pub(super) npm_project: Option<PathBuf>,
    /// Why no digest covers its dependencies.
    pub(super) unknown: Option<String>,
}

impl HostLayout {
    pub(super) fn of(paths: &Paths, host: &Path, package: &Value) -> Self {
        let enclosing = host
            .parent()
            .filter(|parent| file_name(parent) == "node_modules");
        let alone = || {
            Self {
            boundary: host.to_owned(),
            siblings: None,
            npm_project: None,
            unknown: missing_dependency(package, |name| {
                paths.kind(&host.join("node_modules").join(name)) != Entry::Nothing
            })
            .map(|why| match enclosing {
                None if is_renamed(paths, host, package) => format!(
                    "{why}, beside it: the folder of both has to be called node_modules, as where OpenClaw runs"
                ),
                _ => why,
            }),
        }
        };
        let Some(enclosing) = enclosing else {
            return alone();
        };
        let is_file = |path: PathBuf| paths.kind(&path) == Entry::File;
        let project = enclosing.parent().unwrap_or(enclosing);
        if is_file(enclosing.join(".package-lock.json")) {
            let record =
                LeaveOut::Record(".package-lock.json".to_owned(), RecordKind::HiddenLockfile);
            let mut layout = Self::beside(host, enclosing, vec![record]);
            layout.npm_project = Some(project.to_owned());
            return layout;
        }
        let store = store(host);
        let other = ["bun.lock", "bun.lockb", "yarn.lock"];
        let flat = other.iter().any(|name| is_file(project.join(name)))
            || is_file(enclosing.join(".modules.yaml"));
        let mut layout = match store {
            Some(Store::Private(root)) => Self::beside(host, &root, Vec::new()),
            Some(Store::Shared(root)) => match unreachable(paths, &root, enclosing) {
                Ok(left_out) => Self::beside(host, &root, left_out),
                Err(why) => Self {
                    unknown: Some(why),
                    ..alone()
                },
            },
            None if flat => Self::beside(host, enclosing, Vec::new()),
            None => return alone(),
        };
        let boundary = layout.boundary.clone();
        let covered = |name: &str| {
            let own = host.join("node_modules").join(name);
            let places = [own, enclosing.join(name)];
            places.iter().any(|place| {
                paths
                    .real(place)
                    .is_ok_and(|real| real.starts_with(&boundary))
            })
        };
        layout.unknown = layout
            .unknown
            .or_else(|| missing_dependency(package, covered));
        layout
    }

    /// Packages in `root` beside the host, which has a digest of its own.
    fn beside(host: &Path, root: &Path, mut leave_out: Vec<LeaveOut>) -> Self {
        let own = host.strip_prefix(root).unwrap_or(host).to_string_lossy();
        leave_out.insert(0, LeaveOut::Folder(own.into_owned()));
        Self {
            boundary: root.to_owned(),
            siblings: Some(TreeSpec {
                root: root.to_owned(),
                boundary: root.to_owned(),
                leave_out,
            }),
            npm_project: None,
            unknown: None,
        }
    }
}

/// A folder of packages, each beside links to its dependencies.
enum Store {
    /// It holds the packages of one project.
    Private(PathBuf),
    /// It holds those of every project of the user.
    Shared(PathBuf),
}

fn store(host: &Path) -> Option<Store> {
    let entry = host.parent()?.parent()?;
    let folder = entry.parent()?;
    if matches!(file_name(folder).as_str(), ".pnpm" | ".bun") {
        let around = folder.parent()?;
        // The links in a `node_modules` beside or around it are searched too.
        let whole = file_name(around) == "node_modules"
            || around.join("node_modules/.modules.yaml").is_file();
        return Some(Store::Private(
            if whole { around } else { folder }.to_owned(),
        ));
    }
    // links/@/openclaw/<version>/<hash>
    let name = folder.parent()?;
    let scope = name.parent()?;
    let links = scope.parent()?;
    let shared = file_name(name) == "openclaw" && file_name(scope) == "@";
    (shared && file_name(links) == "links").then(|| Store::Shared(links.to_owned()))
}

/// What of a shared store no link from `start` leads to, directly or by others.
fn unreachable(paths: &Paths, store: &Path, start: &Path) -> Result<Vec<LeaveOut>, String> {
    let mut reached = BTreeSet::from([start.to_owned()]);
    let mut todo = vec![start.to_owned()];
    while let Some(modules) = todo.pop() {
        for package in packages(paths, &modules)? {
            let real = paths.real(&package).map_err(|error| {
                format!("{} cannot be followed: {error}", paths.shown(&package))
            })?;
            // …/<hash>/node_modules/<name>, with a scope or without.
            let around = real
                .ancestors()
                .find(|above| file_name(above) == "node_modules");
            let Some(around) = around.filter(|around| around.starts_with(store)) else {
                let place = paths.shown(&package);
                return Err(format!("its package {place} leads out of pnpm's store"));
            };
            if reached.len() > MAX_PACKAGES {
                return Err(format!(
                    "pnpm's store holds more than {MAX_PACKAGES} packages"
                ));
            }
            if reached.insert(around.to_owned()) {
                todo.push(around.to_owned());
            }
        }
    }
    // links/<scope>/<name>/<version>/<hash>
    let mut left_out = Vec::new();
    let mut level = vec![store.to_owned()];
    for _ in 0..4 {
        let mut below = Vec::new();
        for folder in &level {
            for entry in folders(paths, folder)? {
                if reached.iter().any(|modules| modules.starts_with(&entry)) {
                    below.push(entry);
                } else if file_name(&entry) == "node_modules" {
                    // Node searches it on its way up from the packages below, so it counts.
                } else {
                    let relative = entry.strip_prefix(store).unwrap_or(&entry);
                    left_out.push(LeaveOut::Folder(relative.to_string_lossy().into_owned()));
                }
            }
        }
        level = below;
    }
    Ok(left_out)
}

/// The packages of a `node_modules`, those of scopes included.
fn packages(paths: &Paths, modules: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in list(paths, modules)? {
        let name = file_name(&entry);
        if name.starts_with('.') {
            continue;
        }
        if name.starts_with('@') {
            found.extend(list(paths, &entry)?);
        } else {
            found.push(entry);
        }
    }
    Ok(found)
}

fn list(paths: &Paths, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = paths
        .list(folder)
        .map_err(|error| format!("{} cannot be listed: {error}", paths.shown(folder)))?;
    Ok(entries.into_iter().map(|entry| entry.path).collect())
}

fn folders(paths: &Paths, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = list(paths, folder)?.into_iter();
    let real =
        |entry: &PathBuf| std::fs::symlink_metadata(entry).is_ok_and(|metadata| metadata.is_dir());
    Ok(entries.filter(real).collect())
}

/// Whether a dependency lies beside the package, where Node looks only in a folder that is called `node_modules`.
fn is_renamed(paths: &Paths, host: &Path, package: &Value) -> bool {
    let dependencies = package.get("dependencies").and_then(Value::as_object);
    let beside = |name: &String| {
        let place = host.parent().map(|parent| parent.join(name));
        place.is_some_and(|place| paths.kind(&place) != Entry::Nothing)
    };
    dependencies
        .into_iter()
        .flatten()
        .any(|(name, _)| beside(name))
}

/// A dependency that no digest would cover.
fn missing_dependency(package: &Value, covered: impl Fn(&str) -> bool) -> Option<String> {
    let dependencies = package.get("dependencies").and_then(Value::as_object);
    let missing = dependencies
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .find(|name| !covered(name))?;
    Some(format!(
        "the dependency {} lies outside the package",
        text::excerpt(missing, 100)
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A package at `folder` below `base`.
    fn package(base: &Path, folder: &str) -> PathBuf {
        let folder = base.join(folder);
        std::fs::create_dir_all(&folder).expect("mkdir");
        std::fs::write(folder.join("index.js"), "").expect("write");
        folder
    }

    fn layout(base: &Path, host: &Path) -> HostLayout {
        let package = serde_json::json!({"dependencies": {"a": "1.0.0"}});
        HostLayout::of(&Paths::plain(base), host, &package)
    }

    fn base() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("temp dir");
        let real = std::fs::canonicalize(dir.path()).expect("real");
        (dir, real)
    }

    #[test]
    fn a_folder_of_packages_under_another_name_is_said() {
        let (_dir, base) = base();
        let host = package(&base, "host-modules/openclaw");
        package(&base, "host-modules/a");
        let why = layout(&base, &host).unknown.unwrap_or_default();
        assert!(why.contains("has to be called node_modules"), "{why}");
        let host = package(&base, "alone/openclaw");
        let why = layout(&base, &host).unknown.unwrap_or_default();
        assert!(why.ends_with("lies outside the package"), "{why}");
    }

    #[test]
    fn a_store_of_one_project_is_covered_with_the_links_to_it() {
        for (store, root) in [
            ("p/node_modules/.pnpm", "p/node_modules"),
            ("p/node_modules/.bun", "p/node_modules"),
            ("global/5/.pnpm", "global/5"),
        ] {
            let (_dir, base) = base();
            let host = package(&base, &format!("{store}/openclaw@1/node_modules/openclaw"));
            let a = package(&base, &format!("{store}/a@1.0.0/node_modules/a"));
            let modules = host.parent().expect("parent");
            if root == "global/5" {
                package(&base, "global/5/node_modules");
                std::fs::write(base.join("global/5/node_modules/.modules.yaml"), "x")
                    .expect("write");
            }
            assert!(layout(&base, &host).unknown.is_some(), "{store}");
            symlink(&a, modules.join("a")).expect("link");
            let found = layout(&base, &host);
            assert_eq!(found.unknown, None, "{store}");
            assert_eq!(found.siblings.expect("siblings").root, base.join(root));
            // A dependency elsewhere is in no digest.
            std::fs::remove_file(modules.join("a")).expect("remove");
            symlink(package(&base, "elsewhere/a"), modules.join("a")).expect("link");
            assert!(layout(&base, &host).unknown.is_some(), "{store}");
        }
    }

    #[test]
    fn of_a_shared_store_only_what_openclaw_reaches_counts() {
        let (_dir, base) = base();
        let host = package(&base, "links/@/openclaw/1.0.0/h1/node_modules/openclaw");
        let a = package(&base, "links/@/a/1.0.0/h2/node_modules/a");
        let b = package(&base, "links/@s/b/1.0.0/h3/node_modules/@s/b");
        package(&base, "links/@/other/1.0.0/h4/node_modules/other");
        package(&base, "links/@/a/2.0.0/h5/node_modules/a");
        symlink(&a, host.with_file_name("a")).expect("link");
        std::fs::create_dir_all(a.with_file_name("@s")).expect("mkdir");
        symlink(&b, a.with_file_name("@s").join("b")).expect("link");
        let found = layout(&base, &host);
        assert_eq!(found.unknown, None);
        let siblings = found.siblings.expect("siblings");
        let left_out: Vec<_> = siblings
            .leave_out
            .iter()
            .map(|left| match left {
                LeaveOut::Folder(path) => path.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        let own = "@/openclaw/1.0.0/h1/node_modules/openclaw";
        assert_eq!(left_out, [own, "@/other", "@/a/2.0.0"]);
        // A link out of the store is not followed.
        symlink(package(&base, "evil"), host.with_file_name("evil")).expect("link");
        assert!(layout(&base, &host).unknown.is_some());
    }

    #[test]
    fn other_managers_with_one_folder_for_all() {
        for lockfile in ["bun.lock", "yarn.lock"] {
            let (_dir, base) = base();
            let host = package(&base, "g/node_modules/openclaw");
            package(&base, "g/node_modules/a");
            assert!(layout(&base, &host).siblings.is_none());
            std::fs::write(base.join("g").join(lockfile), "x").expect("write");
            let found = layout(&base, &host);
            assert_eq!(found.unknown, None);
            assert_eq!(
                found.siblings.expect("siblings").root,
                base.join("g/node_modules")
            );
        }
    }
}
