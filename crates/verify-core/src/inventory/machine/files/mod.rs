//! Files that hold secrets, and files that decide what runs: who else can read or change them, and whose they are.

mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::MachineOptions;
use super::super::paths::Paths;
use super::Machine;
use super::accounts::Accounts;
use super::reach::{self, Reach, Verdict};
use crate::text;

/// Most files that hold secrets.
const MAX_SECRETS: usize = 5000;
/// Most entries of the folders of code together.
const MAX_ENTRIES: usize = 400_000;
/// Sockets of container engines that run as root, below the root of the machine.
const ENGINES: [&str; 5] = [
    "run/docker.sock",
    "run/podman/podman.sock",
    "run/containerd/containerd.sock",
    "var/snap/lxd/common/lxd/unix.socket",
    "var/lib/incus/unix.socket",
];
/// Deepest folder of code.
const MAX_DEPTH: usize = 64;
/// Most entries of one root that are named.
const MAX_NAMED: usize = 5;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// To whom the state belongs: number and name.
    pub(crate) owner: (u32, String),
    /// Groups of the owner.
    pub(crate) groups: Vec<String>,
    /// Files with secrets that others can read, could read but for a folder above, or of which that is not known.
    pub(crate) readable: Vec<Seen>,
    /// What decides what runs and others can change, or of which that is not known.
    pub(crate) writable: Vec<Seen>,
    /// Sockets of container engines that run as root and that the owner may use.
    pub(crate) sockets: Vec<String>,
    /// What belongs to someone else: the place and whose it is.
    pub(crate) foreign: Vec<Foreign>,
    /// What judges this machine and its owner can change.
    pub(crate) judges: Vec<Seen>,
    /// Folders of which not every entry was looked at, and why.
    pub(crate) cut: Vec<(String, String)>,
}

/// One place and what was seen of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What it is, in words.
    pub(crate) what: &'static str,
    /// The place.
    pub(crate) path: PathBuf,
    /// How it is shown.
    pub(crate) shown: String,
    /// Its mode.
    pub(crate) mode: u32,
    /// What others can do.
    pub(crate) verdict: Verdict,
    /// It is a folder, and what is open lies below it too.
    pub(crate) below: bool,
    /// Some of what lies below it and is open.
    pub(crate) named: Vec<String>,
}

/// A place that belongs to someone else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Foreign {
    /// How it is shown.
    pub(crate) shown: String,
    /// The place.
    pub(crate) path: PathBuf,
    /// Number and name of whose it is.
    pub(crate) user: (u32, String),
    /// Whether the number may be that of another namespace.
    pub(crate) mapped: bool,
}

/// What others can do with a file's content.
pub(super) fn who_reads(paths: &Paths, etc: Option<&Path>, file: &Path) -> Verdict {
    let accounts = Accounts::read(etc.unwrap_or(Path::new("/etc")));
    let owner = std::fs::metadata(&paths.state).map_or(0, |found| found.uid());
    match paths.real(file) {
        Ok(real) => Reach::new(owner, &accounts, false).read(&real),
        Err(error) => Verdict::Unknown(error.to_string()),
    }
}

/// Looks at all of them.
pub(super) fn read(
    paths: &Paths,
    machine: &Machine,
    config: &[PathBuf],
    given: &MachineOptions,
    tmp: Option<&Path>,
) -> Files {
    let etc = given.etc.clone().unwrap_or_else(|| PathBuf::from("/etc"));
    let proc = given.proc.clone().unwrap_or_else(|| PathBuf::from("/proc"));
    let accounts = Accounts::read(&etc);
    let owner = std::fs::metadata(&paths.state).map_or(0, |found| found.uid());
    let mut look = Look {
        paths,
        reach: Reach::new(owner, &accounts, given.group_shared),
        accounts: &accounts,
        proc: &proc,
        seen: BTreeSet::new(),
        foreign: BTreeMap::new(),
        entries: 0,
        found: Files {
            owner: (owner, accounts.user(owner)),
            groups: accounts.groups_of(owner),
            ..Files::default()
        },
    };
    for (what, file) in places::secrets(paths, machine, config, tmp, owner) {
        look.secret(what, &file);
    }
    for file in config {
        look.code("the config", file, Below::Nothing);
    }
    for (what, root, below) in places::code(paths, machine) {
        look.code(what, &root, below);
    }
    look.sockets(proc.parent().unwrap_or(Path::new("/")));
    if !given.judges.is_empty() {
        look.judges(&given.judges);
    }
    let Look {
        mut found, foreign, ..
    } = look;
    found.foreign = foreign.into_values().collect();
    found.foreign.sort();
    found
}

/// How far a root of code is looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// It alone.
    Nothing,
    /// The entries that instruct or load, and their folders: of a workspace.
    Workspace,
    /// Everything.
    All,
}

struct Look<'a> {
    paths: &'a Paths,
    reach: Reach<'a>,
    accounts: &'a Accounts,
    proc: &'a Path,
    seen: BTreeSet<PathBuf>,
    foreign: BTreeMap<PathBuf, Foreign>,
    entries: usize,
    found: Files,
}

impl Look<'_> {
    /// That not all was looked at: once for each kind of thing.
    fn cut(&mut self, what: &str, why: String) {
        if !self.found.cut.iter().any(|(known, _)| known == what) {
            self.found.cut.push((what.to_owned(), why));
        }
    }

    fn secret(&mut self, what: &'static str, file: &Path) {
        if self.seen.len() >= MAX_SECRETS {
            self.cut(
                what,
                format!("more than {MAX_SECRETS} files may hold secrets"),
            );
            return;
        }
        let Ok(real) = self.paths.real(file) else {
            return;
        };
        if !self.seen.insert(real.clone())
            || !std::fs::metadata(&real).is_ok_and(|found| found.is_file())
        {
            return;
        }
        self.owner_of(&real);
        let verdict = self.reach.read(&real);
        if verdict != Verdict::Nobody {
            let seen = self.as_seen(what, file, &real, verdict);
            self.found.readable.push(seen);
        }
    }

    fn code(&mut self, what: &'static str, root: &Path, below: Below) {
        let places = reach::places(root);
        let Some(real) = places.first().cloned() else {
            return;
        };
        let mut worst = Verdict::Nobody;
        for place in &places {
            self.owner_of(place);
            let link = place != &real;
            let verdict = match link {
                // The bits of a link itself say nothing; who can replace it is who can write its folder.
                true => place.parent().map_or(Verdict::Nobody, |folder| {
                    match self.reach.write(folder) {
                        Verdict::Latent => Verdict::Nobody,
                        other => other,
                    }
                }),
                false => self.reach.write(place),
            };
            if rank(&verdict) > rank(&worst) {
                worst = verdict;
            }
        }
        // A folder above is a thing of its own: what lies below may be open besides.
        if matches!(&worst, Verdict::Others { by, .. } if *by != real) {
            let seen = self.as_seen(what, root, &real, worst);
            self.found.writable.push(seen);
            worst = self.reach.write_itself(&real);
        }
        let open = matches!(worst, Verdict::Others { .. });
        let mut named = Vec::new();
        if below != Below::Nothing && !open && self.is_entered(&real) {
            named = self.below(what, &real, below);
        }
        // What no other user can reach is no finding where it is not a secret.
        if !named.is_empty() {
            worst = Verdict::Others {
                who: "others".to_owned(),
                by: real.clone(),
            };
        }
        if rank(&worst) > rank(&Verdict::Latent) {
            let mut seen = self.as_seen(what, root, &real, worst);
            (seen.below, seen.named) = (below != Below::Nothing, named);
            self.found.writable.push(seen);
        }
    }

    /// Whether anyone else can get into a folder at all: otherwise nothing in it can be reached.
    fn is_entered(&self, folder: &Path) -> bool {
        use std::path::Component;
        let mut place = PathBuf::new();
        for part in folder.components() {
            place.push(part);
            if matches!(part, Component::RootDir) {
                continue;
            }
            let Some(facts) = self.reach.facts(&place) else {
                return true;
            };
            if facts.mode & 0o011 == 0 && !facts.acl {
                return false;
            }
        }
        true
    }

    /// Entries below a root that others can change, and those that belong to others.
    fn below(&mut self, what: &str, root: &Path, below: Below) -> Vec<String> {
        let mut named = Vec::new();
        let mut open = vec![(root.to_owned(), 0_usize)];
        while let Some((folder, depth)) = open.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    let why = format!("{}: {error}", self.paths.shown(&folder));
                    self.cut(what, why);
                    continue;
                }
            };
            for entry in entries.flatten() {
                self.entries += 1;
                if self.entries > MAX_ENTRIES || depth > MAX_DEPTH {
                    self.cut(what, "it holds more than is looked at".to_owned());
                    return named;
                }
                if depth == 0
                    && below == Below::Workspace
                    && !decides(&entry.file_name().to_string_lossy())
                {
                    continue;
                }
                let path = entry.path();
                let Ok(found) = entry.metadata() else {
                    continue;
                };
                if found.is_symlink() {
                    continue;
                }
                let (uid, mode, gid) = (found.uid(), found.mode(), found.gid());
                if uid != self.reach.owner && uid != 0 {
                    self.foreign_at(&path, uid);
                }
                let group = mode & 0o020 != 0
                    && self.accounts.has_others(gid, self.reach.owner) != Some(false);
                if (mode & 0o002 != 0 || group)
                    && matches!(self.reach.write_itself(&path), Verdict::Others { .. })
                    && named.len() < MAX_NAMED
                {
                    named.push(self.paths.shown(&path));
                }
                if found.is_dir() && mode & 0o011 != 0 {
                    open.push((path, depth + 1));
                }
            }
        }
        named
    }

    fn as_seen(&self, what: &'static str, path: &Path, real: &Path, verdict: Verdict) -> Seen {
        Seen {
            what,
            path: real.to_owned(),
            shown: self.paths.shown(path),
            mode: self.reach.facts(real).map_or(0, |facts| facts.mode),
            verdict,
            below: false,
            named: Vec::new(),
        }
    }

    fn owner_of(&mut self, real: &Path) {
        if let Some((place, uid)) = self.reach.foreign(real) {
            self.foreign_at(&place, uid);
        }
    }

    fn foreign_at(&mut self, place: &Path, uid: u32) {
        // Of a whole folder the folder is enough.
        if self.foreign.len() >= 200
            || place
                .ancestors()
                .skip(1)
                .any(|above| self.foreign.contains_key(above))
        {
            return;
        }
        self.foreign.insert(
            place.to_owned(),
            Foreign {
                shown: self.paths.shown(place),
                path: place.to_owned(),
                user: (uid, self.accounts.user(uid)),
                mapped: reach::is_mapped(self.proc, uid),
            },
        );
    }

    /// Sockets of engines that are root, which the owner of the state can write to. They are looked at, never opened.
    fn sockets(&mut self, root: &Path) {
        let owner = self.reach.owner;
        for name in ENGINES {
            let file = root.join(name);
            let of_root = self.reach.facts(&file).is_some_and(|facts| facts.uid == 0);
            if owner != 0 && of_root && self.reach.can_write(&file, owner) {
                self.found.sockets.push(self.paths.shown(&file));
            }
        }
    }

    /// What judges this machine and can be changed by the user who runs OpenClaw.
    fn judges(&mut self, judges: &[(String, PathBuf)]) {
        for (what, path) in judges {
            let places = reach::places(path);
            let owner = self.reach.owner;
            if let Some(place) = places
                .iter()
                .find(|place| self.reach.can_write(place, owner))
            {
                let verdict = Verdict::Others {
                    who: what.clone(),
                    by: place.clone(),
                };
                let mut seen = self.as_seen("what judges", path, place, verdict);
                // Others than that user may be able to, too.
                if let Verdict::Others { who, .. } = self.reach.write(place) {
                    seen.named.push(who);
                }
                self.found.judges.push(seen);
            }
        }
    }
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Nobody => 0,
        Verdict::Latent => 1,
        Verdict::Unknown(_) => 2,
        Verdict::Others { .. } => 3,
    }
}

/// Whether an entry of a workspace instructs the agent or is loaded.
fn decides(name: &str) -> bool {
    let instructs = Path::new(name)
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("md"));
    instructs
        || matches!(
            name,
            "skills" | "hooks" | ".agents" | ".claude" | ".openclaw" | "plugins" | ".mcp.json"
        )
}

/// A mode as people write it.
pub(crate) fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// A path as it is to be shown.
pub(crate) fn whole(path: &Path) -> String {
    text::visible(&path.to_string_lossy()).into_owned()
}
