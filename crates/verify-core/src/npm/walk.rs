//! The walk over `node_modules` folders. Only folders that can hold packages are listed, never the packages' own folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::manifest::{Odd, PackageJson};
use super::{Note, NoteKind, NpmLimits, PackageInstance};
use crate::read;
use crate::text;

/// Notes about one `package.json`. More say nothing new, and a million would be an attack of their own.
const NOTES_PER_FILE: usize = 50;

pub(super) struct NpmWalk<'a> {
    pub(super) instances: Vec<PackageInstance>,
    pub(super) notes: Vec<Note>,
    /// Links that lead somewhere, by path; with their real path when that is a folder of the project.
    pub(super) links: BTreeMap<String, Option<String>>,
    pub(super) complete: bool,
    project: &'a Path,
    real_project: Option<PathBuf>,
    boundary: Option<PathBuf>,
    limits: &'a NpmLimits,
    entries: usize,
    bytes: u64,
    dependencies: usize,
    pending: Vec<Folder>,
    entered: BTreeSet<String>,
}

/// A `node_modules` or scope folder that is still to be listed.
struct Folder {
    path: String,
    /// `@scope/` when the folder is a scope.
    scope: String,
    depth: usize,
}

impl<'a> NpmWalk<'a> {
    pub(super) fn new(project: &'a Path, boundary: &Path, limits: &'a NpmLimits) -> Self {
        Self {
            instances: Vec::new(),
            notes: Vec::new(),
            links: BTreeMap::new(),
            complete: true,
            project,
            real_project: std::fs::canonicalize(project).ok(),
            boundary: std::fs::canonicalize(boundary).ok(),
            limits,
            entries: 0,
            bytes: 0,
            dependencies: 0,
            pending: Vec::new(),
            entered: BTreeSet::new(),
        }
    }

    /// Reads everything; gives the project's own `package.json`.
    pub(super) fn run(&mut self) -> Option<PackageJson> {
        let root = self.manifest("");
        self.enter("node_modules".to_owned(), String::new(), 1);
        while let Some(folder) = self.pending.pop() {
            self.list(&folder);
            if self.pending.is_empty() {
                self.follow_links();
            }
        }
        root
    }

    /// Puts a `node_modules` or scope on the stack when it is a real folder that was not there before.
    fn enter(&mut self, path: String, scope: String, depth: usize) {
        match std::fs::symlink_metadata(self.project.join(&path)) {
            Ok(metadata) if metadata.is_dir() => {
                if depth > self.limits.depth {
                    self.limit(path, "depth");
                } else if self.entered.insert(path.clone()) {
                    self.pending.push(Folder { path, scope, depth });
                }
            }
            Ok(metadata) if metadata.is_symlink() => self.link(path),
            // Node does not search a file of that name.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.unreadable(path, &error.to_string()),
        }
    }

    fn list(&mut self, folder: &Folder) {
        let listing = match std::fs::read_dir(self.project.join(&folder.path)) {
            Ok(listing) => listing,
            Err(error) => return self.unreadable(folder.path.clone(), &error.to_string()),
        };
        for entry in listing {
            self.entries += 1;
            if self.entries > self.limits.entries {
                return self.limit(folder.path.clone(), "entries");
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.unreadable(folder.path.clone(), &error.to_string()),
            };
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.note(
                    format!("{}/{}", folder.path, name.to_string_lossy()),
                    NoteKind::NotUtf8,
                );
                self.complete = false;
                continue;
            };
            let path = format!("{}/{name}", folder.path);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(folder, name, path),
                Ok(kind) if kind.is_symlink() => self.link(path),
                Ok(_) if folder.scope.is_empty() && name == ".package-lock.json" => {}
                Ok(_) if name.starts_with('.') => self.note(path, NoteKind::DotEntry),
                Ok(_) => self.note(path, NoteKind::LooseFile),
                Err(error) => self.unreadable(path, &error.to_string()),
            }
        }
    }

    fn folder(&mut self, parent: &Folder, name: &str, path: String) {
        let top = parent.scope.is_empty();
        if top && name == ".bin" {
            return;
        }
        if name.starts_with('.') {
            return self.note(path, NoteKind::DotEntry);
        }
        if top && name.starts_with('@') {
            return self.enter(path, format!("{name}/"), parent.depth);
        }
        if !top && name == "node_modules" {
            // Node searches every folder above a package, its scope too: `node_modules/@s/node_modules/x` shadows `x`.
            return self.enter(path, String::new(), parent.depth + 1);
        }
        self.instance(path, format!("{}{name}", parent.scope), parent.depth);
    }

    fn instance(&mut self, path: String, folder_name: String, depth: usize) {
        if self.instances.len() >= self.limits.instances {
            return self.limit(path, "instances");
        }
        let manifest = self.manifest(&path).unwrap_or_default();
        let implicit_gyp = self.implicit_gyp(&path, &manifest);
        self.enter(format!("{path}/node_modules"), String::new(), depth + 1);
        self.instances.push(PackageInstance {
            path,
            folder_name,
            manifest,
            bundled: false,
            implicit_gyp,
            locked: None,
        });
    }

    /// npm's rule: a `binding.gyp`, no `install` or `preinstall` script, and no `gypfile: false`.
    pub(super) fn implicit_gyp(&self, path: &str, manifest: &PackageJson) -> bool {
        let scripted = manifest
            .scripts
            .iter()
            .any(|script| matches!(script.name, "install" | "preinstall"));
        let gyp = self.project.join(path).join("binding.gyp");
        !scripted
            && !manifest.gypfile_off
            && std::fs::symlink_metadata(gyp).is_ok_and(|found| !found.is_dir())
    }

    /// Notes a link, and remembers where Node would end up.
    fn link(&mut self, path: String) {
        let absolute = self.project.join(&path);
        let target = std::fs::read_link(&absolute).unwrap_or_default();
        let target = text::excerpt(&target.to_string_lossy(), 400);
        let mut inside = false;
        if let Ok(real) = std::fs::canonicalize(&absolute) {
            inside = self
                .boundary
                .as_ref()
                .is_some_and(|boundary| real.starts_with(boundary));
            let below = self
                .real_project
                .as_ref()
                .and_then(|project| real.strip_prefix(project).ok());
            let below = below
                .and_then(Path::to_str)
                .filter(|below| !below.is_empty())
                .map(str::to_owned);
            self.links
                .insert(path.clone(), below.filter(|_| real.is_dir()));
        }
        if is_container(&path) {
            self.complete = false;
        }
        self.note(path, NoteKind::Link { target, inside });
    }

    /// Reads the packages of the project to which links lead, and the `node_modules` around them, which Node searches from there.
    fn follow_links(&mut self) {
        let known: BTreeSet<&str> = self.instances.iter().map(|one| one.path.as_str()).collect();
        let unread = |(link, real): (&String, &Option<String>)| {
            let real = real
                .as_ref()
                .filter(|real| !known.contains(real.as_str()) && !is_container(link))?;
            Some((real.clone(), link.clone()))
        };
        let targets: BTreeMap<String, String> = self.links.iter().filter_map(unread).collect();
        for (real, link) in targets {
            let around = real
                .rfind("node_modules/")
                .map(|at| (real[..at + 12].to_owned(), &real[at + 13..]));
            match around {
                Some((around, name))
                    if is_package_name(name) && !self.entered.contains(&around) =>
                {
                    let depth = around.matches("node_modules").count();
                    self.enter(around, String::new(), depth);
                }
                Some((_, name)) if is_package_name(name) => {}
                _ => self.instance(real, folder_name(&link), 1),
            }
        }
    }

    /// The `package.json` in a folder of the project; the project's own for the empty path.
    fn manifest(&mut self, path: &str) -> Option<PackageJson> {
        let file = if path.is_empty() {
            "package.json".to_owned()
        } else {
            format!("{path}/package.json")
        };
        let bytes = match read::bytes(&self.project.join(&file), self.limits.manifest_bytes) {
            Ok(bytes) => bytes,
            Err(read::ReadError::NotFound) => {
                if !path.is_empty() {
                    self.note(path.to_owned(), NoteKind::NoManifest);
                }
                return None;
            }
            Err(error) => {
                self.unreadable(file, &error.to_string());
                return None;
            }
        };
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limits.total_bytes {
            self.limit(file, "bytes");
            return None;
        }
        // npm and Node both read text that is not UTF-8 with replacement characters.
        let text = String::from_utf8_lossy(&bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            self.note(file.clone(), NoteKind::NotUtf8);
        }
        let (mut manifest, odd) = match PackageJson::parse(&text) {
            Ok(parsed) => parsed,
            Err(why) => {
                self.unreadable(file, &why.to_string());
                return None;
            }
        };
        for odd in odd.into_iter().take(NOTES_PER_FILE) {
            let kind = match odd {
                Odd::WrongType(field) => NoteKind::WrongType { field },
                Odd::DuplicateKey(key) => NoteKind::DuplicateKey {
                    key: text::excerpt(&key, 80),
                },
            };
            self.note(file.clone(), kind);
        }
        let room = self.limits.dependencies.saturating_sub(self.dependencies);
        if manifest.dependencies.len() > room {
            manifest.dependencies.truncate(room);
            self.limit(file, "dependencies");
        }
        self.dependencies += manifest.dependencies.len();
        Some(manifest)
    }

    fn note(&mut self, path: String, kind: NoteKind) {
        self.notes.push(Note { path, kind });
    }

    fn unreadable(&mut self, path: String, why: &str) {
        self.complete = false;
        self.note(
            path,
            NoteKind::Unreadable {
                why: text::excerpt(why, 200),
            },
        );
    }

    fn limit(&mut self, path: String, what: &'static str) {
        self.complete = false;
        // One note in a row says enough.
        if self
            .notes
            .last()
            .is_none_or(|note| note.kind != NoteKind::Limit { what })
        {
            self.note(path, NoteKind::Limit { what });
        }
    }
}

/// Whether the path is the place of a scope or of a `node_modules`: a link there is noted, and what lies behind it is not read.
fn is_container(path: &str) -> bool {
    let name = folder_name(path);
    name.starts_with('@') && !name.contains('/')
        || name == "node_modules"
        || name.ends_with("/node_modules")
}

/// Whether `name`, which follows `node_modules/`, is that of a package.
fn is_package_name(name: &str) -> bool {
    let parts = name.matches('/').count();
    !name.starts_with('.') && parts == usize::from(name.starts_with('@'))
}

/// The last part of `path`, with the scope before it.
fn folder_name(path: &str) -> String {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    match parent.rsplit('/').next() {
        Some(scope) if scope.starts_with('@') => format!("{scope}/{name}"),
        _ => name.to_owned(),
    }
}
