//! Files that hold secrets, and files that decide what runs: who else can read or change them, and whose they are.

mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::MachineOptions;
use super::super::paths::Paths;
use super::Machine;
use super::accounts::Accounts;
use super::acl::Acl;
use super::reach::{self, Opening, Reach, Verdict};
use crate::digest::Sha256Digest;
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
    /// Its mode, and whether it has an access control list.
    pub(crate) mode: String,
    /// What others can do.
    pub(crate) verdict: Verdict,
    /// It is a folder, and what lies below it was looked at.
    pub(crate) below: bool,
    /// Each place that is open, sorted: it, a folder above it, or what lies below it.
    pub(crate) open: Vec<Open>,
    /// Who else can change what judges this machine.
    pub(crate) others: Vec<String>,
}

/// A place that is open, as it is to be shown. An exception is bound to it, so it says all that a further opening would change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Open {
    /// The place.
    pub(crate) shown: String,
    /// Its mode, and for whom it is open.
    pub(crate) value: String,
}

/// As many of several openings as there is room for, and of the others the count and a digest: one more of them, or another one, is seen.
pub(crate) fn bounded(open: &[Open], room: usize) -> (&[Open], Option<String>) {
    let (shown, rest) = open.split_at(room.min(open.len()));
    if rest.is_empty() {
        return (shown, None);
    }
    let lines: String = rest
        .iter()
        .map(|open| format!("{} {}\n", open.shown, open.value))
        .collect();
    let digest = Sha256Digest::of(lines.as_bytes());
    (shown, Some(format!("{} more, {digest}", rest.len())))
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
        let (mut above, mut unknown) = (BTreeSet::new(), None);
        for place in &places {
            self.owner_of(place);
            // The bits of a link itself say nothing; who can replace it is who can write its folder.
            let verdict = match place == &real {
                true => self.reach.write(place),
                false => place
                    .parent()
                    .map_or(Verdict::Nobody, |folder| self.reach.write(folder)),
            };
            match verdict {
                Verdict::Others(openings) => above.extend(openings),
                Verdict::Unknown(why) => unknown = unknown.or(Some(why)),
                Verdict::Nobody | Verdict::Latent => {}
            }
        }
        // A folder above is a thing of its own: what lies below may be open besides.
        above.retain(|opening| opening.by != real);
        self.by_folders(what, root, &real, above);
        let own = match self.reach.write_itself(&real) {
            Verdict::Others(openings) => openings,
            _ => Vec::new(),
        };
        let mut open: Vec<Open> = own.iter().map(|one| self.as_open(one)).collect();
        if below != Below::Nothing && self.is_entered(&real) {
            open.extend(self.below(what, &real, below));
        }
        open.sort();
        // What no other user can reach is no finding where it is not a secret.
        let verdict = match (own.is_empty(), open.is_empty(), unknown) {
            (false, ..) => Verdict::Others(own),
            (true, false, _) => Verdict::Others(vec![Opening {
                by: real.clone(),
                who: "others".to_owned(),
            }]),
            (true, true, Some(why)) => Verdict::Unknown(why),
            (true, true, None) => return,
        };
        let mut seen = self.as_seen(what, root, &real, verdict);
        (seen.below, seen.open) = (below != Below::Nothing, open);
        self.found.writable.push(seen);
    }

    /// That folders above a root, or above a link that leads to it, are open: one finding for each folder, as each is closed by itself.
    fn by_folders(
        &mut self,
        what: &'static str,
        root: &Path,
        real: &Path,
        above: BTreeSet<Opening>,
    ) {
        let mut by_place: BTreeMap<PathBuf, Vec<Opening>> = BTreeMap::new();
        for opening in above {
            let of = by_place.entry(opening.by.clone()).or_default();
            of.push(opening);
        }
        for openings in by_place.into_values() {
            let open: Vec<Open> = openings.iter().map(|one| self.as_open(one)).collect();
            let mut seen = self.as_seen(what, root, real, Verdict::Others(openings));
            // Of several roots below one folder each is a finding of its own.
            let place = seen.shown.clone();
            seen.open = open
                .into_iter()
                .map(|open| Open {
                    value: format!("below {}, {}", open.shown, open.value),
                    shown: place.clone(),
                })
                .collect();
            self.found.writable.push(seen);
        }
    }

    /// An opening as it is to be shown.
    fn as_open(&self, opening: &Opening) -> Open {
        Open {
            shown: self.paths.shown(&opening.by),
            value: format!("{}, open to {}", self.mode_of(&opening.by), opening.who),
        }
    }

    /// The mode of a place, and that it has an access control list.
    fn mode_of(&self, place: &Path) -> String {
        let facts = self.reach.facts(place);
        let mode = octal(facts.as_ref().map_or(0, |facts| facts.mode));
        match facts.map(|facts| facts.acl) {
            None | Some(Acl::None) => format!("mode {mode}"),
            Some(Acl::List(_) | Acl::Unreadable) => {
                format!("mode {mode} with an access control list")
            }
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
            // The bits of the group are also the most that an access control list gives.
            if facts.mode & 0o011 == 0 {
                return false;
            }
        }
        true
    }

    /// Entries below a root that others can change, and those that belong to others. What lies in a folder that the same can write is not
    /// named beside that folder, as they can put anything there.
    fn below(&mut self, what: &str, root: &Path, below: Below) -> Vec<Open> {
        let mut found = Vec::new();
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
                    return found;
                }
                if depth == 0
                    && below == Below::Workspace
                    && !decides(&entry.file_name().to_string_lossy())
                {
                    continue;
                }
                let path = entry.path();
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                if metadata.is_symlink() {
                    continue;
                }
                let (uid, mode) = (metadata.uid(), metadata.mode());
                if uid != self.reach.owner && uid != 0 {
                    self.foreign_at(&path, uid);
                }
                if self.may_be_open(&path, mode, metadata.gid()) {
                    found.extend(self.opened_itself(what, root, &path));
                }
                if metadata.is_dir() && mode & 0o011 != 0 {
                    open.push((path, depth + 1));
                }
            }
        }
        found
    }

    /// Whether mode and list of an entry could let others write it: cheap, as most could not.
    fn may_be_open(&self, path: &Path, mode: u32, gid: u32) -> bool {
        let by_group =
            || self.reach.has_others(gid) != Some(false) || Acl::of(path, mode) != Acl::None;
        mode & 0o002 != 0 || (mode & 0o020 != 0 && by_group())
    }

    /// For whom an entry below a root is open by its own bits and not already by a folder between them.
    fn opened_itself(&mut self, what: &str, root: &Path, path: &Path) -> Vec<Open> {
        match self.reach.write_below(path, root) {
            Verdict::Others(openings) => {
                let own = openings.iter().filter(|opening| opening.by == path);
                own.map(|opening| self.as_open(opening)).collect()
            }
            Verdict::Unknown(why) => {
                let why = format!("{}: {why}", self.paths.shown(path));
                self.cut(what, why);
                Vec::new()
            }
            Verdict::Nobody | Verdict::Latent => Vec::new(),
        }
    }

    fn as_seen(&self, what: &'static str, path: &Path, real: &Path, verdict: Verdict) -> Seen {
        Seen {
            what,
            path: real.to_owned(),
            shown: self.paths.shown(path),
            mode: self.mode_of(real),
            verdict,
            below: false,
            open: Vec::new(),
            others: Vec::new(),
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
                let verdict = Verdict::Others(vec![Opening {
                    by: place.clone(),
                    who: what.clone(),
                }]);
                let mut seen = self.as_seen("what judges", path, place, verdict);
                // Others than that user may be able to, too.
                if let Verdict::Others(openings) = self.reach.write(place) {
                    seen.others.push(reach::who(&openings));
                }
                self.found.judges.push(seen);
            }
        }
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
