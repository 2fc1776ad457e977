//! One systemd unit with its drop-ins, and the settings of the manager that reach every unit.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::listing::{Class, ListingBuilder};
use super::super::mcp_spec::formed_words;
use super::super::paths::{Kind as Entry, Paths};
use super::super::search_path::Expands;
use super::super::{
    NotCovered, NotCoveredGroup, Observation, Setting, Subject, environment, other_host, started,
};
use super::syntax::{assignments, lines, words};
use super::{MAX_DROP_INS, MAX_FILE, blank};

/// Directives of a unit that decide what runs. A version or a comment does not.
const DIRECTIVES: [&str; 25] = [
    "ExecSearchPath",
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
    "ExecCondition",
    "EnvironmentFile",
    "PassEnvironment",
    "WorkingDirectory",
    "RootDirectory",
    "RootImage",
    "RootHash",
    "ExtensionImages",
    "ExtensionDirectories",
    "MountImages",
    "TemporaryFileSystem",
    "User",
    "Group",
    "SupplementaryGroups",
    "AmbientCapabilities",
    "BindPaths",
    "BindReadOnlyPaths",
    "UnsetEnvironment",
];

/// Beginnings of directives that neither start nor confine: how it is described, ordered, restarted, logged, and what it may use up.
/// Every other one is a setting: most of them take rights from what runs, and one that is taken out is heard of.
const HARMLESS: [&str; 54] = [
    "After",
    "Alias",
    "AllowIsolate",
    "Before",
    "BlockIO",
    "CPU",
    "CollectMode",
    "Conflicts",
    "DefaultDependencies",
    "DefaultInstance",
    "Description",
    "Documentation",
    "FileDescriptorStoreMax",
    "FinalKillSignal",
    "GuessMainPID",
    "IO",
    "IgnoreOnIsolate",
    "Kill",
    "Limit",
    "Log",
    "MemoryAccounting",
    "MemoryHigh",
    "MemoryLimit",
    "MemoryLow",
    "MemoryMax",
    "MemoryMin",
    "MemoryPressure",
    "MemorySwap",
    "MemoryZ",
    "Nice",
    "NotifyAccess",
    "OOM",
    "PIDFile",
    "PartOf",
    "Refuse",
    "ReloadSignal",
    "RemainAfterExit",
    "RequiredBy",
    "Restart",
    "SendSIG",
    "Slice",
    "SourcePath",
    "Standard",
    "StartLimit",
    "StopWhenUnneeded",
    "SuccessExitStatus",
    "Syslog",
    "TTY",
    "TasksMax",
    "Timeout",
    "Type",
    "WantedBy",
    "Watchdog",
    "X-",
];

/// Directives by which a unit has others started beside it. Targets start nothing by themselves.
const PULLS: [&str; 8] = [
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "Upholds",
    "OnFailure",
    "OnSuccess",
    "Sockets",
];
/// Folders beside a unit whose entries do the same.
const PULL_FOLDERS: [&str; 3] = ["wants", "requires", "upholds"];

pub(in crate::inventory) struct Unit {
    file: PathBuf,
    /// Other units that folders beside it have started.
    pulled: Vec<String>,
    /// File and text of the unit and of its drop-ins, in the order in which they count.
    pub(in crate::inventory) texts: Vec<(PathBuf, String)>,
}

impl Unit {
    /// The unit with the drop-ins of all folders, those of its prefixes and those of all services.
    pub(in crate::inventory) fn read(
        paths: &Paths,
        file: &Path,
        name: &str,
        folders: &[PathBuf],
        not_covered: &mut Vec<NotCovered>,
    ) -> Option<Self> {
        let mut texts = vec![(file.to_owned(), content(paths, file, not_covered)?)];
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "service"));
        let mut names = vec![format!("{name}.d"), format!("{ending}.d")];
        names.extend(
            stem.match_indices('-')
                .filter_map(|(at, _)| Some(format!("{}.{ending}.d", stem.get(..=at)?))),
        );
        let mut units = instances(paths, folders, stem, ending);
        names.extend(units.iter().map(|unit| format!("{unit}.d")));
        units.push(name.to_owned());
        let mut drop_ins: Vec<PathBuf> = folders
            .iter()
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .flat_map(|folder| paths.list(&folder).unwrap_or_default())
            .filter(|entry| entry.kind == Entry::File)
            .map(|entry| entry.path)
            .filter(|path| path.extension().is_some_and(|end| end == "conf"))
            .collect();
        drop_ins.sort();
        if drop_ins.len() > MAX_DROP_INS {
            let why = format!("has more than {MAX_DROP_INS} drop-ins");
            paths.refuse_because(file, why);
        }
        for path in drop_ins.into_iter().take(MAX_DROP_INS) {
            if let Some(text) = content(paths, &path, not_covered) {
                texts.push((path, text));
            }
        }
        let mut pulled: Vec<String> = folders
            .iter()
            .flat_map(|folder| units.iter().map(move |unit| folder.join(unit)))
            .flat_map(|unit| PULL_FOLDERS.map(|end| format!("{}.{end}", unit.display())))
            .map(PathBuf::from)
            .flat_map(|folder| paths.list(&folder).unwrap_or_default())
            .map(|entry| entry.name.to_string_lossy().into_owned())
            .filter(|name| starts_something(name))
            .collect();
        pulled.sort();
        pulled.dedup();
        Some(Self {
            file: file.to_owned(),
            pulled,
            texts,
        })
    }

    /// Whether it starts this OpenClaw: a unit of the user's that is called so or names OpenClaw at all, one of the system's that names
    /// its places. What is called so counts whatever it starts: it stands in the place of OpenClaw's own unit.
    pub(in crate::inventory) fn is_about(
        &self,
        paths: &Paths,
        host: Option<&Path>,
        own: bool,
    ) -> bool {
        let names = |place: &Path| {
            let place = place.to_string_lossy();
            self.texts
                .iter()
                .any(|(_, text)| text.contains(place.as_ref()))
        };
        let by_name = own
            && self.texts.iter().any(|(_, text)| {
                lines(text)
                    .iter()
                    .any(|line| line.contains("openclaw") && line.starts_with("Exec"))
            });
        let called = own
            && self.file.file_name().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.contains("openclaw") && !name.contains("openclaw-verify")
            });
        called || by_name || names(&paths.state) || host.is_some_and(names)
    }

    /// The values of a directive, in the order in which they count.
    pub(in crate::inventory) fn values(&self, directive: &str) -> Vec<String> {
        let lines = self.texts.iter().flat_map(|(_, text)| lines(text));
        lines
            .filter_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == directive).then(|| value.trim().to_owned())
            })
            .collect()
    }

    /// A unit that starts a service of OpenClaw: everything in it but the words for people decides when that is.
    pub(super) fn starter(&self, paths: &Paths, name: &str) -> Subject {
        let mut listing = ListingBuilder::default();
        for (file, text) in &self.texts {
            let file = file.file_name().unwrap_or_default().to_string_lossy();
            for (at, line) in lines(text).iter().enumerate() {
                let Some((key, value)) = line.split_once('=') else {
                    continue;
                };
                if !matches!(key.trim(), "Description" | "Documentation") {
                    let value = formed_words(value.trim());
                    let key = format!("{file} {} #{at}", key.trim());
                    listing.add(key, Class::Command, &json!(value));
                }
            }
        }
        let mut subject = blank(name, paths.place(&self.file));
        subject.definition = Some(listing.finish());
        subject
    }

    /// Every command line of it.
    pub(super) fn commands(&self, paths: &Paths) -> Vec<serde_json::Map<String, Value>> {
        let home = of_home(paths, "%h");
        let folder = self.values("WorkingDirectory").pop();
        let folder = folder.map(|folder| {
            let folder = of_home(paths, folder.trim_start_matches('-'));
            if folder == "~" { home.clone() } else { folder }
        });
        let lines = self.texts.iter().flat_map(|(_, text)| lines(text));
        let mut found = Vec::new();
        for line in
            lines.filter(|line| line.starts_with("Exec") && !line.starts_with("ExecSearchPath"))
        {
            let Some((_, line)) = line.split_once('=') else {
                continue;
            };
            for words in words(&of_home(paths, line)).split(|word| word == ";") {
                let mut words = words.to_vec();
                let Some(first) = words.first_mut() else {
                    continue;
                };
                let program = first
                    .trim_start_matches(['@', '-', ':', '+', '!', '|'])
                    .to_owned();
                let named = first
                    .strip_suffix(program.as_str())
                    .is_some_and(|prefix| prefix.contains('@'));
                *first = program;
                if named && words.len() > 1 {
                    // The second word is only the name that the program is told.
                    words.remove(1);
                }
                let Some(mut command) = started::line_of(&json!(words)) else {
                    continue;
                };
                command.extend(folder.clone().map(|to| ("cwd".to_owned(), json!(to))));
                found.push(command);
            }
        }
        found
    }

    /// What the last `ExecStart` that counts starts in place of `host`.
    pub(super) fn other_host(&self, host: &Path, name: &str) -> Option<Observation> {
        let lines = self.texts.iter().flat_map(|(_, text)| lines(text));
        let start = lines
            .filter_map(|line| Some(line.strip_prefix("ExecStart=")?.trim().to_owned()))
            .rfind(|line| !line.is_empty())?;
        other_host::of_line(&start, host, name)
    }

    pub(super) fn subject(&self, paths: &Paths, name: &str) -> Subject {
        let mut listing = ListingBuilder::default();
        let mut settings = ListingBuilder::default();
        for (file, text) in &self.texts {
            // The how manyeth of its name each is: beside a harmless line that is added, they stay what they are.
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            let file = match file.file_name() {
                _ if *file == self.file => name.to_owned(),
                Some(name) => name.to_string_lossy().into_owned(),
                None => String::new(),
            };
            for (at, line) in lines(text).iter().enumerate() {
                let Some((key, value)) = line.split_once('=') else {
                    continue;
                };
                let (key, value) = (key.trim(), value.trim());
                if key == "Environment" {
                    for (variable, value) in assignments(value) {
                        let loads = environment::loads(&variable);
                        let value = if loads { json!(value) } else { Value::Null };
                        listing.add(
                            format!("{file} Environment {variable}"),
                            Class::Command,
                            &value,
                        );
                    }
                } else if PULLS.contains(&key) {
                    for other in value
                        .split_whitespace()
                        .filter(|name| starts_something(name))
                    {
                        listing.add(
                            format!("{file} {key} {other}"),
                            Class::Command,
                            &Value::Null,
                        );
                    }
                } else if DIRECTIVES.contains(&key) {
                    let value = formed_words(value);
                    listing.add(format!("{file} {key} #{at}"), Class::Command, &json!(value));
                } else if !HARMLESS.iter().any(|start| key.starts_with(start)) {
                    let count = counts.entry(key.to_owned()).or_default();
                    let place = format!("{file} {key} #{count}");
                    *count += 1;
                    settings.add(place, Class::Guard, &json!(formed_words(value)));
                }
            }
        }
        for other in &self.pulled {
            listing.add(
                format!("{name} starts {other} too"),
                Class::Command,
                &Value::Null,
            );
        }
        let mut subject = blank(name, paths.place(&self.file));
        subject.definition = Some(listing.finish());
        subject.settings = settings.finish_unless_empty();
        subject
    }

    /// Variables that the unit itself sets. Their values are in its definition.
    pub(super) fn overrides(&self, paths: &Paths, found: &mut Vec<Observation>) {
        for (file, text) in &self.texts {
            set_in(paths, file, text, &["Environment"], found);
        }
    }

    /// The environment files that it names. What they say is in no digest.
    pub(super) fn environment_files(&self, paths: &Paths, found: &mut Vec<Observation>) {
        for written in self.values("EnvironmentFile") {
            let written = written.trim_start_matches('-').trim_matches('"');
            let written = of_home(paths, written);
            let path = Path::new(&written);
            // The usual ones of the state directory are read with it.
            let usual = environment::USUAL
                .iter()
                .any(|name| path == paths.state.join(name));
            if path.is_absolute() && !usual {
                for file in matching(paths, path) {
                    environment::file(paths, &file, Expands::Nothing, found);
                }
            }
        }
    }
}

/// The other names by which folders say more of a unit: of a template those of all its instances, which need no file of their own; of an
/// instance that of its template. [systemd.unit]
fn instances(paths: &Paths, folders: &[PathBuf], stem: &str, ending: &str) -> Vec<String> {
    let Some(at) = stem.find('@') else {
        return Vec::new();
    };
    let template = stem.get(..=at).unwrap_or_default();
    if template != stem {
        return vec![format!("{template}.{ending}")];
    }
    let marker = format!(".{ending}.");
    let mut found: Vec<String> = folders
        .iter()
        .flat_map(|folder| paths.list(folder).unwrap_or_default())
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(template))
        .filter_map(|name| {
            let (unit, _) = name.rsplit_once(&marker)?;
            Some(format!("{unit}.{ending}"))
        })
        .filter(|unit| *unit != format!("{template}.{ending}"))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether a unit of this name can run a program when it is started.
fn starts_something(name: &str) -> bool {
    !name.ends_with(".target") && !name.ends_with(".slice")
}

/// Variables that directives of a file of systemd's set.
fn set_in(
    paths: &Paths,
    file: &Path,
    text: &str,
    directives: &[&str],
    found: &mut Vec<Observation>,
) {
    for line in lines(text) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if !directives.contains(&key.trim()) {
            continue;
        }
        for (variable, value) in assignments(&of_home(paths, value.trim())) {
            if !environment::is_own_place(paths, &variable, &value) {
                found.extend(environment::judged(
                    paths,
                    &variable,
                    &value,
                    Expands::Nothing,
                    paths.shown(file),
                    Setting::Unit,
                ));
            }
        }
    }
}

/// The text with the home folder in place of systemd's specifier.
pub(in crate::inventory) fn of_home(paths: &Paths, text: &str) -> String {
    let home = paths.home.as_deref().and_then(Path::to_str);
    text.replace("%h", home.unwrap_or("%h"))
}

/// The text of a unit or drop-in, through links. systemd drops comments before it looks at the bytes, so no byte ends the reading.
fn content(paths: &Paths, file: &Path, not_covered: &mut Vec<NotCovered>) -> Option<String> {
    let of_system = file.starts_with("/etc");
    // Units that hold secrets are closed to users. What root alone can write is no way in for others.
    if of_system
        && std::fs::File::open(file).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
    {
        not_covered.push(NotCovered::new(
            NotCoveredGroup::NotSeen,
            paths.shown(file),
            "the user who runs this check may not read it, so whether it starts this OpenClaw is not known",
        ));
        return None;
    }
    paths.lossy(file, MAX_FILE)
}

/// The files that a path names whose last part may hold `*`, as systemd takes it.
fn matching(paths: &Paths, path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((start, end)) = name.split_once('*') else {
        return vec![path.to_owned()];
    };
    let folder = path.parent().unwrap_or(path);
    let entries = paths.list(folder).unwrap_or_default().into_iter();
    // More than one `*` may stand there: what begins and ends so is looked at in any case.
    let end = end.rsplit('*').next().unwrap_or(end);
    entries
        .filter(|entry| {
            let name = entry.name.to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        })
        .map(|entry| entry.path)
        .collect()
}

/// What the settings of the user's manager put into the environment of every unit. [systemd-system.conf(5)]
pub(super) fn manager(paths: &Paths, folder: &Path, found: &mut Vec<Observation>) {
    let drop_ins = paths.list(&folder.join("user.conf.d")).unwrap_or_default();
    let drop_ins = drop_ins.into_iter().map(|entry| entry.path);
    let files = drop_ins.filter(|path| path.extension().is_some_and(|end| end == "conf"));
    for file in files.chain([folder.join("user.conf")]) {
        let Some(text) = paths.lossy(&file, MAX_FILE) else {
            continue;
        };
        let directives = ["DefaultEnvironment", "ManagerEnvironment"];
        set_in(paths, &file, &text, &directives, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_manager_reach_every_unit() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = Paths::plain(dir.path());
        let folder = dir.path().join("systemd");
        std::fs::create_dir_all(folder.join("user.conf.d")).expect("folder");
        let said = |file: &str, text: &str| {
            std::fs::write(folder.join(file), text).expect("settings");
            let mut found = Vec::new();
            manager(&paths, &folder, &mut found);
            std::fs::remove_file(folder.join(file)).expect("removed");
            found.len()
        };
        let loads = "[Manager]\nDefaultEnvironment=LANG=C \"NODE_OPTIONS=--require /x\"\n";
        assert_eq!(said("user.conf", loads), 1);
        for name in ["NODE_OPT\\x49ONS", "NODE_OPT\\u0049ONS", "NODE_OPT\\111ONS"] {
            let hidden = format!("[Manager]\nDefaultEnvironment=\"{name}=--require /x\"\n");
            assert_eq!(said("user.conf", &hidden), 1, "{name}");
        }
        let loads = "[Manager]\nManagerEnvironment=LD_PRELOAD=/x.so\n";
        assert_eq!(said("user.conf.d/a.conf", loads), 1);
        assert_eq!(said("user.conf.d/a.txt", loads), 0);
        let honest = "[Manager]\nDefaultEnvironment=LANG=C\nDefaultTimeoutStopSec=9\n";
        assert_eq!(said("user.conf", honest), 0);
    }
}
