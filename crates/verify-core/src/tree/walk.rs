//! The sequential half of a digest: lists every folder, judges every name and symlink, and leaves the regular files to be hashed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::BorrowedFd;
use std::path::{Component, Path};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use super::links::{Links, join};
use super::manifest::TreeEntry;
use super::names::{collision_key, folds, shown, unsafe_name, unsafe_on_windows};
use super::object::{BlobId, Mode};
use super::open::{Beneath, Stamp, type_in_words};
use crate::nix::{self, StorePath};

use super::{
    LeaveOut, MAX_OFFENDERS, Offender, TreeError, TreeLimit, TreeNote, TreeOptions, TreeSpec, Why,
    records,
};

/// Paths that a note names.
pub(crate) const MAX_NOTED: usize = 20;
/// Components looked at to resolve all symlinks of one tree.
const MAX_SYMLINK_STEPS: u64 = 1_000_000;

/// What a walk found, besides the entries that it gave away.
pub(crate) struct TreeWalk {
    pub(crate) root: Arc<Beneath>,
    /// Every folder that was listed, and what it looked like.
    pub(crate) folders: Vec<(String, Stamp)>,
    pub(crate) notes: Vec<TreeNote>,
}

/// Takes the files and symlinks of a tree in the order of their paths' bytes, then `None`. The id of a file is not yet known.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&Arc<Beneath>, Option<TreeEntry>);

/// Walks what `spec` covers. After an unsafe entry was met, nothing more goes to `sink`: there will be no digest.
pub(crate) fn walk(
    spec: &TreeSpec,
    options: &TreeOptions<'_>,
    sink: Sink<'_>,
) -> Result<TreeWalk, TreeError> {
    let (boundary, root_in_boundary, root) = open_root(spec)?;
    let root = Arc::new(root);
    let links = Links::new(spec, boundary.as_ref().unwrap_or(&root), &root_in_boundary);
    let mut walker = Walker {
        spec,
        options,
        root: &root,
        links,
        left_out: by_folder(&spec.leave_out),
        seen: 0,
        path_bytes: 0,
        symlink_steps: 0,
        folders: Vec::new(),
        offenders: Vec::new(),
        total_offenders: 0,
        windows: (Vec::new(), 0),
        store_links: BTreeSet::new(),
        notes: Vec::new(),
    };
    let result = walker.walk(sink);
    let Walker {
        folders,
        mut notes,
        windows: (paths, count),
        store_links,
        offenders,
        total_offenders: total,
        ..
    } = walker;
    match result {
        // What is certainly unsafe stays so, even when a limit ended the walk.
        Ok(()) | Err(TreeError::Limit { .. }) if total > 0 => {
            return Err(TreeError::Unsafe { offenders, total });
        }
        result => result?,
    }
    if count > 0 {
        notes.push(TreeNote::WindowsUnsafeNames { paths, count });
    }
    if !store_links.is_empty() {
        let paths = store_links.into_iter().collect();
        notes.push(TreeNote::StoreLinks { paths });
    }
    Ok(TreeWalk {
        root,
        folders,
        notes,
    })
}

/// The boundary when it is another folder, the root relative to it, and the root.
fn open_root(spec: &TreeSpec) -> Result<(Option<Beneath>, String, Beneath), TreeError> {
    let refused = |errno: Errno| match errno {
        Errno::NOENT => TreeError::Missing,
        Errno::NOTDIR | Errno::LOOP => root_is_no_folder(&spec.root),
        errno => TreeError::Io {
            path: ".".to_owned(),
            source: errno.into(),
        },
    };
    let relative = spec.root.strip_prefix(&spec.boundary).ok();
    let relative = relative
        .filter(|path| path.components().all(|c| matches!(c, Component::Normal(_))))
        .and_then(Path::to_str);
    let Some(relative) = relative else {
        let source = std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "the root does not lie inside the boundary",
        );
        return Err(TreeError::Io {
            path: ".".to_owned(),
            source,
        });
    };
    if relative.is_empty() {
        return Ok((
            None,
            String::new(),
            Beneath::new_nofollow(&spec.root).map_err(refused)?,
        ));
    }
    let boundary = Beneath::new(&spec.boundary).map_err(refused)?;
    let root = Beneath::of(boundary.folder(relative).map_err(refused)?);
    Ok((Some(boundary), relative.to_owned(), root))
}

fn root_is_no_folder(root: &Path) -> TreeError {
    let kind = match std::fs::symlink_metadata(root) {
        Ok(metadata) if metadata.is_dir() => "reached through a symbolic link",
        Ok(metadata) => crate::read::kind_of(&metadata),
        Err(_) => return TreeError::Missing,
    };
    TreeError::Unsafe {
        offenders: vec![Offender {
            path: ".".to_owned(),
            why: Why::SpecialFile(kind),
        }],
        total: 1,
    }
}

struct Walker<'a> {
    spec: &'a TreeSpec,
    options: &'a TreeOptions<'a>,
    root: &'a Arc<Beneath>,
    links: Links<'a>,
    /// What is left out at one exact place, by the folder that it lies in: its name there.
    left_out: BTreeMap<&'a str, Vec<(&'a str, &'a LeaveOut)>>,
    seen: u64,
    path_bytes: u64,
    symlink_steps: u64,
    folders: Vec<(String, Stamp)>,
    offenders: Vec<Offender>,
    total_offenders: usize,
    windows: (Vec<String>, usize),
    store_links: BTreeSet<StorePath>,
    notes: Vec<TreeNote>,
}

/// What a folder holds and what counts.
enum Child {
    Leaf(TreeEntry),
    /// Its path.
    Folder(String),
}

impl Walker<'_> {
    fn walk(&mut self, sink: Sink<'_>) -> Result<(), TreeError> {
        let mut open = vec![self.list(String::new())?.into_iter()];
        while let Some(folder) = open.last_mut() {
            match folder.next() {
                None => {
                    open.pop();
                }
                Some(Child::Leaf(entry)) if self.total_offenders == 0 => {
                    sink(self.root, Some(entry))
                }
                Some(Child::Leaf(_)) => {}
                Some(Child::Folder(path)) => {
                    if open.len() > self.options.max_depth {
                        return Err(limit(TreeLimit::Depth, self.options.max_depth as u64));
                    }
                    open.push(self.list(path)?.into_iter());
                }
            }
        }
        sink(self.root, None);
        Ok(())
    }

    /// What the folder at `path` holds, in git's order.
    fn list(&mut self, path: String) -> Result<Vec<Child>, TreeError> {
        if self
            .options
            .cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
        {
            return Err(TreeError::Cancelled);
        }
        let io = |errno: Errno| read_error(&path, errno);
        let mut dir = Dir::new(self.root.folder(&path).map_err(io)?).map_err(io)?;
        let before = stamp(dir.fd().map_err(io)?, &path)?;
        let names = self.names(&mut dir, &path)?;
        let fd = dir.fd().map_err(io)?;
        let children = self.judge(fd, &path, names)?;
        // What else comes and goes in a home folder says nothing of the few names in it that count.
        if is_on_the_way(&self.spec.leave_out, &path) {
            return Ok(children);
        }
        if stamp(fd, &path)? != before {
            return Err(TreeError::Changed {
                path: shown_folder(&path),
            });
        }
        self.folders.push((path, before));
        Ok(children)
    }

    /// The names in a folder, a `/` behind those of folders, sorted: that is git's order.
    fn names(&mut self, dir: &mut Dir, path: &str) -> Result<Vec<(Vec<u8>, FileType)>, TreeError> {
        let io = |errno: Errno| read_error(path, errno);
        let mut names = Vec::new();
        while let Some(entry) = dir.read() {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                let stat = rustix::fs::statat(
                    dir.fd().map_err(io)?,
                    entry.file_name(),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
                .map_err(io)?;
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            self.seen += 1;
            self.path_bytes += (path.len() + 1 + name.len()) as u64;
            if self.seen > self.options.max_entries {
                return Err(limit(TreeLimit::Entries, self.options.max_entries));
            }
            if self.path_bytes > self.options.max_path_bytes {
                return Err(limit(TreeLimit::PathBytes, self.options.max_path_bytes));
            }
            let mut name = name.to_vec();
            if kind == FileType::Directory {
                name.push(b'/');
            }
            names.push((name, kind));
        }
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }

    fn judge(
        &mut self,
        fd: BorrowedFd<'_>,
        folder: &str,
        mut names: Vec<(Vec<u8>, FileType)>,
    ) -> Result<Vec<Child>, TreeError> {
        let spec = self.spec;
        let left_out = self.left_out.get(folder).cloned().unwrap_or_default();
        if spec.leave_out.iter().any(leaves_out_all_but_some) {
            // The other entries of a home folder are not looked at here, not even their names.
            names.retain(|(name, _)| {
                std::str::from_utf8(without_slash(name))
                    .is_ok_and(|name| may_count(&spec.leave_out, &join(folder, name)))
            });
        }
        let mut children = Vec::with_capacity(names.len());
        self.find_collisions(folder, &names);
        for (name, kind) in names {
            let name = without_slash(&name);
            let (None, Ok(name)) = (unsafe_name(name), std::str::from_utf8(name)) else {
                let why = Why::Name(unsafe_name(name).unwrap_or("is not UTF-8"));
                self.offend(shown_in(folder, name), why);
                continue;
            };
            if let Some((_, leave_out)) = left_out.iter().find(|(place, _)| *place == name)
                && self.is_left_out(leave_out, fd, name, kind)?
            {
                continue;
            }
            if unsafe_on_windows(name) {
                self.windows.1 += 1;
                if self.windows.0.len() < MAX_NOTED {
                    self.windows.0.push(shown_in(folder, name.as_bytes()));
                }
            }
            let path = join(folder, name);
            match kind {
                FileType::Directory => children.push(Child::Folder(path)),
                FileType::RegularFile => {
                    children.push(Child::Leaf(TreeEntry {
                        path,
                        mode: Mode::Regular,
                        id: BlobId([0; 32]),
                    }));
                }
                FileType::Symlink => {
                    let leads_anywhere = left_out.iter().any(|(place, leave_out)| {
                        *place == name && matches!(leave_out, LeaveOut::Target(_))
                    });
                    children.push(Child::Leaf(self.symlink(
                        fd,
                        folder,
                        name,
                        path,
                        leads_anywhere,
                    )?));
                }
                other => self.offend(
                    shown_in(folder, name.as_bytes()),
                    Why::SpecialFile(type_in_words(other)),
                ),
            }
        }
        Ok(children)
    }

    fn symlink(
        &mut self,
        fd: BorrowedFd<'_>,
        folder: &str,
        name: &str,
        path: String,
        leads_anywhere: bool,
    ) -> Result<TreeEntry, TreeError> {
        let target = rustix::fs::readlinkat(fd, name, Vec::new())
            .map_err(|errno| read_error(&path, errno))?;
        let host_link = self.options.count_host_links
            && name == "openclaw"
            && folder.rsplit('/').next() == Some("node_modules");
        if !host_link
            && !leads_anywhere
            && let Some(why) = self
                .links
                .refuse(folder, target.as_bytes(), &mut self.symlink_steps)
        {
            match self.store_paths(folder, target.as_bytes(), &why) {
                Some(paths) => self.store_links.extend(paths),
                None => self.offend(shown(path.as_bytes()), why),
            }
        }
        if self.symlink_steps > MAX_SYMLINK_STEPS {
            return Err(limit(TreeLimit::SymlinkSteps, MAX_SYMLINK_STEPS));
        }
        Ok(TreeEntry {
            path,
            mode: Mode::Symlink,
            id: BlobId::of(target.as_bytes()),
        })
    }

    /// The paths of a Nix store by which a link leads that leaves the tree; none where it leads elsewhere.
    fn store_paths(&self, folder: &str, target: &[u8], why: &Why) -> Option<BTreeSet<StorePath>> {
        let leaves = matches!(why, Why::LeavesSubject { .. } | Why::AbsoluteTarget { .. });
        let store = self.options.store.filter(|_| leaves)?;
        nix::resolve(
            store,
            &self.spec.root.join(folder),
            std::str::from_utf8(target).ok()?,
        )
    }

    /// Whether the entry `name` of the open folder is what `leave_out` says.
    fn is_left_out(
        &mut self,
        leave_out: &LeaveOut,
        fd: BorrowedFd<'_>,
        name: &str,
        kind: FileType,
    ) -> Result<bool, TreeError> {
        match leave_out {
            LeaveOut::Entry(_) => Ok(true),
            LeaveOut::AllBut(_) | LeaveOut::Inside { .. } | LeaveOut::Target(_) => Ok(false),
            LeaveOut::Folder(_) => Ok(kind == FileType::Directory),
            LeaveOut::Record(_, record) => Ok(kind == FileType::RegularFile
                && small_file(fd, name).is_some_and(|bytes| records::is_record(*record, &bytes))),
            LeaveOut::HostLink { path, host, copied } if kind == FileType::Symlink => {
                let target = rustix::fs::readlinkat(fd, name, Vec::new())
                    .map_err(|errno| read_error(path, errno))?;
                let target = shown(target.as_bytes());
                let real = std::fs::canonicalize(self.spec.root.join(path)).ok();
                match (host, real) {
                    (Some(host), Some(real)) if *host == real => {}
                    (Some(_), Some(_)) if !copied => {
                        self.offend(shown(path.as_bytes()), Why::HostLinkElsewhere { target })
                    }
                    _ => {
                        self.notes.push(TreeNote::HostLinkUnknown {
                            path: shown(path.as_bytes()),
                            target,
                            copied: *copied && host.is_some(),
                        });
                    }
                }
                Ok(true)
            }
            LeaveOut::HostLink { .. } => Ok(false),
        }
    }

    /// Also looks at what is left out: where case is ignored it may be the other file that is loaded.
    fn find_collisions(&mut self, folder: &str, names: &[(Vec<u8>, FileType)]) {
        let names = || {
            names
                .iter()
                .filter_map(|(name, _)| std::str::from_utf8(without_slash(name)).ok())
        };
        if !names().any(folds) {
            return;
        }
        let key = |name| {
            if folds(name) {
                Cow::Owned(collision_key(name))
            } else {
                Cow::Borrowed(name)
            }
        };
        let mut keys: Vec<(Cow<'_, str>, &str)> = names().map(|name| (key(name), name)).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            if let [(a, first), (b, second)] = pair
                && a == b
            {
                let with = shown(first.as_bytes());
                self.offend(shown_in(folder, second.as_bytes()), Why::Collision { with });
            }
        }
    }

    fn offend(&mut self, path: String, why: Why) {
        self.total_offenders += 1;
        if self.offenders.len() < MAX_OFFENDERS {
            self.offenders.push(Offender { path, why });
        }
    }
}

fn without_slash(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"/").unwrap_or(name)
}

fn place_of(leave_out: &LeaveOut) -> Option<&str> {
    match leave_out {
        LeaveOut::Folder(path)
        | LeaveOut::Entry(path)
        | LeaveOut::Record(path, _)
        | LeaveOut::Target(path)
        | LeaveOut::HostLink { path, .. } => Some(path),
        LeaveOut::AllBut(_) | LeaveOut::Inside { .. } => None,
    }
}

fn leaves_out_all_but_some(leave_out: &LeaveOut) -> bool {
    matches!(leave_out, LeaveOut::AllBut(_) | LeaveOut::Inside { .. })
}

/// Whether a path counts or lies above what does, as far as all but some is left out.
pub(crate) fn may_count(leave_out: &[LeaveOut], path: &str) -> bool {
    leave_out.iter().all(|left| match left {
        LeaveOut::AllBut(kept) => is_kept(kept, path),
        LeaveOut::Inside { folder, kept } => {
            !is_below(path, folder) || path == folder || is_kept(kept, path)
        }
        _ => true,
    })
}

/// Whether a folder only lies above what counts.
fn is_on_the_way(leave_out: &[LeaveOut], folder: &str) -> bool {
    let above = |kept: &[String]| !kept.iter().any(|keep| is_below(folder, keep));
    leave_out.iter().any(|left| match left {
        LeaveOut::AllBut(kept) => above(kept),
        LeaveOut::Inside {
            folder: outer,
            kept,
        } => is_below(folder, outer) && above(kept),
        _ => false,
    })
}

/// Whether a path is `outer`, or lies below it.
fn is_below(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is left out at one exact place, by the folder that it lies in.
fn by_folder(all: &[LeaveOut]) -> BTreeMap<&str, Vec<(&str, &LeaveOut)>> {
    let mut found: BTreeMap<&str, Vec<(&str, &LeaveOut)>> = BTreeMap::new();
    for leave_out in all {
        if let Some(place) = place_of(leave_out) {
            let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
            found.entry(folder).or_default().push((name, leave_out));
        }
    }
    found
}

/// Whether a path is one of `kept`, below one, or above one.
fn is_kept(kept: &[String], path: &str) -> bool {
    kept.iter()
        .any(|keep| is_below(path, keep) || is_below(keep, path))
}

/// The bytes of a small regular file that is not executable; `None` for anything else, which then counts as it is.
fn small_file(folder: BorrowedFd<'_>, name: &str) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let folder = Beneath::of(folder.try_clone_to_owned().ok()?);
    let fd = folder.file(name).ok()?;
    let stat = rustix::fs::fstat(&fd).ok()?;
    let size = u64::try_from(stat.st_size).ok()?;
    // A file system without modes, as a Windows drive, shows every bit of every file.
    let program = stat.st_mode & 0o111 != 0 && stat.st_mode & 0o777 != 0o777;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
        || program
        || size > records::MAX_BYTES
    {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::from(fd)
        .take(size + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (bytes.len() as u64 == size).then_some(bytes)
}

fn stamp(fd: BorrowedFd<'_>, path: &str) -> Result<Stamp, TreeError> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| read_error(path, errno))?;
    Ok(Stamp::of(&stat))
}

fn limit(limit: TreeLimit, max: u64) -> TreeError {
    TreeError::Limit { limit, max }
}

/// What a walk just saw and now cannot open was changed; everything else is the system's refusal.
pub(crate) fn read_error(path: &str, errno: Errno) -> TreeError {
    let path = shown_folder(path);
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::INVAL | Errno::AGAIN => {
            TreeError::Changed { path }
        }
        errno => TreeError::Io {
            path,
            source: errno.into(),
        },
    }
}

pub(crate) fn shown_folder(path: &str) -> String {
    if path.is_empty() {
        ".".to_owned()
    } else {
        shown(path.as_bytes())
    }
}

fn shown_in(folder: &str, name: &[u8]) -> String {
    join(&shown(folder.as_bytes()), &shown(name))
}
