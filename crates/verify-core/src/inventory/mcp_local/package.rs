//! Which files stand for a script: its package, or the script and what it names; as one tree with its dependencies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::Trees;
use super::super::paths::{Kind as Entry, Paths};
use super::environments::Environments;
use super::imports::Scan;
use super::words::Target;
use super::{Local, compiled, is_of_system, python};
use crate::tree::{LeaveOut, TreeSpec};

/// Files that make a folder a package.
const MANIFESTS: [&str; 2] = ["package.json", "pyproject.toml"];
/// Most files and bytes of a package that is hashed as one; of a larger one only the script and what it names.
const MAX_FILES: usize = 20_000;
const MAX_BYTES: u64 = 256 << 20;
/// Most `node_modules` folders whose links are followed.
const MAX_LINKED: usize = 200;
/// Folders of a package that hold no code of it: history and what tools keep.
const NOT_CODE: [&str; 5] = [
    ".git",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".cache",
];
/// The files of one server, collected.
pub(super) struct Pieces<'a> {
    pub(super) paths: &'a Paths,
    pub(super) roots: &'a [PathBuf],
    /// Packages and folders that are taken whole, without what is left out of each (whole paths).
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) left_out: BTreeSet<PathBuf>,
    pub(super) files: BTreeSet<PathBuf>,
    /// Files that a command line names, wherever they lie: real paths.
    named: BTreeSet<PathBuf>,
    /// Folders `node_modules`, the nearest first.
    modules: Vec<PathBuf>,
    pub(super) caches: Vec<PathBuf>,
    open: BTreeSet<String>,
    pub(super) scan: Scan<'a>,
    pub(super) environments: Environments,
    /// Modules that Python is told to start.
    pub(super) modules_started: BTreeSet<String>,
}

impl<'a> Pieces<'a> {
    /// `small`: nothing but files that are named, by policy.
    pub(super) fn new(paths: &'a Paths, roots: &'a [PathBuf], small: bool) -> Self {
        Self {
            paths,
            roots,
            folders: BTreeSet::new(),
            left_out: BTreeSet::new(),
            files: BTreeSet::new(),
            named: BTreeSet::new(),
            modules: Vec::new(),
            caches: Vec::new(),
            open: BTreeSet::new(),
            scan: Scan::new(paths),
            environments: Environments::new(small),
            modules_started: BTreeSet::new(),
        }
    }

    /// Something that is started and that no digest holds.
    pub(super) fn say(&mut self, why: String) {
        self.open.insert(why);
    }

    /// Files of settings that an interpreter reads by itself, with the files that they name.
    pub(super) fn settings(&mut self, files: &BTreeSet<PathBuf>) {
        for file in files {
            // That of a package is part of it, and so is what it names.
            let own = |real: &PathBuf| !self.folders.iter().any(|folder| real.starts_with(folder));
            if let Some(real) = self.paths.real(file).ok().filter(own) {
                self.scan.follow(&real);
            }
        }
    }

    /// What stands in place of Python's own modules in folders in which a module is started.
    pub(super) fn shadows(&mut self, folders: &BTreeSet<PathBuf>) {
        for folder in folders {
            let whole = self.folders.iter().any(|known| folder.starts_with(known));
            if let Some(real) = self.paths.real(folder).ok().filter(|_| !whole) {
                self.scan.follow_shadows(&real);
            }
        }
    }

    /// Takes the package of a target, or the target and what it names. `alone`: never a package.
    pub(super) fn add(&mut self, target: &Target, alone: bool) {
        let real = match self.paths.real(target.path()) {
            Ok(real) => real,
            Err(error) => {
                let shown = self.paths.shown(target.path());
                self.open.insert(format!("{shown} cannot be told: {error}"));
                return;
            }
        };
        // Only the links to it are the user's.
        if is_of_system(self.paths, &real) {
            return;
        }
        if let Target::File(_) = target {
            self.named.insert(real.clone());
        }
        let start = match target {
            Target::File(_) => real.parent().map(Path::to_owned),
            Target::Package(_) => Some(real.clone()),
        };
        let package = start
            .filter(|_| !alone)
            .and_then(|start| self.package_of(&start));
        let taken = package.is_some_and(|package| self.package(&package));
        if taken {
            return;
        }
        match target {
            Target::File(_) => {
                self.scan.follow(&real);
                if let Some(folder) = real.parent() {
                    self.modules_from(folder, false);
                }
            }
            // A folder that is no package of its own and small enough is taken as it is.
            Target::Package(_) if self.may_be_whole(&real) && self.package(&real) => {}
            Target::Package(_) => {
                let (shown, why) = (self.paths.shown(&real), self.why_not_whole(&real));
                self.open.insert(format!("{shown} {why}"));
            }
        }
    }

    fn is_root(&self, folder: &Path) -> bool {
        folder.parent().is_none() || self.roots.iter().any(|root| root == folder)
    }

    /// Below home, a workspace or the state directory, and none of them.
    pub(super) fn may_be_whole(&self, folder: &Path) -> bool {
        !self.is_root(folder) && self.roots.iter().any(|root| folder.starts_with(root))
    }

    /// Why a folder is not taken whole.
    fn why_not_whole(&self, folder: &Path) -> &'static str {
        if self.may_be_whole(folder) {
            "is too large to be hashed"
        } else if self.is_root(folder) {
            "is a home or workspace, and is not hashed"
        } else {
            "lies outside the home folder and workspaces, and is not hashed"
        }
    }

    /// The nearest package at or above a folder.
    pub(super) fn package_of(&self, start: &Path) -> Option<PathBuf> {
        let has_manifest = |folder: &Path| {
            MANIFESTS
                .iter()
                .any(|name| self.paths.kind(&folder.join(name)) == Entry::File)
        };
        // What lies in `node_modules` is a dependency of the project that holds it.
        let holder = start
            .ancestors()
            .filter(|above| above.file_name().is_some_and(|name| name == "node_modules"))
            .last()
            .and_then(Path::parent);
        let of_holder = holder.filter(|holder| self.may_be_whole(holder) && has_manifest(holder));
        of_holder.map(Path::to_owned).or_else(|| {
            start
                .ancestors()
                .take_while(|above| self.may_be_whole(above))
                .find(|above| has_manifest(above))
                .map(Path::to_owned)
        })
    }

    /// Takes a folder whole. False where it is too large, or holds what no digest can stand for.
    pub(super) fn package(&mut self, package: &Path) -> bool {
        if self.folders.contains(package) {
            return true;
        }
        let Some(looked) = self.looked_through(package) else {
            return false;
        };
        self.folders.insert(package.to_owned());
        self.left_out.extend(looked.left_out);
        self.caches.extend(looked.caches);
        self.modules_from(package, true);
        for environment in looked.environments {
            self.environment(&environment);
        }
        true
    }

    /// `node_modules` that Node searches from a folder upwards.
    fn modules_from(&mut self, folder: &Path, whole: bool) {
        for above in folder.ancestors() {
            let modules = above.join("node_modules");
            let inside = self.roots.iter().any(|root| above.starts_with(root));
            let here = above == folder;
            if self.paths.kind(&modules) != Entry::Folder || is_of_system(self.paths, &modules) {
                continue;
            }
            if (here || inside && whole && !self.is_root(above)) && !self.modules.contains(&modules)
            {
                self.modules.push(modules);
            } else if whole && !self.modules.contains(&modules) {
                let shown = self.paths.shown(&modules);
                self.open
                    .insert(format!("Node also searches {shown}, which is not hashed"));
            }
        }
    }

    fn is_cache(&self, folder: &Path) -> bool {
        self.paths.listed(folder);
        compiled::is_cache(folder)
    }

    fn looked_through(&self, package: &Path) -> Option<Looked> {
        let mut looked = Looked::default();
        let (mut files, mut bytes) = (0, 0);
        let mut open = vec![package.to_owned()];
        while let Some(folder) = open.pop() {
            self.paths.listed(&folder);
            for entry in std::fs::read_dir(&folder).ok()? {
                let entry = entry.ok()?;
                let (name, path) = (entry.file_name(), entry.path());
                let metadata = std::fs::symlink_metadata(&path).ok()?;
                if metadata.is_dir() {
                    if name == "node_modules" && folder == package {
                        continue;
                    }
                    let top = folder == package && NOT_CODE.iter().any(|known| name == *known);
                    if top || name == ".git" {
                        looked.left_out.push(path);
                    } else if python::is_environment(self.paths, &path) {
                        // It has bounds of its own.
                        looked.environments.push(path);
                    } else if name == "__pycache__" && self.is_cache(&path) {
                        looked.left_out.push(path.clone());
                        looked.caches.push(path);
                    } else {
                        open.push(path);
                    }
                } else if metadata.is_file() || metadata.is_symlink() {
                    files += 1;
                    bytes += metadata.len();
                } else {
                    return None;
                }
                if files > MAX_FILES || bytes > MAX_BYTES {
                    return None;
                }
            }
        }
        Some(looked)
    }

    /// The pieces as one tree and its dependencies.
    pub(super) fn finish(mut self, local: &mut Local) {
        self.files.append(&mut self.scan.files);
        for folder in std::mem::take(&mut self.scan.folders) {
            self.take_whole(&folder);
        }
        self.linked();
        self.settle_modules();
        self.open.append(&mut self.scan.open);
        local.reads.python |= self.environments.user_site;
        local.not_hashed.extend(self.open.iter().cloned());
        let covered = |path: &Path, folders: &BTreeSet<PathBuf>| {
            path.ancestors()
                .skip(1)
                .any(|above| folders.contains(above))
        };
        let folders: BTreeSet<PathBuf> = self
            .folders
            .iter()
            .filter(|folder| !covered(folder, &self.folders))
            .cloned()
            .collect();
        let mut modules = std::mem::take(&mut self.modules).into_iter();
        let parts: Vec<PathBuf> = modules.by_ref().take(2).collect();
        for more in modules {
            let shown = self.paths.shown(&more);
            local
                .not_hashed
                .push(format!("Node also searches {shown}, which is not hashed"));
        }
        // What is a dependency is no part of the tree as well.
        let files: BTreeSet<PathBuf> = self
            .files
            .iter()
            .chain(self.environments.links())
            .filter(|file| {
                !covered(file, &folders) && !covered(file, &parts.iter().cloned().collect())
            })
            .cloned()
            .collect();
        let kept: Vec<&PathBuf> = folders.iter().chain(&files).collect();
        local.trees = self.trees(&folders, &kept, &parts);
        self.compiled(&files, local);
    }

    /// What Python compiled of the files, and what is odd about it.
    fn compiled(&self, files: &BTreeSet<PathBuf>, local: &mut Local) {
        let filled = |cache: &&PathBuf| {
            std::fs::read_dir(cache).is_ok_and(|mut entries| entries.next().is_some())
        };
        let mut places: Vec<PathBuf> = self.caches.iter().filter(filled).cloned().collect();
        for cache in &self.caches {
            local
                .observations
                .extend(compiled::observations(self.paths, cache));
        }
        // Python takes it in place of a script's modules, and it is in no tree.
        for file in files
            .iter()
            .filter(|file| file.extension().is_some_and(|end| end == "py"))
        {
            if let Some(folder) = file.parent() {
                self.paths.listed(&folder.join("__pycache__"));
            }
            for compiled in compiled::of_source(file) {
                local
                    .observations
                    .extend(compiled::observation(self.paths, &compiled));
                places.push(compiled);
            }
        }
        local.cache = self.around(&places).map(|place| self.paths.shown(&place));
    }

    /// The folder in which all of these lie; of those that have none but the home folder, that of the first.
    fn around(&self, places: &[PathBuf]) -> Option<PathBuf> {
        let (first, others) = places.split_first()?;
        if others.is_empty() {
            return Some(first.clone());
        }
        let holds_all = |folder: &&Path| others.iter().all(|place| place.starts_with(folder));
        let is_home = |folder: &Path| {
            let home = self.paths.home.as_deref();
            folder.parent().is_none() || home.is_some_and(|home| home.starts_with(folder))
        };
        let folder = first.ancestors().skip(1).find(holds_all);
        let folder = folder.filter(|folder| !is_home(folder));
        folder.or(first.parent()).map(Path::to_owned)
    }

    /// Packages of a workspace that `node_modules` only links to: their code is loaded too.
    fn linked(&mut self) {
        let mut done = BTreeSet::new();
        while let Some(modules) = self.modules.iter().find(|m| !done.contains(*m)).cloned() {
            done.insert(modules.clone());
            if done.len() > MAX_LINKED {
                self.open
                    .insert("too many packages are linked into its node_modules".to_owned());
                return;
            }
            let entries = self.paths.list(&modules).unwrap_or_default();
            let scoped: Vec<_> = entries
                .iter()
                .filter(|entry| entry.name.to_string_lossy().starts_with('@'))
                .flat_map(|scope| self.paths.list(&scope.path).unwrap_or_default())
                .collect();
            for entry in entries.into_iter().chain(scoped).filter(|entry| entry.link) {
                let Ok(real) = self.paths.real(&entry.path) else {
                    continue;
                };
                let mut covered = self.folders.iter().chain(&self.modules);
                if covered.any(|folder| real.starts_with(folder)) {
                    continue;
                }
                let taken = self.may_be_whole(&real) && self.package(&real);
                if !taken {
                    let shown = self.paths.shown(&real);
                    self.open.insert(format!(
                        "{shown} is linked into its node_modules, and not hashed"
                    ));
                }
            }
        }
    }

    fn take_whole(&mut self, folder: &Path) {
        match self.looked_through(folder) {
            Some(looked) if self.may_be_whole(folder) => {
                self.folders.insert(folder.to_owned());
                self.left_out.extend(looked.left_out);
                self.caches.extend(looked.caches);
                for environment in looked.environments {
                    self.environment(&environment);
                }
            }
            _ => {
                let (shown, why) = (self.paths.shown(folder), self.why_not_whole(folder));
                self.open.insert(format!("{shown} {why}"));
            }
        }
    }

    /// What the tree leaves out of the folders that it holds.
    fn leave_out(&self, relative: &dyn Fn(&Path) -> Option<String>) -> Vec<LeaveOut> {
        let named: BTreeSet<PathBuf> = self.named.union(&self.files).cloned().collect();
        let mut leave_out = self.environments.leave_out(relative, &named);
        for folder in &self.left_out {
            let inside = named.iter().filter(|file| file.starts_with(folder));
            let kept: Vec<String> = inside.filter_map(|path| relative(path)).collect();
            // What the command line names counts wherever it lies.
            leave_out.extend(relative(folder).map(|folder| match kept.is_empty() {
                true => LeaveOut::Entry(folder),
                false => LeaveOut::Inside { folder, kept },
            }));
        }
        leave_out
    }

    fn trees(&self, folders: &BTreeSet<PathBuf>, kept: &[&PathBuf], parts: &[PathBuf]) -> Trees {
        let single = match kept {
            [only] => folders.contains(*only),
            _ => false,
        };
        let root = match kept {
            [] => return Trees::default(),
            [only] if single => (*only).clone(),
            _ => common(kept.iter().map(|path| {
                if folders.contains(*path) {
                    path.as_path()
                } else {
                    path.parent().unwrap_or(path)
                }
            })),
        };
        let relative = |path: &Path| {
            path.strip_prefix(&root)
                .ok()
                .map(|path| path.to_string_lossy().into_owned())
        };
        let mut leave_out = self.leave_out(&relative);
        leave_out.extend(
            parts
                .iter()
                .filter_map(|path| relative(path))
                .map(LeaveOut::Folder),
        );
        if !single {
            let kept = kept.iter().filter_map(|path| relative(path)).collect();
            leave_out.push(LeaveOut::AllBut(kept));
        }
        // Packages of a workspace are linked to one another, below the folder that holds them all.
        let boundary = parts
            .iter()
            .filter_map(|modules| modules.parent())
            .filter(|above| root.starts_with(above))
            .min_by_key(|above| above.components().count())
            .unwrap_or(&root)
            .to_owned();
        let mut parts = parts.iter().map(|modules| part(modules, &boundary));
        let (dependencies, siblings) = (parts.next(), parts.next());
        Trees {
            tree: Some(TreeSpec {
                boundary,
                root,
                leave_out,
            }),
            dependencies,
            siblings,
        }
    }
}

/// A folder of packages as a part, with the boundary of the whole where one of the two lies in the other.
fn part(modules: &Path, boundary: &Path) -> TreeSpec {
    let around = modules.parent();
    let related =
        around.is_some_and(|above| boundary.starts_with(above) || above.starts_with(boundary));
    let own = !(related && modules.starts_with(boundary));
    TreeSpec {
        root: modules.to_owned(),
        boundary: if own { modules } else { boundary }.to_owned(),
        leave_out: Vec::new(),
    }
}

/// What was seen on the way through a folder.
#[derive(Default)]
struct Looked {
    left_out: Vec<PathBuf>,
    environments: Vec<PathBuf>,
    caches: Vec<PathBuf>,
}

/// The nearest folder above all.
fn common<'p>(mut folders: impl Iterator<Item = &'p Path>) -> PathBuf {
    let first = folders.next().unwrap_or(Path::new("/"));
    let mut common = first.to_owned();
    for folder in folders {
        while !folder.starts_with(&common) {
            if !common.pop() {
                break;
            }
        }
    }
    common
}
