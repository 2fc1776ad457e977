//! What the gate remembers between the calls for one install, in a folder of the operator.
//!
//! Nothing in it is ever evidence for an install: an announced digest can only contradict a staged one, and a kept copy is only for
//! people to read and lock. So anyone who can write into it can stop installs and no more, and whatever in it is broken counts as absent.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::digest::{Sha256Digest, Sri, TreeDigest};
use crate::inventory::staged::copy::{MAX_REQUEST, UNDECIDED, name_of};
use crate::inventory::staged::protocol::{Request, TargetType};
use crate::inventory::{INSTALL_STAGE, Subject};
use crate::json as strict_json;
use crate::read;
use crate::subject::SubjectId;
use crate::temporary::{self, Temporary};

/// Seconds for which an announcement counts: one install takes less.
const ANNOUNCED_SECONDS: i64 = 15 * 60;
/// Most announcements that are read.
const MAX_ANNOUNCED: usize = 500;
/// Seconds after which a file that is half written was left behind by a call that was killed.
const LEFT_BEHIND_SECONDS: i64 = 60 * 60;
/// Most bytes of one.
const MAX_BYTES: u64 = 4096;
/// Most kept copies; the oldest go first.
const MAX_KEPT: usize = 8;
/// Most entries of one kept copy.
const MAX_ENTRIES: usize = 100_000;
/// Most bytes of one kept copy.
const MAX_KEPT_BYTES: u64 = 512 << 20;
/// Deepest folder of a kept copy.
const MAX_DEPTH: usize = 256;

/// The folder.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// The spool in `folder`, which need not exist yet. A folder that cannot be written makes replies poorer, never better.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Remembers what a registry announced.
    pub(super) fn announce(&self, id: &SubjectId, archive: Sri, now: Timestamp) {
        let folder = self.folder.join("announced");
        let entry =
            json!({ "id": id.as_str(), "archive": archive.to_string(), "at": now.as_second() })
                .to_string();
        let name = Sha256Digest::of(format!("{id}\n{archive}").as_bytes()).hex();
        forget(&folder, MAX_ANNOUNCED - 1, now);
        let _ = self
            .make(&folder)
            .and_then(|()| write_whole(&folder, &format!("{name}.json"), entry.as_bytes()));
    }

    /// The archives that were announced of late for a subject.
    pub(super) fn announced(&self, id: &SubjectId, now: Timestamp) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.join("announced")) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries
            .flatten()
            .filter(|entry| !is_temporary(entry))
            .take(MAX_ANNOUNCED)
        {
            let Ok(text) = read::text(&entry.path(), MAX_BYTES) else {
                continue;
            };
            let value = strict_json::strict(&text).unwrap_or(Value::Null);
            let at = value.get("at").and_then(Value::as_i64).unwrap_or(i64::MIN);
            let age = now.as_second().saturating_sub(at);
            if !(-60..=ANNOUNCED_SECONDS).contains(&age) {
                let _ = fs::remove_file(entry.path());
                continue;
            }
            let archive = value
                .get("archive")
                .and_then(Value::as_str)
                .filter(|archive| archive.parse::<Sri>().is_ok());
            if let (Some(archive), Some(true)) = (
                archive,
                value
                    .get("id")
                    .and_then(Value::as_str)
                    .map(|other| other == id.as_str()),
            ) {
                found.push(archive.to_owned());
            }
        }
        found
    }

    /// Keeps a copy of what is staged for people to read and lock, and gives back its folder, safe to show. The copy's name is that of
    /// its content, so that the same install gets the same reply.
    pub(super) fn keep(
        &self,
        request: &Request,
        subject: &Subject,
        (tree, dependencies): (Option<TreeDigest>, Option<TreeDigest>),
        now: Timestamp,
    ) -> Option<String> {
        let name = name_of(&subject.id, tree?, dependencies);
        let target = self.keep_as(&name, request, subject, now)?;
        Some(crate::text::visible(&target.to_string_lossy()).into_owned())
    }

    /// Keeps a copy of what is staged where its digest is not known. Its name says so: it is not known whether it was changed since.
    pub(super) fn keep_undecided(
        &self,
        request: &Request,
        subject: &Subject,
        now: Timestamp,
    ) -> Option<PathBuf> {
        let staged = format!("{}\n{}\n{now}", subject.id, request.path.display());
        let digest = Sha256Digest::of(staged.as_bytes()).hex();
        let name: String = UNDECIDED.chars().chain(digest.chars().take(16)).collect();
        self.keep_as(&name, request, subject, now)
    }

    fn keep_as(
        &self,
        name: &str,
        request: &Request,
        subject: &Subject,
        now: Timestamp,
    ) -> Option<PathBuf> {
        let folder = self.folder.join("kept");
        let target = folder.join(name);
        if target.join("request.json").is_file() {
            if is_about(&target, request) {
                return Some(target);
            }
            // The same bytes from another source: what is locked from the copy is what was asked last.
            remove(&target);
        }
        self.make(&folder).ok()?;
        forget(&folder, MAX_KEPT - 1, now);
        let root = staged_root(request, subject)?;
        temporary::sweep_own_folders(&folder);
        if temporary::living_folders(&folder) >= MAX_KEPT {
            return None;
        }
        let temporary = temporary::Folder::in_own(&folder).ok()?;
        copy(&root.0, &temporary.path().join("content")).ok()?;
        write_whole(
            temporary.path(),
            "request.json",
            described(request, &root.1).to_string().as_bytes(),
        )
        .ok()?;
        // Locked until it has its name: no other call may take it for left behind.
        match fs::rename(temporary.path(), &target) {
            Ok(()) => {
                let _ = temporary.keep();
                Some(target)
            }
            // Another call for the same bytes was faster, or something is in the way.
            Err(_) => target.join("request.json").is_file().then_some(target),
        }
    }

    fn make(&self, folder: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let ignore = self.folder.join(".gitignore");
        if !ignore.exists() {
            write_whole(&self.folder, ".gitignore", b"*\n")?;
        }
        Ok(())
    }
}

/// How the name of what is being removed begins.
const FORGOTTEN: &str = ".forgotten-";

/// Forgets what a killed call left behind, and the oldest of the rest beyond `most`. Thousands of files take seconds to remove on a busy
/// disk, and the reply waits for none: what is not gone when the process ends, the next call removes.
fn forget(folder: &Path, most: usize, now: Timestamp) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let changed = |entry: &fs::DirEntry| {
        entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let at = changed(&entry);
        let age = at
            .and_then(|at| Timestamp::try_from(at).ok())
            .map(|at| now.as_second().saturating_sub(at.as_second()));
        let is_forgotten = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(FORGOTTEN.as_bytes());
        if !is_temporary(&entry) {
            kept.push((at, entry.path()));
        } else if is_forgotten || age.is_none_or(|age| age > LEFT_BEHIND_SECONDS) {
            gone.push(entry.path());
        }
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(most);
    gone.extend(kept.into_iter().take(surplus).map(|(_, path)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let aside = folder.join(format!("{FORGOTTEN}{name}"));
        match fs::rename(&path, &aside) {
            Ok(()) => aside,
            Err(_) => path,
        }
    }));
    if !gone.is_empty() {
        let _ =
            std::thread::Builder::new().spawn(move || gone.iter().for_each(|path| remove(path)));
    }
}

/// Whether another call may be writing it at this moment.
fn is_temporary(entry: &fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn remove(path: &Path) {
    let _ = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    };
}

/// The folder to copy: the whole project of an npm package, else what the request names; and where in it the request's path is.
fn staged_root(request: &Request, subject: &Subject) -> Option<(PathBuf, String)> {
    let root = match &subject.trees.dependencies {
        Some(spec) if spec.root.file_name()? == "node_modules" => spec.root.parent()?.to_owned(),
        _ => request.path.clone(),
    };
    let path = fs::canonicalize(&request.path).ok()?;
    let relative = path
        .strip_prefix(fs::canonicalize(&root).ok()?)
        .ok()?
        .to_str()?
        .to_owned();
    Some((root, relative))
}

/// Whether a kept copy was kept for what is asked now: from the same source, in the same words. The steps of one plugin's install ask so,
/// each about another path and of another origin; a skill is asked about once.
fn is_about(kept: &Path, request: &Request) -> bool {
    let text = read::text(&kept.join("request.json"), MAX_REQUEST).ok();
    let kept = text.and_then(|text| strict_json::strict(&text).ok());
    let kept = kept.as_ref().and_then(|kept| kept.get("request"));
    let asked = request.to_value();
    kept.is_some_and(|kept| {
        let keys: &[&str] = match request.target {
            TargetType::Skill => &["source", "request", "origin"],
            TargetType::Plugin => &["source", "request"],
        };
        keys.iter().all(|key| kept.get(key) == asked.get(key))
    })
}

fn described(request: &Request, relative: &str) -> Value {
    json!({ "relative": relative, "request": request.to_value() })
}

/// Copies files, folders and links; nothing is followed, and nothing else is copied. What lies in OpenClaw's own staging folder, which
/// it removes after a refusal, is linked where that is possible: six thousand files take seconds to copy on a busy disk. Anything else
/// may be a working folder, which moves on.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    let staging = |name: std::path::Component<'_>| {
        name.as_os_str()
            .as_encoded_bytes()
            .starts_with(INSTALL_STAGE.as_bytes())
    };
    let link = from.components().any(staging);
    let mut folders = vec![(from.to_owned(), to.to_owned(), 0)];
    let (mut entries, mut bytes) = (0, 0);
    while let Some((from, to, depth)) = folders.pop() {
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            entries += 1;
            if entries > MAX_ENTRIES || depth > MAX_DEPTH {
                return Err(std::io::Error::other("too much to keep"));
            }
            let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
            if kind.is_dir() {
                fs::create_dir(&target)?;
                folders.push((entry.path(), target, depth + 1));
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
            } else if kind.is_file() && !(link && fs::hard_link(entry.path(), &target).is_ok()) {
                bytes += fs::copy(entry.path(), &target)?;
                if bytes > MAX_KEPT_BYTES {
                    return Err(std::io::Error::other("too much to keep"));
                }
            }
        }
    }
    Ok(())
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    temporary::sweep_files(folder);
    let mut temporary = Temporary::in_folder(folder, 0o600)?;
    temporary.write_all(bytes)?;
    temporary.persist(&folder.join(name))
}
