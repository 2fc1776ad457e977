//! The interpreters of a server's files: links to them, environments of Python, and what they load beside the files that are named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::paths::Kind as Entry;
use super::package::Pieces;
use super::words::{Target, is_python, name_of};
use super::{is_of_system, is_program, links, python};
use crate::tree::LeaveOut;

/// Environments that are part of a server, and what was found out about them.
#[derive(Default)]
pub(super) struct Environments {
    /// Only what starts them is hashed, by policy.
    small: bool,
    seen: BTreeSet<PathBuf>,
    /// Those whose packages are left out, and what counts of them.
    partly: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Links that are in the tree by their text, wherever they lead.
    links: BTreeSet<PathBuf>,
    /// Folders of packages that are hashed.
    sites: Vec<PathBuf>,
    /// A Python with the packages of the user is started.
    pub(super) user_site: bool,
}

impl Environments {
    pub(super) fn new(small: bool) -> Self {
        Self {
            small,
            ..Self::default()
        }
    }

    /// Links that are files of the server.
    pub(super) fn links(&self) -> impl Iterator<Item = &PathBuf> {
        self.links.iter()
    }

    /// What a tree says of links and environments. `named`: files that count wherever they lie.
    pub(super) fn leave_out(
        &self,
        relative: &dyn Fn(&Path) -> Option<String>,
        named: &BTreeSet<PathBuf>,
    ) -> Vec<LeaveOut> {
        let mut found: Vec<LeaveOut> = self
            .links
            .iter()
            .filter_map(|link| relative(link))
            .map(LeaveOut::Target)
            .collect();
        for (folder, kept) in &self.partly {
            let inside = named.iter().filter(|file| file.starts_with(folder));
            let kept = kept.iter().chain(inside);
            if let Some(folder) = relative(folder) {
                let kept = kept.filter_map(|path| relative(path)).collect();
                found.push(LeaveOut::Inside { folder, kept });
            }
        }
        found
    }
}

impl Pieces<'_> {
    /// Takes every target. Interpreters come first: what a script imports may be in their packages.
    pub(super) fn add_all(&mut self, targets: &BTreeSet<Target>, alone: bool) {
        for target in targets {
            self.started_by(target.path());
        }
        for target in targets {
            self.add(target, alone);
        }
    }

    /// The links that lead to a file, the environment of Python that it lies in, and the interpreter that it says to be run with.
    fn started_by(&mut self, path: &Path) {
        let links = links::on_the_way(self.paths, self.roots, path);
        self.environments.links.extend(links);
        if let Some(environment) = python::around(self.paths, path) {
            self.environment(&environment);
        }
        let Ok(real) = self.paths.real(path) else {
            return;
        };
        if let Some(environment) = python::around(self.paths, &real) {
            self.environment(&environment);
        }
        match python::interpreter_of(&real) {
            Some(program) if program.starts_with('/') => self.interpreter(Path::new(&program)),
            Some(_) => self.environments.user_site = true,
            None => {}
        }
    }

    /// A Python by its path, which a script names.
    fn interpreter(&mut self, program: &Path) {
        let links = links::on_the_way(self.paths, self.roots, program);
        self.environments.links.extend(links);
        match python::around(self.paths, program) {
            Some(environment) => self.environment(&environment),
            None => self.environments.user_site = true,
        }
        match self.paths.real(program) {
            Ok(real) if !is_of_system(self.paths, &real) => self.outside_program(&real),
            _ => {}
        }
    }

    /// Takes an environment of Python.
    pub(super) fn environment(&mut self, folder: &Path) {
        if is_of_system(self.paths, folder) || !self.environments.seen.insert(folder.to_owned()) {
            return;
        }
        let shown = self.paths.shown(folder);
        let found = match python::read(self.paths, folder, self.environments.small) {
            Ok(found) => found,
            Err(error) => {
                self.say(format!(
                    "the Python environment {shown} cannot be read: {error}"
                ));
                return;
            }
        };
        self.folders.insert(folder.to_owned());
        self.left_out.extend(found.caches.iter().cloned());
        self.caches.extend(found.caches);
        self.environments.links.extend(found.links);
        self.environments.user_site |= found.takes_others;
        match found.kept {
            Some(kept) => {
                let why = match self.environments.small {
                    true => "policy says `local = \"file\"`",
                    false => "they are too many or too large",
                };
                self.say(format!(
                    "the packages of the Python environment {shown} are not hashed: {why}"
                ));
                self.environments.partly.insert(folder.to_owned(), kept);
            }
            None => self.environments.sites.extend(found.sites),
        }
        if found.more_links {
            self.say(format!(
                "more links lead out of the Python environment {shown} than are followed"
            ));
        }
        for place in found.outside {
            self.outside(&place, &shown);
        }
        for (place, by) in found.added {
            self.added(&place, &by);
        }
    }

    /// Where a link of an environment leads.
    fn outside(&mut self, place: &Path, environment: &str) {
        if is_of_system(self.paths, place) {
            return;
        }
        match self.paths.kind(place) {
            Entry::File if is_program(self.paths, place) => self.outside_program(place),
            Entry::File => {
                self.files.insert(place.to_owned());
            }
            Entry::Folder => {
                let taken = self.may_be_whole(place) && self.package(place);
                if !taken {
                    let shown = self.paths.shown(place);
                    self.say(format!(
                        "{environment} takes files from {shown}, which is not hashed"
                    ));
                }
            }
            Entry::Nothing | Entry::Special => {}
        }
    }

    /// An interpreter of the user's own: the program is hashed, what it brings is not.
    fn outside_program(&mut self, program: &Path) {
        self.files.insert(program.to_owned());
        if is_python(&name_of(&program.to_string_lossy())) {
            let shown = self.paths.shown(program);
            self.say(format!("the modules that {shown} brings are not hashed"));
        }
    }

    /// A folder that a `.pth` file adds.
    fn added(&mut self, place: &Path, by: &Path) {
        let Ok(real) = self.paths.real(place) else {
            return;
        };
        let known = self.folders.iter().any(|folder| real.starts_with(folder));
        if known || is_of_system(self.paths, &real) {
            return;
        }
        let folder = match self.paths.kind(&real) {
            Entry::Folder => real,
            _ => real.parent().unwrap_or(&real).to_owned(),
        };
        let whole = self.package_of(&folder).unwrap_or(folder);
        let taken = self.may_be_whole(&whole) && self.package(&whole);
        if !taken {
            let (by, place) = (self.paths.shown(by), self.paths.shown(place));
            self.say(format!(
                "{by} adds {place} to where Python looks, and that is not hashed"
            ));
        }
    }

    /// Modules that Python is told to start: of a package that is hashed, or of one that is not.
    pub(super) fn modules(&mut self, names: &BTreeSet<String>) {
        self.modules_started.extend(names.iter().cloned());
    }

    /// Says which of the modules that are started or imported no digest holds.
    pub(super) fn settle_modules(&mut self) {
        let sites = std::mem::take(&mut self.environments.sites);
        let is_hashed = |name: &str| {
            let mut sites = sites.iter();
            sites.any(|site| python::has_module(self.paths, site, name))
        };
        let started = self.modules_started.iter();
        let open: Vec<String> = started
            .filter(|name| !is_hashed(name))
            .map(|name| module_elsewhere(name))
            .collect();
        let imports = std::mem::take(&mut self.scan.elsewhere).into_iter();
        let imports: Vec<(PathBuf, String)> =
            imports.filter(|(_, name)| !is_hashed(name)).collect();
        for why in open {
            self.say(why);
        }
        for (file, name) in imports {
            let what = format!("imports `{name}` from where Python finds it, which is not hashed");
            self.scan.say(&file, what);
        }
    }
}

/// What is said of a module that Python is told to start and that lies in no digest.
pub(super) fn module_elsewhere(name: &str) -> String {
    format!("the module `{name}` is taken from where Python finds it, which is not hashed")
}
