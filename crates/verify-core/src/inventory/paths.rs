//! Paths as OpenClaw resolves them, and the one place that decides which of them may be opened.
//!
//! In a relocated copy a recorded path under the original state directory means the same place in the copy; every other path means a place
//! on another machine, and is never opened. Symlinks are walked by hand then, so that a link in the copy cannot lead there either.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::memory::Memory;
use super::{InventoryOptions, Place};
use crate::read::{self, ReadError};
use crate::text;

/// Most entries that are listed of one folder.
pub(super) const MAX_ENTRIES: usize = 100_000;

/// Most bytes of all small files together. A real installation has some megabytes; hard links could show one file a million times.
const MAX_BYTES: u64 = 1 << 30;
/// Most JSON values of all files that stay in memory.
const MAX_VALUES: usize = 2_000_000;

/// Most symlinks that are followed on the way to one path, as Linux does.
const MAX_LINKS: usize = 40;

/// Where things are.
pub(super) struct Paths {
    /// The state directory; its real path.
    pub(super) state: PathBuf,
    /// The original's state directory, without `.` and `..`.
    pub(super) relocated_from: Option<PathBuf>,
    /// `~`.
    pub(super) home: Option<PathBuf>,
    /// Variables that paths may name.
    variables: RefCell<BTreeMap<String, String>>,
    /// Those of them that a file of the state directory gives.
    of_state: RefCell<BTreeMap<String, String>>,
    /// Folders of the state directory that are links to a place of the same owner, by name.
    roots: RefCell<BTreeMap<&'static str, PathBuf>>,
    budget: Budget,
    /// Where it is noted what was looked at.
    memory: Option<Arc<Memory>>,
    /// What is there and could not be looked at, and why: it is not *nothing*.
    refused: Rc<RefCell<BTreeMap<PathBuf, String>>>,
}

/// What is left of the limits for all files together.
struct Budget {
    bytes: Cell<u64>,
    values: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: Cell::new(MAX_BYTES),
            values: Cell::new(MAX_VALUES),
        }
    }
}

/// What a written path means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Located {
    /// This absolute path, without `.` and `..`; may be looked at.
    At(PathBuf),
    /// A place outside the copy. Safe to show.
    Elsewhere(String),
    /// The place cannot be determined, and why. Safe to show.
    Unknown(String),
}

/// What stands at a path, after all symlinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or nothing that can be looked at.
    Nothing,
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Anything else.
    Special,
}

/// One entry of a folder.
pub(super) struct FolderEntry {
    /// Its name as bytes of the system.
    pub(super) name: OsString,
    /// The folder joined with the name.
    pub(super) path: PathBuf,
    /// Whether the entry itself is a symlink.
    pub(super) link: bool,
    /// What it is, after all symlinks.
    pub(super) kind: Kind,
}

impl Paths {
    /// Paths of a state directory that is no copy, for tests.
    #[cfg(test)]
    pub(super) fn plain(state: &Path) -> Self {
        let state = std::fs::canonicalize(state).expect("real path");
        Self {
            state,
            relocated_from: None,
            home: None,
            variables: RefCell::default(),
            of_state: RefCell::default(),
            roots: RefCell::default(),
            budget: Budget::default(),
            memory: None,
            refused: Rc::default(),
        }
    }

    pub(super) fn new(options: &InventoryOptions) -> io::Result<Self> {
        Ok(Self {
            state: std::fs::canonicalize(&options.state_dir)?,
            relocated_from: options.relocated_from.as_deref().map(normalize),
            home: options.home.clone().or_else(|| derived_home(options)),
            variables: RefCell::default(),
            of_state: RefCell::default(),
            roots: RefCell::default(),
            budget: Budget::default(),
            memory: options.memory.clone(),
            refused: Rc::default(),
        })
    }

    /// The same for what the operator names, which does not lie in the copy.
    pub(super) fn outside_copy(&self) -> Self {
        Self {
            state: self.state.clone(),
            relocated_from: None,
            home: self.home.clone(),
            variables: RefCell::default(),
            of_state: RefCell::default(),
            roots: self.roots.clone(),
            budget: Budget::default(),
            memory: self.memory.clone(),
            refused: Rc::clone(&self.refused),
        }
    }

    /// Why services, processes and the home folder on this machine say nothing of this state; none where they do.
    pub(super) fn not_here(&self) -> Option<&'static str> {
        if self.relocated() {
            return Some("the state directory is a copy");
        }
        (!self.owner_is_here())
            .then_some("the owner of the state directory is no user of this machine")
    }

    /// Whether the owner of the state directory is a user of this machine.
    fn owner_is_here(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(owner) = std::fs::metadata(&self.state).map(|found| found.uid()) else {
            return true;
        };
        // A user of a directory service is in no file; the user who runs this is here anyway.
        if owner == 0 || owner == rustix::process::geteuid().as_raw() {
            return true;
        }
        let Ok(users) = read::text(Path::new("/etc/passwd"), 4 << 20) else {
            return true;
        };
        let id = owner.to_string();
        users
            .lines()
            .any(|line| line.split(':').nth(2) == Some(id.as_str()))
    }

    /// Whether the state directory is a copy.
    pub(super) fn relocated(&self) -> bool {
        self.relocated_from.is_some()
    }

    /// What the path that OpenClaw's config or records hold means. [S `resolveUserPath`]
    pub(super) fn locate(&self, written: &str) -> Located {
        let written = written.trim();
        if written.is_empty() || written.contains('\0') {
            return Located::Unknown("it is empty or holds a NUL".to_owned());
        }
        let written = match self.substituted(written) {
            Ok(written) => written,
            Err(name) => {
                return Located::Unknown(format!("the variable {name} is not known"));
            }
        };
        let written = written.as_str();
        let absolute = match written.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '\\']) => match &self.home {
                Some(home) => home.join(rest.trim_start_matches(['/', '\\'])),
                None => {
                    return Located::Unknown(
                        "the home folder of the user who runs OpenClaw is not known".to_owned(),
                    );
                }
            },
            _ if written.starts_with('/') => PathBuf::from(written),
            _ => {
                return Located::Unknown(
                    "it is relative to the folder in which OpenClaw is started".to_owned(),
                );
            }
        };
        let absolute = normalize(&absolute);
        match self.moved(&absolute) {
            Some(path) => Located::At(path),
            None => Located::Elsewhere(text::visible(&absolute.to_string_lossy()).into_owned()),
        }
    }

    /// From now on paths may name these variables, those that the config itself sets, and the home folder.
    pub(super) fn know(&self, given: &[(String, String)], config: &serde_json::Value) {
        let mut variables = self.variables.borrow_mut();
        variables.extend(given.iter().cloned());
        if let Some(home) = self.home.as_deref().and_then(Path::to_str) {
            variables.insert("HOME".to_owned(), home.to_owned());
        }
        // What a file of the state gives wins over what the caller says; of two files the `.env`, which OpenClaw reads first.
        let vars = config
            .pointer("/env/vars")
            .and_then(serde_json::Value::as_object);
        let of_config = vars.into_iter().flatten().filter_map(|(name, value)| {
            let value = value.as_str().filter(|value| !value.trim().is_empty())?;
            Some((name.clone(), value.to_owned()))
        });
        let mut of_state = self.of_state.borrow_mut();
        of_state.extend(of_config);
        of_state.extend(super::environment::values(self));
        variables.extend(of_state.clone());
    }

    /// What `${NAME}` in a text means where a file of the state directory says so: anyone who can write that file decides it. The name of a
    /// secret counts only where it stands in place of a program.
    pub(super) fn meant_by_state(&self, text: &str) -> BTreeMap<String, String> {
        let known = self.of_state.borrow();
        let names = text.split("${").skip(1).filter_map(|rest| {
            let name = rest.split('}').next()?;
            let program = text.trim_start().starts_with(&format!("${{{name}}}"));
            let value = known.get(name)?;
            (program || !super::mcp_spec::names_a_secret(name))
                .then(|| (name.to_owned(), value.clone()))
        });
        names.collect()
    }

    /// From now on what `<state>/<name>` leads to is that folder's own place.
    pub(super) fn follow(&self, name: &'static str, target: PathBuf) {
        self.roots.borrow_mut().insert(name, target);
    }

    /// Where OpenClaw keeps what it installs below `<state>/<name>`: the real path, as far as it is the owner's own.
    pub(super) fn root(&self, name: &str) -> PathBuf {
        let roots = self.roots.borrow();
        roots
            .get(name)
            .cloned()
            .unwrap_or_else(|| self.state.join(name))
    }

    /// The home directory of the user who runs OpenClaw, unless the config gives `HOME` another meaning.
    pub(super) fn own_home(&self) -> Option<String> {
        let home = self.home.as_deref()?.to_str()?;
        let known = self.variables.borrow();
        let same = known.get("HOME").is_none_or(|meant| meant == home);
        same.then(|| home.to_owned())
    }

    /// The text with `${NAME}` replaced, or the name that is not known. A value is not looked at again.
    fn substituted(&self, written: &str) -> Result<String, String> {
        let variables = self.variables.borrow();
        let mut out = String::new();
        let mut rest = written;
        while let Some(at) = rest.find("${") {
            out.push_str(rest.get(..at).unwrap_or_default());
            let after = rest.get(at + 2..).unwrap_or_default();
            let Some(end) = after.find('}') else {
                return Err("after `${`".to_owned());
            };
            let name = after.get(..end).unwrap_or_default();
            match variables.get(name) {
                Some(value) => out.push_str(value),
                None => return Err(text::excerpt(name, 80)),
            }
            rest = after.get(end + 1..).unwrap_or_default();
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The place in this state directory that an absolute path means; none when that is not here.
    fn moved(&self, absolute: &Path) -> Option<PathBuf> {
        let Some(old) = &self.relocated_from else {
            return Some(absolute.to_owned());
        };
        match absolute.strip_prefix(old) {
            Ok(rest) => Some(self.state.join(rest)),
            // The copy may lie inside the original's folder or the other way round: the more exact prefix was tried first.
            Err(_) if absolute.starts_with(&self.state) => Some(absolute.to_owned()),
            Err(_) => None,
        }
    }

    /// The real path of `path`. In a copy it fails for whatever leads out of the copy.
    pub(super) fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.looked_at(path);
        let real = self
            .resolved(path)
            .inspect_err(|error| self.refuse(path, error))?;
        if real != path {
            self.looked_at(&real);
        }
        Ok(real)
    }

    /// Whether anything lies there, also a link that leads nowhere.
    pub(super) fn is_there(&self, path: &Path) -> bool {
        // Who watches has to be told when something comes to lie there.
        self.looked_at(path);
        std::fs::symlink_metadata(path)
            .inspect_err(|error| self.refuse(path, error))
            .is_ok()
    }

    /// Notes that something may lie at `path` that could not be looked at.
    fn refuse(&self, path: &Path, error: &io::Error) {
        use io::ErrorKind as K;
        // What no process can open is nothing to OpenClaw either, and what leads out of a copy has findings of its own.
        let nothing = matches!(
            error.kind(),
            K::NotFound | K::NotADirectory | K::IsADirectory | K::InvalidFilename | K::InvalidInput
        );
        if nothing
            || error
                .raw_os_error()
                .is_none_or(|code| code == rustix::io::Errno::LOOP.raw_os_error())
        {
            return;
        }
        let seen = |place: &&Path| std::fs::symlink_metadata(place).is_ok();
        let culprit = path.ancestors().find(seen).unwrap_or(path);
        let why = match error.kind() {
            K::PermissionDenied => "may not be read by the user who runs this check".to_owned(),
            _ => error.to_string(),
        };
        self.refuse_because(culprit, why);
    }

    /// The same, where it is known what stands in the way.
    pub(super) fn refuse_because(&self, path: &Path, why: String) {
        let mut refused = self.refused.borrow_mut();
        refused.entry(path.to_owned()).or_insert(why);
    }

    /// Everything that is there and could not be looked at, as it is shown, and why.
    pub(super) fn refused(&self) -> Vec<(String, String)> {
        let refused = self.refused.borrow();
        let all = refused.iter();
        all.map(|(path, why)| (self.shown(path), why.clone()))
            .collect()
    }

    /// Notes that what stands at `path` counts, or that nothing does.
    pub(super) fn looked_at(&self, path: &Path) {
        if let Some(memory) = &self.memory {
            memory.looked_at(path);
        }
    }

    /// Notes that every entry of `folder` counts.
    pub(super) fn listed(&self, folder: &Path) {
        if let Some(memory) = &self.memory {
            memory.listed(folder);
        }
    }

    /// What is kept between runs, where the caller keeps something.
    pub(super) fn memory(&self) -> Option<&Memory> {
        self.memory.as_deref()
    }

    fn resolved(&self, path: &Path) -> io::Result<PathBuf> {
        if !self.relocated() {
            return std::fs::canonicalize(path);
        }
        let outside = || io::Error::other("leads out of the copy");
        let rest = path.strip_prefix(&self.state).map_err(|_| outside())?;
        let mut todo: Vec<OsString> = rest
            .components()
            .rev()
            .map(|c| c.as_os_str().to_owned())
            .collect();
        let mut real = self.state.clone();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            let next = normalize(&real.join(&name));
            if !next.starts_with(&self.state) {
                return Err(outside());
            }
            if !std::fs::symlink_metadata(&next)?.is_symlink() {
                real = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("too many symbolic links"));
            }
            let target = std::fs::read_link(&next)?;
            let target = if target.is_absolute() {
                let target = self.moved(&normalize(&target)).ok_or_else(outside)?;
                real.clone_from(&self.state);
                target
                    .strip_prefix(&self.state)
                    .map_err(|_| outside())?
                    .to_owned()
            } else {
                target
            };
            todo.extend(target.components().rev().map(|c| c.as_os_str().to_owned()));
        }
        Ok(real)
    }

    /// What stands at `path`, after all symlinks. Opens nothing.
    pub(super) fn kind(&self, path: &Path) -> Kind {
        let Ok(metadata) = self.real(path).and_then(std::fs::symlink_metadata) else {
            return Kind::Nothing;
        };
        if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else {
            Kind::Special
        }
    }

    /// The text of a regular file, through symlinks, at most `limit` bytes.
    pub(super) fn text(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        let real = self.real(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::NotFound,
            _ => ReadError::Io(error),
        })?;
        let left = self.budget.bytes.get();
        let text = read::text(&real, limit.min(left)).inspect_err(|error| {
            if let ReadError::Io(error) = error {
                self.refuse(path, error);
            }
        })?;
        self.budget
            .bytes
            .set(left.saturating_sub(text.len() as u64));
        Ok(text)
    }

    /// The text of a file whose reader takes other bytes than UTF-8 as well, which stand as `\xff`, through symlinks. None where nothing
    /// lies there, and where it cannot be read, which is noted.
    pub(super) fn lossy(&self, path: &Path, limit: u64) -> Option<String> {
        let real = self.real(path).ok()?;
        match read::bytes(&real, limit) {
            Ok(bytes) => Some(escaped(&bytes)),
            Err(ReadError::NotFound) => None,
            Err(error) => {
                self.refuse_because(path, error.to_string());
                None
            }
        }
    }

    /// The same for a file that the operator named: it need not lie in the copy.
    pub(super) fn operators_text(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        self.looked_at(path);
        match std::fs::canonicalize(path) {
            Ok(real)
                if self
                    .relocated_from
                    .as_ref()
                    .is_some_and(|old| real.starts_with(old)) =>
            {
                Err(ReadError::Io(io::Error::other(
                    "lies in the original of the copy",
                )))
            }
            Ok(real) => read::text(&real, limit),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::NotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether `values` more JSON values may stay in memory; if so they are counted.
    pub(super) fn may_keep(&self, values: usize) -> bool {
        let left = self.budget.values.get().checked_sub(values);
        if let Some(left) = left {
            self.budget.values.set(left);
        }
        left.is_some()
    }

    /// The entries of a folder, sorted by name. A missing folder is empty.
    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let real = match self.real(folder) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        self.listed(&real);
        let mut entries = Vec::new();
        let listing = std::fs::read_dir(&real).inspect_err(|error| self.refuse(folder, error))?;
        for entry in listing {
            let entry = entry?;
            if entries.len() >= MAX_ENTRIES {
                return Err(io::Error::other(format!(
                    "holds more than {MAX_ENTRIES} entries"
                )));
            }
            let path = folder.join(entry.file_name());
            let kind = self.kind(&real.join(entry.file_name()));
            entries.push(FolderEntry {
                name: entry.file_name(),
                link: entry.file_type()?.is_symlink(),
                path,
                kind,
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// How a path is shown: relative to the state directory, or absolute.
    pub(super) fn place(&self, absolute: &Path) -> Place {
        Place {
            absolute: absolute.to_owned(),
            shown: self.shown(absolute),
        }
    }

    /// How a path is shown, safe to print.
    pub(super) fn shown(&self, absolute: &Path) -> String {
        let shown = match absolute.strip_prefix(&self.state) {
            Ok(relative) if relative.as_os_str().is_empty() => ".".to_owned(),
            Ok(relative) => relative.to_string_lossy().into_owned(),
            Err(_) => {
                let roots = self.roots.borrow();
                let behind = roots.iter().find_map(|(name, target)| {
                    Some(Path::new(name).join(absolute.strip_prefix(target).ok()?))
                });
                let absolute = behind.as_deref().unwrap_or(absolute);
                absolute.to_string_lossy().into_owned()
            }
        };
        text::visible(&shown).into_owned()
    }
}

/// The text of `bytes`; two that differ stay different.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

fn derived_home(options: &InventoryOptions) -> Option<PathBuf> {
    home_of(
        options
            .relocated_from
            .as_deref()
            .unwrap_or(&options.state_dir),
    )
}

/// The home folder of a state directory of the default name: the folder that it lies in.
pub(crate) fn home_of(folder: &Path) -> Option<PathBuf> {
    let name = folder.file_name()?.to_str()?;
    let usual = name == ".openclaw" || name.starts_with(".openclaw-") || name == ".clawdbot";
    usual.then(|| folder.parent().map(Path::to_owned)).flatten()
}

/// `path` without `.` and `..`, by its text alone, as Node's `path.resolve` does.
pub(super) fn normalize(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests;
