//! Units of the service manager that start this gateway: options on the command line, who they run as, what confines them, and secrets
//! that stand in them. What the manager has loaded is another thing, which no file shows.

mod command;
mod plist;
mod service;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::paths::{Kind, Paths};
use super::super::services::{Unit, lines, user_folders};
use super::accounts::Accounts;
use super::files::who_reads;
use super::reach::Verdict;

pub(super) use service::GATEWAY;
pub(crate) use service::{Hidden, RunsAs, Said, Service};

/// Folders below which the manager has units, the one that counts first. [systemd.unit(5)]
const ROOTS: [&str; 4] = [
    "/etc/systemd",
    "/run/systemd",
    "/usr/local/lib/systemd",
    "/usr/lib/systemd",
];

/// Units that start this gateway, and those of which that is not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units {
    pub(crate) services: Vec<Service>,
    /// How each is shown that cannot be read, and why.
    pub(crate) unread: Vec<(String, String)>,
}

/// Reads all of them. `etc`: in place of `/etc`, and then of everything outside the home folder.
pub(super) fn read_all(
    paths: &Paths,
    host: Option<&Path>,
    etc: Option<&Path>,
    owner: u32,
) -> Units {
    let roots: Vec<PathBuf> = match etc {
        Some(etc) => vec![etc.join("systemd")],
        None => ROOTS.iter().map(PathBuf::from).collect(),
    };
    let of_system: Vec<PathBuf> = roots.iter().map(|root| root.join("system")).collect();
    let mut of_user: Vec<PathBuf> = Vec::new();
    of_user.extend(paths.home.iter().flat_map(|home| user_folders(home)));
    of_user.extend(roots.iter().map(|root| root.join("user")));
    let accounts = Accounts::read(etc.unwrap_or(Path::new("/etc")));
    let look = Look {
        paths,
        host,
        owner: (owner, accounts.user(owner)),
    };
    let mut found = Units::default();
    look.folders(&of_system, true, &mut found);
    look.folders(&of_user, false, &mut found);
    if let Some(home) = &paths.home {
        plist::read(paths, &home.join("Library/LaunchAgents"), &mut found);
    }
    for service in &mut found.services {
        service.of_files(paths);
        let verdicts: Vec<Verdict> = service
            .secret_files
            .iter()
            .map(|file| who_reads(paths, etc, file))
            .collect();
        service.readable = known_readable(&verdicts);
    }
    found
}

impl Units {
    /// Notes which of them name another config than the one that is judged.
    pub(super) fn compare_config(&mut self, judged: &Path) {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let judged = real(judged);
        for service in &mut self.services {
            let other = service.config.take();
            service.config = other.filter(|config| real(config) != judged);
        }
    }
}

/// Whether others can read one of several files; none where that is not known.
fn known_readable(verdicts: &[Verdict]) -> Option<bool> {
    let any = |wanted: fn(&Verdict) -> bool| verdicts.iter().any(wanted);
    if any(|verdict| matches!(verdict, Verdict::Others(_))) {
        Some(true)
    } else if any(|verdict| matches!(verdict, Verdict::Unknown(_))) {
        None
    } else {
        Some(false)
    }
}

struct Look<'a> {
    paths: &'a Paths,
    host: Option<&'a Path>,
    /// Whose the state is: number and name.
    owner: (u32, String),
}

impl Look<'_> {
    /// The units of one manager. Of two with one name the first folder's counts, also where that only hides the other.
    fn folders(&self, folders: &[PathBuf], of_system: bool, found: &mut Units) {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for folder in folders {
            for entry in self.paths.list(folder).unwrap_or_default() {
                let name = entry.name.to_string_lossy().into_owned();
                if !name.ends_with(".service")
                    || !seen.insert(name.clone())
                    || entry.kind != Kind::File
                {
                    continue;
                }
                // The system's own units are many, and none of them names OpenClaw by chance.
                let usual = folder.starts_with("/usr") && !is_called_so(&name);
                if usual && of_system {
                    continue;
                }
                self.unit(&entry.path, &name, folders, of_system, found);
            }
        }
    }

    fn unit(
        &self,
        file: &Path,
        name: &str,
        folders: &[PathBuf],
        of_system: bool,
        found: &mut Units,
    ) {
        let mut not_read = Vec::new();
        let before = self.paths.refused();
        let unit = Unit::read(self.paths, file, name, folders, &mut not_read);
        let refused = self.paths.refused().into_iter();
        let refused = refused.filter(|place| !before.contains(place));
        let why = "the user who looks may not read it".to_owned();
        let closed = not_read.into_iter().map(|entry| (entry.what, why.clone()));
        found.unread.extend(refused.chain(closed));
        let Some(mut unit) = unit else {
            return;
        };
        in_order(&mut unit, folders);
        let is_about = unit.is_about(self.paths, self.host, !of_system)
            || (of_system && self.is_of_owner(&unit));
        if is_about && (starts_gateway(&unit) || is_usual(name)) {
            let service = Service::of_unit(self.paths, &unit, file, of_system);
            found.services.push(service);
        }
    }

    /// Whether a unit of the system starts OpenClaw as the owner of this state, which is the usual one of that user.
    fn is_of_owner(&self, unit: &Unit) -> bool {
        let usual = self
            .paths
            .home
            .as_ref()
            .is_some_and(|home| home.join(".openclaw") == self.paths.state);
        let starts = unit.texts.iter().flat_map(|(_, text)| lines(text));
        let starts = starts
            .filter(|line| line.starts_with("ExecStart"))
            .any(|line| line.contains("openclaw") && !line.contains("openclaw-verify"));
        let elsewhere = ["OPENCLAW_STATE_DIR", "OPENCLAW_HOME", "--profile"];
        let elsewhere = unit
            .texts
            .iter()
            .any(|(_, text)| elsewhere.iter().any(|word| text.contains(word)));
        let user = unit.values("User").pop().unwrap_or_default();
        let same = match user.as_str() {
            "" => self.owner.0 == 0,
            user => user == self.owner.1 || user.parse() == Ok(self.owner.0),
        };
        usual && starts && same && !elsewhere
    }
}

/// Whether a unit is called like OpenClaw's, and is none of this program's.
fn is_called_so(name: &str) -> bool {
    (name.contains("openclaw") || name.contains("clawdbot")) && !name.contains("openclaw-verify")
}

/// Whether a unit has a name that OpenClaw's own has or had, whatever its command is called: other ones, such as a backup, start nothing of it.
fn is_usual(name: &str) -> bool {
    let stem = name.trim_end_matches(".service");
    let stem = stem.split('@').next().unwrap_or(stem);
    ["openclaw", "clawdbot", "moltbot"].iter().any(|own| {
        let rest = stem.strip_prefix(own);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with("-gateway") || rest.starts_with("-node")
        })
    })
}

/// Whether a file has the name of the unit by which OpenClaw starts its gateway.
fn is_of_gateway(shown: &str) -> bool {
    let name = shown.rsplit('/').next().unwrap_or(shown);
    is_usual(name) && !name.contains("-node")
}

fn starts_gateway(unit: &Unit) -> bool {
    let all = unit.texts.iter().flat_map(|(_, text)| lines(text));
    all.into_iter().any(|line| {
        line.split_once('=')
            .is_some_and(|(key, line)| key.trim() == "ExecStart" && line.contains("gateway"))
    })
}

/// Puts drop-ins in the order in which they count: by their names, and of two with one name that of the first folder. [systemd.unit(5)]
fn in_order(unit: &mut Unit, folders: &[PathBuf]) {
    let place = |file: &Path| {
        let folder = folders.iter().position(|folder| file.starts_with(folder));
        (
            file.file_name().map(ToOwned::to_owned),
            folder.unwrap_or(usize::MAX),
        )
    };
    let mut drop_ins = unit.texts.split_off(1.min(unit.texts.len()));
    drop_ins.sort_by_key(|(file, _)| place(file));
    drop_ins.dedup_by_key(|(file, _)| file.file_name().map(ToOwned::to_owned));
    unit.texts.extend(drop_ins);
}

fn line_in(text: &str, wanted: &str) -> usize {
    text.lines()
        .position(|line| line.contains(wanted))
        .map_or(1, |at| at + 1)
}
